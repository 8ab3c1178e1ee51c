"""Captions without a captioner: one name for each picture, beside the nearest of known captions.

    python -m benchmarks captions [--split val] [--quick] [--json FILE]

The sample's photos, of which nothing was learnt or chosen. `sensorium caption` names each by
`mini`, or says nothing. The rival takes, as CLIP is used to, that caption of the training pictures
(emoji, clip art) which is nearest to the picture. Scores are those of
`sensorium.evaluation.text_generation` with intervals over pictures and a paired test; "named" is
how often the name is a word of the right caption, beside what its probability promises. With
`--split val` the same on stamps of the validation split, by which the names were chosen, and the
least probability that is told.
"""

import argparse
import csv
import re
from pathlib import Path

import numpy as np

from benchmarks.datasets import rows as pictures_of
from benchmarks.rows import Row
from benchmarks.train_generation import captioned
from sensorium import Image, Text
from sensorium.encoders import load_encoder
from sensorium.evaluation.text_generation import score_texts
from sensorium.tasks.captions import by_names as captioning_by_names
from sensorium.tasks.captions.by_names import LEAST, NamingCaptioner

BENCHMARK = "captions"

OURS, RIVAL = "names", "nearest caption"
SCORES = ("bleu-1", "chrf", "cider-d")
QUICK = 5
LEASTS = (0.1, 0.12, 0.15, 0.18, 0.2, 0.25)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--split", default="test", choices=("test", "val"), help="default: test")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure both."""
    paths, right = _pictures(arguments.split)
    if arguments.quick:
        paths, right = paths[::QUICK], right[::QUICK]
    encoder = load_encoder("mini")
    captioning_by_names.LEAST = 0.0  # all are looked at, and those under it counted
    namer = NamingCaptioner(encoder)
    found = [namer.write(Image(path).load(min_side=512))[0] for path in paths]
    ours = [name for name, _ in found]
    chances = np.array([chance for _, chance in found])
    known = sorted({row["caption_en"].lower().rstrip(".") for row in captioned("train")})
    texts = encoder.encode([Text(caption) for caption in known], role="query")
    nearest = (encoder.encode([Image(path) for path in paths]) @ texts.T).argmax(axis=1)
    theirs = [known[row] for row in nearest]
    named = np.array([_named(name, told) for name, told in zip(ours, right, strict=True)])
    case = f"{'sample' if arguments.split == 'test' else 'stamps'} ({len(paths)} pictures)"
    rows = _scores(case, ours, theirs, right)
    told = chances >= LEAST
    some = f"{case}, those told of ({told.sum()})"
    for_told = ([x for x, t in zip(y, told, strict=True) if t] for y in (ours, theirs, right))
    rows += _scores(some, *for_told)
    for least in LEASTS if arguments.split == "val" else (LEAST,):
        chosen = chances >= least
        for metric, value in (
            ("told", chosen.mean()),
            ("named, of those told", named[chosen].mean()),
            ("promised, of those told", chances[chosen].mean()),
            ("named, of those not told", named[~chosen].mean()),
        ):
            rows.append(Row(BENCHMARK, f"{case}, from {least}", OURS, metric, float(value)))
    return rows


def _pictures(split: str) -> tuple[list[Path], list[str]]:
    if split == "val":
        chosen = [
            row
            for row in pictures_of("stamps")
            if row["split"] == "val" and row["category"] != "symbols"
        ]
        return (
            [Path(row["image"]) for row in chosen],
            [row["caption_en"].lower().rstrip(".") for row in chosen],
        )
    with Path("sample/images.csv").open(encoding="utf-8") as file:
        listed = [row for row in csv.DictReader(file) if row["caption_en"]]
    paths = [Path("sample") / row["path"] for row in listed]
    return paths, [row["caption_en"].lower() for row in listed]


def _named(name: str, caption: str) -> bool:
    bare = re.sub(r"^an? ", "", name)
    return bool(re.search(rf"\b{re.escape(bare)}(s|es)?\b", caption))


def _scores(case: str, ours: list[str], theirs: list[str], right: list[str]) -> list[Row]:
    references = [[caption] for caption in right]
    own = score_texts(ours, references, lowercase=True)
    other = score_texts(theirs, references, lowercase=True)
    compared, intervals = own.compare(other), own.intervals()
    rows = []
    for score in SCORES:
        one, change = intervals[score], compared[score]
        for metric, value in (
            (score, one.estimate),
            (f"{score}: from", one.low),
            (f"{score}: to", one.high),
            (f"{score}: better by", change.difference),
            (f"{score}: better by, from", change.low),
            (f"{score}: better by, to", change.high),
            (f"{score}: p", change.p),
        ):
            rows.append(Row(BENCHMARK, case, OURS, metric, value))
        rows.append(Row(BENCHMARK, case, RIVAL, score, other.estimates()[score]))
    return rows
