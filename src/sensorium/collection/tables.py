"""Exchange as Arrow tables: Parquet, Lance, and clip-retrieval's folders of arrays and Parquet."""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.arrays import json_text, open_array, plain_row, write_header
from sensorium.collection.bulk import Batch, RowVectors
from sensorium.collection.exchange import (
    SPACE_FILE,
    SPACE_KEY,
    Columns,
    Content,
    Origin,
    Source,
)
from sensorium.collection.rows import FileState, VectorRow
from sensorium.data.dialects import MAX_FIELD
from sensorium.data.tables import MAX_COLUMNS
from sensorium.errors import CollectionError, MissingExtraError, UsageError
from sensorium.folders import require_regular
from sensorium.media.skipped import Skipped

try:
    import pyarrow
    import pyarrow.compute
    import pyarrow.parquet
except ModuleNotFoundError as error:
    raise MissingExtraError("pyarrow", "parquet") from error

_TEXT = (pyarrow.types.is_string, pyarrow.types.is_large_string)
_BINARY = (pyarrow.types.is_binary, pyarrow.types.is_large_binary)

VECTOR = "vector"

PART_ROWS = 1_000_000
"""Rows a file of clip-retrieval's layout, as it has them itself, and of a folder of Parquet."""

LANCE_BUFFER = 64 << 20
"""Bytes that Lance reads ahead; its own 2 GB would hold a whole collection."""

PATH_COLUMNS = ("path", "image_path", "file_path", "url", "URL", "key")
"""Columns that name what a row is about, the first that is there; img2dataset writes ``key``."""

VECTOR_COLUMNS = (VECTOR, "embedding", "embeddings", "image_embedding", "emb")

_FIELDS = {
    "path": pyarrow.string(),
    "modality": pyarrow.string(),
    "start": pyarrow.float64(),
    "stop": pyarrow.float64(),
    "size": pyarrow.int64(),
    "mtime_ns": pyarrow.int64(),
    "content_hash": pyarrow.binary(),
    "of_segment": pyarrow.string(),
    "details": pyarrow.string(),  # JSON
    "properties": pyarrow.string(),  # JSON
    "metadata": pyarrow.string(),  # JSON
}
"""Columns of an export; in clip-retrieval's layout the first is called ``image_path``."""

CAPTION_KEYS = ("caption", "caption_en", "title", "description")
"""Metadata that fills clip-retrieval's ``caption``, the first that is there."""


def write(layout: str, target: Path, content: Content) -> None:
    """Write Parquet (a file, or a folder of parts), Lance or clip-retrieval's layout."""
    if layout == "lance":
        batches = (_table(rows, vectors, content) for rows, vectors in content.batches)
        schema = _schema(content)
        _lance().write_dataset(pyarrow.RecordBatchReader.from_batches(schema, batches), str(target))
    elif layout == "clip-retrieval":
        _write_clip_retrieval(target, content)
    elif target.suffix == ".parquet":
        with _parquet_writer(target, content) as file:
            for rows, vectors in content.batches:
                file.write_batch(_table(rows, vectors, content))
    else:
        target.mkdir()
        for part, batches_of_part in enumerate(_parts(content)):
            path = target / f"part-{part:05}.parquet"
            with _parquet_writer(path, content) as file:
                for rows, vectors in batches_of_part:
                    file.write_batch(_table(rows, vectors, content))
        (target / SPACE_FILE).write_text(content.origin.to_json(content.rows), "utf-8")


def _parquet_writer(path: Path, content: Content) -> Any:
    return pyarrow.parquet.ParquetWriter(path, _schema(content), write_page_checksum=True)


def read(layout: str, source: Path, columns: Columns) -> Source:
    """Open what `write` wrote, or another tool's files of the same layout."""
    if layout == "clip-retrieval":
        return _read_clip_retrieval(source, columns)
    if layout == "lance":
        try:
            dataset = _lance().dataset(str(source))
        except (ValueError, OSError) as error:
            raise UsageError(f"{source}: no Lance dataset that can be read ({error})") from error
        # Its maker may have put rows anywhere: on servers, too, which would be asked for them.
        if hasattr(dataset, "base_paths") and (bases := dataset.base_paths()):
            places = ", ".join(repr(base.path) for base in bases.values())
            raise UsageError(
                f"{source} keeps rows in other places ({places:.200}), which are not read: ask for "
                "a copy that holds them (deep_clone)"
            )
        return _source(
            source, dataset.schema, dataset.count_rows(), columns,
            lambda size: dataset.scanner(
                batch_size=size, batch_readahead=1, io_buffer_size=LANCE_BUFFER
            ).to_batches(),
        )  # fmt: skip
    files = [source] if source.is_file() else sorted(source.glob("*.parquet"))
    if not files:
        raise UsageError(f"{source}: no .parquet file there")
    opened = [_parquet(file) for file in files]
    for file, one in zip(files, opened, strict=True):
        if not one.schema_arrow.equals(opened[0].schema_arrow):
            raise UsageError(f"{file} has other columns than {files[0]}")
    return _source(
        source, opened[0].schema_arrow, sum(one.metadata.num_rows for one in opened), columns,
        lambda size: (batch for one in opened for batch in _batches_of(one, size)),
    )  # fmt: skip


