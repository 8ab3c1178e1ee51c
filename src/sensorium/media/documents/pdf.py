"""PDF documents, through PDFium."""

from __future__ import annotations

import logging
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import Any, TypeVar

import numpy as np
import PIL.Image

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.decoding import decoding, described
from sensorium.media.isolation import isolated

try:
    import pypdfium2
except ImportError as error:
    raise MissingExtraError("pypdfium2", "media") from error

from sensorium.media.documents.pdf_pictures import Box, Part, drawn, parts_of
from sensorium.media.documents.pdf_text import page_text

MAX_STRUCTURE = 64 * 1024 * 1024
"""Bytes of unpacked objects that are searched for layers."""

BROKEN = "broken PDF"

_log = logging.getLogger("pypdfium2._helpers.document")

_lock = Lock()
"""PDFium may be used by one thread at a time. It is not held while a page is used up, which may be
in another thread, much later, or never."""

PICTURES_AT_ONCE = 4
"""Pictures that are drawn each time that a page is loaded, 3 MB each."""

A = TypeVar("A")
T = TypeVar("T")


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Any]:
    """A document for as long as it is read: opening it may take longer than a page."""
    with decoding(name, BROKEN):
        with _lock:
            document = _open(content, name)
        try:
            yield document
        finally:
            with _lock:
                document.close()


def _open(content: bytes, name: str) -> Any:
    try:
        document = pypdfium2.PdfDocument(content)
    except pypdfium2.PdfiumError as error:
        why = _why_not(content)
        if why == pypdfium2.raw.FPDF_ERR_PASSWORD:
            raise MediaError("it is locked by a password", name) from error
        if why == pypdfium2.raw.FPDF_ERR_FILE:
            raise MediaError("the PDF has no pages", name) from error
        raise
    _log.disabled = True  # it warns of XFA, which `_left_out` says
    try:
        # Before pages are loaded: fields without an appearance get theirs then.
        document.init_forms()
    except BaseException:
        document.close()
        raise
    finally:
        _log.disabled = False
    return document


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
    with _opened(content, name) as document, _lock:
        said = document.get_metadata_dict(skip_empty=True)
        known = {key.lower(): str(said[key]).strip() for key in ("Title", "Author") if key in said}
        return {"pages": len(document), **{key: text for key, text in known.items() if text}}


@isolated
def page_picture(content: bytes, name: str, number: int) -> PIL.Image.Image:
    """Draw a page, named by its number from 1, as RGB.

    Raises
    ------
    MediaError
        When the file is broken or locked, or has no such page.
    """
    with _opened(content, name) as document, _lock:
        if not 1 <= number <= len(document):
            raise MediaError(f"has {len(document)} pages, and none of number {number}", name)
        page = document[number - 1]
        try:
            return drawn(page, Part())
        finally:
            page.close()


@dataclass(frozen=True, slots=True)
class Read:
    """What was read of a page: its text, or a picture on it.

    Attributes
    ----------
    page : int
        Its number, from 1.
    text : str
        Of the page; "" for a picture.
    box : tuple of float, optional
        Where the picture lies: left, upper, right and lower as shares of the page's sides; None
        for the whole page.
    picture : PIL.Image.Image, optional
        RGB.
    """

    page: int
    text: str = ""
    box: Box | None = None
    picture: PIL.Image.Image | None = None


def read(content: bytes, name: str, most: int, notes: list[str]) -> Iterator[Read]:
    """Read the texts of all pages, up to `most`; then what of them is to be seen.

    A picture that stands on several pages comes once.

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
    for number, text, box, picture, new in _read(content, name, most):
        notes += new
        if number:
            yield Read(number, text, box, picture)


@isolated
def _read(
    content: bytes, name: str, most: int
) -> Iterator[tuple[int, str, Box | None, PIL.Image.Image | None, list[str]]]:
    """As `read`, and notes; number 0 where there are but notes."""
    layered = has_layers(content)
    notes: list[str] = []
    with _opened(content, name) as document:
        with _lock:
            notes += _left_out(document, most)
            count = min(len(document), most)

        def texts(page: Any, _: None) -> tuple[str, list[Part]]:
            text = page_text(page, layered)
            return text, parts_of(page, bool(text.strip()), layered)

        wanted: list[tuple[int, Sequence[Part]]] = []
        known: set[str] = set()
        numbers = ((number, None) for number in range(1, count + 1))
        for number, _, (text, parts) in _each(document, name, numbers, texts, notes):
            new = [part for part in parts if not part.key or part.key not in known]
            known.update(part.key for part in new)
            wanted += [(number, few) for few in _by(PICTURES_AT_ONCE, new)]
            yield number, text, None, None, _taken(notes)

        def pictures(page: Any, parts: Sequence[Part]) -> list[PIL.Image.Image]:
            return [drawn(page, part) for part in parts]

        for number, some, made in _each(document, name, wanted, pictures, notes):
            for part, picture in zip(some, made, strict=True):
                if part.pixels and not np.ptp(np.asarray(picture), axis=(0, 1)).any():
                    notes.append(f"page {number}: a picture on it is blank or cannot be decoded")
                    continue
                yield number, "", part.box, picture, _taken(notes)
    yield 0, "", None, None, notes


def _by(count: int, parts: Sequence[Part]) -> Iterator[Sequence[Part]]:
    return (parts[at : at + count] for at in range(0, len(parts), count))


def _taken(notes: list[str]) -> list[str]:
    taken = notes.copy()
    notes.clear()
    return taken


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


def _each(
    document: Any,
    name: str,
    asked: Iterable[tuple[int, A]],
    read: Callable[[Any, A], T],
    notes: list[str],
) -> Iterator[tuple[int, A, T]]:
    """What `read` makes of pages, named by their numbers."""
    found = False
    broken: Exception | None = None
    for number, what in asked:
        with _lock:
            try:
                page = document[number - 1]
                try:
                    made = read(page, what)
                finally:
                    page.close()
            except Exception as error:  # see `decoding`; the other pages may be whole
                broken = error
                notes.append(f"page {number} is broken: {described(error)}")
                continue
        found = True
        yield number, what, made
    if broken is not None and not found:
        with decoding(name, BROKEN):
            raise broken
