"""What goes into a collection's file and comes out of it, row by row."""

from __future__ import annotations

import json
import math
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.sqlite import Connection
from sensorium.errors import CollectionError
from sensorium.media.segments import Modality, SegmentRecord, Span


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


MODALITIES = frozenset(str(modality) for modality in Modality)

UNIT_ERROR = 0.02
"""How far the square of a stored vector's length may be from 1. Encoders and imports write it to
1e-6; half precision of other writers takes up to 1e-3."""

LATEST = 2**63 - 1
"""Nanoseconds since 1970 that SQLite can hold; a clock that is off dates files later."""


@dataclass(frozen=True, slots=True)
class StoredItem:
    """A row of the items table.

    `extracted` names the models that read words out of its media; `is_findable` says whether search
    can find it, by a vector or by words of a space without text.
    """

    id: int
    file: FileState
    modality: str
    added: float
    properties: dict[str, Any]
    metadata: dict[str, Any]
    extracted: Sequence[str] = ()
    is_findable: bool = True


@dataclass(frozen=True, slots=True)
class StoredSegment:
    """A row of the segments table and what a hit tells of its item."""

    item: int
    path: str
    modality: str
    metadata: dict[str, Any]
    record: SegmentRecord
    indexed: tuple[int, int] | None = None  # size and time of the file


@dataclass(frozen=True, slots=True)
class Placed:
    """Vectors of a file that were written to where the rows are kept, before there were rows.

    Attributes
    ----------
    number : int
        Of the fragment that has them, which this process gave it once.
    fragment : str
        What Lance says of it, as JSON.
    first : int
        The row of the first; the others follow.
    checksums : sequence of int
    """

    number: int
    fragment: str
    first: int
    checksums: Sequence[int]

    def __len__(self) -> int:
        """How many there are."""
        return len(self.checksums)

    def places(self) -> Iterator[bytes]:
        """Where each is, in the place of its numbers until it is committed."""
        for row in range(self.first, self.first + len(self)):
            yield _PLACE.pack(0, self.number, row)


_PLACE = struct.Struct("<BIQ")
"""13 bytes: no vector of float32 has as many."""


def place_of(blob: bytes) -> tuple[int, int] | None:
    """Fragment and row of a vector that was placed; None for the numbers of one."""
    if len(blob) != _PLACE.size:
        return None
    _, number, row = _PLACE.unpack(blob)
    return number, row


@dataclass(frozen=True, slots=True)
class EmbeddedFile:
    """A file with everything that is stored of it.

    `vectors` has one row for each of the segments that have one; a store that says where takes
    `Placed` ones, too.
    """

    file: FileState
    modality: str
    properties: dict[str, Any]
    metadata: dict[str, Any]
    segments: Sequence[SegmentRecord]
    vectors: npt.NDArray[np.float32] | Placed
    extracted: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class VectorRow:
    """What is stored beside one vector; rows of one path that follow one another are one item.

    `modality` is the item's, `of_segment` that of what the vector is of where it is another;
    `details` say where that is, as `span` does.
    """

    file: FileState
    modality: str
    metadata: dict[str, Any]
    span: Span = None
    properties: dict[str, Any] = field(default_factory=dict)
    of_segment: str = ""
    details: dict[str, Any] = field(default_factory=dict)


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
    segments: Sequence[SegmentRecord]
    vectors: npt.NDArray[np.float32]


ITEM = (
    "id, path, size, mtime_ns, content_hash, modality, added, properties, metadata, extracted, "
    "EXISTS (SELECT 1 FROM segments WHERE item_id = items.id) "
    "OR EXISTS (SELECT 1 FROM passages WHERE item_id = items.id)"
)

SEGMENT = "segments.start, segments.stop, segments.modality, segments.details, segments.passage_id"
PASSAGE = "passages.start, passages.stop, text, source, passages.details"

VECTOR = "iif(typeof(vector) = 'blob', vector, NULL)"
"""A damaged file may hold anything in any column; a text of other bytes than UTF-8 ends a query."""


