"""Both ways to keep a collection's rows, and what is written to them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sensorium.collection.opening import LancePath, open_store
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.collection.sqlite_store import SQLiteStore
from sensorium.encoders import Space
from sensorium.media import Modality
from sensorium.media.segments import SegmentRecord

STORES = ("sqlite", "lance")


def path_of(kind: str, folder: Path) -> Path:
    """Where a collection of this kind is."""
    return folder / "test.sensorium" if kind == "sqlite" else LancePath(folder / "test.lance")


def opened(path: Path) -> SQLiteStore:
    """Open a store, or make it: the one in Lance is asked as that in SQLite."""
    store = open_store(path, create=True)
    assert isinstance(store, SQLiteStore)
    return store


DIMENSION = 4


def space(name: str = "one") -> Space:
    return Space(name, DIMENSION, (Modality.IMAGE,), {}, weights=name)


def file(path: str, content: str = "", mtime: int = 0) -> FileState:
    return FileState(path, len(path), mtime, (content or path).encode())


def embedded(path: str, content: str = "", segments: int = 1, **metadata: object) -> EmbeddedFile:
    first = np.full(segments, len(content or path) / 100)  # which content it is
    others = np.sqrt(1 - first**2)
    turned = np.arange(segments)
    rows = [first, others * np.cos(turned), others * np.sin(turned), 0 * first]
    vectors = np.stack(rows, axis=1).astype(np.float32)
    spans = [(float(n), n + 1.0) for n in range(segments)] if segments > 1 else [None]
    parts = [SegmentRecord(span) for span in spans]
    return EmbeddedFile(file(path, content), Modality.IMAGE, {"width": 8}, metadata, parts, vectors)
