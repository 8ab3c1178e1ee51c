"""Which columns of a data set are media, which are said of them, and what rows are by that."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sensorium.data.cell_media import file_of_cell, is_several, kind_of_cell, media_of_cell
from sensorium.data.cells import is_nothing, plain_cell
from sensorium.data.columns import FILE_KINDS
from sensorium.data.dataset_rows import Cells, RowSource
from sensorium.data.files import Candidate, row_in_memory
from sensorium.data.metadata import EMPTIED, dump_metadata
from sensorium.data.tables import PATH_COLUMNS, RATE_COLUMNS, TEXT_COLUMNS, first_column
from sensorium.errors import CollectionError, MediaError, UsageError
from sensorium.media import Media
from sensorium.media.skipped import Skipped

METADATA, KEY, RATE, LEFT_OUT = "metadata", "key", "rate", "none"
"""What a caller may say of a column beside the kinds of media."""

ROLES = (*FILE_KINDS, "text", METADATA, KEY, RATE, LEFT_OUT)

_UNSAFE = re.compile(r"[^\w.-]")
"""What of a key is no part of a file's name."""

ROW, SPLIT, COLUMN = "row", "split", "column"
"""Names that the metadata of a row gets: its number, from 0, in its data set; the split; and the
column, where several hold media. A column that is called so counts instead."""


@dataclass(frozen=True)
class Plan:
    """What the columns of a data set are.

    Attributes
    ----------
    media : mapping of str to str
        Columns whose cells become items, with their kind: one of `FILE_KINDS`, "text", or "" for
        whatever a cell holds. Empty where each row names a file, as a row of a manifest does.
    key : str or None
        The column that rows are called by.
    rate : str or None
        The column with the samples a second of arrays of sound.
    left_out : frozenset of str
    """

    media: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None
    rate: str | None = None
    left_out: frozenset[str] = frozenset()


def plan_of(source: RowSource, roles: Mapping[str, str] | None = None) -> Plan:
    """Tell what each column is, by what it holds and what the caller says of it.

    Columns that hold media are media: features that say so, and cells that are pictures, tensors
    of pictures, arrays of sound with a rate, or encoded files. Where there are none, each row names
    a file in one of `PATH_COLUMNS`; where there is no such column, the first of `TEXT_COLUMNS` is
    the text of the row. All other columns are metadata.

    Parameters
    ----------
    source : RowSource
    roles : mapping of str to str, optional
        Roles of columns, one of `ROLES`. Where one of them is media, no others are.

    Raises
    ------
    UsageError
        For a column or role that there is not, and where no column is media.
    """
    roles = dict(roles or {})
    for name, role in roles.items():
        if role not in ROLES:
            raise UsageError(f"column {name!r}: no kind {role!r}; there are {', '.join(ROLES)}")
        if name not in source.names:
            has = ", ".join(source.names) or "none"
            raise UsageError(f"{source.name} has no column {name!r}; it has {has}")
    keys = [name for name, role in roles.items() if role == KEY]
    if len(keys) > 1:
        raise UsageError(f"a row has one key, got the columns {', '.join(keys)}")
    free = [name for name in source.names if name not in roles]
    rate = next((name for name, role in roles.items() if role == RATE), None)
    rate = rate or first_column(free, RATE_COLUMNS)
    said = {name: role for name, role in roles.items() if role in FILE_KINDS or role == "text"}
    media = said or _media_columns(source, free, rate)
    if not any(kind in ("", "audio") for kind in media.values()):
        rate = rate if rate in roles else None  # of no sound: a rate of something else
    plan = Plan(
        media, keys[0] if keys else None, rate,
        frozenset(name for name, role in roles.items() if role == LEFT_OUT),
    )  # fmt: skip
    path = first_column(free, PATH_COLUMNS)
    if media or (path is not None and _names_files(source, path)):
        _require_sayable(source, plan)
        return plan
    text = first_column(free, TEXT_COLUMNS)
    if text is not None:
        plan = replace(plan, media={text: "text"})
        _require_sayable(source, plan)
        return plan
    if not source.names:
        return plan  # there are no rows
    raise UsageError(
        f"{source.name}: no column holds media, none names files ({', '.join(PATH_COLUMNS)}) and "
        f"none is called as texts are ({', '.join(TEXT_COLUMNS)}); it has "
        f'{", ".join(source.names)}: say what one is, such as columns={{"{source.names[0]}": '
        '"image"}'
    )


