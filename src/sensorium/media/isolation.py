"""Native decoders run in processes of their own, so that what breaks them costs one file.

They are C and C++: a damaged file may crash them, keep a core busy without end, or take all memory.
A function under `isolated` runs in a worker process that is kept warm. When the worker dies, the
file is at fault, and a new one takes its place.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import inspect
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, ParamSpec, TypeVar, cast

from sensorium.errors import MediaError
from sensorium.media.messages import BrokenMessageError, read_message, write_message
from sensorium.media.spending import SECONDS_AN_ITEM, Accounts, identity
from sensorium.visible import visible

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

MEMORY = 1 << 30
"""Bytes that a decoder may take for a file of up to `SMALL` bytes."""

SMALL = 5 << 20

MEMORY_A_BYTE = 8
"""More bytes of memory for each byte of a larger file, up to `MOST_MEMORY`."""

MOST_MEMORY = 4 << 30

SECONDS = 20.0
"""Processor time that reading a file of up to `SMALL` bytes may take, and as much again for each
`SMALL` bytes more, up to `MOST_SECONDS`; what it gives brings more, see `spending`."""

MOST_SECONDS = 600.0

PIPE_BYTES = 1 << 20
"""What a pipe to a worker holds, instead of 64 KB: half a window of sound, a picture."""

KEPT_BYTES = str(32 << 20)
"""Memory that a worker keeps (glibc's malloc, in bytes): to get a window's or a picture's anew from
the system for each takes as long as to read it."""

WITHOUT = "SENSORIUM_ISOLATION"
"""Set to 0, everything runs in one process: for debuggers and profilers."""

_SECRET = re.compile(
    r"KEY|TOKEN|SECRET|PASSW|PASSPHRASE|(?:^|_)PASS$|PWD|CREDENTIAL|AUTH|COOKIE|DSN|_PAT$|SAS_|_SAS$",
    re.IGNORECASE,
)
"""In names of variables that hold keys: those that encoders' servers and the hub are shown, and
other programs'. Decoders ask nobody, so a file that takes one over is to find none."""

_SECRET_VALUE = re.compile(
    r"://[^/\s]*@|(?:key|token|password|secret|signature)="
    r"|^\s*(?:Bearer |sk-|hf_|gh[a-z]_|AKIA|eyJ)",
    re.IGNORECASE,
)
"""Addresses with a password, and what keys of known services begin with, under any name."""

P = ParamSpec("P")
R = TypeVar("R")

_START = "import sys; sys.path.insert(0, {root!r}); import sensorium.media.worker as w; w.serve()"
_ROOT = str(Path(__file__).parents[2])


def isolated(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of a module run in a worker process.

    Its first argument is the file, a path or its content; all arguments and what it gives or
    yields must be values that `sensorium.media.messages` knows. A generator is asked for one item
    after the other, and gets what is sent to it; whoever closes it early keeps the worker.

    Raises
    ------
    MediaError
        What the function raises; and when the worker dies on the file, or meets a limit.
    """
    function.in_this_process = function  # type: ignore[attr-defined]
    name = function.__qualname__

    if inspect.isgeneratorfunction(function):

        @functools.wraps(function)
        def yields(*args: Any, **kwargs: Any) -> Any:
            if not is_isolating():
                return function(*args, **kwargs)
            return _items(function, args, kwargs)

        yields.in_this_process = function  # type: ignore[attr-defined]
        return cast(Callable[P, R], yields)

    @functools.wraps(function)
    def gives(*args: Any, **kwargs: Any) -> Any:
        if not is_isolating():
            return function(*args, **kwargs)
        items = _items(function, args, kwargs)
        try:
            next(items)
        except StopIteration as ended:
            return ended.value
        items.close()
        raise TypeError(f"{name} gives an iterator: make it a generator function")

    gives.in_this_process = function  # type: ignore[attr-defined]
    return cast(Callable[P, R], gives)


def in_this_process(function: Callable[P, R]) -> Callable[P, R]:
    """A function under `isolated` as it is, for what needs no process of its own."""
    return function.in_this_process  # type: ignore[attr-defined,no-any-return]


def memory_for(size: int) -> int:
    """Bytes of memory that reading files of so many bytes may take."""
    return min(MOST_MEMORY, MEMORY + MEMORY_A_BYTE * max(0, size - SMALL))


def seconds_for(size: int) -> float:
    """Processor time that reading files of so many bytes may take."""
    return min(MOST_SECONDS, SECONDS * max(1.0, size / SMALL))


def is_isolating() -> bool:
    """Whether decoders run in processes of their own."""
    return os.environ.get(WITHOUT) != "0"


def without_secrets(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables of an environment but those that look as if they held keys or passwords."""
    return {
        name: value
        for name, value in variables.items()
        if not _SECRET.search(name) and not _SECRET_VALUE.search(value)
    }


def _items(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Generator[Any, None, Any]:
    """What a function yields in a worker; what it returns is the value of StopIteration."""
    size = size_of(args[0]) if args else 0
    file, seconds = identity(args[0]) if args else None, seconds_for(size)
    sent_args = tuple(map(_from_anywhere, args))
    call = {
        "module": function.__module__, "name": function.__name__,
        "args": sent_args,
        "kwargs": {key: _from_anywhere(value) for key, value in kwargs.items()},
        "size": size, "memory": memory_for(size), "seconds": seconds,
        "left": _accounts.left(file, seconds),
    }  # fmt: skip
    worker = _pool.take()
    owner = os.getpid()
    is_idle = False
    try:
        try:
            answer = worker.ask(call)
            while answer["kind"] == "item":
                try:
                    sent = yield answer["value"]
                except GeneratorExit:
                    if owner == os.getpid():
                        # ValueError: the collector of cycles has closed the pipes before.
                        with contextlib.suppress(*_GONE, ValueError):
                            answer = worker.ask("stop")
                            is_idle = not answer["retires"]
                            _accounts.change(file, seconds, answer["left"] - call["left"])
                    raise
                if owner != os.getpid():
                    raise MediaError(_FORKED, _name(args))
                answer = worker.ask({"next": sent})
            is_idle = not answer["retires"]
            kind = answer["kind"]
            _accounts.change(file, seconds, answer["left"] - call["left"])
        except _GONE as error:
            _accounts.close(file)
            raise MediaError(worker.why_dead(call), _name(args)) from error
    finally:
        if owner != os.getpid():
            pass  # a fork, which has a copy of this generator: the worker is the other process's
        elif is_idle:
            _pool.give_back(worker)
        else:
            worker.end()
    if kind in ("refused", "failed"):
        _accounts.close(file)
    if kind == "missing":  # this process lacks the same packages, and says it itself
        if inspect.isgeneratorfunction(function):
            return (yield from function(*args, **kwargs))
        return function(*args, **kwargs)
    if kind == "done":
        return answer.get("value")
    named = answer.get("name")
    if not named or named == _name(sent_args):
        named = _name(args)  # as it was given
    raise MediaError(str(answer.get("reason")), named)


def _from_anywhere(value: Any) -> Any:
    """A path that leads to the same file in a worker, which keeps the folder it was started in."""
    if isinstance(value, Path):
        with contextlib.suppress(OSError):  # the folder is gone
            return value.absolute()
    return value


_FORKED = "reading it began before this process was forked: begin anew in each process"

_GONE = (EOFError, OSError, BrokenMessageError, LookupError, TypeError)
"""What talking to a worker raises that is dead, or was taken over."""


def _name(args: tuple[Any, ...]) -> str | None:
    return visible(str(args[0])) if args and isinstance(args[0], Path) else None


def size_of(source: object) -> int:
    """Bytes of a file, a path or its content; 0 where nobody can say it."""
    if isinstance(source, (bytes, bytearray)):
        return len(source)
    try:
        return os.stat(cast(Any, source)).st_size  # noqa: PTH116
    except (OSError, TypeError, ValueError):
        return 0


def _widen(pipe: IO[bytes] | None) -> None:
    """Let a pipe hold `PIPE_BYTES`, where the system can: it goes over with fewer turns."""
    if pipe is not None and fcntl is not None and hasattr(fcntl, "F_SETPIPE_SZ"):
        with contextlib.suppress(OSError):  # a user may have so much of it
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, PIPE_BYTES)


class _Worker:
    def __init__(self) -> None:
        environment = {
            **without_secrets(os.environ),
            WITHOUT: "0", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1",
            "MALLOC_MMAP_THRESHOLD_": KEPT_BYTES, "MALLOC_TRIM_THRESHOLD_": KEPT_BYTES,
        }  # fmt: skip
        self._process = subprocess.Popen(
            [sys.executable, "-c", _START.format(root=_ROOT)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env=environment,
        )  # fmt: skip
        for pipe in (self._process.stdin, self._process.stdout):
            _widen(pipe)

    def ask(self, question: Any) -> dict[str, Any]:
        """Send a message and wait for the answer."""
        assert self._process.stdin is not None and self._process.stdout is not None
        write_message(self._process.stdin, question)
        answer: dict[str, Any] = read_message(self._process.stdout)
        return answer

    def why_dead(self, call: dict[str, Any]) -> str:
        """What the end of the process says of the file."""
        self.end()
        ended = -(self._process.returncode or 0)
        if ended == getattr(signal, "SIGPROF", None):
            return (
                f"reading it took more than {call['seconds']:.0f} s of processor time, and "
                f"{SECONDS_AN_ITEM:.0f} s for each part of it"
            )
        if ended == getattr(signal, "SIGKILL", None):
            return "the system ended the process that read it, mostly for want of memory"
        try:
            name = signal.Signals(ended).name
        except ValueError:
            name = f"exit code {self._process.returncode}"
        return (
            f"the library that reads it broke on it ({name}): it is damaged, too large for its "
            "limits, or made to do harm"
        )

    def end(self) -> None:
        """End the process, if it has not ended by itself."""
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None


class _Pool:
    """Workers that wait for calls; as many work as there are calls under way."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._owner = os.getpid()

    def take(self) -> _Worker:
        while True:
            with self._lock:
                if self._owner != os.getpid():  # a fork: the pipes are the other process's
                    self._idle, self._owner = [], os.getpid()
                worker = self._idle.pop() if self._idle else None
            if worker is None:
                return _Worker()
            if worker.is_alive:
                return worker
            worker.end()

    def give_back(self, worker: _Worker) -> None:
        with self._lock:
            if len(self._idle) < (os.cpu_count() or 1):
                self._idle.append(worker)
                return
        worker.end()

    def end(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        if self._owner == os.getpid():
            for worker in idle:
                worker.end()


_pool = _Pool()
_accounts = Accounts()
atexit.register(_pool.end)


def workers() -> Iterator[int]:
    """Ids of the processes that wait."""
    return (worker._process.pid for worker in _pool._idle)
