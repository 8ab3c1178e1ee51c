"""A hundred thousand vectors of the real size: killed, damaged, deleted from, read while written.

`make test-slow` runs them. What is searched must equal a comparison with everything, less what an
index is allowed to miss.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sensorium import Collection, load_encoder
from sensorium.collection.derived import folder_of
from sensorium.encoders import Encoder

pytestmark = pytest.mark.slow

ROWS = 100_000
RECALL = 0.95
Vectors = npt.NDArray[np.float32]


def some_vectors(rows: int, seed: int) -> Vectors:
    """Around centres, as pictures lie around what is on them; 640 dimensions."""
    centres = np.random.default_rng(0).normal(size=(2000, 640)).astype(np.float32)
    rng = np.random.default_rng(seed)
    made = centres[rng.integers(2000, size=rows)]
    made += rng.normal(size=(rows, 640)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def paths(start: int, count: int) -> list[str]:
    return [f"/views/{number:07}.jpg" for number in range(start, start + count)]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return load_encoder("mini")


@pytest.fixture(scope="module")
def queries() -> Vectors:
    return some_vectors(100, seed=9)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    path = tmp_path_factory.mktemp("many") / "original.sensorium"
    with Collection(path, encoder, auto_optimize=False) as collection:
        report = collection.add_vectors(some_vectors(ROWS, seed=1), paths(0, ROWS))
        assert report.added == ROWS
        assert collection.optimize(recall=RECALL, kind="ivf").chosen.recall >= RECALL
    return path


@pytest.fixture
def path(original: Path, tmp_path: Path) -> Iterator[Path]:
    """A copy that a test may spoil."""
    copied = tmp_path / "many.sensorium"
    shutil.copy(original, copied)
    shutil.copytree(folder_of(original), folder_of(copied))
    yield copied
    shutil.rmtree(tmp_path)


def recall(collection: Collection, queries: Vectors) -> float:
    """Share of the true ten nearest of what is stored, and of nothing else."""
    _, items, vectors = collection._store.vectors(queries.shape[1])
    order = np.argsort(-(queries @ vectors.T), axis=1)[:, :10]
    lines = collection.search_vectors(queries, 10)
    assert all(len(line) == 10 for line in lines)
    found = [{hit.id for hit in line} for line in lines]
    right = [len(one & {*items[line].tolist()}) for one, line in zip(found, order, strict=True)]
    return sum(right) / (10 * len(queries))


def in_index(collection: Collection) -> int:
    held = collection._asking.snapshot("vector")
    return len(held.index.segment_ids) if held.index else 0


ADDING = """
import sys
import numpy as np
from sensorium import Collection
rows = np.load(sys.argv[2], mmap_mode="r")
start = int(sys.argv[3])
with Collection(sys.argv[1], "mini", auto_optimize=False) as collection:
    print("ready", flush=True)
    collection.add_vectors(rows, [f"/views/{start + n:07}.jpg" for n in range(len(rows))])
"""

OPTIMIZING = """
import sys
from sensorium import Collection
with Collection(sys.argv[1], "mini", auto_optimize=False) as collection:
    print("ready", flush=True)
    collection.optimize(recall=0.95, kind="ivf")
"""


def kill_after(seconds: float, program: str, *arguments: object) -> bool:
    """Run a program and kill it some time after it is ready; whether it was still at it."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(seconds)
        process.kill()
    return process.returncode == -signal.SIGKILL


def test_killed_while_adding(path: Path, queries: Vectors, tmp_path: Path) -> None:
    more = some_vectors(30_000, seed=2)
    np.save(tmp_path / "more.npy", more)
    killed = [
        kill_after(seconds, ADDING, path, tmp_path / "more.npy", ROWS)
        for seconds in (0.1, 0.4, 0.9)
    ]
    assert any(killed)
    with Collection(path, auto_optimize=False) as collection:
        assert ROWS <= len(collection) <= ROWS + len(more)
        assert recall(collection, queries) >= RECALL
        report = collection.add_vectors(more, paths(ROWS, len(more)))
        assert report.skipped == [] and len(collection) == ROWS + len(more)
        assert recall(collection, queries) >= RECALL
        assert collection.search_vectors(more[-1:], 1)[0][0].path == paths(ROWS, len(more))[-1]


