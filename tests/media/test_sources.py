"""Files that are none, URLs and their failures."""

from __future__ import annotations

import base64
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from sensorium.errors import MediaError
from sensorium.media import Image, as_media, sources
from sensorium.media.sources import has_media_suffix, is_url, read_file, read_url
from tests.media.small_pictures import BLUE, RED, assert_colors, encode, red_blue

PICTURE = encode(red_blue(), "PNG")


# Files


def test_a_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    for content in (b"", b"x", os.urandom(3_000_000)):
        path.write_bytes(content)
        assert read_file(path) == content


def test_what_is_no_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "device").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        for path in (tmp_path, tmp_path / "pipe", tmp_path / "device", tmp_path / "socket"):
            with pytest.raises(MediaError, match="not a regular file"):
                read_file(path)


@pytest.mark.parametrize(
    ("name", "words"),
    [("missing", "no such file"), ("x" * 300, "name too long"), ("a\0b", "null byte")],
)
def test_paths_that_cannot_be_opened(tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(MediaError, match=words):
        read_file(tmp_path / name)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="open files are counted in /proc")
def test_refused_files_leave_no_descriptor_open(tmp_path: Path) -> None:
    before = len([*Path("/proc/self/fd").iterdir()])
    for _ in range(20):
        with pytest.raises(MediaError):
            read_file(tmp_path)
    assert len([*Path("/proc/self/fd").iterdir()]) == before


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(sources.MAX_BYTES + 1)  # sparse: it takes no space
    with pytest.raises(MediaError, match="536,870,913 bytes; files over 536,870,912 bytes"):
        read_file(path)


def test_suffixes() -> None:
    pictures = ["a.jpg", "A.JPEG", "x/y.AvIf", "b.heic", "c.svg", Path("d.tif")]
    others = ["jpg", ".jpg", "a.doc", "a photo", "", "a.jpg ", "a.jpg.bak"]
    assert [*map(has_media_suffix, pictures)] == [True] * len(pictures)
    assert [*map(has_media_suffix, others)] == [False] * len(others)


def test_the_docs_say_of_every_suffix_what_is_read() -> None:
    page = (Path(__file__).parents[2] / "docs" / "media.md").read_text()
    suffixes = sources.MEDIA_SUFFIXES | sources.UNDECODED_SUFFIXES.keys()
    assert [suffix for suffix in sorted(suffixes) if f"`{suffix}`" not in page] == []


# URLs


class Server(BaseHTTPRequestHandler):
    """Answers by the path that is asked for."""

    def do_GET(self) -> None:
        match unquote(self.path.split("?")[0]):
            case "/good.png" | "/图片 1.png":
                self._answer(200, PICTURE)
            case "/redirect":
                self.send_response(302)
                self.send_header("Location", "/good.png")
                self.end_headers()
            case "/to-a-file":
                self.send_response(302)
                self.send_header("Location", "file:///etc/passwd")
                self.end_headers()
            case "/for-ever":
                self.send_response(302)
                self.send_header("Location", "/for-ever")
                self.end_headers()
            case "/page":
                self._answer(200, b"<html>not a picture</html>")
            case "/empty":
                self._answer(200, b"")
            case "/cut-off":
                self._answer(200, PICTURE[:60], length=len(PICTURE))
            case "/no-http":
                self.wfile.write(b"SSH-2.0-OpenSSH_9.6\r\n")
            case "/silent":
                self.server.released.wait()  # type: ignore[attr-defined]
            case "/who-asks":
                self._answer(200, self.headers["User-Agent"].encode())
            case _:
                self._answer(404, b"nothing here")

    def _answer(self, status: int, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.released = threading.Event()  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.released.set()  # type: ignore[attr-defined]
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "path",
    ["/good.png", "/good.png?size=large&x=%20", "/redirect", "/图片 1.png", quote("/图片 1.png")],
)
def test_a_picture_is_fetched(address: str, path: str) -> None:
    image = as_media(address + path)
    assert isinstance(image, Image)
    assert_colors(image.load(), [RED, BLUE])
    assert image.metadata() == {"width": 64, "height": 32}


def test_a_url_is_fetched_once(address: str) -> None:
    image = Image(address + "/good.png")
    first = image.load()
    image._url = address + "/gone"
    assert image.load().tobytes() == first.tobytes()


def test_servers_are_told_who_asks(address: str) -> None:
    assert read_url(address + "/who-asks") == b"sensorium"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/missing.png", r"cannot be fetched \(HTTP Error 404"),
        ("/for-ever", r"cannot be fetched \(HTTP Error 302.*infinite loop"),
        ("/to-a-file", r"cannot be fetched \(HTTP Error 302.*not allowed"),
        ("/no-http", r"cannot be fetched \(.*BadStatusLine.*SSH-2.0"),
        ("/page", "no picture"),
        ("/empty", r"empty \(0 bytes\)"),
        ("/cut-off", "broke off after 60 of"),
    ],
)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_a_server_may_answer_instead(address: str, path: str, words: str) -> None:
    with pytest.raises(MediaError, match=rf"(?s){address}{path}.*{words}"):
        Image(address + path).load()


def test_a_silent_server_is_given_up(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "URL_TIMEOUT", 0.2)
    with pytest.raises(MediaError, match=r"cannot be fetched \(.*timed out"):
        read_url(address + "/silent")


def test_a_body_over_the_limit_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_BYTES", 20)
    with pytest.raises(MediaError, match="larger than 20 bytes"):
        read_url(address + "/good.png")


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:1/a.png", "http://[::1", "http://", "http://127.0.0.1:99999/", "http://x\n.y/",
     "http://no-such-host.invalid/a.png", "http://127.0.0.1:port/"],
)  # fmt: skip
def test_addresses_where_nobody_is(url: str) -> None:
    with pytest.raises(MediaError, match="cannot be fetched"):
        read_url(url)


def test_what_is_a_url() -> None:
    assert all(map(is_url, ["http://a", "HTTPS://A", "data:,x", "Data:image/png;base64,"]))
    assert not any(map(is_url, ["ftp://a", "file:///a", "a.jpg", "http:/a", ""]))


# data: URLs


def test_data_urls() -> None:
    body = base64.b64encode(PICTURE).decode()
    assert_colors(Image(f"data:image/png;base64,{body}").load(), [RED, BLUE])
    assert_colors(Image(f"DATA:image/png;BASE64,{body}").load(), [RED, BLUE])
    assert_colors(Image("data:image/png," + quote(PICTURE)).load(), [RED, BLUE])


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("data:image/png;base64", "needs a comma"),
        ("data:image/png;base64,???", "not base64"),
        ("data:image/png;base64,abc", "not base64"),
        ("data:image/png;base64,é", "not base64"),
        ("data:image/png;base64,", r"empty \(0 bytes\)"),
        ("data:,hello", r"no picture.*b'hello'"),
        ("data:image/png," + "x" * 100_000, "no picture"),
    ],
)
def test_broken_data_urls(url: str, words: str) -> None:
    with pytest.raises(MediaError, match=words) as caught:
        Image(url).load()
    assert len(str(caught.value)) < 500  # the data is not repeated
