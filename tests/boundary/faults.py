"""Faults of libraries, put in where Sensorium calls them.

A profiler sees every call that leaves the modules of a station for a library. What it raises there
comes out of that call, as if the library had raised it; so no list of libraries, readers or calls
has to be kept: what is read is found by reading.
"""

from __future__ import annotations

import errno
import inspect
import struct
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import sensorium

ROOT = Path(sensorium.__file__).parent

Site = tuple[str, str, int, str]
"""A module under `ROOT`, a function of it, its line, and what is called there."""

FAULTS: dict[str, Callable[[], BaseException]] = {
    "MemoryError": MemoryError,
    "RecursionError": lambda: RecursionError("maximum recursion depth exceeded"),
    "OSError": lambda: OSError(errno.EIO, "Input/output error"),
    "PermissionError": lambda: PermissionError(errno.EACCES, "Permission denied", "/x/y"),
    "BrokenPipeError": lambda: BrokenPipeError(errno.EPIPE, "Broken pipe"),
    "SystemError": lambda: SystemError("returned a result with an exception set"),
    "struct.error": lambda: struct.error("unpack requires a buffer of 4 bytes"),
    "ValueError": lambda: ValueError("two\nlines"),
    "UnicodeError": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
    "zlib.error": lambda: zlib.error("Error -3 while decompressing data"),
    "AssertionError": AssertionError,
    "StopIteration": StopIteration,
    "KeyError": lambda: KeyError("size"),
    "OverflowError": lambda: OverflowError("Python int too large to convert to C long"),
    "unknown": lambda: type("LibraryError", (Exception,), {})("made by a library"),
}

# Python's own small change, which reads nothing, and what runs before and after everything.
_TRIFLES = frozenset({
    "_abc", "_collections", "_contextvars", "_frozen_importlib", "_functools", "_imp",
    "_operator", "_pytest", "_sre", "_stat", "_thread", "_warnings", "_weakref", "abc", "ast",
    "atexit", "builtins", "collections", "concurrent", "contextlib", "copy", "dataclasses",
    "enum", "errno", "fractions", "functools", "genericpath", "importlib", "inspect",
    "itertools", "keyword", "linecache", "logging", "math", "ntpath", "numbers", "operator",
    "os", "pathlib", "pluggy", "posix", "posixpath", "queue", "re", "signal", "stat", "string",
    "sys", "threading", "time", "traceback", "types", "typing", "unicodedata", "unittest",
    "urllib", "warnings", "weakref",
})  # fmt: skip


def _callee(event: str, frame: FrameType, argument: Any) -> tuple[FrameType | None, str]:
    """Who calls a library, and what of it."""
    if event == "c_call":
        owner = getattr(argument, "__self__", None)
        module = argument.__module__ or (type(owner).__module__ if owner is not None else "")
        if not isinstance(module, str):
            module = ""
        return frame, f"{module}.{argument.__name__}"
    module = frame.f_globals.get("__name__") or ""
    return frame.f_back, f"{module}.{frame.f_code.co_qualname}"


class _Profiler:
    """Sees calls out of some modules; `met` is told of each."""

    def __init__(self, within: Path, met: Callable[[Site], None]) -> None:
        self._within = str(within)
        self._met = met
        self._known: dict[CodeType, str | None] = {}

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        if event not in ("call", "c_call"):
            return
        caller, callee = _callee(event, frame, argument)
        # What is raised while something is thrown away goes nowhere: a generator is closed then.
        is_generator = event == "call" and frame.f_code.co_flags & inspect.CO_GENERATOR
        if is_generator or callee.endswith("__del__"):
            return
        if caller is None or callee.split(".")[0] in (*_TRIFLES, "sensorium", "tests"):
            return
        code = caller.f_code
        if code not in self._known:
            path = code.co_filename
            inside = path.startswith(self._within) and code.co_name != "<module>"
            self._known[code] = str(Path(path).relative_to(ROOT)) if inside else None
        if (module := self._known[code]) is not None:
            self._met((module, code.co_qualname, caller.f_lineno, callee))


@contextmanager
def _profiling(profiler: Any) -> Iterator[None]:
    before = sys.getprofile()
    threading.setprofile(profiler)  # of threads that begin from now on
    sys.setprofile(profiler)
    try:
        yield
    finally:
        sys.setprofile(before)
        threading.setprofile(None)  # type: ignore[arg-type]


def sites(of: Callable[[], object], within: Path = ROOT / "media") -> list[Site]:
    """Where libraries are called while something is done, each place once."""
    found: dict[Site, None] = {}
    with _profiling(_Profiler(within, lambda site: found.setdefault(site))):
        of()
    return list(found)


@contextmanager
def fault(site: Site, make: Callable[[], BaseException], within: Path = ROOT / "media") -> Any:
    """Let the first call at a place raise, in each thread; Python then takes the profiler away.

    Yields
    ------
    list
        What was raised.
    """
    raised: list[BaseException] = []

    def met(this: Site) -> None:
        if this == site:
            raised.append(make())
            raise raised[-1]

    with _profiling(_Profiler(within, met)):
        yield raised


class _Failing:
    def __init__(self, raised: list[BaseException], make: Callable[[], BaseException]) -> None:
        self._raised = raised
        self._make = make

    def __getattr__(self, name: str) -> Any:
        self._raised.append(self._make())
        raise self._raised[-1]


@contextmanager
def failing_library(module: Any, library: str, make: Callable[[], BaseException]) -> Iterator[None]:
    """Let whatever a module asks of a library raise, each time.

    As `fault`, for commands that load torch: a profiler would let them take minutes.
    """
    raised: list[BaseException] = []
    kept = getattr(module, library)
    setattr(module, library, _Failing(raised, make))
    try:
        yield
    finally:
        setattr(module, library, kept)
    assert raised, f"{module.__name__} asked nothing of {library}"
