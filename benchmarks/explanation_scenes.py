"""What of a picture is asked first, and how often an order is mended: pictures to choose on.

    python -m benchmarks explanation_scenes [--quick] [--json FILE]

16 photos with one to four stamps laid on each, asked for one of them by its caption, and 16 photos
with their captions, all of the validation splits. An explanation asks for sets of cells around
every cell first, or around every second, and mends its order once, twice, and so on: the mean of
insertion less deletion of the best order so far, in cosines, and the sets asked for until then
(median, without those of rival orders). `--quick` takes two pictures of each kind.
"""

import argparse
from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from benchmarks.composites import composites, grounds_of, stamps_of
from benchmarks.datasets import rows
from benchmarks.rows import Row
from sensorium import Image, Text, load_encoder
from sensorium.encoders import Encoder
from sensorium.explain.dividing import divide
from sensorium.explain.ordering import centres, tried
from sensorium.explain.values import cosine_to

EACH = 16
"""Pictures of either kind."""

QUICK = 2

ROUNDS = 7

FIRST = ("every cell", "every second cell")

Curve = npt.NDArray[np.float64]
"""By round: the best gain so far, and the sets that were asked for; shape (2, rounds)."""


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure both ways to begin."""
    encoder = load_encoder("mini")
    curves: dict[str, list[Curve]] = {first: [] for first in FIRST}
    for question, picture in scenes(QUICK if arguments.quick else EACH):
        for first in FIRST:
            curves[first].append(curve(encoder, question, picture, first))
    found = []
    for first, several in curves.items():
        title = f"{first} first ({len(several)} scenes, {encoder.name})"
        gains, asked = np.stack(several, axis=1)
        for number in range(ROUNDS):
            name = f"{number + 1} rounds"
            found += [
                Row("explanation scenes", title, name, "gain", float(gains[:, number].mean())),
                Row("explanation scenes", title, name, "sets", float(np.median(asked[:, number]))),
            ]
    return found


def scenes(each: int) -> Iterator[tuple[Text, Image]]:
    """Questions and pictures of the validation splits; the same each time."""
    draw = np.random.default_rng(5)
    stamps = stamps_of("val")
    drawn = composites(EACH, stamps, grounds_of("val"), 11, label=lambda row: row["caption_en"])
    asked_for = [one.things[draw.integers(len(one.things))].label for one in drawn]
    for label, one in zip(asked_for[:each], drawn, strict=False):
        yield Text(label), Image(np.asarray(one.picture))
    photos = [r for r in rows("gcompris") if r["style"] == "photo" and r["split"] == "val"]
    for row in (photos[n] for n in draw.permutation(len(photos))[:each]):
        yield Text(row["caption_en"]), Image(row["image"])


def curve(encoder: Encoder, question: Text, picture: Image, first: str) -> Curve:
    """What each round gains of one picture, and asks for."""
    divided = divide(picture, cosine_to(encoder, encoder.encode([question], role="query")))
    worth, where = divided.worth, divided.where
    chosen = centres(where) if first == FIRST[1] else np.ones(len(where), bool)
    gains, asked = [], []
    for gain, _, _ in islice(tried(worth, where, divided.idle, chosen), ROUNDS):
        gains.append(max([gain, *gains[-1:]]))
        asked.append(worth.asked)
    return np.array([gains, asked], np.float64)
