"""Clients that send or take a byte now and then: they keep nobody else out."""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from sensorium import Collection
from sensorium.serve import pace
from sensorium.serve.settings import Limits
from tests.serve.conftest import SAMPLE, Serve

SEARCH = "/api/collections/library/search"
FORM = b'--x\r\nContent-Disposition: form-data; name="f"; filename="a.jpg"\r\n\r\n'


@contextmanager
def sending(client: httpx.Client, path: str, kind: str, begin: bytes) -> Iterator[socket.socket]:
    """A connection over which a body of 100,000 bytes has begun to come."""
    address = client.base_url.host, client.base_url.port
    with socket.create_connection(address, timeout=30) as connection:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
            "Content-Length: 100000\r\n\r\n"
        )
        connection.sendall(head.encode() + begin)
        yield connection


def told(connection: socket.socket) -> bytes:
    """All that is answered, until the connection is closed."""
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


def test_a_body_that_does_not_come(
    serve: Serve, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "GRACE_SECONDS", 0.3)
    client = serve(photos, uploads=tmp_path)
    form = "multipart/form-data; boundary=x", FORM
    for path, (kind, begin) in {
        SEARCH: ("application/json", b'{"query": "a'),
        "/v1/embeddings": ("application/json", b'{"model": "mini", "input": "a'),
        "/mcp": ("application/json", b'{"jsonrpc": "2.0", "id": 1, '),
        "/api/tasks/caption": form,
        "/api/collections/library/items": form,
    }.items():
        with sending(client, path, kind, begin) as connection:
            answer = told(connection)
        assert answer.startswith(b"HTTP/1.1 408 "), (path, answer)
        assert b'"type": "refused"' in answer and b"content-security-policy" in answer
    assert not [one for one in tmp_path.rglob("*") if one.is_file()]
    assert client.get("/health").status_code == 200


def test_who_trickles_keeps_nobody_out(
    serve: Serve, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "GRACE_SECONDS", 1.0)
    client = serve(photos, limits=Limits(requests=4))
    with ExitStack() as stack:
        slow = [
            stack.enter_context(sending(client, SEARCH, "application/json", b'{"query": "'))
            for _ in range(4)
        ]
        statuses, deadline = set[int](), time.monotonic() + 60
        while 200 not in statuses:
            assert time.monotonic() < deadline
            statuses.add(client.post(SEARCH, json={"query": "a dog"}).status_code)
            for connection in slow:
                try:
                    connection.sendall(b"a")
                except OSError:  # it was told so, and its connection is closed
                    continue
            time.sleep(0.05)
    assert statuses <= {200, 503}


def test_a_body_that_comes_slowly_enough_is_taken(
    serve: Serve, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As one over a mobile network, however long it takes."""
    monkeypatch.setattr(pace, "GRACE_SECONDS", 1.0)
    monkeypatch.setattr(pace, "LEAST_BYTES", 100)
    client = serve(photos)
    body = b'{"query": "a dog"' + b" " * 24_000 + b"}"

    def slowly() -> Iterator[bytes]:
        for start in range(0, len(body), 2000):
            time.sleep(0.15)  # for twice the grace
            yield body[start : start + 2000]

    kind = {"Content-Type": "application/json"}
    assert client.post(SEARCH, content=slowly(), headers=kind).status_code == 200


def test_an_answer_that_nobody_takes(
    serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pace, "UNREAD_SECONDS", 0.3)
    photo = tmp_path / "large.jpg"
    shutil.copy(SAMPLE / "x_dog.jpg", photo)
    with Collection(tmp_path / "library.sensorium") as library:
        library.add(photo)
    with photo.open("ab") as file:
        file.write(bytes(64 << 20))  # more than systems keep for a connection
    client = serve(tmp_path / "library.sensorium", limits=Limits(requests=2))
    address, media = (
        (client.base_url.host, client.base_url.port),
        "/api/collections/library/items/1",
    )
    with ExitStack() as stack:
        for _ in range(2):
            idle = stack.enter_context(socket.create_connection(address, timeout=30))
            idle.sendall(f"GET {media}/media HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        time.sleep(0.1)
        deadline = time.monotonic() + 60
        while client.get(media).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert len(client.get(f"{media}/media").content) > 64 << 20
