"""Collections as data sets of others: Hugging Face, pandas, TensorFlow (`as_torch` has torch)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sensorium.collection.kinds import Ids
from sensorium.collection.rows import StoredSegment
from sensorium.collection.rows_out import (
    MEDIA,
    Column,
    Rows,
    bytes_of_row,
    flat,
    has_file,
    rows_of_collection,
)
from sensorium.collection.store import Store
from sensorium.errors import MediaError, MissingExtraError, SensoriumWarning, UsageError

Files = Literal["path", "bytes"]


def to_dataset(
    store: Store,
    ids: Ids | None,
    names: Iterable[str] | None,
    media: Files | None,
    streaming: bool,
) -> Any:
    """See `Collection.to_dataset`."""
    try:
        import datasets
        import pyarrow
    except ImportError as error:
        raise MissingExtraError("datasets", "datasets") from error
    if media not in (None, "path", "bytes"):
        raise UsageError(f"media is None, 'path' or 'bytes', got {media!r:.60}")
    rows = rows_of_collection(store, ids, names, media is not None)
    features = datasets.Features(_features(rows, media is not None, datasets))
    if streaming:
        return datasets.IterableDataset.from_generator(
            _stream, features=features, gen_kwargs={"rows": rows, "media": media}
        )
    schema = features.arrow_schema
    batches = [
        pyarrow.RecordBatch.from_arrays(
            [_array(name, block[name], schema.field(name).type, pyarrow) for name in features],
            schema=schema,
        )
        for block in _blocks(rows, media)
    ]
    table = pyarrow.Table.from_batches(batches, schema)
    return datasets.Dataset(table, info=datasets.DatasetInfo(features=features))


def _features(rows: Rows, media: bool, datasets: Any) -> dict[str, Any]:
    value, listed = datasets.Value, datasets.List
    of_kind = {
        "bool": value("bool"), "int": value("int64"), "float": value("float64"),
        "text": value("large_string"), "json": value("large_string"),
        "bools": listed(value("bool")), "ints": listed(value("int64")),
        "floats": listed(value("float64")), "texts": listed(value("large_string")),
    }  # fmt: skip
    features = {
        "id": value("int64"), "path": value("string"), "modality": value("string"),
        "start": value("float64"), "stop": value("float64"), "text": value("large_string"),
        "vector": listed(value("float32"), length=rows.dimension),
        **{column.name: of_kind[column.kind] for column in rows.columns},
    }  # fmt: skip
    if media:
        # Sounds and films stay files: the library decodes them by torchcodec alone.
        features["image"] = datasets.Image()
        features["audio"] = datasets.Audio(decode=False)
        features["video"] = datasets.Video(decode=False)
    return features


def _blocks(rows: Rows, media: Files | None) -> Iterator[dict[str, Any]]:
    """Rows as columns, some at a time; the vectors are an array."""
    unread: list[str] = []
    for found, vectors in rows.blocks():
        values = [rows.values(row) for row in found]
        block: dict[str, Any] = {name: [one[name] for one in values] for name in values[0]}
        block["vector"] = vectors
        if media is not None:
            cells = [_cell(row, media, unread) for row in found]
            for name in MEDIA:
                block[name] = [
                    cell if row.modality == name else None
                    for row, cell in zip(found, cells, strict=True)
                ]
        yield block
    if unread:
        warnings.warn(
            f"{len(unread)} files could not be read and are missing; the first: {unread[0]}",
            SensoriumWarning,
            stacklevel=4,
        )


def _cell(row: StoredSegment, media: Files, unread: list[str]) -> dict[str, Any] | None:
    if row.modality not in MEDIA or not has_file(row):
        return None
    if media == "path":
        return {"bytes": None, "path": row.path}
    try:
        return {"bytes": bytes_of_row(row), "path": row.path}
    except MediaError as error:
        unread.append(str(error))
        return None


def _array(name: str, values: Any, kind: Any, pyarrow: Any) -> Any:
    if name != "vector":
        return pyarrow.array(values, kind)
    numbers = pyarrow.array(np.ascontiguousarray(values, np.float32).reshape(-1))
    return pyarrow.FixedSizeListArray.from_arrays(numbers, type=kind)


def _stream(rows: Rows, media: Files | None) -> Iterator[dict[str, Any]]:
    for block in _blocks(rows, media):
        for place in range(len(block["id"])):
            yield {
                name: cells[place].tolist() if name == "vector" else cells[place]
                for name, cells in block.items()
            }


def to_pandas(store: Store, ids: Ids | None, names: Iterable[str] | None) -> Any:
    """See `Collection.to_pandas`."""
    try:
        import pandas
    except ImportError as error:
        raise MissingExtraError("pandas", "datasets") from error
    rows = rows_of_collection(store, ids, names)
    values: dict[str, list[Any]] = {}
    vectors: list[npt.NDArray[np.float32]] = []
    for found, of_rows in rows.blocks():
        for row in found:
            for name, value in rows.values(row).items():
                values.setdefault(name, []).append(value)
        vectors += list(of_rows)
    types = {
        "id": "int64", "path": "str", "modality": "str", "start": "float64", "stop": "float64",
        "text": "str", **{column.name: _pandas_type(column) for column in rows.columns},
    }  # fmt: skip
    columns = {
        name: pandas.Series(values.get(name, []), dtype=kind) for name, kind in types.items()
    }
    return pandas.DataFrame({**columns, "vector": pandas.Series(vectors, dtype=object)})


def _pandas_type(column: Column) -> str:
    kinds = {"bool": "boolean", "int": "Int64", "float": "float64", "text": "str", "json": "str"}
    if column.kind in ("bool", "int") and not column.missing:
        return column.kind if column.kind == "bool" else "int64"
    return kinds.get(column.kind, "object")


def to_tf(store: Store, ids: Ids | None, names: Iterable[str]) -> Any:
    """See `Collection.to_tf`."""
    try:
        import tensorflow
    except ImportError as error:
        raise MissingExtraError("tensorflow", "tensorflow") from error
    rows = rows_of_collection(store, ids, names)
    types = {"bool": tensorflow.bool, "int": tensorflow.int64, "float": tensorflow.float64}
    signature = {
        "id": tensorflow.TensorSpec((), tensorflow.int64),
        "path": tensorflow.TensorSpec((), tensorflow.string),
        "modality": tensorflow.TensorSpec((), tensorflow.string),
        "vector": tensorflow.TensorSpec((rows.dimension,), tensorflow.float32),
        **{
            column.name: tensorflow.TensorSpec(
                (),
                tensorflow.float64
                if column.missing and column.kind in types
                else types.get(column.kind, tensorflow.string),
            )
            for column in rows.columns
        },
    }

    def generate() -> Iterator[dict[str, Any]]:
        for found, vectors in rows.blocks():
            for row, vector in zip(found, vectors, strict=True):
                values = rows.values(row)
                yield {
                    "id": row.item, "path": row.path, "modality": row.modality, "vector": vector,
                    **flat(values, rows.columns),
                }  # fmt: skip

    made = tensorflow.data.Dataset.from_generator(generate, output_signature=signature)
    return made.apply(tensorflow.data.experimental.assert_cardinality(len(rows)))
