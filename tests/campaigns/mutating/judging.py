"""Whether what is said of a file is said in plain words."""

from __future__ import annotations

import re

LONGEST = 400
"""Characters of a reason."""

_FAULTS = re.compile(
    r"\b[A-Z]\w*Error\b|\bstruct\.error\b|\bStopIteration\b|Traceback|NoneType|<class |object at 0x"
    r"|index out of range|out of bounds for axis|object is not|has no attribute|not subscriptable"
    r"|with base \d|could not convert|cannot reshape|broadcast|to unpack|unsupported operand"
    r"|can't decode|positional argument|argument must|dtype|bytes-like|division by zero"
    r"|requires a buffer|not in list|unhashable|indices must be"
)
"""What tells of a fault in a program rather than in a file."""

_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

_BROKE = "the library that reads it broke on it"
_KILLED = "the system ended the process that read it"
_TIME = re.compile(r"more than \d+ s of processor time")


def complaint(reason: str) -> str:
    """What is wrong with the words of a reason or a note; empty where nothing is."""
    if not reason.strip():
        return "no reason is given"
    if len(reason) > LONGEST:
        return f"the reason has {len(reason)} characters: {reason[:90]!r}"
    if found := _UNSEEN.search(reason):
        return f"the reason has a character that is obeyed, {found[0]!r}: {reason[:90]!r}"
    if found := _FAULTS.search(reason):
        return f"the reason is a programmer's: {reason!r:.170}"
    return ""


def ending_of(reason: str) -> str:
    """What a reason for skipping a file tells of how its reading ended."""
    if _BROKE in reason or _KILLED in reason:
        return "a worker ended"
    if _TIME.search(reason) or "memory" in reason:
        return "a limit reached"
    return "skipped"
