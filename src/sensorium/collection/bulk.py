"""Adding vectors that were made elsewhere: checked, brought to unit length, written in bulk."""

from __future__ import annotations

import math
import os
import stat
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.rows import EmbeddedFile, FileState, VectorRow
from sensorium.collection.store import Store
from sensorium.data.files import item_key
from sensorium.data.metadata import dump_metadata
from sensorium.encoders import Space
from sensorium.encoders.trust import may_look_at
from sensorium.errors import CollectionError, UsageError
from sensorium.media import Modality
from sensorium.media.progress import Progress
from sensorium.media.segments import SegmentRecord, Span
from sensorium.media.skipped import Skipped

BULK_BATCH = 4096
"""Rows a transaction. Each waits for the disk; more rows only cost memory (10 MB at 640 numbers)
and what is lost when the process is killed."""

UNIT_TOLERANCE = 1e-5
"""Lengths this close to 1 are left alone, so that what a collection gave out comes back equal to
the bit: float32 leaves unit vectors within 1e-6."""

_MODALITIES = frozenset(str(m) for m in Modality)


@dataclass
class BulkReport:
    """What adding vectors did.

    Attributes
    ----------
    added, updated : int
        Items that are new, and that were stored before and have the new vectors now.
    normalized : int
        Vectors that did not have unit length and were divided by theirs.
    skipped : list of Skipped
        Rows that were not stored, with the reason; what was stored under their path stays.
    seconds : float
    """

    added: int = 0
    updated: int = 0
    normalized: int = 0
    skipped: list[Skipped] = field(default_factory=list)
    seconds: float = 0.0


RowVectors = npt.NDArray[Any] | Sequence[npt.ArrayLike | None]
"""An array of shape (n, d), or n arrays of which some may be missing or of another shape."""

Batch = tuple[Sequence[VectorRow | Skipped], RowVectors]
"""A row for each vector; `Skipped` stands where a row could not be read."""


def add_vectors(
    store: Store,
    space: Space,
    vectors: RowVectors,
    paths: Sequence[str | os.PathLike[str]],
    *,
    encoder_name: str | None = None,
    modality: str = "image",
    metadata: Mapping[str, Any] | Sequence[Mapping[str, Any] | None] | None = None,
    spans: Sequence[Span] | None = None,
    batch_size: int = BULK_BATCH,
    progress: Progress | None = None,
) -> BulkReport:
    """Add vectors that were made elsewhere by the encoder of the collection's space.

    Whether they were cannot be seen from them: that is the caller's word.

    Parameters
    ----------
    store : Store
    space : Space
        The space the vectors are in.
    vectors : array of shape (n, d), or sequence of n arrays
        Any type of real numbers; a memory-mapped array is read as it is needed. Vectors of another
        length than 1 are brought to it; the report counts them.
    paths : sequence of str or Path
        A key for each row. A local file gets its size and time stored, and is read when it is
        next given to `Collection.add`; anything else (a URL, a number as text) is stored as it is.
        What is stored under the key already gets the new vectors, and keeps what metadata it
        has under other names.
    encoder_name : str, optional
        Name that the space's encoder loads by, for a collection that holds nothing yet.
    modality : str
        Of all rows.
    metadata : mapping, or sequence of mappings, optional
        JSON values for all rows, or for each.
    spans : sequence of (start, stop) or None, optional
        Seconds or characters. Rows of one path that follow one another and have spans are the
        segments of one item.
    batch_size : int
        Rows that are stored at a time.
    progress : callable, optional
        Called with (rows done, rows) whenever rows are safely stored.

    Raises
    ------
    UsageError
        When lengths, the number of dimensions, or the modality do not fit. A row that is bad in
        itself (NaN, zero, no JSON) stops nothing: it is skipped and reported.
    SpaceMismatchError
        When the collection holds another space.
    """
    count = len(vectors)
    _require_shape(vectors, space)
    for name, values in (("paths", paths), ("spans", spans), ("metadata", metadata)):
        if values is not None and not isinstance(values, Mapping) and len(values) != count:
            raise UsageError(f"{count:,} vectors need as many {name}, got {len(values):,}")
    if modality not in _MODALITIES:
        raise UsageError(f"modality is one of {', '.join(sorted(_MODALITIES))}, got {modality!r}")
    if batch_size < 1:
        raise UsageError(f"batch_size is at least 1, got {batch_size}")

    def row(number: int) -> VectorRow | Skipped:
        path = paths[number]
        said = metadata if metadata is None or isinstance(metadata, Mapping) else metadata[number]
        if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
            return Skipped(f"row {number}", f"a path is text, got {path!r:.80}")
        if said is not None and not isinstance(said, Mapping):
            return Skipped(os.fspath(path), f"metadata is a mapping, got {said!r:.80}")
        span = spans[number] if spans is not None else None
        return VectorRow(file_state(path), modality, dict(said or {}), span)

    batches = (
        ([row(n) for n in range(start, min(start + batch_size, count))],
         vectors[start : start + batch_size])
        for start in range(0, count, batch_size)
    )  # fmt: skip
    return write_batches(
        store, space, batches, encoder_name=encoder_name, total=count, progress=progress
    )


