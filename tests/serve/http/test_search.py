"""What a server finds is what the library finds."""

from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from sensorium import Collection
from sensorium.collection.staleness import states_of
from sensorium.plain import plain_fields
from tests.serve.conftest import SAMPLE, Serve

SEARCH = "/api/collections/photos/search"


def found(client: httpx.Client, **asked: Any) -> dict[str, Any]:
    answer = client.post(SEARCH, json=asked)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


def test_hits_are_the_librarys(client: httpx.Client, photos: Path) -> None:
    with Collection(photos) as library:
        hits = library.search("a castle on a hill", 5)
        own = [
            {**plain_fields(hit), "state": s} for hit, s in zip(hits, states_of(hits), strict=True)
        ]
    body = found(client, query="a castle on a hill", k=5)
    assert [hit["id"] for hit in body["hits"]] == [hit.id for hit in hits]
    for hit, other in zip(body["hits"], own, strict=True):
        assert hit.keys() == other.keys()
        assert hit["score"] == pytest.approx(other["score"], abs=1e-6)
        assert hit["probability"] == pytest.approx(other["probability"], abs=1e-5)
    assert body["nothing_matches"] is hits.nothing_matches


def test_many_at_once_find_what_each_finds(client: httpx.Client) -> None:
    """What comes together is encoded and compared together; a bad one fails alone."""
    words = [f"{thing}, {n}" for n in range(6) for thing in ("a castle", "a dog", "boats")]
    alone = [found(client, query=one, k=5)["hits"] for one in words]
    asked = [
        *({"query": one, "k": 5} for one in words),
        {"query": " "},
        {"query": "a", "where": "("},
    ]
    with ThreadPoolExecutor(len(asked)) as threads:
        answers = list(threads.map(lambda one: client.post(SEARCH, json=one), asked))
    for answer, hits in zip(answers, alone, strict=False):
        body = answer.json()
        assert [hit["id"] for hit in body["hits"]] == [hit["id"] for hit in hits]
        assert [hit["score"] for hit in body["hits"]] == pytest.approx(
            [hit["score"] for hit in hits], abs=2e-3
        )
    assert [answer.status_code for answer in answers[len(words) :]] == [422, 400]


def test_pages_follow_each_other(client: httpx.Client) -> None:
    whole = [hit["id"] for hit in found(client, query="a dog", k=10)["hits"]]
    pages = [
        hit["id"] for n in (0, 5) for hit in found(client, query="a dog", k=5, offset=n)["hits"]
    ]
    assert pages == whole


def test_pages_of_items(client: httpx.Client, photos: Path) -> None:
    with Collection(photos) as library:
        own = [item.id for item in library.items("width > 300")]
    pages = [
        client.get(
            "/api/collections/photos/items",
            params={"where": "width > 300", "offset": offset, "limit": 5},
        ).json()
        for offset in (0, 5, 10, 15)
    ]
    assert [item["id"] for page in pages for item in page["items"]] == own
    assert {page["total"] for page in pages} == {len(own)}
    assert pages[-1]["items"] == []


def test_media_in_a_question(client: httpx.Client) -> None:
    """A picture finds itself, as base64 and as a data: URL, and so does an item's number."""
    picture = sorted(SAMPLE.glob("x_*.jpg"))[3]
    written = base64.b64encode(picture.read_bytes()).decode()
    for part in ({"data": written}, {"data": f"data:image/jpeg;base64,{written}"}, {"item": 4}):
        first = found(client, parts=[part], k=1)["hits"][0]
        assert first["path"] == str(picture), part


def test_several_parts(client: httpx.Client, photos: Path) -> None:
    with Collection(photos) as library:
        own = [hit.id for hit in library.search("a building", 5, without="a castle")]
    parts = [{"text": "a building"}, {"text": "a castle", "weight": -1}]
    assert [hit["id"] for hit in found(client, parts=parts, k=5)["hits"]] == own


def test_words_are_never_a_path(client: httpx.Client, tmp_path: Path) -> None:
    """Words that name a file of the machine are words: what is in it is nobody's business."""
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(sorted(SAMPLE.glob("x_*.jpg"))[0].read_bytes())
    as_words = found(client, query=str(secret), k=3)["hits"]
    as_part = found(client, parts=[{"text": str(secret)}], k=3)["hits"]
    assert as_words == as_part
    assert as_words[0]["score"] < 0.9  # the picture itself would be found with 1


@pytest.mark.parametrize(
    ("asked", "status", "told"),
    [
        ({}, 400, "query"),
        ({"query": " "}, 422, "empty"),
        ({"query": "a", "k": 0}, 422, "k: "),
        ({"query": "a", "K": 5}, 422, "K: nothing is called so here; /openapi.json has"),
        ({"query": "a", "k": 1001}, 400, "at most 1000"),
        ({"query": "a" * 40_001}, 400, "40,001 characters"),
        ({"parts": [{"text": "a" * 40_001}, {"item": 1}]}, 400, "40,001 characters"),
        ({"parts": [{"item": True}]}, 422, "a number"),
        ({"query": "a", "where": "1; DROP TABLE items"}, 400, "where"),
        ({"query": "a", "mode": "magic"}, 422, "mode: "),
        ({"parts": [{"text": "a", "item": 1}]}, 422, "one of text, data and item"),
        ({"parts": [{"item": 99}]}, 404, "99"),
        ({"parts": [{"data": "!!"}]}, 422, "base64"),
        ({"parts": [{"data": "aGVsbG8="}]}, 422, ""),
        ({"parts": [{"text": "a", "weight": 0}]}, 400, "weight"),
    ],
)
def test_errors(client: httpx.Client, asked: dict[str, Any], status: int, told: str) -> None:
    answer = client.post(SEARCH, json=asked)
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert told in error["message"] and error["type"]


def test_unknown_collection(client: httpx.Client) -> None:
    answer = client.post("/api/collections/nosuch/search", json={"query": "a"})
    assert answer.status_code == 404
    assert "'nosuch'" in answer.json()["error"]["message"]


def test_judging(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "own.sensorium"
    with Collection(path) as library:
        library.add(*sorted(SAMPLE.glob("x_*.jpg"))[:6])
    client = serve(path)
    asked = {"query": "an animal", "k": 3}
    first = client.post("/api/collections/library/search", json=asked).json()["hits"][0]["id"]
    judge = "/api/collections/library/judge"
    said = client.post(judge, json={"question": asked, "items": [first], "relevant": False})
    assert said.status_code == 200, said.text
    assert first not in [hit["id"] for hit in said.json()["hits"]]
    assert said.json()["judgements"] == {str(first): False}
    plain = client.post("/api/collections/library/search", json=asked).json()
    assert plain["hits"][0]["id"] == first  # a plain search never looks at judgements
    improved = client.post("/api/collections/library/search", json={**asked, "improved": True})
    assert first not in [hit["id"] for hit in improved.json()["hits"]]
    client.post(judge, json={"question": asked, "items": [first], "relevant": None})
    assert client.post("/api/collections/library/search", json=asked).json()["judgements"] == {}
