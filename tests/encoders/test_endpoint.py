"""An encoder behind HTTP: batches, both picture dialects, retries, and answers that are wrong."""

from __future__ import annotations

import base64
import io
import json
import threading
import urllib.error
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection, load_encoder
from sensorium.encoders import Encoder
from sensorium.encoders import server as asking
from sensorium.encoders.endpoint import EndpointEncoder
from sensorium.encoders.registry import trust
from sensorium.errors import EncoderError
from tests.media.small_pictures import encode, red_blue


class Server(ThreadingHTTPServer):
    """Answers with the vectors of an encoder of ours, in a scale of its own."""

    encoder: Encoder
    models = ("tiny",)
    failures: list[int]
    cut: list[bytes]
    answer: Any = None

    def __init__(self, encoder: Encoder) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.encoder, self.failures, self.requests, self.cut = encoder, [], [], []
        self.url = f"http://127.0.0.1:{self.server_address[1]}/v1"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *arguments: Any) -> None:
        pass

    def do_GET(self) -> None:
        assert self.path == "/v1/models"
        self.send({"data": [{"id": name} for name in self.server.models]})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((dict(self.headers), body))
        if self.server.failures:
            return self.send({"error": "later"}, self.server.failures.pop(0))
        if self.server.cut:
            return self.send(self.server.cut.pop(0))
        if self.server.answer is not None:
            return self.send(self.server.answer)
        if "messages" in body:
            inputs = [body["messages"][0]["content"][0]["image_url"]["url"]]
        else:
            inputs = body["input"]
        if "messages" in body or body.get("modality") == "image":
            data = [base64.b64decode(link.partition(",")[2]) for link in inputs]
            inputs = [PIL.Image.open(io.BytesIO(content)) for content in data]
        vectors = 3 * self.server.encoder.encode(inputs)
        rows = [{"index": n, "embedding": v.tolist()} for n, v in enumerate(vectors)]
        return self.send({"data": rows[::-1]})  # in any order

    def send(self, answer: Any, status: int = 200) -> None:
        content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


