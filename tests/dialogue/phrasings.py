"""Reads requests and the plans that they mean, and compares what is understood with them.

A line of `requests/*.txt` is ``said | plan``; ``[1]`` before what is said: a picture came with it.
Several plans that are all right are parted by `` || ``, two requests in one turn by `` && ``. A
plan is its intent, then what else it holds, parted by semicolons:

- ``s:`` subject, ``x:`` what is excluded, ``m:`` modality, ``n:`` number, ``i:`` item named
- ``r:`` reference: its kind, number (``1+3`` of several, ``-1`` for the last) and modality
- ``d:`` ``after..before``, ``o:`` order, ``t:`` older or newer than, ``f:`` fact
- ``w:`` when, ``p:`` page, ``at:`` second, ``wide:`` condition that is dropped
- ``g`` media of the turn are meant, ``go`` it goes on from the plan before, ``add`` it adds its
  subject to that one's, ``def`` one of those shown is described, ``but`` all but that one
- ``wrong``: what is labelled is not what was asked for

What a line does not say is not to be in the plan. Words such as "a", "with" and "in" of a subject
do not count, nor does the kind of media where one of those shown is described.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sensorium.dialogue.plan import Plan

TODAY = datetime.date(2024, 11, 20)

FOLDER = Path(__file__).parent / "requests"

HELD_OUT = 3
"""Every third line is not looked at when words and rules are chosen."""

SMALL = frozenset((
    "a", "an", "the", "of", "with", "in", "on", "at", "and", "from", "for", "to", "is",
    "are", "was", "that", "which", "by",
))  # fmt: skip

SEARCHES = ("find", "count")


@dataclass(frozen=True)
class Phrasing:
    """What is said, with how many media, and the plans that are right for it."""

    said: str
    given: int
    wanted: tuple[tuple[dict[str, Any], ...], ...]
    section: str
    is_held_out: bool


def phrasings(language: str) -> list[Phrasing]:
    """All of a language."""
    return [*_read((FOLDER / f"{language}.txt").read_text("utf-8"))]


def _read(text: str) -> Iterator[Phrasing]:
    section, number = "", 0
    for line in text.splitlines():
        if line.startswith("= "):
            section = line[2:]
        if not line or line[0] in "#=":
            continue
        said, told = line.split(" | ", 1)
        given = re.match(r"\[(\d)\] (?=.)", said)
        wanted = tuple(
            tuple(plan_of(part.strip()) for part in way.split(" && ")) for way in told.split(" || ")
        )
        yield Phrasing(
            said[given.end() :] if given else said, int(given[1]) if given else 0, wanted,
            section, number % HELD_OUT == HELD_OUT - 1,
        )  # fmt: skip
        number += 1


def plan_of(told: str) -> dict[str, Any]:
    """The parts of a plan as a line tells it; see above."""
    intent, *rest = (part.strip() for part in told.split(";"))
    plan: dict[str, Any] = {"intent": intent}
    for part in rest:
        name, _, value = part.partition(":")
        value = value.strip()
        plan[name] = value or True
        if name == "s":
            plan[name] = _small(value)
        elif name == "x":
            plan[name] = frozenset(_small(one) for one in value.split(","))
        elif name == "r" and len(value.split()) == 1:
            plan[name] = f"{value} 1" if value in ("before", "last") else value
        elif name == "d":
            plan[name] = tuple(value.split(".."))
    return plan


def told(plan: Plan) -> dict[str, Any]:
    """A plan in the words of the files."""
    excluded = frozenset(map(_small, plan.excluded))
    fields: dict[str, Any] = {
        "s": _small(plan.subject) if plan.intent != "answer" else "",
        "x": excluded, "m": "" if plan.definite else plan.modality,
        "n": str(plan.number or ""), "i": plan.item, "r": _reference(plan),
        "d": (plan.after, plan.before) if plan.after or plan.before else (),
        "o": plan.order, "t": plan.than, "f": plan.fact if plan.intent != "is" else "",
        "w": plan.when, "p": str(plan.page or ""), "g": plan.given,
        "def": plan.definite, "but": plan.but_one, "wrong": not plan.relevant,
        "at": "" if getattr(plan, "second", None) is None else f"{plan.second:g}",
        "wide": getattr(plan, "widened", ""),
    }  # fmt: skip
    fields |= {"go": _goes_on(plan), "add": plan.same and bool(plan.subject)}
    if fields["add"]:
        fields["go"] = False
    return {"intent": plan.intent} | {name: value for name, value in fields.items() if value}


def _goes_on(plan: Plan) -> bool:
    """Whether it takes anything from the plan before, as what has conditions alone does."""
    if plan.intent == "pick" or (plan.intent == "count" and plan.continues):
        return plan.continues
    if plan.intent not in SEARCHES or plan.fact or plan.but_one or plan.definite:
        return False
    bare = not plan.subject and plan.has_conditions and not (plan.reference or plan.modality)
    is_short = plan.intent == "count" and not plan.subject and not plan.has_conditions
    is_short = is_short and not plan.reference
    return bool(plan.continues or plan.same or bare or is_short)


def _reference(plan: Plan) -> str:
    one = plan.reference
    if one is None:
        return ""
    numbered = one.kind in ("ordinal", "last", "first", "last few", "before", "turn", "citation",
                            "except") or (one.kind == "others" and one.number)  # fmt: skip
    numbers = [one.number, *(getattr(one, "more", ()) or ())] if numbered else []
    if getattr(one, "other", 0):
        numbers.append(one.other)
    return " ".join(filter(None, [one.kind, "+".join(map(str, numbers)), one.modality]))


def _small(text: str) -> str:
    if not text.isascii():
        return re.sub(r"[的在有拍\s]", "", text)
    return " ".join(word for word in text.casefold().split() if word not in SMALL)


def is_right(phrasing: Phrasing, plans: tuple[Plan, ...]) -> bool:
    """Whether these are plans that are right for it."""
    found = tuple(map(told, plans))
    return any(len(way) == len(found) and all(map(_fits, found, way)) for way in phrasing.wanted)


def _fits(found: dict[str, Any], wanted: dict[str, Any]) -> bool:
    if wanted.get("def"):
        wanted = {name: value for name, value in wanted.items() if name != "m"}
    # To go on from the plan before changes nothing where the items are named.
    is_same_either_way = "r" in wanted or wanted["intent"] not in SEARCHES
    if wanted["intent"] not in (*SEARCHES, "pick"):
        wanted = {name: value for name, value in wanted.items() if name != "go"}
    return found == wanted or (is_same_either_way and found == {**wanted, "go": True})
