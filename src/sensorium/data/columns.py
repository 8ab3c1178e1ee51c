"""Tables whose columns are of different modalities: reading them, and telling what a column holds.

A table is a list of rows, each a dict, or a ``.csv``, ``.tsv`` or ``.jsonl`` file. A cell is a path
to media, a text, a number, a category, or a vector that was computed elsewhere; None, an empty text
and numbers that are not finite are missing cells.
"""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from sensorium.data.tables import beside
from sensorium.errors import UsageError
from sensorium.media.sources import (
    AUDIO_SUFFIXES,
    DOCUMENT_SUFFIXES,
    IMAGE_SUFFIXES,
    MESH_SUFFIXES,
    VIDEO_SUFFIXES,
    is_url,
)

Row = Mapping[str, Any]
Kind = Literal[
    "image", "audio", "video", "mesh", "document", "text", "number", "category", "vectors"
]
KINDS: tuple[str, ...] = get_args(Kind)

FILE_KINDS: dict[str, frozenset[str]] = {
    "image": IMAGE_SUFFIXES,
    "audio": AUDIO_SUFFIXES,
    "video": VIDEO_SUFFIXES,
    "mesh": MESH_SUFFIXES,
    "document": DOCUMENT_SUFFIXES,
}
"""Kinds whose cells are files, with the suffixes that give them away."""

NAMED_FILES = 0.8
"""Share of a column's cells that must end as one kind of file does, for it to be taken so."""

REPEATED = 5
"""How often a value of a column occurs, on average, for short texts to be taken as categories."""

LONGEST_CATEGORY = 60  # characters

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_CODE = re.compile(r"[+-]?0[0-9]")
"""007 and 0123 are codes, not numbers."""


@dataclass(frozen=True)
class Column:
    """A column that a model reads.

    Parameters
    ----------
    name : str
    kind : Kind
    """

    name: str
    kind: Kind

    @property
    def modality(self) -> str:
        """What it counts as: files of text are text, numbers and categories together "tabular".

        A column of vectors is a modality of its own, named like the column.
        """
        if self.kind in ("number", "category"):
            return "tabular"
        if self.kind == "vectors":
            return self.name
        return "text" if self.kind == "document" else self.kind


def resolve_paths(
    rows: Iterable[Row], columns: Iterable[Column], table: str | os.PathLike[str]
) -> list[dict[str, Any]]:
    """Make the paths in a table's columns of files absolute; they are relative to the table."""
    names = [column.name for column in columns if column.kind in FILE_KINDS]
    resolved = []
    for row in rows:
        paths = {
            name: str(beside(Path(table), row[name]))
            for name in names
            if isinstance(row.get(name), str) and row[name].strip() and not is_url(row[name])
        }
        resolved.append({**row, **paths})
    return resolved


def is_missing(value: Any) -> bool:
    """Whether a cell holds nothing: None, white space, NaN; or infinity, as which 1e400 is read."""
    if value is None:
        return True
    if isinstance(value, (float, np.floating)):
        return not math.isfinite(value)
    return isinstance(value, str) and not value.strip()


def number_of(value: Any) -> float | None:
    """A cell as a finite number; None where it is none. Codes such as 007 are none."""
    if isinstance(value, (bool, np.bool_)):
        return None
    if isinstance(value, (int, float, np.integer, np.floating)):
        try:
            number = float(value)
        except OverflowError:
            return None
    elif isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        if _CODE.match(value.strip()):
            return None
        number = float(value)
    else:
        return None
    return number if math.isfinite(number) else None


def category_of(value: Any) -> str | None:
    """A cell as the name of a category; None where it is missing."""
    if is_missing(value):
        return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # 3.0, as a number that was read from JSON, is the category "3"
    return str(value).strip()


def detect_columns(
    rows: Sequence[Row],
    columns: Mapping[str, str] | None = None,
    *,
    leave_out: Iterable[str] = (),
) -> list[Column]:
    """Tell what each column of a table holds.

    Files are known by their suffixes, numbers and vectors by their values; texts that repeat, five
    times on average, are categories. Columns that hold one value, or nothing, are left out: there
    is nothing to learn from them.

    Parameters
    ----------
    rows : sequence of dict
    columns : mapping of str to Kind, optional
        Columns whose kind is known; with this, no others are read.
    leave_out : iterable of str
        Targets, and what is not to be read.

    Returns
    -------
    list of Column
        In the order of the table.

    Raises
    ------
    UsageError
        For an unknown kind, a column that the table lacks, or when no column is left.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    out = set(leave_out)
    if columns is not None:
        for name, kind in columns.items():
            if kind not in KINDS:
                raise UsageError(f"column {name!r}: no kind {kind!r}; there are {', '.join(KINDS)}")
            if name in out:
                raise UsageError(f"column {name!r} is a target or left out, and cannot be read")
        require_columns(rows, columns)
        found = [Column(name, columns[name]) for name in names if name in columns]  # type: ignore[arg-type]
    else:
        kinds = {name: detect_kind([row.get(name) for row in rows]) for name in names if name}
        found = [Column(name, kind) for name, kind in kinds.items() if kind and name not in out]
    if not found:
        raise UsageError(
            f"no column is left to learn from; the table has {', '.join(names) or 'none'}"
        )
    return found


def require_columns(rows: Sequence[Row], names: Iterable[str]) -> None:
    """Refuse a table that lacks one of these columns in every row.

    Raises
    ------
    UsageError
    """
    there = dict.fromkeys(name for row in rows for name in row)
    if lacking := [name for name in names if name not in there]:
        raise UsageError(f"the table has no column {lacking[0]!r}; it has {', '.join(there)}")


def detect_kind(values: Sequence[Any]) -> Kind | None:
    """Tell what cells hold; None where there is nothing to learn from them.

    Parameters
    ----------
    values : sequence
        All cells of a column, missing ones included.
    """
    given = [value for value in values if not is_missing(value)]
    if not given:
        return None
    if all(is_vectors(value) for value in given):
        return "vectors"
    modalities = Counter(str(getattr(value, "modality", "")) for value in given)
    modality, count = modalities.most_common(1)[0]
    if modality in KINDS and count == len(given):
        return modality  # type: ignore[return-value]
    if len({str(value) for value in given}) == 1:
        return None
    if all(number_of(value) is not None for value in given):
        return "number"
    texts = [str(value).strip() for value in given]
    # What stands on a server is not fetched: to a model it is a text.
    suffixes = ["" if is_url(t) else os.path.splitext(t)[1].lower() for t in texts]  # noqa: PTH122
    for kind, known in FILE_KINDS.items():
        if sum(suffix in known for suffix in suffixes) >= NAMED_FILES * len(given):
            return kind  # type: ignore[return-value]
    repeated = len(given) >= REPEATED * len(set(texts))
    if repeated and max(map(len, texts)) <= LONGEST_CATEGORY:
        return "category"
    return "text"


def is_vectors(value: Any) -> bool:
    """Whether a cell is a vector, or several: an array of one or two axes, or lists of numbers."""
    if isinstance(value, np.ndarray):
        return value.ndim in (1, 2) and value.dtype.kind in "fiu" and value.size > 0
    if not isinstance(value, (list, tuple)) or not value:
        return False
    if all(isinstance(one, (list, tuple)) for one in value):
        return all(one and all(_is_plain(number) for number in one) for one in value)
    return all(_is_plain(number) for number in value)


def _is_plain(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
