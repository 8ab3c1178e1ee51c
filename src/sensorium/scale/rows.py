"""Files on their way to other machines and back, as rows of Arrow tables."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow

from sensorium import errors
from sensorium.collection.rows import FileState
from sensorium.collection.work import Work
from sensorium.data.files import Candidate
from sensorium.encoders.pipeline import Embedded
from sensorium.errors import SensoriumError
from sensorium.media.segments import SegmentRecord

TO_READ = pyarrow.schema(
    {
        "number": pyarrow.int64(),
        "work": pyarrow.large_string(),
        "content": pyarrow.large_binary(),  # an encoded file that lies in a table; null: it is read
        "stored": pyarrow.list_(pyarrow.binary()),
    }
)
"""A file that is to be read. ``stored`` are hashes of contents of its size that are stored: one of
these is not encoded."""

ENCODED = pyarrow.schema(
    {
        "number": pyarrow.int64(),
        "work": pyarrow.large_string(),
        "segments": pyarrow.large_string(),
        "vectors": pyarrow.large_binary(),
    }
)
"""What became of it: its segments as JSON, and the numbers of their vectors, float32."""


Row = tuple[int, Embedded[Work]]
"""What became of a file: its number, and what is stored of it."""


@dataclass(frozen=True)
class Task:
    """A file that is to be read, and the hashes of stored contents of its size."""

    number: int
    work: Work
    stored: Sequence[bytes] = ()
    content: bytes | None = None


def tasks_to_table(tasks: Iterable[Task]) -> pyarrow.Table:
    """Rows of `TO_READ`."""
    rows = [
        {
            "number": task.number, "work": dump_work(task.work), "content": task.content,
            "stored": list(task.stored),
        }
        for task in tasks
    ]  # fmt: skip
    return pyarrow.Table.from_pylist(rows, schema=TO_READ)


def tasks_of(table: pyarrow.Table) -> Iterator[Task]:
    """Read rows of `TO_READ`."""
    for row in table.to_pylist():
        yield Task(row["number"], load_work(row["work"]), row["stored"] or (), row["content"])


def encoded_to_table(encoded: Iterable[Row]) -> pyarrow.Table:
    """Rows of `ENCODED`."""
    rows = [
        {
            "number": number,
            "work": dump_work(work),
            "segments": json.dumps([_record_to_json(record) for record in records]),
            "vectors": np.ascontiguousarray(vectors, "<f4").tobytes(),
        }
        for number, (work, records, vectors) in encoded
    ]
    return pyarrow.Table.from_pylist(rows, schema=ENCODED)


def encoded_of(table: pyarrow.Table, dimension: int) -> Iterator[Row]:
    """Read rows of `ENCODED`."""
    for row in table.to_pylist():
        vectors = np.frombuffer(row["vectors"], "<f4").reshape(-1, dimension)
        yield row["number"], (load_work(row["work"]), records_of(row["segments"]), vectors)


FAILED = -1
"""The number of a row that says why a machine can do nothing."""


def failure_to_table(error: SensoriumError) -> pyarrow.Table:
    """A row of `ENCODED` in the place of all others: of an exception Ray keeps only the text."""
    said = json.dumps([type(error).__name__, str(error)])
    row = {"number": FAILED, "work": said, "segments": "[]", "vectors": b""}
    return pyarrow.Table.from_pylist([row], schema=ENCODED)


def require_no_failure(table: pyarrow.Table) -> None:
    """Raise what a machine said instead of its results.

    Raises
    ------
    SensoriumError
        Of the class that it was.
    """
    for place in np.flatnonzero(table["number"].to_numpy() == FAILED)[:1].tolist():
        raise error_of(*json.loads(table["work"][place].as_py()))


def error_of(name: str, told: str) -> SensoriumError:
    """An error that was raised on another machine, by the name of its class and its text."""
    kind = getattr(errors, name, SensoriumError)
    error: SensoriumError = kind.__new__(kind)  # without what else it was made of
    error.args = (told,)
    return error


def records_of(text: str) -> list[SegmentRecord]:
    """Segments of an item, out of JSON."""
    return [_record_of_json(values) for values in json.loads(text)]


def dump_work(work: Work) -> str:
    """A file on its way, as JSON."""
    file, candidate = work.file, work.candidate
    return json.dumps(
        {
            "path": str(candidate.path),
            "metadata": candidate.metadata,
            "emptied": sorted(candidate.emptied),
            "file": [file.path, file.size, file.mtime_ns, file.content_hash.hex()],
            "notes": list(work.notes),
            "extracted": list(work.extracted),
            "modality": str(work.modality),
            **{name: getattr(work, name) for name in _PLAIN},
        },
        ensure_ascii=False,
    )


_PLAIN = ("is_known", "reuse", "change", "if_equal", "verifies", "reason", "properties")


def load_work(text: str) -> Work:
    """Read what `dump_work` wrote."""
    values: dict[str, Any] = json.loads(text)
    path, size, mtime_ns, content_hash = values["file"]
    candidate = Candidate(
        Path(values["path"]), values["metadata"], emptied=frozenset(values["emptied"])
    )
    return Work(
        candidate, FileState(path, size, mtime_ns, bytes.fromhex(content_hash)),
        notes=values["notes"], extracted=values["extracted"], modality=values["modality"],
        **{name: values[name] for name in _PLAIN},
    )  # fmt: skip


def _record_to_json(record: SegmentRecord) -> list[Any]:
    return [
        record.span, str(record.modality), record.text, record.source, dict(record.details),
        record.has_vector, record.text_id,
    ]  # fmt: skip


def _record_of_json(values: list[Any]) -> SegmentRecord:
    span, *others = values
    return SegmentRecord(None if span is None else (span[0], span[1]), *others)
