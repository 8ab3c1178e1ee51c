"""PDF documents, through PDFium."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, TypeVar

import PIL.Image

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.decoding import decoding

try:
    import pypdfium2
except ImportError as error:
    raise MissingExtraError("pypdfium2", "media") from error

PICTURE_SIDE = 1024
"""Pixels of the longer side of a page that is drawn: enough to read its writing."""

TEXTS_AT_ONCE = 16
"""Pages whose texts are read each time that the file is opened: opening may take longer."""

PICTURES_AT_ONCE = 4
"""The same for pictures, 3 MB each."""

BROKEN = "broken PDF"

_lock = Lock()
"""PDFium may be used by one thread at a time."""

T = TypeVar("T")


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Any]:
    with _lock, decoding(name, BROKEN):
        try:
            document = pypdfium2.PdfDocument(content)
        except pypdfium2.PdfiumError as error:
            if "password" in str(error).lower():
                raise MediaError("it is locked by a password", name) from error
            raise
        try:
            yield document
        finally:
            document.close()


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


def page_texts(content: bytes, name: str, most: int) -> Iterator[tuple[int, str]]:
    """The number, from 1, and the text of each page, up to `most`; a broken page is left out.

    Raises
    ------
    MediaError
        When the file is broken or locked, or no page can be read.
    """
    return _pages(content, name, most, TEXTS_AT_ONCE, _text)


def pictures_of_empty_pages(
    content: bytes, name: str, most: int
) -> Iterator[tuple[int, PIL.Image.Image]]:
    """Draw the pages that hold no text, scans mostly: their numbers from 1, and RGB pictures.

    Raises
    ------
    MediaError
        As `page_texts`.
    """
    for number, picture in _pages(content, name, most, PICTURES_AT_ONCE, _picture_if_empty):
        if picture is not None:
            yield number, picture


def _pages(
    content: bytes, name: str, most: int, at_once: int, read: Callable[[Any], T]
) -> Iterator[tuple[int, T]]:
    """What `read` makes of each page.

    Nothing is yielded while PDFium is held: what is read of a document may be used up in another
    thread, much later, or never.
    """
    start, count, found = 0, 1, False
    broken: Exception | None = None
    while start < count:
        some = []
        with _opened(content, name) as document:
            count = min(len(document), most)
            for number in range(start, min(start + at_once, count)):
                try:
                    page = document[number]
                    try:
                        some.append((number + 1, read(page)))
                    finally:
                        page.close()
                except Exception as error:  # see `decoding`; the other pages may be whole
                    broken = error
        found = found or bool(some)
        yield from some
        start += at_once
    if broken is not None and not found:
        with decoding(name, BROKEN):
            raise broken


def _text(page: Any) -> str:
    text: str = page.get_textpage().get_text_bounded()
    # PDFium writes a hyphen at a line's end as U+FFFE, and ends lines as Windows does.
    return text.replace("\r\n", "\n").replace("\ufffe\n", "").replace("\ufffe", "")


def _picture_if_empty(page: Any) -> PIL.Image.Image | None:
    if _text(page).strip():
        return None
    picture: PIL.Image.Image = page.render(scale=PICTURE_SIDE / max(page.get_size())).to_pil()
    return picture.convert("RGB")
