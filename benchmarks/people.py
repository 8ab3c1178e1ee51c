"""Photos with people, with a detector's labels and without: the encoder was taught no people.

    python -m benchmarks people [--quick] [--json FILE]

255 photos of the set "gcompris" and 15 of the sample that are none of these are indexed as they
are, and with `index --detect`. `people.csv` says what they show, as a person saw it: people are the
"subject" of 8 photos, to be seen but "small" in 23; of 13 it cannot be told, and these count for
nothing. Every photo was looked at on contact sheets, and at full size wherever something small may
be a person or the detector had a box, which favours the detector a little in what is small.

Measured are the average precision of questions for people, and what ``people`` says of a photo.
Intervals of 95% resample photos. Nothing was chosen on these photos: the detector's limit is its
usual one. `--quick` leaves out four fifths of the photos without people.
"""

import argparse
import csv
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.datasets import rows as pictures_of
from benchmarks.rows import Row
from benchmarks.sample import sample_rows
from sensorium import Collection

TRUTH = Path(__file__).with_name("people.csv")

QUESTIONS = ("people", "a person", "a child", "a man and a woman", "musicians on a stage", "人")
"""What a person may ask. No photo has children as its subject: people are what is nearest."""

RESAMPLES = 1000

Numbers = npt.NDArray[np.floating]


def run(arguments: argparse.Namespace) -> list[Row]:
    """Index the photos in both ways, and ask."""
    photos = photos_of()
    if arguments.quick:
        kinds = truth()
        some = [name for n, name in enumerate(photos) if name in kinds or n % 5 == 0]
        photos = {name: photos[name] for name in some}
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for system, detect in (("as they are", False), ("with --detect", True)):
            library = Collection(Path(folder) / f"{detect}.sensorium", auto_optimize=False)
            library.add(*photos.values(), detect=detect)
            rows += asked(library, system, photos)
            if detect:
                rows += counted(library, system, photos)
    return rows


def photos_of() -> dict[str, Path]:
    """The photos by name."""
    found = {
        row["id"]: Path(row["image_src"])
        for row in pictures_of("gcompris")
        if row["style"] == "photo"
    }
    for row in sample_rows():
        if not row["source"].startswith("gcompris"):
            found[f"sample/{row['path']}"] = Path(row["image"])
    return found


def truth() -> dict[str, str]:
    """What of the photos show people, or may do so: "subject", "small", "unsure"."""
    with TRUTH.open(newline="", encoding="utf-8") as file:
        return {row["photo"]: row["people"] for row in csv.DictReader(file)}


def asked(library: Collection, system: str, photos: Mapping[str, Path]) -> list[Row]:
    """Average precision of each question, in each mode."""
    kinds = truth()
    names = {str(path): name for name, path in photos.items()}
    rows = []
    for case, wanted in (
        ("people as the subject", {"subject"}),
        ("people at all", {"subject", "small"}),
    ):
        passed_over = {"unsure", "subject", "small"} - wanted
        for mode in ("vector", "words", "hybrid"):
            values: list[Numbers] = []
            for question in QUESTIONS:
                hits = library.search(question, k=len(photos), mode=mode)
                ranked = [names[hit.path] for hit in hits]
                found = {*ranked}
                ranked += [
                    name for name in photos if name not in found
                ]  # words found nothing there
                kept = [name for name in ranked if kinds.get(name) not in passed_over]
                values.append(np.array([kinds.get(name) in wanted for name in kept], float))
            rows += _mean_ap(f"{case}, {mode}", system, values)
    return rows


def counted(library: Collection, system: str, photos: Mapping[str, Path]) -> list[Row]:
    """What ``people = 0`` and ``people > 0`` say."""
    kinds = truth()
    names = {str(path): name for name, path in photos.items()}
    nobody = {names[item.path] for item in library.items("people = 0")}
    sure = [name for name in photos if kinds.get(name) != "unsure"]
    has = np.array([kinds.get(name) in ("subject", "small") for name in sure])
    subject = np.array([kinds.get(name) == "subject" for name in sure])
    none = np.array([name in nobody for name in sure])
    cases: dict[str, tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]] = {
        "of those with people > 0: right": (has, ~none),
        "of photos with people as the subject: people > 0": (~none, subject),
        "of photos with people at all: people > 0": (~none, has),
        "of those with people = 0: right": (~has, none),
        "of photos without people: people = 0": (none, ~has),
    }
    return [
        row
        for metric, (values, among) in cases.items()
        for row in _with_ends("counts", system, metric, values, among)
    ]


def _mean_ap(case: str, system: str, ranked: list[Numbers]) -> list[Row]:
    """Mean AP over questions; each resample draws photos for each question."""
    plain = np.mean([average_precision(r, np.ones(len(r), np.intp)) for r in ranked])
    draw = np.random.default_rng(0)
    drawn = [
        np.mean(
            [
                average_precision(
                    r, np.bincount(draw.integers(len(r), size=len(r)), minlength=len(r))
                )
                for r in ranked
            ]
        )
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return [
        Row("people", case, system, metric, number)
        for metric, number in (
            ("AP", float(plain)),
            ("AP, low", float(low)),
            ("AP, high", float(high)),
        )
    ]


def average_precision(right: Numbers, weights: npt.NDArray[np.intp]) -> float:
    """Mean precision at each right place of a ranking, each place as often as it weighs."""
    hits, told = (right * weights).cumsum(), weights.cumsum()
    total = float(right @ weights)
    return float((right * weights * hits / np.maximum(told, 1)).sum() / total) if total else 0.0


def _with_ends(
    case: str, system: str, metric: str, values: npt.NDArray[np.bool_],
    among: npt.NDArray[np.bool_],
) -> list[Row]:  # fmt: skip
    """A share of the photos that `among` names; each resample draws photos of these."""
    chosen = values[among].astype(float)
    draw = np.random.default_rng(0)
    drawn = [draw.choice(chosen, len(chosen)).mean() for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    ends = (("", chosen.mean()), (", low", low), (", high", high))
    return [Row("people", case, system, metric + end, float(value)) for end, value in ends]
