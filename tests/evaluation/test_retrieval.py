from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import install_command
from sensorium.evaluation.retrieval import (
    average_precision,
    average_precision_at_r,
    first_ranks,
    ndcg_at,
    precision_at,
    rank_relevance,
    recall_at,
    reciprocal_rank,
    success_at,
)

Array = np.ndarray
Metric = Callable[..., Array]

SHAPES = [(1, 1), (3, 2), (7, 10), (40, 25), (4, 120)]
CUTOFFS = [1, 2, 3, 5, 10, 200]
SETTINGS = ["plain", "ties", "graded", "graded ties", "all alike", "float32", "missing"]


def problem(kind: str, shape: tuple[int, int], seed: int = 0) -> tuple[Array, Array]:
    """Scores and grades, at least one relevant item for every query."""
    rng = np.random.default_rng(seed)
    scores = rng.normal(size=shape)
    relevance: Array = rng.random(shape) < rng.uniform(0.1, 0.9, (shape[0], 1))
    relevance[np.arange(shape[0]), rng.integers(0, shape[1], shape[0])] = True
    if "ties" in kind:
        scores = rng.integers(0, max(2, shape[1] // 5), shape).astype(float)
    if "graded" in kind:
        relevance = relevance * rng.integers(1, 5, shape)
    if kind == "all alike":
        scores = np.full(shape, 0.5)
    if kind == "float32":
        scores = scores.astype(np.float32)
    if kind == "missing":
        scores[rng.random(shape) < 0.3] = np.nan
    return scores, relevance


def resolved(scores: Array, relevance: Array) -> list[list[int]]:
    """For each query its items from first to last, worked out with Python's own sort."""
    return [
        sorted(
            range(len(row)),
            key=lambda i: (math.isnan(row[i]), 0 if math.isnan(row[i]) else -row[i], grades[i]),
        )
        for row, grades in zip(scores.tolist(), relevance.tolist(), strict=True)
    ]


def trec_eval(measure: Any, scores: Array, relevance: Array) -> Array:
    """A measure of ir-measures for each query, given scores without ties."""
    ir_measures = pytest.importorskip("ir_measures")
    n = scores.shape[1]
    run = {
        f"q{q}": {f"d{item}": float(n - place) for place, item in enumerate(items)}
        for q, items in enumerate(resolved(scores, relevance))
    }
    judged = {
        f"q{q}": {f"d{i}": int(grade) for i, grade in enumerate(row)}
        for q, row in enumerate(relevance.tolist())
    }
    found = {m.query_id: m.value for m in ir_measures.iter_calc([measure], judged, run)}
    return np.array([found[f"q{q}"] for q in range(len(scores))])


def reference(name: str, scores: Array, relevance: Array, k: int) -> Array:
    """What ir-measures says of the metric of this name."""
    m = pytest.importorskip("ir_measures")
    if name == "average_precision_at_r":  # AP@k of ir-measures divides by R at any cutoff
        wanted = (relevance > 0).sum(axis=1)
        tables = {r: trec_eval(m.AP @ int(r), scores, relevance) for r in np.unique(wanted)}
        return np.array([tables[r][q] for q, r in enumerate(wanted)])
    if name == "first_ranks":
        return 1 / trec_eval(m.RR, scores, relevance)
    measures = {
        "success_at": m.Success @ k,
        "recall_at": m.R @ k,
        "precision_at": m.P @ k,
        "ndcg_at": m.nDCG @ k,
        "average_precision": m.AP,
        "reciprocal_rank": m.RR,
    }
    return trec_eval(measures[name], scores, relevance)


METRICS: dict[str, Metric] = {
    "success_at": success_at,
    "recall_at": recall_at,
    "precision_at": precision_at,
    "ndcg_at": ndcg_at,
    "average_precision": average_precision,
    "average_precision_at_r": average_precision_at_r,
    "reciprocal_rank": reciprocal_rank,
    "first_ranks": first_ranks,
}


def check(name: str, metric: Metric, rank: Metric, kind: str, shape: tuple[int, int]) -> None:
    """Fails unless metric and ranking together say what trec_eval says."""
    scores, relevance = problem(kind, shape)
    for k in CUTOFFS if name.endswith("_at") else [0]:
        got = metric(rank(scores, relevance), *([k] if k else []))
        assert got.dtype == np.float64
        wanted = reference(name, scores, relevance, k)
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12, err_msg=f"k = {k}")


@pytest.mark.parametrize("kind", SETTINGS)
@pytest.mark.parametrize("name", METRICS)
def test_same_as_trec_eval(name: str, kind: str) -> None:
    for shape in SHAPES:
        check(name, METRICS[name], rank_relevance, kind, shape)


# Deliberately broken implementations. Each must fail the check that the real one passes.


def ranked_optimistically(scores: Array, relevance: Array) -> Array:
    order = np.lexsort((-relevance.astype(float), -scores), axis=-1)
    return np.take_along_axis(relevance, order, axis=-1).astype(float)


def ranked_stably(scores: Array, relevance: Array) -> Array:
    order = np.argsort(-scores, axis=-1, kind="stable")
    return np.take_along_axis(relevance, order, axis=-1).astype(float)


def ranked_worst_first(scores: Array, relevance: Array) -> Array:
    order = np.lexsort((relevance, scores), axis=-1)
    return np.take_along_axis(relevance, order, axis=-1).astype(float)


def ranked_with_missing_first(scores: Array, relevance: Array) -> Array:
    return np.asarray(rank_relevance(np.nan_to_num(scores, nan=np.inf), relevance))


def one_more(metric: Metric) -> Metric:
    return lambda ranked, k: metric(ranked, k + 1)


def one_less(metric: Metric) -> Metric:
    return lambda ranked, k: metric(ranked, max(1, k - 1))


def recall_over_k(ranked: Array, k: int) -> Array:
    return np.asarray((ranked > 0)[:, :k].sum(axis=1) / k)


def recall_over_smaller(ranked: Array, k: int) -> Array:
    relevant = ranked > 0
    return np.asarray(relevant[:, :k].sum(axis=1) / np.minimum(k, relevant.sum(axis=1)))


def precision_over_items(ranked: Array, k: int) -> Array:
    return np.asarray((ranked > 0)[:, :k].mean(axis=1))


def precision_of_grades(ranked: Array, k: int) -> Array:
    return np.asarray(ranked[:, :k].sum(axis=1) / k)


def ndcg(ranked: Array, k: int, log: Any = np.log2, gain: Any = None, first: int = 2) -> Array:
    gain = gain or (lambda grades: grades)
    ideal = -np.sort(-ranked, axis=1)[:, :k]
    discounts = 1 / np.maximum(log(np.arange(first, ideal.shape[1] + first)), 1e-9)
    return np.asarray(
        (gain(ranked[:, :k]) * discounts).sum(axis=1) / (gain(ideal) * discounts).sum(axis=1)
    )


def ndcg_with_late_discount(ranked: Array, k: int) -> Array:
    """The first form of the metric: the discount log2(place), starting at the second place."""
    return ndcg(ranked, k, log=lambda places: np.maximum(1, np.log2(places - 1)))


def ndcg_ideal_of_what_is_seen(ranked: Array, k: int) -> Array:
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(ndcg(ranked[:, :k], k))


def average_precision_over_items(ranked: Array) -> Array:
    relevant = ranked > 0
    places = np.arange(1, ranked.shape[1] + 1)
    return np.asarray((relevant * relevant.cumsum(axis=1) / places).mean(axis=1))


def average_precision_from_zero(ranked: Array) -> Array:
    relevant = ranked > 0
    places = np.arange(1, ranked.shape[1] + 1) + 1
    return np.asarray((relevant * relevant.cumsum(axis=1) / places).sum(1) / relevant.sum(1))


def average_precision_at_r_over_found(ranked: Array) -> Array:
    relevant = ranked > 0
    places = np.arange(1, ranked.shape[1] + 1)
    counted = relevant & (places <= relevant.sum(axis=1)[:, np.newaxis])
    found = np.maximum(counted.sum(axis=1), 1)
    return np.asarray((counted * relevant.cumsum(axis=1) / places).sum(axis=1) / found)


def r_precision(ranked: Array) -> Array:
    relevant = ranked > 0
    wanted = relevant.sum(axis=1)
    places = np.arange(1, ranked.shape[1] + 1)
    return np.asarray((relevant & (places <= wanted[:, np.newaxis])).sum(axis=1) / wanted)


BROKEN_METRICS: list[tuple[str, Metric]] = [
    *[(name, wrong(METRICS[name])) for name in METRICS if name.endswith("_at")
      for wrong in (one_more, one_less)],
    ("success_at", recall_at),
    ("success_at", lambda ranked, k: (ranked[:, :k] > 1).any(axis=1).astype(float)),
    ("recall_at", success_at),
    ("recall_at", recall_over_k),
    ("recall_at", recall_over_smaller),
    ("precision_at", recall_at),
    ("precision_at", precision_over_items),
    ("precision_at", precision_of_grades),
    ("ndcg_at", partial(ndcg, log=lambda places: 1.0 * places)),
    ("ndcg_at", partial(ndcg, gain=lambda grades: 2**grades - 1)),
    ("ndcg_at", partial(ndcg, gain=lambda grades: 1.0 * (grades > 0))),
    ("ndcg_at", partial(ndcg, first=1)),
    ("ndcg_at", partial(ndcg, first=3)),
    ("ndcg_at", ndcg_with_late_discount),
    ("ndcg_at", ndcg_ideal_of_what_is_seen),
    ("average_precision", average_precision_at_r),
    ("average_precision", average_precision_over_items),
    ("average_precision", average_precision_from_zero),
    ("average_precision", reciprocal_rank),
    ("average_precision_at_r", average_precision),
    ("average_precision_at_r", average_precision_at_r_over_found),
    ("average_precision_at_r", r_precision),
    ("reciprocal_rank", average_precision),
    ("reciprocal_rank", lambda ranked: 1 / (first_ranks(ranked) + 1)),
    ("first_ranks", lambda ranked: first_ranks(ranked) - 1),
    ("first_ranks", lambda ranked: ranked.argmax(axis=1) + 1.0),
]  # fmt: skip


def test_the_reference_form_of_ndcg_is_right() -> None:
    """The broken forms of nDCG differ from this one in one thing each."""
    check("ndcg_at", ndcg, rank_relevance, "graded ties", (40, 25))


@pytest.mark.parametrize(("name", "broken"), BROKEN_METRICS)
def test_a_broken_metric_is_caught(name: str, broken: Metric) -> None:
    pytest.importorskip("ir_measures")
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        for shape in SHAPES:
            check(name, broken, rank_relevance, "graded ties", shape)


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize(
    ("rank", "kind"),
    [
        (ranked_optimistically, "ties"),
        (ranked_optimistically, "graded ties"),
        (ranked_optimistically, "all alike"),
        (ranked_stably, "ties"),
        (ranked_stably, "all alike"),
        (ranked_worst_first, "plain"),
        (ranked_with_missing_first, "missing"),
    ],
)
def test_a_broken_ranking_is_caught(name: str, rank: Metric, kind: str) -> None:
    pytest.importorskip("ir_measures")
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check(name, METRICS[name], rank, kind, (40, 25))


# What holds by definition, without a reference.


@settings(max_examples=100, derandomize=True, deadline=None)
@given(st.sampled_from(SETTINGS), st.integers(1, 6), st.integers(1, 30), st.integers(0, 10_000))
def test_no_order_of_the_items_changes_anything(kind: str, q: int, n: int, seed: int) -> None:
    scores, relevance = problem(kind, (q, n), seed)
    ranked = rank_relevance(scores, relevance)
    shuffled = np.random.default_rng(seed).permutation(n)
    again = rank_relevance(scores[:, shuffled], relevance[:, shuffled])
    np.testing.assert_array_equal(ranked, again)
    np.testing.assert_array_equal(np.sort(ranked), np.sort(relevance.astype(float)))
    wanted = [
        [row[i] for i in items]
        for row, items in zip(relevance.tolist(), resolved(scores, relevance), strict=True)
    ]
    np.testing.assert_array_equal(ranked, np.array(wanted, float))


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.sampled_from(SETTINGS), st.integers(2, 9), st.integers(1, 30), st.integers(0, 10_000))
def test_chunks_of_queries_give_what_all_give(kind: str, q: int, n: int, seed: int) -> None:
    scores, relevance = problem(kind, (q, n), seed)
    for name, metric in METRICS.items():
        k = (3,) if name.endswith("_at") else ()
        chunks = [
            metric(rank_relevance(scores[part], relevance[part]), *k)
            for part in (slice(0, 1), slice(1, q))
        ]
        whole = metric(rank_relevance(scores, relevance), *k)
        np.testing.assert_array_equal(np.concatenate(chunks), whole)


