"""One process that holds a shard, as whoever asks it sees it."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Any

import numpy as np

from sensorium.collection.kinds import Ids
from sensorium.index.base import Mask
from sensorium.scale.shards.link import Link
from sensorium.scale.shards.wire import Array, pack

STATE_SECONDS = 2.0
ROWS_SECONDS = 120.0

ANSWER_SECONDS = 30.0
"""For an answer; after so long another replica is asked."""

FOLLOW_SECONDS = 3600.0
"""Until what was added, or all, is read and coded."""

ALIVE_SECONDS = 5.0
"""Between two looks whether a process that reads is still there."""


@dataclass(frozen=True)
class Rows:
    """What a replica holds; see `sensorium.scale.shards.shard.Held`."""

    instance: str
    space: str
    last: int
    removed: int
    sample: dict[str, int]
    segment_ids: Ids
    item_ids: Ids
    keys: Array


class Replica:
    """A process that holds a shard.

    Attributes
    ----------
    link : Link
    rows : Rows or None
        What it holds; None while it is not asked.
    error : str
        Why it is not asked.
    is_loading : bool
        Whether it answers, and is reading its part still.
    asking, asked : int
        Questions that it is at, and that it was asked.
    is_sought : bool
        Whether a thread looks for it.
    """

    def __init__(self, address: str, token: str) -> None:
        self.link = Link(address, token)
        self.rows: Rows | None = None
        self.error = "it was not reached yet"
        self.is_loading = False
        self.asking = self.asked = 0
        self.is_sought = False
        self._lock = Lock()
        self._places: tuple[str, Ids, Ids | None] | None = None

    @property
    def address(self) -> str:
        """``host:port``."""
        return self.link.address

    def state(self) -> dict[str, Any]:
        """What it says of itself.

        Raises
        ------
        LinkError
        """
        return self.link.ask("/state", seconds=STATE_SECONDS)[0]

    def read_rows(self) -> Rows:
        """What it holds.

        Raises
        ------
        LinkError
        """
        facts, arrays = self.link.ask("/rows", seconds=ROWS_SECONDS)
        told: dict[str, Any] = {
            name: facts[name] for name in ("instance", "space", "last", "removed", "sample")
        }
        return Rows(**told, **arrays)  # type: ignore[arg-type]

    def follow(self, *, anew: bool = False) -> None:
        """Let it take in what was added and removed, or read all anew.

        Raises
        ------
        LinkError
            When it cannot, or says nothing any more: reading may take long, a process that was
            stopped or a machine that is gone takes for ever.
        """
        ended: Future[None] = Future()

        def ask() -> None:
            try:
                self.link.ask("/follow", pack({"anew": anew}), seconds=FOLLOW_SECONDS)
            except BaseException as error:
                ended.set_exception(error)
            else:
                ended.set_result(None)

        # One that would be waited for at the interpreter's end is of no use here.
        Thread(target=ask, daemon=True).start()
        while True:
            try:
                return ended.result(ALIVE_SECONDS)
            except TimeoutError:
                self.link.ask("/state", seconds=ANSWER_SECONDS)

    def places(self, rows: Rows, wanted: Ids) -> Ids | None:
        """Where each of its rows is among wanted segments, -1 where it is not; None: all as there.

        Replicas of a shard hold the same, but for what came or went between their readings.
        """
        with self._lock:
            known = self._places
        if known is not None and known[0] == rows.instance and known[1] is wanted:
            return known[2]
        own, places = rows.segment_ids, None
        if len(own) != len(wanted) or not (own == wanted).all():
            places = np.full(len(own), -1, np.int64)
            if len(wanted):
                near = np.minimum(np.searchsorted(wanted, own), len(wanted) - 1)
                places = np.where(wanted[near] == own, near, -1)
        with self._lock:
            self._places = rows.instance, wanted, places
        return places


def mask_for(places: Ids | None, allowed: Mask | None) -> Mask | None:
    """Which of a replica's rows may be found, of the wanted segments that may; None for all."""
    if places is None:
        return None if allowed is None or allowed.all() else allowed
    known = places >= 0
    return known if allowed is None else known & allowed[places]
