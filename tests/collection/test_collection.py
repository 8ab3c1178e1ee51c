"""Asking a collection: search, filters, classes, items; and opening it with the right encoder."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensorium import Collection, Text
from sensorium.collection import Hit
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.encoders import Encoder
from sensorium.errors import (
    CollectionError,
    EncoderError,
    MediaError,
    SpaceMismatchError,
    UsageError,
)
from sensorium.media import Image, Modality
from sensorium.media.segments import SegmentRecord
from tests.collection.pictures import check_vectors, png, write, write_many


def expected(collection: Collection, query: np.ndarray, k: int) -> list[tuple[int, float]]:
    """Ids and scores by sorting all segments."""
    _, items, vectors = collection._store.vectors(len(query))
    scores = (vectors * query).sum(axis=1)
    best: dict[int, float] = {}
    for row in np.argsort(-scores, kind="stable"):
        best.setdefault(int(items[row]), float(scores[row]))
    return list(best.items())[:k]


def check_hits(hits: list[Hit], wanted: list[tuple[int, float]]) -> None:
    assert [hit.id for hit in hits] == [item for item, _ in wanted]
    np.testing.assert_allclose([h.score for h in hits], [s for _, s in wanted], atol=1e-6)
    assert all(-1 <= hit.score <= 1 for hit in hits)


# Searching


@pytest.mark.parametrize("k", [1, 2, 10, 59, 60, 61, 100_000])
def test_search_is_exact(collection: Collection, folder: Path, encoder: Encoder, k: int) -> None:
    for n, seed in enumerate([*range(30)] * 2):  # every picture twice: ties everywhere
        write(folder / f"{n:02}.png", seed)
    collection.add(folder)
    for query in ("a red dog", Image(png(7)), folder / "03.png", png(5)):
        media = query if not isinstance(query, bytes) else Image(query)
        hits = collection.search(query, k=k)
        check_hits(hits, expected(collection, encoder.encode([media])[0], k))
    # Of equal pictures the one that was added first comes first.
    assert [Path(h.path).name for h in collection.search(png(5), k=2)] == ["05.png", "35.png"]


@settings(max_examples=30, derandomize=True, deadline=None)
@given(segments=st.lists(st.integers(1, 6), max_size=30), k=st.integers(1, 12))
def test_items_of_several_segments(
    tmp_path_factory: pytest.TempPathFactory, encoder: Encoder, segments: list[int], k: int
) -> None:
    """Each item counts once, with its best segment and that segment's span."""
    rng = np.random.default_rng(len(segments))
    dimension = encoder.space.dimension
    with Collection(tmp_path_factory.mktemp("segments") / "c", encoder) as collection:
        for n, count in enumerate(segments):
            vectors = rng.normal(size=(count, dimension)).astype(np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            if n % 5 == 0:
                vectors[:] = encoder.encode(["dog"])  # one that crowds the list
            spans = [SegmentRecord((float(s), s + 0.5)) for s in range(count)]
            stored = EmbeddedFile(
                FileState(f"/{n}", 0, 0, b"%d" % n), Modality.VIDEO, {}, {}, spans, vectors
            )
            collection._store.write(encoder.space, encoder="tiny", embedded=[stored])
        query = encoder.encode(["dog"])[0]
        hits = collection.search("dog", k=k)
        check_hits(hits, expected(collection, query, k))
        ids, items, all_vectors = collection._store.vectors(dimension)
        for hit in hits:
            (rows,) = np.nonzero(items == hit.id)
            best = ids[rows[np.argmax((all_vectors[rows] * query).sum(axis=1))]]
            assert hit.span == collection._store.segments([int(best)])[int(best)].record.span


@pytest.mark.parametrize("k", [0, -1, 1.5, "3", None, True])
def test_k_is_a_whole_number(collection: Collection, k: object) -> None:
    with pytest.raises(UsageError, match="k is a whole number of at least 1, got"):
        collection.search("dog", k=k)  # type: ignore[arg-type]


def test_k_may_be_of_numpy(collection: Collection, folder: Path) -> None:
    write_many(folder, range(3))
    collection.add(folder)
    assert len(collection.search("dog", k=np.int64(2))) == 2  # type: ignore[arg-type]


def test_an_empty_collection(collection: Collection) -> None:
    assert collection.search("dog") == []
    assert collection.search("dog", where="id > 0", modality="image") == []
    assert collection.classify(["dog", "cat"]) == []
    assert collection.prune() == []
    assert (len(collection), collection.get(1), collection.get("x"), 1 in collection) == (
        0, None, None, False,
    )  # fmt: skip
    assert collection.info().items == {}


def test_where_and_modality(collection: Collection, folder: Path) -> None:
    for n, file in enumerate(write_many(folder, range(20))):
        collection.add(file, metadata={"even": n % 2 == 0})
    everything = collection.search("dog", k=20)
    hits = collection.search("dog", k=4, where="even AND id > 4", modality="image")
    wanted = [hit for hit in everything if hit.metadata["even"] and hit.id > 4][:4]
    assert hits == wanted
    assert collection.search("dog", modality="audio") == []


def test_queries_that_cannot_be_read(collection: Collection, folder: Path) -> None:
    write_many(folder, range(3))
    collection.add(folder)
    for query in ("missing.png", "", folder / "nothing", b"no picture", 7):
        with pytest.raises(MediaError):
            collection.search(query)
    assert len(collection.search(Text("missing.png"))) == 3


# What others do to the collection while it is open


def test_changes_of_others_are_seen(
    collection: Collection, folder: Path, tiny: Path, encoder: Encoder
) -> None:
    """Adding, editing, deleting and moving by a second connection, searching in between."""
    files = write_many(folder, range(6))
    collection.add(*files[:3])
    query = encoder.encode(["dog"])[0]
    with Collection(collection.path) as reader:
        check_hits(reader.search("dog"), expected(collection, query, 10))
        for change in (
            lambda: collection.add(files[3]),
            lambda: collection.delete(1),
            lambda: (write(files[1], 11), collection.add(folder)),
            lambda: (collection.delete(2, 3), collection.add(folder)),
            lambda: (files[4].rename(folder / "new.png"), collection.add(folder)),
            lambda: (files[5].unlink(), collection.prune()),
            lambda: collection.delete(where="1"),
            lambda: collection.add(folder),
        ):
            change()
            hits = reader.search("dog")
            check_hits(hits, expected(collection, query, 10))
            assert hits == collection.search("dog")
            for hit in hits:
                item = collection.get(hit.id)
                assert item is not None
                assert item.path == hit.path


def test_only_new_vectors_are_read(collection: Collection, folder: Path) -> None:
    files = write_many(folder, range(4))
    collection.add(*files[:2])
    collection.search("dog")
    held = collection._asking._vectors._last
    collection.search("cat")
    assert collection._asking._vectors._last is held
    after = []
    read = collection._store.vectors
    collection._store.vectors = lambda dimension, after_id=0, **k: (  # type: ignore[method-assign]
        after.append(k.get("after", after_id)) or read(dimension, k.get("after", after_id))
    )
    collection.add(*files)
    assert len(collection.search("dog")) == 4
    collection.delete(1)
    assert len(collection.search("dog")) == 3
    assert after == [2, 4]  # what is deleted is taken out of memory


# Classifying, looking up, deleting


def test_classify(collection: Collection, folder: Path, encoder: Encoder) -> None:
    write_many(folder, range(5))
    collection.add(folder)
    found = collection.classify(["red", "green", "blue"], k=3)
    assert [item.id for item in found] == [1, 2, 3, 4, 5]
    for item in found:
        probabilities = [p for _, p in item.labels]
        assert sorted(probabilities, reverse=True) == probabilities
        assert sum(probabilities) == pytest.approx(1, abs=1e-5)
    only = collection.classify(["red", "green", "blue"], k=1, where="id IN (2, 4)")
    # A product of two rows may round otherwise than one of five.
    assert [(item.id, item.labels) for item in only] == [
        (item.id, [(name, pytest.approx(p, abs=1e-6)) for name, p in item.labels[:1]])
        for item in found
        if item.id in (2, 4)
    ]
    single = collection.classify(["red"], multi=True)
    assert all(0 < item.labels[0][1] < 1 for item in single)


def test_get_delete_contains(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_many(folder, range(6))
    collection.add(folder)
    monkeypatch.chdir(folder)
    first = collection.get(1)
    assert first is not None
    for key in (files[0], str(files[0]), "0000.png", Path("sub/../0000.png"), np.int64(1)):
        assert collection.get(key) == first  # type: ignore[arg-type]
        assert key in collection
    hits = collection.search(Image(files[5]), k=1)
    assert collection.delete(1, "0001.png", files[2], hits[0], "missing", 99, 1) == 4
    assert [item for item, _ in collection._store.paths()] == [4, 5]
    assert collection.delete() == 0
    assert files[0].exists()


def test_prune(collection: Collection, folder: Path, encoder: Encoder) -> None:
    files = write_many(folder, range(5))
    collection.add(folder)
    files[1].unlink()
    files[3].unlink()
    gone = [str(files[1]), str(files[3])]
    assert collection.prune(dry_run=True) == gone
    assert len(collection) == 5
    assert collection.prune() == gone
    assert collection.prune() == []
    left = {str(file): file.read_bytes() for file in files if file.exists()}
    check_vectors(collection, encoder, left)


def test_info(collection: Collection, folder: Path, encoder: Encoder) -> None:
    assert collection.info().space is None
    write_many(folder, range(3))
    collection.add(folder, metadata={"b": 1, "a": 2})
    info = collection.info()
    assert info.path == str(collection.path)
    assert info.space == encoder.space
    assert info.items == {"image": 3}
    assert info.fields == ["a", "b", "height", "width"]
    assert (info.without_vectors, info.reembedding_to) == (0, None)
    assert info.bytes >= collection.path.stat().st_size


# Encoders


def test_another_encoder_is_refused(
    collection: Collection, folder: Path, encoder: Encoder, other_tiny: Path
) -> None:
    collection.add(write(folder / "a.png", 1))
    before = collection.search("dog")
    with pytest.raises(SpaceMismatchError) as caught:
        Collection(collection.path, other_tiny)
    message = str(caught.value)
    assert encoder.space.fingerprint in message
    assert f"sensorium reembed --collection {collection.path} --encoder {other_tiny}" in message
    assert collection.search("dog") == before


def test_the_encoder_is_remembered(
    tmp_path: Path, folder: Path, encoder: Encoder, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given as an object, as a path, or relative to a folder that is left again."""
    file = write(folder / "a.png", 1)
    monkeypatch.chdir(tiny.parent)
    for n, given_encoder in enumerate([encoder, tiny, str(tiny), tiny.name]):
        with Collection(tmp_path / f"{n}", given_encoder) as collection:
            collection.add(file)
            hits = collection.search("dog")
        monkeypatch.chdir("/")
        with Collection(tmp_path / f"{n}") as collection:
            assert collection.search("dog") == hits
            assert collection.encoder.space == encoder.space
            assert collection.add(file).unchanged == 1
        monkeypatch.chdir(tiny.parent)


def test_what_is_no_encoder(tmp_path: Path) -> None:
    for bad in ("no-such", 7):
        with pytest.raises(EncoderError):
            Collection(tmp_path / "c", bad)  # type: ignore[arg-type]


def test_a_collection_needs_no_encoder_to_be_looked_at(
    tmp_path: Path, folder: Path, encoder: Encoder, tiny: Path
) -> None:
    """Its encoder may be lost: everything but searching and adding goes on."""
    copy = tmp_path / "encoder"
    copy.mkdir()
    for part in tiny.iterdir():
        os.link(part, copy / part.name)
    with Collection(tmp_path / "c", copy) as collection:
        collection.add(write(folder / "a.png", 1))
    copy.rename(tmp_path / "away")
    with Collection(tmp_path / "c") as collection:
        assert collection.info().space == encoder.space
        assert collection.get(1) is not None
        with pytest.raises(EncoderError, match="no encoder named"):
            collection.search("dog")
        assert collection.delete(1) == 1
    with Collection(tmp_path / "c", tiny) as collection:  # the same space under another name
        assert collection.add(folder).added == 1


def test_an_added_collection_may_not_be_made(tmp_path: Path) -> None:
    with pytest.raises(CollectionError, match="no such collection"):
        Collection(tmp_path / "missing", create=False)
    assert not (tmp_path / "missing").exists()