@settings(max_examples=50, derandomize=True, deadline=None)
@given(st.sampled_from(SETTINGS), st.integers(1, 6), st.integers(1, 30), st.integers(0, 10_000))
def test_how_the_metrics_relate(kind: str, q: int, n: int, seed: int) -> None:
    ranked = rank_relevance(*problem(kind, (q, n), seed))
    wanted = (ranked > 0).sum(axis=1)
    for k in (1, 2, n, n + 5):
        found = precision_at(ranked, k) * k
        np.testing.assert_allclose(recall_at(ranked, k) * wanted, found)
        np.testing.assert_array_equal(success_at(ranked, k), first_ranks(ranked) <= k)
    for metric in (partial(recall_at, k=n), partial(success_at, k=n)):
        np.testing.assert_array_equal(metric(ranked), np.ones(q))
    best = -np.sort(-ranked, axis=1)
    for metric in (average_precision, average_precision_at_r, reciprocal_rank, first_ranks):
        np.testing.assert_array_equal(metric(best), np.ones(q))
    np.testing.assert_allclose(ndcg_at(best, n), np.ones(q))
    assert (average_precision_at_r(ranked) <= average_precision(ranked) + 1e-12).all()


def test_the_table_of_musgrave_2020() -> None:
    """Ten relevant items; which of the first ten places hold one (the paper's toy example)."""
    ranked = np.zeros((4, 100))
    for query, places in enumerate([[1], [1, 10], [1, 2], range(1, 11)]):
        ranked[query, np.array(places) - 1] = 1
        ranked[query, 50 : 60 - len(places)] = 1
    np.testing.assert_allclose(average_precision_at_r(ranked), [0.10, 0.12, 0.20, 1.00])


