"""Hits without near duplicates, and hits that differ from each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from sensorium.collection.duplicates.altered import Altered
from sensorium.collection.duplicates.confirming import Thumbnails
from sensorium.collection.duplicates.same_tracks import same_films, same_sounds
from sensorium.collection.duplicates.same_words import SameWords
from sensorium.collection.results import Hit, Results
from sensorium.collection.rows import StoredItem
from sensorium.collection.snapshots import Snapshot
from sensorium.collection.store import Store
from sensorium.index.base import Vectors
from sensorium.media import Modality
from sensorium.ranking.diversity import POOL, diversified, folded

Page = Callable[[int, int], Results]
"""Hits of a ranking, by how many are wanted and passed over."""

DEPTHS = (200, 2000, 20_000, 200_000)
"""Places of a ranking that are looked through for near duplicates of what is shown. Pages within
one of them count the same."""

FOLD_COSINE = 0.85
"""Cosine of two hits from which on it is looked whether they are one, as `duplicates` does."""


def varied(
    page: Page,
    k: int,
    offset: int,
    fold: bool,
    diversity: float,
    store: Store,
    snapshot: Snapshot,
) -> Results:
    """A page of a ranking in which near duplicates are one, or what differs comes first.

    Parameters
    ----------
    page : callable
        Gives hits of the ranking by how many are wanted and passed over.
    k, offset : int
        Hits wanted, and better ones passed over, of what is left.
    fold : bool
        Whether what `duplicates` would group is one hit, the best; `Hit.stands_for` counts it.
    diversity : float
        See `sensorium.ranking.diversity.diversified`.
    store : Store
    snapshot : Snapshot
        Whose vectors are compared.
    """
    stop = offset + k
    wanted = -(-stop // POOL) * POOL if diversity else stop
    found = _folded(page, wanted, store, snapshot) if fold else page(wanted, 0)
    hits: list[Hit] = found
    if diversity:
        scores = np.array([hit.score for hit in found], np.float64)
        order = diversified(scores, _vectors(store, snapshot, found), diversity)
        hits = [found[place] for place in order]
    return Results(hits[offset:stop], nothing_matches=found.nothing_matches)


def _folded(page: Page, wanted: int, store: Store, snapshot: Snapshot) -> Results:
    same = _Same(store, snapshot)
    found = Results()
    for depth in (*(depth for depth in DEPTHS if depth > wanted), 2 * wanted):
        hits = page(depth, 0)
        same.look(hits)
        groups = folded(len(hits), wanted, same.double_of)
        found = Results(
            (replace(hits[group[0]], stands_for=len(group)) for group in groups),
            nothing_matches=hits.nothing_matches,
        )
        if len(found) >= wanted or len(hits) < depth:
            break
    return found


class _Same:
    """Says which of some hits are one, as `duplicates` would."""

    def __init__(self, store: Store, snapshot: Snapshot) -> None:
        self._store = store
        self._snapshot = snapshot
        self._paths: list[str] = []
        self._items: list[StoredItem | None] = []
        self._vectors: Vectors = np.zeros((0, 1), np.float32)
        self._durations: list[float] = []
        thumbnails = Thumbnails(self._paths)
        self._confirm = {
            Modality.IMAGE: Altered(self._paths, thumbnails).agree,
            Modality.TEXT: SameWords(self._paths).agree,
            Modality.AUDIO: same_sounds(self._paths, self._durations),
            Modality.VIDEO: same_films(self._paths, self._durations),
        }
        self._said: dict[tuple[int, int], bool] = {}

    def look(self, hits: Sequence[Hit]) -> None:
        """Take hits, the first of which may have been taken already."""
        stored = self._store.items([hit.id for hit in hits])
        same = self._paths == [hit.path for hit in hits[: len(self._paths)]]
        if not same:  # others wrote meanwhile
            self._said.clear()
            self._paths.clear()
        del self._items[:]
        self._paths.extend(hit.path for hit in hits[len(self._paths) :])
        self._items.extend(stored.get(hit.id) for hit in hits)
        self._durations[:] = [float(hit.metadata.get("duration") or 0) for hit in hits]
        self._vectors = _vectors(self._store, self._snapshot, hits)

    def double_of(self, place: int, firsts: list[int]) -> int | None:
        """See `sensorium.ranking.diversity.folded`."""
        item = self._items[place]
        if item is None or not firsts:
            return None
        near = self._vectors[firsts] @ self._vectors[place] >= FOLD_COSINE
        for first, is_near in zip(firsts, near.tolist(), strict=True):
            other = self._items[first]
            if other is None or other.modality != item.modality:
                continue
            content = item.file.content_hash
            if content and content == other.file.content_hash:
                return first
            if is_near and self._are_one(first, place, item.modality):
                return first
        return None

    def _are_one(self, first: int, place: int, modality: str) -> bool:
        confirm = self._confirm.get(Modality(modality))
        if confirm is None:
            return False
        if (first, place) not in self._said:
            agreed = confirm(np.array([[first, place]]), np.ones(1, np.float32))
            self._said[first, place] = bool(agreed[0])
        return self._said[first, place]


def _vectors(store: Store, snapshot: Snapshot, hits: Sequence[Hit]) -> Vectors:
    """A vector of each hit's item: of a picture the whole's, else its segments' mean."""
    wanted = np.array(sorted({hit.id for hit in hits}), np.int64)
    segments = snapshot.segment_ids[np.isin(snapshot.item_ids, wanted)]
    if (index := snapshot.index) is not None:
        indexed = index.segment_ids[np.isin(index.item_ids, wanted)]
        segments = np.concatenate([indexed, segments])
    dimension = snapshot.vectors.shape[1]
    ids, owners, vectors = store.vectors(dimension, ids=np.sort(segments).tolist())
    place: dict[int, list[int]] = {}
    for row, (_, owner) in enumerate(zip(ids.tolist(), owners.tolist(), strict=True)):
        place.setdefault(owner, []).append(row)
    found = np.zeros((len(hits), dimension), np.float32)
    for number, hit in enumerate(hits):
        rows = place.get(hit.id, [])
        if rows:
            mean = vectors[rows[:1] if hit.modality == Modality.IMAGE else rows].mean(axis=0)
            found[number] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return found
