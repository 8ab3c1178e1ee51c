"""Reading what a user brings: captioned pictures, a folder per class, queries with judgements.

Every reader names what it could not use and goes on; it raises only where nothing is left to use.
"""

from __future__ import annotations

import csv
import json
import math
import os
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sensorium.data.files import MAX_MANIFEST_FIELD, Candidate, find_files
from sensorium.errors import UsageError
from sensorium.media import Image, open_media
from sensorium.media.skipped import Skipped
from sensorium.media.sources import is_url

PATH_COLUMNS = ("path", "image", "filepath", "image_path", "file_name", "file")
"""Names of the column that holds a picture's path, in the order they are looked for."""

CAPTION_COLUMN = "caption"
"""Every column whose name begins so holds captions: ``caption``, ``caption_en``, ``caption_zh``."""

TEXT_COLUMNS = ("text", "title")
"""Names of the column that holds a caption where none begins with `CAPTION_COLUMN`."""

TABLE_SUFFIXES = frozenset({".csv", ".tsv", ".jsonl", ".ndjson"})

QUERIES_FILE = "queries.jsonl"

LABELS_COLUMNS = ("folder", "label")

BEYOND = "\0"
"""Key of the fields of a CSV row that no column of the header stands for."""

Kind = Literal["pairs", "folder", "queries", "result"]


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


@dataclass(frozen=True)
class ClassFolders:
    """Pictures in a folder per class.

    Attributes
    ----------
    classes : dict of str to list of str
        Folder name, and the labels that stand for the class; the first is shown.
    pictures : dict of str to (Path, str)
        Name relative to the folder of folders; the file, and its class's folder name.
    skipped : list of Skipped
    """

    classes: dict[str, list[str]]
    pictures: dict[str, tuple[Path, str]]
    skipped: list[Skipped] = field(default_factory=list)


@dataclass(frozen=True)
class Query:
    """A question in words or by a picture: one of `text` and `picture` is set."""

    id: str
    text: str = ""
    picture: Path | None = None
    name: str = ""  # of the picture, as the file writes it


@dataclass(frozen=True)
class Judgements:
    """Which documents answer which query.

    Attributes
    ----------
    grades : dict of str to dict of str to float
        Query id, document id, grade: above 0 is relevant.
    skipped : list of Skipped
    """

    grades: dict[str, dict[str, float]]
    skipped: list[Skipped] = field(default_factory=list)


def find_kind(data: Path) -> Kind:
    """Tell what a file or folder holds by looking at it.

    Returns
    -------
    {"pairs", "folder", "queries", "result"}
        A table of captioned pictures, a folder with class folders, a BEIR folder, the result of
        an evaluation (its folder, too).

    Raises
    ------
    UsageError
        Saying what was looked for.
    """
    if data.is_dir():
        if (data / QUERIES_FILE).is_file():
            return "queries"
        if (data / "result.json").is_file():
            return "result"
        return "folder"
    if data.suffix.lower() in TABLE_SUFFIXES and data.is_file():
        return "pairs"
    if data.suffix.lower() == ".json" and data.is_file():
        return "result"
    found = "there is no such file or folder" if not data.exists() else "it is none of these"
    raise UsageError(
        f"{data}: {found}. Give a folder that holds a folder of pictures per class, a table of "
        f"pictures and captions ({', '.join(sorted(TABLE_SUFFIXES))}), or a BEIR folder "
        f"({QUERIES_FILE} and qrels) with --collection"
    )


def find_qrels(folder: Path) -> Path:
    """Find the judgements of a BEIR folder: ``qrels/test.tsv``, the only other, ``qrels.tsv``.

    Raises
    ------
    UsageError
        When there are none, or several to choose from.
    """
    single = [folder / name for name in ("qrels.tsv", "qrels.txt") if (folder / name).is_file()]
    files = single or sorted((folder / "qrels").glob("*.tsv"))
    if len(files) == 1:
        return files[0]
    for file in files:
        if file.name == "test.tsv":
            return file
    if files:
        names = ", ".join(file.name for file in files)
        raise UsageError(f"{folder / 'qrels'} holds {names}: say which with --qrels")
    raise UsageError(f"{folder} holds neither qrels.tsv nor qrels/*.tsv: name them with --qrels")


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
    columns = [name for name in columns if name != BEYOND]
    path_column = _first(columns, PATH_COLUMNS)
    captions = [name for name in columns if name.lower().startswith(CAPTION_COLUMN)]
    if not captions and (text := _first(columns, TEXT_COLUMNS)) is not None:
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
        name = _name(row.get(path_column))
        texts = [text for column in captions for text in cell_texts(row.get(column))]
        if reason := _unusable_path(name, path_column):
            pairs.skipped.append(Skipped(where, reason))
        elif row.get(BEYOND):
            reason = "row has more fields than the header: put captions with commas in quotes"
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


