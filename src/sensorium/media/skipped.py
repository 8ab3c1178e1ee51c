"""What could not be used, and why: one bad file is passed over and told, and stops nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that could not be used.

    Attributes
    ----------
    path : str
        The file, or where it was named: ``photos.csv:12``.
    reason : str
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something in a file that was used that could not be: a track, a page, a layer.

    Attributes
    ----------
    path : str
    reason : str
    """

    path: str
    reason: str


def group_skipped(skipped: Iterable[Skipped | Note], named: int = 3) -> list[str]:
    """One line for each reason: how often it occurred, and the first names."""
    by_reason: dict[str, list[str]] = {}
    for item in skipped:
        by_reason.setdefault(item.reason, []).append(item.path)
    lines = []
    for reason, names in by_reason.items():
        more = f" and {len(names) - named:,} more" if len(names) > named else ""
        told = f"{', '.join(names[:named])}{more}"
        lines.append(
            f"{told}: {reason}" if len(names) == 1 else f"{len(names):,} ({told}): {reason}"
        )
    return lines


def first_of(skipped: Sequence[Skipped]) -> str:
    """The end of a message that too little is left: what was skipped first, if anything was."""
    if not skipped:
        return ""
    return f"; the first that was skipped: {skipped[0].path} ({skipped[0].reason})"
