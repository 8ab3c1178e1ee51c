"""What strangers try: addresses of the local network, bombs, bodies without end."""

from __future__ import annotations

import base64
import shutil
import socket
import struct
import sys
import threading
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from sensorium import Collection
from sensorium.media import fetching
from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Live

OUTSIDE, INSIDE = "127.0.0.2", "127.0.0.1"
"""Addresses that stand for one of the public network, and for one that is not."""


class Web:
    """A server on both addresses that notes what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        asked, picture = self.asked, (SAMPLE / "x_dog.jpg").read_bytes()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(f"{self.server.server_address[0]}{self.path}")
                target = self.path.partition("?to=")[2]
                self.send_response(302 if target else 200)
                if target:
                    self.send_header("Location", target)
                elif not self.path.startswith("/endless"):
                    self.send_header("Content-Length", str(len(picture)))
                self.end_headers()
                if not target:
                    self.wfile.write(picture)
                while self.path.startswith("/endless"):
                    self.wfile.write(bytes(1 << 16))

            def log_message(self, *_: Any) -> None:
                pass

        self.outside = ThreadingHTTPServer((OUTSIDE, 0), Handler)
        self.port = self.outside.server_address[1]
        self.inside = ThreadingHTTPServer((INSIDE, self.port), Handler)
        for server in (self.outside, self.inside):
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        for server in (self.outside, self.inside):
            server.shutdown()
            server.server_close()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """Names of the stub: public.example is outside, inside.example inside, rebound.example both."""
    if sys.platform == "darwin":
        pytest.skip("127.0.0.2 is no address of macOS unless somebody adds it")
    looked = iter(range(1_000_000))
    real, is_local = socket.getaddrinfo, fetching._is_local

    def resolve(host: Any, port: Any, *rest: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        known = {"public.example": OUTSIDE, "inside.example": INSIDE}
        if name == "rebound.example":  # another answer each time that it is asked
            known[name] = INSIDE if next(looked) % 2 else OUTSIDE
        return real(known.get(name, name), port, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(fetching, "_is_local", lambda a: a != OUTSIDE and is_local(a))
    monkeypatch.setattr("sensorium.serve.given.FETCH_SECONDS", 5.0)
    monkeypatch.setattr("sensorium.serve.given.FETCH_BYTES", 4 << 20)
    started = Web()
    yield started
    started.close()


@pytest.fixture(scope="module")
def client(photos: Path) -> Iterator[httpx.Client]:
    with (
        Live(Settings({"photos": photos}, fetch=True)) as url,
        httpx.Client(base_url=url, timeout=60) as asking,
    ):
        yield asking


def ask(client: httpx.Client, url: str) -> httpx.Response:
    body = {"url": url, "labels": ["cat", "dog"]}
    return client.post("/api/tasks/classify", json=body)


def test_public_media_are_fetched(client: httpx.Client, web: Web) -> None:
    for url in (f"http://public.example:{web.port}/dog.jpg",
                f"http://public.example:{web.port}/a?to=/dog.jpg"):  # fmt: skip
        found = ask(client, url)
        assert found.status_code == 200, found.text
        assert max(found.json()["labels"], key=found.json()["labels"].get) == "dog"
    asked = {"model": "mini", "input": [{"image": f"http://public.example:{web.port}/dog.jpg"}]}
    assert client.post("/v1/embeddings", json=asked).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:{port}/", "http://localhost:{port}/", "http://2130706433:{port}/",
        "http://0x7f000001:{port}/", "http://127.1:{port}/", "http://0.0.0.0:{port}/",
        "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/", "http://inside.example:{port}/",
        "http://public.example@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@public.example/",
        "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "file:///etc/passwd",
        "ftp://127.0.0.1/", "gopher://127.0.0.1/", "http://", "http://[/", "//127.0.0.1/", "x",
        "http://public.example:{port}/r?to=http://127.0.0.1:{port}/secret",
        "http://public.example:{port}/r?to=http://inside.example:{port}/secret",
        "http://public.example:{port}/r?to=http://localhost:{port}/secret",
        "http://public.example:{port}/r?to=file:///etc/passwd",
        "http://public.example:{port}/r?to=//127.0.0.1:{port}/secret",
        "http://public.example:{port}/\r\nHost: inside.example",
    ],
)  # fmt: skip
def test_nothing_inside_is_asked(client: httpx.Client, web: Web, address: str) -> None:
    found = ask(client, address.replace("{port}", str(web.port)))
    assert found.status_code == 422, found.text
    assert not [one for one in web.asked if one.startswith(INSIDE)], web.asked


def test_a_name_that_changes_its_address(client: httpx.Client, web: Web) -> None:
    """What is connected to is the address that was looked at, however often it is asked."""
    for _ in range(6):
        ask(client, f"http://rebound.example:{web.port}/")
    assert web.asked and not [one for one in web.asked if one.startswith(INSIDE)]


def test_no_end(client: httpx.Client, web: Web) -> None:
    found = ask(client, f"http://public.example:{web.port}/endless")
    assert found.status_code == 422 and "bytes" in found.json()["error"]["message"]


def bomb(side: int) -> bytes:
    """A PNG of few bytes and very many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20), 9)
    ihdr, idat = chunk(b"IHDR", head), chunk(b"IDAT", rows)
    return b"\x89PNG\r\n\x1a\n" + ihdr + idat + chunk(b"IEND", b"")


