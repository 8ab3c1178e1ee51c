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
    notes : list of str
        What in it could not be used, said while `segments` are read: "page 3 is broken".
    """

    notes: list[str]

    @property
    def modality(self) -> Modality: ...

    def metadata(self) -> dict[str, Any]:
        """What the media says of itself (time, place, size), as JSON-serialisable values."""
        ...

    def segments(self) -> Iterable[Segment]:
        """Yield the segments that are embedded one by one; at least one, in order.

        Each is decoded when its turn comes: a long item is never in memory as a whole.
        """
        ...


Span = tuple[float, float] | None
"""Where a segment lies in its item: seconds or characters; None for a whole item."""


@dataclass(frozen=True)
class Segment:
    """What of an item gets one vector: all of it, a window, a frame, some sentences, a view.

    Parameters
    ----------
    media : Media
        The media an encoder sees for this segment.
    span : tuple of float, optional
        Where it lies in its item: seconds for audio and video, characters for text. None for a
        whole item.
    details : mapping
        What else says where it lies, as JSON values: ``page`` of a PDF, ``chapter`` of a book,
        ``picture`` of a document, ``view`` of a 3-D object.
    """

    media: Media
    span: Span = None
    details: Mapping[str, Any] = field(default_factory=dict)

    @property
    def modality(self) -> Modality:
        """Modality of the segment, which may differ from its item's (a frame of a video)."""
        return self.media.modality


@dataclass(frozen=True, slots=True)
class SegmentRecord:
    """What is kept of a segment when its media are no longer at hand.

    Attributes
    ----------
    span : (start, stop) or None
        Seconds or characters; None for a whole item.
    modality : str
        Of the segment, which may be another than its item's (a frame of a video).
    text : str or None
        Words in it, which search by words finds.
    source : {"", "text", "speech", "writing", "detection"}
        Whether its text stood there, was said, was written in a picture, or names a thing in it.
    details : mapping
        What else says where it is, as JSON values: ``page``, ``view``, ``box``.
    has_vector : bool
        False for words in a space that holds no text.
    text_id : int or None
        The stored text that it is a vector of; None: `text` is stored with it.
    """

    span: Span = None
    modality: str = "image"
    text: str | None = None
    source: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    has_vector: bool = True
    text_id: int | None = None
