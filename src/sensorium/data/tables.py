"""Reading tables: rows of ``.csv``, ``.tsv`` and JSON lines, and what their columns are called.

Every reader of the package begins here, so that a table means the same wherever it is given.
"""

from __future__ import annotations

import codecs
import csv
import json
import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from sensorium.data.dialects import (
    MAX_FIELD,
    Dialect,
    decimal_columns,
    dialect_of,
    with_point,
)
from sensorium.encoders.trust import may_look_at, why_not
from sensorium.errors import UsageError
from sensorium.folders import require_regular
from sensorium.media.skipped import Skipped
from sensorium.media.sources import is_url
from sensorium.visible import sound

PATH_COLUMN = "path"
PATH_COLUMNS = (PATH_COLUMN, "image", "filepath", "image_path", "file_name", "file")
"""Names of the column that holds a file's path, in the order they are looked for."""

CAPTION_COLUMN = "caption"
"""Every column whose name begins so holds captions: ``caption``, ``caption_en``, ``caption_zh``."""

TEXT_COLUMNS = ("text", "sentence", "caption", "title")
"""Names of the column that holds a text, and a caption where none begins with `CAPTION_COLUMN`."""

LABEL_COLUMNS = ("label", "class", "category")
"""Names of the column that holds an example's class, in the order they are looked for."""

RATE_COLUMNS = ("sampling_rate", "sample_rate", "rate")
"""Names of the column that holds the samples a second of an array of sound."""

JSON_SUFFIXES = frozenset({".jsonl", ".ndjson"})
TABLE_SUFFIXES = frozenset({".csv", ".tsv", *JSON_SUFFIXES})

MAX_LINE = 64 * 1024 * 1024
"""Characters of a line: several cells of `MAX_FIELD`, or a JSON object with a picture in it."""

MAX_COLUMNS = 100_000

MAX_DEPTH = 100
"""Lists and objects within each other in a line of JSON; Python itself ends at about 1,000."""

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""How a table begins that Excel saved as "Unicode text"."""


def read_rows(
    table: Path, *, beyond: str | None = None
) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Read a table row by row: ``.csv``, ``.tsv`` (with a header) or JSON lines.

    Where the separator is not the comma, numbers with decimal commas get decimal points; see
    `sensorium.data.dialects.decimal_columns`.

    Parameters
    ----------
    table : Path
    beyond : str, optional
        What a list of the fields that no column of the header stands for is called; without it, a
        row that has such fields is wrong.

    Yields
    ------
    (int, dict or str)
        The line in the file, and the row; a string says what is wrong with it.

    Raises
    ------
    UsageError
        When the file cannot be read.
    """
    if table.suffix.lower() in JSON_SUFFIXES:
        yield from read_json_lines(table)
        return
    dialect = _dialect_of(table)
    commas = _columns_with_decimal_commas(table, dialect)
    with closing(cells_of(table, dialect)) as cells:
        header = distinct_names(next(cells, (0, []))[1])
        for line, fields in cells:
            further = fields[len(header) :]
            if further and beyond is None:
                yield line, _too_long(fields, header, dialect)
                continue
            for n in commas:
                fields[n : n + 1] = map(with_point, fields[n : n + 1])
            # A column without a name is a row number that a spreadsheet library wrote.
            values: dict[str, Any] = {
                name: value for name, value in zip_longest(header, fields[: len(header)]) if name
            }
            if further and beyond is not None:
                values[beyond] = further
            yield line, values


def _too_long(fields: list[str], header: list[str], dialect: Dialect) -> str:
    advice = f"put texts with {dialect.name} in quotes"
    if len(header) == 1:
        advice = f"{header[0]!r:.60} is read as one column, since {dialect.name} separate cells"
    return f"row has more fields than the header: {advice}"


def _dialect_of(table: Path) -> Dialect:
    with closing(lines_of(table)) as lines:
        return dialect_of(lines, "\t" if table.suffix.lower() == ".tsv" else ",")


def _columns_with_decimal_commas(table: Path, dialect: Dialect) -> set[int]:
    """Read the whole table for it, which is why it is not done where commas separate cells."""
    if dialect.separator == ",":
        return set()
    with closing(cells_of(table, dialect)) as cells:
        _, header = next(cells, (0, []))
        return decimal_columns((fields for _, fields in cells), len(header))


def columns_of(table: Path) -> list[str]:
    """The header of a ``.csv`` or ``.tsv``.

    Raises
    ------
    UsageError
        When the file cannot be read.
    """
    with closing(cells_of(table)) as cells:
        _, header = next(cells, (0, []))
    return [name for name in distinct_names(header) if name]


def distinct_names(header: Iterable[str]) -> list[str]:
    """Names of columns without spaces around them, a second "caption" being "caption.1"."""
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # of names that came more than once
    distinct = []
    for cell in header:
        name = plain = cell.strip()
        while name and name in taken:
            numbers[plain] = numbers.get(plain, 0) + 1
            name = f"{plain}.{numbers[plain]}"
        taken.add(name)
        distinct.append(name)
    return distinct


