"""TIFFs of samples that Pillow does not read, or not as they are meant.

Pillow has a list of combinations of bits, colours and byte order. Missing are colours of 1, 2, 4,
12 or 32 bits, floats of 16 and 64, grey with alpha above 8 bits, planes of more than 8 bits; and 12
bits, 32 bits and white as zero come out as other levels. Here any combination is read, block by
block; what is compressed is unpacked by Pillow's libtiff, as rows of bytes.

Source: TIFF 6.0 (Adobe, 1992); for predictors of floats Adobe Photoshop TIFF Technical Note 3.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL.ExifTags
import PIL.Image
import PIL.ImageFile
from PIL import TiffImagePlugin

from sensorium.media.pictures.colours import array_to_uint8
from sensorium.media.pictures.tiff_pages import find_pages

MAX_DECODED = 1 << 30
"""Bytes of all samples of a picture, before they become 8 bits each."""

MAX_SAMPLES = 16
"""Samples a pixel; satellites have more, whose colours a viewer would have to choose."""

MAX_BLOCKS = 100_000
"""Strips or tiles of a picture."""

AT_ONCE = 1 << 22
"""Samples of an odd number of bits that are unpacked at a time; each takes 8 bytes a bit."""

NO_COMPRESSION = 1
UNPACKED_BY_LIBTIFF = (5, 8, 32773, 32946, 34925, 50000)
"""LZW, Deflate, PackBits, Deflate of old, LZMA and Zstandard: they pack bytes of any meaning."""

WITH_PREDICTOR = (5, 8, 32946, 34925, 50000)
"""Where a predictor counts: for libtiff, so for nearly all readers, not elsewhere."""

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, SEPARATED, CIELAB = 0, 1, 2, 3, 5, 8
UNSIGNED, SIGNED, FLOAT = 1, 2, 3
ASSOCIATED, UNASSOCIATED = 1, 2
BY_NEIGHBOUR, BY_NEIGHBOUR_FLOAT = 2, 3

_MODES = {WHITE_IS_ZERO: "L", BLACK_IS_ZERO: "L", RGB: "RGB", PALETTE: "RGB", SEPARATED: "CMYK",
          CIELAB: "LAB"}  # fmt: skip
_COLOURS = {"L": 1, "RGB": 3, "CMYK": 4, "LAB": 3}
_TYPES = {1: "u1", 3: "u2", 4: "u4", 7: "u1", 16: "u8"}

_REVERSED = np.packbits(
    np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)[:, ::-1], axis=1
).ravel()


class SampledTiff(PIL.ImageFile.ImageFile):
    """A page of a TIFF, as Pillow's own readers are: the header first, pixels when they are asked.

    Raises
    ------
    SyntaxError
        Where it is none that can be read here.
    """

    format = "TIFF by samples"

    def _open(self) -> None:
        assert isinstance(self.fp, io.BytesIO)
        header = self.fp.read(16)
        order: Literal["<", ">"] = "<" if header[:2] == b"II" else ">"
        is_big = 43 in header[2:4]
        (self._offset,) = struct.unpack_from(
            order + ("Q" if is_big else "I"), header, 4 + 4 * is_big
        )
        self._layout = _layout(self.fp.getvalue(), self._offset, order, is_big)
        self._size = (self._layout.width, self._layout.height)
        self._mode = self._layout.mode
        if self._layout.profile:
            self.info["icc_profile"] = self._layout.profile
        self.n_frames = len(find_pages(self._layout.encoded)[0])
        self.tile = [PIL.ImageFile._Tile(_DECODER, (0, 0, *self._size), 0, (self._layout,))]

    def getexif(self) -> PIL.Image.Exif:
        """EXIF of the page; of a BigTIFF in Motorola's order only how it is turned."""
        exif = PIL.Image.Exif()
        exif.endian, exif.bigtiff = self._layout.order, self._layout.is_big
        if exif.endian == ">" and exif.bigtiff:
            exif[PIL.ExifTags.Base.Orientation] = self._layout.orientation
        else:
            exif.load_from_fp(io.BytesIO(self._layout.encoded), self._offset)
        return exif


_DECODER = "sensorium_tiff_samples"


class _Decoder(PIL.ImageFile.PyDecoder):
    _pulls_fd = True

    def decode(self, buffer: object) -> tuple[int, int]:
        (layout,) = self.args
        self.set_as_raw(_to_mode(_samples(layout), layout).tobytes())
        return -1, 0


PIL.Image.register_decoder(_DECODER, _Decoder)


