"""Putting what was written in the place of what was there, in one step, whatever ends the program.

What is being written has a hidden name beside its place (``.NAME.….partial``) and is locked by who
writes it, so that the next run can tell what a killed one left behind, and removes that.

Devices, pipes and open files (``/dev/null``, ``/dev/stdout``) are not replaced: they get what was
written.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import hashlib
import os
import re
import shutil
import stat
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # Windows, where a file that somebody has open cannot be deleted
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".partial"
LOCK = "lock"

YOUNG_SECONDS = 60
"""Without a lock, so old a folder that is not empty is no one's."""

MOST_OF_A_NAME = 200
"""Bytes of a name that a hidden one beside it has of it: file systems take 255 in all."""

_OPEN_FILES = re.compile(r"/proc/\d+/(task/\d+/)?fd|/dev/fd")

AT_FDCWD = -100
RENAME_EXCHANGE = 2
RENAME_SWAP = 2
"""Of renameat2 (linux/fs.h) and of macOS's renamex_np (stdio.h)."""


def is_special(path: Path) -> bool:
    """Whether a path is a device, a pipe or an open file, which nothing can take the place of."""
    with contextlib.suppress(OSError):
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            return True
        for _ in range(40):  # links that Linux follows
            if _OPEN_FILES.fullmatch(os.path.realpath(path.parent)):
                return True
            if not path.is_symlink():
                break
            path = path.parent / path.readlink()
    return False


@contextmanager
def poured(path: Path) -> Iterator[Path]:
    """Give a name to write to; what was written goes into a device, a pipe or an open file.

    Yields
    ------
    Path
        Does not exist; of the same name as `path`.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="sensorium-") as folder:
        new = Path(folder) / path.name
        yield new
        # "a": where the open file is one of a disk, it may have something already.
        with new.open("rb") as source, path.open("ab", buffering=0) as target:
            shutil.copyfileobj(source, target)


def name_beside(name: str) -> str:
    """What hidden names beside a file begin with: its name, or of a long one a digest."""
    written = os.fsencode(name)
    if len(written) <= MOST_OF_A_NAME:
        return name
    return hashlib.sha256(written).hexdigest()[:32]


@contextmanager
def hidden_beside(path: Path) -> Iterator[Path]:
    """Give a name to write to, in a hidden folder beside a path, which is removed in the end.

    Yields
    ------
    Path
        Does not exist; of the same name as `path`. What is to stay of it is moved by the caller.

    Raises
    ------
    OSError
        When nothing can be written there.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        path.lstat()  # a name that is too long is told before anything is written
    remove_abandoned(path)
    folder, lock = _locked_folder(path)
    try:
        yield folder / path.name
    finally:
        try:
            _clear(folder, lock)
        except BaseException:  # somebody pressed Ctrl-C, perhaps again
            _clear(folder, lock)
            raise


def _clear(folder: Path, lock: IO[bytes]) -> None:
    """Remove a hidden folder of this process."""
    # The lock goes last: without it, what a kill leaves now would be no one's only in a minute.
    with contextlib.suppress(FileNotFoundError):
        for path in list(folder.iterdir()):
            if path.name != LOCK:
                _remove(path)
    lock.close()
    shutil.rmtree(folder, ignore_errors=True)


def _locked_folder(path: Path) -> tuple[Path, IO[bytes]]:
    """Make a hidden folder beside a path, and lock it.

    Until it is locked it looks like what a killed process left, and another may remove it: then
    there is a next one.
    """
    while True:
        prefix = f".{name_beside(path.name)}."
        folder = Path(tempfile.mkdtemp(prefix=prefix, suffix=SUFFIX, dir=path.parent))
        try:
            lock = (folder / LOCK).open("wb")
        except FileNotFoundError:
            if not folder.exists() and path.parent.exists():
                continue
            raise
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        if fcntl is None:
            return folder, lock
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # it is being removed
            lock.close()
            continue
        except OSError:  # a network's file system may have no locks
            return folder, lock
        if (folder / LOCK).exists():
            return folder, lock
        lock.close()


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


