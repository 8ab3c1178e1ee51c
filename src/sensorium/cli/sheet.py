"""Contact sheet: the hits of a search as one picture, to look at, print or send."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import PIL.Image
import PIL.ImageDraw

from sensorium.cli.output import place, told
from sensorium.collection import Hit, Skipped
from sensorium.collection.previews import LINE, TEXT, preview
from sensorium.errors import MediaError, MissingExtraError, UsageError
from sensorium.folders import whole
from sensorium.media.lettering import write_line

TILE = 240  # pixels of a thumbnail's longer side
GAP = 16
TITLE = 24  # pixels
MAX_COLUMNS = 5


def write_sheet(
    path: Path, query: str, hits: Sequence[Hit], explanations: Sequence[Any] = ()
) -> list[Skipped]:
    """Draw the hits with score and caption under the query and write a PNG.

    Parameters
    ----------
    path : Path
        Ends in ``.png``.
    query : str
        The title.
    hits : sequence of Hit
        At least one.
    explanations : sequence of Explanation or None
        Of the hits: pictures are then under the heat of their regions.

    Returns
    -------
    list of Skipped
        Hits whose files can no longer be read; their tiles say so.

    Raises
    ------
    UsageError
        When the path is no PNG or cannot be written.
    """
    require_png(path)
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
            heading = f"{hit.modality}, {place(hit)}".rstrip(", ")
            picture = preview(hit, TILE, heading)
            explanation = explanations[number] if explanations else None
            if explanation is not None and explanation.hit.shape is not None:
                from sensorium.explain.drawing import heated

                picture = heated(picture, explanation.hit)
        except (MediaError, MissingExtraError) as error:
            picture = PIL.Image.new("RGB", (TILE, TILE), "lightgrey")
            unreadable.append(Skipped(hit.path, getattr(error, "reason", str(error))))
        picture.thumbnail((TILE, TILE), PIL.Image.Resampling.LANCZOS)
        offset = ((TILE - picture.width) // 2, (TILE - picture.height) // 2)
        sheet.paste(picture, (left + offset[0], upper + offset[1]))
        lines = (
            f"{number + 1}.  {hit.score:.3f}  {Path(hit.path).name}",
            explanations[number].told()
            if explanations and explanations[number] is not None
            else "  ".join(filter(None, [place(hit) if hit.text is None else "", told(hit)])),
        )
        for n, text in enumerate(lines):
            where = (left, upper + TILE + 4 + n * LINE)
            write_line(draw, where, text, TEXT, TILE, "black" if n == 0 else "dimgrey")
    save_sheet(sheet, path)
    return unreadable


def require_png(path: Path) -> None:
    """Refuse any other name before anything is drawn.

    Raises
    ------
    UsageError
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"--sheet writes PNG: {path} does not end in .png")


def save_sheet(sheet: PIL.Image.Image, path: Path) -> None:
    """Write a contact sheet, and the folder it goes to.

    Raises
    ------
    UsageError
        When it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole(path) as part:
            sheet.save(part, "PNG")
    except OSError as error:
        raise UsageError(f"{path}: the contact sheet cannot be written ({error})") from error
