"""What is dead is named, and all else goes on answering."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sensorium import Collection, load_encoder
from sensorium.errors import EncoderError
from sensorium.scale.shards.processes import ShardProcesses
from sensorium.serve import app
from sensorium.serve.batching import SMALL, BatchedEncoder
from sensorium.serve.http import health
from sensorium.serve.settings import Settings
from tests.collection.disks import disk, make_read_only
from tests.serve.conftest import SAMPLE, Live

PHOTOS = sorted(SAMPLE.glob("x_*.jpg"))


@pytest.fixture
def two(tmp_path: Path) -> dict[str, Path]:
    paths = {name: tmp_path / f"{name}.sensorium" for name in ("one", "other")}
    for path in paths.values():
        with Collection(path) as made:
            made.add(PHOTOS[0])
    return paths


@pytest.fixture
def client(two: dict[str, Path]) -> Iterator[httpx.Client]:
    with Live(Settings(two)) as url, httpx.Client(base_url=url, timeout=60) as asking:
        yield asking


def faults(client: httpx.Client) -> dict[str, str]:
    answer = client.get("/health")
    body: dict[str, Any] = answer.json()
    assert answer.status_code == (503 if body["faults"] else 200)
    assert body["status"] == ("unhealthy" if body["faults"] else "healthy")
    named: dict[str, str] = body["faults"]
    return named


def finds(client: httpx.Client, name: str) -> bool:
    question = {"query": "a dog", "k": 1}
    answer = client.post(f"/api/collections/{name}/search", json=question)
    return answer.status_code == 200 and len(answer.json()["hits"]) == 1


def test_a_collection_that_is_gone_replaced_or_damaged(
    client: httpx.Client, two: dict[str, Path], tmp_path: Path
) -> None:
    assert faults(client) == {} and finds(client, "one")
    path, kept = two["one"], two["one"].read_bytes()

    def damaged() -> None:
        with path.open("r+b") as file:
            file.write(bytes(8192))

    def replaced() -> None:
        path.unlink()
        path.write_bytes(b"no database at all " * 100)

    for harm in (path.unlink, replaced, damaged):
        harm()
        assert [*faults(client)] == ["collection one"], harm
        assert finds(client, "other")
        listed = client.get("/api/collections").json()["collections"]
        assert [one["name"] for one in listed] == ["one", "other"]
        assert "error" not in listed[1] and listed[1]["items"] == {"image": 1}
        path.unlink(missing_ok=True)
        path.write_bytes(kept)
        assert faults(client) == {} and finds(client, "one")


def test_a_full_disk(tmp_path: Path) -> None:
    """What is stored is searched as ever; what nothing can be written to is named."""
    folder = tmp_path / "disk"
    with disk(folder, 4096):
        with Collection(folder / "one.sensorium") as made:
            made.add(PHOTOS[0])
        settings = Settings({"one": folder / "one.sensorium"}, uploads=tmp_path / "uploads")
        with Live(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
            assert faults(client) == {} and finds(client, "one")
            with pytest.raises(OSError, match="space"), (folder / "full").open("wb") as file:
                while True:
                    file.write(bytes(4096))
                    file.flush()
            assert [*faults(client)] == ["writing to one"]
            assert "No space left" in faults(client)["writing to one"]
            assert finds(client, "one")
            judged = client.post(
                "/api/collections/one/judge", json={"question": {"query": "x" * 50}, "items": [1]}
            )
            assert judged.status_code == 500 and "disk is full" in judged.json()["error"]["message"]
            (folder / "full").unlink()
            assert faults(client) == {} and finds(client, "one")
        make_read_only(folder)
        with Live(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
            assert "Read-only" in faults(client)["writing to one"] and finds(client, "one")
        reading = Settings({"one": folder / "one.sensorium"}, open_scopes=("read",))
        with Live(reading) as url, httpx.Client(base_url=url, timeout=60) as client:
            assert faults(client) == {} and finds(client, "one")


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_dead_thread_of_an_encoder(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who would wait for it is told so; what needs no encoder answers."""
    assert finds(client, "one")
    computing = [one for one in threading.enumerate() if one.name == "encode mini"]
    with monkeypatch.context() as harm:
        harm.setattr(BatchedEncoder, "_computed", lambda *_: None)
        for number in range(len(computing)):
            question = {"query": f"cat {number}"}
            answer = client.post("/api/collections/one/search", json=question)
            assert answer.status_code == 500 and "computes no more" in answer.text
    for thread in computing:
        thread.join(60)
        assert not thread.is_alive()
    answer = client.post("/api/collections/one/search", json={"query": "a bird"})
    assert answer.status_code == 500 and "anew" in answer.json()["error"]["message"]
    assert "its thread has ended" in faults(client)["encoder mini"]
    assert client.get("/api/collections/one/items").json()["total"] == 1


