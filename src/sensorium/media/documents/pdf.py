"""PDF documents, through PDFium."""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import PIL.Image

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.decoding import decoding
from sensorium.media.isolation import isolated

try:
    import pypdfium2
except ImportError as error:
    raise MissingExtraError("pypdfium2", "media") from error

from sensorium.media.documents.pdf_pictures import Part, drawn, parts_of
from sensorium.media.documents.pdf_text import page_text

TEXTS_AT_ONCE = 16
"""Pages whose texts are read each time that the file is opened: opening may take longer."""

PICTURES_AT_ONCE = 4
"""The same for pictures, 3 MB each."""

MAX_STRUCTURE = 64 * 1024 * 1024
"""Bytes of unpacked objects that are searched for layers."""

BROKEN = "broken PDF"

_log = logging.getLogger("pypdfium2._helpers.document")

_lock = Lock()
"""PDFium may be used by one thread at a time."""

A = TypeVar("A")
T = TypeVar("T")


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Any]:
    with _lock, decoding(name, BROKEN):
        try:
            document = pypdfium2.PdfDocument(content)
        except pypdfium2.PdfiumError as error:
            why = _why_not(content)
            if why == pypdfium2.raw.FPDF_ERR_PASSWORD:
                raise MediaError("it is locked by a password", name) from error
            if why == pypdfium2.raw.FPDF_ERR_FILE:
                raise MediaError("the PDF has no pages", name) from error
            raise
        try:
            _log.disabled = True  # it warns of XFA, which `_left_out` says
            # Before pages are loaded: fields without an appearance get theirs then.
            document.init_forms()
            _log.disabled = False
            yield document
        finally:
            document.close()


def _why_not(content: bytes) -> int:
    """PDFium's number for why a file cannot be opened; `FPDF_ERR_FILE` where it gives none.

    Of a file without pages it gives none, and what is asked for is the number of the file before:
    so that is made to be one that no content has.
    """
    raw = pypdfium2.raw
    raw.FPDF_LoadDocument(b"", None)
    raw.FPDF_LoadMemDocument64(content, len(content), None)
    return int(raw.FPDF_GetLastError())


@isolated
def facts(content: bytes, name: str) -> dict[str, Any]:
    """Number of pages, title and author.

    Raises
    ------
    MediaError
        When the file is broken or locked.
    """
    with _opened(content, name) as document:
        said = document.get_metadata_dict(skip_empty=True)
        known = {key.lower(): str(said[key]).strip() for key in ("Title", "Author") if key in said}
        return {"pages": len(document), **{key: text for key, text in known.items() if text}}


@dataclass(frozen=True, slots=True)
class Page:
    """What was read of a page.

    Attributes
    ----------
    number : int
        From 1.
    text : str
    parts : list of Part
        What of it is to be drawn; see `pictures`.
    """

    number: int
    text: str
    parts: list[Part]


def pages(content: bytes, name: str, most: int, notes: list[str]) -> Iterator[Page]:
    """Read each page, up to `most`.

    Parameters
    ----------
    content : bytes
    name : str
        Of the file, for errors.
    most : int
    notes : list of str
        Gets what is left out: broken pages, those over the limit, attached files.

    Raises
    ------
    MediaError
        When the file is broken or locked, or no page can be read.
    """
    for number, text, parts, new in _pages(content, name, most):
        notes += new
        if number:
            yield Page(number, text, [Part(*part) for part in parts])


@isolated
def _pages(
    content: bytes, name: str, most: int
) -> Iterator[tuple[int, str, list[tuple[Any, ...]], list[str]]]:
    """Number, text, parts of each page, and notes; number 0 where there are but notes."""
    layered = has_layers(content)
    notes: list[str] = []

    def read(page: Any, _: None) -> tuple[str, list[Part]]:
        text = page_text(page, layered)
        return text, parts_of(page, bool(text.strip()), layered)

    with _opened(content, name) as document:
        notes += _left_out(document, most)
        count = min(len(document), most)
    numbers = [(number, None) for number in range(1, count + 1)]
    some = [numbers[at : at + TEXTS_AT_ONCE] for at in range(0, count, TEXTS_AT_ONCE)]
    for number, _, (text, parts) in _read(content, name, some, read, notes):
        yield number, text, [astuple(part) for part in parts], notes.copy()
        notes.clear()
    yield 0, "", [], notes


