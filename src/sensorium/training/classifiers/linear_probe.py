"""Linear probes: a linear layer over frozen vectors, in closed form or by L-BFGS."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError, UsageError
from sensorium.training.classifiers.calibration import fit_temperature
from sensorium.training.classifiers.heads import (
    UNTUNED,
    Fitted,
    Labels,
    Vectors,
    calibrated,
    rows_left_out,
)
from sensorium.training.classifiers.splits import stratified_folds

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
MAX_ITERATIONS = 300

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Ridge:
    """Ridge regression of centred values on centred vectors, ready for any penalty.

    Attributes
    ----------
    left : ndarray of float64, shape (n, r)
        Left singular vectors of the centred vectors.
    singular : ndarray of float64, shape (r,)
    right : ndarray of float64, shape (r, d)
    targets : ndarray of float64, shape (n, c)
    centre : ndarray of float64, shape (d,)
    """

    left: Values
    singular: Values
    right: Values
    targets: Values
    centre: Values

    @classmethod
    def of(cls, vectors: npt.ArrayLike, targets: npt.ArrayLike) -> Ridge:
        """Decompose once; every penalty then costs little."""
        points, values = np.asarray(vectors, np.float64), np.asarray(targets, np.float64)
        centre = points.mean(axis=0)
        left, singular, right = np.linalg.svd(points - centre, full_matrices=False)
        kept = singular > singular.max(initial=0) * 1e-10
        return cls(left[:, kept], singular[kept], right[kept], values, centre)

    def solve(self, penalty: float) -> tuple[Values, Values]:
        """Weights (c, d) and bias (c) of least squared error plus `penalty` times their squares.

        The bias is not penalised.
        """
        means = self.targets.mean(axis=0)
        shrunk = self.singular / (self.singular**2 + penalty)
        weights = (self.right.T @ (shrunk[:, None] * (self.left.T @ (self.targets - means)))).T
        return weights, means - weights @ self.centre

    def left_out(self, penalty: float) -> Values:
        """What each row is predicted by a fit to all others, shape (n, c), without refitting.

        The residual of a fit to all rows divided by one less the row's leverage (Allen 1974;
        Hastie, Tibshirani and Friedman 2009, equation 7.64); exact, bias included.
        """
        means = self.targets.mean(axis=0)
        shares = self.singular**2 / (self.singular**2 + penalty)
        fitted = means + self.left @ (shares[:, None] * (self.left.T @ (self.targets - means)))
        leverage = 1 / len(self.targets) + (self.left**2 * shares).sum(axis=1)
        rest = np.maximum(1 - leverage, 1e-12)  # a row that no other can predict
        return np.asarray(self.targets - (self.targets - fitted) / rest[:, None])


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
                start = _minimise(points[kept], labels[kept], classes, penalty, start)
                left_out[number][~kept] = points[~kept] @ start[:, :-1].T + start[:, -1]
        found = []
        for penalty, logits in zip(LOGISTIC_PENALTIES, left_out, strict=True):
            temperature, loss = calibrated(logits[tested], labels[tested], 1.0)
            found.append((loss, penalty, temperature))
        best = min(found)
    loss, penalty, temperature = best
    start = np.zeros((classes, points.shape[1] + 1))
    solution = _minimise(points, labels, classes, penalty, start)
    weights, bias = solution[:, :-1], solution[:, -1] - solution[:, :-1] @ centre
    arrays = {"weights": weights.astype(np.float32), "bias": bias.astype(np.float32)}
    settings = {"solver": "lbfgs", "penalty": penalty}
    return Fitted(arrays, settings, temperature, loss, "" if tested.any() else UNTUNED)


def _minimise(
    points: Values, labels: Labels, classes: int, penalty: float, start: Values
) -> Values:
    """Weights and bias (last column) of least mean log loss plus penalised squares."""
    try:
        from scipy.optimize import minimize
    except ModuleNotFoundError as error:
        raise MissingExtraError("scipy", "evaluate") from error
    n, d = points.shape
    rows = np.arange(n)

    def loss_and_gradient(flat: Values) -> tuple[float, Values]:
        both = flat.reshape(classes, d + 1)
        weights = both[:, :-1]
        logits = points @ weights.T + both[:, -1]
        logits -= logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        sums = exponentials.sum(axis=1, keepdims=True)
        loss = float((np.log(sums[:, 0]) - logits[rows, labels]).mean())
        errors = exponentials / sums
        errors[rows, labels] -= 1
        errors /= n
        gradient = np.empty_like(both)
        gradient[:, :-1] = errors.T @ points + 2 * penalty * weights
        gradient[:, -1] = errors.sum(axis=0)
        return loss + penalty * float((weights**2).sum()), gradient.ravel()

    options = {"maxiter": MAX_ITERATIONS}
    found = minimize(loss_and_gradient, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x, np.float64).reshape(classes, d + 1)


def require_solver(solver: str) -> None:
    """Refuse a solver that is none."""
    if solver not in SOLVERS:
        raise UsageError(f"solver is one of {', '.join(SOLVERS)}, got {solver!r}")
