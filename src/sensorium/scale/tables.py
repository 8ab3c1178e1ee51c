"""Tables that hold encoded files themselves: Parquet, WebDataset tars, tables of Lance.

Each is read in parts (a group of rows, a tar, a fragment) by whatever machine has time.
"""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.fs
import pyarrow.parquet

from sensorium.collection.rows import FileState
from sensorium.collection.work import Work
from sensorium.data.captioned import samples_of, tars_of
from sensorium.data.encoded_columns import BYTES_COLUMNS, bytes_of, file_column, key_column
from sensorium.data.files import Candidate
from sensorium.data.metadata import dump_metadata
from sensorium.data.tables import first_column
from sensorium.errors import CollectionError, MissingExtraError, UsageError
from sensorium.media.given import plain
from sensorium.scale.rows import Task, tasks_to_table

KINDS = {".parquet": "parquet", ".tar": "webdataset", ".lance": "lance"}

SAID = ("txt", "json", "cls")
"""Members of a sample of WebDataset that say something of the one that is indexed."""

ROWS = 256
"""Rows of a block that is handed on."""

MOST_JSON = 1 << 20
"""Bytes of a member that says something of a sample; of a longer one nothing is read."""


@dataclass(frozen=True)
class Part:
    """Some rows of a table.

    Attributes
    ----------
    uri : str
        Of the file or table: an absolute path, or an address in an object store.
    kind : {"parquet", "webdataset", "lance"}
    number : int
        Of the group of rows, or the fragment.
    first : int
        Number of its first row in the table.
    """

    uri: str
    kind: str
    number: int = 0
    first: int = 0

    @property
    def name(self) -> str:
        """What keys of its rows begin with: no path, so that no file is looked for."""
        return f"{self.kind}:{'//' if '://' not in self.uri else ''}{self.uri}#"


@dataclass(frozen=True)
class Tables:
    """Parts of the tables that a caller named.

    Attributes
    ----------
    parts : list of Part
    rows : int
        How many there are; those of tars are not known before they are read.
    """

    parts: list[Part] = field(default_factory=list)
    rows: int = 0


def table_kind(source: Any) -> str | None:
    """The kind of table that a source names; None for a file, a folder, a row, a manifest."""
    text = str(source) if isinstance(source, (str, Path)) else ""
    return KINDS.get(Path(text.rstrip("/")).suffix.lower().rstrip("}"))


def tables_of(sources: Iterable[Any]) -> Tables:
    """Find out of which parts tables consist.

    Parameters
    ----------
    sources : iterable of str or Path
        Each a file ``.parquet`` or ``.tar``, a folder ``.lance``, or such an address in an object
        store; tars also as ``shards/{0000..0007}.tar`` or with a ``*``.

    Raises
    ------
    UsageError
        When one cannot be opened, or has no column of encoded files.
    """
    found = Tables(rows=0)
    rows = 0
    for source in sources:
        kind = table_kind(source)
        if kind == "webdataset" and "://" not in str(source):
            found.parts.extend(Part(str(tar.absolute()), kind) for tar in tars_of(Path(source)))
            continue
        uri = str(source) if "://" in str(source) else str(Path(source).expanduser().absolute())
        if kind == "webdataset":
            found.parts.append(Part(uri, kind))
            continue
        counts, schema = _counts(uri, str(kind))
        _columns(uri, schema)
        for number, count in counts:
            found.parts.append(Part(uri, str(kind), number, rows))
            rows += count
    return Tables(found.parts, rows)


def _counts(uri: str, kind: str) -> tuple[list[tuple[int, int]], pyarrow.Schema]:
    """Number and rows of each part, and the columns."""
    try:
        if kind == "lance":
            table = _lance(uri)
            counts = [(one.fragment_id, one.count_rows()) for one in table.get_fragments()]
            return counts, table.schema
        with _opened(uri) as file:
            parquet = pyarrow.parquet.ParquetFile(file)
            groups = range(parquet.num_row_groups)
            counts = [(n, parquet.metadata.row_group(n).num_rows) for n in groups]
            return counts, parquet.schema_arrow
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UsageError(f"{uri}: cannot be read as a {kind} table ({reason})") from error


def _lance(uri: str) -> Any:
    try:
        import lance
    except ModuleNotFoundError as error:
        raise MissingExtraError("lance", "lance") from error
    return lance.dataset(uri)


def _opened(uri: str) -> Any:
    if "://" not in uri:
        return pyarrow.OSFile(uri)
    system, path = pyarrow.fs.FileSystem.from_uri(uri)
    return system.open_input_file(path)


def _columns(uri: str, schema: pyarrow.Schema) -> tuple[str, str | None]:
    """The column of encoded files, and the one that names rows.

    Raises
    ------
    UsageError
        When there are no encoded files in it.
    """
    column = file_column(schema)
    if column is None:
        has = ", ".join(f"{one.name} ({one.type})" for one in schema)[:300]
        raise UsageError(
            f"{uri}: needs a column of encoded files (bytes, or bytes with a path, as Hugging Face "
            f"writes them) called one of {', '.join(BYTES_COLUMNS)}; it has {has}. For a table of "
            "paths give a manifest (.csv, .jsonl), or the table in memory"
        )
    return column, key_column(schema)


