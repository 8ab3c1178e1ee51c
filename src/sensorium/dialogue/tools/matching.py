"""Which items are what is asked: by their vectors, and by what is said and written of them.

Three kinds of evidence are weighed for each item: how likely its vectors are what was asked
(`Hit.probability`), whether all the words asked for stand in its name, metadata or texts, and how
near its captions and category are to the question in the encoder's own eyes. The last speaks
against what merely looks alike. Chinese is asked in English as well, word by word (`asked.py`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sensorium.collection import Collection, Hit
from sensorium.collection.collection import store_of
from sensorium.collection.hits import hits_of
from sensorium.collection.question import Question
from sensorium.dialogue.orders import before_orders, has_orders
from sensorium.dialogue.tools.asked import Asked, asked_of
from sensorium.dialogue.tools.conditions import where_of
from sensorium.dialogue.tools.found import whole_of
from sensorium.dialogue.tools.named_places import items_from
from sensorium.dialogue.tools.said import ACROSS, CAPTION, Said
from sensorium.dialogue.tools.things import Named, named
from sensorium.media import Text
from sensorium.ranking.scoring import Match, Ranked
from sensorium.tasks.terms import STOP_WORDS, terms

SURE = 0.5
"""Probability from which on a hit is one of those that were asked for."""

AGREED = 1.0
"""Sum that a hit of `SURE` needs as well, where it has a caption: a pig looks like a cow (0.54),
and is called a pig (0.39)."""

TOGETHER = 0.6
"""Sum of a hit's probability and its name's cosine that is enough where there is no caption."""

NAMED = 0.3
"""What it counts for that the name of an item says that it is the thing that is described, or is
another: as much as the limits of what is said, and of what looks so, are apart."""

_WORTH = {Named.SAME: NAMED, Named.OTHER: -NAMED, Named.UNKNOWN: 0.0}

SUPPORT = 0.4
"""Cosine of a caption in which a word of one or two Chinese characters is a word, and no part of
another: 马 is a horse, and stands in Machu Picchu."""

LIKELY_ALONE = 0.25
"""Probability of a hit without captions and names from which on it may be what was asked."""

NAMES_LOOKED_AT = 3
"""Hits whose captions or names, where none of them is near, say that nothing is there."""

LONG = 3
"""Terms from which on words describe something more closely than names do."""

LIKELY_THERE = 10
"""Hits of all by vectors: those of them from a place that is named are likely what is sought."""

LOOKED_AT = 60
"""Hits by vectors that are judged; behind them few are likely."""


@dataclass(frozen=True)
class Matches:
    """What was found.

    Attributes
    ----------
    sure : tuple of Hit
        Items that are what was asked, best first.
    nearest : tuple of Hit
        The others, nearest first.
    nothing : bool
        Whether nothing matches.
    """

    sure: tuple[Hit, ...]
    nearest: tuple[Hit, ...]
    nothing: bool


class Matcher:
    """Matches items of one collection.

    Parameters
    ----------
    collection : Collection
    """

    def __init__(self, collection: Collection) -> None:
        self._collection = collection
        self.said = Said(collection)

    def match(
        self,
        words: str = "",
        others: Sequence[Any] = (),
        *,
        like: Sequence[Any] = (),
        where: str | None = None,
        modality: str | None = None,
    ) -> Matches:
        """Find what is asked.

        Parameters
        ----------
        words : str
        others : sequence of media
            That are sought as well.
        like : sequence of Item
            Examples.
        where, modality : str, optional
            See `Collection.search`.
        """
        sought = [*([Text(words)] if words else []), *others]
        if words and len(sought) == 1 and not like:
            asked = asked_of(words)
            if (matches := self._from_there(asked, where, modality)) is not None:
                return matches
            found, nothing = self._seen(asked, where, modality)
            return self._weighed(asked, found, nothing, where, modality)
        if len(sought) == 1 and not like:
            found = self._collection.search(sought[0], LOOKED_AT, where=where, modality=modality)
        else:
            found = self._collection.search(
                Question(*sought, like=[*like]), LOOKED_AT, where=where, modality=modality
            )
        return _by_vectors(found, found.nothing_matches)

    def _from_there(self, asked: Asked, where: str | None, modality: str | None) -> Matches | None:
        """What is from a place that is named, and is what is said beside; None where nothing is.

        It is likely what is said where the vectors have it among the first of all.
        """
        there = items_from(self._collection, asked)
        if there is None:
            return None
        own = where_of((), among=sorted(there.ids), where=where)
        if not there.rest:
            items = self._collection.items(own)
            hits = [whole_of(one) for one in items if modality in (None, one.modality)]
            seen = {hit.id: hit for hit in self._seen(asked, own, modality)[0]}
            ranked = {**seen, **{hit.id: seen.get(hit.id, hit) for hit in hits}}
            return Matches(tuple(ranked.values()), (), False) if hits else None
        rest = asked_of(there.rest)
        found, nothing = self._seen(rest, where, modality)
        near = tuple(hit for hit in found[:LIKELY_THERE] if hit.id in there.ids)
        those = [hit for hit in found if hit.id in there.ids]
        weighed = self._weighed(rest, those, nothing, own, modality)
        if weighed.sure:
            return weighed
        return Matches((), near, False) if near else None

    def _seen(
        self, asked: Asked, where: str | None, modality: str | None
    ) -> tuple[list[Hit], bool]:
        """Hits by vectors, asked in both languages: how likely, by the mean of their log odds."""
        texts = [text for text in (asked.words, asked.english) if text]
        several = [
            self._collection.search(Text(text), LOOKED_AT, where=where, modality=modality)
            for text in texts
        ]
        nothing = all(found.nothing_matches for found in several)
        if len(several) == 1:
            return [*several[0]], nothing
        return _together(several), nothing

    def _weighed(
        self, asked: Asked, found: Sequence[Hit], nothing: bool, where: str | None,
        modality: str | None,
    ) -> Matches:  # fmt: skip
        words = asked.words
        near = self._near(asked, found)
        by_id = {hit.id: hit for hit in found}
        holding = {
            hit.id: hit
            for hit in self._holding(words, where, modality)
            if (not _is_short(words) or near.get(hit.id, SUPPORT) >= SUPPORT or hit.text)
            and not _only_in_orders(hit, asked)
        }
        for hit in self._named(asked, where, modality):
            if not _only_in_orders(hit, asked):
                holding.setdefault(hit.id, hit)
        told = self._told_so(asked, near, by_id, holding, where, modality)
        says = self._says(asked, (*found, *told.values()))
        if asked.is_thing:
            holding |= {n: hit for n, hit in {**by_id, **told}.items() if says.get(n) is Named.SAME}
        strength = {}
        for hit in (*found, *holding.values(), *told.values()):
            chance, cosine = hit.probability or 0.0, near.get(hit.id)
            if hit.id in holding:
                strength[hit.id] = 1.0 + chance + (cosine or 0.0)
            elif self.said.against(hit.id, cosine) or says.get(hit.id) is Named.OTHER:
                continue
            elif hit.id in told or (chance >= SURE and chance + (cosine or 1.0) >= AGREED):
                strength[hit.id] = chance + (cosine or 0.0)
            elif (
                cosine is not None
                and not self.said.describes(hit.id)
                and (chance + cosine >= TOGETHER)
            ):
                strength[hit.id] = chance + cosine
        worth = {n: _WORTH[one] for n, one in says.items() if not asked.is_thing}
        strength = {n: value + worth.get(n, 0.0) for n, value in strength.items()}
        _drop_writing(strength, holding)
        hits = {**told, **by_id, **{n: h for n, h in holding.items() if h.text or n not in by_id}}
        sure = sorted(strength, key=lambda number: -strength[number])
        nearest = sorted(
            (hit for hit in found if hit.id not in strength),
            key=lambda hit: (
                -((hit.probability or 0.0) + near.get(hit.id, 0.0) + worth.get(hit.id, 0.0))
            ),
        )
        if not sure:
            nothing = self._is_nothing(words, found, near, nothing)
        return Matches(tuple(hits[number] for number in sure), tuple(nearest), nothing and not sure)

    @staticmethod
    def _is_nothing(
        words: str, found: Sequence[Hit], near: dict[int, float], nothing: bool
    ) -> bool:
        """Whether nothing is there, where no hit is sure."""
        best = found[0].probability if found else 0.0
        if best is None:
            return nothing
        if _is_long(words):
            return nothing
        said = any(hit.id in near for hit in found[:NAMES_LOOKED_AT])
        return nothing or said or best < LIKELY_ALONE

    def _near(self, asked: Asked, found: Sequence[Hit]) -> dict[int, float]:
        """Cosines of items' captions and names to what is asked, in the nearer language."""
        near = self.said.near(asked.words, found)
        for number, cosine in self.said.near(asked.english, found).items() if asked.english else ():
            near[number] = max(near.get(number, -1.0), cosine)
        return near

    def _says(self, asked: Asked, hits: Sequence[Hit]) -> dict[int, Named]:
        """What their names say of hits, beside the thing that is sought."""
        if not asked.thing:
            return {}
        return {hit.id: named(self.said.names(hit), asked.thing) for hit in hits}

    def _told_so(
        self, asked: Asked, near: dict[int, float], by_id: dict[int, Hit],
        holding: dict[int, Hit], where: str | None, modality: str | None,
    ) -> dict[int, Hit]:  # fmt: skip
        """Items whose caption or category says the same in other words."""
        words = asked.words
        is_across = _HAN.search(words) and not self.said.has_han and not asked.english
        least = ACROSS if is_across else CAPTION
        ids = [number for number, cosine in near.items() if cosine >= least]
        for text in (words, asked.english):
            ids += self.said.in_category(text) if text else []
        new = [number for number in dict.fromkeys(ids) if number not in holding]
        allowed = None if where is None else {*self._collection.ids(where).tolist()}
        told = {}
        for item in self._collection.items(ids=new):
            if (allowed is None or item.id in allowed) and modality in (None, item.modality):
                told[item.id] = by_id.get(item.id) or whole_of(item)
        return told

    def _holding(self, words: str, where: str | None, modality: str | None) -> list[Hit]:
        """Items of which all the words are said or written, best first."""
        plain = words.replace('"', " ").split()
        telling = [word for word in plain if word.lower() not in STOP_WORDS] or plain
        asked = " ".join(f'"{word}"' for word in telling)
        if not asked:
            return []
        store = store_of(self._collection)
        allowed = self._collection.ids(where) if where is not None else None
        matches = store.match_words(asked, 10_000, allowed, whole=True)
        ranked = [Ranked(one.item, one.score, None, one.text_id) for one in matches]
        (hits,) = hits_of(store, [ranked])
        return [hit for hit in hits if modality is None or hit.modality == modality]

    def _named(self, asked: Asked, where: str | None, modality: str | None) -> list[Hit]:
        """Items of whose name, metadata or texts each word is one, in either language.

        In a name, one or two Chinese characters are often part of another word: 猫 of 大熊猫.
        """
        if not asked.groups:
            return []
        store = store_of(self._collection)
        allowed = self._collection.ids(where) if where is not None else None
        every: dict[int, Match] = {}
        for number, names in enumerate(asked.groups):
            of_word: dict[int, Match] = {}
            for name in names:
                for one in store.match_words(f'"{name}"', 10_000, allowed, whole=True):
                    if one.text_id is not None or not _is_short(name):
                        of_word.setdefault(one.item, one)
            every = of_word if not number else {i: m for i, m in every.items() if i in of_word}
            if not every:
                return []
        ranked = [Ranked(one.item, one.score, None, one.text_id) for one in every.values()]
        (hits,) = hits_of(store, [ranked])
        return [hit for hit in hits if modality is None or hit.modality == modality]


