"""A text cut into what is spoken in one go."""

from __future__ import annotations

import re
from collections.abc import Iterator

LONGEST = 240
"""Characters that a voice is given at once: a long sentence is parted at commas, then at spaces.
What it needs in memory grows with that."""

_ENDS = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？；…])[”’」』）]*|\n\s*\n|\n(?=\s*[-*•])")
_PAUSES = re.compile(r"(?<=[,;:—])\s+|(?<=[，、：；])")
_NO_END = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|Mt|Jr|Sr|vs|etc|No|Fig|e\.g|i\.e|cf|approx|[A-Z])\.)$"
)


def sentences(text: str, longest: int = LONGEST) -> Iterator[str]:
    """Cut a text into what is spoken in one go.

    Parameters
    ----------
    text : str
    longest : int
        Characters of a piece.

    Yields
    ------
    str
        Without space around it; none is empty. Together they are the text, but for space.
    """
    held = ""
    for part in _split(_ENDS, text):
        held = f"{held}{_between(held)}{part}"
        if _NO_END.search(held):
            continue
        yield from _short(held, longest)
        held = ""
    if held:
        yield from _short(held, longest)


def _split(ends: re.Pattern[str], text: str) -> Iterator[str]:
    start = 0
    for end in ends.finditer(text):
        stop = end.end()
        if part := " ".join(text[start:stop].split()):
            yield part
        start = stop
    if part := " ".join(text[start:].split()):
        yield part


def _short(sentence: str, longest: int) -> Iterator[str]:
    """Pieces of a sentence that are short enough, as long as possible."""
    held = ""
    for part in _split(_PAUSES, sentence):
        while len(part) > longest:
            cut = part.rfind(" ", 1, longest) if " " in part[1:longest] else longest
            if held:
                yield held
                held = ""
            yield part[:cut].strip()
            part = part[cut:].strip()
        if held and len(held) + len(part) + 1 > longest:
            yield held
            held = ""
        held = f"{held}{_between(held)}{part}"
    if held:
        yield held


def _between(before: str) -> str:
    """What stands between two pieces: Chinese signs have their space within."""
    return "" if not before or before[-1] in "，、：；。！？…" else " "