@pytest.fixture
def server(tiny: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(asking, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(asking, "LONGEST_PAUSE", 0.05)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Server(load_encoder(tiny)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_texts(server: Server) -> None:
    encoder = load_encoder(server.url)  # its only model
    texts = [f"a dog {'cat ' * n}" for n in range(70)]
    np.testing.assert_allclose(encoder.encode(texts), server.encoder.encode(texts), atol=1e-6)
    assert max(len(body["input"]) for _, body in server.requests) == 32
    assert encoder.space.modalities == ("text",)
    with pytest.raises(EncoderError, match="encodes text, not image"):
        encoder.encode([red_blue()])


@pytest.mark.parametrize("dialect", ["messages", "input"])
def test_pictures(server: Server, dialect: str) -> None:
    encoder = load_encoder(f"{server.url}?images={dialect}#tiny")
    picture = encode(red_blue().resize((448, 448)), "PNG")
    wanted = server.encoder.encode([picture, "dog"])
    np.testing.assert_allclose(encoder.encode([picture, "dog"]), wanted, atol=1e-5)


def test_a_collection_by_an_endpoint(server: Server, tmp_path: Any) -> None:
    (tmp_path / "a.png").write_bytes(encode(red_blue(), "PNG"))
    name = f"{server.url}?images=messages#tiny"
    with Collection(tmp_path / "c.sensorium", name) as library:
        assert library.add(tmp_path).added == 1
    with Collection(tmp_path / "c.sensorium") as library:  # loads it by its name
        assert library.search("dog")[0].path.endswith("a.png")


def test_keys_and_retries(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    server.failures = [503, 429]
    encoder = load_encoder(f"{server.url}#tiny")
    assert len(server.requests) == 3
    assert server.requests[0][0]["Authorization"] == "Bearer secret"
    server.failures = [500] * 9
    with pytest.raises(EncoderError, match=r"HTTP status 500.*after 8 tries"):
        encoder.encode(["dog"])
    server.failures = [401]
    with pytest.raises(EncoderError, match="HTTP status 401"):
        encoder.encode(["dog"])


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ({"data": []}, r"shape \(0,\), expected \(1, 48\)"),
        ({"data": [{"embedding": [1.0, 2.0]}]}, r"shape \(1, 2\), expected \(1, 48\)"),
        ({"data": [{"embedding": [0.0] * 48}]}, "length 0"),
        ({"data": [{"embedding": [float("nan")] * 48}]}, "length nan"),
        ({"error": "no"}, "holds no embeddings"),
        ({"data": [{"embedding": ["x"] * 48}]}, "holds no embeddings"),
        (b"<html>", "not JSON"),
        ([], "no JSON object"),
    ],
)
def test_wrong_answers(server: Server, answer: Any, message: str) -> None:
    encoder = load_encoder(f"{server.url}#tiny")
    server.answer = answer
    with pytest.raises(EncoderError, match=message):
        encoder.encode(["dog"])


def test_an_answer_that_was_cut_is_asked_for_again(server: Server) -> None:
    encoder = load_encoder(f"{server.url}#tiny")
    right = encoder.encode(["dog"])
    server.cut = [b'{"data": [{"ind', b"", b'{"data": []}', b"[" * 100_000]
    assert np.array_equal(encoder.encode(["dog"]), right)
    assert server.cut == []


def test_wrong_urls(server: Server) -> None:
    server.models = ("one", "two")
    with pytest.raises(EncoderError, match="serves one, two: name one as"):
        load_encoder(server.url)
    with pytest.raises(EncoderError, match="images=messages or images=input"):
        load_encoder(f"{server.url}?images=jpeg#tiny")
    with pytest.raises(EncoderError, match="after 4 tries"):
        load_encoder("http://127.0.0.1:9/v1#tiny")


# Keys


@pytest.mark.parametrize("answer", ["401", "500", "html", "redirect", "name"])
def test_a_server_that_repeats_the_key(
    answer: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Neither errors nor what is stored have it."""
    key = "sk-canary-1234"

    def answered(request: Any, **_: Any) -> bytes:
        said = f"Incorrect key {request.get_header('Authorization')}".encode()
        headers: Any = {"Location": f"http://x/?{key}"}
        if answer == "name" and request.data is None:
            return json.dumps({"data": [{"id": key}]}).encode()
        if answer == "name":
            return json.dumps({"data": [{"index": 0, "embedding": [1.0, 2.0]}]}).encode()
        if answer == "html":
            return json.dumps({"error": said.decode()}).encode()
        code = {"401": 401, "500": 500, "redirect": 302}[answer]
        raise urllib.error.HTTPError("", code, "no", headers, io.BytesIO(said))

    monkeypatch.setattr(asking, "fetch", answered)
    monkeypatch.setattr(asking, "FIRST_PAUSE", 0.001)
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    if answer == "name":
        encoder = EndpointEncoder("http://localhost:1/v1", api_key=key)
        assert key not in encoder.name + encoder.space.to_json() + encoder.runtime + repr(encoder)
        return
    with pytest.raises(EncoderError) as caught:
        EndpointEncoder("http://localhost:1/v1", api_key=key)
    assert key not in str(caught.value) and "localhost:1/v1/models" in str(caught.value)


def test_a_key_that_no_header_may_hold() -> None:
    with pytest.raises(EncoderError, match="holds signs that no key has") as caught:
        EndpointEncoder("http://localhost:1/v1#m", api_key="secret\nX-Other: 1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("url", ["http://ann:secret@localhost:1/v1#m", "http://ann@localhost/v1"])
def test_a_url_with_a_password_is_no_name(url: str, tmp_path: Path) -> None:
    """It would be stored in collections, and in the list of what was named here."""
    for use in (load_encoder, trust, lambda url: Collection(tmp_path / "c", url)):
        with pytest.raises(EncoderError, match="named without user and password") as caught:
            use(url)
        assert "secret" not in str(caught.value) and "ann" not in str(caught.value)
    assert not (tmp_path / "c").exists()


def test_a_url_that_is_none() -> None:
    with pytest.raises(EncoderError, match="is no URL"):
        load_encoder("http://[1/v1#m")
    with pytest.raises(EncoderError, match="after \\? stands") as caught:
        load_encoder("http://localhost:1/v1?api_key=secret#m")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("numbers", [[0, 0], [1, 2], [-1, -2], [0, None], [0, float("inf")]])
def test_vectors_that_belong_to_other_inputs(server: Server, numbers: list[Any]) -> None:
    encoder = load_encoder(f"{server.url}#tiny")
    rows = [{"index": number, "embedding": [1.0] * 48} for number in numbers]
    server.answer = {"data": rows}
    with pytest.raises(EncoderError, match="holds no embeddings"):
        encoder.encode(["dog", "cat"])
    server.answer = {"data": [{"embedding": [10**400] * 48}]}
    with pytest.raises(EncoderError, match="holds no embeddings"):
        encoder.encode(["dog"])


def test_an_answer_is_no_larger_than_what_was_asked_for(server: Server) -> None:
    encoder = load_encoder(f"{server.url}#tiny")
    server.answer = b'{"data": [' + b"[]," * 500_000 + b"[]]}"
    with pytest.raises(EncoderError, match=r"bytes; at most 1,050,112 are taken \(after 8 tries"):
        encoder.encode(["dog"])
