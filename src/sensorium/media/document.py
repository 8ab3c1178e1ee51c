"""Text documents: text, Markdown, HTML, PDF, EPUB and office files become whole sentences."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

import PIL.Image

from sensorium.errors import MediaError
from sensorium.media.decoding import decoding, reads
from sensorium.media.documents.charsets import decoded
from sensorium.media.documents.cutting import cut
from sensorium.media.documents.html import html_text, html_title
from sensorium.media.documents.markdown import (
    markdown_paragraphs,
    markdown_segments,
    markdown_title,
)
from sensorium.media.documents.wording import joined_lines, plain_letters, words_at_line_ends
from sensorium.media.image import Image
from sensorium.media.pictures.tiles import tiles_of
from sensorium.media.segments import Modality, Segment
from sensorium.media.sources import PACKED_SUFFIXES, EncodedFile
from sensorium.media.text import Text

MAX_CHARACTERS = 20_000_000
"""Longest text that is cut into segments: thirty Bibles' first halves; more is a log or a dump."""

MAX_PAGES = 20_000

UNREADABLE = "no document that can be read"

HTML_SUFFIXES = frozenset({".html", ".htm", ".xhtml", ".xht"})

PACKED = frozenset(PACKED_SUFFIXES.values())

KINDS = ("text", "markdown", "html", "pdf", *sorted(PACKED))

_ARCHIVES = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")

_HTML = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,900}?-->\s*)*<(?:!doctype\s+html|html)\b",
    re.IGNORECASE | re.DOTALL,
)


