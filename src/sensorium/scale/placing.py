"""Vectors that machines of the cluster write to where a collection is.

Only what they are of goes through the machine that commits; see `collection.lance_placing`.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow

from sensorium.collection.rows import Placed
from sensorium.collection.work import Work
from sensorium.errors import SensoriumError
from sensorium.media.segments import SegmentRecord
from sensorium.scale.rows import ENCODED, FAILED, failure_to_table, load_work, records_of

PLACED = ENCODED.remove(ENCODED.get_field_index("vectors"))
for _name, _kind in (
    ("fragment", pyarrow.large_string()),
    ("first", pyarrow.int64()),
    ("checksums", pyarrow.list_(pyarrow.int64())),
):
    PLACED = PLACED.append(pyarrow.field(_name, _kind))
"""As `ENCODED`, with the place of the vectors instead of their numbers."""

_NUMBERS = itertools.count()


@dataclass(frozen=True)
class Place:
    """Writes vectors into the folder of a Lance table; called on any machine.

    Attributes
    ----------
    uri : str
    dimension : int
        Numbers of a vector.
    """

    uri: str
    dimension: int

    def __call__(self, encoded: pyarrow.Table) -> pyarrow.Table:
        """Rows of `ENCODED` to rows of `PLACED`."""
        if (encoded["number"].to_numpy() == FAILED).any():
            return _without_vectors(encoded)
        try:
            return self._placed(encoded)
        except SensoriumError as error:
            return _without_vectors(failure_to_table(error))

    def _placed(self, encoded: pyarrow.Table) -> pyarrow.Table:
        from sensorium.collection.lance_placing import MOST_ROWS

        size = 4 * self.dimension
        rows: list[dict[str, Any]] = []
        waiting: list[bytes] = []
        first = 0
        for row in encoded.to_pylist():
            blob = row.pop("vectors")
            sums = [zlib.crc32(blob[start : start + size]) for start in range(0, len(blob), size)]
            if first + len(sums) > MOST_ROWS:
                self._write(rows, waiting)
                waiting, first = [], 0
            rows.append({**row, "first": first, "checksums": sums})
            waiting.append(blob)
            first += len(sums)
        self._write(rows, waiting)
        return pyarrow.Table.from_pylist(rows, schema=PLACED)

    def _write(self, rows: list[dict[str, Any]], waiting: list[bytes]) -> None:
        """Write what waits, and say so in the rows that do not say yet where theirs is."""
        from sensorium.collection.lance_placing import place_vectors

        vectors = np.frombuffer(b"".join(waiting), "<f4").reshape(-1, self.dimension)
        fragment = place_vectors(self.uri, vectors) if len(vectors) else ""
        for row in rows:
            row.setdefault("fragment", fragment if row["checksums"] else "")


def _without_vectors(failed: pyarrow.Table) -> pyarrow.Table:
    rows = failed.drop_columns(["vectors"]).to_pylist()
    return pyarrow.Table.from_pylist(
        [{**row, "fragment": "", "first": 0, "checksums": []} for row in rows], schema=PLACED
    )


def placed_of(
    table: pyarrow.Table, numbers: dict[str, int], dimension: int
) -> Iterator[tuple[int, tuple[Work, list[SegmentRecord], Any]]]:
    """Read rows of `PLACED`: `Placed` in the place of vectors.

    `numbers` gets one for each new fragment.
    """
    for row in table.to_pylist():
        fragment = row["fragment"]
        vectors: Any = np.empty((0, dimension), np.float32)
        if fragment:
            if fragment not in numbers:
                numbers[fragment] = next(_NUMBERS)
            vectors = Placed(numbers[fragment], fragment, row["first"], row["checksums"])
        yield row["number"], (load_work(row["work"]), records_of(row["segments"]), vectors)