@dataclass(frozen=True)
class _Layout:
    """Where the samples of a picture are, and what they mean."""

    encoded: bytes
    order: Literal["<", ">"]
    is_big: bool
    width: int
    height: int
    bits: int
    kind: int  # UNSIGNED, SIGNED or FLOAT
    samples: int
    photometric: int
    extras: tuple[int, ...]
    is_planar: bool
    compression: int
    predictor: int
    reversed_bits: bool
    block: tuple[int, int]  # width and height of a strip or tile
    offsets: tuple[int, ...]
    counts: tuple[int, ...]
    palette: tuple[int, ...]
    profile: bytes
    orientation: int

    @property
    def mode(self) -> str:
        mode = _MODES[self.photometric]
        if not self.has_alpha:
            return mode
        return {"L": "LA"}.get(mode, "RGBA")

    @property
    def colours(self) -> int:
        """Samples a pixel that are colours."""
        return 1 if self.photometric == PALETTE else _COLOURS[_MODES[self.photometric]]

    @property
    def has_alpha(self) -> bool:
        return bool(self.extras) and self.extras[0] in (ASSOCIATED, UNASSOCIATED)

    @property
    def dtype(self) -> np.dtype[Any]:
        if self.kind == FLOAT:
            return np.dtype(f"f{self.bits // 8}")
        room = next(n for n in (8, 16, 32, 64) if self.bits <= n)
        return np.dtype(f"{'i' if self.kind == SIGNED else 'u'}{room // 8}")


def is_misread(picture: PIL.Image.Image) -> bool:
    """Whether Pillow, having opened a TIFF, will give other levels than are meant."""
    if not isinstance(picture, TiffImagePlugin.TiffImageFile):
        return False
    tags = picture.tag_v2
    photometric = tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION)
    is_grey = photometric in (WHITE_IS_ZERO, BLACK_IS_ZERO)
    if is_grey and picture.mode != "LA" and tags.get(TiffImagePlugin.SAMPLESPERPIXEL, 1) > 1:
        return True  # planes, associated alpha
    if photometric == PALETTE and max(tags.get(TiffImagePlugin.COLORMAP, (256,))) < 256:
        return True  # a palette of 8 bits a colour, which would be black
    if picture.mode not in ("I", "F") and not picture.mode.startswith("I;16"):
        return False
    names = {tile.args[0] for tile in picture.tile if isinstance(tile.args, tuple)}
    return photometric == WHITE_IS_ZERO or bool(names & {"I;12", "I;32N"})


def _layout(encoded: bytes, offset: int, order: Literal["<", ">"], is_big: bool) -> _Layout:
    tags = _tags(encoded, offset, order, is_big)

    def one(tag: int, default: int | None = None) -> int:
        values = tags.get(tag, ())
        if not values:
            if default is None:
                raise SyntaxError(f"tag {tag} is missing")
            return default
        return values[0]

    width, height = one(256), one(257)
    samples = one(277, 1)
    bits = tags.get(258) or (1,)
    kinds = tags.get(339) or (UNSIGNED,)
    photometric = one(262)
    tiled = 322 in tags
    block = (one(322), one(323)) if tiled else (width, min(one(278, height), height))
    layout = _Layout(
        encoded, order, is_big, width, height, bits[0], kinds[0], samples, photometric,
        extras=tags.get(338, ()),
        is_planar=one(284, 1) == 2 and samples > 1,
        compression=one(259, NO_COMPRESSION),
        predictor=one(317, 1) if one(259, NO_COMPRESSION) in WITH_PREDICTOR else 1,
        reversed_bits=one(266, 1) == 2,
        block=block,
        offsets=tags.get(324 if tiled else 273, ()),
        counts=tags.get(325 if tiled else 279, ()),
        palette=tags.get(320, ()),
        profile=bytes(tags.get(34675, ())),
        orientation=one(274, 1),
    )  # fmt: skip
    _check(layout, bits, kinds)
    return layout


