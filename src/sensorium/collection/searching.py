"""Nearest segments of a collection: an index where there is one, everything else exactly."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sensorium.collection.kinds import Ids, Kinds
from sensorium.collection.snapshots import Rows, Snapshot
from sensorium.collection.store import Store
from sensorium.index.base import Vectors
from sensorium.ranking.scale import Scale
from sensorium.ranking.scoring import Neighbour

LEVELS = (10, 100, 1000, 10_000)
"""Depths that an approximate index is asked to. What it finds depends on how much is wanted of
it; a page is therefore always cut from the same ranking: the best 10 of a search for 10, then what
a search for 100 adds to them, and so on. Nothing is shown twice."""


def nearest_items(
    snapshot: Snapshot,
    queries: Vectors,
    scales: Sequence[Scale],
    k: int,
    allowed: Ids | None,
    *,
    offset: int = 0,
    **options: Any,
) -> list[list[Neighbour]]:
    """The best segment of each of the nearest items, for each query.

    Parameters
    ----------
    snapshot : Snapshot
    queries : ndarray of float32, shape (q, d)
        Unit vectors.
    scales : sequence of Scale
        Of each query: tell which segments of several kinds are nearer.
    k, offset : int
        Items wanted, and how many nearer ones are passed over.
    allowed : ndarray of int64, optional
        Ids of the items that may be found.
    **options
        For the index's `search`.

    Returns
    -------
    list of list of Neighbour
        The nearest first. An approximate index estimates their cosines; see `exactly`.
    """
    rows = snapshot.rows(allowed)

    def nearest(depth: int) -> list[list[Neighbour]]:
        if snapshot.kinds is None:
            return _nearest(snapshot, queries, depth, rows, 0, options)
        return _of_kinds(snapshot, snapshot.kinds, queries, scales, depth, rows, options)

    stop = offset + k
    if snapshot.is_single:  # rows are items: those that are passed over need no look
        return _nearest(snapshot, queries, k, rows, 0, options, skip=offset)
    if snapshot.finds_all:
        return [line[offset:stop] for line in nearest(stop)]
    lines: list[list[Neighbour]] = [[] for _ in queries]
    for level in _levels(stop):
        for line, deeper in zip(lines, nearest(level), strict=True):
            known = {neighbour.item for neighbour in line}
            line.extend(neighbour for neighbour in deeper if neighbour.item not in known)
            del line[level:]
    return [line[offset:stop] for line in lines]


def nearest_of_kinds(
    snapshot: Snapshot, query: Vectors, scale: Scale, allowed: Ids | None, **options: Any
) -> list[Neighbour]:
    """The nearest segment of each kind to a query, shape (1, d); of one kind alone, none."""
    if snapshot.kinds is None:
        return []
    rows = snapshot.rows(allowed)
    found = _each_kind(snapshot, snapshot.kinds, query, [scale], 1, rows, options)
    return [neighbour for _, (line,) in found for neighbour in line]


def exactly(
    store: Store,
    snapshot: Snapshot,
    queries: Vectors,
    lines: Sequence[Sequence[Neighbour]],
) -> list[list[Neighbour]]:
    """The neighbours of queries with cosines to the stored vectors, in the same order.

    That is what they have, without an index or with one that looks vectors up; others have
    compressed copies, and the vectors of those that will be shown are read. What was replaced
    meanwhile stays as it was found.
    """
    if snapshot.is_exact:
        return [list(line) for line in lines]
    shown = dict.fromkeys(neighbour.segment for line in lines for neighbour in line)
    ids, _, vectors = store.vectors(queries.shape[1], ids=list(shown))
    if not len(ids):
        return [list(line) for line in lines]
    place = {segment: row for row, segment in enumerate(ids.tolist())}
    exact = []
    for query, line in zip(queries, lines, strict=True):
        rows = [place.get(neighbour.segment, -1) for neighbour in line]
        cosines = (vectors[rows] * query).sum(axis=1).tolist()
        exact.append([
            Neighbour(n.segment, n.item, max(-1.0, min(1.0, cosine)), n.kind) if row >= 0 else n
            for n, row, cosine in zip(line, rows, cosines, strict=True)
        ])  # fmt: skip
    return exact


def _of_kinds(
    snapshot: Snapshot,
    kinds: Kinds,
    queries: Vectors,
    scales: Sequence[Scale],
    depth: int,
    rows: Rows,
    options: dict[str, Any],
) -> list[list[Neighbour]]:
    """Search the segments of each kind by themselves, and take the nearest of all."""
    nearest: list[dict[int, tuple[float, int, Neighbour]]] = [{} for _ in queries]
    for name, lines in _each_kind(snapshot, kinds, queries, scales, depth, rows, options):
        for line, scale, items in zip(lines, scales, nearest, strict=True):
            for neighbour in line if name in scale.modalities else ():
                far = -scale.score(neighbour.cosine, name)
                known = items.get(neighbour.item)
                if known is None or far < known[0]:
                    items[neighbour.item] = (far, neighbour.segment, neighbour)
    return [[neighbour for _, _, neighbour in sorted(items.values())[:depth]] for items in nearest]


def _each_kind(
    snapshot: Snapshot,
    kinds: Kinds,
    queries: Vectors,
    scales: Sequence[Scale],
    depth: int,
    rows: Rows,
    options: dict[str, Any],
) -> Iterator[tuple[str, list[list[Neighbour]]]]:
    """Names of kinds, and the nearest items to each query among the segments of each."""
    products = snapshot.exact.products(queries)
    for code, name in enumerate(snapshot.names):
        if not any(name in scale.modalities for scale in scales):
            continue
        in_index, outside = kinds.in_index == code, kinds.outside == code
        of_kind = Rows(
            in_index if rows.in_index is None else in_index & rows.in_index,
            outside if rows.outside is None else outside & rows.outside,
        )
        yield name, _nearest(snapshot, queries, depth, of_kind, code, options, products)


def _levels(depth: int) -> list[int]:
    levels = [LEVELS[0]]
    for level in (*LEVELS[1:], *(LEVELS[-1] * 10**n for n in range(1, 9))):
        if levels[-1] >= depth:
            break
        levels.append(level)
    return levels


def _nearest(
    snapshot: Snapshot,
    queries: Vectors,
    depth: int,
    rows: Rows,
    code: int,
    options: dict[str, Any],
    products: Vectors | None = None,
    *,
    skip: int = 0,
) -> list[list[Neighbour]]:
    """Items by their best segment, to `depth`, among segments of the kind `code`.

    `skip` rows of vectors are passed over.
    """
    kind = snapshot.names[code] if snapshot.names else ""
    pending = list(range(len(queries)))
    nearest: list[list[Neighbour]] = [[] for _ in queries]
    wanted = depth
    while pending:
        still = []
        known = None if products is None else products[pending]
        lines = _segments(snapshot, queries[pending], wanted, rows, kind, options, known, skip)
        for number, line in zip(pending, lines, strict=True):
            best: dict[int, Neighbour] = {}
            for neighbour in line:
                best.setdefault(neighbour.item, neighbour)
            nearest[number] = list(best.values())[:depth]
            if len(best) < depth and len(line) >= wanted:
                still.append(number)
        pending = still
        wanted *= 2  # items of several segments crowd the list: look further down
    return nearest


def _segments(
    snapshot: Snapshot,
    queries: Vectors,
    k: int,
    rows: Rows,
    kind: str,
    options: dict[str, Any],
    products: Vectors | None,
    skip: int,
) -> list[list[Neighbour]]:
    """The `k` nearest segments to each query behind `skip`; of equal ones the one added first."""
    lines: list[list[Neighbour]] = [[] for _ in queries]
    sides = []
    if (index := snapshot.index) is not None and len(index.segment_ids):
        wanted = min(k, len(index.segment_ids))
        neighbours = index.index.search(queries, wanted, rows.in_index, **options)
        sides.append((neighbours, index.segment_ids, index.item_ids))
    if len(snapshot.segment_ids):
        wanted = min(k, len(snapshot.segment_ids))
        neighbours = snapshot.exact.search(queries, wanted, rows.outside, products, skip=skip)
        sides.append((neighbours, snapshot.segment_ids, snapshot.item_ids))
    for (places, cosines), segment_ids, item_ids in sides:
        columns = (places, segment_ids[places], item_ids[places], cosines)
        for line, *of_query in zip(lines, *(column.tolist() for column in columns), strict=True):
            line.extend(
                Neighbour(segment, item, cosine, kind)
                for place, segment, item, cosine in zip(*of_query, strict=True)
                if place >= 0
            )
    if len(sides) > 1:
        lines = [sorted(line, key=_nearest_first)[:k] for line in lines]
    return lines


def _nearest_first(neighbour: Neighbour) -> tuple[float, int]:
    return -neighbour.cosine, neighbour.segment
