"""Text documents: plain text, Markdown, HTML and PDF become segments of whole sentences."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

from sensorium.errors import MediaError
from sensorium.media.decoding import decoding
from sensorium.media.image import Image
from sensorium.media.segments import Modality, Segment
from sensorium.media.sources import EncodedFile
from sensorium.media.text import Text

SEGMENT_WEIGHT = 480
"""Longest segment, in Latin letters; a letter of a script without spaces weighs `UNSPACED_WEIGHT`.
About 120 tokens, which is what small text encoders take (`mini`: 128)."""

UNSPACED_WEIGHT = 3.0

MAX_CHARACTERS = 20_000_000
"""Longest text that is cut into segments: thirty Bibles' first halves; more is a log or a dump."""

MAX_PAGES = 20_000

UNREADABLE = "no document that can be read"

_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff]")
# A sentence ends at its mark, with closing quotes and brackets, before white space; Chinese and
# Japanese marks need none. An empty line ends one, too.
_END = re.compile(r"[.!?…]+[\"'”’)\]]*(?=\s)|[。！？…]+[”’」』）]*|\n[ \t]*\n\s*")


class Document(EncodedFile):
    """A text document. Nothing is read before it is needed.

    Parameters
    ----------
    source : str, Path or bytes
        A path, an ``http(s)`` or ``data:`` URL, or the file as bytes.
    kind : {"text", "markdown", "html", "pdf"}, optional
        None goes by the file's first bytes and its suffix.

    Raises
    ------
    MediaError
        For another type or kind. Files are opened later.
    """

    modality = Modality.TEXT

    def __init__(self, source: str | os.PathLike[str] | bytes, kind: str | None = None) -> None:
        if kind not in (None, "text", "markdown", "html", "pdf"):
            raise MediaError(f"a document is text, markdown, html or pdf, got {kind!r}")
        super().__init__(source)
        self._kind = kind

    @property
    def kind(self) -> str:
        """What the document is: ``text``, ``markdown``, ``html`` or ``pdf``."""
        if self._kind is None:
            start = self._content()[:1024].lstrip()
            suffix = self.path.suffix.lower() if self.path else ""
            if suffix == ".pdf" or start.startswith(b"%PDF-"):
                self._kind = "pdf"
            elif suffix in (".html", ".htm", ".xhtml") or start[:15].lower().startswith(
                (b"<!doctype html", b"<html")
            ):
                self._kind = "html"
            else:
                self._kind = "markdown" if suffix in (".md", ".markdown") else "text"
        return self._kind

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
                from sensorium.media import pdf

                return pdf.facts(content, self.name)
            text = decoded(content, self.name)
            facts: dict[str, Any] = {"characters": len(text)}
            if self.kind == "html" and (
                title := re.search(r"(?is)<title[^>]*>(.*?)</title>", text)
            ):
                facts["title"] = " ".join(html_text(title[1]).split())
            if self.kind == "markdown" and (title := re.search(r"(?m)^#\s+(.+?)\s*#*$", text)):
                facts["title"] = markdown_text(title[1])
            return facts

    def segments(self) -> Iterable[Segment]:
        """Yield some sentences at a time; of a page without text, its picture.

        Spans count characters, in a PDF those of the page's text; ``page`` counts from 1.

        Raises
        ------
        MediaError
            When the file is missing, broken or no text, and when there is nothing in it at all.
        """
        found = False
        for segment in self._texts():
            found = True
            yield segment
        if self.kind == "pdf":
            from sensorium.media import pdf

            for number, picture in pdf.pictures_of_empty_pages(
                self._content(), self.name, MAX_PAGES
            ):
                found = True
                yield Segment(Image(picture), None, {"page": number})
        if not found:
            raise MediaError("there is no text in the document", self.name)

    def _texts(self) -> Iterator[Segment]:
        """Segments of whole sentences."""
        content = self._content()
        with decoding(self.name, UNREADABLE):
            if self.kind == "pdf":
                from sensorium.media import pdf

                for number, text in pdf.page_texts(content, self.name, MAX_PAGES):
                    for segment in cut(text):
                        yield replace(segment, details={"page": number})
                return
            text = decoded(content, self.name)
            if len(text) > MAX_CHARACTERS:
                raise MediaError(
                    f"{len(text):,} characters; texts of over {MAX_CHARACTERS:,} are not read",
                    self.name,
                )
            if self.kind == "html":
                text = html_text(text)
            if self.kind != "markdown":
                yield from cut(text)
                return
            for start, stop in spans(text):
                if words := markdown_text(text[start:stop]):
                    yield Segment(Text(words), (start, stop))

    def _content(self) -> bytes:
        if self._encoded is None:  # kept: it is asked for its kind, its facts and its segments
            self._encoded = super()._content()
        return self._encoded


