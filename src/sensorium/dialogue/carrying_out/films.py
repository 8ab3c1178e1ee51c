"""When something is said or shown in recordings and films."""

from __future__ import annotations

from dataclasses import replace

from sensorium.collection import Hit
from sensorium.dialogue.carrying_out.outcomes import Outcome, only
from sensorium.dialogue.carrying_out.words import Words
from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.tools.found import Found, whole_of
from sensorium.dialogue.understanding.references import (
    shown,
)


class Films(Words):
    """Finds moments."""

    def _moment(self, plan: Plan) -> Outcome:
        if plan.fact == "which" or (plan.given and self._given):
            return self._which_in(plan)
        if plan.when and not plan.subject:
            return self._listen(plan)
        if not plan.subject and (again := self._moment_told(plan)) is not None:
            return again
        if plan.subject and (plan.reference is None or plan.reference.modality != "video"):
            said = self._call("passages", query=plan.subject, source="speech")
            if not said.nothing:
                return Outcome("told", plan, said.hits, said.citations, refers=only(said.hits))
        reference = plan.reference or Reference("kind", 1, plan.modality or "video")
        item = self._item(replace(plan, subject="", modality="", reference=reference))
        films = item.hits if isinstance(item, Outcome) and item.kind == "which" else ()
        if isinstance(item, Outcome) and not (films and plan.subject):
            return item
        tried = films if isinstance(item, Outcome) else (item,)
        several = [(self._call("moments", item=one.id, query=plan.subject), one) for one in tried]
        held = [pair for pair in several if not pair[0].nothing]
        if not held:
            if isinstance(item, Outcome):
                return item
            return self._about(plan, "no moment", item, several[0][0])
        found, film = max(held, key=lambda pair: _surest(pair[0]))
        return self._about(plan, "moment", film, found)

    def _moment_told(self, plan: Plan) -> Outcome | None:
        """When what was told last is said or shown: "at which second?"."""
        last = self._turns[-1].reply if self._turns else None
        if last is None or last.refused or last.asks:
            return None
        timed = tuple(one for one in last.citations if one.start is not None)
        if not timed:
            return None
        kind = "told" if all(one.quote for one in timed) else "moment"
        return Outcome(kind, plan, last.items, timed, refers=last.refers)

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


def _surest(found: Found) -> float:
    """How sure a moment is; of what is said, and of what is seen."""
    return max((1.0 if one.quote else one.probability or 0.0 for one in found.citations), default=0)
