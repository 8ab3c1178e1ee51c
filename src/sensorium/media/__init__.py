"""Media: paths, URLs, bytes and arrays become typed `Image` and `Text` items and their segments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sensorium.errors import MediaError
from sensorium.media.image import Image
from sensorium.media.segments import Media, Modality, Segment
from sensorium.media.sources import has_media_suffix, is_url
from sensorium.media.text import Text

__all__ = ["Image", "Media", "Modality", "Segment", "Text", "as_media"]


def as_media(value: Any) -> Media:
    """Turn what a caller has at hand into media, by the rule that the documentation states.

    Parameters
    ----------
    value : Media, str, Path, bytes, ndarray, PIL.Image.Image
        A bare string is text, except that a URL, or the path of an existing file with a media
        suffix, is that file. Paths, bytes, arrays and Pillow images are media.

    Returns
    -------
    Media

    Raises
    ------
    MediaError
        For a string that is written like a media file but names none: it is never silently taken
        for text (``Text("cat.jpg")`` says that text is meant).
    """
    if isinstance(value, (Image, Text)):
        return value
    if isinstance(value, str):
        if is_url(value):
            return Image(value)
        if has_media_suffix(value):
            # os.path, not Path: its functions answer for names that are too long or hold NUL
            # bytes, and leave "~name" alone where there is no such user.
            path = os.path.expanduser(value)  # noqa: PTH111
            if os.path.isfile(path):  # noqa: PTH113
                return Image(Path(path))
            raise MediaError(
                "no such file; if you mean these words, "
                f'say Text("{value}") in Python or --text in the shell',
                value,
            )
        return Text(value)
    if isinstance(value, os.PathLike):
        return Image(Path(os.path.expanduser(value)))  # noqa: PTH111
    if hasattr(value, "modality") and hasattr(value, "segments"):
        media: Media = value
        return media
    return Image(value)
