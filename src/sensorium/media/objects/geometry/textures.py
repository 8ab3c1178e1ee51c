"""Pictures on surfaces: decoded once, and asked for their colour at places."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.image import MAX_PIXELS, Image
from sensorium.media.objects.faults import plainly
from sensorium.media.objects.geometry.colours import to_light, to_screen
from sensorium.media.pictures.formats import FORMATS

Floats = npt.NDArray[np.floating[Any]]

BUDGET = 64 * 1024 * 1024
"""Pixels of all textures of an object together: 256 MiB."""

MAX_SIDE = 2048
"""Larger ones are reduced: a view has 768 rays along a side."""

MIN_SIDE = 64

BAND = 4_000_000
"""Pixels of a picture that are brought to red, green, blue and opacity together."""

MAX_DECODED = 4 * MAX_PIXELS
"""Pixels that are decoded for an object: some ten seconds."""

TEXTURE_FORMATS = (*dict.fromkeys((*FORMATS, "TGA")),)

LIGHT_OF = to_light(np.arange(256) / 255).astype(np.float32)

Wrap = Literal["repeat", "mirror", "clamp"]


@dataclass(eq=False)
class Texture:
    """Pixels and how they go on beyond the edges.

    Attributes
    ----------
    levels : list of ndarray, shape (h, w, 4), uint8
        Red, green, blue, opacity, as for a screen; the first row is the top one. The picture and,
        behind it, as they are needed, what it is when reduced by two, again and again. Textures of
        one picture share the list.
    wrap : tuple of {"repeat", "mirror", "clamp"}
        Along the picture's width and height.
    smooth : bool
        Whether colours between two pixels' middles are mixed of both.
    move : ndarray, shape (2, 3), or None
        From the file's coordinates (and a 1) to places in the picture.
    """

    levels: list[npt.NDArray[np.uint8]]
    wrap: tuple[Wrap, Wrap] = ("repeat", "repeat")
    smooth: bool = True
    move: Floats | None = None

    def sample(self, uv: Floats, spread: Floats) -> npt.NDArray[np.float32]:
        """Colours at places.

        Parameters
        ----------
        uv : ndarray, shape (n, 2)
            From 0 to 1 rightwards and downwards over the picture, before `move`.
        spread : ndarray, shape (n,)
            Area in those coordinates that each place stands for: averages of so much are taken (mip
            mapping; Williams, "Pyramidal Parametrics", 1983).

        Returns
        -------
        ndarray, shape (n, 4)
            Light and opacity, from 0 to 1: of two pixels' colours the mean is that of their light.
        """
        height, width = self.levels[0].shape[:2]
        if self.move is not None:
            uv = uv @ self.move[:, :2].T + self.move[:, 2]
            spread = spread * abs(float(np.linalg.det(self.move[:, :2])))
        uv = np.nan_to_num(uv, nan=0.0, posinf=0.0, neginf=0.0)
        covered = np.maximum(np.nan_to_num(spread, posinf=0.0) * (width * height), 1.0)
        levels = np.floor(0.5 * np.log2(covered) + 0.5).astype(int)
        levels = np.minimum(levels, max(width, height).bit_length() - 1)
        colours = np.empty((len(uv), 4), np.float32)
        for level in np.unique(levels).tolist():
            chosen = np.flatnonzero(levels == level)
            colours[chosen] = self._at(self._level(level), uv[chosen])
        return colours

    def _level(self, level: int) -> npt.NDArray[np.uint8]:
        """The picture, reduced `level` times by two."""
        while len(self.levels) <= level:
            self.levels.append(_halved(self.levels[-1]))
        return self.levels[level]

    def _at(self, pixels: npt.NDArray[np.uint8], uv: Floats) -> npt.NDArray[np.float32]:
        height, width = pixels.shape[:2]
        columns, right = _places(uv[:, 0], width, self.wrap[0], self.smooth)
        rows, down = _places(uv[:, 1], height, self.wrap[1], self.smooth)
        if not self.smooth:
            return _light(pixels[rows[0], columns[0]])
        right, down = right[:, None], down[:, None]
        upper = _light(pixels[rows[0], columns[0]])
        upper += right * (_light(pixels[rows[0], columns[1]]) - upper)
        lower = _light(pixels[rows[1], columns[0]])
        lower += right * (_light(pixels[rows[1], columns[1]]) - lower)
        upper += down * (lower - upper)
        return upper


def _light(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Light of pixels, and their opacity, from 0 to 1."""
    light = LIGHT_OF[pixels]
    light[:, 3] = pixels[:, 3] / np.float32(255)
    return light


