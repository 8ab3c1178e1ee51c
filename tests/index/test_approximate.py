"""What every index promises, on vectors as encoders make them: many near duplicates."""

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from sensorium.errors import UsageError
from sensorium.index.base import Index
from sensorium.index.exact import ExactIndex
from sensorium.index.kinds import build_index, load_index
from sensorium.index.tuning import candidates, choose, measure, recall_of, truth, tune

ROWS, DIMENSION = 6000, 64
KINDS: list[dict[str, Any]] = [
    {"kind": "exact"},
    {"kind": "ivf"},
    {"kind": "hnsw", "refine": "sq8"},
    {"kind": "hnsw", "refine": "fp16"},
]
Vectors = npt.NDArray[np.float32]


def unit(vectors: npt.NDArray[Any]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    """Clusters on a few directions, off the origin, as embeddings are."""
    rng = np.random.default_rng(5)
    centres = rng.normal(size=(300, 16)) @ rng.normal(size=(16, DIMENSION)) + 2
    return unit(centres[rng.integers(300, size=ROWS)] + rng.normal(size=(ROWS, DIMENSION)))


@pytest.fixture(scope="module")
def queries(vectors: Vectors) -> Vectors:
    rng = np.random.default_rng(6)
    first, second = rng.integers(ROWS, size=(2, 100))
    return unit(0.7 * vectors[first] + 0.3 * vectors[second])


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: "-".join(kind.values()))
def index(request: pytest.FixtureRequest, vectors: Vectors, queries: Vectors) -> Index:
    made = build_index(vectors, request.param)
    tune(made, vectors, [queries], 0.97)
    return made


def test_recall_tells_how_sure_it_is(vectors: Vectors, queries: Vectors) -> None:
    least = truth(vectors, queries)
    poor = build_index(vectors, {"kind": "ivf", "probes": 2, "depth": 20})
    found = poor.search(queries, 10).rows
    right = np.einsum("qkd,qd->qk", vectors[found], queries) >= least[:, None] - 1e-6
    shares = right.mean(axis=1)
    measured = recall_of(poor, vectors, [queries], [least])
    assert measured.mean == pytest.approx(shares.mean()) and measured.mean < 0.97
    assert measured.sure == pytest.approx(shares.mean() - shares.std() / 10)
    few = recall_of(poor, vectors, [queries[:25]], [least[:25]])
    assert few.mean - few.sure == pytest.approx(shares[:25].std() / 5)
    perfect = recall_of(ExactIndex(vectors), vectors, [queries], [least])
    assert perfect.mean == perfect.sure == 1


def test_finds_what_was_promised(index: Index, vectors: Vectors, queries: Vectors) -> None:
    assert recall_of(index, vectors, [queries], [truth(vectors, queries)]).mean >= 0.95
    rows, scores = index.search(queries, 10)
    assert rows.shape == scores.shape == (100, 10)
    assert (np.diff(scores, axis=1) <= 1e-6).all()
    cosines = np.einsum("qkd,qd->qk", vectors[rows], queries)
    assert np.abs(cosines - scores).max() < 0.01


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("near", [False, True], ids=["at random", "by content"])
def test_a_filter_keeps_its_recall(
    index: Index, vectors: Vectors, queries: Vectors, share: float, near: bool
) -> None:
    rng = np.random.default_rng(7)
    liking = vectors @ vectors[0] if near else rng.random(ROWS)
    allowed = liking >= np.quantile(liking, 1 - share)
    rows, _ = index.search(queries, 10, allowed)
    right = ExactIndex(vectors).search(queries, 10, allowed).rows
    assert allowed[rows[rows >= 0]].all()
    found = [len(set(a) & set(b) - {-1}) for a, b in zip(rows, right, strict=True)]
    assert sum(found) >= 0.95 * (right >= 0).sum()


@pytest.mark.parametrize("k", [1, 100, ROWS, ROWS + 5])
def test_any_k(index: Index, vectors: Vectors, queries: Vectors, k: int) -> None:
    rows, scores = index.search(queries[:3], k)
    assert rows.shape == (3, k)
    for line, cosines in zip(rows, scores, strict=True):
        found = line[line >= 0]
        assert len(set(found.tolist())) == len(found) >= 0.9 * min(k, ROWS)
        assert (line[len(found) :] == -1).all() and np.isneginf(cosines[len(found) :]).all()


def test_nothing_allowed(index: Index, queries: Vectors) -> None:
    rows, scores = index.search(queries[:2], 5, np.zeros(ROWS, bool))
    assert (rows == -1).all() and np.isneginf(scores).all()


def test_saved_and_loaded_it_is_the_same(index: Index, queries: Vectors, tmp_path: Path) -> None:
    index.save(tmp_path)
    facts = index.describe()
    again = load_index(tmp_path, index.kind, facts["parameters"])
    assert again.describe() == facts
    if index.kind == "ivf":  # who loads it knows where full vectors are had from
        again.exact = index.exact  # type: ignore[attr-defined]
    for a, b in zip(index.search(queries, 10), again.search(queries, 10), strict=True):
        np.testing.assert_array_equal(a, b)


def test_one_at_a_time_or_together(index: Index, queries: Vectors) -> None:
    together = index.search(queries, 10).rows
    alone = np.concatenate([index.search(query[None], 10).rows for query in queries])
    assert (together == alone).mean() > 0.99  # equal scores may change places


def test_the_cheapest_that_finds_enough_is_chosen(vectors: Vectors, queries: Vectors) -> None:
    points = measure(vectors, [queries], 0.9, build_index, candidates(ROWS))
    assert {point.kind for point in points} == {"exact", "4bit", "ivf", "hnsw"}
    chosen = choose(points, 0.9, ROWS)
    assert chosen.recall >= 0.9
    with pytest.raises(ValueError, match="recall of"):
        choose([point for point in points if point.kind != "exact"], 1.1, ROWS)
    # However slow, only looking at all finds all.
    assert (
        choose([p for p in points if p.kind == "exact" or p.recall < 1], 1.0, ROWS).kind == "exact"
    )


def test_a_scan_loses_as_the_collection_grows(vectors: Vectors, queries: Vectors) -> None:
    points = measure(vectors, [queries], 0.9, build_index, candidates(ROWS))
    assert choose(points, 0.9, 1000 * ROWS).kind != "exact"


def test_an_odd_dimension(vectors: Vectors, queries: Vectors) -> None:
    odd, asked = unit(vectors[:2000, :63]), unit(queries[:, :63])
    index = build_index(odd, {"kind": "ivf", "probes": 64, "depth": 200})
    assert recall_of(index, odd, [asked], [truth(odd, asked)]).mean >= 0.95


def test_bad_kinds(vectors: Vectors) -> None:
    with pytest.raises(UsageError, match="unknown index 'tree'; known: exact"):
        build_index(vectors, {"kind": "tree"})
    with pytest.raises(ValueError, match="256 vectors, got 10"):
        build_index(vectors[:10], {"kind": "ivf"})
    with pytest.raises(ValueError, match="unknown refinement 'sq4'"):
        build_index(vectors, {"kind": "hnsw", "refine": "sq4"})
