"""Questions with judgements, and telling what a file or folder holds that is to be evaluated."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sensorium.data.tables import (
    TABLE_SUFFIXES,
    beside,
    cell_path,
    cell_text,
    cell_texts,
    lines_of,
    read_json_lines,
    unusable_path,
)
from sensorium.errors import UsageError
from sensorium.media.skipped import Skipped

QUERIES_FILE = "queries.jsonl"

Kind = Literal["pairs", "folder", "queries", "result"]


WEIGHTED = re.compile(r"(?P<weight>[0-9]+(?:\.[0-9]*)?|\.[0-9]+):(?P<what>\S.*)", re.DOTALL)
"""``0.5:at night``, as rclip writes it."""

Side = Literal["text", "like", "unlike", "without"]

EXAMPLES: tuple[Side, ...] = ("like", "unlike")
"""Sides whose parts are files."""


@dataclass(frozen=True)
class QueryPart:
    """One part of a question of several.

    Attributes
    ----------
    side : {"text", "like", "unlike", "without"}
        As the options of ``sensorium search``: words that are sought, files that are examples of
        what is sought and of what is not, and words that are not wanted.
    what : str
        Words, or a file as it is written.
    weight : float
    path : Path or None
        Of an example.
    """

    side: Side
    what: str
    weight: float = 1.0
    path: Path | None = None


@dataclass(frozen=True)
class Query:
    """A question in words, by a picture or of several parts: one of these is set."""

    id: str
    text: str = ""
    picture: Path | None = None
    name: str = ""  # of the picture, as the file writes it
    parts: tuple[QueryPart, ...] = ()


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

    Questions of several parts have a list of texts, or ``like``, ``unlike`` and ``without`` beside
    them or instead: a text or a list of such, each as in a shell, with a weight where it has one.

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
            if not query:
                reason = "query has no _id"
            elif query in queries:
                reason = f"the _id {query!r} was given before"
            else:
                asked, reason = _read_query(query, row, path)
                if asked is not None:
                    queries[query] = asked
        if reason:
            skipped.append(Skipped(f"{path.name}:{line}", reason))
    if not queries:
        first = f" ({skipped[0].path}: {skipped[0].reason})" if skipped else ""
        raise UsageError(f"{path}: holds no query with _id and text{first}")
    return queries, skipped


def _read_query(query: str, row: Mapping[str, Any], file: Path) -> tuple[Query | None, str]:
    """What a row asks, or why nothing is asked by it."""
    texts, name = cell_texts(row.get("text")), cell_path(row.get("image"))
    sides: dict[Side, list[str]] = {"text": texts}
    for side in EXAMPLES:
        cell = row.get(side)
        sides[side] = [*filter(None, map(cell_path, cell if isinstance(cell, list) else [cell]))]
    sides["without"] = cell_texts(row.get("without"))
    if texts and name:
        return None, (
            f"query {query!r} needs a text or an image, and not both: beside words, name a "
            "picture as an example (like)"
        )
    if not (texts or name or sides["like"]):
        return None, f"query {query!r} needs a text, an image or an example (like)"
    several = len(texts) > 1 or any(sides[side] for side in sides if side != "text")
    if not several:
        if name and (unusable := unusable_path(name, "image")):
            return None, unusable
        if name:
            return Query(query, picture=beside(file, name), name=name), ""
        return Query(query, texts[0]), ""
    parts = []
    if name:
        sides["like"].insert(0, name)
    for side, cells in sides.items():
        for cell in cells:
            if side not in EXAMPLES:
                weight, what = weighted(cell)
                parts.append(QueryPart(side, what, weight))
                continue
            weight, what = weighted(cell, lambda given: beside(file, given).exists())
            if unusable := unusable_path(what, "image" if cell == name else side):
                return None, unusable
            parts.append(QueryPart(side, what, weight, beside(file, what)))
    return Query(query, parts=tuple(parts)), ""


def weighted(given: str, is_file: Callable[[str], bool] | None = None) -> tuple[float, str]:
    """A part of a question, and the weight before its colon, where it has one.

    Parameters
    ----------
    given : str
        ``0.5:at night``, ``castle``.
    is_file : callable, optional
        Whether a file is called so as it stands: then there is no weight.
    """
    found = WEIGHTED.fullmatch(given)
    if found is None or (is_file is not None and is_file(given)):
        return 1.0, given
    return float(found["weight"]), found["what"]


def with_weight(weight: float, what: str) -> str:
    """A part of a question as `weighted` reads it."""
    if weight == 1 and WEIGHTED.fullmatch(what) is None:
        return what
    return f"{np.format_float_positional(weight, trim='-')}:{what}"


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
