"""Four-bit codes: what comparing everything gives, from an eighth of the bytes."""

from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt
import pytest

from sensorium.index import fourbit, fourbit_coding
from sensorium.index.exact import ExactIndex
from sensorium.index.fourbit import FourBitIndex
from sensorium.index.fourbit_coding import FourBitCoder, pack, unpack
from sensorium.index.together import asking

Vectors = npt.NDArray[np.float32]


def unit(vectors: npt.NDArray[np.floating]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def cone() -> tuple[Vectors, Vectors]:
    """Vectors in a narrow cone, as pictures are, and queries that lie apart, as words do."""
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(300, 96)) + 1.5
    rows = centres[rng.integers(300, size=6000)] + 0.7 * rng.normal(size=(6000, 96))
    return unit(rows), unit(centres[:40] - 1.5 + 0.5 * rng.normal(size=(40, 96)))


@pytest.mark.parametrize(("count", "width"), [(1, 2), (31, 8), (32, 8), (100, 640), (2100, 6)])
def test_packing_loses_nothing_and_is_how_faiss_does_it(count: int, width: int) -> None:
    rng = np.random.default_rng(count)
    values = rng.integers(16, size=(count, width)).astype(np.uint8)
    blocks = pack(values)
    assert np.array_equal(unpack(blocks, count), values)
    own = faiss.IndexPQFastScan(width, width, 4, faiss.METRIC_INNER_PRODUCT)
    levels = np.tile(np.arange(16, dtype=np.float32), width)
    faiss.copy_array_to_vector(levels, own.pq.centroids)
    own.is_trained = True
    own.add(values.astype(np.float32))
    theirs = faiss.rev_swig_ptr(own.codes.get(), own.codes.size())
    assert np.array_equal(theirs[: blocks.size].reshape(blocks.shape), blocks)


def test_values_stand_for_their_vectors(cone: tuple[Vectors, Vectors]) -> None:
    vectors, _ = cone
    coder = FourBitCoder.fit(vectors)
    read = coder.decode(coder.encode(vectors))
    apart = vectors - vectors.mean(axis=0)
    off = ((read - vectors) ** 2).sum(axis=1)
    assert off.mean() / (apart**2).sum(axis=1).mean() < 0.013  # the levels' own error is 0.0095
    assert coder.error(vectors, coder.encode(vectors)) >= off.mean() ** 0.5
    # What is like a vector is not less like what stands for it.
    assert (apart * (read - vectors)).sum() == pytest.approx(0, abs=1e-3 * float((apart**2).sum()))


def test_it_finds_what_comparing_everything_finds(cone: tuple[Vectors, Vectors]) -> None:
    vectors, queries = cone
    index, exact = FourBitIndex.build(vectors), ExactIndex(vectors)
    for k in (1, 10, 100):
        found, true = index.search(queries, k), exact.search(queries, k)
        assert np.mean(found.rows == true.rows) > 0.995
        same = found.rows == true.rows
        assert np.array_equal(found.scores[same], true.scores[same])  # not nearly: the same
    rng = np.random.default_rng(1)
    for share in (0.001, 0.01, 0.1, 0.5):
        allowed = rng.random(len(vectors)) < share
        found, true = index.search(queries, 10, allowed), exact.search(queries, 10, allowed)
        assert np.mean(found.rows == true.rows) > 0.995
        assert allowed[found.rows[found.rows >= 0]].all()


