"""Vectors that lie in the folder of a Lance table before there are rows of them.

Machines that encode write their vectors there, each on its own; one process then writes who they
are of, and commits. A fragment of Lance is some files with other columns of the same rows: neither
reads what the other wrote. What is never committed is no part of the table.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.lance_columns import table_of
from sensorium.errors import CollectionError, MissingExtraError

# Before Lance is imported: it would tell the terminal of every commit that is made again.
os.environ.setdefault("LANCE_LOG", "error")

try:
    import lance
    import pyarrow
    from lance.fragment import FragmentMetadata, write_fragments
except ModuleNotFoundError as error:
    raise MissingExtraError("lance", "lance") from error

UNUSED = "unused"
"""The kind of a row whose vector was placed and not taken: its like was stored before it."""

MOST_ROWS = 1 << 20


def place_vectors(uri: str, vectors: npt.NDArray[np.float32]) -> str:
    """Write vectors into the folder of a table, from any machine.

    Parameters
    ----------
    uri : str
        Of a table whose vectors have this many numbers.
    vectors : ndarray of float32, shape (n, d)
        At least one, and no more than `MOST_ROWS`.

    Returns
    -------
    str
        What Lance says of the fragment, as JSON.

    Raises
    ------
    CollectionError
        When the table cannot be reached or written to from this machine.
    """
    rows, dimension = vectors.shape
    if not 0 < rows <= MOST_ROWS:
        raise ValueError(f"1 to {MOST_ROWS:,} vectors are placed at once, got {rows:,}")
    # Without a schema that says so, they would be lists, which Lance does not search.
    schema = pyarrow.schema({"vector": pyarrow.list_(pyarrow.float32(), dimension)})
    flat = pyarrow.array(np.ascontiguousarray(vectors, np.float32).reshape(-1))
    column = pyarrow.FixedSizeListArray.from_arrays(flat, dimension)
    table = pyarrow.Table.from_arrays([column], schema=schema)
    try:
        (fragment,) = write_fragments(
            table, lance.dataset(uri), schema=schema, mode="append", max_rows_per_file=MOST_ROWS
        )
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).partition(", /")[0].split())[:200]
        raise CollectionError(f"{uri}: vectors cannot be written to it ({reason})") from error
    return json.dumps(fragment.to_json())


def described_fragment(dataset: Any, placed: str, rows: Mapping[int, dict[str, Any]]) -> Any:
    """Write what vectors that were placed are of, beside them.

    Parameters
    ----------
    dataset : LanceDataset
        The version that is committed on top of.
    placed : str
        What `place_vectors` gave.
    rows : mapping of int to dict
        The other columns of each vector's row, by its place; what has none is `UNUSED`.

    Returns
    -------
    FragmentMetadata
        With both files, to be committed.
    """
    fragment = FragmentMetadata.from_json(placed)
    fields = {field.name(): field.id() for field in dataset.lance_schema.fields()}
    if fragment.files[0].fields != [fields.get("vector")]:
        raise CollectionError(
            f"{dataset.uri} was written anew while vectors were made for it: run it again"
        )
    schema = dataset.schema.remove(dataset.schema.get_field_index("vector"))
    unused = {"kind": UNUSED}
    described = [rows.get(place, unused) for place in range(fragment.physical_rows)]
    (written,) = write_fragments(
        table_of(described, schema), dataset, schema=schema, mode="append",
        max_rows_per_file=MOST_ROWS,
    )  # fmt: skip
    return replace(fragment, files=[*fragment.files, *written.files])
