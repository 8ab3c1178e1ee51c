"""Labelled examples as users bring them, and their vectors.

A folder per class, a table with a label column, or lists in Python; pictures, sounds, videos,
documents or texts. What cannot be read is skipped and named.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.data.files import MAX_MANIFEST_FIELD
from sensorium.encoders import Encoder
from sensorium.encoders.pipeline import Read, embed
from sensorium.encoders.reading import is_heavy, read_segments, segments_of
from sensorium.errors import EncoderError, MediaError, UsageError
from sensorium.evaluation.data import (
    PATH_COLUMNS,
    TABLE_SUFFIXES,
    beside,
    label_of_folder,
    read_class_folders,
)
from sensorium.media import (
    Audio,
    Document,
    Image,
    Media,
    Mesh,
    Modality,
    Text,
    Video,
    as_media,
    open_media,
)
from sensorium.media.decoding import decoding
from sensorium.media.given import items_of, names_of, rows_of
from sensorium.media.progress import Progress
from sensorium.media.skipped import Skipped
from sensorium.media.sources import is_url, read_file
from sensorium.training.classifiers.heads import Labels, Vectors

LABEL_COLUMNS = ("label", "class", "category")
"""Names of the column that holds an example's class, in the order they are looked for."""

TEXT_COLUMNS = ("text", "sentence", "caption", "title")

BATCH_SIZE = 32  # segments the model sees at once, as in `sensorium.collection`

MAX_DIGEST = 64 << 20
"""Larger files are not compared with each other by content: that would mean reading them twice."""


@dataclass(frozen=True)
class Examples:
    """Labelled examples that have not been read yet.

    Attributes
    ----------
    names : list of str
        What a report calls each one.
    sources : list
        A path, a media object, or what `sensorium.media.as_media` takes.
    labels : list of str
        The class of each.
    texts : dict of str to list of str
        Every class and the words that stand for it, the first of which is usual.
    modality : Modality
        Of them all.
    skipped : list of Skipped
    """

    names: list[str]
    sources: list[Any]
    labels: list[str]
    texts: dict[str, list[str]]
    modality: Modality
    skipped: list[Skipped] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Encoded:
    """Examples with their vectors; those that could not be read are left out.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n, d)
    labels : list of str
    digests : list of str
        SHA-256 (hex) of each one's content; empty where it is unknown.
    names : list of str
    rows : list of int
        Which of the given examples they are.
    skipped : list of Skipped
    """

    vectors: Vectors
    labels: list[str]
    digests: list[str]
    names: list[str]
    rows: list[int]
    skipped: list[Skipped]


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
        (`sensorium.evaluation.data.read_class_folders`).
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
    names = list(found.pictures)
    paths = [found.pictures[name][0] for name in names]
    shown = {name: texts[0] for name, texts in found.classes.items()}
    texts = {shown[name]: texts for name, texts in found.classes.items()}
    examples = Examples(
        names,
        list(paths),
        [shown[found.pictures[name][1]] for name in names],
        texts,
        Modality.IMAGE,
        list(found.skipped),
    )
    return _of_one_modality(examples, wanted, str(folder))


_KINDS = (Audio, Document, Image, Mesh, Video)


def _of_table(table: Path, wanted: Modality | None) -> Examples:
    rows = _rows(table)
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
    names: list[str] = []
    sources: list[Any] = []
    labels: list[str] = []
    skipped: list[Skipped] = []
    columns: dict[str, str] | None = None
    for line, row in rows:
        where = f"{short}:{line}"
        if isinstance(row, str):
            skipped.append(Skipped(where, row))
            continue
        if columns is None:
            columns = _columns(table, list(row))
        label, held = _cell(row.get(columns["label"])), row.get(columns["value"])
        value = _cell(held)
        if label and held is not None and not isinstance(held, (str, int, float)):
            names.append(where)
            sources.append(held)  # a picture of a data set
            labels.append(label)
        elif not label or not value:
            skipped.append(Skipped(where, f"row has no {columns['value' if label else 'label']}"))
        elif columns["kind"] == "text":
            names.append(where)
            sources.append(Text(value))
            labels.append(label)
        elif is_url(value) or "\0" in value:
            skipped.append(Skipped(where, f"{value!r:.80} is no path of a file"))
        else:
            names.append(value)
            sources.append(located(value))
            labels.append(label)
    texts = {label: [label_of_folder(label)] for label in dict.fromkeys(labels)}
    examples = Examples(names, sources, labels, texts, Modality.TEXT, skipped)
    return _of_one_modality(examples, wanted, table)


