"""Which frames of a film are decoded: enough that every scene is seen, and no more.

A film is a row of groups of packets, each beginning with a key frame, which stands for itself; all
others of a group need those before them. A group is held until the next key frame says how long it
is. Where key frames lie near one another nothing else is decoded, and not even all of them.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

HELD_SECONDS = 12.0
"""A group is not held for longer: encoders put key frames 10 s apart at most, as they are set when
nobody sets them, live streams and phones 1 to 5 s."""

HELD_BYTES = 32 * 1024 * 1024
"""Nor when it takes more memory than this: 12 s of the best Blu-ray discs take 60 MB."""

HELD_PACKETS = 10_000
"""Nor when there are more: packets of a few bytes take more memory than their size says."""

SAME = 1e-4
"""Seconds that times may differ by being rounded."""


@dataclass(frozen=True, slots=True)
class Timed:
    """A packet of a film's picture track.

    Attributes
    ----------
    packet : av.Packet
    stamp : int or None
        What it bears, and what is decoded of it.
    time : float or None
        When it is shown, in seconds from the file's zero; None for what the file cuts away.
    """

    packet: Any
    stamp: int | None
    time: float | None


@dataclass
class Group:
    """Packets that follow one another in a film's picture track.

    Attributes
    ----------
    packets : list of Timed
        In the order in which they are decoded.
    end : float
        When the next group begins to be shown, or the film ends.
    begins : bool
        Whether its first packet is a key frame, rather than what follows what was held before.
    ends : bool
        Whether a key frame or nothing follows it.
    """

    packets: list[Timed] = field(default_factory=list)
    end: float = 0.0
    begins: bool = False
    ends: bool = True

    def shown(self) -> list[float]:
        """The times at which something is shown, in order.

        What is shown before the key frame but comes after it leans on the group before as well,
        which may not be decoded.
        """
        first = self.packets[0].time if self.begins else None
        times = {packet.time for packet in self.packets if packet.time is not None}
        return sorted(time for time in times if first is None or time >= first)


def groups(packets: Iterable[Timed]) -> Iterator[Group]:
    """Cut a track's packets into groups, holding one at a time."""
    held = Group()
    size = 0
    for packet in packets:
        is_key = packet.packet.is_keyframe
        if held.packets and (is_key or _is_long(held, size)):
            held.ends = is_key
            if not is_key:
                held.end = max(held.shown(), default=held.end)
            elif packet.time is not None:
                held.end = packet.time
            yield held
            held, size = Group(), 0
        if not held.packets:
            held.begins = is_key
        held.packets.append(packet)
        lasts = float((packet.packet.duration or 0) * packet.packet.time_base)
        held.end = max(held.end, (packet.time or 0.0) + lasts)
        size += packet.packet.size
    if held.packets:
        yield held


def _is_long(group: Group, size: int) -> bool:
    first, last = group.packets[0].time, group.packets[-1].time
    is_long = first is not None and last is not None and last - first > HELD_SECONDS
    return is_long or size > HELD_BYTES or len(group.packets) > HELD_PACKETS


def looks(
    times: Sequence[float], last: float, end: float, every: float, *, first: bool = True
) -> list[float]:
    """Choose when to look, so that nothing that is shown for `every` seconds is missed.

    Parameters
    ----------
    times : sequence of float
        When the group's frames are shown, in order.
    last : float
        When was looked before; minus infinity for never.
    end : float
        When the next group begins, whose first frame can be looked at.
    every : float
        Seconds between two looks, at most.
    first : bool
        Whether the first look is the first frame: a key frame is the cheapest, and often begins a
        scene.

    Returns
    -------
    list of float
        Some of `times`, as few as will do and evenly apart; none where the next group comes soon
        enough.

    Examples
    --------
    >>> looks([0.0, 0.5, 1.0, 1.5, 2.0, 2.5], last=-math.inf, end=3.0, every=2.0)
    [0.0, 1.5]
    """
    chosen: list[float] = []
    times = [time for time in times if time > last + SAME]
    while times and end - last > every + SAME:
        place = 0
        if chosen or not (first or last == -math.inf):
            parts = math.ceil((end - last) / every - SAME)
            # Where the rate varies, the next frame may come later than is wanted.
            place = max(0, bisect.bisect_right(times, last + (end - last) / parts + SAME) - 1)
        last = times[place]
        chosen.append(last)
        times = times[place + 1 :]
    return chosen
