"""Captions by what needs no training: one name, models that one talks to, on a server and here."""

from __future__ import annotations

import base64
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium.encoders import load_encoder
from sensorium.errors import EncoderError, UsageError
from sensorium.tasks.captioning import load_captioner
from sensorium.tasks.captions.by_chat import request
from sensorium.tasks.captions.by_names import LEAST, NamingCaptioner, with_article
from sensorium.tasks.origin import digest_of_folder


@pytest.mark.slow
def test_names_of_real_pictures(sample: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"broken")
    grey = tmp_path / "grey.png"
    PIL.Image.new("RGB", (300, 200), (128, 128, 128)).save(grey)
    names = ("s_chelsea.jpg", "s_motorcycle_left.jpg")
    paths = [*(sample / "images" / name for name in names), tmp_path / "broken.png", grey]
    cat, motorcycle, broken, nothing = load_captioner().caption(paths)
    assert (cat.text, motorcycle.text) == ("a cat", "a motorcycle")
    assert cat.probability is not None and 1 > cat.probability >= LEAST
    assert all(LEAST <= value <= cat.probability for _, value in cat.others)
    assert cat.origin is not None and cat.origin.kind == "encoder"
    assert cat.origin.revision == load_encoder("mini").space.fingerprint
    assert broken.error and broken.text == "" and broken.probability is None
    assert (nothing.text, nothing.error, nothing.others) == ("", "", [])


@pytest.mark.slow
def test_names_are_the_same_where_vectors_were_kept(
    sample: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path))
    picture = sample / "images" / "x_dog.jpg"
    first = load_captioner().caption(picture)
    (kept,) = (tmp_path / "names").glob("*.npy")
    assert load_captioner().caption(picture) == first
    kept.write_bytes(b"damaged")
    assert load_captioner().caption(picture) == first
    assert np.load(kept, allow_pickle=False).shape[0] == len(NamingCaptioner().names)


def test_names_stand_with_their_article() -> None:
    told = {name: with_article(name) for name in NamingCaptioner().names}
    assert told["bus"] == "a bus" and told["owl"] == "an owl" and told["glass"] == "a glass"
    assert told["scissors"] == "scissors" and told["snow"] == "snow"
    assert len(told) > 700 and all(name.strip() == name for name in told)


def test_names_are_english_and_have_no_beams(sample: Path) -> None:
    picture = sample / "images" / "x_dog.jpg"
    with pytest.raises(UsageError, match="leave out the language"):
        load_captioner().caption(picture, language="de")
    with pytest.raises(UsageError, match="takes no beams"):
        load_captioner().caption(picture, beams=2)


class _Handler(BaseHTTPRequestHandler):
    """Says the colour of the picture that it is sent, and the words that it is asked with."""

    asked: list[str] = []  # noqa: RUF012

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        words, picture = body["messages"][-1]["content"]
        link = picture["image_url"]["url"]
        with PIL.Image.open(io.BytesIO(base64.b64decode(link.split(",", 1)[1]))) as file:
            middle = file.convert("RGB").getpixel((file.width // 2, file.height // 2))
        self.asked.append(words["text"])
        text = f"A picture of\nthe colour {middle[0]}, {middle[1]}, {middle[2]}."
        answer = json.dumps({"choices": [{"message": {"content": text}}]}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    served = HTTPServer(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=served.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{served.server_port}/v1#eyes"
    served.shutdown()
    served.server_close()


def test_a_server_is_sent_the_picture(server: str, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (2000, 1000), (10, 200, 30)).save(tmp_path / "green.png")
    captioner = load_captioner(server)
    (one,) = captioner.caption(tmp_path / "green.png", language="zh")
    assert one.text == "A picture of the colour 10, 200, 30."
    assert _Handler.asked[-1] == request("zh") and request("zh").endswith("Write it in Chinese.")
    assert one.origin is not None and one.origin.kind == "server"
    assert one.origin.model.endswith("#eyes")
    (missing,) = captioner.caption(tmp_path / "nothing.png")
    assert missing.error == "no such file" and len(_Handler.asked) == 1


def test_a_server_that_is_not_there_is_named(tmp_path: Path) -> None:
    PIL.Image.new("RGB", (20, 20)).save(tmp_path / "black.png")
    with pytest.raises(EncoderError, match=r"127\.0\.0\.1:9"):
        load_captioner("http://127.0.0.1:9/v1#eyes").caption(tmp_path / "black.png")


def test_a_model_that_one_talks_to(sample: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.tasks import tiny_chat

    folder = tiny_chat.llava(tmp_path / "llava")
    pictures = [sample / "images" / name for name in ("x_cat.jpg", "x_dog.jpg")]
    captioner = load_captioner(folder)
    found = captioner.caption([*pictures, tmp_path / "nothing.png"])
    assert [bool(one.error) for one in found] == [False, False, True]
    assert found[0].text and found[0].score < 0 and found[0].probability is None
    assert "Describe this" not in found[0].text  # what it was asked is no part of its answer
    assert found[0].origin is not None
    assert found[0].origin.revision == digest_of_folder(folder)
    # Another captioner of the same folder shares the model, and is told another language.
    (other,) = load_captioner(folder).caption(pictures[0], language="German")
    assert other.origin == found[0].origin and other.text
    assert other.score != found[0].score


def test_blip2_captions_without_being_asked(sample: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    from tests.tasks import tiny_chat

    captioner = load_captioner(tiny_chat.blip2(tmp_path / "blip2"))
    (one,) = captioner.caption(sample / "images" / "x_cat.jpg", beams=2, max_length=6)
    assert one.error == "" and len(one.others) == 1 and one.score >= one.others[0][1]
    assert one.origin is not None and one.origin.kind == "folder"
    with pytest.raises(UsageError, match="leave out the language"):
        captioner.caption(sample / "images" / "x_cat.jpg", language="de")


def test_an_encoder_without_texts_names_nothing() -> None:
    with pytest.raises(EncoderError, match="need an encoder of pictures and texts"):
        load_captioner(encoder="ear")
