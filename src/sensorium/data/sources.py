"""Where an example's media are, until they are read."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

from sensorium.errors import MediaError
from sensorium.media import Image, Media, as_media, open_media


class PictureTable(Protocol):
    """A table that holds pictures."""

    def read(self, rows: Sequence[int]) -> list[Image]:
        """Read pictures by the numbers of their rows."""
        ...


@dataclass(frozen=True)
class Picture:
    """A picture that is opened when it is needed.

    Attributes
    ----------
    stamp : str
        Changes when the picture does; what was computed from it is kept under it.
    open : callable
        Takes nothing, returns an `Image`.
    table : PictureTable, optional
        Where it lies in a row of one, from which many are read at once.
    row : int
    """

    stamp: str
    open: Callable[[], Image]
    table: PictureTable | None = None
    row: int = -1

    @classmethod
    def of_file(cls, path: Path) -> Self:
        """Make one of a file."""
        try:
            found = path.stat()
            stamp = f"{path}:{found.st_size}:{found.st_mtime_ns}"
        except OSError:  # reported when it is opened
            stamp = str(path)
        return cls(stamp, lambda: Image(path))

    @classmethod
    def of_row(cls, stamp: str, table: PictureTable, row: int) -> Self:
        """Make one of a row of a table."""
        return cls(stamp, lambda: table.read([row])[0], table, row)


def open_all(pictures: Sequence[Picture]) -> list[Image]:
    """Open pictures; those of one table by one request.

    Raises
    ------
    MediaError
        When one cannot be opened.
    """
    found: dict[int, Image] = {}
    places: dict[int, list[int]] = {}
    for place, picture in enumerate(pictures):
        if picture.table is None:
            found[place] = picture.open()
        else:
            places.setdefault(id(picture.table), []).append(place)
    for own in places.values():
        table = pictures[own[0]].table
        assert table is not None
        found |= zip(own, table.read([pictures[place].row for place in own]), strict=True)
    return [found[place] for place in range(len(pictures))]


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