def _parquet(file: Path) -> Any:
    try:
        require_regular(file)
        return pyarrow.parquet.ParquetFile(file, page_checksum_verification=True)
    except (OSError, pyarrow.ArrowInvalid) as error:
        raise UsageError(f"{file}: no Parquet that can be read ({error})") from error


def _batches_of(file: Any, size: int) -> Iterator[Any]:
    """Read a Parquet file; asked for all of it at once, Arrow keeps every row group it has read."""
    for group in range(file.num_row_groups):
        yield from file.iter_batches(batch_size=size, row_groups=[group])


def _lance() -> Any:
    try:
        import lance
    except ModuleNotFoundError as error:
        raise MissingExtraError("lance", "lance") from error
    return lance


# Writing


def _schema(content: Content) -> Any:
    vector = pyarrow.list_(pyarrow.float32(), content.origin.space.dimension)
    fields = [*_FIELDS.items(), (VECTOR, vector)]
    return pyarrow.schema(fields, metadata={SPACE_KEY: content.origin.to_json(content.rows)})


def _table(rows: Sequence[VectorRow], vectors: npt.NDArray[np.float32], content: Content) -> Any:
    flat = pyarrow.array(vectors.reshape(-1))
    column = pyarrow.FixedSizeListArray.from_arrays(flat, content.origin.space.dimension)
    values = _values(rows)
    arrays = [pyarrow.array(values[name], kind) for name, kind in _FIELDS.items()]
    return pyarrow.record_batch([*arrays, column], schema=_schema(content))


def _values(rows: Sequence[VectorRow]) -> dict[str, list[Any]]:
    """The columns of `_FIELDS`."""
    return {
        "path": [row.file.path for row in rows],
        "modality": [row.modality for row in rows],
        "start": [row.span[0] if row.span else None for row in rows],
        "stop": [row.span[1] if row.span else None for row in rows],
        "size": [row.file.size for row in rows],
        "mtime_ns": [row.file.mtime_ns for row in rows],
        "content_hash": [row.file.content_hash for row in rows],
        "of_segment": [row.of_segment for row in rows],
        "details": [json_text(row.details) for row in rows],
        "properties": [json_text(row.properties) for row in rows],
        "metadata": [json_text(row.metadata) for row in rows],
    }


Block = tuple[list[VectorRow], npt.NDArray[np.float32]]


def _parts(content: Content) -> Iterator[Iterator[Block]]:
    """Divide the rows into parts of `PART_ROWS`; each is to be used up before the next."""
    waiting: list[Block] = []

    def part(size: int) -> Iterator[Block]:
        while size:
            rows, vectors = waiting.pop() if waiting else next(content.batches)
            if len(rows) > size:
                waiting.append((rows[size:], vectors[size:]))
            yield rows[:size], vectors[:size]
            size -= min(size, len(rows))

    for start in range(0, content.rows, PART_ROWS):
        yield part(min(PART_ROWS, content.rows - start))


