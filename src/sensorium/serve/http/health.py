"""Whether the server is well, and what it counts."""

from __future__ import annotations

import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Literal

import anyio.to_thread
from anyio import CapacityLimiter
from anyio.lowlevel import RunVar
from fastapi import APIRouter, Response
from pydantic import BaseModel

from sensorium.collection import Collection
from sensorium.errors import SensoriumError
from sensorium.media import Modality, Text
from sensorium.serve.answers import Answer
from sensorium.serve.batching import BatchedEncoder, BusyError
from sensorium.serve.http.depends import ServedState, needs
from sensorium.serve.served import Served, UnknownCollectionError

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """Whether all is well, and what is not."""

    status: Literal["healthy", "unhealthy"]
    faults: dict[str, str]
    lost: dict[str, str] | None = None
    """Replicas of shards that do not answer, where others do: nothing is missing yet."""


ANSWERS_WITHIN = 5.0
"""Seconds that an encoder is given for one word. One that still computes is alive, and slow."""

STUCK_AFTER = 120.0
"""Seconds of one batch from which on nothing is expected of it any more."""

WRITTEN = bytes(1 << 16)
"""What is written to see whether something can be: as much as a few rows of vectors."""

_PROBE = "health"


FRESH = 5.0
"""Seconds after which what answered is asked again: who is busy is not asked for more."""

AT_ONCE = 2
"""Requests for it that are looked into at once; anybody may ask."""

_THREADS: RunVar[CapacityLimiter] = RunVar("threads of /health")
"""Of its own: all others may be waiting for what is dead."""


@router.head("/health", include_in_schema=False)
@router.get(
    "/health", summary="Whether collections and encoders answer",
    responses={200: {"model": Health},
               503: {"description": "Something cannot be searched.", "model": Health}},
)  # fmt: skip
async def health(served: ServedState) -> Answer:
    """200 where all that is served can be searched, and changed by who may; else 503 and why not.

    What is not named there goes on answering. Who is busy, or slow, is not dead.
    """
    if (threads := _THREADS.get(None)) is None:
        threads = CapacityLimiter(AT_ONCE)
        _THREADS.set(threads)
    faults = await anyio.to_thread.run_sync(faults_of, served, limiter=threads)
    body: dict[str, Any] = {"status": "unhealthy" if faults else "healthy", "faults": faults}
    if lost := {k: v for shards in served.shards.values() for k, v in shards.lost.items()}:
        body["lost"] = lost
    return Answer(body, 503 if faults else 200)


def faults_of(served: Served) -> dict[str, str]:
    """What is dead, and why."""
    faults: dict[str, str] = {}
    for name, path in served.settings.paths().items():
        try:
            served.collection(name)
            _require_database(path)
        except UnknownCollectionError:  # deleted since it was listed
            continue
        except SensoriumError as error:
            faults[f"collection {name}"] = str(error)
        if (shards := served.shards.get(name)) is not None:
            faults |= shards.check()
        if served.settings.lets_write and (fault := _fault_of_disks(served, name)):
            faults[f"writing to {name}"] = fault
    for name, encoder in served.encoders.items():
        if fault := _fault_of(encoder):
            faults[f"encoder {name}"] = fault
    if not served.jobs.is_alive:
        faults["jobs"] = "their thread has ended: start the server anew"
    return faults


@router.get(
    "/metrics", summary="Counters, as Prometheus reads them", dependencies=[needs("read")],
    response_class=Response, responses={200: {"content": {"text/plain": {}}}},
)  # fmt: skip
def metrics(served: ServedState) -> Response:
    """What was asked how often, and how long it took."""
    return Response(served.metrics.written(), media_type="text/plain; version=0.0.4")


def _require_database(path: Path) -> None:
    """Read a collection's file anew: what is open already may tell rows out of memory.

    By the library alone: whatever else closes a file that SQLite has open takes all locks on it
    away (`sensorium.collection.database`).

    Raises
    ------
    CollectionError
    """
    with Collection(path, create=False, auto_optimize=False) as anew:
        anew.info()


def _fault_of_disks(served: Served, name: str) -> str:
    """Why nothing can be written to where a collection, or what is sent to it, lies."""
    folders = {served.path(name).parent, served.settings.uploads_of(name)}
    for folder in sorted(folders):
        if not folder.is_dir():  # uploads, before the first
            continue
        try:
            with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
                file.write(WRITTEN)
        except OSError as error:
            return f"{folder}: nothing can be written ({error.strerror})"
    return ""


def _fault_of(encoder: BatchedEncoder) -> str:
    """Why an encoder is dead; empty where it is alive: it is asked, as a search would."""
    if not encoder.is_alive:
        return "its thread has ended: start the server anew"
    answered = encoder.answered.get(Modality.TEXT)
    if answered is not None and time.monotonic() - answered < FRESH:
        return ""
    if Modality.TEXT not in encoder.space.modalities:
        return ""
    found: list[str] = []

    def ask() -> None:
        try:
            encoder.encode([Text(_PROBE)], role="query")
        except BusyError:
            found.append("")  # it computes
        except Exception as error:  # whatever it is, nothing is encoded
            found.append(str(error) or type(error).__name__)
        else:
            found.append("")

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWERS_WITHIN)
    if found:
        return found[0]
    if not encoder.is_alive:
        return "its thread has ended: start the server anew"
    seconds = encoder.computing_for
    return f"it has computed one batch for {seconds:.0f} s" if seconds > STUCK_AFTER else ""
