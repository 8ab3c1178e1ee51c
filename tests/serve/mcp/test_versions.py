"""Every tool by real clients of the SDK's two versions, each a process, over pipes and over HTTP.

What careful people guess wrong about either is here once, for all four.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensorium import Collection
from sensorium.media import Text
from sensorium.serve.settings import Limits, Settings
from tests.serve.conftest import SAMPLE, Live

pytest.importorskip("mcp", reason="extra `serve` is not installed")

pytestmark = pytest.mark.slow

OLDER = "mcp==1.30.0"
"""The last of the first versions, which hosts have until they are written anew."""

WORDS = ("null", "[2024]", "2024", "true", '{"a": 1}', '"quoted"', "1e5", "")
"""What reads like JSON: each arrives as the string that it is."""

ASKED: list[tuple[str, dict[str, Any]]] = [
    ("collections", {}),
    ("search", {"query": "a castle on a hill", "k": 2}),
    ("search", {"cursor": "$cursor"}),
    ("search", {"query": "a castle", "where": "id > 1000"}),
    ("get", {"item": 2}),
    ("look", {"items": [1, 2, 3]}),
    ("look", {"query": "a house", "where": "id > 1000"}),
    ("explain", {"query": "a castle", "item": 2}),
    ("ask", {"question": "Who built the lighthouse?"}),
    ("ask", {"question": "the second one", "before": ["all photos"]}),
    ("judge", {"query": "an animal", "items": [1], "relevant": True}),
    ("get", {"item": 999}),
    ("search", {"query": "a" * 2001}),
    *(("search", {"query": "a castle", "collection": word}) for word in WORDS),
    *(("search", {"query": word, "k": 1}) for word in WORDS[:-1]),
]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four photos and a text."""
    folder = tmp_path_factory.mktemp("versions")
    story = folder / "story.txt"
    story.write_text("The lighthouse was built by Anna Berg in 1871.", "utf-8")
    with Collection(folder / "library.sensorium") as made:
        made.add(*sorted(SAMPLE.glob("x_*.jpg"))[:4], story)
    return folder / "library.sensorium"