VECTOR_ROW = (
    "path, size, mtime_ns, content_hash, items.modality, metadata, properties, start, stop, "
    "segments.modality, details"
)
"""Columns of items and their segments that make a `VectorRow`."""


def vector_row(columns: Sequence[Any]) -> VectorRow:
    """Read a row of `VECTOR_ROW`."""
    path, size, mtime_ns, content_hash, modality, metadata, properties, *of_segment = columns
    start, stop, kind, details = of_segment
    return VectorRow(
        FileState(path, size, mtime_ns, content_hash), modality, json_values(metadata),
        span_of(start, stop), json_values(properties), "" if kind == modality else kind,
        json_values(details or "{}"),
    )  # fmt: skip


def vector_of(blob: object, dimension: int, checksum: object = None) -> npt.NDArray[np.float32]:
    """A stored vector, shape (dimension,); NaN where what is stored is not what was written.

    The checksum is None in what versions before checksums wrote.
    """
    if not isinstance(blob, bytes) or len(blob) != 4 * dimension:
        return np.full(dimension, np.nan, np.float32)
    if checksum is not None and zlib.crc32(blob) != checksum:
        return np.full(dimension, np.nan, np.float32)
    return np.frombuffer(blob, "<f4")


def are_sound(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Which of some vectors, shape (n, d), have the unit length that all had when stored.

    A flipped bit may make a number of 1e4 or NaN of one: that item would be first for every
    question, or move the scores of all.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        squares = np.einsum("nd,nd->n", vectors, vectors)
    sound: npt.NDArray[np.bool_] = np.abs(squares - 1) < UNIT_ERROR
    return sound


def insert_segments(
    db: Connection,
    item: int,
    segments: Sequence[SegmentRecord],
    vectors: npt.NDArray[np.float32] | Placed,
    into: str = "INSERT INTO segments",
) -> list[tuple[int, str]]:
    """Insert the segments of an item; returns id and text of the texts that are new."""
    texts = []
    if len(vectors) != sum(record.has_vector for record in segments):
        raise ValueError(f"{len(vectors)} vectors for {len(segments)} segments")
    rows = _blobs(vectors)
    for ordinal, record in enumerate(segments):
        text_id = record.text_id
        start, stop = record.span or (None, None)
        details = json.dumps(dict(record.details), ensure_ascii=False) if record.details else None
        if record.text is not None and text_id is None:
            ((text_id,),) = db.execute(
                "INSERT INTO passages (item_id, ordinal, start, stop, source, text, details) "
                "VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
                (item, ordinal, start, stop, record.source, record.text, details),
            ).fetchall()
            texts.append((text_id, record.text))
        if record.has_vector:
            blob, checksum = next(rows)
            db.execute(
                f"{into} (item_id, ordinal, start, stop, vector, modality, details, passage_id, "
                "checksum) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    item, ordinal, start, stop, blob, str(record.modality), details, text_id,
                    checksum,
                ),
            )  # fmt: skip
    for modality in {str(record.modality) for record in segments if record.has_vector}:
        db.execute("INSERT OR IGNORE INTO segment_modalities VALUES (?)", (modality,))
    return texts


def _blobs(vectors: npt.NDArray[np.float32] | Placed) -> Iterator[tuple[bytes, int]]:
    """What is stored of each vector, and its checksum."""
    if isinstance(vectors, Placed):
        yield from zip(vectors.places(), vectors.checksums, strict=True)
        return
    for vector in vectors:
        blob = vector.astype("<f4").tobytes()
        yield blob, zlib.crc32(blob)


