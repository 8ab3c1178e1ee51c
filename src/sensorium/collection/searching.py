"""Nearest segments of a collection: an index where there is one, everything else exactly."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from sensorium.collection.derived import DamagedIndexError, DerivedIndex, read_index, signature
from sensorium.collection.filters import matching_ids
from sensorium.collection.rows import Changes
from sensorium.collection.store import SQLiteStore
from sensorium.encoders import Space
from sensorium.index.base import Mask, Vectors
from sensorium.index.exact import ExactIndex
from sensorium.ranking.gap import on_one_scale, spreads

LEVELS = (10, 100, 1000, 10_000)
"""Depths that an approximate index is asked to. What it finds depends on how much is wanted of
it; a page is therefore always cut from the same ranking: the best 10 of a search for 10, then what
a search for 100 adds to them, and so on. Nothing is shown twice."""

KEPT_FILTERS = 8
"""Filters whose items are remembered while the collection does not change: for further pages."""

SAMPLE = 1000
"""Segments of each modality whose cosines tell how far a query is from them by chance."""

FEW = 8
"""Segments of a modality, the encoder's background included, that are too few to tell a spread."""

Ids = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Kinds:
    """Modalities of the vectors of a snapshot, where there are several.

    Attributes
    ----------
    names : tuple of str
    in_index, outside : ndarray of uint8
        Which of them each row has.
    samples : mapping of str to ndarray of float32, shape (n, d)
        Some vectors of each, and the encoder's background.
    some : mapping of str to ndarray of float32
        At most `FEW` of each, without a background.
    frequent : tuple of str
        The modalities that there are vectors of, the most frequent first.
    """

    names: tuple[str, ...]
    in_index: Codes
    outside: Codes
    samples: Mapping[str, Vectors]
    some: Mapping[str, Vectors]
    frequent: tuple[str, ...]

    def shared_with(self, query: Vectors) -> list[str]:
        """Modalities in whose space a query has a part; on the scale of the first all scores are.

        Encoders side by side hold different modalities, and to segments of a space that it has no
        part in, a query has a cosine of zero.
        """
        return [name for name in self.frequent if (self.some[name] @ query).any()]


@dataclass(frozen=True)
class Snapshot:
    """Vectors as of one moment: those in the index, less the removed, and those outside of it.

    Attributes
    ----------
    index : DerivedIndex or None
    alive : ndarray of bool or None
        Rows of the index that still exist; None when all do.
    segment_ids, item_ids, vectors
        What is in memory: everything without an index, what was added since with one.
    kinds : Kinds or None
        None while all vectors are of one modality.
    """

    space: str
    changes: Changes
    removed: int
    index: DerivedIndex | None
    alive: Mask | None
    segment_ids: Ids
    item_ids: Ids
    vectors: Vectors
    signature: tuple[int, int] | None = None
    kinds: Kinds | None = None
    masks: OrderedDict[int, tuple[Ids, _Masks]] = field(
        default_factory=OrderedDict, init=False, repr=False, compare=False
    )
    """Of the last filters: a million rows take milliseconds to mark."""


@dataclass(frozen=True)
class _Masks:
    index: Mask | None
    tail: Mask | None


