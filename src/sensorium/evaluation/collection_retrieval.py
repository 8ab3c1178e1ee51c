"""Evaluating what a collection finds for queries with known answers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.collection import Collection, Skipped
from sensorium.collection.store import SQLiteStore
from sensorium.encoders import DEFAULT_ENCODER, Encoder
from sensorium.errors import UsageError
from sensorium.evaluation.data import Query, beside, read_qrels, read_queries
from sensorium.evaluation.encoding import Progress, digest_of, encode_pictures, encode_texts
from sensorium.evaluation.evaluate import (
    AnyEncoder,
    AnyPath,
    absolute,
    require_two,
    sample_digest,
)
from sensorium.evaluation.measuring import Documents, measure_retrieval
from sensorium.evaluation.result import (
    Result,
    describe_data,
    describe_encoder,
    describe_versions,
)
from sensorium.home import index_command
from sensorium.media import Modality

ITEMS_READ = 10_000
"""Items of a collection that are read at a time: their metadata takes memory."""


def evaluate_retrieval(
    collection: AnyPath | Collection,
    queries: AnyPath,
    qrels: AnyPath,
    encoder: AnyEncoder | None = None,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Measure what a collection finds for queries with known answers.

    The vectors that are stored are ranked, whatever has become of their files since.

    Parameters
    ----------
    collection : str, Path or Collection
    queries : str or Path
        BEIR's ``queries.jsonl``; see `sensorium.evaluation.data.read_queries`.
    qrels : str or Path
        BEIR's or TREC's judgements. Documents are items of the collection: see
        `match_documents`.
    encoder : str, Path or Encoder, optional
        None is the collection's own; any other must be of the same space.
    seed, progress
        As for `evaluate_pairs`; `progress` counts queries.

    Returns
    -------
    Result
        With the measurement ``retrieval``.

    Raises
    ------
    UsageError
        When the files cannot be used, or fewer than two queries with a right answer are left.
    SpaceMismatchError
        When `encoder` is of another space than the collection.
    """
    queries, qrels = absolute(queries), absolute(qrels)
    if isinstance(collection, Collection):
        path, encoder = collection.path, encoder or collection.encoder
    else:
        path = absolute(collection)
    asked, skipped = read_queries(queries)
    judgements = read_qrels(qrels)
    skipped += judgements.skipped
    with Collection(path, encoder, create=False) as library:
        loaded, name = library.encoder, library.info().encoder or DEFAULT_ENCODER
    stored = _read_items(path, loaded.space.dimension)
    documents = (document for grades in judgements.grades.values() for document in grades)
    items = {item: stored.paths[row] for row, item in enumerate(stored.ids)}
    known, unknown = match_documents(documents, items, qrels)
    skipped += [Skipped(document, reason) for document, reason in unknown.items()]
    row_of = {item: row for row, item in enumerate(stored.ids)}
    answers: dict[str, dict[int, float]] = {}
    for query_id, grades in judgements.grades.items():
        found = {row_of[known[d]]: g for d, g in grades.items() if g > 0 and d in known}
        if query_id not in asked:
            reason = f"is judged in {qrels.name}, but not in {queries.name}"
            skipped.append(Skipped(query_id, reason))
        elif found:
            answers[query_id] = found
        else:
            skipped.append(Skipped(query_id, "query has no right answer in the collection"))
    used = [query for query in asked.values() if query.id in answers]
    vectors, digests, unread = _encode_queries(loaded, used, progress)
    skipped += unread
    used = [query for query in used if query.id in vectors]
    require_two(len(used), "queries with a right answer in the collection", qrels, skipped)
    right = {
        query.id: sorted(f"{stored.contents[r]} {g!r}" for r, g in answers[query.id].items())
        for query in used
    }
    measurement = measure_retrieval(
        np.stack([vectors[query.id] for query in used]),
        stored.documents,
        [answers[query.id] for query in used],
        [
            {
                "id": query.id,
                **({"picture": query.name} if query.picture else {"text": query.text}),
                "digest": sample_digest(digests[query.id], *right[query.id]),
            }
            for query in used
        ],
        seed=seed,
        left_out=_own_pictures(used, answers, digests, stored.contents),
    )
    parts = {
        "items": digest_of(*sorted(stored.contents)),
        "queries": digest_of(*(f"{query.id}\0{digests[query.id]}" for query in used)),
        "answers": digest_of(*("\0".join([q.id, *right[q.id]]) for q in used)),
    }
    counts = {
        "items": len(stored.ids),
        "queries": len(used),
        "queries_without_judgements": sum(query not in judgements.grades for query in asked),
    }
    arguments = {"collection": path, "queries": queries, "qrels": qrels, "encoder": name}
    return Result(
        kind="retrieval",
        measurements={"retrieval": measurement},
        arguments={argument: str(value) for argument, value in arguments.items()},
        seed=seed,
        encoder=describe_encoder(loaded),
        data=describe_data(parts, counts),
        versions=describe_versions(),
        skipped=skipped,
    )


