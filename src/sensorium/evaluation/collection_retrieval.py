"""Evaluating what a collection finds for queries with known answers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection import Collection, Hit, Part, Question, Skipped
from sensorium.collection.asking import MODES, WITH_WORDS
from sensorium.collection.question import told_with_weights
from sensorium.data.encoding import content_digest, text_digest
from sensorium.data.questions import Query, read_qrels, read_queries
from sensorium.data.tables import beside
from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import MediaError, UsageError
from sensorium.evaluation.digests import digest_of
from sensorium.evaluation.evaluate import (
    AnyEncoder,
    AnyPath,
    absolute,
    require_two,
    sample_digest,
)
from sensorium.evaluation.measuring import DECIMALS, Documents, measure_retrieval
from sensorium.evaluation.result import (
    Result,
    describe_data,
    describe_encoder,
    describe_versions,
)
from sensorium.home import index_command
from sensorium.media import Image, Modality, Text
from sensorium.media.progress import Progress
from sensorium.media.sources import read_file

DEPTH = 1000
"""Hits of each query that are looked at, as trec_eval does; to this depth every page of a search by
meaning and words is cut from one ranking, too."""


def evaluate_retrieval(
    collection: AnyPath | Collection,
    queries: AnyPath,
    qrels: AnyPath,
    encoder: AnyEncoder | None = None,
    *,
    mode: str = MODES[0],
    depth: int = DEPTH,
    seed: int = 0,
    progress: Progress | None = None,
) -> Result:
    """Measure what a collection's search finds for queries with known answers.

    Every query is asked by `Collection.search_pages`, so that what is measured is what a search
    gives: with the encoder's prompt for questions, by the index that there is, modalities on one
    scale. Hits of equal score (of cosines: to six decimals) are ties, which count against the
    system. Files may have changed since they were indexed: what is stored counts.

    Parameters
    ----------
    collection : str, Path or Collection
    queries : str or Path
        BEIR's ``queries.jsonl``; see `sensorium.data.questions.read_queries`.
    qrels : str or Path
        BEIR's or TREC's judgements. Documents are items of the collection: see
        `match_documents`.
    encoder : str, Path or Encoder, optional
        None is the collection's own; any other must be of the same space.
    mode : {"vector", "words", "hybrid", "hash"}
        As for `Collection.search`.
    depth : int
        Hits of each query that are looked at. What is not among them counts as ranked behind all
        items, right answers last.
    seed, progress
        As for `evaluate_pairs`; `progress` counts queries.

    Returns
    -------
    Result
        With the measurement ``retrieval``.

    Raises
    ------
    UsageError
        When the files cannot be used, fewer than two queries with a right answer are left, or
        others build another index meanwhile.
    SpaceMismatchError
        When `encoder` is of another space than the collection.
    """
    queries, qrels = absolute(queries), absolute(qrels)
    if isinstance(collection, Collection):
        path, encoder = collection.path, encoder or collection.encoder
    else:
        path = absolute(collection)
    if mode not in MODES:
        raise UsageError(f"unknown mode {mode!r}; known: {', '.join(MODES)}")
    if isinstance(depth, bool) or not isinstance(depth, (int, np.integer)) or depth < 1:
        raise UsageError(f"depth is a whole number of at least 1, got {depth!r}")
    asked, skipped = read_queries(queries)
    judgements = read_qrels(qrels)
    skipped += judgements.skipped
    with (
        Collection(path, encoder, create=False, auto_optimize=False) as library,
        library.at_one_moment(),
    ):
        loaded, name = library.encoder, library.info().encoder or DEFAULT_ENCODER
        stored = _read_items(library)
        documents = (document for grades in judgements.grades.values() for document in grades)
        items = dict(zip(stored.ids, stored.paths, strict=True))
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
        answered, unread, search = _ask(
            library, [query for query in asked.values() if query.id in answers],
            mode, depth, row_of, progress,
        )  # fmt: skip
    skipped += unread
    used = [answer.query for answer in answered]
    require_two(len(used), "queries with a right answer in the collection", qrels, skipped)
    right = {
        query.id: sorted(f"{stored.contents[r]} {g!r}" for r, g in answers[query.id].items())
        for query in used
    }
    own = _own_pictures(answered, answers, stored.contents)
    measurement = measure_retrieval(
        Documents(
            len(stored.ids),
            lambda chunk: _scores(answered, own, chunk, len(stored.ids)),
            stored.describe,
        ),
        [answers[query.id] for query in used],
        [
            {
                "id": query.id,
                **({"picture": query.name} if query.picture else {"text": _told(query)}),
                "digest": sample_digest(answer.digest, *right[query.id]),
            }
            for query, answer in zip(used, answered, strict=True)
        ],
        seed=seed,
    )
    parts = {
        "items": digest_of(*sorted(stored.contents)),
        "queries": digest_of(*(f"{answer.query.id}\0{answer.digest}" for answer in answered)),
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
        arguments={
            **{argument: str(value) for argument, value in arguments.items()},
            "mode": mode,
            "depth": str(depth),
        },
        seed=seed,
        encoder=describe_encoder(loaded),
        data=describe_data(parts, counts),
        versions=describe_versions(),
        skipped=skipped,
        search=search,
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
    """The items of a collection, row by row."""

    ids: list[int]
    paths: list[str]
    modalities: list[str]
    contents: list[str]  # digests, empty where the file has changed since

    def describe(self, row: int) -> dict[str, str]:
        kind = "picture" if self.modalities[row] == Modality.IMAGE else "text"
        return {kind: self.paths[row]}


def _read_items(library: Collection) -> _Items:
    stored = _Items([], [], [], [])
    contents = library.contents()
    for item in library.items():
        stored.ids.append(item.id)
        stored.paths.append(item.path)
        stored.modalities.append(item.modality)
        stored.contents.append(contents[item.id])
    if not stored.ids:
        command = index_command(library.path)
        raise UsageError(f"{library.path}: holds nothing to search; `{command}` fills it")
    return stored


@dataclass(frozen=True)
class _Answered:
    """A query, and what a search found for it.

    Attributes
    ----------
    query : Query
    digest : str
        SHA-256 (hex) of what it asks.
    sought : frozenset of str
        SHA-256 (hex) of the files that are sought with.
    rows : ndarray of int64, shape (n,)
        Items in the order of the hits.
    places : ndarray of int64, shape (n,)
        Hits of equal score, which are a tie, have the same.
    """

    query: Query
    digest: str
    sought: frozenset[str]
    rows: npt.NDArray[np.int64]
    places: npt.NDArray[np.int64]


def _ask(
    library: Collection,
    queries: Sequence[Query],
    mode: str,
    depth: int,
    row_of: Mapping[int, int],
    progress: Progress | None,
) -> tuple[list[_Answered], list[Skipped], dict[str, Any]]:
    """Search for every query; also what could not be asked, and what a result says of the search.

    One by one, as people ask: vectors, and what an approximate index finds, depend a little on
    what else is asked at the same time.
    """
    answered: list[_Answered] = []
    skipped: list[Skipped] = []
    index: dict[str, Any] | None = None
    for done, query in enumerate(queries):
        try:
            asks, digest, sought = _asking(query, mode)
            rows, places = _places(library.search_pages(asks, depth, mode=mode), row_of, mode)
        except MediaError as error:
            skipped.append(Skipped(f"{query.id} ({query.name or _told(query)})", error.reason))
        else:
            if not answered:  # the first search in the mode "hash" makes the codes
                index = _index_of(library, mode)
            answered.append(_Answered(query, digest, sought, rows, places))
        if progress is not None:
            progress(done + 1, len(queries))
    if answered and _index_of(library, mode) != index:
        raise UsageError(
            f"{library.path}: its index was built anew while it was evaluated: run it again"
        )
    return answered, skipped, {"mode": mode, "depth": depth, "index": index}


def _asking(query: Query, mode: str) -> tuple[Text | Image | Question, str, frozenset[str]]:
    """What a query asks with, the digest of its content, and those of files that are sought with.

    Raises
    ------
    MediaError
        When it cannot be asked.
    """
    if query.parts:
        return _question(query, mode)
    if query.picture is None:
        return Text(query.text), text_digest(query.text), frozenset()
    if mode in WITH_WORDS:
        raise MediaError(f"a picture is asked by its vector, not in the mode {mode!r}")
    content = read_file(query.picture)
    digest = content_digest(content)
    return Image.from_encoded(content, query.picture), digest, frozenset([digest])


def _question(query: Query, mode: str) -> tuple[Question, str, frozenset[str]]:
    """`_asking` for several parts."""
    sides: dict[str, list[Part]] = {"text": [], "like": [], "unlike": [], "without": []}
    digests, sought = [], set()
    if mode == "words" and any(part.path is not None for part in query.parts):
        raise MediaError("an example is asked by its vectors, not in the mode 'words'")
    try:
        for part in query.parts:
            if part.path is None:
                digest = text_digest(part.what)
                sides[part.side].append(Part(Text(part.what), part.weight))
            else:
                # Of a file that is gone, what is stored of the item is asked by.
                there = part.path.is_file()
                digest = content_digest(read_file(part.path)) if there else str(part.path)
                sides[part.side].append(Part(part.path, part.weight))
                sought |= {digest} if part.side == "like" else set()
            digests.append(f"{part.side} {part.weight!r} {digest}")
        texts = sides.pop("text")
        return Question(*texts, **sides), digest_of(*digests), frozenset(sought)
    except UsageError as error:  # a weight is none, or there are too many parts
        raise MediaError(str(error)) from error


def _told(query: Query) -> str:
    """A question in a line of text."""
    if not query.parts:
        return query.text
    return told_with_weights(
        (-part.weight if part.side in ("unlike", "without") else part.weight, part.what)
        for part in query.parts
    )


def _places(
    pages: Iterable[Sequence[Hit]], row_of: Mapping[int, int], mode: str
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows of hits in order, and the places they share with those of equal score."""
    places: dict[int, int] = {}
    place, last = -1, None
    for hit in (hit for page in pages for hit in page):
        # BM25 is equal to the last bit where it is equal.
        score = hit.score if mode == "words" else round(hit.score, DECIMALS)
        if hit.id in row_of and row_of[hit.id] not in places:
            place += score != last
            last = score
            places[row_of[hit.id]] = place
    return np.array([*places], np.int64), np.array([*places.values()], np.int64)


