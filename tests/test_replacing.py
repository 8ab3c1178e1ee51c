"""What takes the place of what was there: old or new at every moment, whatever is killed."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from sensorium import replacing
from sensorium.replacing import LOCK, SUFFIX, exchange, remove_abandoned, unfinished

fcntl: Any = replacing.fcntl
posix = pytest.mark.skipif(os.name == "nt", reason="locks and signals of POSIX")


def fill(folder: Path, text: str) -> None:
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_text(text)


@pytest.fixture(params=["in one step", "without such a call"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param != "in one step":
        monkeypatch.setattr(replacing, "_exchanged", lambda new, old: False)
    return str(request.param)


def test_folders_and_files_take_a_place(tmp_path: Path, way: str) -> None:
    for text in ("one", "two", "three"):
        with unfinished(tmp_path / "new" / "folder") as new:
            assert not new.exists()
            fill(new, text)
        with unfinished(tmp_path / "new" / "file") as new:
            new.write_text(text)
        assert (tmp_path / "new" / "folder" / "a").read_text() == text
        assert (tmp_path / "new" / "file").read_text() == text
        assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["file", "folder"]


def test_what_fails_leaves_the_old_one(tmp_path: Path, way: str) -> None:
    fill(tmp_path / "x", "old")
    with pytest.raises(OSError, match="full"), unfinished(tmp_path / "x") as new:
        fill(new, "new")
        raise OSError(errno.ENOSPC, "full")
    with pytest.raises(KeyboardInterrupt), unfinished(tmp_path / "x") as new:
        raise KeyboardInterrupt
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x" / "b").read_text() == "old"
    with pytest.raises(OSError), unfinished(tmp_path / "x" / "a" / "below"):
        pass


def test_two_that_cannot_change_places_stay(tmp_path: Path, way: str) -> None:
    fill(tmp_path / "x", "old")
    with pytest.raises(OSError):
        exchange(tmp_path / "nowhere", tmp_path / "x")
    assert (tmp_path / "x" / "a").read_text() == "old"


@posix
def test_only_what_the_dead_left_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with unfinished(path) as new:
        assert remove_abandoned(path) == []  # it is being written, by this very process
        new.mkdir()
    dead = tmp_path / f".out.abc{SUFFIX}"
    dead.mkdir()
    (dead / LOCK).touch()
    bare = tmp_path / f".out.def{SUFFIX}"
    fill(bare, "of a file system without locks")
    empty = tmp_path / f".out.jkl{SUFFIX}"
    empty.mkdir()
    others = [
        tmp_path / name for name in (".other.abc.partial", ".out.abc.d.partial", "out.partial")
    ]
    for other in others:
        other.mkdir()
        (other / LOCK).touch()
    link = tmp_path / f".out.ghi{SUFFIX}"
    link.symlink_to(others[0])
    assert {*remove_abandoned(path)} == {dead, empty}  # the bare one may be written to
    os.utime(bare, (0, time.time() - 3600))
    assert remove_abandoned(path) == [bare]
    assert all(other.is_dir() for other in (*others, link))


@posix
@pytest.mark.parametrize("moment", ["mkdtemp", "open"])
def test_a_folder_that_is_cleaned_away_before_it_is_locked_is_made_again(
    tmp_path: Path, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What another run takes for left by a kill, between its making and its locking."""
    path, cleaned = tmp_path / "out", list[Path]()
    make, flock = tempfile.mkdtemp, fcntl.flock

    def made(**options: Any) -> str:
        folder = make(**options)
        if moment == "mkdtemp" and not cleaned:
            cleaned.extend(remove_abandoned(path))
        return folder

    def locked(file: Any, operation: int) -> None:
        if moment == "open" and not cleaned:
            cleaned.append(path)  # the cleaning locks, too
            cleaned.extend(remove_abandoned(path))
        flock(file, operation)

    monkeypatch.setattr(tempfile, "mkdtemp", made)
    monkeypatch.setattr(fcntl, "flock", locked)
    with unfinished(path) as new:
        fill(new, "new")
        assert remove_abandoned(path) == []
    assert cleaned[-1].name.endswith(SUFFIX) and [*tmp_path.iterdir()] == [path]


@posix
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a folder is away for a moment")
def test_readers_find_the_old_or_the_new_one(tmp_path: Path) -> None:
    fill(tmp_path / "x", "0")
    stop, wrong, seen = Event(), list[str](), set[str]()

    def read() -> None:
        while not stop.is_set():
            try:
                seen.add((tmp_path / "x" / "a").read_text())
            except OSError as error:
                wrong.append(str(error))

    reader = Thread(target=read)
    reader.start()
    for number in range(1, 60):
        with unfinished(tmp_path / "x") as new:
            fill(new, str(number))
    stop.set()
    reader.join()
    assert not wrong and len(seen) > 1 and "" not in seen


WRITING = """
import sys
from pathlib import Path
from sensorium.replacing import unfinished
number = int(sys.argv[2])
print("ready", flush=True)
while True:
    number += 1
    with unfinished(Path(sys.argv[1])) as new:
        new.mkdir()
        for name in "abcdefgh":
            (new / name).write_text(str(number) * 2000)
"""


@posix
@pytest.mark.slow
def test_kills_at_any_moment_leave_a_whole_folder(tmp_path: Path) -> None:
    rng, path, numbers = random.Random(0), tmp_path / "out", []
    for attempt in range(60):
        command = [sys.executable, "-c", WRITING, str(path), str(1000 * (attempt + 1))]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None and process.stdout.readline() == b"ready\n"
            time.sleep(rng.uniform(0, 0.2))
            process.kill()
        assert process.returncode == -signal.SIGKILL
        if path.exists():
            texts = {file.read_text() for file in path.iterdir()}
            assert len(texts) == 1 and len([*path.iterdir()]) == 8
            numbers.append(texts.pop()[:8])
    assert len({*numbers}) > 3  # a busy disk takes longer than most of them live
    with unfinished(path) as new:
        new.mkdir()
    assert [*tmp_path.iterdir()] == [path]  # nothing hidden is left


def test_the_lock_goes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a kill leaves while the rest is removed is known for what it is at once."""
    removed: list[bool] = []

    def killed(path: Path) -> None:
        removed.append((path.parent / replacing.LOCK).exists())
        raise KeyboardInterrupt

    monkeypatch.setattr(replacing, "_remove", killed)
    with pytest.raises(KeyboardInterrupt), replacing.hidden_beside(tmp_path / "e") as place:
        place.mkdir()
    assert removed == [True, True]  # tried once more
    assert len(replacing.remove_abandoned(tmp_path / "e")) == 1
    assert not list(tmp_path.iterdir())


def test_ctrl_c_while_it_is_removed_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove, pressed = shutil.rmtree, []

    def once(path: Path, ignore_errors: bool = False) -> None:
        if not pressed:
            pressed.append(path)
            raise KeyboardInterrupt
        remove(path, ignore_errors=ignore_errors)

    monkeypatch.setattr(replacing.shutil, "rmtree", once)
    with pytest.raises(KeyboardInterrupt), replacing.hidden_beside(tmp_path / "e") as place:
        place.write_text("new")
    assert pressed and not list(tmp_path.iterdir())
