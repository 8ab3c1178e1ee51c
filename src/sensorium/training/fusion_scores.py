"""Scores of a fusion model on rows that have the targets, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from sensorium.data.columns import Row, category_of, is_missing
from sensorium.evaluation.intervals import Interval
from sensorium.evaluation.resampling import Columns, calibration_error, interval, macro, mean
from sensorium.tasks.rows.features import Target
from sensorium.tasks.zero_shot import softmax

Scores = dict[str, dict[str, Interval]]
"""By target and name of the score."""

FEWEST = 2  # rows that an interval needs

LEAST = 1e-12  # probability whose logarithm is taken, at the least


def scores_of(
    targets: Mapping[str, Target],
    rows: Sequence[Row],
    outputs: Mapping[str, npt.NDArray[np.float64]],
    seed: int = 0,
) -> Scores:
    """Score outputs of a model.

    Parameters
    ----------
    targets : mapping of str to Target
    rows : sequence of dict
        A row that lacks a target does not count for it.
    outputs : mapping of str to ndarray, shape (n, classes) or (n, 1)
    seed : int
        Of the resampling behind the intervals.

    Returns
    -------
    dict
        For a category ``accuracy``, ``macro_f1``, ``log_loss`` (nats) and ``ece``; for a number
        ``mae``, ``rmse`` (in its own unit) and ``r2``. A label that training rows did not have
        counts as wrong, and in the first two only. Of fewer than two rows there are no scores.
    """
    scores: Scores = {}
    for name, target in targets.items():
        if target.kind == "category":
            scores[name] = _of_classes(target, rows, softmax(outputs[name]), seed)
        else:
            scores[name] = _of_numbers(target, rows, outputs[name][:, 0], seed)
    return scores


def hits_or_errors(
    target: Target, outputs: npt.NDArray[np.float64], rows: Sequence[Row]
) -> npt.NDArray[np.float64]:
    """Of every row that has the target: 1 where its label is predicted, or a number's error.

    Parameters
    ----------
    target : Target
    outputs : ndarray, shape (n, classes) or (n, 1)
    rows : sequence of dict

    Returns
    -------
    ndarray of float64, shape (rows with the target,)
        0 or 1, or absolute errors in the number's own unit.
    """
    if target.kind == "category":
        known = [i for i, row in enumerate(rows) if not is_missing(row.get(target.name))]
        labels = [target.labels[n] for n in outputs[known].argmax(axis=1)]
        right = [str(category_of(rows[i][target.name])) for i in known]
        return np.array([a == b for a, b in zip(labels, right, strict=True)], np.float64)
    errors = np.abs(outputs[:, 0] - target.values(rows).astype(np.float64)) * target.deviation
    return np.asarray(errors[~np.isnan(errors)])


def _of_classes(
    target: Target, rows: Sequence[Row], probabilities: npt.NDArray[np.float64], seed: int
) -> dict[str, Interval]:
    number = {label: i for i, label in enumerate(target.labels)}
    unknown = len(target.labels)
    labelled = [i for i, row in enumerate(rows) if not is_missing(row.get(target.name))]
    if len(labelled) < FEWEST:
        return {}
    right = np.array(
        [number.get(str(category_of(rows[i][target.name])), unknown) for i in labelled], np.int64
    )
    chances = probabilities[labelled]
    predicted = chances.argmax(axis=1).astype(np.int64)
    hits = (predicted == right).astype(np.float64)
    of = partial(interval, seed=seed)
    scores = {
        "accuracy": of(mean, (hits,)),
        "macro_f1": of(partial(macro, "f1"), (right, predicted)),
    }
    known = right < unknown
    if known.sum() >= FEWEST:
        own = chances[known, right[known]]
        scores["log_loss"] = of(mean, (-np.log(np.maximum(own, LEAST)),))
        scores["ece"] = of(calibration_error, (chances[known].max(axis=1), hits[known]))
    return scores


def _of_numbers(
    target: Target, rows: Sequence[Row], outputs: npt.NDArray[np.float64], seed: int
) -> dict[str, Interval]:
    standardised = target.values(rows).astype(np.float64)
    known = ~np.isnan(standardised)
    if known.sum() < FEWEST:
        return {}
    right = standardised[known] * target.deviation
    found = outputs[known] * target.deviation
    errors = np.abs(found - right)
    of = partial(interval, seed=seed)
    return {
        "mae": of(mean, (errors,)),
        "rmse": of(_root_mean_square, (errors,)),
        "r2": of(_explained, (right, found)),
    }


def _root_mean_square(columns: Columns, weights: npt.NDArray[np.int64]) -> float:
    return float(np.sqrt(columns[0] ** 2 @ weights / weights.sum()))


def _explained(columns: Columns, weights: npt.NDArray[np.int64]) -> float:
    """Coefficient of determination, of the right and the predicted numbers."""
    right, found = columns
    centre = right @ weights / weights.sum()
    spread = (right - centre) ** 2 @ weights
    return float(1 - (right - found) ** 2 @ weights / spread) if spread > 0 else 0.0
