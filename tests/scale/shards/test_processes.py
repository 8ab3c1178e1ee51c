"""Shards in processes of their own: killed with SIGKILL while they are asked, over HTTP, too."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sensorium import Collection
from sensorium.cli.shard import part_of
from sensorium.encoders import FolderEncoder
from sensorium.errors import CollectionError, UsageError
from sensorium.scale import start_shards
from sensorium.scale.shards import processes
from sensorium.scale.shards.shards import Shards
from tests.scale.shards.test_shards import told

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no SIGKILL")

NUMBERS = ("score", "probability")

QUESTIONS: tuple[dict[str, Any], ...] = (
    {"query": "a red cat", "k": 30},
    {"query": "green dog", "mode": "hybrid", "k": 30},
    {"query": "blue square", "where": "width > 50"},
)


def test_a_killed_process_is_started_anew(library: Path, tiny_folder: FolderEncoder) -> None:
    with Collection(library, tiny_folder) as one:
        expected = [told(one.search(**asked)) for asked in QUESTIONS]
    with (
        start_shards(library, 2) as shards,
        Collection(library, tiny_folder, shards=shards) as many,
    ):
        assert [told(many.search(**asked)) for asked in QUESTIONS] == expected
        before = shards.processes.pids()
        os.kill(before[1][0], signal.SIGKILL)
        assert [told(many.search(**asked)) for asked in QUESTIONS] == expected
        after = shards.processes.pids()
        assert after[0] == before[0] and after[1] != before[1]
        assert shards.retries[1] >= 1
    assert not any(is_running(pid) for pid in itertools.chain(*before, *after))


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_a_process_that_says_nothing_is_passed_over(
    library: Path, tiny_folder: FolderEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that is stopped keeps its connections, and answers nothing on them."""
    monkeypatch.setattr("sensorium.scale.shards.shards.ANSWER_SECONDS", 2.0)
    with (
        start_shards(library, 1, replicas=2) as shards,
        Collection(library, tiny_folder, shards=shards) as many,
    ):
        expected = [told(many.search(**asked)) for asked in QUESTIONS]
        wait_until(lambda: not shards.lost)
        ((stopped, _),) = shards.processes.pids()
        os.kill(stopped, signal.SIGSTOP)
        for _ in range(2):
            assert [told(many.search(**asked)) for asked in QUESTIONS] == expected
        assert len(shards.lost) == 1 and sum(shards.retries) == 1
        os.kill(stopped, signal.SIGCONT)
        wait_until(lambda: not shards.lost)


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
def test_no_answer_is_lost_while_replicas_are_killed(
    library: Path, tiny_folder: FolderEncoder, tmp_path: Path
) -> None:
    """Asked by real clients over HTTP, of a server that is started as a person starts it."""
    environment = {**os.environ, "SENSORIUM_HOME": str(tmp_path / "home")}
    port = free_port()
    server = subprocess.Popen(
        [
            sys.executable, "-m", "sensorium", "serve", f"library={library}", "--port", str(port),
            "--shards", "2", "--replicas", "2", "--read-only",
        ],
        env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    url = f"http://127.0.0.1:{port}"
    asked = [{**one, "k": one.get("k", 10)} for one in QUESTIONS]
    done, killed = threading.Event(), 0
    try:
        well = {"status": "healthy", "faults": {}}
        wait_for(url, lambda answer: answer.json() == well)
        search = f"{url}/api/collections/library/search"
        with httpx.Client(timeout=60) as client:
            expected = [client.post(search, json=one).json()["hits"] for one in asked]
        with Collection(library, tiny_folder) as one:
            ids = [[hit.id for hit in one.search(**asked_one)] for asked_one in asked]
        assert [[hit["id"] for hit in hits] for hits in expected] == ids

        def ask(number: int) -> int:
            answers = 0
            with httpx.Client(timeout=60) as client:
                while not done.is_set():
                    which = answers % len(asked)
                    answer = client.post(search, json=asked[which])
                    assert answer.status_code == 200, answer.text
                    # Of questions that come together the server computes chance together: the last
                # bits of what is said of it differ, with shards and without.
                for hit, right in zip(answer.json()["hits"], expected[which], strict=True):
                    assert hit == {**right, **{n: pytest.approx(right[n]) for n in NUMBERS}}
                    answers += 1
            return answers

        choose = random.Random(0)
        with ThreadPoolExecutor(3) as pool:
            asking = [pool.submit(ask, n) for n in range(3)]
            try:
                while killed < 6 and not any(one.done() for one in asking):
                    time.sleep(choose.uniform(0.2, 0.8))
                    wait_for(url, lambda answer: answer.json() == well)
                    os.kill(choose.choice(children(server.pid)), signal.SIGKILL)
                    killed += 1
            finally:
                done.set()
            assert all(one.result() > 3 for one in asking)
        with httpx.Client(timeout=60) as client:
            counted = client.get(f"{url}/metrics").text
        assert counted.count('sensorium_shard_up{collection="library"') == 4
        assert 'sensorium_shard_questions_total{collection="library",shard="1/2"}' in counted
        left = children(server.pid)
        assert len(left) == 4
    finally:
        server.send_signal(signal.SIGKILL)  # even so, nobody is left behind
        server.wait(60)
    deadline = time.monotonic() + 30
    while any(is_running(pid) for pid in left):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(url: str, is_right: Callable[[httpx.Response], bool]) -> None:
    deadline = time.monotonic() + 120
    while True:
        with contextlib.suppress(httpx.TransportError):
            if is_right(httpx.get(f"{url}/health", timeout=30)):
                return
        assert time.monotonic() < deadline
        time.sleep(0.1)


def children(pid: int) -> list[int]:
    """Processes of shards that a server started."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
                words = (folder / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if parent == pid and b"shard" in words:
                found.append(int(folder.name))
    return found


@pytest.mark.slow
def test_shards_are_started_on_other_machines_by_a_command(
    library: Path, tiny_folder: FolderEncoder, tmp_path: Path
) -> None:
    """With a token of one's own; here, on this machine."""
    token, ports = "a-token-of-this-test", [free_port(), free_port()]
    environment = {**os.environ, "SENSORIUM_SHARD_TOKEN": token}
    command = [sys.executable, "-m", "sensorium", "shard", str(library)]
    started = [
        subprocess.Popen([*command, "--part", f"{n + 1}/2", "--port", str(port)], env=environment)
        for n, port in enumerate(ports)
    ]
    try:
        shards = Shards([[f"127.0.0.1:{port}"] for port in ports], token)
        with (
            Collection(library, tiny_folder) as one,
            Collection(library, tiny_folder, shards=shards) as many,
        ):
            for asked in QUESTIONS:
                assert told(many.search(**asked)) == told(one.search(**asked))
    finally:
        for process in started:
            process.terminate()
        assert {process.wait(30) for process in started} <= {0, -signal.SIGTERM, 143}


@pytest.mark.parametrize(
    "written", ["", "1", "0/2", "3/2", "a/2", "1/b", "-1/2", "1/2/3", "1/5000", f"1/{10**30}"]
)
def test_parts_that_are_none(written: str) -> None:
    with pytest.raises(UsageError, match="--part is one of how many"):
        part_of(written)
    assert part_of("2/4") == (1, 4)


def test_what_cannot_be_started(library: Path, tmp_path: Path) -> None:
    for shards, replicas in ((0, 1), (1, 0), (True, 1), (1000, 1000)):
        with pytest.raises(UsageError, match=r"at least 1|are more than"):
            start_shards(library, shards, replicas=replicas)
    with pytest.raises(CollectionError, match="no such collection"):
        start_shards(tmp_path / "nothing.sensorium", 2)


def test_what_cannot_be_started_now_is_started_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are too many processes, whoever looks after them does not end of it."""
    monkeypatch.setattr(processes, "LONGEST_PAUSE", 0.0)
    one = processes._Process([sys.executable, "-c", ""], "token")
    one.process.wait(30)

    def full(*_: Any, **__: Any) -> Any:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", full)
        one.keep()
    before = one.process
    one.keep()
    assert one.process is not before
    one.process.wait(30)
    one.end()
