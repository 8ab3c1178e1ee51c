"""A table as a fusion model takes it: vectors for media and texts, numbers, categories.

Media and texts go through frozen encoders once, each distinct cell once; several models can then be
fitted to the same `EncodedTable`. A cell that cannot be read counts as missing and is named.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.data.columns import (
    Column,
    Row,
    category_of,
    is_missing,
    is_vectors,
    number_of,
    require_columns,
)
from sensorium.data.encoding import encode_examples
from sensorium.encoders.base import FeatureExtractor
from sensorium.errors import EncoderError, MediaError, UsageError
from sensorium.media import Audio, Document, Image, Media, Mesh, Modality, Segment, Text, Video
from sensorium.media.documents.cutting import cut
from sensorium.media.pictures.tiles import Tile
from sensorium.media.progress import NO_FIGURES, Progress
from sensorium.media.skipped import Skipped
from sensorium.visible import visible

MAX_TOKENS = 64
"""Vectors of one cell; of a longer recording or text, neighbours are averaged."""

CROP = 2 / 3
"""Side of each of four corner crops, of the picture's: neighbours overlap by half of a crop."""

Vectors = npt.NDArray[np.float32]

_CLASSES: dict[str, Callable[[Any], Media]] = {
    "image": Image, "audio": Audio, "video": Video, "mesh": Mesh, "document": Document,
}  # fmt: skip

_NEEDS: dict[str, tuple[Modality, ...]] = {
    "image": (Modality.IMAGE,),
    "audio": (Modality.AUDIO,),
    "video": (Modality.IMAGE, Modality.AUDIO),
    "mesh": (Modality.IMAGE,),
    "document": (Modality.TEXT, Modality.IMAGE),
    "text": (Modality.TEXT,),
}
"""What the segments of a column's cells may be; the encoder must hold one of them."""


