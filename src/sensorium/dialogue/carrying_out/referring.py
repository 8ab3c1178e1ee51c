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
    resolve,
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
            shown = sum(len(turn.reply.citations) for turn in self._turns[-1:])
            return Resolved((whole_of(item),) if item is not None else (), shown=shown)
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

    def _about(self, plan: Plan, kind: str, hit: Hit, found: Found, **values: Any) -> Outcome:
        evidence = found.citations or (cited(whole_of(hit)),)
        return Outcome(
            kind, plan, (whole_of(hit),), evidence, refers=(hit.id,),
            values={**found.data, **values},
        )  # fmt: skip
