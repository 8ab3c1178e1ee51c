"""Packed documents of every kind become segments: passages with their places, and pictures."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from sensorium.errors import MediaError
from sensorium.media.decoding import decoding
from sensorium.media.documents.cutting import cut
from sensorium.media.documents.packed import book, office, open_document
from sensorium.media.documents.packed.flow import Passage
from sensorium.media.documents.packed.package import Package
from sensorium.media.image import Image
from sensorium.media.isolation import isolated
from sensorium.media.segments import Segment
from sensorium.media.sources import PACKED_SUFFIXES

SMALLEST_SIDE = 64
"""Pixels of the shorter side of pictures that are seen; smaller ones are bullets and rules."""

MAX_PICTURES = 2_000

MAX_CHARACTERS = 20_000_000
"""Longest passage; see `sensorium.media.document`."""

UNREADABLE = "no document that can be read"

_DRAWINGS = frozenset({".emf", ".wmf", ".svg", ".svm", ".emz", ".wmz", ".pict"})


def kind_of(content: bytes, name: str) -> str:
    """What an archive holds, one of the values of `PACKED_SUFFIXES`.

    Raises
    ------
    MediaError
        For any other archive, and for locked and broken ones.
    """
    kind = _kind(content, name)
    if kind in PACKED_SUFFIXES.values():
        return kind
    said = {"xlsx": "a spreadsheet: save it as CSV or ODS"}
    raise MediaError(said.get(kind, "an archive, and no document that can be read"), name)


@isolated
def _kind(content: bytes, name: str) -> str:
    with decoding(name, UNREADABLE):
        return Package(content, name).kind


@isolated
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
    for details, text, part, picture, new in _parts(content, kind, name):
        notes += new
        if picture is None:
            for segment in cut(text.decode("utf-8", "surrogatepass")):
                yield replace(segment, details=details)
            continue
        try:
            image = Image(picture)
            if min(image.shown_size()) < SMALLEST_SIDE:
                continue
        except MediaError as error:
            place = _place(details)
            notes.append(f"{place}the picture {posixpath.basename(part):.60}: {error.reason}")
            continue
        yield Segment(image, None, details)


@isolated
def _parts(
    content: bytes, kind: str, name: str
) -> Iterator[tuple[dict[str, Any], bytes, str, bytes | None, list[str]]]:
    """Passages with their places, and the pictures of each: places, names and files; notes."""
    notes: list[str] = []
    shown: set[str] = set()
    with decoding(name, UNREADABLE):
        package = Package(content, name)
        for passage in _passages(package, kind, notes):
            if len(passage.text) > MAX_CHARACTERS:
                raise MediaError(
                    f"{_place(passage.details)}{len(passage.text):,} characters; texts of over "
                    f"{MAX_CHARACTERS:,} are not read",
                    name,
                )
            # As bytes, which go from process to process as they are.
            text = passage.text.encode("utf-8", "surrogatepass")
            yield passage.details, text, "", None, _taken(notes)
            for part, picture in _pictures(package, passage, shown, notes):
                # A number tells those of a place apart.
                details = {**passage.details, "picture": len(shown)}
                yield details, b"", part, picture, _taken(notes)
    yield {}, b"", "", None, notes


def _taken(notes: list[str]) -> list[str]:
    taken = notes.copy()
    notes.clear()
    return taken


def _passages(package: Package, kind: str, notes: list[str]) -> Iterator[Passage]:
    if kind == "epub":
        return book.passages(package, notes)
    if kind in ("odt", "odp", "ods"):
        return open_document.passages(package, kind)
    return office.READERS[kind](package, notes)


def _place(details: Mapping[str, Any]) -> str:
    return " ".join(f"{key} {value}: " for key, value in details.items() if key != "picture")


def _pictures(
    package: Package, passage: Passage, shown: set[str], notes: list[str]
) -> Iterator[tuple[str, bytes]]:
    """The files of pictures that no passage before has shown."""
    place = _place(passage.details)
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
            picture = package.read(part)
        except MediaError as error:
            notes.append(f"{place}the picture {posixpath.basename(part):.60}: {error.reason}")
            continue
        yield part, picture
