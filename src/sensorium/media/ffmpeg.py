"""Pictures of videos, which FFmpeg decodes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.containers import chosen, container_facts, opened

FRAME_SIDE = 448
"""Pixels of a frame's shorter side, at most: twice what image towers usually take. A frame of a 4K
video takes 1 MB instead of 25."""

MAX_FRAME_PIXELS = 16384 * 8640
"""Largest frame that is decoded: 16K. A header may claim any size."""


def keyframe_gap(stream: Any) -> float | None:
    """The longest time between two frames that stand for themselves; None when unknown."""
    times = [
        float(entry.timestamp * stream.time_base)
        for entry in getattr(stream, "index_entries", ())
        if entry.is_keyframe
    ]
    if not times:
        return None
    end = float((stream.duration or 0) * stream.time_base)
    return max((b - a for a, b in zip(times, [*times[1:], max(end, times[-1])], strict=True)))


def frames(
    source: Path | bytes, name: str, every: float, keyframe_seconds: float
) -> Iterator[tuple[float, PIL.Image.Image]]:
    """Decode pictures of a video, at most one in `every` seconds, upright and scaled down.

    Where frames that stand for themselves lie at most `keyframe_seconds` apart, only those are
    decoded, which is ten to fifty times faster. Encoders put them at the beginnings of scenes.

    Yields
    ------
    (float, PIL.Image.Image)
        Seconds from the beginning, and the picture: mode RGB, `FRAME_SIDE` at its shorter side.

    Raises
    ------
    MediaError
        As `opened`; where the file is broken further on, what comes before is given.
    """
    begun = False
    try:
        with opened(source, name) as container:
            stream = chosen(container.streams.video, "pictures", name)
            if stream is None:
                return
            pixels = (stream.width or 0) * (stream.height or 0)
            if not 0 < pixels <= MAX_FRAME_PIXELS:
                raise MediaError(
                    f"frames of {stream.width} x {stream.height} pixels cannot be read", name
                )
            stream.thread_type = "AUTO"
            gap = keyframe_gap(stream)
            if gap is not None and gap <= keyframe_seconds:
                stream.codec_context.skip_frame = "NONKEY"
            origin = float((stream.start_time or 0) * (stream.time_base or 0))
            due = 0.0
            for frame in container.decode(stream):
                time = 0.0 if frame.time is None else max(0.0, frame.time - origin)
                if begun and time < due:
                    continue
                due = max(due + every, time + every / 2)
                begun = True
                yield time, _picture(frame)
    except MediaError:
        if not begun:
            raise


def _picture(frame: Any) -> PIL.Image.Image:
    scale = min(1.0, FRAME_SIDE / min(frame.width, frame.height))
    width, height = round(frame.width * scale), round(frame.height * scale)
    pixels = frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
    picture = PIL.Image.fromarray(pixels)
    turn = getattr(frame, "rotation", 0) % 360
    return picture.rotate(turn, expand=True) if turn else picture


def video_facts(source: Path | bytes, name: str) -> dict[str, Any]:
    """Length, size, rate, codec and tags of a video.

    Raises
    ------
    MediaError
        When it cannot be read, or holds neither pictures nor sound.
    """
    with opened(source, name) as container:
        known = container_facts(container)
        # Pictures are worth having without a sound track that cannot be decoded.
        known["has_sound"] = any(one.codec_context is not None for one in container.streams.audio)
        if (stream := chosen(container.streams.video, "pictures", name)) is not None:
            known.update(width=stream.width, height=stream.height, codec=stream.codec_context.name)
            if stream.average_rate:
                known["frame_rate"] = round(float(stream.average_rate), 3)
        elif not known["has_sound"]:
            raise MediaError("the file holds neither pictures nor sound", name)
        return known