def test_ndcg_by_hand() -> None:
    # Grades 3, 0, 2: (3 / 1 + 2 / 2) over (3 / 1 + 2 / log2(3)).
    got = ndcg_at(np.array([[3, 0, 2]]), 3)
    np.testing.assert_allclose(got, [4 / (3 + 2 / math.log2(3))])


def test_scoring_everything_alike_gains_nothing() -> None:
    relevance = np.zeros((5, 1000), bool)
    relevance[:, 0] = True  # where a stable sort would find it
    ranked = rank_relevance(np.ones((5, 1000)), relevance)
    assert success_at(ranked, 999).sum() == 0
    assert first_ranks(ranked).tolist() == [1000] * 5


@pytest.mark.parametrize("missing", [np.nan, -np.inf])
def test_what_has_no_score_ranks_last(missing: float) -> None:
    scores = np.array([[missing, -1e300, missing, np.inf]])
    ranked = rank_relevance(scores, np.array([[3, 2, 1, 4]]))
    assert ranked.tolist() == [[4, 2, 1, 3]]
    both = rank_relevance(np.array([[np.nan, -np.inf]]), np.array([[0, 1]]))
    assert both.tolist() == [[1, 0]]


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.float16, np.float32, bool])
def test_any_number_may_be_a_score(dtype: type) -> None:
    scores = np.array([[0, 1, 0, 1]], dtype)
    ranked = rank_relevance(scores, np.array([[4, 3, 2, 1]]))
    assert ranked.tolist() == [[1, 3, 2, 4]]
    assert ranked.dtype == np.float64


