"""What FFmpeg reads, through PyAV: videos, and sounds that libsndfile does not know."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.decoding import decoding

try:
    import av
    from av.container import InputContainer
except ImportError as error:
    raise MissingExtraError("av", "media") from error

FRAME_SIDE = 448
"""Pixels of a frame's shorter side, at most: twice what image towers usually take. A frame of a 4K
video takes 1 MB instead of 25."""

MAX_FRAME_PIXELS = 16384 * 8640
"""Largest frame that is decoded: 16K. A header may claim any size."""

TAGS = ("title", "artist", "album", "date", "genre", "comment", "description")

PREROLL_SECONDS = 0.5
"""What is decoded before a place that is sought: frames of MP3 and AAC lean on those before."""

Samples = npt.NDArray[np.float32]


@contextmanager
def opened(source: Path | bytes, name: str) -> Iterator[InputContainer]:
    """Open a file.

    Raises
    ------
    MediaError
        When FFmpeg does not know the format, and for whatever is raised while the file is open.
    """
    with decoding(name, "no sound or video that can be read"):
        file = io.BytesIO(source) if isinstance(source, bytes) else f"file:{source}"
        with av.open(file, "r", metadata_errors="ignore") as container:
            yield container


def _first(streams: Sequence[Any], what: str, name: str) -> Any | None:
    """The first stream that can be decoded; None where there is no stream.

    Raises
    ------
    MediaError
        When FFmpeg has a decoder for none of them.
    """
    found = next((one for one in streams if one.codec_context is not None), None)
    if found is None and streams:
        raise MediaError(f"its {what} are in a codec that FFmpeg cannot decode here", name)
    return found


def container_facts(container: InputContainer) -> dict[str, Any]:
    """Length and tags of an open file."""
    known: dict[str, Any] = {}
    if container.duration is not None:
        known["duration"] = container.duration / av.time_base
    tags = {key.lower(): value for key, value in container.metadata.items()}
    for sound in container.streams.audio:  # OGG keeps its tags there
        tags = {**{key.lower(): value for key, value in sound.metadata.items()}, **tags}
    known.update({key: tags[key].strip() for key in TAGS if tags.get(key, "").strip()})
    if taken := tags.get("creation_time", ""):
        known["taken"] = taken[:19]
    return known


def sound_facts(source: Path | bytes, name: str) -> dict[str, Any]:
    """Length, rate, channels and tags of a file that has sound.

    Raises
    ------
    MediaError
        When it cannot be read or is silent.
    """
    with opened(source, name) as container:
        stream = _first(container.streams.audio, "sound", name)
        if stream is None:
            raise MediaError("the file holds no sound", name)
        known = container_facts(container)
        if "duration" not in known:
            known["duration"] = _counted(container, stream)
        return {**known, "sample_rate": stream.rate, "channels": stream.channels}


def _counted(container: InputContainer, stream: Any) -> float:
    """The length of a file whose header does not say it (a stream that was saved)."""
    last = 0.0
    for packet in container.demux(stream):
        if packet.pts is not None:
            last = max(last, float((packet.pts + (packet.duration or 0)) * packet.time_base))
    return last


def samples(
    source: Path | bytes, name: str, rate: int, start: float, stop: float
) -> Iterator[Samples]:
    """Decode the first sound track between two times, mono, at a rate.

    Raises
    ------
    MediaError
        As `opened`; where the file is broken further on, what comes before is given.
    """
    begun = False
    try:
        with opened(source, name) as container:
            stream = _first(container.streams.audio, "sound", name)
            if stream is None:
                return
            for part in _decoded(container, stream, rate, start, stop):
                begun = True
                yield part
    except MediaError:
        if not begun:
            raise


def _decoded(
    container: InputContainer, stream: Any, rate: int, start: float, stop: float
) -> Iterator[Samples]:
    origin = float((stream.start_time or 0) * (stream.time_base or 0))
    if start > 0:
        before = max(0.0, start - PREROLL_SECONDS)
        container.seek(round((origin + before) * av.time_base), backward=True)
    resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
    position: int | None = None  # of the next sample, counted from `origin` at `rate`
    last = round(stop * rate)
    skip = round(start * rate)
    for frame in _with_end(container, stream):
        if position is None:
            time = 0.0 if frame is None or frame.time is None else frame.time - origin
            position = round(time * rate)
        for part in resampler.resample(frame):
            values = part.to_ndarray().reshape(-1)
            begin, position = position, position + len(values)
            values = values[max(0, skip - begin) : max(0, last - begin)]
            if len(values):
                yield np.nan_to_num(values.astype(np.float32, copy=False))
        if position >= last:
            return


def _with_end(container: InputContainer, stream: Any) -> Iterator[Any]:
    yield from container.decode(stream)
    yield None  # makes the resampler give what it still holds


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
            stream = _first(container.streams.video, "pictures", name)
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
        if (stream := _first(container.streams.video, "pictures", name)) is not None:
            known.update(width=stream.width, height=stream.height, codec=stream.codec_context.name)
            if stream.average_rate:
                known["frame_rate"] = round(float(stream.average_rate), 3)
        elif not known["has_sound"]:
            raise MediaError("the file holds neither pictures nor sound", name)
        return known
