"""One text and one picture have the same vectors, whichever way they are asked for.

Each is computed alone here, by the same runtime, so that all are equal to the last bit; a batch
computes in another order, which rounds.
"""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import openai
import pytest
from typer.testing import CliRunner

from sensorium import Collection, Image, Text, load_encoder
from sensorium.cli.app import app
from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Live
from tests.serve.mcp.test_server import call

DOG = SAMPLE / "x_dog.jpg"
DATA = f"data:image/jpeg;base64,{base64.b64encode(DOG.read_bytes()).decode()}"
WORDS = "a dog in the grass"


def shell(*words: str) -> str:
    ended = CliRunner().invoke(app, list(words))
    assert ended.exit_code == 0, ended.output
    return ended.stdout


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The picture and the words, put in by the shell, one after the other."""
    folder = tmp_path_factory.mktemp("same")
    shutil.copy(DOG, folder / "dog.jpg")
    (folder / "words.txt").write_text(WORDS, "utf-8")
    for name in ("dog.jpg", "words.txt"):
        shell("index", str(folder / name), "-c", str(folder / "library.sensorium"))
    return folder / "library.sensorium"


@pytest.fixture(scope="module")
def url(library: Path) -> Iterator[str]:
    with Live(Settings({"library": library})) as address:
        yield address


@pytest.fixture(scope="module")
def own() -> tuple[Any, Any]:
    """The words' vector and the picture's, by the library."""
    encoder = load_encoder("mini")
    return encoder.encode([Text(WORDS)])[0], encoder.encode([Image(DOG)])[0]


def posted(url: str, **asked: Any) -> Any:
    answer = httpx.post(f"{url}/v1/embeddings", json={"model": "mini", **asked}, timeout=60)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"][0]["embedding"]


def row(value: Any) -> Any:
    """A vector out of numbers, or out of base64 of them."""
    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value), "<f4")
    return np.array(value, np.float64).astype(np.float32)


def test_of_http_and_its_clients(url: str, own: tuple[Any, Any]) -> None:
    words, picture = own
    for form in ("float", "base64"):
        assert np.array_equal(row(posted(url, input=WORDS, encoding_format=form)), words), form
        asked = {"input": [{"image": DATA}], "encoding_format": form}
        assert np.array_equal(row(posted(url, **asked)), picture), form
    cohere = {"model": "mini", "images": [DATA], "embedding_types": ["float"]}
    answer = httpx.post(f"{url}/v2/embed", json=cohere, timeout=60).json()
    assert np.array_equal(row(answer["embeddings"]["float"][0]), picture)
    with openai.OpenAI(base_url=f"{url}/v1", api_key="none") as official:
        for more in ({}, {"encoding_format": "float"}):  # base64 where it is not told
            found = official.embeddings.create(model="mini", input=WORDS, **more)  # type: ignore[arg-type]
            assert np.array_equal(row(found.data[0].embedding), words), more
    from langchain_openai import OpenAIEmbeddings  # takes a second

    chained = OpenAIEmbeddings(
        model="mini", base_url=f"{url}/v1", api_key="none", check_embedding_ctx_length=False
    )  # type: ignore[call-arg]
    assert np.array_equal(row(chained.embed_query(WORDS)), words)


def test_of_the_shell(library: Path, own: tuple[Any, Any], tmp_path: Path) -> None:
    """What it stores, as it gives it out again."""
    shell("export", str(tmp_path / "out"), "-c", str(library))
    rows = np.load(tmp_path / "out" / "vectors.npy")
    written = (tmp_path / "out" / "items.jsonl").read_text("utf-8").splitlines()
    names = [Path(json.loads(line)["path"]).name for line in written]
    assert np.array_equal(rows[names.index("words.txt")], own[0])
    assert np.array_equal(rows[names.index("dog.jpg")], own[1])


def test_scores_of_searches(url: str, library: Path) -> None:
    """Of tools, none of which gives vectors, too: equal vectors have equal scores."""
    query = "an animal outside"
    with Collection(library) as opened:
        expected = [(hit.id, hit.score) for hit in opened.search(Text(query), 5)]
    over_http = httpx.post(
        f"{url}/api/collections/library/search", json={"query": query, "k": 5}, timeout=60
    ).json()
    by_tool = call(url, "search", query=query, k=5).structured_content
    for hits in (over_http["hits"], by_tool["hits"]):
        assert [(hit["id"], hit["score"]) for hit in hits] == expected
    told = shell("search", query, "-c", str(library), "-k", "5", "--json").splitlines()
    printed = [json.loads(line) for line in told]
    assert [(hit["id"], hit["score"]) for hit in printed] == expected
