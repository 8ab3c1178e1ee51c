"""A plan into calls of tools, and what came of them into an outcome that can be told."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from sensorium.collection import Hit
from sensorium.dialogue.carrying_out.asked_kinds import asks_of_texts
from sensorium.dialogue.carrying_out.dating import in_its_year
from sensorium.dialogue.carrying_out.films import Films
from sensorium.dialogue.carrying_out.outcomes import Outcome
from sensorium.dialogue.carrying_out.referring import SHOWN
from sensorium.dialogue.carrying_out.searches import with_base
from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.tools.conditions import days_between
from sensorium.dialogue.tools.found import cited, whole_of
from sensorium.dialogue.understanding.english_words import OPEN
from sensorium.dialogue.understanding.references import (
    Resolved,
    base_of,
    in_focus,
    last_of,
    shown,
)

SEVERAL = frozenset({"those", "two", "first", "last few", "except", "others"})
"""References to several items, each of which is told of."""

MOST_NAMED = 5
"""Things that are compared by name in one turn."""

_BETWEEN = re.compile(
    r"\s*,\s*(?:and|or)\s+|\s+(?:and|or|with|to|versus|vs\.?)\s+|[和跟与、及]|还是|\s*[,，]\s*"
)


class Carrying(Films):
    """Carries plans out; see `Referring`."""

    def carry_out(self, plan: Plan) -> Outcome:
        """See `Outcome`."""
        base = base_of(self._turns)
        plan = with_base(plan, base, last_of(self._turns))
        plan = in_its_year(plan, base, shown(self._turns))
        way: dict[str, Callable[[Plan], Outcome]] = {
            "find": self._find, "count": self._count, "more": self._more, "look": self._look,
            "is": self._is, "read": self._read, "listen": self._listen,
            "transcribe": self._transcribe, "moment": self._moment, "facts": self._facts,
            "compare": self._compare, "explain": self._explain, "answer": self._answer,
            "quote": self._quote, "label": self._label, "holds": self._holds, "pick": self._pick,
        }  # fmt: skip
        if plan.intent == "answer" and plan.given and self._given:
            # "Which file is this?" asks for no document.
            kind = "" if plan.modality == "text" else plan.modality
            plan = replace(plan, intent="find", subject="", modality=kind)
        if plan.intent in ("help", "thanks"):
            return Outcome(plan.intent, plan)
        if self._is_of_text(plan):
            plan = replace(plan, intent="answer", fact="", reference=None)
        outcome = way[plan.intent](plan)
        if not outcome.refused or not plan.subject:
            return outcome
        if plan.intent in ("find", "count") and asks_of_texts(plan.question) and not self._given:
            # Nothing is what was asked for, but it was put as a question: a text may answer it.
            answered = self._sure_answer(replace(plan, intent="answer", reference=None))
            if answered is not None:
                return answered
        if plan.intent == "answer" and not (plan.reference or self._given):
            # No text says it, but something may be there that is just what was named.
            found = self._searched(replace(plan, intent="find"), 0)
            if found.is_sure:
                return found
        mended = self._mended(plan)
        again = way[mended.intent](mended) if mended != plan else outcome
        return outcome if again.refused or again.asks else again

    def _mended(self, plan: Plan) -> Plan:
        """A plan of which nothing was found, with its words as the collection spells them."""
        spelt = self._toolbox.vocabulary.mended
        return replace(plan, subject=spelt(plan.subject), question=spelt(plan.question.lower()))

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
        kind = plan.reference.kind if plan.reference is not None else ""
        if isinstance(item, Outcome) and item.kind == "which" and kind == "kind":
            # "Is there a table in the 3-D models?": in any of them.
            assert plan.reference is not None
            modality = plan.reference.modality
            return self._find(replace(plan, intent="find", modality=modality, reference=None))
        if isinstance(item, Outcome):
            return item
        if item.modality in ("text", "audio"):
            return self._answer(replace(plan, intent="answer"))
        if item.modality == "video":
            seen = self._call("moments", item=item.id, query=plan.subject)
            return self._about(plan, "no moment" if seen.nothing else "moment", item, seen)
        found = self._call("look", item=item.id, labels=[plan.subject])
        judged = found.data.get("labels", {}).get(plan.subject)
        if judged is None:
            return self._about(plan, "unseen", item, found)
        is_not = judged["answer"] == "no" and plan.fact == "there"
        kind = "not shown" if is_not else "judged"
        return self._about(plan, kind, item, found, judged=judged)

    def _facts(self, plan: Plan) -> Outcome:
        if self._given:
            return self._facts_of_given(plan)
        if plan.fact == "page":
            return self._page(plan)
        if (each := self._facts_of_each(plan)) is not None:
            return each
        named = replace(plan, subject="") if plan.reference and not plan.definite else plan
        item = self._item(named)
        if isinstance(item, Outcome):
            return item
        if plan.fact == "date" and item.modality in ("audio", "video") and plan.subject:
            return self._moment(replace(plan, intent="moment", fact=""))
        if item.modality == "text" and plan.fact in ("date", "place", "length", "author"):
            return self._answer(replace(plan, intent="answer"))
        found = self._call("facts", item=item.id)
        values = _fact(found.data, plan.fact, item)
        if not values and self._was_quoted(item):  # "which day?", of what a poster says
            told = self._call("answer", question=plan.question, items=[item.id])
            if not told.nothing:
                return self._answered(plan, told)
        return self._about(plan, "fact" if values else "unknown fact", item, found, fact=values)

    def _facts_of_given(self, plan: Plan) -> Outcome:
        """What is known of the item that is like what was given: "where was this taken"."""
        found = self._find(replace(plan, intent="find", fact="", subject=""))
        if found.refused or found.asks or not found.hits:
            return found
        known = self._call("facts", item=found.hits[0].id)
        values = _fact(known.data, plan.fact, found.hits[0])
        return self._about(plan, "fact", found.hits[0], known, fact=values) if values else found

    def _facts_of_each(self, plan: Plan) -> Outcome | None:
        """What is known of each of several, "when were these two taken"; None of one."""
        reference = plan.reference
        if reference is None or plan.definite or plan.order:
            return None
        if not (reference.kind in SEVERAL or reference.more):
            return None
        hits = [*{hit.id: hit for hit in self._resolved(reference).hits}.values()]
        if not 1 < len(hits) <= SHOWN:
            return None
        each = [(hit, self._call("facts", item=hit.id)) for hit in hits]
        known = [
            (hit, found, values) for hit, found in each
            if (values := _fact(found.data, plan.fact, hit))
        ]  # fmt: skip
        if not known:
            return None
        return Outcome(
            "facts", plan, tuple(whole_of(hit) for hit, _, _ in known),
            tuple(one for _, found, _ in known for one in found.citations[:1]),
            refers=tuple(hit.id for hit in hits), values={"facts": [one[2] for one in known]},
        )  # fmt: skip

    def _is_of_text(self, plan: Plan) -> bool:
        """Whether "they" are those that a text tells of, and no list: "what did they pay"."""
        focus = in_focus(self._turns)
        if focus is None or plan.reference is None or plan.reference.kind != "those":
            return False
        asks = plan.intent in ("find", "facts") and bool(OPEN.match(plan.question.lower()))
        return asks and bool(plan.subject) and self._was_quoted(focus)

    def _was_quoted(self, item: Hit) -> bool:
        """Whether the reply before quoted words of an item."""
        last = self._turns[-1].reply.citations if self._turns else ()
        return any(one.item == item.id and one.quote for one in last)

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

    def _compare(self, plan: Plan) -> Outcome:
        if plan.reference is None and (named := self._named(plan)) is not None:
            resolved = Resolved(named)
        else:
            resolved = self._resolved(plan.reference or Reference("those"))
        if plan.reference is None and len(resolved.hits) < 2:
            resolved = self._resolved(Reference("two"))  # those of the last two replies
        if plan.order and plan.reference is None and not (resolved.hits or resolved.among):
            return self._searched(replace(plan, intent="find", number=1), 0)
        if problem := self._unclear(plan, resolved):
            return problem
        ids = [*dict.fromkeys(hit.id for hit in resolved.hits)]
        if len(ids) < 2:
            return Outcome("too few", plan, values={"shown": len(ids)})
        if plan.fact == "apart":
            plan = replace(plan, order="oldest")
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
        days = days_between(hits[0], hits[-1]) if by == "date" and len(hits) > 1 else None
        values = {**found.data} if days is None else {**found.data, "days": days}
        return Outcome("ranked", plan, hits, evidence, refers=(hits[0].id,), values=values)

    def _named(self, plan: Plan) -> tuple[Hit, ...] | None:
        """Those that are compared by name: "compare the castle with the church"."""
        names = [name.strip(" ,，") for name in _BETWEEN.split(plan.subject)]
        if not 1 < len(names) <= MOST_NAMED or not all(names):
            return None
        each = [self._call("search", query=name, modality=plan.modality, k=1) for name in names]
        hits = {hit.id: whole_of(hit) for found in each if not found.nothing for hit in found.hits}
        return tuple(hits.values()) if len(hits) == len(names) else None

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


def _fact(data: Mapping[str, Any], wanted: str, item: Hit) -> dict[str, Any]:
    """Those facts that were asked for, that are known."""
    names = {
        "size": ("width", "height", "extents", "pages"), "length": ("duration", "pages"),
    }.get(wanted, (wanted,))  # fmt: skip
    if wanted == "name":
        return {"path": item.path}
    return {name: data[name] for name in names if name in data}
