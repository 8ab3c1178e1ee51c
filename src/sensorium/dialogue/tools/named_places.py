"""Places and cameras that words name, as the metadata of items have them: "castles in France".

Where an item is from is known and need not be looked for: what is left of the words is sought among
the items from there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sensorium.collection import Collection, Item
from sensorium.collection.collection import store_of
from sensorium.dialogue.tools.asked import Asked
from sensorium.tasks.terms import STOP_WORDS

PLACES = ("place", "city", "country", "location")
"""Metadata that says where an item is from, the parts divided by commas."""

CAMERA = "camera"
"""Metadata of which every word counts: NIKON CORPORATION NIKON D90."""

MOST = 10_000

_LITTLE = frozenset(
    ["camera", "city", "country", "相机", "城市", "国家", "one", "ones", "else", "taken", "shot",
     "拍", "拍摄", "照", "边", "去", "来", "又", "里", "那里", "这里"]
)  # fmt: skip
"""Words that say nothing beside where something is from: 索尼相机, "the Greek ones"."""


@dataclass(frozen=True)
class From:
    """Items from where the words say.

    Attributes
    ----------
    ids : frozenset of int
    rest : str
        What the words say beside.
    """

    ids: frozenset[int]
    rest: str


def items_from(collection: Collection, asked: Asked) -> From | None:
    """The items from all places, and of all cameras, that are named; None where none is.

    Parameters
    ----------
    collection : Collection
    asked : Asked
    """
    ids: frozenset[int] | None = None
    rest = []
    for names in asked.groups:
        found = _from(collection, names)
        if ids is not None and found and not ids & found:
            return None  # two places that have nothing in common
        if found:
            ids = found if ids is None else ids & found
        elif names[0] not in _LITTLE:
            rest.append(names[0])
    if ids is None:
        return None
    joint = " " if asked.words.isascii() else ""
    return From(ids, joint.join(rest))


def _from(collection: Collection, names: Sequence[str]) -> frozenset[int]:
    """Items whose metadata have one of these names for where they are from."""
    store, near = store_of(collection), set[int]()
    for name in names:
        if name in STOP_WORDS or not re.search(r"\w", name):
            continue
        matches = store.match_words(f'"{name}"', MOST, None, whole=True)
        near |= {one.item for one in matches if one.text_id is None}
    if not near:
        return frozenset()
    wanted = {name.casefold() for name in names}
    items = collection.items(ids=sorted(near))
    return frozenset(item.id for item in items if wanted & {*_told(item)})


def _told(item: Item) -> Iterator[str]:
    for key in PLACES:
        said = item.metadata.get(key)
        for part in said.split(",") if isinstance(said, str) else ():
            yield part.strip().casefold()
    camera = item.metadata.get(CAMERA)
    if isinstance(camera, str):
        yield from camera.casefold().split()
