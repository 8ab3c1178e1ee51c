"""Whether one picture's file can go because another's holds everything that is in it.

A copy is what can be made again, bit for bit: the same pixels in another file, a JPEG that saving
the other picture with its quantisation gives, or what scaling the other picture gives. No
tolerance: an eye sees no difference between an invoice and the one with the next number, saved
small, and no threshold on a difference does. So a copy that another program scaled is none here
(their filters differ by 4 to 16 levels where a picture has edges), nor is what was compressed
twice, as lossy WebP or AVIF, cropped or lightened.

Compression and scaling can wipe out what differs. Of pairs of pages that differ in one digit, 8 to
24 pixels high, 300 for each way (``python -m benchmarks.forms --lost``), none became equal at the
same size in JPEG of quality 50, at a third of the size without loss and at half the size in JPEG of
quality 90, if the digits stand out from their ground by 32 levels or more; at half the size in
quality 75 and at a third in quality 90 some did (4 and 6 of those by 32 levels), and at a quarter
without loss 3 of those by 24. Hence the limits. What stands out by its colour alone is lost
sooner: 18 and 6 of 300 at the limits for JPEG.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
from PIL import JpegImagePlugin, PngImagePlugin, TiffImagePlugin

from sensorium.media.decoding import decoding
from sensorium.media.image import MAX_PIXELS
from sensorium.media.isolation import in_this_process, isolated
from sensorium.media.pictures.code_points import CodePoints, code_points
from sensorium.media.pictures.costs import BUDGET, thread_cost
from sensorium.media.pictures.exif import exif_metadata
from sensorium.media.pictures.formats import BROKEN
from sensorium.media.pictures.pieces import PIECE
from sensorium.media.pictures.raw import PREVIEW_OF_RAW
from sensorium.media.pictures.reading import enough_memory, open_encoded
from sensorium.media.pictures.transparency import Stored, how_stored, with_alpha
from sensorium.media.pictures.turning import TURNS, orientation
from sensorium.visible import visible

MAX_REDUCTION = 3.0
"""How many times smaller than the original a copy without loss may be."""

MAX_JPEG_REDUCTION = 2.0

MIN_SIDE = 16
"""Pixels of a scaled copy's shorter side; below, rounding hides which shape the picture has."""

MAX_STEP = 60.0
"""Mean of the luminance table of a JPEG of the original's size: quality 50 has 57.6."""

MAX_SCALED_STEP = 12.0
"""The same of a smaller one: quality 90 has 11.6."""

FILTERS = tuple(
    PIL.Image.Resampling[name] for name in ("BICUBIC", "LANCZOS", "BILINEAR", "BOX", "HAMMING")
)
"""What copies are scaled with: all that look at every pixel."""

PLAIN_TAGS = frozenset(
    (*range(254, 260), 262, 263, 266, 273, 274, *range(277, 280), 282, 283, 284, 296, 297, 317,
     320, *range(322, 326), 338, 339, 34665, 34675)
)  # fmt: skip
"""TIFF tags that say how the pixels are stored; any other (layers, places, a description) is
content that a copy could lose."""

PLAIN_SEGMENTS = (b"JFIF\0", b"JFXX\0", b"Adobe", b"Exif\0", b"ICC_PROFILE\0")
"""Beginnings of JPEG segments that say how the pixels are stored, or are read below."""

_INVERSE = {
    PIL.Image.Transpose.ROTATE_90: PIL.Image.Transpose.ROTATE_270,
    PIL.Image.Transpose.ROTATE_270: PIL.Image.Transpose.ROTATE_90,
}

_SIDEWAYS = (
    PIL.Image.Transpose.ROTATE_90, PIL.Image.Transpose.ROTATE_270,
    PIL.Image.Transpose.TRANSPOSE, PIL.Image.Transpose.TRANSVERSE,
)  # fmt: skip


Jpeg = tuple[tuple[tuple[int, ...], ...], int, bool]
"""Quantisation tables of a JPEG, its chroma subsampling as Pillow counts, whether it is grey."""


