"""Workers that are killed while they write: what was acknowledged is there, and others go on."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable
from os import kill
from pathlib import Path

import httpx
import pytest

from sensorium import Collection
from tests.serve.http.test_adding import API, PHOTOS, ended, started

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="workers are found in /proc"),
]

KILLS = 3


def workers_of(process: int) -> set[int]:
    """Processes that answer: children of the one that watches them."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return {
        int(child)
        for child in children
        if b"spawn_main" in Path(f"/proc/{child}/cmdline").read_bytes()
    }


def test_no_acknowledged_write_is_lost(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    library = tmp_path / "own" / "library.sensorium"
    library.parent.mkdir()
    with Collection(library) as made:
        made.add(*PHOTOS[:12])
    process, client = started(library, "--workers", "2")
    url, over = str(client.base_url), threading.Event()
    request.addfinalizer(process.terminate)
    request.addfinalizer(over.set)
    judged: dict[str, int] = {}
    sent: dict[str, bytes] = {}
    faults: list[str] = []

    def write(one: Callable[[int, httpx.Client], None]) -> None:
        number = 0
        while not over.is_set():
            number += 1
            try:
                # A connection of its own, so that all workers are asked.
                with httpx.Client(base_url=url, timeout=60) as own:
                    one(number, own)
            except httpx.TransportError:  # nothing was acknowledged
                time.sleep(0.05)

    def acknowledged(answer: httpx.Response) -> bool:
        if answer.status_code not in (200, 202, 503):  # full, which says so
            faults.append(f"{answer.status_code} {answer.text[:300]}")
        return answer.status_code in (200, 202)

    def judge(number: int, own: httpx.Client) -> None:
        words, item = f"question {number}", number % 12 + 1
        body = {"question": {"query": words}, "items": [item]}
        if acknowledged(own.post(f"{API}/judge", json=body)):
            judged[words] = item

    def send(number: int, own: httpx.Client) -> None:
        photo = PHOTOS[12 + number % (len(PHOTOS) - 12)].read_bytes()
        content = photo + number.to_bytes(4, "big")  # another file each time
        name = f"sent-{number}.jpg"
        if acknowledged(own.post(f"{API}/items", files={"files": (name, content)})):
            sent[name] = content

    writing = [threading.Thread(target=write, args=(one,)) for one in (judge, send)]
    for one in writing:
        one.start()
    killed: set[int] = set()
    deadline = time.monotonic() + 600  # a worker loads its models, on a processor that is busy
    while len(killed) < KILLS:
        assert process.poll() is None and time.monotonic() < deadline
        judged_before, sent_before = len(judged), len(sent)
        victim = min(workers_of(process.pid) - killed, default=None)
        if victim is None:
            time.sleep(0.1)
            continue
        kill(victim, signal.SIGKILL)
        killed.add(victim)
        # Others go on, and another takes its place.
        while (
            len(judged) == judged_before
            or len(sent) == sent_before
            or len(workers_of(process.pid) - killed) < 2
        ):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.1)
    over.set()
    for one in writing:
        one.join(120)
    assert not faults and len(judged) >= KILLS and len(sent) >= KILLS

    with httpx.Client(base_url=url, timeout=60) as asking:
        for words, item in judged.items():
            found = asking.post(f"{API}/search", json={"query": words, "k": 1}).json()
            assert found["judgements"] == {str(item): True}, words
        uploads = library.parent / "library-uploads"
        for name, content in sent.items():
            assert (uploads / name).read_bytes() == content
        for job in asking.get("/api/jobs").json()["jobs"]:
            if ended(asking, job)["state"] == "interrupted":  # its worker was killed
                again = asking.post(f"/api/jobs/{job['id']}").json()["job"]
                assert ended(asking, again)["state"] == "done"
        assert asking.get(API).json()["items"] == {"image": 12 + len(sent)}
        assert asking.get("/health").status_code == 200
    client.close()
    process.terminate()
    assert process.wait(60) in (0, -signal.SIGTERM)
    with Collection(library) as made:
        assert len(made) == 12 + len(sent)