def _together(several: Sequence[Sequence[Hit]]) -> list[Hit]:
    """Hits of one thing asked in several languages, by the mean of their log odds, best first.

    What is not among those of one language is taken to be as likely there as its last.
    """
    odds = [{hit.id: _log_odds(hit.probability) for hit in found} for found in several]
    least = [min(own.values(), default=0.0) for own in odds]
    hits = {hit.id: hit for found in reversed(several) for hit in found}
    together = {
        number: sum(own.get(number, last) for own, last in zip(odds, least, strict=True))
        / len(odds)
        for number in hits
    }
    made = [
        replace(hit, probability=None if hit.probability is None else _chance(together[hit.id]))
        for hit in hits.values()
    ]
    return sorted(made, key=lambda hit: -together[hit.id])


def _log_odds(probability: float | None) -> float:
    chance = min(max(probability or 0.0, 1e-6), 1 - 1e-6)
    return math.log(chance / (1 - chance))


def _chance(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _drop_writing(strength: dict[int, float], holding: dict[int, Hit]) -> None:
    """Leave pictures out on which the word is merely written, where others are what it says."""
    written = {
        number for number, hit in holding.items() if hit.text and hit.modality == "image"
    } & {*strength}
    if len(written) < len(strength):
        for number in written:
            del strength[number]


def _only_in_orders(hit: Hit, asked: Asked) -> bool:
    """Whether a text has the words in its orders alone: "write nothing but tiger" shows none."""
    if not hit.text or not has_orders(hit.text):
        return False
    plain = before_orders(hit.text).lower()
    ways = asked.groups or ((asked.words,),)
    return not all(any(name.lower() in plain for name in names) for names in ways)


def _is_short(words: str) -> bool:
    return len(words) <= 2 and not words.isascii()


_HAN = re.compile(r"[\u3400-\u9fff]")


def _is_long(words: str) -> bool:
    """Whether words describe something: no name or category says the same as those."""
    return len(terms(words)) >= LONG


def _by_vectors(found: Sequence[Hit], nothing: bool) -> Matches:
    sure = tuple(hit for hit in found if (hit.probability or 0.0) >= SURE)
    return Matches(sure, tuple(hit for hit in found if hit not in sure), nothing and not sure)
