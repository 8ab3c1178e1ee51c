"""A reply from an outcome: sentences in the person's language, with marks of citations.

Words of media stand in quotes, and are cut; whatever they say, they stay words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from sensorium.collection import Hit
from sensorium.collection.telling import caption, clock
from sensorium.dialogue.carrying_out.outcomes import Outcome
from sensorium.dialogue.composing.chinese import WORDS as CHINESE
from sensorium.dialogue.composing.english import WORDS as ENGLISH
from sensorium.dialogue.composing.wording import Words
from sensorium.dialogue.turns import Citation, Reply, Step

LONGEST_QUOTE = 300
"""Characters of what media say that a reply repeats; its citation has all."""

LISTED = 10
"""Items of a list that have a line of their own."""


def compose(outcome: Outcome, language: str, steps: Sequence[Step], first: int = 1) -> Reply:
    """The reply that tells an outcome.

    Parameters
    ----------
    outcome : Outcome
    language : str
        ``"en"`` or ``"zh"``.
    steps : sequence of Step
    first : int
        Number of the first citation.
    """
    words = CHINESE if language == "zh" else ENGLISH
    citations = tuple(replace(one, number=n) for n, one in enumerate(outcome.citations, first))
    text = _Telling(outcome, words, language, citations).text()
    return Reply(
        text, language, citations, outcome.hits, outcome.count, outcome.refused, outcome.asks,
        outcome.refers, tuple(steps), plan=outcome.plan.as_dict(), likely=_is_likely(outcome),
    )  # fmt: skip


def _is_likely(outcome: Outcome) -> bool:
    """Whether what is shown is merely likely."""
    return outcome.kind == "found" and outcome.values.get("sure", 0) < len(outcome.hits)


class _Telling:
    def __init__(
        self, outcome: Outcome, words: Words, language: str, citations: Sequence[Citation]
    ) -> None:
        self.outcome, self.words, self.language = outcome, words, language
        self.citations = citations
        plan = outcome.plan
        self.sought = words.sought(plan.subject, plan.excluded, plan.after, plan.before)
        self.name = self.called(outcome.hits[0]) if outcome.hits else ""
        self.mark = f"[{citations[0].number}]" if citations else ""

    def text(self) -> str:
        outcome, kind = self.outcome, self.outcome.kind
        tell = getattr(self, "_" + kind.replace(" ", "_"), None)
        if tell is not None:
            return str(tell())
        values = {**outcome.values, "label": outcome.plan.subject}
        values |= {"name": self.name, "mark": self.mark, "sought": self.sought}
        return self.words.say(kind, **values)

    def called(self, hit: Hit) -> str:
        """What an item is called: its caption in the person's language, and its file."""
        said = hit.metadata.get(f"caption_{self.language}") or caption(hit.metadata)
        name = PurePath(hit.path).name
        return f"{_cut(str(said), 80)} ({name})" if said else name

    def lines(self, hits: Sequence[Hit]) -> list[str]:
        marks = {one.item: f" [{one.number}]" for one in reversed(self.citations)}
        return [
            f"{number}. {self.called(hit)}{self.told(hit)}{marks.get(hit.id, '')}"
            for number, hit in enumerate(hits[:LISTED], 1)
        ]

    def told(self, hit: Hit) -> str:
        """Where in an item a hit is, and its words."""
        evidence = next((one for one in self.citations if one.item == hit.id), None)
        place = self.place(evidence) if evidence is not None else ""
        quote = f": \u201c{_cut(hit.text)}\u201d" if hit.text else ""
        return (f", {place}" if place else "") + quote

    def place(self, one: Citation) -> str:
        if one.page is None and one.start is None:
            return ""
        return self.words.place(one.page, one.start, one.end)

    def say(self, sentence: str, **values: object) -> str:
        own = {"name": self.name, "mark": self.mark, "sought": self.sought}
        return self.words.say(sentence, **{**own, **values})

    def _listed(self, sentence: str) -> str:
        hits = self.outcome.hits
        return "\n".join([self.say(sentence, **self._counts(len(hits))), *self.lines(hits)])

    def _counts(self, count: int) -> dict[str, object]:
        kind = self.words.kind(self.outcome.plan.modality, count)
        of = "of " if self.outcome.plan.subject else ""
        return {"count": count, "kind": kind, "of": of}

    def _found(self) -> str:
        if _is_likely(self.outcome):
            return self._listed("likely")
        values, shown = self.outcome.values, len(self.outcome.hits)
        found = values.get("sure", 0)
        # Who asks for so many, or for more, is told of these alone.
        if found <= shown or self.outcome.plan.number or values.get("offset"):
            return self._listed("found")
        head = self.say("found more", **self._counts(found), shown=min(shown, LISTED))
        return "\n".join([head, *self.lines(self.outcome.hits)])

    def _nothing(self, sentence: str = "nothing") -> str:
        head = self.say(sentence)
        if not self.outcome.hits:
            return head
        return "\n".join([f"{head} {self.say('nearest')}", *self.lines(self.outcome.hits)])

    def _none_counted(self) -> str:
        return self._nothing("none counted")

    def _unanswered(self) -> str:
        return self._nothing("unanswered")

    def _no_more(self) -> str:
        return self.say("no more")

    def _counted(self) -> str:
        head = self.say("counted", **self._counts(self.outcome.count or 0))
        return "\n".join([head, *self.lines(self.outcome.hits)])

    def _described(self) -> str:
        quotes = [one for one in self.citations if one.quote]
        if "names" in self.outcome.values:
            names = [f"{name} ({chance:.0%})" for name, chance in self.outcome.values["names"][:3]]
            return self.say("described by names", said=self.words.joined(names))
        if not quotes:
            return self.say("described not")
        if len(quotes) == 1:
            return self.say("described", said=f"\u201c{_cut(quotes[0].quote)}\u201d")
        return "\n".join([self.say("described", said=""), *self._quotes(quotes)])

    def _judged(self) -> str:
        judged = self.outcome.values["judged"]
        return self.say(
            judged["answer"], label=self.outcome.plan.subject,
            probability=f"{judged['probability']:.0%}",
        )  # fmt: skip

    def _not_shown(self) -> str:
        return self._judged()

    def _written(self) -> str:
        return "\n".join([self.say("written"), *self._quotes(self.citations)])

    def _said(self) -> str:
        return "\n".join([self.say("said"), *self._quotes(self.citations)])

    def _told(self) -> str:
        lines = []
        for one in self.citations:
            place = f", {self.place(one)}" if self.place(one) else ""
            name = PurePath(one.path).name
            lines.append(f"{name}{place}: \u201c{_cut(one.quote)}\u201d [{one.number}]")
        return "\n".join([self.say("told"), *lines])

    def _quotes(self, citations: Sequence[Citation]) -> list[str]:
        lines = []
        for one in citations:
            place = f"{self.place(one)}: " if self.place(one) else ""
            lines.append(f"{place}\u201c{_cut(one.quote)}\u201d [{one.number}]")
        return lines

    def _places(self) -> dict[str, str]:
        placed = [one for one in self.citations if self.place(one)]
        return {
            "places": self.words.joined([self.place(one) for one in placed]),
            "marks": " ".join(f"[{one.number}]" for one in placed),
        }

    def _moment(self) -> str:
        quotes = self._quotes([one for one in self.citations if one.quote])
        return "\n".join([self.say("moment", **self._places()), *quotes])

    def _which_in(self) -> str:
        film = PurePath(self.citations[0].path).name
        lines = []
        for hit, one in zip(self.outcome.hits, self.citations, strict=True):
            lines.append(
                self.say("which in", name=self.called(hit), other=film, places=self.place(one),
                         marks=f"[{one.number}]")
            )  # fmt: skip
        return "\n".join(lines)

    def _fact(self) -> str:
        return self._known(self.outcome.values["fact"])

    def _facts(self) -> str:
        return "\n".join(
            self._known(facts, name=self.called(hit), mark=f"[{one.number}]")
            for hit, one, facts in zip(
                self.outcome.hits, self.citations, self.outcome.values["facts"], strict=True
            )
        )

    def _known(self, facts: Mapping[str, object], **of: object) -> str:
        """What is known of one item."""
        wanted = self.outcome.plan.fact
        if "width" in facts and "height" in facts:
            return self.say("fact size", size=f"{facts['width']} x {facts['height']}", **of)
        if "duration" in facts:
            return self.say("fact length", length=clock(float(str(facts["duration"]))), **of)
        if wanted in ("date", "place") and wanted in facts:
            return self.say(f"fact {wanted}", **{**facts, **of})
        told = ", ".join(f"{name} {value}" for name, value in facts.items())
        return self.say("fact", facts=told, **of)

    def _ranked(self) -> str:
        values = self.outcome.values["values"]
        lines = [
            f"{number}. {self.called(hit)}: {self._measured(hit, values[str(hit.id)])} "
            f"[{one.number}]"
            for number, (hit, one) in enumerate(
                zip(self.outcome.hits, self._in_order(), strict=True), 1
            )
        ]
        days = self.outcome.values.get("days")
        apart = [] if days is None else [self.words.apart(days)]
        return "\n".join([self.say("ranked"), *lines, *apart])

    def _measured(self, hit: Hit, value: object) -> str:
        """What was compared, as people say it."""
        by, held = self.outcome.values["by"], hit.metadata
        if by == "size" and "width" in held and "height" in held:
            return f"{held['width']} x {held['height']}"
        return clock(float(str(value))) if by == "length" else str(value)

    def _in_order(self) -> list[Citation]:
        by_item = {one.item: one for one in self.citations}
        return [by_item[hit.id] for hit in self.outcome.hits]

    def _alike(self) -> str:
        first, second, cosine = self.outcome.values["pairs"][0]
        names = {hit.id: self.called(hit) for hit in self.outcome.hits}
        pair = self.words.joined([names[first], names[second]])
        return self.say("alike", pair=pair, cosine=f"{cosine:.2f}")

    def _answered(self) -> str:
        answers = self.outcome.values["answers"]
        heads = [
            self.say("answered", answer=_cut(answer), mark=f"[{one.number}]")
            for answer, one in zip(answers, self.citations, strict=True)
        ]
        return "\n".join([*heads, *self._sources()])

    def _sources(self) -> list[str]:
        lines = []
        for one in self.citations:
            place = f", {self.place(one)}" if self.place(one) else ""
            name = PurePath(one.path).name
            lines.append(f"[{one.number}] {name}{place}: \u201c{_cut(one.quote)}\u201d")
        return lines

    def _labelled(self) -> str:
        names = self.words.joined([self.called(hit) for hit in self.outcome.hits])
        return self.say("labelled", query=self.outcome.values["query"], names=names)

    def _holds(self) -> str:
        held = [
            f"{count} {self.words.kind(modality, count)}"
            for modality, count in self.outcome.values["items"].items()
        ]
        return self.say("holds", held=self.words.joined(held) or "0")

    def _which(self) -> str:
        return "\n".join([self.say("which"), *self.lines(self.outcome.hits)])


def _cut(text: str, most: int = LONGEST_QUOTE) -> str:
    """A text on one line, cut; nothing in it moves the terminal or ends its quotes."""
    plain = "".join(c if c.isprintable() else " " for c in text)
    plain = " ".join(plain.split()).replace("\u201d", '"')
    return plain if len(plain) <= most else plain[: most - 1] + "\u2026"
