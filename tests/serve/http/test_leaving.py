"""Clients that leave before the end: what was done for them ends at once."""

from __future__ import annotations

import shutil
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from sensorium import Collection
from sensorium.serve import served
from sensorium.serve.http import jobs
from tests.serve.conftest import SAMPLE, Serve

MOMENT = 20.0


def soon(holds: Callable[[], bool]) -> bool:
    """Whether something is so within a moment."""
    deadline = time.monotonic() + MOMENT
    while not holds() and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds()


def running(client: httpx.Client) -> float:
    """Requests that are worked on, beside the one that asks."""
    (line,) = [
        one
        for one in client.get("/metrics").text.splitlines()
        if one.startswith("sensorium_requests_running ")
    ]
    return float(line.split()[1]) - 1


def test_of_events(serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator ends when its client does, not when the job does, nor when memory is tidied."""
    go, left = threading.Event(), threading.Event()
    real = jobs._events

    async def noted(*arguments: Any) -> AsyncIterator[str]:
        try:
            async for one in real(*arguments):
                yield one
        finally:
            left.set()

    monkeypatch.setattr(jobs, "_events", noted)
    monkeypatch.setattr(served, "add", lambda *_: go.wait(60) or {})
    with Collection(tmp_path / "library.sensorium") as made:
        made.add(SAMPLE / "x_dog.jpg")
    client = serve(tmp_path / "library.sensorium", roots=(SAMPLE,))
    asked = {"paths": [str(SAMPLE / "x_cat.jpg")]}
    job = client.post("/api/collections/library/index", json=asked).json()["job"]
    try:
        with client.stream("GET", f"/api/jobs/{job['id']}/events") as stream:
            lines = stream.iter_lines()  # httpx leaves when this goes
            assert next(lines) == "event: progress"
            assert running(client) == 1 and not left.is_set()
        assert left.wait(MOMENT), "the generator goes on"
        assert soon(lambda: running(client) == 0)
        assert client.get(f"/api/jobs/{job['id']}").json()["state"] == "running"
    finally:
        go.set()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for open files in /proc")
def test_of_large_files(serve: Serve, tmp_path: Path) -> None:
    photo = tmp_path / "dog.jpg"
    shutil.copy(SAMPLE / "x_dog.jpg", photo)
    with Collection(tmp_path / "library.sensorium") as made:
        made.add(photo)
    with photo.open("ab") as file:  # no connection holds so much by itself
        file.truncate(256 << 20)

    def is_open() -> bool:
        held = []
        for one in Path("/proc/self/fd").iterdir():
            try:
                held.append(one.readlink())
            except OSError:
                continue
        return photo in held

    client = serve(tmp_path / "library.sensorium")
    with client.stream("GET", "/api/collections/library/items/1/media") as stream:
        parts = stream.iter_raw()  # httpx leaves when this goes
        next(parts)
        assert is_open()
    assert soon(lambda: not is_open()), "the file is held open"
    assert soon(lambda: running(client) == 0)