def _index_of(library: Collection, mode: str) -> dict[str, Any] | None:
    """What a result says of the index that a mode searches; None where everything is compared."""
    if mode == "words":
        return None
    facts = library.info()
    found = facts.indexes.get("hash") if mode == "hash" else facts.index_asked
    names = ("kind", "vectors", "parameters", "checksum")
    return None if found is None else {name: found[name] for name in names}


def _scores(
    answered: Sequence[_Answered],
    own: Mapping[int, Sequence[int]],
    chunk: Sequence[int],
    items: int,
) -> npt.NDArray[np.float64]:
    """Scores of all items for some queries, as `Documents.scores` gives them."""
    scores = np.full((len(chunk), items), -np.inf)
    for row, number in enumerate(chunk):
        scores[row, answered[number].rows] = -answered[number].places
        scores[row, list(own.get(number, ()))] = np.nan
    return scores


def _own_pictures(
    answered: Sequence[_Answered],
    answers: Mapping[str, Mapping[int, float]],
    contents: Sequence[str],
) -> dict[int, list[int]]:
    """Rows that a file asked with finds because they are that file.

    They take no part in the ranking, unless somebody judged them as right.
    """
    rows: dict[str, list[int]] = {}
    for row, content in enumerate(contents):
        rows.setdefault(content, []).append(row)
    own = {
        number: [
            row
            for digest in sorted(answer.sought)
            for row in rows.get(digest, [])
            if row not in answers[answer.query.id]
        ]
        for number, answer in enumerate(answered)
    }
    return {number: found for number, found in own.items() if found}
