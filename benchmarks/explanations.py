"""Whether explanations are true to the model: deletion and insertion areas, beside rivals.

    python -m benchmarks explanations [--quick] [--only photos|sounds] [--json FILE]

100 photos of the sample with their captions, and 40 short recordings with the nearest other one.
Each picture is covered cell by cell, each sound muted stretch by stretch, in the order of the
explanation and of its rivals: a random order, one from the centre outwards (of sounds, from the
middle), and one by plain similarity, the cosine of the question and each cell or stretch by itself.
The gain is the area under the insertion curve less that under the deletion curve, in cosines; it is
compared pair by pair (randomisation test, Holm over the rivals of a table). 30 of the photos are
covered in grey, too, which no order was found with. Numbers of the
method were chosen on other pictures (`explanation_scenes`).

What is measured is kept, so that a run that is stopped goes on where it was. `--quick` takes 10
photos and 4 recordings.
"""

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import numpy.typing as npt
import PIL.Image

from benchmarks.rows import Row
from benchmarks.sample import sample_rows
from benchmarks.sounds import recordings
from sensorium import Audio, Image, Text, load_encoder
from sensorium.encoders import Encoder
from sensorium.evaluation.comparison import compare, corrected
from sensorium.evaluation.intervals import bootstrap_interval
from sensorium.explain import ordering
from sensorium.explain.dividing import Divided, divide, divide_picture
from sensorium.explain.faithfulness import areas_of, random_order
from sensorium.explain.ordering import explained, ranked
from sensorium.explain.values import cosine_to
from sensorium.home import sensorium_home

PHOTOS, GREY, SOUNDS = 100, 30, 40
QUICK = 10

LONGEST = 2.3
"""Seconds of a recording: a block of `ear`. Longer ones take it half a second for each variant."""

OURS, RANDOM, CENTRE, SIMILAR = "explanation", "random order", "centre first", "similarity of parts"
RIVALS = (RANDOM, CENTRE, SIMILAR)


