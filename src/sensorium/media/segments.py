"""What every kind of media has in common: a modality, metadata, and the segments it yields."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Modality(StrEnum):
    """The kinds of media that one space can hold."""

    TEXT = "text"
    IMAGE = "image"
    AUDIO = "audio"
    VIDEO = "video"
    MESH = "mesh"


class Media(Protocol):
    """One item of media: a whole file, or a value made in memory.

    Attributes
    ----------
    modality : Modality
        What kind of media this is.
    """

    @property
    def modality(self) -> Modality: ...

    def metadata(self) -> dict[str, Any]:
        """What the media says of itself (time, place, size), as JSON-serialisable values."""
        ...

    def segments(self) -> Sequence[Segment]:
        """Pieces that are embedded one by one; at least one, in order."""
        ...


@dataclass(frozen=True)
class Segment:
    """A piece of an item that gets one vector.

    Parameters
    ----------
    media : Media
        The media an encoder sees for this piece.
    span : tuple of float, optional
        Where the piece lies in its item: seconds for audio and video, characters for text. None
        for a whole item.
    """

    media: Media
    span: tuple[float, float] | None = None

    @property
    def modality(self) -> Modality:
        """Modality of the piece, which may differ from its item's (a frame of a video)."""
        return self.media.modality
