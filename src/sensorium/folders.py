"""Folders that say what they are: how one is claimed, written whole, read and checked.

A trained model, or an encoder, is a folder of plain files, and one JSON file in it says of what
kind and format it is (`Format`). That file is written last and put in place in one step, so that a
folder which has it is whole, and what was interrupted is nothing. Nothing else is read before kind
and format are known. It also has its own checksum and those of the other files, which are compared
when it is read. Arrays are read without pickles, tensors from safetensors: nothing that a folder
holds is run.

This lies beside the stations of the data's path, not on it: encoders are such folders, too, and
come before everything that is trained.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import re
import shutil
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, count
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.checksums import KEY, damaged_files, note_files, require_checksum, with_checksum
from sensorium.errors import SensoriumError, UsageError, WriteError
from sensorium.replacing import is_special, name_beside, poured, unfinished

FILES = "files"
"""In a folder's JSON file: size and checksum of every other file (`sensorium.checksums`)."""

WORK = ("checkpoints", "training")
"""Folders of what a training needs while it runs; no part of what it makes."""

REPORTS = ("report.json", "history.json", "curves.png", "README.md")
"""For people: a model is none the worse without, so that only `sensorium check` looks at them."""

COMPARED_BYTES = 1 << 28
"""Files up to this size are compared with their checksums whenever they are read: 70 ms for the
largest. `sensorium check` compares all."""

_ADDRESS = re.compile(r"(s3|gs|az|abfss?|hdfs|https?|s?ftp|file|hf|lance):", re.IGNORECASE)
"""Begins what is no folder. What was a `Path` in between has one slash behind it."""


