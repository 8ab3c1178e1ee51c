"""What a collection holds, to be compared between ways of adding."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from sensorium import Collection
from sensorium.collection.collection import store_of


def vectors_of(path: str | Path) -> dict[str, np.ndarray]:
    """The vectors of each item by its path, in the order of adding, shape (segments, d)."""
    with Collection(path, create=False, auto_optimize=False) as library:
        store = store_of(library)
        state = store.state().space
        assert state is not None
        _, items, vectors = store.vectors(state[0].dimension)
        return {name: vectors[items == item] for item, name in store.paths()}


def described(path: str | Path) -> dict[str, tuple[Any, ...]]:
    """All that is stored of each item, but its vectors, its id and when it was added."""
    with Collection(path, create=False, auto_optimize=False) as library:
        store = store_of(library)
        found = {}
        for item in store.items([name for _, name in store.paths()]).values():
            words = store.texts(item=item.id)
            found[item.file.path] = (
                item.file, item.modality, item.properties, item.metadata, item.extracted,
                [(text.text, text.span, text.source) for text in words.values()],
            )  # fmt: skip
        return found


def assert_same(one: str | Path, other: str | Path, *, to_the_bit: bool = True) -> None:
    """Both hold the same items, once each, and the same vectors of them."""
    assert described(one) == described(other)
    expected, found = vectors_of(one), vectors_of(other)
    assert found.keys() == expected.keys()
    for name, vectors in expected.items():
        assert found[name].shape == vectors.shape, name
        if to_the_bit:
            assert np.array_equal(found[name], vectors), name
        else:
            assert ((found[name] * vectors).sum(axis=1) > 0.9995).all(), name
