"""How well things are found in pictures: average precision at an overlap of one half (AP50).

    python -m benchmarks detection [--quick] [--fit] [--encoder NAME] [--json FILE]

Any word: composites (`composites.py`) of the test split; every label is asked of every picture.
The path for any word (regions judged by an encoder) stands beside the same encoder without it: a
search by cosine over the cells of grids of 1 to 4 cells a side, each overlapping the next by half,
and the same cells judged as `yes_no` judges pictures. Each system may tell ten boxes of a label on
a picture, and has the same non-maximum suppression.

COCO's kinds: composites of those stamps of all splits whose name is one of these kinds; the
detector of these kinds stands beside the path for any word, which is favoured: its encoder was
taught on most of these stamps.

AP is interpolated at 101 places (as COCO does) and averaged over labels; intervals of 95% resample
pictures. `--fit` prints constants of `tasks/detection_words.py`, fitted on validation alone.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.composites import LABELS, SIZE, Composite, composites, grounds_of, stamps_of
from benchmarks.rows import Row
from sensorium import load_encoder
from sensorium.encoders.ordinary import label_vectors
from sensorium.tasks.boxes import coco
from sensorium.tasks.boxes.overlap import Boxes, overlaps
from sensorium.tasks.boxes.regions import grid, proposals
from sensorium.tasks.boxes.words import (
    REGIONS,
    WordsDetector,
    evidence,
    likely_things,
    one_of_each_thing,
    region_vectors,
)

PICTURES, QUICK = 60, 8
FIT_ON = 40
CELLS = 4
TOLD = 10
"""Boxes of one label on one picture, at most."""

OVERLAP = 0.5
RESAMPLES = 1000

Numbers = npt.NDArray[np.floating]
OURS, CELLS_COSINE, CELLS_JUDGED = "regions, any word", "grid by cosine", "grid, judged"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", help="default: mini")
    parser.add_argument("--fit", action="store_true", help="fit on validation, and print that")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure, or fit."""
    detector = WordsDetector(load_encoder(arguments.encoder))
    labels = [*dict.fromkeys(LABELS.values())]
    if arguments.fit:
        return fit(detector, labels)
    count = QUICK if arguments.quick else PICTURES
    pictures = composites(count, stamps_of("test"), grounds_of("test"), seed=2)
    told = any_word(detector, labels, pictures)
    rows = figures("any word", labels, pictures, told)
    # Of all splits: few stamps show such kinds.
    named = [
        (stamp, name)
        for split in ("train", "val", "test")
        for stamp in stamps_of(split, any_label=True)
        if (name := coco.known_name(stamp["concept"]))
    ]
    pictures = composites(
        count // 2, [stamp for stamp, _ in named], grounds_of("test"), seed=3,
        label=lambda stamp: str(coco.known_name(stamp["concept"])),
    )  # fmt: skip
    labels = sorted({name for _, name in named})
    told = any_word(detector, labels, pictures) | {"ssd-coco": by_kinds(labels, pictures)}
    return rows + figures("COCO's kinds", labels, pictures, told)


@dataclass(frozen=True)
class Told:
    """One box that a system tells, among those of one label."""

    picture: int
    score: float
    box: Boxes


System = dict[str, list[Told]]
"""Boxes by label."""