def local_path(target: str | os.PathLike[str]) -> Path:
    """The whole path of what is to be written on this machine, or in a folder that it shares.

    Raises
    ------
    UsageError
        For an address, of which a folder called ``s3:`` would be made.
    """
    text = os.fspath(target)
    if _ADDRESS.match(text) and "/" in text:
        raise UsageError(f"{text}: it is written to a folder of this machine, not to an address")
    return Path(text).expanduser().absolute()


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where there is none.

    Raises
    ------
    UsageError
        When it cannot be made, or an address was taken for its name.
    """
    if any(map(_ADDRESS.fullmatch, folder.parts)) and not is_folder(folder):
        raise UsageError(f"{folder}: name a folder of this machine, not an address")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL character
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{folder}: the folder cannot be made ({reason})") from error


HISTORY = "history.json"
"""What every training in torch leaves in its folder."""


@dataclass(frozen=True)
class Format:
    """A kind of folder.

    Parameters
    ----------
    file : str
        The JSON file that makes a folder one of this kind.
    what : str
        What such a folder is, in messages: ``"classifier"``.
    instead : str
        What to do where there is none: ``"give the folder that ... wrote"``.
    kind : str or None
        What the file has under ``kind``; None where it says no kind.
    formats : tuple of int
        Formats that are read, in order; the last one is written.
    error : type of SensoriumError
        What is raised.
    """

    file: str
    what: str
    instead: str
    kind: str | None = None
    formats: tuple[int, ...] = (1,)
    error: type[SensoriumError] = UsageError

    def is_in(self, folder: Path) -> bool:
        """Whether a folder says that it is one of this kind."""
        return (folder / self.file).is_file()

    def read(self, folder: Path, *, files: bool = True) -> dict[str, Any]:
        """Read what a folder says that it is.

        Parameters
        ----------
        folder : Path
        files : bool
            Whether the other files are compared with their checksums, up to `COMPARED_BYTES`.

        Raises
        ------
        SensoriumError
            Of the class `error`, when it is no such folder, of a format that is not known, or when
            a file is not as it was written.
        """
        described = self._described(folder)
        noted = described.pop(FILES, None)
        described.pop(KEY, None)
        try:
            for path in all_files(folder):
                if not path.is_file():  # a pipe may never end
                    raise self.error(f"{path}: is no regular file; remove it")
            if files and noted is not None:
                for path, why in damaged_files(folder, noted, COMPARED_BYTES):
                    if path.name not in REPORTS:
                        raise self.error(
                            f"{path}: {why}: this part of the {self.what} was damaged; take a "
                            "whole copy of the folder, or make it again"
                        )
        except (OSError, ValueError) as error:
            raise self.error(f"{folder / self.file}: {error}") from error
        return described

    def damages(self, folder: Path) -> Iterator[tuple[Path, str]]:
        """Compare everything in a folder with its checksums.

        Yields
        ------
        (Path, str)
            A file that is not as it was written, and why.

        Raises
        ------
        SensoriumError
            As `read`.
        """
        noted = self._described(folder).get(FILES)
        if noted is None:
            return
        try:
            yield from damaged_files(folder, noted)
        except ValueError as error:
            yield folder / self.file, str(error)

    def has_checksums(self, folder: Path) -> bool:
        """Whether a folder was written since there are checksums."""
        return FILES in self._described(folder)

    def _described(self, folder: Path) -> dict[str, Any]:
        path = folder / self.file
        try:
            content = json.loads(read_bytes(path).decode("utf-8"))
            if isinstance(content, dict):
                require_checksum(content)
        except (FileNotFoundError, NotADirectoryError):
            there = "" if folder.is_dir() else " is no folder and"
            raise self.error(f"{folder}{there} holds no {self.file}: {self.instead}") from None
        except (OSError, ValueError, RecursionError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or error
            raise self.error(f"{path}: cannot be read ({reason})") from error
        described = content if isinstance(content, dict) else {}
        if described.get("kind", self.kind) != self.kind or (self.kind and "kind" not in described):
            raise self.error(f"{path}: describes no {self.what}")
        if described.get("format") not in self.formats:
            known = " and ".join(map(str, self.formats))
            read = f"format{'s' * (len(self.formats) > 1)} {known}"
            raise self.error(
                f"{path}: format {described.get('format')!r}; this version reads {read}"
            )
        return described

    def require_finished(self, folder: Path) -> None:
        """Refuse what a training of ours left in a folder that has lost its description.

        Its model would be taken for one of somebody else, and used with other settings.

        Raises
        ------
        SensoriumError
            Of the class `error`.
        """
        if (folder / HISTORY).is_file() and not self.is_in(folder):
            raise self.error(
                f"{folder}: its training did not end, or its {self.file} is lost: train it again"
            )

    def write(self, folder: Path, content: Mapping[str, Any]) -> None:
        """Say what a folder is, when everything else in it has been written."""
        remove_unfinished_tensors(folder)
        kind = {} if self.kind is None else {"kind": self.kind}
        path = folder / self.file
        others = [other for other in all_files(folder) if other != path]
        noted = {FILES: note_files(folder, others)} if others else {}
        described = {**kind, "format": self.formats[-1], **content, **noted}
        write_json(path, described, checksum=True)

    def withdraw(self, folder: Path) -> None:
        """Make a folder, or take its description away before what it describes is replaced."""
        make_folder(folder)
        (folder / self.file).unlink(missing_ok=True)

    def claim(self, folder: Path, unfinished: str) -> None:
        """Make a folder for a training that does not write over anything.

        Parameters
        ----------
        folder : Path
        unfinished : str
            What a killed training left in it, which is gone on with.

        Raises
        ------
        UsageError
            When a training has ended in it already, or it holds something else.
        """
        if (folder / self.file).exists():
            # A training that was killed on its last step has not removed what it went on from.
            shutil.rmtree(folder / unfinished, ignore_errors=True)
            raise UsageError(f"{folder} holds a trained model: give another folder, or delete it")
        if folder.exists() and not folder.is_dir():
            raise UsageError(f"{folder} is a file: give a folder")
        if folder.is_dir() and any(folder.iterdir()) and not (folder / unfinished).is_dir():
            raise UsageError(f"{folder} holds other files: give a new or an empty folder")
        make_folder(folder)

    @contextmanager
    def reading(self, folder: Path) -> Iterator[None]:
        """Say that a folder is damaged where reading it fails inside; our own errors pass.

        Raises
        ------
        SensoriumError
            Of the class `error`.
        """
        try:
            yield
        except (SensoriumError, ImportError):
            raise
        except BaseException as error:
            # Readers below raise nearly anything for what does not fit; those in Rust have a
            # panic of theirs, which is no Exception.
            if not isinstance(error, Exception) and type(error).__name__ != "PanicException":
                raise
            raise self.error(f"{folder}: the {self.what} is damaged ({error!r:.200})") from error


def apart(names: Sequence[str]) -> list[str]:
    """Names for files of one folder: those that come again get numbers, ``photo-2``.

    Letter case alone tells none apart, as on many file systems.
    """
    used: set[str] = set()
    found = []
    for name in names:
        numbered = chain([name], (f"{name}-{n}" for n in count(2)))
        chosen = next(one for one in numbered if one.casefold() not in used)
        used.add(chosen.casefold())
        found.append(chosen)
    return found


def all_files(folder: Path) -> list[Path]:
    """Whatever is in a folder that is no folder itself, but for `WORK` and what is hidden."""
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(n for n in folders if n not in WORK and not n.startswith("."))
        found += [
            Path(place, name)
            for name in sorted(names)
            if not name.startswith(".") and not name.endswith(".part")
        ]
    return found


def require_same(path: Path, mine: Mapping[str, Any], folder: Path, delete: Path) -> bool:
    """Refuse a folder in which something else is being trained than what goes on now.

    Parameters
    ----------
    path : Path
        The file in which a training noted what it is (`write_json`).
    mine : mapping
        What this training is, as JSON has it.
    folder : Path
        The training's folder, for the message.
    delete : Path
        What to delete to begin anew.

    Returns
    -------
    bool
        Whether there is such a note already.

    Raises
    ------
    UsageError
        Naming what is different.
    """
    try:
        stored = json.loads(read_bytes(path).decode("utf-8"))
        if not isinstance(stored, dict):
            raise ValueError(f"it holds {stored!r:.40}")
    except (OSError, ValueError, RecursionError):
        return False
    now = json.loads(json.dumps(mine))
    different = [
        f"{name} was {stored.get(name)}, now {now.get(name)}"
        for name in dict.fromkeys((*now, *stored))
        if stored.get(name) != now.get(name)
    ]
    if different:
        raise UsageError(
            f"{folder} holds another training ({'; '.join(different)}); give another folder, or "
            f"delete {delete} to start anew"
        )
    return True


MOST_JSON = 1 << 28
"""Bytes of a JSON file; reports and results have up to some tens of millions."""


def read_bytes(path: Path, most: int = MOST_JSON) -> bytes:
    """Read a file that may come from anybody: a regular one, of a bounded size.

    Raises
    ------
    OSError
        When it cannot be read, or is a pipe or a device, which may never end.
    ValueError
        When it is larger than `most` bytes.
    """
    # Opening a pipe that nobody writes to waits for ever without O_NONBLOCK (POSIX).
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if stat.S_ISDIR(status.st_mode):
            raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        if status.st_size > most:
            raise ValueError(f"{status.st_size:,} bytes, at most {most:,} are read")
        return file.read(most)


@contextmanager
def whole(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Give a place for the new content of a file, which takes the file's place in one step.

    Parameters
    ----------
    path : Path
        A device, a pipe or an open file gets the content, and stays.
    shared : bool
        Whether several processes may write it at once; each gets a place of its own.

    Raises
    ------
    WriteError
        When the disk is full, or nothing can be written there. The old content stays.
    """
    part = path.with_name(f"{name_beside(path.name)}{f'.{os.urandom(4).hex()}' * shared}.part")
    try:
        if is_special(path):
            with poured(path) as part:
                yield part
            return
        part.unlink(missing_ok=True)  # a link to another file, in a folder from elsewhere
        yield part
        with part.open("rb") as file:
            os.fsync(file.fileno())  # else a power failure may leave the new name without content
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        if isinstance(error, SensoriumError):
            raise
        reason = error.strerror or error
        raise WriteError(f"{path}: cannot be written ({reason}); nothing was changed") from error
    except BaseException:
        with contextlib.suppress(OSError):  # a full disk has it, too
            part.unlink(missing_ok=True)
        raise


