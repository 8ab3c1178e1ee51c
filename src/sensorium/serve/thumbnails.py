"""Small pictures of items: pages of documents, sounds as waves, all else as hits show it."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageDraw

from sensorium.collection import Hit
from sensorium.collection.previews import preview
from sensorium.data.files import stored_path
from sensorium.media import Audio, Document, open_media

RATE = 8000
"""Samples a second that a wave is drawn from."""

LONGEST = 600
"""Seconds of a sound that are looked at: hours look no different at this size."""

BACK, WAVE = "#f5f5f5", "#4a6fa5"


def picture_of(hit: Hit, side: int) -> PIL.Image.Image:
    """A picture of what was found, of at most `side` pixels.

    Parameters
    ----------
    hit : Hit
        With ``details["page"]`` of a document, ``details["view"]`` of an object, a span of a film.
    side : int

    Raises
    ------
    MediaError, MissingExtraError
    """
    media = open_media(stored_path(hit.path))
    picture: PIL.Image.Image | None = None
    if isinstance(media, Document):
        picture = media.picture(hit.details.get("page", 1))
    elif isinstance(media, Audio):
        picture = wave(media, side)
    if picture is None:
        picture = preview(hit, side)
    picture.thumbnail((side, side), PIL.Image.Resampling.LANCZOS)
    return picture


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
    columns = np.array_split(samples, side)
    peaks = np.array([(c.min(), c.max()) if len(c) else (0.0, 0.0) for c in columns])
    peaks /= max(float(np.abs(peaks).max()), 1e-3)  # quiet ones are seen, too
    picture = PIL.Image.new("RGB", (side, height), BACK)
    draw = PIL.ImageDraw.Draw(picture)
    middle = height / 2
    for x, (least, most) in enumerate(peaks.tolist()):
        reach = middle * 0.95
        draw.line((x, middle - most * reach, x, middle - least * reach), fill=WAVE)
    return picture
