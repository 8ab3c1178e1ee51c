"""Files whose tracks begin, pause and end at chosen times, written by PyAV."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import PIL.Image
from av.stream import Disposition

RATE = 48_000
PICTURES_A_SECOND = 10

Samples = npt.NDArray[np.float32]


def tone(seconds: float, hertz: float = 440.0, rate: int = RATE) -> Samples:
    times = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hertz * times)).astype(np.float32)


def noise(seconds: float, rate: int = RATE) -> Samples:
    values = np.random.default_rng(0).normal(0, 0.2, round(seconds * rate))
    return values.clip(-1, 1).astype(np.float32)


@dataclass
class Sound:
    """A sound track in pieces: when each begins, in seconds, and its samples.

    Samples have the shape (n,) or (n, channels). In a track with several pieces the packets after
    the first piece are moved: those of the second begin at its time.
    """

    pieces: Sequence[tuple[float, Samples]]
    codec: str = "aac"
    layout: str = "mono"
    rate: int = RATE
    bit_rate: int = 128_000
    disposition: int = 0
    language: str = ""


@dataclass
class Pictures:
    """A picture track of one colour."""

    seconds: float
    start: float = 0.0
    codec: str = "mpeg4"
    colour: str = "red"


class _Pipe:
    """A file in which a writer cannot go back: what it learns in the end stays unwritten."""

    def __init__(self) -> None:
        self.content = bytearray()

    def write(self, content: bytes) -> int:
        self.content += content
        return len(content)


def encoded(*tracks: Sound | Pictures, form: str, pipe: bool = False, **options: str) -> bytes:
    """A file with these tracks; its packets lie in the order of their times."""
    file: Any = _Pipe() if pipe else io.BytesIO()
    _write(file, tracks, form, options)
    return bytes(file.content if pipe else file.getvalue())


def write(path: Path, *tracks: Sound | Pictures, **options: str) -> Path:
    """As `encoded`, in a file whose suffix says the format."""
    _write(str(path), tracks, None, options)
    return path


def _write(
    file: Any, tracks: Sequence[Sound | Pictures], form: str | None, options: dict[str, str]
) -> None:
    with av.open(file, "w", format=form, options=options) as container:
        packets = [packet for track in tracks for packet in _packets(container, track)]
        for packet in sorted(packets, key=lambda one: float((one.dts or 0) * one.time_base)):
            container.mux(packet)


def _packets(container: Any, track: Sound | Pictures) -> list[Any]:
    if isinstance(track, Pictures):
        return _of_pictures(container, track)
    stream = container.add_stream(track.codec, rate=track.rate, layout=track.layout)
    if track.codec.startswith(("aac", "mp3", "lib", "ac3")):
        stream.codec_context.bit_rate = track.bit_rate
    stream.disposition = Disposition(track.disposition)
    if track.language:
        stream.metadata["language"] = track.language
    packets = []
    for frame in [*_frames(track), None]:
        packets += [packet for packet in stream.encode(frame) if packet.size]
    ends = np.cumsum([len(samples) for _, samples in track.pieces])
    for packet in packets:
        at = float(packet.pts * packet.time_base) * track.rate
        piece = int(np.searchsorted(ends[:-1], at, side="right"))
        start, samples = track.pieces[piece]
        shift = start - (ends[piece] - len(samples)) / track.rate
        packet.pts += round(shift / packet.time_base)
        packet.dts = packet.pts
    return packets


def _frames(track: Sound) -> Iterator[Any]:
    joined = np.concatenate([samples for _, samples in track.pieces])
    values = joined.reshape(len(joined), -1)
    for start in range(0, len(values), 1024):
        block = np.ascontiguousarray(values[start : start + 1024].T)
        frame = av.AudioFrame.from_ndarray(block, format="fltp", layout=track.layout)
        frame.rate, frame.pts = track.rate, start
        yield frame


def _of_pictures(container: Any, track: Pictures) -> list[Any]:
    stream = container.add_stream(track.codec, rate=PICTURES_A_SECOND)
    stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
    picture = av.VideoFrame.from_image(PIL.Image.new("RGB", (64, 48), track.colour))
    packets = []
    for number in range(round(track.seconds * PICTURES_A_SECOND)):
        picture.pts = number + round(track.start * PICTURES_A_SECOND)
        packets += stream.encode(picture)
    return packets + [packet for packet in stream.encode(None) if packet.size]