class Searcher:
    """Holds what searches need in memory and keeps it in step with the collection.

    Parameters
    ----------
    store : SQLiteStore
    slot : str
        Which of the collection's indexes is asked.
    """

    def __init__(self, store: SQLiteStore, slot: str = "vectors") -> None:
        self._store = store
        self._slot = slot
        self._held: Snapshot | None = None
        self._version = (0, 0)
        self._filters: OrderedDict[tuple[Any, ...], Ids] = OrderedDict()
        self.background: Callable[[], Mapping[str, Vectors]] = dict
        """Gives vectors of segments that have nothing to do with any query, by modality."""
        self.problem: str | None = None
        """Why index files that are there are not used."""

    @property
    def path(self) -> Path:
        """The collection's file."""
        return self._store.path

    def snapshot(self, space: Space, encoder: str = "") -> Snapshot:
        """The vectors as they are now, read anew only as far as they have changed.

        Raises
        ------
        SpaceMismatchError
            When the collection is in another space than `space`.
        """
        held, version = self._held, self._store.version()
        found = signature(self.path, self._slot)
        if held is not None and (held.space, held.signature, self._version) == (
            space.fingerprint, found, version,
        ):  # fmt: skip
            return held  # as nearly always: nothing else is read
        # A snapshot: vectors of another space, or of a later state than the counters tell, must
        # not get in between.
        with self._store.snapshot():
            self._store.require_space(space, encoder)
            changes = self._store.changes()
            if held is None or held.space != space.fingerprint or held.signature != found:
                held = self._open(space, changes, found)
            if held.changes != changes:
                held = self._follow(held, space.dimension, changes)
            self._held, self._version = held, version
            return held

    def _open(self, space: Space, changes: Changes, found: tuple[int, int] | None) -> Snapshot:
        index, self.problem = None, None
        if found is not None:
            try:
                index = read_index(self.path, self._slot, space.fingerprint)
            except DamagedIndexError as error:
                self.problem = str(error)
        empty = np.empty(0, np.int64)
        held = Snapshot(
            space=space.fingerprint,
            changes=changes,
            removed=index.state["removed"] if index else self._store.removed_segments(0)[1],
            index=index,
            alive=None,
            segment_ids=empty,
            item_ids=empty,
            vectors=np.empty((0, space.dimension), np.float32),
            signature=found,
        )
        return self._follow(held, space.dimension, changes)

    def _follow(self, held: Snapshot, dimension: int, changes: Changes) -> Snapshot:
        """Take in what was added and removed since."""
        gone, removed = self._store.removed_segments(held.removed)
        alive, segment_ids, item_ids, vectors = (
            held.alive, held.segment_ids, held.item_ids, held.vectors,
        )  # fmt: skip
        if len(gone) and held.index is not None:
            rows = _rows_in(held.index.segment_ids, gone)
            if len(rows):
                size = len(held.index.segment_ids)
                alive = np.ones(size, bool) if alive is None else alive.copy()
                alive[rows] = False
        if len(gone):
            rows = _rows_in(segment_ids, gone)
            segment_ids, item_ids = np.delete(segment_ids, rows), np.delete(item_ids, rows)
            vectors = np.delete(vectors, rows, axis=0) if len(rows) else vectors
        last = held.index.state["last_segment"] if held.index else 0
        last = max(last, int(held.segment_ids[-1]) if len(held.segment_ids) else 0)
        new = self._store.vectors(dimension, after=last)
        if len(new[0]):
            segment_ids = np.concatenate([segment_ids, new[0]])
            item_ids = np.concatenate([item_ids, new[1]])
            vectors = np.concatenate([vectors, new[2]]) if len(vectors) else new[2]
        followed = replace(
            held, changes=changes, removed=removed, alive=alive,
            segment_ids=segment_ids, item_ids=item_ids, vectors=vectors,
        )  # fmt: skip
        return replace(followed, kinds=self._kinds(followed))

    def _kinds(self, held: Snapshot) -> Kinds | None:
        names = tuple(self._store.segment_modalities())
        if len(names) < 2:
            return None
        ids, codes = self._store.modalities_of_segments(names)
        in_index = np.empty(0, np.int64) if held.index is None else held.index.segment_ids
        # What was deleted since the index was built has no modality any more, and no need of one.
        places = np.searchsorted(ids, in_index)
        of_index = codes[np.minimum(places, len(codes) - 1)] if len(codes) else codes
        rng = np.random.default_rng(0)
        samples: dict[str, Vectors] = {}
        some: dict[str, Vectors] = {}
        counts = np.bincount(codes, minlength=len(names))
        for code, name in enumerate(names):
            of_kind = ids[codes == code]
            chosen = rng.permutation(of_kind)[:SAMPLE].tolist()
            if chosen:
                vectors = self._store.some_vectors(chosen)
                some[name] = vectors[:FEW]
                known = self.background().get(name)
                samples[name] = vectors if known is None else np.concatenate([vectors, known])
        # Two or three segments say nothing of their kind: they are taken for like the others.
        for name, vectors in samples.items():
            if len(vectors) < FEW:
                others = [
                    some[other]
                    for other in samples
                    if other != name and (some[other] @ some[name].T).any()  # of one space
                ]
                samples[name] = np.concatenate([vectors, *others])
        return Kinds(
            names,
            of_index,
            codes[np.searchsorted(ids, held.segment_ids)],
            samples,
            some,
            tuple(name for name in _by_frequency(names, counts) if name in samples),
        )

    def allowed(self, where: str | None, modality: str | None) -> Ids | None:
        """Ids of the items that meet the conditions; None where there is no condition."""
        if where is None and modality is None:
            return None
        key = (where, modality, self._store.changes().total)
        if key not in self._filters:
            everything = "1" if where is None else where
            fields = self._store.fields()
            self._filters[key] = matching_ids(self.path, everything, fields, modality)
            while len(self._filters) > KEPT_FILTERS:
                self._filters.popitem(last=False)
        return self._filters[key]


