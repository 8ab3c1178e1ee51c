"""Servers that never end, break off, or lead elsewhere."""

from __future__ import annotations

import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from sensorium.errors import MediaError
from sensorium.media import fetching, sources
from sensorium.media.fetching import LedAstrayError, TooLargeError, fetch
from sensorium.media.sources import read_url


class Server(BaseHTTPRequestHandler):
    over = threading.Event()
    got: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.got.append((self.path, dict(self.headers)))
        match self.path.partition("?")[0]:
            case "/to":
                self.send_response(302)
                self.send_header("Location", self.path.partition("?")[2])
                self.end_headers()
            case "/404":
                self.send_error(404)
            case "/drip-error":
                self.send_response(500)
                self.end_headers()
                while not self.over.wait(0.05):
                    try:
                        self.wfile.write(b"x")
                    except OSError:
                        return
            case "/drip" | "/drip-head":  # a byte now and then, and never silent for long
                if self.path == "/drip":
                    self.send_response(200)
                    self.end_headers()
                while not self.over.wait(0.05):
                    try:
                        self.wfile.write(b"x")
                    except OSError:
                        return
            case "/endless":
                self.send_response(200)
                self.end_headers()
                while True:
                    try:
                        self.wfile.write(b"x" * 65536)
                    except OSError:
                        return
            case "/elsewhere":
                self.send_response(302)
                self.send_header("Location", "/here")
                self.end_headers()
            case "/short":
                self.send_response(200)
                self.send_header("Content-Length", "9")
                self.end_headers()
                self.wfile.write(b"four")
            case _:
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"here")


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Server.over.set()
    server.shutdown()
    thread.join()
    server.server_close()


def get(url: str, *, seconds: float = 60, most: int = 1000, redirects: bool = True) -> bytes:
    request = urllib.request.Request(url)
    return fetch(request, silence=30, seconds=seconds, most=most, redirects=redirects)


def test_a_whole_answer(address: str) -> None:
    assert get(f"{address}/elsewhere") == b"here"
    with pytest.raises(urllib.error.HTTPError, match="302"):
        get(f"{address}/elsewhere", redirects=False)


@pytest.mark.parametrize("path", ["/drip", "/drip-head"])
def test_a_server_that_sends_a_byte_now_and_then(address: str, path: str) -> None:
    with pytest.raises(TimeoutError, match=r"longer than 0\.5 seconds"):
        get(address + path, seconds=0.5)


def test_an_answer_without_end(address: str) -> None:
    with pytest.raises(TooLargeError, match="more than 1,000 bytes"):
        get(f"{address}/endless")


def test_an_answer_that_breaks_off(address: str) -> None:
    with pytest.raises(ConnectionError, match="after 4 of 9 bytes"):
        get(f"{address}/short")


@pytest.mark.parametrize(
    "where", ["http://localhost:{port}/", "http://127.0.0.2:{port}/", "http://[::1]:{port}/"]
)
def test_a_redirect_to_another_address_of_the_local_network(address: str, where: str) -> None:
    """Even from one that was named."""
    target = where.format(port=address.rpartition(":")[2])
    with pytest.raises(LedAstrayError, match="an address of a local network"):
        get(f"{address}/to?{target}")


@pytest.mark.parametrize("where", ["ftp://127.0.0.1:{port}/", "ftp://example.org/"])
def test_redirects_to_other_protocols(address: str, where: str) -> None:
    with pytest.raises(LedAstrayError, match="leads to ftp:"):
        get(f"{address}/to?{where.format(port=address.rpartition(':')[2])}")


def resolve(monkeypatch: pytest.MonkeyPatch, *answers: str) -> list[str]:
    """Let names stand for addresses, one answer after the other; gives the names asked for."""
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: object) -> list[Any]:
        address = answers[min(len(asked), len(answers) - 1)]
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(fetching.socket, "getaddrinfo", getaddrinfo)
    return asked


def test_a_name_that_stands_for_a_local_address(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not connected to, unless the name itself says that it is local, or the caller."""
    resolve(monkeypatch, "127.0.0.1")
    Server.got.clear()
    port = address.rpartition(":")[2]
    with pytest.raises(LedAstrayError, match=r"photos\.example leads to 127\.0\.0\.1"):
        get(f"http://photos.example:{port}/")
    assert Server.got == []
    assert get(f"http://nas:{port}/") == get(f"http://nas.local:{port}/") == b"here"
    request = urllib.request.Request(f"http://photos.example:{port}/")
    assert fetch(request, silence=9, seconds=9, most=9, redirects=False, local=True) == b"here"


def test_a_name_that_stands_for_another_address_the_second_time(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was looked at is connected to: there is no second question."""
    port = address.rpartition(":")[2]
    asked = resolve(monkeypatch, "127.0.0.1", "192.0.2.1")
    assert get(f"http://nas:{port}/") == b"here" and asked == ["nas"]


def test_user_and_password_go_to_their_host_alone(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "URL_SECONDS", 0.5)
    Server.got.clear()
    port = address.rpartition(":")[2]
    url = f"http://ann:pass%20word@127.0.0.1:{port}"
    assert get(f"{url}/elsewhere") == b"here"
    assert [headers.get("Authorization") for _, headers in Server.got] == [
        "Basic YW5uOnBhc3Mgd29yZA==", None,
    ]  # fmt: skip
    for failing in ("/404", "/drip-error", "/short"):
        with pytest.raises(MediaError) as caught:
            read_url(f"{url}{failing}?signature=secret")
        assert "pass" not in str(caught.value) and "secret" not in str(caught.value)
        assert f"127.0.0.1:{port}{failing}" in str(caught.value)


def test_what_is_on_this_machine_is_not_asked_of_a_proxy(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    assert get(f"{address}/") == b"here"
    with pytest.raises(urllib.error.URLError, match="refused"):
        get("http://photos.example/")


def test_an_error_that_never_ends(address: str) -> None:
    with pytest.raises(TimeoutError, match=r"longer than 0\.5 seconds"):
        get(f"{address}/drip-error", seconds=0.5)


@pytest.mark.parametrize(
    "name",
    [
        "127.0.0.1",
        "10.1.2.3",
        "169.254.169.254",
        "::1",
        "fe80::1%eth0",
        "fd00::1",
        "0.0.0.0",
        "::",
        "::ffff:10.0.0.1",
        "2002:a00:1::",
        "64:ff9b::a00:1",
        "100.64.0.1",
        "224.0.0.1",
    ],
)
def test_addresses_of_the_local_network(name: str) -> None:
    assert fetching._is_local(name) and fetching._shows_that_it_is_local(name)
    assert not fetching._is_local("2606:2800:220:1::1")
    assert not fetching._is_local("93.184.216.34")
