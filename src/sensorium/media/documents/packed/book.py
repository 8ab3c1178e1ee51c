"""EPUB: the chapters of a book in the order in which they are read (EPUB 3.3, packages)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sensorium.errors import MediaError
from sensorium.media.documents.charsets import decoded
from sensorium.media.documents.html import html_text
from sensorium.media.documents.packed.flow import Passage
from sensorium.media.documents.packed.markup import events
from sensorium.media.documents.packed.package import Package, beside

COPY_PROTECTED = "it is locked by copy protection"

MAX_CHAPTER_BYTES = 20_000_000
"""Longest chapter: what `Document` reads of a web page."""

_FONTS = re.compile(rb"http://(?:www\.idpf\.org/2008/embedding|ns\.adobe\.com/pdf/enc#RC)")
"""How fonts are made unreadable, which locks no text."""

_ALGORITHM = re.compile(rb"EncryptionMethod[^>]*Algorithm\s*=\s*[\"']([^\"']*)")

_PICTURE = re.compile(
    r"<(?:img|(?:\w+:)?image)\b[^>]*?\s(?:src|(?:xlink:)?href)\s*=\s*[\"']([^\"'>]+)", re.IGNORECASE
)


@dataclass
class _Book:
    """What a package document says: facts, and the parts of the spine."""

    facts: dict[str, str] = field(default_factory=dict)
    spine: list[tuple[str, str]] = field(default_factory=list)  # parts and their media types


def passages(package: Package, notes: list[str]) -> Iterator[Passage]:
    """Read a book chapter by chapter: ``chapter`` is the place in its spine, from 1.

    Raises
    ------
    MediaError
        When it is locked or broken.
    """
    for number, (part, kind) in enumerate(_book(package).spine, 1):
        if part not in package:
            notes.append(f"chapter {number} is missing")
            continue
        if kind.startswith("image/"):
            yield Passage({"chapter": number}, "", [part])
            continue
        text = decoded(package.read(part, MAX_CHAPTER_BYTES), package.name, page=True)
        pictures = [beside(part, found[1]) for found in _PICTURE.finditer(text)]
        yield Passage({"chapter": number}, html_text(text, xml=True), pictures)


def facts(package: Package) -> dict[str, object]:
    """Title, author, number of chapters."""
    book = _book(package)
    return {**book.facts, "chapters": len(book.spine)}


def _book(package: Package) -> _Book:
    if "META-INF/encryption.xml" in package:
        said = package.read("META-INF/encryption.xml")
        if any(not _FONTS.match(one) for one in _ALGORITHM.findall(said)):
            raise MediaError(COPY_PROTECTED, package.name)
    root = ""
    for event in events(package.read("META-INF/container.xml"), package.name):
        if event.kind == "start" and event.name == "rootfile" and not root:
            root = event.attributes.get("full-path", "")
    book = _Book()
    items: dict[str, tuple[str, str]] = {}
    inside = ""
    for event in events(package.read(root), package.name):
        if event.kind == "text" and inside:
            book.facts[inside] = book.facts.get(inside, "") + event.name
        elif event.kind != "start":
            inside = ""
        elif event.name in ("title", "creator"):
            inside = "title" if event.name == "title" else "author"
            inside = "" if inside in book.facts else inside
        elif event.name == "item":
            part = beside(root, event.attributes.get("href", ""))
            kind = event.attributes.get("media-type", "")
            items[event.attributes.get("id", "")] = (part, kind)
        elif event.name == "itemref" and (which := event.attributes.get("idref", "")) in items:
            book.spine.append(items[which])
    return book