@dataclass(frozen=True)
class Facts:
    """What is compared of a picture: its pixels as a digest, and all else.

    Attributes
    ----------
    digest : bytes
        Equal for equal pixels, whatever colour the invisible ones have.
    size : tuple of int
        Width and height, as stored, not turned.
    mode : str
        RGB, or RGBA where something is transparent; the file's own mode where that is no 8-bit
        RGB, grey or palette.
    turn : PIL.Image.Transpose or None
        What makes it upright.
    says : frozenset
        What the file says beside the pixels: time, camera and place, and its texts, XMP and other
        blocks as they are.
    colours : tuple
        Profile (empty for sRGB and none), gamma, and what numbers say of the colours.
    alone : bool
        Whether there are no further frames or pages.
    complete : bool
        Whether nothing is known to be in the file that the attributes above do not hold.
    lossy : bool
        Whether it is a JPEG.
    jpeg : tuple, optional
        How a JPEG was saved; None where it cannot be saved alike.
    """

    digest: bytes
    size: tuple[int, int]
    mode: str
    turn: PIL.Image.Transpose | None
    says: frozenset[tuple[str, Any]]
    colours: tuple[bytes, float | None, CodePoints | None]
    alone: bool
    complete: bool
    lossy: bool
    jpeg: Jpeg | None


@dataclass(frozen=True)
class Pixels:
    """A picture at full size, as stored, not turned, and what is compared of it."""

    picture: PIL.Image.Image
    facts: Facts

    def upright(self) -> PIL.Image.Image:
        """The picture as it is meant to be seen."""
        turn = self.facts.turn
        return self.picture if turn is None else self.picture.transpose(turn)


def read_pixels(encoded: bytes, path: Path) -> Pixels:
    """Decode the content of a file at full size.

    Raises
    ------
    MediaError
        As `Image.load`.
    """
    name = visible(str(path))
    cost = thread_cost(encoded, None)
    read = _read if cost is None else in_this_process(_read)
    with BUDGET.held(cost or 0), decoding(name, BROKEN):
        picture, facts = read(encoded, name, path.suffix.lower(), MAX_PIXELS)
        profile, gamma, codes = facts["colours"]
        return Pixels(
            picture,
            Facts(
                digest=facts["digest"],
                size=picture.size,
                mode=picture.mode,
                turn=None if facts["turn"] is None else PIL.Image.Transpose(facts["turn"]),
                says=frozenset(facts["says"]),
                colours=(profile, gamma, codes and CodePoints(*codes)),
                alone=facts["alone"],
                complete=facts["complete"],
                lossy=facts["lossy"],
                jpeg=facts["jpeg"],
            ),
        )


@isolated
def _read(
    encoded: bytes, name: str, suffix: str, most_pixels: int
) -> tuple[PIL.Image.Image, dict[str, Any]]:
    """A picture as stored, and what `Facts` are made of."""
    opened, _ = open_encoded(encoded, name, suffix, most_pixels, [], None)
    with opened as picture, decoding(name, BROKEN), enough_memory(len(encoded), name):
        coding = str(getattr(picture, "tile", ""))  # gone once it is loaded
        stored = how_stored(picture)
        picture.load()
        # A raw file holds more than its preview, whatever that is equal to.
        alone = getattr(picture, "n_frames", 1) == 1 and PREVIEW_OF_RAW not in picture.info
        turn = TURNS.get(orientation(picture))
        plain = _plain(picture, stored)
        return plain, {
            "digest": _digest(plain),
            "turn": turn[0] if turn else None,
            "says": list(_says(picture)),
            "colours": _colours(picture, encoded),
            "alone": alone,
            "complete": alone and _is_complete(picture, encoded, coding),
            "lossy": isinstance(picture, JpegImagePlugin.JpegImageFile),
            "jpeg": _jpeg(picture),
        }


def is_copy(original: Pixels, other: Facts) -> bool:
    """Whether all that is known of a picture can be made from another one.

    Not symmetric: a JPEG is a copy of the PNG that it was made of, the PNG none of the JPEG. What
    was turned is one only where the file says how to turn it back: arrows to the left and to the
    right, 6 and 9, the flags of Poland and Monaco are each other turned.
    """
    return next(copies_among(original, [other]))


