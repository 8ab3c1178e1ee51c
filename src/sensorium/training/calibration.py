"""From logits to probabilities that are right as often as they say: one temperature."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

INVERSE = (1e-3, 1e4)
"""Bounds of 1 / temperature: logits between 1/1000 and 1000 of the usual size."""

STEPS = 30  # of the golden section: 1e-5 of the temperature, relative


def log_loss(logits: npt.NDArray[Any], labels: npt.NDArray[np.intp], inverse: float = 1.0) -> float:
    """Mean cross-entropy of logits times `inverse` with smoothed targets.

    The right class has the target (n + 1) / (n + 2) and the others share the rest (Platt 1999,
    section 2.2): a few items that are all right must not make a classifier certain.

    Parameters
    ----------
    logits : array of float, shape (n, c)
    labels : array of int, shape (n,)
    inverse : float
        1 / temperature.
    """
    n, c = logits.shape
    scaled = logits * inverse
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    logs = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    rest = 1 / (n + 2)
    right = logs[np.arange(n), labels]
    others = (logs.sum(axis=1) - right) / max(1, c - 1)
    return float(-((1 - rest) * right + rest * others).mean())


def fit_temperature(logits: npt.NDArray[Any], labels: npt.NDArray[np.intp]) -> tuple[float, float]:
    """The temperature of least `log_loss` (Guo et al. 2017, section 4.2), and that loss.

    The loss is convex in 1 / temperature, so that a golden section finds its least value.

    Parameters
    ----------
    logits : array of float, shape (n, c)
        Of items that the classifier was not fitted on.
    labels : array of int, shape (n,)

    Returns
    -------
    temperature, loss : float
    """
    logits = np.asarray(logits, np.float64)
    ratio = (math.sqrt(5) - 1) / 2
    low, high = (math.log(bound) for bound in INVERSE)
    left, right = high - ratio * (high - low), low + ratio * (high - low)
    at_left, at_right = (log_loss(logits, labels, math.exp(x)) for x in (left, right))
    for _ in range(STEPS):
        if at_left < at_right:
            high, right, at_right = right, left, at_left
            left = high - ratio * (high - low)
            at_left = log_loss(logits, labels, math.exp(left))
        else:
            low, left, at_left = left, right, at_right
            right = low + ratio * (high - low)
            at_right = log_loss(logits, labels, math.exp(right))
    best = math.exp((low + high) / 2)
    return 1 / best, log_loss(logits, labels, best)
