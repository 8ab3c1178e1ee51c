"""Sound that FFmpeg decodes: the tracks of videos, and files that libsndfile does not know."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.containers import chosen, container_facts, opened
from sensorium.media.counting import counted

try:
    import av
    from av.container import InputContainer
except ImportError as error:
    raise MissingExtraError("av", "media") from error

PREROLL_SECONDS = 0.5
"""What is decoded before a place that is sought: frames of MP3 and AAC lean on those before."""

Samples = npt.NDArray[np.float32]


def facts(source: Path | bytes, name: str) -> dict[str, Any]:
    """Length, rate, channels and tags of a file that has sound.

    Raises
    ------
    MediaError
        When it cannot be read or is silent.
    """
    with opened(source, name) as container:
        stream = chosen(container.streams.audio, "sound", name)
        if stream is None:
            raise MediaError("the file holds no sound", name)
        known = container_facts(container)
        if "duration" not in known:
            known["duration"] = counted(container, 1e6).duration
        return {**known, "sample_rate": stream.rate, "channels": stream.channels}


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
            stream = chosen(container.streams.audio, "sound", name)
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
