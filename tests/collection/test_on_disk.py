"""Vectors of a collection in Lance in a file that is mapped: as in memory, to the bit."""

from __future__ import annotations

import json
import mmap
import os
from pathlib import Path

import numpy as np
import pytest

from sensorium import Collection
from sensorium.collection import on_disk
from sensorium.collection.duplicates import find_duplicate_items
from sensorium.collection.on_disk import Held, VectorFile, read_all, stacked, sums_for
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError
from sensorium.evaluation.collection_retrieval import evaluate_retrieval
from tests.collection.pictures import write_many
from tests.collection.stores import STORES, path_of
from tests.collection.test_bulk import some


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Anything is kept in a file, and read a few rows at a time."""
    monkeypatch.setattr(on_disk, "MAPPED_BYTES", 64)
    monkeypatch.setattr(on_disk, "READ_ROWS", 7)


def is_mapped(vectors: object) -> bool:
    while vectors is not None and not isinstance(vectors, (np.memmap, mmap.mmap)):
        vectors = getattr(vectors, "base", None)
    return vectors is not None


@pytest.fixture
def pair(tmp_path: Path, encoder: Encoder, blocks: None) -> list[Collection]:
    """The same in SQLite and in Lance: pictures, two of them copies, texts, segments, vectors."""
    folder = tmp_path / "media"
    folder.mkdir()
    write_many(folder, range(12))
    (folder / "copy.png").write_bytes(
        (folder / sorted(p.name for p in folder.iterdir())[3]).read_bytes()
    )
    told = "The roof of the old house is red, and so is its door. " * 6
    for name, end in (("one", ""), ("two", "\n\n")):
        (folder / f"{name}.txt").write_text(told + end)
    opened = []
    for kind in STORES:
        library = Collection(path_of(kind, tmp_path), encoder)
        library.add(folder)
        library.add_vectors(some(9), [f"/{n}" for n in range(9)])
        spans = [(n / 3, n / 3 + 1) for n in range(4)]
        library.add_vectors(some(4, 1), ["clip"] * 4, modality="video", spans=spans)
        opened.append(library)
    return opened


def test_searches_and_what_follows_are_the_same(pair: list[Collection]) -> None:
    ours, theirs = pair
    for change in (
        lambda c: None,
        lambda c: c.add_vectors(some(3, 5), ["x", "y", "z"]),
        lambda c: c.delete("/4", "x"),
        lambda c: c.add_vectors(some(1, 6), ["w"]),
    ):
        found = []
        for library in pair:
            change(library)
            hits = [library.search("roof", k=30), library.search(some(9)[2], k=30)]
            found.append([[(h.path, h.id, h.score, h.probability) for h in few] for few in hits])
        assert found[0] == found[1]
    snapshots = [library._asking.snapshot("vector") for library in pair]
    assert [is_mapped(snapshot.vectors) for snapshot in snapshots] == [False, True]
    assert np.array_equal(snapshots[0].vectors, snapshots[1].vectors)
    assert np.array_equal(ours.segments().vectors, theirs.segments().vectors)


def test_duplicates_and_evaluation_are_the_same(pair: list[Collection], tmp_path: Path) -> None:
    groups = [
        [(g.kind, [item.path for item in g.items], g.scores) for g in find_duplicate_items(library)]
        for library in pair
    ]
    assert groups[0] == groups[1]
    assert {kind for kind, *_ in groups[0]} == {"copies", "altered"}
    queries, qrels = tmp_path / "queries.jsonl", tmp_path / "qrels.tsv"
    asked = [json.dumps({"_id": str(n), "text": f"number {n}"}) for n in range(3)]
    queries.write_text("\n".join(asked))
    judged = "".join(f"{n}\t{pair[0].get(n + 1).path}\t1\n" for n in range(3))  # type: ignore[union-attr]
    qrels.write_text(f"query-id\tcorpus-id\tscore\n{judged}")
    results = [evaluate_retrieval(library, queries, qrels) for library in pair]
    assert results[0].measurements == results[1].measurements


def test_rows_of_a_file(blocks: None) -> None:
    rows = some(20)
    held = Held(np.arange(20), np.arange(20), rows)
    file = VectorFile(rows.shape[1])
    mapped = Held(held.segment_ids, held.item_ids, file.put(0, [rows[:3], rows[3:]]), file)
    assert np.array_equal(
        mapped.without(np.array([0, 8, 19])).vectors, np.delete(rows, [0, 8, 19], 0)
    )
    assert (
        mapped.without(np.empty(0, np.intp)) is mapped and mapped.only(np.ones(20, bool)) is mapped
    )
    later = file.put(18, [rows[:4]])
    assert np.array_equal(later, np.concatenate([rows[:18], rows[:4]]))
    assert np.array_equal(mapped.vectors[:18], rows[:18])
    assert file.put(0, []).shape == (0, rows.shape[1])


def test_what_there_is_no_room_for(blocks: None, monkeypatch: pytest.MonkeyPatch) -> None:
    file = VectorFile(2)
    monkeypatch.setattr(file, "_file", open("/dev/full", "wb", buffering=0))  # noqa: SIM115, PTH123
    with pytest.raises(CollectionError, match=r"0 MB of vectors cannot be put there \(No space"):
        file.put(0, [np.zeros((9, 2), np.float32)])


def test_zeros_take_their_room_at_once() -> None:
    """A disk that is full when a page of a mapped file is first touched ends the process."""
    file = VectorFile(64)
    zeros = file.zeros(1000)
    assert 512 * os.fstat(file._file.fileno()).st_blocks >= zeros.nbytes == 4 * 64 * 1000
    zeros[3] = 1
    assert not zeros[:3].any() and zeros[3].all() and not zeros[4:].any()
    assert VectorFile(64).zeros(0).shape == (0, 64)


def test_means(pair: list[Collection]) -> None:
    """Sums and vectors together, in memory and in a file."""
    store, table = (library._store for library in pair)
    rows, sums = some(9), 3 * some(4, 2)
    sums[1] = 0
    both = [stacked(one, rows, sums) for one in (store, table)]
    assert np.array_equal(*both) and [is_mapped(found) for found in both] == [False, True]
    assert both[0][10].tolist() == [0] * rows.shape[1]
    assert not sums_for(table, 5, 30).any() and is_mapped(sums_for(table, 5, 30))
    assert is_mapped(read_all(table, rows.shape[1]).vectors)
