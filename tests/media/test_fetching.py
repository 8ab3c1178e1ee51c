"""Servers that never end, break off, or lead elsewhere."""

from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from sensorium.media import fetching
from sensorium.media.fetching import LedAstrayError, TooLargeError, fetch


class Server(BaseHTTPRequestHandler):
    over = threading.Event()

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        match self.path:
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


def test_a_redirect_into_the_local_network(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def first_is_public(of: str) -> bool:
        asked.append(of)
        return len(asked) > 1

    monkeypatch.setattr(fetching, "_is_local", first_is_public)
    with pytest.raises(LedAstrayError, match=r"127\.0\.0\.1, an address of a local network"):
        get(f"{address}/elsewhere")
    assert asked == ["127.0.0.1", "127.0.0.1"]


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fe80::1%eth0", "fd00::1"]
)
def test_addresses_of_the_local_network(name: str) -> None:
    assert fetching._is_local(name)
    assert not fetching._is_local("93.184.216.34")