def copies_among(original: Pixels, others: Iterable[Facts]) -> Iterator[bool]:
    """Tell of many pictures whether they are copies of one, making each kind of copy once."""
    made: dict[tuple[Any, ...], set[bytes]] = {}
    for other in others:
        if not may_be_copy(original.facts, other):
            yield False
            continue
        kind = (other.size, other.turn, other.jpeg)
        if kind not in made:
            made[kind] = set(_copies_like(original, other))
        yield other.digest in made[kind]


def may_be_copy(original: Facts, other: Facts) -> bool:
    """Whether a picture may be a copy of another, as far as it shows without making one."""
    if not (original.alone and other.complete and original.mode == other.mode):
        return False
    if original.colours != other.colours or not other.says <= original.says:
        return False
    size = original.size
    turns = (original.turn, other.turn)
    if sum(turn in _SIDEWAYS for turn in turns) == 1:
        size = (size[1], size[0])
    if size == other.size:
        # Where nothing is turned and nothing lost, the digests say it all.
        return other.jpeg is not None or turns[0] != turns[1] or original.digest == other.digest
    if original.mode not in ("RGB", "RGBA") or (other.lossy and other.jpeg is None):
        return False
    return _is_smaller(size, other.size, MAX_JPEG_REDUCTION if other.lossy else MAX_REDUCTION)


def _copies_like(original: Pixels, other: Facts) -> Iterator[bytes]:
    """Digests of the copies of a picture that have the size and the kind of another."""
    source = _turned_like(original, other.turn)
    if source.size == other.size:
        yield _digest(source)
        if other.jpeg is not None:
            yield from _saved_again(source, other.jpeg, MAX_STEP)
        return
    if all(low == high for low, high in _ranges(source)):
        return  # of one even colour: nothing shows that it is scaled, and not another one
    for method in FILTERS:
        small = source.resize(other.size, method)
        if other.jpeg is not None:
            yield from _saved_again(small, other.jpeg, MAX_SCALED_STEP)
        else:
            yield _digest(small)


def _ranges(picture: PIL.Image.Image) -> list[tuple[int, int]]:
    """Lowest and highest level of each channel of RGB or RGBA."""
    return [channel.getextrema() for channel in picture.split()]  # type: ignore[misc]


