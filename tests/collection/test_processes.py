"""Kills, and several processes at one collection. Every process here is a real one."""

from __future__ import annotations

import random
import sqlite3
import subprocess
import time
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.collection.exchange import export_collection
from sensorium.encoders import Encoder
from tests.collection.pictures import check_file, check_vectors, finish, start, write_many

ADD = """
import sys
from sensorium import Collection
path, encoder, folder, batch = sys.argv[1:]
with Collection(path, encoder) as collection:
    print("ready", flush=True)
    report = collection.add(
        folder, batch_size=int(batch), progress=lambda done, total: print(done, flush=True)
    )
    assert not report.skipped, report.skipped
    print("report", report.added, report.unchanged, flush=True)
"""

REEMBED = """
import sys
from sensorium import Collection
path, encoder = sys.argv[1:]
with Collection(path) as collection:
    print("ready", flush=True)
    report = collection.reembed(
        encoder, batch_size=4, progress=lambda done, total: print(done, flush=True)
    )
    print("report", report.embedded, report.resumed, flush=True)
"""

SEARCH = """
import sys
from pathlib import Path
from sensorium import Collection
path, stop = sys.argv[1:]
with Collection(path) as collection:
    seen = [-1]
    print("ready", flush=True)
    while True:
        last = Path(stop).exists()
        hits = collection.search("dog", k=10_000)
        assert len({hit.id for hit in hits}) == len({hit.path for hit in hits}) == len(hits)
        filtered = collection.search("dog", k=10_000, where="width = 8")
        assert len(filtered) >= len(hits) >= seen[-1], (len(filtered), len(hits), seen[-1])
        seen.append(len(filtered))
        if last:
            break
    print(len(seen), seen[-1], flush=True)
"""


def kill_after(process: subprocess.Popen[str], lines: int, seconds: float) -> list[str]:
    """Kill -9 some time after `lines` lines were printed; returns all that was printed."""
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line.strip())
        if len(printed) > lines:
            time.sleep(seconds)
            process.kill()
    process.wait()
    assert process.stderr is not None
    errors = process.stderr.read()
    process.stdout.close()
    process.stderr.close()
    assert process.returncode in (0, -9), errors
    return printed


