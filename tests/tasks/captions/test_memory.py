from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.errors import UsageError
from sensorium.tasks.captions.memory import Memory


def memory(n: int = 200, texts: int = 40) -> tuple[Memory, np.ndarray]:
    random = np.random.default_rng(0)
    vectors = random.normal(size=(n, 8))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    named = [f"text {number % texts}" for number in range(n)]
    return Memory(vectors.astype(np.float16), named, [f"g{n % 10}" for n in range(n)]), vectors


def test_neighbours_are_the_nearest_with_different_texts() -> None:
    known, vectors = memory()
    scores = known.vectors.astype(np.float32) @ vectors[:5].T.astype(np.float32)
    for query, found in enumerate(known.neighbours(vectors[:5], 6)):
        expected: list[int] = []
        for place in np.argsort(-scores[:, query], kind="stable"):
            if known.texts[place] not in {known.texts[one] for one in expected}:
                expected.append(int(place))
        assert found == expected[:6]


def test_deep_looks_give_all_texts_there_are() -> None:
    known, vectors = memory(texts=3)
    found = known.neighbours(vectors[:2], 5)
    assert [sorted(known.texts[place] for place in row) for row in found] == [
        ["text 0", "text 1", "text 2"]
    ] * 2


def test_a_group_has_no_neighbours_in_itself() -> None:
    known, vectors = memory()
    found = known.neighbours(vectors[:20], 8, known.groups[:20])
    assert all(
        known.groups[place] != known.groups[n] for n, row in enumerate(found) for place in row
    )
    assert known.neighbours(vectors[:3], 1) == [[0], [1], [2]]  # without groups, itself
    assert known.neighbours(vectors[:1], 1, ["a new group"]) == [[0]]


def test_a_memory_comes_back_as_it_was(tmp_path: Path) -> None:
    known, _ = memory()
    known.save(tmp_path / "m.npz")
    again = Memory.load(tmp_path / "m.npz")
    assert (again.texts, again.groups) == (known.texts, known.groups)
    assert np.array_equal(again.vectors, known.vectors)


def test_a_damaged_memory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.npz").write_bytes(b"PK not a zip")
    with pytest.raises(UsageError, match="cannot be read"):
        Memory.load(tmp_path / "m.npz")
    known, _ = memory()
    Memory(known.vectors, known.texts[1:], known.groups).save(tmp_path / "n.npz")
    with pytest.raises(UsageError, match="200 vectors, 199 texts"):
        Memory.load(tmp_path / "n.npz")