@dataclass(frozen=True)
class ReadParts:
    """Turns parts of tables into files to be read; called on any machine.

    Attributes
    ----------
    metadata : mapping
        Of every row; what a row says goes before.
    stored : mapping of str to bytes
        Hashes of contents that are stored, by key.
    """

    metadata: Mapping[str, Any]
    stored: Mapping[str, bytes]

    def __call__(self, block: pyarrow.Table) -> Iterator[pyarrow.Table]:
        """Rows of parts to rows of `TO_READ`."""
        waiting: list[Task] = []
        for values in block.to_pylist():
            part = Part(**values)
            for task in self._tasks(part):
                waiting.append(task)
                if len(waiting) >= ROWS:
                    yield tasks_to_table(waiting)
                    waiting = []
        yield tasks_to_table(waiting)

    def _tasks(self, part: Part) -> Iterator[Task]:
        try:
            rows = _samples(part) if part.kind == "webdataset" else _rows(part)
            for key, content, said in rows:
                yield self._task(part, key, content, said)
        except (OSError, ValueError, EOFError, tarfile.TarError, CollectionError) as error:
            where = f"{part.name}{part.first}"
            reason = f"its rows from here on cannot be read ({' '.join(str(error).split())[:200]})"
            yield Task(_number(where), self._skipped(where, reason))

    def _task(self, part: Part, key: str, content: bytes | None, said: dict[str, Any]) -> Task:
        name = part.name + key
        if content is None:
            return Task(_number(name), self._skipped(name, "the row holds no encoded file"))
        try:
            metadata = json.loads(dump_metadata({**self.metadata, **said}))
        except CollectionError as error:
            return Task(_number(name), self._skipped(name, str(error)))
        stored = self.stored.get(name)
        file = FileState(name, len(content), 0, stored or b"")
        work = Work(Candidate(Path(name), metadata), file, is_known=stored is not None)
        return Task(_number(name), work, content=content)

    def _skipped(self, name: str, reason: str) -> Work:
        return Work(
            Candidate(Path(name)), FileState(name, 0, 0), False, change="skip", reason=reason
        )


def _number(name: str) -> int:
    """A number that tells rows apart, the same whenever they are read."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7], "big")


Read = Iterator[tuple[str, bytes | None, dict[str, Any]]]


def _rows(part: Part) -> Read:
    """Key, encoded file and what else is said of each row of Parquet or Lance."""
    if part.kind == "lance":
        fragment = _lance(part.uri).get_fragment(part.number)
        schema, batches = fragment.schema, fragment.to_batches(batch_size=ROWS)
        yield from _rows_of(part, schema, batches)
        return
    with _opened(part.uri) as file:
        parquet = pyarrow.parquet.ParquetFile(file)
        batches = parquet.iter_batches(ROWS, row_groups=[part.number])
        yield from _rows_of(part, parquet.schema_arrow, batches)


def _rows_of(part: Part, schema: pyarrow.Schema, batches: Iterable[pyarrow.RecordBatch]) -> Read:
    column, key = _columns(part.uri, schema)
    said = [one.name for one in schema if one.name not in (column, key) and _is_plain(one.type)]
    number = part.first
    for batch in batches:
        for row in batch.select([column, *said, *([key] if key else [])]).to_pylist():
            cell = row[column]
            content = bytes_of(cell)
            name = row.get(key) if key else None
            if name is None and isinstance(cell, dict):
                name = cell.get("path")
            values = {one: value for one in said if (value := plain(row[one])) is not None}
            yield str(number if name is None else name), content, values
            number += 1


def _is_plain(kind: pyarrow.DataType) -> bool:
    types = pyarrow.types
    return bool(
        types.is_string(kind) or types.is_large_string(kind) or types.is_integer(kind)
        or types.is_floating(kind) or types.is_boolean(kind) or types.is_temporal(kind)
    )  # fmt: skip


def _samples(part: Part) -> Read:
    """Key, encoded file and what else is said of each sample of a tar."""
    with _opened(part.uri) as opened, tarfile.open(fileobj=opened, mode="r:") as file:
        for key, members in samples_of(file):
            media = [name for name in members if name.rpartition(".")[2] not in SAID]
            first = first_column(media, BYTES_COLUMNS) or (media[0] if media else None)
            content = _member(file, members[first]) if first else None
            yield key, content, _said(file, members)


def _member(file: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    opened = file.extractfile(member)
    return b"" if opened is None else opened.read()


def _said(file: tarfile.TarFile, members: Mapping[str, tarfile.TarInfo]) -> dict[str, Any]:
    """What a sample says of itself: numbers and texts of its JSON, its text as ``caption``."""
    said: dict[str, Any] = {}
    short = {name: one for name, one in members.items() if name in SAID and one.size <= MOST_JSON}
    if "json" in short:
        try:
            values = json.loads(_member(file, short["json"]))
        except (ValueError, RecursionError):
            values = None
        if isinstance(values, dict):
            said |= {k: v for k, v in values.items() if isinstance(v, (str, int, float))}
    for name, called in (("txt", "caption"), ("cls", "class")):
        if name in short:
            said[called] = _member(file, short[name]).decode("utf-8", "replace").strip()
    return said


def parts_table(parts: Sequence[Part]) -> list[pyarrow.Table]:
    """A block for each part, so that each is read where there is time for it."""
    return [pyarrow.Table.from_pylist([vars(part)]) for part in parts]
