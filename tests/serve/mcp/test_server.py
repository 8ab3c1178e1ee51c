"""Tools through real clients of the SDK: over pipes and over HTTP."""

from __future__ import annotations

import base64
import io
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import PIL.Image
import pytest

pytest.importorskip("mcp", reason="extra `serve` is not installed")

from mcp import ClientSession, StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from sensorium import Collection
from sensorium.media import Text
from sensorium.serve.settings import digest_of
from tests.serve.conftest import SAMPLE, Serve

Ask = Callable[..., Any]

TOOLS = {"ask", "collections", "explain", "get", "look", "search"}


@asynccontextmanager
async def over_pipes(*arguments: str) -> AsyncIterator[ClientSession]:
    command = StdioServerParameters(
        command=sys.executable, args=["-m", "sensorium", "mcp", *arguments], env={**os.environ}
    )
    async with stdio_client(command) as (reading, writing), ClientSession(reading, writing) as one:
        await one.initialize()
        yield one


@asynccontextmanager
async def over_http(url: str) -> AsyncIterator[ClientSession]:
    async with (
        streamable_http_client(f"{url}/mcp") as streams,
        ClientSession(streams[0], streams[1]) as one,
    ):
        await one.initialize()
        yield one


def calls(url: str, *wanted: tuple[str, dict[str, Any]]) -> list[Any]:
    """Results of tools, one after the other, over HTTP."""

    async def run() -> list[Any]:
        async with over_http(url) as session:
            return [await session.call_tool(name, arguments) for name, arguments in wanted]

    return anyio.run(run)


def call(url: str, name: str, **arguments: Any) -> Any:
    return calls(url, (name, arguments))[0]


def picture(content: Any) -> PIL.Image.Image:
    assert content.type == "image" and content.mime_type == "image/jpeg"
    return PIL.Image.open(io.BytesIO(base64.b64decode(content.data)))


def test_over_pipes(photos: Path) -> None:
    """The same hits as the library's, with pictures and data beside the text."""

    async def run() -> Any:
        async with over_pipes(str(photos)) as session:
            listed = await session.list_tools()
            assert {tool.name for tool in listed.tools} == TOOLS
            assert all(tool.annotations.read_only_hint for tool in listed.tools)
            return await session.call_tool("search", {"query": "a castle on a hill", "k": 3})

    found = anyio.run(run)
    with Collection(photos) as library:
        hits = library.search(Text("a castle on a hill"), 3)
    data = found.structured_content
    assert [hit["id"] for hit in data["hits"]] == [hit.id for hit in hits]
    for hit, own in zip(data["hits"], hits, strict=True):
        assert hit["score"] == pytest.approx(own.score, abs=1e-6)
    text, *pictures = found.content
    assert text.type == "text" and f"item {hits[0].id} " in text.text
    assert len(pictures) == 3 and max(picture(pictures[0]).size) <= 256


def test_more_by_a_cursor(url: str, photos: Path) -> None:
    first = call(url, "search", query="a house", k=5).structured_content
    second = call(url, "search", cursor=first["next_cursor"]).structured_content
    with Collection(photos) as library:
        own = [hit.id for hit in library.search(Text("a house"), 10)]
    assert [hit["id"] for page in (first, second) for hit in page["hits"]] == own
    last = call(url, "search", query="a house", k=50)
    assert last.structured_content["next_cursor"] == ""
    bad = call(url, "search", cursor="nosuch")
    assert bad.is_error and "next_cursor" in bad.content[0].text


def test_no_hits_are_told(url: str) -> None:
    """An empty list is content, too."""
    found = call(url, "search", query="a house", where="id > 1000")
    assert not found.is_error
    assert found.content[0].text == "No item fits." and found.structured_content["hits"] == []


def test_words_that_look_like_json(url: str) -> None:
    for query in ("null", "[2024]", "12", "true", '{"a": 1}'):
        found = call(url, "search", query=query, k=1)
        assert not found.is_error and len(found.structured_content["hits"]) == 1, query


def test_errors_are_told(url: str) -> None:
    wrong = (
        ("search", {"query": "a", "where": "nosuch ="}, "where"),
        ("search", {}, "query in words"),
        ("search", {"query": "a", "collection": "nosuch"}, "'nosuch'"),
        ("get", {"item": 999}, "no item 999"),
        ("get", {"item": 1 << 64}, "no item"),
        ("search", {"like": 10**30}, "no item"),
        ("look", {"items": [-(1 << 64)]}, "no item"),
        ("search", {"query": "a" * 2001}, "2000 characters"),
        ("ask", {"question": "a" * 2001}, "2000 characters"),
        ("explain", {"query": "", "item": 1}, "words"),
        ("get", {"item": "first"}, "item"),
    )
    results = calls(url, *((name, arguments) for name, arguments, _ in wrong))
    for found, (name, _, told) in zip(results, wrong, strict=True):
        assert found.is_error and told in found.content[0].text, name


