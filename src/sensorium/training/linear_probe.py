"""Linear probes: a linear layer over frozen vectors, in closed form or by L-BFGS."""

from __future__ import annotations

import numpy as np

from sensorium.data.splits import stratified_folds
from sensorium.errors import UsageError
from sensorium.training.calibration import fit_temperature
from sensorium.training.heads import (
    UNTUNED,
    Fitted,
    Labels,
    Vectors,
    calibrated,
    rows_left_out,
)
from sensorium.training.linear import Ridge, minimise_log_loss

SOLVERS = ("closed-form", "lbfgs")

PENALTIES = tuple(float(10.0**exponent) for exponent in np.arange(-3, 2.01, 0.5))
"""Ridge penalties that are tried. Unit vectors have squared singular values between 0 and n."""

DEFAULT_PENALTY = 0.1
RIDGE_TEMPERATURE = 0.18
"""Penalty and temperature with one example a class, where none can be left out: what fitted
validation pictures of clip art best."""

LOGISTIC_PENALTIES = tuple(float(10.0**exponent) for exponent in np.arange(-6, 0.01, 0.5))
"""Penalties of the squared weights beside the mean log loss; scikit-learn's C is 1 / (2 n times
it), give or take its factor."""

DEFAULT_LOGISTIC_PENALTY = 1e-3
FOLDS = 5


def fit_ridge(vectors: Vectors, labels: Labels, classes: int, *, seed: int = 0) -> Fitted:
    """Ridge regression to one-hot targets, its penalty chosen by leaving out each example.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    labels : ndarray of int, shape (n,)
        0 to classes - 1.
    classes : int
    seed : int
        Of the sample whose log loss decides, where there are very many.
    """
    ridge = Ridge.of(vectors, np.eye(classes)[labels])
    rows = rows_left_out(labels, seed)
    best = (float("nan"), DEFAULT_PENALTY, RIDGE_TEMPERATURE)
    if len(rows):
        found = []
        for penalty in PENALTIES:
            temperature, loss = fit_temperature(ridge.left_out(penalty)[rows], labels[rows])
            found.append((loss, penalty, temperature))
        best = min(found)
    loss, penalty, temperature = best
    weights, bias = ridge.solve(penalty)
    arrays = {"weights": weights.astype(np.float32), "bias": bias.astype(np.float32)}
    settings = {"solver": "closed-form", "penalty": penalty}
    return Fitted(arrays, settings, temperature, loss, "" if len(rows) else UNTUNED)


def fit_logistic(vectors: Vectors, labels: Labels, classes: int, *, seed: int = 0) -> Fitted:
    """Multinomial logistic regression by L-BFGS, as CLIP is probed (Radford et al. 2021, A.3).

    The penalty of the weights is chosen by the log loss in up to five stratified folds. Needs the
    extra ``evaluate``, which brings SciPy.

    Parameters
    ----------
    vectors, labels, classes
        As for `fit_ridge`.
    seed : int
        Of the folds.
    """
    points = np.asarray(vectors, np.float64)
    centre = points.mean(axis=0)
    points = points - centre  # the same model, better conditioned
    counts = np.bincount(labels, minlength=classes)
    folds = stratified_folds(labels, min(FOLDS, int(counts.max())), seed=seed)
    tested = counts[labels] > 1
    best = (float("nan"), DEFAULT_LOGISTIC_PENALTY, 1.0)
    if tested.any():
        left_out = np.empty((len(LOGISTIC_PENALTIES), len(labels), classes))
        for fold in range(folds.max() + 1):
            kept = (folds != fold) | ~tested
            start = np.zeros((classes, points.shape[1] + 1))
            for number in reversed(range(len(LOGISTIC_PENALTIES))):  # each from the stronger one's
                penalty = LOGISTIC_PENALTIES[number]
                start = minimise_log_loss(points[kept], labels[kept], classes, penalty, start)
                left_out[number][~kept] = points[~kept] @ start[:, :-1].T + start[:, -1]
        found = []
        for penalty, logits in zip(LOGISTIC_PENALTIES, left_out, strict=True):
            temperature, loss = calibrated(logits[tested], labels[tested], 1.0)
            found.append((loss, penalty, temperature))
        best = min(found)
    loss, penalty, temperature = best
    start = np.zeros((classes, points.shape[1] + 1))
    solution = minimise_log_loss(points, labels, classes, penalty, start)
    weights, bias = solution[:, :-1], solution[:, -1] - solution[:, :-1] @ centre
    arrays = {"weights": weights.astype(np.float32), "bias": bias.astype(np.float32)}
    settings = {"solver": "lbfgs", "penalty": penalty}
    return Fitted(arrays, settings, temperature, loss, "" if tested.any() else UNTUNED)


def require_solver(solver: str) -> None:
    """Refuse a solver that is none."""
    if solver not in SOLVERS:
        raise UsageError(f"solver is one of {', '.join(SOLVERS)}, got {solver!r}")
