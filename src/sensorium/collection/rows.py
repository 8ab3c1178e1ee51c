"""What goes into a collection's file and comes out of it, row by row."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import CollectionError

Span = tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class FileState:
    """What is known of a file without decoding it."""

    path: str
    size: int
    mtime_ns: int
    content_hash: bytes = b""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A row of the items table."""

    id: int
    file: FileState
    modality: str
    added: float
    properties: dict[str, Any]
    metadata: dict[str, Any]


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A row of the segments table and what a hit tells of its item; `vector` is of shape (d,)."""

    item: int
    path: str
    modality: str
    metadata: dict[str, Any]
    span: Span
    vector: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file with everything that is stored of it.

    `vectors` has one row a span.
    """

    file: FileState
    modality: str
    properties: dict[str, Any]
    metadata: dict[str, Any]
    spans: Sequence[Span]
    vectors: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Changes:
    """Counters that only grow: of all changes, and of those that touched existing vectors."""

    total: int
    removals: int


@dataclass(frozen=True, slots=True)
class ReembeddedItem:
    """An item with its vectors of the next space.

    `content_hash` is what was stored when the item was listed, `file_hash` that of the content
    the vectors were made of.
    """

    id: int
    content_hash: bytes
    file_hash: bytes
    spans: Sequence[Span]
    vectors: npt.NDArray[np.float32]


ITEM = "id, path, size, mtime_ns, content_hash, modality, added, properties, metadata"
INSERT_SEGMENT = (
    "INSERT INTO segments (item_id, ordinal, start, stop, vector) VALUES (?, ?, ?, ?, ?)"
)
SEGMENTS_OF = "SELECT ordinal, start, stop, vector FROM segments WHERE item_id = ? ORDER BY ordinal"


def segment_rows(
    item: int, spans: Sequence[Span], vectors: npt.NDArray[np.float32]
) -> Iterator[tuple[Any, ...]]:
    """Parameters of `INSERT_SEGMENT` for the segments of an item."""
    for ordinal, (span, vector) in enumerate(zip(spans, vectors, strict=True)):
        yield item, ordinal, *(span or (None, None)), vector.astype("<f4").tobytes()


def stored_item(row: Sequence[Any]) -> StoredItem:
    """Read a row of the columns `ITEM`."""
    item, path, size, mtime_ns, content_hash, modality, added, properties, metadata = row
    return StoredItem(
        id=item,
        file=FileState(path, size, mtime_ns, content_hash),
        modality=modality,
        added=added,
        properties=json_values(properties),
        metadata=json_values(metadata),
    )


def json_values(text: str) -> dict[str, Any]:
    """Read a column of metadata."""
    values: dict[str, Any] = {} if text == "{}" else json.loads(text)
    return values


def dump_metadata(values: dict[str, Any]) -> str:
    """Write metadata as JSON.

    Raises
    ------
    CollectionError
        For what JSON, or SQLite, cannot hold: other types, NaN, half a surrogate pair.
    """
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