def any_word(
    detector: WordsDetector, labels: Sequence[str], pictures: Sequence[Composite]
) -> dict[str, System]:
    """Ask our path and its rivals for every label of every picture."""
    encoder = detector.encoder
    asked = label_vectors(encoder, labels, encoder.prompts)
    cells = grid(CELLS)
    told: dict[str, System] = {
        name: {label: [] for label in labels} for name in (OURS, CELLS_COSINE, CELLS_JUDGED)
    }
    for number, one in enumerate(pictures):
        regions = likely_things(proposals(one.picture), REGIONS)
        seen = region_vectors(encoder, one.picture, regions.boxes)
        in_cells = region_vectors(encoder, one.picture, cells, 0)
        for name, boxes, chances in (
            (OURS, regions.boxes, detector.judged(regions, seen, asked)),
            (CELLS_COSINE, cells, in_cells @ asked.T),
            (CELLS_JUDGED, cells, detector.scores(in_cells, asked)),
        ):
            for label, column in zip(labels, np.asarray(chances).T, strict=True):
                best = one_of_each_thing(boxes, column)[:TOLD]
                told[name][label] += [Told(number, float(column[r]), boxes[[r]]) for r in best]
        print(f"\r{number + 1} of {len(pictures)} pictures", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return told


def by_kinds(labels: Sequence[str], pictures: Sequence[Composite]) -> System:
    """Ask the detector of COCO's kinds."""
    from sensorium.tasks.boxes.known import CocoDetector

    detector = CocoDetector()
    told: System = {label: [] for label in labels}
    for number, one in enumerate(pictures):
        for found in detector.find(one.picture, labels, 0.01):
            told[found.label].append(Told(number, found.probability, np.array([found.box])))
    return told


def figures(
    case: str, labels: Sequence[str], pictures: Sequence[Composite], told: dict[str, System]
) -> list[Row]:
    """AP50 of every system, with intervals, and what ours gains."""
    there = {thing.label for one in pictures for thing in one.things}
    present = [label for label in labels if label in there]
    marked = {
        name: [judge(system[label], truth_of(label, pictures)) for label in present]
        for name, system in told.items()
    }
    whole = np.ones(len(pictures), int)
    draw = np.random.default_rng(0)
    weights = [
        np.bincount(draw.integers(len(pictures), size=len(pictures)), minlength=len(pictures))
        for _ in range(RESAMPLES)
    ]
    drawn = {n: np.array([mean_ap(m, w) for w in weights]) for n, m in marked.items()}
    things = sum(len(p.things) for p in pictures)
    title = f"{case} ({things} things on {len(pictures)} pictures, {len(present)} labels)"
    rows = []
    for name, marks in marked.items():
        low, high = np.nanquantile(drawn[name], [0.025, 0.975])
        for metric, value in (
            ("AP50", mean_ap(marks, whole)),
            ("AP50, low", low),
            ("AP50, high", high),
        ):
            rows.append(Row("detection", title, name, metric, float(value)))
    for name in [n for n in marked if n != OURS]:
        ratio = drawn[OURS] / np.maximum(drawn[name], 1e-9)
        value = mean_ap(marked[OURS], whole) / max(mean_ap(marked[name], whole), 1e-9)
        low, high = np.nanquantile(ratio, [0.025, 0.975])
        for end, number in (("", value), (", low", low), (", high", high)):
            rows.append(
                Row("detection", title, name, f"AP50 of ours over this{end}", float(number))
            )
    return rows


def truth_of(label: str, pictures: Sequence[Composite]) -> list[Boxes]:
    """Boxes of a label on each picture, in shares."""
    size = np.array([*SIZE, *SIZE])
    return [
        np.array([thing.box for thing in one.things if thing.label == label]).reshape(-1, 4) / size
        for one in pictures
    ]


@dataclass(frozen=True)
class Marks:
    """Boxes of one label, the best first: whether each is right, and of which picture.

    Attributes
    ----------
    right, pictures
        Shape (boxes,).
    there
        How many things there are on each picture.
    """

    right: npt.NDArray[np.bool_]
    pictures: npt.NDArray[np.intp]
    there: npt.NDArray[np.intp]


def judge(told: Sequence[Told], truth: Sequence[Boxes]) -> Marks:
    """Mark boxes: each thing is found once, by the best box that overlaps it enough."""
    taken = [np.zeros(len(boxes), bool) for boxes in truth]
    ordered = sorted(told, key=lambda one: -one.score)
    right = np.zeros(len(ordered), bool)
    for row, one in enumerate(ordered):
        boxes = truth[one.picture]
        if len(boxes):
            shared = overlaps(one.box, boxes)[0]
            shared[taken[one.picture]] = 0
            best = int(shared.argmax())
            if shared[best] >= OVERLAP:
                right[row] = taken[one.picture][best] = True
    pictures = np.array([one.picture for one in ordered], np.intp)
    return Marks(right, pictures, np.array([len(boxes) for boxes in truth]))


def mean_ap(marks: Sequence[Marks], weights: npt.NDArray[np.integer]) -> float:
    """AP averaged over labels that are there, each picture as often as it weighs."""
    values = [ap for one in marks if (ap := average_precision(one, weights)) is not None]
    return float(np.mean(values)) if values else float("nan")


def average_precision(marks: Marks, weights: npt.NDArray[np.integer]) -> float | None:
    """AP of one label, interpolated at recalls of 0, 0.01 ... 1."""
    there = int(marks.there @ weights)
    if not there:
        return None
    weight = weights[marks.pictures] if len(marks.pictures) else np.zeros(0, int)
    hits, told = (marks.right * weight).cumsum(), weight.cumsum()
    precision = hits / np.maximum(told, 1)
    best_after = np.maximum.accumulate(precision[::-1])[::-1]
    places = np.searchsorted(hits / there, np.linspace(0, 1, 101) - 1e-12)
    return float(np.append(best_after, 0.0)[places].mean())


def fit(detector: WordsDetector, labels: Sequence[str]) -> list[Row]:
    """Fit the constants of `detection_words` on composites of the validation split.

    First which box of all is right, over every box and label; then how likely the best box of a
    label on a picture is right, where it is as likely as not that the label is there.
    """
    pictures = composites(FIT_ON, stamps_of("val"), grounds_of("val"), seed=1)
    encoder = detector.encoder
    asked = label_vectors(encoder, labels, encoder.prompts)
    features, right, of_pair, shown = [], [], [], []
    for number, one in enumerate(pictures):
        regions = likely_things(proposals(one.picture), REGIONS)
        own = detector.scores(region_vectors(encoder, one.picture, regions.boxes), asked)
        truths = [truth_of(label, [one])[0] for label in labels]
        for column, truth in enumerate(truths):
            features.append(np.column_stack([own[:, column], evidence(regions)]))
            right.append((overlaps(regions.boxes, truth) >= OVERLAP).any(axis=1))
            of_pair.append(np.full(len(own), len(of_pair)))
            shown.append(len(truth) > 0)
        print(f"\r{number + 1} of {len(pictures)} pictures", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    weights = logistic(np.concatenate(features), np.concatenate(right))
    best, is_right = [], []
    for values, marks in zip(features, right, strict=True):
        ranks = values @ weights[:-1] + weights[-1]
        best.append(ranks.max())
        is_right.append(marks[ranks.argmax()])
    there = np.array(shown)
    even = np.where(there, 0.5 / there.sum(), 0.5 / (~there).sum()) * len(there)
    slope, shift = logistic(np.array(best)[:, None], np.array(is_right), even)
    weights = weights * slope
    weights[-1] += shift
    names = ("LABEL", "CUES, first", "CUES, second", "SIZE, first", "SIZE, second", "BIAS")
    case = f"{len(pictures)} composites of validation"
    return [
        Row("detection", case, "fitted", name, float(value))
        for name, value in zip(names, weights, strict=True)
    ]


def logistic(
    values: Numbers, right: npt.NDArray[np.bool_], weights: Numbers | None = None
) -> npt.NDArray[np.float64]:
    """Weights, then the bias, of a logistic regression with a small penalty (Newton's method)."""
    middle, spread = values.mean(axis=0), values.std(axis=0)
    x = np.column_stack([(values - middle) / spread, np.ones(len(values))])
    w = np.zeros(x.shape[1])
    penalty = np.append(np.ones(x.shape[1] - 1), 0.0)
    each = np.ones(len(values)) if weights is None else weights
    for _ in range(50):
        chance = 0.5 + 0.5 * np.tanh(x @ w / 2)
        slope = x.T @ (each * (right - chance)) - penalty * w
        bend = (x * (each * chance * (1 - chance))[:, None]).T @ x + np.diag(penalty)
        w += np.linalg.solve(bend, slope)
    plain = w[:-1] / spread
    return np.append(plain, w[-1] - plain @ middle)
