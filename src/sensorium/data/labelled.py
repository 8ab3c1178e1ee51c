"""Labelled examples as users bring them.

A folder per class, a table with a label column, or lists in Python; pictures, sounds, videos,
documents or texts. What cannot be read is skipped and named.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from sensorium.data.class_folders import read_class_folders, words_of_labels
from sensorium.data.examples import Examples
from sensorium.data.sources import media_of
from sensorium.data.tables import (
    LABEL_COLUMNS,
    PATH_COLUMNS,
    TABLE_SUFFIXES,
    TEXT_COLUMNS,
    beside,
    cell_text,
    first_column,
    read_rows,
)
from sensorium.errors import MediaError, UsageError
from sensorium.media import (
    Audio,
    Document,
    Image,
    Mesh,
    Modality,
    Text,
    Video,
)
from sensorium.media.given import items_of, names_of, rows_of
from sensorium.media.skipped import Skipped, first_of
from sensorium.media.sources import is_url


def read_examples(
    x: Any,
    y: Sequence[str] | None = None,
    *,
    labels: str | os.PathLike[str] | None = None,
    modality: str | None = None,
) -> Examples:
    """Read labelled examples.

    Parameters
    ----------
    x : str, Path or sequence
        A folder that holds a folder per class; a table (``.csv``, ``.tsv``, ``.jsonl``) with a
        label column and a path or text column; or with `y` a list of anything that
        `sensorium.media.as_media` takes.
    y : sequence of str, optional
        The class of each element of a list.
    labels : str or Path, optional
        CSV that says what class folders are called
        (`sensorium.data.class_folders.read_class_folders`).
    modality : str, optional
        Take only these of mixed examples; without it what most of them are.

    Raises
    ------
    UsageError
        When there are no examples of two classes, or the arguments do not fit each other.
    """
    wanted = _wanted(modality)
    if y is not None:
        if isinstance(x, (str, os.PathLike)):
            raise UsageError("a folder or table has its own labels: give no y beside it")
        return _of_lists(items_of(x), names_of(y), wanted)
    if (rows := rows_of(x)) is not None:
        return _of_rows(rows, wanted, type(x).__name__)
    if not isinstance(x, (str, os.PathLike)):
        raise UsageError(
            "give a folder per class, a table with a label column, or a list and its labels y, "
            f"got {type(x).__name__} without y"
        )
    path = Path(os.path.abspath(os.path.expanduser(x)))  # noqa: PTH100, PTH111
    if path.is_dir():
        return _of_folders(path, labels, wanted)
    if path.suffix.lower() in TABLE_SUFFIXES:
        if labels is not None:
            raise UsageError("labels go with a folder per class: a table has a label column")
        return _of_table(path, wanted)
    found = "there is no such file or folder" if not path.exists() else "it is neither"
    raise UsageError(
        f"{path}: {found}. Give a folder that holds a folder per class, or a table with a "
        f"label column ({', '.join(sorted(TABLE_SUFFIXES))})"
    )


def _wanted(modality: str | None) -> Modality | None:
    if modality is None:
        return None
    try:
        return Modality(modality)
    except ValueError:
        known = ", ".join(Modality)
        raise UsageError(f"modality is one of {known}, got {modality!r}") from None


def _of_folders(
    folder: Path, labels: str | os.PathLike[str] | None, wanted: Modality | None
) -> Examples:
    named = None if labels is None else Path(labels)
    found = read_class_folders(folder, named, kinds=_KINDS)
    shown = {name: words[0] for name, words in found.words.items()}
    examples = replace(
        found,
        labels=[shown[name] for name in found.labels],
        words={shown[name]: words for name, words in found.words.items()},
    )
    return _of_one_modality(examples, wanted, str(folder))


_KINDS = (Audio, Document, Image, Mesh, Video)


def _of_table(table: Path, wanted: Modality | None) -> Examples:
    rows = read_rows(table)
    return _of_cells(rows, wanted, str(table), lambda value: beside(table, value), table.name)


def _of_rows(rows: list[dict[str, Any]], wanted: Modality | None, name: str) -> Examples:
    """Rows of a table in memory; its paths are relative to the working folder."""
    numbered: Iterator[tuple[int, dict[str, Any] | str]] = enumerate(iter(rows))
    return _of_cells(numbered, wanted, name, lambda value: Path(os.path.expanduser(value)), name)  # noqa: PTH111


def _of_cells(
    rows: Iterable[tuple[int, dict[str, Any] | str]],
    wanted: Modality | None,
    table: str,
    located: Callable[[str], Path],
    short: str,
) -> Examples:
    read = Examples()
    columns: dict[str, str] | None = None
    for line, row in rows:
        where = f"{short}:{line}"
        if isinstance(row, str):
            read.skipped.append(Skipped(where, row))
            continue
        if columns is None:
            columns = _columns(table, list(row))
        label, held = cell_text(row.get(columns["label"])), row.get(columns["value"])
        value = cell_text(held)
        name, source = where, held  # of a picture of a data set
        if not label or held is None or isinstance(held, (str, int, float)):
            if not label or not value:
                reason = f"row has no {columns['value' if label else 'label']}"
                read.skipped.append(Skipped(where, reason))
                continue
            if columns["kind"] == "text":
                source = Text(value)
            elif is_url(value) or "\0" in value:
                read.skipped.append(Skipped(where, f"{value!r:.80} is no path of a file"))
                continue
            else:
                name, source = value, located(value)
        read.names.append(name)
        read.sources.append(source)
        read.labels.append(label)
    return _of_one_modality(replace(read, words=words_of_labels(read.labels)), wanted, table)


def _columns(table: str, names: list[str]) -> dict[str, str]:
    label, path, text = (
        first_column(names, wanted) for wanted in (LABEL_COLUMNS, PATH_COLUMNS, TEXT_COLUMNS)
    )
    if label is None or (path is None and text is None):
        raise UsageError(
            f"{table}: needs a column with the class ({', '.join(LABEL_COLUMNS)}) and one with a "
            f"path ({', '.join(PATH_COLUMNS)}) or a text ({', '.join(TEXT_COLUMNS)}); "
            f"it has {', '.join(names) or 'none'}"
        )
    kind = "text" if path is None else "path"
    return {"label": label, "value": str(text if path is None else path), "kind": kind}


def _of_lists(items: list[Any], labels: list[str], wanted: Modality | None) -> Examples:
    if len(items) != len(labels):
        raise UsageError(f"one label for each example, got {len(labels)} for {len(items)}")
    names = [
        os.fspath(item) if isinstance(item, os.PathLike) else f"example {number}"
        for number, item in enumerate(items)
    ]
    examples = Examples(names, items, labels, words=words_of_labels(labels))
    return _of_one_modality(examples, wanted, "the examples")


def _of_one_modality(examples: Examples, wanted: Modality | None, where: str) -> Examples:
    """Keep what is of one modality: readme files beside pictures are no examples."""
    skipped = list(examples.skipped)
    modalities: list[Modality | None] = []
    for name, source in zip(examples.names, examples.sources, strict=True):
        try:
            modalities.append(media_of(source).modality)
        except MediaError as error:
            modalities.append(None)
            skipped.append(Skipped(name, error.reason))
    counts = Counter(modality for modality in modalities if modality is not None)
    if not counts:
        raise UsageError(f"{where}: there are no examples{first_of(skipped)}")
    chosen = wanted if wanted is not None else counts.most_common(1)[0][0]
    rows = []
    for row, modality in enumerate(modalities):
        if modality == chosen:
            rows.append(row)
        elif modality is not None:
            reason = f"is {modality} among examples of {chosen}"
            skipped.append(Skipped(examples.names[row], reason))
    kept = replace(examples.take(rows), modality=chosen, skipped=skipped)
    if len(set(kept.labels)) < 2:
        holds = ", ".join(sorted(set(kept.labels))) or "none"
        raise UsageError(
            f"{where}: a classifier needs {chosen} examples of two or more classes, found {holds}"
        )
    return kept
