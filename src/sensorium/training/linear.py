"""Linear models over vectors, solved instead of trained: ridge and logistic regression.

What classifiers and fusion have in common; the first needs NumPy alone, the second SciPy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError

MAX_ITERATIONS = 300
"""Of L-BFGS."""

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


def minimise_log_loss(
    points: npt.NDArray[np.floating],
    labels: npt.NDArray[np.intp],
    classes: int,
    penalty: float,
    start: Values,
    *,
    weights: npt.ArrayLike | None = None,
    precision: float | None = None,
) -> Values:
    """Multinomial logistic regression by L-BFGS.

    Parameters
    ----------
    points : ndarray of float, shape (n, d)
        What is computed in is their type: float32 takes half of the time.
    labels : ndarray of int, shape (n,)
        0 to classes - 1.
    classes : int
    penalty : float
        Of the squared weights, beside the mean log loss; scikit-learn's C is 1 / (2 n penalty).
    start : ndarray of float64, shape (classes, d + 1)
        Where the search begins: zeros, or the solution of another penalty.
    weights : array of float, shape (n,), optional
        Of the examples in the mean.
    precision : float, optional
        Relative gain of a step below which the search ends, however flat it is there: with weak
        penalties it is flat far from the solution. By default SciPy's 2e-9, or a gradient of 1e-5.

    Returns
    -------
    ndarray of float64, shape (classes, d + 1)
        Weights, and the bias in the last column; the bias is not penalised.

    Raises
    ------
    MissingExtraError
        Without SciPy.
    """
    try:
        from scipy.optimize import minimize
    except ModuleNotFoundError as error:
        raise MissingExtraError("scipy", "evaluate") from error
    n, d = points.shape
    rows = np.arange(n)
    shares = np.ones(n) if weights is None else np.asarray(weights, np.float64)
    shares = (shares / shares.sum()).astype(points.dtype)

    def loss_and_gradient(flat: Values) -> tuple[float, Values]:
        both = flat.reshape(classes, d + 1).astype(points.dtype)
        layer = both[:, :-1]
        logits = points @ layer.T + both[:, -1]
        logits -= logits.max(axis=1, keepdims=True)
        exponentials = np.exp(logits)
        sums = exponentials.sum(axis=1, keepdims=True)
        loss = float((np.log(sums[:, 0]) - logits[rows, labels]) @ shares)
        errors = exponentials / sums
        errors[rows, labels] -= 1
        errors *= shares[:, None]
        gradient = np.empty_like(both)
        gradient[:, :-1] = errors.T @ points + 2 * penalty * layer
        gradient[:, -1] = errors.sum(axis=0)
        return loss + penalty * float((layer**2).sum()), gradient.ravel().astype(np.float64)

    options: dict[str, float] = {"maxiter": MAX_ITERATIONS}
    if precision is not None:
        options |= {"ftol": precision, "gtol": 0.0}
    found = minimize(loss_and_gradient, start.ravel(), jac=True, method="L-BFGS-B", options=options)
    return np.asarray(found.x, np.float64).reshape(classes, d + 1)
