"""What goes into a collection's file and comes out of it, row by row."""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> FileState:
        """What the system says of a file; a time after the year 2262 is SQLite's latest."""
        return cls(path, status.st_size, min(status.st_mtime_ns, LATEST))


LATEST = 2**63 - 1
"""Nanoseconds since 1970 that SQLite can hold; a clock that is off dates files later."""


@dataclass(frozen=True, slots=True)
class Part:
    """A piece of an item.

    Attributes
    ----------
    span : (start, stop) or None
        Seconds or characters; None for a whole item.
    modality : str
        Of the piece, which may be another than its item's (a frame of a video).
    text : str or None
        Words in it, which search by words finds.
    source : {"", "text", "speech", "writing"}
        Whether its text stood there, was said, or was written in a picture.
    details : mapping
        What else says where it is, as JSON values: ``page``, ``view``, ``box``.
    has_vector : bool
        False for words in a space that holds no text.
    passage : int or None
        The stored text that it is a vector of; None: `text` is stored with it.
    """

    span: Span = None
    modality: str = "image"
    text: str | None = None
    source: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    has_vector: bool = True
    passage: int | None = None


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A row of the items table; `extracted` names the models that read words out of its media."""

    id: int
    file: FileState
    modality: str
    added: float
    properties: dict[str, Any]
    metadata: dict[str, Any]
    extracted: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A row of the segments table and what a hit tells of its item; `vector` is of shape (d,)."""

    item: int
    path: str
    modality: str
    metadata: dict[str, Any]
    part: Part
    vector: npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file with everything that is stored of it.

    `vectors` has one row for each of the parts that have a vector.
    """

    file: FileState
    modality: str
    properties: dict[str, Any]
    metadata: dict[str, Any]
    parts: Sequence[Part]
    vectors: npt.NDArray[np.float32]
    extracted: Sequence[str] = ()


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
    parts: Sequence[Part]
    vectors: npt.NDArray[np.float32]


ITEM = "id, path, size, mtime_ns, content_hash, modality, added, properties, metadata, extracted"

SEGMENT = "segments.start, segments.stop, segments.modality, segments.details, segments.passage_id"
PASSAGE = "passages.start, passages.stop, text, source, passages.details"


def insert_parts(
    db: sqlite3.Connection,
    item: int,
    parts: Sequence[Part],
    vectors: npt.NDArray[np.float32],
    into: str = "INSERT INTO segments",
) -> list[tuple[int, str]]:
    """Insert the pieces of an item; returns id and text of the passages that are new."""
    passages = []
    if len(vectors) != sum(part.has_vector for part in parts):
        raise ValueError(f"{len(vectors)} vectors for {len(parts)} parts")
    rows = iter(vectors)
    for ordinal, part in enumerate(parts):
        passage = part.passage
        start, stop = part.span or (None, None)
        details = json.dumps(dict(part.details), ensure_ascii=False) if part.details else None
        if part.text is not None and passage is None:
            (passage,) = db.execute(
                "INSERT INTO passages (item_id, ordinal, start, stop, source, text, details) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (item, ordinal, start, stop, part.source, part.text, details),
            ).fetchone()
            passages.append((passage, part.text))
        if part.has_vector:
            db.execute(
                f"{into} (item_id, ordinal, start, stop, vector, modality, details, passage_id) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    item, ordinal, start, stop, next(rows).astype("<f4").tobytes(),
                    str(part.modality), details, passage,
                ),
            )  # fmt: skip
    for modality in {str(part.modality) for part in parts if part.has_vector}:
        db.execute("INSERT OR IGNORE INTO segment_modalities VALUES (?)", (modality,))
    return passages


def stored_parts(db: sqlite3.Connection, item: int) -> tuple[list[Part], npt.NDArray[np.float32]]:
    """The pieces of an item as `insert_parts` takes them."""
    found: dict[int, Part] = {}
    ordinals: dict[int, int] = {}
    passages = db.execute(
        f"SELECT id, ordinal, {PASSAGE} FROM passages WHERE item_id = ? ORDER BY ordinal", (item,)
    )
    for passage, ordinal, *columns in passages.fetchall():
        found[ordinal] = passage_part(columns)
        ordinals[passage] = ordinal
    vectors = []
    segments = db.execute(
        f"SELECT ordinal, vector, {SEGMENT} FROM segments WHERE item_id = ? ORDER BY ordinal",
        (item,),
    )
    for ordinal, vector, start, stop, modality, details, passage in segments.fetchall():
        vectors.append(np.frombuffer(vector, "<f4"))
        said = found.pop(ordinals.get(passage, -1), Part())
        found[ordinal] = replace(
            said, span=span_of(start, stop), modality=modality,
            details=json_values(details or "{}"), has_vector=True,
        )  # fmt: skip
    return [found[n] for n in sorted(found)], np.array(vectors, np.float32)


def passage_part(columns: Sequence[Any]) -> Part:
    """Read a row of the columns `PASSAGE`."""
    start, stop, text, source, details = columns
    return Part(
        span_of(start, stop), "text", text, source, json_values(details or "{}"), has_vector=False
    )


def span_of(start: float | None, stop: float | None) -> Span:
    """Read the two columns of a span."""
    return None if start is None or stop is None else (start, stop)


def stored_item(row: Sequence[Any]) -> StoredItem:
    """Read a row of the columns `ITEM`."""
    item, path, size, mtime_ns, content_hash, modality, added, properties, metadata, read = row
    return StoredItem(
        id=item,
        file=FileState(path, size, mtime_ns, content_hash),
        modality=modality,
        added=added,
        properties=json_values(properties),
        metadata=json_values(metadata),
        extracted=tuple(json.loads(read)) if read else (),
    )


def json_values(text: str) -> dict[str, Any]:
    """Read a column of metadata."""
    values: dict[str, Any] = {} if text == "{}" else json.loads(text)
    return values


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
