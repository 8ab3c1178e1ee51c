"""XML as a stream of events: nothing is held but what is open, and nothing is fetched."""

from __future__ import annotations

import xml.parsers.expat
from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from sensorium.errors import MediaError
from sensorium.media.decoding import described

CHUNK = 65_536
"""Bytes that are parsed at once."""

MAX_DEPTH = 2_000
"""Elements within elements; documents have some thirty."""

_REFERENCES = ("officeDocument/2006/relationships", "officeDocument/relationships")
"""Ends of the name spaces of references to other parts, in transitional and strict files."""


class Event(NamedTuple):
    """An element that begins or ends, or text.

    Attributes
    ----------
    kind : {"start", "end", "text"}
    name : str
        Of the element, without its name space; of text the text.
    attributes : mapping
        Their names without name spaces, but ``r:`` before references to other parts.
    """

    kind: Literal["start", "end", "text"]
    name: str
    attributes: Mapping[str, str] = {}


def events(content: bytes, name: str) -> Iterator[Event]:
    """Read a part.

    Parameters
    ----------
    content : bytes
    name : str
        What errors call the file.

    Raises
    ------
    MediaError
        When it is no XML, or declares entities: those of a hostile file grow without bounds, and
        none of these formats has any.
    """
    waiting: list[Event] = []
    depth = 0

    def start(tag: str, attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_DEPTH:
            raise MediaError(f"XML of over {MAX_DEPTH:,} elements within each other", name)
        waiting.append(
            Event("start", _local(tag), {_key(key): text for key, text in attributes.items()})
        )

    def end(tag: str) -> None:
        nonlocal depth
        depth -= 1
        waiting.append(Event("end", _local(tag)))

    def entity(*_: object) -> None:
        raise MediaError("XML that declares entities is not read", name)

    parser = xml.parsers.expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = lambda text: waiting.append(Event("text", text))
    parser.EntityDeclHandler = entity
    try:
        for place in range(0, len(content), CHUNK):
            parser.Parse(content[place : place + CHUNK], False)
            yield from waiting
            waiting.clear()
        parser.Parse(b"", True)
    except xml.parsers.expat.ExpatError as error:
        raise MediaError(f"broken XML in it ({described(error)})", name) from error
    yield from waiting


def _local(tag: str) -> str:
    return tag.rpartition(" ")[2]


def _key(attribute: str) -> str:
    space, _, local = attribute.rpartition(" ")
    return f"r:{local}" if space.endswith(_REFERENCES) else local
