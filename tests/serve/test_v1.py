"""Clients of others' making: OpenAI's own, LangChain's, and requests in five dialects."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from pydantic import TypeAdapter

from sensorium import Image, Text, load_encoder
from sensorium.encoders.folder import FolderEncoder
from sensorium.serve.http import declared
from sensorium.serve.settings import Settings, digest_of
from sensorium.serve.v1.usage import known_tokens, tokens_of
from sensorium.tasks.weights import WEIGHTS
from tests.serve.conftest import SAMPLE, Live

TOKEN = "a-token-for-clients"
DOG = SAMPLE / "x_dog.jpg"
DATA = f"data:image/jpeg;base64,{base64.b64encode(DOG.read_bytes()).decode()}"
WORDS = ["a castle on a hill", "a dog in the grass"]


@pytest.fixture(scope="module")
def url(photos: Path) -> Iterator[str]:
    settings = Settings({"photos": photos}, tokens={digest_of(TOKEN): ["read"]})
    with Live(settings) as address:
        yield address


@pytest.fixture(scope="module")
def client(url: str) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    with httpx.Client(base_url=url, timeout=120, headers=headers) as asking:
        yield asking


@pytest.fixture(scope="module")
def official(url: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{url}/v1", api_key=TOKEN, max_retries=0) as asking:
        yield asking


@pytest.fixture(scope="module")
def own() -> np.ndarray:
    """Vectors of `WORDS`, then of the dog, by the library."""
    return load_encoder("mini").encode([*map(Text, WORDS), Image(DOG)])


def agree(rows: Any, expected: np.ndarray) -> None:
    found = np.asarray(rows, np.float64)
    assert found.shape == expected.shape
    assert (found * expected).sum(axis=1).min() > 0.9995
    assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)


def test_openai(official: openai.OpenAI, own: np.ndarray) -> None:
    """The official client asks for base64 unless it is told otherwise."""
    found = official.embeddings.create(model="mini", input=WORDS)
    agree([one.embedding for one in found.data], own[:2])
    assert [one.index for one in found.data] == [0, 1] and found.usage.prompt_tokens > 0
    plain = official.embeddings.create(model="mini", input=WORDS[0], encoding_format="float")
    agree([plain.data[0].embedding], own[:1])
    full = official.embeddings.create(model="mini", input=WORDS, dimensions=own.shape[1])
    agree([one.embedding for one in full.data], own[:2])
    assert [one.id for one in official.models.list()] == ["mini", "photos"]
    assert official.models.retrieve("mini").id == "mini"


def test_usage_counts_what_the_model_reads(client: httpx.Client) -> None:
    """Alone, among many and of a question; a picture is one."""
    mini = load_encoder("mini")
    one, other = (len(mini.prepare(Text(text))["input_ids"]) for text in WORDS)

    def used(given: Any, **asked: Any) -> int:
        body = {"model": "mini", "input": given, **asked}
        usage = client.post("/v1/embeddings", json=body).json()["usage"]
        assert usage["total_tokens"] == usage["prompt_tokens"]
        return int(usage["prompt_tokens"])

    assert used(WORDS[0]) == one and used(WORDS) == one + other
    assert used(WORDS[1:] * 20) == 20 * other  # more than are prepared at once
    assert used([{"text": WORDS[0]}, {"image": DATA}]) == one + 1
    long = "a dog " * 400
    assert used(long) == 128 < used(long, input_type="query")  # read in part, and in parts
    body = {"model": "mini", "texts": WORDS, "input_type": "search_document"}
    cohere = client.post("/v2/embed", json=body).json()
    assert cohere["meta"]["billed_units"] == {"input_tokens": one + other}


def test_without_a_tokenizer_words_are_counted() -> None:
    class Silent(FolderEncoder):
        def tokens_in(self, prepared: Any) -> None:
            return None

    mini = load_encoder("mini")
    assert isinstance(mini, FolderEncoder)
    silent = Silent(mini.folder)
    parts = [Text("a castle on a hill"), Image(DOG)]
    prepared = [silent.prepare(part) for part in parts]
    assert known_tokens(silent, parts, prepared) is None
    assert tokens_of(silent, parts, prepared, "document") == 5 + 1


def test_openai_is_told_what_is_wrong(official: openai.OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="there are mini") as unknown:
        official.embeddings.create(model="text-embedding-3-small", input="a")
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError, match="lose their meaning"):
        official.embeddings.create(model="mini", input="a", dimensions=100)
    with pytest.raises(openai.BadRequestError, match="check_embedding_ctx_length=False"):
        official.embeddings.create(model="mini", input=[[1, 2, 3]])
    with pytest.raises(openai.BadRequestError, match=r"input 1: .*empty"):
        official.embeddings.create(model="mini", input=["a", " "])
    wrong = official.with_options(api_key="wrong-token-of-nobody")
    with pytest.raises(openai.AuthenticationError):
        wrong.models.list()


def test_langchain(url: str, own: np.ndarray) -> None:
    from langchain_openai import OpenAIEmbeddings  # takes a second

    asked: dict[str, Any] = {"model": "mini", "base_url": f"{url}/v1", "api_key": TOKEN}
    embeddings = OpenAIEmbeddings(**asked, check_embedding_ctx_length=False)
    agree(embeddings.embed_documents(WORDS), own[:2])
    agree([embeddings.embed_query(WORDS[0])], own[:1])


def rows(client: httpx.Client, **asked: Any) -> list[list[float]]:
    answer = client.post("/v1/embeddings", json={"model": "mini", **asked})
    assert answer.status_code == 200, answer.text
    return [one["embedding"] for one in answer.json()["data"]]


@pytest.mark.parametrize(
    "asked",
    [
        {"modality": "image", "input": [DATA]},
        {"messages": [{"content": [{"type": "image_url", "image_url": {"url": DATA}}]}]},
        {"input": [{"type": "image_url", "image_url": {"url": DATA}}]},
        {"input": [{"content": [{"type": "image_url", "image_url": DATA}]}]},
        {"input": [{"image": DATA}]},
        {"input": [{"image": DATA.partition(",")[2]}]},
    ],
    ids=["infinity", "vllm", "parts", "content", "jina", "jina-base64"],
)  # fmt: skip
def test_pictures(client: httpx.Client, own: np.ndarray, asked: dict[str, Any]) -> None:
    agree(rows(client, **asked), own[2:])


def test_mixed_and_together(client: httpx.Client, own: np.ndarray) -> None:
    agree(rows(client, input=[{"text": WORDS[0]}, {"image": DATA}, WORDS[1]]), own[[0, 2, 1]])
    parts = [{"type": "text", "text": WORDS[1]}, {"type": "image_url", "image_url": {"url": DATA}}]
    (both,) = rows(client, messages=[{"role": "user", "content": parts}])
    mean = own[1] + own[2]
    agree([both], (mean / np.linalg.norm(mean))[None])


def test_cohere(client: httpx.Client, own: np.ndarray) -> None:
    asked = {"model": "mini", "texts": WORDS, "input_type": "search_document"}
    answer = client.post("/v2/embed", json={**asked, "embedding_types": ["float", "base64"]}).json()
    agree(answer["embeddings"]["float"], own[:2])
    agree([np.frombuffer(base64.b64decode(one), "<f4") for one in answer["embeddings"]["base64"]],
          own[:2])  # fmt: skip
    assert answer["texts"] == WORDS
    images = client.post("/v2/embed", json={"model": "mini", "images": [DATA]}).json()
    agree(images["embeddings"]["float"], own[2:])
    content = [{"content": [{"type": "image_url", "image_url": {"url": DATA}}]}]
    inputs = client.post("/v2/embed", json={"model": "mini", "inputs": content}).json()
    agree(inputs["embeddings"]["float"], own[2:])
    assert client.post("/v2/embed", json={"model": "mini"}).status_code == 400


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ({}, 400, "input"),
        ({"input": []}, 400, "empty"),
        ({"input": [1, 2]}, 400, "check_embedding_ctx_length"),
        ({"input": ["a", {"image": "!!"}]}, 400, "input 1: "),
        ({"input": [{"image": "aGVsbG8="}]}, 400, "input 0: "),
        ({"input": [{"image": "http://127.0.0.1/x.jpg"}]}, 403, "--fetch"),
        ({"input": [{"image": "file:///etc/passwd"}]}, 400, "input 0: "),
        ({"input": [None]}, 400, "input 0: "),
        ({"input": "a", "encoding_format": "int8"}, 400, "encoding_format"),
        ({"input": "a", "modality": "smell"}, 400, "modality"),
        ({"input": "a", "dimensions": -1}, 400, "dimensions"),
        ({"input": "a", "model": ["mini"]}, 404, "mini"),
        ({"input": "a", "model": "../mini"}, 404, "mini"),
        ({"input": ["a"] * 3000}, 400, "2048"),
        ({"messages": 3}, 400, "messages"),
        ({"input": "a" * 40_001}, 400, "input 0: "),
        ({"input": ["a" * 40_000] * 26}, 400, "1,040,000 characters"),
        ({"input": [{"content": [{"text": "a" * 40_000}] * 26}]}, 400, "1,040,000 characters"),
    ],
)
def test_errors(client: httpx.Client, asked: dict[str, Any], status: int, told: str) -> None:
    answer = client.post("/v1/embeddings", json={"model": "mini", **asked})
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert told in error["message"] and error["type"]


def test_words_are_never_a_path(client: httpx.Client) -> None:
    (found,) = rows(client, input=str(DOG))
    agree([found], load_encoder("mini").encode([Text(str(DOG))]))


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"[" * 100_000, b"\xff"])
def test_broken_bodies(client: httpx.Client, body: bytes) -> None:
    for path in ("/v1/embeddings", "/v2/embed", "/v1/audio/speech", "/v1/audio/transcriptions"):
        assert client.post(path, content=body).status_code == 400


@pytest.mark.skipif(not WEIGHTS["voice-joe"].is_here, reason="weights are not here")
@pytest.mark.skipif(not WEIGHTS["whisper-base"].is_here, reason="weights are not here")
def test_speech_there_and_back(official: openai.OpenAI, client: httpx.Client) -> None:
    said = official.audio.speech.create(
        model="tts-1", voice="joe", input="The castle stands on a hill.", response_format="flac"
    ).content
    assert said[:4] == b"fLaC"

    def heard(**asked: Any) -> Any:
        return official.audio.transcriptions.create(
            model="whisper-1", file=("a.flac", said), language="en", **asked
        )

    assert "castle" in heard(response_format="text")
    subtitles = heard(response_format="srt")
    assert "-->" in subtitles and "castle" in subtitles
    assert heard(response_format="vtt").startswith("WEBVTT")
    told = heard(response_format="verbose_json", timestamp_granularities=["word", "segment"])
    plain = heard()
    assert "castle" in plain.text
    for model in (told, plain):
        TypeAdapter(declared.HEARD).validate_python(model.model_dump(exclude_unset=True))
    assert told.duration > 1 and told.segments[0].end > told.segments[0].start
    assert [word.word.strip(" .").lower() for word in told.words][1] == "castle"


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"input": "a", "voice": "alloy"}, "no model"),
        ({"input": "a", "response_format": "mp3"}, "wav or flac"),
        ({"input": "a", "speed": 9}, "speed"),
        ({"input": " "}, "input is"),
        ({"input": "a", "voice": 3}, "names"),
    ],
)
def test_speech_errors(client: httpx.Client, asked: dict[str, Any], told: str) -> None:
    answer = client.post("/v1/audio/speech", json={"model": "tts-1", **asked})
    assert answer.status_code == 400 and told in answer.json()["error"]["message"]


def test_transcription_errors(client: httpx.Client) -> None:
    def ask(content: bytes, **asked: str) -> httpx.Response:
        return client.post(
            "/v1/audio/transcriptions", files={"file": ("a.wav", content)}, data=asked
        )

    assert ask(b"x", model="org/model").status_code == 404
    broken = ask(b"x" * 100, model="whisper-1")
    assert broken.status_code == 400 and "/tmp" not in broken.text
    assert ask(b"x", model="whisper-1", response_format="docx").status_code == 400
    assert ask(b"x", model="whisper-1", language="e" * 1000).status_code == 400
    assert client.post("/v1/audio/transcriptions", data={"model": "x"}).status_code == 400
    assert json.loads(ask(b"", model="whisper-1").text)["error"]["message"]
