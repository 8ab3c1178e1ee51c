"""Contact sheet: the hits of a search as one picture, to look at, print or send."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import PIL.Image
import PIL.ImageDraw

from sensorium.cli.output import caption
from sensorium.collection import Hit, Skipped
from sensorium.errors import MediaError, UsageError
from sensorium.media import Image
from sensorium.media.lettering import write_line

TILE = 240  # pixels of a thumbnail's longer side
GAP = 16
TEXT = 15  # pixels
TITLE = 24
LINE = 20  # pixels between lines of captions
MAX_COLUMNS = 5


def write_sheet(path: Path, query: str, hits: Sequence[Hit]) -> list[Skipped]:
    """Draw the hits with score and caption under the query and write a PNG.

    Parameters
    ----------
    path : Path
        Ends in ``.png``.
    query : str
        The title.
    hits : sequence of Hit
        At least one.

    Returns
    -------
    list of Skipped
        Hits whose files can no longer be read; their tiles say so.

    Raises
    ------
    UsageError
        When the path is no PNG or cannot be written.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"--sheet writes PNG: {path} does not end in .png")
    columns = min(MAX_COLUMNS, math.ceil(math.sqrt(len(hits) * 1.5)))
    rows = math.ceil(len(hits) / columns)
    cell_height = TILE + 2 * LINE + GAP
    width = columns * (TILE + GAP) + GAP
    top = TITLE + 2 * GAP
    sheet = PIL.Image.new("RGB", (width, top + rows * cell_height), "white")
    draw = PIL.ImageDraw.Draw(sheet)
    write_line(draw, (GAP, GAP), query, TITLE, width - 2 * GAP, "black")
    unreadable = []
    for number, hit in enumerate(hits):
        left = GAP + number % columns * (TILE + GAP)
        upper = top + number // columns * cell_height
        try:
            picture = Image(Path(hit.path)).load(min_side=TILE)
        except MediaError as error:
            picture = PIL.Image.new("RGB", (TILE, TILE), "lightgrey")
            unreadable.append(Skipped(hit.path, error.reason))
        picture.thumbnail((TILE, TILE), PIL.Image.Resampling.LANCZOS)
        offset = ((TILE - picture.width) // 2, (TILE - picture.height) // 2)
        sheet.paste(picture, (left + offset[0], upper + offset[1]))
        lines = (f"{number + 1}.  {hit.score:.3f}  {Path(hit.path).name}", caption(hit.metadata))
        for n, text in enumerate(lines):
            where = (left, upper + TILE + 4 + n * LINE)
            write_line(draw, where, text, TEXT, TILE, "black" if n == 0 else "dimgrey")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        sheet.save(path)
    except OSError as error:
        raise UsageError(f"{path}: the contact sheet cannot be written ({error})") from error
    return unreadable
