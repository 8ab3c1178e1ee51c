"""Recordings and films that are one, saved again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.collection.duplicates.grouping import Confirm
from sensorium.data.files import stored_path
from sensorium.errors import MediaError, MissingExtraError
from sensorium.media import Audio, Video

Samples = npt.NDArray[np.float32]

Read = TypeVar("Read")

LENGTHS = 0.35
"""Seconds by which two lengths may differ; see `sensorium.media.tracks.alike`."""


class _Last:
    """What was read of the files that were asked for last."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._kept: dict[int, object] = {}

    def get(self, row: int, read: Callable[[], Read]) -> Read:
        """What `read` gave for a row."""
        if row not in self._kept:
            while len(self._kept) >= self._most:
                self._kept.pop(next(iter(self._kept)))
            self._kept[row] = read()
        return self._kept[row]  # type: ignore[return-value]


def same_sounds(paths: Sequence[str], durations: Sequence[float]) -> Confirm:
    """What tells which recordings are one, by pitch and time.

    Parameters
    ----------
    paths : sequence of str
    durations : sequence of float
        Seconds, as they were indexed; 0 where it is not known.
    """
    last = _Last(4)

    def are_one(one: int, other: int) -> bool:
        from sensorium.media.tracks.alike import heard, same_sound

        def read(row: int) -> Samples | None:
            return last.get(row, lambda: heard(Audio(stored_path(paths[row]))))

        a, b = read(one), read(other)
        return a is not None and b is not None and same_sound(a, b)

    return _one_by_one(are_one, durations)


@dataclass(frozen=True)
class _Film:
    """What is compared of a film: pictures at some times, and its sound if it has one."""

    times: Sequence[float]
    pictures: Sequence[PIL.Image.Image]
    sound: Samples | None


def same_films(paths: Sequence[str], durations: Sequence[float]) -> Confirm:
    """What tells which films are one, by their pictures at the same times and their sound.

    Parameters
    ----------
    paths, durations
        As for `same_sounds`.
    """
    last = _Last(4)

    def watched(row: int, times: Sequence[float]) -> _Film:
        film = last.get(row, lambda: _watched(paths[row], times))
        return film if film.times == times else _watched(paths[row], times)

    def are_one(one: int, other: int) -> bool:
        from sensorium.media.tracks.alike import QUIET, same_pictures, same_sound, times_of

        # What only the longer one has at its end is under `LENGTHS`.
        times = times_of(min(durations[one], durations[other]))
        a, b = watched(one, times), watched(other, times)
        if (a.sound is None) != (b.sound is None) or not same_pictures(a.pictures, b.pictures):
            return False
        if a.sound is None or b.sound is None:
            return True
        silent = [np.abs(sound).max(initial=0) < QUIET for sound in (a.sound, b.sound)]
        return all(silent) or same_sound(a.sound, b.sound)

    return _one_by_one(are_one, durations)


def _one_by_one(are_one: Callable[[int, int], bool], durations: Sequence[float]) -> Confirm:
    """Compare pair by pair what is of about one length; what cannot be read is nothing's equal."""

    def agree(
        pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        agreed = np.zeros(len(pairs), bool)
        for number, (one, other) in enumerate(pairs.tolist()):
            if abs(durations[one] - durations[other]) > LENGTHS:
                continue
            try:
                agreed[number] = are_one(one, other)
            except (MediaError, MissingExtraError):
                agreed[number] = False
        return agreed

    return agree


def _watched(path: str, times: Sequence[float]) -> _Film:
    from sensorium.media.tracks import watching
    from sensorium.media.tracks.alike import heard

    film = Video(stored_path(path))
    sound = film.sound
    samples = None if sound is None else heard(sound)
    if sound is not None and samples is None:
        raise MediaError("too long to be compared", path)
    pictures = list(watching.pictures_at(stored_path(path), film.name, times))
    return _Film(times, pictures, samples)
