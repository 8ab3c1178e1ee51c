"""Pictures of videos, which FFmpeg decodes."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import PIL.Image

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.audio import MAX_SECONDS
from sensorium.media.decoding import described
from sensorium.media.isolation import memory_for, size_of
from sensorium.media.tracks.containers import (
    ELSEWHERE,
    MAX_FRAME_PIXELS,
    OPTIONS,
    Clock,
    container_facts,
    opened,
    packets_of,
    promised,
    sound_track,
    tracks,
)
from sensorium.media.tracks.counting import Counted, counted
from sensorium.media.tracks.looking import SAME, Timed, groups, looks
from sensorium.media.tracks.shown import Display, Thumbnail

try:
    import av
    from av.container import InputContainer
    from av.stream import Disposition
except ImportError as error:
    raise MissingExtraError("av", "media") from error

MOST_THREADS = 4
"""Threads that decode frames of one film: each holds a frame, and films are read side by side."""

HELD = 4
"""Frames that a decoder holds at least: two that others lean on, one in the making, one shown."""

HELD_ALONE = 2
"""The same of codecs whose frames lean on no others."""

OTHER_MEMORY = 200 << 20
"""Bytes of memory for all but frames: the process, packets, pictures that are kept."""

USUAL_BITS = 12
"""Bits of a pixel, where they are not known yet."""

FINE_SECONDS = 0.25
"""Time between the frames that tell when a scene began, where they are decoded anyway."""

FIRST_PACKETS = 250
"""Packets that are decoded at most until the first frame comes, which tells the displayed size."""


@dataclass
class Told:
    """What reading a film's pictures tells beside them.

    Attributes
    ----------
    notes : list of str
        What could not be used.
    end : float
        Seconds at which the last packet of pictures or sound ends, when all were read.
    counted : Counted, optional
        How long each track is, where it was asked.
    """

    notes: list[str]
    end: float = 0.0
    counted: Counted | None = None

    def note(self, text: str) -> None:
        """Say once what could not be used."""
        if text not in self.notes:
            self.notes.append(text)


@dataclass(frozen=True)
class Look:
    """One look at a film.

    Attributes
    ----------
    time : float
        Seconds from the file's zero.
    thumbnail : ndarray of int16
        See `sensorium.media.tracks.shown.Display.thumbnail`.
    before : sequence of (float, ndarray of int16)
        Times and thumbnails between the look before and this one, as far as they were decoded.
    """

    time: float
    thumbnail: Thumbnail
    before: Sequence[tuple[float, Thumbnail]]
    _frame: Any
    _display: Display

    def picture(self) -> PIL.Image.Image:
        """What is seen; see `sensorium.media.tracks.shown.Display.picture`."""
        return self._display.picture(self._frame)


def frames(source: Path | bytes, name: str, every: float, told: Told) -> Iterator[Look]:
    """Look at a video, as seldom as shows all that is seen for `every` seconds.

    Raises
    ------
    MediaError
        As `opened`, and when no picture at all can be decoded; where the file is broken further
        on, what comes before is given.
    """
    until = -math.inf  # when was looked last
    for alone in (True, False):
        try:
            with opened(source, name) as container:
                stream = picture_track(container, told)
                if stream is None:
                    return
                threads = _threads(stream, source, name)
                reading = _Reading(stream, told, Display(stream), threads, alone)
                for look in reading.looks(every):
                    if look.time > until:
                        until = look.time
                        yield look
                if reading.is_lost:
                    continue
                if reading.problem is not None and until < 0:
                    raise MediaError(f"its pictures are broken ({reading.problem})", name)
                return
        except MediaError as error:
            if until < 0:
                raise
            told.note(f"its pictures end at {told.end:.0f} s: {error.reason}")
            return


@dataclass
class _Reading:
    """One film being decoded: what was sent to the decoder, and what is awaited from it."""

    stream: Any
    told: Told
    display: Display
    threads: int
    """That decode: each holds a frame."""
    alone: bool
    """Whether a key frame is taken to be decoded by itself, without what is before it."""
    is_lost: bool = False
    """Whether one could not be: films that are refreshed line by line only say that they have key
    frames, and all of them has to be decoded."""
    due: deque[float] = field(default_factory=deque)
    """When was decided to look; the first frame from then on is taken."""
    times: dict[int, float] = field(default_factory=dict)
    """When the packets that were sent are shown, by their stamps."""
    before: list[tuple[float, Thumbnail]] = field(default_factory=list)
    spare: Any = None
    """The last frame that was not taken."""
    problem: str | None = None
    """The first thing that could not be decoded."""

    def looks(self, every: float) -> Iterator[Look]:
        self.stream.thread_type = "AUTO"
        context = self.stream.codec_context
        context.thread_count = self.threads
        context.options = OPTIONS
        last = -math.inf
        unbroken = True  # whether the decoder was given all packets since a key frame
        for group in groups(self._packets()):
            chosen = looks(group.shown(), last, group.end, every, first=group.begins)
            if group.begins and not unbroken:
                yield from self._emptied()
                if self.is_lost:
                    return
                context.flush_buffers()
                unbroken = True
            if not unbroken or (self.alone and group.begins and group.ends and not chosen):
                unbroken = False
                continue
            last = chosen[-1] if chosen else last
            self.due.extend(chosen)
            needed = len(group.packets)
            if self.alone and group.ends:
                places = [n for n, shown in enumerate(group.packets) if shown.time in chosen]
                needed = 1 + max(places, default=-1)
            unbroken = needed == len(group.packets)
            for packet in group.packets[:needed]:
                # Frames that no other needs, often half of them, are left out unless looked at.
                skip = self.alone and packet.time not in chosen
                context.skip_frame = "NONREF" if skip else "DEFAULT"
                if packet.stamp is not None and packet.time is not None:
                    self.times[packet.stamp] = packet.time
                yield from self._given(packet.packet)
        yield from self._emptied()

    def _emptied(self) -> Iterator[Look]:
        """Take from the decoder what it still holds."""
        yield from self._given(None)
        self.is_lost = self.alone and bool(self.due)
        self.times.clear()
        self.spare = None

    def _packets(self) -> Iterator[Timed]:
        """The packets of the track, while the end of all that is seen or heard is counted."""
        container = self.stream.container
        clock = Clock(container)
        try:
            for packet in packets_of(container, tracks(container)):
                if packet.dts is None and not packet.size:  # only says that it is over
                    continue
                time = clock.due(packet)
                self.told.end = max(self.told.end, *clock.ends.values())
                # In Theora an empty packet says that what is shown stays.
                if packet.stream_index == self.stream.index and packet.size:
                    stamp = packet.dts if packet.pts is None else packet.pts
                    yield Timed(packet, stamp, None if packet.is_discard else time)
        except av.FFmpegError as error:
            self.told.note(f"it breaks off after {self.told.end:.0f} s ({described(error)})")

    def _given(self, packet: Any) -> Iterator[Look]:
        """Give the decoder a packet, None for the end of them, and take what was waited for."""
        try:
            decoded = self.stream.codec_context.decode(packet)
        except av.FFmpegError as error:  # a broken packet; players go on after it, too
            self.problem = self.problem or described(error)
            return
        for frame in decoded:
            if frame.width * frame.height > MAX_FRAME_PIXELS:
                self.problem = self.problem or _too_large(frame.width, frame.height)
                continue
            time = self.times.get(frame.pts)
            if time is None:
                self.spare = frame
                continue
            if self.due and time >= self.due[0] - SAME:
                yield self._taken(frame, time)
                continue
            self.spare = frame
            if not self.before or time >= self.before[-1][0] + FINE_SECONDS:
                self.before.append((time, self.display.thumbnail(frame)))
        if packet is None and self.due and self.spare is not None:
            # Times are guessed in AVI, which stores none, and may be some frames late.
            yield self._taken(self.spare, self.due[-1])

    def _taken(self, frame: Any, time: float) -> Look:
        while self.due and self.due[0] <= time + SAME:
            self.due.popleft()
        before, self.before, self.spare = self.before, [], None
        thumbnail = self.display.thumbnail(frame)
        return Look(max(0.0, time), thumbnail, before, frame, self.display)


def picture_track(container: InputContainer, told: Told) -> Any | None:
    """The picture track that players show: the default one, or else the first.

    None where no track can be decoded. A note says what is not seen for its codec.
    """
    films = [one for one in tracks(container) if one.type == "video"]
    films.sort(key=lambda film: not film.disposition & Disposition.default)
    found = next((film for film in films if film.codec_context is not None), None)
    if films and found is not films[0]:
        which = "its main picture track is" if found else "its pictures are"
        told.note(f"{which} in a codec that FFmpeg cannot decode here")
    return found


def _threads(stream: Any, source: Path | bytes, name: str) -> int:
    """How many threads may decode frames of this size, in the memory that there is for the file.

    Raises
    ------
    MediaError
        When not even one.
    """
    width, height = stream.width or 0, stream.height or 0
    if not width * height and stream.index in promised(stream.container):
        raise MediaError(f"its pictures are {ELSEWHERE}", name)
    if not 0 < width * height <= MAX_FRAME_PIXELS:
        raise MediaError(_too_large(width, height), name)
    context = stream.codec_context
    form = context.format
    frame = width * height * ((form.padded_bits_per_pixel if form else 0) or USUAL_BITS) // 8
    held = HELD_ALONE if context.codec.intra_only else HELD
    room = memory_for(size_of(source)) - OTHER_MEMORY
    if frame * held > room:
        raise MediaError(
            f"frames of {width:,} x {height:,} pixels take {frame >> 20:,} MB, {held} at a time; "
            f"a file of this size may take {room >> 20:,} MB in all: make a smaller copy",
            name,
        )
    return max(1, min(MOST_THREADS, (os.cpu_count() or 1) + 1, room // (2 * frame) - held))


def _too_large(width: int, height: int) -> str:
    if not width * height:
        return f"frames without a size, or of more than {MAX_FRAME_PIXELS:,} pixels, are not read"
    return (
        f"frames of {width:,} x {height:,} pixels; more than {MAX_FRAME_PIXELS:,} pixels are "
        "not read"
    )


def video_facts(source: Path | bytes, name: str, told: Told) -> dict[str, Any]:
    """Length, displayed size, rate, codec and tags of a video.

    Raises
    ------
    MediaError
        When it cannot be read, or holds neither pictures nor sound.
    """
    with opened(source, name) as container:
        known = container_facts(container)
        # Pictures are worth having without a sound track that cannot be decoded.
        sound = sound_track(container, told.notes)
        number = None if sound is None else sound.index
        expected = promised(container)
        if (stream := picture_track(container, told)) is not None:
            _threads(stream, source, name)
            width, height = _displayed_size(container, stream)
            known.update(width=width, height=height, codec=stream.codec_context.name)
            if stream.average_rate:
                known["frame_rate"] = round(float(stream.average_rate), 3)
        elif number is None:
            reason = "the file holds neither pictures nor sound"
            raise MediaError(told.notes[-1] if tracks(container) else reason, name)
    told.counted = counted(source, name, MAX_SECONDS)
    lost = [kind for track, kind in expected.items() if track not in told.counted.ends]
    if lost and not told.counted.ends:
        raise MediaError(f"its pictures and its sound are {ELSEWHERE}", name)
    for kind in lost:
        told.note(f"a track of its {'sound' if kind == 'audio' else 'pictures'} is {ELSEWHERE}")
    known["duration"] = told.counted.duration
    known["has_sound"] = number in told.counted.ends  # a track may be there without any sound
    return known


def _displayed_size(container: InputContainer, stream: Any) -> tuple[int, int]:
    """Width and height as displayed, which the first frame tells."""
    for packet in islice(container.demux(stream), FIRST_PACKETS):
        try:
            for frame in stream.codec_context.decode(packet if packet.size else None):
                return Display(stream).size(frame)
        except av.FFmpegError:  # before the first key frame
            continue
    return stream.width, stream.height
