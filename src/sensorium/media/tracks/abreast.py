"""Which frames of two films belong together.

One film begins a little later than the other, shows fewer pictures a second, or misses one: formats
store times as multiples of their own units, and AVI stores none. So what is compared are not the
pictures at equal times but, of each chosen frame of one, the frame of the other that is most like
it, within one frame of where it has to be.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.media.tracks.shown import Thumbnail

Seconds = npt.NDArray[np.float64]

LATER = 0.3
"""Seconds by which one film may begin later: encoders put up to a tenth before its sound."""

STEP = 0.01
"""Between the times at which it may begin that are tried."""

FRAME = 0.12
"""Seconds of a frame at most that a frame may be off by."""

NEAR = LATER + 2 * FRAME
"""Seconds around the chosen times in which frames are needed."""

EDGE = 0.05
"""Seconds from where one frame ends and the next begins, if that long: times are rounded."""

NOISE = 1.05
"""How many times more a frame may differ than the one that differs least, to be as good."""

ANOTHER = 40.0
"""Mean difference of two frames' thumbnails, in levels of 255, from which on they are of other
scenes for sure."""


@dataclass(frozen=True)
class Frames:
    """Frames of a film.

    Attributes
    ----------
    begins, ends : ndarray of float64, shape (n,)
        When each is seen, in seconds.
    thumbnails : ndarray of int16, shape (n, 32, 32, 3)
    """

    begins: Seconds
    ends: Seconds
    thumbnails: Thumbnail

    @classmethod
    def of(cls, found: Iterable[tuple[float, float, Thumbnail]]) -> Frames:
        """Of what `watching.thumbnails_near` yields."""
        rows = [*found]
        begins = np.array([begin for begin, _, _ in rows], np.float64)
        ends = np.array([end for _, end, _ in rows], np.float64)
        if not rows:
            return cls(begins, ends, np.zeros((0, 32, 32, 3), np.int16))
        return cls(begins, ends, np.stack([one for _, _, one in rows]).astype(np.int16))

    @property
    def long(self) -> float:
        """Seconds for which a frame is seen, at most `FRAME`."""
        spans = (self.ends - self.begins)[:-1]
        return float(min(FRAME, np.median(spans))) if len(spans) else FRAME

    def at(self, times: Seconds) -> npt.NDArray[np.int64]:
        """Which frames are seen at some times."""
        return np.maximum(np.searchsorted(self.begins, times, "right") - 1, 0)

    def inside(self, rows: npt.NDArray[np.int64], times: Seconds) -> Seconds:
        """Times near some at which frames are surely seen."""
        spans = self.ends[rows] - self.begins[rows]
        edge = np.minimum(EDGE, spans / 2)
        return np.clip(times, self.begins[rows] + edge, self.ends[rows] - edge)


def abreast(one: Frames, other: Frames, times: Seconds) -> tuple[Seconds, Seconds] | None:
    """When each of two films shows what the other does, if they are one.

    Parameters
    ----------
    one, other : Frames
        Within `NEAR` of the times.
    times : ndarray of float64, shape (k,)

    Returns
    -------
    of_one, of_other : ndarray of float64, shape (k,)
        Where the frames of one and the other are seen that belong together; None where they show
        other scenes.
    """
    if not len(one.begins) or not len(other.begins):
        return None
    if len(one.begins) > len(other.begins):  # what the slower one shows, the faster one does, too
        found = abreast(other, one, times)
        return None if found is None else found[::-1]
    rows = one.at(times)
    where = one.inside(rows, times)
    later = _later(one.thumbnails[rows], other, where)
    chosen = np.empty(len(rows), np.int64)
    for number, row in enumerate(rows):
        first, last = other.at(where[number] + later + np.array([-other.long, other.long]))
        apart = np.abs(other.thumbnails[first : last + 1] - one.thumbnails[row]).mean((1, 2, 3))
        if apart.min() > ANOTHER:
            return None
        # Where nothing moves, noise alone would choose; and a clock in the corner goes on.
        due = int(other.at(where[number] + later)) - first
        near = apart[due] <= apart.min() * NOISE + 0.05
        chosen[number] = first + (due if near else int(apart.argmin()))
    return where, other.inside(chosen, where + later)


def _later(thumbnails: Thumbnail, other: Frames, times: Seconds) -> float:
    """Seconds by which the other film shows later what one shows at some times."""
    steps = np.arange(-round(LATER / STEP), round(LATER / STEP) + 1) * STEP
    apart = np.array(
        [np.abs(other.thumbnails[other.at(times + step)] - thumbnails).mean() for step in steps]
    )
    # For as long as a frame is seen, all are equal: its middle.
    return float(np.median(steps[apart <= apart.min() + 0.02]))
