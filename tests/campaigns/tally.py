"""What a campaign has tried, and what came of it."""

from __future__ import annotations

import sys
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass
class Tally:
    """One row of the table.

    Attributes
    ----------
    name : str
        What was attacked, and how: "mutants of PDF".
    tried : int
    wrong : list of str
        For each attack that was not met as it should be: its number and what happened.
    memory : int
        Most bytes that a process held because of one attack, where that is measured.
    seconds : float
        Most processor time that one attack took, where that is measured.
    endings : dict
        How often attacks ended in which right way, where there are several: added, skipped ...
    """

    name: str
    tried: int = 0
    wrong: list[str] = field(default_factory=list)
    memory: int = 0
    seconds: float = 0.0
    endings: dict[str, int] = field(default_factory=dict)

    def count(self, ending: str) -> None:
        """Count one of the ways in which attacks end."""
        if ending:
            self.endings[ending] = self.endings.get(ending, 0) + 1

    def fail(self, what: str) -> None:
        """Keep what was wrong, and say it at once: a campaign takes long."""
        self.wrong.append(what)
        print(f"wrong: {self.name}: {what}", file=sys.stderr, flush=True)

    def took(self, memory: int = 0, seconds: float = 0.0) -> None:
        """Keep the most that an attack has cost."""
        self.memory, self.seconds = max(self.memory, memory), max(self.seconds, seconds)

    def as_row(self) -> dict[str, Any]:
        """Values for JSON."""
        return asdict(self)


def joined(tallies: list[Tally]) -> list[Tally]:
    """One tally for each name, of pieces that were run apart."""
    found: dict[str, Tally] = {}
    for one in tallies:
        whole = found.setdefault(one.name, Tally(one.name))
        whole.tried += one.tried
        whole.wrong += one.wrong
        whole.took(one.memory, one.seconds)
        for ending, times in one.endings.items():
            whole.endings[ending] = whole.endings.get(ending, 0) + times
    return list(found.values())


def table(tallies: list[Tally]) -> str:
    """A Markdown table of tried, right and wrong."""
    rows = ["| attack | tried | right | wrong | most memory | most processor time |",
            "|---|---:|---:|---:|---:|---:|"]  # fmt: skip
    for one in tallies:
        memory = f"{one.memory / 1e6:,.0f} MB" if one.memory else ""
        seconds = f"{one.seconds:.1f} s" if one.seconds else ""
        right = one.tried - len(one.wrong)
        counts = f"{one.tried:,} | {right:,} | {len(one.wrong):,}"
        rows.append(f"| {one.name} | {counts} | {memory} | {seconds} |")
    endings: dict[str, int] = {}
    for one in tallies:
        for ending, times in one.endings.items():
            endings[ending] = endings.get(ending, 0) + times
    if endings:
        rows.append("\nOf these: " + ", ".join(f"{n:,} {one}" for one, n in endings.items()))
    return "\n".join(rows)
