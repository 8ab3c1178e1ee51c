"""Keep a collection's log from being removed by another copy of SQLite in the same process.

POSIX locks belong to a process. A second copy of SQLite in it, such as Python's `sqlite3`, takes a
file that the first has open for nobody's, and when it closes it, it removes the log of changes:
what is written from then on is lost (sqlite.org/howtocorrupt.html, section 2.2.1). Locks of open
file descriptions (Linux) bind within a process, too. So each file that is open as a collection is
read-locked by them where SQLite looks whether anybody else is there. Where there are none (macOS),
it is told before anything is lost; Windows' locks belong to a handle and need no help.
"""

from __future__ import annotations

import contextlib
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

if sys.platform == "linux":
    import fcntl

_OPEN_DATABASE = (0x40000000 + 2, 510)
"""First byte and number of those that everyone who has a database open has read-locked."""

_OPEN_LOG = (128, 1)
"""The same in the log's index, the file that ends in -shm."""


@dataclass
class _Held:
    """Descriptors of one open file and its log's index, and how many connections share them."""

    descriptors: list[int] = field(default_factory=list)
    users: int = 0


_held: dict[tuple[int, int], _Held] = {}  # by device and inode
_mutex = RLock()  # a connection may be collected as garbage, and so closed, inside of it


class Guard:
    """Keeps the log of one database that is open in WAL mode.

    Parameters
    ----------
    path : Path
    """

    def __init__(self, path: Path) -> None:
        path = path.resolve()
        self._log = Path(f"{path}-shm")
        status = path.stat()
        self._key = (status.st_dev, status.st_ino)
        self._log_key = self._find_log()
        with _mutex:
            held = _held.setdefault(self._key, _Held())
            held.users += 1
            if held.users == 1 and sys.platform == "linux":
                for file, place in ((path, _OPEN_DATABASE), (self._log, _OPEN_LOG)):
                    # Nothing to keep, or a file system without such locks: `holds` tells.
                    with contextlib.suppress(OSError):
                        held.descriptors.append(os.open(file, os.O_RDONLY | os.O_CLOEXEC))
                        _lock(held.descriptors[-1], fcntl.F_RDLCK, *place)

    def _find_log(self) -> tuple[int, int] | None:
        if os.name != "posix":
            return None
        try:
            status = os.stat(self._log)  # noqa: PTH116 (a third of the time, in every write)
        except FileNotFoundError:
            return None
        return status.st_dev, status.st_ino

    @property
    def holds(self) -> bool:
        """Whether the log is still the one that was there when the database was opened."""
        return self._log_key is None or self._find_log() == self._log_key

    @contextlib.contextmanager
    def released(self) -> Iterator[None]:
        """Let go of the file, which SQLite closes inside."""
        with _mutex:
            held = _held[self._key]
            held.users -= 1
            if not held.users and sys.platform == "linux":
                for descriptor in held.descriptors:
                    with contextlib.suppress(OSError):
                        _lock(descriptor, fcntl.F_UNLCK, 0, 0)
            try:
                yield
            finally:
                # Not before: closing one gives up all POSIX locks of the process on the file.
                if not held.users:
                    del _held[self._key]
                    for descriptor in held.descriptors:
                        os.close(descriptor)


if sys.platform == "linux":

    def _lock(descriptor: int, kind: int, start: int, length: int) -> None:
        request = struct.pack("hhqqi0q", kind, os.SEEK_SET, start, length, 0)  # struct flock
        fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, request)