def test_two_threads_find_what_one_finds(
    cone: tuple[Vectors, Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, queries = cone
    whole = FourBitIndex.build(vectors)
    monkeypatch.setattr(fourbit, "HALVED_ROWS", 1000)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    halves = FourBitIndex.build(vectors)
    allowed = np.random.default_rng(3).random(len(vectors)) < 0.2
    for asked in (queries, queries[:1]):
        for mask in (None, allowed):
            found, true = halves.search(asked, 10, mask), whole.search(asked, 10, mask)
            assert np.array_equal(found.rows, true.rows)
            assert np.array_equal(found.scores, true.scores)


def test_one_query_gets_what_it_gets_among_many(cone: tuple[Vectors, Vectors]) -> None:
    vectors, queries = cone
    index = FourBitIndex.build(vectors)
    together = index.search(queries, 10)
    for number in range(0, 40, 7):
        alone = index.search(queries[number : number + 1], 10)
        assert np.array_equal(alone.rows[0], together.rows[number])


def test_what_is_told_of_is_scanned_for_at_once(
    cone: tuple[Vectors, Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, queries = cone
    index, queries = FourBitIndex.build(vectors), queries[:6]
    alone = [index.search(query[None], 10) for query in queries]
    scanned: list[int] = []
    scan = FourBitIndex.scan

    def counted(self: FourBitIndex, some: Vectors, *more: object) -> object:
        scanned.append(len(some))
        return scan(self, some, *more)

    monkeypatch.setattr(FourBitIndex, "scan", counted)
    with asking([*queries[:5], np.ones(7, np.float32)]):  # and one of another space
        found = [index.search(query[None], 10) for query in queries[:5]]
        assert scanned == [5]
        found.append(index.search(queries[5:], 10))  # nobody told of it
        deeper = index.search(queries[:1], 20)
        few = index.search(queries[:1], 10, np.arange(len(vectors)) < 1000)
        assert scanned == [5, 1, 1, 1]
    for one, true in zip(found, alone, strict=True):
        assert np.array_equal(one.rows, true.rows)
        np.testing.assert_allclose(one.scores, true.scores, atol=1e-6)
    assert np.array_equal(deeper.rows[0, :10], alone[0].rows[0])
    assert few.rows.max() < 1000
    with asking(queries[:1]):  # who comes alone gets what it got before
        assert np.array_equal(index.search(queries[:1], 10).scores, alone[0].scores)


def test_many_that_are_equal_come_in_their_order(cone: tuple[Vectors, Vectors]) -> None:
    vectors, queries = cone
    vectors = vectors.copy()
    twins = np.arange(10, 5000, 2)  # too many for any depth
    vectors[twins] = queries[0]
    index = FourBitIndex.build(vectors)
    assert index.search(queries[:1], 20).rows[0].tolist() == twins[:20].tolist()
    allowed = np.ones(len(vectors), bool)
    allowed[twins[:7]] = False
    assert index.search(queries[:1], 20, allowed).rows[0].tolist() == twins[7:27].tolist()


def test_zeros_nothing_and_too_few(cone: tuple[Vectors, Vectors]) -> None:
    vectors, queries = cone
    with_zeros = vectors[:600].copy()
    with_zeros[::3] = 0
    index, exact = FourBitIndex.build(with_zeros), ExactIndex(with_zeros)
    zero = np.zeros((1, vectors.shape[1]), np.float32)
    for asked in (queries[:5], zero):
        assert np.array_equal(index.search(asked, 300).rows, exact.search(asked, 300).rows)
    assert index.search(queries[:1], 5, np.zeros(600, bool)).rows.tolist() == [[-1] * 5]
    some = FourBitIndex.build(vectors[:3])
    assert sorted(some.search(queries[:1], 5).rows[0].tolist()) == [-1, -1, 0, 1, 2]
    assert FourBitIndex.build(vectors[:0]).search(queries[:1], 2).rows.tolist() == [[-1, -1]]


def test_further_vectors_go_behind(cone: tuple[Vectors, Vectors]) -> None:
    vectors, queries = cone
    first = FourBitIndex.build(vectors[:2010])
    kept = np.ones(2010, bool)
    kept[5::9] = False
    for mask, rows in ((None, np.arange(3000)), (kept, np.r_[np.flatnonzero(kept), 2010:3000])):
        longer = first.extend([vectors[2010:2400], vectors[2400:3000]], mask)
        assert longer is not None
        longer.exact = lambda some, rows=rows: (some, vectors[rows[some]])
        found, true = longer.search(queries, 10), ExactIndex(vectors[rows]).search(queries, 10)
        assert np.mean(found.rows == true.rows) > 0.995
    # What lies elsewhere needs other levels.
    assert first.extend([-vectors[:500]]) is None


def test_it_is_the_same_when_it_was_saved(cone: tuple[Vectors, Vectors], tmp_path: Path) -> None:
    vectors, queries = cone
    index = FourBitIndex.build(vectors[:, :95])  # odd
    queries = np.ascontiguousarray(queries[:, :95])
    index.save(tmp_path)
    again = FourBitIndex.load(tmp_path)
    assert again.describe() == index.describe()
    index.exact = None
    assert np.array_equal(again.search(queries, 10).rows, index.search(queries, 10).rows)
    rows = np.ascontiguousarray(vectors[:, :95])
    true = ExactIndex(rows).search(queries, 10).rows
    near = again.search(queries, 40).rows  # by their codes alone
    assert (
        np.mean([len({*a} & {*b}) for a, b in zip(true.tolist(), near.tolist(), strict=True)]) > 9.5
    )


def test_another_arrangement_is_noticed(
    cone: tuple[Vectors, Vectors], monkeypatch: pytest.MonkeyPatch
) -> None:
    def otherwise(values: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return pack(values)[:, ::-1]

    monkeypatch.setattr(fourbit_coding, "pack", otherwise)
    monkeypatch.setattr(fourbit_coding, "unpack", lambda blocks, n: unpack(blocks[:, ::-1], n))
    with pytest.raises(RuntimeError, match="arranges 4-bit codes otherwise"):
        FourBitIndex.build(cone[0])