def _columns(table: str, names: list[str]) -> dict[str, str]:
    by_name = {name.lower(): name for name in reversed(names)}

    def first(wanted: Sequence[str]) -> str | None:
        return next((by_name[name] for name in wanted if name in by_name), None)

    label, path, text = first(LABEL_COLUMNS), first(PATH_COLUMNS), first(TEXT_COLUMNS)
    if label is None or (path is None and text is None):
        raise UsageError(
            f"{table}: needs a column with the class ({', '.join(LABEL_COLUMNS)}) and one with a "
            f"path ({', '.join(PATH_COLUMNS)}) or a text ({', '.join(TEXT_COLUMNS)}); "
            f"it has {', '.join(names) or 'none'}"
        )
    kind = "text" if path is None else "path"
    return {"label": label, "value": str(text if path is None else path), "kind": kind}


def _rows(table: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Rows with their line; a string says what is wrong with one."""
    csv.field_size_limit(MAX_MANIFEST_FIELD)
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            if table.suffix.lower() in (".jsonl", ".ndjson"):
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield number, _json_object(line)
                return
            tabs = table.suffix.lower() == ".tsv"
            reader = csv.DictReader(file, dialect="excel-tab" if tabs else "excel")
            for row in reader:
                if None in row:
                    reason = "row has more fields than the header: quote texts with commas"
                    yield reader.line_num, reason
                else:
                    yield reader.line_num, {k.strip(): v for k, v in row.items() if k}
    except FileNotFoundError as error:
        raise UsageError(f"{table}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{table}: is not UTF-8 text ({error}): save it as UTF-8") from error
    except (OSError, csv.Error) as error:
        raise UsageError(f"{table}: cannot be read as a table ({error})") from error


def _json_object(line: str) -> dict[str, Any] | str:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return f"line is not JSON ({error})"
    return row if isinstance(row, dict) else "line is not a JSON object"


def _cell(value: Any) -> str:
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return " ".join(str(value).split())
    return ""


def _of_lists(items: list[Any], labels: list[str], wanted: Modality | None) -> Examples:
    if len(items) != len(labels):
        raise UsageError(f"one label for each example, got {len(labels)} for {len(items)}")
    names = [
        os.fspath(item) if isinstance(item, os.PathLike) else f"example {number}"
        for number, item in enumerate(items)
    ]
    texts = {label: [label_of_folder(label)] for label in dict.fromkeys(labels)}
    return _of_one_modality(
        Examples(names, items, labels, texts, Modality.IMAGE), wanted, "the examples"
    )


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
        first = f"; the first that was skipped: {skipped[0].path} ({skipped[0].reason})"
        raise UsageError(f"{where}: there are no examples" + (first if skipped else ""))
    chosen = wanted if wanted is not None else counts.most_common(1)[0][0]
    rows = []
    for row, modality in enumerate(modalities):
        if modality == chosen:
            rows.append(row)
        elif modality is not None:
            reason = f"is {modality} among examples of {chosen}"
            skipped.append(Skipped(examples.names[row], reason))
    kept = replace(take(examples, rows), modality=chosen, skipped=skipped)
    if len(set(kept.labels)) < 2:
        holds = ", ".join(sorted(set(kept.labels))) or "none"
        raise UsageError(
            f"{where}: a classifier needs {chosen} examples of two or more classes, found {holds}"
        )
    return kept


def take(examples: Examples, rows: Sequence[int]) -> Examples:
    """Some of the examples; the classes stay that still have one."""
    labels = [examples.labels[row] for row in rows]
    present = set(labels)
    return replace(
        examples,
        names=[examples.names[row] for row in rows],
        sources=[examples.sources[row] for row in rows],
        labels=labels,
        texts={label: texts for label, texts in examples.texts.items() if label in present},
    )


def media_of(source: Any) -> Media:
    """The media object of a source; see `sensorium.media.as_media`."""
    if isinstance(source, os.PathLike):
        return open_media(Path(source))
    return as_media(source)


@dataclass(frozen=True)
class _Item:
    row: int
    digest: str = ""
    reason: str = ""


def encode_examples(
    encoder: Encoder, examples: Examples, progress: Progress | None = None
) -> Encoded:
    """Encode examples; one of several segments (pages, windows, frames) has their mean.

    Parameters
    ----------
    encoder : Encoder
    examples : Examples
    progress : callable, optional
        Called with (done, total).

    Raises
    ------
    EncoderError
        When the encoder's space does not hold what the examples are.
    """
    require_modality(encoder, examples.modality)

    def read(item: _Item) -> Read[_Item]:
        def failed(reason: str) -> _Item:
            return replace(item, reason=reason)

        source, digest = examples.sources[item.row], ""
        try:
            media = media_of(source)
            if isinstance(source, os.PathLike) and _size(Path(source)) <= MAX_DIGEST:
                content = read_file(Path(source))
                digest = hashlib.sha256(content).hexdigest()
                if isinstance(media, Image):
                    media = Image.from_encoded(content, Path(source))
            elif isinstance(media, Text):
                digest = hashlib.sha256(media.text.encode("utf-8", "replace")).hexdigest()
            found = replace(item, digest=digest)
            return read_segments(found, media, segments_of(encoder, media), failed)
        except MediaError as error:
            return Read(failed(error.reason))

    vectors: dict[int, Vectors] = {}
    digests: dict[int, str] = {}
    skipped: list[Skipped] = []
    done = 0
    batches = embed(
        encoder, map(_Item, range(len(examples))), read, batch_size=BATCH_SIZE,
        is_heavy=lambda item: _is_heavy(examples.sources[item.row]),
    )  # fmt: skip
    for batch in batches:
        for item, _, segments in batch:
            mean = segments.sum(axis=0)
            length = float(np.linalg.norm(mean))
            if item.reason or not len(segments) or not length > 0:
                reason = item.reason or "there is nothing in it that can be encoded"
                skipped.append(Skipped(examples.names[item.row], reason))
            else:
                vectors[item.row] = segments[0] if len(segments) == 1 else mean / length
                digests[item.row] = item.digest
        done += len(batch)
        if progress is not None:
            progress(done, len(examples))
    rows = sorted(vectors)
    stacked = [vectors[row] for row in rows]
    return Encoded(
        np.array(stacked, np.float32).reshape(-1, encoder.space.dimension),
        [examples.labels[row] for row in rows],
        [digests[row] for row in rows],
        [examples.names[row] for row in rows],
        rows,
        skipped,
    )


def _size(path: Path) -> int:
    with decoding(str(path), "cannot be read"):
        return path.stat().st_size


def _is_heavy(source: Any) -> bool:
    return isinstance(source, os.PathLike) and is_heavy(Path(source))


PIECES_OF = {Modality.VIDEO: Modality.IMAGE, Modality.MESH: Modality.IMAGE}
"""What the segments of media are that no encoder takes whole."""


def require_modality(encoder: Encoder, modality: Modality) -> None:
    """Refuse an encoder whose space holds nothing of a modality."""
    held = encoder.space.modalities
    if modality not in held and PIECES_OF.get(modality) not in held:
        known = " and ".join(held)
        raise EncoderError(
            f"{encoder.space.name} encodes {known}, the examples are {modality}: choose another "
            "encoder"
        )


def class_numbers(labels: Sequence[str], classes: Mapping[str, Any] | Sequence[str]) -> Labels:
    """The place of each label among the classes, shape (n,); -1 for a label that is none."""
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers.get(label, -1) for label in labels], np.intp)
