"""Tables of pictures and captions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sensorium.data.tables import (
    CAPTION_COLUMN,
    PATH_COLUMNS,
    TEXT_COLUMNS,
    beside,
    cell_path,
    cell_texts,
    first_column,
    read_rows,
    unusable_path,
)
from sensorium.errors import UsageError
from sensorium.media.skipped import Skipped


@dataclass(frozen=True)
class Pairs:
    """Captioned pictures.

    Attributes
    ----------
    pictures : dict of str to Path
        Name as the table writes it, and where the file is.
    captions : list of (str, str)
        Name of a picture and one caption of it, in the order of the table, none twice.
    skipped : list of Skipped
    """

    pictures: dict[str, Path]
    captions: list[tuple[str, str]]
    skipped: list[Skipped] = field(default_factory=list)


def read_pairs(table: Path) -> Pairs:
    """Read a table of pictures and captions.

    Parameters
    ----------
    table : Path
        ``.csv``, ``.tsv`` (with a header) or ``.jsonl``. Paths are relative to it. In JSON lines a
        caption may be a list of captions.

    Raises
    ------
    UsageError
        When it cannot be read, lacks a column, or has no usable row.
    """
    rows = list(read_rows(table))
    columns = [*dict.fromkeys(name for _, row in rows if isinstance(row, dict) for name in row)]
    path_column = first_column(columns, PATH_COLUMNS)
    captions = [name for name in columns if name.lower().startswith(CAPTION_COLUMN)]
    if not captions and (text := first_column(columns, TEXT_COLUMNS)) is not None:
        captions = [text]
    if path_column is None or not captions:
        raise UsageError(
            f"{table}: needs a column with the picture ({', '.join(PATH_COLUMNS)}) and one with "
            f"its caption (any that begins with {CAPTION_COLUMN!r}, {' or '.join(TEXT_COLUMNS)}); "
            f"it has {', '.join(columns) or 'no rows'}"
        )
    pairs = Pairs({}, [])
    seen = set()
    for line, row in rows:
        where = f"{table.name}:{line}"
        if isinstance(row, str):
            pairs.skipped.append(Skipped(where, row))
            continue
        name = cell_path(row.get(path_column))
        texts = [text for column in captions for text in cell_texts(row.get(column))]
        if reason := unusable_path(name, path_column):
            pairs.skipped.append(Skipped(where, reason))
        elif not texts:
            pairs.skipped.append(Skipped(where, "row has no caption"))
        else:
            pairs.pictures.setdefault(name, beside(table, name))
            new = [(name, text) for text in dict.fromkeys(texts) if (name, text) not in seen]
            pairs.captions.extend(new)
            seen.update(new)
    if not pairs.captions:
        raise UsageError(f"{table}: no row names a picture and a caption")
    return pairs
