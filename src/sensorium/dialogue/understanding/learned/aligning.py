"""A plan as classes and tags of the units that were said: what a network learns and is told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sensorium.dialogue.plan import Plan
from sensorium.dialogue.understanding.learned.labels import HEADS, TAGS
from sensorium.dialogue.understanding.learned.units import Unit, units

SMALL = frozenset((
    "a", "an", "the", "of", "with", "in", "on", "at", "and", "from", "for", "to", "is",
    "are", "was", "that", "which", "by", "的", "在", "有", "拍", "-", "'", "’", ",", ".", "、",
))  # fmt: skip
"""What may stand between the words of a span and belong to it."""


@dataclass(frozen=True)
class Marks:
    """A plan as the network is told it.

    Attributes
    ----------
    classes : dict of str to str
        Of each head.
    tags : list of int
        Of each unit of the request.
    """

    classes: dict[str, str]
    tags: list[int]


def marks_of(plan: Plan, found: Sequence[Unit]) -> Marks:
    """What the rules read of a request, in the network's classes and tags."""
    reference = plan.reference
    kind = reference.kind if reference is not None else ""
    if reference is not None and kind == "others" and reference.number == 1:
        kind = "other"
    adds = plan.same and bool(plan.subject)
    said = {
        "intent": plan.intent, "reference": kind,
        "reference kind": reference.modality if reference is not None else "",
        "kind": plan.modality, "order": plan.order, "than": plan.than, "fact": plan.fact,
        "when": plan.when, "page": "" if not plan.page else "last" if plan.page < 0 else "number",
        "widened": plan.widened,
        "goes on": "adds" if adds else "goes on" if plan.continues or plan.same else "",
    } | {
        name: "yes" if is_so else "" for name, is_so in (
            ("number", plan.number), ("dated", plan.after or plan.before),
            ("second", plan.second is not None), ("given", plan.given),
            ("definite", plan.definite), ("but one", plan.but_one), ("wrong", not plan.relevant),
        )
    }  # fmt: skip
    classes = {name: said[name] if said[name] in HEADS[name] else HEADS[name][0] for name in HEADS}
    words = [("subject", plan.subject), ("item", plan.item)]
    words += [("excluded", one) for one in plan.excluded]
    tags = tags_of(found, words) or [0] * len(found)
    return Marks(classes, tags)


def tags_of(found: Sequence[Unit], wanted: Iterable[tuple[str, str]]) -> list[int] | None:
    """Tags of units for the words of spans; None where words are not among them."""
    tags = [0] * len(found)
    for span, words in wanted:
        parts = [unit.text for unit in units(words)]
        places = _places(found, parts, tags) if parts else []
        if places is None:
            return None
        for number, place in enumerate(places):
            tags[place] = TAGS.index(f"{'I' if number else 'B'}-{span}")
    return tags


def _places(found: Sequence[Unit], wanted: Sequence[str], taken: Sequence[int]) -> list[int] | None:
    """Where words stand: the shortest stretch that holds them in order, small words between."""
    best: list[int] | None = None
    for begin, unit in enumerate(found):
        if unit.text != wanted[0] or taken[begin]:
            continue
        places, at = [begin], begin
        for word in wanted[1:]:
            at = next((n for n in range(at + 1, len(found))
                       if found[n].text == word and not taken[n]), -1)  # fmt: skip
            if at < 0:
                break
            places.append(at)
        if at >= 0 and (best is None or places[-1] - places[0] <= best[-1] - best[0]):
            best = places  # of two the later: who tells a story asks in the end
    if best is None:
        return None
    filled = []
    for one, other in zip(best, [*best[1:], best[-1]], strict=True):
        filled.append(one)
        between = range(one + 1, other)
        if all(found[n].text in SMALL and not taken[n] for n in between):
            filled += between
    return filled
