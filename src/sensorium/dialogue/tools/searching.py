"""Tools that find and count items."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorium.collection import Collection, Hit, Item
from sensorium.dialogue.tools.conditions import measure_of, where_of
from sensorium.dialogue.tools.found import Found, cited, line, whole_of
from sensorium.dialogue.tools.matching import Matcher, Matches
from sensorium.errors import UsageError
from sensorium.media import Media

SHOWN = 10
"""Items that a search gives unless told otherwise."""

MOST = 50

UNWANTED = 0.25
"""Probability from which on an item may be what is not wanted, and is left out."""


class Searching:
    """Searches and counts in one collection.

    Parameters
    ----------
    collection : Collection
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.given: tuple[Media, ...] = ()
        self.matcher = Matcher(collection)

    def search(self, *, k: int = SHOWN, offset: int = 0, **asked: Any) -> Found:
        """Items, best first, or in an order that was asked for."""
        matches, hits = self._found(**asked)
        shown = tuple(hits[offset : offset + k])
        return Found(
            _told(matches, shown), shown, tuple(map(cited, shown)),
            nothing=matches.nothing, data={"sure": len(matches.sure), "offset": offset},
        )  # fmt: skip

    def count(self, **asked: Any) -> Found:
        """How many items are what is asked."""
        matches, hits = self._found(**asked)
        counted = () if matches.nothing else matches.sure
        ids = {hit.id for hit in counted}
        shown = tuple(hit for hit in hits if hit.id in ids)[:MOST]
        return Found(
            f"{len(counted)} of them", shown, tuple(map(cited, shown)), count=len(counted),
            nothing=matches.nothing,
        )  # fmt: skip

    def holds(self) -> Found:
        """What there is in all: items by modality, fields of metadata."""
        info = self.collection.info()
        held = ", ".join(f"{count} {kind}" for kind, count in info.items.items()) or "nothing"
        return Found(
            f"{held}; metadata: {', '.join(info.fields) or 'none'}",
            count=sum(info.items.values()),
            data={"items": info.items, "fields": info.fields},
        )

    def _found(
        self,
        *,
        query: str = "",
        given: Sequence[int] = (),
        like: Sequence[int] = (),
        without: Sequence[str] = (),
        modality: str | None = None,
        after: str | None = None,
        before: str | None = None,
        among: Sequence[int] | None = None,
        not_among: Sequence[int] = (),
        where: str | None = None,
        order: str | None = None,
    ) -> tuple[Matches, list[Hit]]:
        if where is not None:
            self.collection.ids(where)  # by itself: within others, what it opens they might close
        where = where_of(
            self.collection.info().fields, after=after, before=before, among=among,
            not_among=not_among, where=where,
        )  # fmt: skip
        media = [self.media(number) for number in given]
        examples = [self.item(number) for number in like]
        if not query.strip() and not media and not examples:
            matches = self._all(where, modality)
        else:
            matches = self.matcher.match(
                query.strip(), media, like=examples, where=where, modality=modality
            )
        matches = self._apart(matches, without)
        hits = [*matches.sure, *matches.nearest]
        if order is not None:
            hits = _ordered(hits if among is not None else [*matches.sure] or hits, order)
        return matches, hits

    def _apart(self, matches: Matches, without: Sequence[str]) -> Matches:
        """Matches without those that are what is not wanted.

        Encoders know no negation: what is not wanted is looked for by itself.
        """
        unwanted = set()
        for found in (self.matcher.match(words) for words in without if words.strip()):
            unwanted |= {hit.id for hit in found.sure}
            unwanted |= {hit.id for hit in found.nearest if (hit.probability or 0.0) >= UNWANTED}
        if not unwanted:
            return matches
        sure, nearest = (
            tuple(hit for hit in hits if hit.id not in unwanted)
            for hits in (matches.sure, matches.nearest)
        )
        # Where all that matched is not wanted, what is left is merely nearest.
        gone = bool(matches.sure) and not sure
        return Matches(sure, nearest, matches.nothing or gone or not (sure or nearest))

    def _all(self, where: str | None, modality: str | None) -> Matches:
        items = self.collection.items(where)
        hits = tuple(whole_of(i) for i in items if modality is None or i.modality == modality)
        return Matches(hits, (), not hits)

    def item(self, number: int) -> Item:
        """An item by its id.

        Raises
        ------
        UsageError
            When there is none.
        """
        found = self.collection.get(number)
        if found is None:
            raise UsageError(f"there is no item {number}: ids are those that search gives")
        return found

    def media(self, number: int) -> Media:
        """Media of this turn, by number.

        Raises
        ------
        UsageError
            When there are fewer.
        """
        if not 1 <= number <= len(self.given):
            count = len(self.given)
            raise UsageError(f"{count} media were given in this turn, there is no number {number}")
        return self.given[number - 1]


def _ordered(hits: Sequence[Hit], order: str) -> list[Hit]:
    """Hits by what an order compares; those that do not say it are left out."""
    measured = [(value, hit) for hit in hits if (value := measure_of(hit, order)) is not None]
    last_first = order in ("newest", "largest", "longest")
    ranked = sorted(measured, key=lambda pair: pair[0], reverse=last_first)
    return [hit for _, hit in ranked]


def _told(matches: Matches, shown: Sequence[Hit]) -> str:
    if not shown:
        return "no item fits"
    head = "nothing matches, the nearest are" if matches.nothing else "found"
    return "\n".join([f"{head}:", *(line(cited(hit)) for hit in shown)])
