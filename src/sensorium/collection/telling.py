"""Hits in words: where in an item they are, and what is told of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sensorium.collection.results import Hit
from sensorium.encoders.reading import THING

CAPTION_KEYS = ("caption", "caption_en", "title", "description")
"""Metadata that tells what a picture shows, in the order it is looked for."""


def caption(metadata: dict[str, Any]) -> str:
    """What metadata says a picture shows, on one line; empty when it says nothing."""
    text = next((str(metadata[key]) for key in CAPTION_KEYS if metadata.get(key)), "")
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def place(hit: Hit) -> str:
    """Where in its item a hit is, for people: a time, a page, a view; "" for all of it."""
    # Words in a picture tell by themselves where they are; names of things do not.
    is_part = "box" in hit.details and (hit.text is None or hit.details.get("source") == THING)
    area = _area(hit.details["box"]) if is_part else ""
    if "page" in hit.details:
        return ", ".join(filter(None, [f"page {hit.details['page']}", area]))
    if "chapter" in hit.details:
        return f"chapter {hit.details['chapter']}"
    if "view" in hit.details:
        return f"view {hit.details['view']}"
    if "picture" in hit.details:
        return f"picture {hit.details['picture']}"
    if hit.span is None:
        return area
    if hit.modality in ("audio", "video"):
        return f"{clock(hit.span[0])}-{clock(hit.span[1])}"
    return f"characters {hit.span[0]:.0f}-{hit.span[1]:.0f}"


def _area(box: Sequence[float]) -> str:
    """Edges of a part of a picture, without those that it has in common with the whole."""
    across, down = (box[0], box[2]), (box[1], box[3])
    return ", ".join(
        f"{start:.0%}-{stop:.0%} {way}"
        for way, (start, stop) in (("across", across), ("down", down))
        if (start, stop) != (0, 1)
    )


EARLY_SECONDS = 0.05
"""Encoders begin sound a frame before its time: what begins at 4.953 s is told as 0:05."""


def clock(seconds: float) -> str:
    """Write seconds as a player does: 1:02:03, 2:03."""
    minutes, rest = divmod(int(seconds + EARLY_SECONDS), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def told(hit: Hit) -> str:
    """What is shown beside a hit: the passage that was found, or what metadata says."""
    if hit.text:
        return "".join(c for c in " ".join(hit.text.split()) if c.isprintable())
    return caption(hit.metadata)