def file_state(path: str | os.PathLike[str]) -> FileState:
    """What is stored of a key: size and time of a local file, none of anything else.

    Without a content hash, for which the whole file would have to be read: the next `add` does.
    """
    key = item_key(path)
    if os.path.isabs(key) and may_look_at(key):  # noqa: PTH117
        try:
            status = os.stat(key)  # noqa: PTH116
        except (OSError, ValueError):
            pass
        else:
            if stat.S_ISREG(status.st_mode):
                return FileState.of(key, status)
    return FileState(key, 0, 0)


def write_batches(
    store: Store,
    space: Space,
    batches: Iterable[Batch],
    *,
    encoder_name: str | None = None,
    total: int,
    progress: Progress | None = None,
    exported: bool = False,
) -> BulkReport:
    """Write rows and their vectors, a transaction for each batch.

    Memory holds one batch, and the segments of the item that its last row belongs to. Of exported
    rows any item may go on in the next batch, of others those that have spans.
    """
    started = time.monotonic()
    report = BulkReport()
    done = 0
    waiting: list[tuple[VectorRow, npt.NDArray[np.float32]]] = []  # may go on in the next batch
    for rows, vectors in batches:
        good = waiting + list(_good_rows(rows, vectors, space, report))
        done += len(rows)
        items = list(_items(good))
        goes_on = bool(items) and (exported or items[-1][-1][0].span is not None)
        waiting = items.pop() if goes_on else []
        _write(store, space, encoder_name, items, report)
        if progress is not None:
            progress(done - len(waiting), total)
    if waiting:
        _write(store, space, encoder_name, [waiting], report)
        if progress is not None:
            progress(done, total)
    report.seconds = time.monotonic() - started
    return report


Segments = list[tuple[VectorRow, npt.NDArray[np.float32]]]


def _items(rows: Segments) -> Iterator[Segments]:
    """Put the segments of each item together."""
    item: Segments = []
    for row, vector in rows:
        # Details say what part of an item a vector is of; the first may be of the whole.
        follows = bool(row.details) or (
            bool(item) and row.span is not None and item[-1][0].span is not None
        )
        if item and not (follows and item[-1][0].file.path == row.file.path):
            yield item
            item = []
        item.append((row, vector))
    if item:
        yield item


def _write(
    store: Store,
    space: Space,
    encoder_name: str | None,
    items: Sequence[Segments],
    report: BulkReport,
) -> None:
    if not items:
        return
    known = {*store.items([item[0][0].file.path for item in items])}
    store.write(
        space,
        encoder=encoder_name,
        embedded=[
            EmbeddedFile(
                file=item[0][0].file,
                modality=item[0][0].modality,
                properties=item[0][0].properties,
                metadata=item[0][0].metadata,
                segments=[
                    SegmentRecord(row.span, row.of_segment or row.modality, details=row.details)
                    for row, _ in item
                ],
                vectors=np.stack([vector for _, vector in item]),
            )
            for item in items
        ],
    )
    for item in items:
        path = item[0][0].file.path
        report.updated += path in known
        report.added += path not in known
        known.add(path)