class Document(EncodedFile):
    """A text document. Nothing is read before it is needed.

    Parameters
    ----------
    source : str, Path or bytes
        A path, an ``http(s)`` or ``data:`` URL, or the file as bytes.
    kind : {"text", "markdown", "html", "pdf", "docx", "epub", "odp", "ods", "odt", "pptx"}
        None (the default) goes by the file's first bytes and its suffix.

    Raises
    ------
    MediaError
        For another type or kind. Files are opened later.
    """

    modality = Modality.TEXT

    def __init__(self, source: str | os.PathLike[str] | bytes, kind: str | None = None) -> None:
        if kind is not None and kind not in KINDS:
            raise MediaError(f"a document is one of {', '.join(KINDS)}, got {kind!r}")
        super().__init__(source)
        self._kind = kind

    @property
    def kind(self) -> str:
        """What the document is, one of `KINDS`."""
        if self._kind is None:
            start = self._content()[:1024]
            if self._suffix == ".pdf" or start.lstrip().startswith(b"%PDF-"):
                self._kind = "pdf"
            elif start.startswith(_ARCHIVES) or (
                self._suffix in PACKED_SUFFIXES and not _HTML.match(start)
            ):
                from sensorium.media.documents.packed import reading

                self._kind = reading.kind_of(self._content(), self.name)
            elif self._suffix in HTML_SUFFIXES or _HTML.match(start):
                self._kind = "html"
            else:
                self._kind = "markdown" if self._suffix in (".md", ".markdown") else "text"
        return self._kind

    @property
    def _suffix(self) -> str:
        return self.path.suffix.lower() if self.path else ""

    @property
    def _is_xml(self) -> bool:
        """Whether browsers read a page as XML; those without a name are taken at their word."""
        if self._suffix in HTML_SUFFIXES:
            return self._suffix in (".xhtml", ".xht")
        return self._content()[:100].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml")

    @reads(UNREADABLE)
    def metadata(self) -> dict[str, Any]:
        """What the document says of itself: of a PDF ``pages``, ``title``, ``author``.

        Raises
        ------
        MediaError
            When the file is missing or broken.
        """
        content = self._content()
        with decoding(self.name, UNREADABLE):
            if self.kind == "pdf":
                from sensorium.media.documents import pdf

                return pdf.facts(content, self.name)
            if self.kind in PACKED:
                from sensorium.media.documents.packed import reading

                return reading.facts(content, self.kind, self.name)
            text = decoded(content, self.name, page=self.kind == "html")
            facts: dict[str, Any] = {"characters": len(text)}
            if self.kind == "html" and (name := html_title(text, self._is_xml)):
                facts["title"] = name
            if self.kind == "markdown" and (name := markdown_title(text)):
                facts["title"] = name
            return facts

    @reads(UNREADABLE)
    def picture(self, page: int = 1) -> PIL.Image.Image | None:
        """What a page of a PDF looks like, in RGB; None of other documents, which have no pages.

        Raises
        ------
        MediaError
            When the file is missing or broken, or has no such page.
        """
        if self.kind != "pdf":
            return None
        from sensorium.media.documents import pdf

        return pdf.page_picture(self._content(), self.name, page)

    @reads(UNREADABLE)
    def segments(self) -> Iterable[Segment]:
        """Yield some sentences at a time; then pictures of scanned pages, and photos on pages.

        Spans count characters, in a PDF those of the page's text (in slides the slide's, in a book
        the chapter's; ``chapter`` counts from 1); ``page`` counts from 1, ``box``
        says where on it a photo lies. A picture that stands on several pages is yielded once.

        Raises
        ------
        MediaError
            When the file is missing, broken or no text, and when there is nothing in it at all.
        """
        found = False
        for segment in self._segments():
            found = True
            yield segment
        if not found:
            raise MediaError("there is no text in the document", self.name)

    @reads(UNREADABLE)
    def texts(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the document's text in long pieces, and where each of them stands.

        For those who read on, where `segments` is for those who search: the text of a PDF's page,
        of a slide or a chapter, or all of it, with empty lines between paragraphs.

        Yields
        ------
        text : str
        place : mapping
            ``page`` or ``chapter``, as `segments` has it; empty where there is one piece.

        Raises
        ------
        MediaError
            When the file is missing, broken or no text.
        """
        content = self._content()
        with decoding(self.name, UNREADABLE):
            if self.kind == "pdf":
                from sensorium.media.documents import pdf

                for found in pdf.read(content, self.name, MAX_PAGES, self.notes):
                    if found.picture is None and found.text.strip():
                        known = words_at_line_ends(found.text)
                        yield joined_lines(plain_letters(found.text), known), {"page": found.page}
            elif self.kind in PACKED:
                from sensorium.media.documents.packed import reading

                parts = reading.segments(content, self.kind, self.name, self.notes)
                told = ((part, part.media.text) for part in parts if isinstance(part.media, Text))
                for place, some in groupby(told, key=lambda one: dict(one[0].details)):
                    yield "\n\n".join(text for _, text in some), place
            else:
                text = self._whole(content)
                if self.kind == "markdown":
                    text = markdown_paragraphs(text)
                known = words_at_line_ends(text)
                yield joined_lines(plain_letters(text), known), {}

    def _whole(self, content: bytes) -> str:
        """The text of a file that is one; a page's without its markup."""
        text = decoded(content, self.name, page=self.kind == "html")
        if len(text) > MAX_CHARACTERS:
            raise MediaError(
                f"{len(text):,} characters; texts of over {MAX_CHARACTERS:,} are not read",
                self.name,
            )
        return html_text(text, self._is_xml) if self.kind == "html" else text

    def _segments(self) -> Iterator[Segment]:
        content = self._content()
        with decoding(self.name, UNREADABLE):
            if self.kind == "pdf":
                yield from self._pages(content)
                return
            if self.kind in PACKED:
                from sensorium.media.documents.packed import reading

                yield from reading.segments(content, self.kind, self.name, self.notes)
                return
            text = self._whole(content)
            if self.kind != "markdown":
                yield from cut(text)
                return
            yield from markdown_segments(text)

    def _pages(self, content: bytes) -> Iterator[Segment]:
        from sensorium.media.documents import pdf

        for found in pdf.read(content, self.name, MAX_PAGES, self.notes):
            if found.picture is None:
                for segment in cut(found.text):
                    yield replace(segment, details={"page": found.page})
                continue
            where = {} if found.box is None else {"box": [round(one, 4) for one in found.box]}
            image = Image(found.picture)
            yield Segment(image, None, {"page": found.page, **where})
            if found.box is None:
                yield from tiles_of(image, {"page": found.page})

    def _content(self) -> bytes:
        if self._encoded is None:  # kept: it is asked for its kind, its facts and its segments
            self._encoded = super()._content()
        return self._encoded
