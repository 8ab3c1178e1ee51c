"""Recordings and films that are one, saved again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.collection.duplicates.grouping import Confirm
from sensorium.data.files import stored_path
from sensorium.errors import MediaError, MissingExtraError
from sensorium.media import Audio, Video

if TYPE_CHECKING:
    from sensorium.media.tracks.abreast import Frames

Samples = npt.NDArray[np.float32]

Read = TypeVar("Read")

LENGTHS = 0.35
"""Seconds by which two lengths may differ; see `sensorium.media.tracks.alike`."""

SILENCE = 2.0
"""Seconds by which two sounds' may differ more, where one has silence at an end."""

KEPT = 256 << 20
"""Bytes of what was read that are kept: a film of some seconds takes half a million."""

LEAST_KEPT = 2


class _Last:
    """What was read of the files that were asked for last."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[object, int]] = OrderedDict()
        self._bytes = 0

    def get(self, key: Hashable, read: Callable[[], Read], size: Callable[[Read], int]) -> Read:
        """What `read` gave for a key; `size` says how many bytes that takes."""
        if key not in self._kept:
            found = read()
            self._kept[key] = found, size(found)
            self._bytes += size(found)
            while self._bytes > KEPT and len(self._kept) > LEAST_KEPT:
                _, (_, bytes_) = self._kept.popitem(last=False)
                self._bytes -= bytes_
        self._kept.move_to_end(key)
        return self._kept[key][0]  # type: ignore[return-value]


def same_sounds(paths: Sequence[str], durations: Sequence[float]) -> Confirm:
    """What tells which recordings are one, by pitch and time.

    Parameters
    ----------
    paths : sequence of str
    durations : sequence of float
        Seconds, as they were indexed; 0 where it is not known.
    """
    last = _Last()

    def are_one(one: int, other: int) -> bool:
        from sensorium.media.tracks.alike import heard, same_sound

        def read(row: int) -> Samples | None:
            return last.get(
                row,
                lambda: heard(Audio(stored_path(paths[row]))),
                lambda sound: 0 if sound is None else sound.nbytes,
            )

        a, b = read(one), read(other)
        return a is not None and b is not None and same_sound(a, b)

    return _one_by_one(are_one, durations, LENGTHS + SILENCE)


@dataclass(frozen=True)
class _Film:
    """What is compared first of a film: its frames near some times, and its sound if it has one."""

    frames: Frames
    sound: Samples | None


def _size(film: _Film) -> int:
    return film.frames.thumbnails.nbytes + (0 if film.sound is None else film.sound.nbytes)


def same_films(paths: Sequence[str], durations: Sequence[float]) -> Confirm:
    """What tells which films are one, by their pictures at the same times and their sound.

    Parameters
    ----------
    paths, durations
        As for `same_sounds`.
    """
    last = _Last()

    def watched(row: int, times: Sequence[float]) -> _Film:
        return last.get((row, len(times), times[-1]), lambda: _watched(paths[row], times), _size)

    def are_one(one: int, other: int) -> bool:
        from sensorium.media.tracks.abreast import abreast
        from sensorium.media.tracks.alike import (
            QUIET,
            SECONDS,
            same_pictures,
            same_sound,
            times_of,
        )

        # What only the longer one has at its end is under `LENGTHS`. Rounded, films of about one
        # length are looked at once.
        shorter = min(durations[one], durations[other])
        times = times_of(max(shorter // SECONDS, 1) * SECONDS)
        a, b = watched(one, times), watched(other, times)
        if (a.sound is None) != (b.sound is None):
            return False
        met = abreast(a.frames, b.frames, np.array(times))
        if met is None:
            return False
        if a.sound is not None and b.sound is not None:
            silent = [np.abs(sound).max(initial=0) < QUIET for sound in (a.sound, b.sound)]
            if not all(silent) and not same_sound(a.sound, b.sound):
                return False
        return same_pictures(_pictures(paths[one], met[0]), _pictures(paths[other], met[1]))

    return _one_by_one(are_one, durations, LENGTHS)


def _one_by_one(
    are_one: Callable[[int, int], bool], durations: Sequence[float], lengths: float
) -> Confirm:
    """Compare pair by pair what is of about one length; what cannot be read is nothing's equal."""

    def agree(
        pairs: npt.NDArray[np.int64], cosines: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.bool_]:
        agreed = np.zeros(len(pairs), bool)
        for number, (one, other) in enumerate(pairs.tolist()):
            if abs(durations[one] - durations[other]) > lengths:
                continue
            try:
                agreed[number] = are_one(one, other)
            except (MediaError, MissingExtraError):
                agreed[number] = False
        return agreed

    return agree


def _watched(path: str, times: Sequence[float]) -> _Film:
    from sensorium.media.tracks import watching
    from sensorium.media.tracks.abreast import NEAR, Frames
    from sensorium.media.tracks.alike import heard

    film = Video(stored_path(path))
    sound = film.sound
    samples = None if sound is None else heard(sound)
    if sound is not None and samples is None:
        raise MediaError("too long to be compared", path)
    near = watching.thumbnails_near(stored_path(path), film.name, times, NEAR)
    return _Film(Frames.of(near), samples)


def _pictures(path: str, times: npt.NDArray[np.float64]) -> Sequence[PIL.Image.Image]:
    from sensorium.media.tracks import watching

    # Two times may be of one frame, and a later time of an earlier one by a little.
    order = np.argsort(times, kind="stable")
    found = list(watching.pictures_at(stored_path(path), path, times[order].tolist()))
    return [found[n] for n in np.argsort(order, kind="stable")]
