"""Folders that say what they are: how one is claimed, written whole, read and checked.

A trained model, or an encoder, is a folder of plain files, and one JSON file in it says of what
kind and format it is (`Format`). That file is written last and put in place in one step, so that a
folder which has it is whole, and what was interrupted is nothing. Nothing else is read before kind
and format are known. Arrays are read without pickles, tensors from safetensors: nothing that a
folder holds is run.

This lies beside the stations of the data's path, not on it: encoders are such folders, too, and
come before everything that is trained.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import SensoriumError, UsageError

DAMAGE = (AttributeError, EOFError, KeyError, OSError, RuntimeError, TypeError, ValueError)
"""What reading raises where values are missing or of another type, and where weights do not fit."""


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, where there is none.

    Raises
    ------
    UsageError
        When it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL character
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"{folder}: the folder cannot be made ({reason})") from error


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

    def read(self, folder: Path) -> dict[str, Any]:
        """Read what a folder says that it is.

        Raises
        ------
        SensoriumError
            Of the class `error`, when it is no such folder, or of a format that is not known.
        """
        path = folder / self.file
        try:
            content = json.loads(path.read_text("utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            there = "" if folder.is_dir() else " is no folder and"
            raise self.error(f"{folder}{there} holds no {self.file}: {self.instead}") from None
        except (OSError, ValueError, RecursionError) as error:
            raise self.error(f"{path}: cannot be read ({error})") from error
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

    def write(self, folder: Path, content: Mapping[str, Any]) -> None:
        """Say what a folder is, when everything else in it has been written."""
        kind = {} if self.kind is None else {"kind": self.kind}
        write_json(folder / self.file, {**kind, "format": self.formats[-1], **content})

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
        except SensoriumError:
            raise
        except DAMAGE as error:
            raise self.error(f"{folder}: the {self.what} is damaged ({error!r:.200})") from error


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
        stored = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
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


@contextmanager
def whole(path: Path, *, shared: bool = False) -> Iterator[Path]:
    """Give a place for the new content of a file, which takes the file's place in one step.

    Parameters
    ----------
    path : Path
    shared : bool
        Whether several processes may write it at once; each gets a place of its own.
    """
    part = path.with_name(f"{path.name}{f'.{os.urandom(4).hex()}' * shared}.part")
    try:
        yield part
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):  # a full disk has it, too
            part.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any, *, shared: bool = False) -> None:
    """Write JSON, whole or not at all; dataclasses as objects, paths as texts. See `whole`."""
    text = json.dumps(content, indent=1, ensure_ascii=False, default=_plain)
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

    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except (AttributeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path.name}: {error}") from error


def write_tensors(path: Path, tensors: Mapping[str, Any]) -> None:
    """Write tensors of torch as safetensors, whole or not at all."""
    from safetensors.torch import save_file

    copies = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with whole(path) as part:
        save_file(copies, part)


def read_tensors(path: Path) -> dict[str, Any]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    OSError, ValueError
        When the file is missing or damaged.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        tensors: dict[str, Any] = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path.name}: {error}") from error
    return tensors
