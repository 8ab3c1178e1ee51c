"""What each address needs: a table of all of them, tried with each single scope and with none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import httpx
import pytest

from sensorium.serve.settings import Scope, Settings, digest_of
from tests.serve.conftest import Live

C = "/api/collections/{collection}"

OPEN = {"/health": "GET HEAD", "/api/session": "GET POST DELETE", "/": "GET HEAD",
        "/page/main.js": "GET HEAD"}  # fmt: skip
"""What needs no token."""

ANY = {"/openapi.json": "GET HEAD"}
"""What needs a token, whatever it lets do."""

NEEDS: dict[str, dict[str, str]] = {
    "read": {
        "/metrics": "GET",
        "/mcp": "POST",
        "/v1/models": "GET",
        "/v1/models/{model}": "GET",
        "/v1/embeddings": "POST",
        "/v1/audio/transcriptions": "POST",
        "/v1/audio/speech": "POST",
        "/v1/chat/completions": "POST",
        "/v2/embed": "POST",
        "/api/collections": "GET",
        C: "GET",
        f"{C}/search": "POST",
        f"{C}/items": "GET",
        f"{C}/items/{{item}}": "GET",
        f"{C}/items/{{item}}/media": "GET HEAD",
        f"{C}/items/{{item}}/thumbnail": "GET HEAD",
        f"{C}/items/{{item}}/text": "GET",
        f"{C}/timeline": "GET",
        f"{C}/places": "GET",
        f"{C}/map": "GET",
        f"{C}/duplicates": "GET",
        f"{C}/conversation": "POST",
        f"{C}/classes": "GET",
        f"{C}/classes/{{name}}/items": "GET",
        f"{C}/classes/{{name}}/examples": "GET",
        "/api/jobs": "GET",
        "/api/jobs/{job}": "GET",
        "/api/jobs/{job}/events": "GET",
        **{f"/api/tasks/{task}": "POST" for task in (
            "classify", "detect", "segment", "caption", "explain", "transcribe", "read", "answer",
            "summarize", "translate", "speak",
        )},
    },
    "judge": {
        f"{C}/judge": "POST",
        f"{C}/classes": "POST",
        f"{C}/classes/{{name}}": "DELETE",
        f"{C}/classes/{{name}}/classify": "POST",
    },
    "add": {
        "/api/collections": "POST",
        f"{C}/items": "POST",
        f"{C}/index": "POST",
        "/api/jobs/{job}": "POST DELETE",
    },
    "delete": {C: "DELETE", f"{C}/items": "DELETE"},
}  # fmt: skip

TOKENS = {scope: f"only-{scope}-0123456789" for scope in get_args(Scope)}


@pytest.fixture(scope="module")
def client(photos: Path) -> Iterator[httpx.Client]:
    tokens: dict[str, list[Scope]] = {digest_of(token): [scope] for scope, token in TOKENS.items()}
    settings = Settings({"photos": photos}, tokens=tokens)
    with Live(settings) as url, httpx.Client(base_url=url, timeout=60) as asking:
        yield asking


def listed(addresses: dict[str, str]) -> set[tuple[str, str]]:
    return {(method, path) for path, methods in addresses.items() for method in methods.split()}


def ask(
    client: httpx.Client, method: str, path: str, scope: str, collection: str
) -> httpx.Response:
    """Without anything to do: who is let in is told what is missing, or the little there is."""
    path = path.replace("{collection}", collection).replace("{item}", "1")
    path = path.replace("{job}", "0123").replace("{name}", "nosuch").replace("{model}", "mini")
    token = {"Authorization": f"Bearer {TOKENS[scope]}"} if scope else {}  # type: ignore[index]
    body = {"json": {}} if method == "POST" else {}
    return client.request(method, path, headers=token, **body)


def test_the_table_has_every_address(client: httpx.Client) -> None:
    described = client.get("/openapi.json", headers={"x-api-key": TOKENS["read"]}).json()["paths"]
    found = {(method.upper(), path) for path, methods in described.items() for method in methods}
    table = listed(OPEN).union(*map(listed, NEEDS.values()))
    assert found <= table
    assert {path for _, path in table - found if not path.startswith("/page/")} == {
        "/", "/mcp", "/health", f"{C}/items/{{item}}/media", f"{C}/items/{{item}}/thumbnail"
    }  # fmt: skip


def test_who_has_no_token(client: httpx.Client) -> None:
    for method, path in listed(OPEN):
        assert ask(client, method, path, "", "photos").status_code not in (401, 403), path
    for method, path in listed(ANY).union(*map(listed, NEEDS.values())):
        for collection in ("photos", "nosuch"):
            assert ask(client, method, path, "", collection).status_code == 401, (method, path)


@pytest.mark.parametrize("scope", TOKENS)
def test_who_has_one_scope(client: httpx.Client, scope: str) -> None:
    for method, path in listed(OPEN) | listed(ANY):
        assert ask(client, method, path, scope, "photos").status_code not in (401, 403), path
    for needed, addresses in NEEDS.items():
        for method, path in listed(addresses):
            answer = ask(client, method, path, scope, "photos")
            assert (answer.status_code == 403) == (scope != needed), (method, path, answer.text)
            assert answer.status_code not in (401, 500), (method, path, answer.text)
            if scope == needed:
                continue
            if method != "HEAD":
                assert f"the scope {needed!r}" in answer.json()["error"]["message"]
            # Nor is told what there is.
            assert ask(client, method, path, scope, "nosuch").status_code == 403