def _require_sayable(source: RowSource, plan: Plan) -> None:
    """Refuse a column whose first cell no metadata can hold: it would cost every row.

    Raises
    ------
    UsageError
    """
    special = {*plan.media, plan.key, plan.rate, *plan.left_out}
    for name in source.names:
        cell = next((row[name] for row in source.sample if not is_nothing(row.get(name))), None)
        try:
            if name not in special and not isinstance(cell, os.PathLike):
                plain_cell(cell)
        except MediaError as error:
            raise UsageError(
                f"{source.name}: the column {name!r} {error.reason}: leave it out, "
                f'columns={{"{name}": "{LEFT_OUT}"}}'
            ) from error


def _names_files(source: RowSource, column: str) -> bool:
    cells = [row[column] for row in source.sample if row.get(column) is not None]
    return not cells or any(isinstance(cell, (str, os.PathLike)) for cell in cells)


def _media_columns(source: RowSource, names: Sequence[str], rate: str | None) -> dict[str, str]:
    found = {}
    for name in names:
        if name in source.kinds:
            found[name] = source.kinds[name]
            continue
        cells = (row.get(name) for row in source.sample)
        cell = next((cell for cell in cells if not is_nothing(cell)), None)
        kind = kind_of_cell(cell, rate is not None)
        if kind is not None:
            found[name] = kind
    return found


@dataclass(frozen=True)
class RowMedia:
    """A cell of a data set that is media in memory.

    Attributes
    ----------
    where : str
        The row, for reports: "row 12", "train row 12, column right".
    key : str
        What the item is stored under.
    media : Media
    content : bytes
        SHA-256 of the encoded file, of a text in UTF-8, or of an array with its type and shape.
    size : int
        Bytes of it.
    metadata : dict
        What the row says, as JSON values; `EMPTIED` for what it says nothing of.
    """

    where: str
    key: str
    media: Media
    content: bytes
    size: int
    metadata: dict[str, Any]


@dataclass(frozen=True)
class Repeated:
    """A row that says what another one of the same run has said."""

    where: str


Entry = RowMedia | Candidate | Repeated | Skipped
"""What comes of a cell; a `Candidate` is a file that the row names."""


