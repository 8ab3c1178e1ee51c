"""What is said of files beside what is in them: JSON values by name."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Final

from sensorium.data.tables import JSON_SUFFIXES, PATH_COLUMNS, first_column, read_rows
from sensorium.errors import CollectionError
from sensorium.media.skipped import Skipped

_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""JSON's numbers: "12.50" is one, "007", "1_000", " 5" and "nan" are the text they are."""


class Emptied(Enum):
    """The kind of `EMPTIED`."""

    VALUE = "emptied"


EMPTIED: Final = Emptied.VALUE
"""Stands for the value of a name whose cell is empty: what was stored under it is to go.

JSON's null is a value like others."""


def merged(stored: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    """What is stored of a file once something more is said of it.

    A name that is not said again stays, and one that is said to be `EMPTIED` goes.
    """
    both = {**stored, **said}
    return {name: value for name, value in both.items() if value is not EMPTIED}


def storable(value: Any) -> Any:
    """What a file says of itself, as `dump_metadata` takes it.

    Files say anything: a number that is none (an object of infinite size) becomes None, half a
    surrogate pair a question mark.
    """
    if isinstance(value, dict):
        return {str(key): storable(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [storable(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value


def dump_metadata(values: dict[str, Any]) -> str:
    """Write metadata as JSON.

    Raises
    ------
    CollectionError
        For what JSON, or SQLite, cannot hold: other types, NaN, half a surrogate pair.
    """
    if not values:
        return "{}"
    try:
        if not all(isinstance(name, str) for name in values):
            raise TypeError("a name that is no text")
        text = json.dumps(values, ensure_ascii=False, allow_nan=False)
        text.encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise CollectionError(
            f"metadata must be JSON values: {error} in {values!r:.200}"
        ) from error
    return text


def read_metadata(table: Path) -> Iterator[tuple[int, dict[str, Any] | Skipped]]:
    """Read a table whose rows say something of files: their path, and JSON values by name.

    Yields
    ------
    (int, dict or Skipped)
        The line and its row, or why it has none. Numbers of a ``.csv`` or ``.tsv`` are numbers, so
        that ``year > 2000`` compares numbers. An empty cell is `EMPTIED`; one that a short row
        does not have is left out.

    Raises
    ------
    UsageError
        When the file cannot be read.
    """
    is_typed = table.suffix.lower() in JSON_SUFFIXES
    for line, row in read_rows(table):
        where = f"{table}:{line}"
        if isinstance(row, str):
            yield line, Skipped(where, row)
            continue
        named = first_column(row, PATH_COLUMNS)
        values = row
        if not is_typed:
            values = {
                name: value if name == named else _typed(value) if value.strip() else EMPTIED
                for name, value in row.items()
                if value is not None or name == named
            }
        try:
            dump_metadata(merged({}, values))  # Python reads NaN, which is no JSON
        except CollectionError as error:
            yield line, Skipped(where, f"line is not JSON ({error})")
            continue
        yield line, values


def _typed(text: str) -> str | int | float:
    """Read numbers as numbers, so that ``year > 2000`` compares numbers; 007 stays text."""
    if not _NUMBER.fullmatch(text):
        return text
    value = float(text)
    if abs(value) >= 2**63:  # beyond SQLite's integers; also infinity
        return text
    return int(text) if text.lstrip("-").isdigit() else value