@dataclass(frozen=True)
class EncodedTable:
    """A table whose media and texts are vectors.

    Attributes
    ----------
    rows : sequence of dict
        The table itself, which targets are read from.
    columns : tuple of Column
    vectors : dict of str to list of ndarray of float32
        By modality, for each row, shape (t, d); t is 0 where the row has nothing of it.
    sources : dict of str to list of ndarray of int64
        By modality, for each row, which of the modality's columns each vector is of, shape (t,).
    numbers : ndarray of float64, shape (n, k)
        Columns of kind "number"; NaN where missing.
    categories : tuple of list of (str or None)
        Columns of kind "category".
    keep : ndarray of bool, shape (n, m)
        False where a modality is to count as missing though it is there.
    spaces : dict of str to str
        By modality, fingerprint of the space that its vectors are of; "" for a column of vectors.
    skipped : list of Skipped
        Cells that could not be read.
    """

    rows: Sequence[Row]
    columns: tuple[Column, ...]
    vectors: dict[str, list[Vectors]]
    sources: dict[str, list[npt.NDArray[np.int64]]]
    numbers: npt.NDArray[np.float64]
    categories: tuple[list[str | None], ...]
    keep: npt.NDArray[np.bool_]
    spaces: dict[str, str]
    skipped: list[Skipped]

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of their first columns."""
        return modalities_of(self.columns)

    def take(self, rows: Iterable[int]) -> EncodedTable:
        """Some of the rows, in the order given; what was skipped is not sorted out."""
        chosen = [int(row) for row in rows]
        return replace(
            self,
            rows=[self.rows[row] for row in chosen],
            vectors={m: [v[row] for row in chosen] for m, v in self.vectors.items()},
            sources={m: [s[row] for row in chosen] for m, s in self.sources.items()},
            numbers=self.numbers[chosen],
            categories=tuple([values[row] for row in chosen] for values in self.categories),
            keep=self.keep[chosen],
        )

    def without(self, modality: str, rows: npt.ArrayLike | None = None) -> EncodedTable:
        """Let a modality count as missing in some rows, or in all.

        Parameters
        ----------
        modality : str
        rows : array of bool, shape (n,), optional
            Rows in which it is to be missing.

        Raises
        ------
        UsageError
            When the table has no such modality.
        """
        if modality not in self.modalities:
            raise UsageError(
                f"the table has no modality {modality!r}; it has {', '.join(self.modalities)}"
            )
        hidden = np.ones(len(self), bool) if rows is None else np.asarray(rows, bool)
        keep = self.keep.copy()
        keep[hidden, self.modalities.index(modality)] = False
        return replace(self, keep=keep)

    def only(self, kept: npt.NDArray[np.bool_]) -> EncodedTable:
        """Let modalities count as missing where `kept` (n, m), or (m,), is False."""
        return replace(self, keep=self.keep & kept)

    def of(self, *modalities: str) -> EncodedTable:
        """Let all modalities but these count as missing."""
        return self.only(np.array([name in modalities for name in self.modalities]))

    def present(self) -> npt.NDArray[np.bool_]:
        """Which modalities each row has, shape (n, m)."""
        there = np.zeros_like(self.keep)
        for m, name in enumerate(self.modalities):
            if name in self.vectors:
                there[:, m] = [len(one) > 0 for one in self.vectors[name]]
            else:
                of_categories = [[v is not None for v in values] for values in self.categories]
                cells = [~np.isnan(self.numbers), np.array(of_categories, bool).T]
                there[:, m] = np.concatenate([c for c in cells if c.size], axis=1).any(axis=1)
        return there & self.keep


def modalities_of(columns: Iterable[Column]) -> tuple[str, ...]:
    """Names of the modalities of columns, in the order of their first columns."""
    return tuple(dict.fromkeys(column.modality for column in columns))


def concatenated(tables: Sequence[EncodedTable]) -> EncodedTable:
    """The rows of several tables that were encoded alike, in one."""
    first = tables[0]
    return replace(
        first,
        rows=[row for table in tables for row in table.rows],
        vectors={m: [one for t in tables for one in t.vectors[m]] for m in first.vectors},
        sources={m: [one for t in tables for one in t.sources[m]] for m in first.sources},
        numbers=np.concatenate([table.numbers for table in tables]),
        categories=tuple(
            [value for table in tables for value in table.categories[column]]
            for column in range(len(first.categories))
        ),
        keep=np.concatenate([table.keep for table in tables]),
        skipped=[item for table in tables for item in table.skipped],
    )


def require_encoders(columns: Iterable[Column], encoders: Mapping[str, FeatureExtractor]) -> None:
    """Refuse columns that no encoder is given for, or one that lacks what they hold.

    Parameters
    ----------
    encoders : mapping of str to FeatureExtractor
        By modality of the columns.

    Raises
    ------
    EncoderError
    """
    for column in columns:
        if column.kind not in _NEEDS:
            continue
        encoder = encoders.get(column.modality)
        held = encoder.space.modalities if encoder else ()
        if encoder is None or not set(_NEEDS[column.kind]) & {*held}:
            name = encoder.space.name if encoder else "no encoder"
            raise EncoderError(
                f"column {column.name!r} holds {column.kind}, and {name} encodes "
                f"{' and '.join(held) or 'nothing'}: name another encoder for {column.modality}"
                + ('; "mel" describes sound without one' if column.kind == "audio" else "")
            )


def encode_table(
    rows: Sequence[Row],
    columns: Sequence[Column],
    encoders: Mapping[str, FeatureExtractor],
    *,
    crops: bool = False,
    progress: Progress | None = None,
) -> EncodedTable:
    """Encode the cells of a table.

    Parameters
    ----------
    rows : sequence of dict
        Paths in them are absolute, or relative to the working directory.
    columns : sequence of Column
        What is read; others are passed over.
    encoders : mapping of str to FeatureExtractor
        By modality.
    crops : bool
        Take five vectors of a picture: of the whole, and of four overlapping corner crops.
    progress : callable, optional
        Takes (done, total), in distinct cells.

    Returns
    -------
    EncodedTable

    Raises
    ------
    EncoderError
        As `require_encoders`.
    UsageError
        When the table lacks a column, or vectors of one modality differ in length.
    """
    require_encoders(columns, encoders)
    require_columns(rows, [column.name for column in columns])
    skipped: list[Skipped] = []
    vectors: dict[str, list[Vectors]] = {}
    sources: dict[str, list[npt.NDArray[np.int64]]] = {}
    total = sum(len(_distinct(rows, column)) for column in columns if column.modality in encoders)
    done = 0
    for modality in modalities_of(columns):
        if modality == "tabular":
            continue
        of_rows: list[list[Vectors]] = [[] for _ in rows]
        of_columns: list[list[int]] = [[] for _ in rows]
        for number, column in enumerate([c for c in columns if c.modality == modality]):
            if column.kind == "vectors":
                cells = _given_vectors(rows, column, skipped)
            else:
                count = _after(progress, done, total)
                cells = _encoded(rows, column, encoders[modality], crops, skipped, count)
                done += len(_distinct(rows, column))
            for row, cell in enumerate(cells):
                of_rows[row].append(cell)
                of_columns[row].extend([number] * len(cell))
        vectors[modality] = _joined(modality, of_rows)
        sources[modality] = [np.array(one, np.int64) for one in of_columns]
    numbers = [_numbers(rows, c, skipped) for c in columns if c.kind == "number"]
    return EncodedTable(
        rows=rows,
        columns=tuple(columns),
        vectors=vectors,
        sources=sources,
        numbers=np.array(numbers, np.float64).reshape(len(numbers), len(rows)).T,
        categories=tuple(
            [category_of(row.get(c.name)) for row in rows] for c in columns if c.kind == "category"
        ),
        keep=np.ones((len(rows), len(modalities_of(columns))), bool),
        spaces={m: encoders[m].space.fingerprint if m in encoders else "" for m in vectors},
        skipped=skipped,
    )


def _after(progress: Progress | None, before: int, total: int) -> Progress | None:
    """Counts what is done of one column of several."""
    if progress is None:
        return None

    def counted(done: int, _: int, figures: Mapping[str, float] = NO_FIGURES, /) -> None:
        progress(before + done, total, figures)

    return counted


def _key(value: Any) -> Any:
    return value if isinstance(value, (str, bytes, os.PathLike)) else id(value)


def _distinct(rows: Sequence[Row], column: Column) -> dict[Any, int]:
    """The first row of every distinct cell that is not missing."""
    first: dict[Any, int] = {}
    for number, row in enumerate(rows):
        if not is_missing(row.get(column.name)):
            first.setdefault(_key(row[column.name]), number)
    return first


def _encoded(
    rows: Sequence[Row],
    column: Column,
    encoder: FeatureExtractor,
    crops: bool,
    skipped: list[Skipped],
    progress: Progress | None,
) -> list[Vectors]:
    """Vectors of every row's cell of one column."""
    nothing = np.empty((0, encoder.space.dimension), np.float32)
    distinct = _distinct(rows, column)
    firsts = list(distinct.values())
    encoded = encode_examples(
        encoder,
        [rows[row][column.name] for row in firsts],
        divide=lambda value: _segments(value, column, crops),
        progress=progress,
    )
    vectors = dict.fromkeys(firsts, nothing)
    vectors.update(
        {
            firsts[place]: _pooled(own)
            for place, own in zip(encoded.rows, encoded.segments, strict=True)
        }
    )
    reasons = {firsts[place]: reason for place, reason in encoded.reasons.items()}
    cells = []
    for number, row in enumerate(rows):
        value = row.get(column.name)
        first = None if is_missing(value) else distinct[_key(value)]
        cells.append(nothing if first is None else vectors[first])
        if first in reasons:
            skipped.append(_unreadable(number, column, value, reasons[first]))
    return cells


