"""Collections in Lance: the same as in SQLite, on several machines, after kills and restores."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pyarrow
import pytest

from sensorium import Collection
from sensorium.collection import lance_table
from sensorium.collection.checking import check
from sensorium.collection.exchange import export_collection, import_collection
from sensorium.collection.judgements import Judgement
from sensorium.collection.lance_mirror import TABLES
from sensorium.collection.lance_store import LanceStore, mirror_of
from sensorium.collection.opening import location_of
from sensorium.collection.rows import ReembeddedItem
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, SensoriumWarning, UsageError
from sensorium.media.segments import SegmentRecord
from tests.collection.pictures import write_many
from tests.collection.stores import DIMENSION, embedded, file, space
from tests.collection.test_bulk import some

Machine = Callable[[str], LanceStore]


@pytest.fixture
def uri(tmp_path: Path) -> str:
    return str(tmp_path / "test.lance")


@pytest.fixture
def machine(uri: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Opens the collection as another machine does: with a home of its own."""

    def opened(name: str) -> LanceStore:
        monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / name))
        return LanceStore(Path(uri), uri)

    return opened


def described(store: LanceStore) -> dict[str, list[Any]]:
    """All that the mirror of a store holds."""
    with store.snapshot():
        found = {
            name: store.read(f"SELECT {', '.join(columns)} FROM {name} ORDER BY 1")
            for name, columns in TABLES.items()
        }
        found["meta"] = [row for row in found["meta"] if row[0] != "lance"]
        found["words"] = store.read("SELECT rowid, name, text FROM words ORDER BY 1")
        found["counters"] = store.read("SELECT * FROM counters")
        found["sequence"] = store.read("SELECT * FROM sqlite_sequence WHERE seq > 0 ORDER BY 1")
    return found


# As in SQLite


@pytest.fixture
def filled(collection: Collection, folder: Path) -> Collection:
    """In SQLite: files, URLs, segments, words of two languages, a judgement."""
    write_many(folder, range(4))
    collection.add(folder, metadata={"caption": "a dog 海边的狗", "nested": {"a": [1, 2.5, None]}})
    collection.add_vectors(some(3), ["https://a/b.jpg", "00012", "x/y"], metadata={"year": 1999})
    spans = [(n / 3, n / 3 + 1) for n in range(4)]
    collection.add_vectors(some(4, 1), ["clip"] * 4, modality="video", spans=spans)
    collection.add_vectors(np.repeat(some(1, 2), 3, axis=0), ["tie 1", "tie 2", "tie 3"])
    return collection


def vectors_of(collection: Collection) -> list[Any]:
    """Every item with its metadata and vectors, by path."""
    store = collection._store
    items = store.items([item for item, _ in store.paths()])
    _, owners, vectors = store.vectors(DIMENSION_OF_TINY)
    return [
        (item.file, item.modality, item.metadata, item.properties, vectors[owners == n].tobytes())
        for n, item in items.items()
    ]


DIMENSION_OF_TINY = some(1).shape[1]


def test_there_and_back_again(filled: Collection, tmp_path: Path) -> None:
    """What is copied into Lance and from there into SQLite is what it was, to the bit."""
    export_collection(filled, tmp_path / "out")
    with Collection(f"lance://{tmp_path}/copy.lance") as copy:
        assert import_collection(copy, tmp_path / "out").added == 11
        assert vectors_of(copy) == vectors_of(filled)
        export_collection(copy, tmp_path / "back")
    with Collection(tmp_path / "back.sensorium") as back:
        import_collection(back, tmp_path / "back")
        assert vectors_of(back) == vectors_of(filled)


