"""Contact sheets of duplicates: each group on lines of its own, what stays first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import PIL.Image
import PIL.ImageDraw

from sensorium.cli.sheet import require_png, save_sheet
from sensorium.collection import Item, Skipped
from sensorium.collection.duplicates.finding import Duplicates
from sensorium.collection.previews import LINE, TEXT
from sensorium.data.files import stored_path
from sensorium.errors import MediaError
from sensorium.explain.contact_sheet import GAP, TILE
from sensorium.media import Image
from sensorium.media.decoding import decoding
from sensorium.media.lettering import write_line
from sensorium.media.pictures.copies import read_pixels
from sensorium.media.pictures.formats import BROKEN
from sensorium.media.sources import read_file

COLUMNS = 5

LINES = 40
"""Lines of pictures on a sheet: 12,000 pixels, which every viewer still shows."""

CHECKS = 12
"""Pixels of the squares behind what is transparent: white icons show, and so do black ones."""


def write_group_sheets(
    path: Path, groups: Sequence[Duplicates]
) -> tuple[list[Path], list[Skipped]]:
    """Draw groups of duplicates and write PNGs.

    Parameters
    ----------
    path : Path
        Ends in ``.png``. Of more lines than fit on one sheet, the second sheet is called
        ``NAME-2.png`` and so on.
    groups : sequence of Duplicates
        At least one.

    Returns
    -------
    sheets : list of Path
    unreadable : list of Skipped
        Items whose files cannot be read; their tiles are grey.

    Raises
    ------
    UsageError
        When the path is no PNG or cannot be written.
    """
    require_png(path)
    lines = list(_lines(groups))
    sheets, unreadable = [], []
    for number, start in enumerate(range(0, len(lines), LINES), 1):
        shown = lines[start : start + LINES]
        height = GAP + sum(_height(title) for title, _ in shown)
        sheet = PIL.Image.new("RGB", (COLUMNS * (TILE + GAP) + GAP, height), "white")
        draw = PIL.ImageDraw.Draw(sheet)
        upper = GAP
        for title, tiles in shown:
            top = upper + (_height(title) - _height(""))
            if title:
                draw.line((GAP, upper, sheet.width - GAP, upper), fill="lightgrey")
                write_line(draw, (GAP, upper + 6), title, TEXT, sheet.width - 2 * GAP, "black")
            for column, (item, mark) in enumerate(tiles):
                left = GAP + column * (TILE + GAP)
                try:
                    picture = _shown(stored_path(item.path))
                except MediaError as error:
                    picture = PIL.Image.new("RGB", (TILE, TILE), "lightgrey")
                    unreadable.append(Skipped(item.path, error.reason))
                width, height = picture.size
                sheet.paste(picture, (left + (TILE - width) // 2, top + (TILE - height) // 2))
                said = (f"{mark}  {_size(item)}", Path(item.path).name)
                for n, text in enumerate(said):
                    where = (left, top + TILE + 4 + n * LINE)
                    write_line(draw, where, text, TEXT, TILE, "black" if n == 0 else "dimgrey")
            upper += _height(title)
        sheets.append(path if number == 1 else path.with_stem(f"{path.stem}-{number}"))
        save_sheet(sheet, sheets[-1])
    return sheets, unreadable


def _lines(groups: Sequence[Duplicates]) -> Iterator[tuple[str, list[tuple[Item, str]]]]:
    """Lines of tiles and their marks, the first of each group with a title."""
    for number, group in enumerate(groups, 1):
        if group.kind == "copies":
            title = f"{number}.  Copies: the first can stand for all"
            marks = ["keep"] + ["copy"] * (len(group.items) - 1)
        else:
            title = f"{number}.  Look alike: may be different pictures"
            marks = [f"{score:.3f}" for score in group.scores]
        tiles = list(zip(group.items, marks, strict=True))
        for start in range(0, len(tiles), COLUMNS):
            yield title if start == 0 else "", tiles[start : start + COLUMNS]


def _height(title: str) -> int:
    return TILE + 2 * LINE + GAP + (LINE + 12 if title else 0)


def _size(item: Item) -> str:
    width, height = item.metadata.get("width"), item.metadata.get("height")
    return f"{width} x {height}" if width and height else ""


def _shown(path: Path) -> PIL.Image.Image:
    """A picture of up to `TILE` pixels a side, on checks where it is transparent."""
    with decoding(str(path), BROKEN):
        pixels = read_pixels(read_file(path), path).upright()
        if pixels.mode not in ("RGB", "RGBA"):
            pixels = Image(path).load(min_side=TILE)
        pixels.thumbnail((TILE, TILE), PIL.Image.Resampling.LANCZOS)
        if pixels.mode == "RGBA":
            ground = PIL.Image.new("RGBA", pixels.size, "silver")
            draw = PIL.ImageDraw.Draw(ground)
            for y in range(0, pixels.height, CHECKS):
                for x in range(y // CHECKS % 2 * CHECKS, pixels.width, 2 * CHECKS):
                    draw.rectangle((x, y, x + CHECKS - 1, y + CHECKS - 1), fill="dimgrey")
            pixels = PIL.Image.alpha_composite(ground, pixels)
        return pixels.convert("RGB")
