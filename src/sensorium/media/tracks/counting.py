"""How long a file is: by its last packets, for a header may say anything, or nothing.

Nothing is decoded, and no more than a packet is in memory.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorium.errors import MissingExtraError
from sensorium.media.tracks.containers import Clock, opened, packets_of, tracks
from sensorium.media.tracks.stretches import Stretch

try:
    import av
    from av.container import InputContainer
    from av.stream import Discard
except ImportError as error:
    raise MissingExtraError("av", "media") from error

INDEXED = ("mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "asf")
"""Formats with an index of their places. Nobody reads 4 GB for a length that can be looked up."""

FRAMES_ALONE = ("mp3", "aac", "ac3", "eac3", "dts", "amr", "amrnb", "amrwb")
"""Formats that are nothing but frames one behind the other: there is no index, and FFmpeg finds a
time by reading all that is before it. Read window by window, two hours took minutes that way."""

POINT_SECONDS = 20.0
"""How far apart the places are that are remembered of such a file: a window is then read with at
most twice its length."""

TAIL_SECONDS = 3.0
"""How long before its claimed end such a file is read on from there."""


@dataclass
class Counted:
    """What was counted.

    Attributes
    ----------
    ends : dict of int to float
        When each track of sound or pictures ends, in seconds from `origin`, by its number.
        A track without any packet is not there.
    restarts : list of (float, int)
        Where stamps start anew: seconds, and the byte at which these are in the file.
    points : list of (float, int)
        Places from which the file can be read as well, in the same form, in order.
    form : str
        FFmpeg's name of the format.
    """

    ends: dict[int, float]
    restarts: list[tuple[float, int]] = field(default_factory=list)
    points: list[tuple[float, int]] = field(default_factory=list)
    form: str = ""

    @property
    def duration(self) -> float:
        """When the last track ends, in seconds; 0 for a file without packets."""
        return max(self.ends.values(), default=0.0)

    def plain(self) -> tuple[Any, ...]:
        """All of it, to be told to another process."""
        return list(self.ends.items()), self.restarts, self.points, self.form

    @classmethod
    def of_plain(cls, plain: tuple[Any, ...]) -> Counted:
        """What `plain` told."""
        ends, restarts, points, form = plain
        return cls(dict(ends), restarts, points, form)


def counted(source: Path | bytes | Stretch, name: str, limit: float) -> Counted:
    """Count how long the tracks of a file are.

    Parameters
    ----------
    source : Path, bytes or Stretch
    name : str
        What errors call it.
    limit : float
        Seconds from which on it does not matter.

    Returns
    -------
    Counted

    Raises
    ------
    MediaError
        When FFmpeg does not know the format.
    """
    found = Counted({})
    with opened(source, name) as container:
        wanted = tracks(container)
        if not container.duration or container.format.name not in INDEXED:
            return _read(container, wanted, limit)
        with suppress(av.FFmpegError):  # no index, or a broken one
            end = max(0, (container.duration or 0) - round(TAIL_SECONDS * av.time_base))
            container.seek((container.start_time or 0) + end)
            found = _read(container, wanted, limit)
        # A track that is not there ends long before the others, or never was.
        if all(one.index in found.ends for one in wanted):
            return found
    with opened(source, name) as container:  # not every index leads back to the beginning
        missing = [one for one in tracks(container) if one.index not in found.ends]
        earlier = _read(container, missing, limit)
    return Counted({**earlier.ends, **found.ends}, earlier.restarts)


def _read(container: InputContainer, wanted: list[Any], limit: float) -> Counted:
    clock = Clock(container)
    restarts: list[tuple[float, int]] = []
    points: list[tuple[float, int]] = []
    latest = 0.0 if container.format.name in FRAMES_ALONE else limit  # point
    for one in tracks(container):
        one.discard = Discard.default if one in wanted else Discard.all
    with suppress(av.FFmpegError):  # broken from here on
        for packet in packets_of(container, wanted):
            if packet.dts is None and not packet.size:  # the last one only says that it is over
                continue
            before = clock.restarts
            time = clock.due(packet)
            if clock.restarts > before and packet.pos is not None:
                restarts.append((time, packet.pos))
            if time > limit:
                break
            if time - latest >= POINT_SECONDS and packet.pos is not None:
                latest = time
                points.append((time, packet.pos))
    return Counted(clock.ends, restarts, points, container.format.name)
