"""Digests are noted while a file is as it was, and never told of another content."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sensorium.encoders import digests
from sensorium.encoders.digests import LEAST_BYTES, NOTES, SETTLED_SECONDS, digest
from sensorium.home import sensorium_home

pytestmark = pytest.mark.skipif(os.name == "nt", reason="nothing is noted there")


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Files that were read for a digest, with the clock ahead: everything has settled."""
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    now = time.time()
    monkeypatch.setattr(digests.time, "time", lambda: now + 10 * SETTLED_SECONDS)
    found: list[Path] = []
    computed = digests._computed

    def noted(path: Path) -> bytes:
        found.append(path)
        return computed(path)

    monkeypatch.setattr(digests, "_computed", noted)
    return found


def large(path: Path, letter: bytes = b"a") -> Path:
    path.write_bytes(letter * LEAST_BYTES)
    return path


def true(path: Path) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def test_a_file_is_read_once(tmp_path: Path, read: list[Path]) -> None:
    path = large(tmp_path / "weights")
    assert digest(path) == digest(path) == true(path)
    assert read == [path]


def rewritten(path: Path) -> None:
    """In place, of the same size, and its time put back."""
    times = path.stat()
    path.write_bytes(b"b" * LEAST_BYTES)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def replaced(path: Path) -> None:
    """By a file of the same size and time."""
    other = large(path.with_name("other"), b"b")
    times = path.stat()
    os.utime(other, ns=(times.st_atime_ns, times.st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [rewritten, replaced])
def test_a_changed_file_is_read_again(
    change: Callable[[Path], None], tmp_path: Path, read: list[Path]
) -> None:
    path = large(tmp_path / "weights")
    first = digest(path)
    time.sleep(0.02)  # the clock of a file system may tick a hundred times a second
    change(path)
    assert digest(path) == true(path) != first
    assert read == [path, path]


def test_what_was_just_written_is_not_noted(
    tmp_path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = large(tmp_path / "weights")
    written = path.stat().st_ctime
    monkeypatch.setattr(digests.time, "time", lambda: written + SETTLED_SECONDS / 2)
    assert digest(path) == digest(path)
    assert read == [path, path] and not (sensorium_home() / NOTES).exists()


def test_small_files_are_not_noted(tmp_path: Path, read: list[Path]) -> None:
    path = tmp_path / "small"
    path.write_bytes(b"few")
    assert digest(path) == digest(path) == true(path)
    assert len(read) == 2 and not (sensorium_home() / NOTES).exists()


@pytest.mark.parametrize("notes", [b"", b"[]", b"{", b'{"PATH": 3}', b'{"PATH": [1, 2]}', b"\xff"])
def test_damaged_notes_are_none(notes: bytes, tmp_path: Path, read: list[Path]) -> None:
    path = large(tmp_path / "weights")
    digest(path)
    (sensorium_home() / NOTES).write_bytes(notes.replace(b"PATH", str(path).encode()))
    assert digest(path) == true(path) and len(read) == 2


def test_a_home_that_cannot_be_written(
    tmp_path: Path, read: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "file"))
    path = large(tmp_path / "weights")
    assert digest(path) == digest(path) == true(path) and len(read) == 2