def test_bombs(client: httpx.Client) -> None:
    data = base64.b64encode(bomb(60_000)).decode()
    for task, more in (("caption", {}), ("classify", {"labels": "a,b"}), ("read", {})):
        answer = client.post(f"/api/tasks/{task}", json={"data": data, **more})
        assert answer.status_code == 422, answer.text
    part = client.post("/api/collections/photos/search", json={"parts": [{"data": data}]})
    assert part.status_code == 422
    asked = {"model": "mini", "input": [{"image": data}]}
    assert client.post("/v1/embeddings", json=asked).status_code == 400
    assert client.get("/health").json()["status"] == "healthy"


@pytest.mark.parametrize(
    "path",
    [
        "/page/../app.py", "/page/..%2fapp.py", "/page/%2e%2e/app.py", "/page//etc/passwd",
        "/page/..%5capp.py", "/api/collections/..%2f..%2fetc/items", "/page/%00",
        "/api/collections/photos/items/1%2f..%2f..", "/api/jobs/%2e%2e",
    ],
)  # fmt: skip
def test_no_way_out(client: httpx.Client, path: str) -> None:
    connection = socket.create_connection((client.base_url.host, client.base_url.port))
    with connection:  # a client of HTTP would tidy the path
        connection.sendall(
            f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    status = int(answer.split()[1])
    assert 400 <= status < 500 and b"create_app" not in answer, answer[:300]


def test_no_header_is_made_of_words(tmp_path: Path) -> None:
    """Neither of the name of a file, nor of what a request says."""
    name = 'a\r\nset-cookie: stolen=1\r\n\r\n"; x="<b>.jpg'
    try:
        shutil.copy(SAMPLE / "x_dog.jpg", tmp_path / name)
    except OSError:
        pytest.skip("this file system has no such names")
    with Collection(tmp_path / "library.sensorium") as made:
        made.add(tmp_path / name)
    settings = Settings({"library": tmp_path / "library.sensorium"}, create_in=tmp_path / "made")
    words = "a\r\nset-cookie: stolen=1"
    with Live(settings) as url, httpx.Client(base_url=url, timeout=60) as client:
        item = "/api/collections/library/items/1"
        answers = [
            client.get(f"{item}/media"),
            client.get(f"{item}/thumbnail"),
            client.get(f"{item}/media", headers={"if-none-match": '"a"'}),
            client.get(f"/api/collections/{quote(words)}"),
            client.get(f"/{quote(words)}"),
            client.post("/api/collections", json={"name": words}),
            client.post("/api/session", json={"token": words}),
            client.post("/v1/embeddings", json={"model": words, "input": "a"}),
            client.post("/api/tasks/speak", json={"text": "a", "model": words}),
        ]
        for answer in answers:
            assert "set-cookie" not in answer.headers, answer.request.url
            assert answer.status_code < 500 or answer.status_code == 501, answer.text
        assert answers[0].content == (SAMPLE / "x_dog.jpg").read_bytes()
