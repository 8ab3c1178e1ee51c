"""Loaded models: shared by all who need them, bounded in memory, put away when nobody does.

A model takes seconds to load and up to gigabytes to hold. Whoever needs one borrows it with
`Loaded.using`; as long as it is lent it stays, and it stays for the next one, too, until it was
idle for a while or room is needed for another.
"""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

IDLE_SECONDS = 600.0
"""Seconds after its last use in which a model is still at hand."""

SHARE = 0.5
"""Of the machine's memory, what all models together may take: media and vectors need the rest."""

T = TypeVar("T")


@dataclass
class _Entry:
    size: int
    model: Any = None
    lent: int = 0
    used: float = 0.0
    loading: threading.Lock = field(default_factory=threading.Lock)


class Loaded:
    """Keeps models for who needs them next.

    Parameters
    ----------
    most_bytes : int, optional
        What models that nobody uses may take, together with those in use; `SHARE` of the machine's
        memory by default. One that is larger by itself is loaded, and put away after its use.
    idle_seconds : float
    clock : callable
        Seconds; for tests.
    """

    def __init__(
        self,
        most_bytes: int | None = None,
        idle_seconds: float = IDLE_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.most_bytes = int(SHARE * memory_of_machine()) if most_bytes is None else most_bytes
        self.idle_seconds = idle_seconds
        self._clock = clock
        self._entries: dict[Hashable, _Entry] = {}
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    @contextmanager
    def using(self, key: Hashable, load: Callable[[], T], size: int) -> Iterator[T]:
        """Borrow a model, which is loaded unless it is here.

        Parameters
        ----------
        key : hashable
            What tells it from every other model: kind, name, options.
        load : callable
            Called without arguments, by one thread at a time for each key. What it raises reaches
            the caller, and nothing is kept.
        size : int
            Bytes it takes in memory, roughly: the size of its weights.
        """
        with self._lock:
            entry = self._entries.setdefault(key, _Entry(size))
            entry.lent += 1
        try:
            with entry.loading:
                if entry.model is None:
                    self._make_room(entry.size)
                    entry.model = load()
            yield entry.model
        finally:
            with self._lock:
                entry.lent -= 1
                entry.used = self._clock()
                if entry.model is None and not entry.lent:  # it could not be loaded
                    self._entries.pop(key, None)
            self._make_room(0)
            self._watch()

    def unload_idle(self) -> None:
        """Put away what nobody has used for `idle_seconds`."""
        now = self._clock()
        with self._lock:
            old = [
                key
                for key, entry in self._entries.items()
                if not entry.lent and now - entry.used >= self.idle_seconds
            ]
            self._drop(old)

    def unload(self) -> None:
        """Put away all that nobody uses now."""
        with self._lock:
            self._drop([key for key, entry in self._entries.items() if not entry.lent])

    @property
    def bytes(self) -> int:
        """What is loaded takes about so much."""
        with self._lock:
            return self._held()

    def __contains__(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._entries and self._entries[key].model is not None

    def _make_room(self, size: int) -> None:
        """Put away those that were used longest ago, until `size` more bytes fit."""
        with self._lock:
            idle = [
                key
                for key, entry in self._entries.items()
                if entry.model is not None and not entry.lent
            ]
            idle.sort(key=lambda key: self._entries[key].used)
            while idle and self._held() + size > self.most_bytes:
                self._drop([idle.pop(0)])

    def _held(self) -> int:
        return sum(entry.size for entry in self._entries.values() if entry.model is not None)

    def _drop(self, keys: list[Hashable]) -> None:
        for key in keys:
            del self._entries[key]
        if keys:
            gc.collect()  # models of torch hold themselves in circles

    def _watch(self) -> None:
        """Look again when the next model may be idle; the thread does not keep a process alive."""
        with self._lock:
            if self._timer is not None or not self._entries:
                return
            self._timer = threading.Timer(self.idle_seconds, self._look)
            self._timer.daemon = True
            self._timer.start()

    def _look(self) -> None:
        with self._lock:
            self._timer = None
        self.unload_idle()
        self._watch()


def memory_of_machine() -> int:
    """Bytes that a machine has, or a guess."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows
        return 8 << 30


LOADED = Loaded()
"""The models of this process."""