def test_get_look_and_explain(url: str, photos: Path) -> None:
    got, looked, why = calls(
        url, ("get", {"item": 2}), ("look", {"items": [1, 2, 3]}),
        ("explain", {"query": "a castle", "item": 2}),
    )  # fmt: skip
    with Collection(photos) as library:
        own = library.get(2)
    assert own is not None
    assert got.structured_content["path"] == own.path and own.path in got.content[0].text
    assert max(picture(got.content[1]).size) > 256
    assert looked.structured_content["items"] == [1, 2, 3]
    assert picture(looked.content[1]).width > 700
    assert why.structured_content["score"] == pytest.approx(why.structured_content["hit"]["score"])
    assert "because of" in why.content[0].text and picture(why.content[1]).width > 200
    for found in (got, looked, why):
        assert len(found.model_dump_json()) < 1 << 20


@pytest.mark.slow
def test_explain_several_parts(url: str) -> None:
    question = {"query": "outside", "like": 2, "without": "a street"}
    (found,) = calls(url, ("search", {**question, "k": 1}))
    (best,) = found.structured_content["hits"]
    (why,) = calls(url, ("explain", {**question, "item": best["id"]}))
    assert why.structured_content["score"] == pytest.approx(best["score"], abs=1e-3)
    assert [part["weight"] for part in why.structured_content["parts"]] == [1, 1, -1]
    assert "a street" in why.content[0].text
    (more,) = calls(url, ("search", {"cursor": found.structured_content["next_cursor"]}))
    assert best["id"] not in [hit["id"] for hit in more.structured_content["hits"]]


def test_ask_and_long_texts(serve: Serve, tmp_path: Path) -> None:
    """Replies quote; a text that is longer than hosts take comes in parts, and none is lost."""
    story = tmp_path / "story.txt"
    lines = [f"Line {n} tells of the harbour and its {n} boats." for n in range(800)]
    story.write_text("\n".join(["The lighthouse was built by Anna Berg in 1871.", *lines]))
    with Collection(tmp_path / "own.sensorium") as library:
        library.add(story)
    address = str(serve(tmp_path / "own.sensorium").base_url)
    asked = call(address, "ask", question="Who built the lighthouse?")
    assert asked.structured_content["text"].startswith("Anna Berg [1]")
    (source,) = asked.structured_content["citations"]
    assert source["item"] == 1 and "built by Anna Berg" in source["quote"]
    assert "[1] item 1 (text)" in asked.content[0].text
    read, start, text = 0, 0, ""
    while read < 20:
        got = call(address, "get", item=1, start=start)
        assert len(got.content[0].text) <= 30_000
        part = got.structured_content
        text, read = text + part["text"], read + 1
        start += len(part["text"])
        if start >= part["characters"]:
            break
    assert all(line in " ".join(text.split()) for line in lines)


def test_ask_follows_what_was_asked_before(url: str, photos: Path) -> None:
    """Any question is answered with ids and pictures, none writes, and no call is remembered."""
    count, second, none, alone, write = calls(
        url,
        ("ask", {"question": "how many photos of a bison are there?"}),
        ("ask", {"question": "the second one", "before": ["all photos", "the first is wrong"]}),
        ("ask", {"question": "有潜水艇的照片吗"}),
        ("ask", {"question": "the second one"}),
        ("ask", {"question": "remember that the second one is wrong", "before": ["all photos"]}),
    )
    told = count.structured_content
    assert told["count"] == len(told["items"]) == 1 and told["pictured"] == [0]
    assert f"item {told['items'][0]['id']} (image)" in count.content[0].text
    assert picture(count.content[1]).width <= 256
    assert second.structured_content["refers"] == [2]
    assert none.structured_content["refused"] and none.structured_content["language"] == "zh"
    assert alone.structured_content["refers"] == []
    assert write.is_error and "may only read" in write.content[0].text
    with Collection(photos, create=False) as library:
        assert not library.search("all photos", 12).judgements


