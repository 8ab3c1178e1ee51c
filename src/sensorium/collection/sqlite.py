"""SQLite as collections use it: the library that `apsw` carries, with its guards up.

Python's own `sqlite3` is as old as the system: before 3.51.3, SQLite can lose what was committed
when two connections move the log into the file at once, and before 3.53.2 a crafted full-text index
is a hole. This is the only module that imports `apsw`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence, Set
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import apsw

from sensorium.collection.guard import Guard
from sensorium.errors import CollectionError

Error = apsw.Error
BusyError = apsw.BusyError
NotADatabaseError = apsw.NotADBError

OLDEST = (3, 53, 2)
"""The first version of SQLite without the two faults named above."""

BUSY_TIMEOUT = 60
"""Seconds a process waits for another one's write; a batch takes milliseconds."""

_SETTINGS = {
    # No statement can damage the file by writing to what SQLite and FTS5 keep for themselves.
    apsw.SQLITE_DBCONFIG_DEFENSIVE: 1,
    # What the file's schema says calls no function and no virtual table with side effects.
    apsw.SQLITE_DBCONFIG_TRUSTED_SCHEMA: 0,
    apsw.SQLITE_DBCONFIG_ENABLE_VIEW: 0,
    apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_CREATE: 0,
    apsw.SQLITE_DBCONFIG_ENABLE_ATTACH_WRITE: 0,
    # "x" is a name, never a text.
    apsw.SQLITE_DBCONFIG_DQS_DML: 0,
    apsw.SQLITE_DBCONFIG_DQS_DDL: 0,
    apsw.SQLITE_DBCONFIG_ENABLE_FKEY: 1,
}

_TOLD_OLD = (
    "SQLite {found} is too old for collections: before {oldest} it can lose what was written, and "
    "a crafted file can attack it. The wheels of apsw carry a newer one: "
    "pip install --upgrade --force-reinstall --only-binary apsw apsw"
)


class Rows(Protocol):
    """What a statement gives: its rows, once."""

    def __iter__(self) -> Iterator[Any]: ...
    def fetchall(self) -> list[Any]:
        """All rows that are left."""


_open: weakref.WeakSet[Connection] = weakref.WeakSet()


class Connection(apsw.Connection):
    """A connection to one database; see `connect`."""

    _guard: Guard | None = None

    if TYPE_CHECKING:  # the statement says of which types its columns are

        def execute(  # type: ignore[override]
            self, statements: str, bindings: Sequence[Any] = ()
        ) -> Rows: ...
        def executemany(  # type: ignore[override]
            self, statements: str, bindings: Iterable[Sequence[Any]]
        ) -> Rows: ...

    def keep_log(self, path: Path) -> None:
        """Keep others in this process from removing the log of changes while this is open."""
        self._guard = Guard(path)

    @property
    def has_log(self) -> bool:
        """Whether what is written goes where others read; False after somebody removed the log."""
        return self._guard is None or self._guard.holds

    def close(self, force: bool = False) -> None:
        """Close the file; calling it twice is fine."""
        guard, self._guard = self._guard, None
        if guard is None:
            super().close(force)
            return
        if not guard.holds:  # the log that lies there is another one: do not touch it
            self.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        with guard.released():
            super().close(force)

    def __del__(self) -> None:
        try:  # noqa: SIM105 (at the very end, the module `contextlib` may be gone)
            self.close()
        except apsw.Error:
            pass


@atexit.register
def close_open() -> None:
    """Close what is still open, while all that closing needs is there: logs are tidied away."""
    for connection in list(_open):
        with contextlib.suppress(apsw.Error):
            connection.close()


def is_fixed(path: Path) -> bool:
    """Whether a complete database lies where nothing can be written: a DVD, a folder of others.

    Where there is a log, whoever wrote it has more to say than the file.
    """
    logs = [path.with_name(path.name + end) for end in ("-wal", "-shm")]
    return (
        path.is_file()
        and not os.access(path.parent, os.W_OK)
        and not any(log.exists() for log in logs)
    )