def decoded(content: bytes, name: str) -> str:
    """Read bytes as UTF-8, UTF-16 with its mark, or else as Windows' Western characters.

    Raises
    ------
    MediaError
        When the bytes are no text.
    """
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace").removeprefix("\ufeff")
    if b"\0" in content[:4096]:
        raise MediaError(f"no text (it holds NUL characters; begins with {content[:8]!r})", name)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        for encoding in ("gb18030", "cp1252"):  # GB18030 refuses most of what is not Chinese
            try:
                text = content.decode(encoding)
                break
            except UnicodeDecodeError:
                continue
        else:
            text = content.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def weight(text: str) -> float:
    """How long a text is for an encoder; see `SEGMENT_WEIGHT`."""
    return len(text) + (UNSPACED_WEIGHT - 1) * len(_UNSPACED.findall(text))


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence of a text begins and ends, white space around it left out."""
    start = 0
    for mark in (*_END.finditer(text), None):
        stop = len(text) if mark is None else mark.end()
        piece = text[start:stop]
        if words := piece.strip():
            begin = start + len(piece) - len(piece.lstrip())
            yield begin, begin + len(words)
        start = stop


def cut(text: str) -> Iterator[Segment]:
    """Cut a text into segments, white space in them closed up; see `spans`."""
    for start, stop in spans(text):
        yield Segment(Text(" ".join(text[start:stop].split())), (start, stop))


def spans(text: str, longest: float = SEGMENT_WEIGHT) -> Iterator[tuple[int, int]]:
    """Where a text is cut: as many whole sentences as fit.

    Paragraphs are kept apart where one alone fills half a segment. A sentence that is longer than
    a segment is cut between words.
    """
    start = stop = -1
    for begin, end in _bounded(text, longest):
        apart = start >= 0 and "\n\n" in text[stop:begin] and weight(text[start:stop]) > longest / 2
        if start >= 0 and (apart or weight(text[start:end]) > longest):
            yield start, stop
            start = -1
        if start < 0:
            start = begin
        stop = end
    if start >= 0:
        yield start, stop


def _bounded(text: str, longest: float) -> Iterator[tuple[int, int]]:
    """Sentences, those that are too long in pieces."""
    for begin, end in sentences(text):
        while weight(text[begin:end]) > longest:
            # At most this many characters weigh too little; then fewer, until they fit.
            length = min(end - begin, int(longest))
            while weight(text[begin : begin + length]) > longest:
                length = max(1, int(length * longest / weight(text[begin : begin + length])))
            space = text.rfind(" ", begin + length // 2, begin + length)
            middle = space if space > 0 else begin + length
            yield begin, middle
            begin = middle + (text[middle : middle + 1] == " ")
        if text[begin:end].strip():
            yield begin, end


_MARKDOWN = (
    (re.compile(r"!?\[([^\]]*)\]\([^)]*\)"), r"\1"),  # links and pictures: their words
    (re.compile(r"(?m)^[ \t]*(?:#{1,6}|[*+-]|>)[ \t]+"), ""),
    (re.compile(r"(\*\*|__|`+|~~)"), ""),
    (re.compile(r"(?<!\w)[*_](?=\w)|(?<=\w)[*_](?!\w)"), ""),
    (re.compile(r"\s*\|\s*(?::?-+:?\s*\|\s*)*"), " "),
)


def markdown_text(text: str) -> str:
    """The words of a piece of Markdown without its marks."""
    for pattern, replacement in _MARKDOWN:
        text = pattern.sub(replacement, text)
    return " ".join(text.split())


_BLOCKS = frozenset(
    {
        "address", "article", "aside", "blockquote", "br", "dd", "div", "dl", "dt", "fieldset",
        "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header",
        "hr", "li", "main", "nav", "ol", "option", "p", "pre", "section", "table", "td", "th",
        "tr", "ul",
    }
)  # fmt: skip
_UNSEEN = frozenset({"script", "style", "template", "noscript", "svg", "head"})


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self.unseen: list[str] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        if tag == "body":
            self.unseen.clear()  # a head that was never closed
        elif tag in _UNSEEN:
            self.unseen.append(tag)
        elif tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in self.unseen:
            del self.unseen[self.unseen.index(tag) :]
        elif tag in _BLOCKS:
            self.parts.append("\n\n")

    def handle_data(self, data: str) -> None:
        if not self.unseen:
            self.parts.append(re.sub(r"\s+", " ", data))


_NOT_MARKED = re.compile(r"<!\[(?!CDATA\[)[^>]*>?")
"""Marked sections, which browsers take for comments; Python's parser raises an error at some."""


def html_text(text: str) -> str:
    """The words of an HTML page that a reader sees; blocks are apart by an empty line."""
    words = _Words()
    words.feed(_NOT_MARKED.sub("", text))
    words.close()
    return re.sub(r"\s*\n\s*\n\s*", "\n\n", "".join(words.parts)).strip()
