"""A server that keeps what it is sent, and files that name it: what tests of trust share."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sensorium import Collection
from sensorium.encoders import server as asking
from sensorium.encoders import trust
from tests.media.small_pictures import encode, red_blue


class Server(ThreadingHTTPServer):
    """An embedding server of some texts, which keeps what it is sent; or one that sends on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[str, str, dict[str, str], bytes]] = []
        self.sends_on: tuple[int, str] | None = None
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"
        self.name = f"{self.url}#m"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: Any) -> None:
        pass

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        if self.server.sends_on is not None:
            status, where = self.server.sends_on
            self.send_response(status)
            self.send_header("Location", where)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        count = len(json.loads(body)["input"]) if body else 0
        rows = [{"index": n, "embedding": [1.0, *[0.5] * 47]} for n in range(count)]
        content = json.dumps({"data": rows or [{"id": "m"}]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_HEAD(self) -> None:
        """Whether it is there."""
        self.send_response(200)
        self.end_headers()

    do_GET = answer  # noqa: N815
    do_POST = answer  # noqa: N815


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def elsewhere() -> Iterator[Server]:
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where nothing was named yet, and a key that nobody else may see."""
    monkeypatch.setattr(asking, "FIRST_PAUSE", 0.001)
    monkeypatch.setattr(trust, "_named", set())
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    return tmp_path / "home"


def another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "_named", set())


def rename(collection: Path, encoder: object) -> Path:
    """Let a collection name another encoder, as its maker could."""
    with sqlite3.connect(collection) as file:
        file.execute("UPDATE meta SET value = ? WHERE key = 'encoder'", (encoder,))
    file.close()
    return collection


@pytest.fixture
def collection(tmp_path: Path, tiny: Path) -> Path:
    (tmp_path / "a.png").write_bytes(encode(red_blue(), "PNG"))
    with Collection(tmp_path / "c.sensorium", tiny) as library:
        library.add(tmp_path / "a.png")
    return tmp_path / "c.sensorium"
