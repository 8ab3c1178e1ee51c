"""Commands of Sensorium in processes of their own, which are disturbed.

The process of a campaign loads the libraries once and forks for each command, which saves a second
or two of every attack. It starts no thread and loads no encoder itself: neither survives a fork.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.campaigns.gate import Call, Gate, shut

LONGEST = 600.0
"""Seconds that a command may take: on two cores the longest takes 20, of a crowd more."""

ENDING = 20.0
"""Seconds in which the workers of a killed process have to notice that it is gone."""

LOADED = (
    "apsw", "numpy", "PIL.Image", "sensorium.cli.app", "sensorium.collection.collection",
    "sensorium.encoders.endpoint",
)  # fmt: skip
"""What all commands load."""

LOADED_BY_SOME = (
    "tokenizers", "openvino", "faiss", "torch", "safetensors.torch", "sensorium.encoders.folder",
    "sensorium.collection.checking", "sensorium.collection.exchange",
    "sensorium.evaluation.evaluate", "sensorium.evaluation.plots",
    "sensorium.training.classifier", "sensorium.training.fusion", "sensorium.training.contrastive",
    "sensorium.training.captioner", "sensorium.training.translator", "sensorium.training.hash",
    "sensorium.media.tracks.ffmpeg", "sensorium.media.documents.pdf",
)  # fmt: skip

Decide = Callable[[Call], int | None]
"""Says of a call that changes a file whether it goes on (0) or fails with which error; None when
it has killed who called."""


@dataclass
class Done:
    """What came of a command.

    Attributes
    ----------
    code : int
        Its exit code; the negative number of a signal that killed it.
    out, err : str
    calls : int
        Calls that changed files, of those that were asked about.
    seconds, memory : float, int
        Processor time of it and its workers; most bytes that one of them held.
    left : list of str
        Processes that outlived it.
    """

    code: int
    out: str
    err: str
    calls: int = 0
    seconds: float = 0.0
    memory: int = 0
    left: list[str] = field(default_factory=list)

    @property
    def last(self) -> str:
        """The last line of what it said on standard error."""
        return (self.err.strip().splitlines() or [""])[-1][:300]


def prepare(*, trainings: bool = True) -> None:
    """Load what commands load; that of trainings and evaluations where they are tried."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["SENSORIUM_PRECISION"] = "f32"
    os.environ["COLUMNS"] = "200"
    for name in ("SENSORIUM_COLLECTION", "OPENAI_API_KEY", "SENSORIUM_RUNTIME"):
        os.environ.pop(name, None)
    for name in (*LOADED, *(LOADED_BY_SOME if trainings else ())):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


def run(
    *arguments: str | Path,
    folder: Path,
    home: Path,
    decide: Decide | None = None,
    reads: bool = False,
    after: tuple[float, int] | None = None,
    env: Mapping[str, str] | None = None,
    before: Callable[[], None] | None = None,
    program: Callable[[], None] | None = None,
    longest: float = LONGEST,
) -> Done:
    """Run a command.

    Parameters
    ----------
    *arguments
    folder, home : Path
        Where it runs, and what it finds as ``SENSORIUM_HOME``.
    decide : callable, optional
        Asked about each call that changes a file.
    reads : bool
        Whether it is asked about files that are opened to be read, too.
    after : (float, int), optional
        Seconds after which it is sent a signal.
    env, before : optional
        Variables, and what is called in the process before the command.
    program : callable, optional
        What runs instead of the command.
    """
    with tempfile.TemporaryDirectory(prefix="sensorium-run-") as place:
        streams = [Path(place, name) for name in ("out", "err")]
        ours, theirs = socket.socketpair()
        sys.stdout.flush()
        sys.stderr.flush()
        process = os.fork()
        if not process:
            ours.close()
            settings = {"SENSORIUM_HOME": str(home), **(env or {})}
            _be(arguments, folder, streams, settings, theirs if decide else None, reads, before,
                program)  # fmt: skip
        theirs.close()
        gate = None
        if decide is not None:
            with contextlib.suppress(OSError, IndexError):
                gate = Gate(socket.recv_fds(ours, 1, 1)[1][0])
        calls = _attend(process, gate, decide, after, longest)
        if gate is not None:
            gate.close()  # the calls of what is left fail from now on, instead of being held
        left = _left(process)
        _, status, usage = os.wait4(process, 0)
        ours.close()
        out, err = (s.read_text("utf-8", "surrogateescape") if s.exists() else "" for s in streams)
    return Done(
        os.waitstatus_to_exitcode(status), out, err, calls, usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss * 1024, left,
    )  # fmt: skip


