"""How far a figure may be trusted: bootstrap confidence intervals."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError
from sensorium.evaluation.checks import finite, whole

try:
    from scipy import stats
except ModuleNotFoundError as error:
    raise MissingExtraError("scipy", "evaluate") from error

RESAMPLED_VALUES = 1 << 20
"""Values that are drawn at a time: 8 MB, and as much again for where they are drawn from."""

BCA_VALUES = 5_000
"""Above so many values a percentile interval does: what BCa corrects shrinks with their number
and is by then below the noise of a few thousand resamples, while its jackknife takes time with
the square of it."""


@dataclass(frozen=True)
class Interval:
    """A figure and the confidence interval around it.

    Parameters
    ----------
    estimate : float
        The figure itself.
    low, high : float
        The ends of the interval.
    """

    estimate: float
    low: float
    high: float


def bootstrap_interval(
    values: npt.ArrayLike,
    statistic: Literal["mean", "median"] = "mean",
    confidence: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Interval for the mean or median of values, one a query or item, by resampling them.

    The mean gets a bias-corrected and accelerated interval (BCa, Efron 1987; Efron and Tibshirani
    1993, section 14.3) up to `BCA_VALUES` values, and a percentile interval above. The median
    gets a percentile interval (Efron and Tibshirani, section 13.3), since the jackknife that BCa
    builds on fails for it (section 11.6).

    Parameters
    ----------
    values : array of float, shape (n,)
        At least two. They must be independent: several captions of one image are not, average
        over them first.
    statistic : {"mean", "median"}
        What to put the interval around.
    confidence : float
        Between 0 and 1: the share of such intervals that hold the true figure.
    resamples : int
        How many samples are drawn, at least 100.
    seed : int
        The same seed gives the same interval.

    Returns
    -------
    Interval
        Of no width when all values are alike: there is nothing to resample.

    Raises
    ------
    ValueError
        For fewer than two values, values that are not finite, or a setting that cannot be.
    """
    sample = finite("values", values)
    resamples = whole("resamples", resamples, least=100)  # the ends lie among the outermost 2.5%
    if len(sample) < 2:
        raise ValueError(f"an interval needs at least two values, got {len(sample)}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence lies between 0 and 1, got {confidence}")
    if statistic not in ("mean", "median"):
        raise ValueError(f"statistic is 'mean' or 'median', got {statistic!r}")
    if (sample == sample[0]).all():
        return Interval(float(sample[0]), float(sample[0]), float(sample[0]))
    function: Callable[..., Any] = np.mean if statistic == "mean" else np.median
    method = "BCa" if statistic == "mean" and len(sample) <= BCA_VALUES else "percentile"
    # Values a hair apart leave BCa dividing zero by zero, which the result shows.
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        ends = _resampled(sample, function, confidence, resamples, seed, method)
    if not np.isfinite(ends).all():
        ends = _resampled(sample, function, confidence, resamples, seed, "percentile")
    return Interval(float(function(sample)), *ends)


def _resampled(
    sample: npt.NDArray[np.float64],
    function: Callable[..., Any],
    confidence: float,
    resamples: int,
    seed: int,
    method: str,
) -> tuple[float, float]:
    found = stats.bootstrap(
        (sample,),
        function,
        confidence_level=confidence,
        n_resamples=resamples,
        batch=max(1, RESAMPLED_VALUES // len(sample)),
        method=method,
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return float(found.low), float(found.high)
