"""How many requests are understood: by rules alone, by the network alone, by both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from recipes.requests.lines import Line
from sensorium.dialogue.plan import Plan
from sensorium.dialogue.understanding.learned.reader import Reader
from sensorium.dialogue.understanding.requests import understand_all
from tests.dialogue.phrasings import TODAY, Phrasing, is_right, told

SYSTEMS = ("rules", "network", "both")
COLUMNS = ("intent", "reference", "span F1", "whole plan")


@dataclass
class Counts:
    """What one system got right of `lines` lines."""

    lines: int = 0
    right: Counter[str] = field(default_factory=Counter)
    found: int = 0
    wanted: int = 0
    common: int = 0

    def add(self, line: Line, plans: tuple[Plan, ...]) -> None:
        """Count one line."""
        self.lines += 1
        said = told(plans[0])
        ways = [way[0] for way in line.ways]
        for name, key in (("intent", "intent"), ("reference", "r")):
            self.right[name] += any(said.get(key) == way.get(key) for way in ways)
        self.right["whole plan"] += is_right(
            Phrasing(line.said, line.given, line.ways, "", False), plans
        )
        wanted = max((_spans(way) for way in ways), key=lambda spans: len(spans & _spans(said)))
        self.found += len(_spans(said))
        self.wanted += len(wanted)
        self.common += len(wanted & _spans(said))

    def row(self) -> list[float]:
        """Shares, in the order of `COLUMNS`."""
        f1 = 2 * self.common / max(1, self.found + self.wanted)
        shares = {name: count / max(1, self.lines) for name, count in self.right.items()}
        return [f1 if name == "span F1" else shares.get(name, 0.0) for name in COLUMNS]


def _spans(plan: dict[str, object]) -> set[tuple[str, str]]:
    parts = {(name, str(plan[name])) for name in ("s", "i") if plan.get(name)}
    excluded = plan.get("x")
    return parts | {
        ("x", str(one)) for one in (excluded if isinstance(excluded, frozenset) else ())
    }


def measured(lines: Iterable[Line], reader: Reader) -> dict[str, Counts]:
    """What each system gets right."""
    counts = {name: Counts() for name in SYSTEMS}
    for line in lines:
        for name in SYSTEMS:
            counts[name].add(line, plans_of(line, name, reader))
    return counts


def plans_of(line: Line, system: str, reader: Reader) -> tuple[Plan, ...]:
    """What one system understands of a line."""
    return understand_all(
        line.said, line.language, TODAY, given=line.given, before=line.before,
        reader=None if system == "rules" else reader, alone=system == "network",
    )  # fmt: skip


def table(counts: dict[str, Counts], languages: Sequence[str] = ()) -> str:
    """A Markdown table."""
    rows = [f"| understood by | lines | {' | '.join(COLUMNS)} |", "|---" * (2 + len(COLUMNS)) + "|"]
    for name, one in counts.items():
        shares = " | ".join(f"{share:.3f}" for share in one.row())
        rows.append(f"| {name} | {one.lines} | {shares} |")
    return "\n".join(rows)
