"""Files of strangers, other copies of SQLite in the same process, and too old ones."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import numpy as np
import pytest

from sensorium.collection import guard, sqlite
from sensorium.collection.database import Database
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.collection.schema import objection
from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.errors import CollectionError
from sensorium.media.segments import SegmentRecord
from tests.collection.test_sqlite_store import DIMENSION, embedded, space


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A collection with a video, its frame and what is said in it."""
    store = SQLiteStore(tmp_path / "c.sensorium")
    parts = [
        SegmentRecord(modality="image"),
        SegmentRecord(modality="video", text="a windmill", source="speech"),
    ]
    state = FileState("/v.mp4", 1, 1, b"v")
    vectors = np.eye(2, DIMENSION, dtype=np.float32)
    store.write(space(), encoder="x", embedded=[embedded("/a"), EmbeddedFile(
        state, "video", {}, {"caption": "a lighthouse"}, parts, vectors)])  # fmt: skip
    store.close()
    return tmp_path / "c.sensorium"


def change(path: Path, *statements: str) -> None:
    """Do to a file what any other program can do."""
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            db.execute(statement)
        db.commit()


def rewrite(path: Path, name: str, old: str, new: str) -> None:
    """Change the text of a definition without making it anew."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA writable_schema = ON")
        done = db.execute(
            "UPDATE sqlite_master SET sql = replace(sql, ?, ?) "
            "WHERE name = ? AND instr(sql, ?)", (old, new, name, old),
        )  # fmt: skip
        assert done.rowcount == 1
        db.commit()


# What a stranger may have put into a file

TRIGGER = "CREATE TRIGGER {} AFTER INSERT ON items BEGIN DELETE FROM segments; END"


@pytest.mark.parametrize(
    ("statements", "reason"),
    [
        ([TRIGGER.format("mine")], "it has the trigger 'mine', which no collection has"),
        (
            ["DROP TRIGGER log_removal", TRIGGER.format("log_removal")],
            "its trigger 'log_removal' is not the one that Sensorium makes",
        ),
        (["CREATE VIEW v AS SELECT 1"], "it has the view 'v'"),
        (
            ["ALTER TABLE fields RENAME TO f", "CREATE VIEW fields AS SELECT name FROM f"],
            "it has the (table 'f'|view 'fields'), which no collection has",
        ),
        (["CREATE TABLE t (x)"], "it has the table 't'"),
        (["CREATE INDEX i ON items (abs(size))"], "it has the index 'i'"),
        (
            ["DROP INDEX items_content_hash", "CREATE INDEX items_content_hash ON items (path)"],
            "its index 'items_content_hash' is not the one",
        ),
        (["CREATE VIRTUAL TABLE other USING fts5 (x)"], "it has the table 'other'"),
        (
            ["DROP TABLE words", "CREATE VIRTUAL TABLE words USING fts5 (name, text, prefix = 2)"],
            "its table 'words' is not the one",
        ),
        (
            ["DROP TABLE words", "CREATE TABLE words (name, text)"],
            "its table 'words' is not the one",
        ),
        (["ALTER TABLE items ADD COLUMN twice AS (size * 2)"], "its table 'items' is not the one"),
        (["ALTER TABLE items ADD COLUMN c INTEGER CHECK (c > 0)"], "its table 'items' is not"),
        (["DROP TABLE fields"], "its table 'fields' is lacking"),
        (["DROP TRIGGER forget_words"], "its trigger 'forget_words' is lacking"),
    ],
)
def test_what_sensorium_did_not_make_is_named(
    path: Path, statements: list[str], reason: str
) -> None:
    change(path, *statements)
    before = path.read_bytes()
    with pytest.raises(CollectionError, match=f"is not opened: {reason}") as caught:
        SQLiteStore(path)
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("items", "DEFAULT '{}'", "DEFAULT (abs(1))"),
        ("words_content", "c1", "c1 AS (abs(1))"),
        ("counters", "removals INTEGER", "removals TEXT"),
        ("meta", "WITHOUT ROWID", ""),
    ],
)
def test_a_definition_that_was_rewritten_is_named(
    path: Path, name: str, old: str, new: str
) -> None:
    rewrite(path, name, old, new)
    with pytest.raises(CollectionError, match=f"not opened: its table '{name}' is not the one"):
        SQLiteStore(path)


def test_nothing_of_a_refused_file_ran(path: Path) -> None:
    """The trigger would empty the collection with the first item that is added."""
    change(path, TRIGGER.format("mine"))
    with pytest.raises(CollectionError):
        SQLiteStore(path).write(space(), embedded=[embedded("/b")])
    change(path, "DROP TRIGGER mine")
    with closing(SQLiteStore(path)) as store:
        store.write(space(), embedded=[embedded("/b")])
        assert len(store.vectors(DIMENSION)[0]) == 4


def test_what_sqlite_makes_by_itself_is_no_reason(path: Path) -> None:
    with closing(sqlite.connect(path)) as db:
        db.execute("ANALYZE")
        names = {name for (name,) in db.execute("SELECT name FROM sqlite_schema").fetchall()}
    assert {"sqlite_sequence", "sqlite_stat1", "segments_modality"} <= names
    SQLiteStore(path).close()


def test_a_file_that_was_brought_up_to_date_opens_again(path: Path) -> None:
    columns = ("modality", "details", "passage_id", "checksum")
    tables = ("segments", "next_segments")
    change(
        path,
        *("DROP INDEX segments_modality", "ALTER TABLE items DROP COLUMN extracted"),
        *(f"ALTER TABLE {table} DROP COLUMN {name}" for table in tables for name in columns),
        "PRAGMA user_version = 2",
    )
    for _ in range(2):  # the second time, with definitions that SQLite has changed
        with closing(SQLiteStore(path)) as store:
            assert [name for _, name in store.paths()] == ["/a", "/v.mp4"]


@pytest.mark.parametrize("block", ["x''", "x'00'", "zeroblob(100)", "NULL", "'text'"])
def test_a_damaged_index_of_words_harms_nothing_else(path: Path, block: str) -> None:
    """FTS5 says that it is damaged, or finds nothing; it does not say so of an empty index."""
    change(path, f"UPDATE words_data SET block = {block}")
    with closing(SQLiteStore(path)) as store:
        for use in (
            lambda: store.match_words("windmill", 3),
            lambda: store.write(space(), embedded=[embedded("/a", "new")]),
        ):
            with contextlib.suppress(CollectionError):
                assert use() in ([], set())
        assert [name for _, name in store.paths()] == ["/a", "/v.mp4"]
        assert len(store.vectors(DIMENSION)[0]) == 3


def test_each_statement_of_ours_is_known(path: Path) -> None:
    with closing(sqlite.connect(path)) as db:
        rows = db.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    assert objection(rows, complete=True) is None
    optional = ("sqlite_sequence", "segments_modality")
    needed = [row for row in rows if row[3] and row[1] not in optional]
    assert len(needed) == 20
    for gone in needed:
        left = [row for row in rows if row is not gone]
        assert objection(left, complete=False) is None
        assert objection(left, complete=True) == f"its {gone[0]} {gone[1]!r} is lacking"


def test_a_text_and_a_torn_file(path: Path, tmp_path: Path) -> None:
    content = path.read_bytes()
    for length in (600, len(content) // 3, len(content) - 20_000):
        torn = tmp_path / f"torn{length}"
        torn.write_bytes(content[:length])
        message = r"torn.*(opened|read|written|lacking)"
        with pytest.raises(CollectionError, match=message), closing(SQLiteStore(torn)) as store:
            store.vectors(DIMENSION)
            store.match_words("windmill", 3)
            store.write(space(), embedded=[embedded("/b")])
    (tmp_path / "text").write_text("hello " * 1_000)
    with pytest.raises(CollectionError, match="is not a Sensorium collection"):
        SQLiteStore(tmp_path / "text")


def test_no_statement_reaches_what_sqlite_keeps_for_itself(path: Path) -> None:
    with closing(sqlite.connect(path)) as db:
        for statement, message in [
            ("DELETE FROM words_data", "words_data may not be modified"),
            ("DELETE FROM sqlite_schema", "may not be modified"),
            ("ATTACH '/tmp/sensorium-other.db' AS other", "unable to open|ATTACH|not authorized"),
            ('SELECT "nothing"', "no such column"),
            ("SELECT load_extension('x')", "not authorized"),
        ]:
            with pytest.raises(apsw.Error, match=message):
                db.execute(statement).fetchall()
        db.execute("PRAGMA writable_schema = ON")
        with pytest.raises(apsw.Error, match="may not be modified"):
            db.execute("DELETE FROM sqlite_schema")
        assert db.execute("PRAGMA trusted_schema").fetchall() == [(0,)]
        assert db.execute("PRAGMA cell_size_check").fetchall() == [(1,)]
        assert db.execute("PRAGMA foreign_keys").fetchall() == [(1,)]


# The library


def test_the_library_is_new_enough() -> None:
    assert tuple(map(int, apsw.sqlite_lib_version().split("."))) >= sqlite.OLDEST


@pytest.mark.parametrize("version", ["3.40.1", "3.51.3", "3.53.1"])
def test_an_old_library_is_told(path: Path, version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: version)
    with pytest.raises(CollectionError, match=f"SQLite {version} is too old.*pip install"):
        SQLiteStore(path)


def test_only_one_module_imports_the_library() -> None:
    folder = Path(sqlite.__file__).parents[1]
    users = {
        file.name
        for file in folder.rglob("*.py")
        if any(
            line.split()[:2] in (["import", "apsw"], ["import", "sqlite3"])
            for line in file.read_text("utf-8").splitlines()
        )
    }
    assert users == {"sqlite.py"}


@pytest.mark.skipif(sys.platform != "linux", reason="names of other bytes than UTF-8")
def test_names_that_are_no_unicode(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9 %41?") / "c.sensorium"
    SQLiteStore(path).write(space(), embedded=[embedded("/a")])
    assert path.is_file()
    assert SQLiteStore(path, create=False).paths() == [(1, "/a")]


# Another copy of SQLite in the same process


READ = """
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("SELECT count(*) FROM items").fetchone()[0])
"""


def items_for_others(path: Path) -> int:
    done = subprocess.run(
        [sys.executable, "-c", READ, path], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def read_here(path: Path, *, read_only: bool) -> None:
    name = f"{path.as_uri()}?mode=ro" if read_only else str(path)
    with closing(sqlite3.connect(name, uri=read_only)) as db:
        assert db.execute("SELECT count(*) FROM items").fetchone()[0] >= 2


@pytest.mark.skipif(sys.platform != "linux", reason="locks that bind within a process")
@pytest.mark.parametrize("read_only", [False, True])
def test_python_may_read_an_open_collection(path: Path, read_only: bool) -> None:
    """Without the guard's locks, the second copy removes the log, and what follows is lost."""
    with closing(SQLiteStore(path)) as store, closing(SQLiteStore(path)) as second:
        store.write(space(), embedded=[embedded("/b")])
        read_here(path, read_only=read_only)
        assert items_for_others(path) == 3  # and this closes it, too
        store.write(space(), embedded=[embedded("/c")])
        second.close()  # its locks are the first one's
        read_here(path, read_only=read_only)
        store.write(space(), embedded=[embedded("/d")])
        assert items_for_others(path) == len(store.paths()) == 5
    assert not guard._held
    assert sorted(path.parent.iterdir()) == [path]  # who closes last still cleans up
    assert items_for_others(path) == 5