def test_killed_while_building(path: Path, queries: Vectors) -> None:
    with Collection(path, auto_optimize=False) as collection:
        collection.add_vectors(some_vectors(5000, seed=3), paths(ROWS, 5000))
    assert all(kill_after(seconds, OPTIMIZING, path) for seconds in (0.5, 2.0, 4.0, 7.0))
    with Collection(path, auto_optimize=False) as collection:
        assert in_index(collection) == ROWS
        assert recall(collection, queries) >= RECALL
        collection.optimize(recall=RECALL, kind="ivf")
        assert in_index(collection) == ROWS + 5000
        assert recall(collection, queries) >= RECALL


def test_damage_costs_speed_alone(path: Path, queries: Vectors) -> None:
    rng = np.random.default_rng(4)
    files = [file for file in sorted(folder_of(path).rglob("*")) if file.is_file()]
    files = [file for file in files if file.name != "report.json"]  # asked for by nobody
    assert len(files) >= 4
    for file in files:
        place = int(rng.integers(file.stat().st_size))
        with file.open("r+b") as opened:
            opened.seek(place)
            (byte,) = opened.read(1)
            opened.seek(place)
            opened.write(bytes([byte ^ 1 << int(rng.integers(8))]))
        with Collection(path, auto_optimize=False) as collection:
            assert in_index(collection) == 0, file
            assert recall(collection, queries[:20]) == 1
        with file.open("r+b") as opened:
            opened.seek(place)
            opened.write(bytes([byte]))
    with Collection(path, auto_optimize=False) as collection:
        assert in_index(collection) == ROWS
    shutil.rmtree(folder_of(path))
    with Collection(path, auto_optimize=False) as collection:
        assert recall(collection, queries) == 1


def test_deleted_items_are_never_found(path: Path, queries: Vectors) -> None:
    with (
        Collection(path, auto_optimize=False) as collection,
        Collection(path, auto_optimize=False) as other,
    ):
        nearest = {hit.id for line in other.search_vectors(queries, 10) for hit in line}
        rng = np.random.default_rng(5)
        gone = nearest | {*(rng.permutation(ROWS)[:30_000] + 1).tolist()}
        collection.delete(*gone)
        for one in (collection, other):
            assert len(one) == ROWS - len(gone)
            assert not gone & {hit.id for line in one.search_vectors(queries, 100) for hit in line}
            assert recall(one, queries) >= RECALL
        collection.optimize(recall=RECALL, kind="ivf")
        assert in_index(collection) == in_index(other) == ROWS - len(gone)
        assert recall(other, queries) >= RECALL


READING = """
import sys
import numpy as np
from sensorium import Collection
queries = np.load(sys.argv[2])
asked = 0
with Collection(sys.argv[1], "mini", auto_optimize=False) as collection:
    print("ready", flush=True)
    last = 0
    while last < int(sys.argv[3]):
        last = len(collection)
        for line in collection.search_vectors(queries, 10):
            assert len(line) == 10, line
            scores = [hit.score for hit in line]
            assert scores == sorted(scores, reverse=True), scores
        # What was there before the search is found by its own vector.
        newest = collection._store.vectors(640, after=last - 1)[2][:1]
        assert collection.search_vectors(newest, 1)[0][0].score > 0.9999
        asked += 1
print(asked, flush=True)
"""


def test_other_processes_read_while_one_writes(
    path: Path, queries: Vectors, tmp_path: Path
) -> None:
    np.save(tmp_path / "queries.npy", queries[:20])
    turns, rows = 10, 1000
    command = [sys.executable, "-c", READING, path, tmp_path / "queries.npy", ROWS + turns * rows]
    readers = [
        subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for reader in readers:
        assert reader.stdout is not None and reader.stdout.readline() == b"ready\n"
    with Collection(path, auto_optimize=False) as collection:
        for turn in range(turns):
            start = ROWS + turn * rows
            collection.add_vectors(some_vectors(rows, seed=10 + turn), paths(start, rows))
            if turn == 4:
                collection.optimize(recall=RECALL, kind="ivf")
        for reader in readers:
            out, error = reader.communicate(timeout=120)
            assert reader.returncode == 0, error.decode()
            assert int(out) >= 5
        assert in_index(collection) == ROWS + 5 * rows
        assert recall(collection, queries) >= RECALL
