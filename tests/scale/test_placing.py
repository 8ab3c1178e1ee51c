"""Vectors that several machines write into one Lance table, and one process commits."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import lance
import numpy as np
import pyarrow
import pytest

from sensorium import Collection
from sensorium.collection.checking import check
from sensorium.collection.lance_placing import UNUSED, place_vectors
from sensorium.collection.lance_store import LanceStore
from sensorium.collection.rows import EmbeddedFile, Placed
from sensorium.errors import CollectionError, SpaceMismatchError
from sensorium.media import Modality
from sensorium.media.segments import SegmentRecord
from tests.collection.stores import DIMENSION, embedded, file, space


@pytest.fixture
def store(tmp_path: Path) -> LanceStore:
    made = LanceStore(tmp_path / "test.lance", str(tmp_path / "test.lance"))
    made.claim_space(space(), "one")
    return made


def units(count: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def placed(
    path: str, fragment: str, vectors: np.ndarray, first: int, number: int = 0
) -> EmbeddedFile:
    """A file whose vectors lie in a fragment from a row on."""
    sums = [zlib.crc32(vector.tobytes()) for vector in vectors]
    segments = [SegmentRecord((float(n), n + 1.0)) for n in range(len(vectors))]
    where = Placed(number, fragment, first, sums)
    return EmbeddedFile(file(path), Modality.IMAGE, {}, {}, segments, where)


def test_placed_vectors_are_those_of_their_items(store: LanceStore) -> None:
    """Two fragments, rows that nobody took, and files with vectors of their own in one commit."""
    one, other = units(6), units(4, seed=1)
    first, second = (place_vectors(store.table_uri or "", vectors) for vectors in (one, other))
    versions = store._table.version
    assert store.count_vectors() == 0  # what is not committed is not there
    store.write(
        space(),
        embedded=[
            placed("a", first, one[:2], 0), placed("b", first, one[3:6], 3),
            placed("c", second, other[1:2], 1, number=1), embedded("d"),
        ],
    )  # fmt: skip
    assert store._table.version == versions + 1
    _, items, vectors = store.vectors(DIMENSION)
    expected = np.concatenate([one[:2], one[3:6], other[1:2], embedded("d").vectors])
    assert np.array_equal(vectors, expected)
    assert items.tolist() == [1, 1, 2, 2, 2, 3, 4]
    assert len({*store.vectors(DIMENSION)[0].tolist()}) == 7
    table = lance.dataset(store.table_uri).to_table(columns=["kind"])
    assert table["kind"].to_pylist().count(UNUSED) == 1 + 3
    store.close()
    with Collection(str(store.path)) as library:
        assert not check(library).damages


def test_placed_vectors_are_replaced_copied_deleted_and_tidied(store: LanceStore) -> None:
    vectors = units(5)
    fragment = place_vectors(store.table_uri or "", vectors)
    files = [placed(name, fragment, vectors[n : n + 1], n) for n, name in enumerate("abcd")]
    store.write(space(), embedded=files)
    store.write(space(), copied=[(file("copy of b", "b"), {})])
    store.write(space(), embedded=[embedded("c", "another")])
    store.delete([1])
    expected = [vectors[1], vectors[3], vectors[1], embedded("c", "another").vectors[0]]
    for _ in range(2):
        found = store.vectors(DIMENSION)[2]
        assert np.array_equal(found, np.array(expected))
        store.tidy()  # puts fragments together; what nobody took is gone
    kinds = lance.dataset(store.table_uri).to_table(columns=["kind"])["kind"].to_pylist()
    assert UNUSED not in kinds and kinds.count("segments") == 4


def test_another_writer_in_between_costs_only_a_try(
    store: LanceStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Ids are given at the commit: readers that look for larger ids than they know find all."""
    vectors = units(2)
    fragment = place_vectors(store.table_uri or "", vectors)
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "another machine"))
    other = LanceStore(Path(str(store.table_uri)), str(store.table_uri))
    follow, interferes = store._follow, iter([True])

    def followed(db):  # type: ignore[no-untyped-def]
        head = follow(db)
        if next(interferes, False):
            other.write(space(), embedded=[embedded("between")])
        return head

    monkeypatch.setattr(store, "_follow", followed)
    store.write(space(), embedded=[placed("a", fragment, vectors, 0)])
    assert [path for _, path in other.paths()] == ["between", "a"]
    assert np.array_equal(other.vectors(DIMENSION, after=1)[2], vectors)
    other.close()


def test_vectors_for_a_table_that_was_written_anew_are_refused(
    store: LanceStore, tmp_path: Path
) -> None:
    vectors = units(1)
    fragment = json.loads(place_vectors(store.table_uri or "", vectors))
    fragment["files"][0]["fields"] = [99]
    with pytest.raises(CollectionError, match="written anew while vectors were made for it"):
        store.write(space(), embedded=[placed("a", json.dumps(fragment), vectors, 0)])
    assert store.paths() == []
    with pytest.raises(SpaceMismatchError):
        store.write(space("two"), embedded=[placed("a", json.dumps(fragment), vectors, 0)])
    with pytest.raises(CollectionError, match="vectors cannot be written to it"):
        place_vectors(str(tmp_path / "nowhere.lance"), vectors)


def test_what_lance_does_with_a_key_that_a_batch_holds_twice(tmp_path: Path) -> None:
    """Its `merge_insert` puts it in twice: rows are keyed here before anything is written."""
    schema = pyarrow.schema({"key": pyarrow.string(), "n": pyarrow.int64()})
    table = lance.write_dataset(pyarrow.table({"key": ["a"], "n": [0]}, schema), tmp_path / "t")
    twice = pyarrow.table({"key": ["b", "b"], "n": [1, 2]}, schema)
    merge = table.merge_insert("key").when_matched_update_all().when_not_matched_insert_all()
    merge.execute(twice)
    assert table.to_table()["key"].to_pylist().count("b") == 2


def test_vectors_without_a_schema_are_of_a_type_that_is_not_searched(tmp_path: Path) -> None:
    """Lists of doubles become lists of doubles: `place_vectors` says what they are."""
    found = lance.write_dataset(
        pyarrow.table({"vector": units(3).astype(float).tolist()}), tmp_path / "t"
    )
    assert found.schema.field("vector").type == pyarrow.list_(pyarrow.float64())
    with pytest.raises(Exception, match="vector"):
        found.to_table(nearest={"column": "vector", "q": units(1)[0], "k": 1})
