"""The boundary at which files are read: whatever is raised there means that the file is bad.

Decoders raise nearly any exception on damaged or unusual files, and no list of them would ever be
complete. Nothing but reading and decoding belongs inside: a full disk, a broken database or a fault
of an encoder is no fault of the file that is being read.
"""

from __future__ import annotations

import errno
import functools
import inspect
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

from sensorium.errors import MediaError, SensoriumError

LONGEST = 160
"""Characters of a library's words that are passed on: one line of a report."""

P = ParamSpec("P")
R = TypeVar("R")


@contextmanager
def decoding(name: str, problem: str) -> Iterator[None]:
    """Turn what reading a file raises into a `MediaError` that says which file, and why.

    Nothing is held between: a generator may yield inside.

    Parameters
    ----------
    name : str
        What the error calls the file.
    problem : str
        What it means, in plain words ("broken picture"); type and text of what was raised follow.

    Raises
    ------
    MediaError
        For every `Exception`, memory and recursion that run out included. Errors that Sensorium
        raised itself pass as they are.
    """
    try:
        yield
    except SensoriumError:
        raise
    except Exception as error:
        reason = _plainly(error, name) or f"{problem} ({described(error, name)})"
        raise MediaError(reason, name) from error


def reads(problem: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Put all of a method, or of what a generator method does, inside `decoding`.

    So no step of it can be forgotten: the public methods of media that read are marked with it. The
    file is called by the object's `name`.

    Parameters
    ----------
    problem : str
        See `decoding`. Where a step inside says something else, that stands.
    """

    def mark(method: Callable[P, R]) -> Callable[P, R]:
        if inspect.isgeneratorfunction(method):

            @functools.wraps(method)
            def yields(self: Any, *args: Any, **kwargs: Any) -> Any:
                with decoding(self.name, problem):
                    return (yield from method(self, *args, **kwargs))

            return cast(Callable[P, R], yields)

        @functools.wraps(method)
        def gives(self: Any, *args: Any, **kwargs: Any) -> Any:
            with decoding(self.name, problem):
                return method(self, *args, **kwargs)

        return cast(Callable[P, R], gives)

    return mark


def described(error: BaseException, name: str = "") -> str:
    """Type and text of an error, on one line: ``IndexError: index 9 is out of bounds``."""
    if isinstance(error, MemoryError):
        text = "too large for this machine's memory"
    else:
        # What the system and FFmpeg raise has a path and a number in its text, too.
        text = str(getattr(error, "strerror", None) or error)
        if _is_of_another(error, name):
            text += f": {_filename(error)}"
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(text) > LONGEST:
        text = f"{text[: LONGEST - 3]}..."
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _plainly(error: Exception, name: str) -> str:
    """What everybody calls it; empty where the type and the text have to say it."""
    if not isinstance(error, OSError) or not _filename(error) or _is_of_another(error, name):
        return ""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if error.errno == errno.EACCES:
        return "no permission to read it"
    if error.errno == errno.ENXIO:
        return "not a regular file"  # a socket cannot even be opened
    return ""


def _filename(error: BaseException) -> str:
    filename = getattr(error, "filename", None)
    return Path(os.fsdecode(filename)).name if isinstance(filename, (str, bytes, Path)) else ""


def _is_of_another(error: BaseException, name: str) -> bool:
    """Whether a file that the file names is meant, such as the buffer of a glTF."""
    return _filename(error) not in name