def test_no_queries_give_no_values() -> None:
    ranked = rank_relevance(np.empty((0, 5)), np.empty((0, 5)))
    for name, metric in METRICS.items():
        assert metric(ranked, *([1] if name.endswith("_at") else [])).shape == (0,)


@pytest.mark.parametrize("name", METRICS)
def test_a_query_without_a_relevant_item_is_named(name: str) -> None:
    k = [1] if name.endswith("_at") else []
    with pytest.raises(ValueError, match="query 2 has no relevant item"):
        METRICS[name](np.array([[1, 0], [0, 1], [0, 0], [0, 0]]), *k)
    with pytest.raises(ValueError, match="query 0 has no relevant item"):
        METRICS[name](np.empty((3, 0)), *k)


@pytest.mark.parametrize("name", [name for name in METRICS if name.endswith("_at")])
@pytest.mark.parametrize("k", [0, -1, 2.0, "3", None, True, np.nan])
def test_k_is_a_whole_number_of_at_least_one(name: str, k: Any) -> None:
    with pytest.raises(ValueError, match="k is a whole number of at least 1"):
        METRICS[name](np.ones((2, 3)), k)
    METRICS[name](np.ones((2, 3)), np.int32(2))


@pytest.mark.parametrize("grade", [-1, np.nan, np.inf])
def test_a_grade_is_zero_or_above(grade: float) -> None:
    grades = np.array([[1, 0], [1, grade]])
    with pytest.raises(ValueError, match=r"got (-1\.0|nan|inf) for query 1"):
        rank_relevance(np.zeros((2, 2)), grades)
    with pytest.raises(ValueError, match="for query 1"):
        average_precision(grades)


@pytest.mark.parametrize(("scores", "grades"), [((2, 3), (3, 2)), ((2, 3), (1, 3)), ((3,), (3,))])
def test_shapes_agree(scores: tuple[int, ...], grades: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="shape"):
        rank_relevance(np.ones(scores), np.ones(grades))


def test_metrics_need_only_numpy_and_the_rest_says_what_it_needs() -> None:
    program = """
import sys
sys.modules["scipy"] = sys.modules["matplotlib"] = None
import sensorium.evaluation.retrieval, sensorium.evaluation.classification
for name in ("intervals", "comparison"):
    try:
        __import__(f"sensorium.evaluation.{name}")
    except ImportError as error:
        print(type(error).__name__, error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    mend = f"MissingExtraError scipy is not installed; run: {install_command('evaluate')}"
    assert done.stdout.splitlines() == [mend, mend]
