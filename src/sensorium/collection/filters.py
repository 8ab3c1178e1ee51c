"""``where=``: a SQL expression over metadata, on a connection that can do nothing but read."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.collection import sqlite
from sensorium.errors import UsageError

MAX_SECONDS = 10.0
"""Longest that a filter may run: enough to scan ten million rows, not to hang a server."""

MAX_LENGTH = 16 * 1024 * 1024
"""Longest value in bytes that an expression may make; stops ``zeroblob(1e9)``."""

COLUMNS = ("id", "path", "modality", "size", "modified", "added", "metadata")
"""Names that every item has; a metadata key of the same name is reached through ``metadata``."""

_JSON = ("metadata", "properties")
"""Columns that hold metadata; what a user said comes before what the file says."""

_TOKEN = r"""
    '(?:[^']|'')*' | --[^\n]* | /\*.*?(?:\*/|\Z)           # texts and comments hold no names
    | (?P<quoted> "(?:[^"]|"")*" | `[^`]*` | \[[^\]]*\] )
    | (?P<word> [\w$\x80-\U0010ffff]+ )
    | (?P<sign> [()] )
    """

_FUNCTIONS = frozenset(
    {
        "abs", "ceil", "ceiling", "char", "coalesce", "date", "datetime", "floor", "format",
        "glob", "hex", "ifnull", "iif", "json", "json_array_length", "json_extract",
        "json_type", "json_valid", "julianday", "length", "like", "likelihood", "likely",
        "lower", "max", "min", "nullif", "printf", "quote", "round",
        "sign", "strftime", "substr", "substring", "time", "typeof", "unicode",
        "unixepoch", "unlikely", "upper", "->", "->>",
    }
)  # fmt: skip
"""SQL functions that only compute. Left out are load_extension, randomblob and their like, and
those that take quadratic time (instr, replace, trim): nothing can interrupt a single call, and on
16 MB it takes half an hour."""


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
    used = _names(where, fields)
    spellings: dict[str, list[str]] = {}
    for name in fields:
        # JSON paths have no escape for a double quote.
        if (folded := _fold(name)) in used and folded not in COLUMNS and '"' not in name:
            spellings.setdefault(folded, []).append(name)
    extra = []
    for names in spellings.values():  # SQL names are caseless: "Year" and "year" are one column
        keys = [
            "'$.\"" + json.dumps(n, ensure_ascii=False)[1:-1].replace("'", "''") + "\"'"
            for n in names
        ]
        values = [f"json_extract({column}, {key})" for column in _JSON for key in keys]
        extra.append(f'coalesce({", ".join(values)}) AS "{names[0]}"')
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
    try:
        connection = sqlite.connect_to_read(
            path, table="items", functions=_FUNCTIONS, max_length=MAX_LENGTH,
            max_seconds=MAX_SECONDS,
        )  # fmt: skip
        try:
            rows = connection.execute(sql, (modality,)).fetchall()
        finally:
            connection.close()
    except (sqlite.Error, ValueError) as error:
        raise UsageError(_explain(where, str(error), fields)) from error
    return np.array([item for (item,) in rows], dtype=np.int64)


def _names(where: str, fields: list[str]) -> set[str]:
    """Names that an expression may mean, folded; refuses what is no single expression."""
    names = set()
    depth = 0
    for token in re.finditer(_TOKEN, where, re.VERBOSE | re.DOTALL):
        depth += (token["sign"] == "(") - (token["sign"] == ")")
        if depth < 0:
            break
        if token["word"]:
            names.add(_fold(token["word"]))
        elif token["quoted"]:
            name = _fold(token["quoted"][1:-1].replace('""', '"'))
            # SQLite would take it for a text, and the filter would silently find nothing.
            if name not in {*COLUMNS, *map(_fold, fields)}:
                raise UsageError(_explain(where, f"no such column: {token['quoted']}", fields))
            names.add(name)
    if depth:  # "1) OR (1" would reach around the conditions that are added to it
        raise UsageError(_explain(where, "unbalanced parentheses", fields))
    return names


def _fold(name: str) -> str:
    """Write a name as SQL compares it: without regard to the case of ASCII letters alone."""
    return name.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")


def _explain(where: str, message: str, fields: list[str]) -> str:
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
