"""What is written and said, and answers from it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from sensorium.collection import Hit
from sensorium.collection.telling import caption
from sensorium.dialogue.carrying_out.asked_kinds import of_asked_kind
from sensorium.dialogue.carrying_out.outcomes import Outcome
from sensorium.dialogue.carrying_out.referring import NEAREST
from sensorium.dialogue.carrying_out.searches import Searches
from sensorium.dialogue.plan import Plan
from sensorium.dialogue.tools.found import Found, whole_of
from sensorium.dialogue.understanding.references import text_in_focus

PAUSE = 30.0
"""Seconds after or before a moment in which what comes next, or came before, is told."""

AROUND = 3.0
"""Seconds before and after a moment that is named; people name whole seconds, and late."""

TOLD = 0.5
"""Share of a question's words from which on a passage that has them is told, though no words in it
are of the kind that is asked for."""


class Words(Searches):
    """Reads, listens, and answers from texts and speech."""

    def _told_about(self, plan: Plan, source: str) -> Outcome:
        """What is said or written about something, in whatever says it."""
        found = self._call("passages", query=plan.subject, source=source)
        if found.nothing:
            found = self._call("passages", query=plan.subject)
        if found.nothing:
            return self._answer(plan, kind="unsaid")
        return Outcome(
            "told", plan, found.hits, found.citations, refers=_best(found.hits), values=found.data
        )

    def _read(self, plan: Plan) -> Outcome:
        if self._given and not plan.reference:
            return self._read_given(plan)
        if plan.subject and not (plan.reference or plan.item or plan.modality or plan.definite):
            item = self._item(plan)  # "what is written on the invoice"
            if isinstance(item, Outcome):
                return self._told_about(plan, "writing")
        else:
            item = self._item(plan)
        if isinstance(item, Outcome):
            return item
        if item.modality in ("audio", "video"):
            return self._heard(plan, item)
        if _OF_CAPTION.search(plan.question.lower()) and caption(item.metadata):
            return self._about(plan, "described", item, self._call("look", item=item.id))
        query = plan.subject if (plan.reference or plan.item) and not plan.definite else ""
        found = self._call("read", item=item.id, query=query)
        wanted = self._wanted_page(plan, found)
        if wanted is not None:
            pages = tuple(one for one in found.citations if one.page == wanted)
            found = replace(found, citations=pages, nothing=not pages)
        return self._about(plan, "unwritten" if found.nothing else "written", item, found)

    def _wanted_page(self, plan: Plan, found: Found) -> int | None:
        """The page that is meant; None for all."""
        if plan.page < 0:
            return max((one.page or 0 for one in found.citations), default=0)
        if plan.page or plan.when not in ("after", "before"):
            return plan.page or None
        told = next(
            (one.page for turn in reversed(self._turns) for one in turn.reply.citations
             if one.page is not None), 0,
        )  # fmt: skip
        return told + (1 if plan.when == "after" else -1)

    def _read_given(self, plan: Plan) -> Outcome:
        found = self._call("read", given=1)
        if not found.nothing:
            return Outcome("written", plan, found.hits, found.citations,
                           refers=tuple(hit.id for hit in found.hits))  # fmt: skip
        return Outcome("unwritten", plan)

    def _listen(self, plan: Plan) -> Outcome:
        named = plan.reference or plan.modality or plan.item or plan.when or plan.definite
        if plan.subject and not named:
            return self._told_about(plan, "speech")
        item = self._item(plan if plan.item or plan.definite else replace(plan, subject=""))
        if plan.definite:
            plan = replace(plan, subject="", definite=False)
        if isinstance(item, Outcome):
            return item
        if item.modality == "text" and plan.subject:
            told = self._call("passages", query=plan.subject, items=[item.id])
            if not told.nothing:
                return self._about(plan, "told", item, told)
        if item.modality not in ("audio", "video") and plan.subject:
            return self._told_about(replace(plan, subject=f"{plan.subject} {plan.item}"), "writing")
        return self._heard(plan, item)

    def _heard(self, plan: Plan, item: Hit) -> Outcome:
        start, end = self._stretch(plan, item)
        found = self._call("listen", item=item.id, query=plan.subject, start=start, end=end)
        if found.nothing and plan.subject:
            found = self._call("passages", query=plan.subject, items=[item.id])
        if found.nothing and not plan.subject and item.modality == "text":
            found = self._call("read", item=item.id)
        return self._about(plan, "unheard" if found.nothing else "said", item, found)

    def _stretch(self, plan: Plan, item: Hit) -> tuple[float, float | None]:
        """Seconds that are meant: the moment told last, what comes after it, the beginning."""
        told = next(
            (one for turn in reversed(self._turns) for one in turn.reply.citations
             if one.item == item.id and one.start is not None and one.end is not None),
            None,
        )  # fmt: skip
        length = float(item.metadata.get("duration") or 0.0)
        if plan.second is not None:
            return max(0.0, plan.second - AROUND), plan.second + AROUND
        if plan.when == "start":
            return 0.0, max(3.0, length / 6)
        if plan.when == "end":
            return max(0.0, length - max(3.0, length / 6)), None
        if told is None or not plan.when:
            return 0.0, None
        assert told.start is not None and told.end is not None
        if plan.when == "at":
            return told.start, told.end
        if plan.when == "after":
            return told.end, told.end + PAUSE
        return max(0.0, told.start - PAUSE), told.start

    def _transcribe(self, plan: Plan) -> Outcome:
        item = self._item(plan)
        if isinstance(item, Outcome):
            return item
        found = self._call("transcribe", item=item.id)
        return self._about(plan, "unheard" if found.nothing else "said", item, found)

    def _answer(self, plan: Plan, kind: str = "unanswered") -> Outcome:
        items: list[int] = []
        resolved = self._resolved(plan.reference) if plan.reference is not None else None
        # "That lecture", which was not shown, names a text; "it" and "that" alone name nothing.
        names = bool(_ASKED_FOR.sub("", plan.subject).strip())
        if resolved is not None and (resolved.hits or resolved.among or not names):
            if problem := self._unclear(plan, resolved):
                return problem
            items = [hit.id for hit in resolved.hits]
        elif (focus := text_in_focus(self._turns)) is not None:
            # A question after a question is first about what answered that.
            found = self._call("answer", question=plan.question, items=[focus.id])
            if not found.nothing:
                return self._answered(plan, found)
        found = self._call("answer", question=plan.question, items=items)
        if not found.nothing:
            return self._answered(plan, found)
        if len(items) == 1 and self._is_picture(items[0]):
            return self._read(replace(plan, intent="read", subject=""))
        if (of_kind := self._told_in_focus(plan, items)) is not None:
            return of_kind
        if plan.subject and kind == "unanswered":
            told = self._passages_about(plan, items)
            if told.data["score"] >= TOLD:
                return Outcome("told", plan, told.hits, told.citations, refers=_best(told.hits))
            near = self._call("search", query=plan.subject, k=NEAREST)
            return Outcome(kind, plan, near.hits, near.citations, refers=tuple(items))
        return Outcome(kind, plan, refers=tuple(items))

    def _sure_answer(self, plan: Plan) -> Outcome | None:
        """What a text says to a question, no text that is merely about the same; None of none."""
        found = self._call("answer", question=plan.question)
        return self._answered(plan, found) if not found.nothing else self._told_in_focus(plan, ())

    def _passages_about(self, plan: Plan, items: Sequence[int]) -> Found:
        """What is said about the subject of a question: where one goes on, in the text it is of."""
        focus = text_in_focus(self._turns) if plan.continues and not items else None
        if focus is not None:
            told = self._call("passages", query=_topic(plan.subject), items=[focus.id])
            if told.data["score"] >= TOLD:
                return told
        return self._call("passages", query=_topic(plan.subject), items=items)

    def _told_in_focus(self, plan: Plan, items: Sequence[int]) -> Outcome | None:
        """What the text that was talked about has of the kind that is asked for: a weekday, a time.

        Of what the reply before quoted, or else of all of it.
        """
        focus = text_in_focus(self._turns)
        if focus is None or (items and [*items] != [focus.id]):
            return None
        quoted = next(
            quotes for turn in reversed(self._turns)
            if (quotes := tuple(
                one for one in turn.reply.citations if one.quote and one.item == focus.id
            ))
        )  # fmt: skip
        found = of_asked_kind(plan.question, quoted)
        if not found:
            tool = "listen" if focus.modality in ("audio", "video") else "read"
            found = of_asked_kind(plan.question, self._call(tool, item=focus.id).citations)
        if not found:
            return None
        return Outcome("told", plan, (whole_of(focus),), found[:2], refers=(focus.id,),
                       values={"of kind": True})  # fmt: skip

    def _is_picture(self, number: int) -> bool:
        item = self._toolbox.collection.get(number)
        return item is not None and item.modality == "image"

    def _answered(self, plan: Plan, found: Found) -> Outcome:
        return Outcome(
            "answered", plan, found.hits, found.citations, refers=_best(found.hits),
            values=found.data,
        )  # fmt: skip

    def _quote(self, plan: Plan) -> Outcome:
        """What was quoted last, again."""
        for turn in reversed(self._turns):
            quoted = tuple(one for one in turn.reply.citations if one.quote)
            if quoted:
                return Outcome("told", plan, turn.reply.items, quoted, refers=turn.reply.refers)
        return Outcome("nothing shown", plan)

    def _page(self, plan: Plan) -> Outcome:
        """On which page what is asked about stands, or else what was told last."""
        if plan.subject and plan.reference is None:
            found = self._call("passages", query=plan.subject)
            paged = tuple(one for one in found.citations if one.page is not None)[:1]
            if not paged:
                return Outcome("unanswered", plan)
            hits = tuple(hit for hit in found.hits if hit.id == paged[0].item)
            return Outcome("told", plan, hits, paged, refers=_best(hits))
        for turn in reversed(self._turns):
            if paged := tuple(one for one in turn.reply.citations if one.page is not None):
                return Outcome("told", plan, turn.reply.items, paged, refers=turn.reply.refers)
        return Outcome("nothing shown", plan)


_OF_CAPTION = re.compile(r"\b(?:caption|description)\b|说明|标题|描述")
"""Writing that stands beside an item, and not on it."""

_ASKED_FOR = re.compile(
    r"\b(?:how\s+(?:much|many|long)|when|where|who|what)\b|多少钱?|多[长久重高远大]|什么时[候侯]|谁|什么|哪里|几"
)


def _topic(subject: str) -> str:
    """A question's words without those that say which kind of answer is wanted."""
    return " ".join(_ASKED_FOR.sub(" ", subject).split()) or subject


def _best(hits: Sequence[Hit]) -> tuple[int, ...]:
    """What is talked about after words were quoted: what says it best, though others do, too."""
    return tuple(hit.id for hit in hits[:1])
