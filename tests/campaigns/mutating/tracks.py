"""Writing sounds and films that are the same each time."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
import PIL.Image

RATE = 16_000
PICTURES_A_SECOND = 5
SIZE = (64, 48)

SAME = {"fflags": "+bitexact"}
"""Without it, FFmpeg writes its version, and numbers by chance."""


def container(
    form: str,
    *,
    sound: str = "",
    pictures: str = "",
    seconds: float = 0.6,
    rate: int = RATE,
    layout: str = "mono",
    tags: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    pixels: str = "yuv420p",
) -> bytes:
    """A file of a format of FFmpeg's with a track of sound, of pictures, or both."""
    file = io.BytesIO()
    with av.open(file, "w", format=form, options={**SAME, **(options or {})}) as written:
        written.metadata.update(tags or {})
        seen = _add_pictures(written, pictures, pixels) if pictures else None
        heard = _add_sound(written, sound, rate, layout) if sound else None
        packets: list[Any] = []
        if seen is not None:
            packets += _shown(seen, max(2, round(seconds * PICTURES_A_SECOND)), pixels)
        if heard is not None:
            packets += _heard(heard, seconds, rate)
        for packet in sorted(packets, key=lambda one: float((one.dts or 0) * one.time_base)):
            written.mux(packet)
    return file.getvalue()


def _add_pictures(written: Any, codec: str, pixels: str) -> Any:
    stream = written.add_stream(codec, rate=PICTURES_A_SECOND * (5 if "mpeg" in codec else 1))
    stream.width, stream.height, stream.pix_fmt = *SIZE, pixels
    context = stream.codec_context
    # One thread: how many there are would change what is written.
    context.thread_count = 1
    context.flags |= 1 << 23  # AV_CODEC_FLAG_BITEXACT
    context.options = {
        "libx264": {"x264-params": "threads=1:keyint=3:bframes=1", "preset": "ultrafast"},
        "libx265": {
            "x265-params": "log-level=none:info=0:pools=1:frame-threads=1:keyint=3",
            "preset": "ultrafast",
        },
        "libvpx": {"deadline": "realtime", "cpu-used": "8"},
        "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8"},
    }.get(codec, {})
    return stream


def _shown(stream: Any, count: int, pixels: str) -> list[Any]:
    packets: list[Any] = []
    for number in range(count):
        shown = PIL.Image.new("RGB", SIZE, ("red", "lime", "blue")[number % 3])
        shown.paste("white", (number * 9 % 40, 8, number * 9 % 40 + 16, 30))
        frame = av.VideoFrame.from_image(shown).reformat(format=pixels)
        frame.pts, frame.time_base = number, 1 / Fraction(stream.codec_context.rate)
        packets += stream.encode(frame)
    return [packet for packet in (*packets, *stream.encode(None)) if packet.size]


def _add_sound(written: Any, codec: str, rate: int, layout: str) -> Any:
    stream = written.add_stream(codec, rate=rate, layout=layout)
    stream.codec_context.flags |= 1 << 23
    if codec == "vorbis":
        stream.codec_context.options = {"strict": "experimental"}
    if codec.startswith(("wma", "aac", "ac3", "eac3", "mp2", "lib")):
        stream.codec_context.bit_rate = 64_000 * stream.codec_context.layout.nb_channels
    return stream


def _heard(stream: Any, seconds: float, rate: int) -> list[Any]:
    layout = stream.codec_context.layout
    times = np.arange(round(seconds * rate)) / rate
    one = (0.3 * np.sin(2 * np.pi * 440 * times)).astype(np.float32)
    samples = np.stack([one * (1 - 0.1 * n) for n in range(layout.nb_channels)])
    samples += np.random.default_rng(0).normal(0, 0.01, samples.shape).astype(np.float32)
    packets: list[Any] = []
    for start in range(0, samples.shape[1], 1024):
        block = np.ascontiguousarray(samples[:, start : start + 1024])
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=layout.name)
        frame.rate, frame.pts = rate, start
        packets += stream.encode(frame)
    return [packet for packet in (*packets, *stream.encode(None)) if packet.size]