def _check(layout: _Layout, bits: tuple[int, ...], kinds: tuple[int, ...]) -> None:
    """Refuse what is not read here."""
    sizes = {FLOAT: (16, 32, 64), SIGNED: (8, 16, 32, 64)}.get(layout.kind, (*range(1, 33), 64))
    wrong = {
        "no pixels": not (layout.width and layout.height and all(layout.block)),
        f"{sorted(set(bits))} bits a sample": len(set(bits)) > 1 or layout.bits not in sizes,
        f"sample formats {sorted(set(kinds))}": len(set(kinds)) > 1 or layout.kind > FLOAT,
        f"photometric interpretation {layout.photometric}": layout.photometric not in _MODES,
        f"compression {layout.compression}": layout.compression
        not in (NO_COMPRESSION, *UNPACKED_BY_LIBTIFF),
        f"predictor {layout.predictor} of {layout.bits} bits": layout.predictor > 1
        and layout.bits not in ((8, 16, 32, 64) if layout.predictor == 2 else sizes),
    }
    found = [problem for problem, is_there in wrong.items() if is_there]
    if not found:
        across, down = _blocks(layout)
        planes = layout.samples if layout.is_planar else 1
        size = layout.width * layout.height * layout.samples * layout.dtype.itemsize
        blocks = across * down * planes
        wrong = {
            f"{layout.samples} samples a pixel": not (
                layout.colours + layout.has_alpha <= layout.samples <= MAX_SAMPLES
            ),
            "too few strips or tiles": len(layout.offsets) < blocks or len(layout.counts) < blocks,
            f"more than {MAX_BLOCKS:,} strips or tiles": blocks > MAX_BLOCKS,
            f"samples of more than {MAX_DECODED:,} bytes": size > MAX_DECODED,
            "tiles larger than the picture": layout.block[0] * layout.block[1] * 4
            > max(MAX_DECODED, 4 * layout.width * layout.height),
            "no palette": layout.photometric == PALETTE
            and (layout.bits > 16 or len(layout.palette) < 3 << layout.bits),
            "a palette of fractions": layout.photometric == PALETTE and layout.kind != UNSIGNED,
            f"CIELab of {layout.bits} bits": layout.photometric == CIELAB
            and layout.kind != FLOAT
            and not 8 <= layout.bits <= 32,
        }
        found = [problem for problem, is_there in wrong.items() if is_there]
    if found:
        raise SyntaxError(f"a TIFF with {', '.join(found)}")


def _tags(encoded: bytes, offset: int, order: str, is_big: bool) -> dict[int, tuple[int, ...]]:
    """Tags that are whole numbers or bytes."""
    head, entry, room = ("Q", "HHQ", 8) if is_big else ("H", "HHI", 4)
    (count,) = struct.unpack_from(order + head, encoded, offset)
    at = offset + struct.calcsize(order + head)
    found: dict[int, tuple[int, ...]] = {}
    for _ in range(min(count, 65_535)):
        tag, kind, length = struct.unpack_from(order + entry, encoded, at)
        value = at + struct.calcsize(order + entry)
        at = value + room
        if kind not in _TYPES:
            continue
        size = length * np.dtype(_TYPES[kind]).itemsize
        if size > room:
            (value,) = struct.unpack_from(order + ("Q" if is_big else "I"), encoded, value)
        if tag in _WANTED and value + size <= len(encoded):
            numbers = np.frombuffer(encoded, order + _TYPES[kind], length, value)
            found[tag] = tuple(numbers[: 4 * MAX_BLOCKS].tolist())
    return found


_WANTED = (256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325,
           338, 339, 34675)  # fmt: skip


