"""What every way of carrying out needs: calls of tools, and the items that are referred to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorium.collection import Hit
from sensorium.dialogue.carrying_out.outcomes import Outcome
from sensorium.dialogue.plan import Plan, Reference
from sensorium.dialogue.tools.found import Found, cited, whole_of
from sensorium.dialogue.tools.toolbox import Toolbox
from sensorium.dialogue.turns import Step, Turn
from sensorium.dialogue.understanding.references import (
    Resolved,
    cited_before,
    in_focus,
    resolve,
    shown,
)

NEAREST = 3
"""Items that are shown where nothing matches, as what is nearest."""

SHOWN = 10


class Referring:
    """Calls tools, and finds the items that a request refers to.

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

    def _call(self, tool: str, **arguments: Any) -> Found:
        given = {name: value for name, value in arguments.items() if value not in ("", (), [], 0)}
        found, step = self._toolbox.call(tool, given)
        self.steps.append(step)
        return found

    def _resolved(self, reference: Reference) -> Resolved:
        if reference.kind == "citation":
            number = cited_before(self._turns, reference.number)
            item = self._toolbox.collection.get(number) if number else None
            told = sum(len(turn.reply.citations) for turn in self._turns[-1:])
            return Resolved((whole_of(item),) if item is not None else (), shown=told)
        resolved = resolve(reference, self._turns)
        if resolved.hits or resolved.among or not reference.modality:
            return resolved
        if reference.kind == "others" and reference.number == 1:
            return self._only_other(reference.modality) or resolved
        if reference.kind not in ("kind", "it"):
            return resolved
        # "The film", which was not talked about yet: the only one that there is.
        found = self._call("search", modality=reference.modality, k=SHOWN)
        return Resolved(found.hits) if len(found.hits) == 1 else Resolved(among=found.hits)

    def _only_other(self, modality: str) -> Resolved | None:
        """The one of its kind beside that which is talked about: "the other film"."""
        ids = [hit.id for hit in (in_focus(self._turns), *shown(self._turns)) if hit is not None]
        found = self._call("search", modality=modality, not_among=ids, k=SHOWN) if ids else None
        return Resolved(found.hits) if found is not None and len(found.hits) == 1 else None

    def _unclear(self, plan: Plan, resolved: Resolved) -> Outcome | None:
        if resolved.hits:
            return None
        if resolved.among:
            return Outcome("which", plan, resolved.among, values={"among": len(resolved.among)})
        if resolved.shown:
            return Outcome("too few", plan, values={"shown": resolved.shown})
        return Outcome("nothing shown", plan)

    def _about(self, plan: Plan, kind: str, hit: Hit, found: Found, **values: Any) -> Outcome:
        evidence = found.citations or (cited(whole_of(hit)),)
        return Outcome(
            kind, plan, (whole_of(hit),), evidence, refers=(hit.id,),
            values={**found.data, **values},
        )  # fmt: skip
