"""Whether files are as they were when they were indexed: by size and time, nothing is read."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
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

NEAR = frozenset(
    {"btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "iso9660", "overlay", "squashfs", "tmpfs",
     "vfat", "xfs", "zfs"}
)  # fmt: skip
"""File systems that wait for no server. A thread for each answer of a search costs little of a
processor, and a turn of it: beside other programs, up to 27 of 39 ms."""

NEAR_SECONDS, MOST_NEAR = 60.0, 4096
"""That a folder is taken to lie on such a one, and how many are remembered."""

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
    found = {
        row: state_of(item.path, item.indexed)
        for row, item in enumerate(items)
        if _is_near(item.path)
    }
    waiting = iter([row for row in range(len(items)) if row not in found])

    def look() -> None:
        for row in waiting:
            found[row] = state_of(items[row].path, items[row].indexed)
            _note_if_near(items[row].path)

    for workers in (1, SIDE_BY_SIDE):
        left = len(items) - len(found)
        threads = [Thread(target=look, daemon=True) for _ in range(min(workers, left))]
        for thread in threads:
            thread.start()
        _wait(threads, found, patience)
    return [found.get(row, UNREACHABLE) for row in range(len(items))]


_near: dict[str, float] = {}
"""Folders that answered and wait for no server, and until when that is believed."""


def _is_near(path: str) -> bool:
    """Whether looking at a file is known to wait for nobody: no link may lead elsewhere."""
    until = _near.get(os.path.dirname(path))  # noqa: PTH120
    return until is not None and time.monotonic() < until and not os.path.islink(path)  # noqa: PTH114


def _note_if_near(path: str) -> None:
    """Remember the folder of a file that has answered, where it waits for no server."""
    folder = os.path.dirname(path)  # noqa: PTH120
    if not os.path.isabs(path) or not may_look_at(path):  # noqa: PTH117
        return
    try:
        device = os.stat(folder).st_dev  # noqa: PTH116
        mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
    except (OSError, ValueError):  # no such folder; not on Linux
        return
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in mounts.splitlines():
        told, _, kind = line.partition(" - ")
        if told.split()[2:3] == [number] and kind.partition(" ")[0] in NEAR:
            if len(_near) >= MOST_NEAR:
                _near.clear()
            _near[folder] = time.monotonic() + NEAR_SECONDS
            return


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