class RowReader:
    """Reads the rows of data sets as entries; remembers which contents there were.

    That takes 210 bytes of memory a row, whatever is in it.

    Parameters
    ----------
    folder : Path, optional
        Where media that are in memory are written as files, which become the items then.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder
        self._said: dict[int, list[int]] = {}
        self._keys: set[int] = set()

    def entries(
        self, source: RowSource, plan: Plan, metadata: Mapping[str, Any]
    ) -> Iterator[list[Entry]]:
        """Read a data set, row by row.

        Parameters
        ----------
        source : RowSource
        plan : Plan
        metadata : mapping
            JSON values of all rows, which a row overrules.

        Yields
        ------
        list of Entry
            What comes of one row; at least one.
        """
        for number, cells in enumerate(source.rows()):
            where = f"{source.split} row {number}".strip()
            if isinstance(cells, str):
                yield [Skipped(where, cells)]
                continue
            split = {SPLIT: source.split} if source.split else {}
            base = {ROW: number, **split, **metadata}
            try:
                if plan.media:
                    yield self._media(cells, plan, where, base)
                else:
                    yield [self._file(cells, plan, where, number, base)]
            except (MediaError, CollectionError) as error:
                yield [Skipped(where, getattr(error, "reason", "") or str(error))]

    def _file(
        self, cells: Cells, plan: Plan, where: str, number: int, base: dict[str, Any]
    ) -> Entry:
        """A row that names a file in one of `PATH_COLUMNS`, as a row of a manifest does."""
        kept = {name: cell for name, cell in cells.items() if name not in plan.left_out}
        found = row_in_memory(number, {n: _said_of(n, cell) for n, cell in kept.items()})
        if isinstance(found, Candidate):
            # Files are found by their names: the number of a row tells nothing more of them.
            common = {name: value for name, value in base.items() if name != ROW}
            whole = found.adding_to(Candidate(found.path, common))
            return replace(whole, where=f"{where} ({found.path})")
        assert isinstance(found, Skipped)
        is_row = found.path == f"row {number}"
        return Skipped(where if is_row else f"{where} ({found.path})", found.reason)

    def _media(self, cells: Cells, plan: Plan, where: str, base: dict[str, Any]) -> list[Entry]:
        special = {*plan.media, plan.key, plan.rate, *plan.left_out}
        said = {n: _said_of(n, cell) for n, cell in cells.items() if n not in special}
        said = {**base, **{n: EMPTIED if value is None else value for n, value in said.items()}}
        dump_metadata({n: value for n, value in said.items() if value is not EMPTIED})
        key = None if plan.key is None else _key_of(cells.get(plan.key), plan.key)
        entries: list[Entry] = []
        for column, kind in plan.media.items():
            cell = cells.get(column)
            several = is_several(cell, kind)
            for place, one in enumerate([*cell] if several and cell else [cell]):
                if is_nothing(one) or (isinstance(one, str) and not one.strip()):
                    continue
                here = f"{where}, column {column}" if len(plan.media) > 1 else where
                here = f"{here}, element {place}" if several else here
                own = {COLUMN: column, **said} if len(plan.media) > 1 else said
                called = key
                if key is not None and (len(plan.media) > 1 or several):
                    called = f"{key}#{column}" + (f".{place}" if several else "")
                rate = None if plan.rate is None else _rate_of(cells.get(plan.rate))
                try:
                    entries.append(self._entry(one, kind, rate, here, called, own))
                except MediaError as error:
                    entries.append(Skipped(here, error.reason))
        if not entries:
            columns = " or ".join(plan.media)
            return [Skipped(where, f"the row has nothing in the column {columns}")]
        return entries

    def _entry(
        self, cell: Any, kind: str, rate: Any, where: str, key: str | None, said: dict[str, Any]
    ) -> Entry:
        if (file := file_of_cell(cell, kind)) is not None:
            found = row_in_memory(0, {PATH_COLUMNS[0]: file})
            if not isinstance(found, Candidate):
                assert isinstance(found, Skipped)
                return Skipped(f"{where} ({file})", found.reason)
            return _of_file(found.path, where, said)
        held = media_of_cell(cell, kind, rate)
        content = held.content
        if key is not None:
            if (number := hash(key)) in self._keys:
                return Skipped(where, f"another row has the key {key!r:.80}")
            self._keys.add(number)
            stem = f"{_UNSAFE.sub('_', key)[:80]}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"
        else:
            place = self._place(content, {n: value for n, value in said.items() if n != ROW})
            if place is None:
                return Repeated(where)
            stem = content.hex() + (f"~{place + 1}" if place else "")
            key = f"sha256:{stem}"
        if self.folder is not None:
            return _of_file(held.keep(self.folder, stem), where, said)
        return RowMedia(where, key, held.media, content, len(held.encoded), said)

    def _place(self, content: bytes, said: Mapping[str, Any]) -> int | None:
        """Which of the rows of one content it is, from 0; None where it says what one has said."""
        values = {n: None if value is EMPTIED else value for n, value in said.items()}
        text = dump_metadata(values).encode()
        digest = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest())
        known = self._said.setdefault(int.from_bytes(content[:8]), [])
        if digest in known:
            return None
        known.append(digest)
        return len(known) - 1


def _of_file(path: Path, where: str, said: Mapping[str, Any]) -> Candidate:
    metadata = {name: value for name, value in said.items() if value is not EMPTIED}
    emptied = frozenset(said).difference(metadata)
    return Candidate(path, metadata, named=True, emptied=emptied, where=f"{where} ({path})")


def _said_of(name: str, cell: Any) -> Any:
    try:
        return plain_cell(cell)
    except MediaError as error:
        raise MediaError(f"{name!r} {error.reason}") from error


def _key_of(cell: Any, column: str) -> str:
    value = plain_cell(cell)
    key = str(value).strip() if isinstance(value, (str, int)) else ""
    if not key or isinstance(value, bool):
        raise MediaError(f"the key in {column!r} is a text or a whole number, got {cell!r:.60}")
    if os.path.isabs(key) or "\0" in key:  # noqa: PTH117
        raise MediaError(f"the key in {column!r} is written like a file's path: {key!r:.80}")
    return key


def _rate_of(cell: Any) -> int | None:
    value = plain_cell(cell)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return int(value) if is_number and value == int(value) else None
