"""What there is to read: texts in memory and the texts in documents, with their places."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sensorium.errors import MediaError, UsageError
from sensorium.media import Document, Text, as_media, open_media
from sensorium.media.segments import Media
from sensorium.media.sources import is_url
from sensorium.media.unread import told_kind

MEMORY = ""
"""Source of a text that came from no file."""


@dataclass(frozen=True)
class SourceText:
    """A text, and where it stands.

    Attributes
    ----------
    text : str
    source : str
        The path or URL of its document; empty for a text that was given.
    place : mapping
        ``page`` or ``chapter``, where a document has several.
    """

    text: str
    source: str = MEMORY
    place: Mapping[str, Any] = field(default_factory=dict)


def media_of(value: Any) -> Media:
    """What a caller gave as media; a path that exists is its file, whatever its suffix.

    Raises
    ------
    MediaError
        For a string that is written like a media file but names none.
    """
    if isinstance(value, os.PathLike) or (
        isinstance(value, str) and (is_url(value) or _is_file(value))
    ):
        return open_media(value if isinstance(value, str) and is_url(value) else Path(value))
    return as_media(value)


def texts_of(value: Any) -> list[SourceText]:
    """The texts in something.

    Parameters
    ----------
    value : str, Path, Text, Document or anything `as_media` takes for one of these
        A string that names a file is that file.

    Returns
    -------
    list of SourceText
        One for a text; for a document its pages or chapters, or all of it. At least one.

    Raises
    ------
    MediaError
        When there is no text to be read in it.
    """
    media = media_of(value)
    if isinstance(media, Text):
        return [SourceText(media.text)]
    if not isinstance(media, Document):
        kind, path = getattr(media, "modality", type(media).__name__), getattr(media, "path", None)
        told = f"is {kind}" if path is None else told_kind(path, kind)
        raise MediaError(f"{told}: only texts and documents are read", media_name(media))
    found = [
        SourceText(text, media_name(media), place) for text, place in media.texts() if text.strip()
    ]
    if not found:
        raise MediaError(f"there is no text in the document{_scanned(media)}", media_name(media))
    return found


def _scanned(document: Document) -> str:
    """What to do where pages are pictures; empty for documents that have none."""
    if document.kind != "pdf":
        return ""
    return (
        ": where its pages are scans, `sensorium index FILE --ocr -c COLLECTION` reads them, and"
        " `sensorium answer QUESTION -c COLLECTION` asks what was read"
    )


def media_name(media: Any) -> str:
    """The path or URL of media; empty for what has none."""
    path = getattr(media, "path", None)
    return str(path) if path is not None else str(getattr(media, "name", MEMORY))


def given(values: Any) -> list[Any]:
    """One or many: a single text, path or medium is a list of one.

    Raises
    ------
    UsageError
        For none.
    """
    alone = isinstance(values, (str, bytes, os.PathLike)) or hasattr(values, "segments")
    listed = [values] if alone or not isinstance(values, Iterable) else list(values)
    if not listed:
        raise UsageError("there is nothing to read: give a text or a file")
    return listed


def whole(texts: Iterable[SourceText]) -> str:
    """All of a document's text, its pages apart by an empty line."""
    return "\n\n".join(one.text for one in texts)


def places(texts: Iterable[SourceText]) -> Iterator[tuple[int, SourceText]]:
    """Where in `whole` each text begins."""
    start = 0
    for one in texts:
        yield start, one
        start += len(one.text) + 2


def _is_file(name: str) -> bool:
    if "\n" in name or "\0" in name:
        return False
    return os.path.isfile(os.path.expanduser(name))  # noqa: PTH111, PTH113