def _segments(value: Any, column: Column, crops: bool) -> Iterable[Segment]:
    if column.kind == "text":
        text = value.text if isinstance(value, Text) else str(value)
        return list(cut(text)) or [Segment(Text(text))]
    if isinstance(value, str) and value.lower().startswith(("http://", "https://")):
        raise MediaError("URLs in a table are not fetched: download the file and name it")
    is_media = hasattr(value, "modality") and hasattr(value, "segments")
    media: Media = value if is_media else _CLASSES[column.kind](value)
    if column.kind == "image" and media.modality != Modality.IMAGE:
        raise MediaError(f"is {media.modality}, and the column holds pictures")
    if crops and isinstance(media, Image):
        return _crops(media)
    return (segment for segment in media.segments() if not isinstance(segment.media, Tile))


def _crops(picture: Image) -> list[Segment]:
    whole = picture.load()
    width, height = (max(1, round(side * CROP)) for side in whole.size)
    corners = [(x, y) for y in (0, whole.height - height) for x in (0, whole.width - width)]
    boxes = [(x, y, x + width, y + height) for x, y in corners]
    return [Segment(Image(part)) for part in (whole, *map(whole.crop, boxes))]


def _pooled(vectors: Vectors) -> Vectors:
    if len(vectors) <= MAX_TOKENS:
        return vectors
    return np.stack([part.mean(axis=0) for part in np.array_split(vectors, MAX_TOKENS)])