def test_searches_give_the_same(filled: Collection, tmp_path: Path, folder: Path) -> None:
    export_collection(filled, tmp_path / "out")
    with Collection(f"lance://{tmp_path}/copy.lance") as copy:
        import_collection(copy, tmp_path / "out")
        tie = some(1, 2)[0]
        for asked in (
            {"query": "dog"}, {"query": tie, "k": 5}, {"query": "dog", "mode": "words"},
            {"query": "海边", "mode": "words"}, {"query": "dog", "mode": "hybrid", "k": 20},
            {"query": "dog", "where": "year = 1999 OR caption LIKE '%dog%'"},
            {"query": tie, "k": 2, "where": "path >= 'tie 2' AND path < 'u'"},
            {"query": "dog", "k": 3, "modality": "video"}, {"query": "dog", "mode": "hash"},
        ):  # fmt: skip
            if asked.get("mode") == "hash":
                filled.hash(16)
                copy.hash(16)
            ours, theirs = (
                [(hit.path, hit.id, hit.score, hit.span) for hit in c.search(**asked)]
                for c in (copy, filled)
            )
            assert ours == theirs and ours, asked
        assert copy.add(folder, metadata={"caption": "cat"}).unchanged == 4
        assert copy.search("dog", mode="words", where="caption = 'cat'") == []
        with pytest.raises(UsageError, match="no such column"):
            copy.search("dog", where="colour = 1")
        # A zero vector has no direction: neither store takes it.
        report = copy.add_vectors(np.zeros((1, DIMENSION_OF_TINY), np.float32), ["zero"])
        assert len(report.skipped) == 1
        found = check(copy)
        assert (found.items, found.vectors, found.damages) == (11, 14, [])


def test_what_was_added_since_the_index_is_found(
    tmp_path: Path, encoder: Encoder, recwarn: pytest.WarningsRecorder
) -> None:
    rows = some(400)
    with Collection(location_of(f"lance://{tmp_path}/c.lance"), encoder) as library:
        library.add_vectors(rows, [f"{n}" for n in range(400)])
        report = library.optimize(kind="hnsw")
        new = some(1, 9)
        library.add_vectors(new, ["new"])
        library.delete(8)
        for vector, path in ((new[0], "new"), (rows[3], "3")):
            (best,) = library.search(vector, k=1)
            assert (best.path, best.score) == (path, pytest.approx(1, abs=1e-5))
        (others,) = library.search_vectors(rows[7:8], k=400, where="path != '3'")
        assert len(others) == 399 and "7" not in {hit.path for hit in others}
        assert report.vectors == 400 and not recwarn.list


# Opening


def test_what_is_opened(uri: str, tmp_path: Path, encoder: Encoder, tiny: Path) -> None:
    with pytest.raises(CollectionError, match="no such collection"):
        Collection(f"lance://{uri}", create=False)
    with pytest.raises(UsageError, match="whole path"):
        Collection("lance://test.lance")
    with Collection(f"lance://{uri}", encoder) as library:
        library.add_vectors(some(2), ["a", "b"])
        assert library.path == Path(uri) and library.info().bytes > 2 * 4 * DIMENSION_OF_TINY
    facts = json.loads(lance.dataset(uri).schema.metadata[b"sensorium.collection"])
    assert facts["fingerprint"] == encoder.space.fingerprint
    # A path loses slashes, and a folder that is a collection is known as one.
    for name in (Path(f"lance://{uri}"), uri):
        with Collection(name, create=False) as again:
            assert (len(again), again.encoder.space) == (2, encoder.space)
    lance.write_dataset(pyarrow.table({"x": [1]}), str(tmp_path / "other.lance"))
    with pytest.raises(CollectionError, match="is a Lance table, but no collection"):
        Collection(tmp_path / "other.lance")


def test_an_export_is_not_written_over_a_collection(tmp_path: Path, encoder: Encoder) -> None:
    place = tmp_path / "c.lance"
    with Collection(f"lance://{place}", encoder) as library:
        library.add_vectors(some(2), ["a", "b"])
        with pytest.raises(UsageError, match="is no export of a collection"):
            export_collection(library, place, "lance", overwrite=True)
        with pytest.raises(UsageError, match="is a collection in Lance, and no export"):
            import_collection(library, place)
        export_collection(library, tmp_path / "out.lance")
        export_collection(library, tmp_path / "out.lance", overwrite=True)
        assert len(library) == 2
    with pytest.raises(CollectionError, match="but no collection"):
        Collection(tmp_path / "out.lance")