def _good_rows(
    rows: Sequence[VectorRow | Skipped], vectors: RowVectors, space: Space, report: BulkReport
) -> Iterator[tuple[VectorRow, npt.NDArray[np.float32]]]:
    """The rows that can be stored, with unit vectors; the others go into the report."""
    units, off, faults = unit_vectors(vectors, space.dimension)
    for row, unit, was_off, fault in zip(rows, units, off.tolist(), faults, strict=True):
        if isinstance(row, Skipped):
            report.skipped.append(row)
        elif reason := fault or _fault(row):
            report.skipped.append(Skipped(row.file.path, reason))
        else:
            report.normalized += was_off
            yield row, unit


def _fault(row: VectorRow) -> str:
    """Why a row cannot be stored; empty when it can."""
    path, span = row.file.path, row.span
    if not path.strip() or "\0" in path:
        return "the path is empty" if not path.strip() else "the path holds a NUL character"
    for modality in (row.modality, row.of_segment or row.modality):
        if modality not in _MODALITIES:
            return f"no modality is called {modality!r:.40}"
    if span is not None and not _is_span(span):
        return f"a span is two numbers, start and stop, got {span!r:.80}"
    try:
        path.encode("utf-8")
        dump_metadata(row.metadata)
        dump_metadata(row.details)
    except UnicodeEncodeError:
        return "the path is not valid UTF-8"
    except CollectionError as error:
        return str(error)
    return ""


def _is_span(span: Any) -> bool:
    try:
        start, stop = span
        return math.isfinite(start) and math.isfinite(stop) and start <= stop
    except (TypeError, ValueError):
        return False


def unit_vectors(
    vectors: RowVectors, dimension: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_], list[str]]:
    """Bring vectors to unit length.

    Returns
    -------
    units : ndarray of float32, shape (n, dimension)
        A vector that has unit length within `UNIT_TOLERANCE` is left as it is.
    off : ndarray of bool, shape (n,)
        Which of them had another length.
    faults : list of str
        Why a vector cannot be used; empty where it can.
    """
    faults = [""] * len(vectors)
    if isinstance(vectors, np.ndarray):
        given = np.array(vectors, np.float64)  # a copy: the caller's stay as they are
    else:
        given = np.zeros((len(vectors), dimension))
        for number, vector in enumerate(vectors):
            try:
                one = np.asarray(vector, np.float64)
            except (TypeError, ValueError):
                one = np.empty(0)
            if one.shape == (dimension,):
                given[number] = one
            else:
                faults[number] = f"the vector is no array of {dimension} numbers"
    lengths = np.linalg.norm(given, axis=1)
    usable = np.isfinite(lengths) & (lengths > 0)
    for number in np.flatnonzero(~usable).tolist():
        zero = lengths[number] == 0
        faults[number] = faults[number] or (
            "the vector has length zero" if zero else "the vector holds NaN or infinity"
        )
    off = usable & (np.abs(lengths - 1) > UNIT_TOLERANCE)
    given[off] /= lengths[off, None]
    given[~usable] = 0
    return given.astype(np.float32), off, faults


def _require_shape(vectors: RowVectors, space: Space) -> None:
    """Refuse an array that can hold no vector of the space."""
    if not isinstance(vectors, np.ndarray):
        return
    if vectors.dtype.kind not in "fiu":
        raise UsageError(f"vectors are real numbers, got an array of {vectors.dtype}")
    if vectors.ndim != 2 or vectors.shape[1] != space.dimension:
        raise UsageError(
            f"vectors of {space} are an array of shape (n, {space.dimension}), got "
            f"{vectors.shape}: were they made by another encoder?"
        )
