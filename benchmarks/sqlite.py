"""Which SQLite a collection should use: apsw's own, or Python's, as it is and with guards.

    python -m benchmarks sqlite [--quick] [--json FILE]

The collection's own store runs on each library, in turns: rows of 640 numbers with captions are
written in batches as `add` writes them, found by words, by ids (as the hits of a search are) and by
a filter, and read in full. Whole processes are started to see what loading a library costs.

Python's library is older on most systems. Guarded, it is what it would have to be to lose nothing
(every write holds a lock file, and only who holds it moves the log into the file) and to open a
file of a stranger (the full-text index is not read but made anew, and `quick_check` passes). These
guards bind nobody but us; apsw's SQLite needs neither.
"""

from __future__ import annotations

import argparse
import contextlib
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import apsw
import numpy as np

from benchmarks.measuring import Task, in_turns, run_process, run_python, seconds
from benchmarks.rows import Row
from sensorium import load_encoder
from sensorium.collection import sqlite
from sensorium.collection.filters import matching_ids
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.collection.words.full_text import SCHEMA as WORDS_SCHEMA
from sensorium.collection.words.full_text import write_all_words
from sensorium.encoders import Space
from sensorium.media import Modality
from sensorium.media.segments import SegmentRecord

OURS, PLAIN, GUARDED = "apsw", "sqlite3", "sqlite3, guarded"
BATCH = 64  # files that `add` writes at once
WORDS = [
    "harbour",
    "windmill",
    "lantern",
    "meadow",
    "castle",
    "violin",
    "glacier",
    "orchard",
    "beacon",
    "heron",
]


@cache
def space() -> Space:
    """Of an encoder that every machine has, so that whole commands can be asked."""
    return load_encoder("mini").space


class Plain(sqlite3.Connection):
    """Python's library with the few methods that a collection calls."""

    has_log = True

    def keep_log(self, path: Path) -> None:
        """Two connections of one library know of each other."""

    def readonly(self, name: str) -> bool:
        return False  # what is measured is written

    def changes(self) -> int:
        (changes,) = self.execute("SELECT changes()").fetchone()
        return int(changes)

    def total_changes(self) -> int:  # type: ignore[override]
        return int(sqlite3.Connection.total_changes.__get__(self))

    def limit(self, kind: int, value: int) -> None:
        self.setlimit(kind, value)


class Guarded(Plain):
    """Python's library where nobody writes, or moves the log, but who holds the lock file."""

    lock_file: Any = None

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql == "BEGIN IMMEDIATE":
            lock(self.lock_file, True)
        cursor = super().execute(sql, *parameters)
        if sql in ("COMMIT", "ROLLBACK") and self.lock_file is not None:
            super().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
            lock(self.lock_file, False)
        return cursor


def lock(file: Any, take: bool) -> None:
    """Take or leave the lock file."""
    import fcntl

    fcntl.flock(file, fcntl.LOCK_EX if take else fcntl.LOCK_UN)


def connect_plain(path: Path, *, create: bool = False, read_only: bool = False) -> Plain:
    """Open a database as collections did."""
    return _connect(Plain, path, read_only)


def connect_guarded(path: Path, *, create: bool = False, read_only: bool = False) -> Guarded:
    """Open a database so that an old SQLite can do no harm."""
    connection = _connect(Guarded, path, read_only)
    if not read_only:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA cell_size_check = ON")
        connection.lock_file = path.with_suffix(".lock").open("w")
    return connection


def _connect(kind: type[Any], path: Path, read_only: bool) -> Any:
    mode = "ro" if read_only else "rwc"
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}", uri=True, factory=kind, isolation_level=None,
        check_same_thread=False, timeout=sqlite.BUSY_TIMEOUT,
    )  # fmt: skip
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


LIBRARIES: dict[str, Callable[..., Any]] = {
    OURS: sqlite.connect,
    PLAIN: connect_plain,
    GUARDED: connect_guarded,
}


@contextlib.contextmanager
def library(name: str) -> Iterator[None]:
    """Let collections use a library inside."""
    before = {key: getattr(sqlite, key) for key in ("connect", "Error")}
    try:
        setattr(sqlite, "connect", LIBRARIES[name])  # noqa: B010 (mypy knows it for a function)
        if name != OURS:
            setattr(sqlite, "Error", sqlite3.Error)  # noqa: B010
        yield
    finally:
        for key, value in before.items():
            setattr(sqlite, key, value)


