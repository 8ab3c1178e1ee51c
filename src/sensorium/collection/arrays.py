"""NumPy exchange: ``vectors.npy`` with a line of ``items.jsonl`` (or ``items.csv``) a row."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.bulk import Batch, file_state
from sensorium.collection.exchange import SPACE_FILE, Columns, Content, Origin, Source
from sensorium.collection.rows import FileState, VectorRow
from sensorium.data.metadata import dump_metadata, merged, read_metadata
from sensorium.data.tables import PATH_COLUMN, TABLE_SUFFIXES
from sensorium.errors import UsageError
from sensorium.folders import require_regular
from sensorium.media.skipped import Skipped

VECTORS = "vectors.npy"
ITEMS = "items.jsonl"


def write(layout: str, target: Path, content: Content) -> None:
    """Write a folder of `VECTORS`, `ITEMS` and `SPACE_FILE`."""
    target.mkdir()
    shape = (content.rows, content.origin.space.dimension)
    with (
        (target / VECTORS).open("wb") as vectors,
        (target / ITEMS).open("w", encoding="utf-8") as items,
    ):
        write_header(vectors, shape)
        for rows, block in content.batches:
            vectors.write(block.astype("<f4", copy=False).tobytes())
            items.writelines(dump_metadata(to_values(row)) + "\n" for row in rows)
    (target / SPACE_FILE).write_text(content.origin.to_json(content.rows), "utf-8")


def write_header(file: Any, shape: tuple[int, int]) -> None:
    """Begin a ``.npy`` file of float32, whose rows then follow."""
    header = {"descr": "<f4", "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(file, header)


def to_values(row: VectorRow) -> dict[str, Any]:
    """A row as JSON values; what is empty is left out."""
    values: dict[str, Any] = {"path": row.file.path, "modality": row.modality}
    if row.span is not None:
        values["span"] = [*row.span]
    if row.file.size or row.file.mtime_ns:
        values |= {"size": row.file.size, "mtime_ns": row.file.mtime_ns}
    if row.file.content_hash:
        values["content_hash"] = row.file.content_hash.hex()
    parts = {
        "of_segment": row.of_segment, "details": row.details,
        "properties": row.properties, "metadata": row.metadata,
    }  # fmt: skip
    values |= {name: part for name, part in parts.items() if part}
    return values


def from_values(values: Mapping[str, Any]) -> VectorRow | Skipped:
    """Read what `to_values` wrote."""
    try:
        span = values.get("span")
        return VectorRow(
            file=FileState(
                str(values["path"]),
                int(values.get("size", 0)),
                int(values.get("mtime_ns", 0)),
                bytes.fromhex(values.get("content_hash", "")),
            ),
            modality=str(values["modality"]),
            metadata=dict(values.get("metadata", {})),
            span=(float(span[0]), float(span[1])) if span is not None else None,
            properties=dict(values.get("properties", {})),
            of_segment=str(values.get("of_segment", "")),
            details=dict(values.get("details", {})),
        )
    except (KeyError, ValueError, TypeError, IndexError) as error:
        return Skipped(str(values.get("path", "?")), f"the row is not as exported ({error!r})")


def plain_row(values: dict[str, Any], path_column: str, columns: Columns) -> VectorRow | Skipped:
    """Read a row of another tool: a path, all else is metadata."""
    path = values.pop(path_column, None)
    if not isinstance(path, str) or not path.strip():
        return Skipped(f"{path!r}", f"the row has no {path_column!r}")
    modality = values.pop("modality", columns.modality)
    return VectorRow(file_state(path), str(modality), values)


def read(layout: str, source: Path, columns: Columns) -> Source:
    """Open a folder, or a ``.npy`` file with its items beside it."""
    file = source if source.suffix == ".npy" else source / VECTORS
    items = _items_of(file)
    vectors = open_array(file)
    origin_file = file.parent / SPACE_FILE
    origin = None
    if origin_file.is_file() and file.name == VECTORS:
        origin = Origin.from_json(origin_file.read_bytes(), origin_file)
    lines = sum(1 for _ in _lines(items))
    if lines != len(vectors):
        raise UsageError(
            f"{items} has {lines:,} rows, {file} has {len(vectors):,}: one is needed for each"
        )

    opened = _state(items)

    def batches(size: int) -> Generator[Batch, None, None]:
        if _state(items) != opened:
            raise UsageError(f"{items} was replaced while it was read: import it again")
        rows = (_row(line, origin, columns) for line in _lines(items))
        for start in range(0, len(vectors), size):
            yield list(islice(rows, size)), vectors[start : start + size]

    return Source(len(vectors), vectors.shape[1], origin, batches)


def _state(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError:
        return 0, 0, 0
    return status.st_ino, status.st_size, status.st_mtime_ns


def open_array(file: Path) -> npt.NDArray[Any]:
    """Map an array of vectors into memory."""
    try:
        require_regular(file)
        vectors: npt.NDArray[Any] = np.load(file, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, MemoryError, TypeError, SyntaxError) as error:
        raise UsageError(f"{file}: no array that can be read ({error})") from error
    if vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        raise UsageError(f"{file} is no array of vectors: {vectors.dtype} {vectors.shape}")
    return vectors


def _items_of(file: Path) -> Path:
    stems = (file.stem, "items")
    names = [f"{stem}{suffix}" for stem in stems for suffix in sorted(TABLE_SUFFIXES)]
    for name in names:
        if (file.parent / name).is_file():
            return file.parent / name
    raise UsageError(f"{file} needs a row for each vector in one of {', '.join(names)} beside it")


def _lines(items: Path) -> Iterator[dict[str, Any] | Skipped]:
    for _, row in read_metadata(items):
        yield row if isinstance(row, Skipped) else merged({}, row)


def _row(
    line: dict[str, Any] | Skipped, origin: Origin | None, columns: Columns
) -> VectorRow | Skipped:
    if isinstance(line, Skipped):
        return line
    if origin is not None:
        return from_values(line)
    return plain_row(line, columns.path or PATH_COLUMN, columns)


def json_text(values: dict[str, Any]) -> str:
    """Metadata as the text of a column; empty for none."""
    return json.dumps(values, ensure_ascii=False) if values else ""
