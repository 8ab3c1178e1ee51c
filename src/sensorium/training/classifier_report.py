"""What a classifier is worth: accuracy beside zero-shot, and what it forgot."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError, install_command
from sensorium.evaluation.classification import (
    confusion_matrix,
    expected_calibration_error,
    precision_recall_f1,
    top_k_accuracy,
)
from sensorium.evaluation.report import Report, Table, ends, figure, spread
from sensorium.home import short_path
from sensorium.media.skipped import Skipped
from sensorium.tasks.zero_shot import softmax
from sensorium.training.heads import Labels, Vectors

NO_INTERVALS = "intervals and tests need SciPy"

MOST_CLASSES = 40
"""Classes that a terminal shows, the worst first."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Score:
    """A share and its 95% interval; the ends are None where SciPy is not installed."""

    estimate: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Difference:
    """Accuracy gained over zero-shot on the same examples, and how probable it is by chance."""

    estimate: float
    low: float
    high: float
    p: float


@dataclass(frozen=True)
class ClassScores:
    """One class: how many examples, and the shares that were found and that were right.

    Attributes
    ----------
    label : str
    trained, tested : int
    recall, precision : float
    zero_shot_recall : float or None
    confused_with : str
        The class it is most often taken for; empty where it never is.
    """

    label: str
    trained: int
    tested: int
    recall: float
    precision: float
    zero_shot_recall: float | None
    confused_with: str = ""


@dataclass(frozen=True)
class Forgetting:
    """What became of classes that were not trained on.

    All labels are offered at once. The space's zero-shot probabilities decide between the trained
    classes as a whole and each of the others; within the trained ones the classifier decides::

        p(own class) = p0(any own class) * p_classifier(own class | any own class)
        p(other class) = p0(other class)

    "Before" is p0 alone with the encoder as it was, "after" with the encoder as it now is.

    Attributes
    ----------
    how : str
        What the other classes are.
    others : list of str
        Their labels.
    own_before, own_after : float
        Accuracy on examples of the trained classes among all labels.
    others_before, others_after : float
        Accuracy on examples of the other classes among all labels.
    zero_shot_before, zero_shot_after : float
        Zero-shot accuracy among the other labels alone: what became of the encoder itself. Equal
        where it was left as it was.
    own_tested, others_tested : int
    """

    how: str
    others: list[str]
    own_before: float
    own_after: float
    others_before: float
    others_after: float
    zero_shot_before: float
    zero_shot_after: float
    own_tested: int
    others_tested: int


@dataclass(frozen=True)
class Interpolation:
    """WiSE-FT (Wortsman et al. 2022): weights between the encoder as it was and as it was tuned.

    Attributes
    ----------
    alpha : float
        The share of the tuned weights that was chosen on validation examples.
    curve : list of (float, float)
        Alpha and validation accuracy.
    """

    alpha: float
    curve: list[tuple[float, float]]


