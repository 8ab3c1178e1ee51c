"""Answering questions of several parts: all of them compared with the same items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sensorium.collection.kinds import Ids
from sensorium.collection.question import Asked
from sensorium.collection.searching import nearest_items
from sensorium.collection.snapshots import Snapshot
from sensorium.collection.store import Store
from sensorium.index.base import Vectors
from sensorium.ranking.parts import are_same, fuse, of_items, standing_out, worth_of_words
from sensorium.ranking.scale import Samples, Scale
from sensorium.ranking.scoring import Match, Ranked

DEPTHS = (1000, 10_000, 100_000)
"""Items that an index is asked for each wanted part, and for all of them together. Pages within one
of these depths are cut from the same ranking."""

EVERY = 1_000_000
"""Items that hold words of an unwanted part: it is not wanted far down, either."""


@dataclass(frozen=True)
class Compared:
    """Segments that a question is compared with, those of each item together.

    Attributes
    ----------
    segment_ids, item_ids : ndarray of int64, shape (n,)
    vectors : ndarray of float32, shape (n, d)
    codes : ndarray of uint8, shape (n,), or None
        Their kinds, where there are several.
    """

    segment_ids: Ids
    item_ids: Ids
    vectors: Vectors
    codes: npt.NDArray[np.uint8] | None


class Measured(NamedTuple):
    """What all parts say of what a question is compared with.

    Attributes
    ----------
    compared : Compared
    starts : ndarray of int, shape (items,)
        Where the segments of each item begin.
    evidence : ndarray of float64, shape (items, parts)
        See `sensorium.ranking.parts.fuse`.
    wanted : ndarray of float32, shape (segments,)
        What the wanted parts say of each segment.
    gone : ndarray of bool, shape (items,)
        Items that are what is not wanted.
    """

    compared: Compared
    starts: npt.NDArray[np.intp]
    evidence: npt.NDArray[np.float64]
    wanted: Vectors
    gone: npt.NDArray[np.bool_]


def scales_of(samples: Samples, asked: Sequence[Asked]) -> list[list[Scale]]:
    """The scale of each vector of each part."""
    return [[samples.scale(vector) for vector in part.vectors] for part in asked]


def rank_parts(
    store: Store,
    snapshot: Snapshot | None,
    samples: Samples | None,
    asked: Sequence[Asked],
    stop: int,
    allowed: Ids | None,
    *,
    judged: Mapping[int, bool] | None = None,
    with_modality: bool = False,
) -> list[Ranked]:
    """Rank items by all parts of a question.

    Parameters
    ----------
    store : Store
    snapshot : Snapshot or None
        What vectors are compared with; None where words alone are.
    samples : Samples or None
        Tell what cosines are by chance.
    asked : sequence of Asked
    stop : int
        Items wanted.
    allowed : ndarray of int64, optional
        Ids of the items that may be found.
    judged : mapping of int to bool, optional
        By the ids of items, whether a person called them an answer: those that were stand before
        all others, those that were not are left out.
    with_modality : bool
        Whether the index is told what is asked with, as hash codes are.

    Returns
    -------
    list of Ranked
        Best first, what is known first of all. Items of equal score are in the order of their
        segments' ids.
    """
    weights = [part.weight for part in asked]
    known, refused = (
        [item for item, is_answer in (judged or {}).items() if is_answer is side]
        for side in (True, False)
    )
    depth = next((depth for depth in DEPTHS if depth >= stop), stop)
    matches = [_holding(store, part, depth, allowed) for part in asked]
    if snapshot is None or samples is None:
        ranked = _by_words(matches, weights)
        ranked = [result for result in ranked if result.item not in refused]
        return sorted(ranked, key=lambda result: result.item not in known)[:stop]
    likely = {
        match.item for part, some in zip(asked, matches, strict=True) for match in some
        if part.weight > 0
    }  # fmt: skip
    likely |= {*known} if allowed is None else {*known} & {*allowed.tolist()}
    compared, starts, evidence, wanted, gone = measured(
        store, snapshot, samples, asked, depth, allowed, likely, with_modality=with_modality
    )
    items = compared.item_ids[starts]
    items, evidence = _with_words(items, evidence, matches)
    scores = fuse(evidence, weights)
    scores[: len(gone)][gone] = -np.inf
    scores[np.isin(items, refused)] = -np.inf
    order = np.lexsort((items, -np.round(scores, 9), ~np.isin(items, known)))
    order = order[np.isfinite(scores[order])][:stop]
    texts = _texts(matches, weights)
    ends = np.append(starts[1:], len(compared.item_ids))
    ranked = []
    for row in order.tolist():
        segment = None
        if row < len(starts):  # the segment that the wanted parts find best
            best = int(wanted[starts[row] : ends[row]].argmax())
            segment = int(compared.segment_ids[starts[row] + best])
        item = int(items[row])
        ranked.append(Ranked(item, float(scores[row]), segment, texts.get(item)))
    return ranked


def measured(
    store: Store,
    snapshot: Snapshot,
    samples: Samples,
    asked: Sequence[Asked],
    depth: int,
    allowed: Ids | None,
    likely: set[int],
    *,
    with_modality: bool,
) -> Measured:
    """What all parts say of what may be found; see `rank_parts` and `_compared`."""
    scales = scales_of(samples, asked)
    compared = _compared(
        store, snapshot, scales, asked, depth, allowed, likely, with_modality=with_modality
    )
    starts = np.flatnonzero(np.diff(compared.item_ids, prepend=-1))
    evidence = np.full((len(starts), len(asked)), np.nan)
    wanted = np.zeros(len(compared.item_ids), np.float32)
    gone = np.zeros(len(starts), bool)
    for column, (part, own) in enumerate(zip(asked, scales, strict=True)):
        cosines = compared.vectors @ part.vectors.T
        segments = standing_out(cosines, compared.codes, snapshot.names, own)
        evidence[:, column] = of_items(segments, starts)
        if part.weight > 0:
            wanted += part.weight * np.nan_to_num(segments, nan=0.0).mean(axis=1)
        else:
            gone[are_same(cosines, starts)] = True
    return Measured(compared, starts, evidence, wanted, gone)


def _compared(
    store: Store,
    snapshot: Snapshot,
    scales: Sequence[Sequence[Scale]],
    asked: Sequence[Asked],
    depth: int,
    allowed: Ids | None,
    likely: set[int],
    *,
    with_modality: bool,
) -> Compared:
    """All that may be found; with an index, what it finds for wanted parts, to some depth."""
    kinds = snapshot.kinds
    if snapshot.index is None:
        ids, items, vectors = snapshot.segment_ids, snapshot.item_ids, snapshot.vectors
        codes = None if kinds is None else kinds.outside
        if (mask := snapshot.rows(allowed).outside) is not None:
            ids, items, vectors = ids[mask], items[mask], vectors[mask]
            codes = None if codes is None else codes[mask]
        return _together(ids, items, vectors, codes)
    found = set(likely)
    wanted = [(part, own) for part, own in zip(asked, scales, strict=True) if part.weight > 0]
    directions = [(part.vectors, part.modality) for part, _ in wanted]
    directions.append((_direction(wanted, snapshot.names), wanted[0][0].modality))
    for vectors, modality in directions:
        options: dict[str, Any] = {"modality": modality} if with_modality else {}
        lines = nearest_items(
            snapshot, vectors, snapshot.scales(vectors), depth, allowed, **options
        )
        found.update(neighbour.item for line in lines for neighbour in line)
    ids, items, vectors = store.vectors(snapshot.vectors.shape[1], items=sorted(found))
    codes = None
    if kinds is not None:
        every = np.concatenate([snapshot.index.segment_ids, snapshot.segment_ids])
        of_every = np.concatenate([kinds.in_index, kinds.outside])
        places = np.minimum(np.searchsorted(every, ids), len(every) - 1)
        there = every[places] == ids  # others may have replaced them meanwhile
        ids, items, vectors, codes = (
            ids[there], items[there], vectors[there], of_every[places[there]],
        )  # fmt: skip
    return _together(ids, items, vectors, codes)


def _direction(
    wanted: Sequence[tuple[Asked, Sequence[Scale]]], modalities: Sequence[str]
) -> Vectors:
    """The vector whose cosines rank items of one segment as all wanted parts together do."""
    total = np.zeros(wanted[0][0].vectors.shape[1])
    for part, scales in wanted:
        for vector, scale in zip(part.vectors, scales, strict=True):
            deviation = min((s.deviation for s in scale.spreads.values()), default=1.0)
            total += part.weight / len(part.vectors) / deviation * vector
    length = float(np.linalg.norm(total))
    return (total / length if length > 0 else total).astype(np.float32)[None]


def _together(
    ids: Ids, items: Ids, vectors: Vectors, codes: npt.NDArray[np.uint8] | None
) -> Compared:
    """Put the segments of each item together; nearly always they are."""
    if len(items) and (np.diff(items) < 0).any():
        order = np.argsort(items, kind="stable")
        ids, items, vectors = ids[order], items[order], vectors[order]
        codes = None if codes is None else codes[order]
    return Compared(ids, items, vectors, codes)


# Words


def _holding(store: Store, part: Asked, depth: int, allowed: Ids | None) -> list[Match]:
    """Items that hold the words of a part; of one that is not wanted, all of them together."""
    if part.words is None:
        return []
    if part.weight > 0:
        return store.match_words(part.words, depth, allowed)
    return store.match_words(part.words, EVERY, allowed, whole=True)


def _by_words(matches: Sequence[Sequence[Match]], weights: Sequence[float]) -> list[Ranked]:
    """Items by the words that they hold; what holds words that are not wanted is left out."""
    unwanted = {
        match.item for some, weight in zip(matches, weights, strict=True) for match in some
        if weight < 0
    }  # fmt: skip
    total = sum(weight for weight in weights if weight > 0)
    scores: dict[int, float] = {}
    for some, weight in zip(matches, weights, strict=True):
        if weight > 0:
            for item, worth in worth_of_words(some).items():
                scores[item] = scores.get(item, 0.0) + weight / total * worth
    texts = _texts(matches, weights)
    ranked = [
        Ranked(item, score, None, texts.get(item))
        for item, score in scores.items()
        if item not in unwanted
    ]
    return sorted(ranked, key=lambda result: (-round(result.score, 9), result.item))


def _with_words(
    items: Ids, evidence: npt.NDArray[np.float64], matches: Sequence[Sequence[Match]]
) -> tuple[Ids, npt.NDArray[np.float64]]:
    """Add what words are worth; items that have no vectors come at the end."""
    worths = [worth_of_words(some) for some in matches]
    others = np.array(sorted(set().union(*worths) - {*items.tolist()}), np.int64)
    if len(others):
        items = np.concatenate([items, others])
        empty = np.full((len(others), evidence.shape[1]), np.nan)
        evidence = np.concatenate([evidence, empty])
    order = np.argsort(items)
    for column, worth in enumerate(worths):
        if worth:
            rows = order[np.searchsorted(items, [*worth], sorter=order)]
            known = np.nan_to_num(evidence[rows, column])
            evidence[rows, column] = known + np.array([*worth.values()])
    return items, evidence


def _texts(matches: Sequence[Sequence[Match]], weights: Sequence[float]) -> dict[int, int | None]:
    """The stored text that each item is found by, where a wanted part found it by words."""
    texts: dict[int, int | None] = {}
    for some, weight in zip(matches, weights, strict=True):
        if weight > 0:
            for match in some:
                texts.setdefault(match.item, match.text_id)
    return texts
