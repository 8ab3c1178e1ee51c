"""Index files beside a collection: whatever happens to them, searches answer right."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import numpy.typing as npt
import pytest

from sensorium import Collection
from sensorium.collection import searching
from sensorium.collection.derived import describe_index, folder_of, read_queries
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.collection.sealing import seal
from sensorium.encoders import Encoder
from sensorium.errors import UsageError
from sensorium.index.tuning import recall_of, truth
from sensorium.media import Text
from sensorium.media.segments import SegmentRecord

ROWS = 3000
Vectors = npt.NDArray[np.float32]


def unit(vectors: npt.NDArray[np.floating]) -> Vectors:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def write(collection: Collection, start: int, vectors: Vectors) -> None:
    space = collection.encoder.space
    collection._store.claim_space(space, "")
    for begin in range(0, len(vectors), 5000):
        collection._store.write(
            space,
            embedded=[
                EmbeddedFile(
                    FileState(f"/{n}", 1, 1, b""),
                    "image",
                    {},
                    {"n": n},
                    [SegmentRecord()],
                    vectors[i : i + 1],
                )
                for i, n in enumerate(range(start + begin, start + len(vectors)), begin)
                if i < begin + 5000
            ],
        )


def some_vectors(rows: int, dimension: int, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(200, dimension))
    return unit(centres[rng.integers(200, size=rows)] + rng.normal(size=(rows, dimension)))


def exact(collection: Collection, queries: Vectors, k: int = 10) -> list[list[int]]:
    _, items, vectors = collection._store.vectors(queries.shape[1])
    order = np.argsort(-(queries @ vectors.T), axis=1, kind="stable")[:, :k]
    return [items[line].tolist() for line in order]


def found(collection: Collection, queries: Vectors, k: int = 10) -> list[list[int]]:
    return [[hit.id for hit in line] for line in collection.search_vectors(queries, k)]


def share(a: list[list[int]], b: list[list[int]]) -> float:
    return sum(len({*x} & {*y}) for x, y in zip(a, b, strict=True)) / sum(map(len, b))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    """A folder with a collection of `ROWS` rows, for copies."""
    folder = tmp_path_factory.mktemp("filled") / "made"
    folder.mkdir()
    with Collection(folder / "a.sensorium", encoder) as collection:
        write(collection, 0, some_vectors(ROWS, encoder.space.dimension))
    return folder


@pytest.fixture(scope="module")
def optimized(made: Path, encoder: Encoder) -> Path:
    """The same with an index, which belongs to whoever made it in this home."""
    folder = shutil.copytree(made, made.parent / "optimized")
    with Collection(folder / "a.sensorium", encoder) as collection:
        collection.optimize(recall=0.9, kind="ivf")
    return folder


@pytest.fixture
def filled(made: Path, tmp_path: Path, encoder: Encoder) -> Iterator[Collection]:
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    with Collection(tmp_path / "a.sensorium", encoder) as collection:
        yield collection


@pytest.fixture
def indexed(optimized: Path, tmp_path: Path, encoder: Encoder) -> Iterator[Collection]:
    shutil.copytree(optimized, tmp_path, dirs_exist_ok=True)
    with Collection(tmp_path / "a.sensorium", encoder) as collection:
        assert has_index(collection)
        yield collection


@pytest.fixture(scope="module")
def surer(
    made: Path, tmp_path_factory: pytest.TempPathFactory, encoder: Encoder
) -> Iterator[Collection]:
    """With an index of a recall of 0.95; to be read alone."""
    folder = shutil.copytree(made, tmp_path_factory.mktemp("surer") / "made")
    with Collection(folder / "a.sensorium", encoder) as collection:
        collection.optimize(recall=0.95, kind="ivf")
        yield collection


@pytest.fixture
def queries(encoder: Encoder) -> Vectors:
    return some_vectors(40, encoder.space.dimension, seed=0)[:40]


def has_index(collection: Collection) -> bool:
    return collection._asking.snapshot("vector").index is not None


@pytest.mark.parametrize("kind", ["ivf", "hnsw"])
def test_an_index_finds_what_is_there(
    filled: Collection, queries: Vectors, kind: str, encoder: Encoder
) -> None:
    report = filled.optimize(recall=0.9, kind=kind)
    assert report.kind == kind
    assert report.chosen.recall >= 0.9
    assert {point.kind for point in report.curve} == {"exact", kind}
    assert has_index(filled)
    assert share(found(filled, queries), exact(filled, queries)) >= 0.9
    for query, line in zip(queries, filled.search_vectors(queries), strict=True):
        ids, _, vectors = filled._store.vectors(
            queries.shape[1], ids=[hit.id for hit in line]
        )  # one segment an item
        cosines = dict(zip(ids, (vectors @ query).tolist(), strict=True))
        for hit in line:
            assert hit.score == pytest.approx(cosines[hit.id], abs=1e-6)
        assert [hit.score for hit in line] == sorted((h.score for h in line), reverse=True)
    with Collection(filled.path, encoder) as again:
        assert found(again, queries) == found(filled, queries)


def test_what_is_added_and_removed_counts_at_once(
    filled: Collection, queries: Vectors, encoder: Encoder
) -> None:
    filled.optimize(recall=0.95, kind="ivf")
    with Collection(filled.path, encoder) as other:
        found(other, queries)
        write(filled, ROWS, queries)  # the queries themselves: nothing is nearer
        for collection in (filled, other):
            assert [line[0] for line in found(collection, queries)] == list(
                range(ROWS + 1, ROWS + 41)
            )
            assert has_index(collection)
        gone = {i for line in found(filled, queries, 3) for i in line}
        assert filled.delete(*gone) == len(gone)
        write(filled, 5, queries[:1])  # replaces: the old vector must not answer any more
        for collection in (filled, other):
            lines = found(collection, queries)
            assert not gone & {i for line in lines for i in line}
            assert share(lines, exact(filled, queries)) >= 0.9
            assert has_index(collection)
        filled.optimize(recall=0.95, kind="ivf")
        for collection in (filled, other):
            assert share(found(collection, queries), exact(filled, queries)) >= 0.9
            assert len(collection._asking.snapshot("vector").segment_ids) == 0


def test_all_items_can_go(indexed: Collection, queries: Vectors) -> None:
    indexed.delete(*range(1, ROWS + 1))
    assert found(indexed, queries) == [[]] * 40


def test_damage_costs_speed_alone(indexed: Collection, queries: Vectors, encoder: Encoder) -> None:
    """Every file of the index, with bytes flipped, cut short, emptied, or gone."""
    right = exact(indexed, queries)
    folder = folder_of(indexed.path)
    kept = folder.with_name("kept")
    shutil.copytree(folder, kept)
    told = describe_index(indexed.path, "vectors")
    assert told is not None and (told["kind"], told["vectors"]) == ("ivf", ROWS)
    assert told["recall"] >= 0.9 and told["bytes"] > ROWS
    files = sorted(p.relative_to(kept) for p in kept.rglob("*") if p.is_file())
    assert len(files) >= 5
    rng = np.random.default_rng(1)
    for name in files:
        for harm in ("flip", "flip", "flip", "cut", "empty", "remove"):
            shutil.rmtree(folder)
            shutil.copytree(kept, folder)
            content = bytearray((folder / name).read_bytes())
            if harm == "flip":
                content[rng.integers(len(content))] ^= 1 << int(rng.integers(8))
            elif harm == "cut":
                del content[len(content) // 2 :]
            elif harm == "empty":
                content.clear()
            if harm == "remove":
                (folder / name).unlink()
            else:
                (folder / name).write_bytes(content)
            with Collection(indexed.path, encoder, auto_optimize=False) as again:
                if name.name == "report.json":
                    assert has_index(again)
                    continue
                assert found(again, queries) == right, (name, harm)
                assert not has_index(again)
    shutil.rmtree(folder)
    with Collection(indexed.path, encoder) as again:
        assert found(again, queries) == right
        again.optimize(recall=0.9, kind="ivf")
        assert has_index(again)


def test_an_index_of_another_space_is_not_used(
    indexed: Collection, queries: Vectors, encoder: Encoder
) -> None:
    pointer = folder_of(indexed.path) / "vectors.json"
    import zlib

    facts = json.loads(json.loads(pointer.read_text())["facts"])
    body = json.dumps({**facts, "space": "0" * 16})
    outer = {"checksum": zlib.crc32(body.encode()), "seal": seal(body), "facts": body}
    pointer.write_text(json.dumps(outer))
    with Collection(indexed.path, encoder) as again:
        assert found(again, queries) == exact(indexed, queries)
        assert "another space" in (again._asking._vectors.problem or "")


def test_pages_neither_overlap_nor_leave_out(indexed: Collection, queries: Vectors) -> None:
    query = queries[:1]
    for size, pages in ((7, 30), (10, 20), (150, 6)):
        hits = [
            hit.id
            for page in range(pages)
            for hit in indexed.search_vectors(query, size, offset=page * size)[0]
        ]
        assert len(hits) == len(set(hits)) == size * pages
        whole = [hit.id for hit in indexed.search_vectors(query, size * pages)[0]]
        assert {*whole} == {*hits}
    assert len(indexed.search_vectors(query, 10_000)[0]) >= 0.99 * ROWS


def test_pages_of_several_modalities_neither_overlap_nor_leave_out(
    tmp_path: Path, encoder: Encoder
) -> None:
    rng = np.random.default_rng(0)
    dimension = encoder.space.dimension
    with Collection(tmp_path / "m.sensorium", encoder, auto_optimize=False) as library:
        for name in ("text", "image"):
            vectors = unit(rng.normal(size=(1500, dimension)))
            library.add_vectors(vectors, [f"/{name}/{n}" for n in range(1500)], modality=name)
        report = library.optimize(recall=0.2, kind="hnsw")
        assert report.kind == report.chosen.kind == "hnsw"
        settings = [(point.kind, str(point.parameters)) for point in report.curve]
        assert len(settings) == len({*settings}) and settings[0] == ("exact", "{}")
        held = library._asking.snapshot("vector").index
        assert held is not None
        held.index.ef = 1  # type: ignore[attr-defined]  # it misses what a deeper search finds
        for query in unit(rng.normal(size=(20, dimension))):
            pages = [library.search_vectors(query[None], 10, offset=10 * n)[0] for n in range(12)]
            hits = [hit.id for page in pages for hit in page]
            assert len(hits) == len({*hits}) == 120
            assert {*hits} == {hit.id for hit in library.search_vectors(query[None], 120)[0]}
        (page,) = library.search_pages("a dog", 5)
        assert page == library.search("a dog", 5)
        first, second, third = library.search_pages("a dog", 130)
        assert first == library.search("a dog", 10)
        assert second == library.search("a dog", 90, offset=10)
        assert third == library.search("a dog", 30, offset=100)
        for mode in ("words", "hybrid"):
            (page,) = library.search_pages("image 7", 130, mode=mode)
            assert page == library.search("image 7", 130, mode=mode)


@pytest.mark.parametrize("share_allowed", [0.001, 0.01, 0.1, 0.5])
def test_filters_keep_their_recall(
    surer: Collection, queries: Vectors, share_allowed: float
) -> None:
    last = int(ROWS * share_allowed)
    lines = surer.search_vectors(queries, where=f"n < {last}")
    _, items, vectors = surer._store.vectors(queries.shape[1])
    order = np.argsort(-(queries @ vectors[:last].T), axis=1, kind="stable")[:, :10]
    right = [items[:last][line].tolist() for line in order]
    assert share([[hit.id for hit in line] for line in lines], right) >= 0.95


def test_small_collections_need_none(tmp_path: Path, encoder: Encoder) -> None:
    with Collection(tmp_path / "b.sensorium", encoder) as collection:
        assert collection.optimize().kind == "exact"
        write(collection, 0, some_vectors(50, encoder.space.dimension))
        report = collection.optimize()
        assert [report.chosen] == report.curve and report.kind == "exact"
        assert not has_index(collection)
        for bad in (0, -1, 1.5):
            with pytest.raises(UsageError, match="recall is a share between 0 and 1"):
                collection.optimize(recall=bad)
        with pytest.raises(UsageError, match="unknown index 'lsh'; known: exact, ivf"):
            collection.optimize(kind="lsh")


def test_recall_is_measured_with_given_questions(filled: Collection) -> None:
    texts = [f"question {n}" for n in range(40)]
    filled.optimize(recall=0.9, kind="ivf", questions=texts)
    held = filled._asking.snapshot("vector").index
    assert held is not None
    asked = read_queries(held)
    assert (asked[0] == filled.encoder.encode([Text(text) for text in texts])).all()
    vectors = filled._store.vectors(filled.encoder.space.dimension)[2]
    least = [truth(vectors, group) for group in asked]
    assert recall_of(held.index, vectors, asked, least).sure >= 0.9
    with pytest.raises(UsageError, match="20 questions at least tell a recall, got 1"):
        filled.optimize(questions=["a dog"])


def test_an_index_that_fell_behind_is_built_again(
    indexed: Collection, queries: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensorium.collection.optimizing.STALE_ROWS", 100)
    write(indexed, ROWS, some_vectors(ROWS, queries.shape[1], seed=3))
    found(indexed, queries)
    thread = indexed._asking._rebuilding
    if thread is not None:
        thread.join(60)
    held = indexed._asking.snapshot("vector")
    assert held.index is not None
    assert len(held.index.segment_ids) == 2 * ROWS
    assert share(found(indexed, queries), exact(indexed, queries)) >= 0.85


def test_hash_mode(filled: Collection, queries: Vectors) -> None:
    filled.hash(bits=64, method="lsh", rerank=500)
    hits = filled.search("dog", 10, mode="hash")
    right = filled.search("dog", 10)
    assert len({h.id for h in hits} & {h.id for h in right}) >= 5
    filled.delete(right[0].id)
    assert right[0].id not in {h.id for h in filled.search("dog", 10, mode="hash")}
    with pytest.raises(UsageError, match="unknown mode 'hsah'; known: vector"):
        filled.search("dog", mode="hsah")


KILLED = """
import sys, time
from sensorium import Collection, load_encoder
collection = Collection(sys.argv[1], load_encoder(sys.argv[2]))
print("ready", flush=True)
while True:
    collection.optimize(recall=0.9, kind="ivf")
