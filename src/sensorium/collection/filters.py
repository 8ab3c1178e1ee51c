"""``where=``: a SQL expression over metadata, on a connection that can do nothing but read."""

from __future__ import annotations

import re
import sqlite3
import time
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.collection.schema import BUSY_TIMEOUT
from sensorium.errors import UsageError

MAX_SECONDS = 10.0
"""Longest that a filter may run: enough to scan ten million rows, not to hang a server."""

MAX_LENGTH = 16 * 1024 * 1024
"""Longest value in bytes that an expression may make; stops ``zeroblob(1e9)``."""

COLUMNS = ("id", "path", "modality", "size", "modified", "added", "metadata")
"""Names that every item has; a metadata key of the same name is reached through ``metadata``."""

_FUNCTIONS = frozenset(
    {
        "abs", "ceil", "ceiling", "char", "coalesce", "date", "datetime", "floor", "format",
        "glob", "hex", "ifnull", "iif", "instr", "json", "json_array_length", "json_extract",
        "json_type", "json_valid", "julianday", "length", "like", "likelihood", "likely",
        "lower", "ltrim", "max", "min", "nullif", "printf", "quote", "replace", "round",
        "rtrim", "sign", "strftime", "substr", "substring", "time", "trim", "typeof", "unicode",
        "unixepoch", "unlikely", "upper", "->", "->>",
    }
)  # fmt: skip
"""SQL functions that only compute. load_extension, randomblob and their like are left out."""


def matching_ids(
    path: Path, where: str, fields: list[str], modality: str | None = None
) -> npt.NDArray[np.int64]:
    """Find the items for which a SQL expression holds.

    Parameters
    ----------
    path : Path
        The collection's file.
    where : str
        An expression over `COLUMNS` and the metadata's own names, quoted with double quotes where
        they are no plain words: ``taken > '2024-01-01' AND category = 'animals'``.
    fields : list of str
        Names that metadata has.
    modality : str, optional
        A further condition.

    Returns
    -------
    ndarray of int64
        Ids of the items, sorted.

    Raises
    ------
    UsageError
        When the expression is malformed, names an unknown field, runs longer than `MAX_SECONDS`,
        or tries anything but reading items.
    """
    words = {word.lower() for word in re.findall(r"\w+", where)}
    taken = {*COLUMNS}
    extra = []
    for name in fields:
        plain = re.fullmatch(r"\w+", name) is not None
        used = name.lower() in words if plain else f'"{name}"' in where
        # JSON paths have no escape for a double quote; SQL names are caseless, so the first of
        # "Year" and "year" is the column.
        if not used or '"' in name or name.lower() in taken:
            continue
        taken.add(name.lower())
        key = "'$.\"" + name.replace("'", "''") + "\"'"
        extra.append(
            f'coalesce(json_extract(metadata, {key}), json_extract(properties, {key})) AS "{name}"'
        )
    inner = ", ".join(
        [
            "id, path, modality, size, added",
            "strftime('%Y-%m-%dT%H:%M:%S', mtime_ns / 1000000000, 'unixepoch') AS modified",
            "metadata",
            *extra,
        ]
    )
    # The line break ends a comment that the expression may hold.
    sql = (
        f"SELECT id FROM (SELECT {inner} FROM items) WHERE ({where}\n) "
        "AND modality = coalesce(?, modality) ORDER BY id"
    )
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_TIMEOUT
    )
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_LENGTH)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1000)
        connection.set_authorizer(_authorize)
        deadline = time.monotonic() + MAX_SECONDS
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        rows = connection.execute(sql, (modality,)).fetchall()
    except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
        raise UsageError(_explain(where, error, fields)) from error
    finally:
        connection.close()
    return np.array([item for (item,) in rows], dtype=np.int64)


def _authorize(
    action: int, first: str | None, second: str | None, database: str | None, source: str | None
) -> int:
    if action == sqlite3.SQLITE_SELECT:
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_READ and first in ("items", ""):
        return sqlite3.SQLITE_OK
    if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() in _FUNCTIONS:
        return sqlite3.SQLITE_OK
    return sqlite3.SQLITE_DENY


def _explain(where: str, error: Exception, fields: list[str]) -> str:
    message = str(error)
    if "no such column" in message:
        known = ", ".join([*COLUMNS, *fields])
        return (
            f"where={where!r}: {message}; the collection has: {known} (texts take 'single quotes')"
        )
    if "interrupted" in message:
        return f"where={where!r}: took longer than {MAX_SECONDS:.0f} seconds"
    if "not authorized" in message or "prohibited" in message:
        return f"where={where!r}: only reading items is allowed ({message})"
    return f"where={where!r} is not a SQL expression over metadata ({message})"
