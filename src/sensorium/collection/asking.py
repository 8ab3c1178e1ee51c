"""Finding a page of hits in each mode: by vectors, by words, by both, by hash codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensorium.collection.hits import hits_of
from sensorium.collection.results import Hit
from sensorium.collection.searching import LEVELS, exactly, nearest_items
from sensorium.collection.snapshots import Ids, Snapshot
from sensorium.collection.store import SQLiteStore
from sensorium.index.base import Vectors
from sensorium.media import Media, Text
from sensorium.ranking.scoring import rank

MODES = ("vector", "words", "hybrid", "hash")

WITH_WORDS = ("words", "hybrid")
"""Modes that compare words, and so take texts alone."""

TRIES = 5
"""Searches of the newest vectors, when items vanish between a search and the look-up of its hits;
a list that is too short after that many is what remains."""

FUSED = (1000, 10_000, 100_000)
"""Depths to which rankings are fused: what is far down in both is worth a place, too. Pages within
one of them are cut from the same ranking."""

Allowed = Ids | None
TakeSnapshot = Callable[[], Snapshot]


def page(
    store: SQLiteStore,
    mode: str,
    media: Media,
    vectors: Vectors | None,
    k: int,
    offset: int,
    allowed: Allowed,
    take_snapshot: TakeSnapshot,
) -> list[Hit]:
    """The `k` best hits behind the `offset` best; see `Collection.search`.

    Parameters
    ----------
    store : SQLiteStore
    mode : str
        One of `MODES`; a text in those of `WITH_WORDS`.
    media : Media
        What asks.
    vectors : ndarray of float32, shape (1, d), or None
        Its vector, which only words need not have.
    k, offset : int
    allowed : ndarray of int64, optional
        Ids of the items that may be found.
    take_snapshot : callable
        Gives the vectors as they are now, in the index that the mode takes.
    """
    stop = offset + k
    if mode == "words":
        assert isinstance(media, Text)
        ranked = rank(matches=store.match_words(media.text, stop, allowed))
        return hits_of(store, [ranked[offset:]])[0]
    assert vectors is not None
    if mode == "hybrid":
        assert isinstance(media, Text)
        depth = next((depth for depth in FUSED if depth >= stop), stop)
        snapshot = take_snapshot()
        scales = snapshot.scales(vectors)
        (neighbours,) = nearest_items(snapshot, vectors, scales, depth, allowed)
        ranked = rank(neighbours, store.match_words(media.text, depth, allowed))
        return hits_of(store, [ranked[offset:stop]])[0]
    options = {"modality": media.modality.value} if mode == "hash" else {}
    return nearest(store, vectors, k, offset, allowed, take_snapshot, **options)[0]


def nearest(
    store: SQLiteStore,
    vectors: Vectors,
    k: int,
    offset: int,
    allowed: Allowed,
    take_snapshot: TakeSnapshot,
    **options: Any,
) -> list[list[Hit]]:
    """Nearest items, looked for again where others deleted what had just been found."""
    answers: list[list[Hit]] = []
    for _ in range(TRIES):
        snapshot = take_snapshot()
        scales = snapshot.scales(vectors)
        lines = nearest_items(snapshot, vectors, scales, k, allowed, offset=offset, **options)
        lines = exactly(store, snapshot, vectors, lines)
        ranked = [rank(line, scale=scale) for line, scale in zip(lines, scales, strict=True)]
        answers = hits_of(store, ranked)
        if list(map(len, answers)) == list(map(len, lines)):
            break
    return answers


def page_ends(depth: int, mode: str, take_snapshot: TakeSnapshot) -> list[int]:
    """Where pages end that show to a depth what a search shows first, and so on.

    What an approximate index finds depends on how much is wanted of it: the first ten are those of
    a search for ten. All else gives the same ranking to any depth.
    """
    if mode in WITH_WORDS or take_snapshot().index is None:
        return [depth]
    return [level for level in LEVELS if level < depth] + [depth]
