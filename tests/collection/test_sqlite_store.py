"""The file of a collection in SQLite: opening, refusing, damage, a full disk."""

from __future__ import annotations

import os
import sqlite3
import warnings
from pathlib import Path

import numpy as np
import pytest

from sensorium.collection.sqlite_store import TOGETHER, SQLiteStore
from sensorium.errors import CollectionError, SensoriumWarning
from tests.collection.stores import DIMENSION, embedded, space


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "test.sensorium"


@pytest.fixture
def store(path: Path) -> SQLiteStore:
    return SQLiteStore(path)


def test_what_is_no_collection(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("hello " * 1_000)
    (tmp_path / "short").write_text("x")
    with sqlite3.connect(tmp_path / "other.db") as db:
        db.execute("CREATE TABLE t (x)")
    db.close()
    (tmp_path / "file").touch()
    (tmp_path / "damaged.db").write_bytes(b"SQLite format 3\0" + b"?" * 5_000)
    for name, message in [
        ("text", "is not a Sensorium collection .starts with"),
        ("short", "is not a Sensorium collection .starts with"),
        ("other.db", "an SQLite file, but not a Sensorium collection"),
        ("", "is a folder; a collection is a file"),
        ("file/inside", "cannot be opened as a collection"),
        ("new", "no such collection"),
        ("x" * 300, "cannot be opened as a collection"),
        ("damaged.db", "cannot be opened as a collection"),
    ]:
        target = tmp_path / name if name else tmp_path
        content = target.read_bytes() if os.path.isfile(target) else None  # noqa: PTH113
        with pytest.raises(CollectionError, match=message) as caught:
            SQLiteStore(target, create=name != "new")
        assert str(target) in str(caught.value)
        after = target.read_bytes() if os.path.isfile(target) else None  # noqa: PTH113
        assert after == content


def test_a_newer_format_is_refused(store: SQLiteStore, path: Path) -> None:
    store.close()
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(CollectionError, match="format 99, this version reads up to 6: upgrade"):
        SQLiteStore(path)


def test_an_empty_file_becomes_a_collection(path: Path) -> None:
    """What a kill may leave that struck just when the file was made."""
    path.touch()
    SQLiteStore(path).write(space(), embedded=[embedded("a")])
    assert SQLiteStore(path, create=False).paths() == [(1, "a")]


def test_missing_folders_are_made(tmp_path: Path) -> None:
    SQLiteStore(tmp_path / "x" / "y" / "c.sensorium").close()
    assert (tmp_path / "x" / "y" / "c.sensorium").is_file()


def test_of_many_vectors_the_damaged_are_left_out(store: SQLiteStore, path: Path) -> None:
    """They are put together in parts: what is wrong in one takes no other row along."""
    count = 2 * TOGETHER + 7
    item = embedded("a", segments=count)
    store.write(space(), embedded=[item])
    damaged = {
        3: b"", TOGETHER: item.vectors[9].tobytes(), TOGETHER + 5: 17, TOGETHER + 6: "text",
        2 * TOGETHER + 1: item.vectors[0].tobytes() + b"more",
    }  # fmt: skip
    with sqlite3.connect(path) as db:
        for row, blob in damaged.items():
            db.execute("UPDATE segments SET vector = ? WHERE id = ?", (blob, row + 1))
        db.execute("UPDATE segments SET checksum = NULL WHERE id = 8")  # of an earlier version
    db.close()
    sound = [row for row in range(count) if row not in damaged]
    with pytest.warns(SensoriumWarning, match=f"{len(damaged)} vectors are damaged"):
        ids, items, vectors = store.vectors(DIMENSION)
    np.testing.assert_array_equal(ids, np.array(sound) + 1)
    assert {*items.tolist()} == {1}
    np.testing.assert_array_equal(vectors, item.vectors[sound])
    rest = store.vectors(DIMENSION, after=int(ids[-4]), most=2)
    np.testing.assert_array_equal(rest[0], ids[-3:-1])


@pytest.mark.parametrize("vector", [b"\1\2", np.full(DIMENSION, np.nan, "<f4").tobytes()])
def test_damaged_vectors_are_left_out_and_told_once(
    store: SQLiteStore, path: Path, vector: bytes
) -> None:
    store.write(space(), embedded=[embedded("a"), embedded("b")])
    with sqlite3.connect(path) as db:
        db.execute("UPDATE segments SET vector = ? WHERE id = 1", (vector,))
    db.close()
    with pytest.warns(SensoriumWarning, match="1 vectors are damaged and left out; `sensorium che"):
        ids, _, vectors = store.vectors(DIMENSION)
    assert ids.tolist() == [2] and vectors.shape == (1, DIMENSION)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(store.vectors(DIMENSION, ids=[1, 2])[0]) == 1
        assert [len(some) for some, _ in store.rows(DIMENSION, 10)] == [1]
    assert store.paths() == [(1, "a"), (2, "b")]  # and the store goes on
    store.write(space(), embedded=[embedded("a")])
    assert len(store.vectors(DIMENSION)[0]) == 2


def test_a_full_disk_is_named(store: SQLiteStore) -> None:
    store.write(space(), embedded=[embedded("a")])
    (pages,) = store.connection.execute("PRAGMA page_count").fetchone()
    store.connection.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(CollectionError, match=r"cannot be written \(database or disk is full\)"):
        store.write(space(), embedded=[embedded(f"{n}", x="y" * 5_000) for n in range(50)])
    assert store.paths() == [(1, "a")]
    store.connection.execute("PRAGMA max_page_count = 1000000")
    store.write(space(), embedded=[embedded("b")])
    assert [path for _, path in store.paths()] == ["a", "b"]
