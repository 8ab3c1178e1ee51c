from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from sensorium.evaluation import comparison
from sensorium.evaluation.comparison import compare, holm, randomisation_test
from sensorium.evaluation.intervals import bootstrap_interval

Array = np.ndarray


def exact_share(a: Array, b: Array) -> float:
    """Every pattern of signs in turn, in whole numbers: no rounding, no arrays."""
    differences = [round(64 * (x - y)) for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    seen = abs(sum(differences))
    patterns = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    return sum(value >= seen for value in patterns) / len(patterns)


def pair(n: int, seed: int, shift: float = 0.0, steps: int = 64) -> tuple[Array, Array]:
    """Values in 64ths, of which a few steps make ties common."""
    rng = np.random.default_rng(seed)
    b = rng.integers(0, steps, n) / 64
    return b + rng.integers(-steps // 2, steps // 2 + 1, n) / 64 + shift, b


def check_exact(test: Callable[..., float]) -> None:
    for n in (1, 2, 3, 5, 8, 10):
        for seed, steps in ((0, 64), (1, 2), (2, 4)):
            a, b = pair(n, seed, shift=seed / 4, steps=steps)
            assert test(a, b) == pytest.approx(exact_share(a, b), rel=1e-12), f"n = {n}"


def check_drawn(test: Callable[..., float]) -> None:
    """Few patterns drawn: every p-value is a whole number of them, and none is 0."""
    for n, shift in ((30, 0.0), (30, 5.0), (200, 1.0), (14, 9.0)):
        p = test(*pair(n, 3, shift=shift), 99)
        assert p >= 0.01 - 1e-12
        assert p * 100 == pytest.approx(round(p * 100))
        assert p <= 0.02 or shift == 0


def test_few_queries_are_tested_exactly() -> None:
    check_exact(randomisation_test)


def test_a_p_value_is_never_zero() -> None:
    check_drawn(randomisation_test)


def signs(a: Array, b: Array, permutations: int, seed: int) -> tuple[Array, float]:
    differences = np.asarray(a) - np.asarray(b)
    if 2 ** len(differences) <= permutations:
        flips = np.array(list(product((-1, 1), repeat=len(differences))))
    else:
        flips = np.random.default_rng(seed).choice((-1, 1), (permutations, len(differences)))
    return flips @ differences, differences.sum()


def one_sided(a: Array, b: Array, permutations: int = 10_000, seed: int = 0) -> float:
    sums, seen = signs(a, b, permutations, seed)
    return float((sums >= seen - 1e-9).mean())


def strict(a: Array, b: Array, permutations: int = 10_000, seed: int = 0) -> float:
    sums, seen = signs(a, b, permutations, seed)
    return float((np.abs(sums) > abs(seen) + 1e-9).mean())


def without_the_pattern_seen(
    a: Array, b: Array, permutations: int = 10_000, seed: int = 0
) -> float:
    sums, seen = signs(a, b, permutations, seed)
    return float((np.abs(sums) >= abs(seen) - 1e-9).mean())


def unpaired(a: Array, b: Array, permutations: int = 10_000, seed: int = 0) -> float:
    both = np.concatenate([a, b])
    rng = np.random.default_rng(seed)
    hits = 0
    for _ in range(200):
        mixed = rng.permutation(both)
        hits += abs(mixed[: len(a)].sum() - mixed[len(a) :].sum()) >= abs(a.sum() - b.sum())
    return (hits + 1) / 201


@pytest.mark.parametrize("broken", [one_sided, strict, unpaired])
def test_a_broken_test_is_caught_by_enumeration(broken: Callable[..., float]) -> None:
    with pytest.raises(AssertionError, match="n = "):
        check_exact(broken)


@pytest.mark.parametrize("broken", [without_the_pattern_seen, strict])
def test_a_p_value_of_zero_is_caught(broken: Callable[..., float]) -> None:
    with pytest.raises(AssertionError):
        check_drawn(broken)


@pytest.mark.parametrize(("n", "shift"), [(13, 0.2), (14, 0.2), (60, 0.0), (60, 0.05)])
def test_same_as_the_sign_flips_of_scipy(n: int, shift: float) -> None:
    a, b = pair(n, n, shift)
    wanted = stats.permutation_test(
        (a - b,),
        lambda d, axis: np.abs(d.mean(axis=axis)),
        permutation_type="samples",
        alternative="greater",
        n_resamples=10_000,
        rng=np.random.default_rng(9),
    ).pvalue
    # 2**13 patterns are all tried; of more, 10,000 are drawn, which moves p by up to 0.02.
    got = randomisation_test(a, b, seed=8)
    assert got == pytest.approx(wanted, abs=1e-9 if n == 13 else 0.02)


@pytest.mark.parametrize("shift", [0.0, 0.02, 0.04, 0.06])
def test_many_queries_agree_with_the_t_test(shift: float) -> None:
    rng = np.random.default_rng(5)
    b = rng.random(400)
    a = b + rng.normal(size=400) * 0.4 + shift
    wanted = stats.ttest_rel(a, b).pvalue
    assert randomisation_test(a, b) == pytest.approx(wanted, abs=0.015)


@pytest.mark.parametrize("n", [9, 40])
def test_p_is_uniform_where_there_is_no_difference(n: int) -> None:
    """At every level no more than that share is rejected, but for chance, and not far fewer."""
    rng = np.random.default_rng(6)
    p = np.array(
        [
            randomisation_test(*rng.exponential(size=(2, n)), permutations=600, seed=seed)
            for seed in range(600)
        ]
    )
    for level in (0.05, 0.1, 0.25, 0.5, 0.75):
        deviation = np.sqrt(level * (1 - level) / len(p))
        assert abs((p <= level).mean() - level) < 3.5 * deviation + 1 / 2**8


@settings(max_examples=40, derandomize=True, deadline=None)
@given(st.integers(1, 30), st.integers(0, 1000), st.floats(-1, 1))
def test_neither_the_order_nor_the_side_matters(n: int, seed: int, shift: float) -> None:
    a, b = pair(n, seed, shift)
    p = randomisation_test(a, b, 256, seed)
    assert 0 < p <= 1
    assert p == randomisation_test(b, a, 256, seed)
    if n <= 8:
        order = np.random.default_rng(seed).permutation(n)
        assert p == randomisation_test(a[order], b[order], 256, seed)


def test_all_patterns_are_tried_where_they_are_no_more_than_allowed() -> None:
    ahead = np.arange(1, 8), np.zeros(7)
    assert randomisation_test(*ahead, 128) == 2 / 128
    drawn = randomisation_test(*ahead, 100) * 101
    assert drawn == pytest.approx(round(drawn))


def test_sums_equal_but_for_rounding_count_as_equal() -> None:
    # As floats 0.1 + 0.2 + 0.3 depends on the order: the two patterns of one sign are the most
    # extreme, and both must count.
    assert randomisation_test([0.3, 0.2, 0.1], [0, 0, 0]) == 0.25
    assert randomisation_test([0.1, 0.2, 0.3], [0, 0, 0]) == 0.25
    # 0.1 + 0.2 - 0.3 is 5.6e-17 and should be 0: every pattern is as extreme.
    assert randomisation_test([0.1, 0.2, 0.0], [0.0, 0.0, 0.3]) == 1


def test_no_difference_at_all() -> None:
    for n in (1, 5, 50):
        assert randomisation_test(np.ones(n), np.ones(n)) == 1


@pytest.mark.parametrize("n", [11, 50])
def test_trying_patterns_in_parts_changes_nothing(n: int, monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = pair(n, 7)
    at_once = randomisation_test(a, b, 4096)
    # Parts of whole words of random bits, so that the same patterns are drawn.
    for part in (4, 128, 1000):
        monkeypatch.setattr(comparison, "FLIPPED_VALUES", part * n)
        assert randomisation_test(a, b, 4096) == at_once


def check_holm(adjust: Callable[[Any], Array]) -> None:
    """Worked by hand: sorted p-values times m, m - 1, ..., never falling, at most 1."""
    for given_values, wanted in [
        ([0.01, 0.04, 0.03, 0.005], [0.03, 0.06, 0.06, 0.02]),
        ([0.001, 0.5, 0.9], [0.003, 1.0, 1.0]),
        # 5 x 0.01, 4 x 0.012 (less, so 0.05 again), 3 x 0.03, 2 x 0.04 (again), 0.2.
        ([0.04, 0.2, 0.01, 0.012, 0.03], [0.09, 0.2, 0.05, 0.05, 0.09]),
        ([0.02, 0.02], [0.04, 0.04]),
        ([0.7, 0.6], [1.0, 1.0]),
        ([0.3], [0.3]),
        ([], []),
        ([0.0, 1.0], [0.0, 1.0]),
    ]:
        np.testing.assert_allclose(adjust(given_values), wanted, rtol=1e-12)


def bonferroni(p: Any) -> Array:
    return np.minimum(np.asarray(p) * len(p), 1)


def falling(p: Any) -> Array:
    values = np.asarray(p, float)
    ranks = np.argsort(np.argsort(values))
    return np.minimum(values * (len(values) - ranks), 1)


def hochberg(p: Any) -> Array:
    values = np.asarray(p, float)
    order = np.argsort(values)
    scaled = values[order] * np.arange(len(values), 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(adjusted, 1)


def in_sorted_order(p: Any) -> Array:
    return np.sort(holm(p))


def unclipped(p: Any) -> Array:
    values = np.sort(np.asarray(p, float))
    scaled = np.maximum.accumulate(values * np.arange(len(values), 0, -1))
    adjusted = np.empty_like(values)
    adjusted[np.argsort(p)] = scaled
    return adjusted


def test_holm_by_hand() -> None:
    check_holm(holm)
    assert holm([1, 0]).dtype == np.float64


@pytest.mark.parametrize("broken", [bonferroni, falling, hochberg, in_sorted_order, unclipped])
def test_a_broken_adjustment_is_caught(broken: Callable[[Any], Array]) -> None:
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_holm(broken)


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_keeps_order_and_lies_between_p_and_bonferroni(p: list[float]) -> None:
    adjusted = holm(p)
    assert (adjusted >= p).all()
    assert (adjusted <= bonferroni(p) + 1e-12).all()
    order = np.argsort(p, kind="stable")
    assert (np.diff(adjusted[order]) >= 0).all()


def test_holm_errs_in_any_test_no_more_often_than_it_says() -> None:
    rng = np.random.default_rng(8)
    errors = np.mean([(holm(rng.random(6)) <= 0.05).any() for _ in range(4000)])
    assert 0.035 < errors < 0.06


def test_a_comparison_joins_the_interval_and_the_test() -> None:
    a, b = pair(40, 9, shift=0.1)
    got = compare(a, b, confidence=0.9, seed=5)
    interval = bootstrap_interval(a - b, confidence=0.9, seed=5)
    assert (got.difference, got.low, got.high) == dataclasses.astuple(interval)
    assert got.difference == pytest.approx(a.mean() - b.mean())
    assert got.p == randomisation_test(a, b, seed=5)
    assert got == compare(a.tolist(), b.tolist(), 0.9, 5)
    back = compare(b, a, confidence=0.9, seed=5)
    assert back.difference == pytest.approx(-got.difference)
    assert back.p == got.p
    with pytest.raises(dataclasses.FrozenInstanceError):
        got.p = 0.0  # type: ignore[misc]


@pytest.mark.parametrize(("shift", "apart"), [(0.0, False), (0.3, True), (-0.3, True)])
def test_the_interval_and_the_p_value_agree(shift: float, apart: bool) -> None:
    got = compare(*pair(60, 10, shift))
    assert (got.p < 0.05) == (not got.low <= 0 <= got.high) == apart


@pytest.mark.parametrize("function", [randomisation_test, compare])
@pytest.mark.parametrize(
    ("a", "b", "message"),
    [
        ([1, 2], [1, 2, 3], "one value for each of the same queries, got 2 and 3"),
        ([1, 2], [1], "got 2 and 1"),
        ([], [], "needs values, got none"),
        ([1, np.nan], [1, 2], "a must be finite, got nan at place 1"),
        ([1, 2], [np.inf, 2], "b must be finite, got inf at place 0"),
        ([[1], [2]], [[1], [2]], "a is one-dimensional"),
    ],
)
def test_what_cannot_be_compared(
    function: Callable[..., Any], a: Any, b: Any, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        function(a, b)


def test_settings_that_cannot_be() -> None:
    for permutations in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="permutations is a whole number of at least 1"):
            randomisation_test([1, 2], [2, 3], permutations)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least two values"):
        compare([1], [2])
    for p in ([-0.1], [1.1]):
        with pytest.raises(ValueError, match="p-values lie in 0 to 1"):
            holm(p)
    with pytest.raises(ValueError, match="finite"):
        holm([0.1, np.nan])
