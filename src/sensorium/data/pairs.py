"""Tables of two things that belong together: pictures with captions, texts with translations."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from sensorium.data.examples import Examples
from sensorium.data.tables import (
    CAPTION_COLUMN,
    PATH_COLUMNS,
    TABLE_SUFFIXES,
    TEXT_COLUMNS,
    beside,
    cell_path,
    cell_text,
    cell_texts,
    first_column,
    read_rows,
    unusable_path,
)
from sensorium.errors import UsageError
from sensorium.media import Modality, Text
from sensorium.media.skipped import Skipped

Row = dict[str, Any]


def read_pairs(table: Path) -> Examples:
    """Read a table of pictures and captions.

    Parameters
    ----------
    table : Path
        ``.csv``, ``.tsv`` (with a header) or ``.jsonl``. Paths are relative to it. In JSON lines a
        caption may be a list of captions.

    Returns
    -------
    examples : Examples
    --------
        One for each row that has a new caption, in the order of the table: named by its path as
        the table writes it, which several rows may share (`Examples.gathered` puts these
        together).

    Raises
    ------
    UsageError
        When it cannot be read, lacks a column, or has no usable row.
    """
    rows = list(read_rows(table))
    columns = _columns(rows)
    path_column = first_column(columns, PATH_COLUMNS)
    captions = caption_columns(columns)
    if path_column is None or not captions:
        raise UsageError(
            f"{table}: needs a column with the picture ({', '.join(PATH_COLUMNS)}) and one with "
            f"its caption (any that begins with {CAPTION_COLUMN!r}, {' or '.join(TEXT_COLUMNS)}); "
            f"it has {', '.join(columns) or 'no rows'}"
        )

    def pair(row: Row) -> tuple[str, list[str]] | str:
        name = cell_path(row.get(path_column))
        texts = [text for column in captions for text in cell_texts(row.get(column))]
        reason = unusable_path(name, path_column)
        return reason or ((name, texts) if texts else "row has no caption")

    pairs = _read(table, rows, pair, lambda name: beside(table, name), Modality.IMAGE)
    if not pairs.names:
        raise UsageError(f"{table}: no row names a picture and a caption")
    return pairs


def read_text_pairs(table: Path, source: str | None = None, target: str | None = None) -> Examples:
    """Read a table of texts and what they are in other words, or in another language.

    Parameters
    ----------
    table : Path
        ``.csv``, ``.tsv`` (with a header) or ``.jsonl``. In JSON lines a target may be a list.
    source, target : str, optional
        Names of the columns; without them the first and the second one.

    Returns
    -------
    examples : Examples
    --------
        Each text once, named by itself, with its right targets, none twice.

    Raises
    ------
    UsageError
        When it cannot be read, lacks a column, or has no usable row.
    """
    if table.suffix.lower() not in TABLE_SUFFIXES:
        raise UsageError(f"{table}: is no table ({', '.join(sorted(TABLE_SUFFIXES))})")
    rows = list(read_rows(table))
    columns = _columns(rows)
    has = f"it has {', '.join(columns) or 'no rows'}"
    if (source is None or target is None) and len(columns) < 2:
        raise UsageError(f"{table}: needs a column of texts and one of their translations; {has}")
    of_texts, of_targets = source or columns[0], target or columns[1]
    if missing := [name for name in (of_texts, of_targets) if name not in columns]:
        raise UsageError(f"{table}: has no column {missing[0]!r}; {has}")
    if of_texts == of_targets:
        raise UsageError(f"{table}: texts and translations are both of the column {of_texts!r}")

    def pair(row: Row) -> tuple[str, list[str]] | str:
        text, targets = cell_text(row.get(of_texts)), cell_texts(row.get(of_targets))
        empty = of_targets if text else of_texts
        return (text, targets) if text and targets else f"row has no {empty}"

    pairs = _read(table, rows, pair, Text, Modality.TEXT)
    if not pairs.names:
        raise UsageError(f"{table}: no row has a text and its translation")
    return pairs.gathered()


def text_pairs(texts: Mapping[str, Sequence[str]]) -> Examples:
    """Texts that are in memory, and their right targets, as `read_text_pairs` gives them."""
    return Examples(
        [*texts], [Text(text) for text in texts], texts=[[*right] for right in texts.values()],
        modality=Modality.TEXT,
    )  # fmt: skip


def caption_columns(columns: Iterable[str]) -> list[str]:
    """Those of a table's columns that hold captions."""
    columns = list(columns)
    named = [name for name in columns if name.lower().startswith(CAPTION_COLUMN)]
    text = first_column(columns, TEXT_COLUMNS)
    return named or ([] if text is None else [text])


def _columns(rows: Iterable[tuple[int, Row | str]]) -> list[str]:
    return [*dict.fromkeys(name for _, row in rows if isinstance(row, dict) for name in row)]


def _read(
    table: Path,
    rows: Iterable[tuple[int, Row | str]],
    pair: Callable[[Row], tuple[str, list[str]] | str],
    source: Callable[[str], Any],
    modality: Modality,
) -> Examples:
    """Examples of rows, by what a pair is in one, or what is wrong with it; no pair twice."""
    pairs = Examples(modality=modality)
    seen: set[tuple[str, str]] = set()
    for line, row in rows:
        read = row if isinstance(row, str) else pair(row)
        if isinstance(read, str):
            pairs.skipped.append(Skipped(f"{table.name}:{line}", read))
            continue
        name, texts = read
        if new := [text for text in dict.fromkeys(texts) if (name, text) not in seen]:
            pairs.add(name, source(name), new)
            seen.update((name, text) for text in new)
    return pairs
