"""Shards of this machine: a process for each replica, started anew when it dies."""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sensorium.collection.opening import location_of
from sensorium.errors import CollectionError, UsageError
from sensorium.scale.shards.shards import TOKEN, Shards

HOST = "127.0.0.1"

MOST_PROCESSES = 256

LOOK_SECONDS = 0.1
"""Between two looks whether all are there."""

SOON_SECONDS, LONGEST_PAUSE = 5.0, 30.0
"""A process that dies so soon again is started again later and later, up to this."""

END_SECONDS = 5.0


class ShardProcesses:
    """Processes that hold the shards of a collection, until `close`.

    Parameters
    ----------
    collection : str or Path
    shards, replicas : int
        Parts, and processes that hold the same part.
    token : str, optional
        What they are asked with; a random one without.

    Attributes
    ----------
    addresses : list of list of str
        Of each replica of each shard.
    token : str

    Raises
    ------
    UsageError
        For numbers that are none.
    CollectionError
        When there is no such collection.
    """

    def __init__(
        self,
        collection: str | os.PathLike[str],
        shards: int,
        *,
        replicas: int = 1,
        token: str | None = None,
    ) -> None:
        for name, value in (("shards", shards), ("replicas", replicas)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(f"{name} is a whole number of at least 1, got {value!r:.40}")
        if shards * replicas > MOST_PROCESSES:
            raise UsageError(f"{shards} × {replicas} processes are more than {MOST_PROCESSES}")
        self._path: Path = location_of(collection)
        if not self._path.exists():
            raise CollectionError(f"{self._path}: there is no such collection")
        self.token = secrets.token_urlsafe() if token is None else token
        self._kept: list[socket.socket] = []
        self.addresses = [[self._address() for _ in range(replicas)] for _ in range(shards)]
        self._is_closed = threading.Event()
        self._running = {
            (number, address): _Process(self._command(number, address), self.token)
            for number, shard in enumerate(self.addresses)
            for address in shard
        }
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()

    def pids(self) -> list[list[int]]:
        """Numbers of the processes, as `addresses`."""
        return [
            [self._running[number, address].process.pid for address in shard]
            for number, shard in enumerate(self.addresses)
        ]

    def close(self) -> None:
        """End all of them."""
        self._is_closed.set()
        self._watching.join()
        for one in self._running.values():
            one.process.terminate()
        for one in self._running.values():
            one.end()
        for kept in self._kept:
            kept.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _address(self) -> str:
        """A free port, which stays this process's own while nobody listens there."""
        kept = socket.socket()
        shared = getattr(socket, "SO_REUSEPORT", None)
        if shared is not None:
            kept.setsockopt(socket.SOL_SOCKET, shared, 1)
        kept.bind((HOST, 0))
        port = kept.getsockname()[1]
        if shared is None:  # Windows: another program may take it meanwhile
            kept.close()
        else:
            self._kept.append(kept)
        return f"{HOST}:{port}"

    def _command(self, number: int, address: str) -> list[str]:
        return [
            sys.executable, "-m", "sensorium", "shard", str(self._path),
            "--part", f"{number + 1}/{len(self.addresses)}", "--host", HOST,
            "--port", address.rpartition(":")[2], "--until-eof",
        ]  # fmt: skip

    def _watch(self) -> None:
        while not self._is_closed.wait(LOOK_SECONDS):
            for one in self._running.values():
                one.keep()


class _Process:
    """One process, started anew when it has ended."""

    def __init__(self, command: list[str], token: str) -> None:
        self._command, self._token = command, token
        self._pause = self._due = 0.0
        self._start()

    def _start(self) -> None:
        self._started = time.monotonic()
        self.process: subprocess.Popen[bytes] = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            env={**os.environ, TOKEN: self._token}, start_new_session=True,
        )  # fmt: skip

    def keep(self) -> None:
        """Start it anew if it has ended, later if it ends again and again."""
        if self.process.poll() is None:
            return
        now = time.monotonic()
        if not self._due:
            soon = now - self._started < SOON_SECONDS
            self._pause = min(2 * self._pause + 1, LONGEST_PAUSE) if soon else 0.0
            self._due = now + self._pause
        if now >= self._due:
            self._due = 0.0
            self._close_stdin()
            try:
                self._start()
            except OSError:  # too many processes, or too little memory, just now
                self._due = now + LONGEST_PAUSE

    def end(self) -> None:
        """Wait for its end, and bring it about."""
        try:
            self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self._close_stdin()

    def _close_stdin(self) -> None:
        if self.process.stdin is not None:
            self.process.stdin.close()


class LocalShards(Shards):
    """Shards of this machine, started for one collection and ended with it; see `start_shards`."""

    def __init__(self, processes: ShardProcesses) -> None:
        super().__init__(processes.addresses, processes.token)
        self.processes = processes

    def close(self) -> None:
        """Ask nobody any more, and end the processes."""
        super().close()
        self.processes.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()


def start_shards(
    collection: str | os.PathLike[str], shards: int, *, replicas: int = 1
) -> LocalShards:
    """Let processes of this machine hold the vectors of a collection.

    What a collection that is opened with them finds is what it finds without: the same items, the
    same scores, in the same order.

    Parameters
    ----------
    collection : str or Path
    shards : int
        Parts that the items are divided in.
    replicas : int
        Processes that hold the same part: where one dies, another one answers.

    Returns
    -------
    LocalShards
        For `sensorium.Collection`'s `shards`; closed with it.

    Raises
    ------
    UsageError, CollectionError
        For numbers that are none; when there is no such collection.
    """
    return LocalShards(ShardProcesses(collection, shards, replicas=replicas))
