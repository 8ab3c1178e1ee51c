"""The Ray cluster that work is done on, and what there is on its machines."""

from __future__ import annotations

import logging
import math
import numbers
import os
import re
import signal
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sensorium.errors import EncoderError, MissingExtraError, UsageError

# Before Ray is imported: it would tell its makers what runs here.
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# And would tell the terminal of each process that ended; what matters of it is raised.
os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")

try:
    import ray as ray
    import ray.data
    import ray.exceptions
except ModuleNotFoundError as error:
    raise MissingExtraError("ray", "scale") from error

LOCAL = "local"
"""The address of a cluster of this machine alone, which is started and ended with the call."""

ANSWER = 10.0
"""Seconds within which a cluster is to answer."""

MEMORY = 1 << 30
"""Bytes of memory that an actor claims: ``mini`` with Python, Ray and what is decoded takes 0.5
GB. No more actors run on a machine than fit into what Ray may take of it."""


@dataclass(frozen=True)
class Resources:
    """What each actor takes, and how many there are.

    Attributes
    ----------
    workers : int
        Actors at most.
    cpus, gpus : float
        Of each; a share of one, too.
    memory : int
        Bytes of each.
    """

    workers: int
    cpus: float
    gpus: float
    memory: int


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Be connected to a cluster: to the one that this process is connected to, or else `address`.

    Parameters
    ----------
    address : str or None
        What ``ray.init`` takes (``HOST:PORT``, ``auto``), or `LOCAL`; None is the cluster of
        ``$RAY_ADDRESS``, or `LOCAL`.

    Raises
    ------
    UsageError
        When no cluster answers there.
    """
    if ray.is_initialized():
        yield
        return
    address = address or os.environ.get("RAY_ADDRESS") or LOCAL
    ends = signal.getsignal(signal.SIGTERM)
    try:
        _require_answer(address)
        with warnings.catch_warnings(), _muted():
            # What Ray starts by a fork is another program at once.
            warnings.filterwarnings("ignore", "lance is not fork-safe", UserWarning)
            ray.init(
                address, log_to_driver=False, logging_level=logging.ERROR,
                include_dashboard=False if address == LOCAL else None,
            )  # fmt: skip
    except Exception as error:  # Ray raises nearly any, and `Exception` itself
        ray.shutdown()
        reason = " ".join(str(error).split())[:200]
        if address == LOCAL:
            raise UsageError(f"Ray does not start here ({reason}): is the machine busy?") from error
        raise UsageError(
            f"no Ray cluster answers at {address!r} ({reason}): start one with `ray start --head`, "
            f"or take {LOCAL!r} for this machine alone"
        ) from error
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, ends)  # which Ray takes for itself
    try:
        yield
    finally:
        ray.shutdown()


def _require_answer(address: str) -> None:
    """Knock at ``HOST:PORT``, or ``ray://HOST:PORT``: Ray itself tries for minutes.

    Raises
    ------
    OSError
        When nobody opens.
    """
    host, colon, port = address.rpartition("://")[2].rpartition(":")
    if colon and port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=ANSWER).close()


@contextmanager
def _muted() -> Iterator[None]:
    """Keep from standard error that Ray heard how little it is to say there."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextmanager
def quiet() -> Iterator[None]:
    """Let Ray Data draw no bars and log nothing: progress is told by who asked for the work."""
    context = ray.data.DataContext.get_current()
    before = (
        context.enable_progress_bars, context.print_on_execution_start,
    )  # fmt: skip
    loggers = [logging.getLogger(name) for name in ("ray.data", "ray")]
    levels = [logger.level for logger in loggers]
    context.enable_progress_bars = context.print_on_execution_start = False
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)  # errors are raised
    try:
        yield
    finally:
        context.enable_progress_bars, context.print_on_execution_start = before
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


def require_sensible(workers: int | None, cpus: float, gpus: float, memory: int | None) -> None:
    """Refuse numbers that are none.

    Raises
    ------
    UsageError
    """
    whole = all(is_whole(one) and one >= 1 for one in (workers, memory) if one is not None)
    shares = all(
        isinstance(one, numbers.Real) and 0 <= one < math.inf and not isinstance(one, bool)
        for one in (cpus, gpus)
    )
    if not (whole and shares and cpus):
        raise UsageError(
            "workers and memory (bytes) are whole numbers of 1 or more, cpus more than 0 and gpus "
            f"not below 0; got workers={workers!r}, cpus={cpus!r}, gpus={gpus!r}, memory={memory!r}"
        )


def is_whole(value: object) -> bool:
    """Whether a value is a whole number, and not True or False."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def resources(workers: int | None, cpus: float, gpus: float, memory: int | None) -> Resources:
    """What actors take on the cluster that there is.

    Raises
    ------
    UsageError
        Where not one actor has room.
    """
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    most_memory = max((int(node.get("memory", 0)) for node in nodes), default=0)
    memory = memory or max(1, min(MEMORY, most_memory // 2))
    room = room_for(cpus, gpus, memory)
    if not room:
        there = "; ".join(
            f"{node.get('CPU', 0):g} CPUs, {node.get('GPU', 0):g} GPUs, "
            f"{node.get('memory', 0) / 1e9:.1f} GB"
            for node in nodes
        )
        raise UsageError(
            f"no machine of the cluster has room for an actor of {cpus:g} CPUs, {gpus:g} GPUs and "
            f"{memory / 1e9:.1f} GB; they have {there or 'nothing'}: ask for less"
        )
    return Resources(min(workers or room, room), cpus, gpus, memory)


def room_for(cpus: float, gpus: float, memory: int) -> int:
    """How many actors that take so much the machines that are there have room for."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return sum(
        int(min(
            node.get("CPU", 0) / cpus,
            node.get("GPU", 0) / gpus if gpus else float("inf"),
            node.get("memory", 0) / memory,
        ))
        for node in nodes
    )  # fmt: skip


def explained(error: BaseException) -> EncoderError:
    """What went wrong on another machine and was not foreseen, on one line.

    Ray gives the text of a whole traceback, in which that stands before "the direct cause".
    """
    lines = str(error).strip().splitlines()
    causes = [line for line in lines if _CAUSE.match(line)]
    reason = (causes or lines or [repr(error)])[0]
    return EncoderError(f"the work on Ray failed: {reason:.300}")


_CAUSE = re.compile(r"[\w.]*(Error|Exception|Interrupt|Exit)\b")
