"""Collections that one talks with over HTTP, by the official client."""

from __future__ import annotations

import base64
import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import httpx
import pytest

from sensorium import Collection
from tests.serve.conftest import SAMPLE, Serve
from tests.tasks.servers import scripted_server

BISON = {"role": "user", "content": "how many photos of a bison are there?"}


@pytest.fixture
def official(url: str) -> Iterator[Any]:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none", max_retries=0) as client:
        yield client


def said(answer: Any) -> dict[str, Any]:
    whole: dict[str, Any] = answer.sensorium
    return whole


def test_a_conversation(official: Any, photos: Path) -> None:
    talk: list[dict[str, str]] = [BISON]
    first = official.chat.completions.create(model="photos", messages=talk)
    told = said(first)
    assert told["count"] == 1 and first.choices[0].message.content == told["text"]
    assert Path(told["citations"][0]["path"]).stem == "x_bison"
    talk.append({"role": "assistant", "content": told["text"]})
    talk.append({"role": "user", "content": "show me it"})
    second = said(official.chat.completions.create(model="photos", messages=talk))
    assert second["refers"] == [told["items"][0]["id"]]


def test_it_streams(official: Any) -> None:
    parts = [*official.chat.completions.create(model="photos", messages=[BISON], stream=True)]
    text = "".join(part.choices[0].delta.content or "" for part in parts)
    assert parts[-1].choices[0].finish_reason == "stop" and said(parts[-1])["text"] == text.strip()


def test_usage_counts_words_and_media(official: Any) -> None:
    data = base64.b64encode((SAMPLE / "x_bison.jpg").read_bytes()).decode()
    picture = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}
    like = [{"type": "text", "text": "photos like this"}, picture]
    talk = [
        BISON,
        {"role": "assistant", "content": "一头 bison"},
        {"role": "user", "content": like},
    ]
    whole = official.chat.completions.create(model="photos", messages=talk)
    asked = len(BISON["content"].split()) + 3 + 3 + 1
    assert whole.usage.prompt_tokens == asked
    answered = len(whole.choices[0].message.content.split())
    assert whole.usage.completion_tokens == answered
    assert whole.usage.total_tokens == asked + answered
    *_, last = official.chat.completions.create(
        model="photos", messages=talk, stream=True, stream_options={"include_usage": True}
    )
    assert last.choices == [] and last.usage == whole.usage


def test_what_was_said_before_is_worked_out_anew(url: str, client: httpx.Client) -> None:
    # As it stands in a client that outlived the server.
    talk = [BISON, {"role": "assistant", "content": "one"}, {"role": "user", "content": "show it"}]
    told = client.post("/v1/chat/completions", json={"model": "photos", "messages": talk}).json()
    assert len(told["sensorium"]["refers"]) == 1


def test_a_picture_in_a_message(client: httpx.Client) -> None:
    data = base64.b64encode((SAMPLE / "x_bison.jpg").read_bytes()).decode()
    picture = {"type": "image_url", "image_url": {"url": f"data:image/jpeg;base64,{data}"}}
    content = [{"type": "text", "text": "find photos like this"}, picture]
    body = {"model": "photos", "messages": [{"role": "user", "content": content}]}
    told = client.post("/v1/chat/completions", json=body).json()["sensorium"]
    assert Path(told["items"][0]["path"]).stem == "x_bison"


@pytest.mark.parametrize(
    ("body", "status", "message"),
    [
        ({"model": "mini", "messages": [BISON]}, 404, "no model 'mini'"),
        ({"model": "photos", "messages": "hi"}, 400, "messages is a list"),
        ({"model": "photos", "messages": []}, 400, "the last message is the user's"),
        ({"model": "photos", "messages": [{"role": "user", "content": ""}]}, 400, "empty"),
        ({"model": "photos", "messages": [{"role": "user", "content": [{"a": 1}]}]}, 400, "a part"),
        (
            {"model": "photos", "messages": [{"role": "user", "content": "the bison is right"}],
             "stream": True}, 400, "may only read",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be(
    client: httpx.Client, body: dict[str, Any], status: int, message: str
) -> None:
    answer = client.post("/v1/chat/completions", json=body)
    assert answer.status_code == status and message in answer.json()["error"]["message"]


def test_a_conversation_as_markdown(client: httpx.Client) -> None:
    # Worked out anew, as is all that the server does not hold.
    talk = [BISON, {"role": "assistant", "content": "one"}]
    told = client.post("/api/collections/photos/conversation", json={"messages": talk})
    assert told.headers["content-type"] == "application/zip"
    with ZipFile(io.BytesIO(told.content)) as packed:
        assert packed.namelist() == ["conversation.md", "conversation_pictures/1.jpg"]
        assert "x\\_bison.jpg" in packed.read("conversation.md").decode()
    none = client.post("/api/collections/photos/conversation", json={"messages": []})
    assert none.status_code == 400 and "no turns" in none.json()["error"]["message"]
    other = client.post("/api/collections/others/conversation", json={"messages": talk})
    assert other.status_code == 404


def test_a_language_model_writes(serve: Serve, photos: Path, tmp_path: Path) -> None:
    own = tmp_path / "own.sensorium"
    shutil.copy(photos, own)
    with scripted_server() as script:
        script.streams("There is one bison. It lives on the moon.")
        client = serve(own, models={"chat": f"{script.url}#scripted"})
        body = {"model": "library", "messages": [BISON]}
        told = client.post("/v1/chat/completions", json=body).json()["sensorium"]
    assert told["text"].startswith("There is one bison [1].")
    assert told["unfounded"] == ["It lives on the moon."]
    with Collection(own, create=False) as library:
        assert len(library) == 12