def test_rows_elsewhere_are_not_asked_for(uri: str, machine: Machine, tmp_path: Path) -> None:
    """A table may say that its rows are on a server."""
    store = machine("one")
    store.write(space(), encoder="one", embedded=[embedded("a")])
    store.close()
    lance.dataset(uri).shallow_clone(str(tmp_path / "clone.lance"), reference=store._table.version)
    with pytest.raises(CollectionError, match="keeps rows in other places"):
        LanceStore(tmp_path / "clone.lance", str(tmp_path / "clone.lance"))


# Several machines


def test_mirrors_follow(machine: Machine) -> None:
    """A mirror that took in change by change is the one that is made anew."""
    rng = random.Random(0)
    one, two = machine("one"), machine("two")
    one.claim_space(space(), "one")
    for step in range(16):
        store, other = (one, two) if rng.random() < 0.5 else (two, one)
        known = store.paths()
        some_paths = rng.sample(known, min(len(known), 2))
        if rng.random() < 0.4 or len(known) < 3:
            new = [embedded(f"{step}-{n}", segments=1 + n, caption=f"c{n} 狗") for n in range(2)]
            store.write(space(), embedded=new)
        elif rng.random() < 0.3:
            store.delete([item for item, _ in some_paths[:1]])
        elif rng.random() < 0.5:
            stored = store.items([item for item, _ in some_paths])
            names = [stored[item].file for item, _ in some_paths]
            files = [
                file(new.path, old.content_hash.decode())
                for old, new in zip(names, reversed(names), strict=True)
            ]
            assert not store.write(space(), renamed=zip(some_paths, files, strict=True))
        else:
            store.write(space(), described=[(item, {"x": step}) for item, _ in some_paths])
            store.judge([Judgement(some_paths[0][0], '[{"words": "a"}]', rng.random() < 0.5)])
        if rng.random() < 0.4:
            assert described(other) == described(store)
    again = one.reembedding(space("two"), "two")
    for item, _, content in again.missing():
        vector = np.full((1, DIMENSION), DIMENSION**-0.5, np.float32)
        again.write([ReembeddedItem(item, content, content, [SegmentRecord()], vector)])
    assert again.finish([])
    one.tidy()
    fresh = machine("three")
    assert described(one) == described(two) == described(fresh)
    for store in (two, fresh):
        assert (store.vectors(DIMENSION)[2] == 0.5).all()
        assert [p for _, p in store.paths()] == [p for _, p in one.paths()]


