"""One file on its way into a collection: what is known of it, and reading it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sensorium.collection.rows import FileState
from sensorium.data.files import Candidate
from sensorium.data.metadata import storable
from sensorium.encoders.base import FeatureExtractor
from sensorium.encoders.pipeline import PreparedSegment, Read
from sensorium.encoders.reading import NOTHING, Extraction, read_segments, segments_of
from sensorium.errors import MediaError, MissingExtraError
from sensorium.media import Image, Media, Modality, as_media, open_media
from sensorium.media.sources import hash_file, read_file

if TYPE_CHECKING:
    from sensorium.tasks.journal import Journal

STOPPED = "stopped"
"""Why a file is given up that nothing is wrong with."""

Prepared = Generator[PreparedSegment, None, None]


@dataclass(frozen=True)
class Work:
    """A file, or media of a data set's row, on its way through the pipeline."""

    candidate: Candidate
    file: FileState
    is_known: bool  # the path is stored already
    reuse: bool = True  # whether vectors of equal content may be taken over
    change: str = ""
    """What reading found: "embed", "touch", "same", "move", "copy", "known", "skip", "stop"."""
    if_equal: str = "touch"  # the change where the content is what is stored
    verifies: bool = False  # whether size and time are those that are stored
    reason: str = ""
    moved_from: Sequence[tuple[int, str]] = ()  # id and old path of items it may be
    followed: dict[str, Any] = field(default_factory=dict)  # said of the content elsewhere
    properties: dict[str, Any] = field(default_factory=dict)
    modality: str = Modality.IMAGE
    notes: Sequence[str] = ()  # what could not be used; grows while segments are read
    extracted: Sequence[str] = ()  # what had read words out of it when it was stored
    media: Media | None = None  # of a row, whose content is in `file`: there is no file

    @property
    def where(self) -> str:
        """What reports call it."""
        return self.candidate.where or self.file.path


def read_work(
    work: Work,
    encoder: FeatureExtractor,
    *,
    extraction: Extraction = NOTHING,
    content: bytes | None = None,
    reused: Callable[[Work], Work | None] = lambda work: None,
    journal_of: Callable[[bytes], Journal | None] = lambda content_hash: None,
    guarded: Callable[[Prepared], Prepared] = lambda segments: segments,
) -> Read[Work]:
    """Read one file and find out what has to be done.

    Parameters
    ----------
    work : Work
    encoder : FeatureExtractor
    extraction : Extraction
    content : bytes, optional
        The encoded file, where it is at hand: then no path is opened.
    reused : callable
        What is to be done with a file of this content when something is stored of it, else None.
    journal_of : callable
        Where what is said in a recording is kept until it is stored, by the hash of its content.
    guarded : callable
        Passes segments on, and may raise a `MediaError` between them.
    """
    if work.change:
        return Read(work)
    try:
        file = work.file
        if work.media is not None:
            media = work.media
        else:
            media, content_hash = _opened(work.candidate.path, content)
            file = replace(file, content_hash=content_hash)
            if work.is_known and work.file.content_hash == content_hash:
                return Read(replace(work, file=file, change=work.if_equal))
        if work.reuse and (known := reused(replace(work, file=file))) is not None:
            return Read(known)
        properties = storable(media.metadata())
        journal = journal_of(file.content_hash)
        segments = guarded(
            segments_of(encoder, media, extraction, journal=journal, said=properties)
        )
        found = replace(
            work, file=file, change="embed", properties=properties, modality=media.modality,
            extracted=extraction.for_modality(media.modality), notes=media.notes,
        )  # fmt: skip
    except MediaError as error:
        return Read(replace(work, change="skip", reason=error.reason))
    except MissingExtraError as error:
        return Read(replace(work, change="skip", reason=str(error)))

    def failed(reason: str) -> Work:
        return replace(found, change="stop" if reason == STOPPED else "skip", reason=reason)

    return read_segments(found, media, segments, failed)


def _opened(path: Path, content: bytes | None) -> tuple[Media, bytes]:
    """The media of a file, by its path or by what is in it, and the hash of that."""
    media = open_media(path) if content is None else as_media(content)
    if content is None and isinstance(media, Image):
        content = read_file(path)
        media = Image.from_encoded(content, path)
    return media, hash_file(path) if content is None else hashlib.sha256(content).digest()
