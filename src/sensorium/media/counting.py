"""How long a file is: by its last packets, for a header may say anything, or nothing.

Nothing is decoded, and no more than a packet is in memory.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from sensorium.errors import MissingExtraError
from sensorium.media.containers import BROADCASTS, Clock, tracks

try:
    import av
    from av.container import InputContainer
    from av.stream import Discard
except ImportError as error:
    raise MissingExtraError("av", "media") from error

TAIL_SECONDS = 3.0
"""How long before its claimed end a film is read on from there. Nobody reads 4 GB for its length
where the file says where its end is."""


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
    """

    ends: dict[int, float]
    restarts: list[tuple[float, int]] = field(default_factory=list)

    @property
    def duration(self) -> float:
        """When the last track ends, in seconds; 0 for a file without packets."""
        return max(self.ends.values(), default=0.0)


def counted(container: InputContainer, limit: float) -> Counted:
    """Count how long the tracks of an open file are, and leave it at its end.

    Parameters
    ----------
    container : InputContainer
        As it was opened.
    limit : float
        Seconds from which on it does not matter.

    Returns
    -------
    Counted
    """
    wanted = tracks(container)
    found = Counted({})
    if _has_index(container, wanted):
        with suppress(av.FFmpegError):
            end = container.duration or 0
            begin = container.start_time or 0
            container.seek(begin + max(0, end - round(TAIL_SECONDS * av.time_base)))
            found = _read(container, wanted, limit)
            # One that is not there ends long before the others, or never was.
            wanted = [one for one in wanted if one.index not in found.ends]
    if wanted:
        with suppress(av.FFmpegError):
            if found.ends:
                container.seek(container.start_time or 0)
            earlier = _read(container, wanted, limit)
            found = Counted({**earlier.ends, **found.ends}, earlier.restarts)
    return found


def _has_index(container: InputContainer, wanted: list[Any]) -> bool:
    """Whether a place can be sought without reading what is before it, and it is worth it."""
    return (
        bool(container.duration)
        and any(one.type == "video" for one in wanted)
        and container.format.name not in (*BROADCASTS, "ogg")
    )


def _read(container: InputContainer, wanted: list[Any], limit: float) -> Counted:
    clock = Clock(container)
    restarts: list[tuple[float, int]] = []
    for one in tracks(container):
        one.discard = Discard.default if one in wanted else Discard.all
    with suppress(av.FFmpegError):  # broken from here on
        for packet in container.demux(wanted):
            if packet.dts is None and not packet.size:  # the last one only says that it is over
                continue
            before = clock.restarts
            time = clock.due(packet)
            if clock.restarts > before and packet.pos is not None:
                restarts.append((time, packet.pos))
            if time > limit:
                break
    return Counted(clock.ends, restarts)
