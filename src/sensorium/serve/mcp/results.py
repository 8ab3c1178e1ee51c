"""What tools give: one text, pictures, and the same as data, within what hosts take.

The SDK makes such results by itself from what a function returns, but an empty list then becomes no
content at all, and hits beside pictures lose their data; so they are put together here.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from typing import Any

import PIL.Image
from mcp_types import CallToolResult, ContentBlock, ImageContent, TextContent

from sensorium.collection.results import Hit
from sensorium.collection.telling import place, told
from sensorium.dialogue import Citation
from sensorium.plain import as_json, plain_fields
from sensorium.visible import sound, visible

MOST_TEXT, MOST_DATA = 30_000, 40_000
"""Of a result's text, and of the same as data, by `weight`: hosts cut at 25,000 tokens in all."""

WEIGHT = 3
"""Of a letter beyond ASCII: of those each is a token or more, of others three are one."""

MOST_METADATA = 4_000
"""By `weight`, of one item in a list and of its data: tables may give an item any."""

MOST_PICTURE_BYTES = 600_000
"""Of all pictures of one result: in base64 they have a third more, and hosts take 1 MiB in all."""

SHORT = 600
"""Characters of one passage or value in a list; `get` has the whole."""

QUALITY = 82


def result(
    text: str, data: Mapping[str, Any], pictures: Sequence[ImageContent] = ()
) -> CallToolResult:
    """Put a result together.

    Parameters
    ----------
    text : str
        What a model reads; cut where it is too long.
    data : mapping
        The same for programs: an object, as versions of the protocol before 2026-07-28 demand.
    pictures : sequence of ImageContent
        As many as fit.
    """
    content: list[ContentBlock] = [TextContent(text=sound(within(text, MOST_TEXT)))]
    content += pictures[: how_many_fit(pictures)]
    # Written by the library, which refuses numbers that are none: else they would leave as null.
    told = _sound(json.loads(as_json(data)))
    return CallToolResult(content=content, structured_content=told)


def how_many_fit(pictures: Sequence[ImageContent]) -> int:
    """How many pictures one result has room for."""
    room = MOST_PICTURE_BYTES * 4 // 3
    for number, picture in enumerate(pictures):
        room -= len(picture.data)
        if room < 0:
            return number
    return len(pictures)


def weight(text: str) -> int:
    """About three times the tokens that a text is for language models."""
    return len(text) + (WEIGHT - 1) * sum(not letter.isascii() for letter in text)


def within(text: str, most: int) -> str:
    """The beginning of a text of at most some `weight`, and a sign where it was cut."""
    if weight(text) <= most:
        return text
    return f"{text[: letters_within(text, most - WEIGHT)]}…"


def letters_within(text: str, most: int) -> int:
    """How many letters of a text have at most some `weight`."""
    for number, letter in enumerate(text):
        most -= 1 if letter.isascii() else WEIGHT
        if most < 0:
            return number
    return len(text)


def picture_of(picture: PIL.Image.Image, side: int) -> ImageContent:
    """A picture as JPEG, no larger than `side` pixels."""
    picture = picture.convert("RGB")
    picture.thumbnail((side, side), PIL.Image.Resampling.LANCZOS)
    written = io.BytesIO()
    picture.save(written, "JPEG", quality=QUALITY)
    data = base64.b64encode(written.getvalue()).decode()
    return ImageContent(data=data, mime_type="image/jpeg")


def short_fields(hit: Hit) -> dict[str, Any]:
    """A hit as the library gives it, with long texts cut."""
    fields = plain_fields(hit)
    fields["metadata"] = short_metadata(fields["metadata"])
    return {**fields, "text": _short(fields["text"])}


def hit_line(hit: Hit) -> str:
    """One line of a list: number, how likely, what and where it is, what it says."""
    likely = "" if hit.probability is None else f", {hit.probability:.0%} likely"
    where = place(hit)
    head = f"item {hit.id} ({hit.modality}{likely}) {visible(hit.path)}"
    head += f", {where}" if where else ""
    said = cut(told(hit), SHORT)
    return f"{head}: {said}" if said else head


def citation_line(one: Citation) -> str:
    """One line of what a reply rests on: its number, what and where it is, its own words."""
    head = f"[{one.number}] item {one.item} ({one.modality}) {visible(one.path)}"
    head += f", {one.place}" if one.place else ""
    quote = cut(visible(" ".join(one.quote.split())), SHORT)
    return f'{head}: "{quote}"' if quote else head


def short_citation(one: Citation) -> dict[str, Any]:
    """A citation as the library gives it, with a long quote cut."""
    return {**plain_fields(one), "quote": cut(one.quote, SHORT)}


def cut(text: str, most: int) -> str:
    """Shorten a text, and say so."""
    return text if len(text) <= most else text[: most - 1] + "…"


def as_many_names(names: Sequence[str], most: int) -> list[str]:
    """The first names, as many as have at most some `weight` with what stands between them."""
    kept = []
    for name in names:
        most -= weight(name) + len('"", ')
        if most < 0:
            break
        kept.append(name)
    return kept


def short_metadata(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """What is known of an item, with long values cut; as many fields as there is room for."""
    kept, room = {}, MOST_METADATA
    for name, value in metadata.items():
        held = _short(value)
        room -= weight(name) + weight(as_json(held))
        if room < 0:
            break
        kept[name] = held
    return kept


def _short(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        written = as_json(value)
        return value if len(written) <= SHORT else cut(written, SHORT)
    return cut(value, SHORT) if isinstance(value, str) else value


def _sound(value: Any) -> Any:
    """A JSON value without halves of letters, which the protocol has no bytes for."""
    if isinstance(value, str):
        return sound(value)
    if isinstance(value, list):
        return [_sound(one) for one in value]
    if isinstance(value, dict):
        return {sound(name): _sound(one) for name, one in value.items()}
    return value
