"""Encoding for many at once: what waits together is computed together.

A model computes a batch in less time than its items one by one, and requests come one by one. Here
each caller prepares what it has in its own thread, where a broken file harms nobody else; what is
prepared waits in a line for the one thread that computes, which takes all that waits of one kind.
Nobody waits for a batch to fill: while one is computed the next one gathers.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder, Prepared, Role
from sensorium.encoders.inputs import Input
from sensorium.errors import EncoderError, SensoriumError
from sensorium.media import Media, Modality

Rows = npt.NDArray[np.float32]

MOST_AT_ONCE = 32
"""Items of one batch: more are no faster on processors, and let others wait."""

SMALL = 8
"""Items of what somebody waits for. More at once are a collection that grows: they go behind."""


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


@dataclass
class _Order:
    """What one caller wants computed."""

    kind: tuple[Modality, Role]
    items: Sequence[Prepared]
    done: Future[Rows]


class BatchedEncoder(Encoder):
    """An encoder that computes for all threads in one, several of their items at a time.

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
    """

    def __init__(self, inner: Encoder, most_waiting: int) -> None:
        self.inner, self.most_waiting = inner, most_waiting
        self.name, self.space = inner.name, inner.space
        self.temperature, self.sigmoid = inner.temperature, inner.sigmoid
        self.prompts = inner.prompts
        self.tells_queries_apart = inner.tells_queries_apart
        self.calibrations = inner.calibrations
        self.batches = self.encoded = 0
        self._urgent: deque[_Order] = deque()
        self._patient: deque[_Order] = deque()
        self._change = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._work, name=f"encode {self.name}", daemon=True)
        self._thread.start()

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
        return self._thread.is_alive() and not self._ended

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `Encoder`."""
        return self.inner.prepare(media, role)

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> Rows:
        """See `Encoder`; waits in line.

        Raises
        ------
        BusyError
            When too many wait already.
        """
        if not batch:
            return np.empty((0, self.space.dimension), np.float32)
        order = _Order((modality, role), batch, Future())
        with self._change:
            if self._ended:
                raise SensoriumError("the server is ending")
            is_urgent = len(batch) <= SMALL
            if is_urgent and self._waiting() + len(batch) > self.most_waiting:
                raise BusyError(self._waiting())
            (self._urgent if is_urgent else self._patient).append(order)
            self._change.notify()
        return order.done.result()

    def as_read(self, text: str) -> str:
        """See `Encoder`."""
        return self.inner.as_read(text)

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
            self._change.notify()
        self._thread.join()

    def _waiting(self) -> int:
        return sum(len(order.items) for order in self._urgent)

    def _work(self) -> None:
        while orders := self._next():
            (modality, role), items = orders[0].kind, [item for o in orders for item in o.items]
            try:
                rows = self._computed(modality, items, role)
            except BaseException as error:
                self._fail(orders, error)
                continue
            self.batches, self.encoded = self.batches + 1, self.encoded + len(items)
            start = 0
            for order in orders:
                order.done.set_result(rows[start : start + len(order.items)])
                start += len(order.items)

    def _computed(self, modality: Modality, items: Sequence[Prepared], role: Role) -> Rows:
        rows = self.inner.encode_prepared(modality, items, role)
        if not np.isfinite(rows).all():  # base64 would carry it on, and JSON has no word for it
            raise EncoderError(f"{self.name} computed a vector with NaN or infinite numbers")
        return rows

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

        Batches of single items have a power of two of them.
        """
        with self._change:
            self._change.wait_for(lambda: self._urgent or self._patient or self._ended)
            line = self._urgent or self._patient
            if not line:
                return []
            taken = [line.popleft()]
            count, left = len(taken[0].items), deque[_Order]()
            while line:
                order = line.popleft()
                fits = count + len(order.items) <= MOST_AT_ONCE
                if order.kind == taken[0].kind and fits:
                    taken.append(order)
                    count += len(order.items)
                else:
                    left.append(order)
            # Runtimes keep room for each shape that they have seen: few sizes take little of it.
            while len(taken) > 1 and count & (count - 1):
                last = taken.pop()
                count -= len(last.items)
                left.appendleft(last)
            line.extend(left)
            return taken
