"""Constants of `tasks/masks/words.py`, fitted on composites of the validation split alone.

    python -m benchmarks segmentation --fit

First which region's cut-out is right (an intersection over union of at least one half with a thing
of the label), over every region and label; then how likely the best of a label on a picture is
right, where it is as likely as not that the label is there. Last the least probability that is
told: where the mean of two is highest, overlap with what is there (0 where nothing is told) and how
often nothing is told of what is not there. That is measured on one fifth of the pictures after
another, with weights fitted on the others.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.composites import LABELS, Composite, composites, grounds_of, stamps_of
from benchmarks.detection import logistic
from benchmarks.rows import Row
from sensorium.encoders import load_encoder
from sensorium.encoders.ordinary import label_vectors
from sensorium.tasks.boxes.overlap import Boxes
from sensorium.tasks.boxes.words import one_of_each_thing
from sensorium.tasks.masks.words import GROUNDS, NAMES, WordMasks, cut_regions, evidence_of

PICTURES, SEED = 32, 21
RIGHT = 0.5
FOLDS = 5
LEASTS = np.arange(0.05, 0.65, 0.05)

Numbers = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Pair:
    """One label asked of one picture.

    Attributes
    ----------
    picture : int
    there : bool
    evidence : ndarray of float64, shape (regions, n)
        What `evidence_of` gives.
    right : ndarray of bool, shape (regions,)
    boxes : ndarray of float64, shape (regions, 4)
    masks : ndarray of bool, shape (regions, pixels)
    truth : ndarray of bool, shape (pixels,)
    """

    picture: int
    there: bool
    evidence: Numbers
    right: npt.NDArray[np.bool_]
    boxes: Boxes
    masks: npt.NDArray[np.bool_]
    truth: npt.NDArray[np.bool_]


def fit() -> list[Row]:
    """Print how far it is, and give the constants."""
    made = composites(PICTURES, stamps_of("val"), grounds_of("val"), SEED)
    words = WordMasks(load_encoder("mini"))
    pairs: list[Pair] = []
    for number, one in enumerate(made):
        pairs += _pairs(number, one, words)
        print(f"\r{number + 1} of {PICTURES} pictures", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return rows_of(pairs)


def rows_of(pairs: Sequence[Pair]) -> list[Row]:
    """The constants, and what they are worth on pictures that they were not fitted on."""
    case = f"{PICTURES} composites of validation"
    weights = weights_of(pairs)
    rows = [
        Row("segmentation", case, "fitted", name, float(value))
        for name, value in zip((*NAMES, "BIAS"), weights, strict=True)
    ]
    chances = [np.empty(0)] * len(pairs)
    for fold in range(FOLDS):
        others = weights_of([pair for pair in pairs if pair.picture % FOLDS != fold])
        for place, pair in enumerate(pairs):
            if pair.picture % FOLDS == fold:
                chances[place] = _chance(pair.evidence @ others[:-1] + others[-1])
    for least in LEASTS:
        overlap, silence = _worth(pairs, chances, float(least))
        name = f"least {least:.2f}"
        rows.append(Row("segmentation", case, name, "IoU", overlap))
        rows.append(Row("segmentation", case, name, "nothing told", silence))
    return rows


def weights_of(pairs: Sequence[Pair]) -> Numbers:
    """Weights of the evidence, then the bias."""
    weights = logistic(
        np.concatenate([pair.evidence for pair in pairs]),
        np.concatenate([pair.right for pair in pairs]),
    )
    ranks = [pair.evidence @ weights[:-1] + weights[-1] for pair in pairs]
    best = np.array([rank.max() for rank in ranks])
    right = np.array([pair.right[rank.argmax()] for pair, rank in zip(pairs, ranks, strict=True)])
    there = np.array([pair.there for pair in pairs])
    even = np.where(there, 0.5 / there.sum(), 0.5 / (~there).sum()) * len(there)
    slope, shift = logistic(best[:, None], right, even)
    weights = weights * slope
    weights[-1] += shift
    return weights


def _pairs(number: int, one: Composite, words: WordMasks) -> list[Pair]:
    labels = sorted({*LABELS.values()})
    cut = cut_regions(one.picture)
    rows = np.arange(len(cut.regions))
    asked = label_vectors(words.encoder, labels, words.encoder.prompts)
    scores = np.min([words.scores(cut, rows, level, asked) for level in GROUNDS], axis=0)
    evidence = evidence_of(cut, scores)
    masks = cut.masks.reshape(len(cut.masks), -1)
    pairs = []
    for column, label in enumerate(labels):
        things = [thing.mask.ravel() for thing in one.things if thing.label == label]
        right = np.zeros(len(masks), bool)
        for thing in things:
            right |= np.array([_overlap(mask, thing) for mask in masks]) >= RIGHT
        truth = np.any([np.zeros(masks.shape[1], bool), *things], axis=0)
        boxes = cut.regions.boxes
        pairs.append(Pair(number, bool(things), evidence[column], right, boxes, masks, truth))
    return pairs


def _worth(pairs: Sequence[Pair], chances: Sequence[Numbers], least: float) -> tuple[float, float]:
    overlap, silence = [], []
    for pair, chance in zip(pairs, chances, strict=True):
        rows = np.flatnonzero(chance >= least)
        rows = rows[one_of_each_thing(pair.boxes[rows], chance[rows])]
        if pair.there:
            overlap.append(_overlap(pair.masks[rows].any(axis=0), pair.truth))
        else:
            silence.append(not len(rows))
    return float(np.mean(overlap)), float(np.mean(silence))


def _chance(logits: Numbers) -> Numbers:
    return np.asarray(0.5 + 0.5 * np.tanh(logits / 2))


def _overlap(one: npt.NDArray[np.bool_], two: npt.NDArray[np.bool_]) -> float:
    together = int((one | two).sum())
    return float((one & two).sum() / together) if together else 1.0