def _write_clip_retrieval(target: Path, content: Content) -> None:
    (target / "img_emb").mkdir(parents=True)
    (target / "metadata").mkdir()
    schema = pyarrow.schema(
        [("image_path", pyarrow.string()), ("caption", pyarrow.string()), *[*_FIELDS.items()][1:]]
    )
    digits = len(str((content.rows - 1) // PART_ROWS))  # clip-retrieval pads its numbers, too
    for part, blocks in enumerate(_parts(content)):
        count = min(PART_ROWS, content.rows - part * PART_ROWS)
        with ExitStack() as stack:
            array = stack.enter_context(
                (target / "img_emb" / f"img_emb_{part:0{digits}}.npy").open("wb")
            )
            write_header(array, (count, content.origin.space.dimension))
            table = stack.enter_context(
                pyarrow.parquet.ParquetWriter(
                    target / "metadata" / f"metadata_{part:0{digits}}.parquet", schema
                )
            )
            for rows, vectors in blocks:
                array.write(vectors.astype("<f4", copy=False).tobytes())
                values = _values(rows)
                values["image_path"] = values.pop("path")
                values["caption"] = [_caption(row.metadata) for row in rows]
                table.write_batch(pyarrow.RecordBatch.from_pydict(values, schema))
    (target / SPACE_FILE).write_text(content.origin.to_json(content.rows), "utf-8")


def _caption(metadata: Mapping[str, Any]) -> str | None:
    return next((str(metadata[key]) for key in CAPTION_KEYS if metadata.get(key)), None)


# Reading


def _source(path: Path, schema: Any, rows: int, columns: Columns, batches: Any) -> Source:
    """Rows and vectors of one table."""
    if len(schema) > MAX_COLUMNS:
        raise UsageError(f"{path} has {len(schema):,} columns; a table has at most {MAX_COLUMNS:,}")
    carried = (schema.metadata or {}).get(SPACE_KEY)
    origin = Origin.from_json(carried, path) if carried else _origin_beside(path)
    name = _vector_column(path, schema, columns)
    kind = schema.field(name).type
    if pyarrow.types.is_fixed_size_list(kind):
        dimension = int(kind.list_size)
    else:  # a list of any length: the first that is there tells
        first = next((batch for batch in batches(1000)), None)
        lengths = first.column(name).drop_null().value_lengths() if first is not None else []
        dimension = lengths[0].as_py() if len(lengths) else 0
    path_column = _path_column(path, schema.names, columns)

    def read_batches(size: int) -> Generator[Batch, None, None]:
        before = 0
        for batch in batches(size):
            vectors = _vectors(batch.column(name), dimension)
            others, long = _without_long_cells(batch.drop_columns([name]))
            read = _rows(others, path_column, origin, columns)
            for row, column in long.items():
                read[row] = Skipped(
                    f"{path}: row {before + row + 1}",
                    f"column {column} holds more than {MAX_FIELD:,} bytes or values",
                )
            before += len(read)
            yield read, vectors

    return Source(rows, dimension, origin, read_batches)


def _origin_beside(path: Path) -> Origin | None:
    file = path / SPACE_FILE
    return Origin.from_json(file.read_bytes(), file) if file.is_file() else None


def _vector_column(path: Path, schema: Any, columns: Columns) -> str:
    lists = [
        field.name
        for field in schema
        if (pyarrow.types.is_fixed_size_list(field.type) or pyarrow.types.is_list(field.type)
            or pyarrow.types.is_large_list(field.type))
        and (pyarrow.types.is_floating(field.type.value_type)
             or pyarrow.types.is_integer(field.type.value_type))
    ]  # fmt: skip
    if columns.vector is not None:
        named: Sequence[str] = (columns.vector,)
    else:
        named = (*VECTOR_COLUMNS, *(lists if len(lists) == 1 else ()))
    for name in named:
        if name in lists:
            return name
    raise UsageError(
        f"{path} has no column of vectors called {' or '.join(named)}; columns that hold lists of "
        f"numbers: {', '.join(lists) or 'none'}. Name it: vector column"
    )


def _path_column(path: Path, names: Sequence[str], columns: Columns) -> str:
    wanted = (columns.path,) if columns.path is not None else PATH_COLUMNS
    for name in wanted:
        if name in names:
            return name
    raise UsageError(
        f"{path} has no column {' or '.join(wanted)} for the path; it has {', '.join(names)}. "
        "Name it: path column"
    )


def _vectors(column: Any, dimension: int) -> RowVectors:
    """A column of lists as an array; a row that is missing or of another length as it is."""
    if column.null_count == 0:
        flat = column.flatten()
        if pyarrow.types.is_fixed_size_list(column.type):
            regular = True
        else:
            lengths = column.value_lengths().to_numpy(zero_copy_only=False)
            regular = bool((lengths == dimension).all())
        if regular:  # a null within a vector becomes NaN, which is refused row by row
            values: npt.NDArray[Any] = flat.to_numpy(zero_copy_only=False)
            return values.reshape(-1, dimension)
        fits = pyarrow.compute.equal(column.value_lengths(), dimension)
        column = pyarrow.compute.if_else(fits, column, None)  # of any length, as Python's numbers
    return [None if one is None else np.array(one, np.float64) for one in column.to_pylist()]


def _without_long_cells(batch: Any) -> tuple[Any, dict[int, str]]:
    """A batch with nulls for cells that are too long, and by row what such a column is called.

    A small file may hold one large value for each of its rows, which Python would have all at once.
    """
    long: dict[int, str] = {}
    arrays = []
    for field, array in zip(batch.schema, batch.columns, strict=True):
        kind = field.type
        lengths = None
        if pyarrow.types.is_list(kind) or pyarrow.types.is_large_list(kind):
            lengths = array.value_lengths()
        elif any(of(kind) for of in _TEXT + _BINARY):
            lengths = pyarrow.compute.binary_length(array)
        if lengths is not None and (pyarrow.compute.max(lengths).as_py() or 0) > MAX_FIELD:
            fits = pyarrow.compute.less_equal(lengths, MAX_FIELD).fill_null(True)
            if not any(of(kind) for of in _BINARY):  # bytes are left out anyway
                for row in np.flatnonzero(~fits.to_numpy(zero_copy_only=False)).tolist():
                    long.setdefault(row, field.name)
            array = pyarrow.compute.if_else(fits, array, None)
        arrays.append(array)
    return pyarrow.RecordBatch.from_arrays(arrays, schema=batch.schema), long


def _rows(
    batch: Any, path_column: str, origin: Origin | None, columns: Columns
) -> list[VectorRow | Skipped]:
    if origin is not None:
        return [_own_row(values, path_column) for values in batch.to_pylist()]
    rows = []
    for values in batch.to_pylist():
        named = values.pop(path_column)
        plain = {k: json_value(v) for k, v in values.items()}
        kept = {k: v for k, v in plain.items() if v is not None}
        # A key may be a number.
        path = named if isinstance(named, str) or named is None else str(named)
        rows.append(plain_row({**kept, path_column: path}, path_column, columns))
    return rows


def _own_row(values: dict[str, Any], path_column: str) -> VectorRow | Skipped:
    path, start = values[path_column], values["start"]
    try:
        return VectorRow(
            file=FileState(path, values["size"], values["mtime_ns"], values["content_hash"]),
            modality=values["modality"],
            metadata=json.loads(values["metadata"] or "{}"),
            span=None if start is None else (start, values["stop"]),
            properties=json.loads(values["properties"] or "{}"),
            of_segment=values.get("of_segment") or "",  # not in exports of format 1
            details=json.loads(values.get("details") or "{}"),
        )
    except (KeyError, ValueError, TypeError) as error:
        return Skipped(str(path), f"the row is not as exported ({error!r})")


def json_value(value: Any) -> Any:
    """What JSON can hold of a value of Arrow: dates as ISO 8601; None for bytes and NaN."""
    if isinstance(value, dict):
        return {str(key): json_value(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(one) for one in value]
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, (str, int, bool)) else None


def _read_clip_retrieval(source: Path, columns: Columns) -> Source:
    """Open ``img_emb/*.npy`` (for texts ``text_emb``) with ``metadata/*.parquet``."""
    kind = "text" if columns.modality == "text" else "img"
    arrays = _numbered(source / f"{kind}_emb", ".npy")
    tables = _numbered(source / "metadata", ".parquet")
    if not arrays or [*arrays] != [*tables]:
        raise UsageError(
            f"{source} needs as many {kind}_emb/{kind}_emb_N.npy as metadata/metadata_N.parquet, "
            f"of the same numbers; found {len(arrays)} and {len(tables)}"
        )
    pairs = [(open_array(arrays[n]), _parquet(tables[n])) for n in arrays]
    for number, (array, table) in zip(arrays, pairs, strict=True):
        if len(array) != table.metadata.num_rows:
            raise UsageError(
                f"{arrays[number]} has {len(array):,} rows, {tables[number]} has "
                f"{table.metadata.num_rows:,}: they have to match row by row"
            )
        if array.shape[1] != pairs[0][0].shape[1]:
            raise UsageError(f"{arrays[number]} has vectors of another length than the first part")
    origin = _origin_beside(source)
    path_column = _path_column(source, pairs[0][1].schema_arrow.names, columns)
    # A caption is an item of its own beside its picture.
    suffix = "#caption" if kind == "text" and origin is None else ""

    def batches(size: int) -> Generator[Batch, None, None]:
        for array, table in pairs:
            start = 0
            for batch in _batches_of(table, size):
                rows = _rows(batch, path_column, origin, columns)
                if suffix:
                    rows = [_renamed(row, suffix) for row in rows]
                yield rows, array[start : start + len(rows)]
                start += len(rows)

    rows = sum(len(array) for array, _ in pairs)
    return Source(rows, pairs[0][0].shape[1], origin, batches)


def _renamed(row: VectorRow | Skipped, suffix: str) -> VectorRow | Skipped:
    if isinstance(row, Skipped):
        return row
    return VectorRow(FileState(row.file.path + suffix, 0, 0), row.modality, row.metadata)


def _numbered(folder: Path, ending: str) -> dict[int, Path]:
    """Files called ``…_N`` in the order of N, however the numbers are padded."""
    found: dict[int, Path] = {}
    for file in folder.glob(f"*{ending}"):
        number = file.stem.rpartition("_")[2]
        if not number.isdigit():
            raise CollectionError(f"{file} has no number at the end of its name")
        found[int(number)] = file
    return dict(sorted(found.items()))