def files(start: int, stop: int) -> list[EmbeddedFile]:
    """Random unit vectors with captions, as if files had been indexed."""
    random = np.random.default_rng(start)
    vectors = random.normal(size=(stop - start, 1, space().dimension)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=-1, keepdims=True)
    words = random.choice(WORDS, size=(stop - start, 12))
    return [
        EmbeddedFile(
            FileState(f"/photos/{words[n, 0]}{start + n}.jpg", 1, 1, (start + n).to_bytes(32)),
            Modality.IMAGE,
            {"width": 640, "height": int(random.integers(480, 1_000))},
            {"caption": " ".join(words[n])},
            [SegmentRecord()],
            vectors[n],
        )
        for n in range(stop - start)
    ]


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure every library."""
    count = 2_000 if arguments.quick else 20_000
    rounds = 5 if arguments.quick else 15
    with tempfile.TemporaryDirectory() as folder:
        return [
            *versions(),
            *loading(10 * rounds),
            *store_times(Path(folder), count, rounds),
            *cold(Path(folder) / "0.sensorium", count, rounds),
        ]


def versions() -> Iterator[Row]:
    """Numbers of the versions, as 3.54.1 = 3_054_001."""
    for name, text in ((OURS, apsw.sqlite_lib_version()), (PLAIN, sqlite3.sqlite_version)):
        major, minor, patch = map(int, text.split("."))
        number = 1_000_000 * major + 1_000 * minor + patch
        yield Row("sqlite", "library", name, "version", number)


def loading(rounds: int) -> Iterator[Row]:
    """Seconds of a process that imports a library, above one that imports nothing."""
    modules = {"": "pass", OURS: "import apsw", PLAIN: "import sqlite3"}
    tasks: dict[str, Task] = {
        name: lambda code=code: run_python(f"{code}\nprint('{{}}')")  # type: ignore[misc]
        for name, code in modules.items()
    }
    times = in_turns(tasks, rounds)
    for name in (OURS, PLAIN):
        yield Row("sqlite", "library", name, "import", 1e3 * (times[name] - times[""]), "ms")


def store_times(folder: Path, count: int, rounds: int) -> Iterator[Row]:
    """Times of the store's work on files of the same content."""
    paths = {name: folder / f"{n}.sensorium" for n, name in enumerate(LIBRARIES)}
    stores = {}
    for name, path in paths.items():
        with library(name):
            stores[name] = SQLiteStore(path)
            stores[name].claim_space(space(), "mini")
    case = f"{count:,} items"

    def measured(metric: str, work: Callable[[str], object], turns: int) -> Iterator[Row]:
        def task(name: str) -> Task:
            def do() -> None:
                with library(name):
                    work(name)

            return do

        times = in_turns({name: task(name) for name in LIBRARIES}, turns)
        for name, taken in times.items():
            yield Row("sqlite", case, name, metric, 1e3 * taken, "ms")

    # Each batch goes to every library before the next one is made.
    times: dict[str, list[float]] = {name: [] for name in LIBRARIES}
    names = list(LIBRARIES)
    for start in range(0, count, BATCH):
        batch = files(start, start + BATCH)
        names = [*names[1:], names[0]]
        for name in names:
            with library(name):
                store = stores[name]
                times[name].append(seconds(lambda: store.write(space(), embedded=batch)))  # noqa: B023
    for name in LIBRARIES:
        milliseconds = 1e3 * float(np.median(times[name]))
        yield Row("sqlite", case, name, f"write {BATCH} files", milliseconds, "ms")
        yield Row("sqlite", case, name, "write all", sum(times[name]), "s")

    ids = np.random.default_rng(0).permutation(count)[:10] + 1
    chosen = [int(number) for number in ids]
    question = "a windmill near the harbour"
    fields = ["caption", "height", "width"]
    condition = "height < 600 AND caption LIKE '%violin%'"
    works: dict[str, Callable[[str], object]] = {
        "10 hits by words": lambda name: stores[name].match_words(question, 10),
        "rows of 10 hits": lambda name: stores[name].segments(chosen),
        "filter": lambda name: matching_ids(paths[name], condition, fields),
        "read all vectors": lambda name: stores[name].vectors(space().dimension),
        "ask whether anything changed": lambda name: stores[name].version(),
    }
    for metric, work in works.items():
        turns = 50 * rounds if metric.startswith(("rows", "ask")) else 3 * rounds
        yield from measured(metric, work, turns)
    answers = {name: stores[name].match_words(question, 10) for name in stores}
    assert len({str(answer) for answer in answers.values()}) == 1, "libraries find different items"
    for store in stores.values():
        store.close()
    yield from measured("open and close", lambda name: SQLiteStore(paths[name]).close(), 30)
    # The others open a stranger's file as any other.
    taken = in_turns({GUARDED: lambda: make_safe(paths[GUARDED])}, 3)[GUARDED]
    yield Row("sqlite", case, GUARDED, "open a stranger's file", 1e3 * taken, "ms")


def make_safe(path: Path) -> None:
    """What an old library must do before it may read a file of a stranger."""
    with library(GUARDED):
        store = SQLiteStore(path)
        with store.transaction() as db:
            assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]
            db.execute("DROP TABLE words")
            for statement in WORDS_SCHEMA:
                db.execute(statement)
            write_all_words(db)
        store.close()


PYTHONS_OWN = """
import sqlite3, sys, types
module = types.ModuleType("sensorium.collection.sqlite")
module.Connection, module.Error, module.BUSY_TIMEOUT = sqlite3.Connection, sqlite3.Error, 60
module.is_fixed = lambda path: False
module.BusyError = sqlite3.OperationalError
class NotADatabaseError(Exception): pass
module.NotADatabaseError = NotADatabaseError
class Connection(sqlite3.Connection):
    has_log = True
    def keep_log(self, path): pass
    def total_changes(self): return sqlite3.Connection.total_changes.__get__(self)
module.connect = lambda path, create=False: sqlite3.connect(
    path, factory=Connection, isolation_level=None, check_same_thread=False)
sys.modules["sensorium.collection.sqlite"] = module
"""
"""Stands in for the module, so that the process never loads apsw."""

SEARCH = "import sys; from sensorium.cli import main; sys.exit(main())"


def cold(
    path: Path, count: int, rounds: int, modes: Sequence[str] = ("words", "vector")
) -> Iterator[Row]:
    """Whole commands from a shell, by words and by meaning."""
    for mode in modes:
        ask = ["search", "a windmill", "--mode", mode, "--collection", str(path)]
        tasks: dict[str, Task] = {
            OURS: lambda ask=ask: run_process([sys.executable, "-c", SEARCH, *ask]),  # type: ignore[misc]
            PLAIN: lambda ask=ask: run_process(  # type: ignore[misc]
                [sys.executable, "-c", PYTHONS_OWN + SEARCH, *ask]
            ),
        }
        in_turns(tasks, 1)  # fills caches
        for name, taken in in_turns(tasks, rounds).items():
            yield Row("sqlite", f"{count:,} items", name, f"`search` by {mode}", taken, "s")