def test_results_are_within_what_hosts_take(serve: Serve, tmp_path: Path) -> None:
    """Whatever items hold: fewer hits come then, and the cursor goes on with the next one."""
    words = "\u56fe\u50cf" * 400
    with Collection(tmp_path / "own.sensorium") as library:
        for number, photo in enumerate(sorted(SAMPLE.glob("x_*.jpg"))[:12]):
            library.add(photo, metadata={f"{number} {n}": words for n in range(40)})
        long = tmp_path / "long.txt"
        long.write_text("。".join(f"图像{n}" for n in range(2000)), "utf-8")
        library.add(long)
    address = str(serve(tmp_path / "own.sensorium").base_url)
    seen, cursor = [], ""
    for _ in range(12):
        asked = {"cursor": cursor} if cursor else {"query": "a photo", "k": 12, "modality": "image"}
        found = call(address, "search", **asked)
        seen += [hit["id"] for hit in found.structured_content["hits"]]
        cursor = found.structured_content["next_cursor"]
        assert not cursor or cursor in found.content[0].text
        written = found.content[0].text + json.dumps(found.structured_content, ensure_ascii=False)
        assert len(written) + 2 * sum(not letter.isascii() for letter in written) < 75_000
        if not cursor:
            break
    assert sorted(seen) == list(range(1, 13))
    got, listed, text = calls(
        address, ("get", {"item": 1}), ("collections", {}), ("get", {"item": 13})
    )
    assert 0 < len(text.structured_content["text"]) < text.structured_content["characters"]
    for one in (got, listed, text):
        assert len(one.model_dump_json()) < 1 << 20
        written = one.content[0].text + json.dumps(one.structured_content, ensure_ascii=False)
        assert len(written) + 2 * sum(not letter.isascii() for letter in written) < 75_000
    assert "more fields are left out" in got.content[0].text


def test_which_hits_the_pictures_are_of(serve: Serve, tmp_path: Path) -> None:
    """Also where a file is gone."""
    with Collection(tmp_path / "own.sensorium") as library:
        for photo in sorted(SAMPLE.glob("x_*.jpg"))[:3]:
            library.add(shutil.copy(photo, tmp_path))
    address = str(serve(tmp_path / "own.sensorium").base_url)
    hits = call(address, "search", query="a photo").structured_content["hits"]
    Path(hits[1]["path"]).unlink()
    found = call(address, "search", query="a photo")
    assert found.structured_content["pictured"] == [0, 2]
    assert [one.type for one in found.content] == ["text", "image", "image"]
    assert f"Without a picture here: item {hits[1]['id']}." in found.content[0].text


def test_judging_must_be_allowed(serve: Serve, tmp_path: Path) -> None:
    path = tmp_path / "own.sensorium"
    with Collection(path) as library:
        library.add(*sorted(SAMPLE.glob("x_*.jpg"))[:4])
    closed = str(serve(path, open_scopes=("read",)).base_url)

    async def names() -> set[str]:
        async with over_http(closed) as session:
            return {tool.name for tool in (await session.list_tools()).tools}

    assert anyio.run(names) == TOOLS
    opened = str(serve(path).base_url)
    first = call(opened, "search", query="an animal", k=1).structured_content["hits"][0]["id"]
    judged = call(opened, "judge", query="an animal", items=[first], relevant=False)
    assert first not in [hit["id"] for hit in judged.structured_content["hits"]]


def test_scopes_and_other_sites(serve: Serve, photos: Path) -> None:
    token = "only-deletes-0123456789"
    client = serve(photos, tokens={digest_of(token): ["delete"]})
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    headers = {"accept": "application/json, text/event-stream"}
    assert client.post("/mcp", json=body, headers=headers).status_code == 401
    refused = client.post("/mcp", json=body, headers=headers | {"x-api-key": token})
    assert refused.status_code == 403
    rebound = httpx.post(
        f"{client.base_url}/mcp", json=body, headers=headers | {"host": "rebound.example"}
    )
    assert rebound.status_code == 421


def test_the_grid_is_a_page_of_its_own(url: str) -> None:
    """Hosts with MCP Apps find it at the address that the tool names."""

    async def run() -> tuple[Any, Any]:
        async with over_http(url) as session:
            tools = (await session.list_tools()).tools
            address = next(tool for tool in tools if tool.name == "search").meta["ui"]
            return address, await session.read_resource(address["resourceUri"])

    address, found = anyio.run(run)
    assert address["resourceUri"].startswith("ui://")
    (page,) = found.contents
    assert page.mime_type == "text/html;profile=mcp-app"
    assert "http://" not in page.text and "https://" not in page.text
    assert "innerHTML" not in page.text and json.dumps("ui/initialize") in page.text
