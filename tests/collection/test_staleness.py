"""Files that changed or went since they were indexed are marked; `verify` finds hidden changes."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Collection
from sensorium.collection import staleness
from sensorium.collection.staleness import state_of, states_of
from sensorium.encoders import Encoder
from tests.collection.pictures import check_vectors, png, write, write_many


def states(collection: Collection, folder: Path) -> dict[str, str]:
    hits = collection.search(folder / "query.png", k=100)
    found = dict(zip((Path(hit.path).name for hit in hits), states_of(hits), strict=True))
    assert found == {Path(hit.path).name: hit.state for hit in hits}
    assert found == {Path(item.path).name: item.state for item in collection.items()}
    return {name: state for name, state in found.items() if state}


def test_a_hit_says_what_became_of_its_file(
    collection: Collection, folder: Path, tmp_path: Path
) -> None:
    files = write_many(folder, range(9))
    write(tmp_path / "target.png", 20)
    (folder / "link.png").symlink_to(tmp_path / "target.png")
    collection.add(folder)
    write(folder / "query.png", 0)
    assert states(collection, folder) == {}

    files[0].unlink()
    write(files[1], 100)  # another picture
    os.utime(files[2], (1, 1))  # the same one, saved again
    files[3].write_bytes(png(3) + b"\0")  # of the same time, and longer
    os.utime(files[3], ns=(0, files[3].stat().st_mtime_ns))
    files[4].unlink()
    files[4].mkdir()
    (tmp_path / "target.png").unlink()
    files[5].rename(folder / "renamed.png")
    files[6].unlink()
    files[6].symlink_to(files[6])
    assert states(collection, folder) == {
        "0000.png": "gone", "0001.png": "changed", "0002.png": "changed", "0003.png": "changed",
        "0004.png": "changed", "0005.png": "gone", "0006.png": "unreachable", "link.png": "gone",
    }  # fmt: skip

    files[6].unlink()
    files[4].rmdir()
    collection.add(folder)
    collection.prune()
    assert states(collection, folder) == {}


def test_a_file_that_is_put_back_is_no_other(collection: Collection, folder: Path) -> None:
    (file,) = write_many(folder, range(1))
    write(folder / "query.png", 0)
    collection.add(file)
    times = (file.stat().st_atime_ns, file.stat().st_mtime_ns)
    file.unlink()
    assert states(collection, folder) == {"0000.png": "gone"}
    write(file, 0)
    os.utime(file, ns=times)
    assert states(collection, folder) == {}


def test_folders_that_are_gone_or_not_a_folder_now(collection: Collection, folder: Path) -> None:
    write(folder / "query.png", 0)
    for name in ("drive", "file"):
        write(folder / name / f"{name}.png", len(name))
    collection.add(folder / "drive", folder / "file")
    (folder / "drive").rename(folder / "elsewhere")
    (folder / "file" / "file.png").unlink()
    (folder / "file").rmdir()
    (folder / "file").write_text("a file")
    assert states(collection, folder) == {"drive.png": "gone", "file.png": "gone"}


def test_what_was_never_a_file_here_has_no_state(collection: Collection, folder: Path) -> None:
    late = folder / "late.png"
    write(folder / "query.png", 0)
    there = write(folder / "there.png", 1)
    keys = ["https://example.org/a.png", "17", "relative.png", str(late), str(there)]
    collection.add_vectors(np.eye(len(keys), collection.encoder.space.dimension), keys)
    found = {item.path: item.state for item in collection.items()}
    assert found == {**dict.fromkeys(keys, ""), str(late): "gone"}
    write(late, 2)  # it came after its vector: nobody knows whether that is of it
    assert collection.get(late).state == ""  # type: ignore[union-attr]
    write(there, 3)
    os.utime(there, (5, 5))
    assert collection.get(there).state == "changed"  # type: ignore[union-attr]


def test_a_time_beyond_what_is_stored_is_no_change(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"a")
    late = (2**63 - 1) // 10**9 + 100  # seconds: in nanoseconds more than SQLite holds
    try:
        os.utime(file, (late, late))
    except OSError:
        pytest.skip("this file system holds no such time")
    from sensorium.collection.rows import FileState

    stored = FileState.of(str(file), file.stat())
    assert state_of(str(file), (stored.size, stored.mtime_ns)) == ""


@pytest.mark.parametrize("path", ["//evil/share/a.png", r"\\evil\share\b.png", "/net/evil/c.png"])
def test_other_machines_are_not_looked_at(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def looked(*_: Any) -> None:
        raise AssertionError("it was looked at")

    with monkeypatch.context() as changes:
        changes.setattr(os, "stat", looked)
        found = state_of(path, (1, 1))
    assert found == ""


def test_damaged_columns_are_a_change_and_no_error(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(b"a")
    damaged: Any = ("x", None)
    assert state_of(str(file), damaged) == "changed"
    assert state_of("/a\0b", (1, 1)) == "unreachable"


def test_a_server_that_does_not_answer_lets_nobody_wait(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files behind it are unreachable, those of this machine are not."""
    files = write_many(folder, range(6))
    collection.add(folder)
    files[5].unlink()
    answers, real = threading.Event(), staleness.state_of

    def slow(path: str, indexed: Any) -> str:
        if path in map(str, files[:2]):
            answers.wait(20)
        return real(path, indexed)

    monkeypatch.setattr(staleness, "state_of", slow)
    try:
        found = states_of(list(collection.items()), patience=0.2)
    finally:
        answers.set()
    assert found == ["unreachable", "unreachable", "", "", "", "gone"]
    assert states_of([]) == []


