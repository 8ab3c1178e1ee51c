from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from sensorium.serve import connections
from tests.serve.conftest import Serve

START = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n"


@contextmanager
def connected(client: httpx.Client) -> Iterator[socket.socket]:
    address = client.base_url.host, client.base_url.port or 80
    with socket.create_connection(address, timeout=30) as connection:
        yield connection


def answer(connection: socket.socket) -> bytes:
    """All that comes until the server closes the connection."""
    said = b""
    try:
        while block := connection.recv(1 << 16):
            said += block
    except ConnectionError:  # it had not read all that was sent
        pass
    return said


def test_headers_without_an_end(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(START)
        sent = 0
        try:
            while sent < 8 << 20:
                connection.sendall(b"x: " + b"y" * 1000 + b"\r\n")
                sent += 1005
        except ConnectionError:
            pass
        assert sent < 8 << 20
    assert client.get("/health").status_code == 200


def test_one_header_that_is_too_long_is_told(client: httpx.Client) -> None:
    with connected(client) as connection:
        connection.sendall(START + b"x: " + b"y" * (connections.HEAD_BYTES + 1))
        assert answer(connection).startswith(b"HTTP/1.1 431")
    long = {"x": "y" * (connections.HEAD_BYTES // 2)}
    assert client.get("/health", headers=long).status_code == 200


@pytest.mark.parametrize("sent", [b"", b"GET /hea", START])
def test_headers_that_do_not_come(
    serve: Serve, photos: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    client = serve(photos)
    with connected(client) as connection:
        connection.sendall(sent)
        assert answer(connection).startswith(b"HTTP/1.1 408")


def test_one_connection_may_ask_again_and_again(
    serve: Serve, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 5.0)
    client = serve(photos)
    whole = START + b"\r\n"
    with connected(client) as connection:
        connection.sendall(whole * 20 + START + b"Connection: close\r\n\r\n")
        assert answer(connection).count(b"HTTP/1.1 200") == 21
