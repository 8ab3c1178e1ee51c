"""How far a training is that runs on other machines: what its processes say, and who asked hears.

It lives in a process of its own beside who asked. If that is killed, another takes its place that
knows nothing: what matters is said again, by workers and by what lies in the training's folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

MOST_BARREN = 3
"""Starts in a row that got no further than the one before. What kills its process each time, such
as too little memory, is not tried for ever."""

Step = tuple[str, int, int, Mapping[str, float]]
"""What is being done, how far it is, of how many, and figures."""


class RunState:
    """What is known of a training; called by workers and by who asked for it."""

    def __init__(self) -> None:
        self._step: Step | None = None
        self._stages: list[str] = []
        self._furthest = self._last_start = (-1, -1)
        self._barren = 0
        self._starts = 0
        self._trouble = ""
        self._error: tuple[str, str] | None = None
        self._report: dict[str, Any] | None = None
        self._is_stopped = False

    def start(self) -> bool:
        """Count a start of the first worker; says whether there is anything to be done."""
        self._starts += 1
        if self._starts > 1:
            self._barren = self._barren + 1 if self._furthest <= self._last_start else 0
        self._last_start = self._furthest
        if self._barren >= MOST_BARREN:
            trouble = self._trouble or "they were killed, or their machines were lost"
            self.fail(
                "EncoderError",
                f"the training on Ray got no further in {MOST_BARREN + 1} starts ({trouble}): "
                "have they enough memory?",
            )
        return not self.is_over()

    def is_over(self) -> bool:
        """Whether it has succeeded, failed for a reason that will not change, or was stopped."""
        return self._is_stopped or self._error is not None or self._report is not None

    def note(
        self, what: str, done: int = 0, total: int = 0, figures: Mapping[str, float] | None = None
    ) -> bool:
        """Take in how far it is; says whether it is to go on."""
        if what not in self._stages:
            self._stages.append(what)
        self._furthest = max(self._furthest, (self._stages.index(what), done))
        self._step = what, done, total, figures or {}
        return not self._is_stopped

    def trouble(self, reason: str) -> None:
        """Take in why a worker ended that may do better the next time."""
        self._trouble = reason

    def fail(self, kind: str, reason: str) -> None:
        """Take in an error that the next start would meet again; the first counts."""
        self._error = self._error or (kind, reason)

    def finish(self, report: dict[str, Any]) -> None:
        """Take in what it led to."""
        self._report = report

    def stop(self) -> None:
        """End it at its next step."""
        self._is_stopped = True

    def look(self) -> tuple[Step | None, tuple[str, str] | None, dict[str, Any] | None]:
        """How far it is, and its error or report where it is over."""
        return self._step, self._error, self._report
