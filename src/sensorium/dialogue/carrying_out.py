"""A plan into calls of tools, and what came of them into an outcome that can be told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sensorium.collection import Hit
from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.tools.conditions import date_fields, date_of
from sensorium.dialogue.tools.found import Found, cited, whole_of
from sensorium.dialogue.tools.toolbox import Toolbox
from sensorium.dialogue.turns import Citation, Step, Turn
from sensorium.dialogue.understanding.references import (
    Resolved,
    base_of,
    in_focus,
    resolve,
    shown,
)

NEAREST = 3
"""Items that are shown where nothing matches, as what is nearest."""

SHOWN = 10

TOLD = 0.5
"""Share of a question's words from which on a passage that has them is told, though no words in it
are of the kind that is asked for."""

PAUSE = 30.0
"""Seconds after or before a moment in which what comes next, or came before, is told."""


@dataclass(frozen=True)
class Outcome:
    """What came of a plan.

    Attributes
    ----------
    kind : str
        Which sentences tell it; see `sensorium.dialogue.composing`.
    plan : Plan
        As it was carried out: with what it takes from the plans before.
    hits, citations : tuple
    count : int or None
    refers : tuple of int
    values : mapping
        Further facts.
    """

    kind: str
    plan: Plan
    hits: tuple[Hit, ...] = ()
    citations: tuple[Citation, ...] = ()
    count: int | None = None
    refers: tuple[int, ...] = ()
    values: Mapping[str, Any] = field(default_factory=dict)

    @property
    def refused(self) -> bool:
        """Whether the collection does not hold what was asked."""
        return self.kind in REFUSALS

    @property
    def asks(self) -> bool:
        """Whether it is a question back."""
        return self.kind in QUESTIONS


REFUSALS = frozenset(
    {"nothing", "none counted", "unsaid", "unwritten", "unheard", "undated", "unknown fact",
     "unanswered", "no moment", "not among", "no more", "unseen", "not shown"}
)  # fmt: skip
QUESTIONS = frozenset({"which", "what", "nothing shown", "too few"})


class Carrying:
    """Carries plans out.

    Parameters
    ----------
    toolbox : Toolbox
    turns : sequence of Turn
        The turns before.
    given : int
        Media of this turn.
    """

    def __init__(self, toolbox: Toolbox, turns: Sequence[Turn], given: int = 0) -> None:
        self._toolbox, self._turns, self._given = toolbox, turns, given
        self.steps: list[Step] = []

    def carry_out(self, plan: Plan) -> Outcome:
        """See `Outcome`."""
        plan = _with_base(plan, base_of(self._turns), in_focus(self._turns))
        way: dict[str, Callable[[Plan], Outcome]] = {
            "find": self._find, "count": self._count, "more": self._more, "look": self._look,
            "is": self._is, "read": self._read, "listen": self._listen,
            "transcribe": self._transcribe, "moment": self._moment, "facts": self._facts,
            "compare": self._compare, "explain": self._explain, "answer": self._answer,
            "quote": self._quote, "label": self._label, "holds": self._holds, "pick": self._pick,
        }  # fmt: skip
        if plan.intent in ("help", "thanks"):
            return Outcome(plan.intent, plan)
        return way[plan.intent](plan)

    def _call(self, tool: str, **arguments: Any) -> Found:
        given = {name: value for name, value in arguments.items() if value not in ("", (), [], 0)}
        found, step = self._toolbox.call(tool, given)
        self.steps.append(step)
        return found

    # Searching and counting

    def _find(self, plan: Plan) -> Outcome:
        if plan.definite and not plan.given:
            return self._described(plan)
        return self._searched(plan, 0)

    def _described(self, plan: Plan) -> Outcome:
        """The one of those shown that is described; of all where none were."""
        base = base_of(self._turns)
        subject = plan.subject
        if base is not None and base.subject and base.subject not in subject:
            subject = f"{base.subject} {subject}"
        candidates = shown(self._turns)
        wanted = replace(plan, subject=subject, number=plan.number or 1, definite=False)
        if len(candidates) < 2 or self._turns[-1].reply.refused:
            return self._searched(wanted, 0)
        ids = [hit.id for hit in candidates]
        dates = {"after": plan.after, "before": plan.before}
        found = self._call("search", query=plan.subject, among=ids, **dates, k=len(ids))
        if not found.hits:
            return Outcome("nothing", wanted)
        hits = found.hits[: wanted.number]
        return Outcome("found", wanted, hits, found.citations[: wanted.number], refers=_only(hits),
                       values={"sure": len(hits), "offset": 0})  # fmt: skip

    def _searched(self, plan: Plan, offset: int) -> Outcome:
        asked, problem, refers = self._asked(plan)
        if problem is not None:
            return problem
        k = plan.number or SHOWN
        found = self._call("search", **asked, k=k, offset=offset)
        if found.nothing or not found.hits:
            hits = found.hits[:NEAREST]
            kind = "no more" if offset else "nothing"
            return Outcome(kind, plan, hits, found.citations[:NEAREST], refers=refers)
        hits = _worth_showing(found, plan)
        return Outcome(
            "found", plan, hits, found.citations[: len(hits)], refers=refers,
            values={"sure": found.data["sure"], "offset": offset},
        )  # fmt: skip

    def _count(self, plan: Plan) -> Outcome:
        asked, problem, refers = self._asked(plan)
        if problem is not None:
            return problem
        found = self._call("count", **asked)
        if not found.count:
            near = self._call("search", **asked, k=NEAREST) if plan.subject else found
            return Outcome("none counted", plan, near.hits, near.citations, count=0, refers=refers)
        return Outcome(
            "counted", plan, found.hits, found.citations, count=found.count, refers=refers
        )

    def _more(self, plan: Plan) -> Outcome:
        base = base_of(self._turns)
        if base is None:
            return Outcome("what", plan)
        offset = sum(
            len(turn.reply.items)
            for turn in self._turns[self._since_last_search() :]
            if turn.reply.plan.get("intent") in ("find", "count", "more")
        )
        return replace(
            self._searched(replace(base, intent="find"), offset), plan=replace(base, intent="more")
        )

    def _since_last_search(self) -> int:
        places = [
            number
            for number, turn in enumerate(self._turns)
            if turn.reply.plan.get("intent") in ("find", "count")
        ]
        return places[-1] if places else 0

    def _asked(self, plan: Plan) -> tuple[dict[str, Any], Outcome | None, tuple[int, ...]]:
        """Arguments of a search, or why there is none; and the items it refers to."""
        asked: dict[str, Any] = {
            "query": plan.subject, "without": list(plan.excluded), "modality": plan.modality,
            "after": plan.after, "before": plan.before, "order": plan.order,
        }  # fmt: skip
        refers: tuple[int, ...] = ()
        if self._given:
            asked["given"] = [*range(1, self._given + 1)]
            if not _alters(plan):
                asked["query"] = ""
        if plan.reference is not None:
            resolved = self._resolved(plan.reference)
            if problem := self._unclear(plan, resolved):
                return asked, problem, ()
            refers = tuple(hit.id for hit in resolved.hits)
            if plan.fact == "similar":
                asked |= {"like": [*refers], "not_among": [*refers]}
            elif not plan.than:
                asked["among"] = [*refers]
        if (plan.than or plan.after or plan.before or plan.order in ("newest", "oldest")) and (
            not date_fields(self._toolbox.collection.info().fields)
        ):
            return asked, Outcome("undated", plan), ()
        if plan.than:
            base = self._base_item(refers)
            if base is None or not (date := date_of(base)):
                return asked, Outcome("undated", plan, (base,) if base else ()), refers
            asked["before" if plan.than == "older" else "after"] = date[:10]
            asked["not_among"] = [base.id]
            asked["order"] = "newest" if plan.than == "older" else "oldest"
        if not any(asked[name] for name in ("query", "modality", "after", "before", "order")) and (
            not any(asked.get(name) for name in ("given", "like", "among"))
        ):
            return asked, Outcome("what", plan), ()
        if plan.excluded and not (plan.subject or asked.get("given") or asked.get("like")):
            return self._without(asked), None, refers
        return asked, None, refers

    def _without(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Nothing is sought but what is not wanted: all others of these."""
        unwanted = []
        for words in asked.pop("without"):
            found = self._call("count", query=words, among=asked.get("among", ()))
            unwanted += [hit.id for hit in found.hits if not found.nothing]
        return {**asked, "not_among": unwanted}

    def _base_item(self, refers: tuple[int, ...]) -> Hit | None:
        before = [in_focus(self._turns), *shown(self._turns)]
        if refers:
            before = [hit for hit in before if hit is not None and hit.id in refers]
        return next((hit for hit in before if hit is not None), None)

    # References

    def _resolved(self, reference: Reference) -> Resolved:
        resolved = resolve(reference, self._turns)
        if resolved.hits or resolved.among or not reference.modality:
            return resolved
        if reference.kind not in ("kind", "it"):
            return resolved
        # "The film", which was not talked about yet: the only one that there is.
        found = self._call("search", modality=reference.modality, k=SHOWN)
        return Resolved(found.hits) if len(found.hits) == 1 else Resolved(among=found.hits)

    def _unclear(self, plan: Plan, resolved: Resolved) -> Outcome | None:
        if resolved.hits:
            return None
        if resolved.among:
            return Outcome("which", plan, resolved.among, values={"among": len(resolved.among)})
        if resolved.shown:
            return Outcome("too few", plan, values={"shown": resolved.shown})
        return Outcome("nothing shown", plan)

    def _quote(self, plan: Plan) -> Outcome:
        """What was quoted last, again."""
        for turn in reversed(self._turns):
            quoted = tuple(one for one in turn.reply.citations if one.quote)
            if quoted:
                return Outcome("told", plan, turn.reply.items, quoted, refers=turn.reply.refers)
        return Outcome("nothing shown", plan)

    def _item(self, plan: Plan) -> Hit | Outcome:
        """The one item that a request is about: by reference, or by its own words."""
        reference = plan.reference
        if reference is None and not (plan.subject or plan.item or plan.modality):
            reference = Reference("it")
        if reference is not None:
            resolved = self._resolved(reference)
            problem = self._unclear(plan, resolved)
            if problem is None and len(resolved.hits) > 1:
                return Outcome("which", plan, resolved.hits, values={"among": len(resolved.hits)})
            return problem or resolved.hits[0]
        named = plan.item or plan.subject
        found = self._call("search", query=named, modality=plan.modality, k=NEAREST)
        if found.nothing or not found.hits:
            return Outcome("nothing", replace(plan, subject=named), found.hits, found.citations)
        if not named and len(found.hits) > 1:
            return Outcome("which", plan, found.hits, values={"among": len(found.hits)})
        return found.hits[0]

    # One item

    def _about(self, plan: Plan, kind: str, hit: Hit, found: Found, **values: Any) -> Outcome:
        evidence = found.citations or (cited(whole_of(hit)),)
        return Outcome(
            kind, plan, (whole_of(hit),), evidence, refers=(hit.id,),
            values={**found.data, **values},
        )  # fmt: skip

    def _pick(self, plan: Plan) -> Outcome:
        assert plan.reference is not None
        resolved = self._resolved(plan.reference)
        if problem := self._unclear(plan, resolved):
            return problem
        hits = resolved.hits
        if len(hits) == 1:
            return self._about(plan, "picked", hits[0], self._call("look", item=hits[0].id))
        found = self._call("search", among=[hit.id for hit in hits], k=len(hits))
        return Outcome("found", plan, hits, found.citations, refers=tuple(h.id for h in hits),
                       values={"sure": len(hits), "offset": 0})  # fmt: skip

    def _look(self, plan: Plan) -> Outcome:
        if self._given:
            return self._find(replace(plan, subject=""))
        item = self._item(plan)
        if isinstance(item, Outcome):
            return item
        found = self._call("look", item=item.id)
        if item.modality in ("audio", "video", "text") and not found.citations:
            tool = "read" if item.modality == "text" else "listen"
            words = self._call(tool, item=item.id)
            return self._about(plan, "described", item, words)
        return self._about(plan, "described", item, found)

    def _is(self, plan: Plan) -> Outcome:
        if self._given and plan.given:
            return self._find(replace(plan, intent="find", subject=""))
        item = self._item(replace(plan, subject="", reference=plan.reference or Reference("it")))
        if isinstance(item, Outcome):
            return item
        if item.modality in ("text", "audio"):
            return self._answer(replace(plan, intent="answer"))
        found = self._call("look", item=item.id, labels=[plan.subject])
        judged = found.data.get("labels", {}).get(plan.subject)
        if judged is None:
            return self._about(plan, "unseen", item, found)
        is_not = judged["answer"] == "no" and plan.fact == "there"
        kind = "not shown" if is_not else "judged"
        return self._about(plan, kind, item, found, judged=judged)

    def _read(self, plan: Plan) -> Outcome:
        if self._given and not plan.reference:
            return self._read_given(plan)
        if plan.subject and not (plan.reference or plan.item or plan.modality):
            item = self._item(plan)  # "what is written on the invoice"
            if isinstance(item, Outcome):
                return self._told_about(plan, "writing")
        else:
            item = self._item(plan)
        if isinstance(item, Outcome):
            return item
        if item.modality in ("audio", "video"):
            return self._heard(plan, item)
        query = plan.subject if plan.reference or plan.item else ""
        found = self._call("read", item=item.id, query=query)
        if plan.page:
            pages = tuple(one for one in found.citations if one.page == plan.page)
            found = replace(found, citations=pages, nothing=not pages)
        return self._about(plan, "unwritten" if found.nothing else "written", item, found)

    def _read_given(self, plan: Plan) -> Outcome:
        found = self._call("read", given=1)
        if not found.nothing:
            return Outcome("written", plan, found.hits, found.citations,
                           refers=tuple(hit.id for hit in found.hits))  # fmt: skip
        return Outcome("unwritten", plan)

    def _told_about(self, plan: Plan, source: str) -> Outcome:
        """What is said or written about something, in whatever says it."""
        found = self._call("passages", query=plan.subject, source=source)
        if found.nothing:
            found = self._call("passages", query=plan.subject)
        if found.nothing:
            return self._answer(plan, kind="unsaid")
        return Outcome(
            "told", plan, found.hits, found.citations, refers=_only(found.hits), values=found.data
        )

    def _listen(self, plan: Plan) -> Outcome:
        if plan.subject and not (plan.reference or plan.modality or plan.item or plan.when):
            return self._told_about(plan, "speech")
        item = self._item(plan if plan.item else replace(plan, subject=""))
        if isinstance(item, Outcome):
            return item
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

    def _moment(self, plan: Plan) -> Outcome:
        if plan.fact == "which" or (plan.given and self._given):
            return self._which_in(plan)
        if plan.when and not plan.subject:
            return self._listen(plan)
        if plan.subject and (plan.reference is None or plan.reference.modality != "video"):
            said = self._call("passages", query=plan.subject, source="speech")
            if not said.nothing:
                return Outcome("told", plan, said.hits, said.citations, refers=_only(said.hits))
        reference = plan.reference or Reference("kind", 1, plan.modality or "video")
        item = self._item(replace(plan, subject="", modality="", reference=reference))
        if isinstance(item, Outcome):
            return item
        found = self._call("moments", item=item.id, query=plan.subject)
        return self._about(plan, "no moment" if found.nothing else "moment", item, found)

    def _which_in(self, plan: Plan) -> Outcome:
        """Which of the items that were shown is in a film, and when."""
        candidates = [*shown(self._turns)]
        if not (candidates or self._given):
            return Outcome("nothing shown", plan)
        reference = plan.reference
        if reference is None or reference.modality not in ("video", "audio"):
            reference = Reference("kind", 1, plan.modality or "video")
        film = self._film(plan, reference)
        if isinstance(film, Outcome):
            return film
        if self._given:
            found = self._call("moments", item=film.id, given=[*range(1, self._given + 1)])
            hits: tuple[Hit, ...] = (whole_of(film),)
        else:
            ids = [hit.id for hit in candidates if hit.id != film.id]
            found = self._call("moments", item=film.id, like=ids)
            by_id = {hit.id: whole_of(hit) for hit in candidates}
            hits = tuple(by_id[number] for number in found.data["which"])
        if found.nothing:
            return Outcome("not among", plan, (film,), refers=(film.id,))
        kind = "moment" if self._given else "which in"
        return Outcome(kind, plan, hits, found.citations, refers=(hits[0].id,))

    def _film(self, plan: Plan, reference: Reference) -> Hit | Outcome:
        """The film that is meant; of several, the one in which the media of this turn are."""
        film = self._item(replace(plan, subject="", modality="", reference=reference))
        if isinstance(film, Outcome) and film.kind == "which" and self._given:
            for hit in film.hits:
                numbers = [*range(1, self._given + 1)]
                if not self._call("moments", item=hit.id, given=numbers).nothing:
                    return hit
        return film

    def _facts(self, plan: Plan) -> Outcome:
        if self._given:
            return self._find(replace(plan, intent="find", fact="", subject=""))
        if plan.fact == "page":
            return self._page(plan)
        if plan.definite:
            described = self._described(plan)
            item: Hit | Outcome = described.hits[0] if described.hits else described
        else:
            named = replace(plan, subject="") if plan.reference else plan
            item = self._item(named)
        if isinstance(item, Outcome):
            return item
        if plan.fact == "date" and item.modality in ("audio", "video") and plan.subject:
            return self._moment(replace(plan, intent="moment", fact=""))
        if item.modality == "text" and plan.fact in ("date", "place", "length", "author"):
            return self._answer(replace(plan, intent="answer"))
        found = self._call("facts", item=item.id)
        values = _fact(found.data, plan.fact, item)
        return self._about(plan, "fact" if values else "unknown fact", item, found, fact=values)

    def _page(self, plan: Plan) -> Outcome:
        """On which page what was told last stands."""
        for turn in reversed(self._turns):
            if paged := tuple(one for one in turn.reply.citations if one.page is not None):
                return Outcome("told", plan, turn.reply.items, paged, refers=turn.reply.refers)
        return Outcome("nothing shown", plan)

    def _explain(self, plan: Plan) -> Outcome:
        base = base_of(self._turns)
        query = plan.subject or (base.subject if base else "")
        item = self._item(replace(plan, subject=""))
        if isinstance(item, Outcome):
            return item
        if not query or (base is not None and base.given):
            return Outcome("near", plan, (whole_of(item),), (cited(item),), refers=(item.id,))
        found = self._call("explain", item=item.id, query=query)
        return self._about(plan, "explained", item, found, query=query)

    # Several items, and texts

    def _compare(self, plan: Plan) -> Outcome:
        resolved = self._resolved(plan.reference or Reference("those"))
        if problem := self._unclear(plan, resolved):
            return problem
        ids = [hit.id for hit in resolved.hits]
        if len(ids) < 2:
            return Outcome("too few", plan, values={"shown": len(ids)})
        by = {"newest": "date", "oldest": "date", "largest": "size", "smallest": "size",
              "longest": "length", "shortest": "length"}.get(plan.order, "content")  # fmt: skip
        found = self._call("compare", items=ids, by=by)
        if found.nothing:
            return Outcome("undated" if by == "date" else "unknown fact", plan, resolved.hits)
        if by == "content":
            return Outcome("alike", plan, resolved.hits, found.citations, refers=tuple(ids),
                           values=found.data)  # fmt: skip
        hits, evidence = found.hits, found.citations
        if plan.order in ("oldest", "smallest", "shortest"):
            hits, evidence = hits[::-1], evidence[::-1]
        return Outcome("ranked", plan, hits, evidence, refers=(hits[0].id,), values=found.data)

    def _answer(self, plan: Plan, kind: str = "unanswered") -> Outcome:
        items: list[int] = []
        if plan.reference is not None:
            resolved = self._resolved(plan.reference)
            if problem := self._unclear(plan, resolved):
                return problem
            items = [hit.id for hit in resolved.hits]
        elif (focus := in_focus(self._turns)) is not None and _has_words(self._turns):
            # A question after a question is first about what answered that.
            found = self._call("answer", question=plan.question, items=[focus.id])
            if not found.nothing:
                return self._answered(plan, found)
        found = self._call("answer", question=plan.question, items=items)
        if not found.nothing:
            return self._answered(plan, found)
        if len(items) == 1 and self._is_picture(items[0]):
            return self._read(replace(plan, intent="read", subject=""))
        if plan.subject and kind == "unanswered":
            told = self._call("passages", query=_topic(plan.subject), items=items)
            if told.data["score"] >= TOLD:
                return Outcome("told", plan, told.hits, told.citations, refers=_only(told.hits))
            near = self._call("search", query=plan.subject, k=NEAREST)
            return Outcome(kind, plan, near.hits, near.citations, refers=tuple(items))
        return Outcome(kind, plan, refers=tuple(items))

    def _is_picture(self, number: int) -> bool:
        item = self._toolbox.collection.get(number)
        return item is not None and item.modality == "image"

    def _answered(self, plan: Plan, found: Found) -> Outcome:
        return Outcome(
            "answered", plan, found.hits, found.citations, refers=_only(found.hits),
            values=found.data,
        )  # fmt: skip

    def _label(self, plan: Plan) -> Outcome:
        base = base_of(self._turns)
        if base is None or not base.subject:
            return Outcome("nothing shown", plan)
        resolved = self._resolved(plan.reference or Reference("it"))
        if problem := self._unclear(plan, resolved):
            return problem
        ids = [hit.id for hit in resolved.hits]
        found = self._call("label", query=base.subject, items=ids, relevant=plan.relevant)
        return Outcome(
            "labelled", plan, found.hits, found.citations, refers=tuple(ids),
            values={"query": base.subject},
        )  # fmt: skip

    def _holds(self, plan: Plan) -> Outcome:
        found = self._call("holds")
        return Outcome("holds", plan, count=found.count, values=found.data)