def _rows_in(ids: Ids, ranges: Ids) -> npt.NDArray[np.intp]:
    """Where sorted ids lie in any of some ranges, first and last included."""
    starts = np.searchsorted(ids, ranges[:, 0])
    stops = np.searchsorted(ids, ranges[:, 1], side="right")
    some = stops > starts
    parts = [np.arange(a, b) for a, b in zip(starts[some], stops[some], strict=True)]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.intp)


class Found(NamedTuple):
    """A segment that a search found."""

    segment: int
    item: int
    score: float


def nearest_items(
    held: Snapshot,
    queries: Vectors,
    k: int,
    allowed: Ids | None,
    *,
    offset: int = 0,
    **options: Any,
) -> list[list[Found]]:
    """The best segment of each of the best items, for each query.

    Parameters
    ----------
    held : Snapshot
    queries : ndarray of float32, shape (q, d)
        Unit vectors.
    k, offset : int
        Items wanted, and how many better ones are passed over.
    allowed : ndarray of int64, optional
        Ids of the items that may be found.
    **options
        For the index's `search`.
    """
    masks = _masks(held, allowed)

    def ranked(depth: int) -> list[list[Found]]:
        if held.kinds is None:
            return _ranked(held, queries, depth, masks, options)
        return _on_one_scale(held, held.kinds, queries, depth, masks, options)

    stop = offset + k
    if held.index is None:
        return [line[offset:stop] for line in ranked(stop)]
    rankings: list[list[Found]] = [[] for _ in queries]
    for level in _levels(stop):
        deeper = ranked(level)
        for ranking, more in zip(rankings, deeper, strict=True):
            known = {found.item for found in ranking}
            ranking.extend(found for found in more if found.item not in known)
            del ranking[level:]
    return [ranking[offset:stop] for ranking in rankings]


def _on_one_scale(
    held: Snapshot,
    kinds: Kinds,
    queries: Vectors,
    depth: int,
    masks: _Masks,
    options: dict[str, Any],
) -> list[list[Found]]:
    """Rank the segments of each modality by themselves, then all on one scale, to `depth`."""
    scales = [spreads(query, kinds.samples) for query in queries]
    shared = [kinds.shared_with(query) for query in queries]
    best: list[dict[int, Found]] = [{} for _ in queries]
    for code, name in enumerate(kinds.names):
        if not any(name in held_too for held_too in shared):
            continue
        index, tail = kinds.in_index == code, kinds.outside == code
        of_kind = _Masks(
            index if masks.index is None else index & masks.index,
            tail if masks.tail is None else tail & masks.tail,
        )
        lines = _ranked(held, queries, depth, of_kind, options)
        for line, scale, names, items in zip(lines, scales, shared, best, strict=True):
            for found in line if name in names else ():
                score = on_one_scale(found.score, scale[name], scale[names[0]])
                known = items.get(found.item)
                if known is None or score > known.score:
                    items[found.item] = Found(found.segment, found.item, score)
    return [sorted(items.values(), key=_order)[:depth] for items in best]