def test_many_files_take_one_thread(
    collection: Collection, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files that answer, each a little later, are waited for however many they are."""
    write_many(folder, range(12))
    collection.add(folder)
    seen = set()

    def late(path: str, indexed: Any) -> str:
        seen.add(threading.current_thread())
        time.sleep(0.03)
        return ""

    monkeypatch.setattr(staleness, "state_of", late)
    assert states_of(list(collection.items()), patience=0.2) == [""] * 12
    assert len(seen) == 1


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="Linux says what is mounted")
def test_what_waits_for_no_server_takes_no_thread(
    collection: Collection, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the second look on; a link may lead anywhere, and so may a folder after a while."""
    files = write_many(folder, range(4))
    write(tmp_path / "target.png", 20)
    link = folder / "link.png"
    link.symlink_to(tmp_path / "target.png")
    collection.add(folder)
    items = list(collection.items())
    monkeypatch.setattr(staleness, "_near", {})
    assert states_of(items) == [""] * 5
    if str(folder) not in staleness._near:
        pytest.skip("the folder of the test is on no file system that is known to be near")
    looked: dict[str, threading.Thread] = {}
    real = staleness.state_of

    def noted(path: str, indexed: Any) -> str:
        looked[path] = threading.current_thread()
        return real(path, indexed)

    monkeypatch.setattr(staleness, "state_of", noted)
    files[1].unlink()
    assert states_of(items)[1] == "gone"
    own = threading.current_thread()
    assert [looked[str(file)] for file in files] == [own] * 4 and looked[str(link)] is not own
    staleness._near[str(folder)] = time.monotonic() - 1
    assert states_of(items)[1] == "gone" and own not in looked.values()


def hide(file: Path, seed: int) -> None:
    """Put other content of equal size and time into a file."""
    before = file.stat()
    content = png(seed)
    size = max(before.st_size, len(content))
    assert size == before.st_size, "choose another seed"
    file.write_bytes(content + bytes(size - len(content)))
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_verify_finds_what_size_and_time_hide(
    collection: Collection, folder: Path, encoder: Encoder
) -> None:
    files = write_many(folder, range(6))
    for file in files:  # room for other pictures
        file.write_bytes(file.read_bytes() + bytes(64))
    collection.add(folder, metadata={"kept": "yes"})
    hide(files[1], 101)
    hide(files[4], 102)
    report = collection.add(folder)
    assert (report.unchanged, report.updated, report.compared) == (6, 0, 0)
    total = collection._store.state().changes.total

    report = collection.add(folder, verify=True)
    assert (report.unchanged, report.updated, report.embedded, report.compared) == (4, 2, 2, 6)
    check_vectors(collection, encoder, {str(file): file.read_bytes() for file in files})
    assert all(item.metadata["kept"] == "yes" for item in collection.items())
    assert collection._store.state().changes.total > total

    total = collection._store.state().changes.total
    report = collection.add(folder, verify=True)
    assert (report.unchanged, report.updated, report.compared) == (6, 0, 6)
    assert collection._store.state().changes.total == total  # nothing is written for what is same


def test_verify_takes_over_what_is_known_and_what_is_said(
    collection: Collection, folder: Path
) -> None:
    files = write_many(folder, range(3))
    for file in files:
        file.write_bytes(file.read_bytes() + bytes(64))
    collection.add(folder)
    before = files[0].stat()
    files[0].write_bytes(files[1].read_bytes())  # a copy of what is known
    files[0].write_bytes(files[0].read_bytes()[: before.st_size].ljust(before.st_size, b"\0"))
    os.utime(files[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    write(folder / "new.png", 7)
    report = collection.add(folder, verify=True, metadata={"said": 1})
    assert (report.added, report.updated, report.unchanged, report.compared) == (1, 1, 2, 3)
    assert all(item.metadata["said"] == 1 for item in collection.items())


@pytest.mark.slow
def test_verify_loses_nothing_of_what_cannot_be_read(
    collection: Collection, folder: Path, encoder: Encoder
) -> None:
    files = write_many(folder, range(2))
    content = {str(file): file.read_bytes() for file in files}
    collection.add(folder)
    before = files[0].stat()
    files[0].write_bytes(b"\0" * before.st_size)
    os.utime(files[0], ns=(before.st_atime_ns, before.st_mtime_ns))
    report = collection.add(folder, verify=True)
    assert (report.compared, report.unchanged, len(report.skipped)) == (1, 1, 1)
    check_vectors(collection, encoder, content)
