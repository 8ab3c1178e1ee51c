"""Pictures of what was found: a scene of a film, an object's view, a page, a wave, first lines."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw

from sensorium.collection.results import Hit
from sensorium.data.files import stored_path
from sensorium.media import Audio, Document, Image, Mesh, Text, Video, open_media
from sensorium.media.lettering import text_width, write_line
from sensorium.media.mesh import VIEWS
from sensorium.media.pictures.parts import part_of

TEXT = 15  # pixels
LINE = 20  # pixels between lines

COLUMN = 34
"""Letters' heights that fit across a page of words: as many as are read at a glance."""

MOST = 2000
"""Characters of a text that are shown: no more fits."""

RATE = 8000
"""Samples a second that a wave is drawn from."""

LONGEST = 600
"""Seconds of a sound that are looked at: hours look no different at this size."""

BACK, WAVE = "#f5f5f5", "#4a6fa5"

_TOKENS = re.compile(r"\s+|[^\s\u2e80-\U0010ffff]+|[\u2e80-\U0010ffff]")
"""Words with nothing between them, spaces, and characters of scripts that are written without."""


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
        RGB, upright. Of a PDF a page, where no words of it were found; of another document the
        first lines; of a sound how loud it is in the course of time.

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
    if hit.text is not None:
        return written(hit.text, side, heading or hit.modality)
    if isinstance(media, Video):
        return media.picture_at(hit.span[0] if hit.span else 0.0)
    if isinstance(media, Audio):
        return wave(media, side)
    if isinstance(media, Document):
        page = media.picture(hit.details.get("page", 1))
        return page or written(_beginning(media), side, heading or Path(hit.path).name)
    return written(Path(hit.path).name, side, heading or hit.modality)


def written(text: str, side: int, heading: str) -> PIL.Image.Image:
    """Words as a page, `side` pixels high and wide, with a heading above them."""
    scale = max(1.0, side / COLUMN / TEXT)
    size, step, edge = round(TEXT * scale), round(LINE * scale), round(8 * scale)
    page = PIL.Image.new("RGB", (side, side), "whitesmoke")
    draw = PIL.ImageDraw.Draw(page)
    width = side - 2 * edge
    write_line(draw, (edge, edge), heading, size, width, "dimgrey")
    for number, line in enumerate(_lines(text[:MOST], size, width), 1):
        down = edge + number * step
        if down + step > side:
            break
        write_line(draw, (edge, down), line, size, width, "black")
    return page


def wave(sound: Audio, side: int) -> PIL.Image.Image:
    """How loud a sound is, from its beginning to its end, as a picture.

    Each column has the least and the greatest sample of its time.
    """
    blocks, held = [], 0
    for block in sound.blocks(RATE):
        blocks.append(block)
        held += len(block)
        if held >= LONGEST * RATE:
            break
    samples = np.concatenate(blocks) if blocks else np.zeros(1, np.float32)
    height = side // 2
    if len(samples) < 4 * side:  # so short that a column would have hardly a sample
        places = np.linspace(0, len(samples) - 1, 4 * side)
        samples = np.interp(places, np.arange(len(samples)), samples).astype(np.float32)
    edges = np.linspace(0, len(samples), side + 1).astype(int)
    # Each begins where the one before ends, so that a steep wave is no row of dots.
    columns = [samples[max(0, a - 1) : b] for a, b in pairwise(edges)]
    peaks = np.array([(c.min(), c.max()) for c in columns])
    peaks /= max(float(np.abs(peaks).max()), 1e-3)  # quiet ones are seen, too
    picture = PIL.Image.new("RGB", (side, height), BACK)
    draw = PIL.ImageDraw.Draw(picture)
    middle = height / 2
    for x, (least, most) in enumerate(peaks.tolist()):
        reach = middle * 0.95
        draw.line((x, middle - most * reach, x, middle - least * reach), fill=WAVE)
    return picture


def _beginning(document: Document) -> str:
    """The first words of a document; "" where there are none."""
    found = ""
    for segment in document.segments():
        if isinstance(segment.media, Text):
            found += segment.media.text + "\n"
        if len(found) > MOST:
            break
    return found


def _lines(text: str, size: int, width: int) -> Iterator[str]:
    """A text in lines that are no wider than there is room; its own lines stay apart."""
    for paragraph in filter(str.strip, text.splitlines()):
        line = ""
        for token in _TOKENS.findall(paragraph.strip()):
            if line and text_width(line + token, size) > width:
                yield line
                line = token.lstrip()
            else:
                line += token
        yield line
