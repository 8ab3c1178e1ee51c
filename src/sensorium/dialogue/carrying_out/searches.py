"""Searches and counts."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from sensorium.collection import Hit
from sensorium.dialogue.carrying_out.dating import beside
from sensorium.dialogue.carrying_out.outcomes import Outcome, only
from sensorium.dialogue.carrying_out.referring import NEAREST, SHOWN, Referring
from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.tools.asked import asked_of, described_more
from sensorium.dialogue.tools.conditions import date_fields, date_of
from sensorium.dialogue.tools.found import Found, cited, whole_of
from sensorium.dialogue.tools.named_places import items_from
from sensorium.dialogue.understanding.references import (
    base_of,
    in_focus,
    shown,
)

_ONES = re.compile(r"\bones\b", re.IGNORECASE)
"""What is of a kind: "the German ones"."""


class Searches(Referring):
    """Searches and counts."""

    def _find(self, plan: Plan) -> Outcome:
        if plan.but_one:
            return self._but_one(plan)
        if self._is_of_several(plan):  # "the one with the large beak", of several that were shown
            return self._described(replace(plan, reference=None))
        if plan.definite and not plan.given:
            item = self._one_described(plan) if plan.reference is not None else None
            if item is None:
                return self._described(plan)
            if isinstance(item, Outcome):
                return item
            told = replace(plan, intent="pick")
            return self._about(told, "picked", item, self._call("look", item=item.id))
        found = self._searched(plan, 0)
        return found if not found.refused else self._of_its_kind(plan) or found

    def _of_its_kind(self, plan: Plan) -> Outcome | None:
        """What is of the kind that was sought, where none of those shown is: "the German ones"."""
        base, reference = base_of(self._turns), plan.reference
        is_of_kind = reference is not None and reference.kind == "those" and plan.subject
        if base is None or not (is_of_kind and base.subject and _ONES.search(plan.question)):
            return None
        subject = described_more(base.subject, plan.subject)
        found = self._searched(replace(plan, reference=None, subject=subject), 0)
        return found if found.is_sure else None

    def _is_of_several(self, plan: Plan) -> bool:
        """Whether "it" is said of several, and which of them is described."""
        reference = plan.reference
        if not plan.subject or plan.fact or plan.given:
            return False
        if reference is None or reference.kind != "it":
            return False
        resolved = self._resolved(reference)
        return bool(resolved.among) and not resolved.hits

    def _item(self, plan: Plan) -> Hit | Outcome:
        """The one item that a request is about: by reference, or by its own words."""
        reference = plan.reference
        if plan.definite and plan.subject:
            return self._one_described(plan)
        if reference is None and not (plan.subject or plan.item or plan.modality):
            reference = Reference("it")
        if reference is not None:
            resolved = self._resolved(reference)
            problem = self._unclear(plan, resolved)
            if plan.order and plan.number == 1 and len(resolved.hits) > 1:
                ids = [hit.id for hit in resolved.hits]  # "when was the oldest one taken"
                ranked = self._call("search", among=ids, order=plan.order, k=1)
                return ranked.hits[0] if ranked.hits else Outcome("undated", plan, resolved.hits)
            if problem is None and len(resolved.hits) > 1:
                return Outcome("which", plan, resolved.hits, values={"among": len(resolved.hits)})
            return problem or resolved.hits[0]
        named = plan.item or plan.subject
        focus = None if named else in_focus(self._turns)
        if focus is not None and plan.modality == focus.modality:
            return focus  # "how long is the recording": the one that was talked about
        if not named and plan.modality:
            resolved = self._resolved(Reference("kind", 1, plan.modality))
            return self._unclear(plan, resolved) or resolved.hits[0]
        found = self._call("search", query=named, modality=plan.modality, k=NEAREST)
        if found.nothing or not found.hits:
            return Outcome("nothing", replace(plan, subject=named), found.hits, found.citations)
        if not named and len(found.hits) > 1:
            return Outcome("which", plan, found.hits, values={"among": len(found.hits)})
        return found.hits[0]

    def _one_described(self, plan: Plan) -> Hit | Outcome:
        """The one that is described: that in question, if it is that, else of those shown."""
        focus = in_focus(self._turns) if plan.reference is not None else None
        if focus is not None:
            found = self._call("search", query=plan.subject, among=[focus.id], k=1)
            if found.hits and not found.nothing:
                return focus
        described = self._described(replace(plan, reference=None))
        return described.hits[0] if described.hits and not described.refused else described

    def _described(self, plan: Plan) -> Outcome:
        """The one of those shown that is described; of all where none were."""
        base = base_of(self._turns)
        subject = plan.subject
        if base is not None and base.subject and base.subject not in subject:
            subject = described_more(base.subject, subject)
        candidates = shown(self._turns)
        wanted = replace(plan, subject=subject, number=plan.number or 1, definite=False)
        if len(candidates) < 2 or self._turns[-1].reply.refused:
            return self._described_anywhere(wanted, plan.subject)
        ids = [hit.id for hit in candidates]
        dates = {"after": plan.after, "before": plan.before}
        found = self._call("search", query=subject, among=ids, **dates, k=len(ids))
        if not found.data["sure"] and self._is_named(plan.subject):
            anywhere = self._searched(replace(wanted, subject=plan.subject), 0)
            if anywhere.is_sure:
                return anywhere
        if not found.hits:
            return Outcome("nothing", wanted)
        hits = found.hits[: wanted.number]
        # The list stays what it was: "and the Dutch one" is of it as well.
        told = replace(wanted, intent="pick") if len(hits) == 1 else wanted
        return Outcome("found", told, hits, found.citations[: wanted.number], refers=only(hits),
                       values={"sure": len(hits), "offset": 0})  # fmt: skip

    def _is_named(self, words: str) -> bool:
        """Whether words name a thing, or a place, and do not merely describe what was shown."""
        asked = asked_of(words)
        return asked.is_thing or items_from(self._toolbox.collection, asked) is not None

    def _described_anywhere(self, wanted: Plan, words: str) -> Outcome:
        """The one that is described by words, with or without what was sought before."""
        alone = replace(wanted, subject=words)
        if words != wanted.subject and asked_of(words).thing:
            found = self._searched(alone, 0)
            if found.is_sure:  # another thing, and no more about that before
                return found
        searched = self._searched(wanted, 0)
        if searched.refused and words != wanted.subject:
            searched = self._searched(alone, 0)
        if searched.kind != "nothing" or not searched.hits:
            return searched
        # Who says "the one with white walls" knows that there is one: the likeliest.
        hits = searched.hits[: wanted.number]
        return Outcome("found", wanted, hits, searched.citations[: wanted.number],
                       refers=only(hits), values={"sure": 0, "offset": 0})  # fmt: skip

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
        if plan.number == 1 and plan.reference is not None and plan.order and len(hits) == 1:
            plan, refers = replace(plan, intent="pick"), only(hits)  # "the oldest of them"
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
            if plan.reference.kind == "others" and plan.subject and not resolved.hits:
                # "Another one with a blue ball": of all that was not shown.
                before = base_of(self._turns)
                asked["not_among"] = [hit.id for hit in shown(self._turns)]
                asked["modality"] = plan.modality or (before.modality if before else "")
                return asked, None, ()
            if plan.reference.kind in ("those", "two") and plan.subject and not shown(self._turns):
                return self._asked(replace(plan, reference=None))  # "list them all": of the library
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
            asked["not_among"] = [base.id]
            if plan.than not in ("older", "newer"):
                if (period := beside(plan.than, date)) is None:
                    return asked, Outcome("undated", plan, (base,)), refers
                asked |= {"after": period.after, "before": period.before}
            else:
                asked["before" if plan.than == "older" else "after"] = date[:10]
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


def with_base(plan: Plan, base: Plan | None, last: Plan | None = None) -> Plan:
    """A plan with what it takes from the one before: "and of dogs?", "the same but older".

    Parameters
    ----------
    plan : Plan
    base : Plan or None
        Of the last search.
    last : Plan or None
        Of what was asked last about one item: "and the third?" asks it again.
    """
    if plan.intent == "pick" and plan.continues and last is not None:
        return replace(last, reference=plan.reference, definite=False, continues=True, item="")
    is_search = plan.intent in ("find", "count", "pick") and plan.fact != "similar"
    if base is None or not is_search or plan.given or plan.but_one or plan.definite:
        return plan
    # "Without animals" narrows what was asked; "photos without animals" is a request of its own.
    bare = not plan.subject and plan.has_conditions and not (plan.reference or plan.modality)
    is_short = plan.intent == "count" and not plan.subject and not plan.has_conditions
    if not (plan.continues or plan.same or bare or is_short):
        return plan
    if " " in plan.than and not plan.subject:
        return plan  # "what was taken the day before": whatever it was
    subject = plan.subject
    if plan.same and subject and base.subject:
        subject = described_more(base.subject, subject)
    dated = plan.after or plan.before or plan.than or plan.widened == "date"
    excluded = () if plan.subject or plan.widened == "excluded" else base.excluded
    return replace(
        plan,
        intent=base.intent
        if plan.intent == "find" and base.intent in ("find", "count") and not plan.same
        else plan.intent,
        subject=subject or base.subject,
        excluded=plan.excluded or excluded,
        continues=True,
        modality=plan.modality or ("" if plan.widened == "kind" else base.modality),
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
