"""The shell's own server: its options, several processes over one collection, and their end."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from sensorium import Collection
from sensorium.cli.serve import divided, models_of, named
from sensorium.errors import UsageError
from sensorium.serve.jobs import Jobs
from sensorium.serve.settings import Limits, Settings, read_limits
from tests.serve.conftest import SAMPLE
from tests.serve.http.test_adding import API, PHOTOS, events, send, started


def test_limits(tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    file.write_text('{"jobs": 2, "requests_per_minute": 60}')
    assert read_limits(file) == Limits(jobs=2, requests_per_minute=60)
    for wrong, told in (("[1]", "object"), ('{"job": 1}', "no limit 'job'"), ('{"jobs": -1}', "-1"),
                        ('{"jobs": true}', "True"), ("{", "cannot be read")):  # fmt: skip
        file.write_text(wrong)
        with pytest.raises(UsageError, match=told):
            read_limits(file)


def test_models() -> None:
    assert models_of(["caption=a/b", "translate=http://x/v1#m"]) == {
        "caption": "a/b", "translate": "http://x/v1#m"
    }  # fmt: skip
    for wrong in ("explain=x", "caption", "caption="):
        with pytest.raises(UsageError, match="TASK=NAME"):
            models_of([wrong])


def test_uploads_of_collections(tmp_path: Path) -> None:
    collections = {"a": tmp_path / "photos.sensorium"}
    assert Settings(collections).uploads_of("a") == tmp_path / "photos-uploads"
    assert Settings(collections, uploads=Path("/kept")).uploads_of("a") == Path("/kept/a")


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "../b", "a\\b", "a\0b", "a\nb"])
def test_names_of_collections(tmp_path: Path, name: str) -> None:
    """They are names of folders, and stand in addresses."""
    with pytest.raises(UsageError, match="under a name"):
        Settings({name: tmp_path / "photos.sensorium"}, uploads=tmp_path)
    (tmp_path / "a.sensorium").touch()
    with pytest.raises(UsageError, match="under a name"):
        Settings(named([f"{name}={tmp_path / 'a.sensorium'}"]))


def test_no_two_collections_share_what_is_sent(tmp_path: Path) -> None:
    apart = {"a": tmp_path / "a" / "photos.sensorium", "b": tmp_path / "b" / "photos.sensorium"}
    settings = Settings(apart)
    assert settings.uploads_of("a") != settings.uploads_of("b")
    beside = {"a": tmp_path / "photos.sensorium", "b": tmp_path / "photos.db"}
    with pytest.raises(UsageError, match="photos-uploads: give each its own with --uploads"):
        Settings(beside)
    settings = Settings(beside, uploads=tmp_path)
    assert settings.uploads_of("a") != settings.uploads_of("b")
    for path in apart.values():
        path.parent.mkdir()
        path.touch()
    with pytest.raises(UsageError, match="two collections are called 'photos'"):
        named([str(path) for path in apart.values()])


def test_collections_in_lance_are_named_as_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    table = tmp_path / "photos.lance"
    table.mkdir()
    assert named([f"lance://{table}"]) == named([str(table)]) == {"photos": table}
    (table / "_versions").mkdir()
    for given in (f"lance://{table}?version=3", f"{table}?version=v1.2"):
        (older,) = named([given]).items()
        assert older[0] == "photos" and named([f"b={given}"]) == {"b": older[1]}
    found = named(["far=s3://bucket/all/photos", "s3://bucket/all/others"])
    assert list(found) == ["far", "others"]
    assert found["far"].read_text() == "s3://bucket/all/photos"
    again = Settings.from_json(Settings(found).to_json())
    assert again.collections["others"].read_text() == "s3://bucket/all/others"


def test_shards_are_of_one_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = {"a": tmp_path / "a.sensorium"}
    monkeypatch.delenv("SENSORIUM_SHARD_TOKEN", raising=False)
    with divided(one, 0, 1, []) as addresses:
        assert addresses == {}
    for wrong, told in (
        ((one, 2, 1, ["h:1"]), "not started"), (({**one, "b": tmp_path}, 0, 1, ["h:1"]), "of one"),
        ((one, 0, 1, ["h:1"]), "SENSORIUM_SHARD_TOKEN"), ((one, 0, 2, []), "how many"),
    ):  # fmt: skip
        with pytest.raises(UsageError, match=told), divided(*wrong):
            pass
    monkeypatch.setenv("SENSORIUM_SHARD_TOKEN", "a-token-of-this-test")
    with pytest.raises(UsageError, match="HOST:PORT"), divided(one, 0, 1, ["h:1", "h"]):
        pass
    with divided(one, 0, 1, ["h:1,[::1]:2", "h:3"]) as addresses:
        assert addresses == {"a": [["h:1", "[::1]:2"], ["h:3"]]}
    settings = Settings(one, shards=addresses)
    assert Settings.from_json(settings.to_json()) == settings


def test_jobs_of_a_collection_that_has_another_name_now(tmp_path: Path) -> None:
    """Each is told once, and goes on, under whatever names the collection is served."""

    def broken(*_: Any) -> None:
        raise UsageError("broken")

    before = Jobs({"a": tmp_path}, broken, 4)
    job = before.submit("a", paths=[])
    before.close()
    after = Jobs({"b": tmp_path, "c": tmp_path}, broken, 4)
    assert [one["collection"] for one in after.listed()] == ["b"]
    assert after.cancel(job["id"])["collection"] == "b"
    again = after.again(job["id"])
    assert again["collection"] == "b" and len(after.listed()) == 2
    assert after.submit("c", paths=[])["collection"] == "c"
    assert {one["collection"] for one in after.listed()} == {"b", "c"}
    after.close()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_several_processes(tmp_path: Path) -> None:
    """Each answers for the jobs of all, and what a killed one was at is told to be interrupted."""
    library, kept = tmp_path / "library.sensorium", tmp_path / "kept"
    with Collection(library) as made:
        made.add(*PHOTOS[:2])
    limits = tmp_path / "limits.json"
    limits.write_text(json.dumps({"jobs": 3}))
    process, client = started(
        library, "--workers", "2", "--uploads", str(kept), "--limits", str(limits), "--root",
        str(SAMPLE),
    )  # fmt: skip
    try:
        answers: set[str] = set()
        sent = send(client, ("a.jpg", PHOTOS[3].read_bytes()))
        assert (kept / "library" / "a.jpg").exists()
        for _ in range(8):  # each over a connection of its own, which either may take
            with httpx.Client(base_url=client.base_url, timeout=60) as other:
                told = list(events(other, sent["job"]["id"]))
                answers.add(json.dumps(told[-1]))
        assert len(answers) == 1 and told[-1][1]["report"]["added"] == 1
        job = client.post(f"{API}/index", json={"paths": [str(SAMPLE)]}).json()["job"]
        for child in children(process.pid):
            os.kill(child, signal.SIGKILL)
        deadline = time.monotonic() + 120
        while True:
            try:
                with httpx.Client(base_url=client.base_url, timeout=60) as other:
                    state = other.get(f"/api/jobs/{job['id']}").json()["state"]
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.1)
        assert state == "interrupted"
    finally:
        client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
    with Collection(library) as made:
        assert len(made) >= 3


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_a_killed_process_loses_no_upload(tmp_path: Path) -> None:
    """Others answer meanwhile; what was acknowledged is on the disk, and its job goes on."""
    library, kept = tmp_path / "library.sensorium", tmp_path / "kept"
    with Collection(library) as made:
        made.add(PHOTOS[0])
    process, client = started(library, "--workers", "2", "--uploads", str(kept))
    sent: list[tuple[str, bytes, str]] = []

    def fresh() -> httpx.Client:
        return httpx.Client(base_url=client.base_url, timeout=60)

    try:
        for number, photo in enumerate(PHOTOS[1:13]):
            name, content = f"{number}.jpg", photo.read_bytes()
            while True:  # a connection to the killed one breaks: nothing was acknowledged on it
                try:
                    with fresh() as other:
                        sent.append((name, content, send(other, (name, content))["job"]["id"]))
                    break
                except httpx.TransportError:
                    assert process.poll() is None
            if number == 5:
                os.kill(children(process.pid)[0], signal.SIGKILL)
        for name, content, _ in sent:
            assert (kept / "library" / name).read_bytes() == content
        jobs, again = [job for _, _, job in sent], 0
        deadline = time.monotonic() + 120
        while jobs:
            assert time.monotonic() < deadline
            with fresh() as other:
                state = other.get(f"/api/jobs/{jobs[0]}").json()["state"]
                if state == "interrupted":  # by the kill: it goes on under another number
                    jobs.append(other.post(f"/api/jobs/{jobs[0]}").json()["job"]["id"])
                    again += 1
            assert state in ("queued", "running", "interrupted", "done")
            if state in ("interrupted", "done"):
                del jobs[0]
            else:
                time.sleep(0.05)
        assert again <= len(sent)
    finally:
        client.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)
    with Collection(library) as made:
        names = sorted(Path(item.path).name for item in made.items())
    assert names == sorted([PHOTOS[0].name, *(name for name, _, _ in sent)])


def children(process: int) -> list[int]:
    """Processes that answer: those that were started by a program, not by a shell."""
    listed = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    commands = {int(one): Path(f"/proc/{one}/cmdline").read_bytes() for one in listed}
    return [one for one, command in commands.items() if b"spawn_main" in command]
