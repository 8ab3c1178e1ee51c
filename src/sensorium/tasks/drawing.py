"""Results drawn onto their pictures: boxes, masks, and what they are called, to be looked at."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import PIL.ImageDraw

from sensorium.errors import UsageError
from sensorium.folders import apart, is_folder, named_file
from sensorium.media.lettering import text_width, write_line

COLOURS = (
    (230, 25, 75), (60, 120, 216), (47, 158, 68), (240, 140, 0), (145, 70, 200), (0, 150, 160),
    (200, 60, 160), (120, 94, 40),
)  # fmt: skip
"""Of labels, in the order in which they come; dark enough for white letters on them."""

LONGEST = 1600
"""Pixels of a drawn picture's longer side, at most."""

LEAST_SIDE = 320
"""Pixels of its longer side, at least: letters take some room."""

TEXT = 0.024
"""Height of letters, as a share of the longer side, within `LEAST_TEXT` and `MOST_TEXT`."""

LEAST_TEXT, MOST_TEXT = 13, 30

COVERING = 0.45
"""How much of a mask's colour lies over the picture."""

Place = tuple[float, float, float, float]
Colour = tuple[int, int, int]


def colours_of(labels: Iterable[str]) -> dict[str, Colour]:
    """A colour for each label; they come again after `COLOURS`."""
    return {label: COLOURS[n % len(COLOURS)] for n, label in enumerate(dict.fromkeys(labels))}


def canvas_of(picture: PIL.Image.Image) -> PIL.Image.Image:
    """A copy to draw on: RGB, no larger and no smaller than is good to look at."""
    longest = max(picture.size)
    scale = min(1.0, LONGEST / longest) if longest > LEAST_SIDE else LEAST_SIDE / longest
    size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    canvas = picture.convert("RGB")
    return (
        canvas.copy() if size == canvas.size else canvas.resize(size, PIL.Image.Resampling.LANCZOS)
    )


def draw_boxes(
    canvas: PIL.Image.Image,
    boxes: Sequence[Place],
    captions: Sequence[str],
    colours: Sequence[Colour],
) -> None:
    """Draw frames with a caption each, the first on top.

    Parameters
    ----------
    canvas : PIL.Image.Image
        RGB; drawn on.
    boxes : sequence of (left, upper, right, lower)
        As shares of its width and height.
    captions : sequence of str
        In any script; cut where a picture is narrower.
    colours : sequence of (red, green, blue)
    """
    draw = PIL.ImageDraw.Draw(canvas)
    longest = max(canvas.size)
    size = round(min(MOST_TEXT, max(LEAST_TEXT, TEXT * longest)))
    line = max(2, round(longest / 400))
    rows = [*zip(boxes, captions, colours, strict=True)]
    for box, _, colour in reversed(rows):
        left, upper, right, lower = _pixels(box, canvas.size)
        # A light line around the frame keeps it to be seen on a ground of its own colour.
        draw.rectangle((left - 1, upper - 1, right + 1, lower + 1), outline="white", width=line + 2)
        draw.rectangle((left, upper, right, lower), outline=colour, width=line)
    taken: list[tuple[float, float, float, float]] = []
    for box, caption, colour in rows:
        if caption:
            _write(canvas, draw, box, caption, colour, size, taken)


def _write(
    canvas: PIL.Image.Image, draw: PIL.ImageDraw.ImageDraw, box: Place, caption: str,
    colour: Colour, size: int, taken: list[tuple[float, float, float, float]],
) -> None:  # fmt: skip
    """Write a caption over its frame, or where there is room: under its upper edge, below it."""
    left, upper, _, lower = _pixels(box, canvas.size)
    width = min(round(text_width(caption, size)) + size, canvas.width)
    height = round(size * 1.45)
    x = max(0, min(left, canvas.width - width))
    places = [upper - height, upper, lower, lower - height, *range(0, canvas.height, height)]
    tries = [y for y in places if 0 <= y <= canvas.height - height] or [0]
    free = (y for y in tries if not any(_meet((x, y, x + width, y + height), t) for t in taken))
    y = next(free, tries[0])
    taken.append((x, y, x + width, y + height))
    draw.rectangle((x, y, x + width, y + height), fill=colour)
    write_line(draw, (x + size // 2, y + round(size * 0.2)), caption, size, width - size, "white")


def draw_mask(
    canvas: PIL.Image.Image, mask: npt.NDArray[np.floating] | npt.NDArray[np.bool_], colour: Colour
) -> None:
    """Lay a colour over a part of a picture.

    Parameters
    ----------
    canvas : PIL.Image.Image
        RGB; drawn on.
    mask : ndarray of bool or of float from 0 to 1, shape (height, width)
        Of any size; brought to the canvas's.
    colour : (red, green, blue)
    """
    levels = PIL.Image.fromarray((np.asarray(mask, np.float32) * 255 * COVERING).astype(np.uint8))
    shape = levels.resize(canvas.size, PIL.Image.Resampling.BILINEAR)
    canvas.paste(PIL.Image.new("RGB", canvas.size, colour), (0, 0), shape)


def _pixels(box: Place, size: tuple[int, int]) -> tuple[int, int, int, int]:
    width, height = size
    return (
        round(box[0] * (width - 1)), round(box[1] * (height - 1)),
        round(box[2] * (width - 1)), round(box[3] * (height - 1)),
    )  # fmt: skip


def _meet(one: Place, two: Place) -> bool:
    return one[0] < two[2] and two[0] < one[2] and one[1] < two[3] and two[1] < one[3]


def save_drawing(canvas: PIL.Image.Image, path: Path) -> None:
    """Write a drawing as PNG, and the folder it goes to.

    Raises
    ------
    UsageError, WriteError
        When it does not end in ``.png``, or cannot be written.
    """
    require_png(path)
    with named_file(path) as part:
        canvas.save(part, "PNG")


def require_png(path: Path) -> None:
    """Refuse a name that is neither a PNG's nor a folder's, before anything is drawn.

    Raises
    ------
    UsageError
    """
    if path.suffix.lower() != ".png" or is_folder(path):
        raise UsageError(f"{path}: drawings are written as PNG, name a file that ends in .png")


def drawing_paths(target: Path, pictures: Sequence[str]) -> list[Path]:
    """Where the drawing of each picture goes: the one file that is named, or a folder of them.

    Parameters
    ----------
    target : Path
        A file that ends in ``.png`` for one picture; a folder, made when it is missing, for any
        number.
    pictures : sequence of str
        Paths; files of one name get numbers.

    Raises
    ------
    UsageError
        When it is a file and there are several pictures, or a file of another kind.
    """
    if target.suffix.lower() == ".png" and not is_folder(target):
        if len(pictures) > 1:
            raise UsageError(
                f"{target} is one file, and there are {len(pictures)} pictures: name a folder"
            )
        return [target]
    if target.suffix or (os.path.lexists(target) and not is_folder(target)):
        require_png(target)
    stems = [Path(picture).stem or "picture" for picture in pictures]
    return [target / f"{stem}.png" for stem in apart(stems)]