"""


def test_a_killed_build_leaves_the_last_one(
    indexed: Collection, queries: Vectors, tiny: Path, encoder: Encoder
) -> None:
    rng = np.random.default_rng(0)
    for _ in range(4):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(indexed.path), str(tiny)], stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(float(rng.uniform(0.1, 1.5)))
            process.kill()
        with Collection(indexed.path, encoder) as again:
            assert has_index(again)
            assert share(found(again, queries), exact(again, queries)) >= 0.9


@pytest.mark.slow
def test_a_hundred_thousand_rows_with_readers_and_a_writer(
    tmp_path: Path, encoder: Encoder, queries: Vectors
) -> None:
    """While one thread adds, deletes and optimises, others search: never a wrong hit."""
    collection = Collection(tmp_path / "many.sensorium", encoder)
    dimension = encoder.space.dimension
    write(collection, 0, some_vectors(100_000, dimension))
    collection.optimize(recall=0.9, kind="ivf")
    problems: list[object] = []
    deleted: set[int] = set()
    running = True

    def read() -> None:
        with Collection(collection.path, encoder, auto_optimize=False) as reader:
            while running:
                before = set(deleted)
                try:
                    lines = found(reader, queries)
                except Exception as error:
                    problems.append(error)
                    return
                problems.extend(before & {i for line in lines for i in line})
                problems.extend(line for line in lines if len(line) != 10)

    readers = [Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    for turn in range(6):
        write(collection, 100_000 + turn * 500, some_vectors(500, dimension, seed=turn))
        gone = [i for line in found(collection, queries, 2) for i in line]
        collection.delete(*gone)
        deleted.update(gone)
        if turn % 3 == 2:
            collection.optimize(recall=0.9, kind="ivf")
    running = False
    for reader in readers:
        reader.join()
    assert not problems
    assert share(found(collection, queries), exact(collection, queries)) >= 0.9


def test_levels_cover_any_depth() -> None:
    assert searching._levels(5) == [10]
    assert searching._levels(10) == [10]
    assert searching._levels(11) == [10, 100]
    assert searching._levels(200_000) == [10, 100, 1000, 10_000, 100_000, 1_000_000]


@pytest.mark.skipif(os.name != "posix", reason="locks of files")
def test_what_a_killed_build_left_goes_with_the_next(
    filled: Collection,
) -> None:
    """And what is being written by a process that lives stays."""
    program = (
        "import os, pathlib, sys; from sensorium.collection import derived\n"
        "folder, name = pathlib.Path(sys.argv[1]), sys.argv[2]\n"
        "with derived._locked(folder / f'{name}.lock'):\n"
        "    (folder / f'{name}.part').mkdir(); (folder / f'{name}.json.part').touch()\n"
        "    print('made', flush=True); input(); os.kill(os.getpid(), 9)\n"
    )
    filled.hash(16)
    folder = folder_of(filled.path)
    process = subprocess.Popen(
        [sys.executable, "-c", program, folder, "hash-0123456789abcdef"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "made\n"
    (folder / "hash-aaaaaaaaaaaaaaaa.part").mkdir()  # interrupted: its lock has gone before it
    filled.hash(16)
    assert not list(folder.glob("hash-aaaaaaaaaaaaaaaa*"))
    left = {path.name for path in folder.iterdir() if "0123456789abcdef" in path.name}
    assert len(left) == 3, left
    process.communicate("\n")
    filled.hash(16)
    assert not [path for path in folder.iterdir() if "0123456789abcdef" in path.name]
    assert len(list(folder.glob("hash-*"))) == 1
