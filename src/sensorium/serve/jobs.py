"""Work that takes longer than a request: it is waited for, watched, cancelled, and survives kills.

Each job is a small JSON file, put in place in one step, so that every process of a server answers
for the jobs of all. A process that works holds a lock; a job whose process is gone is told to be
interrupted, and can be run again: what was stored of it is not done twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO, Any

from sensorium.errors import SensoriumError, UsageError, WriteError
from sensorium.media.progress import NO_FIGURES, Progress
from sensorium.plain import as_json
from sensorium.serve.batching import BusyError, EndingError

try:
    import fcntl
except ImportError:  # Windows, where a file that somebody has open cannot be deleted
    fcntl = None  # type: ignore[assignment]

Job = dict[str, Any]
"""What is told of a job; `Jobs.submit` has its keys."""

Stop = Callable[[], bool]

Work = Callable[[Job, Progress, Stop], Any]
"""Takes a job, what it calls with (done, total), and what tells whether it is to end; gives a
report. `StoppedError` carries the report of what was done before it ended."""

UNFINISHED = ("queued", "running")

OWN = ("id", "collection", "state", "done", "total", "created", "started", "ended", "report",
       "error", "worker")  # fmt: skip
"""Keys of a job that are no facts of what is to be done."""

TOLD_EVERY = 0.2
"""Seconds between two notes of how far a job is."""

YOUNG_SECONDS = 60
"""So old a lock that nobody holds is no one's; a younger one is about to be held."""

PATIENCE = 20.0
"""Seconds that the end of a server waits for files that are worked on."""

KEPT = 200
"""Finished jobs of a folder that are remembered."""


class UnknownJobError(SensoriumError):
    """There is no such job."""


class StoppedError(Exception):
    """A job ended before its time: it was cancelled, or the server ends.

    Parameters
    ----------
    report : object, optional
        Of what was done before.
    """

    def __init__(self, report: Any = None) -> None:
        super().__init__("stopped")
        self.report = report