@contextmanager
def unfinished(path: Path, *, over_a_folder: bool = False) -> Iterator[Path]:
    """Give a name to write a file or a folder to, which takes its place when all is on disk.

    Where there is something, the two are exchanged: readers find the old or the new one at every
    moment. See `exchange` for where that holds. When writing fails, or the program is killed, the
    old one stays. What `is_special` gets what was written, and stays.

    Parameters
    ----------
    path : Path
        Its folder is made.
    over_a_folder : bool
        Whether a file may take the place of a folder, and of all that is in it.

    Yields
    ------
    Path
        See `hidden_beside`.

    Raises
    ------
    OSError
        When it cannot be written, or is a folder and what was written a file.
    """
    if is_special(path):
        with poured(path) as new:
            yield new
        return
    with hidden_beside(path) as new:
        yield new
        flush(new)
        if path.is_dir() and not (new.is_dir() or over_a_folder):
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
        if os.path.lexists(path):
            exchange(new, path)
        else:
            new.rename(path)


def remove_abandoned(path: Path) -> list[Path]:
    """Remove what killed processes left of `path`; what others are writing stays.

    Returns
    -------
    list of Path
        What was removed.
    """
    removed = []
    prefix = f".{name_beside(path.name)}."
    with contextlib.suppress(OSError):
        for entry in os.scandir(path.parent):
            name, is_ours = entry.name, entry.name.endswith(SUFFIX)
            if not (is_ours and name.startswith(prefix) and entry.is_dir()):
                continue
            # Between the two: what mkdtemp adds, and no name of another thing.
            middle = name.removeprefix(prefix).removesuffix(SUFFIX)
            folder = Path(entry.path)
            if "." not in middle and not folder.is_symlink() and _remove_if_abandoned(folder):
                removed.append(folder)
    return removed


def exchange(new: Path, old: Path) -> None:
    """Let two names change what they stand for.

    In one step on Linux (renameat2) and macOS (renamex_np), where the file system can do that, as
    all usual ones do. Elsewhere a file is replaced in one step, and a folder is moved away and the
    new one moved to its place, between which readers find nothing for some microseconds; a kill
    between the two leaves the old one in the hidden folder.

    Raises
    ------
    OSError
        When it cannot be done; both are as they were.
    """
    if _exchanged(new, old):
        return
    if new.is_file() and old.is_file():
        new.replace(old)
        return
    aside = new.with_name(f"{new.name}.replaced")
    old.rename(aside)
    try:
        new.rename(old)
    except OSError:
        aside.rename(old)
        raise


def _exchanged(new: Path, old: Path) -> bool:
    """Whether the system could do it in one step; False where it has no such call."""
    first, second = os.fsencode(new), os.fsencode(old)
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            result = libc.renamex_np(first, second, RENAME_SWAP)
        else:
            result = libc.renameat2(AT_FDCWD, first, AT_FDCWD, second, RENAME_EXCHANGE)
    except (OSError, TypeError, AttributeError):  # Windows, or a C library without the call
        return False
    if result == 0:
        return True
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EPERM):
        return False
    raise OSError(number, os.strerror(number), str(old))


def _remove_if_abandoned(folder: Path) -> bool:
    """Remove a hidden folder, unless somebody is writing into it."""
    with contextlib.suppress(OSError):
        folder.rmdir()  # empty: its writer was killed before it locked it, or makes another
        return True
    try:
        if not (folder / LOCK).exists():
            if folder.stat().st_mtime >= time.time() - YOUNG_SECONDS:
                return False
        elif fcntl is None:
            (folder / LOCK).unlink()
        else:
            with (folder / LOCK).open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                # Locked while it is removed, so that its writer knows of it.
                shutil.rmtree(folder, ignore_errors=True)
                return True
        shutil.rmtree(folder, ignore_errors=True)
    except OSError:
        return False
    return True


def flush(path: Path) -> None:
    """Let a file, or all files of a folder, be on disk before anything else is done."""
    for file in [path, *path.rglob("*")]:
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