def _given_vectors(rows: Sequence[Row], column: Column, skipped: list[Skipped]) -> list[Vectors]:
    cells = []
    for number, row in enumerate(rows):
        value = row.get(column.name)
        cell = np.empty((0, 0), np.float32)
        if not is_missing(value):
            reason = "is no vector"
            if is_vectors(value):
                try:
                    cell = np.atleast_2d(np.asarray(value, np.float32))
                    reason = "" if np.isfinite(cell).all() else "holds NaN or infinity"
                except ValueError:
                    reason = "holds vectors of different lengths"
            if reason:
                skipped.append(_unreadable(number, column, "", reason))
                cell = np.empty((0, 0), np.float32)
        cells.append(_pooled(cell))
    return cells


def _joined(modality: str, of_rows: list[list[Vectors]]) -> list[Vectors]:
    """The vectors of a row's columns in one array; all of one length."""
    lengths = {cell.shape[1] for cells in of_rows for cell in cells if len(cell)}
    if len(lengths) > 1:
        found = " and ".join(map(str, sorted(lengths)))
        raise UsageError(f"{modality} holds vectors of different lengths: {found} numbers")
    length = lengths.pop() if lengths else 0
    empty = np.empty((0, length), np.float32)
    return [np.concatenate([empty, *(c for c in cells if len(c))]) for cells in of_rows]


def _numbers(rows: Sequence[Row], column: Column, skipped: list[Skipped]) -> list[float]:
    numbers = []
    for row, cells in enumerate(rows):
        value = cells.get(column.name)
        number = number_of(value)
        is_infinite = isinstance(value, (float, np.floating)) and np.isinf(value)
        if number is None and (is_infinite or not is_missing(value)):  # nobody meant infinity
            skipped.append(_unreadable(row, column, "", f"{value!r:.40} is no finite number"))
        numbers.append(float("nan") if number is None else number)
    return numbers


def _unreadable(row: int, column: Column, value: Any, reason: str) -> Skipped:
    """Name a cell by its file where it is one; rows count from 1."""
    place = f"row {row + 1}, column {column.name}"
    if isinstance(value, (str, os.PathLike)) and value and column.kind != "text":
        return Skipped(visible(str(value)), f"{reason} ({place}: counts as missing)")
    return Skipped(place, f"{reason}: counts as missing")
