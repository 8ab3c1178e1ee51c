"""Four-bit codes beside a collection: nobody asks for them, and nobody sees them but in time."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sensorium import Collection
from sensorium.collection import four_bits
from sensorium.collection.checking import check
from sensorium.collection.derived import describe_index, folder_of, read_state
from sensorium.collection.four_bits import keep_codes, write_codes
from sensorium.collection.sealing import FILE
from sensorium.encoders import Encoder
from sensorium.home import data_folder

ROWS = 1200
Vectors = npt.NDArray[np.float32]


def some_vectors(rows: int, dimension: int, seed: int = 0) -> Vectors:
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(size=(100, dimension)) + 0.7
    vectors = centres[rng.integers(100, size=rows)] + 0.8 * rng.normal(size=(rows, dimension))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(autouse=True)
def _few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(four_bits, "LEAST_ROWS", 1000)
    monkeypatch.setattr(four_bits, "NEW_ROWS", 100)
    monkeypatch.setattr(four_bits, "READ_ROWS", 320)
    monkeypatch.setattr("sensorium.collection.snapshots.CODED_DEPTH", 10)


@pytest.fixture
def filled(tmp_path: Path, encoder: Encoder) -> Iterator[Collection]:
    with Collection(tmp_path / "a.sensorium", encoder, auto_optimize=False) as collection:
        add(collection, some_vectors(ROWS, encoder.space.dimension))
        yield collection


def add(collection: Collection, vectors: Vectors, start: int = 0, modality: str = "image") -> None:
    names = [f"/{modality}/{start + n}" for n in range(len(vectors))]
    told = [{"n": start + n} for n in range(len(vectors))]
    collection.add_vectors(vectors, names, modality=modality, metadata=told)


@pytest.fixture
def queries(encoder: Encoder) -> Vectors:
    return some_vectors(20, encoder.space.dimension, seed=1)


def is_coded(collection: Collection) -> bool:
    return collection._asking.snapshot("vector").is_coded


def outside(collection: Collection) -> int:
    return len(collection._asking.snapshot("vector").segment_ids)


def require_exact(
    collection: Collection, queries: Vectors, where: str | None = None, k: int = 10
) -> None:
    """The very hits and scores of comparing everything; of 200 neighbours two may be missed."""
    allowed = [item.id for item in collection.items(where)]
    _, items, vectors = collection._store.vectors(queries.shape[1])
    mask = np.isin(items, allowed)
    items, vectors = items[mask], vectors[mask]
    missed = 0
    for query, line in zip(
        queries, collection.search_vectors(queries, k, where=where), strict=True
    ):
        cosines = (vectors * query).sum(axis=1)
        best = np.argsort(-cosines, kind="stable")[:k]
        missed += len({*items[best].tolist()} - {hit.id for hit in line})
        true = dict(zip(items.tolist(), cosines.tolist(), strict=True))
        assert [hit.score for hit in line] == pytest.approx([true[hit.id] for hit in line], abs=0)
        assert len(line) == min(k, len(allowed))
    assert missed <= 0.01 * k * len(queries)


def test_they_are_made_by_adding_and_give_what_comparing_gives(
    filled: Collection, queries: Vectors, encoder: Encoder
) -> None:
    assert is_coded(filled) and not outside(filled)
    told = filled.info().indexes["codes"]
    assert (told["kind"], told["vectors"]) == ("4bit", ROWS)
    require_exact(filled, queries)
    for where in ("n < 1", "n < 60", "n % 7 = 0", "n >= 600"):
        require_exact(filled, queries, where)
    with Collection(filled.path, encoder, auto_optimize=False) as again:
        assert is_coded(again)
        assert again._asking.snapshot("vector").vectors.nbytes == 0
        require_exact(again, queries)
    assert not check(filled).damages


def test_below_a_number_there_are_none(tmp_path: Path, queries: Vectors, encoder: Encoder) -> None:
    with Collection(tmp_path / "few.sensorium", encoder) as few:
        add(few, some_vectors(999, encoder.space.dimension))
        assert not is_coded(few) and not folder_of(few.path).exists()
        require_exact(few, queries)


def test_where_vectors_are_not_found_at_once_there_are_none(
    tmp_path: Path, queries: Vectors, encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sensorium.collection.sqlite_store.SQLiteStore.finds_vectors", False)
    with Collection(tmp_path / "far.sensorium", encoder, auto_optimize=False) as far:
        add(far, some_vectors(ROWS, encoder.space.dimension))
        assert not is_coded(far) and not folder_of(far.path).exists()
        require_exact(far, queries[:5])


def test_what_is_added_changed_and_removed_counts_at_once(
    filled: Collection, queries: Vectors, encoder: Encoder
) -> None:
    with Collection(filled.path, encoder, auto_optimize=False) as other:
        require_exact(other, queries)
        line = read_state(filled.path, "codes")["line"]  # type: ignore[index]
        add(filled, queries, ROWS)  # the queries themselves: nothing is nearer
        for collection in (filled, other):
            assert outside(collection) == 20
            nearest = [line[0].metadata["n"] for line in collection.search_vectors(queries, 1)]
            assert nearest == list(range(ROWS, ROWS + 20))
        gone = {hit.id for line in filled.search_vectors(queries, 3) for hit in line}
        filled.delete(*gone)
        add(filled, some_vectors(40, queries.shape[1], 5), 3)  # in the place of others
        for collection in (filled, other):
            require_exact(collection, queries)
        add(filled, some_vectors(150, queries.shape[1], 6), 5000)
        assert not outside(filled)  # coded, too, behind the others
        told = read_state(filled.path, "codes")
        assert told is not None and told["line"] == line
        assert told["vectors"] == len(filled)
        for collection in (filled, other):
            require_exact(collection, queries)
        assert not check(filled).damages


def test_other_modalities_get_levels_that_suit_them(
    filled: Collection, queries: Vectors, encoder: Encoder
) -> None:
    texts = some_vectors(700, queries.shape[1], 3)
    texts = texts - 2 * texts.mean(axis=0)  # a cone of their own
    add(filled, texts / np.linalg.norm(texts, axis=1, keepdims=True), modality="text")
    snapshot = filled._asking.snapshot("vector")
    assert snapshot.is_coded and not len(snapshot.segment_ids) and snapshot.kinds is not None
    hits = [filled.search_vectors(queries, 20), filled.search_vectors(queries, 10, offset=5)]
    (folder_of(filled.path) / "codes.json").unlink()
    assert not is_coded(filled)
    right = [filled.search_vectors(queries, 20), filled.search_vectors(queries, 10, offset=5)]
    for found, true in zip(hits, right, strict=True):
        assert [[h.id for h in line] for line in found] == [[h.id for h in line] for line in true]
        for one, other in zip(found, true, strict=True):
            assert [h.score for h in one] == pytest.approx([h.score for h in other], abs=1e-6)


def test_pages_and_questions_of_several_parts(filled: Collection, encoder: Encoder) -> None:
    whole = [hit.id for hit in filled.search("a dog", 100)]
    pages = [hit.id for n in range(0, 100, 7) for hit in filled.search("a dog", 7, offset=n)]
    assert pages[:100] == whole
    deep = filled.search("a dog", 20, offset=ROWS - 10)  # further than codes reach
    assert len(deep) == 10 and not {hit.id for hit in deep} & {*whole}
    mixed = filled.search("a dog", 10, without="a cat")
    likely = [hit.probability for hit in filled.search("a dog", 5)]
    (folder_of(filled.path) / "codes.json").unlink()
    assert [hit.id for hit in filled.search("a dog", 10, without="a cat")] == [h.id for h in mixed]
    assert [hit.probability for hit in filled.search("a dog", 5)] == pytest.approx(likely)


def test_equal_vectors_come_in_the_order_of_adding(filled: Collection, queries: Vectors) -> None:
    add(filled, np.repeat(queries[:1], 300, axis=0), ROWS)
    hits = filled.search_vectors(queries[:1], 30)[0]
    assert [hit.metadata["n"] for hit in hits] == list(range(ROWS, ROWS + 30))


def test_damage_costs_time_alone(filled: Collection, queries: Vectors, encoder: Encoder) -> None:
    folder = folder_of(filled.path)
    (generation,) = [path for path in folder.iterdir() if path.is_dir()]
    for path in [folder / "codes.json", *sorted(generation.iterdir())]:
        whole = path.read_bytes()
        for spoilt in (whole[: len(whole) // 2], whole[:-9] + b"x" + whole[-8:], b""):
            path.write_bytes(spoilt)
            with Collection(filled.path, encoder, auto_optimize=False) as library:
                require_exact(library, queries[:5])
                assert not is_coded(library)
        path.write_bytes(whole)
    (generation / "codes.npy").write_bytes(b"")
    assert "check --repair makes it" in check(filled).damages[0].mend
    assert check(filled, repair=True).repaired
    with Collection(filled.path, encoder, auto_optimize=False) as library:
        assert is_coded(library)
        require_exact(library, queries)


def test_codes_from_elsewhere_are_not_opened_and_made_anew(
    filled: Collection, queries: Vectors, encoder: Encoder
) -> None:
    (data_folder() / FILE).unlink()  # another user's key
    with Collection(filled.path, encoder, auto_optimize=False) as library:
        assert not is_coded(library)
        require_exact(library, queries[:5])
        assert keep_codes(library.path, encoder.space)
        assert is_coded(library)
        require_exact(library, queries)


def test_an_open_collection_makes_what_is_lacking(
    filled: Collection, queries: Vectors, encoder: Encoder
) -> None:
    shutil.rmtree(folder_of(filled.path))  # as a version before codes left it
    with Collection(filled.path, encoder) as library:
        require_exact(library, queries[:2])
        thread = library._asking._rebuilding
        assert thread is not None
        thread.join(30)
        assert is_coded(library)
        require_exact(library, queries)


def test_whoever_wants_everything_compared_gets_it(
    filled: Collection, queries: Vectors, encoder: Encoder
) -> None:
    filled.optimize(kind="exact")
    assert not is_coded(filled)
    add(filled, some_vectors(300, queries.shape[1], 4), 9000)
    assert not is_coded(filled) and describe_index(filled.path, "codes") is None
    filled.optimize(kind="4bit", recall=0.9)
    assert is_coded(filled)
    assert filled.info().indexes["codes"]["recall"] >= 0.9
    add(filled, some_vectors(300, queries.shape[1], 7), 12000)
    assert filled.info().indexes["codes"]["vectors"] == len(filled)
    require_exact(filled, queries)


KILLED = """
import os, sys
from sensorium import Collection
from sensorium.collection import derived, four_bits
four_bits.LEAST_ROWS = 1000
step = int(sys.argv[2])
real, calls = derived._sync, 0
def sync(path):
    global calls
    calls += 1
    if calls == step:
        os.kill(os.getpid(), 9)
    real(path)
derived._sync = sync
from sensorium.collection.opening import open_store
store = open_store(__import__("pathlib").Path(sys.argv[1]))
four_bits.write_codes(store, store.state().space[0], anew=True)
"""


def test_killed_while_writing_it_is_as_before(
    filled: Collection, queries: Vectors, encoder: Encoder
) -> None:
    for step in (1, 4):
        done = subprocess.run([sys.executable, "-c", KILLED, str(filled.path), str(step)])
        assert done.returncode == -9
        with Collection(filled.path, encoder, auto_optimize=False) as library:
            assert is_coded(library)
            require_exact(library, queries[:5])
    write_codes(filled._store, encoder.space, anew=True)
    assert len([*folder_of(filled.path).iterdir()]) == 2  # nothing is left of the killed ones
