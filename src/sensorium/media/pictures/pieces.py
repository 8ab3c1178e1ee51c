"""From a decoded picture to RGB, piece by piece: only its pixels as stored are whole in memory.

Turning, transparency, inks, 16 bits and profiles each make a picture anew. One of 100 megapixels
would be there four or five times.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import PIL.Image

from sensorium.media.pictures.code_points import CodePoints, shown_in_srgb
from sensorium.media.pictures.colours import (
    GREY,
    Whole,
    as_shown,
    is_layered,
    is_stretched,
    levels_of,
    to_rgb,
)
from sensorium.media.pictures.plain import Decoded, decode
from sensorium.media.pictures.transparency import Stored, ground_factor, ground_of_parts
from sensorium.media.pictures.turning import Box, shown_box

PIECE = 1 << 21
"""Pixels of a piece. Laying one over its ground takes 20 bytes for each."""

UNCHANGED = 1 << 25
"""Pixels up to which a picture in which nothing is to be changed is handed on as it is."""

JPEG_MARGIN = 4 / 3
"""A JPEG is decoded at the smallest scale that leaves this many times the wanted size.

The final resize then still averages over pixels. Against decoding at full size `mini`'s vectors of
noisy 2- to 24-megapixel JPEGs keep a median cosine of 0.9995 (lowest 0.994); with twice the wanted
size it is 0.9998, for a third more time."""

REDUCE_MARGIN = 2
"""What is decoded at full size is reduced, by whole factors, to no less than this many times."""

Place = tuple[int, int, int, int]
"""Left, upper, right and lower edge, in pixels."""


class Shown(NamedTuple):
    """What is made of a picture.

    Attributes
    ----------
    stored : (int, int)
        Width and height of the file's picture, upright.
    size : (int, int)
        Of what is made of it.
    box : tuple of float
        What of that the picture fills.
    """

    stored: tuple[int, int]
    size: tuple[int, int]
    box: Box


class Piece(NamedTuple):
    """A part of it, RGB, and where its left upper corner is."""

    left: int
    upper: int
    picture: PIL.Image.Image


def wanted_scale(size: tuple[int, int], min_side: int) -> tuple[int, int]:
    """Size that a JPEG may be decoded at: no less is made of it."""
    scale = math.ceil(min_side * JPEG_MARGIN) / min(size)
    return int(size[0] * scale), int(size[1] * scale)


def pieces_of(
    picture: PIL.Image.Image, stored: Stored, codes: CodePoints | None, min_side: int | None
) -> Iterator[Shown | Piece]:
    """Decode a picture, and show it piece by piece.

    Parameters
    ----------
    picture : PIL.Image.Image
        As it was opened.
    stored : Stored
    codes : CodePoints, optional
        What the file says of its colours by numbers.
    min_side : int, optional
        See `sensorium.media.Image.load`.

    Yields
    ------
    Shown, then Piece
    """
    drafted, size, format_ = None, picture.size, picture.format
    if min_side and format_ in ("JPEG", "MPO"):
        drafted = picture.draft(None, wanted_scale(size, min_side))
    decoded = decode(picture, stored)
    whole_size, box = shown_box(
        decoded.picture.size, decoded.turned, drafted[1] if drafted else None
    )
    factor = min(whole_size) // (min_side * REDUCE_MARGIN) if min_side else 1
    factor = max(1, factor)
    left, upper, right, lower = (edge / factor for edge in box)
    yield Shown(
        size[::-1] if decoded.turned >= 5 else size,
        (-(-whole_size[0] // factor), -(-whole_size[1] // factor)),
        (left, upper, right, lower),
    )
    places = list(_places(whole_size, factor))
    if _is_unchanged(decoded, factor, codes):
        places = [(0, 0, *whole_size)]
    whole = _whole(decoded) if len(places) > 1 else Whole()
    for place in places:
        part = decoded.part(place)
        rgb = to_rgb(part, whole)
        if factor > 1:
            rgb = rgb.reduce(factor)
        if part.mode != "CMYK":  # whose profile is of CMYK
            # In a PNG they count more than a profile, elsewhere less.
            if codes and (format_ == "PNG" or "icc_profile" not in part.info):
                rgb = shown_in_srgb(rgb, codes)
            else:
                rgb = as_shown(rgb, part.info, part.mode in GREY)
        yield Piece(place[0] // factor, place[1] // factor, rgb)


def _is_unchanged(decoded: Decoded, factor: int, codes: CodePoints | None) -> bool:
    picture = decoded.picture
    return (
        picture.mode == "RGB"
        and picture.width * picture.height <= UNCHANGED
        and factor == 1
        and decoded.turned == 1
        and codes is None
        and not {"icc_profile", "transparency", "gamma"} & picture.info.keys()
    )


def _places(size: tuple[int, int], factor: int) -> Iterator[Place]:
    """Parts of up to `PIECE` pixels, which begin at whole multiples of a factor."""
    width, height = size
    if width * height <= PIECE:
        yield 0, 0, width, height
        return
    across = width
    if width * factor > PIECE:
        across = max(factor, PIECE // factor // factor * factor)
    down = max(factor, PIECE // across // factor * factor)
    for upper in range(0, height, down):
        for left in range(0, width, across):
            yield left, upper, min(left + across, width), min(upper + down, height)


def _whole(decoded: Decoded) -> Whole:
    """What all pieces of a picture share."""
    first = decoded.part((0, 0, 1, 1))
    if is_layered(first):
        factor = ground_factor(decoded.size)
        parts = ((p[:2], decoded.part(p)) for p in _places(decoded.size, factor))
        return Whole(ground=ground_of_parts(decoded.size, parts))
    if is_stretched(first):
        arrays = (np.asarray(decoded.part(p)) for p in _places(decoded.size, 1))
        return Whole(levels=levels_of(arrays))
    return Whole()