def _digest(picture: PIL.Image.Image) -> bytes:
    """Equal for pictures that are equal to the bit, but for what is wholly transparent."""
    digest = None
    step = max(1, PIECE // max(1, picture.width))
    for upper in range(0, picture.height, step):
        lower = min(upper + step, picture.height)
        levels = np.asarray(picture.crop((0, upper, picture.width, lower)))
        if picture.mode == "RGBA":
            levels = np.where(levels[..., 3:] > 0, levels, 0)
        # Big-endian samples of a TIFF are those of a PNG.
        levels = np.ascontiguousarray(levels.astype(levels.dtype.newbyteorder("<"), copy=False))
        if digest is None:
            name = f"{picture.mode.split(';')[0]} {picture.size} {levels.dtype}"
            digest = hashlib.sha256(name.encode())
        digest.update(levels.data)
    assert digest is not None
    return digest.digest()


def _plain(picture: PIL.Image.Image, stored: Stored) -> PIL.Image.Image:
    """RGB or RGBA of what has 8 bits a sample; anything else as it is."""
    if picture.mode not in ("1", "L", "LA", "P", "PA", "RGB", "RGBA"):
        return picture.copy()
    picture = with_alpha(picture, stored)
    if picture.has_transparency_data:
        layered = picture.convert("RGBA")
        if layered.getchannel("A").getextrema() != (255, 255):
            return layered
        return layered.convert("RGB")
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _says(picture: PIL.Image.Image) -> Iterator[tuple[str, Any]]:
    """What is in a file beside its pixels and colours, and would be lost with it."""
    yield from exif_metadata(picture).items()
    for key in ("comment", "xmp"):
        if value := picture.info.get(key):
            yield key, value
    if isinstance(picture, PngImagePlugin.PngImageFile):
        yield from ((key, str(value)) for key, value in picture.text.items())
        yield from ((str(chunk[0]), chunk[1]) for chunk in picture.private_chunks)
    elif isinstance(picture, TiffImagePlugin.TiffImageFile):
        yield from ((str(n), repr(v)) for n, v in picture.tag_v2.items() if n not in PLAIN_TAGS)
    elif isinstance(picture, JpegImagePlugin.JpegImageFile):
        yield from (part for part in picture.applist if not part[1].startswith(PLAIN_SEGMENTS))


def _colours(
    picture: PIL.Image.Image, encoded: bytes
) -> tuple[bytes, float | None, CodePoints | None]:
    profile = picture.info.get("icc_profile") or b""
    # Its name, in ASCII or, from version 4 on, in UTF-16.
    if b"sRGB" in profile or "sRGB".encode("utf-16-be") in profile:
        profile = b""
    gamma = picture.info.get("gamma")
    codes = code_points(encoded)
    if gamma is not None and abs(gamma - 1 / 2.2) < 0.001:
        gamma = None
    return profile, gamma, None if codes is None or codes.is_ordinary else codes


def _is_complete(picture: PIL.Image.Image, encoded: bytes, coding: str) -> bool:
    """Whether all of a file's samples are decoded, and nothing follows the picture (a video)."""
    if ";16" in coding and not picture.mode.startswith("I"):
        return False  # Pillow leaves out the lower 8 bits
    if not picture.mode.startswith(("1", "L", "P", "RGB")) and "transparency" in picture.info:
        return False
    match picture.format:
        case "PNG":
            return encoded.endswith(b"IEND\xaeB`\x82")
        case "JPEG":
            return encoded.rstrip(b"\0").endswith(b"\xff\xd9")
        case "GIF":
            return encoded.endswith(b"\x00;")
        case "WEBP":
            return len(encoded) <= 8 + int.from_bytes(encoded[4:8], "little")
        case "BMP":
            return len(encoded) <= int.from_bytes(encoded[2:6], "little")
        case format_:
            return format_ == "TIFF"  # AVIF may have more bits than are decoded


def _turned_like(original: Pixels, turn: PIL.Image.Transpose | None) -> PIL.Image.Image:
    """A picture as a file has it that `turn` makes upright."""
    if original.facts.turn == turn:
        return original.picture
    upright = original.upright()
    return upright if turn is None else upright.transpose(_INVERSE.get(turn, turn))


def _jpeg(picture: PIL.Image.Image) -> Jpeg | None:
    """How a JPEG was saved, where Pillow can save one alike."""
    if not isinstance(picture, JpegImagePlugin.JpegImageFile):
        return None
    tables = picture.quantization
    # It writes YCbCr, with one table for both chromas, and three kinds of subsampling.
    if len(tables) > 2 or picture.mode not in ("L", "RGB"):
        return None
    sampling = 0 if picture.mode == "L" else JpegImagePlugin.get_sampling(picture)
    if sampling < 0 or picture.info.get("adobe_transform") == 0:
        return None
    return tuple(map(tuple, tables.values())), sampling, picture.mode == "L"


def _is_smaller(whole: tuple[int, int], small: tuple[int, int], limit: float) -> bool:
    """Whether one size is the other, scaled and rounded, and not scaled too far."""
    if min(small) < MIN_SIDE or any(s > w for s, w in zip(small, whole, strict=True)):
        return False
    lowest = max((s - 1) / w for s, w in zip(small, whole, strict=True))
    highest = min((s + 1) / w for s, w in zip(small, whole, strict=True))
    return lowest < highest and highest > 1 / limit


def _saved_again(picture: PIL.Image.Image, jpeg: Jpeg, most: float) -> Iterator[bytes]:
    """Digest of what saving a picture as such a JPEG gives, if that keeps enough of it."""
    tables, sampling, grey = jpeg
    if picture.mode != "RGB" or sum(tables[0]) / len(tables[0]) > most:
        return
    if grey:
        grey_picture = picture.convert("L")
        if not np.array_equal(np.asarray(grey_picture.convert("RGB")), np.asarray(picture)):
            return
        picture = grey_picture
    file = io.BytesIO()
    picture.save(file, "JPEG", qtables=[list(table) for table in tables], subsampling=sampling)
    with PIL.Image.open(file, formats=["JPEG"]) as again:
        yield _digest(again.convert("RGB"))
