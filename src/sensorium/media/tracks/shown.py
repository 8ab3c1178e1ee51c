"""A decoded frame of a film as players show it: its shape, turned upright, with its colours."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import MissingExtraError
from sensorium.media.image import Image
from sensorium.media.pictures.hdr import to_srgb

try:
    from av.sidedata.sidedata import Type
    from av.video.reformatter import Colorspace, VideoReformatter
except ImportError as error:
    raise MissingExtraError("av", "media") from error

FRAME_SIDE = 448
"""Pixels of a frame's shorter side, at most: twice what image towers usually take. A frame of a 4K
video takes 1 MB instead of 25."""

THUMBNAIL = (32, 32)

WIDEST_PIXEL = 8
"""A pixel that is said to be wider than this, or higher, is a mistake. Real ones stay under 4 (old
anamorphic discs and field-based recordings)."""

UNSPECIFIED = 2
"""In H.273, which codecs share: the colour matrix is not said."""

HD = (1280, 576)
"""A film that does not say its colour matrix has that of HD (BT.709) from this width on, or over
this height, and otherwise that of television before (BT.601). So do mpv, VLC and browsers."""

COMB = 2.0
"""Lines that differ this many times more from their neighbours, which are of the other field, than
from the next but one, show two moments. Still pictures stay under 1.3."""

COMB_LEVELS = 4.0
"""Levels of 255 by which neighbouring lines must differ for that to tell anything."""

_ALPHA = ("yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8")

_UPRIGHT = {
    (False, True, False): PIL.Image.Transpose.FLIP_LEFT_RIGHT,
    (False, False, True): PIL.Image.Transpose.FLIP_TOP_BOTTOM,
    (False, True, True): PIL.Image.Transpose.ROTATE_180,
    (True, False, False): PIL.Image.Transpose.TRANSPOSE,
    (True, True, False): PIL.Image.Transpose.ROTATE_270,
    (True, False, True): PIL.Image.Transpose.ROTATE_90,
    (True, True, True): PIL.Image.Transpose.TRANSVERSE,
}
"""What makes a stored picture upright: whether rows become columns, and whether the result is
mirrored from left to right, and from top to bottom."""

Thumbnail = npt.NDArray[np.int16]


class Display:
    """Shows the frames of one picture track.

    Parameters
    ----------
    stream : av.VideoStream
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        # One for each size: none is set up anew for each frame.
        self._pictures = VideoReformatter()
        self._thumbnails = VideoReformatter()
        self._turns: dict[int, tuple[bool, bool, bool]] = {}

    def picture(self, frame: Any) -> PIL.Image.Image:
        """Make a picture of a frame.

        Returns
        -------
        PIL.Image.Image
            Mode RGB, upright in the displayed shape, at most `FRAME_SIDE` pixels at its shorter
            side.
        """
        width, height = _stretched(frame, _pixel(self._stream))
        scale = min(1.0, FRAME_SIDE / min(width, height))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        form = "rgba" if frame.format.name.startswith(_ALPHA) else "rgb24"
        reformat, matrix = self._pictures.reformat, _matrix(frame)
        if frame.interlaced_frame and frame.height > 2:
            pixels = reformat(frame, format=form, src_colorspace=matrix).to_ndarray()
            if _is_combed(pixels):
                pixels = pixels[::2]
        else:
            pixels = reformat(frame, *size, format=form, src_colorspace=matrix).to_ndarray()
        if form == "rgb24":
            pixels = to_srgb(pixels, frame.color_trc, frame.color_primaries)
        found = PIL.Image.fromarray(np.ascontiguousarray(pixels))
        if found.size != size:
            found = found.resize(size, PIL.Image.Resampling.BILINEAR)
        if form == "rgba":
            found = Image(found).load()
        turn = _UPRIGHT.get(self._turn(frame))
        return found if turn is None else found.transpose(turn)

    def thumbnail(self, frame: Any) -> Thumbnail:
        """What little of a frame tells whether it is of another scene, as it is stored.

        Returns
        -------
        ndarray of int16, shape (32, 32, 3)
            RGB levels, 0 to 255; int16, so that differences are right.
        """
        small = self._thumbnails.reformat(
            frame, *THUMBNAIL, format="rgb24", src_colorspace=_matrix(frame)
        )
        levels: Thumbnail = small.to_ndarray().astype(np.int16)
        return levels

    def size(self, frame: Any) -> tuple[int, int]:
        """Width and height of a frame, in pixels, as it is displayed."""
        width, height = _stretched(frame, _pixel(self._stream))
        return (height, width) if self._turn(frame)[0] else (width, height)

    def _turn(self, frame: Any) -> tuple[bool, bool, bool]:
        # Side data is asked for once: a frame that told it refers to itself from then on, and
        # stays in memory until Python collects garbage.
        if frame.rotation not in self._turns:
            self._turns[frame.rotation] = _turn(frame)
        return self._turns[frame.rotation]


def _pixel(stream: Any) -> Fraction | None:
    """Width of a stored pixel by its height: as the container says, or else the codec."""
    shape: Fraction | None = stream.sample_aspect_ratio or stream.codec_context.sample_aspect_ratio
    return shape


def _stretched(frame: Any, pixel: Fraction | None) -> tuple[int, int]:
    """The stored size with square pixels: 720 x 576 of 64:45 are 1024 x 576."""
    ratio = float(pixel) if pixel else 1.0
    if not 1 / WIDEST_PIXEL <= ratio <= WIDEST_PIXEL:
        ratio = 1.0
    return max(1, round(frame.width * ratio)), frame.height


def _turn(frame: Any) -> tuple[bool, bool, bool]:
    """Whether rows become columns, and what is mirrored then; see `_UPRIGHT`.

    A display matrix (ISO/IEC 14496-12, 8.3.2) sends a stored point (x, y) to (a x + c y,
    b x + d y), y downwards. Angles between those of a quarter turn go to the nearest.
    """
    data = frame.side_data.get(Type.DISPLAYMATRIX)
    if data is None or len(buffer := bytes(data)) < 36:
        return (False, False, False)
    a, b, _, c, d = np.frombuffer(buffer, "=i4", 5).astype(np.int64).tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return (False, a < 0, d < 0)
    return (True, c < 0, b < 0)


def _matrix(frame: Any) -> int | None:
    """The colour matrix of a frame that does not say it; None for what it says."""
    if frame.colorspace != UNSPECIFIED:
        return None
    is_hd = frame.width >= HD[0] or frame.height > HD[1]
    return int(Colorspace.ITU709 if is_hd else Colorspace.ITU601)


def _is_combed(pixels: npt.NDArray[np.uint8]) -> bool:
    """Whether the two fields of an interlaced picture show different moments."""
    lines = pixels[..., 1].astype(np.int16)
    between = float(np.abs(lines[1:] - lines[:-1]).mean())
    within = float(np.abs(lines[2:] - lines[:-2]).mean())
    return between > COMB_LEVELS and between > COMB * within
