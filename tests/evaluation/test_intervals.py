from __future__ import annotations

import dataclasses
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special, stats

from sensorium.evaluation import intervals
from sensorium.evaluation.intervals import BCA_VALUES, Interval, bootstrap_interval

Array = np.ndarray
STATISTICS: list[Literal["mean", "median"]] = ["mean", "median"]


def bca_by_its_formulas(values: Array, resamples: int, seed: int) -> tuple[float, float]:
    """Efron and Tibshirani 1993, equations 14.10, 14.14 and 14.15, for the mean.

    Leaving out a value moves a mean by the value's distance from it over n - 1, so the
    acceleration needs no jackknife.
    """
    rng = np.random.default_rng(seed)
    n = len(values)
    means = np.sort(values[rng.integers(0, n, (resamples, n))].mean(axis=1))
    below = (means < values.mean()).mean() + (means == values.mean()).mean() / 2
    shift = special.ndtri(below)
    away = values - values.mean()
    acceleration = (away**3).sum() / (6 * (away**2).sum() ** 1.5)
    reach = shift + special.ndtri(np.array([0.025, 0.975]))
    low, high = np.quantile(means, special.ndtr(shift + reach / (1 - acceleration * reach)))
    return float(low), float(high)


def width(interval: Interval) -> float:
    return interval.high - interval.low


@pytest.mark.parametrize("n", [10, 100, 1000])
@pytest.mark.parametrize("kind", ["normal", "skewed", "hits"])
def test_the_interval_of_a_mean_is_bca(kind: str, n: int) -> None:
    rng = np.random.default_rng(0)
    values = {
        "normal": rng.normal(size=n),
        "skewed": rng.exponential(size=n),
        "hits": (np.arange(n) % 5 == 0).astype(float),
    }[kind]
    got = bootstrap_interval(values, resamples=10_000, seed=1)
    low, high = bca_by_its_formulas(values, 10_000, seed=2)
    # Other draws: the ends of two such intervals differ by a few hundredths of their width, and
    # means of zeros and ones by at least one step.
    tolerance = max(0.06 * (high - low), 1.01 / n if kind == "hits" else 0)
    assert got.estimate == pytest.approx(values.mean())
    assert got.low == pytest.approx(low, abs=tolerance)
    assert got.high == pytest.approx(high, abs=tolerance)


def test_bca_leans_to_the_long_tail() -> None:
    values = np.random.default_rng(1).lognormal(sigma=1.2, size=40)
    got = bootstrap_interval(values)
    assert got.high - got.estimate > 1.3 * (got.estimate - got.low)


def test_above_its_limit_bca_gives_way_to_percentiles(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(1).lognormal(sigma=1.2, size=40)
    default = bootstrap_interval(values, resamples=10_000)
    monkeypatch.setattr(intervals, "BCA_VALUES", 40)
    assert bootstrap_interval(values, resamples=10_000) == default
    monkeypatch.setattr(intervals, "BCA_VALUES", 39)
    got = bootstrap_interval(values, resamples=10_000)
    means = np.random.default_rng(2).choice(values, (10_000, 40)).mean(axis=1)
    wanted = np.quantile(means, [0.025, 0.975])
    np.testing.assert_allclose([got.low, got.high], wanted, atol=0.06 * width(got))
    assert default.high - got.high > 0.06 * width(got)


@pytest.mark.parametrize("n", [BCA_VALUES - 1, BCA_VALUES + 1, 30_000])
def test_many_values_agree_with_the_normal_interval(n: int) -> None:
    values = np.random.default_rng(2).random(n)
    got = bootstrap_interval(values, resamples=400)
    half = 1.96 * values.std(ddof=1) / np.sqrt(n)
    assert got.estimate - got.low == pytest.approx(half, rel=0.2)
    assert got.high - got.estimate == pytest.approx(half, rel=0.2)


def test_the_interval_of_a_median_is_that_of_order_statistics() -> None:
    """The percentile interval of a median tends to the exact one (Efron 1979, section 3)."""
    values = np.random.default_rng(3).normal(size=201)
    got = bootstrap_interval(values, "median", resamples=10_000)
    ordered = np.sort(values)
    # Chance that the median of a resample is the j-th value or a smaller one.
    chances = stats.binom.sf(100, 201, np.arange(1, 202) / 201)
    assert got.estimate == np.median(values)
    near = [np.searchsorted(chances, level) for level in (0.015, 0.035, 0.965, 0.985)]
    assert ordered[near[0]] <= got.low <= ordered[near[1]]
    assert ordered[near[2]] <= got.high <= ordered[near[3]]


@pytest.mark.parametrize(
    ("statistic", "truth", "least"), [("mean", 1.0, 0.90), ("median", np.log(2), 0.90)]
)
def test_intervals_hold_the_truth_as_often_as_they_say(
    statistic: Literal["mean", "median"], truth: float, least: float
) -> None:
    """Skewed values, 60 a time: 95% intervals, of 300 at least 90 in a hundred hold the truth."""
    rng = np.random.default_rng(4)
    held = 0
    for seed in range(300):
        got = bootstrap_interval(rng.exponential(size=60), statistic, resamples=300, seed=seed)
        held += got.low <= truth <= got.high
    assert least <= held / 300 <= 0.985


def test_more_confidence_takes_more_room() -> None:
    values = np.random.default_rng(5).random(50)
    widths = [width(bootstrap_interval(values, confidence=c)) for c in (0.5, 0.8, 0.95, 0.99)]
    assert widths == sorted(widths)
    assert widths[0] * 2 < widths[-1]


@settings(max_examples=30, derandomize=True, deadline=None)
@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30),
    st.sampled_from(STATISTICS),
    st.integers(0, 100),
)
def test_ends_lie_in_order_among_the_values(
    values: list[float], statistic: Literal["mean", "median"], seed: int
) -> None:
    got = bootstrap_interval(values, statistic, resamples=200, seed=seed)
    slack = 1e-9 * max(map(abs, values))
    assert min(values) - slack <= got.low <= got.high <= max(values) + slack
    again = bootstrap_interval(values, statistic, resamples=200, seed=seed)
    assert got == again


