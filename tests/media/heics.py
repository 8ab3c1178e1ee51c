"""HEIC files, box by box: HEVC pictures from FFmpeg's encoder, and all that phones put around."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import av
import numpy as np
import PIL.Image

from sensorium.media.pictures.boxes import Box, boxes


def box(kind: bytes, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return struct.pack(">I4s", 8 + len(content), kind) + content


def full(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, struct.pack(">I", version << 24 | flags), *parts)


def hevc(picture: PIL.Image.Image, bits: int = 8) -> tuple[bytes, bytes]:
    """One picture as HEVC: its configuration record, and its data."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=1)
        stream.width, stream.height = picture.size
        stream.pix_fmt = {
            (8, "RGB"): "yuv444p", (8, "L"): "gray", (10, "RGB"): "yuv444p10le",
        }[bits, picture.mode]  # fmt: skip
        stream.codec_context.options = {
            "crf": "4", "preset": "ultrafast",
            "x265-params": "log-level=none:keyint=1:info=0:frame-threads=1:pools=1",
        }  # fmt: skip
        frame = av.VideoFrame.from_ndarray(
            np.asarray(picture), "rgb24" if picture.mode == "RGB" else "gray"
        )
        for packet in (*stream.encode(frame), *stream.encode(None)):
            container.mux(packet)
    content = file.getvalue()
    at = content.index(b"hvcC")
    size = struct.unpack(">I", content[at - 4 : at])[0]
    data = next(one for one in boxes(content) if one.kind == b"mdat")
    return content[at + 4 : at - 4 + size], content[data.start : data.stop]


@dataclass
class Item:
    """Something in a HEIF file: what it is, its bytes and properties, and what it refers to."""

    kind: bytes
    data: bytes
    properties: Sequence[bytes] = ()
    refers: dict[bytes, Sequence[int]] = field(default_factory=dict)
    hidden: bool = False


def size_of(width: int, height: int) -> bytes:
    return full(b"ispe", 0, 0, struct.pack(">II", width, height))


def turned(quarters: int) -> bytes:
    """Quarters of a turn against the clock."""
    return box(b"irot", bytes([quarters]))


def mirrored(axis: int) -> bytes:
    """0: upper and lower half change places; 1: left and right."""
    return box(b"imir", bytes([axis]))


def picture_item(
    picture: PIL.Image.Image, *properties: bytes, bits: int = 8, **more: object
) -> Item:
    record, data = hevc(picture, bits)
    depth = full(b"pixi", 0, 0, bytes([len(picture.getbands()), *[bits] * len(picture.getbands())]))
    return Item(
        b"hvc1", data, (box(b"hvcC", record), size_of(*picture.size), depth, *properties), **more
    )


def exif_item(block: bytes, of: int) -> Item:
    return Item(b"Exif", struct.pack(">I", 0) + block, refers={b"cdsc": [of]})


def grid(rows: int, columns: int, size: tuple[int, int], tiles: Sequence[int]) -> Item:
    data = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *size)
    return Item(b"grid", data, (size_of(*size),), {b"dimg": tiles})


def heif(
    items: Sequence[Item], primary: int = 1, brands: Sequence[bytes] = (b"heic", b"mif1")
) -> bytes:
    """A file of items, which count from 1."""
    entries, references, associations = [], [], []
    properties: list[bytes] = []
    for number, item in enumerate(items, 1):
        entries.append(
            full(b"infe", 2, int(item.hidden), struct.pack(">HH", number, 0), item.kind, b"\0")
        )
        for kind, targets in item.refers.items():
            ids = struct.pack(f">{len(targets)}H", *targets)
            references.append(box(kind, struct.pack(">HH", number, len(targets)), ids))
        own = []
        for one in item.properties:
            if one not in properties:
                properties.append(one)
            # What changes the picture is essential.
            essential = 0x80 if one[4:8] in (b"hvcC", b"irot", b"imir", b"clap") else 0
            own.append(essential | properties.index(one) + 1)
        if own:
            associations.append(struct.pack(">HB", number, len(own)) + bytes(own))
    start = box(b"ftyp", brands[0], struct.pack(">I", 0), *brands[1:], brands[0])

    def meta(first: int) -> bytes:
        places, position = [], first
        for number, item in enumerate(items, 1):
            places.append(struct.pack(">HHHII", number, 0, 1, position, len(item.data)))
            position += len(item.data)
        return full(
            b"meta", 0, 0,
            full(b"hdlr", 0, 0, b"\0\0\0\0pict", bytes(13)),
            full(b"pitm", 0, 0, struct.pack(">H", primary)),
            full(b"iloc", 0, 0, b"\x44\0", struct.pack(">H", len(items)), *places),
            full(b"iinf", 0, 0, struct.pack(">H", len(items)), *entries),
            *([full(b"iref", 0, 0, *references)] if references else []),
            box(
                b"iprp", box(b"ipco", *properties),
                full(b"ipma", 0, 0, struct.pack(">I", len(associations)), *associations),
            ),
        )  # fmt: skip

    first = len(start) + len(meta(0)) + 8
    return start + meta(first) + box(b"mdat", *[item.data for item in items])


def film_of_pictures(pictures: Sequence[PIL.Image.Image]) -> bytes:
    """A HEIF sequence without a still picture: a track whose handler says that it is pictures."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("libx265", rate=1)
        stream.width, stream.height = pictures[0].size
        stream.pix_fmt = "yuv444p"
        stream.codec_context.options = {
            "crf": "4", "x265-params": "log-level=none:info=0:pools=1:frame-threads=1:bframes=0"
        }  # fmt: skip
        frames = [av.VideoFrame.from_image(picture) for picture in pictures]
        for number, frame in enumerate(frames):
            frame.pts = number
        for frame in (*frames, None):
            for packet in stream.encode(frame):
                container.mux(packet)
    content = bytearray(file.getvalue())
    assert content[4:8] == b"ftyp"
    content[8:12] = b"msf1"
    at = content.index(b"vide")
    content[at : at + 4] = b"pict"
    return bytes(content)


def inner(content: bytes, *path: bytes) -> Box:
    """A box by its path."""
    found: Box | None = None
    for kind in path:
        found = next(one for one in boxes(content, found) if one.kind == kind)
    assert found is not None
    return found
