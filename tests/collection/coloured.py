"""Pictures of one colour each, and what is found of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sensorium import Hit

COLOURS = {
    "red": (255, 0, 0), "orange": (255, 120, 0), "green": (0, 255, 0), "lime": (120, 255, 0),
    "blue": (0, 0, 255), "violet": (120, 0, 255), "white": (255, 255, 255), "grey": (90, 90, 90),
}  # fmt: skip


def names(hits: Sequence[Hit]) -> list[str]:
    """Which of them were found, in order."""
    return [Path(hit.path).stem for hit in hits]
