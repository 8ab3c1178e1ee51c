"""Answering questions of several parts: all of them compared with the same items."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.kinds import Ids
from sensorium.collection.measuring import Codes, Measured, joined, measure
from sensorium.collection.question import Asked
from sensorium.collection.searching import nearest_items
from sensorium.collection.snapshots import Snapshot
from sensorium.collection.store import Store
from sensorium.index.base import Vectors
from sensorium.ranking.parts import fuse, worth_of_words
from sensorium.ranking.scale import Samples, Scale
from sensorium.ranking.scoring import Match, Ranked

DEPTHS = (1000, 10_000, 100_000)
"""Items that an index is asked for each wanted part, and for all of them together. Pages within one
of these depths are cut from the same ranking."""

DEEPER = 4
"""Times as many items that are asked for where unwanted parts leave too few of those before."""

EVERY = 1_000_000
"""Items that hold words of an unwanted part: it is not wanted far down, either."""


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
    while True:
        found = measured(
            store, snapshot, samples, asked, depth, allowed, likely, with_modality=with_modality
        )
        items, evidence = _with_words(found.items, found.evidence, matches)
        scores = fuse(evidence, weights)
        scores[: len(found.gone)][found.gone] = -np.inf
        scores[np.isin(items, refused)] = -np.inf
        is_known = np.isin(items, known)
        order = np.lexsort((items, -np.round(scores, 9), ~is_known))
        order = order[np.isfinite(scores[order])][:stop]
        if not np.isfinite(found.bound) or (min(weights) > 0 and not refused):
            break  # what was left out has no more than what is there
        least = np.round(scores[order[~is_known[order]]], 9).min(initial=np.inf)
        if len(order) >= stop and least > found.bound:
            break
        depth *= DEEPER
    texts = _texts(matches, weights)
    return [
        Ranked(
            int(items[row]), float(scores[row]),
            int(found.segments[row]) if row < len(found.segments) else None,
            texts.get(int(items[row])),
        )
        for row in order.tolist()
    ]  # fmt: skip


def measured(
    store: Store,
    snapshot: Snapshot,
    samples: Samples,
    asked: Sequence[Asked],
    depth: int,
    allowed: Ids | None,
    likely: Collection[int],
    *,
    with_modality: bool,
) -> Measured:
    """What all parts say of all that may be found; with an index, of what may be best.

    An index that is divided among processes leaves out what the wanted parts find far down
    (`Measured.bound`); others are asked for what is near, to some depth.
    """
    scales = scales_of(samples, asked)
    index, names, kinds = snapshot.index, snapshot.names, snapshot.kinds
    if index is not None and not snapshot.is_divided:
        found = _near(store, snapshot, scales, asked, depth, allowed, likely, with_modality)
        return measure(*found, names, asked, scales)
    rows = snapshot.rows(allowed)
    mask: Any = slice(None) if rows.outside is None else rows.outside
    codes = None if kinds is None else kinds.outside[mask]
    outside = measure(
        snapshot.segment_ids[mask], snapshot.item_ids[mask], snapshot.vectors[mask], codes, names,
        asked, scales,
    )  # fmt: skip
    if index is None:
        return outside
    divided: Any = index.index
    return joined([outside, *divided.measure(asked, scales, names, rows.in_index, likely, depth)])


def _near(
    store: Store,
    snapshot: Snapshot,
    scales: Sequence[Sequence[Scale]],
    asked: Sequence[Asked],
    depth: int,
    allowed: Ids | None,
    likely: Collection[int],
    with_modality: bool,
) -> tuple[Ids, Ids, Vectors, Codes | None]:
    """Segments, items, vectors and kinds of what an index finds for the wanted parts."""
    index, kinds = snapshot.index, snapshot.kinds
    assert index is not None
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
    if kinds is None:
        return ids, items, vectors, None
    every = np.concatenate([index.segment_ids, snapshot.segment_ids])
    of_every = np.concatenate([kinds.in_index, kinds.outside])
    places = np.minimum(np.searchsorted(every, ids), len(every) - 1)
    there = every[places] == ids  # others may have replaced them meanwhile
    return ids[there], items[there], vectors[there], of_every[places[there]]


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
