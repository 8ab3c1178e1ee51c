"""Classification metrics: accuracy, confusion, precision and recall, calibration."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorium.evaluation.checks import class_numbers, whole

BINS = 15
"""Of the expected calibration error: the paper's choice."""

Values = npt.NDArray[np.float64]


def top_k_accuracy(scores: npt.ArrayLike, labels: npt.ArrayLike, k: int = 1) -> Values:
    """Whether the right class is among the `k` that score highest; its mean is the accuracy.

    Ties go against the system: every class that scores as high as the right one counts as ranked
    before it. NaN, no score at all, ranks last.

    Parameters
    ----------
    scores : array of float, shape (n, c)
        Score of every class for every item, higher is better.
    labels : array of int, shape (n,)
        The right classes, 0 to c - 1.
    k : int
        At least 1; may exceed c.

    Returns
    -------
    ndarray of float64, shape (n,)
        1 or 0.

    Raises
    ------
    ValueError
        For a `k` that is not a whole number of at least 1, labels that are not class numbers, or
        shapes that do not agree.
    """
    k = whole("k", k)
    points, right = _scored(scores, labels)
    own = points[np.arange(len(right)), right, np.newaxis]
    # Counts the right class itself. Against NaN nothing compares: such an item comes last.
    ranks = np.where(np.isnan(own[:, 0]), points.shape[1], (points >= own).sum(axis=1))
    return np.asarray(ranks <= k, dtype=np.float64)


def confusion_matrix(
    predicted: npt.ArrayLike, labels: npt.ArrayLike, classes: int
) -> npt.NDArray[np.int64]:
    """Count how often each class was taken for each.

    Parameters
    ----------
    predicted : array of int, shape (n,)
        The classes a system gave, 0 to `classes` - 1.
    labels : array of int, shape (n,)
        The right classes, 0 to `classes` - 1.
    classes : int
        How many classes there are, c.

    Returns
    -------
    ndarray of int64, shape (c, c)
        Rows are the right classes, columns the predicted ones.

    Raises
    ------
    ValueError
        For values that are not class numbers, lengths that differ, or no classes.
    """
    classes = whole("classes", classes)
    given = class_numbers("predicted", predicted, classes)
    right = class_numbers("labels", labels, classes)
    if len(given) != len(right):
        raise ValueError(f"one prediction for each label, got {len(given)} for {len(right)}")
    counts = np.bincount(right * classes + given, minlength=classes * classes)
    return counts.reshape(classes, classes).astype(np.int64)


def precision_recall_f1(confusion: npt.ArrayLike) -> tuple[Values, Values, Values]:
    """Precision, recall and F1 of every class; their means are the macro averages.

    What has no value counts as 0, as with ``zero_division=0`` in scikit-learn: the precision of
    a class that was never predicted, the recall of a class without items, the F1 of a class that
    is neither. To leave classes without items out of a mean, drop them by ``confusion.sum(1)``.

    Parameters
    ----------
    confusion : array of int, shape (c, c)
        From `confusion_matrix`: rows right, columns predicted.

    Returns
    -------
    precision : ndarray of float64, shape (c,)
        Share of the predictions of a class that are right.
    recall : ndarray of float64, shape (c,)
        Share of the items of a class that are found.
    f1 : ndarray of float64, shape (c,)
        Their harmonic mean.

    Raises
    ------
    ValueError
        For a matrix that is not square, or holds something that is no count.
    """
    counts = np.asarray(confusion, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1]:
        raise ValueError(f"a confusion matrix is square, got the shape {counts.shape}")
    if not (np.isfinite(counts) & (counts >= 0)).all():
        raise ValueError("a confusion matrix holds counts, got a negative or infinite number")
    right, predicted, items = np.diag(counts), counts.sum(axis=0), counts.sum(axis=1)
    return (
        _share(right, predicted),
        _share(right, items),
        _share(2 * right, predicted + items),
    )


def expected_calibration_error(
    probabilities: npt.ArrayLike, labels: npt.ArrayLike, bins: int = BINS
) -> float:
    """Gap between how sure a classifier is and how often it is right (Guo et al. 2017, eq. 3).

    Items are put into bins of equal width by the probability of their most probable class, upper
    edges included; each bin adds its share of items times the distance between its mean
    probability and its accuracy. Where several classes are most probable, the item counts as
    wrong, as in `top_k_accuracy`.

    Parameters
    ----------
    probabilities : array of float, shape (n, c)
        Probability of every class for every item. Rows may sum to less than one (the rest is
        "none of these").
    labels : array of int, shape (n,)
        The right classes, 0 to c - 1.
    bins : int
        How many bins.

    Returns
    -------
    float
        In 0 to 1.

    Raises
    ------
    ValueError
        For no items, values outside 0 to 1, labels that are not class numbers, or shapes that do
        not agree.
    """
    bins = whole("bins", bins)
    chances, right = _scored(probabilities, labels)
    if not len(right):
        raise ValueError("calibration needs at least one item, got none")
    if not ((chances >= 0) & (chances <= 1)).all():
        raise ValueError("probabilities lie in 0 to 1; turn scores into them first")
    correct = top_k_accuracy(chances, right, 1)
    return calibration_gap(chances.max(axis=1), correct, np.ones(len(right), np.int64), bins)


def calibration_gap(
    chance: Values, correct: Values, weights: npt.NDArray[np.int64], bins: int = BINS
) -> float:
    """As `expected_calibration_error`, of the top probability, whether it is right, and counts."""
    # Compared with the edges themselves: ceil(0.7 * 10) is 8, one bin too far.
    places = np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], chance, side="left")
    gaps = np.bincount(places, weights=weights * (chance - correct), minlength=bins)
    return float(np.abs(gaps).sum() / weights.sum())


def _scored(scores: npt.ArrayLike, labels: npt.ArrayLike) -> tuple[Values, npt.NDArray[np.intp]]:
    points = np.asarray(scores, dtype=np.float64)
    if points.ndim != 2:
        raise ValueError(f"scores have the shape (items, classes), got {points.shape}")
    right = class_numbers("labels", labels, points.shape[1])
    if len(right) != len(points):
        raise ValueError(f"one label for each item, got {len(right)} for {len(points)}")
    return points, right


def _share(part: Values, total: Values) -> Values:
    return np.divide(part, total, out=np.zeros_like(part), where=total > 0)