class Jobs:
    """Jobs of one process, and what is known of those of others.

    Parameters
    ----------
    folders : mapping of str to Path
        Where the jobs of each collection are written down.
    work : callable
        Does a job.
    most : int
        Jobs that wait or run.
    """

    def __init__(self, folders: Mapping[str, Path], work: Work, most: int) -> None:
        self._folders, self._work, self._most = folders, work, most
        self._name = secrets.token_hex(8)
        self._waiting: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._locks: dict[Path, IO[bytes]] = {}
        self._untold: dict[str, Job] = {}  # ended, which their files do not say: a disk was full
        self._ending = threading.Event()
        self._submitting = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, collection: str, **facts: Any) -> Job:
        """Note a job, and do it when those before it are done.

        Parameters
        ----------
        collection : str
        **facts
            What `work` needs to know, as JSON values.

        Returns
        -------
        dict
            ``id``, ``collection``, ``state`` ("queued", "running", "done", "failed", "cancelled",
            "interrupted"), ``done`` and ``total`` files, ``created``, ``started`` and ``ended`` in
            seconds since 1970, ``report`` and ``error``, and `facts`. It is on disk.

        Raises
        ------
        BusyError
            When too many wait.
        WriteError
            When it cannot be written down.
        """
        with self._submitting:
            self.require_room()
            job: Job = {
                "id": secrets.token_hex(12), "collection": collection, "state": "queued",
                "done": 0, "total": 0, "created": time.time(), "started": None, "ended": None,
                "report": None, "error": "", **facts,
            }  # fmt: skip
            self._hold(self._folders[collection])
            self._write(job, durable=True)
            self._waiting.put(dict(job))
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)
                self._thread.start()
            return job

    def require_room(self) -> None:
        """Refuse what would be a job too many.

        Raises
        ------
        BusyError
        """
        unfinished = sum(one["state"] in UNFINISHED for one in self.listed())
        if unfinished >= self._most or self._ending.is_set():
            raise BusyError(unfinished, 10, "jobs wait or run")

    def get(self, number: str) -> Job:
        """What is known of a job.

        Raises
        ------
        UnknownJobError
        """
        for folder in self._folders.values():
            path = folder / f"{number}.json"
            # Nothing but a name that was given here is ever looked for.
            if set(number) <= set("0123456789abcdef") and (job := _read(path)) is not None:
                return self._now(job, folder)
        raise UnknownJobError(f"there is no job {number!r:.40}")

    def listed(self) -> list[Job]:
        """All jobs that are remembered, the latest first."""
        found = []
        for folder in dict.fromkeys(self._folders.values()):  # one for all names of a collection
            for path in folder.glob("*.json"):
                if (job := _read(path)) is not None:
                    found.append(self._now(job, folder))
        return sorted(found, key=lambda job: -job["created"])

    def cancel(self, number: str) -> Job:
        """Let a job end soon, with what it has stored; one that has ended stays as it is."""
        job = self.get(number)
        if job["state"] in UNFINISHED:
            folder = self._folders[job["collection"]]
            (folder / f"{number}.cancel").touch()
            if self._claim(job):
                self._note_never(job)
        return self.get(number)

    def again(self, number: str) -> Job:
        """Do a job anew that did not come to its end.

        Raises
        ------
        UsageError
            When it waits, runs or is done.
        """
        job = self.get(number)
        if job["state"] in (*UNFINISHED, "done"):
            raise UsageError(f"job {number} is {job['state']}: there is nothing to do again")
        facts = {name: value for name, value in job.items() if name not in OWN}
        return self.submit(job["collection"], **facts)

    def stop(self) -> None:
        """Let what runs end soon; what waits is interrupted."""
        self._ending.set()
        self._waiting.put(None)

    @property
    def is_ending(self) -> bool:
        """Whether `stop` was called."""
        return self._ending.is_set()

    @property
    def is_alive(self) -> bool:
        """Whether jobs that were taken in will be done."""
        return self._thread is None or self._thread.is_alive() or self.is_ending

    def close(self) -> None:
        """`stop`, and wait until it is so."""
        self.stop()
        if self._thread is not None:
            # What cannot be stopped halfway may take longer: then its job was interrupted.
            self._thread.join(PATIENCE)
        for path, lock in self._locks.items():
            lock.close()
            with contextlib.suppress(OSError):  # it says nothing without who holds it
                path.unlink(missing_ok=True)
        self._locks.clear()

    def _run(self) -> None:
        while True:
            job = self._waiting.get()
            if job is not None:
                self._do(job)
                with contextlib.suppress(OSError):  # else no job after it would ever begin
                    self._forget_old(self._folders[job["collection"]])
            elif self._waiting.empty():
                return

    def _do(self, job: Job) -> None:
        told = 0.0

        def tell(done: int, total: int, figures: Mapping[str, float] = NO_FIGURES, /) -> None:
            nonlocal told
            job["done"], job["total"] = done, total
            if time.monotonic() - told > TOLD_EVERY:
                told = time.monotonic()
                self._write(job)

        try:
            if not self._claim(job):
                self._note_never(job)  # who claimed it may be gone before it could
                return  # as whoever watches is told
            if self._is_stopped(job):
                raise StoppedError
            job |= {"state": "running", "started": time.time()}
            self._write(job, durable=True)
            report = self._work(job, tell, lambda: self._is_stopped(job))
            job["report"] = json.loads(as_json(report))
            job["state"] = "done"
        except StoppedError as stopped:
            job["report"] = json.loads(as_json(stopped.report))
            job["state"] = self._ended_early(job)
        except EndingError:
            job["state"] = self._ended_early(job)
        except Exception as error:  # whatever it is, whoever asked for it is told
            is_ours = isinstance(error, SensoriumError)
            job["state"], job["error"] = "failed", str(error) if is_ours else repr(error)[:500]
        job["ended"] = time.time()
        try:
            self._write(job, durable=True)
        except WriteError:  # a full disk; another process tells it to be interrupted after the end
            self._untold[job["id"]] = job

    def _ended_early(self, job: Job) -> str:
        return "cancelled" if self._is_cancelled(job) else "interrupted"

    def _is_stopped(self, job: Job) -> bool:
        return self._ending.is_set() or self._is_cancelled(job)

    def _is_cancelled(self, job: Job) -> bool:
        return (self._folders[job["collection"]] / f"{job['id']}.cancel").exists()

    def _claim(self, job: Job) -> bool:
        """Decide for good whether a job begins or never will: who comes first, of all processes."""
        try:
            (self._folders[job["collection"]] / f"{job['id']}.claim").touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def _note_never(self, job: Job) -> None:
        """Note when it was decided that a job never begins; the first note counts."""
        with contextlib.suppress(FileExistsError):
            self._never(job).touch(exist_ok=False)

    def _never(self, job: Job) -> Path:
        return self._folders[job["collection"]] / f"{job['id']}.never"

    def _now(self, job: Job, folder: Path) -> Job:
        """What a job is, which its file cannot say where its process is gone."""
        if self._folders.get(job.get("collection", "")) != folder:  # it was served by another name
            names = (name for name, own in self._folders.items() if own == folder)
            job["collection"] = next(names, job.get("collection", ""))
        worker = job.pop("worker", "")
        if job["id"] in self._untold:
            return dict(self._untold[job["id"]])
        if job["state"] not in UNFINISHED:
            return job
        if job["state"] == "queued":
            with contextlib.suppress(FileNotFoundError):
                ended = self._never(job).stat().st_mtime  # a file's clock may be a tick behind
                return job | {"state": "cancelled", "ended": max(ended, job["created"])}
        if worker != self._name and not _is_alive(folder / f"{worker}.lock"):
            return job | {"state": "interrupted"}
        return job

    def _hold(self, folder: Path) -> None:
        """Say that this process lives, as long as it does."""
        path = folder / f"{self._name}.lock"
        if path in self._locks:
            if path.exists():
                return
            self._locks.pop(path).close()  # somebody removed the folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            flush_folder(folder.parent)
            lock = path.open("wb")
            if fcntl is not None:
                with contextlib.suppress(OSError):  # a network's file system may have no locks
                    fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError as error:
            raise WriteError(f"{folder}: jobs cannot be noted ({error.strerror})") from error
        self._locks[path] = lock

    def _write(self, job: Job, *, durable: bool = False) -> None:
        path = self._folders[job["collection"]] / f"{job['id']}.json"
        new = path.with_name(f".{path.name}.{self._name}")
        try:
            with new.open("w", encoding="utf-8") as file:
                file.write(as_json({**job, "worker": self._name}))
                if durable:
                    file.flush()
                    os.fsync(file.fileno())
            new.replace(path)
            if durable:
                flush_folder(path.parent)
        except OSError as error:
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)
            raise WriteError(f"{path}: a job cannot be noted ({error.strerror})") from error

    def _forget_old(self, folder: Path) -> None:
        """Forget the oldest that have ended, and locks of processes that are gone."""
        jobs = [job for path in folder.glob("*.json") if (job := _read(path)) is not None]
        ended = [j for j in jobs if self._now(dict(j), folder)["state"] not in UNFINISHED]
        for job in sorted(ended, key=lambda one: -one["created"])[KEPT:]:
            for end in ("json", "cancel", "claim", "never"):
                (folder / f"{job['id']}.{end}").unlink(missing_ok=True)
        kept = {f"{job.get('worker')}.lock" for job in jobs}
        for lock in folder.glob("*.lock"):
            with contextlib.suppress(OSError):
                is_old = lock.stat().st_mtime < time.time() - YOUNG_SECONDS
                if is_old and lock.name not in kept and not _is_alive(lock):
                    lock.unlink(missing_ok=True)


def flush_folder(folder: Path) -> None:
    """Let the names in a folder be on disk; Windows opens no folders, and needs none."""
    with contextlib.suppress(OSError):
        opened = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(opened)
        finally:
            os.close(opened)


def _read(path: Path) -> Job | None:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) and "id" in found else None


def _is_alive(lock: Path) -> bool:
    """Whether a process holds its lock."""
    if fcntl is None:
        try:
            lock.unlink()
        except FileNotFoundError:
            return False
        except OSError:
            return True
        return False
    try:
        with lock.open("rb") as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
