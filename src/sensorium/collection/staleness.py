"""Whether files are as they were when they were indexed: by size and time, nothing is read."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from threading import Thread
from typing import TYPE_CHECKING

from sensorium.collection.rows import FileState
from sensorium.encoders.trust import may_look_at

if TYPE_CHECKING:
    from sensorium.collection.results import Item

CHANGED, GONE, UNREACHABLE = "changed", "gone", "unreachable"
"""States of a file that is not, or not known to be, what was indexed; "" is that of all others."""

PATIENCE = 2.0
"""Seconds without an answer: servers that are gone let a program wait for minutes."""

SIDE_BY_SIDE = 64
"""Files that may be waited for at once; beyond so many that do not answer, others are not seen."""

Indexed = tuple[int, int] | None
"""Size in bytes and time of change in ns that a file had; zeros where there was no file here."""


def state_of(path: str, indexed: Indexed) -> str:
    """The state of one file: "", `CHANGED`, `GONE` or `UNREACHABLE`; waits for what is slow.

    What is no absolute path never was a file here (a URL, a key of vectors made elsewhere), and
    what lies on a machine that nobody has named here is not looked at: nothing is known of either.
    """
    if indexed is None or not os.path.isabs(path) or not may_look_at(path):  # noqa: PTH117
        return ""
    try:
        now = FileState.of(path, os.stat(path))  # noqa: PTH116
    except (FileNotFoundError, NotADirectoryError):
        return GONE
    except (OSError, ValueError):
        return UNREACHABLE
    # Vectors that were made before their file was here say nothing of it.
    return "" if indexed in ((now.size, now.mtime_ns), (0, 0)) else CHANGED


def states_of(items: Sequence[Item], patience: float = PATIENCE) -> list[str]:
    """The state of each file, as `Item.state` has it, in bounded time.

    Parameters
    ----------
    items : sequence of Item
    patience : float
        Seconds without an answer after which files are looked at side by side, and then given up:
        what has not answered is `UNREACHABLE`. A system call that waits for a server cannot be
        ended, so the threads that wait are left alone, and end with the process.
    """
    found: dict[int, str] = {}
    waiting = iter(range(len(items)))

    def look() -> None:
        for row in waiting:
            found[row] = state_of(items[row].path, items[row].indexed)

    for workers in (1, SIDE_BY_SIDE):
        left = len(items) - len(found)
        threads = [Thread(target=look, daemon=True) for _ in range(min(workers, left))]
        for thread in threads:
            thread.start()
        _wait(threads, found, patience)
    return [found.get(row, UNREACHABLE) for row in range(len(items))]


def _wait(threads: Sequence[Thread], found: dict[int, str], patience: float) -> None:
    """Wait for threads as long as they find something."""
    before, since = len(found), time.monotonic()
    for thread in threads:
        while thread.is_alive():
            thread.join(patience / 20)
            if len(found) > before:
                before, since = len(found), time.monotonic()
            elif time.monotonic() - since > patience:
                return
