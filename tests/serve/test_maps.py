"""Maps stay as they are while collections grow a little."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection
from sensorium.collection.results import Segments
from sensorium.encoders import Encoder
from sensorium.serve import layout, maps
from sensorium.serve.layout import Plane
from sensorium.serve.maps import FEW, GROWN, Maps, placed
from sensorium.serve.overview import Overviews
from tests.serve.conftest import SAMPLE
from tests.serve.test_layout import clustered, of_a_kind


@pytest.fixture(autouse=True)
def few_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "ANCHORS", 500)


def segments(vectors: np.ndarray, items: np.ndarray, first: int = 1) -> Segments:
    ids = np.arange(first, first + len(items))
    return Segments(ids, items, np.full(len(items), "image"), vectors)


def test_what_is_placed_is_beside_its_kind() -> None:
    labels, vectors = clustered(3000)
    places = layout.layout(vectors)
    assert of_a_kind(labels, places).mean() > 0.95
    assert np.array_equal(places, layout.layout(vectors))
    assert np.abs(places).max() <= 1


def test_a_growing_collection_keeps_its_places() -> None:
    labels, vectors = clustered(2200)
    items = np.arange(1, 2201)
    before = placed(segments(vectors[:2000], items[:2000]))
    after = placed(segments(vectors, items), before)
    assert np.array_equal(after.places[:2000], before.places)
    assert of_a_kind(labels, after.places)[2000:].mean() > 0.95
    less = placed(segments(vectors[500:], items[500:], 501), after)
    assert np.array_equal(less.places, after.places[500:])
    assert less.items.tolist() == items[500:].tolist()
    # What was read again is another thing now: it lies where its vector belongs.
    other = vectors.copy()
    (place,) = np.flatnonzero(labels == labels[7])[1:2]
    stranger = np.flatnonzero(labels != labels[7])[0]
    other[place] = vectors[stranger]
    ids = np.arange(1, 2201)
    ids[place] = 9999
    moved = placed(Segments(ids, items, np.full(2200, "image"), other), after)
    kept = np.arange(2200) != place
    assert np.array_equal(moved.places[kept], after.places[kept])
    assert of_a_kind(np.where(kept, labels, labels[stranger]), moved.places)[place] > 0.9


def test_much_that_is_new_is_laid_out_with_all() -> None:
    vectors = clustered(int(FEW * GROWN) + 300)[1]
    items = np.arange(1, len(vectors) + 1)
    for count, now in ((FEW - 5, FEW), (FEW + 10, len(vectors))):
        before = placed(segments(vectors[:count], items[:count]))
        after = placed(segments(vectors[:now], items[:now]), before)
        assert after.laid_out == now
        assert np.array_equal(after.places, Plane.of(vectors[:now])[1])


def test_an_item_lies_where_the_mean_of_its_segments_does(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clustered(400)[1]
    items = np.arange(1, 201)
    given: list[np.ndarray] = []
    make = Plane.of
    monkeypatch.setattr(maps.Plane, "of", lambda vectors: (given.append(vectors), make(vectors))[1])
    several = placed(segments(vectors, np.concatenate([items, items])))
    means = vectors[:200] + vectors[200:]
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    np.testing.assert_allclose(given[0], means, atol=1e-6)
    assert several.newest.tolist() == list(range(201, 401))


def test_judging_lays_nothing_out_anew(
    tmp_path: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid: list[int] = []
    make = Plane.of

    def counted(vectors: np.ndarray, *, seed: int = 0) -> tuple[Plane, np.ndarray]:
        laid.append(len(vectors))
        return make(vectors, seed=seed)

    monkeypatch.setattr(maps.Plane, "of", counted)
    drawn, seen = Maps(), Overviews()
    with Collection(tmp_path / "c.sensorium", encoder) as collection:
        collection.add(*sorted(SAMPLE.glob("x_*.jpg"))[:6])

        def look() -> tuple[bytes, str]:
            return drawn.of("c", collection, lambda: seen.of("c", collection))

        first = look()
        assert look() is not None and len(laid) == 1
        hits = collection.search("a red thing")
        hits.judge(hits[0])
        assert look() == first and len(laid) == 1
        collection.delete(hits[0].id)
        assert look() != first and len(laid) == 1
