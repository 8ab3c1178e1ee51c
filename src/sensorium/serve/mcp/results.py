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
from sensorium.plain import as_json, plain_fields

MOST_CHARACTERS = 30_000
"""Of a text: hosts cut results at 25,000 tokens, and data count as the text does."""

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
    content: list[ContentBlock] = [TextContent(text=cut(text, MOST_CHARACTERS))]
    room = MOST_PICTURE_BYTES * 4 // 3
    for picture in pictures:
        room -= len(picture.data)
        if room < 0:
            break
        content.append(picture)
    # Written by the library, which refuses numbers that are none: else they would leave as null.
    return CallToolResult(content=content, structured_content=json.loads(as_json(data)))


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
    fields["metadata"] = {name: _short(value) for name, value in fields["metadata"].items()}
    return {**fields, "text": _short(fields["text"])}


def hit_line(hit: Hit) -> str:
    """One line of a list: number, how likely, what and where it is, what it says."""
    likely = "" if hit.probability is None else f", {hit.probability:.0%} likely"
    where = place(hit)
    head = f"item {hit.id} ({hit.modality}{likely}) {hit.path}{f', {where}' if where else ''}"
    said = cut(told(hit), SHORT)
    return f"{head}: {said}" if said else head


def cut(text: str, most: int) -> str:
    """Shorten a text, and say so."""
    return text if len(text) <= most else text[: most - 1] + "…"


def _short(value: Any) -> Any:
    return cut(value, SHORT) if isinstance(value, str) else value