@pytest.mark.parametrize("wanted", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_kill_9_while_adding(tmp_path: Path, tiny: Path, encoder: Encoder, wanted: int) -> None:
    """Every acknowledged item is there after each of many kills; the last run completes."""
    count, batch = 240, 4
    folder = tmp_path / "pictures"
    contents = {str(path): path.read_bytes() for path in write_many(folder, range(count))}
    library = tmp_path / "test.sensorium"
    rng = random.Random(20)
    kills = 0
    stored_before = 0
    for _ in range(10 * wanted):
        process = start(ADD, library, tiny, folder, batch)
        # Progress is printed for each unchanged file, too: aim at the first few batches after
        # those, or at the very start.
        lines = rng.choice([0, stored_before, stored_before + 1, stored_before + 2])
        printed = kill_after(process, lines, rng.uniform(0, 0.004))
        kills += process.returncode == -9
        acknowledged = max([int(line) for line in printed if line.isdigit()], default=0)
        with sqlite3.connect(library) as db:
            assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        db.close()
        stored = check_file(library)
        assert len(stored) >= max(acknowledged, stored_before)
        assert set(stored) <= set(contents)
        stored_before = len(stored)
        if kills >= wanted or stored_before == count:
            break
    assert kills >= wanted, f"all was added after {kills} kills: add more pictures"
    assert 0 < stored_before < count
    *_, report = finish(start(ADD, library, tiny, folder, batch)).splitlines()
    assert report == f"report {count - stored_before} {stored_before}"
    with Collection(library, encoder) as collection:
        check_vectors(collection, encoder, contents)
        assert len(collection.search("dog", k=count + 1)) == count


def test_kill_9_while_reembedding(
    tmp_path: Path, tiny: Path, other_tiny: Path, encoder: Encoder, other_encoder: Encoder
) -> None:
    """Searches go on in the old space until the change-over; the work of killed runs is kept."""
    count = 200  # many more than are done between a kill and its taking effect
    contents = {str(p): p.read_bytes() for p in write_many(tmp_path / "pictures", range(count))}
    library = tmp_path / "test.sensorium"
    rng = random.Random(5)
    done = 0
    with Collection(library, str(tiny)) as collection:
        collection.add(tmp_path / "pictures")
        before = collection.search("dog", k=count)
        for _ in range(5):
            process = start(REEMBED, library, other_tiny)
            printed = kill_after(process, rng.randint(1, 2), rng.uniform(0, 0.002))
            assert process.returncode == -9
            # Counting starts where the last run stopped.
            counts = [int(line) for line in printed if line.isdigit()]
            assert all(acknowledged > done for acknowledged in counts)
            pending = collection._store.reembedding(other_encoder.space, str(other_tiny))
            kept = count - len(pending.missing())
            assert kept >= max([done, *counts])
            done = kept
            assert collection.search("dog", k=count) == before
            check_vectors(collection, encoder, contents)
            assert collection.info().reembedding_to == other_encoder.space
        assert 0 < done < count
        *_, report = finish(start(REEMBED, library, other_tiny)).splitlines()
        assert report == f"report {count - done} {done}"
        assert collection.info().space == other_encoder.space
        assert collection.info().reembedding_to is None
    with Collection(library) as collection:
        assert collection.encoder.space == other_encoder.space
        check_vectors(collection, other_encoder, contents)
        assert len(collection.search("dog", k=count)) == count


def test_two_search_while_a_third_adds(tmp_path: Path, tiny: Path, encoder: Encoder) -> None:
    count = 90  # in 30 batches, between which both search
    folder = tmp_path / "pictures"
    contents = {str(path): path.read_bytes() for path in write_many(folder, range(count))}
    library, stop = tmp_path / "test.sensorium", tmp_path / "stop"
    with Collection(library, str(tiny)) as collection:
        collection.add(next(iter(contents)))  # so that the searching processes know the space
    searching = [start(SEARCH, library, stop) for _ in range(2)]
    for process in searching:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    finish(start(ADD, library, tiny, folder, 3))
    stop.touch()
    for process in searching:
        searches, last = map(int, finish(process).split())
        assert searches > 2
        assert last == count
    with Collection(library, encoder) as collection:
        check_vectors(collection, encoder, contents)


def test_two_add_the_same_folder(tmp_path: Path, tiny: Path, encoder: Encoder) -> None:
    folder = tmp_path / "pictures"
    contents = {str(path): path.read_bytes() for path in write_many(folder, range(150))}
    library = tmp_path / "test.sensorium"
    adding = [start(ADD, library, tiny, folder, 4) for _ in range(2)]
    for process in adding:
        finish(process)
    with Collection(library, encoder) as collection:
        check_vectors(collection, encoder, contents)


def test_many_make_the_same_collection_at_once(tmp_path: Path) -> None:
    """All find an empty path and make the file; none may take it for a foreign one."""
    program = """
import sys, time
from pathlib import Path
from sensorium import Collection
while not Path(sys.argv[1], "go").exists():
    time.sleep(0.001)
for n in range(20):
    with Collection(Path(sys.argv[1], f"{n}.sensorium")) as collection:
        assert len(collection) == 0
"""
    processes = [start(program, tmp_path) for _ in range(4)]
    (tmp_path / "go").touch()
    for process in processes:
        finish(process)
    for n in range(20):
        assert check_file(tmp_path / f"{n}.sensorium") == {}


def test_files_moved_by_two_processes_are_in_both_places(
    tmp_path: Path, tiny: Path, encoder: Encoder
) -> None:
    """Two processes find copies of one vanished file: both are stored."""
    library = tmp_path / "test.sensorium"
    originals = write_many(tmp_path / "old", range(60))
    with Collection(library, str(tiny)) as collection:
        collection.add(tmp_path / "old")
    contents = {}
    for folder in (tmp_path / "one", tmp_path / "two"):
        contents |= {str(path): path.read_bytes() for path in write_many(folder, range(60))}
    for path in originals:
        path.unlink()
    adding = [start(ADD, library, tiny, tmp_path / name, 4) for name in ("one", "two")]
    for process in adding:
        finish(process)
    with Collection(library, encoder) as collection:
        collection.prune()
        check_vectors(collection, encoder, contents)


def test_what_is_added_stays_whoever_opens_and_closes_the_collection(
    tmp_path: Path, tiny: Path
) -> None:
    """A second opening in one process must not take the first one's locks with it."""
    library = tmp_path / "test.sensorium"
    pictures = write_many(tmp_path, range(3))
    program = "import sys\nfrom sensorium import Collection\nCollection(sys.argv[1]).close()"
    with Collection(library, str(tiny)) as collection:
        collection.add(pictures[0])
        with Collection(library) as same:
            assert len(same) == 1
        finish(start(program, library))
        collection.add(pictures[1])
        export_collection(collection, tmp_path / "vectors")
        finish(start(program, library))
        collection.add(pictures[2])
    with Collection(library) as collection:
        assert len(collection) == 3
