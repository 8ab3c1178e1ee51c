"""What came of a plan, to be told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensorium.collection import Hit
from sensorium.dialogue.plan import Plan
from sensorium.dialogue.turns import Citation


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

    @property
    def is_sure(self) -> bool:
        """Whether a search found what is surely what was sought."""
        return self.kind == "found" and bool(self.values.get("sure"))

    @property
    def leads_nowhere(self) -> bool:
        """Whether nothing came of it but a refusal, or a question back.

        Which of several is meant is a question that a person may well have left open.
        """
        return self.refused or (self.asks and self.kind != "which")


REFUSALS = frozenset(
    {"nothing", "none counted", "unsaid", "unwritten", "unheard", "undated", "unknown fact",
     "unanswered", "no moment", "not among", "no more", "unseen", "not shown"}
)  # fmt: skip
QUESTIONS = frozenset({"which", "what", "nothing shown", "too few", "none given", "given gone"})


def only(hits: Sequence[Hit]) -> tuple[int, ...]:
    """What a reply is about, where it is one item."""
    ids = {hit.id for hit in hits}
    return tuple(ids) if len(ids) == 1 else ()
