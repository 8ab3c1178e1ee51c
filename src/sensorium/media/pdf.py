"""PDF documents, through PDFium."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock
from typing import Any

import PIL.Image

from sensorium.errors import MediaError, MissingExtraError

try:
    import pypdfium2
except ImportError as error:
    raise MissingExtraError("pypdfium2", "media") from error

PICTURE_SIDE = 1024
"""Pixels of the longer side of a page that is drawn: enough to read its writing."""

_lock = RLock()
"""PDFium may be used by one thread at a time."""


@contextmanager
def _opened(content: bytes, name: str) -> Iterator[Any]:
    with _lock:
        try:
            document = pypdfium2.PdfDocument(content)
        except pypdfium2.PdfiumError as error:
            locked = "password" in str(error).lower()
            reason = "it is locked by a password" if locked else f"broken PDF ({error})"
            raise MediaError(reason, name) from error
        try:
            yield document
        except pypdfium2.PdfiumError as error:
            raise MediaError(f"broken PDF ({error})", name) from error
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


def page_texts(content: bytes, name: str, most: int) -> Iterator[str]:
    """The text of each page, up to `most`.

    Raises
    ------
    MediaError
        When the file is broken or locked.
    """
    with _opened(content, name) as document:
        count = min(len(document), most)
    for number in range(count):
        # Opened for each: what uses the texts meanwhile must not keep other threads waiting.
        with _opened(content, name) as document:
            yield _text(document, number)


def _text(document: Any, number: int) -> str:
    page = document[number]
    try:
        text: str = page.get_textpage().get_text_bounded()
    finally:
        page.close()
    # PDFium writes a hyphen at a line's end as U+FFFE, and ends lines as Windows does.
    return text.replace("\r\n", "\n").replace("\ufffe\n", "").replace("\ufffe", "")


def pictures_of_empty_pages(
    content: bytes, name: str, most: int
) -> Iterator[tuple[int, PIL.Image.Image]]:
    """Draw the pages that hold no text, scans mostly: their numbers from 1, and RGB pictures."""
    with _opened(content, name) as document:
        count = min(len(document), most)
    for number in range(count):
        with _opened(content, name) as document:
            if _text(document, number).strip():
                continue
            page = document[number]
            try:
                scale = PICTURE_SIDE / max(page.get_size())
                picture = page.render(scale=scale).to_pil().convert("RGB")
            finally:
                page.close()
        yield number + 1, picture
