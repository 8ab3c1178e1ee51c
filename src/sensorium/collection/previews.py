"""Pictures of what was found: a scene of a film, an object's view, the words on a page."""

from __future__ import annotations

from pathlib import Path

import PIL.Image
import PIL.ImageDraw

from sensorium.collection.results import Hit
from sensorium.data.files import stored_path
from sensorium.media import Image, Mesh, Video, open_media
from sensorium.media.lettering import write_line
from sensorium.media.mesh import VIEWS
from sensorium.media.pictures.parts import part_of

TEXT = 15  # pixels
LINE = 20  # pixels between lines
LONGEST_LINE = 30  # characters


def preview(hit: Hit, side: int, heading: str = "") -> PIL.Image.Image:
    """Show what was found.

    Parameters
    ----------
    hit : Hit
        Of an item as a whole, a hit without span and details.
    side : int
        Pixels that are enough; the picture may have more.
    heading : str
        Stands above the words of what has no picture, instead of its modality.

    Returns
    -------
    PIL.Image.Image
        RGB, upright.

    Raises
    ------
    MediaError, MissingExtraError
        When the file can no longer be read.
    """
    media = open_media(stored_path(hit.path))
    if isinstance(media, Image):
        if "label" in hit.details and "page" not in hit.details:
            return part_of(media.load(), hit.details["box"]).load()
        # A page or a tile; words are seen in their picture.
        parts = (s.media for s in media.segments() if hit.text is None and s.details == hit.details)
        part = next(parts, media) if hit.details else media
        assert isinstance(part, Image)
        return part.load(min_side=side)
    if isinstance(media, Mesh):
        return media.view(*VIEWS[hit.details.get("view", 0) % len(VIEWS)], side=side)
    if isinstance(media, Video) and hit.text is None:
        return media.picture_at(hit.span[0] if hit.span else 0.0)
    return _written(hit, side, heading or hit.modality)


def _written(hit: Hit, side: int, heading: str) -> PIL.Image.Image:
    """What was found in words, as a page."""
    page = PIL.Image.new("RGB", (side, side), "whitesmoke")
    draw = PIL.ImageDraw.Draw(page)
    words = (hit.text or Path(hit.path).name).split()
    lines = [heading]
    while words and len(lines) < side // LINE - 1:
        line = words.pop(0)
        while words and len(line) + len(words[0]) < LONGEST_LINE:
            line += " " + words.pop(0)
        lines.append(line)
    for number, line in enumerate(lines):
        colour = "dimgrey" if number == 0 else "black"
        write_line(draw, (8, 6 + number * LINE), line, TEXT, side - 16, colour)
    return page