def read_class_folders(
    folder: Path, labels: Path | None = None, *, kinds: tuple[type, ...] = (Image,)
) -> ClassFolders:
    """Read a folder that holds a folder of pictures per class, nested to any depth.

    Parameters
    ----------
    folder : Path
    labels : Path, optional
        CSV with the columns ``folder``, ``label``, and any further ones: more labels of the class.
        Without it, and for folders it does not name, the label is the folder's name with
        underscores and hyphens as spaces.
    kinds : tuple of type
        Media that are taken; other files are passed over.

    Raises
    ------
    UsageError
        When fewer than two folders hold pictures, or the labels do not fit the folders.
    """
    # Links in it stay as the user knows them.
    folder = Path(os.path.abspath(folder))  # noqa: PTH100
    found = ClassFolders({}, {})
    loose = 0
    # An evaluation that was written here is no class, though its plots are pictures.
    reports = {path.parent.name for path in folder.glob("*/result.json")}
    for entry in find_files([folder]):
        if isinstance(entry, Skipped):
            found.skipped.append(entry)
        elif isinstance(entry, Candidate) and isinstance(open_media(entry.path), kinds):
            parts = entry.path.relative_to(folder).parts
            if len(parts) == 1:
                loose += 1
                reason = f"lies beside the class folders: move it into one of {folder}"
                found.skipped.append(Skipped(str(entry.path), reason))
                continue
            if parts[0] in reports:
                continue
            found.classes.setdefault(parts[0], [label_of_folder(parts[0])])
            found.pictures["/".join(parts)] = (entry.path, parts[0])
    if len(found.classes) < 2:
        holds = ", ".join(found.classes) or "none"
        raise UsageError(
            f"{folder}: looked for two or more class folders that hold pictures, found {holds}"
            + (f" and {loose} pictures in no folder" if loose else "")
            + ". For pictures with captions give a table: a .csv with the columns path,caption"
        )
    if labels is not None:
        _relabel(found.classes, labels)
    _require_different(found.classes)
    return found


def label_of_folder(name: str) -> str:
    """The words that a folder's name stands for: ``sea_lion`` is "sea lion"."""
    return _sound(" ".join(name.replace("_", " ").replace("-", " ").split()) or name)


def _relabel(classes: dict[str, list[str]], labels: Path) -> None:
    named: dict[str, list[str]] = {}
    for line, row in read_rows(labels):
        if isinstance(row, str):
            raise UsageError(f"{labels}:{line}: {row}")
        if missing := [name for name in LABELS_COLUMNS if name not in row]:
            raise UsageError(f"{labels}: needs the columns folder,label; {missing[0]} is missing")
        texts = [t for name, value in row.items() if name != "folder" for t in cell_texts(value)]
        name = _name(row["folder"])
        if not texts:
            raise UsageError(f"{labels}:{line}: {name!r} has no label")
        named[name] = [*dict.fromkeys([*named.get(name, []), *texts])]
    if unknown := [name for name in named if name not in classes]:
        raise UsageError(
            f"{labels} names folders that hold no pictures: {_some(unknown)}; there are "
            f"{_some(list(classes))}"
        )
    classes.update({name: named[name] for name in classes if name in named})


def _require_different(classes: Mapping[str, list[str]]) -> None:
    owner: dict[str, str] = {}
    for name, labels in classes.items():
        for label in labels:
            if owner.setdefault(label, name) != name:
                raise UsageError(
                    f"the classes {owner[label]!r} and {name!r} have the same label {label!r}: "
                    "give them different ones in a file for --labels (columns folder,label)"
                )


def read_queries(path: Path) -> tuple[dict[str, Query], list[Skipped]]:
    """Read BEIR queries: JSON lines with ``_id`` and ``text``, or ``image`` for a picture.

    Raises
    ------
    UsageError
        When the file cannot be read or holds no query.
    """
    queries: dict[str, Query] = {}
    skipped = []
    for line, row in _json_lines(path):
        reason = row if isinstance(row, str) else ""
        if isinstance(row, dict):
            query = cell_text(row.get("_id", row.get("id")))
            text, name = cell_text(row.get("text")), _name(row.get("image"))
            if not query:
                reason = "query has no _id"
            elif query in queries:
                reason = f"the _id {query!r} was given before"
            elif bool(text) == bool(name):
                reason = f"query {query!r} needs a text or an image, and not both"
            elif name and (unusable := _unusable_path(name, "image")):
                reason = unusable
            else:
                queries[query] = Query(query, text, beside(path, name) if name else None, name)
        if reason:
            skipped.append(Skipped(f"{path.name}:{line}", reason))
    if not queries:
        first = f" ({skipped[0].path}: {skipped[0].reason})" if skipped else ""
        raise UsageError(f"{path}: holds no query with _id and text{first}")
    return queries, skipped


