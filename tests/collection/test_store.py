"""What every store does: batches that are whole or nothing, readers and writers, re-embedding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.collection.rows import EmbeddedFile, ReembeddedItem
from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.encoders import Space
from sensorium.errors import CollectionError, SpaceMismatchError
from sensorium.media.segments import SegmentRecord
from tests.collection.stores import (
    DIMENSION,
    STORES,
    embedded,
    file,
    opened,
    path_of,
    space,
)


@pytest.fixture(params=STORES)
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return path_of(request.param, tmp_path)


@pytest.fixture
def store(path: Path) -> SQLiteStore:
    return opened(path)


def test_after_close(store: SQLiteStore) -> None:
    store.close()
    store.close()
    for use in (
        store.paths,
        lambda: store.delete([1]),
        lambda: store.vectors(DIMENSION),
        lambda: store.write(space()),
    ):
        with pytest.raises(CollectionError, match="closed"):
            use()


# Writing


def test_a_batch_is_whole_or_not_at_all(store: SQLiteStore) -> None:
    store.write(space(), embedded=[embedded("a", "old")])
    before = store.items(["a"]).get("a"), store.state().changes
    for bad in (
        [embedded("a", "new"), embedded("b", x=float("nan"))],
        [
            embedded("a", "new"),
            EmbeddedFile(file("b"), "image", {}, {}, [SegmentRecord()], np.ones((2, 4))),
        ],
    ):
        with pytest.raises((CollectionError, ValueError)):
            store.write(space(), embedded=bad)
        assert (store.items(["a"]).get("a"), store.state().changes) == before
        assert len(store.paths()) == 1


def test_ids_are_never_given_again(store: SQLiteStore) -> None:
    store.write(space(), embedded=[embedded("a"), embedded("b")])
    assert store.delete([1, 2, 77]) == 2
    store.write(space(), embedded=[embedded("a")])
    assert store.paths() == [(3, "a")]
    assert store.vectors(DIMENSION)[0].tolist() == [3]  # nor those of segments


def test_replacing_keeps_the_id(store: SQLiteStore) -> None:
    store.write(space(), embedded=[embedded("a", "long content", segments=3, caption="x")])
    store.write(space(), embedded=[embedded("a", "short", segments=2)])
    item = store.items(["a"]).get("a")
    assert item is not None
    assert (item.id, item.metadata, item.file.content_hash) == (1, {"caption": "x"}, b"short")
    ids, items, vectors = store.vectors(DIMENSION)
    assert items.tolist() == [1, 1]
    assert vectors[:, 0] * 100 == pytest.approx([5, 5])
    stored = store.segments(ids.tolist())
    assert {n: s.record.span for n, s in stored.items()} == {
        int(ids[0]): (0, 1),
        int(ids[1]): (1, 2),
    }


def test_parts_are_whole_items_and_together_everything(store: SQLiteStore) -> None:
    written = [embedded(f"{n:03}", segments=1 + n % 3) for n in range(200)]
    store.write(space(), embedded=written)
    store.write(space(), embedded=[embedded("005", segments=4), embedded("120", segments=2)])
    store.delete([7, 64, 65, 200])
    every, owners, vectors = store.vectors(DIMENSION)
    last = store.last_segment()
    assert last == every[-1]
    store.write(space(), embedded=[embedded("new", segments=2)])
    newest = int(store.vectors(DIMENSION)[1][-1])
    store.delete([newest])
    assert store.last_segment() == last + 2  # what is gone was there
    parts = [store.vectors(DIMENSION, part=(n, 3)) for n in range(3)]
    assert all(len(ids) > 50 and (np.diff(ids) > 0).all() for ids, _, _ in parts)
    order = np.argsort(np.concatenate([ids for ids, _, _ in parts]))
    for together, found in zip((every, owners, vectors), zip(*parts, strict=True), strict=True):
        assert np.array_equal(np.concatenate(found)[order], together)
    assert sum(len({*items.tolist()}) for _, items, _ in parts) == len({*owners.tolist()})
    ids, _, _ = store.vectors(DIMENSION, after=int(every[10]), most=5, part=(1, 3))
    assert ids.tolist() == [n for n in parts[1][0].tolist() if n > every[10]][:5]


def test_copies_see_what_the_batch_replaces(store: SQLiteStore) -> None:
    store.write(space(), embedded=[embedded("a", "1"), embedded("b", "22")])
    swapped = [(file("a", "22"), {}), (file("b", "1"), {})]
    assert store.write(space(), copied=swapped, embedded=[]) == set()
    ids = {path: item for item, path in store.paths()}
    _, items, vectors = store.vectors(DIMENSION)
    first = dict(zip(items.tolist(), (vectors[:, 0] * 100).round().tolist(), strict=True))
    assert (first[ids["a"]], first[ids["b"]]) == (2, 1)
    assert (
        store.write(space(), copied=[(file("c", "22"), {})], embedded=[embedded("a", "333")])
        == set()
    )
    assert store.write(space(), copied=[(file("d", "never seen"), {})]) == {"d"}
    assert store.items(["d"]).get("d") is None


def test_an_item_that_another_process_moved_is_not_taken_away(
    store: SQLiteStore, path: Path
) -> None:
    store.write(space(), embedded=[embedded("old", "x")])
    other = opened(path)
    assert store.write(space(), moved=[((1, "old"), file("mine", "x"), {})]) == set()
    assert other.write(space(), moved=[((1, "old"), file("theirs", "x"), {})]) == {"theirs"}
    assert store.write(space(), moved=[((1, "old"), file("mine", "x"), {"a": 1})]) == set()
    assert other.paths() == [(1, "mine")]
    assert other.items([1]).get(1).metadata == {"a": 1}  # type: ignore[union-attr]


def test_moves_that_came_too_late(store: SQLiteStore) -> None:
    store.write(space(), embedded=[embedded("a", "x"), embedded("b", "y")])
    for move in (
        ((1, "a"), file("new", "changed"), {}),
        ((1, "a"), file("b", "x"), {}),  # a path that is an item's already
        ((9, "z"), file("new", "x"), {}),
    ):
        assert store.write(space(), moved=[move]) == {move[1].path}
    assert store.paths() == [(1, "a"), (2, "b")]


def test_metadata_describes_only_what_is_there(store: SQLiteStore) -> None:
    store.write(space(), embedded=[embedded("a", a=1, b={"c": [1]})])
    store.write(
        space(), described=[(file("a", mtime=7), {"b": None, "d": 2}), (file("z"), {"e": 1})]
    )
    item = store.items(["a"]).get("a")
    assert item is not None
    assert item.file.mtime_ns == 7
    assert item.metadata == {"a": 1, "b": None, "d": 2}
    assert store.items(["z"]).get("z") is None
    assert list(store.state().fields) == ["a", "b", "d", "width"]


# Spaces


def test_another_space_is_refused(store: SQLiteStore, path: Path) -> None:
    store.claim_space(space(), "some encoder")
    other = opened(path)
    for use in (
        lambda: other.claim_space(space("two"), "/it's/two"),
        lambda: other.write(space("two"), embedded=[embedded("a")]),
    ):
        with pytest.raises(SpaceMismatchError) as caught:
            use()
        for part in (space().fingerprint, space("two").fingerprint, "sensorium reembed"):
            assert part in str(caught.value)
    with pytest.raises(SpaceMismatchError, match=r"--encoder '/it'\"'\"'s/two'"):
        other.claim_space(space("two"), "/it's/two")
    assert other.state().space == (space(), "some encoder")
    assert other.paths() == []


def test_only_the_name_differs(store: SQLiteStore) -> None:
    one = space()
    store.claim_space(one, "a")
    renamed = Space("renamed", one.dimension, one.modalities, one.preprocessing, one.weights)
    store.claim_space(renamed, "b")
    assert store.state().space == (one, "a")


# Reading while others write


def test_a_snapshot_stands_still(store: SQLiteStore, path: Path) -> None:
    store.write(space(), embedded=[embedded("a")])
    other = opened(path)
    with store.snapshot():
        before = store.state().changes
        other.write(space(), embedded=[embedded("b")])
        other.delete([1])
        assert store.state().changes == before
        assert store.paths() == [(1, "a")]
        assert store.vectors(DIMENSION)[1].tolist() == [1]
    assert store.paths() == [(2, "b")]
    assert store.state().changes.removals == before.removals + 1


def test_counters(store: SQLiteStore) -> None:
    """`removals` tells readers that vectors they hold are gone; adding alone does not."""
    seen = [store.state().changes]
    for change, removals in (
        (lambda: store.write(space(), embedded=[embedded("a"), embedded("b")]), 0),
        (lambda: store.write(space(), copied=[(file("c", "a"), {})]), 0),
        (lambda: store.write(space(), embedded=[embedded("a", "new")]), 1),
        (lambda: store.write(space(), moved=[((2, "b"), file("d", "b"), {})]), 0),
        (lambda: store.delete([1, 3]), 2),
        (lambda: store.delete([1, 3]), 0),
    ):
        change()
        seen.append(store.state().changes)
        assert seen[-1].total > seen[-2].total
        assert seen[-1].removals - seen[-2].removals == removals


def test_the_first_vectors_behind_one(store: SQLiteStore) -> None:
    store.write(space(), embedded=[embedded(f"{n}") for n in range(5)])
    store.delete([2])
    for after, most, ids in ((0, 3, [1, 3, 4]), (3, 9, [4, 5]), (5, 2, [])):
        assert store.vectors(DIMENSION, after, most=most)[0].tolist() == ids


def test_more_rows_than_a_statement_takes(store: SQLiteStore) -> None:
    store.write(space(), embedded=[embedded(f"{n}", "x") for n in range(1_200)])
    ids = list(range(1, 40_000))
    assert len(store.items(ids)) == len(store.segments(ids)) == 1_200


# Re-embedding


def reembedded(store: SQLiteStore, item: int, content: bytes = b"") -> ReembeddedItem:
    stored = store.items([item]).get(item)
    assert stored is not None
    content_hash = stored.file.content_hash
    return ReembeddedItem(
        item,
        content_hash,
        content or content_hash,
        [SegmentRecord()],
        np.full((1, DIMENSION), DIMENSION**-0.5, np.float32),
    )


def test_reembedding_step_by_step(store: SQLiteStore) -> None:
    store.claim_space(space(), "one")
    store.write(space(), embedded=[embedded("a"), embedded("b"), embedded("c")])
    two = store.reembedding(space("two"), "two")
    assert two.write([reembedded(store, 1)])
    two = store.reembedding(space("two"), "two")  # resumes
    assert [path for _, path, _ in two.missing()] == ["b", "c"]
    assert not two.finish([(2, b"b")])
    assert store.state().space == (space(), "one")
    assert two.finish([(2, b"b"), (3, b"c")])
    assert store.state().space == (space("two"), "two")
    assert store.state().next_space is None
    _, items, vectors = store.vectors(DIMENSION)
    assert (items.tolist(), vectors[0, 0]) == ([1], 0.5)
    assert store.counts().without_vectors == 2


def test_a_failure_counts_only_for_the_content_it_was_met_with(store: SQLiteStore) -> None:
    store.claim_space(space(), "one")
    store.write(space(), embedded=[embedded("a", "old")])
    two = store.reembedding(space("two"), "two")
    store.write(space(), embedded=[embedded("a", "new")])
    assert not two.finish([(1, b"old")])


def test_vectors_of_old_content_are_not_kept(store: SQLiteStore) -> None:
    """An item may be added anew while a re-embedding has read what it was before."""
    store.claim_space(space(), "one")
    store.write(space(), embedded=[embedded("a", "old"), embedded("b")])
    two = store.reembedding(space("two"), "two")
    late = [reembedded(store, 1), reembedded(store, 2)]
    store.write(space(), embedded=[embedded("a", "new")])
    store.delete([2])
    two.write(late)
    assert [item for item, _, _ in two.missing()] == [1]
    two.write([reembedded(store, 1)])
    assert two.missing() == []
    store.write(space(), embedded=[embedded("a", "newer")])
    assert [item for item, _, _ in two.missing()] == [1]


def test_vectors_of_old_content_are_not_kept_for_an_item_without_vectors(
    store: SQLiteStore,
) -> None:
    store.claim_space(space(), "one")
    store.write(space(), embedded=[embedded("a")])
    two = store.reembedding(space("two"), "two")
    assert two.finish([(1, b"a")])  # its file was gone
    three = store.reembedding(space("three"), "three")
    three.write([reembedded(store, 1)])  # it is back
    store.write(space("two"), embedded=[embedded("a", "edited")])
    assert [item for item, _, _ in three.missing()] == [1]


def test_two_reembed_at_once(store: SQLiteStore, path: Path) -> None:
    store.claim_space(space(), "one")
    store.write(space(), embedded=[embedded("a"), embedded("b")])
    other = opened(path)
    both = [each.reembedding(space("two"), "two") for each in (store, other)]
    for reembedding in both:
        assert reembedding.write([reembedded(store, 1)])
    ours, theirs = both
    assert theirs.write([reembedded(other, 2)])
    assert theirs.finish([])
    assert not ours.write([reembedded(store, 2)])  # nothing left to do
    assert ours.finish([])
    assert len(store.vectors(DIMENSION)[0]) == 2


def test_another_target_midway(store: SQLiteStore, path: Path) -> None:
    store.claim_space(space(), "one")
    store.write(space(), embedded=[embedded("a")])
    two = store.reembedding(space("two"), "two")
    two.write([reembedded(store, 1)])
    other = opened(path)
    three = other.reembedding(space("three"), "three")
    for use in (lambda: two.write([]), lambda: two.finish([])):
        with pytest.raises(CollectionError, match="another process re-embeds it into three"):
            use()
    assert three.missing() == [(1, "a", b"a")]
    three.write([reembedded(other, 1)])
    assert three.finish([])
    with pytest.raises(CollectionError, match="another process"):
        two.finish([])