@contextmanager
def named_file(path: Path) -> Iterator[Path]:
    """Give a place for a file that a person named, which takes its place in one step.

    Its folder is made. Several processes may write it at once: the last one's stays. A device, a
    pipe or an open file (``/dev/stdout``) gets what was written.

    Parameters
    ----------
    path : Path

    Yields
    ------
    Path
        Of the same name, in another folder.

    Raises
    ------
    UsageError
        When it is a folder, which stays.
    WriteError
        When nothing can be written there, or the disk is full. The old content stays.
    """
    require_no_folder(path)
    try:
        with unfinished(path) as new:
            yield new
    except OSError as error:
        if isinstance(error, SensoriumError):
            raise
        reason = error.strerror or error
        raise WriteError(f"{path}: cannot be written ({reason}); nothing was changed") from error


def is_folder(path: Path) -> bool:
    """Whether a folder is there; not where a name is too long, or that may not be known."""
    with contextlib.suppress(OSError):
        return path.is_dir()
    return False


def require_no_folder(path: Path) -> None:
    """Refuse a folder where a file is to be written, before anything is worked out.

    Raises
    ------
    UsageError
    """
    if is_folder(path):
        raise UsageError(f"{path} is a folder, and what is written is one file: name a file")


def write_json(path: Path, content: Any, *, shared: bool = False, checksum: bool = False) -> None:
    """Write JSON, whole or not at all; dataclasses as objects, paths as texts. See `whole`.

    With a `checksum`, an object gets one (`sensorium.checksums.require_checksum`).
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, default=_plain)
    if checksum:
        text = json.dumps(with_checksum(json.loads(text)), indent=1, ensure_ascii=False)
    with whole(path, shared=shared) as part:
        part.write_text(text + "\n", "utf-8")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    raise TypeError(f"{type(value).__name__} is no JSON: {value!r:.80}")


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write arrays as ``.npz`` without pickles, whole or not at all."""
    with whole(path) as part, part.open("wb") as file:  # given a name, NumPy would add .npz to it
        np.savez(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read what `write_arrays` wrote.

    Raises
    ------
    OSError, ValueError
        When the file is missing or damaged, or holds a pickle.
    """
    import zipfile  # only when a file is read: imports are counted in milliseconds

    require_regular(path)
    try:
        with zipfile.ZipFile(path) as packed:
            for member in packed.infolist():  # a few kilobytes can be packed gigabytes
                if member.compress_type != zipfile.ZIP_STORED:
                    raise ValueError(f"{member.filename!r} is compressed")
        # NumPy compares each array with the CRC-32 that the archive has of it.
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (OSError, ValueError):
        raise
    except Exception as error:  # NumPy and zipfile raise nearly any exception
        raise ValueError(f"{path.name}: {error!r:.200}") from error


def require_regular(path: Path) -> None:
    """Refuse what is no file with an end: a pipe, a device, a folder.

    Raises
    ------
    OSError
        When it is none, or is not there.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "is a folder", str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "is no regular file", str(path))


