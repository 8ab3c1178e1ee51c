"""Columns of the Lance table that holds a collection."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sensorium.errors import MissingExtraError

try:
    import pyarrow
except ModuleNotFoundError as error:
    raise MissingExtraError("pyarrow", "lance") from error

KEY = b"sensorium.collection"
"""Of the schema's metadata: JSON of ``format``, ``id`` and, once there are vectors, ``space``,
``fingerprint`` and ``dimension``."""

_TEXT = pyarrow.large_string()  # texts of a document may be more than the 2 GB of a string column

COLUMNS = {
    "kind": pyarrow.string(),
    "change": pyarrow.int64(),
    "id": pyarrow.int64(),
    "name": pyarrow.string(),
    "value": _TEXT,
    "item_id": pyarrow.int64(),
    "ordinal": pyarrow.int64(),
    "path": pyarrow.string(),
    "modality": pyarrow.string(),
    "size": pyarrow.int64(),
    "mtime_ns": pyarrow.int64(),
    "content_hash": pyarrow.binary(),
    "added": pyarrow.float64(),
    "properties": _TEXT,
    "metadata": _TEXT,
    "extracted": _TEXT,
    "start": pyarrow.float64(),
    "stop": pyarrow.float64(),
    "details": _TEXT,
    "passage_id": pyarrow.int64(),
    "checksum": pyarrow.int64(),
    "source": pyarrow.string(),
    "text": _TEXT,
    "first": pyarrow.int64(),
    "last": pyarrow.int64(),
    "question": _TEXT,
    "relevant": pyarrow.int64(),
    "judged": pyarrow.float64(),
    "found": _TEXT,
    # Of another space, and so of another length, until a re-embedding is finished.
    "next_vector": pyarrow.list_(pyarrow.float32()),
}
"""All but ``vector``, whose type has the number of dimensions: it comes with the first space."""

VECTORS = ("vector", "next_vector")


def described() -> list[str]:
    return [name for name in COLUMNS if name not in VECTORS]


def schema_of(facts: Mapping[str, Any], dimension: int | None) -> pyarrow.Schema:
    fields = [pyarrow.field(name, kind) for name, kind in COLUMNS.items()]
    if dimension is not None:
        # Of a fixed size, and single precision: Lance searches no other lists.
        fields.append(pyarrow.field("vector", pyarrow.list_(pyarrow.float32(), dimension)))
    return pyarrow.schema(fields, {KEY: json.dumps(facts).encode()})


def table_of(rows: Sequence[dict[str, Any]], schema: pyarrow.Schema) -> pyarrow.Table:
    """Rows as a table; what a row does not say is null."""
    columns = []
    for part in schema:
        values = [row.get(part.name) for row in rows]
        if part.name == "vector":
            columns.append(_fixed(values, part.type.list_size))
        elif part.name == "next_vector":
            lists = [None if blob is None else np.frombuffer(blob, "<f4") for blob in values]
            columns.append(pyarrow.array(lists, part.type))
        else:
            columns.append(pyarrow.array(values, part.type))
    return pyarrow.Table.from_arrays(columns, schema=schema)


def _fixed(values: Sequence[bytes | None], dimension: int) -> pyarrow.Array:
    """Vectors, given as bytes, in a column of vectors of this length."""
    flat = np.zeros((len(values), dimension), np.float32)
    missing = np.ones(len(values), bool)
    for n, blob in enumerate(values):
        if blob is not None:
            flat[n], missing[n] = np.frombuffer(blob, "<f4"), False
    return pyarrow.FixedSizeListArray.from_arrays(
        pyarrow.array(flat.reshape(-1)), dimension, mask=pyarrow.array(missing)
    )
