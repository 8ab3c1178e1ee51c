from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium.errors import UsageError
from sensorium.index.coding import HashCoder
from sensorium.index.exact import top_k
from sensorium.index.hash import HashIndex


def unit(rows: np.ndarray) -> np.ndarray:
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    """Clusters, and every tenth vector the same as the one before it."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(60, 64))
    rows = unit(centres[rng.integers(0, 60, 4000)] + 0.6 * rng.normal(size=(4000, 64)))
    rows[9::10] = rows[8::10]
    return rows


@pytest.fixture(scope="module")
def queries() -> np.ndarray:
    return unit(np.random.default_rng(1).normal(size=(6, 64)))


@pytest.fixture(scope="module")
def coder(vectors: np.ndarray, queries: np.ndarray) -> HashCoder:
    return HashCoder.fit({"image": vectors, "text": queries}, bits=32)


def hamming(coder: HashCoder, vectors: np.ndarray, queries: np.ndarray) -> np.ndarray:
    a, b = coder.encode(queries, "text"), coder.encode(vectors, "image")
    return np.bitwise_count(a[:, None] ^ b[None]).sum(axis=-1)


def recall(rows: np.ndarray, wanted: np.ndarray) -> float:
    return float(np.mean([np.isin(w, r).mean() for r, w in zip(rows, wanted, strict=True)]))


@settings(max_examples=60, derandomize=True, deadline=None)
@given(
    share=st.sampled_from([None, 0.0, 0.001, 0.01, 0.1, 0.3, 0.5, 1.0]),
    k=st.sampled_from([1, 7, 300, 5000]),
    seed=st.integers(0, 99),
)
def test_codes_alone_rank_as_sorting_all_distances_does(
    vectors: np.ndarray,
    queries: np.ndarray,
    coder: HashCoder,
    share: float | None,
    k: int,
    seed: int,
) -> None:
    index = HashIndex.build(vectors, coder=coder, rerank=0)
    allowed = None if share is None else np.random.default_rng(seed).random(len(vectors)) < share
    rows, scores = index.search(queries, k, allowed)
    assert rows.shape == scores.shape == (len(queries), k)
    may = np.arange(len(vectors)) if allowed is None else np.flatnonzero(allowed)
    apart = hamming(coder, vectors[may], queries)
    order = np.argsort(apart, axis=1, kind="stable")[:, :k]
    width = order.shape[1]
    np.testing.assert_array_equal(rows[:, :width], may[order])
    nearest = np.take_along_axis(apart, order, axis=1)
    np.testing.assert_allclose(scores[:, :width], np.cos(np.pi * nearest / 32), atol=1e-6)
    assert (rows[:, width:] == -1).all()
    assert np.isneginf(scores[:, width:]).all()


@pytest.mark.parametrize("share", [None, 0.001, 0.01, 0.1, 0.5])
@pytest.mark.parametrize("scan", ["flat", "ivf"])
def test_ranking_every_candidate_again_is_exact_search(
    vectors: np.ndarray, queries: np.ndarray, coder: HashCoder, scan: str, share: float | None
) -> None:
    n = len(vectors)
    index = HashIndex.build(vectors, coder=coder, scan=scan, rerank=n, keep="float32")
    mask = np.random.default_rng(2).random(n) < (share or 1)
    rows, scores = index.search(queries, 20, None if share is None else mask)
    for number, query in enumerate(queries):
        wanted_rows, wanted_scores = top_k(vectors, query, 20, mask)
        width = len(wanted_rows)
        np.testing.assert_array_equal(rows[number, :width], wanted_rows)
        np.testing.assert_array_equal(scores[number, :width], wanted_scores)
        assert (rows[number, width:] == -1).all()


def test_eight_bits_rank_almost_as_the_vectors_do(
    vectors: np.ndarray, queries: np.ndarray, coder: HashCoder
) -> None:
    found = {}
    for keep in ("sq8", "float32"):
        index = HashIndex.build(vectors, coder=coder, rerank=300, keep=keep)
        found[keep] = index.search(queries, 20)
    assert recall(found["sq8"].rows, found["float32"].rows) >= 0.95
    np.testing.assert_allclose(found["sq8"].scores, found["float32"].scores, atol=0.01)
    assert (np.diff(found["sq8"].scores) <= 0).all()


def test_deeper_ranking_finds_more(
    vectors: np.ndarray, queries: np.ndarray, coder: HashCoder
) -> None:
    index = HashIndex.build(vectors, coder=coder, keep="float32")
    wanted = index.search(queries, 10, rerank=len(vectors)).rows
    recalls = [recall(index.search(queries, 10, rerank=n).rows, wanted) for n in (10, 200, 2000)]
    assert recalls == sorted(recalls)
    assert recalls[0] < recalls[-1]
    # As many as are wanted are ranked, however few were asked for.
    np.testing.assert_array_equal(
        index.search(queries, 200, rerank=1).rows, index.search(queries, 200, rerank=200).rows
    )


def test_equal_vectors_come_in_the_order_of_their_rows(coder: HashCoder) -> None:
    vectors = np.tile(unit(np.random.default_rng(3).normal(size=(1, 64))), (1003, 1))
    for keep in ("sq8", "float32"):
        for rerank in (0, 7, 1003):
            index = HashIndex.build(vectors, coder=coder, rerank=50, keep=keep)
            rows, scores = index.search(vectors[:1], 100, modality="image", rerank=rerank)
            assert rows[0].tolist() == list(range(100))
            assert len(np.unique(scores)) == 1


@pytest.mark.parametrize("radius", [0, 5, 12, 32])
@pytest.mark.parametrize("share", [None, 0.1])
def test_within_a_radius_is_what_counting_bits_finds(
    vectors: np.ndarray, queries: np.ndarray, coder: HashCoder, radius: int, share: float | None
) -> None:
    index = HashIndex.build(vectors, coder=coder, scan="ivf", rerank=0)
    allowed = None if share is None else np.random.default_rng(4).random(len(vectors)) < share
    apart = hamming(coder, vectors, queries)
    for line, near in zip(apart, index.radius(queries, radius, allowed=allowed), strict=True):
        inside = (line <= radius) & (True if allowed is None else allowed)
        order = np.argsort(line, kind="stable")
        np.testing.assert_array_equal(near.rows, order[inside[order]])
        np.testing.assert_array_equal(near.distances, line[near.rows])


@pytest.mark.parametrize("share", [None, 0.01, 0.5])
def test_lists_find_most_and_give_as_many_as_are_wanted(
    vectors: np.ndarray, queries: np.ndarray, coder: HashCoder, share: float | None
) -> None:
    allowed = None if share is None else np.random.default_rng(5).random(len(vectors)) < share
    flat = HashIndex.build(vectors, coder=coder)
    lists = HashIndex.build(vectors, coder=coder, scan="ivf", probes=32)
    wanted = flat.search(queries, 10, allowed).rows
    assert recall(lists.search(queries, 10, allowed).rows, wanted) >= 0.9
    lists.probes = 1
    rows = lists.search(queries, 3999, rerank=0).rows
    assert all(len(set(line)) == 3999 for line in rows.tolist())
    assert (rows >= 0).all()


@pytest.mark.parametrize(
    "parameters",
    [
        {"rerank": 0},
        {"keep": "sq8"},
        {"keep": "float32", "rerank": 37},
        {"scan": "ivf", "lists": 20, "probes": 3},
    ],
)
def test_saved_is_loaded_the_same_and_mapped(
    tmp_path: Path,
    vectors: np.ndarray,
    queries: np.ndarray,
    coder: HashCoder,
    parameters: dict[str, Any],
) -> None:
    built = HashIndex.build(vectors, coder=coder, **parameters)
    built.save(tmp_path)
    loaded = HashIndex.load(tmp_path)
    assert loaded.describe() == built.describe()
    kept = sum(file.stat().st_size for file in tmp_path.iterdir() if file.suffix != ".npz")
    assert kept == pytest.approx(built.describe()["bytes_per_vector"] * len(vectors), rel=0.05)
    allowed = np.arange(len(vectors)) % 3 == 0
    for mask in (None, allowed, np.arange(len(vectors)) < 9):
        before, after = built.search(queries, 12, mask), loaded.search(queries, 12, mask)
        np.testing.assert_array_equal(before.rows, after.rows)
        np.testing.assert_array_equal(before.scores, after.scores)
    for before, after in zip(built.radius(queries, 9), loaded.radius(queries, 9), strict=True):
        np.testing.assert_array_equal(before.rows, after.rows)
    mapped = Path("/proc/self/maps")
    if mapped.exists():
        assert str(tmp_path / "codes.faiss") in mapped.read_text()


def test_each_vector_is_coded_by_its_modality(vectors: np.ndarray, coder: HashCoder) -> None:
    part = vectors[:60]
    mixed = ["image" if n % 3 else "text" for n in range(60)]
    index = HashIndex.build(part, coder=coder, modality=mixed, rerank=0)
    for number, modality in enumerate(mixed):
        near = index.radius(part[number : number + 1], 0, modality=modality)[0]
        assert number in near.rows
    with pytest.raises(UsageError, match="59 modalities for 60 vectors"):
        HashIndex.build(part, coder=coder, modality=mixed[:59])


def test_without_a_coder_one_is_fitted(vectors: np.ndarray) -> None:
    index = HashIndex.build(vectors, bits=48, method="lsh", rerank=400)
    rows = index.search(vectors[::400], 2, modality="image").rows
    assert all(row in line for row, line in zip(range(0, 4000, 400), rows, strict=True))
    about = index.describe()
    assert (about["kind"], about["vectors"], about["bytes_per_vector"]) == ("hash", 4000, 6 + 64)
    assert about["coder"]["modalities"] == ["image"]


def test_threads_and_batches_find_the_same(
    vectors: np.ndarray, queries: np.ndarray, coder: HashCoder
) -> None:
    index = HashIndex.build(vectors, coder=coder)
    together = index.search(queries, 10).rows
    with ThreadPoolExecutor(4) as pool:
        alone = list(pool.map(lambda n: index.search(queries[n : n + 1], 10).rows[0], range(6)))
    np.testing.assert_array_equal(together, alone)
    assert index.search(queries[:0], 10).rows.shape == (0, 10)


def test_nothing_stored(coder: HashCoder, queries: np.ndarray) -> None:
    index = HashIndex.build(np.zeros((0, 64), np.float32), coder=coder, rerank=0)
    assert (index.search(queries, 3).rows == -1).all()
    assert all(len(near.rows) == 0 for near in index.radius(queries, 32))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"scan": "tree"}, "there are flat, ivf"),
        ({"keep": "pq"}, "there are sq8, float32"),
        ({"rerank": -1}, "take 0 for none"),
    ],
)
def test_parameters_that_cannot_be_are_named(
    vectors: np.ndarray, coder: HashCoder, parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        HashIndex.build(vectors, coder=coder, **parameters)


def test_codes_alone_cannot_be_ranked_again(
    vectors: np.ndarray, queries: np.ndarray, coder: HashCoder
) -> None:
    index = HashIndex.build(vectors, coder=coder, rerank=0)
    with pytest.raises(UsageError, match="search with rerank 0"):
        index.search(queries, 10, rerank=5)
