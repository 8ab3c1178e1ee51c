"""What films are asked for: their facts, and the pictures that differ from the one before.

A process of their own reads them; only what is kept comes back.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from sensorium.media.audio import MAX_SECONDS
from sensorium.media.decoding import decoding
from sensorium.media.isolation import isolated
from sensorium.media.tracks import containers, ffmpeg
from sensorium.media.tracks.counting import Counted
from sensorium.media.tracks.ffmpeg import Look, Told
from sensorium.media.tracks.shown import Thumbnail
from sensorium.media.video import UNREADABLE

FRAME_SECONDS = 2.0
"""Time between the frames that are looked at, at most: what is seen for less may be missed."""

UNCHANGED_SECONDS = 30.0
"""A scene in which nothing changes gets another picture after this time."""

SCENE_CHANGE = 10.0
"""Mean difference of two frames' thumbnails, in levels of 255, from which on both are kept: camera
shake and compression stay under 5."""


EACH_FRAME = 0.001
"""Seconds between looks, of which every frame is one."""

FRAMES_TOLD = 50
"""Frames after which it is told that reading goes on."""

SAME_SECONDS = 0.005
"""Times that differ by less are of the same frame."""


@isolated
def is_only_sound(source: Path | bytes) -> bool:
    """Whether a file holds sound and no moving pictures.

    Raises
    ------
    MediaError
        When it cannot be read.
    """
    return containers.is_only_sound(source)


def facts(source: Path | bytes, name: str, told: Told) -> dict[str, Any]:
    """Length, displayed size, rate, codec and tags of a video; `told` gets notes and the count.

    Raises
    ------
    MediaError
        When it cannot be read, or holds neither pictures nor sound.
    """
    known, counted, notes = _facts(source, name)
    told.counted = Counted.of_plain(counted)
    for note in notes:
        told.note(note)
    return known


@isolated
def _facts(source: Path | bytes, name: str) -> tuple[dict[str, Any], tuple[Any, ...], list[str]]:
    told = Told([])
    with decoding(name, UNREADABLE):
        known = ffmpeg.video_facts(source, name, told)
    assert told.counted is not None
    return known, told.counted.plain(), told.notes


def pictures(
    source: Path | bytes, name: str, told: Told
) -> Generator[tuple[float, PIL.Image.Image], None, None]:
    """Yield the pictures that differ from the one before, with when each begins to be seen.

    Raises
    ------
    MediaError
        As `ffmpeg.frames`.
    """
    with closing(_pictures(source, name)) as items:
        for time, picture, notes, end in items:
            told.end = max(told.end, end)
            for note in notes:
                told.note(note)
            if picture is not None:
                yield time, picture


@isolated
def _pictures(
    source: Path | bytes, name: str
) -> Generator[tuple[float, PIL.Image.Image | None, list[str], float], None, None]:
    """Time, picture, new notes, and how far the film was read; often there are but the latter.

    So whoever waits knows that it goes on.
    """
    told, noted = Told([]), 0
    with decoding(name, UNREADABLE):
        for kept_at, picture in _kept(source, name, told):
            yield kept_at, picture, told.notes[noted:], told.end
            noted = len(told.notes)
    yield 0.0, None, told.notes[noted:], told.end


def pictures_at(
    source: Path | bytes, name: str, times: Sequence[float]
) -> Generator[PIL.Image.Image, None, None]:
    """Yield what is seen at each of some ascending times, in seconds; all frames are decoded.

    Raises
    ------
    MediaError
        As `ffmpeg.frames`.
    """
    with closing(_pictures_at(source, name, list(times))) as found:
        for picture in found:
            if picture is not None:
                yield picture


@isolated
def _pictures_at(
    source: Path | bytes, name: str, times: Sequence[float]
) -> Generator[PIL.Image.Image | None, None, None]:
    """Pictures, and None now and then, so that whoever waits knows that it goes on."""
    waiting = list(times)
    shown: Look | None = None
    with decoding(name, UNREADABLE):
        for number, look in enumerate(ffmpeg.frames(source, name, EACH_FRAME, Told([]))):
            while waiting and shown is not None and look.time > waiting[0] + SAME_SECONDS:
                waiting.pop(0)
                yield shown.picture()
            if not waiting:
                return
            shown = look
            if number % FRAMES_TOLD == 0:
                yield None
        if shown is not None:  # the last one stays to the end
            for _ in waiting:
                yield shown.picture()


def thumbnails_near(
    source: Path | bytes, name: str, times: Sequence[float], seconds: float
) -> Generator[tuple[float, float, Thumbnail], None, None]:
    """Yield frames that are seen within some seconds of any of some ascending times.

    Yields
    ------
    begin, end : float
        When it is seen; the last one to infinity.
    thumbnail : ndarray of uint8, shape (32, 32, 3)

    Raises
    ------
    MediaError
        As `ffmpeg.frames`.
    """
    with closing(_thumbnails_near(source, name, list(times), seconds)) as found:
        for begin, end, thumbnail in found:
            if thumbnail is not None:
                yield begin, end, thumbnail


@isolated
def _thumbnails_near(
    source: Path | bytes, name: str, times: Sequence[float], seconds: float
) -> Generator[tuple[float, float, Any], None, None]:
    """As `thumbnails_near`, and now and then none, so that whoever waits knows that it goes on."""
    waiting = deque(times)
    shown: Look | None = None
    with decoding(name, UNREADABLE):
        for number, look in enumerate(ffmpeg.frames(source, name, EACH_FRAME, Told([]))):
            if shown is not None:
                while waiting and waiting[0] + seconds < shown.time:
                    waiting.popleft()
                if not waiting:
                    return
                if look.time > waiting[0] - seconds:
                    yield shown.time, look.time, shown.thumbnail.astype(np.uint8)
            shown = look
            if number % FRAMES_TOLD == 0:
                yield 0.0, 0.0, None
        if shown is not None:
            yield shown.time, np.inf, shown.thumbnail.astype(np.uint8)


def _kept(
    source: Path | bytes, name: str, told: Told
) -> Iterator[tuple[float, PIL.Image.Image | None]]:
    kept: Thumbnail | None = None
    kept_at = 0.0
    for look in ffmpeg.frames(source, name, FRAME_SECONDS, told):
        if look.time > MAX_SECONDS:
            return
        changed = kept is None or _differ(look.thumbnail, kept)
        if changed or look.time - kept_at >= UNCHANGED_SECONDS:
            kept, kept_at = look.thumbnail, _beginning(look) if changed else look.time
            yield kept_at, look.picture()
        else:
            yield look.time, None


def _differ(one: Thumbnail, other: Thumbnail) -> bool:
    return bool(np.abs(one - other).mean() >= SCENE_CHANGE)


def _beginning(look: Look) -> float:
    """When that began to be seen which a look shows, as far as what was decoded tells."""
    begun = look.time
    for time, thumbnail in reversed(look.before):
        if _differ(thumbnail, look.thumbnail):
            break
        begun = time
    return begun