def remove_unfinished_tensors(folder: Path) -> None:
    """Remove what safetensors leaves of a file when the process that writes it is killed."""
    for left in folder.glob(".tmp??????"):
        if left.is_file():
            left.unlink(missing_ok=True)


_FAULT_OF_DISK = re.compile(r"\(os error (\d+)\)")


@contextmanager
def faults_of_disk(path: Path) -> Iterator[None]:
    """Let what libraries in Rust say of a disk while they write something be an `OSError` of it."""
    try:
        yield
    except OSError:
        raise
    except Exception as error:
        found = _FAULT_OF_DISK.search(str(error))
        if found is None:
            raise
        raise OSError(int(found[1]), os.strerror(int(found[1])), str(path)) from error


def write_tensors(path: Path, tensors: Mapping[str, Any]) -> None:
    """Write tensors of torch as safetensors, whole or not at all."""
    from safetensors.torch import save_file

    copies = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    remove_unfinished_tensors(path.parent)
    with whole(path) as part, faults_of_disk(path):
        save_file(copies, part)


def read_tensors(path: Path) -> dict[str, Any]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    OSError, ValueError
        When the file is missing or damaged.
    """
    from safetensors.torch import load_file

    require_regular(path)
    try:
        tensors: dict[str, Any] = load_file(path)
    except (OSError, ValueError):
        raise
    except Exception as error:  # SafetensorError, and for an unknown type KeyError
        raise ValueError(f"{path.name}: {error!r:.200}") from error
    return tensors