def test_a_seed_gives_one_interval_and_another_another() -> None:
    values = np.random.default_rng(6).random(50)
    assert bootstrap_interval(values, seed=3) == bootstrap_interval(list(values), seed=3)
    assert bootstrap_interval(values, seed=3) != bootstrap_interval(values, seed=4)


@pytest.mark.parametrize("statistic", STATISTICS)
def test_drawing_in_parts_changes_nothing(
    statistic: Literal["mean", "median"], monkeypatch: pytest.MonkeyPatch
) -> None:
    values = np.random.default_rng(7).random(90)
    at_once = bootstrap_interval(values, statistic, resamples=1001)
    for part in (1, 1000, 9001):
        monkeypatch.setattr(intervals, "RESAMPLED_VALUES", part)
        assert bootstrap_interval(values, statistic, resamples=1001) == at_once


@pytest.mark.parametrize("statistic", STATISTICS)
def test_values_all_alike_give_an_interval_of_no_width(
    statistic: Literal["mean", "median"],
) -> None:
    # The mean of three times 0.1 is not 0.1.
    for value in (0.1, 0.0, 1.0, -3e300):
        got = bootstrap_interval([value] * 3, statistic)
        assert got == Interval(value, value, value)


@pytest.mark.filterwarnings("error")
def test_values_almost_alike_fall_back_to_percentiles() -> None:
    # Squares of these differences are 0 in float64, and BCa divides by their sum.
    got = bootstrap_interval(np.array([1, 2, 3, 4]) * 1e-200)
    assert 1e-200 <= got.low < got.estimate < got.high <= 4e-200


def test_an_interval_stays_as_it_is() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        bootstrap_interval([0, 1]).low = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"values": []}, "at least two values, got 0"),
        ({"values": [1.0]}, "at least two values, got 1"),
        ({"values": [1.0, np.nan]}, "values must be finite, got nan at place 1"),
        ({"values": [np.inf, 1.0]}, "values must be finite, got inf at place 0"),
        ({"values": [[1.0, 2.0]]}, "one-dimensional"),
        ({"confidence": 0}, "confidence lies between 0 and 1, got 0"),
        ({"confidence": 1}, "confidence lies between 0 and 1, got 1"),
        ({"confidence": 95}, "confidence lies between 0 and 1, got 95"),
        ({"confidence": np.nan}, "confidence lies between 0 and 1, got nan"),
        ({"resamples": 99}, "resamples is a whole number of at least 100, got 99"),
        ({"resamples": 2e3}, "resamples is a whole number"),
        ({"statistic": "mode"}, "statistic is 'mean' or 'median', got 'mode'"),
    ],
)
def test_what_has_no_interval(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(**({"values": [1.0, 2.0]} | change))
