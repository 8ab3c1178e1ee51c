"""What reading a file costs: processor time and memory of this process and of its workers."""

from __future__ import annotations

import contextlib
import os
import resource
import time
from dataclasses import dataclass
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")

WORKER = 100 << 20
"""Bytes that a worker holds which has loaded its libraries and read nothing."""


@dataclass(frozen=True)
class Cost:
    """What was spent between two moments.

    Attributes
    ----------
    seconds : float
        Of processors, workers included.
    memory : int
        Bytes by which this process has grown at its largest.
    worker : int
        Bytes by which the worker has that grew most.
    """

    seconds: float
    memory: int
    worker: int


class Meter:
    """Measures from when it is made."""

    def __init__(self) -> None:
        self._own = _status(os.getpid())["VmRSS"]
        self._workers = {pid: _status(pid).get("VmRSS", 0) for pid in descendants(os.getpid())}
        for pid in (os.getpid(), *self._workers):
            with contextlib.suppress(OSError):
                Path(f"/proc/{pid}/clear_refs").write_text("5")  # forgets the most it ever held
        self._dead = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
        self._begun = self._spent()

    def _spent(self) -> float:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        living = sum(_seconds(pid) for pid in descendants(os.getpid()))
        return time.process_time() + ended.ru_utime + ended.ru_stime + living

    def cost(self) -> Cost:
        """What was spent since then."""
        grown = [0]
        for pid in descendants(os.getpid()):
            before = self._workers.get(pid, WORKER)
            grown.append(_status(pid).get("VmHWM", 0) - before)
        dead = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10
        if dead > self._dead:  # else no larger than one that ended before
            grown.append(dead - WORKER)
        own = _status(os.getpid())["VmHWM"] - self._own
        return Cost(max(0.0, self._spent() - self._begun), max(0, own), max(grown))


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that they have."""
    found: list[int] = []
    for task in _listed(f"/proc/{pid}/task"):
        for child in _read(f"{task}/children").split():
            found += [int(child), *descendants(int(child))]
    return found


def held(pid: int) -> int:
    """Bytes that a process and all that it started hold now."""
    return sum(_status(one).get("VmRSS", 0) for one in (pid, *descendants(pid)))


def spent(pid: int) -> float:
    """Seconds of processors that a process and all that it started have taken, as far as known."""
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    ended = (int(fields[13]) + int(fields[14])) / TICKS if fields else 0.0
    return ended + sum(_seconds(one) for one in (pid, *descendants(pid)))


def _listed(folder: str) -> list[Path]:
    try:
        return list(Path(folder).iterdir())
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:  # it has ended
        return ""


def _status(pid: int) -> dict[str, int]:
    """Lines of /proc/PID/status that are numbers of bytes."""
    found = {}
    for line in _read(f"/proc/{pid}/status").splitlines():
        name, _, value = line.partition(":")
        if value.endswith(" kB"):
            found[name] = int(value.split()[0]) << 10
    return found


def _seconds(pid: int) -> float:
    fields = _read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS if fields else 0.0
