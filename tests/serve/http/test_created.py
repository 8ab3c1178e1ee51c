"""Collections that are made and deleted while the server runs."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from sensorium import Collection
from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Serve
from tests.serve.http.test_adding import ended

API = "/api/collections"
PHOTO = SAMPLE / "x_dog.jpg"


def names(client: httpx.Client) -> list[str]:
    return [one["name"] for one in client.get(API).json()["collections"]]


def message(answer: httpx.Response) -> str:
    told: str = answer.json()["error"]["message"]
    return told


def sent(client: httpx.Client, name: str) -> dict[str, Any]:
    """A photo is sent to a collection, and added."""
    answer = client.post(f"{API}/{name}/items", files={"files": ("dog.jpg", PHOTO.read_bytes())})
    assert answer.status_code == 202, answer.text
    return ended(client, answer.json()["job"])


def test_made_filled_asked_and_deleted(serve: Serve, photos: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    client = serve(photos, create_in=made)
    answer = client.post(API, json={"name": "Été 2024"})
    assert answer.status_code == 201
    assert answer.json() == {"name": "Été 2024", "items": {}, "encoder": "mini", "created": True}
    assert names(client) == ["library", "Été 2024"]
    assert sent(client, "Été 2024")["report"]["added"] == 1
    found = client.post(f"{API}/Été 2024/search", json={"query": "a dog"}).json()["hits"]
    assert [hit["path"] for hit in found] == [str(made / "Été 2024/Été 2024-uploads/dog.jpg")]
    assert "Été 2024" in [one["id"] for one in client.get("/v1/models").json()["data"]]
    with Collection(made / "Été 2024/Été 2024.sensorium") as stored:  # the shell reads it, too
        assert len(stored) == 1

    refused = client.delete(f"{API}/Été 2024")
    assert refused.status_code == 409
    assert message(refused).startswith("1 files were sent to 'Été 2024': files=true")
    answer = client.delete(f"{API}/Été 2024?files=true")
    assert answer.json() == {"deleted": "Été 2024", "files": 1}
    assert names(client) == ["library"]
    assert client.post(f"{API}/Été 2024/search", json={"query": "a dog"}).status_code == 404
    assert not list(made.iterdir())
    assert client.get("/health").status_code == 200

    assert client.post(API, json={"name": "Été 2024"}).status_code == 201
    assert client.get(f"{API}/Été 2024").json()["items"] == {}


@pytest.mark.parametrize("name", ["..", "a/b", "a\\b", ".hidden", " a", "a\n", "ü" * 61])
def test_names_that_none_can_have(name: str, serve: Serve, photos: Path, tmp_path: Path) -> None:
    client = serve(photos, create_in=tmp_path / "made")
    answer = client.post(API, json={"name": name})
    assert answer.status_code == 400, answer.text
    assert repr(name)[:70] in message(answer)
    assert not list((tmp_path / "made").glob("*"))
    assert [one.name for one in tmp_path.iterdir()] in ([], ["made"])


def test_what_is_there_already_stays(serve: Serve, photos: Path, tmp_path: Path) -> None:
    made = tmp_path / "made"
    (made / "other").mkdir(parents=True)
    (made / "other" / "letter.txt").write_text("dear")
    client = serve(photos, create_in=made)
    assert client.post(API, json={"name": "one"}).status_code == 201
    sent(client, "one")
    again = client.post(API, json={"name": "one"})
    assert (again.status_code, message(again)) == (409, "there is something called 'one' already")
    assert client.post(API, json={"name": "other"}).status_code == 409
    assert client.post(API, json={"name": "library"}).status_code == 400
    assert client.get(f"{API}/one").json()["items"] == {"image": 1}
    assert (made / "other" / "letter.txt").read_text() == "dear"
    assert names(client) == ["library", "one"]
    assert not [one for one in made.iterdir() if one.name.startswith(".")]


def test_what_the_server_was_started_with_is_not_deleted(
    serve: Serve, photos: Path, tmp_path: Path
) -> None:
    client = serve(photos, create_in=tmp_path)
    answer = client.delete(f"{API}/library?files=true")
    assert (answer.status_code, photos.exists()) == (409, True)
    assert message(answer) == "the server was started with 'library': delete it in the shell"
    for name in ("nosuch", "..", "%2e%2e%2f" + photos.stem):
        assert client.delete(f"{API}/{name}").status_code in (404, 405), name


def test_where_none_are_made(serve: Serve, photos: Path) -> None:
    answer = serve(photos).post(API, json={"name": "one"})
    assert answer.status_code == 403
    assert "--create-in" in message(answer)


def test_only_encoders_that_are_served(serve: Serve, photos: Path, tmp_path: Path) -> None:
    client = serve(photos, create_in=tmp_path / "made")
    answer = client.post(API, json={"name": "one", "encoder": "somebody/elses-model"})
    assert answer.status_code == 400
    assert message(answer) == "no encoder 'somebody/elses-model' is served; there are mini"
    assert client.post(API, json={"name": "one", "encoder": "mini"}).status_code == 201


def test_one_that_is_worked_on_stays(serve: Serve, photos: Path, tmp_path: Path) -> None:
    client = serve(photos, create_in=tmp_path / "made", roots=(SAMPLE,))
    client.post(API, json={"name": "one"})
    job = client.post(f"{API}/one/index", json={"paths": [str(SAMPLE)]}).json()["job"]
    answer = client.delete(f"{API}/one")
    assert answer.status_code == 409
    assert message(answer) == f"job {job['id']} is not done: wait for it, or cancel it"
    client.delete(f"/api/jobs/{job['id']}")
    ended(client, job)
    assert client.delete(f"{API}/one").json() == {"deleted": "one", "files": 0}  # none was sent
    assert PHOTO.exists()


def test_settings_of_processes_of_their_own(tmp_path: Path) -> None:
    settings = Settings({}, create_in=tmp_path)
    assert Settings.from_json(settings.to_json()) == settings


@pytest.mark.slow
def test_every_process_knows_them_at_once(tmp_path: Path) -> None:
    """And a server that begins with none."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = f"serve --create-in {tmp_path / 'made'} --port {port} --workers 2".split()
    environment = {**os.environ, "SENSORIUM_HOME": str(tmp_path)}
    server = subprocess.Popen([sys.executable, "-m", "sensorium", *command], env=environment)
    try:
        url, until = f"http://127.0.0.1:{port}", time.monotonic() + 300
        while True:
            try:
                if httpx.get(f"{url}/health", timeout=60).status_code == 200:
                    break
            except httpx.TransportError:
                assert server.poll() is None and time.monotonic() < until
                time.sleep(0.2)
        assert httpx.get(f"{url}{API}").json() == {"collections": [], "creates": True}
        for turn in range(3):  # each request over a connection of its own: whoever is free answers
            assert httpx.post(f"{url}{API}", json={"name": "one"}, timeout=60).status_code == 201
            for _ in range(8):
                found = httpx.get(f"{url}{API}/one", timeout=60)
                assert (found.status_code, found.json()["items"]) == (200, {}), turn
            assert httpx.delete(f"{url}{API}/one", timeout=60).status_code == 200
            for _ in range(8):
                assert httpx.get(f"{url}{API}/one", timeout=60).status_code == 404
    finally:
        server.terminate()
        assert server.wait(60) == 0
