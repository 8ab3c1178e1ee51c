"""When something is said or shown in recordings and films."""

from __future__ import annotations

from dataclasses import replace

from sensorium.collection import Hit
from sensorium.dialogue.carrying_out.outcomes import Outcome, only
from sensorium.dialogue.carrying_out.words import Words
from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.tools.found import whole_of
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
        if plan.subject and (plan.reference is None or plan.reference.modality != "video"):
            said = self._call("passages", query=plan.subject, source="speech")
            if not said.nothing:
                return Outcome("told", plan, said.hits, said.citations, refers=only(said.hits))
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