def _attend(
    process: int, gate: Gate | None, decide: Decide | None, after: tuple[float, int] | None,
    longest: float,
) -> int:  # fmt: skip
    """Answer what is asked until the process has ended; returns how often that was."""
    waited = os.pidfd_open(process)
    poll = select.poll()
    poll.register(waited, select.POLLIN)
    if gate is not None:
        poll.register(gate.listener, select.POLLIN)
    started, calls = time.monotonic(), 0
    try:
        while True:
            passed = time.monotonic() - started
            if passed > longest:
                os.kill(process, signal.SIGKILL)
            elif after is not None and passed >= after[0]:
                os.kill(process, after[1])
                after = None
            wait = min(1.0, after[0] - passed) if after else 1.0
            ready = dict(poll.poll(max(1, int(wait * 1000))))
            if gate is not None and ready.get(gate.listener, 0) & select.POLLIN:
                held = gate.next()
                if held is not None and decide is not None:
                    calls += 1
                    error = decide(held[1])
                    if error is not None:
                        gate.answer(held[0], error)
                        continue
                    poll.unregister(gate.listener)  # else the next question might never come
                    gate = None
            elif gate is not None and gate.listener in ready:
                poll.unregister(gate.listener)  # nobody is left who could call
                gate = None
            if waited in ready:
                return calls
    finally:
        os.close(waited)


def _left(session: int) -> list[str]:
    """Processes of a session that are there a while after its first one ended; they are ended."""
    until = time.monotonic() + ENDING
    while True:
        found = {}
        for status in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                words = status.read_text("utf-8", "replace").rpartition(")")[2].split()
                number = int(status.parent.name)
                if int(words[3]) == session and number != session and words[0] not in "ZX":
                    line = (status.parent / "cmdline").read_bytes().replace(b"\0", b" ")
                    found[number] = line.decode("utf-8", "replace")[:100]
        if not found:
            return []
        if time.monotonic() > until:
            for number in found:
                with contextlib.suppress(OSError):
                    os.kill(number, signal.SIGKILL)
            return list(found.values())
        time.sleep(0.05)


def _be(
    arguments: Sequence[str | Path],
    folder: Path,
    streams: Sequence[Path],
    settings: Mapping[str, str],
    channel: socket.socket | None,
    reads: bool,
    before: Callable[[], None] | None,
    program: Callable[[], None] | None,
) -> None:
    """Be the process of a command, to its end."""
    code = 70
    try:
        os.setsid()
        # Folders that are removed at the end are those of the process that was forked.
        weakref.finalize._registry.clear()  # type: ignore[attr-defined]
        for number, stream in enumerate(streams, 1):
            opened = os.open(stream, os.O_WRONLY | os.O_CREAT)
            os.dup2(opened, number)
            os.close(opened)
        sys.stdout, sys.stderr = map(_stream, (1, 2))
        os.chdir(folder)
        os.environ.update(settings)
        sys.argv = ["sensorium", *map(str, arguments)]
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if channel is not None:
            shut(channel, reads=reads)
        if before is not None:
            before()
            sys.stdout, sys.stderr = map(_stream, (1, 2))
        code = _called(program)
    finally:
        # As the interpreter ends: threads, then what was asked to be called.
        with contextlib.suppress(BaseException):
            threading._shutdown()  # type: ignore[attr-defined]
        with contextlib.suppress(BaseException):
            atexit._run_exitfuncs()
        for opened in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                opened.flush()
        os._exit(code)


def _stream(number: int) -> Any:
    """A standard stream as Python opens it at its start: None where it is closed."""
    try:
        errors = "backslashreplace" if number == 2 else None
        return open(number, "w", encoding="utf-8", errors=errors, closefd=False)
    except OSError:
        return None


def _called(program: Callable[[], None] | None) -> int:
    from sensorium.cli import main

    try:
        (program or main)()
        return 0
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except BaseException:
        traceback.print_exc()
        return 1
