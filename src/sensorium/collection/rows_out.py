"""Rows of a collection as data sets have them: one for each vector, columns of one type."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.kinds import Ids
from sensorium.collection.opening import open_store
from sensorium.collection.rows import StoredSegment
from sensorium.collection.store import Store
from sensorium.data.files import stored_path
from sensorium.errors import CollectionError, MediaError, UsageError
from sensorium.media import Media, open_media
from sensorium.media.sources import read_file

BLOCK = 1024
"""Rows that are read at a time, with their vectors: 3 MB at 640 numbers."""

OWN = ("id", "path", "modality", "start", "stop", "text", "vector")
"""Columns that every row has; metadata of such a name is called ``metadata.NAME``."""

MEDIA = ("image", "audio", "video")
"""Columns of files, in data sets that have such; metadata of such a name, too."""

LISTS = {"bool": "bools", "int": "ints", "float": "floats", "text": "texts"}
"""Types of values, and what lists of them are called."""

LARGEST = 2**63
"""Whole numbers from here on are no 64-bit integers: their column holds floats."""


def type_of(value: Any) -> str:
    """The type of a column that holds a JSON value: a key or value of `LISTS`, or "json"."""
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int):
        return "int" if -LARGEST <= value < LARGEST else "float"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return "text"
    if isinstance(value, list):
        inner = ""
        for one in value:
            inner = common_type(inner, type_of(one))
        return "empty" if not inner else LISTS.get(inner, "json")
    return "json"


def common_type(one: str, other: str) -> str:
    """The type of a column that holds values of both; numbers are floats, all else is JSON."""
    if one == other or not one:
        return other
    if {one, other} == {"int", "float"}:
        return "float"
    if {one, other} == {"ints", "floats"}:
        return "floats"
    if "empty" in (one, other) and (left := ({one, other} - {"empty"}).pop()) in LISTS.values():
        return left
    return "json"


def cast(value: Any, kind: str) -> Any:
    """A value as its column holds it: what is of several types, or nested, as JSON text."""
    if value is None:
        return None
    if kind == "json":
        return json.dumps(value, ensure_ascii=False)
    if kind == "float":
        return float(value)
    return [float(one) for one in value] if kind == "floats" else value


@dataclass(frozen=True)
class Column:
    """A column of metadata.

    Attributes
    ----------
    name : str
        In rows.
    key : str
        In the metadata.
    kind : str
        See `type_of`.
    missing : bool
        Whether some row has no value.
    """

    name: str
    key: str
    kind: str
    missing: bool


class Rows:
    """Rows of one moment's vectors; read as they are asked for, in any process.

    Parameters
    ----------
    path : Path
        Of the collection.
    dimension : int
    segment_ids : ndarray of int64, shape (n,)
        In the order of adding.
    columns : sequence of Column
    """

    def __init__(
        self, path: Path, dimension: int, segment_ids: Ids, columns: Sequence[Column]
    ) -> None:
        self.path = path
        self.dimension = dimension
        self.segment_ids = segment_ids
        self.columns = columns
        self._store: Store | None = None
        self._process = 0

    def __len__(self) -> int:
        return len(self.segment_ids)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_store": None}  # another process opens its own

    def read(self, places: Sequence[int]) -> tuple[list[StoredSegment], npt.NDArray[np.float32]]:
        """Rows and their vectors, shape (m, dimension), by their numbers.

        Raises
        ------
        CollectionError
            When one of them is no longer there.
        """
        store = self._open()
        wanted = self.segment_ids[np.asarray(places, np.int64)]
        found = store.segments(np.unique(wanted).tolist())
        ids, _, vectors = store.vectors(self.dimension, ids=np.unique(wanted).tolist())
        at = {segment: row for row, segment in enumerate(ids.tolist())}
        for place, segment in zip(places, wanted.tolist(), strict=True):
            if segment not in found or segment not in at:
                raise CollectionError(
                    f"row {place} is no longer in {self.path}: it was deleted or indexed anew, "
                    "make the data set again"
                )
        rows = [found[segment] for segment in wanted.tolist()]
        return rows, vectors[[at[segment] for segment in wanted.tolist()]]

    def blocks(self) -> Iterator[tuple[list[StoredSegment], npt.NDArray[np.float32]]]:
        """All rows, `BLOCK` at a time."""
        for start in range(0, len(self), BLOCK):
            yield self.read(range(start, min(start + BLOCK, len(self))))

    def values(self, row: StoredSegment) -> dict[str, Any]:
        """What a row says: all of `OWN` but the vector, and its metadata; None for nothing."""
        start, stop = row.record.span or (None, None)
        return {
            "id": row.item, "path": row.path, "modality": row.modality,
            "start": start, "stop": stop, "text": row.record.text,
            **{c.name: cast(row.metadata.get(c.key), c.kind) for c in self.columns},
        }  # fmt: skip

    def _open(self) -> Store:
        # A process that was forked has its parent's connection, which is not to be touched.
        if self._store is None or self._process != os.getpid():
            self._store = open_store(self.path)
            self._process = os.getpid()
        return self._store


def rows_of_collection(
    store: Store, ids: Ids | None, names: Iterable[str] | None, media: bool = False
) -> Rows:
    """See which rows a collection has, and of which type each column of metadata is.

    Parameters
    ----------
    store : Store
    ids : ndarray of int64, optional
        Only these items.
    names : iterable of str, optional
        Metadata that rows have; None for all.
    media : bool
        Whether rows have the columns `MEDIA`.

    Raises
    ------
    CollectionError
        When nothing was ever added.
    UsageError
        For a name that no metadata has.
    """
    with store.snapshot():
        space = store.state().space
        if space is None:
            raise CollectionError(f"{store.path} holds no vectors yet: add something first")
        items = [item for item, _ in store.paths()] if ids is None else ids.tolist()
        segments: list[Ids] = []
        kinds: dict[str, str] = {}
        counts: dict[str, int] = {}
        total = 0
        for start in range(0, len(items), BLOCK):
            some, _, _ = store.vectors(space[0].dimension, items=items[start : start + BLOCK])
            segments.append(some)
            for row in store.segments(some.tolist()).values():
                total += 1
                for name, value in row.metadata.items():
                    if value is not None:
                        kinds[name] = common_type(kinds.get(name, ""), type_of(value))
                        counts[name] = counts.get(name, 0) + 1
    wanted = [*kinds] if names is None else [*dict.fromkeys(names)]
    for name in wanted:
        if name not in kinds:
            has = ", ".join(kinds) or "none"
            raise UsageError(f"no metadata is called {name!r}; there is {has}")
    taken = {*OWN, *(MEDIA if media else ())}
    columns = [
        Column(
            f"metadata.{name}" if name in taken else name, name,
            "json" if kinds[name] == "empty" else kinds[name], counts[name] < total,
        )
        for name in wanted
    ]  # fmt: skip
    ids = np.concatenate(segments) if segments else np.empty(0, np.int64)
    return Rows(store.path, space[0].dimension, ids, columns)


def flat(values: Mapping[str, Any], columns: Sequence[Column]) -> dict[str, Any]:
    """Values as tensors and batches take them: lists as JSON text, and none missing.

    A missing number is NaN (so the column's others are floats), a missing text empty.
    """
    return {column.name: _flat(values[column.name], column) for column in columns}


def _flat(value: Any, column: Column) -> Any:
    if column.kind in ("bool", "int", "float"):
        if column.missing:
            return float("nan") if value is None else float(value)
        return value
    if value is None:
        return ""
    return value if column.kind in ("text", "json") else json.dumps(value, ensure_ascii=False)


def media_of_row(row: StoredSegment) -> Media:
    """The file that a row is of, to be decoded.

    Raises
    ------
    MediaError
        When it has none, or it cannot be opened.
    """
    return open_media(_file_of(row))


def bytes_of_row(row: StoredSegment) -> bytes:
    """The file that a row is of; raises as `media_of_row`."""
    return read_file(_file_of(row))


def has_file(row: StoredSegment) -> bool:
    """Whether a row is of a file: rows of data sets may have been in memory, others have URLs."""
    return os.path.isabs(row.path)  # noqa: PTH117


def _file_of(row: StoredSegment) -> Path:
    if not has_file(row):
        raise MediaError(
            "was no file when it was added, and only its vectors are kept: add the data set with "
            "keep=FOLDER",
            row.path,
        )
    return stored_path(row.path)
