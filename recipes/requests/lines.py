"""Reads requests that plans are written for, and makes targets of the plans.

A line is ``said | plan`` as `tests/dialogue/phrasings.py` has it, with ``previous request >> ``
before it where it goes on from one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorium.dialogue.understanding.learned.aligning import tags_of
from sensorium.dialogue.understanding.learned.labels import HEADS
from sensorium.dialogue.understanding.learned.units import units
from tests.dialogue.phrasings import plan_of

PARTS = frozenset(
    ["intent", "s", "x", "m", "n", "i", "r", "d", "o", "t", "f", "w", "p", "at", "wide", "g", "go",
     "add", "def", "but", "wrong"]
)  # fmt: skip
"""Of plans as lines tell them."""


@dataclass(frozen=True)
class Line:
    """A request, the one before it, and the plans that are right."""

    said: str
    before: str
    given: int
    ways: tuple[tuple[dict[str, Any], ...], ...]
    author: str
    told: str = ""

    @property
    def language(self) -> str:
        return "zh" if re.search(r"[\u3400-\u9fff]", self.said) else "en"


@dataclass(frozen=True)
class Target:
    """Classes of heads, and tags of units; no tags where the words of the plan are not found."""

    classes: dict[str, int]
    tags: list[int] | None = field(default=None)


def read(path: Path) -> tuple[list[Line], list[str]]:
    """The lines of a file, and those that cannot be read, with the reason."""
    found, wrong = [], []
    for text in path.read_text("utf-8").splitlines():
        if not text.strip() or text[0] in "#=":
            continue
        said, bar, told = text.rpartition(" | ")
        said, before = said.strip(), ""
        given = re.match(r"\[(\d)\]\s*(?=.)", said)
        if given:
            said = said[given.end() :]
        if " >> " in said:
            before, _, said = said.partition(" >> ")
            if not given and (given := re.match(r"\[(\d)\]\s*(?=.)", said)):
                said = said[given.end() :]
        try:
            ways = tuple(
                tuple(plan_of(part.strip()) for part in way.split(" && "))
                for way in told.split(" || ")
            )
            for way in ways:
                for plan in way:
                    classes_of(plan)
            if not bar or not said:
                raise ValueError("no request or no plan")
        except (ValueError, KeyError) as error:
            wrong.append(f"{path.name}: {text}: {error}")
            continue
        found.append(Line(said.strip(), before.strip(), int(given[1]) if given else 0, ways,
                          path.stem, told))  # fmt: skip
    return found, wrong


def target(line: Line) -> Target:
    """What is learned of the first plan of a line with one request."""
    plan = line.ways[0][0]
    wanted = [("subject", plan.get("s", "")), ("item", plan.get("i", ""))]
    wanted += [("excluded", one) for one in sorted(plan.get("x", ()), key=len, reverse=True)]
    return Target(classes_of(plan), tags_of(units(line.said), wanted))


def classes_of(plan: dict[str, Any]) -> dict[str, int]:
    """The class of each head.

    Raises
    ------
    ValueError
        For what is no class.
    """
    reference = re.fullmatch(
        r"(it|those|two|ordinal|last few|last|middle|first|except|kind|others|before|next|turn"
        r"|citation|given)(?:\s+([\d+-]+))?(?:\s+(image|video|audio|text|mesh))?",
        plan.get("r", "it"),
    )
    if reference is None:
        raise ValueError(f"no reference: {plan['r']}")
    kind = reference[1] if "r" in plan else ""
    if kind == "others" and reference[2] == "1":
        kind = "other"
    page = str(plan.get("p", ""))
    unknown = {*plan} - PARTS
    if unknown:
        raise ValueError(f"no part of a plan: {unknown}")
    said = {
        "intent": plan["intent"], "reference": kind, "reference kind": reference[3] or "",
        "kind": plan.get("m", ""), "order": plan.get("o", ""), "than": plan.get("t", ""),
        "fact": plan.get("f", "") if plan.get("f") != "there" else "", "when": plan.get("w", ""),
        "page": "" if not page else "last" if page.startswith("-") else "number",
        "widened": plan.get("wide", ""),
        "goes on": "adds" if plan.get("add") else "goes on" if plan.get("go") else "",
    } | {
        name: "yes" if plan.get(short) else ""
        for name, short in (("number", "n"), ("dated", "d"), ("second", "at"), ("given", "g"),
                            ("definite", "def"), ("but one", "but"), ("wrong", "wrong"))
    }  # fmt: skip
    return {name: HEADS[name].index(value) for name, value in said.items()}
