"""What of a picture is transparent, however its format says so, and what it is laid over.

Pillow knows one transparent colour as the file has it: at 2 and 4 bits a sample not as its pixels
have it, and of 16-bit colours it keeps the upper 8 bits. What a GIF's frame leaves free it paints.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import PIL.GifImagePlugin
import PIL.Image
import PIL.ImageChops
import PIL.PngImagePlugin

GROUNDS = {"white": (255, 255, 255), "black": (0, 0, 0)}

GROUND_SIDE = 256
"""Pixels of the longer side at which the ground is chosen. Small letters run together then, and are
seen all the same; at full size it would take five times as long as decoding."""

EDGE = 32
"""Levels of 255 between neighbours that are an edge, on one of the grounds."""

LOST = 1 / 8
"""An edge that has less than this share of its strength on a ground is lost on it. Grey writing of
224 is still read on white, of 240 it is not."""

MOST_LOST = 1 / 2
"""Share of the edges that may be lost on white. White outlines of stickers are a tenth to a third
of theirs; white writing loses nearly all, beside a coloured sign still most. Of 3,003 icons and
transparent drawings in packages of Debian and PyPI, 21 are laid over black: white ones."""


@dataclass(frozen=True)
class Stored:
    """How the file holds a picture that Pillow has opened and not decoded yet.

    Attributes
    ----------
    samples : str
        Pillow's name of what is in the file: "L;2", "RGB;16B"; empty where that is not known.
    frame : tuple of int, optional
        Left, upper, right and lower edge of a GIF's first frame where it leaves something free.
    """

    samples: str = ""
    frame: tuple[int, int, int, int] | None = None

    def within(self, place: tuple[int, int, int, int]) -> Stored:
        """The same of a part with these edges."""
        if self.frame is None:
            return self
        left, upper, right, lower = place
        edges = (
            max(self.frame[0], left) - left, max(self.frame[1], upper) - upper,
            min(self.frame[2], right) - left, min(self.frame[3], lower) - upper,
        )  # fmt: skip
        is_beside = edges[0] >= edges[2] or edges[1] >= edges[3]
        return Stored(self.samples, (0, 0, 0, 0) if is_beside else edges)


def how_stored(picture: PIL.Image.Image) -> Stored:
    """What Pillow forgets when it decodes a picture."""
    samples = ""
    tile = getattr(picture, "tile", None)
    if isinstance(picture, PIL.PngImagePlugin.PngImageFile) and tile:
        samples = tile[0].args if isinstance(tile[0].args, str) else tile[0].args[0]
    frame = None
    if isinstance(picture, PIL.GifImagePlugin.GifImageFile) and picture.tell() == 0:
        frame = picture.dispose_extent
        if frame is None or tuple(frame) == (0, 0, *picture.size):
            frame = None
    return Stored(samples, frame)


def with_alpha(
    picture: PIL.Image.Image, stored: Stored, low: PIL.Image.Image | None = None
) -> PIL.Image.Image:
    """Make transparency a channel of its own.

    Parameters
    ----------
    picture : PIL.Image.Image
        Decoded.
    stored : Stored
    low : PIL.Image.Image, optional
        The lower 8 bits of a picture that has 16 bits a sample and is RGB.

    Returns
    -------
    PIL.Image.Image
        RGBA or LA where something may be transparent, else the picture as it is.
    """
    if stored.frame is not None:
        whole = PIL.Image.new("RGBA", picture.size)
        whole.paste(picture.convert("RGBA").crop(stored.frame), stored.frame)
        whole.info = {key: value for key, value in picture.info.items() if key != "transparency"}
        return whole
    if "transparency" not in picture.info and not picture.has_transparency_data:
        return picture
    clear = picture.info.get("transparency")
    if picture.mode in ("1", "L") and isinstance(clear, int):
        grey = picture.convert("L")
        bits = {"L;2": 2, "L;4": 4}.get(stored.samples, 8)
        level = (clear & ((1 << bits) - 1)) * 255 // ((1 << bits) - 1)
        alpha = grey.point([0 if n == level else 255 for n in range(256)])
        layered = PIL.Image.merge("LA", (grey, alpha))
    elif picture.mode == "RGB" and isinstance(clear, tuple):
        layered = picture.copy()
        if stored.samples == "RGB;16B" and low is not None:
            opaque = _differs(picture, tuple(level >> 8 for level in clear))
            opaque = PIL.ImageChops.lighter(opaque, _differs(low, tuple(n & 255 for n in clear)))
        else:
            opaque = _differs(picture, tuple(level & 255 for level in clear))
        layered.putalpha(opaque)
    elif picture.mode.startswith("I") and isinstance(clear, int):
        # What is shown of it is decided where all of 16 bits is; here only where it is seen.
        levels = np.asarray(picture)
        grey = PIL.Image.fromarray((levels.astype(np.int64) // 257).clip(0, 255).astype(np.uint8))
        alpha = PIL.Image.fromarray(np.where(levels == clear, 0, 255).astype(np.uint8))
        layered = PIL.Image.merge("LA", (grey, alpha))
    else:
        layered = picture.convert("RGBA")
    layered.info = {key: value for key, value in picture.info.items() if key != "transparency"}
    return layered


def _differs(picture: PIL.Image.Image, color: tuple[int, ...]) -> PIL.Image.Image:
    """255 where a pixel has another colour than this one, else 0."""
    differs = None
    for channel, level in zip(picture.split(), color, strict=True):
        other = channel.point([0 if n == level else 255 for n in range(256)])
        differs = other if differs is None else PIL.ImageChops.lighter(differs, other)
    assert differs is not None
    return differs


def over_ground(
    layered: PIL.Image.Image, ground: tuple[int, int, int] | None = None
) -> PIL.Image.Image:
    """Lay a picture over the ground that shows what is in it.

    That is white, as on a page, unless most of what would be seen on black vanishes on it: white
    writing. A picture with much besides stays on white, whatever little is lost.

    Parameters
    ----------
    layered : PIL.Image.Image
        With an alpha channel.
    ground : tuple of int, optional
        Of the whole, where this is a part.

    Returns
    -------
    PIL.Image.Image
        RGB.
    """
    layered = layered.convert("RGBA")
    return _over(layered, ground or ground_of(layered))


def ground_of(layered: PIL.Image.Image) -> tuple[int, int, int]:
    """The colour that an RGBA picture is laid over; see `over_ground`."""
    if layered.getchannel("A").getextrema() == (255, 255):
        return GROUNDS["white"]
    small = layered
    if (factor := ground_factor(layered.size)) > 1:
        small = layered.convert("RGBa").reduce(factor).convert("RGBA")
    return _ground_of_small(small)


def ground_factor(size: tuple[int, int]) -> int:
    """By how much a picture is reduced before its ground is chosen."""
    return -(-max(size) // GROUND_SIDE)


def ground_of_parts(
    size: tuple[int, int], parts: Iterable[tuple[tuple[int, int], PIL.Image.Image]]
) -> tuple[int, int, int]:
    """The same colour, of a picture of which only parts are in memory.

    Parameters
    ----------
    size : tuple of int
        Of the whole.
    parts : iterable of ((int, int), PIL.Image.Image)
        Left and upper edge of each, whole multiples of `ground_factor`, and itself.
    """
    factor = ground_factor(size)
    small = PIL.Image.new("RGBa", (-(-size[0] // factor), -(-size[1] // factor)))
    is_opaque = True
    for (left, upper), part in parts:
        layered = part.convert("RGBA")
        is_opaque &= layered.getchannel("A").getextrema() == (255, 255)
        reduced = layered.convert("RGBa")
        small.paste(
            reduced.reduce(factor) if factor > 1 else reduced, (left // factor, upper // factor)
        )
    return GROUNDS["white"] if is_opaque else _ground_of_small(small.convert("RGBA"))


def _ground_of_small(small: PIL.Image.Image) -> tuple[int, int, int]:
    seen = [_over(small, GROUNDS[name]) for name in ("white", "black")]
    white, black = (_steps(picture) for picture in seen)
    strength = np.maximum(white, black)
    edges = strength >= EDGE
    count = int(edges.sum())
    if not count:  # smoke, light: nothing but what is seen on one of them and not on the other
        on_white, on_black = (int(np.ptp(np.asarray(picture), (0, 1)).max()) for picture in seen)
        is_lost = on_black >= EDGE and on_white < on_black * LOST
        return GROUNDS["black" if is_lost else "white"]
    lost = [float((edges & (steps < strength * LOST)).sum()) / count for steps in (white, black)]
    return GROUNDS["black" if lost[0] > MOST_LOST and lost[1] < lost[0] / 2 else "white"]


def _over(layered: PIL.Image.Image, ground: tuple[int, int, int]) -> PIL.Image.Image:
    paper = PIL.Image.new("RGBA", layered.size, ground)
    return PIL.Image.alpha_composite(paper, layered).convert("RGB")


def _steps(picture: PIL.Image.Image) -> npt.NDArray[np.int16]:
    """How far neighbours below and to the right differ, in the channel that differs most."""
    levels = np.asarray(picture, np.int16)
    down = np.abs(np.diff(levels, axis=0)).max(axis=2, initial=0)
    right = np.abs(np.diff(levels, axis=1)).max(axis=2, initial=0)
    return np.concatenate([down.ravel(), right.ravel()])