@dataclass
class ClassifierReport:
    """What was measured of a classifier.

    Attributes
    ----------
    method, reason : str
        And why this method, where it was chosen.
    encoder : str
    modality : str
    labels : list of str
    trained, tested : int
        Examples.
    how : str
        What it was tested with.
    accuracy : Score
    zero_shot : Score or None
        Of the class names alone on the same examples; None where the space holds no text, and
        where what was tested is zero-shot itself.
    difference : Difference or None
    is_zero_shot : bool
        Whether what was tested is zero-shot itself: then there is nothing to compare it with.
    calibration_error : float
        Expected calibration error (Guo et al. 2017).
    classes : list of ClassScores
    forgetting : Forgetting or None
    forgetting_note : str
        Why it was not measured.
    interpolation : Interpolation or None
    settings : dict
    notes : list of str
    skipped : list of Skipped
    seconds : float
    """

    method: str
    reason: str
    encoder: str
    modality: str
    labels: list[str]
    trained: int
    tested: int
    how: str
    accuracy: Score | None
    zero_shot: Score | None = None
    difference: Difference | None = None
    is_zero_shot: bool = False
    calibration_error: float | None = None
    classes: list[ClassScores] = field(default_factory=list)
    forgetting: Forgetting | None = None
    forgetting_note: str = ""
    interpolation: Interpolation | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Everything as JSON values."""
        return dataclasses.asdict(self)

    def as_report(self, folder: Path) -> Report:
        """What is told of a classifier that is written to a folder."""
        shown: list[str | Table] = [
            f"{self.trained:,} {self.modality} examples of {len(self.labels)} classes, "
            f"encoder {self.encoder}",
            f"method: {self.method}" + (f", {self.reason}" if self.reason else ""),
            f"tested with {self.tested:,}: {self.how}" if self.tested else self.how,
        ]
        shown += self._scores()
        if (found := self.forgetting) is None:
            shown.append(f"forgotten: {self.forgetting_note}")
        else:
            rows = {
                "trained classes, all labels offered": (found.own_before, found.own_after),
                "other classes, all labels offered": (found.others_before, found.others_after),
                "other classes among themselves": (found.zero_shot_before, found.zero_shot_after),
            }
            cells = [[name, *map(figure, values)] for name, values in rows.items()]
            shown += [
                f"forgotten: {found.how}", Table(["accuracy on", "zero-shot", "trained"], cells)
            ]  # fmt: skip
        if (mixed := self.interpolation) is not None:
            points = ", ".join(f"{alpha:.1f} {accuracy:.3f}" for alpha, accuracy in mixed.curve)
            shown.append(
                f"share of tuned weights (WiSE-FT): {mixed.alpha:.1f}; "
                f"validation accuracy: {points}"
            )
        shown += [f"note: {note}" for note in self.notes]
        written = f"written to {short_path(str(folder))} ({self.seconds:.1f} s of testing)"
        return Report([*shown, written], [{**vars(self), "output": str(folder)}], self.skipped)

    def _scores(self) -> list[str | Table]:
        """What was measured, beside zero-shot; nothing where nothing was tested."""
        if self.accuracy is None:
            return []
        rows = [
            [name, *spread(score)]
            for name, score in ((self.method, self.accuracy), ("zero-shot", self.zero_shot))
            if score is not None
        ]
        if (gained := self.difference) is not None:
            between = ends(gained.low, gained.high, "+")
            rows.append(["difference", figure(gained.estimate, "+"), between])
            rows[-1].append(f"p = {gained.p:.4f}")
        shown: list[str | Table] = [Table(["", "accuracy", "95% interval", ""], rows)]
        if self.is_zero_shot:
            shown.append(
                "what was tested is the zero-shot baseline itself: nothing to compare it with"
            )
        elif self.zero_shot is None:
            shown.append("no zero-shot baseline: the encoder's space holds no text")
        shown.append(f"expected calibration error {self.calibration_error:.3f}")
        rows = [
            [
                one.label, f"{one.trained:,}", f"{one.tested:,}", f"{one.recall:.2f}",
                "" if one.zero_shot_recall is None else f"{one.zero_shot_recall:.2f}",
                f"{one.precision:.2f}", one.confused_with,
            ]
            for one in sorted(self.classes, key=lambda one: one.recall)
        ]  # fmt: skip
        headings = ["class", "trained", "tested", "recall", "zero-shot", "precision", "taken for"]
        return [*shown, Table(headings, rows, left=["taken for"], most=MOST_CLASSES)]


def measure(
    report: ClassifierReport,
    probabilities: npt.NDArray[Any],
    labels: Labels,
    trained: Labels,
    zero_shot: npt.NDArray[Any] | None,
    *,
    seed: int = 0,
) -> ClassifierReport:
    """Fill the scores of a report in.

    Parameters
    ----------
    report : ClassifierReport
    probabilities : array of float, shape (n, c)
        Of the tested examples.
    labels : ndarray of int, shape (n,)
        Their right classes.
    trained : ndarray of int, shape (m,)
        Classes of the training examples.
    zero_shot : array of float, shape (n, c), optional
        Probabilities of the class names alone for the same examples; None where there are none,
        or where `probabilities` are theirs.
    seed : int
        Of the resampling.
    """
    c = len(report.labels)
    right = top_k_accuracy(probabilities, labels, 1)
    report.tested = len(labels)
    report.calibration_error = expected_calibration_error(np.clip(probabilities, 0, 1), labels)
    confusion = confusion_matrix(probabilities.argmax(axis=1), labels, c)
    precision, recall, _ = precision_recall_f1(confusion)
    before = known = None
    if zero_shot is not None:
        before = top_k_accuracy(zero_shot, labels, 1)
        known = precision_recall_f1(confusion_matrix(zero_shot.argmax(axis=1), labels, c))[1]
    report.accuracy, report.zero_shot, report.difference = _compared(right, before, seed)
    counts, tested = np.bincount(trained, minlength=c), confusion.sum(axis=1)
    wrong = confusion - np.diag(np.diag(confusion))
    report.classes = [
        ClassScores(
            label,
            int(counts[n]),
            int(tested[n]),
            float(recall[n]),
            float(precision[n]),
            None if known is None else float(known[n]),
            report.labels[int(wrong[n].argmax())] if wrong[n].any() else "",
        )
        for n, label in enumerate(report.labels)
    ]
    note = f"{NO_INTERVALS}: {install_command('evaluate')}"
    if report.accuracy.low is None and note not in report.notes and len(right) > 1:
        report.notes.append(note)
    return report


def _compared(
    right: Values, before: Values | None, seed: int
) -> tuple[Score, Score | None, Difference | None]:
    """Shares of two systems' ones and zeros, their intervals, and the gain of the first.

    Intervals and gain (by a paired randomisation test) need SciPy and two values.
    """
    ours = Score(float(right.mean()))
    theirs = None if before is None else Score(float(before.mean()))
    try:
        from sensorium.evaluation.comparison import compare
        from sensorium.evaluation.intervals import bootstrap_interval
    except MissingExtraError:
        return ours, theirs, None
    if len(right) < 2:
        return ours, theirs, None
    ours = Score(**vars(bootstrap_interval(right, seed=seed)))
    if before is None:
        return ours, None, None
    theirs = Score(**vars(bootstrap_interval(before, seed=seed)))
    return ours, theirs, Difference(*vars(compare(right, before, seed=seed)).values())


@dataclass(frozen=True)
class Tested:
    """Vectors that forgetting is measured with, in one space.

    Attributes
    ----------
    own, others : ndarray of float32, shape (n, d) and (m, d)
        Examples of the trained and of the other classes.
    own_words, other_words : ndarray of float32, shape (c, d) and (o, d)
        Vectors of the class names.
    temperature : float
        The space's.
    """

    own: Vectors
    others: Vectors
    own_words: Vectors
    other_words: Vectors
    temperature: float


def measure_forgetting(
    before: Tested,
    after: Tested,
    own_probabilities: npt.NDArray[Any],
    other_probabilities: npt.NDArray[Any],
    own_labels: Labels,
    other_labels: Labels,
    *,
    how: str,
    others: Sequence[str],
) -> Forgetting:
    """Compare all classes before and after a training; see `Forgetting`.

    Parameters
    ----------
    before, after : Tested
        In the space as it was, and as it is now; the same where the encoder was left alone.
    own_probabilities, other_probabilities : array of float, shape (n, c) and (m, c)
        What the classifier gives to the examples of the trained and of the other classes.
    own_labels, other_labels : ndarray of int
        Right classes, 0 to c - 1 and 0 to o - 1.
    how : str
    others : sequence of str
    """
    c = own_probabilities.shape[1]
    known = {
        when: [_zero_shot(tested, vectors) for vectors in (tested.own, tested.others)]
        for when, tested in (("before", before), ("after", after))
    }
    joint = [
        np.hstack([zero_shot[:, :c].sum(axis=1, keepdims=True) * given, zero_shot[:, c:]])
        for zero_shot, given in zip(
            known["after"], (own_probabilities, other_probabilities), strict=True
        )
    ]

    def accuracy(probabilities: npt.NDArray[Any], labels: Labels) -> float:
        return float(top_k_accuracy(probabilities, labels, 1).mean()) if len(labels) else 0.0

    return Forgetting(
        how=how,
        others=list(others),
        own_before=accuracy(known["before"][0], own_labels),
        own_after=accuracy(joint[0], own_labels),
        others_before=accuracy(known["before"][1], other_labels + c),
        others_after=accuracy(joint[1], other_labels + c),
        zero_shot_before=accuracy(known["before"][1][:, c:], other_labels),
        zero_shot_after=accuracy(known["after"][1][:, c:], other_labels),
        own_tested=len(own_labels),
        others_tested=len(other_labels),
    )


def _zero_shot(tested: Tested, vectors: Vectors) -> Values:
    words = np.concatenate([tested.own_words, tested.other_words])
    return softmax(vectors @ words.T / tested.temperature)


def average_forgetting(parts: Sequence[Forgetting], how: str) -> Forgetting:
    """Several measurements as one, each with the weight of its examples."""

    def values(name: str) -> Values:
        return np.array([getattr(part, name) for part in parts], float)

    means = {}
    for whose in ("own", "others", "zero_shot"):  # the last among the others
        weights = values(f"{'own' if whose == 'own' else 'others'}_tested")
        for when in ("before", "after"):
            total = (values(f"{whose}_{when}") * weights).sum()
            means[f"{whose}_{when}"] = float(total / max(1, weights.sum()))
    return Forgetting(
        how=how,
        others=[label for part in parts for label in part.others],
        own_tested=sum(part.own_tested for part in parts),
        others_tested=sum(part.others_tested for part in parts),
        **means,
    )
