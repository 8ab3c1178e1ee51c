"""Recordings and films that are one, saved again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.data.files import stored_path
from sensorium.errors import MediaError, MissingExtraError
from sensorium.media import Audio, Video

Samples = npt.NDArray[np.float32]

Read = TypeVar("Read")

LENGTHS = 0.35
"""Seconds by which two lengths may differ; see `sensorium.media.tracks.alike`."""


class _OneByOne:
    """Compares files pair by pair, and keeps what it read of the first of each.

    Parameters
    ----------
    paths : sequence of str
    durations : sequence of float
        Seconds, as they were indexed; 0 where it is not known.
    """

    def __init__(self, paths: Sequence[str], durations: Sequence[float]) -> None:
        self._paths = paths
        self._durations = durations

    def agree(
        self, pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        """Which pairs are one; see `sensorium.collection.duplicates.grouping.Confirm`."""
        agreed = np.zeros(len(pairs), bool)
        for number, (one, other) in enumerate(pairs.tolist()):
            if abs(self._durations[one] - self._durations[other]) > LENGTHS:
                continue
            try:
                agreed[number] = self._are_one(one, other)
            except (MediaError, MissingExtraError):
                agreed[number] = False
        return agreed

    def _are_one(self, one: int, other: int) -> bool:
        raise NotImplementedError


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


class SameSounds(_OneByOne):
    """Recordings, by pitch and time."""

    def __init__(self, paths: Sequence[str], durations: Sequence[float]) -> None:
        super().__init__(paths, durations)
        self._last = _Last(4)

    def _are_one(self, one: int, other: int) -> bool:
        from sensorium.media.tracks.alike import heard, same_sound

        def read(row: int) -> Samples | None:
            return self._last.get(row, lambda: heard(Audio(stored_path(self._paths[row]))))

        a, b = read(one), read(other)
        return a is not None and b is not None and same_sound(a, b)


@dataclass(frozen=True)
class _Film:
    """What is compared of a film: pictures at some times, and its sound if it has one."""

    times: Sequence[float]
    pictures: Sequence[PIL.Image.Image]
    sound: Samples | None


class SameFilms(_OneByOne):
    """Films, by their pictures at the same times and their sound."""

    def __init__(self, paths: Sequence[str], durations: Sequence[float]) -> None:
        super().__init__(paths, durations)
        self._last = _Last(4)

    def _are_one(self, one: int, other: int) -> bool:
        from sensorium.media.tracks.alike import QUIET, same_pictures, same_sound, times_of

        # What only the longer one has at its end is under `LENGTHS`.
        times = times_of(min(self._durations[one], self._durations[other]))
        a, b = self._film(one, times), self._film(other, times)
        if (a.sound is None) != (b.sound is None) or not same_pictures(a.pictures, b.pictures):
            return False
        if a.sound is None or b.sound is None:
            return True
        silent = [np.abs(sound).max(initial=0) < QUIET for sound in (a.sound, b.sound)]
        return all(silent) or same_sound(a.sound, b.sound)

    def _film(self, row: int, times: Sequence[float]) -> _Film:
        film = self._last.get(row, lambda: _watched(self._paths[row], times))
        return film if film.times == times else _watched(self._paths[row], times)


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
