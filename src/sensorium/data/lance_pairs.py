"""Captioned pictures in a Lance table, in a folder or an object store.

Names and captions are read at once; of the pictures only those that are asked for, when they are.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sensorium.data.encoded_columns import bytes_of, file_column, key_column
from sensorium.data.examples import Examples
from sensorium.data.pairs import caption_columns
from sensorium.data.sources import Picture
from sensorium.data.tables import (
    CAPTION_COLUMN,
    PATH_COLUMNS,
    TEXT_COLUMNS,
    beside,
    cell_path,
    cell_texts,
    first_column,
    unusable_path,
)
from sensorium.errors import MediaError, MissingExtraError, UsageError
from sensorium.media import Image
from sensorium.media.skipped import Skipped

ROWS = 4096
"""Rows whose names and captions are read at a time."""

_ADDRESS = re.compile(r"(?P<scheme>lance|s3|gs|az):/+(?P<rest>.+)", re.DOTALL)
"""One slash, too: what was a `Path` in between has no two of them."""


def lance_uri(data: str) -> str | None:
    """The address of the Lance table that a name stands for; None for what is none.

    Parameters
    ----------
    data : str
        ``lance:///folder``, an address in an object store (``s3://``, ``gs://``, ``az://``), or a
        folder that is a table.
    """
    if found := _ADDRESS.fullmatch(data):
        far = f"{found['scheme']}://{found['rest']}"
        return "/" + found["rest"] if found["scheme"] == "lance" else far
    path = Path(data).expanduser()
    return str(path.absolute()) if (path / "_versions").is_dir() else None


class LancePictures:
    """The pictures of a table at one of its versions.

    Parameters
    ----------
    table
        A `lance.LanceDataset`.
    column : str
        Holds the encoded files.
    """

    def __init__(self, table: Any, column: str) -> None:
        self._table, self._column = table, column

    def read(self, rows: Sequence[int]) -> list[Image]:
        """Read pictures by the numbers of their rows, in one request.

        Raises
        ------
        MediaError
            When they cannot be read, or a row holds none.
        """
        try:
            found = self._table.take([*rows], columns=[self._column])
        except (OSError, ValueError) as error:
            raise MediaError(f"cannot be read ({error!s:.200})", self._table.uri) from error
        pictures = []
        for row, cell in zip(rows, found[self._column].to_pylist(), strict=True):
            content = bytes_of(cell)
            if not content:
                raise MediaError("the row holds no picture", f"{self._table.uri}:{row}")
            pictures.append(Image(content))
        return pictures


def read_lance_pairs(uri: str) -> Examples:
    """Read a table of pictures and captions.

    Parameters
    ----------
    uri : str
        See `lance_uri`. It has a column of encoded pictures (bytes, or bytes with a path, as
        Hugging Face writes them), or one of paths, which are relative to the table; and captions
        as `sensorium.data.pairs.read_pairs` finds them, also as lists. Rows of one path or key
        are one picture.

    Raises
    ------
    UsageError
        When it cannot be read or lacks a column.
    MissingExtraError
        Without the extra ``lance``.
    """
    table = _opened(uri)
    pictures = file_column(table.schema)
    paths = None if pictures else first_column(_texts(table), PATH_COLUMNS)
    captions = caption_columns(_texts(table))
    if (pictures or paths) is None or not captions:
        has = ", ".join(f"{one.name} ({one.type})" for one in table.schema)[:300]
        raise UsageError(
            f"{uri}: needs a column of pictures (bytes, or paths in {', '.join(PATH_COLUMNS)}) and "
            f"one of captions (any that begins with {CAPTION_COLUMN!r}, {' or '.join(TEXT_COLUMNS)}"
            f"); it has {has}"
        )
    key = paths or key_column(table.schema)
    cells = None if pictures is None else LancePictures(table, pictures)
    result = Examples()
    for row, values in _rows(table, [*captions, *([key] if key else [])]):
        named = values[key] if key else None
        texts = [text for column in captions for text in cell_texts(values[column])]
        reason = "" if texts else "row has no caption"
        if cells is None:
            name = cell_path(named)
            reason = unusable_path(name, str(paths)) or reason
        else:
            name = str(row if named is None else named)
        if reason:
            where = f"{uri.rstrip('/').rpartition('/')[2]}:{row}"
            result.skipped.append(Skipped(where, reason))
        elif cells is None:
            result.add(name, Picture.of_file(beside(Path(uri), name)), [*dict.fromkeys(texts)])
        else:
            stamp = f"{uri}@{table.version}:{row}"
            result.add(name, Picture.of_row(stamp, cells, row), [*dict.fromkeys(texts)])
    return result if key is None else _gathered(result)


def _gathered(examples: Examples) -> Examples:
    together = examples.gathered()
    together.texts[:] = [[*dict.fromkeys(texts)] for texts in together.texts]
    return together


def _opened(uri: str) -> Any:
    os.environ.setdefault("LANCE_LOG", "error")
    try:
        import lance
    except ModuleNotFoundError as error:
        raise MissingExtraError("lance", "lance") from error
    try:
        return lance.dataset(uri)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{uri}: cannot be read as a Lance table ({reason})") from error


def _texts(table: Any) -> list[str]:
    """Columns that hold texts, or lists of them."""
    from pyarrow import types

    def is_text(kind: Any) -> bool:
        if types.is_list(kind) or types.is_large_list(kind):
            return is_text(kind.value_type)
        return bool(types.is_string(kind) or types.is_large_string(kind))

    return [one.name for one in table.schema if is_text(one.type)]


def _rows(table: Any, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Numbers of rows, as `take` counts them, and what some columns hold."""
    row = 0
    try:
        for batch in table.to_batches(columns=[*dict.fromkeys(columns)], batch_size=ROWS):
            for values in batch.to_pylist():
                yield row, values
                row += 1
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{table.uri}: row {row} and those after it: {reason}") from error
