"""Items of a collection by id, path or condition, and what it holds in all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from sensorium.collection.derived import SLOTS, describe_index
from sensorium.collection.four_bits import compares_everything
from sensorium.collection.hits import item_fields
from sensorium.collection.kinds import Ids
from sensorium.collection.results import CollectionInfo, Item
from sensorium.collection.rows import StoredItem
from sensorium.collection.store import Store

ITEMS_READ = 10_000
"""Items that are read at a time: their metadata takes memory."""


def find(store: Store, target: int | str | os.PathLike[str] | Item) -> Item | None:
    """The item with an id, at a path, or that somebody was given; None when there is none."""
    key = target.id if isinstance(target, Item) else target
    if isinstance(key, (int, np.integer)):
        stored = store.items([int(key)]).get(int(key))
    else:
        # os.path: pathlib raises for "~$x.png".
        path = os.path.abspath(os.path.expanduser(os.fspath(key)))  # noqa: PTH100, PTH111
        try:
            path.encode("utf-8")
        except UnicodeEncodeError:  # such a file is never added
            return None
        given = os.fspath(key)  # of what never was a file, the key itself
        found = store.items([path, given])
        stored = found.get(path) or found.get(given)
    return Item(**item_fields(stored)) if stored else None


def stored_items(store: Store, ids: Sequence[int] | Ids | None = None) -> Iterator[StoredItem]:
    """All items in the order of adding, or those with some ids."""
    ids = [item for item, _ in store.paths()] if ids is None else np.asarray(ids).tolist()
    for start in range(0, len(ids), ITEMS_READ):
        part = ids[start : start + ITEMS_READ]
        items = store.items(part)
        yield from (items[item] for item in part if item in items)


def items_of(store: Store, ids: Sequence[int] | Ids | None = None) -> Iterator[Item]:
    """As `stored_items`, as they are shown."""
    return (Item(**item_fields(item)) for item in stored_items(store, ids))


def info_of(store: Store) -> CollectionInfo:
    """See `Collection.info`."""
    state, counts, path = store.state(), store.counts(), store.path
    described = {slot: describe_index(path, slot) for slot in SLOTS}
    if (kept := store.index_facts()) is not None and not compares_everything(path):
        told = ("kind", "vectors", "recall", "parameters", "bytes")
        described["table"] = {name: kept[name] for name in told} | {"checksum": kept["name"]}
    return CollectionInfo(
        path=str(path),
        encoder=state.space[1] if state.space else None,
        space=state.space[0] if state.space else None,
        items=counts.items,
        without_vectors=counts.without_vectors,
        reembedding_to=state.next_space[0] if state.next_space else None,
        fields=list(state.fields),
        bytes=store.bytes_stored(),
        indexes={slot: facts for slot, facts in described.items() if facts is not None},
        version=store.table_version(),
    )
