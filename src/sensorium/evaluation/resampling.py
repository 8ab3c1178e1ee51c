"""Intervals and tests for samples that belong together, and for scores that are no plain mean.

Five captions of one picture are not five independent questions. They are drawn, and swapped
between two systems, together: a cluster bootstrap (Davison and Hinkley 1997, section 3.8) and a
randomisation test by clusters. A macro average is computed anew on every draw.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from sensorium.evaluation.classification import calibration_gap
from sensorium.evaluation.comparison import Comparison, compare, randomisation_test
from sensorium.evaluation.intervals import Interval, bootstrap_interval

CONFIDENCE = 0.95

RESAMPLES = 2000
"""Draws, as in `bootstrap_interval`; also of a randomisation test that can flip no signs."""

Values = npt.NDArray[np.float64]
Columns = tuple[npt.NDArray[np.int64] | Values, ...]
Statistic = Callable[[Columns, npt.NDArray[np.int64]], float]
"""From columns of shape (n,) and how often each row counts, shape (n,), to a score."""


def mean(columns: Columns, weights: npt.NDArray[np.int64]) -> float:
    """Mean of the only column."""
    return float(columns[0] @ weights / weights.sum())


def median(columns: Columns, weights: npt.NDArray[np.int64]) -> float:
    """Median of the only column."""
    order = np.argsort(columns[0], kind="stable")
    reached = np.cumsum(weights[order])
    low, high = np.searchsorted(reached, [(reached[-1] + 1) // 2, reached[-1] // 2 + 1])
    return float((columns[0][order[low]] + columns[0][order[high]]) / 2)


def macro(which: str, columns: Columns, weights: npt.NDArray[np.int64]) -> float:
    """Mean precision, recall or F1 of the classes that have items, as `precision_recall_f1`.

    The columns are the right and the predicted class numbers.
    """
    right, predicted = columns[0].astype(np.intp), columns[1].astype(np.intp)
    size = int(max(right.max(), predicted.max())) + 1
    count = partial(np.bincount, minlength=size)
    hits = count(right, weights * (right == predicted))
    items, chosen = count(right, weights), count(predicted, weights)
    total = {"precision": chosen, "recall": items, "f1": (chosen + items) / 2}[which]
    share = np.divide(hits, total, out=np.zeros(size), where=total > 0)
    return float(share[items > 0].mean())


def calibration_error(columns: Columns, weights: npt.NDArray[np.int64]) -> float:
    """Expected calibration error, as `expected_calibration_error`.

    The columns are the probability of the predicted class and whether it is right.
    """
    return calibration_gap(columns[0], columns[1], weights)  # type: ignore[arg-type]


def interval(
    statistic: Statistic,
    columns: Columns,
    *,
    seed: int,
    groups: npt.NDArray[np.intp] | None = None,
) -> Interval:
    """Percentile interval of a statistic.

    Parameters
    ----------
    statistic : callable
        `mean` and `median` of independent samples go through `bootstrap_interval`.
    columns : tuple of ndarray, shape (n,)
    seed : int
    groups : ndarray of int, shape (n,), optional
        Number of the group each sample belongs to; None where all are independent.
    """
    if groups is None and statistic in (mean, median):
        name = "mean" if statistic is mean else "median"
        return bootstrap_interval(columns[0], name, CONFIDENCE, RESAMPLES, seed)  # type: ignore[arg-type]
    n = len(columns[0])
    drawn = [statistic(columns, weights) for weights in _draws(n, groups, seed)]
    return Interval(statistic(columns, np.ones(n, np.int64)), *_ends(drawn))


def comparison(
    statistic: Statistic,
    a: Columns,
    b: Columns,
    *,
    seed: int,
    groups: npt.NDArray[np.intp] | None = None,
) -> Comparison:
    """Difference of a statistic between two systems on the same samples.

    The interval is the percentile bootstrap's, the p-value that of a paired randomisation test:
    the outcomes of both systems for a sample, or a group of them, are swapped at random.
    """
    if groups is None and statistic is mean:
        return compare(a[0], b[0], CONFIDENCE, seed)
    n = len(a[0])
    drawn = [statistic(a, w) - statistic(b, w) for w in _draws(n, groups, seed)]
    even = np.ones(n, np.int64)
    seen = statistic(a, even) - statistic(b, even)
    if statistic is mean and groups is not None:
        # The difference of sums is that of means, and its signs can be flipped all at once.
        ours, theirs = (np.bincount(groups, weights=columns[0]) for columns in (a, b))
        return Comparison(seen, *_ends(drawn), randomisation_test(ours, theirs, seed=seed))
    by_group = np.arange(n) if groups is None else groups
    rng = np.random.default_rng(seed)
    as_far = 0
    for _ in range(RESAMPLES):
        swap = (rng.random(int(by_group.max()) + 1) < 0.5)[by_group]
        mixed = [
            tuple(np.where(swap, y, x) for x, y in zip(one, other, strict=True))
            for one, other in ((a, b), (b, a))
        ]
        difference = statistic(mixed[0], even) - statistic(mixed[1], even)
        as_far += abs(difference) >= abs(seen) - 1e-12  # sums in another order differ by rounding
    return Comparison(seen, *_ends(drawn), (as_far + 1) / (RESAMPLES + 1))


def group_numbers(samples: Sequence[Mapping[str, object]]) -> npt.NDArray[np.intp] | None:
    """Numbers for the ``group`` of each sample; None where no two samples share one."""
    names = [str(sample.get("group", row)) for row, sample in enumerate(samples)]
    if len(set(names)) == len(names):
        return None
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.intp)


def _draws(
    n: int, groups: npt.NDArray[np.intp] | None, seed: int
) -> Iterator[npt.NDArray[np.int64]]:
    """How often each sample is drawn, `RESAMPLES` times."""
    rng = np.random.default_rng(seed)
    size = n if groups is None else int(groups.max()) + 1
    for _ in range(RESAMPLES):
        counts = np.bincount(rng.integers(0, size, size), minlength=size)
        yield counts if groups is None else counts[groups]


def _ends(drawn: Sequence[float]) -> tuple[float, float]:
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return float(low), float(high)