def _with_base(plan: Plan, base: Plan | None, focus: Hit | None) -> Plan:
    """A plan with what it takes from the one before: "and of dogs?", "the same but older"."""
    is_search = plan.intent in ("find", "count", "pick") and plan.fact != "similar"
    if base is None or not is_search or plan.given:
        return plan
    # "Without animals" narrows what was asked; "photos without animals" is a request of its own.
    bare = not plan.subject and plan.has_conditions and not (plan.reference or plan.modality)
    is_short = plan.intent == "count" and not plan.subject and not plan.has_conditions
    if not (plan.continues or plan.same or bare or is_short):
        return plan
    subject = plan.subject
    if plan.same and subject and base.subject:
        subject = f"{base.subject} {subject}"
    dated = plan.after or plan.before or plan.than
    return replace(
        plan,
        intent=base.intent
        if plan.intent == "find" and base.intent in ("find", "count")
        else plan.intent,
        subject=subject or base.subject,
        excluded=plan.excluded or (base.excluded if not plan.subject else ()),
        modality=plan.modality or base.modality,
        after=plan.after if dated else base.after,
        before=plan.before if dated else base.before,
        order=plan.order or ("" if plan.than else base.order),
        several=plan.several or base.several,
    )


def _worth_showing(found: Found, plan: Plan) -> tuple[Hit, ...]:
    """Hits that are shown: those that are sure, or the likeliest where none is."""
    sure = found.data["sure"] - found.data["offset"]
    if plan.number or plan.order or sure >= len(found.hits):
        return found.hits
    if sure > 0:
        return found.hits[:sure]
    best = found.hits[0].probability
    if best is None:
        return found.hits[:5]
    return tuple(hit for hit in found.hits[:5] if (hit.probability or 0) >= best / 3)