def connect(path: Path, *, create: bool = False, read_only: bool = False) -> Connection:
    """Open a database whose content nobody vouches for.

    Parameters
    ----------
    path : Path
    create : bool
        Whether a missing file is made.
    read_only : bool

    Raises
    ------
    CollectionError
        When the library is older than `OLDEST`.
    Error
        When the file cannot be opened.
    """
    found = apsw.sqlite_lib_version()
    if tuple(map(int, found.split("."))) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise CollectionError(_TOLD_OLD.format(found=found, oldest=oldest))
    fixed = is_fixed(path)
    flags = apsw.SQLITE_OPEN_READONLY if read_only or fixed else apsw.SQLITE_OPEN_READWRITE
    if create and not read_only and not fixed:
        flags |= apsw.SQLITE_OPEN_CREATE
    name = str(path.absolute())
    if fixed:  # SQLite makes no index of a log then, which it could not write
        name, flags = f"{path.absolute().as_uri()}?immutable=1", flags | apsw.SQLITE_OPEN_URI
    elif not name.isascii() and name != name.encode("utf-8", "ignore").decode():
        # apsw takes texts of Unicode alone, a URI any bytes.
        name, flags = path.absolute().as_uri(), flags | apsw.SQLITE_OPEN_URI
    connection = Connection(name, flags=flags)
    _open.add(connection)
    for setting, value in _SETTINGS.items():
        connection.config(setting, value)
    connection.set_busy_timeout(1000 * BUSY_TIMEOUT)
    connection.execute("PRAGMA cell_size_check = ON")
    # On in apsw's SQLite, off in all others: what a REPLACE removes would fire triggers.
    connection.execute("PRAGMA recursive_triggers = OFF")
    return connection


@contextlib.contextmanager
def recorded(
    connection: Connection, tables: Iterable[str]
) -> Iterator[Callable[[], list[tuple[str, str, Any]]]]:
    """Note which rows of some tables are changed inside of a transaction.

    Yields
    ------
    callable
        Gives table, operation (``INSERT``, ``UPDATE`` or ``DELETE``) and primary key of each row
        that now is another one than at the beginning: the first column of the key.
    """
    session = apsw.Session(connection, "main")

    def changes() -> list[tuple[str, str, Any]]:
        found = []
        for change in apsw.Changeset.iter(session.changeset()):
            values = change.new if change.op == "INSERT" else change.old
            assert values is not None
            found.append((change.name, change.op, values[min(change.pk_columns)]))
        return found

    try:
        for table in tables:
            session.attach(table)
        yield changes
    finally:
        session.close()


def connect_to_read(
    path: Path, *, table: str, functions: Set[str], max_length: int, max_seconds: float
) -> Connection:
    """Open a database for expressions of strangers: they read one table and compute.

    Parameters
    ----------
    path : Path
    table : str
        The only table that may be read.
    functions : set of str
        Names of the SQL functions that may be called, in lower case.
    max_length : int
        Longest value in bytes that an expression may make.
    max_seconds : float
        What runs longer than this, from now on, is interrupted.
    """
    connection = connect(path, read_only=True)

    def authorize(
        action: int, first: str | None, second: str | None, database: str | None, by: str | None
    ) -> int:
        if (
            action == apsw.SQLITE_SELECT
            or (action == apsw.SQLITE_READ and first in (table, ""))
            or (action == apsw.SQLITE_FUNCTION and (second or "").lower() in functions)
        ):
            return apsw.SQLITE_OK
        return apsw.SQLITE_DENY

    connection.limit(apsw.SQLITE_LIMIT_LENGTH, max_length)
    connection.limit(apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000)
    connection.set_authorizer(authorize)
    deadline = time.monotonic() + max_seconds
    connection.set_progress_handler(lambda: time.monotonic() > deadline, 1_000)
    return connection
