"""Which items are what is asked: by vectors, and by words that are said or written of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sensorium.collection import Collection, Hit
from sensorium.collection.collection import store_of
from sensorium.collection.hits import hits_of
from sensorium.ranking.scoring import Ranked

SURE = 0.5
"""Probability from which on a hit counts as one of those that were asked for."""

LOOKED_AT = 60
"""Hits by vectors that are judged; behind them few are likely."""


@dataclass(frozen=True)
class Matches:
    """What was found.

    Attributes
    ----------
    sure : tuple of Hit
        Items that are what was asked: their words say so, or they are likely to be.
    nearest : tuple of Hit
        The others, nearest first.
    nothing : bool
        Whether nothing matches.
    """

    sure: tuple[Hit, ...]
    nearest: tuple[Hit, ...]
    nothing: bool


def match(
    collection: Collection,
    query: Any,
    words: str = "",
    *,
    without: Sequence[str] = (),
    where: str | None = None,
    modality: str | None = None,
) -> Matches:
    """Find what is asked.

    Parameters
    ----------
    collection : Collection
    query : words, media or Question
        What vectors are compared with.
    words : str
        What the words of items are compared with; empty for none.
    without : sequence of str
        Words for what is not wanted.
    where, modality : str, optional
        See `Collection.search`.
    """
    found = collection.search(query, LOOKED_AT, where=where, modality=modality)
    said = _by_words(collection, words, where, modality)
    by_id = {hit.id: hit for hit in found}
    sure: dict[int, Hit] = {}
    for hit in said:
        near = by_id.get(hit.id)
        sure[hit.id] = hit if near is None or hit.text else near
    for hit in found:
        if (hit.probability or 0.0) >= SURE:
            sure.setdefault(hit.id, hit)
    nothing = not sure and (found.nothing_matches or not found)
    nearest = [hit for hit in found if hit.id not in sure]
    return Matches(tuple(sure.values()), tuple(nearest), nothing)


def _by_words(
    collection: Collection, words: str, where: str | None, modality: str | None
) -> list[Hit]:
    """Items of which all the words are said or written, best first."""
    asked = " ".join(f'"{word}"' for word in words.replace('"', " ").split())
    if not asked:
        return []
    store = store_of(collection)
    allowed = collection.ids(where) if where is not None else None
    matches = store.match_words(asked, 10_000, allowed, whole=True)
    ranked = [Ranked(one.item, one.score, None, one.text_id) for one in matches]
    (hits,) = hits_of(store, [ranked])
    return [hit for hit in hits if modality is None or hit.modality == modality]
