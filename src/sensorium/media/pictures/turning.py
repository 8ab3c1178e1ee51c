"""Turning pictures upright, as their EXIF orientation says."""

from __future__ import annotations

from contextlib import suppress

import PIL.ExifTags
import PIL.Image

from sensorium.media.pictures.exif_block import exif_of

Box = tuple[float, float, float, float]
"""Left, upper, right and lower edge, in pixels."""

TURNS = {
    2: (PIL.Image.Transpose.FLIP_LEFT_RIGHT, (2, 1, 0, 3)),
    3: (PIL.Image.Transpose.ROTATE_180, (2, 3, 0, 1)),
    4: (PIL.Image.Transpose.FLIP_TOP_BOTTOM, (0, 3, 2, 1)),
    5: (PIL.Image.Transpose.TRANSPOSE, (1, 0, 3, 2)),
    6: (PIL.Image.Transpose.ROTATE_270, (3, 0, 1, 2)),
    7: (PIL.Image.Transpose.TRANSVERSE, (3, 2, 1, 0)),
    8: (PIL.Image.Transpose.ROTATE_90, (1, 2, 3, 0)),
}
"""What makes a picture of each EXIF orientation upright, and which stored edge (0 left, 1 upper,
2 right, 3 lower) each shown edge comes from; 1 and all other values are upright."""

_XMP_KEYS = ("xmp", "XML:com.adobe.xmp")


def forget_orientation_in_xmp(picture: PIL.Image.Image) -> None:
    """Keep Pillow from turning an opened picture as its XMP packet says.

    It does so where EXIF has no orientation. Browsers and system viewers go by EXIF alone: editors
    turn the pixels and leave the packet as it was.
    """
    xmp = {key: picture.info.pop(key) for key in _XMP_KEYS if key in picture.info}
    if xmp:
        with suppress(Exception):  # as in exif_metadata: a damaged block is not a damaged picture
            exif_of(picture)  # read once, and kept by Pillow
        picture.info.update(xmp)


def orientation(picture: PIL.Image.Image) -> int:
    """EXIF orientation, 1 (upright) to 8; from 5 on width and height change places.

    Pillow turns TIFF pictures itself while it decodes them, and then forgets their orientation.
    """
    try:
        found = exif_of(picture).get(PIL.ExifTags.Base.Orientation)
    except Exception:  # as in exif_metadata: a damaged block is not a damaged picture
        return 1
    return found if isinstance(found, int) and 2 <= found <= 8 else 1


def shown_size(picture: PIL.Image.Image) -> tuple[int, int]:
    """Width and height as displayed of a picture that was opened and not loaded yet."""
    width, height = picture.size
    # Pillow gives a TIFF's size as displayed already.
    if orientation(picture) >= 5 and picture.format != "TIFF":
        width, height = height, width
    return width, height


def shown_box(size: tuple[int, int], turned: int, box: Box | None) -> tuple[tuple[int, int], Box]:
    """Size of a picture that is turned upright from an orientation, and of what it fills of that.

    Parameters
    ----------
    size : tuple of int
        As stored.
    turned : int
        See `orientation`.
    box : tuple of float, optional
        What the picture fills as it is stored; None where that is all.
    """
    width, height = size
    # How far the picture stays away from each edge.
    gaps = (0.0, 0.0, width - box[2], height - box[3]) if box else (0.0, 0.0, 0.0, 0.0)
    if (turn := TURNS.get(turned)) is not None:
        edges = turn[1]
        gaps = (gaps[edges[0]], gaps[edges[1]], gaps[edges[2]], gaps[edges[3]])
        width, height = (height, width) if turned >= 5 else size
    return (width, height), (gaps[0], gaps[1], width - gaps[2], height - gaps[3])


def stored_place(
    size: tuple[int, int], turned: int, place: tuple[int, int, int, int]
) -> tuple[int, int, int, int]:
    """Edges in a picture as it is stored of what has these edges when it is upright.

    Parameters
    ----------
    size : tuple of int
        As stored.
    turned : int
    place : tuple of int
    """
    if (turn := TURNS.get(turned)) is None:
        return place
    width, height = size[::-1] if turned >= 5 else size
    gaps = (place[0], place[1], width - place[2], height - place[3])
    stored = [0, 0, 0, 0]
    for gap, edge in zip(gaps, turn[1], strict=True):
        stored[edge] = gap
    return stored[0], stored[1], size[0] - stored[2], size[1] - stored[3]


def upright(picture: PIL.Image.Image, turned: int) -> PIL.Image.Image:
    """Turn a picture, or a part of one, upright from an orientation.

    Pillow's exif_transpose() would rewrite the block, and fail where the block is damaged.
    """
    turn = TURNS.get(turned)
    return picture if turn is None else picture.transpose(turn[0])