def _blocks(layout: _Layout) -> tuple[int, int]:
    """How many blocks stand side by side, and below one another."""
    return -(-layout.width // layout.block[0]), -(-layout.height // layout.block[1])


def _samples(layout: _Layout) -> npt.NDArray[Any]:
    """All samples, shape (h, w, samples)."""
    whole = np.empty((layout.height, layout.width, layout.samples), layout.dtype)
    across, down = _blocks(layout)
    width, height = layout.block
    number = 0
    for plane in range(layout.samples if layout.is_planar else 1):
        channels = slice(plane, plane + 1) if layout.is_planar else slice(None)
        for row in range(down):
            for column in range(across):
                top, left = row * height, column * width
                # The last strip ends with the picture; tiles are always whole.
                is_strip = width == layout.width
                rows = min(height, layout.height - top) if is_strip else height
                block = _block(layout, number, rows, 1 if layout.is_planar else layout.samples)
                target = whole[top : top + rows, left : left + width, channels]
                target[...] = block[: target.shape[0], : target.shape[1]]
                number += 1
    return whole


def _block(layout: _Layout, number: int, rows: int, samples: int) -> npt.NDArray[Any]:
    """One strip or tile, shape (rows, width, samples)."""
    width = layout.block[0]
    length = -(-width * samples * layout.bits // 8)  # bytes of a row
    start = layout.offsets[number]
    packed = layout.encoded[start : start + layout.counts[number]]
    raw = _unpacked(packed, length, rows, layout)
    shape = (rows, width, samples)
    if layout.predictor == BY_NEIGHBOUR_FLOAT:
        raw = np.cumsum(raw.reshape(rows, -1, samples), axis=1, dtype=np.uint8)
        planes = raw.reshape(rows, layout.bits // 8, width * samples)
        return np.ascontiguousarray(planes.transpose(0, 2, 1)).view(
            layout.dtype.newbyteorder(">")
        ).reshape(shape)  # fmt: skip
    if layout.bits in (8, 16, 32, 64):
        values = raw.reshape(-1).view(layout.dtype.newbyteorder(layout.order)).reshape(shape)
        if layout.predictor == BY_NEIGHBOUR:
            whole_numbers = values.view(values.dtype.str.replace("f", "u"))
            native = whole_numbers.astype(whole_numbers.dtype.newbyteorder("="))
            values = np.cumsum(native, axis=1, dtype=native.dtype).view(layout.dtype)
        return values
    values = np.empty(shape, layout.dtype)
    weights = (1 << np.arange(layout.bits - 1, -1, -1, dtype=np.int64)).astype(np.float64)
    step = max(1, AT_ONCE // (width * samples))
    for top in range(0, rows, step):
        bits = np.unpackbits(raw[top : top + step], axis=1)[:, : width * samples * layout.bits]
        levels = bits.reshape(-1, layout.bits) @ weights
        values[top : top + step] = levels.reshape(-1, width, samples)
    return values


def _unpacked(packed: bytes, length: int, rows: int, layout: _Layout) -> npt.NDArray[np.uint8]:
    """Bytes of a block, shape (rows, length)."""
    if layout.compression == NO_COMPRESSION:
        if len(packed) < rows * length:
            raise ValueError("a strip or tile of the TIFF is cut off")
        raw = np.frombuffer(packed, np.uint8, rows * length).reshape(rows, length)
        return np.asarray(_REVERSED[raw] if layout.reversed_bits else raw)
    # As grey levels of a picture of their own.
    entries = (
        (256, length), (257, rows), (258, 8), (259, layout.compression), (262, BLACK_IS_ZERO),
        (266, 2 if layout.reversed_bits else 1), (273, 0), (277, 1), (278, rows),
        (279, len(packed)),
    )  # fmt: skip
    start = 8 + 2 + 12 * len(entries) + 4
    file = struct.pack("<2sHIH", b"II", 42, 8, len(entries))
    for tag, value in entries:
        file += struct.pack("<HHII", tag, 4, 1, start if tag == 273 else value)
    with PIL.Image.open(io.BytesIO(file + bytes(4) + packed), formats=["TIFF"]) as picture:
        unpacked: npt.NDArray[np.uint8] = np.asarray(picture)
    return unpacked


def _to_mode(samples: npt.NDArray[Any], layout: _Layout) -> npt.NDArray[np.uint8]:
    """Samples as the picture's mode has them, shape (h, w, channels)."""
    count = layout.colours
    colours = samples[..., :count]
    if layout.photometric == PALETTE:
        palette = np.array(layout.palette, np.uint16).reshape(3, -1).T
        # Some programs write colours of 8 bits; libtiff, and all that build on it, read them so.
        shift = 8 if palette.max() > 255 else 0
        levels: npt.NDArray[np.uint8] = (palette >> shift).astype(np.uint8)[colours[..., 0]]
    elif layout.photometric == CIELAB and layout.kind != FLOAT:
        # Lightness is unsigned, the others are signed: their upper bytes, as at 8 bits.
        unsigned = colours.view(colours.dtype.str.replace("i", "u"))
        levels = (unsigned >> (layout.bits - 8)).astype(np.uint8)
    else:
        levels = _levels(colours, layout)
    if layout.photometric == WHITE_IS_ZERO:
        levels = 255 - levels
    if not layout.has_alpha:
        return levels
    if layout.mode == "RGBA" and count == 4:
        levels = np.asarray(PIL.Image.fromarray(levels, "CMYK").convert("RGB"))
    alpha = _levels(samples[..., count : count + 1], layout)
    if layout.extras[0] == ASSOCIATED:
        seen = np.maximum(alpha, 1).astype(np.uint16)
        levels = np.minimum(levels.astype(np.uint16) * 255 // seen, 255).astype(np.uint8)
    return np.concatenate([levels, alpha], axis=2)


def _levels(samples: npt.NDArray[Any], layout: _Layout) -> npt.NDArray[np.uint8]:
    """8-bit levels of samples of any kind, shape (h, w, channels) kept."""
    shape = samples.shape
    if layout.kind != UNSIGNED:
        return array_to_uint8(samples.reshape(shape[0], -1)).reshape(shape)
    white = (1 << layout.bits) - 1
    if layout.bits > 16:
        most = int(samples.max())
        # Counts and labels: not one would be lighter than black.
        white = white if most > white // 256 else max(most, 1)
        return np.round(samples * (255 / white)).astype(np.uint8)
    scaled = np.empty(shape, np.uint8)
    for top in range(0, shape[0], 256):  # rows, so that nothing large is made between
        rows = samples[top : top + 256].astype(np.uint32)
        scaled[top : top + 256] = rows // 257 if layout.bits == 16 else rows * 255 // white
    return scaled
