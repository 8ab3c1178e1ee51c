"""Jobs: how far they are, as they go on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio.to_thread
from fastapi import APIRouter, Path
from starlette.responses import StreamingResponse

from sensorium.plain import as_json
from sensorium.serve.answers import Answer
from sensorium.serve.http import declared
from sensorium.serve.http.depends import ServedState, needs
from sensorium.serve.jobs import UNFINISHED, Jobs

router = APIRouter(prefix="/api/jobs", tags=["jobs"])

LOOK_EVERY = 0.15
"""Seconds between two looks at a job's file, which another process may write."""

SILENCE = 15.0
"""Seconds after which a line that says nothing keeps a connection open."""

Number = Annotated[
    str, Path(description="A job's id.", max_length=64, examples=["0123456789abcdef01234567"])
]


@router.get(
    "", summary="Jobs that are remembered", dependencies=[needs("read")], responses=declared.JOBS
)
def jobs(served: ServedState) -> Answer:
    """The latest first, without their reports."""
    return Answer({"jobs": [one | {"report": None} for one in served.jobs.listed()]})


@router.get("/{job}", summary="One job", dependencies=[needs("read")], responses=declared.JOB)
def job(served: ServedState, job: Number) -> Answer:
    """What it is, how far it is, and what came of it."""
    return Answer(served.jobs.get(job))


@router.get(
    "/{job}/events",
    summary="A job as it goes on",
    dependencies=[needs("read")],
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def events(served: ServedState, job: Number) -> StreamingResponse:
    """Server-sent events: "progress" with the job as JSON, and "end" with the last one.

    A job goes on when nobody watches it.
    """
    first = await anyio.to_thread.run_sync(served.jobs.get, job)
    headers = {"cache-control": "no-store", "x-accel-buffering": "no"}
    return StreamingResponse(
        _events(served.jobs, first), media_type="text/event-stream", headers=headers
    )


@router.delete(
    "/{job}", summary="Cancel a job", dependencies=[needs("add")], responses=declared.JOB
)
def cancel(served: ServedState, job: Number) -> Answer:
    """It ends after the files that it is working on; what it added stays."""
    return Answer(served.jobs.cancel(job))


@router.post(
    "/{job}", summary="Do a job again", dependencies=[needs("add")], status_code=202,
    responses=declared.STARTED,
)  # fmt: skip
def again(served: ServedState, job: Number) -> Answer:
    """One that failed, was cancelled or interrupted; what was stored of it is not done twice."""
    return Answer({"job": served.jobs.again(job)}, 202)


async def _events(jobs: Jobs, job: dict[str, Any]) -> AsyncIterator[str]:
    """Looks, and holds nothing: when a client leaves there is nothing to be freed."""
    told: dict[str, Any] = {}
    said = time.monotonic()
    while True:
        is_over = job["state"] not in UNFINISHED
        if job != told:
            told, said = job, time.monotonic()
            yield f"event: {'end' if is_over else 'progress'}\ndata: {as_json(job)}\n\n"
        if is_over or jobs.is_ending:
            return
        if time.monotonic() - said > SILENCE:
            said = time.monotonic()
            yield ": \n\n"
        await asyncio.sleep(LOOK_EVERY)
        job = await anyio.to_thread.run_sync(jobs.get, job["id"])
