"""Films made on the spot, in every shape that containers can say."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO

import av
import numpy as np
import PIL.Image
from av.video.frame import PictureType

from tests.media.recordings import RATE, _mux_sound, tone

Scene = tuple[str, float]
"""A colour, and the seconds for which it is seen."""


def write_film(
    path: Path | BinaryIO,
    scenes: Sequence[Scene],
    *,
    keys: Sequence[float] = (0.0,),
    codec: str = "libx264",
    form: str | None = None,
    rate: int | Fraction = 25,
    size: tuple[int, int] = (96, 64),
    pixel: Fraction | None = None,
    matrix: Sequence[int] | None = None,
    sound: float = 0.0,
    options: dict[str, str] | None = None,
    metadata: dict[str, str] | None = None,
    picture: PIL.Image.Image | None = None,
    start: float = 0.0,
    interlaced: bool = False,
    params: str = "keyint=10000:scenecut=0",
) -> None:
    """Write a film whose key frames are where they are wanted, and nowhere else.

    Parameters
    ----------
    sound : float
        Seconds of a sound track; 0 for none.
    picture : PIL.Image.Image, optional
        Shown instead of the colours.
    start : float
        When the pictures begin.
    params : str
        Of x264.
    """
    target = str(path) if isinstance(path, Path) else path
    options = {"movflags": "use_metadata_tags", **(options or {})}
    with av.open(target, "w", format=form, container_options=options) as container:
        container.metadata.update(metadata or {})
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = 10_000
        if codec == "libx264":
            stream.options = {"x264-params": params, "preset": "ultrafast"}
        if interlaced:
            stream.options = {"flags": "+ilme+ildct", "qmin": "1", "qmax": "2"}
        if pixel is not None:
            stream.codec_context.sample_aspect_ratio = pixel
        if matrix is not None:
            stream.set_display_matrix(matrix)
        track = container.add_stream("aac", rate=RATE, layout="mono") if sound else None
        at_keys = {round(time * rate) for time in keys}
        number = 0
        for colour, seconds in scenes:
            shown = picture or PIL.Image.new("RGB", size, colour)
            for _ in range(round(seconds * rate)):
                frame = av.VideoFrame.from_image(shown)
                frame.pts = number + round(start * rate)
                frame.time_base = 1 / Fraction(rate)
                if number in at_keys:
                    frame.pict_type = PictureType.I
                number += 1
                container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if track is not None:
            _mux_sound(container, track, tone(sound), RATE)


def cut(path: Path, target: Path, start: float, *, form: str | None = None) -> None:
    """Copy what is after a time, without encoding it anew: what editors call lossless cutting."""
    with av.open(str(path)) as source, av.open(str(target), "w", format=form) as copy:
        streams = {
            stream.index: copy.add_stream_from_template(stream)
            for stream in (*source.streams.video, *source.streams.audio)
        }
        begun = set[int]()
        source.seek(round(start * av.time_base))
        for packet in source.demux([source.streams[index] for index in streams]):
            if packet.dts is None:
                continue
            is_picture = packet.stream.type == "video"
            if not is_picture and packet.pts * packet.time_base < start:
                continue
            begun.add(packet.stream_index)
            shift = round(start / packet.time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = streams[packet.stream_index]
            copy.mux(packet)


class Pipe(io.BytesIO):
    """A file that cannot be gone back in, so that no length is written to its beginning."""

    def seekable(self) -> bool:
        return False

    seek: Any = None
    tell: Any = None


def corners(size: tuple[int, int]) -> PIL.Image.Image:
    """A picture whose quarters are red, green (above), blue and white (below)."""
    width, height = size
    pixels = np.zeros((height, width, 3), np.uint8)
    pixels[: height // 2, : width // 2] = (255, 0, 0)
    pixels[: height // 2, width // 2 :] = (0, 255, 0)
    pixels[height // 2 :, : width // 2] = (0, 0, 255)
    pixels[height // 2 :, width // 2 :] = (255, 255, 255)
    return PIL.Image.fromarray(pixels)


def quarters(picture: PIL.Image.Image) -> str:
    """The colours of a picture's quarters, row by row: "rgbw" as `corners` draws them."""
    names = {(1, 0, 0): "r", (0, 1, 0): "g", (0, 0, 1): "b", (1, 1, 1): "w"}
    width, height = picture.size
    found = ""
    for y in (height // 4, height * 3 // 4):
        for x in (width // 4, width * 3 // 4):
            red, green, blue = (value > 127 for value in picture.getpixel((x, y)))  # type: ignore[union-attr]
            found += names.get((int(red), int(green), int(blue)), "?")
    return found
