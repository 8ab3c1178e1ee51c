"""Contact sheet: the hits of a search as one picture, to look at, print or send."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import PIL.Image
import PIL.ImageDraw

from sensorium.collection.previews import LINE, TEXT, preview
from sensorium.collection.results import Hit
from sensorium.collection.telling import place, told
from sensorium.errors import MediaError, MissingExtraError
from sensorium.explain.drawing import heated
from sensorium.explain.explanation import Explanation
from sensorium.media.lettering import write_line
from sensorium.media.skipped import Skipped

TILE = 240  # pixels of a thumbnail's longer side
GAP = 16
TITLE = 24  # pixels
MAX_COLUMNS = 5


def contact_sheet(
    title: str, hits: Sequence[Hit], explanations: Sequence[Explanation | None] = ()
) -> tuple[PIL.Image.Image, list[Skipped]]:
    """Draw hits with number, score and caption under a title.

    Parameters
    ----------
    title : str
    hits : sequence of Hit
        At least one.
    explanations : sequence of Explanation or None
        Of the hits: pictures are then under the heat of their regions.

    Returns
    -------
    picture : PIL.Image.Image
        RGB.
    unreadable : list of Skipped
        Hits whose files can no longer be read; their tiles are empty.
    """
    columns = min(MAX_COLUMNS, math.ceil(math.sqrt(len(hits) * 1.5)))
    rows = math.ceil(len(hits) / columns)
    cell_height = TILE + 2 * LINE + GAP
    width = columns * (TILE + GAP) + GAP
    top = TITLE + 2 * GAP
    sheet = PIL.Image.new("RGB", (width, top + rows * cell_height), "white")
    draw = PIL.ImageDraw.Draw(sheet)
    write_line(draw, (GAP, GAP), title, TITLE, width - 2 * GAP, "black")
    unreadable = []
    for number, hit in enumerate(hits):
        left = GAP + number % columns * (TILE + GAP)
        upper = top + number // columns * cell_height
        explanation = explanations[number] if explanations else None
        try:
            picture = _tile(hit, explanation)
        except (MediaError, MissingExtraError) as error:
            picture = PIL.Image.new("RGB", (TILE, TILE), "lightgrey")
            unreadable.append(Skipped(hit.path, getattr(error, "reason", str(error))))
        offset = ((TILE - picture.width) // 2, (TILE - picture.height) // 2)
        sheet.paste(picture, (left + offset[0], upper + offset[1]))
        lines = (
            f"{number + 1}.  {hit.score:.3f}  {Path(hit.path).name}",
            explanation.told()
            if explanation is not None
            else "  ".join(filter(None, [place(hit) if hit.text is None else "", told(hit)])),
        )
        for n, text in enumerate(lines):
            where = (left, upper + TILE + 4 + n * LINE)
            write_line(draw, where, text, TEXT, TILE, "black" if n == 0 else "dimgrey")
    return sheet, unreadable


def _tile(hit: Hit, explanation: Explanation | None) -> PIL.Image.Image:
    picture = preview(hit, TILE, f"{hit.modality}, {place(hit)}".rstrip(", "))
    if explanation is not None and explanation.hit.shape is not None:
        picture = heated(picture, explanation.hit)
    picture.thumbnail((TILE, TILE), PIL.Image.Resampling.LANCZOS)
    return picture
