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
import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, cast

import PIL

from sensorium.errors import MediaError, SensoriumError

PANIC = "PanicException"
"""What libraries in Rust raise where they meet a fault of their own. It is no `Exception`, though
nobody has asked the program to end."""

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
        What it means, in plain words ("broken picture"); what was raised follows.

    Raises
    ------
    MediaError
        For every `Exception`, memory and recursion that run out included, and for a `PANIC`. Errors
        that Sensorium raised itself pass as they are.
    """
    try:
        yield
    except SensoriumError:
        raise
    except BaseException as error:
        if not is_fault_of_file(error):
            raise
        reason = _plainly(error, name) or f"{problem} ({described(error, name)})"
        raise MediaError(reason, name) from error


def is_fault_of_file(error: BaseException) -> bool:
    """Whether what was raised while a file was read is the file's; an interrupt, say, is not."""
    return isinstance(error, Exception) or type(error).__name__ == PANIC


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
    """What an error says of a file, in plain words and on one line.

    The words of a library stay ("image file is truncated"), without the name of their class. What
    Python and NumPy say of a program that met what it did not expect ("list index out of range")
    says nothing of the file: it is told by what it means. The error itself is kept as the cause.
    """
    for kind, meaning in _MEANINGS:
        if isinstance(error, kind):
            return meaning
    # What the system and FFmpeg raise has a path and a number in its text, too.
    text = str(getattr(error, "strerror", None) or error)
    if isinstance(error, FileNotFoundError) and not error.errno:
        text = f"no such file: {text}"
    if _is_of_another(error, name):
        text += f": {_filename(error)}"
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    for words, meaning in _VAGUE:
        if words.search(text):
            return meaning
    if not text or _PROGRAMMERS.search(text):
        return _IMPOSSIBLE if isinstance(error, ValueError) else _UNFIT
    return f"{text[: LONGEST - 3]}..." if len(text) > LONGEST else text


_UNFIT = "its parts do not fit together"

_IMPOSSIBLE = "a number in it is none, or makes no sense there"

_MEANINGS: Sequence[tuple[type[BaseException] | tuple[type[BaseException], ...], str]] = (
    (MemoryError, "too large for this machine's memory"),
    (RecursionError, "its parts are nested too deeply"),
    (PIL.UnidentifiedImageError, "no picture, or one that is broken in its first bytes"),
    (UnicodeError, "its text is damaged"),
    (KeyError, "a part of it is missing"),
    ((struct.error, EOFError), "it ends too early"),
    (ArithmeticError, _IMPOSSIBLE),
    (
        (AssertionError, AttributeError, NameError, NotImplementedError, StopIteration,
         SystemError, TypeError),
        _UNFIT,
    ),
)  # fmt: skip
"""What errors of Python's own mean that are raised while a file is read; the first that fits."""

_VAGUE: Sequence[tuple[re.Pattern[str], str]] = (
    (re.compile(r"\bout of memory\b", re.I), "too large for this machine's memory"),
    (re.compile("decoder object"), "its header is damaged"),
    (re.compile("codec can't (?:de|en)code"), "its text is damaged"),  # told by a library
    (
        re.compile(r"decoder error|data stream|buffer overrun|codec configuration|unknown error"),
        "its compressed data are damaged",
    ),
)
"""What words of libraries mean that say which of their functions gave up, not why."""

_PROGRAMMERS = re.compile(
    r"index out of range|out of bounds for axis|unpack|broadcast|reshape|with base \d|could not"
    r" convert|[Bb]uffer (?:size|is)|\barg(?:ument|ument[s12]|s)?\b|dtype|\bshapes?\b|\baxis\b"
    r"|not in list|substring|slice ind|operands|<class |object at 0x|\bint\(\)|\bfloat\(\)"
    r"|bytes-like|NoneType|byte string|\bstruct\b|fromiter|frombuffer|itemsize"
)
"""Words of errors about a program."""


def _plainly(error: BaseException, name: str) -> str:
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
    if type(error).__module__.startswith("av."):
        return ""  # FFmpeg gets no names: what it calls a file, or its own function
    filename = getattr(error, "filename", None)
    return Path(os.fsdecode(filename)).name if isinstance(filename, (str, bytes, Path)) else ""


def _is_of_another(error: BaseException, name: str) -> bool:
    """Whether a file that the file names is meant, such as the buffer of a glTF."""
    return _filename(error) not in name
