"""The comparison of SQLite libraries runs, on a small collection."""

from __future__ import annotations

import sqlite3
import sys
from pathlib import Path

import pytest

from benchmarks.sqlite import (
    GUARDED,
    LIBRARIES,
    OURS,
    PLAIN,
    cold,
    files,
    library,
    space,
    store_times,
)
from sensorium.collection import sqlite
from sensorium.collection.sqlite_store import SQLiteStore

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks a file as POSIX does")


def test_each_library_does_the_same_work(tmp_path: Path) -> None:
    """That the answers agree is checked in there."""
    rows = list(store_times(tmp_path, 128, 1))
    metrics = {row.system: {r.metric for r in rows if r.system == row.system} for row in rows}
    assert metrics[OURS] == metrics[PLAIN] == metrics[GUARDED] - {"open a stranger's file"}
    assert all(row.value > 0 for row in rows)
    for file in tmp_path.glob("*.sensorium"):
        with library(OURS):
            store = SQLiteStore(file)
            assert len(store.vectors(space().dimension)[0]) == 128
            assert len(store.match_words("windmill", 200)) > 20
            store.close()


@pytest.mark.parametrize("name", LIBRARIES)
def test_the_library_named_is_the_one_used(tmp_path: Path, name: str) -> None:
    before = sqlite.connect
    with library(name):
        store = SQLiteStore(tmp_path / "c.sensorium")
        assert isinstance(store.connection, sqlite3.Connection) == (name != OURS)
        store.close()
    assert sqlite.connect is before


def test_whole_commands(tmp_path: Path) -> None:
    path = tmp_path / "c.sensorium"
    store = SQLiteStore(path)
    store.write(space(), encoder="mini", embedded=files(0, 3))
    store.close()
    assert {row.system for row in cold(path, 3, 1, ["words"])} == {OURS, PLAIN}
