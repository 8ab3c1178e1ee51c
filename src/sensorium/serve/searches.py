"""Searches that come together: their questions are encoded in one batch, and compared at once.

Whoever waits for a vector waits without a thread. Those whose vectors have come are then searched
one after the other in one thread, and what each of them has to compare is computed for all of them.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import anyio.to_thread

from sensorium.index.base import Vectors
from sensorium.index.together import asking

T = TypeVar("T")

THREADS = min(4, os.cpu_count() or 1)
"""Threads that search: nearly all that is left is computed under Python's lock."""

MOST_AT_ONCE = 16
"""Searches that one thread takes."""


@dataclass
class _Waiting(Generic[T]):
    vector: Vectors
    search: Callable[[], T]
    done: asyncio.Future[T]


class Searches(Generic[T]):
    """Searches of one server; all methods are called in the thread of its event loop."""

    def __init__(self) -> None:
        self._waiting: deque[_Waiting[T]] = deque()
        self._workers: set[asyncio.Task[None]] = set()

    async def run(self, vector: Vectors, search: Callable[[], T]) -> T:
        """Search in a thread, with others that wait.

        Parameters
        ----------
        vector : ndarray of float32, shape (d,)
            What the search is going to compare with everything.
        search : callable

        Returns
        -------
        Any
            What `search` returns; what it raises is raised.
        """
        own = _Waiting(vector, search, asyncio.get_running_loop().create_future())
        self._waiting.append(own)
        if len(self._workers) < THREADS:
            worker = asyncio.create_task(self._work())
            self._workers.add(worker)
            worker.add_done_callback(self._workers.discard)
        found: T = await own.done
        return found

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            taken = [self._waiting.popleft() for _ in range(min(MOST_AT_ONCE, len(self._waiting)))]
            await anyio.to_thread.run_sync(_search, taken, loop)


def _search(taken: list[_Waiting[T]], loop: asyncio.AbstractEventLoop) -> None:
    with asking([one.vector for one in taken]):
        for one in taken:
            if one.done.cancelled():
                continue
            try:
                found = one.search()
            except BaseException as error:
                loop.call_soon_threadsafe(_fail, one.done, error)
            else:
                loop.call_soon_threadsafe(_finish, one.done, found)


def _finish(done: asyncio.Future[T], found: T) -> None:
    if not done.done():
        done.set_result(found)


def _fail(done: asyncio.Future[T], error: BaseException) -> None:
    if not done.done():
        done.set_exception(error)