_ASKED_FOR = re.compile(
    r"\b(?:how\s+(?:much|many|long)|when|where|who|what)\b|多少钱?|什么时[候侯]|谁|什么|哪里|几"
)


def _topic(subject: str) -> str:
    """A question's words without those that say which kind of answer is wanted."""
    return " ".join(_ASKED_FOR.sub(" ", subject).split()) or subject


def _alters(plan: Plan) -> bool:
    """Whether words beside media say how what is sought differs from them."""
    marks = ("but ", " in colour", " in color", "without", "但", "不过", "only")
    return bool(plan.subject) and any(mark in f" {plan.question.lower()} " for mark in marks)


def _has_words(turns: Sequence[Turn]) -> bool:
    """Whether the last reply quoted something."""
    return any(one.quote for one in turns[-1].reply.citations) if turns else False


def _only(hits: Sequence[Hit]) -> tuple[int, ...]:
    """What a reply is about, where it is one item."""
    ids = {hit.id for hit in hits}
    return tuple(ids) if len(ids) == 1 else ()


def _fact(data: Mapping[str, Any], wanted: str, item: Hit) -> dict[str, Any]:
    """Those facts that were asked for, that are known."""
    names = {
        "size": ("width", "height", "extents", "pages"), "length": ("duration", "pages"),
    }.get(wanted, (wanted,))  # fmt: skip
    if wanted == "name":
        return {"path": item.path}
    return {name: data[name] for name in names if name in data}
