"""Judgements as files that evaluations read: TREC's qrels, and BEIR's queries beside them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.collection.collection import store_of
from sensorium.collection.judgements import Judgement
from sensorium.collection.store import Store
from sensorium.data.questions import QUERIES_FILE, with_weight
from sensorium.errors import CollectionError, UsageError
from sensorium.media import Modality
from sensorium.media.skipped import Skipped
from sensorium.media.sources import is_url
from sensorium.replacing import unfinished

if TYPE_CHECKING:
    from sensorium.collection.collection import Collection

QRELS_FILE = "qrels.txt"
"""TREC's four columns: query, 0, document, grade. A document is an item's path, or its number where
a path cannot stand in such a line."""


@dataclass(frozen=True)
class QrelsReport:
    """What `export_judgements` wrote.

    Attributes
    ----------
    path : str
    queries, judgements : int
    skipped : list of Skipped
        Questions that such files have no form for: by vectors that nobody can name.
    """

    path: str
    queries: int
    judgements: int
    skipped: list[Skipped] = field(default_factory=list)


def export_judgements(
    collection: Collection | Store, target: str | os.PathLike[str]
) -> QrelsReport:
    """Write all judgements of a collection for `sensorium evaluate`, and for TREC's tools.

    Parameters
    ----------
    collection : Collection or Store
    target : str or Path
        A new folder.

    Raises
    ------
    UsageError
        When the target exists.
    CollectionError
        When there is no judgement, or the folder cannot be written.
    """
    store = store_of(collection)
    path = Path(target).expanduser().absolute()
    if os.path.lexists(path):
        raise UsageError(f"{path} exists: name another folder")
    queries: dict[str, dict[str, Any]] = {}
    kept: list[tuple[str, Judgement]] = []
    skipped: dict[str, Skipped] = {}
    for one in store.judgements():
        asked, reason = _as_query(one)
        if reason:
            skipped.setdefault(one.question, Skipped(f"{one.question:.80}", reason))
            continue
        query = queries.setdefault(one.question, {"_id": f"q{len(queries) + 1}", **asked})
        kept.append((query["_id"], one))
    if not kept:
        raise CollectionError(f"{store.path} holds no judgement that can be written as qrels")
    items = store.items([*{one.item for _, one in kept}])
    paths = {item: stored.file.path for item, stored in items.items()}
    named = all(map(_fits_a_line, paths.values()))
    lines = [
        f"{query} 0 {paths[one.item] if named else one.item} {int(one.relevant)}"
        for query, one in kept
        if one.item in paths
    ]
    try:
        with unfinished(path) as new:
            new.mkdir()
            _write(new / QRELS_FILE, lines)
            _write(
                new / QUERIES_FILE, (json.dumps(q, ensure_ascii=False) for q in queries.values())
            )
    except OSError as error:
        raise CollectionError(f"{path}: cannot be written ({error.strerror or error})") from error
    return QrelsReport(str(path), len(queries), len(lines), [*skipped.values()])


def _as_query(judgement: Judgement) -> tuple[dict[str, Any], str]:
    """A question as `sensorium.data.questions.read_queries` reads it, or why it has no form."""
    parts = json.loads(judgement.question)
    if any("words" not in part and "file" not in part for part in parts):
        return {}, "what is asked by vectors has no form in these files"
    if any(is_url(part["file"]) for part in parts if "file" in part):
        return {}, "what is asked by a URL has no form in these files"
    if len(parts) == 1 and "words" in parts[0]:
        return {"text": parts[0]["words"]}, ""
    if len(parts) == 1 and judgement.found.asked == Modality.IMAGE:
        return {"image": parts[0]["file"]}, ""
    query: dict[str, Any] = {}
    for part in parts:
        weight = part.get("weight", 1.0)
        sides = ("text", "without") if "words" in part else ("like", "unlike")
        what = part["words"] if "words" in part else part["file"]
        query.setdefault(sides[weight < 0], []).append(with_weight(abs(weight), what))
    return query, ""


def _fits_a_line(path: str) -> bool:
    return len(path.splitlines()) == 1 and "\t" not in path and path == path.strip()


def _write(file: Path, lines: Iterable[str]) -> None:
    file.write_text("".join(f"{line}\n" for line in lines), "utf-8", newline="\n")
