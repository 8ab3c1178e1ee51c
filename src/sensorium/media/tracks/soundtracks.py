"""Sound that FFmpeg decodes: the tracks of videos, and files that libsndfile does not know.

What is decoded is laid on the clock of the file: where a track begins late or has a gap there is
silence, and what follows keeps its time.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.tracks.containers import (
    BROADCASTS,
    ELSEWHERE,
    Clock,
    container_facts,
    opened,
    origin,
    packets_of,
    promised,
    sound_track,
    tracks,
)
from sensorium.media.tracks.counting import Counted, counted
from sensorium.media.tracks.laying import Sheet
from sensorium.media.tracks.mixing import require_rate, resampled
from sensorium.media.tracks.stretches import Stretch, links_of, mended, rest_from, stretches_from

try:
    import av
    from av.container import InputContainer
    from av.stream import Discard
except ImportError as error:
    raise MissingExtraError("av", "media") from error

PREROLL_SECONDS = 0.5
"""What is decoded before a place that is sought: frames of MP3 and AAC lean on those before."""

MUCH_LOST = 1.0
"""Seconds of broken sound from which on they are told; less is a click, or an index among MP3's
frames."""

PLANES = 8
"""Channels from which on a frame's pointers to them fill all their room (AV_NUM_DATA_POINTERS)."""

PLANAR = {"u8p": "u1", "s16p": "i2", "s32p": "i4", "s64p": "i8", "fltp": "f4", "dblp": "f8"}
"""NumPy's names of FFmpeg's forms of samples that have a plane for each channel."""

BROKEN = "some of its sound is broken, and silence here"

Samples = npt.NDArray[np.float32]
Source = Path | bytes | Stretch


@dataclass(frozen=True)
class Part:
    """A stretch of a file with a clock of its own; most files are one part.

    Attributes
    ----------
    start, stop : float
        Seconds from the beginning of the file; the last part stops when its sound does.
    source : Path, bytes or Stretch
    points : sequence of (float, int)
        See `Counted`.
    form : str
        See `Counted`.
    """

    start: float
    stop: float
    source: Source
    points: Sequence[tuple[float, int]] = ()
    form: str = ""

    def near(self, start: float) -> Part:
        """What is opened to hear it from a time on, which counts from the beginning of the file."""
        place = bisect_right(self.points, start - self.start - PREROLL_SECONDS, key=itemgetter(0))
        if not place or isinstance(self.source, Stretch):
            return self
        time, position = self.points[place - 1]
        return Part(self.start + time, self.stop, rest_from(self.source, position, self.form))


@dataclass(frozen=True)
class Surveyed:
    """What is known of a file's sound before it is decoded.

    Attributes
    ----------
    facts : dict
        ``duration`` (seconds until the sound ends), ``sample_rate``, ``channels``, tags.
    parts : sequence of Part
    notes : sequence of str
        What in it cannot be heard.
    """

    facts: dict[str, Any]
    parts: Sequence[Part]
    notes: Sequence[str]


def surveyed(
    source: Path | bytes, name: str, limit: float, known: Counted | None = None
) -> Surveyed:
    """Find out how long the sound of a file is, and where its parts are.

    Parameters
    ----------
    source : Path or bytes
    name : str
        What errors call it.
    limit : float
        Seconds from which on it does not matter how long it is.
    known : Counted, optional
        Where the file has been counted before.

    Raises
    ------
    MediaError
        When it cannot be read, or has no sound.
    """
    links = links_of(source)
    first = links[0] if links else mended(source)
    notes: list[str] = []
    with opened(first, name) as container:
        track = sound_track(container, notes)
        if track is None:
            raise MediaError(notes[0] if notes else "the file holds no sound", name)
        number = track.index
        facts = container_facts(container)
        facts.update(sample_rate=track.rate, channels=track.channels)
        require_rate(track.rate or 0, track.channels)
        is_promised = number in promised(container)
    found = known if known is not None and not links else counted(first, name, limit)
    if is_promised and number not in found.ends:
        raise MediaError(f"its sound is {ELSEWHERE}", name)
    stop = found.ends.get(number, 0.0)
    if not facts["sample_rate"]:  # it begins so late that FFmpeg did not see it when it opened
        for frame in _heard(Part(0.0, stop, first), name, 0.0, []):
            facts.update(sample_rate=frame.rate, channels=frame.values.shape[1])
            break
    parts = [Part(0.0, stop, first, found.points, found.form)]
    if links:
        parts = _chained(links, name, limit, found.duration)
    elif found.restarts:
        times = [0.0, *(time for time, _ in found.restarts)]
        pieces = stretches_from(source, [position for _, position in found.restarts])
        ends = [*times[1:], max(stop, times[-1])]
        parts = [Part(*one) for one in zip(times, ends, pieces, strict=True)]
    facts["duration"] = parts[-1].stop
    return Surveyed(facts, parts, notes)