@pytest.fixture(scope="module")
def older(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python with the SDK's older version and nothing else."""
    folder = tmp_path_factory.mktemp("older")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = str(folder / "bin" / "python")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check"]
    got = subprocess.run(
        [*pip, "--python", python, "install", "-q", OLDER], capture_output=True, text=True
    )
    if got.returncode:
        known = subprocess.run([*pip, "index", "versions", "mcp"], capture_output=True, text=True)
        if known.returncode:
            pytest.skip(f"pip reaches no packages here: {known.stderr.strip()[-200:]}")
    assert got.returncode == 0, got.stderr
    return python


@pytest.fixture(scope="module", params=["1.x", "2.x"])
def python(request: pytest.FixtureRequest) -> str:
    return request.getfixturevalue("older") if request.param == "1.x" else sys.executable


@pytest.fixture(scope="module", params=["pipes", "http"])
def told(request: pytest.FixtureRequest, python: str, library: Path) -> Iterator[dict[str, Any]]:
    """What a client got, for all that it asked."""

    asked = json.dumps(ASKED)
    if request.param == "pipes":
        server = [sys.executable, "-m", "sensorium", "mcp", "--write", str(library)]
        yield run_client(python, "pipes", json.dumps(server), asked)
    else:
        with Live(Settings({"library": library})) as url:
            yield run_client(python, "http", f"{url}/mcp", asked)


def run_client(python: str, *arguments: str) -> dict[str, Any]:
    ended = subprocess.run(
        [python, "-I", str(Path(__file__).with_name("client.py")), *arguments],
        capture_output=True, text=True, timeout=1800, env={**os.environ},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-3000:]
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def results(told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    return [one for one, (tool, _) in zip(told["results"], ASKED, strict=True) if tool == name]


def test_every_tool_gives_text_and_data(told: dict[str, Any]) -> None:
    assert {one["name"] for one in told["tools"]} == {name for name, _ in ASKED}
    for one, (name, asked) in zip(told["results"], ASKED, strict=True):
        assert "raised" not in one, (name, one)
        kinds = [part["type"] for part in one["content"]]
        assert kinds[0] == "text" and kinds.count("text") == 1, name  # also where nothing is found
        assert one["content"][0]["text"], name
        if not one["isError"]:
            assert isinstance(one["structuredContent"], dict), (name, asked)
        assert len(json.dumps(one)) < 1 << 20
    pictured = ("search", 0), ("get", 0), ("look", 0), ("explain", 0), ("ask", 1)
    for name, number in pictured:  # beside which data are kept
        one = results(told, name)[number]
        assert "image" in [part["type"] for part in one["content"]] and one["structuredContent"]


def test_what_is_found_is_the_librarys(told: dict[str, Any], library: Path) -> None:
    with Collection(library) as own:
        hits = own.search(Text("a castle on a hill"), 4)
    first, second, none = (one["structuredContent"] for one in results(told, "search")[:3])
    found = first["hits"] + second["hits"]
    assert [hit["id"] for hit in found] == [hit.id for hit in hits]
    for hit, expected in zip(found, hits, strict=True):
        assert hit["score"] == pytest.approx(expected.score, abs=1e-6)
    assert none["hits"] == [] and results(told, "search")[2]["content"][0]["text"]
    assert told["session"] is None  # so that a page has to be asked for by its cursor
    answers = results(told, "ask")
    assert answers[0]["structuredContent"]["text"].startswith("Anna Berg [1]")
    assert answers[1]["structuredContent"]["refers"] == [2]
    assert results(told, "look")[0]["structuredContent"]["items"] == [1, 2, 3]


def test_errors_have_their_words(told: dict[str, Any]) -> None:
    missing, long = results(told, "get")[1], results(told, "search")[3]
    assert missing["isError"] and "no item 999" in missing["content"][0]["text"]
    assert long["isError"] and "at most 2000 characters" in long["content"][0]["text"]


def test_words_that_read_like_json(told: dict[str, Any], library: Path) -> None:
    searched = results(told, "search")[4:]
    for word, one in zip(WORDS[:-1], searched, strict=False):
        assert one["isError"] and f"no collection {word!r}" in one["content"][0]["text"], word
    assert not searched[len(WORDS) - 1]["isError"]  # none is named: the first
    with Collection(library) as own:
        for word, one in zip(WORDS[:-1], searched[len(WORDS) :], strict=True):
            (hit,) = one["structuredContent"]["hits"]
            (expected,) = own.search(Text(word), 1)
            assert hit["score"] == pytest.approx(expected.score, abs=1e-6), word


def test_tools_do_not_wait_for_each_other(told: dict[str, Any]) -> None:
    """They run in threads, each of which may read the collection."""
    assert told["order"] == ["collections", "explain"]


def test_what_is_too_long_fails_alone(told: dict[str, Any]) -> None:
    """Over HTTP with status 413 a client of the first versions would have ended."""
    said = told["large"].get("raised") or told["large"]["content"][0]["text"]
    assert "at most" in said, said[:300]
    assert not told["after"]["isError"] and told["after"]["structuredContent"]["collections"]


LITTLE: dict[str, tuple[Limits, list[Any]]] = {
    # The first is being answered for far longer than a client takes to send the next.
    "too many at once": (Limits(requests=1), ["explain", {"query": "a castle", "item": 1}]),
    # Some begin the session; of the others one may come every six seconds, in two minutes not all.
    "too many a minute": (
        Limits(requests_per_minute=10), ["search", {"query": "a castle", "k": 2}]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("limits", "call"), LITTLE.values(), ids=LITTLE)
def test_who_is_told_to_come_again_goes_on(
    python: str, library: Path, limits: Limits, call: list[Any]
) -> None:
    """With status 429 or 503 a client of the first versions would have ended, with all it began."""
    with Live(Settings({"library": library}, limits=limits)) as url:
        told = run_client(python, "http", f"{url}/mcp", json.dumps([call]), "30")
    refused = [one["raised"] for one in told["results"] if "raised" in one]
    found = [one for one in told["results"] if "raised" not in one]
    assert len(found) + len(refused) == 30 and found and refused
    for one in [*found, told["again"]]:
        assert not one["isError"]
        one["structuredContent"].pop("seconds", None)  # that an explanation took
        assert one["structuredContent"] == found[0]["structuredContent"]
    for raised in refused:
        assert "too many requests at once" in raised or "requests a minute" in raised, raised
