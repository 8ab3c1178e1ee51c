"""Opening what a collection's rows are in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.collection.store import Store

if TYPE_CHECKING:
    from sensorium.collection.collection import Collection


def open_store(path: Path, *, create: bool = False) -> Store:
    """Open a collection's rows; every call gives a connection of its own.

    Raises
    ------
    CollectionError
        When they cannot be opened, or there are none (without `create`).
    """
    return SQLiteStore(path, create=create)


def store_of(collection: Collection | Store) -> Store:
    """The rows of an open collection."""
    from sensorium.collection.collection import Collection

    return collection._store if isinstance(collection, Collection) else collection
