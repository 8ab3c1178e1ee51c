"""Small pictures that were made, kept for the next one who asks: the latest, up to a limit."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from pathlib import Path

from sensorium.folders import whole

LOOKED = 20
"""Sums are made anew when a so-manieth of the limit was written: other processes write, too."""

LEFT = 0.9
"""What of the limit is left when it was reached, so that it is not at once again."""

NOTED_SECONDS = 60.0
"""Between two notes that a picture was asked for."""


class Thumbnails:
    """A folder of small pictures by name; those that were not asked for the longest are removed.

    Several processes may have one folder. Together they go beyond the limit by a twentieth of it
    each and by what is being written just then, at most.

    Parameters
    ----------
    folder : Path
        It is made.
    most_bytes : int
        Of all pictures; with 0 none is kept.
    """

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most = folder, most_bytes
        self._written = most_bytes  # what is there already is not known
        self._lock = threading.Lock()

    def get(self, name: str) -> bytes | None:
        """Give a picture that is kept, and note that it was asked for."""
        path = self._path(name)
        try:
            content = path.read_bytes()
            if path.stat().st_mtime < time.time() - NOTED_SECONDS:
                os.utime(path)
        except OSError:
            return None
        return content

    def keep(self, name: str, content: bytes) -> None:
        """Keep what can be made again; a full disk is no reason not to show it."""
        if len(content) > self._most:
            return
        path = self._path(name)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole(path, shared=True) as part:
                part.write_bytes(content)
        except OSError:
            return
        with self._lock:  # who writes while room is made waits, else the limit would be none
            self._written += len(content)
            if self._written > self._most / LOOKED:
                self._written = 0
                self._make_room()

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / f"{name}.webp"

    def _make_room(self) -> None:
        """Remove the oldest where all are more than may be."""
        found: list[tuple[float, int, Path]] = []
        for path in self._folder.glob("??/*"):
            with contextlib.suppress(OSError):  # another process has removed it
                stat = path.stat()
                found.append((stat.st_mtime, stat.st_size, path))
        left = sum(size for _, size, _ in found)
        if left <= self._most:
            return
        for _, size, path in sorted(found):
            if left <= self._most * LEFT:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            left -= size