def _by_frequency(names: Sequence[str], counts: npt.NDArray[np.int64]) -> list[str]:
    return [names[code] for code in np.argsort(-counts, kind="stable").tolist()]


def _levels(depth: int) -> list[int]:
    levels = [LEVELS[0]]
    for level in (*LEVELS[1:], *(LEVELS[-1] * 10**n for n in range(1, 9))):
        if levels[-1] >= depth:
            break
        levels.append(level)
    return levels


def _masks(held: Snapshot, allowed: Ids | None) -> _Masks:
    """The rows that may be found; remembered while the filter's ids and the snapshot are."""
    if allowed is None:
        return _Masks(held.alive, None)
    kept = held.masks.get(id(allowed))
    if kept is None or kept[0] is not allowed:
        kept = held.masks[id(allowed)] = (allowed, _marked(held, allowed))
        while len(held.masks) > KEPT_FILTERS:
            held.masks.popitem(last=False)
    return kept[1]


def _marked(held: Snapshot, allowed: Ids) -> _Masks:
    index = held.alive
    last = max(
        int(allowed[-1]) if len(allowed) else 0,
        int(held.item_ids.max(initial=0)),
        int(held.index.item_ids.max(initial=0)) if held.index else 0,
    )
    table = np.zeros(last + 1, bool)
    table[allowed] = True
    if held.index is not None:
        chosen = table[held.index.item_ids]
        index = chosen if index is None else chosen & index
    return _Masks(index, table[held.item_ids])


def _ranked(
    held: Snapshot,
    queries: Vectors,
    depth: int,
    masks: _Masks,
    options: dict[str, Any],
) -> list[list[Found]]:
    """Items by their best segment, to `depth`."""
    pending = list(range(len(queries)))
    rankings: list[list[Found]] = [[] for _ in queries]
    wanted = depth
    while pending:
        still = []
        lines = _segments(held, queries[pending], wanted, masks, options)
        for number, line in zip(pending, lines, strict=True):
            best: dict[int, Found] = {}
            for found in line:
                best.setdefault(found.item, found)
            rankings[number] = list(best.values())[:depth]
            if len(best) < depth and len(line) >= wanted:
                still.append(number)
        pending = still
        wanted *= 2  # items of several segments crowd the list: look further down
    return rankings


def _segments(
    held: Snapshot, queries: Vectors, k: int, masks: _Masks, options: dict[str, Any]
) -> list[list[Found]]:
    """The `k` best segments for each query, best first; of equal ones the one added first."""
    lines: list[list[Found]] = [[] for _ in queries]
    if held.index is not None and len(held.index.segment_ids):
        index = held.index
        k_index = min(k, len(index.segment_ids))
        rows, scores = index.index.search(queries, k_index, masks.index, **options)
        segments, items = index.segment_ids[rows], index.item_ids[rows]
        for line, *columns in zip(
            lines, rows.tolist(), segments.tolist(), items.tolist(), scores.tolist(), strict=True
        ):
            line.extend(
                Found(segment, item, score)
                for row, segment, item, score in zip(*columns, strict=True)
                if row >= 0
            )
    if len(held.segment_ids):
        rows, scores = ExactIndex(held.vectors).search(
            queries, min(k, len(held.segment_ids)), masks.tail
        )
        for number, line in enumerate(lines):
            tail = [
                Found(int(held.segment_ids[row]), int(held.item_ids[row]), score)
                for row, score in zip(rows[number].tolist(), scores[number].tolist(), strict=True)
                if row >= 0
            ]
            if line:
                line[:] = sorted([*line, *tail], key=_order)[:k]
            else:
                line[:] = tail
    return lines


def _order(found: Found) -> tuple[float, int]:
    return -found.score, found.segment
