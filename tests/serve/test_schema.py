"""The OpenAPI description is true: whatever is asked, the answer is one that it names."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from jsonschema import Draft202012Validator

from sensorium import Collection
from sensorium.serve.settings import Settings
from tests.serve.conftest import SAMPLE, Live

schemathesis = pytest.importorskip("schemathesis")

from schemathesis.checks import not_a_server_error  # noqa: E402
from schemathesis.specs.openapi.checks import (  # noqa: E402
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    path = tmp_path_factory.mktemp("described") / "library.sensorium"
    with Collection(path) as library:
        library.add(*sorted(SAMPLE.glob("x_*.jpg"))[:4])
    with Live(Settings({"library": path})) as url:
        yield schemathesis.openapi.from_url(f"{url}/openapi.json")


def test_every_answer_is_described(described: Any) -> None:
    """Each address, asked for whatever its description allows, a few times.

    Schemathesis' own plug-in would make a test of each, but fails with a schema of a fixture
    (findings/schemathesis_fixtures_fail.sh).
    """
    faults, asked = [], 0
    for found in described.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=4, deadline=None, derandomize=True, database=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            nonlocal asked
            asked += 1
            case.call_and_validate(checks=CHECKS, timeout=60)

        try:
            ask()
        except Exception as error:
            faults.append(f"{operation.method} {operation.path}: {error}")
    assert asked > 100
    assert not faults, "\n\n".join(faults)[:10_000]


LIBRARY = "/api/collections/library"
DOG = base64.b64encode((SAMPLE / "x_dog.jpg").read_bytes()).decode()
STORY = "The bridge was built in 1889. It is long. Boats pass under it."

ASKED: list[tuple[str, str, str, dict[str, Any]]] = [
    ("get", "/health", "", {}),
    ("get", "/api/session", "", {}),
    ("delete", "/api/session", "", {}),
    ("get", "/api/collections", "", {}),
    ("post", "/api/collections", "", {"json": {"name": "new"}}),
    ("delete", "/api/collections/new", "", {}),
    ("get", LIBRARY, "", {}),
    ("get", LIBRARY, "/items?limit=2", {}),
    ("get", LIBRARY, "/items/1", {}),
    ("get", LIBRARY, "/items/1/text", {}),
    ("get", LIBRARY, "/timeline", {}),
    ("get", LIBRARY, "/places", {}),
    ("get", LIBRARY, "/map", {}),
    ("get", LIBRARY, "/duplicates", {}),
    ("post", LIBRARY, "/search", {"json": {"query": "a castle", "k": 3}}),
    ("post", LIBRARY, "/judge", {"json": {"question": {"query": "a dog"}, "items": [1]}}),
    ("post", LIBRARY, "/classes",
     {"json": {"name": "kind", "labels": {"one": [1, 2], "two": [3, 4]}}}),
    ("get", LIBRARY, "/classes", {}),
    ("get", LIBRARY, "/classes/kind/examples", {}),
    ("get", LIBRARY, "/classes/kind/items", {}),
    ("post", LIBRARY, "/classes/kind/classify", {"json": {}}),
    ("delete", LIBRARY, "/classes/kind", {}),
    ("post", LIBRARY, "/items", {"files": {"files": ("a.jpg", base64.b64decode(DOG))}}),
    ("post", LIBRARY, "/index", {"json": {"paths": [str(SAMPLE / "x_dog.jpg")]}}),
    ("get", "/api/jobs", "", {}),
    ("post", "/api/tasks/", "classify", {"json": {"data": DOG, "labels": ["dog"]}}),
    ("post", "/api/tasks/", "classify", {"json": {"data": DOG, "labels": ["dog", "cat"]}}),
    ("post", "/api/tasks/", "caption", {"json": {"data": DOG}}),
    ("post", "/api/tasks/", "explain", {"json": {"data": DOG, "query": "a dog"}}),
    ("post", "/api/tasks/", "answer", {"json": {"question": "When was it built?", "text": STORY}}),
    ("post", "/api/tasks/", "summarize", {"json": {"text": STORY, "sentences": 1}}),
    ("post", "/api/tasks/", "segment", {"json": {"data": DOG, "boxes": "10,20,100,80"}}),
    ("post", "/v1/chat/completions", "",
     {"json": {"model": "library", "messages": [{"role": "user", "content": "a castle"}]}}),
    ("get", "/v1/models", "", {}),
    ("get", "/v1/models/", "mini", {}),
    ("post", "/v1/embeddings", "", {"json": {"model": "mini", "input": ["a dog"]}}),
    ("post", "/v1/embeddings", "",
     {"json": {"model": "mini", "input": "a dog", "encoding_format": "base64"}}),
    ("post", "/v2/embed", "", {"json": {"model": "mini", "texts": ["a dog"]}}),
    ("delete", LIBRARY, "/items", {"json": {"ids": [4]}}),
]  # fmt: skip


def declared(schema: dict[str, Any], method: str, path: str, status: int) -> dict[str, Any]:
    """What the description says of an answer in JSON."""
    fits = [
        template
        for template, methods in schema["paths"].items()
        if method in methods and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path)
    ]
    answer = schema["paths"][min(fits, key=lambda one: one.count("{"))][method]["responses"]
    found: dict[str, Any] = answer[str(status)]["content"]["application/json"]["schema"]
    return {**found, "components": schema["components"]}


@pytest.mark.slow
def test_what_is_wanted_is_declared(described: Any, tmp_path: Path) -> None:
    """Answers have the keys that their description has, and one more would be found."""
    path = tmp_path / "library.sensorium"
    with Collection(path) as library:
        library.add(*sorted(SAMPLE.glob("x_*.jpg"))[:4])
    with (
        Live(Settings({"library": path}, create_in=tmp_path / "made", roots=(SAMPLE,))) as url,
        httpx.Client(base_url=url, timeout=60) as client,
    ):
        for method, start, rest, more in ASKED:
            answer = client.request(method, start + rest, **more)
            assert answer.status_code in (200, 201, 202), (start, rest, answer.text)
            place = (start + rest).partition("?")[0]
            schema = declared(described.raw_schema, method, place, answer.status_code)
            checked = Draft202012Validator(schema)
            found = answer.json()
            faults = [f"{list(one.path)}: {one.message}" for one in checked.iter_errors(found)]
            assert not faults, (start, rest, faults)
            if start == LIBRARY:
                assert not checked.is_valid({**found, "more": 1}), rest


def test_every_wanted_answer_is_declared(described: Any) -> None:
    """None in JSON is left to be anything, and the description is valid itself."""
    described.validate()
    for path, methods in described.raw_schema["paths"].items():
        for method, one in methods.items():
            for status in {"200", "202"} & one["responses"].keys():
                content = one["responses"][status].get("content", {})
                held = content.get("application/json")
                assert held is None or held.get("schema"), (method, path, status)


def test_every_address_says_what_it_gives(described: Any) -> None:
    paths = described.raw_schema["paths"]
    assert len(paths) > 30
    for path, methods in paths.items():
        for method, one in methods.items():
            assert one["summary"] and one["description"], (method, path)
            assert "503" in one["responses"], (method, path)