@dataclass(frozen=True)
class Pair:
    """A question, and what it is asked of."""

    name: str
    query: Text | Audio
    hit: Image | Audio


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which half is measured."""
    parser.add_argument("--only", choices=("photos", "sounds"), help="one of both alone")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure photos and sounds."""
    rows = []
    for case, name, most in (("photos", "mini", PHOTOS), ("sounds", "ear", SOUNDS)):
        if arguments.only in (None, case):
            encoder = load_encoder(name)
            pairs = photo_pairs() if case == "photos" else sound_pairs(encoder)
            rows += measured(case, encoder, pairs[: most // QUICK if arguments.quick else most])
            if case == "photos":
                some = pairs[: GREY // QUICK if arguments.quick else GREY]
                rows += measured(f"{case} covered in grey", encoder, some)
    return rows


def photo_pairs() -> list[Pair]:
    """Photos of the sample with their English captions, mixed."""
    rows = sample_rows()
    order = np.random.default_rng(0).permutation(len(rows))
    return [
        Pair(rows[n]["path"], Text(rows[n]["caption_en"]), Image(rows[n]["image"])) for n in order
    ]


def sound_pairs(encoder: Encoder) -> list[Pair]:
    """Short recordings, and the nearest other one of each."""
    paths = sorted({item.path for item in recordings()})
    order = np.random.default_rng(0).permutation(len(paths))
    chosen: list[Path] = []
    for n in order:
        if len(chosen) < SOUNDS and 0.5 <= Audio(paths[n]).duration <= LONGEST:
            chosen.append(paths[n])
    vectors = encoder.encode([Audio(path) for path in chosen], batch_size=1)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -1)
    nearest = cosines.argmax(axis=1)
    return [
        Pair(f"{named(path)} {named(chosen[other])}", Audio(path), Audio(chosen[other]))
        for path, other in zip(chosen, nearest, strict=True)
    ]


def named(path: Path) -> str:
    """A recording's file and folder: several are called alike."""
    return "/".join(path.parts[-2:])


def measured(case: str, encoder: Encoder, pairs: list[Pair]) -> list[Row]:
    """Figures of all systems on some pairs."""
    grey = "grey" in case
    found = [figures for pair in pairs if (figures := kept(encoder, pair, grey)) is not None]
    title = f"{case} ({len(found)} pairs, {encoder.name})"
    rows = []
    for system in (OURS, *RIVALS):
        for place, metric in enumerate(("deletion", "insertion")):
            mean = float(np.mean([figures[system][place] for figures in found]))
            rows.append(Row("explanations", title, system, metric, mean))
        interval = bootstrap_interval(gains(found, system))
        rows += [
            Row("explanations", title, system, "gain", interval.estimate),
            Row("explanations", title, system, "gain, low", interval.low),
            Row("explanations", title, system, "gain, high", interval.high),
        ]
    tested = corrected([compare(gains(found, OURS), gains(found, rival)) for rival in RIVALS])
    for rival, one in zip(RIVALS, tested, strict=True):
        for metric, value in (
            ("ours more", one.difference), ("low", one.low), ("high", one.high), ("p", one.p),
        ):  # fmt: skip
            rows.append(Row("explanations", title, rival, metric, value))
    for metric, unit in (("seconds", "s"), ("processor seconds", "s"), ("variants", "")):
        value = median(figures[metric][0] for figures in found)
        rows.append(Row("explanations", title, OURS, metric, value, unit))
    return rows


def gains(found: list[dict[str, list[float]]], system: str) -> npt.NDArray[np.float64]:
    """Insertion less deletion of each pair."""
    return np.array([figures[system][1] - figures[system][0] for figures in found])


def kept(encoder: Encoder, pair: Pair, grey: bool = False) -> dict[str, list[float]] | None:
    """Figures of a pair, measured once for a method; None of what has a single part."""
    in_plane = isinstance(pair.hit, Image)
    rounds = f"every second {ordering.PLANE_ROUNDS}" if in_plane else ordering.ROUNDS
    method = f"{rounds} {ordering.REACH} {ordering.NOISE}"
    key = f"{encoder.space.fingerprint[:24]} {method} {pair.name}{' grey' * grey}"
    file = sensorium_home() / "benchmarks" / "explanations.jsonl"
    if file.is_file():
        for line in file.read_text("utf-8").splitlines():
            one = json.loads(line)
            if one["key"] == key:
                return dict(one["figures"])
    figures = measure(encoder, pair, grey)
    if figures is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as out:
            out.write(json.dumps({"key": key, "figures": figures}) + "\n")
    return figures


def measure(encoder: Encoder, pair: Pair, grey: bool = False) -> dict[str, list[float]] | None:
    """Deletion and insertion area of each system, and what ours takes.

    With `grey` the orders are the same, and what is covered has a colour that no system has seen.
    """
    query = encoder.encode([pair.query], role="query")
    value = cosine_to(encoder, query)
    started, used = time.perf_counter(), time.process_time()
    divided = divide(pair.hit, value)
    if divided.worth.parts < 3:
        return None
    ours = explained(divided)
    seconds, processor = time.perf_counter() - started, time.process_time() - used
    assert ours.faithfulness is not None
    similar = value.of_media([*parts_alone(pair.hit, divided)])
    orders = {
        OURS: np.array(ours.order),
        RANDOM: random_order(divided.worth.parts, seed=1),
        CENTRE: divided.centre,
        SIMILAR: ranked(similar),
    }
    worth = divided.worth
    if grey and isinstance(pair.hit, Image):
        worth = divide_picture(pair.hit, value, lambda pixels: np.full_like(pixels, 128)).worth
    found = {system: areas_of(worth, order) for system, order in orders.items()}
    return {
        **{system: [areas.deletion, areas.insertion] for system, areas in found.items()},
        "seconds": [seconds],
        "processor seconds": [processor],
        "variants": [float(ours.asked)],
    }


def parts_alone(hit: Image | Audio, divided: Divided) -> Iterator[Image | Audio]:
    """Each cell of a picture, or stretch of a sound, as media of its own."""
    if isinstance(hit, Audio):
        for part in divided.parts:
            assert part.span is not None
            yield hit.clip(*part.span)
        return
    picture: PIL.Image.Image = hit.load()
    for part in divided.parts:
        assert part.box is not None
        sides = picture.size * 2
        edges = [round(share * side) for share, side in zip(part.box, sides, strict=True)]
        yield Image(np.asarray(picture.crop((edges[0], edges[1], edges[2], edges[3]))))
