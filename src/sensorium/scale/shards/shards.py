"""A collection's shards, asked all at once; what they find is merged to what one would find."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from sensorium.collection.derived import DerivedIndex, sample_of
from sensorium.collection.snapshots import DIVIDED
from sensorium.collection.store import Store
from sensorium.encoders import Space
from sensorium.errors import CollectionError, UsageError
from sensorium.scale.shards.divided import DividedIndex, View
from sensorium.scale.shards.link import LinkError
from sensorium.scale.shards.replica import ANSWER_SECONDS, Replica, Rows
from sensorium.scale.shards.wire import Array

TOKEN = "SENSORIUM_SHARD_TOKEN"
"""Variable of the environment with what shards are asked with."""

PATIENCE_SECONDS = 30.0
"""For a shard of which no replica answers, from then on: a process that is started anew takes 2 to
10 s, and is then waited for while it reads."""

MOST_TRIES = 12
"""Of one question in one shard, whatever its replicas say."""

LOAD_SECONDS = 3600.0
"""For a shard whose replicas answer, and are still reading."""

PAUSES = 0.1, 2.0
"""Seconds, least and most, between two looks whether a replica is there again."""

BEHIND = "it has yet to read what was added"

Answer = tuple[dict[str, Any], dict[str, Array]]
T = TypeVar("T")


class ShardError(CollectionError):
    """A shard of which no replica answers; the message names it. Nothing is found without it."""


class Shards:
    """All shards of one collection, each held by one process or several.

    Given to `sensorium.Collection`, which then asks them in the place of its own memory. Every
    method may be called from any thread.

    Parameters
    ----------
    addresses : sequence of sequence of str
        ``host:port`` of each replica, for each shard in the order of their parts.
    token : str, optional
        What they were started with; without it, that in ``$SENSORIUM_SHARD_TOKEN``.

    Attributes
    ----------
    questions, retries : list of int
        Of each shard: what it was asked, and what had to be asked again.

    Raises
    ------
    UsageError
        For no shards, what is no address, and no token.
    """

    def __init__(self, addresses: Sequence[Sequence[str]], token: str | None = None) -> None:
        token = os.environ.get(TOKEN, "") if token is None else token
        if not addresses or not all(addresses):
            raise UsageError("name at least one address for each shard")
        if not token:
            raise UsageError(f"shards are asked with a token: give it, or set ${TOKEN}")
        self.shards = [[Replica(address, token) for address in shard] for shard in addresses]
        self.questions, self.retries = [0] * len(self.shards), [0] * len(self.shards)
        self._changed = threading.Condition()
        self._lost = [time.monotonic()] * len(self.shards)  # since when none answers
        self._store: Store | None = None
        self._space = ""
        self._view: View | None = None
        self._building = threading.Lock()
        self._is_closed = False
        self._pool = ThreadPoolExecutor(4 * len(self.shards), "shards")

    # See `sensorium.collection.snapshots.Divided`

    @property
    def view(self) -> int:
        """Differs whenever others of the vectors are with the shards."""
        return 0 if self._view is None else self._view.number

    def watch(self, store: Store) -> None:
        """Begin to ask what they hold, for a collection that has just been opened.

        Raises
        ------
        UsageError
            When they are another's already, which closes them.
        """
        if self._store is not None or self._is_closed:
            raise UsageError(
                "these shards are asked by a collection already, or were closed with it: make "
                "others, scale.Shards(...) or scale.start_shards(...)"
            )
        self._store = store
        stored = store.state().space
        self._space = "" if stored is None else stored[0].fingerprint
        self._lost = [time.monotonic()] * len(self.shards)
        for shard in range(len(self.shards)):
            self._seek(shard)

    def make_ready(self, store: Store, space: Space) -> None:
        """Wait until all shards answer, and hold vectors of this space.

        Raises
        ------
        ShardError
            When one does not.
        """
        if self._view is not None and self._view.space == space.fingerprint:
            return
        if store.state().space is None:
            return
        with self._building:
            if self._view is None or self._view.space != space.fingerprint:
                self._space = space.fingerprint
                for shard, replicas in enumerate(self.shards):
                    for replica in replicas:
                        if replica.rows is not None and replica.rows.space != self._space:
                            self._set_aside(shard, replica, "it holds vectors of another space")
                self._look_anew()

    def index(self) -> DerivedIndex | None:
        """An index over all that they hold."""
        view = self._view
        if view is None:
            return None
        state = {
            "last_segment": view.last, "removed": view.removed, "sample": view.sample,
            "kind": DIVIDED, "space": view.space, "parameters": {},
        }  # fmt: skip
        searched: Any = DividedIndex(self, view)
        return DerivedIndex(searched, view.segment_ids, view.item_ids, state, Path(), view.keys)

    def follow(self) -> None:
        """Let all of them take in what was added and removed.

        One that does not answer is looked for, and follows when it is there again. A view of what
        they hold then is asked from the next search on.
        """
        with self._building:
            up = [(n, r) for n, some in enumerate(self.shards) for r in some if r.rows is not None]
            # In threads of their own: questions go on meanwhile.
            with ThreadPoolExecutor(max(1, len(up))) as pool:
                [*pool.map(lambda one: self._let_follow(*one), up)]
            self._look_anew()

    def close(self) -> None:
        """Look for nobody any more; what is being asked is still answered."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()
        for replica in (replica for shard in self.shards for replica in shard):
            replica.link.close()

    # How they are

    def name(self, shard: int) -> str:
        """What a shard is called: of which collection, and which of how many."""
        where = "" if self._store is None else f" of {self._store.path}"
        return f"shard {shard + 1} of {len(self.shards)}{where}"

    @property
    def lost(self) -> dict[str, str]:
        """Why replicas do not answer whose shards do, by what they are called."""
        return {
            f"{self.name(n)} at {one.address}": one.error
            for n, replicas in enumerate(self.shards)
            for one in replicas
            if one.rows is None and any(other.rows is not None for other in replicas)
        }

    def check(self) -> dict[str, str]:
        """Ask every replica that is thought to be well how it is.

        Returns
        -------
        dict
            Why shards do not answer of which no replica does, by their names.
        """
        every = [(n, replica) for n, some in enumerate(self.shards) for replica in some]
        [*self._pool.map(lambda one: self._check(*one), every)]
        return {
            self.name(n): self._told(n)
            for n, replicas in enumerate(self.shards)
            if all(one.rows is None for one in replicas)
        }

    def _told(self, shard: int) -> str:
        return "; ".join(f"{one.address}: {one.error}" for one in self.shards[shard])

    def _check(self, shard: int, replica: Replica) -> None:
        if replica.rows is not None:
            try:
                replica.state()
            except LinkError as error:
                self._set_aside(shard, replica, str(error))

    # Asking

    def ask_all(self, ask: Callable[[int], T]) -> list[T]:
        """Do something for each shard, at once.

        Raises
        ------
        ShardError
            As the first of them does.
        """
        others = [self._pool.submit(ask, shard) for shard in range(1, len(self.shards))]
        try:
            first = ask(0)
        finally:
            found = [other.exception() for other in others]  # all have ended
        for error in found:
            if error is not None:
                raise error
        return [first, *(other.result() for other in others)]

    def ask(
        self, shard: int, path: str, message: Callable[[Replica, Rows], bytes], last: int
    ) -> tuple[Replica, Rows, Answer]:
        """Ask one shard, and again another of its replicas where one does not answer.

        Parameters
        ----------
        shard : int
        path : str
        message : callable
            Makes it for a replica and what that holds.
        last : int
            Up to which segment it has to have read.

        Raises
        ------
        ShardError
            When none does.
        """
        for tried in range(MOST_TRIES):
            replica, rows = self._chosen(shard, last)
            with self._changed:
                self.questions[shard] += tried == 0
                self.retries[shard] += tried > 0
            try:
                answer = replica.link.ask(path, message(replica, rows), seconds=ANSWER_SECONDS)
            except LinkError as error:
                self._set_aside(shard, replica, str(error))
            else:
                return replica, rows, answer
            finally:
                with self._changed:
                    replica.asking -= 1
        raise self._none_answers(shard)

    def _chosen(self, shard: int, last: int = 0) -> tuple[Replica, Rows]:
        """The replica that has least to do; waits for one that is started anew.

        Raises
        ------
        ShardError
            When none has answered for so long that none is expected to.
        """
        with self._changed:
            while True:
                for one in self.shards[shard]:
                    if one.rows is not None and one.rows.last < last:
                        self._set_aside(shard, one, BEHIND)
                up = [r for r in self.shards[shard] if r.rows is not None]
                if up:
                    replica = min(up, key=lambda r: (r.asking, r.asked))
                    rows = replica.rows
                    assert rows is not None
                    replica.asking += 1
                    replica.asked += 1
                    return replica, rows
                is_loading = any(replica.is_loading for replica in self.shards[shard])
                patience = LOAD_SECONDS if is_loading else PATIENCE_SECONDS
                left = self._lost[shard] + patience - time.monotonic()
                if left <= 0 or self._is_closed:
                    raise self._none_answers(shard)
                self._changed.wait(min(left, 0.5))

    def _none_answers(self, shard: int) -> ShardError:
        return ShardError(
            f"{self.name(shard)}: no replica answers ({self._told(shard)}). What it holds cannot "
            "be searched, so nothing is answered: start it again (`sensorium shard`)"
        )

    def _set_aside(self, shard: int, replica: Replica, reason: str) -> None:
        with self._changed:
            if replica.rows is not None:
                self._lost[shard] = time.monotonic()
            replica.rows, replica.error = None, reason
        self._seek(shard)

    # Looking for what does not answer

    def _seek(self, shard: int) -> None:
        """Look for the replicas of a shard that are set aside, each in a thread of its own."""
        with self._changed:
            sought = [r for r in self.shards[shard] if r.rows is None and not r.is_sought]
            if self._is_closed or self._store is None:
                return
            for replica in sought:
                replica.is_sought = True
        for replica in sought:
            threading.Thread(target=self._sought, args=(shard, replica), daemon=True).start()

    def _sought(self, shard: int, replica: Replica) -> None:
        pause = PAUSES[0]
        while not self._is_closed:
            try:
                rows = self._found(shard, replica)
            except Exception as error:  # whatever it is: it is told where nobody else answers
                replica.error, replica.is_loading = str(error) or type(error).__name__, False
                pause = min(2 * pause, PAUSES[1])
                rows = None
            else:
                pause = PAUSES[0] if rows is None else pause
            with self._changed:
                if rows is not None:
                    replica.rows, replica.error, replica.is_loading = rows, "", False
                    replica.is_sought = False
                    self._changed.notify_all()
                    return
                if not self._is_closed:
                    self._changed.wait(pause)
        replica.is_sought = False

    def _found(self, shard: int, replica: Replica) -> Rows | None:
        """What a replica holds; None while it reads."""
        state = replica.state()
        part = [shard, len(self.shards)]
        if state["part"] != part:
            raise LinkError(
                f"it holds part {state['part'][0] + 1}/{state['part'][1]}, not "
                f"{part[0] + 1}/{part[1]}"
            )
        if not state["loaded"]:
            replica.is_loading = not state["error"]
            if state["error"]:
                replica.follow()
            return None
        view = self._view
        if state["space"] != self._space or (view is not None and state["last"] < view.last):
            replica.is_loading = True
            replica.follow()
        rows = replica.read_rows()
        if not self._is_of_collection(rows):
            replica.is_loading = True
            replica.follow(anew=True)
            rows = replica.read_rows()
            if not self._is_of_collection(rows):
                raise LinkError("it holds another collection")
        if rows.space != self._space:
            raise LinkError(f"it holds vectors of the space {rows.space[:12] or 'of nothing'}")
        if view is not None and rows.last < view.last:
            raise LinkError(BEHIND)
        self._require_of_its_time(rows)
        return rows

    def _require_of_its_time(self, rows: Rows) -> None:
        """Refuse what lacks segments that the collection, as it is open here, still has."""
        if self._store is not None and rows.removed > self._store.removed(0)[1]:
            raise LinkError(
                "it holds a later state of the collection, in which some of this one is gone: "
                "start shards of the same version"
            )

    def _is_of_collection(self, rows: Rows) -> bool:
        """Whether those of its sampled vectors that are still there are the collection's."""
        if self._store is None or not rows.sample:
            return True
        stored = self._store.state().space
        if stored is None or stored[0].fingerprint != rows.space:
            return True  # which is told apart
        ids = [int(name) for name in rows.sample]
        found, _, vectors = self._store.vectors(stored[0].dimension, ids=ids)
        if not len(found):
            return False
        return all(rows.sample[name] == now for name, now in sample_of(found, vectors).items())

    def _let_follow(self, shard: int, replica: Replica) -> None:
        try:
            replica.follow()
            rows = replica.read_rows()
            self._require_of_its_time(rows)
        except LinkError as error:
            self._set_aside(shard, replica, str(error))
        else:
            with self._changed:
                replica.rows = rows

    def _look_anew(self) -> None:
        """Take for the view what one replica of each shard holds."""
        if self._store is None or self._store.state().space is None:
            return
        chosen = []
        for shard in range(len(self.shards)):
            replica, rows = self._chosen(shard)
            with self._changed:
                replica.asking -= 1
            chosen.append(rows)
        most = self._store.last_segment()  # which shards may be ahead of
        self._view = View.of(self.view + 1, self._space, chosen, most)
