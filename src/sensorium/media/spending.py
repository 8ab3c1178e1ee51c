"""Processor time that a file may still take: much at once, and a little more for all it gives.

A time for each item alone would let a file of a thousand pages, or of a day of sound, take it a
thousand times. So each file has an account. It begins full (`full`, by its size), each item and
each call that is answered brings `SECONDS_AN_ITEM`, up to what it began with, and what is used is
taken away: a token bucket. Honest files give an item in less than it brings.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from pathlib import Path

SECONDS_AN_ITEM = 2.0
"""What an item brings: decoding two seconds of a 4K film takes one, a page or a window of sound a
twentieth."""

MOST_ACCOUNTS = 10_000
"""Files that are remembered: those that are read at the same time, by far."""

ENDS = 1 << 16
"""Bytes of both ends of a file in memory that tell it from others."""


class Accounts:
    """What files have left."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: OrderedDict[object, float] = OrderedDict()

    def left(self, file: object, full: float) -> float:
        """Seconds that a call may take, never less than an item brings: several run at once."""
        with self._lock:
            return max(SECONDS_AN_ITEM, min(full, self._left.get(file, full)))

    def change(self, file: object, full: float, seconds: float) -> None:
        """Note what a call has brought, less what it has used."""
        with self._lock:
            self._left[file] = min(full, self._left.pop(file, full) + seconds)
            if len(self._left) > MOST_ACCOUNTS:
                self._left.popitem(last=False)

    def close(self, file: object) -> None:
        """Forget a file whose reading has failed: who tries it again begins anew."""
        with self._lock:
            self._left.pop(file, None)


def identity(source: object) -> object:
    """What tells a file from others: a path as it is on disk now, or content."""
    if isinstance(source, (bytes, bytearray)):
        return len(source), hash(bytes(source[:ENDS])), hash(bytes(source[-ENDS:]))
    if isinstance(source, Path):
        try:
            status = os.stat(source)  # noqa: PTH116
        except (OSError, ValueError):
            return str(source)
        return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
    return None