def match_documents(
    ids: Iterable[str], items: Mapping[int, str], qrels: Path
) -> tuple[dict[str, int], dict[str, str]]:
    """Find the items of a collection that judgements mean.

    A document id is, in this order: the path of an item, absolute or relative to the folder of
    `qrels`, as written or by way of links; the file name of exactly one item; where every id is a
    whole number, the number of an item.

    Parameters
    ----------
    ids : iterable of str
    items : mapping of int to str
        Number and path of every item.
    qrels : Path
        The file of the judgements.

    Returns
    -------
    found : dict of str to int
        Id to the number of its item.
    unknown : dict of str to str
        Id to the reason why it was not found.
    """
    ids = list(dict.fromkeys(ids))
    by_path = {path: item for item, path in items.items()}
    by_name: dict[str, list[int]] = {}
    for number, name in items.items():
        by_name.setdefault(os.path.basename(name), []).append(number)  # noqa: PTH119
    numbered = all(document.isdecimal() for document in ids)
    by_real_path: dict[str, int] = {}
    found: dict[str, int] = {}
    unknown: dict[str, str] = {}
    for document in ids:
        path = str(beside(qrels, document))
        item = by_path.get(path)
        if item is None and os.path.exists(path):  # noqa: PTH110
            by_real_path = by_real_path or {os.path.realpath(p): i for p, i in by_path.items()}
            item = by_real_path.get(os.path.realpath(path))
        named = by_name.get(document, [])
        if item is None and len(named) == 1:
            (item,) = named
        if item is None and numbered and int(document) in items:
            item = int(document)
        if item is not None:
            found[document] = item
        elif named:
            unknown[document] = "several items of the collection have this file name: give a path"
        else:
            unknown[document] = "no item of the collection has this path, file name or number"
    return found, unknown


@dataclass(frozen=True)
class _Items:
    """The items of a collection that search can find, row by row."""

    ids: list[int]
    paths: list[str]
    contents: list[str]  # digests, empty where the file has changed since
    documents: Documents


def _read_items(path: Path, dimension: int) -> _Items:
    paths, modalities, contents = [], [], []
    store = SQLiteStore(path, create=False)
    try:
        with store.snapshot():
            _, owners, vectors = store.vectors(dimension)
            order = np.argsort(owners, kind="stable")  # the segments of one item together
            found, starts = np.unique(owners[order], return_index=True)
            ids = found.tolist()
            for start in range(0, len(ids), ITEMS_READ):
                part = ids[start : start + ITEMS_READ]
                items = store.items(part)
                paths += [items[item].file.path for item in part]
                modalities += [items[item].modality for item in part]
                contents += [items[item].file.content_hash.hex() for item in part]
    finally:
        store.close()
    if not ids:
        raise UsageError(f"{path}: holds nothing to search; `{index_command(path)}` fills it")

    def describe(row: int) -> dict[str, str]:
        return {"picture" if modalities[row] == Modality.IMAGE else "text": paths[row]}

    one_each = len(ids) == len(vectors)
    documents = Documents(vectors[order], describe, None if one_each else starts)
    return _Items(ids, paths, contents, documents)


def _own_pictures(
    queries: Sequence[Query],
    answers: Mapping[str, Mapping[int, float]],
    digests: Mapping[str, str],
    contents: Sequence[str],
) -> dict[int, list[int]]:
    """Rows that a picture asked with finds because they are that picture.

    They take no part in the ranking, unless somebody judged them as right.
    """
    rows: dict[str, list[int]] = {}
    for row, content in enumerate(contents):
        rows.setdefault(content, []).append(row)
    own = {
        number: [row for row in rows.get(digests[query.id], []) if row not in answers[query.id]]
        for number, query in enumerate(queries)
        if query.picture
    }
    return {number: found for number, found in own.items() if found}


def _encode_queries(
    encoder: Encoder, queries: Sequence[Query], progress: Progress | None
) -> tuple[dict[str, npt.NDArray[np.float32]], dict[str, str], list[Skipped]]:
    """Vector and content digest by query id, and what could not be encoded."""
    pictures = {query.id: query.picture for query in queries if query.picture is not None}
    texts = {query.id: query.text for query in queries if query.picture is None}
    seen = encode_pictures(encoder, pictures, progress)
    read = encode_texts(encoder, texts.values())
    vectors = dict(zip(seen.names, seen.vectors, strict=True))
    by_text = dict(zip(read.names, read.vectors, strict=True))
    vectors |= {query: by_text[text] for query, text in texts.items() if text in by_text}
    digests = seen.digests | {query: read.digests[text] for query, text in texts.items()}
    names = {query.id: f"{query.id} ({query.name})" for query in queries}
    unseen = [Skipped(names[item.path], item.reason) for item in seen.skipped]
    return vectors, digests, [*unseen, *read.skipped]
