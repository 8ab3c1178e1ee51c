"""Reading tables of texts and what they are in other words, or in another language."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from sensorium.data.tables import TABLE_SUFFIXES, cell_text, cell_texts, read_rows
from sensorium.errors import UsageError
from sensorium.media.skipped import Skipped


@dataclass(frozen=True)
class TextPairs:
    """Texts and what they are in other words or another language.

    Attributes
    ----------
    texts : dict of str to list of str
        Each source text, and its right targets, none twice.
    skipped : list of Skipped
    """

    texts: dict[str, list[str]]
    skipped: list[Skipped] = field(default_factory=list)


def read_text_pairs(table: Path, source: str | None = None, target: str | None = None) -> TextPairs:
    """Read a table with two columns of texts.

    Parameters
    ----------
    table : Path
        ``.csv``, ``.tsv`` (with a header) or ``.jsonl``. In JSON lines a target may be a list.
    source, target : str, optional
        Names of the columns; without them the first and the second one.

    Raises
    ------
    UsageError
        When it cannot be read, lacks a column, or has no usable row.
    """
    if table.suffix.lower() not in TABLE_SUFFIXES:
        raise UsageError(f"{table}: is no table ({', '.join(sorted(TABLE_SUFFIXES))})")
    rows = list(read_rows(table))
    columns = [*dict.fromkeys(name for _, row in rows if isinstance(row, dict) for name in row)]
    has = f"it has {', '.join(columns) or 'no rows'}"
    if (source is None or target is None) and len(columns) < 2:
        raise UsageError(f"{table}: needs a column of texts and one of their translations; {has}")
    names = (source or columns[0], target or columns[1])
    if missing := [name for name in names if name not in columns]:
        raise UsageError(f"{table}: has no column {missing[0]!r}; {has}")
    if names[0] == names[1]:
        raise UsageError(f"{table}: texts and translations are both of the column {names[0]!r}")
    pairs = TextPairs({})
    for line, row in rows:
        where = f"{table.name}:{line}"
        if isinstance(row, str):
            pairs.skipped.append(Skipped(where, row))
            continue
        text, targets = cell_text(row.get(names[0])), cell_texts(row.get(names[1]))
        if not text or not targets:
            empty = names[1] if text else names[0]
            pairs.skipped.append(Skipped(where, f"row has no {empty}"))
        else:
            known = pairs.texts.setdefault(text, [])
            known.extend(one for one in dict.fromkeys(targets) if one not in known)
    if not pairs.texts:
        raise UsageError(f"{table}: no row has a text and its translation")
    return pairs
