"""The process in which native decoders read a file: it may crash, and takes nothing with it.

It is started by `sensorium.media.isolation`, which alone talks to it: over standard input and
output, one call after the other.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Generator
from typing import IO, Any

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media.decoding import described, is_fault_of_file
from sensorium.media.isolation import MOST_MEMORY, SMALL, memory_for, seconds_for
from sensorium.media.messages import read_message, write_message
from sensorium.media.spending import SECONDS_AN_ITEM

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

RETIRED_BYTES = 400 << 20
"""A worker that holds this much after a call makes room for a new one: decoders leak."""

LEFT_BYTES = 192 << 20
"""So does one whose memory is in pieces: that much counts against the limit, though it is free."""

AT_REST = 128 << 20
"""Bytes that a worker counts itself, with its libraries."""

MEMORY_A_LARGE_BYTE = 256
"""Bytes of memory for each byte of a file of more than `SMALL`, where its header tells the need: a
photo of 100 megapixels is a WebP of 8 MB or more, and takes 1.7 GB."""


def serve() -> None:
    """Answer calls until the other end is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group: the parent acts
    calls = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    # What a library prints must not get in between.
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nowhere, standard)
    threading.Thread(target=_end_with, args=(answers,), daemon=True).start()
    with contextlib.suppress(EOFError, BrokenPipeError):
        while True:
            _answer(read_message(calls), calls, answers)


def _end_with(answers: IO[bytes]) -> None:
    """End when nobody reads the answers any more: the other process was killed, or has no time."""
    if sys.platform == "linux":  # elsewhere polls of pipes differ
        waiting = select.poll()
        waiting.register(answers, 0)  # errors are told unasked
        waiting.poll()
        os._exit(1)


_call: dict[str, Any] = {}
"""What is being done; empty in a process that is no worker."""


_rest: list[int] = []
"""Bytes that this process counted before it read the first file."""


def also_read(size: int) -> None:
    """Let the limits grow by those of so many more bytes, in a file that the one read names."""
    if _call:
        seconds = _call["seconds"]
        for limit, rule in (("memory", memory_for), ("seconds", seconds_for)):
            _call[limit] += rule(_call["size"] + size) - rule(_call["size"])
        if (more := _call["seconds"] - seconds) and _call["left"] is None:
            _start_clock(_stop_clock() + more)
        _call["size"] += size
        _limit_memory(_call["memory"])


def memory() -> int | None:
    """Bytes that this process may take; None in one that is no worker, which has no limit."""
    return int(_call["memory"]) if _call else None


def make_room(needed: int) -> int | None:
    """Let the file that is read take so many bytes of memory, as far as files of its size may.

    A large file may take `MEMORY_A_LARGE_BYTE` for each byte if its header says that it has to.

    Returns
    -------
    int or None
        What it may take, where that is less; None where there is room.
    """
    if not _call:
        return None
    most = int(_call["memory"])
    if _call["size"] > SMALL:
        most = max(most, min(MOST_MEMORY, _call["size"] * MEMORY_A_LARGE_BYTE))
    if needed + AT_REST > most:
        return most - AT_REST
    if needed + AT_REST > _call["memory"]:
        _call["memory"] = needed + AT_REST
        _limit_memory(_call["memory"])
    return None


def no_more_time() -> None:
    """Let what is done for an item count together with what was done for those before."""
    if _call:
        used = time.process_time() - _call["begun"]
        _start_clock(_call["seconds"] - used)


def _answer(call: dict[str, Any], calls: IO[bytes], answers: IO[bytes]) -> None:
    _call.clear()
    _call.update(call)
    _call["before"] = max(0, _data() - _rest[0]) if _rest else 0
    _limit_memory(call["memory"])
    try:
        module, name = call["module"], call["name"]
        function = getattr(importlib.import_module(module), name).in_this_process
        if not _rest:
            _rest.append(_data())
        _call["begun"] = time.process_time()  # to load the libraries is no fault of the file
        _start_clock(call["left"])
        made = function(*call["args"], **call["kwargs"])
        if isinstance(made, Generator):
            with contextlib.closing(made):
                _give_each(made, calls, answers)
            made = None
    except MissingExtraError:
        # The other process, which has the same packages, says it in its own words.
        answer: dict[str, Any] = {"kind": "missing"}
    except MediaError as error:
        answer = {"kind": "refused", "reason": error.reason, "name": error.name}
    except BaseException as error:
        if not is_fault_of_file(error):
            raise
        answer = {"kind": "failed", "reason": described(error)}
    else:
        answer = {"kind": "done", "value": made}
    _pause()
    answer.update(left=_call["left"], retires=_is_full())
    try:
        write_message(answers, answer)
    except (MemoryError, RecursionError, TypeError, ValueError) as error:
        # Raised before anything is written: what was read is too much, or nothing that can be sent.
        reason = {"kind": "failed", "reason": described(error), "value": None}
        write_message(answers, {**answer, **reason})


def _give_each(made: Generator[Any, Any, Any], calls: IO[bytes], answers: IO[bytes]) -> None:
    sent = None
    with contextlib.suppress(StopIteration):
        while True:
            value = made.send(sent)
            _pause()
            write_message(answers, {"kind": "item", "value": value})
            question = read_message(calls)
            if question == "stop":
                return
            sent = question["next"]
            _start_clock(_call["left"])


def _limit_memory(most: int) -> None:
    """Let allocations beyond some bytes fail, which decoders and Python can tell."""
    if resource is not None and sys.platform == "linux":  # elsewhere mapped files count, too
        # What earlier files left behind is no fault of this one.
        most += _call["before"]
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _pause() -> None:
    """Stop the clock, for the time until the next item is not the decoder's; see `spending`."""
    if _call["left"] is None:
        _call["left"] = min(_call["seconds"], _stop_clock() + SECONDS_AN_ITEM)


def _start_clock(seconds: float) -> None:
    """Let the system end this process after so much processor time of it."""
    _call["left"] = None  # nobody knows while it runs
    _call["clock"] = seconds
    if hasattr(signal, "setitimer"):  # nobody handles SIGPROF: it ends a process
        signal.setitimer(signal.ITIMER_PROF, max(seconds, 0.01))


def _stop_clock() -> float:
    """Take that back; what was left of it."""
    if hasattr(signal, "setitimer"):
        return signal.setitimer(signal.ITIMER_PROF, 0)[0]
    return float(_call["clock"])


def _is_full() -> bool:
    """Whether a new process should take the place of this one."""
    return _pages(1) > RETIRED_BYTES or _data() > LEFT_BYTES + sum(_rest)


def _data() -> int:
    """Bytes that the system counts against the limit of this process, used or not."""
    return _pages(5)


def _pages(field: int) -> int:
    """A number of Linux's ``statm``, in bytes; 0 on other systems."""
    try:
        with open("/proc/self/statm", "rb") as file:  # noqa: PTH123
            return int(file.read().split()[field]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return 0