@pytest.mark.skipif(os.name != "posix", reason="locks of processes")
def test_a_log_that_was_taken_away_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_locks(*_: object) -> None:
        raise OSError("no such locks")

    monkeypatch.setattr(guard, "_lock", no_locks, raising=False)
    with closing(SQLiteStore(path)) as store:
        store.write(space(), embedded=[embedded("/b")])
        read_here(path, read_only=False)
        with pytest.raises(CollectionError, match=r"took its log away.*open it again"):
            store.write(space(), embedded=[embedded("/c")])
        with pytest.raises(CollectionError, match="took its log away"):
            store.version()
        change(path, "DELETE FROM items WHERE path = '/a'")
    assert items_for_others(path) == 2  # closing did not bring the old pages back
    with closing(SQLiteStore(path)) as store:
        store.write(space(), embedded=[embedded("/c")])
    assert items_for_others(path) == 3


def test_what_is_not_closed_is_closed_by_the_end(path: Path) -> None:
    database = Database(path)
    assert guard._held
    del database
    assert not guard._held
    assert sorted(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("kept", ["sys.kept = db", "builtins.kept = db"])
def test_the_end_of_a_program_closes_what_it_left_open(path: Path, kept: str) -> None:
    program = (
        "import builtins, pathlib, sys; from sensorium.collection import sqlite\n"
        "db = sqlite.connect(pathlib.Path(sys.argv[1])); db.keep_log(pathlib.Path(sys.argv[1]))\n"
        f"db.execute('UPDATE items SET size = 2'); {kept}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")
    assert sorted(file.name for file in path.parent.iterdir()) == [path.name]
    with closing(sqlite3.connect(path)) as db:
        assert set(db.execute("SELECT size FROM items")) == {(2,)}


def test_a_copy_without_a_log_is_written_to(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy, other = path.with_name("copy.sensorium"), path.with_name("other.sensorium")
    change(path, f"VACUUM INTO '{copy}'", f"VACUUM INTO '{other}'")
    with closing(SQLiteStore(copy)) as store:
        store.write(space(), embedded=[embedded("/b")])
    assert items_for_others(copy) == 3
    # Where a file system has no logs, the file is written to as it is.
    monkeypatch.setattr(Database, "_use_wal", lambda _: None)
    with closing(SQLiteStore(other)) as store:
        store.write(space(), embedded=[embedded("/b")])
    assert items_for_others(other) == 3
