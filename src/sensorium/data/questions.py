"""Questions with judgements, and telling what a file or folder holds that is to be evaluated."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from sensorium.data.tables import (
    TABLE_SUFFIXES,
    beside,
    cell_path,
    cell_text,
    lines_of,
    read_json_lines,
    unusable_path,
)
from sensorium.errors import UsageError
from sensorium.media.skipped import Skipped

QUERIES_FILE = "queries.jsonl"

Kind = Literal["pairs", "folder", "queries", "result"]


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


def read_queries(path: Path) -> tuple[dict[str, Query], list[Skipped]]:
    """Read BEIR queries: JSON lines with ``_id`` and ``text``, or ``image`` for a picture.

    Raises
    ------
    UsageError
        When the file cannot be read or holds no query.
    """
    queries: dict[str, Query] = {}
    skipped = []
    for line, row in read_json_lines(path):
        reason = row if isinstance(row, str) else ""
        if isinstance(row, dict):
            query = cell_text(row.get("_id", row.get("id")))
            text, name = cell_text(row.get("text")), cell_path(row.get("image"))
            if not query:
                reason = "query has no _id"
            elif query in queries:
                reason = f"the _id {query!r} was given before"
            elif bool(text) == bool(name):
                reason = f"query {query!r} needs a text or an image, and not both"
            elif name and (unusable := unusable_path(name, "image")):
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
    for number, line in enumerate(lines_of(path), 1):
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


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
