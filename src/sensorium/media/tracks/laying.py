"""Decoded pieces of sound laid on the clock of their file, with silence where there are none."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from sensorium.media.tracks.mixing import BLOCK_SECONDS, mix, shares

JITTER_SECONDS = 0.05
"""By how much a piece may be early or late and still follow the one before without a break: stamps
are rounded to milliseconds, and the clocks of sound cards differ. Less than a syllable."""

SILENCE_SECONDS = 10.0
"""Length of a block of silence; a gap may be hours long."""

Samples = npt.NDArray[np.float32]


class Sheet:
    """One channel of sound between two times, which comes in pieces and is handed on in blocks.

    Parameters
    ----------
    start, stop : float
        Seconds. What lies before or behind is dropped.
    rate : int
        Samples a second of silence, should there be nothing else.
    """

    def __init__(self, start: float, stop: float, rate: int) -> None:
        self._start = start
        self._length = max(0.0, stop - start)
        self._rate = rate
        self._names: tuple[str, ...] = ()
        self._counts = shares(1)
        self._at = 0  # how many samples there are, waiting ones included
        self._waiting: list[Samples] = []
        self._held = 0

    @property
    def is_full(self) -> bool:
        """Whether everything that is laid from now on would be dropped."""
        return self._at >= self._total

    @property
    def _total(self) -> int:
        return round(self._length * self._rate)

    def lay(
        self, values: Samples, rate: int, names: tuple[str, ...], time: float | None
    ) -> Iterator[tuple[Samples, int]]:
        """Lay a piece.

        Parameters
        ----------
        values : ndarray of float32, shape (n, channels)
        rate : int
            Samples a second.
        names : tuple of str
            Of the channels; see `shares`.
        time : float or None
            When it is heard, in seconds; None: right behind the one before.

        Yields
        ------
        (ndarray of float32, shape (n,), int)
            What is complete, and its rate.
        """
        if (rate, values.shape[1], names) != (self._rate, len(self._counts), self._names):
            yield from self._flushed()
            self._at = round(self._at / self._rate * rate)
            self._rate, self._names = rate, names
            self._counts = shares(values.shape[1], names)
        if time is not None:
            late = round((time - self._start) * rate) - self._at
            if self._at == 0 or abs(late) > JITTER_SECONDS * rate:
                if late > 0:
                    yield from self._silence(late)
                values = values[max(0, -late) :]
        values = values[: self._total - self._at]
        if len(values):
            self._waiting.append(values)
            self._at += len(values)
            self._held += len(values)
            if self._held >= BLOCK_SECONDS * rate:
                yield from self._flushed()

    def finished(self) -> Iterator[tuple[Samples, int]]:
        """What is still waiting, and silence until the end where much is missing."""
        yield from self._flushed()
        if (missing := self._total - self._at) > JITTER_SECONDS * self._rate:
            yield from self._silence(missing)

    def _flushed(self) -> Iterator[tuple[Samples, int]]:
        if self._waiting:
            yield mix(np.concatenate(self._waiting), self._counts), self._rate
        self._waiting, self._held = [], 0

    def _silence(self, length: int) -> Iterator[tuple[Samples, int]]:
        yield from self._flushed()
        left = min(length, self._total - self._at)
        self._at += left
        while left > 0:
            size = min(left, round(SILENCE_SECONDS * self._rate))
            yield np.zeros(size, np.float32), self._rate
            left -= size
