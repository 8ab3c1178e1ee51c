"""Items of a collection by id, path or condition, and what it holds in all."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from sensorium.collection.derived import SLOTS, describe_index
from sensorium.collection.hits import item_fields
from sensorium.collection.results import CollectionInfo, Item
from sensorium.collection.rows import StoredItem
from sensorium.collection.snapshots import Ids
from sensorium.collection.store import SQLiteStore

ITEMS_READ = 10_000
"""Items that are read at a time: their metadata takes memory."""


def find(store: SQLiteStore, target: int | str | os.PathLike[str] | Item) -> Item | None:
    """The item with an id, at a path, or that somebody was given; None when there is none."""
    key = target.id if isinstance(target, Item) else target
    if isinstance(key, (int, np.integer)):
        key = int(key)
    else:
        # os.path: pathlib raises for "~$x.png".
        key = os.path.abspath(os.path.expanduser(os.fspath(key)))  # noqa: PTH100, PTH111
        try:
            key.encode("utf-8")
        except UnicodeEncodeError:  # such a file is never added
            return None
    item = store.item(key)
    return Item(**item_fields(item)) if item else None


def stored_items(
    store: SQLiteStore, ids: Sequence[int] | Ids | None = None
) -> Iterator[StoredItem]:
    """All items in the order of adding, or those with some ids."""
    ids = [item for item, _ in store.paths()] if ids is None else np.asarray(ids).tolist()
    for start in range(0, len(ids), ITEMS_READ):
        part = ids[start : start + ITEMS_READ]
        items = store.items(part)
        yield from (items[item] for item in part if item in items)


def items_of(store: SQLiteStore, ids: Sequence[int] | Ids | None = None) -> Iterator[Item]:
    """As `stored_items`, as they are shown."""
    return (Item(**item_fields(item)) for item in stored_items(store, ids))


def info_of(store: SQLiteStore) -> CollectionInfo:
    """See `Collection.info`."""
    stored, pending, path = store.space(), store.next_space(), store.path
    described = {slot: describe_index(path, slot) for slot in SLOTS}
    files = [path, *(path.with_name(path.name + suffix) for suffix in ("-wal", "-shm"))]
    return CollectionInfo(
        path=str(path),
        encoder=stored[1] if stored else None,
        space=stored[0] if stored else None,
        items=store.count_items(),
        without_vectors=store.count_without_vectors(),
        reembedding_to=pending[0] if pending else None,
        fields=store.fields(),
        bytes=sum(file.stat().st_size for file in files if file.exists()),
        indexes={slot: facts for slot, facts in described.items() if facts is not None},
    )