def cells_of(
    table: Path, dialect: Dialect | None = None
) -> Generator[tuple[int, list[str]], None, None]:
    """The rows of a ``.csv`` or ``.tsv``, its header among them, each with the line it ends on.

    Without a dialect, the one that the table seems to have. Lines with nothing in them are no rows.

    Raises
    ------
    UsageError
        When the file cannot be read, or a quote is not closed: all behind it would be one cell.
    """
    csv.field_size_limit(MAX_FIELD)
    dialect = dialect or _dialect_of(table)
    before = int(dialect.is_said)
    with closing(lines_of(table)) as lines:
        is_at_end = False

        def rest() -> Iterator[str]:
            nonlocal is_at_end
            yield from islice(lines, before, None)
            is_at_end = True

        reader = csv.reader(
            rest(), delimiter=dialect.separator, skipinitialspace=dialect.separator != " "
        )
        first = 1 + before
        try:
            for fields in reader:
                if is_at_end:  # it looked for more of its last row
                    raise UsageError(
                        f"{table}:{first}: a quote in this row is not closed: "
                        'write "" for a quote within quotes'
                    )
                if len(fields) > MAX_COLUMNS:
                    raise UsageError(
                        f"{table}:{first}: a row of {len(fields):,} cells; a table has at most "
                        f"{MAX_COLUMNS:,} columns"
                    )
                if fields:
                    yield reader.line_num + before, fields
                first = reader.line_num + 1 + before
        except csv.Error as error:
            line = reader.line_num + before
            why = f"cannot be read as a table ({error})"
            if "field limit" in str(error):
                why = (
                    f"a cell of over {MAX_FIELD:,} characters: is a quote missing, or does "
                    f"something else than {dialect.name} separate cells?"
                )
            raise UsageError(f"{table}:{line}: {why}") from None


def read_good_rows(table: Path) -> tuple[list[dict[str, Any]], list[Skipped]]:
    """The rows of a table that can be read, and the others.

    Raises
    ------
    UsageError
        When the file cannot be read or holds no row.
    """
    rows, skipped = [], []
    for line, row in read_rows(table):
        if isinstance(row, str):
            skipped.append(Skipped(f"{table.name}:{line}", row))
        else:
            rows.append(row)
    if not rows:
        reason = f"; {skipped[0].path}: {skipped[0].reason}" if skipped else ""
        raise UsageError(f"{table}: holds no row{reason}")
    return rows, skipped


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Read objects, one a line, whatever the file is called; see `read_rows`."""
    for number, line in enumerate(lines_of(path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except RecursionError:
            row = None
        except ValueError as error:
            yield number, f"line is not JSON ({_why_no_json(error)})"
            continue
        if row is None or _is_deep(line, row):
            yield number, f"line holds lists or objects over {MAX_DEPTH} deep within each other"
            continue
        yield number, row if isinstance(row, dict) else "line is not a JSON object"


def _why_no_json(error: ValueError) -> str:
    if isinstance(error, json.JSONDecodeError):
        return str(error)
    return "a whole number in it has thousands of digits"  # more than Python turns into one


def _is_deep(line: str, row: Any) -> bool:
    if line.count("[") + line.count("{") <= MAX_DEPTH:
        return False
    level = [row]
    for _ in range(MAX_DEPTH):
        inner: list[Any] = []
        for one in level:
            if isinstance(one, (dict, list)):
                inner += one.values() if isinstance(one, dict) else one
        level = inner
    return any(isinstance(one, (dict, list)) for one in level)


def lines_of(path: Path) -> Generator[str, None, None]:
    """Lines of a file of text in UTF-8, or in UTF-16 where its first bytes say so.

    Raises
    ------
    UsageError
        When it cannot be read.
    """
    try:
        require_regular(path)  # a device has no end, and a pipe is empty when it is read again
        with path.open("rb") as content:
            start = content.read(4)
        wide = start.startswith(_UTF_16) and not start.startswith(codecs.BOM_UTF32_LE)
        with path.open(encoding="utf-16" if wide else "utf-8-sig", newline="") as file:
            if path.stat().st_size <= MAX_LINE:
                yield from file
                return
            number = 0
            while line := file.readline(MAX_LINE + 1):
                number += 1
                if len(line) > MAX_LINE:
                    raise UsageError(
                        f"{path}:{number}: a line of over {MAX_LINE:,} characters: is it a table?"
                    )
                yield line
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such file") from error
    except UnicodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text ({error}): save it as UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error


def first_column(columns: Iterable[str], wanted: Iterable[str]) -> str | None:
    """The first of some names that a table has, as it writes it: just so, or in other case."""
    columns = list(columns)
    by_name = {name.lower(): name for name in reversed(columns)} | {name: name for name in columns}
    return next((by_name[name] for name in wanted if name in by_name), None)


def cell_text(value: Any) -> str:
    """A cell as text on one line; identifiers in JSON may be numbers."""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return sound(" ".join(str(value).split()))
    return ""


def cell_path(value: Any) -> str:
    """A cell as a path, which may hold two spaces in a row."""
    return value.strip() if isinstance(value, str) else ""


def cell_texts(value: Any) -> list[str]:
    """The texts of a cell, which may be a list of them."""
    values = value if isinstance(value, list) else [value]
    return [text for one in values if (text := cell_text(one))]


def unusable_path(name: str, column: str) -> str:
    """What is wrong with a path in a table; empty where nothing is."""
    if not name:
        return f"row has no {column}"
    if is_url(name):
        return f"{name:.80}: URLs are not fetched: download the file and name it"
    if not may_look_at(name):
        return f"{column} {name!r:.80}: {why_not(name)}"
    return f"{column} holds a NUL character: {name!r:.80}" if "\0" in name else ""


def beside(file: Path, name: str) -> Path:
    """The path that a file means by a name: relative to the file's folder.

    One that leads to another machine which nobody has named here is taken for relative, too, where
    there is nothing.
    """
    if not may_look_at(name):
        name = name.lstrip("\\/")
    joined = os.path.join(file.parent, os.path.expanduser(name))  # noqa: PTH111, PTH118
    return Path(os.path.abspath(joined))  # noqa: PTH100