def _places(
    along: Floats, size: int, wrap: Wrap, smooth: bool
) -> tuple[list[npt.NDArray[np.intp]], npt.NDArray[np.float32]]:
    """The pixels beside places, first and second, and how far towards the second each lies."""
    # First into a range that integers hold: repeated patterns say 1e30, too.
    if wrap == "repeat":
        along = along - np.floor(along)
    elif wrap == "mirror":
        along = along - 2 * np.floor(along / 2)
        along = np.where(along > 1, 2 - along, along)
    else:
        along = along.clip(0, 1)
    if not smooth:
        place = np.minimum((along * size).astype(np.intp), size - 1)
        return [place], np.zeros(len(along), np.float32)
    place = along * size - 0.5
    first = np.floor(place).astype(np.intp)
    ends = [first, first + 1]
    ends = [e % size if wrap == "repeat" else e.clip(0, size - 1) for e in ends]
    return ends, (place - first).astype(np.float32)


class Decoder:
    """Decodes the textures of an object.

    Parameters
    ----------
    count : int
        How many there are; the more, the smaller each may be, so that `BUDGET` is kept.
    """

    def __init__(self, count: int) -> None:
        self.side = MAX_SIDE
        while self.side > MIN_SIDE and count * self.side * self.side > BUDGET:
            self.side //= 2
        self._pixels = 0

    def decode(self, encoded: bytes | memoryview) -> npt.NDArray[np.uint8]:
        """Decode a picture for a surface.

        Returns
        -------
        ndarray, shape (h, w, 4), uint8
            Colours of what is transparent are kept: only the material says whether that counts.

        Raises
        ------
        MediaError
            When it is broken or of another format, has more than `MAX_PIXELS`, or all so far have
            more than `MAX_DECODED`.
        """
        try:
            return self._decoded(encoded)
        except Exception as error:  # Pillow raises nearly anything
            raise MediaError(plainly(error)) from error

    def _decoded(self, encoded: bytes | memoryview) -> npt.NDArray[np.uint8]:
        opened = PIL.Image.open(io.BytesIO(encoded), formats=TEXTURE_FORMATS)
        picture: PIL.Image.Image = opened
        pixels = picture.width * picture.height
        if pixels > MAX_PIXELS:
            raise MediaError(f"{picture.width} x {picture.height} pixels")
        self._pixels += pixels
        if self._pixels > MAX_DECODED:
            raise MediaError(f"all textures have more than {MAX_DECODED:,} pixels")
        if picture.format == "JPEG":
            scale = max(1.0, max(picture.size) / self.side)
            opened.draft(None, (int(picture.width / scale), int(picture.height / scale)))
        picture.load()
        if picture.mode[0] in "IF" or picture.mode == "CMYK":
            picture = Image(picture).load()  # 16 bits, floats, inks
        width, height = picture.size
        factor = -(-max(width, height) // self.side)
        # In bands, so that a large picture is in memory once.
        rows = max(BAND // max(width * factor, 1), 1) * factor
        bands = (picture.crop((0, top, width, min(top + rows, height)))
                 for top in range(0, height, rows))  # fmt: skip
        factors = min(factor, width), min(factor, height)
        return np.concatenate([_reduced(_with_opacity(band), factors) for band in bands])


def _with_opacity(picture: PIL.Image.Image) -> npt.NDArray[np.uint8]:
    if picture.mode == "P" and "transparency" not in picture.info:
        picture = picture.convert("RGB")
    return np.asarray(picture.convert("RGBA"))


def _halved(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Averages of two by two pixels, by their light."""
    height, width = (side + side % 2 if side > 1 else 1 for side in pixels.shape[:2])
    more = ((0, height - pixels.shape[0]), (0, width - pixels.shape[1]), (0, 0))
    whole = np.pad(pixels, more, mode="edge")
    down, across = min(2, height), min(2, width)
    whole = whole.reshape(height // down, down, width // across, across, 4)
    made = np.empty((height // down, width // across, 4), np.uint8)
    made[..., :3] = np.round(255 * to_screen(LIGHT_OF[whole[..., :3]].mean(axis=(1, 3))))
    made[..., 3] = np.round(whole[..., 3].mean(axis=(1, 3)))
    return made


def _reduced(pixels: npt.NDArray[np.uint8], factors: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Averages of pixels; colour and opacity apart, where Pillow weighs one by the other."""
    if factors == (1, 1):
        return pixels
    colour = PIL.Image.fromarray(np.ascontiguousarray(pixels[:, :, :3])).reduce(factors)
    opacity = PIL.Image.fromarray(np.ascontiguousarray(pixels[:, :, 3])).reduce(factors)
    return np.dstack([np.asarray(colour), np.asarray(opacity)])
