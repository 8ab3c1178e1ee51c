"""Decisions that may abstain: "none of these", and sets of labels with a stated coverage.

    python -m benchmarks sets [--encoder NAME] [--quick] [--json FILE]

Label sets: 30 or 100 labelled pictures, drawn anew in every round, set the limit; the others get
sets. Measured are the share of sets that hold the true label, at a stated coverage of 0.9, the
number of labels in a set, and the share of sets without one. Rivals on the same probabilities: the
first label alone; labels until their probabilities reach 0.9 (what the softmax promises); the same
with a fitted limit (adaptive prediction sets without randomisation, Romano, Sesia and Candès 2020);
and the empirical quantile without the correction for few examples.

"None of these": pictures are named with the names of 5 or 20 of them; as many others show something
else. Measured are the ROC area of "none", the share of answers that are right (the name, or
"none"), and the log loss. Rivals: the sum of odds ("something else" as it was before), the largest
softmax probability and the largest cosine.

Intervals are those of the mean over rounds, of 95%; rounds draw from the same pictures, so what
other pictures would give is not in them. Validation chose the rule of "none".
`--quick` makes fewer rounds.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.quality import Embedder
from benchmarks.rows import Row
from benchmarks.sets_cases import cases, named
from benchmarks.yes_no import roc_area
from sensorium import load_encoder
from sensorium.encoders.ordinary import label_vectors, ordinary_media, ordinary_words
from sensorium.tasks.conformal import ConformalLabels, rank_of
from sensorium.tasks.yes_no import judged, odds, shares
from sensorium.tasks.zero_shot import ZeroShotClassifier, softmax

COVERAGE = 0.9
EXAMPLES = (30, 100)
NAMES = (5, 20)
ROUNDS, QUICK = 400, 40

Numbers = npt.NDArray[np.floating]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", help="default: mini")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure one encoder."""
    encoder = load_encoder(arguments.encoder)
    embed = Embedder(encoder)
    rounds = QUICK if arguments.quick else ROUNDS
    rows = []
    for case in cases("test"):
        embed.learn(case.pictures, case.name)
        classifier = ZeroShotClassifier(encoder, case.labels)
        given = classifier.probabilities(embed(case.pictures))
        for n in EXAMPLES:
            if n > len(case.pictures) // 2:
                continue
            title = f"sets: {case.name} ({len(case.labels)} labels), {n} examples"
            rows += _rows(title, label_sets(given, np.array(case.classes), n, rounds))
    general = (ordinary_words(encoder, encoder.prompts), ordinary_media(encoder, "image"))
    for name, pictures, texts in named("test"):
        paths = [Path(picture) for picture in pictures]
        embed.learn(paths, name)
        images, labels = embed(paths), label_vectors(encoder, texts, encoder.prompts)
        alone = judged(labels, images, *general)
        for n in NAMES:
            title = f"none of these: {name}, {n} names"
            cosines = images @ labels.T
            rows += _rows(title, abstaining(alone, cosines, encoder.temperature, n, rounds))
    return rows


Figures = Iterator[tuple[str, str, float]]
"""System, metric, value in one round."""


def _rows(title: str, figures: Figures) -> list[Row]:
    """Means over rounds with the ends of their intervals."""
    found = defaultdict(list)
    for system, metric, value in figures:
        found[system, metric].append(value)
    rows = []
    for (system, metric), values in found.items():
        mean, half = np.mean(values), 1.96 * np.std(values, ddof=1) / np.sqrt(len(values))
        for end, value in (("", mean), (", from", mean - half), (", to", mean + half)):
            rows.append(Row("sets", title, system, f"{metric}{end}", float(value)))
    return rows


def label_sets(
    given: Numbers, truths: npt.NDArray[np.intp], examples: int, rounds: int, seed: int = 0
) -> Figures:
    """Sets of every system in every round.

    Parameters
    ----------
    given
        Probabilities, shape (n, c).
    truths
        The column of each true label, shape (n,).
    examples
        Of the n, that set the limit.
    """
    rng = np.random.default_rng(seed)
    labels = [str(column) for column in range(given.shape[1])]
    reached = _reached(given)
    for _ in range(rounds):
        order = rng.permutation(len(given))
        fit, test = order[:examples], order[examples:]
        ours = ConformalLabels.fit(given[fit], [labels[t] for t in truths[fit]], labels, COVERAGE)
        needed = np.sort(reached[fit, truths[fit]])[rank_of(examples, COVERAGE) - 1]
        plain = np.quantile(1 - given[fit, truths[fit]], COVERAGE)
        systems = {
            "ours": ours.sets(given[test]),
            "first label": given[test] == given[test].max(axis=1, keepdims=True),
            "softmax up to 0.9": reached[test] - given[test] < COVERAGE,
            "adaptive sets": reached[test] <= needed,
            "no correction": 1 - given[test] <= plain,
        }
        for system, inside in systems.items():
            right = inside[np.arange(len(test)), truths[test]]
            yield system, "coverage", float(right.mean())
            yield system, "labels in a set", float(inside.sum(axis=1).mean())
            yield system, "empty", float((~inside.any(axis=1)).mean())


def _reached(given: Numbers) -> Numbers:
    """Sum of the probabilities of each label and of those that are more probable."""
    order = np.argsort(-given, axis=1, kind="stable")
    sums = np.cumsum(np.take_along_axis(given, order, axis=1), axis=1, dtype=np.float64)
    reached = np.empty_like(sums)
    np.put_along_axis(reached, order, sums, axis=1)
    return reached


def abstaining(
    alone: Numbers, cosines: Numbers, temperature: float, names: int, rounds: int, seed: int = 0
) -> Figures:
    """How well each system tells pictures of some names from pictures of none.

    Parameters
    ----------
    alone
        Probability that each picture's name fits each picture by itself, shape (n, n).
    cosines
        The same as cosines.
    names
        That are labels in a round, with as many pictures of other names.
    """
    rng = np.random.default_rng(seed)
    for _ in range(rounds):
        drawn = rng.permutation(len(alone))[: 2 * names]
        fits = np.arange(2 * names) < names
        truths = np.where(fits, np.arange(2 * names), names)
        some = np.ix_(drawn, drawn[:names])
        even = np.full((2 * names, 1), 0.5)
        ours = shares(np.hstack([alone[some], even]), names)
        summed = np.hstack([odds(alone[some]), np.ones((2 * names, 1))])
        summed /= summed.sum(axis=1, keepdims=True)
        for system, given in (("ours", ours), ("sum of odds", summed)):
            yield system, "ROC area", roc_area(given[~fits, -1], given[fits, -1])
            yield system, "right", float((given.argmax(axis=1) == truths).mean())
            chance = np.maximum(given[np.arange(2 * names), truths], 1e-9)
            yield system, "log loss", float(-np.log(chance).mean())
        first = softmax(cosines[some] / temperature).max(axis=1)
        yield "largest softmax", "ROC area", roc_area(-first[~fits], -first[fits])
        best = cosines[some].max(axis=1)
        yield "largest cosine", "ROC area", roc_area(-best[~fits], -best[fits])
