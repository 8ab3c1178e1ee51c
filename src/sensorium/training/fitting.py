"""Fitting a head to vectors by the name of its method, and choosing among methods."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sensorium.errors import UsageError
from sensorium.tasks.classification import FROZEN_METHODS, OWN_MODEL_METHODS, TUNED_METHODS
from sensorium.training.few_shot import fit_nearest_mean, fit_tip_adapter, fit_zero_shot
from sensorium.training.heads import Fitted, Labels, Vectors
from sensorium.training.linear_probe import fit_logistic, fit_ridge

METHODS = ("auto", *FROZEN_METHODS, *TUNED_METHODS, *OWN_MODEL_METHODS)


@dataclass(frozen=True)
class Words:
    """What class names are worth in a space: a vector for each, and the space's temperature.

    Attributes
    ----------
    vectors : ndarray of float32, shape (c, d)
    temperature : float
    """

    vectors: Vectors
    temperature: float


def fit_head(
    method: str,
    vectors: Vectors,
    labels: Labels,
    classes: int,
    words: Words | None,
    *,
    solver: str = "closed-form",
    seed: int = 0,
) -> tuple[str, Fitted, str]:
    """Fit a head.

    Parameters
    ----------
    method : str
        One of `FROZEN_METHODS`, or "auto": the one with the lowest log loss of left-out examples.
    vectors : ndarray of float32, shape (n, d)
    labels : ndarray of int, shape (n,)
        0 to classes - 1, each at least once.
    classes : int
    words : Words or None
        None for a space that holds no text.
    solver : {"closed-form", "lbfgs"}
        Of the linear probe.
    seed : int

    Returns
    -------
    method : str
        The one that was fitted.
    fitted : Fitted
    reason : str
        Why this method; empty where it was asked for.

    Raises
    ------
    UsageError
        For a method that needs class names in a space without texts.
    """
    if method != "auto":
        return method, _fit(method, vectors, labels, classes, words, solver, seed), ""
    known = [name for name in FROZEN_METHODS if words is not None or name not in _NEED_WORDS]
    fits = {
        name: _fit(name, vectors, labels, classes, words, solver, seed)
        for name in known
        if name != "zero-shot"  # tip-adapter with an alpha of 0
    }
    if all(math.isnan(fitted.loss) for fitted in fits.values()):
        # One example a class: only class names and examples together are better than names.
        chosen = "tip-adapter" if words is not None else "nearest-mean"
        return chosen, fits[chosen], "with one example a class nothing can be compared"
    chosen = min(fits, key=lambda name: fits[name].loss)
    losses = ", ".join(
        f"{name} {fitted.loss:.2f}" for name, fitted in sorted(fits.items(), key=_by_loss)
    )
    return chosen, fits[chosen], f"lowest log loss of examples left out ({losses})"


_NEED_WORDS = ("zero-shot", "tip-adapter")


def _by_loss(named: tuple[str, Fitted]) -> float:
    return named[1].loss


def _fit(
    method: str,
    vectors: Vectors,
    labels: Labels,
    classes: int,
    words: Words | None,
    solver: str,
    seed: int,
) -> Fitted:
    if method in _NEED_WORDS:
        if words is None:
            raise UsageError(
                f"{method} needs the class names, and the encoder's space holds no text: take "
                "nearest-mean or linear-probe, or an encoder that encodes text, too"
            )
        fit = fit_zero_shot if method == "zero-shot" else fit_tip_adapter
        return fit(vectors, labels, words.vectors, words.temperature)
    if method == "nearest-mean":
        return fit_nearest_mean(vectors, labels, classes, seed=seed)
    if method == "linear-probe":
        probe = fit_ridge if solver == "closed-form" else fit_logistic
        return probe(vectors, labels, classes, seed=seed)
    raise UsageError(f"method is one of {', '.join(METHODS)}, got {method!r}")
