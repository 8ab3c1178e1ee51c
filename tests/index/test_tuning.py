"""Choosing an index: every setting is measured once, and rows are asked for as a search asks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from sensorium.index.kinds import build_index
from sensorium.index.tuning import K, measure, recall_of, truth, tune

Vectors = npt.NDArray[np.float32]
ROWS = 1200


def unit(rng: np.random.Generator, rows: int) -> Vectors:
    vectors = rng.normal(size=(rows, 16))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("kind", ["exact", "ivf", "hnsw"])
def test_every_setting_is_there_once(rng: np.random.Generator, kind: str) -> None:
    vectors, queries = unit(rng, ROWS), unit(rng, 20)
    points = measure(vectors, [queries], 0.9, build_index, [(kind, {})])
    settings = [str(point.parameters) for point in points]
    assert len(settings) == len({*settings})
    assert len(settings) == 1 or kind != "exact"
    assert {point.kind for point in points} == {kind}


def test_each_part_of_the_rows_has_to_be_found(rng: np.random.Generator) -> None:
    """The recall is that of the worst part, as somebody finds it who asks for each by itself."""
    vectors, queries = unit(rng, ROWS), [unit(rng, 20), unit(rng, 10)]
    masks = [np.arange(ROWS) < 700, np.arange(ROWS) >= 700, np.arange(ROWS) >= ROWS - 4]
    index = build_index(vectors, {"kind": "hnsw", "links": 2})
    index.ef = 1  # type: ignore[attr-defined]
    least = [truth(vectors, group, mask) for mask in masks for group in queries]
    by_hand = []
    for mask in masks:
        rows = np.flatnonzero(mask)
        for group in queries:
            right = rows[np.argsort(-(group @ vectors[rows].T), axis=1)[:, :K]]
            found = index.search(group, right.shape[1], mask).rows
            shares = [len({*a} & {*b}) / len(a) for a, b in zip(right, found, strict=True)]
            by_hand.append(np.mean(shares))
    found_all = recall_of(index, vectors, queries, least, masks)
    assert found_all.mean == pytest.approx(min(by_hand))
    whole = [truth(vectors, group) for group in queries]
    assert recall_of(index, vectors, queries, whole).mean != pytest.approx(min(by_hand), abs=1e-3)
    (chosen,) = tune(build_index(vectors, {"kind": "exact"}), vectors, queries, 0.99, masks=masks)
    assert chosen.recall == 1
