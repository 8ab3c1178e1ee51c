"""What is wrong with a 3-D file, in words."""

from __future__ import annotations

from sensorium.errors import MediaError
from sensorium.media.decoding import described
from sensorium.visible import visible

SHOWN = 100
"""Characters of a name in a note."""

MAX_NOTES = 50
"""Notes on one object; the rest is counted."""


class DamagedError(ValueError):
    """What a file says cannot be; its text says what."""


def plainly(error: BaseException) -> str:
    """What an error that reading raised says of the file, for notes."""
    return error.reason if isinstance(error, MediaError) else described(error)


def shown(name: str) -> str:
    """A name out of a file for a note: not all of a long one, and nothing that a screen obeys."""
    return visible(name if len(name) <= SHOWN else f"{name[: SHOWN - 3]}...")


def fewer(notes: list[str]) -> list[str]:
    """Notes as they are, each once; the first `MAX_NOTES` of very many."""
    notes = list(dict.fromkeys(notes))
    if len(notes) <= MAX_NOTES:
        return notes
    return [*notes[:MAX_NOTES], f"and {len(notes) - MAX_NOTES:,} more"]
