"""Searches and counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sensorium.collection import Hit
from sensorium.dialogue.carrying_out.outcomes import Outcome, only
from sensorium.dialogue.carrying_out.referring import NEAREST, SHOWN, Referring
from sensorium.dialogue.plan import Plan
from sensorium.dialogue.tools.conditions import date_fields, date_of
from sensorium.dialogue.tools.found import Found, cited, whole_of
from sensorium.dialogue.understanding.references import (
    base_of,
    in_focus,
    shown,
)


class Searches(Referring):
    """Searches and counts."""

    def _find(self, plan: Plan) -> Outcome:
        if plan.but_one:
            return self._but_one(plan)
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
        return Outcome("found", wanted, hits, found.citations[: wanted.number], refers=only(hits),
                       values={"sure": len(hits), "offset": 0})  # fmt: skip

    def _but_one(self, plan: Plan) -> Outcome:
        """Those shown but the one that is described: "not the pink one"."""
        candidates, base = shown(self._turns), base_of(self._turns)
        if not candidates:
            return Outcome("nothing shown", plan)
        ids, subject = [hit.id for hit in candidates], base.subject if base is not None else ""
        described = f"{' '.join(plan.excluded)} {subject}".strip()
        found = self._call("search", query=described, among=ids, k=1)
        unwanted = {hit.id for hit in found.hits}
        hits = tuple(whole_of(hit) for hit in candidates if hit.id not in unwanted)
        if not hits:
            return Outcome("nothing", plan)
        told = replace(plan, subject=subject)
        return Outcome("found", told, hits, tuple(map(cited, hits)), refers=only(hits),
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
            if plan.reference.kind == "kind" and plan.subject and not resolved.hits:
                # "A table in the 3-D models": in any of them.
                return self._asked(replace(plan, reference=None, modality=plan.reference.modality))
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


def with_base(plan: Plan, base: Plan | None, focus: Hit | None) -> Plan:
    """A plan with what it takes from the one before: "and of dogs?", "the same but older"."""
    is_search = plan.intent in ("find", "count", "pick") and plan.fact != "similar"
    if base is None or not is_search or plan.given or plan.but_one:
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
        if plan.intent == "find" and base.intent in ("find", "count") and not plan.same
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


def _alters(plan: Plan) -> bool:
    """Whether words beside media say how what is sought differs from them."""
    marks = ("but ", " in colour", " in color", "without", "但", "不过", "only")
    return bool(plan.subject) and any(mark in f" {plan.question.lower()} " for mark in marks)
