"""Is one system better than another? Paired tests over the same queries or items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sensorium.evaluation.checks import finite, whole
from sensorium.evaluation.intervals import bootstrap_interval

FLIPPED_VALUES = 1 << 20
"""Differences whose signs are flipped at a time: 8 MB."""


@dataclass(frozen=True)
class Comparison:
    """What system a gains over system b on the same queries or items.

    Parameters
    ----------
    difference : float
        Mean of a minus mean of b.
    low, high : float
        The ends of the confidence interval of the difference.
    p : float
        How probable a difference at least this large would be if the systems were alike.
    """

    difference: float
    low: float
    high: float
    p: float


def randomisation_test(
    a: npt.ArrayLike, b: npt.ArrayLike, permutations: int = 10_000, seed: int = 0
) -> float:
    """Two-sided paired test of the difference in means, by flipping signs.

    If the systems were alike, each query's two values might as well be swapped, which flips the
    sign of their difference (Fisher 1935, section 21; Smucker, Allan and Carterette 2007). Where
    all patterns of signs are no more than `permutations`, each is tried and the p-value is exact.

    Parameters
    ----------
    a, b : array of float, shape (n,)
        The metric of both systems for the same queries, in the same order.
    permutations : int
        How many patterns of signs are drawn.
    seed : int
        The same seed gives the same p-value.

    Returns
    -------
    float
        The share of patterns with a mean difference at least as far from zero as the one seen.
        The pattern seen counts as one of them, so it is never 0 (Phipson and Smyth 2010).

    Raises
    ------
    ValueError
        For lengths that differ, no values or values that are not finite, or `permutations` below
        1.
    """
    differences = _differences(a, b)
    permutations = whole("permutations", permutations)
    n = len(differences)
    exact = n < permutations.bit_length()  # 2**n <= permutations
    exact = n < permutations.bit_length()  # 2**n <= permutations
    total = 2**n if exact else permutations
    seen = differences.sum()
    # Sums of the same numbers in another order differ by rounding, and must count as equal.
    rounding = 1e-12 * np.abs(differences).sum()
    rng = np.random.default_rng(seed)
    chunk = max(1, FLIPPED_VALUES // n)
    hits = 0
    for start in range(0, total, chunk):
        rows = min(chunk, total - start)
        if exact:
            flips = np.arange(start, start + rows)[:, np.newaxis] >> np.arange(n) & 1
        else:
            flips = rng.integers(0, 2, (rows, n), dtype=np.int8)
        sums = seen - 2 * (flips.astype(np.float64) @ differences)
        hits += int((np.abs(sums) >= abs(seen) - rounding).sum())
    return hits / total if exact else (hits + 1) / (total + 1)


def holm(p_values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Adjust the p-values of several tests so that together they err no more often than one.

    Holm's step-down method (1979) holds for tests that depend on each other in any way, and is
    never weaker than Bonferroni's.

    Parameters
    ----------
    p_values : array of float, shape (m,)
        In 0 to 1.

    Returns
    -------
    ndarray of float64, shape (m,)
        In the same order. Those below a level such as 0.05 are significant at it.

    Raises
    ------
    ValueError
        For values outside 0 to 1.
    """
    values = finite("p_values", p_values)
    if ((values < 0) | (values > 1)).any():
        raise ValueError(f"p-values lie in 0 to 1, got {values.tolist()}")
    order = np.argsort(values)
    scaled = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted


def corrected(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The same comparisons, with p-values that `holm` adjusted for their number."""
    if not comparisons:
        return []
    adjusted = holm([one.p for one in comparisons]).tolist()
    return [replace(one, p=p) for one, p in zip(comparisons, adjusted, strict=True)]


def compare(
    a: npt.ArrayLike, b: npt.ArrayLike, confidence: float = 0.95, seed: int = 0
) -> Comparison:
    """The mean difference between two systems, its bootstrap interval, and its p-value.

    Parameters
    ----------
    a, b : array of float, shape (n,)
        The metric of both systems for the same queries, in the same order; at least two.
    confidence : float
        Of the interval, between 0 and 1.
    seed : int
        The same seed gives the same comparison.

    Returns
    -------
    Comparison
        Of a minus b.

    Raises
    ------
    ValueError
        For lengths that differ, fewer than two values or values that are not finite, or a
        `confidence` that cannot be.
    """
    interval = bootstrap_interval(_differences(a, b), "mean", confidence, seed=seed)
    p = randomisation_test(a, b, seed=seed)
    return Comparison(interval.estimate, interval.low, interval.high, p)


def _differences(a: npt.ArrayLike, b: npt.ArrayLike) -> npt.NDArray[np.float64]:
    first, second = finite("a", a), finite("b", b)
    if len(first) != len(second):
        raise ValueError(
            f"a and b hold one value for each of the same queries, got {len(first)} and "
            f"{len(second)} values"
        )
    if not len(first):
        raise ValueError("a comparison needs values, got none")
    return first - second
