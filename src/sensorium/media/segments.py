"""What every kind of media has in common: a modality, metadata, and the segments it yields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
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

    def segments(self) -> Iterable[Segment]:
        """Yield the pieces that are embedded one by one; at least one, in order.

        Each is decoded when its turn comes: a long item is never in memory as a whole.
        """
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
    details : mapping
        What else says where it lies, as JSON values: ``page`` of a PDF, ``view`` of a 3-D object.
    """

    media: Media
    span: tuple[float, float] | None = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def modality(self) -> Modality:
        """Modality of the piece, which may differ from its item's (a frame of a video)."""
        return self.media.modality
