"""What a turn has found, with numbers: what a language model is told, and checked against."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sensorium.collection import Hit
from sensorium.dialogue.tools.found import Found, cited, line
from sensorium.dialogue.turns import Citation, Reply

LIKELY = 0.5
"""Probability from which on an item is taken to be what it was found by."""

MOST_TOLD = 12
"""Items and passages of one call that a model is told; small ones read 2,000 word pieces."""

MOST_NEAR = 3

LONGEST = 600
"""Characters of one piece of evidence that a model is told."""

UNTOLD = frozenset({"width", "height", "latitude", "longitude", "license", "camera"})
"""Of metadata, what a model is told by tools alone (`facts`, `compare`): a dozen items with all of
it are more than small models read. What they say of it is checked against it all the same."""


@dataclass(frozen=True)
class Evidence:
    """A place in an item, and all that is known of it in words.

    Attributes
    ----------
    citation : Citation
        With its number.
    words : str
    """

    citation: Citation
    words: str


class Ledger:
    """Evidence of a turn in the order in which it was found, numbered from 1.

    Attributes
    ----------
    evidence : list of Evidence
    facts : list of str
        What holds of no single item: counts, what all items say of themselves.
    own : Reply or None
        What the dialogue said by itself; None where it refused.
    absent : list of str
        What was sought and is not there, in the words it was sought by.
    hits : tuple of Hit
        What the last call that found items found.
    count : int or None
        What the last call that counted counted.
    """

    def __init__(self) -> None:
        self.evidence: list[Evidence] = []
        self.facts: list[str] = []
        self.absent: list[str] = []
        self.hits: tuple[Hit, ...] = ()
        self.count: int | None = None
        self.own: Reply | None = None

    def take_reply(self, reply: Reply) -> str:
        """Take in what the dialogue found by itself; returns it as a model is told it."""
        asked = " ".join(
            str(step.arguments.get(name, ""))
            for step in reply.steps
            for name in ("query", "question")
        )
        found = Found(
            hits=reply.items, citations=reply.citations, count=reply.count, nothing=reply.refused
        )
        told = self._take(found, asked)
        if reply.refused:
            return told
        self.own = reply
        return f"{told}\nIn short: {reply.text}"

    def take(self, found: Found, arguments: Mapping[str, Any]) -> str:
        """Take in what a call found; returns it as a model is told it."""
        asked = " ".join(str(arguments.get(name, "")) for name in ("query", "question"))
        asked += " " + " ".join(map(str, arguments.get("labels", ())))
        told = self._take(found, asked.strip())
        if found.data:
            data = json.dumps(found.data, ensure_ascii=False, default=str)[:LONGEST]
            self.facts.append(data)
            for one in found.citations[:1]:
                self._add(one, data)
            told = f"{told}\n{data}"
        return told

    def _take(self, found: Found, asked: str) -> str:
        if found.nothing:  # the nearest are no evidence of anything: they have no numbers
            self.absent.append(asked)
            near = ", ".join(hit.path.rsplit("/", 1)[-1] for hit in found.hits[:MOST_NEAR])
            return f"nothing matches{f'; merely the nearest are {near}' if near else ''}"
        if found.hits:
            self.hits = found.hits
        lines = list[str]()
        if found.count is not None:
            self.count = found.count
            self.facts.append(f"{found.count} {asked}")
            lines.append(f"count: {found.count}")
        held = {one.item for one in found.citations}
        several = [*found.citations, *(cited(hit) for hit in found.hits if hit.id not in held)]
        named = {hit.id: hit for hit in found.hits}
        for one in several[:MOST_TOLD]:
            is_it = one.probability is None or one.probability >= LIKELY
            hit = named.get(one.item)
            known = _texts(hit.metadata.items()) if hit is not None else []
            number = self._add(one, f"{'; '.join(known)} {asked if is_it else ''}")
            told = "; ".join(one for one in known if one.partition(":")[0] not in UNTOLD)
            lines.append(f"[{number}] {line(one)}{f' ({told})' if told else ''}"[:LONGEST])
        if len(several) > MOST_TOLD:
            lines.append(f"and {len(several) - MOST_TOLD} more")
        return "\n".join(lines) or found.told[:LONGEST] or "nothing came"

    def _add(self, citation: Citation, words: str) -> int:
        said = f"{citation.path} {citation.quote} {citation.place} {words}"
        for place, one in enumerate(self.evidence):
            if replace(one.citation, number=0, probability=None) == replace(
                citation, number=0, probability=None
            ):
                self.evidence[place] = replace(one, words=f"{one.words} {said}")
                return one.citation.number
        number = len(self.evidence) + 1
        self.evidence.append(Evidence(replace(citation, number=number), said))
        return number


def _texts(fields: Iterable[tuple[str, Any]]) -> list[str]:
    """What metadata say of an item: captions, names, dates, places."""
    return [
        f"{name}: {value}"
        for name, value in fields
        if isinstance(value, (str, int, float)) and not isinstance(value, bool) and value != ""
    ]
