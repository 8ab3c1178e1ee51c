"""Columns of tables that hold encoded files themselves, and what rows are called by."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sensorium.data.tables import PATH_COLUMNS, first_column

if TYPE_CHECKING:
    import pyarrow

KEY_COLUMNS = ("key", "__key__", "id", *PATH_COLUMNS, "url")
"""What a row is called by, the first that the table has; without one its number is its name."""

BYTES_COLUMNS = ("bytes", "image", "img", "jpg", "picture", "audio", "video", "file", "content")
"""Of several columns of bytes, the first of these is the encoded file."""


def file_column(schema: pyarrow.Schema) -> str | None:
    """The column of encoded files of a table, where it has one."""
    held = [one.name for one in schema if holds_bytes(one.type)]
    return first_column(held, BYTES_COLUMNS) or (held[0] if len(held) == 1 else None)


def key_column(schema: pyarrow.Schema) -> str | None:
    """The column that names rows, where there is one."""
    return first_column([one.name for one in schema if not holds_bytes(one.type)], KEY_COLUMNS)


def holds_bytes(kind: pyarrow.DataType) -> bool:
    """Whether cells are bytes, or bytes with a path, as Hugging Face writes them."""
    import pyarrow

    if pyarrow.types.is_struct(kind):
        index = kind.get_field_index("bytes")
        return index >= 0 and holds_bytes(kind.field(index).type)
    return bool(pyarrow.types.is_binary(kind) or pyarrow.types.is_large_binary(kind))


def bytes_of(cell: Any) -> bytes | None:
    """The encoded file of a cell."""
    found: bytes | None = cell["bytes"] if isinstance(cell, dict) else cell
    return found