def pictures(
    content: bytes, name: str, wanted: Sequence[tuple[int, Sequence[Part]]], notes: list[str]
) -> Iterator[tuple[int, Part, PIL.Image.Image]]:
    """Draw parts of pages: the number of the page, the part, and an RGB picture of it.

    Raises
    ------
    MediaError
        As `pages`.
    """
    plain = [(number, [astuple(part) for part in parts]) for number, parts in wanted]
    for number, part, picture, new in _pictures(content, name, plain):
        notes += new
        if picture is not None:
            yield number, Part(*part), picture


@isolated
def _pictures(
    content: bytes, name: str, plain: Sequence[tuple[int, Sequence[tuple[Any, ...]]]]
) -> Iterator[tuple[int, tuple[Any, ...], PIL.Image.Image | None, list[str]]]:
    """As `pictures`, and notes; no picture where there are but notes."""
    wanted = [(number, [Part(*part) for part in parts]) for number, parts in plain]
    notes: list[str] = []
    some: list[list[tuple[int, Sequence[Part]]]] = []
    room = 0
    for number, of_page in wanted:
        for at in range(0, len(of_page), PICTURES_AT_ONCE):
            taken = of_page[at : at + PICTURES_AT_ONCE]
            if len(taken) > room:
                some.append([])
                room = PICTURES_AT_ONCE
            some[-1].append((number, taken))
            room -= len(taken)

    def read(page: Any, parts: Sequence[Part]) -> list[PIL.Image.Image]:
        return [drawn(page, part) for part in parts]

    for number, parts, made in _read(content, name, some, read, notes):
        for part, picture in zip(parts, made, strict=True):
            if part.pixels and not np.ptp(np.asarray(picture), axis=(0, 1)).any():
                notes.append(f"page {number}: a picture on it is blank or cannot be decoded")
                continue
            yield number, astuple(part), picture, notes.copy()
            notes.clear()
    yield 0, (), None, notes


def _left_out(document: Any, most: int) -> Iterator[str]:
    """What of a document is not read."""
    if len(document) > most:
        yield f"pages from {most + 1:,} on are not read: it has {len(document):,}"
    if document.get_formtype() in (
        pypdfium2.raw.FORMTYPE_XFA_FULL,
        pypdfium2.raw.FORMTYPE_XFA_FOREGROUND,
    ):
        yield "its form is made with XFA, which is not read: only what its pages show without it"
    count = document.count_attachments()
    names = [document.get_attachment(number).get_name() for number in range(min(count, 3))]
    if count:
        more = f" and {count - 3} more" if count > 3 else ""
        yield f"attached files are not read: {', '.join(names)}{more}"


_OBJECT_STREAM = re.compile(rb"/ObjStm\b")
_LAYERS = b"/OCProperties"


def has_layers(content: bytes) -> bool:
    """Whether a PDF may have layers.

    Its catalogue says so, which lies in the open or in a compressed stream of objects. True
    where that cannot be seen: then each page is looked at.
    """
    if _LAYERS in content:
        return True
    budget = MAX_STRUCTURE
    for found in _OBJECT_STREAM.finditer(content):
        start = content.find(b"stream", found.end(), found.end() + 1024)
        if start < 0:
            return True
        start += len(b"stream\r\n") if content[start + 6 : start + 8] == b"\r\n" else 7
        unpacker = zlib.decompressobj()
        try:
            unpacked = unpacker.decompress(memoryview(content)[start:], budget)
        except zlib.error:  # encrypted, or packed otherwise
            return True
        budget -= len(unpacked)
        if _LAYERS in unpacked or budget <= 0:
            return True
    return False


def _read(
    content: bytes,
    name: str,
    asked: Sequence[Sequence[tuple[int, A]]],
    read: Callable[[Any, A], T],
    notes: list[str],
) -> Iterator[tuple[int, A, T]]:
    """What `read` makes of pages, named by their numbers; some are read at a time.

    Nothing is yielded while PDFium is held: what is read of a document may be used up in another
    thread, much later, or never.
    """
    found = False
    broken: Exception | None = None
    for numbers in asked:
        some = []
        with _opened(content, name) as document:
            for number, what in numbers:
                try:
                    page = document[number - 1]
                    try:
                        some.append((number, what, read(page, what)))
                    finally:
                        page.close()
                except Exception as error:  # see `decoding`; the other pages may be whole
                    broken = error
                    notes.append(f"page {number} is broken: {error}")
        found = found or bool(some)
        yield from some
    if broken is not None and not found:
        with decoding(name, BROKEN):
            raise broken
