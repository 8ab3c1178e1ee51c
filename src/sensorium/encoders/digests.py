"""SHA-256 of files, large ones noted: an encoder's 60 MB would be read at every start.

A note holds while the file is the same one (its number and its device), of the same size, and its
times are the same: that of its content, and that of any change, which nobody can set. Where the
clock is too coarse for that, just after a file was written, nothing is noted (as in git's index).
On Windows, where no such time is told, nothing ever is.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import time
from pathlib import Path
from typing import Any

from sensorium.errors import WriteError
from sensorium.home import sensorium_home

CHUNK = 1 << 20  # bytes read at a time

LEAST_BYTES = 1 << 20
"""Of files that are noted; smaller ones are read as quickly."""

SETTLED_SECONDS = 10
"""So long after its last change a file is noted: network drives have clocks of their own."""

MOST_NOTES = 1000

NOTES = "digests.json"


def digest(path: Path) -> bytes:
    """SHA-256 of a file's content, 32 bytes.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    before = _facts(path)
    if before is None:
        return _computed(path)
    known = _notes().get(str(path.absolute()))
    if isinstance(known, list) and known[:-1] == before:
        with contextlib.suppress(TypeError, ValueError):
            return bytes.fromhex(known[-1])
    found = _computed(path)
    if _facts(path) == before and time.time() - max(before[-2:]) / 1e9 > SETTLED_SECONDS:
        _note(str(path.absolute()), [*before, found.hex()])
    return found


def _computed(path: Path) -> bytes:
    found = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            found.update(chunk)
    return found.digest()


def _facts(path: Path) -> list[int] | None:
    """What tells whether a file is as it was; None of one that is not noted."""
    status = path.stat()
    if status.st_size < LEAST_BYTES or os.name == "nt":
        return None
    return [status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns]


def _notes() -> dict[str, Any]:
    try:
        notes = json.loads((sensorium_home() / NOTES).read_bytes())
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def _note(path: str, note: list[Any]) -> None:
    """Keep a note; of two processes at once one may lose its own, and makes it again."""
    from sensorium.folders import whole

    notes = _notes()
    notes.pop(path, None)
    notes[path] = note
    kept = dict(list(notes.items())[-MOST_NOTES:])
    with contextlib.suppress(WriteError, OSError):
        sensorium_home().mkdir(parents=True, exist_ok=True)
        with whole(sensorium_home() / NOTES, shared=True) as part:
            part.write_text(json.dumps(kept))
