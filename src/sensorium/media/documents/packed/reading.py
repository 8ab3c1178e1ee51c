"""Packed documents of every kind become segments: passages with their places, and pictures."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sensorium.errors import MediaError
from sensorium.media.decoding import decoding
from sensorium.media.documents.cutting import cut
from sensorium.media.documents.packed import book, office, open_document
from sensorium.media.documents.packed.flow import Passage
from sensorium.media.documents.packed.package import Package
from sensorium.media.image import Image
from sensorium.media.segments import Segment
from sensorium.media.sources import PACKED_SUFFIXES

SMALLEST_SIDE = 64
"""Pixels of the shorter side of pictures that are seen; smaller ones are bullets and rules."""

MAX_PICTURES = 2_000

UNREADABLE = "no document that can be read"

_DRAWINGS = frozenset({".emf", ".wmf", ".svg", ".svm", ".emz", ".wmz", ".pict"})


def kind_of(content: bytes, name: str) -> str:
    """What an archive holds, one of the values of `PACKED_SUFFIXES`.

    Raises
    ------
    MediaError
        For any other archive, and for locked and broken ones.
    """
    with decoding(name, UNREADABLE):
        kind = Package(content, name).kind
    if kind in PACKED_SUFFIXES.values():
        return kind
    said = {"xlsx": "a spreadsheet: save it as CSV or ODS"}
    raise MediaError(said.get(kind, "an archive, and no document that can be read"), name)


def facts(content: bytes, kind: str, name: str) -> dict[str, Any]:
    """Title, author, and the number of slides, sheets or chapters.

    Raises
    ------
    MediaError
        When it is locked or broken.
    """
    with decoding(name, UNREADABLE):
        package = Package(content, name)
        if kind == "epub":
            found = book.facts(package)
        elif kind in ("odt", "odp", "ods"):
            found = open_document.facts(package, kind)
        else:
            of = office.slide_facts if kind == "pptx" else office.core_facts
            found = dict(of(package))
    clean = {key: " ".join(v.split()) if isinstance(v, str) else v for key, v in found.items()}
    return {key: value for key, value in clean.items() if value}


def segments(content: bytes, kind: str, name: str, notes: list[str]) -> Iterator[Segment]:
    """Yield passages, and the pictures of each page or chapter behind its text.

    Spans count characters of the page's or chapter's text; in a document without, of all of it. A
    picture that stands in several places is yielded once.

    Raises
    ------
    MediaError
        When it is locked or broken.
    """
    with decoding(name, UNREADABLE):
        package = Package(content, name)
        shown: set[str] = set()
        for passage in _passages(package, kind, notes):
            for segment in cut(passage.text):
                yield replace(segment, details=passage.details)
            yield from _pictures(package, passage, shown, notes)


def _passages(package: Package, kind: str, notes: list[str]) -> Iterator[Passage]:
    if kind == "epub":
        return book.passages(package, notes)
    if kind in ("odt", "odp", "ods"):
        return open_document.passages(package, kind)
    return office.READERS[kind](package, notes)


def _pictures(
    package: Package, passage: Passage, shown: set[str], notes: list[str]
) -> Iterator[Segment]:
    place = " ".join(f"{key} {value}: " for key, value in passage.details.items())
    for part in passage.pictures:
        if part in shown or part not in package:
            continue
        if len(shown) >= MAX_PICTURES:
            notes.append(f"{place}pictures after the {MAX_PICTURES:,}th are not read")
            return
        shown.add(part)
        if posixpath.splitext(part)[1].lower() in _DRAWINGS:
            notes.append(f"{place}a drawing ({posixpath.basename(part):.60}) is not read")
            continue
        try:
            image = Image(package.read(part))
            if min(image.shown_size()) < SMALLEST_SIDE:
                continue
        except MediaError as error:
            notes.append(f"{place}the picture {posixpath.basename(part):.60}: {error.reason}")
            continue
        # A number tells those of a place apart.
        yield Segment(image, None, {**passage.details, "picture": len(shown)})