def test_two_machines_write_at_once(machine: Machine) -> None:
    stores = [machine(name) for name in "ab"]
    failures = []

    def write(name: str, store: LanceStore) -> None:
        try:
            for n in range(8):
                store.write(space(), encoder="one", embedded=[embedded(f"{name}{n}")])
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=write, args=pair) for pair in zip("ab", stores, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for store in (*stores, machine("c")):
        paths = store.paths()
        assert sorted(path for _, path in paths) == sorted(
            f"{s}{n}" for s in "ab" for n in range(8)
        )
        assert [item for item, _ in paths] == list(range(1, 17))
        assert store.vectors(DIMENSION)[1].tolist() == list(range(1, 17))


def test_a_restored_table_is_read_anew(machine: Machine, uri: str, tmp_path: Path) -> None:
    """A mirror must not take another history of the same table for its own."""
    one = machine("one")
    one.write(space(), encoder="one", embedded=[embedded("a")])
    shutil.copytree(uri, tmp_path / "kept")
    one.write(space(), embedded=[embedded("b")])
    one.close()
    shutil.rmtree(uri)
    shutil.copytree(tmp_path / "kept", uri)
    two = machine("two")  # as far on, another way
    two.write(space(), embedded=[embedded("c")])
    two.write(space(), embedded=[embedded("d")])
    one = machine("one")
    assert [path for _, path in one.paths()] == ["a", "c", "d"]
    assert described(one) == described(two)


def test_the_mirror_is_only_a_copy(machine: Machine, uri: str) -> None:
    store = machine("one")
    store.write(space(), encoder="one", embedded=[embedded("a", caption="dog")])
    store.close()
    for content in (None, b"", b"SQLite format 3\0" + b"?" * 5_000):
        mirror = mirror_of(uri)
        mirror.unlink()
        if content is not None:
            mirror.write_bytes(content)
        store = machine("one")
        assert [match.item for match in store.match_words("dog", 5)] == [1]
        store.close()


def test_many_commits_are_put_together(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lance_table, "SMALL_FRAGMENTS", 4)
    monkeypatch.setattr(lance_table, "KEPT_CHANGES", 3)
    store, late = machine("one"), machine("two")
    for n in range(10):
        store.write(space(), encoder="one", embedded=[embedded(f"{n}")])
        assert len(store._table.dataset.get_fragments()) <= 5
    store.delete([2])
    store.tidy()
    assert described(late) == described(store)  # though what it missed is not told any more
    assert late.vectors(DIMENSION)[0].tolist() == [1, *range(3, 11)]


def test_damaged_vectors(uri: str, machine: Machine) -> None:
    store = machine("one")
    store.write(space(), encoder="one", embedded=[embedded("a"), embedded("b")])
    table = lance.dataset(uri)
    table.update({"checksum": "checksum + 1"}, where="kind = 'segments' AND id = 1")
    with pytest.warns(SensoriumWarning, match="1 vectors are damaged and left out"):
        assert machine("two").vectors(DIMENSION)[0].tolist() == [2]


# Kills

WRITER = """
import sys
from pathlib import Path
import numpy as np
from sensorium.collection.opening import LancePath, open_store
from tests.collection.stores import embedded, space
path, name, first = sys.argv[1:]
store = open_store(LancePath(path), create=True)
print("ready", flush=True)
for n in range(int(first), 100_000):
    store.write(space(), encoder="one", embedded=[embedded(f"{name}-{n}", segments=2)])
    print(n, flush=True)
"""

READER = """
import sys, time
from sensorium.collection.opening import LancePath, open_store
store = open_store(LancePath(sys.argv[1]))
seen = 0
print("ready", flush=True)
while True:
    with store.snapshot():
        items = [item for item, _ in store.paths()]
        _, owners, _ = store.vectors(4)
    assert sorted(2 * items) == sorted(owners.tolist()), "half of a write"
    assert len(items) >= seen, "something is gone"
    seen = len(items)
    time.sleep(0.02)
"""


def kill_writers(uri: str, kills: int) -> None:
    """Kill two writers again and again at any point; nothing they reported may be lost."""
    rng = random.Random(kills)

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", code, uri, *arguments], stdout=subprocess.PIPE, text=True
        )

    LanceStore(Path(uri), uri).close()
    reader = start(READER)
    written: dict[str, int] = {"a": 0, "b": 0}
    acknowledged = set()
    attempted = set()
    writers = {name: start(WRITER, name, "0") for name in written}
    for _ in range(kills):
        name = rng.choice("ab")
        victim = writers[name]
        assert victim.stdout is not None and victim.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0, 0.4))
        victim.kill()
        told = [int(line) for line in victim.stdout.read().split()]
        acknowledged |= {f"{name}-{n}" for n in told}
        attempted.add(f"{name}-{max(told, default=written[name] - 1) + 1}")
        written[name] = max(told, default=written[name] - 1) + 2
        writers[name] = start(WRITER, name, str(written[name]))
    for name, writer in writers.items():
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        first = writer.stdout.readline()  # what is left of a kill is in nobody's way
        writer.kill()
        told = [int(line) for line in [first, *writer.stdout.read().split()]]
        acknowledged |= {f"{name}-{n}" for n in told}
        attempted.add(f"{name}-{max(told) + 1}")
    assert reader.poll() is None, "the reader found something wrong"
    reader.kill()
    for process in (reader, *writers.values()):
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    store = LanceStore(Path(uri), uri, create=False)
    paths = [path for _, path in store.paths()]
    assert len(paths) == len(set(paths))
    assert acknowledged <= set(paths) <= acknowledged | attempted
    ids, owners, _ = store.vectors(DIMENSION)
    assert len(set(ids.tolist())) == len(ids)
    assert sorted(owners.tolist()) == sorted(2 * [item for item, _ in store.paths()])
    store.write(space(), encoder="one", embedded=[embedded("after")])
    store.close()


def test_killed_writers_lose_nothing(uri: str) -> None:
    kill_writers(uri, 1)


@pytest.mark.slow
def test_fifty_killed_writers_lose_nothing(uri: str) -> None:
    kill_writers(uri, 50)
