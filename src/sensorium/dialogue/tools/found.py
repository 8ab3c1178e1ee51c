"""What a tool gives: items, evidence with its place, and the same in words and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sensorium.collection.results import Hit, Item
from sensorium.collection.telling import clock
from sensorium.dialogue.turns import Citation


@dataclass(frozen=True)
class Found:
    """What came of a call.

    Attributes
    ----------
    told : str
        In short, for people and language models. What it quotes of media is data.
    hits : tuple of Hit
        Items, best first.
    citations : tuple of Citation
        Evidence, not numbered yet.
    count : int or None
        Where things were counted.
    nothing : bool
        The collection does not hold what was asked; `hits` are merely the nearest.
    data : mapping
        Further facts, as JSON values.
    """

    told: str = ""
    hits: tuple[Hit, ...] = ()
    citations: tuple[Citation, ...] = ()
    count: int | None = None
    nothing: bool = False
    data: Mapping[str, Any] = field(default_factory=dict)


def cited(hit: Hit, quote: str = "", probability: float | None = None) -> Citation:
    """The evidence that a hit is: its place, and the words that were found there."""
    timed = hit.modality in ("audio", "video")
    box = hit.details.get("box")
    page = hit.details.get("page")
    return Citation(
        hit.id, hit.path, hit.modality,
        quote=quote or hit.text or "",
        start=hit.span[0] if timed and hit.span is not None else None,
        end=hit.span[1] if timed and hit.span is not None else None,
        page=int(page) if isinstance(page, int) else None,
        box=(box[0], box[1], box[2], box[3]) if box is not None and len(box) == 4 else None,
        characters=(int(hit.span[0]), int(hit.span[1]))
        if hit.modality == "text" and hit.span is not None
        else None,
        probability=hit.probability if probability is None else probability,
    )  # fmt: skip


def whole_of(item: Item) -> Hit:
    """An item as a whole, as a hit."""
    return Hit(
        item.id, item.path, item.modality, item.metadata, span=None, score=0.0,
        indexed=item.indexed,
    )  # fmt: skip


def line(citation: Citation) -> str:
    """Evidence on a line: item, file, place, quote."""
    name = citation.path.replace("\\", "/").rsplit("/", 1)[-1]
    parts = [f"item {citation.item} ({citation.modality}) {name}"]
    if citation.page is not None:
        parts.append(f"page {citation.page}")
    if citation.start is not None and citation.end is not None:
        parts.append(f"{clock(citation.start)}-{clock(citation.end)}")
    if citation.probability is not None:
        parts.append(f"{citation.probability:.0%} likely")
    return ", ".join(parts) + (f": {citation.quote!r}" if citation.quote else "")