def stored_segments(
    db: Connection, item: int
) -> tuple[list[SegmentRecord], npt.NDArray[np.float32]]:
    """The segments of an item as `insert_segments` takes them."""
    records: dict[int, SegmentRecord] = {}
    ordinals: dict[int, int] = {}
    texts = db.execute(
        f"SELECT id, ordinal, {PASSAGE} FROM passages WHERE item_id = ? ORDER BY ordinal", (item,)
    )
    for text_id, ordinal, *columns in texts.fetchall():
        records[ordinal] = text_record(columns)
        ordinals[text_id] = ordinal
    vectors = []
    segments = db.execute(
        f"SELECT ordinal, {VECTOR}, {SEGMENT} FROM segments WHERE item_id = ? ORDER BY ordinal",
        (item,),
    )
    for ordinal, vector, start, stop, modality, details, text_id in segments.fetchall():
        if vector is None:
            raise CollectionError("a vector is damaged: `sensorium check` says of which item")
        vectors.append(np.frombuffer(vector, "<f4"))
        said = records.pop(ordinals.get(text_id, -1), SegmentRecord())
        records[ordinal] = replace(
            said, span=span_of(start, stop), modality=modality,
            details=json_values(details or "{}"), has_vector=True,
        )  # fmt: skip
    return [records[n] for n in sorted(records)], np.array(vectors, np.float32)


def text_record(columns: Sequence[Any]) -> SegmentRecord:
    """Read a row of the columns `PASSAGE`."""
    start, stop, text, source, details = columns
    require_text(text)
    require_text(source)
    return SegmentRecord(
        span_of(start, stop), "text", text, source, json_values(details or "{}"), has_vector=False
    )


def require_text(text: object) -> None:
    """Refuse a stored text that is none.

    Raises
    ------
    CollectionError
    """
    if not isinstance(text, str):
        raise CollectionError(
            f"a text of an item is damaged ({text!r:.60}): `sensorium check` says of which"
        )


def span_of(start: float | None, stop: float | None) -> Span:
    """Read the two columns of a span; a damaged file may hold anything in them."""
    if start is None or stop is None:
        return None
    if not all(isinstance(end, (int, float)) and math.isfinite(end) for end in (start, stop)):
        raise CollectionError(
            f"where a segment begins and ends is damaged ({start!r:.40}, {stop!r:.40}): "
            "`sensorium check` says of which item"
        )
    return start, stop


def stored_item(row: Sequence[Any]) -> StoredItem:
    """Read a row of the columns `ITEM`."""
    item, path, size, mtime_ns, content_hash, modality, added, properties, metadata, *rest = row
    extracted, is_findable = rest
    require_item(path, modality)
    return StoredItem(
        id=item,
        file=FileState(path, size, mtime_ns, content_hash),
        modality=modality,
        added=added,
        properties=json_values(properties),
        metadata=json_values(metadata),
        extracted=names_of(extracted),
        is_findable=bool(is_findable),
    )


def names_of(text: str | None) -> tuple[str, ...]:
    """Read the column of what read words out of an item; nothing where it is damaged."""
    if not text or text == "[]":  # nearly always
        return ()
    try:
        names = json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return ()
    return tuple(map(str, names)) if isinstance(names, list) else ()


_object_at_start = json.JSONDecoder().raw_decode


def json_values(text: str) -> dict[str, Any]:
    """Read a column of metadata."""
    if text == "{}":
        return {}
    try:
        values = _read(text)
    except (TypeError, ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise CollectionError(
            f"what is stored of an item is damaged ({text!r:.60} is no JSON object): "
            "`sensorium check` says of which"
        )
    return values


def _read(text: str) -> Any:
    """`json.loads`, which takes as long to look for spaces around a value as to read a hit's.

    What is written here has none.
    """
    if text[:1] == "{":
        value, end = _object_at_start(text)
        if end == len(text):
            return value
    return json.loads(text)


def require_item(path: object, modality: object) -> None:
    """Refuse an item whose path or modality is none.

    Raises
    ------
    CollectionError
    """
    if not isinstance(path, str) or not path:
        raise CollectionError(
            f"the path of an item is damaged ({path!r:.60}): `sensorium check` says of which"
        )
    if modality not in MODALITIES:
        raise CollectionError(
            f"{path}: what is stored of it is damaged (its modality is {modality!r:.60}): index it "
            "again after `sensorium check --repair`"
        )
