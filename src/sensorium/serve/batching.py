"""Encoding for many at once: what waits together is computed together.

A model computes a batch in less time than its items one by one, and requests come one by one. Here
each caller prepares what it has in its own thread, where a broken file harms nobody else; what is
prepared waits in a line for the few threads that compute, each of which takes what waited longest
and all that waits of its kind. Nobody waits for a batch to fill: while one is computed the next one
gathers.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder, Prepared, Role
from sensorium.encoders.inputs import Input
from sensorium.errors import EncoderError, SensoriumError
from sensorium.media import Media, Modality, Text

Rows = npt.NDArray[np.float32]

MOST_AT_ONCE = 32
"""Items of one batch: more are no faster on processors, and let others wait."""

LONGEST = 0.2
"""Seconds that a batch is to take at most, where it has several items. What a model computes no
sooner in a batch than alone does not let others wait for long."""

LONGER = 1.02
"""By how much what an item takes may seem to grow with a batch: what else the machine does makes
batches take longer now and then, and smaller ones would not help."""

AT_ONCE = 2
"""Batches that are computed at once, each on its share of the processors, where the encoder bears
it. On two processors that takes 3 to 9% less of their time than one batch on both."""

SMALL = 8
"""Items of what somebody waits for. More at once are a collection that grows: they go behind."""

SHORT = 4000
"""Characters of texts that are cut into tokens at once: about a millisecond."""

BEHIND = 2.0
"""Seconds that those wait at most where others come all the time."""


class BusyError(SensoriumError):
    """More waits than is taken in; it is worth asking again in a moment.

    Attributes
    ----------
    seconds : int
        After which to ask again.
    """

    def __init__(
        self, waiting: int, seconds: int = 1, what: str = "items wait to be encoded"
    ) -> None:
        super().__init__(f"{waiting} {what}: ask again in {seconds} s")
        self.seconds = seconds


class EndingError(BusyError):
    """The server ends: what is not begun is not done."""

    def __init__(self) -> None:
        SensoriumError.__init__(self, "the server is ending: ask again in 5 s")
        self.seconds = 5


@dataclass
class _Order:
    """What one caller wants computed; of one kind is what one batch can hold."""

    kind: tuple[Modality, Role]
    items: Sequence[Prepared]
    done: Future[Rows] = field(default_factory=Future)
    since: float = field(default_factory=time.monotonic)

    @cached_property
    def length(self) -> int:
        """Numbers of its longest item, of a text its tokens."""
        return max(sum(value.size for value in item.values()) for item in self.items)


class Encoded(Text):
    """A question whose vector is known to the encoder that made it.

    Parameters
    ----------
    text : str
    vector : ndarray of float32, shape (1, d)
        As a query's.
    encoder : Encoder
    """

    def __init__(self, text: str, vector: Rows, encoder: Encoder) -> None:
        super().__init__(text)
        self.vector, self.encoder = vector, encoder


class BatchedEncoder(Encoder):
    """An encoder that computes for all threads in a few, several of their items at a time.

    Vectors are the encoder's own but for rounding: a batch computes in another order than one item
    does (cosine 0.9995 at least, `Encoder.encode`).

    Parameters
    ----------
    inner : Encoder
    most_waiting : int
        Items that may wait.

    Attributes
    ----------
    batches, encoded : int
        Batches computed so far, and items in them.
    answered : dict of Modality to float
        When the last batch of a modality was computed (`time.monotonic`), where that went well.
    """

    def __init__(self, inner: Encoder, most_waiting: int) -> None:
        self.inner, self.most_waiting = inner, most_waiting
        self.name, self.space = inner.name, inner.space
        self.temperature, self.sigmoid = inner.temperature, inner.sigmoid
        self.prompts = inner.prompts
        self.tells_queries_apart = inner.tells_queries_apart
        self.calibrations = inner.calibrations
        self.batches = self.encoded = 0
        self.answered: dict[Modality, float] = {}
        self._urgent: deque[_Order] = deque()
        self._patient: deque[_Order] = deque()
        self._change = threading.Condition()
        self._ended = False
        self._costs: dict[tuple[Modality, Role], float] = {}
        self._taken: dict[int, tuple[float, list[_Order]]] = {}
        self._threads = [
            threading.Thread(target=self._work, name=f"encode {self.name}", daemon=True)
            for _ in range(inner.side_by_side(min(AT_ONCE, os.cpu_count() or 1)))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def runtime(self) -> str:
        """See `Encoder`."""
        return self.inner.runtime

    @property
    def waiting(self) -> int:
        """Items that wait."""
        with self._change:
            return self._waiting()

    @property
    def is_alive(self) -> bool:
        """Whether it still computes."""
        return all(thread.is_alive() for thread in self._threads) and not self._ended

    @property
    def computing_for(self) -> float:
        """Seconds that the oldest batch of this moment has taken so far; 0 where there is none."""
        now = time.monotonic()
        return max((now - began for began, _ in [*self._taken.values()]), default=0.0)

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `Encoder`."""
        return self.inner.prepare(media, role)

    def encode(
        self, items: Iterable[Any], *, role: Role = "document", batch_size: int = 32
    ) -> Rows:
        """See `Encoder`; what is `Encoded` is not encoded again."""
        if isinstance(items, list) and len(items) == 1 and role == "query":
            (one,) = items
            if isinstance(one, Encoded) and one.encoder is self:
                return one.vector.copy()
        return super().encode(items, role=role, batch_size=batch_size)

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> Rows:
        """See `Encoder`; waits in line.

        Raises
        ------
        BusyError
            When too many wait already, or the server ends (`EndingError`).
        """
        if not batch:
            return np.empty((0, self.space.dimension), np.float32)
        return self.submit(modality, batch, role).result()

    def submit(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> Future[Rows]:
        """As `encode_prepared`, without waiting: what it gives, or raises, comes later.

        Raises
        ------
        BusyError
            When too many wait already.
        """
        order = _Order((modality, role if self.tells_queries_apart else "document"), batch)
        with self._change:
            if self._ended:
                raise EndingError
            if not any(one.is_alive() for one in self._threads):  # nobody would ever compute it
                raise EncoderError(f"{self.name} computes no more: start the server anew")
            is_urgent = len(batch) <= SMALL
            if is_urgent and self._waiting() + len(batch) > self.most_waiting:
                raise BusyError(self._waiting())
            (self._urgent if is_urgent else self._patient).append(order)
            self._change.notify()
        return order.done

    def as_read(self, text: str) -> str:
        """See `Encoder`."""
        return self.inner.as_read(text)

    def tokens(self, text: str, role: Role = "document") -> int | None:
        """See `Encoder`."""
        return self.inner.tokens(text, role)

    def tokens_in(self, prepared: Prepared) -> int | None:
        """See `Encoder`."""
        return self.inner.tokens_in(prepared)

    def ordinary(self, what: Literal["pictures", "words"]) -> Rows | None:
        """See `Encoder`."""
        return self.inner.ordinary(what)

    def input_of(self, media: Media) -> Input | None:
        """See `Encoder`."""
        return self.inner.input_of(media)

    def graph(self, modality: Modality) -> Path | None:
        """See `Encoder`."""
        return self.inner.graph(modality)

    def close(self) -> None:
        """Compute what waits, and end."""
        with self._change:
            self._ended = True
            self._change.notify_all()
        for thread in self._threads:
            thread.join()

    def _waiting(self) -> int:
        return sum(len(order.items) for order in self._urgent)

    def _work(self) -> None:
        try:
            self._compute_all()
        finally:  # however it ends, nobody waits for what will never be computed
            with self._change:
                left = self._taken.pop(threading.get_ident(), (0.0, []))[1]
                others = [one for one in self._threads if one is not threading.current_thread()]
                if not any(one.is_alive() for one in others):
                    left = [*left, *self._urgent, *self._patient]
                    self._urgent.clear()
                    self._patient.clear()
            for order in left:
                if not order.done.done():
                    order.done.set_exception(EncoderError(f"{self.name} computes no more"))

    def _compute_all(self) -> None:
        while orders := self._next():
            self._taken[threading.get_ident()] = time.monotonic(), orders
            (modality, role), items = orders[0].kind, [item for o in orders for item in o.items]
            began = time.monotonic()
            try:
                rows = self._computed(modality, items, role)
            except BaseException as error:
                self.answered.pop(modality, None)
                self._fail(orders, error)
                continue
            self.answered[modality] = time.monotonic()
            self._count(orders[0].kind, len(items), time.monotonic() - began)
            start = 0
            for order in orders:
                order.done.set_result(rows[start : start + len(order.items)])
                start += len(order.items)

    def _computed(self, modality: Modality, items: Sequence[Prepared], role: Role) -> Rows:
        rows = self.inner.encode_prepared(modality, items, role)
        if not np.isfinite(rows).all():  # base64 would carry it on, and JSON has no word for it
            raise EncoderError(f"{self.name} computed a vector with NaN or infinite numbers")
        return rows

    def _count(self, kind: tuple[Modality, Role], items: int, seconds: float) -> None:
        with self._change:
            self.batches, self.encoded = self.batches + 1, self.encoded + items
            if kind not in self._costs:  # its first run loads its model
                self._costs[kind] = 0.0
                return
            each, before = seconds / items, self._costs[kind]
            self._costs[kind] = min(each, before * LONGER) if before else each

    def _most(self, kind: tuple[Modality, Role]) -> int:
        """Items of a batch of this kind."""
        each = self._costs.get(kind, 0.0)
        return min(MOST_AT_ONCE, max(1, int(LONGEST / each))) if each else MOST_AT_ONCE

    def _fail(self, orders: Sequence[_Order], error: BaseException) -> None:
        """Compute what is left one caller at a time: what one brought may be at fault."""
        for order in orders:
            if len(orders) > 1:
                try:
                    order.done.set_result(self._computed(order.kind[0], order.items, order.kind[1]))
                    continue
                except BaseException as own:
                    error = own
            order.done.set_exception(error)

    def _next(self) -> list[_Order]:
        """What is computed next: the order that waited longest, and of its kind what fits.

        A batch is padded to its longest item, so what is about as long goes first, and what is
        more than twice as long, or short, not at all. Batches of single items have a power of two
        of them.
        """
        self._taken.pop(threading.get_ident(), None)
        with self._change:
            self._change.wait_for(lambda: self._urgent or self._patient or self._ended)
            line = self._urgent or self._patient
            if not line:
                return []
            if self._patient and time.monotonic() - self._patient[0].since > BEHIND:
                line = self._patient
            first = line[0]
            like = [one for one in line if one.kind == first.kind and _are_alike(one, first)]
            like.sort(key=lambda one: (one is not first, abs(one.length - first.length), one.since))
            taken: list[_Order] = []
            count, most = 0, self._most(first.kind)
            for order in like:
                if not taken or count + len(order.items) <= most:
                    taken.append(order)
                    count += len(order.items)
            # Runtimes keep room for each shape that they have seen: few sizes take little of it.
            while len(taken) > 1 and count & (count - 1):
                count -= len(taken.pop().items)
            chosen = {id(order) for order in taken}
            left = [order for order in line if id(order) not in chosen]
            line.clear()
            line.extend(left)
            if left:
                self._change.notify()
            # Who has left in the meantime is not computed for.
            there = [order for order in taken if order.done.set_running_or_notify_cancel()]
            if there:
                return there
        return self._next()


def _are_alike(one: _Order, other: _Order) -> bool:
    return one.length <= 2 * other.length and other.length <= 2 * one.length
