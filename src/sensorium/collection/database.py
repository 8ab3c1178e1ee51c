"""Opening, reading and writing the SQLite file behind a collection."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Any

from sensorium.collection import sqlite
from sensorium.collection.schema import (
    APPLICATION_ID,
    CACHE_BYTES,
    CHECKSUMS,
    LEAST_TO_READ,
    MIGRATION,
    PAGE_BYTES,
    SCHEMA,
    SCHEMA_VERSION,
    WORDS_VERSION,
    objection,
)
from sensorium.collection.words.full_text import cut_anew
from sensorium.errors import CollectionError
from sensorium.home import index_command

_SQLITE_MAGIC = b"SQLite format 3\0"
UNREADABLE = (sqlite.Error, UnicodeDecodeError)
"""What reading rows raises: no text has a checksum, and any byte may be flipped."""

_SMALLEST_PAGE = 512  # bytes: every SQLite file that is not empty has a page


class Database:
    """One SQLite file with the tables of a collection.

    Every method may be called from any thread.

    Parameters
    ----------
    path : Path
    create : bool
        Whether a missing file is made.

    Raises
    ------
    CollectionError
        When the file is missing (without `create`), is no collection, is of a newer version, or has
        anything that no version of Sensorium made.
    """

    def __init__(self, path: Path, *, create: bool = True) -> None:
        self.path = self._file = path  # a store may be called otherwise than its file
        self._lock = RLock()
        try:
            if path.is_dir():
                raise CollectionError(f"{path} is a folder; a collection is a file: name one in it")
            if not create and not path.exists():
                raise CollectionError(
                    f"{path}: no such collection; `{index_command(path)}` makes one"
                )
            path.parent.mkdir(parents=True, exist_ok=True)
            if not create and not path.stat().st_size:  # SQLite would make a new one of it
                raise CollectionError(
                    f"{path} is empty (0 bytes), and no collection: restore it from a copy, or "
                    "delete it"
                )
            _refuse_too_short(path)
            self._fixed = _state_of(path) if sqlite.is_fixed(path) else None
            self.connection = sqlite.connect(path, create=create)
            try:
                self._prepare()
                if self._is_wal():  # else the lock would be in the way of whoever writes
                    self.connection.keep_log(path)
            except BaseException:
                self.connection.close()
                raise
        except (sqlite.Error, OSError) as error:
            if isinstance(error, sqlite.NotADatabaseError):
                _refuse_other_files(path)
            raise CollectionError(f"{path}: cannot be opened as a collection ({error})") from error

    def _prepare(self) -> None:
        run = self.connection.execute
        run("BEGIN")  # all three of one moment: another process may be making the file just now
        ((application,),) = run("PRAGMA application_id").fetchall()
        ((version,),) = run("PRAGMA user_version").fetchall()
        tables = run("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
        run("COMMIT")
        if tables and application != APPLICATION_ID:
            raise CollectionError(f"{self.path} is an SQLite file, but not a Sensorium collection")
        if version > SCHEMA_VERSION:
            raise CollectionError(
                f"{self.path} has format {version}, this version reads up to {SCHEMA_VERSION}: "
                "upgrade Sensorium"
            )
        if tables and (reason := objection(tables, complete=version == SCHEMA_VERSION)):
            raise CollectionError(
                f"{self.path} is not opened: {reason}. What Sensorium did not make could run when "
                "it is searched or added to; remove it if you made it yourself"
            )
        self._has_former_words = version < WORDS_VERSION
        if version < SCHEMA_VERSION and self.connection.readonly("main"):
            if version < LEAST_TO_READ:
                raise CollectionError(
                    f"{self.path} has format {version} and must be brought up to date, but cannot "
                    "be written: copy it to a folder of your own and open that"
                )
        elif version < SCHEMA_VERSION:
            # Every statement of the schema adds a table that may be lacking. The page's size
            # counts for an empty file alone.
            run(f"PRAGMA page_size = {PAGE_BYTES}")
            # WAL lets other processes search while this one adds.
            self._use_wal()
            # This file's own: what keeps the rows elsewhere has tables to write to only now.
            with Database.transaction(self):
                # Two processes may create at once: every statement says IF NOT EXISTS.
                for statement in SCHEMA:
                    run(statement)
                ((stored,),) = run("PRAGMA user_version").fetchall()
                if tables and stored < SCHEMA_VERSION:  # no other process has done it meanwhile
                    lacking = (MIGRATION if stored < 3 else ()) + (CHECKSUMS if stored < 4 else ())
                    for statement in lacking:
                        run(statement)
                    if stored < WORDS_VERSION:
                        cut_anew(self.connection)
                run(f"PRAGMA application_id = {APPLICATION_ID}")
                run(f"PRAGMA user_version = {SCHEMA_VERSION}")
            self._has_former_words = False
        elif not self._is_wal() and not self.connection.readonly("main"):
            self._use_wal()  # a copy that VACUUM INTO made is in no such mode
        run(f"PRAGMA cache_size = -{CACHE_BYTES // 1024}")
        # In WAL mode NORMAL may lose the last commits on power failure; what is acknowledged stays.
        run("PRAGMA synchronous = FULL")

    def _is_wal(self) -> bool:
        ((mode,),) = self.connection.execute("PRAGMA journal_mode").fetchall()
        return bool(mode == "wal")

    def _use_wal(self) -> None:
        deadline = time.monotonic() + sqlite.BUSY_TIMEOUT
        while True:
            try:
                self.connection.execute("PRAGMA journal_mode = WAL")
            except sqlite.BusyError:
                # SQLite does not wait for another process here, whatever the timeout.
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return

    @contextmanager
    def transaction(self) -> Iterator[sqlite.Connection]:
        """Write all that is written inside, durably, or nothing of it."""
        with self._lock:
            self._require_log()
            try:
                # IMMEDIATE takes the write lock first, so that a read never has to be upgraded.
                self.connection.execute("BEGIN IMMEDIATE")
                try:
                    yield self.connection
                except BaseException:
                    if self.connection.in_transaction:  # SQLite ends it itself on a full disk
                        self.connection.execute("ROLLBACK")
                    raise
                self.connection.execute("COMMIT")
            except sqlite.Error as error:
                raise CollectionError(f"{self._file}: cannot be written ({error})") from error

    def _require_log(self) -> None:
        if not self.connection.has_log:
            raise CollectionError(
                f"{self.path}: another SQLite library in this process took its log away when it "
                "closed the file; what was written before is kept. Close the collection, open it "
                "again, and read the file with other libraries in another process"
            )

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Let everything that is read inside be of one moment, whatever others write."""
        with self._lock:
            try:
                outermost = not self.connection.in_transaction
                if outermost:
                    self.connection.execute("BEGIN")
                try:
                    yield
                finally:
                    if outermost and self.connection.in_transaction:
                        self.connection.execute("COMMIT")
            except UNREADABLE as error:
                raise self._unreadable(error) from error

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Any]:
        """The rows that a statement gives."""
        with self._lock:
            try:
                return self.connection.execute(sql, parameters).fetchall()
            except UNREADABLE as error:
                raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> CollectionError:
        if isinstance(error, UnicodeDecodeError):
            return CollectionError(
                f"{self.path}: a text in it is damaged ({error.object[:40]!r}): "
                "`sensorium check` says of what"
            )
        return CollectionError(f"{self._file}: cannot be read ({error})")

    def prepare_words(self) -> None:
        """Cut the words of a file that cannot be written as a query is cut: in memory, once."""
        with self._lock:
            if self._has_former_words:
                with self.snapshot():
                    self.connection.execute("PRAGMA temp_store = MEMORY")
                    cut_anew(self.connection, for_now=True)
                self._has_former_words = False

    def version(self) -> tuple[int, int]:
        """Differs from what it was if anybody, this connection included, may have written."""
        with self._lock:
            self._require_log()
            if self._fixed is not None and self._fixed != _state_of(self.path):
                raise CollectionError(
                    f"{self.path}: it lies where this user cannot write, and another one wrote to "
                    "it: open it again"
                )
            ((version,),) = self.read("PRAGMA data_version")
            return version, self.connection.total_changes()

    def close(self) -> None:
        """Close the file; calling it twice is fine."""
        with self._lock:
            self.connection.close()


def _state_of(path: Path) -> tuple[int, int, bool]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, path.with_name(f"{path.name}-wal").exists()


def _refuse_too_short(path: Path) -> None:
    """SQLite itself takes a file of one byte for an empty database and overwrites it.

    Only its length is looked at. What this process has open as a collection must be opened by
    nothing but SQLite: closing it again gives up all locks of the process on it (POSIX). Then the
    next process that closes the collection thinks itself the last and deletes the log of changes,
    and what is written here from then on is lost (sqlite.org/howtocorrupt.html, section 2.2).
    """
    if path.exists() and 0 < path.stat().st_size < _SMALLEST_PAGE:
        _refuse_other_files(path)


def _refuse_other_files(path: Path) -> None:
    """Say how a file begins that is no database of SQLite, which therefore has no locks on it."""
    with path.open("rb") as file:
        start = file.read(len(_SQLITE_MAGIC))
    if start != _SQLITE_MAGIC:
        raise CollectionError(f"{path} is not a Sensorium collection (starts with {start!r})")
