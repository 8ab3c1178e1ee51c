"""Taking words out of a request: what is recognised goes, what is left over is the subject."""

from __future__ import annotations

import re

GAP = "\x1f"
"""Stands where something was taken out, so that no pattern reaches across."""


class Scan:
    """A request of which parts are taken.

    Parameters
    ----------
    text : str
    """

    def __init__(self, text: str) -> None:
        self.rest = text

    def take(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Take the first match out of what is left; None where there is none."""
        match = pattern.search(self.rest)
        if match is not None:
            self.rest = self.rest[: match.start()] + GAP + self.rest[match.end() :]
        return match

    def take_all(self, pattern: re.Pattern[str]) -> list[re.Match[str]]:
        """Take all matches."""
        found = []
        while (match := self.take(pattern)) is not None:
            found.append(match)
        return found

    def has(self, pattern: re.Pattern[str]) -> bool:
        """Whether it is in what is left."""
        return pattern.search(self.rest) is not None
