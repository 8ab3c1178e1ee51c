"""Where an example's media are, until they are read."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from sensorium.errors import MediaError
from sensorium.media import Image, Media, as_media, open_media


@dataclass(frozen=True)
class Picture:
    """A picture that is opened when it is needed.

    Attributes
    ----------
    stamp : str
        Changes when the picture does; what was computed from it is kept under it.
    open : callable
        Takes nothing, returns an `Image`.
    """

    stamp: str
    open: Callable[[], Image]

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Make one of a file."""
        try:
            found = path.stat()
            stamp = f"{path}:{found.st_size}:{found.st_mtime_ns}"
        except OSError:  # reported when it is opened
            stamp = str(path)
        return cls(stamp, lambda: Image(path))


def media_of(source: Any) -> Media:
    """The media of a path, a `Picture`, or what `sensorium.media.as_media` takes.

    Raises
    ------
    MediaError
        When it is no media, or a picture cannot be opened.
    """
    if isinstance(source, Picture):
        return source.open()
    if isinstance(source, os.PathLike):
        return open_media(Path(source))
    return as_media(source)


def picture_of(source: Any) -> Image:
    """As `media_of`, of what is to be a picture.

    Raises
    ------
    MediaError
        When it is none, or cannot be opened.
    """
    media = media_of(source)
    if not isinstance(media, Image):
        raise MediaError(f"is {media.modality}, and captions here are of pictures")
    return media
