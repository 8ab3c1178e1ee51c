"""Weighed by what is asked, codes lose least where it is looked at."""

import numpy as np
import numpy.typing as npt
import pytest

from sensorium.index.ivf import IVFIndex
from sensorium.index.weighing import ERRORS, Sharing, Weighing

ROWS, DIMENSION = 3000, 32
Vectors = npt.NDArray[np.float32]


def unit(vectors: npt.NDArray[np.float64]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    rng = np.random.default_rng(1)
    return unit(rng.normal(size=(ROWS, DIMENSION)) + 1)


@pytest.fixture(scope="module")
def questions() -> Vectors:
    """In few directions, apart from the vectors, as words are."""
    rng = np.random.default_rng(2)
    return unit(rng.normal(size=(200, 4)) @ rng.normal(size=(4, DIMENSION)) - 0.2)


def test_products_stay_what_they_are(vectors: Vectors, questions: Vectors) -> None:
    weighing = Weighing.fit(vectors, [questions])
    numbers, added = weighing.questions(questions)
    found = numbers @ weighing.vectors(vectors).T + added[:, None]
    np.testing.assert_allclose(found, questions @ vectors.T, atol=0.01)


def test_what_is_asked_is_told_better(vectors: Vectors, questions: Vectors) -> None:
    """Codes that are too few for everything are spent on what questions look at."""

    best = np.argsort(-questions[1::2] @ vectors.T, axis=1)[:, :10]

    def recall(learnt: list[Vectors]) -> float:
        index = IVFIndex.build(vectors, lists=8, codes=4, questions=learnt, probes=8, depth=20)
        index.exact = None
        rows = index.search(questions[1::2], 10).rows
        return float(np.mean([len({*a} & {*b}) for a, b in zip(rows, best, strict=True)])) / 10

    assert recall([questions[::2]]) > recall([]) + 0.1


@pytest.mark.parametrize("codes", [2, 10, 64, 200])
def test_codes_are_shared_where_least_is_lost(codes: int) -> None:
    spread = (0.9 ** np.arange(128)).astype(np.float32)
    sharing = Sharing.fit(spread, codes)
    assert sharing.codes <= codes
    assert sharing.sizes == sorted(sharing.sizes) and {*sharing.sizes} <= {*ERRORS}
    numbers = np.random.default_rng(3).normal(size=(5, 128)).astype(np.float32)
    held = sum(map(len, sharing.turns))
    apart = sharing.spread_out(numbers)
    np.testing.assert_allclose(
        np.square(apart).sum(axis=1), np.square(numbers[:, :held]).sum(axis=1), rtol=1e-4
    )
    np.testing.assert_allclose(
        apart[0] @ apart[1], numbers[0, :held] @ numbers[1, :held], rtol=1e-3, atol=1e-4
    )


def test_copies_read_from_a_file_are_those_in_memory(
    vectors: Vectors, questions: Vectors, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("index")
    index = IVFIndex.build(vectors, questions=[questions[::2]])
    index.exact = None
    index.save(folder)
    again = IVFIndex.load(folder, probes=index.probes, depth=index.depth)
    few, many = again.search(questions[:2], 10), again.search(questions[:20], 10)
    np.testing.assert_allclose(few.scores, many.scores[:2], atol=1e-5)
    np.testing.assert_allclose(few.scores, index.search(questions[:2], 10).scores, atol=1e-5)


def test_vectors_that_are_gone_are_left_out(vectors: Vectors, questions: Vectors) -> None:
    index = IVFIndex.build(vectors)
    gone = index.search(questions[:1], 3).rows[0]

    def exact(rows: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], Vectors]:
        there = rows[~np.isin(rows, gone)]
        return there, vectors[there]

    index.exact = exact
    rows, scores = index.search(questions[:1], 3)
    assert not {*rows[0].tolist()} & {*gone.tolist()}
    np.testing.assert_allclose(scores[0], vectors[rows[0]] @ questions[0], atol=1e-6)
