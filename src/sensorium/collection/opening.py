"""Opening what a collection's rows are in."""

from __future__ import annotations

from pathlib import Path

from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.collection.store import Store


def open_store(path: Path, *, create: bool = False) -> Store:
    """Open a collection's rows; every call gives a connection of its own.

    Raises
    ------
    CollectionError
        When they cannot be opened, or there are none (without `create`).
    """
    return SQLiteStore(path, create=create)