def read_qrels(path: Path) -> Judgements:
    """Read relevance judgements.

    Parameters
    ----------
    path : Path
        BEIR's three columns separated by tabs (query-id, corpus-id, score; a header line), or
        TREC's four separated by white space (query, iteration, document, grade).

    Raises
    ------
    UsageError
        When the file cannot be read or holds no judgement.
    """
    judgements = Judgements({})
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        fields = line.rstrip("\r\n").split("\t") if "\t" in line else line.split()
        fields = [value.strip() for value in fields]
        if len(fields) > 4 and "\t" not in line:  # a path with spaces in TREC's third column
            fields = [*fields[:2], line.split(maxsplit=2)[2].rsplit(maxsplit=1)[0], fields[-1]]
        grade = _number(fields[-1])
        if number == 1 and grade is None:
            continue  # the header
        if len(fields) not in (3, 4) or grade is None or not fields[0] or not fields[-2]:
            reason = "a line is query-id, corpus-id, score (BEIR) or query, 0, document, grade"
            judgements.skipped.append(Skipped(f"{path.name}:{number}", reason))
            continue
        judgements.grades.setdefault(fields[0], {})[fields[-2]] = grade
    if not judgements.grades:
        raise UsageError(f"{path}: holds no judgement (query-id, corpus-id, score between tabs)")
    return judgements


def read_rows(table: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Read a table row by row: ``.csv``, ``.tsv`` (with a header) or JSON lines.

    Yields
    ------
    (int, dict or str)
        The line in the file, and the row; a string says what is wrong with it. Of a CSV row that
        has more fields than the header the rest is under the key `BEYOND`.

    Raises
    ------
    UsageError
        When the file cannot be read.
    """
    if table.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _json_lines(table)
        return
    csv.field_size_limit(MAX_MANIFEST_FIELD)
    dialect = "excel-tab" if table.suffix.lower() == ".tsv" else "excel"
    with closing(_lines(table)) as lines:
        reader = csv.DictReader(lines, dialect=dialect)
        try:
            for row in reader:
                # A column without a name is a row number that a spreadsheet library wrote.
                yield (
                    reader.line_num,
                    {
                        BEYOND if k is None else k.strip(): v
                        for k, v in row.items()
                        if k or k is None
                    },
                )
        except csv.Error as error:
            raise UsageError(
                f"{table}:{reader.line_num}: cannot be read as a table ({error})"
            ) from None


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, line in enumerate(_lines(path), 1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield number, f"line is not JSON ({error})"
            continue
        yield number, row if isinstance(row, dict) else "line is not a JSON object"


def _lines(path: Path) -> Generator[str, None, None]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            yield from file
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: is not UTF-8 text ({error}): save it as UTF-8") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error


def _first(columns: Iterable[str], wanted: Iterable[str]) -> str | None:
    by_name = {name.lower(): name for name in reversed(list(columns))}
    return next((by_name[name] for name in wanted if name in by_name), None)


def cell_text(value: Any) -> str:
    """A cell as text on one line; identifiers in JSON may be numbers."""
    if isinstance(value, (str, int)) and not isinstance(value, bool):
        return _sound(" ".join(str(value).split()))
    return ""


def _sound(text: str) -> str:
    """Text without halves of surrogate pairs, which no file, font or tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _name(value: Any) -> str:
    """A cell as a path, which may hold two spaces in a row."""
    return value.strip() if isinstance(value, str) else ""


def cell_texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text for one in values if (text := cell_text(one))]


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _unusable_path(name: str, column: str) -> str:
    if not name:
        return f"row has no {column}"
    if is_url(name):
        return f"{name:.80}: URLs are not evaluated: download the file and name it"
    return f"{column} holds a NUL character: {name!r:.80}" if "\0" in name else ""


def beside(file: Path, name: str) -> Path:
    """The path that a file means by a name: relative to the file's folder."""
    joined = os.path.join(file.parent, os.path.expanduser(name))  # noqa: PTH111, PTH118
    return Path(os.path.abspath(joined))  # noqa: PTH100


def _some(names: list[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
