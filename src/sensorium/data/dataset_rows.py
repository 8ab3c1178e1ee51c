"""Rows of data sets that others read: Hugging Face, pandas, Polars, Arrow, torch, generators.

None of these libraries is imported, and no data set is in memory as a whole: rows come one by one,
pictures and recordings as the files that they are, so that decoding is ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

from sensorium.data.tables import PATH_COLUMN, RATE_COLUMNS
from sensorium.errors import UsageError
from sensorium.media.decoding import described
from sensorium.media.given import is_encoded_media

ROWS_READ = 256
"""Rows of a frame or an Arrow table that are plain Python values at a time."""

PLAIN = (str, int, float, bool)
"""Types of cells of a manifest in memory."""

TRIED = 16
"""Rows that are looked at for what columns hold: of each column the first cell with a value."""

Cells = Mapping[str, Any]
Kinds = Mapping[str, str]


@dataclass(frozen=True)
class RowSource:
    """A data set to be read row by row.

    Attributes
    ----------
    name : str
        Of its type, for errors.
    names : tuple of str
        Its columns.
    rows : callable
        Begins to read: gives an iterator of cells by column, and a text instead where a row cannot
        be read, which says why.
    kinds : mapping of str to str
        Media columns that say themselves what they hold: "image", "audio", "video", "document".
    total : int or None
        Rows; None where nobody knows.
    split : str
        Of a data set of several splits; "" else.
    sample : list of mapping
        Cells of the first rows.
    """

    name: str
    names: tuple[str, ...]
    rows: Callable[[], Iterator[Cells | str]]
    kinds: Kinds = field(default_factory=dict)
    total: int | None = None
    split: str = ""
    sample: Sequence[Cells] = ()


def row_sources(value: Any) -> list[RowSource] | None:
    """What a caller gave, as data sets to be read; None where it is none.

    Parameters
    ----------
    value : Dataset, IterableDataset, DatasetDict (Hugging Face), DataFrame (pandas, Polars), Table
        (Arrow), Dataset (torch), sequence of mappings
        One of several splits gives several sources. Its first rows are read.

    Raises
    ------
    UsageError
        For columns of one name, and rows that are neither mappings nor tuples.
    """
    if isinstance(value, Mapping):
        if not value or not all(_is_hugging_face(part) for part in value.values()):
            return None
        return [_hugging_face(part, str(split)) for split, part in value.items()]
    if _is_hugging_face(value):
        return [_hugging_face(value)]
    name = type(value).__name__
    if hasattr(value, "to_dict") and hasattr(value, "iloc") and hasattr(value, "columns"):
        return [_pandas(value)]
    if hasattr(value, "iter_slices") and hasattr(value, "to_dicts"):  # Polars
        slices = _repeatable(lambda: value.iter_slices(ROWS_READ), lambda part: part.to_dicts())
        return [_sampled(name, slices, tuple(value.columns), len(value))]
    if hasattr(value, "to_batches") and hasattr(value, "column_names"):  # Arrow
        _require_distinct(value.column_names, name)
        batches = _repeatable(
            lambda: value.to_batches(max_chunksize=ROWS_READ), lambda part: part.to_pylist()
        )
        return [_sampled(name, batches, tuple(value.column_names), value.num_rows)]
    if _is_torch(value):
        return [_torch(value)]
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        if value and all(isinstance(row, Mapping) for row in value):
            if all(is_encoded_media(row) for row in value):
                return None
            return [_sampled(name, lambda: iter(value), None, len(value))]
        return None
    return None


def _names_files(rows: Any) -> bool:
    """Whether rows are a manifest in memory: files by path, and plain values that say of them.

    Such rows are files like any other, added in the place where they were named.
    """
    return (
        type(rows) in (list, tuple)
        and bool(rows)
        and all(isinstance(row, Mapping) and isinstance(row.get(PATH_COLUMN), str) for row in rows)
        and all(_is_plain(cell) for row in rows for cell in row.values())
    )


def _is_plain(cell: Any) -> bool:
    return cell is None or (type(cell) in PLAIN and cell == cell)  # no NaN


def data_sets_among(given: Iterable[Any]) -> tuple[list[Any], list[RowSource]]:
    """Tell data sets from files and what else a caller gave; generators of rows are data sets.

    Raises
    ------
    UsageError
        As `row_sources`.
    """
    others: list[Any] = []
    found: list[RowSource] = []
    for value in given:
        if isinstance(value, Iterator):
            first = list(islice(value, 1))
            whole = chain(first, value)
            if first and isinstance(first[0], Mapping) and not is_encoded_media(first[0]):
                found.append(_sampled(type(value).__name__, _once(whole), None, None))
            else:
                others.append(whole)
        elif _names_files(value):
            others += value
        elif (sources := row_sources(value)) is not None:
            found += sources
        elif type(value) in (list, tuple):
            inner, of_inner = data_sets_among(value)
            others += inner
            found += of_inner
        else:
            others.append(value)
    return others, found


def _once(rows: Iterator[Any]) -> Callable[[], Iterator[Any]]:
    return lambda: rows


def named_cells(row: Any) -> Cells:
    """A row as cells by column: a mapping as it is, elements of a tuple by their places.

    Raises
    ------
    UsageError
        For anything else.
    """
    if isinstance(row, Mapping):
        return {str(name): cell for name, cell in row.items()}
    if isinstance(row, tuple):
        names = getattr(row, "_fields", range(len(row)))
        return {str(name): cell for name, cell in zip(names, row, strict=True)}
    raise UsageError(
        f"a row of a data set is a dict or a tuple, got {type(row).__name__} {row!r:.60}"
    )


def _sampled(
    name: str,
    rows: Callable[[], Iterator[Any]],
    names: tuple[str, ...] | None,
    total: int | None,
    kinds: Kinds | None = None,
    split: str = "",
) -> RowSource:
    """Look at the first rows; what was read for it is not read again."""
    iterator = rows()
    sample: list[Any] = []
    for row in islice(iterator, TRIED):
        sample.append(row if isinstance(row, str) else named_cells(row))
        if names is not None and all(
            any(_is_there(cells.get(n)) for cells in sample if not isinstance(cells, str))
            for n in names
        ):
            break
        if names is None and total is None:
            break  # whoever makes rows one by one is not asked for more than is needed
    good = [row for row in sample if not isinstance(row, str)]
    if names is None:
        names = tuple(dict.fromkeys(n for row in good for n in row))
    whole = chain(sample, (row if isinstance(row, str) else named_cells(row) for row in iterator))
    return RowSource(name, names, lambda: whole, kinds or {}, total, split, good)


def _is_there(cell: Any) -> bool:
    return cell is not None and not (isinstance(cell, float) and cell != cell)


def _repeatable(
    parts: Callable[[], Iterable[Any]], rows: Callable[[Any], Iterable[Any]]
) -> Callable[[], Iterator[Any]]:
    return lambda: (row for part in parts() for row in rows(part))


def _require_distinct(names: Iterable[Any], table: str) -> None:
    """Refuse columns of one name: one would take the place of the other.

    Raises
    ------
    UsageError
    """
    seen: set[str] = set()
    for name in map(str, names):
        if name in seen:
            raise UsageError(f"{table}: two columns are called {name!r}: rename one of them")
        seen.add(name)


# pandas


def _pandas(frame: Any) -> RowSource:
    name = type(frame).__name__
    # A named index is a column that somebody has moved there; numbers of rows are none. Its values
    # may repeat.
    index = [str(one) for one in frame.index.names if one is not None]
    _require_distinct([*index, *frame.columns], name)

    def rows() -> Iterator[Cells]:
        for start in range(0, len(frame), ROWS_READ):
            part = frame.iloc[start : start + ROWS_READ]
            if index:
                part = part.reset_index()
                part = part.drop(columns=[c for c in part.columns if str(c).startswith("level_")])
            yield from part.to_dict("records")

    names = (*index, *map(str, frame.columns))
    return _sampled(name, rows, names, len(frame))


# Hugging Face


def _is_hugging_face(value: Any) -> bool:
    return hasattr(value, "cast_column") and hasattr(value, "with_format")


def _hugging_face(dataset: Any, split: str = "") -> RowSource:
    name = type(dataset).__name__
    dataset = dataset.with_format(None)
    features = getattr(dataset, "features", None)
    total = len(dataset) if isinstance(dataset, Sized) else None
    if features is None:  # of a stream that does not say what it holds
        return _sampled(name, lambda: iter(dataset), None, total, None, split)
    kinds = {}
    named: dict[str, Callable[[Any], Any]] = {}
    for column, feature in features.items():
        inner = _inner(feature)
        if getattr(inner, "decode", None) is True:
            dataset = dataset.cast_column(column, _undecoded(feature))
        if kind := _MEDIA_FEATURES.get(type(inner).__name__):
            kinds[column] = kind
        elif (naming := _naming(feature)) is not None:
            named[column] = naming

    def rows() -> Iterator[Cells]:
        for row in dataset:
            yield {n: named[n](cell) if n in named else cell for n, cell in row.items()}

    return _sampled(name, rows, tuple(features), total, kinds, split)


_MEDIA_FEATURES = {"Image": "image", "Audio": "audio", "Video": "video", "Pdf": "document"}
"""What features that hold files are called, and what kind of file each is."""


def _inner(feature: Any) -> Any:
    """The feature of a cell, or of the elements of a list."""
    if isinstance(feature, list):
        return _inner(feature[0])
    inner = getattr(feature, "feature", None)
    return feature if inner is None or isinstance(inner, dict) else _inner(inner)


def _undecoded(feature: Any) -> Any:
    """The same feature, whose cells stay files."""
    if isinstance(feature, list):
        return [_undecoded(feature[0])]
    inner = getattr(feature, "feature", None)
    if inner is None:
        return replace(feature, decode=False)
    return replace(feature, feature=_undecoded(inner))


def _naming(feature: Any) -> Callable[[Any], Any] | None:
    """What turns the numbers of classes in a cell into names; None where there are none in it."""
    if hasattr(feature, "int2str"):
        return lambda cell: feature.int2str(cell) if isinstance(cell, int) and cell >= 0 else None
    if isinstance(feature, Mapping):
        fields = {name: found for name in feature if (found := _naming(feature[name])) is not None}
        if not fields:
            return None
        return lambda cell: (
            {name: fields[name](one) if name in fields else one for name, one in cell.items()}
            if isinstance(cell, Mapping)
            else cell
        )
    inner = feature[0] if isinstance(feature, list) else getattr(feature, "feature", None)
    one = _naming(inner) if inner is not None else None
    if one is None:
        return None
    return lambda cell: [one(part) for part in cell] if isinstance(cell, list) else cell


# torch


def _is_torch(value: Any) -> bool:
    torch = sys.modules.get("torch.utils.data")
    return torch is not None and isinstance(value, torch.Dataset)


def _torch(dataset: Any) -> RowSource:
    name = type(dataset).__name__
    if not hasattr(dataset, "__getitem__") or not hasattr(dataset, "__len__"):
        return _sampled(name, lambda: map(_with_rate, dataset), None, None)

    def rows() -> Iterator[Any]:
        for number in range(len(dataset)):
            try:
                row = _with_rate(dataset[number])
            except Exception as error:  # whatever a data set of somebody raises
                row = f"the row cannot be read ({described(error)})"
            yield row

    return _sampled(name, rows, None, len(dataset))


def _with_rate(row: Any) -> Any:
    """A row whose waveform is followed by its rate, as torchaudio has it, which gets its name."""
    if not isinstance(row, tuple) or hasattr(row, "_fields") or len(row) < 2:
        return row
    sound, rate = row[0], row[1]
    if getattr(sound, "ndim", 0) not in (1, 2) or isinstance(rate, bool):
        return row
    if not isinstance(rate, int) or rate < LOWEST_RATE:
        return row
    return {"0": sound, RATE_COLUMNS[0]: rate, **{str(n): row[n] for n in range(2, len(row))}}


LOWEST_RATE = 1000
"""Samples a second; a smaller number beside an array is a class."""
