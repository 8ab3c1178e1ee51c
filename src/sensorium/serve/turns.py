"""Heavy work, some of it at a time: what would wait for long is told to come again."""

from __future__ import annotations

import threading

from sensorium.serve.batching import BusyError


class Turns:
    """A context that a few threads are in at a time, and a few more wait for.

    Parameters
    ----------
    running, waiting : int
        At most.
    """

    def __init__(self, running: int, waiting: int) -> None:
        self.running, self.waiting = running, waiting
        self._free = threading.Semaphore(running)
        self._count = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            if self._count >= self.running + self.waiting:
                raise BusyError(self._count, 5, "heavy requests are worked on or wait")
            self._count += 1
        self._free.acquire()

    def __exit__(self, *_: object) -> None:
        self._free.release()
        with self._lock:
            self._count -= 1
