"""What takes the place of what was there: old or new at every moment, whatever is killed."""

from __future__ import annotations

import errno
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from sensorium import replacing
from sensorium.errors import UsageError, WriteError
from sensorium.folders import named_file, whole
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


class Reader(Thread):
    """What comes out of a pipe's other end."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self.path, self.got = path, b""
        self.start()

    def run(self) -> None:
        self.got = self.path.read_bytes()


def written_by_all(path: Path, text: str) -> None:
    """Write a file in each of the ways that put it in place when it is whole."""
    with unfinished(path) as new:
        new.write_text(text)
    with whole(path) as new:
        new.write_text(text)
    with named_file(path) as new:
        new.write_text(text)


@posix
def test_a_pipe_gets_what_is_written_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for way in (unfinished, whole, named_file):
        reader = Reader(pipe)
        with way(pipe) as new:
            new.write_text("some words")
        reader.join(10)
        assert reader.got == b"some words"
        assert pipe.is_fifo()
    assert list(tmp_path.iterdir()) == [pipe]


@posix
def test_a_device_stays_one(tmp_path: Path) -> None:
    null = tmp_path / "null"
    try:
        os.mknod(null, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        null.write_bytes(b"")
    except OSError:
        pytest.skip("devices are made by root, where the file system has them")
    written_by_all(null, "some words")
    assert null.is_char_device()
    assert list(tmp_path.iterdir()) == [null]


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="open files have no names here")
@pytest.mark.parametrize("is_file", [True, False])
def test_an_open_file_gets_what_is_written_behind_what_it_has(
    tmp_path: Path, is_file: bool
) -> None:
    reader, handle = (-1, -1)
    kept = tmp_path / "kept"
    if is_file:
        handle = os.open(kept, os.O_CREAT | os.O_WRONLY)
    else:
        reader, handle = os.pipe()
    link = tmp_path / "stdout"
    link.symlink_to(f"/proc/self/fd/{handle}")  # as /dev/stdout is one
    try:
        os.write(handle, b"before, ")
        written_by_all(link, "words")
        assert link.is_symlink()
        got = kept.read_bytes() if is_file else os.read(reader, 100)
    finally:
        for one in {reader, handle} - {-1}:
            os.close(one)
    assert got == b"before, wordswordswords"


@pytest.mark.parametrize("name", ["n" * 255, "图" * 85])
def test_a_name_may_be_as_long_as_a_file_system_takes(tmp_path: Path, name: str, way: str) -> None:
    path = tmp_path / name
    for text in ("one", "two"):
        written_by_all(path, text)
        assert path.read_text() == text
    with pytest.raises(ZeroDivisionError), unfinished(path) as new:
        new.write_text("three")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == [path]


def test_a_folder_gives_no_place_to_a_file(tmp_path: Path, way: str) -> None:
    fill(tmp_path / "photos", "precious")
    with pytest.raises(IsADirectoryError), unfinished(tmp_path / "photos") as new:
        new.write_text("a summary")
    folder = named_file(tmp_path / "photos")
    with pytest.raises(UsageError, match=r"photos is a folder.*name a file"), folder:
        raise AssertionError("said before anything is written")
    assert (tmp_path / "photos" / "a").read_text() == "precious"
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
    with unfinished(tmp_path / "photos", over_a_folder=True) as new:
        new.write_text("an export")
    assert (tmp_path / "photos").read_text() == "an export"


def test_two_may_write_a_named_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file"
    with named_file(path) as one:
        one.write_text("one")
        with named_file(path) as another:
            another.write_text("another")
        assert path.read_text() == "another"
    assert path.read_text() == "one" and [*path.parent.iterdir()] == [path]


def test_where_no_file_can_be_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    for place in (tmp_path / "file" / "x", tmp_path / "file" / "x" / "y", tmp_path / ("x" * 256)):
        with pytest.raises(WriteError, match=r"[xy]: cannot be written \("), named_file(place):
            raise AssertionError("there is no place")
    file = named_file(tmp_path / "file")
    with pytest.raises(WriteError, match=r"file: cannot be written .*full"), file:
        raise OSError(errno.ENOSPC, "full")
    assert (tmp_path / "file").read_text() == "old"


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