def test_an_encoder_that_is_slow_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first question loads it, and a batch may take longer than a probe waits."""
    go = threading.Event()
    batched = BatchedEncoder(load_encoder("mini"), 256)
    monkeypatch.setattr(health, "ANSWERS_WITHIN", 0.05)
    computed = batched._computed

    def late(*arguments: Any) -> Any:
        go.wait(60)
        return computed(*arguments)

    monkeypatch.setattr(batched, "_computed", late)
    try:
        assert health._fault_of(batched) == ""
        monkeypatch.setattr(health, "STUCK_AFTER", 0.01)
        assert "computed one batch for" in health._fault_of(batched)
    finally:
        go.set()
        batched.close()
    assert "has ended" in health._fault_of(batched)


def test_it_is_told_while_all_threads_wait(
    two: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """For an encoder that computes for long: busy at first, and dead after a while."""
    go, computing = threading.Event(), threading.Event()
    computed = BatchedEncoder._computed

    def late(*arguments: Any) -> Any:
        computing.set()
        go.wait(60)
        return computed(*arguments)

    monkeypatch.setattr(app, "THREADS", 2)
    monkeypatch.setattr(health, "ANSWERS_WITHIN", 0.05)
    with (
        Live(Settings({"one": two["one"]})) as url,
        httpx.Client(base_url=url, timeout=60) as client,
        ThreadPoolExecutor(3) as waiting,
    ):
        assert finds(client, "one")
        monkeypatch.setattr(BatchedEncoder, "_computed", late)
        # More than is encoded without a thread that waits.
        body = {"model": "mini", "input": ["a dog"] * (SMALL + 1)}
        asked = [waiting.submit(client.post, "/v1/embeddings", json=body) for _ in range(3)]
        assert computing.wait(60)
        for fresh in (60.0, 0.0):
            monkeypatch.setattr(health, "FRESH", fresh)
            assert faults(client) == {}
        monkeypatch.setattr(health, "STUCK_AFTER", 0.01)
        assert "computed one batch for" in faults(client)["encoder mini"]
        go.set()
        assert [one.result().status_code for one in asked] == [200] * 3
        monkeypatch.setattr(health, "STUCK_AFTER", 60.0)
        assert faults(client) == {}


def test_what_fails_is_asked_again(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """However well it answered before."""
    assert finds(client, "one") and faults(client) == {}

    def failing(*_: Any) -> Any:
        raise EncoderError("its weights are gone")

    with monkeypatch.context() as harm:
        harm.setattr(BatchedEncoder, "_computed", failing)
        assert not finds_anew(client)
        assert "weights are gone" in faults(client)["encoder mini"]
    assert faults(client) == {}


def finds_anew(client: httpx.Client) -> bool:
    question = {"query": "a bird that nobody asked for"}
    return client.post("/api/collections/one/search", json=question).status_code == 200


def test_shards_that_nobody_holds_are_told(
    two: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What needs them is told so at once (503), and goes on when they are there again."""
    monkeypatch.setattr("sensorium.scale.shards.shards.PATIENCE_SECONDS", 0.2)
    with ShardProcesses(two["one"], 1) as processes:
        monkeypatch.setenv("SENSORIUM_SHARD_TOKEN", processes.token)
        settings = Settings(two, shards={"one": processes.addresses})
        with Live(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
            wait(lambda: not faults(client))
            found = client.post("/api/collections/one/search", json={"query": "a dog"})
            assert found.status_code == 200 and len(found.json()["hits"]) == 1
            processes.close()
            (fault,) = faults(client)
            assert fault == f"shard 1 of 1 of {two['one']}"
            missing = client.post("/api/collections/one/search", json={"query": "a cat"})
            assert missing.status_code == 503 and int(missing.headers["retry-after"]) >= 1
            assert missing.json()["error"]["message"].startswith(f"{fault}: no replica answers (")
            assert finds(client, "other")
            assert 'sensorium_shard_up{collection="one",replica="127.0.0.1:' in (
                client.get("/metrics").text
            )


def wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
