"""Models on servers: what is sent, what is taken for an answer, what is never shown."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import PIL.Image
import pytest

from sensorium.errors import EncoderError
from sensorium.tasks.chat import PICTURE_SIDE, ServedModel, is_served
from tests.tasks.servers import Asked, Scripted

KEY = "sk-secret-0123456789"


def test_names_of_servers() -> None:
    assert is_served("http://localhost:8080/v1#m") and is_served("https://example.org/v1")
    assert not is_served("facebook/bart-large-cnn") and not is_served("./folder")
    with pytest.raises(EncoderError, match="without user and password"):
        ServedModel("http://me:secret@localhost/v1#m")


def test_a_text_is_asked_for(script: Scripted) -> None:
    script.writes("  Bonjour  ")
    model = ServedModel(f"{script.url}#m", api_key=KEY)
    assert model.write("Hello", system="You translate.", most_tokens=7) == "Bonjour"
    (asked,) = script.asked
    assert (asked.method, asked.path) == ("POST", "/v1/chat/completions")
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["content-type"] == "application/json"
    assert asked.json == {
        "model": "m", "temperature": 0, "max_tokens": 7, "stream": False,
        "messages": [
            {"role": "system", "content": "You translate."}, {"role": "user", "content": "Hello"}
        ],
    }  # fmt: skip
    assert (model.origin.model, model.origin.kind) == (f"{script.url}#m", "server")


def test_a_schema_and_thoughts(script: Scripted) -> None:
    script.writes("<think>hm</think>\n yes")
    schema = {"type": "object"}
    assert ServedModel(f"{script.url}#m").write("x", schema=schema) == "yes"
    said = script.asked[0].json["response_format"]
    assert said["type"] == "json_schema" and said["json_schema"]["schema"] == schema
    assert "authorization" not in script.asked[0].headers


def test_pictures_are_sent_small_and_whole(script: Scripted) -> None:
    script.writes("a cat")
    picture = PIL.Image.new("RGBA", (3000, 1500), (250, 0, 0, 255))
    assert ServedModel(f"{script.url}#m").write([picture, "What is it?"]) == "a cat"
    shown, told = script.asked[0].json["messages"][0]["content"]
    assert told == {"type": "text", "text": "What is it?"}
    head, _, data = shown["image_url"]["url"].partition(",")
    assert (shown["type"], head) == ("image_url", "data:image/png;base64")
    sent = PIL.Image.open(io.BytesIO(base64.b64decode(data)))
    assert sent.size == (PICTURE_SIDE, PICTURE_SIDE // 2) and sent.getpixel((5, 5)) == (250, 0, 0)
    assert picture.size == (3000, 1500), "the caller's picture stays as it is"


def test_sounds_are_sent_as_a_file(script: Scripted) -> None:
    heard = {"text": "hello", "segments": [{"start": 0.0, "end": 1.0, "text": "hello"}]}
    script.say = lambda asked: (200, json.dumps(heard).encode())
    wav = b"RIFF\x00\r\n--\x00WAVE"  # a line break and dashes, as the border has
    assert ServedModel(f"{script.url}#m").hear(wav, language="en") == heard
    (asked,) = script.asked
    assert asked.path == "/v1/audio/transcriptions"
    form = asked.form
    assert form.pop("file") == wav
    assert {name: value.decode() for name, value in form.items()} == {
        "model": "m", "response_format": "verbose_json", "language": "en",
    }  # fmt: skip
    with pytest.raises(EncoderError, match="no server is sent"):
        ServedModel(f"{script.url}#m").hear(wav, language='en"\r\nx')


def test_speech_comes_as_a_wav_file(script: Scripted) -> None:
    script.say = lambda asked: (200, b"RIFF....WAVE")
    model = ServedModel(f"{script.url}#m")
    assert model.speak("hello", voice="anna", speed=1.5) == b"RIFF....WAVE"
    assert script.asked[0].json == {
        "model": "m", "input": "hello", "voice": "anna", "speed": 1.5, "response_format": "wav"
    }  # fmt: skip
    script.say = lambda asked: (200, b"ID3 an MP3 file")
    with pytest.raises(EncoderError, match="no WAV file"):
        model.speak("hello", voice="anna")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"<html>", "not JSON"),
        (b"[]", "no JSON object"),
        (b"{}", "has no message"),
        (b'{"choices": []}', "has no message"),
        (b'{"choices": [{"message": {"content": null}}]}', "is no text"),
        (b"[" * 100_000, "not JSON"),
    ],
)
def test_what_is_no_answer_is_asked_again_and_told(
    script: Scripted, answer: bytes, said: str
) -> None:
    script.say = lambda asked: (200, answer)
    with pytest.raises(EncoderError, match=said):
        ServedModel(f"{script.url}#m").write("x")
    assert len(script.asked) == 4


def test_the_only_model_is_found(script: Scripted) -> None:
    script.say = lambda asked: (200, b'{"data": [{"id": "tiny"}]}')
    assert ServedModel(script.url).model == "tiny"
    assert (script.asked[0].method, script.asked[0].path) == ("GET", "/v1/models")
    script.say = lambda asked: (200, b'{"data": [{"id": "a"}, {"id": "b"}]}')
    with pytest.raises(EncoderError, match=r"serves a, b: name one as .*/v1#MODEL"):
        ServedModel(script.url)


def test_a_busy_server_is_asked_again(script: Scripted) -> None:
    waiting = [(503, b"loading"), (429, b"slowly"), (200, None)]

    def say(asked: Asked) -> tuple[int, bytes]:
        status, content = waiting.pop(0)
        return status, content or b'{"choices": [{"message": {"content": "done"}}]}'

    script.say = say
    assert ServedModel(f"{script.url}#m").write("x") == "done" and len(script.asked) == 3


def test_a_refusal_is_told_at_once_and_without_the_key(script: Scripted) -> None:
    script.say = lambda asked: (401, f"bad key {KEY}, {asked.headers['authorization']}".encode())
    with pytest.raises(EncoderError) as caught:
        ServedModel(f"{script.url}#m", api_key=KEY).write("x")
    assert "HTTP status 401: bad key ***" in str(caught.value) and KEY not in str(caught.value)
    assert KEY not in repr(caught.value.__cause__) and len(script.asked) == 1


def test_nobody_is_sent_on(script: Scripted) -> None:
    """Neither the question nor the key goes where a server points."""
    script.say = lambda asked: (307, b"http://127.0.0.1:1/v1/chat/completions")
    with pytest.raises(EncoderError, match="which nobody has named"):
        ServedModel(f"{script.url}#m", api_key=KEY).write("x")
    assert len(script.asked) == 1


def test_the_key_comes_from_the_environment(
    script: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    script.writes("x")
    model = ServedModel(f"{script.url}#m")
    model.write("x")
    assert script.asked[0].headers["authorization"] == f"Bearer {KEY}"
    assert KEY not in str(model.origin) and KEY not in repr(model)


def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.encoders.server.FIRST_PAUSE", 0.001)
    with pytest.raises(EncoderError, match="after 4 tries"):
        ServedModel("http://127.0.0.1:9/v1#m").write("x")


def test_a_real_server_writes(llama: str) -> None:
    model = ServedModel(llama.partition("#")[0])  # it has one model, which is found
    assert model.model == "smollm2"
    text = model.write("Say hello.", system="You are polite.", most_tokens=12)
    assert text and text == model.write("Say hello.", system="You are polite.", most_tokens=12)
    schema = {
        "type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"],
        "additionalProperties": False,
    }  # fmt: skip
    found = json.loads(model.write("How many legs has a cat?", schema=schema, most_tokens=40))
    assert isinstance(found["n"], int)
    with pytest.raises(EncoderError, match="HTTP status"):
        ServedModel(llama).write([PIL.Image.new("RGB", (8, 8)), "What is it?"])  # it is blind