def _chained(links: Sequence[Stretch], name: str, limit: float, first: float) -> list[Part]:
    parts = [Part(0.0, first, links[0])]
    for link in links[1:]:
        start = parts[-1].stop
        if start > limit:
            break
        try:
            length = counted(link, name, limit).duration
        except MediaError:  # cut off in its first page, say
            continue
        parts.append(Part(start, start + length, link))
    return parts


def between(known: Surveyed, start: float, stop: float) -> Surveyed:
    """What of a survey is needed to hear what lies between two times."""
    stop = min(stop, known.facts["duration"])
    parts = [part.near(start) for part in known.parts if part.stop > start and part.start < stop]
    return Surveyed(known.facts, parts, known.notes)


def samples(
    known: Surveyed, name: str, rate: int, start: float, stop: float, notes: list[str]
) -> Iterator[Samples]:
    """Decode the sound between two times, as one channel, at a rate.

    Parameters
    ----------
    known : Surveyed
    name : str
        What errors call the file.
    rate : int
        Samples a second that are wanted.
    start, stop : float
        Seconds.
    notes : list of str
        What is broken is appended.

    Yields
    ------
    ndarray of float32, shape (n,)

    Raises
    ------
    MediaError
        When nothing of it can be decoded; where it is broken further on, what comes before is
        given.
    """
    yield from resampled(_laid(known, name, start, stop, notes, rate), rate)


def _laid(
    known: Surveyed, name: str, start: float, stop: float, notes: list[str], rate: int
) -> Iterator[tuple[Samples, int]]:
    stop = min(stop, known.facts["duration"])
    sheet = Sheet(start, stop, rate)
    begun = False
    try:
        for part in between(known, start, stop).parts:
            for frame in _heard(part, name, start - part.start, notes):
                time = None if frame.time is None else frame.time + part.start
                yield from sheet.lay(frame.values, frame.rate, frame.names, time)
                begun = True
                if sheet.is_full:
                    break
    except MediaError:
        if not begun:
            raise
    yield from sheet.finished()


@dataclass(frozen=True)
class _Frame:
    time: float | None  # None: right behind the one before
    values: Samples
    rate: int
    names: tuple[str, ...]


def _heard(part: Part, name: str, start: float, notes: list[str]) -> Iterator[_Frame]:
    """Decode a part from a little before a time on, or from its beginning."""
    begun, lost = False, 0.0
    with opened(part.source, name) as container:
        track = sound_track(container, [])
        if track is None:
            return
        clock = Clock(container)
        # The stamps of one track alone do not tell a pause from another clock.
        wanted = tracks(container) if container.format.name in BROADCASTS else [track]
        if start > PREROLL_SECONDS:
            _seek(container, track, start - PREROLL_SECONDS)
        for one in container.streams:  # only now: places may be known by their pictures alone
            one.discard = Discard.default if one in wanted else Discard.all
        for packet in packets_of(container, wanted):
            clock.due(packet)
            if packet.stream_index != track.index:
                continue
            try:
                frames = packet.decode()
            except av.FFmpegError:
                lost += float((packet.duration or 0) * packet.time_base)
                if begun and lost > MUCH_LOST and BROKEN not in notes:
                    notes.append(BROKEN)
                continue
            for frame in frames:
                if not frame.samples:
                    continue
                require_rate(frame.rate, frame.layout.nb_channels)
                begun = True
                time = None if frame.time is None else frame.time + clock.shift
                yield _Frame(time, _values(frame), frame.rate, _names(frame))
    if not begun and lost:
        raise MediaError("its sound is broken", name)


def _seek(container: InputContainer, track: Any, start: float) -> None:
    stamp = origin(container) + start
    try:
        if container.format.name.startswith("mov"):
            # By its own index: by that of the pictures it might be sought far before.
            container.seek(round(stamp / float(track.time_base)), stream=track)
        else:
            container.seek(round(stamp * av.time_base))
    except av.FFmpegError:  # no index, or a broken one: everything before is read, too
        container.seek(container.start_time or 0)


def _values(frame: Any) -> Samples:
    """The samples of a frame, shape (n, channels), in -1 to 1."""
    count = frame.layout.nb_channels
    if frame.format.is_planar and count >= PLANES:
        # PyAV's own count of many planes may go on behind the last one.
        kind = PLANAR[frame.format.name]
        planes = [np.frombuffer(one, kind, frame.samples) for one in frame.planes[:count]]
        values = np.stack(planes, axis=1)
    else:
        values = frame.to_ndarray()
        values = values.T if frame.format.is_planar else values.reshape(-1, count)
    if values.dtype == np.uint8:
        return np.asarray((values.astype(np.float32) - 128) / 128, np.float32)
    if values.dtype.kind == "i":
        return np.asarray(values / -float(np.iinfo(values.dtype).min), np.float32)
    return np.asarray(values, np.float32)


def _names(frame: Any) -> tuple[str, ...]:
    if frame.layout.name.endswith("channels"):  # "6 channels": nobody knows where they are heard
        return ()
    return tuple(channel.name for channel in frame.layout.channels)
