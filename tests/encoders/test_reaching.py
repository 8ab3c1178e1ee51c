"""A hub that cannot be asked costs one request: the cache answers, or an error says what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import numpy as np
import pytest

pytest.importorskip("sentence_transformers", reason="needs the extra hub: make hub")

import transformers
from huggingface_hub import constants

from sensorium import load_encoder
from sensorium.encoders import hub_loading, pretrained, reaching
from sensorium.encoders.pretrained import load_pretrained
from sensorium.errors import EncoderError
from tests.encoders import tiny_hub

TEXTS = ["a red cat", "dog"]
COMMIT = "a" * 40
MEND = (
    r"org/other is not on this machine .*, and .*: where the hub .*`.*models --get org/other` says"
)


class Hub(ThreadingHTTPServer):
    """Gives every request the same status, or no answer, and counts them."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.asked: list[str] = []
        self.status = 200
        self.silent = False
        self.ends = Event()


class _Answer(BaseHTTPRequestHandler):
    server: Hub

    def log_message(self, *arguments: object) -> None:
        """Nothing on standard error."""

    def do_HEAD(self) -> None:
        self.server.asked.append(f"{self.command} {self.path}")
        if self.server.silent:
            self.server.ends.wait(30)
            return
        self.send_response(self.server.status)
        self.end_headers()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hub's cache as its client leaves it, with one model."""
    cache = tmp_path_factory.mktemp("cache")
    model = cache / "models--org--model"
    (model / "refs").mkdir(parents=True)
    (model / "refs" / "main").write_text(COMMIT)
    (model / "snapshots").mkdir()
    tiny_hub.bert(model / "snapshots" / COMMIT)
    return cache


@pytest.fixture
def hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    server = Hub()
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "ENDPOINT", server.address)
    monkeypatch.setattr(reaching, "_asked", {})
    monkeypatch.setattr(reaching, "ANSWERS_WITHIN", 0.5)
    yield server
    server.ends.set()
    server.shutdown()
    server.server_close()
    thread.join()


def _refuse(hub: Hub) -> None:
    hub.shutdown()
    hub.server_close()


def _break(hub: Hub) -> None:
    hub.status = 503


def _be_busy(hub: Hub) -> None:
    hub.status = 429


def _be_silent(hub: Hub) -> None:
    hub.silent = True


@pytest.mark.parametrize("fail", [_refuse, _break, _be_busy, _be_silent])
def test_what_is_in_the_cache_is_taken_at_once(
    hub: Hub, cache: Path, fail: Callable[[Hub], None]
) -> None:
    fail(hub)
    wanted = load_encoder(cache / "models--org--model" / "snapshots" / COMMIT).encode(TEXTS)
    assert not hub.asked  # a folder asks nobody
    np.testing.assert_array_equal(load_encoder("org/model").encode(TEXTS), wanted)
    with pytest.raises(EncoderError, match=MEND) as caught:
        load_encoder("org/other")
    assert hub.address in str(caught.value)
    with pytest.raises(EncoderError, match=MEND):
        load_pretrained(transformers.AutoTokenizer, "org/other")
    assert hub.asked == ([] if fail is _refuse else ["HEAD /"])


def test_offline_nothing_is_asked(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(
        EncoderError,
        match=r"HF_HUB_OFFLINE is set: .*`HF_HUB_OFFLINE=0 sensorium models --get org/other`",
    ):
        load_encoder("org/other")
    with pytest.raises(EncoderError, match="models --get org/other --revision v2`"):
        load_encoder("org/other?revision=v2")
    assert not hub.asked


@pytest.mark.parametrize("status", [200, 302, 401, 404])
def test_a_hub_that_answers_is_there(hub: Hub, status: int) -> None:
    hub.status = status
    assert reaching.unreachable() == reaching.unreachable() == ""
    assert hub.asked == ["HEAD /"]


def test_after_a_while_it_is_asked_again(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.status = 500
    assert "answers 500" in reaching.unreachable()
    hub.status = 200
    assert "answers 500" in reaching.unreachable()
    monkeypatch.setattr(reaching, "REMEMBERED", 0.0)
    assert reaching.unreachable() == ""


def test_an_address_is_no_model_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def asked() -> str:
        raise AssertionError("the hub was asked")

    monkeypatch.setattr(reaching, "unreachable", asked)
    with pytest.raises(EncoderError, match="is an address: name a folder"):
        hub_loading.load_model("http://127.0.0.1:9/v1", device="cpu")
    with pytest.raises(EncoderError, match="is an address: name a folder"):
        pretrained.load_pretrained(object, "http://127.0.0.1:9/v1")
