"""Sounds and videos made on the spot."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import PIL.Image
import soundfile

RATE = 22_050


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE) -> npt.NDArray[np.float32]:
    times = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def encode_sound(samples: npt.NDArray[np.float32], suffix: str, rate: int = RATE) -> bytes:
    """Write samples, shape (n,) or (n, channels), as WAV, FLAC, OGG, MP3 or M4A."""
    file = io.BytesIO()
    if suffix != "m4a":
        soundfile.write(file, samples, rate, format=suffix.upper())
        return file.getvalue()
    with av.open(file, "w", format="ipod") as container:
        stream = container.add_stream("aac", rate=rate, layout="mono")
        _mux_sound(container, stream, samples, rate)
    return file.getvalue()


def _mux_sound(container: Any, stream: Any, samples: npt.NDArray[np.float32], rate: int) -> None:
    for start in range(0, len(samples), 1024):
        block = np.ascontiguousarray(samples[None, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
        frame.rate, frame.pts = rate, start
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def write_video(
    path: Path,
    pictures: Sequence[PIL.Image.Image],
    *,
    seconds: float = 4.0,
    codec: str = "libx264",
    group: int = 250,
    rate: int = 10,
    size: tuple[int, int] = (320, 240),
    sound: npt.NDArray[np.float32] | None = None,
) -> Path:
    """Write a video that shows each picture for some seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = group
        track = None if sound is None else container.add_stream("aac", rate=RATE, layout="mono")
        number = 0
        for picture in pictures:
            frame = av.VideoFrame.from_image(picture.convert("RGB").resize(size))
            for _ in range(round(seconds * rate)):
                frame.pts = number
                number += 1
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if sound is not None:
            _mux_sound(container, track, sound, RATE)
    return path
