"""Who is let in, and who is not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from sensorium.errors import UsageError
from sensorium.serve.settings import Limits, Settings, digest_of, read_tokens
from tests.serve.conftest import Serve

TOKEN, OTHER = "reads-all-0123456789", "deletes-0123456789ab"
LIST = "/api/collections"


def test_another_address_demands_a_token(photos: Path) -> None:
    with pytest.raises(UsageError, match=r"0\.0\.0\.0 .* token"):
        Settings({"photos": photos}, host="0.0.0.0")
    Settings({"photos": photos}, host="0.0.0.0", tokens={digest_of(TOKEN): ["read"]})


def test_tokens_have_scopes() -> None:
    found = read_tokens(f"# mine\n{TOKEN} read, judge\n{OTHER}\n", "tokens")
    assert found[digest_of(TOKEN)] == ["read", "judge"]
    assert found[digest_of(OTHER)] == ["read", "judge", "add", "delete"]
    assert TOKEN not in str(found)
    odd = "with#in-it-0123456789"
    assert read_tokens(f"{odd} read # mine", "tokens") == {digest_of(odd): ["read"]}


@pytest.mark.parametrize("line", ["short", f"{TOKEN} write", f"\u00e9{TOKEN}"])
def test_bad_tokens(line: str) -> None:
    with pytest.raises(UsageError, match="tokens, line 1") as raised:
        read_tokens(line, "tokens")
    assert TOKEN not in str(raised.value)


def test_settings_travel(photos: Path) -> None:
    settings = Settings(
        {"photos": photos}, roots=(Path("/a"),), tokens={digest_of(TOKEN): ["read"]},
        hosts=("a.example",), limits=Limits(jobs=3),
    )  # fmt: skip
    assert Settings.from_json(settings.to_json()) == settings


def test_without_the_token_nothing(serve: Serve, photos: Path) -> None:
    tokens = {digest_of(TOKEN): ["read"], digest_of(OTHER): ["delete"]}
    client = serve(photos, tokens=tokens)
    assert client.get(LIST).status_code == 401
    assert client.get("/metrics").status_code == 401
    assert client.get("/openapi.json").status_code == 401
    assert client.get(LIST, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert (health := client.get("/health")).status_code == 200, health.text
    for headers in ({"Authorization": f"Bearer {TOKEN}"}, {"x-api-key": TOKEN}):
        assert client.get(LIST, headers=headers).status_code == 200
    other = client.get(LIST, headers={"Authorization": f"Bearer {OTHER}"})
    assert other.status_code == 403 and "'read'" in other.json()["error"]["message"]
    refused = client.request(
        "DELETE", f"{LIST}/library/items", json={"ids": [1]}, headers={"x-api-key": TOKEN}
    )
    assert refused.status_code == 403


def test_other_sites_are_kept_out(client: httpx.Client) -> None:
    """A page of another site, by its own name for this machine or from its own origin."""
    assert client.get(LIST, headers={"Host": "rebound.example"}).status_code == 421
    assert client.get(LIST, headers={"Host": "localhost:1"}).status_code == 200
    for headers in ({"Origin": "https://other.example"}, {"Sec-Fetch-Site": "cross-site"}):
        assert client.get(LIST, headers=headers).status_code == 403
    own = {"Origin": str(client.base_url).rstrip("/"), "Sec-Fetch-Site": "same-origin"}
    assert client.get(LIST, headers=own).status_code == 200
    assert "access-control-allow-origin" not in client.get(LIST, headers=own).headers


@pytest.mark.parametrize("name", ["[", "[::1", "localhost]", "[zz]"])
def test_what_is_no_address_is_nobodys(client: httpx.Client, name: str) -> None:
    assert client.get(LIST, headers={"Host": name}).status_code == 421
    assert client.get(LIST, headers={"Origin": f"http://{name}"}).status_code == 403


def test_unknown_addresses_and_methods(client: httpx.Client) -> None:
    """In the shape of all errors; what a method may be is told."""
    for method, path, status in (
        ("GET", "/nosuch", 404), ("GET", f"{LIST}/", 404), ("PUT", LIST, 405),
        ("GET", f"{LIST}/photos/search", 405), ("PATCH", "/v1/embeddings", 405),
        ("GET", "/mcp/nosuch", 404),
    ):  # fmt: skip
        answer = client.request(method, path)
        assert answer.status_code == status, (method, path)
        assert answer.json()["error"]["type"] == "http_error"
        assert ("allow" in answer.headers) == (status == 405)
    for path, methods in (
        (f"{LIST}/photos/items", "DELETE, GET, POST"), ("/api/jobs/0", "DELETE, GET, POST"),
        ("/health", "GET, HEAD"), ("/", "GET, HEAD"), ("/page/index.html", "GET, HEAD"),
        ("/api/session", "DELETE, GET, POST"), ("/mcp", "POST"), (f"{LIST}/photos/search", "POST"),
    ):  # fmt: skip
        for asked in ("PUT", "OPTIONS", "PROPFIND"):
            answer = client.request(asked, path)
            assert answer.status_code == 405 and answer.headers["allow"] == methods, path
    stream = client.get("/mcp", headers={"Accept": "text/event-stream"})
    assert stream.status_code == 405  # it would stay open, and take a place, for ever
    for path in ("/", "/health"):
        assert client.head(path).status_code == 200 and not client.head(path).content


def test_methods_of_other_protocols_are_counted_as_one(client: httpx.Client) -> None:
    """Servers may hand on any word, and each would be counted for good."""
    for method in ("PROPFIND", "MKCOL"):
        assert client.request(method, LIST).status_code == 405
    counted = client.get("/metrics").text
    assert 'method="other"' in counted and "PROPFIND" not in counted


def test_every_answer_has_its_guards(client: httpx.Client) -> None:
    for answer in (client.get("/"), client.get(LIST), client.get("/nosuch"), client.put("/health")):
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers


def test_too_large(serve: Serve, photos: Path) -> None:
    client = serve(photos, limits=Limits(body_bytes=1000, upload_bytes=5000))
    search = f"{LIST}/library/search"
    assert client.post(search, json={"query": "a" * 4000}).status_code == 200
    refused = client.post(search, json={"query": "a" * 9000})
    assert refused.status_code == 413 and "more bytes" in refused.json()["error"]["message"]

    chunks = (b" " * 1000 for _ in range(50))  # of which nobody says how many there will be
    assert client.post(search, content=chunks).status_code == 413


def test_too_often(serve: Serve, photos: Path) -> None:
    client = serve(photos, limits=Limits(requests_per_minute=5))
    answers = [client.get(LIST) for _ in range(7)]
    assert [answer.status_code for answer in answers].count(429) == 2
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert {client.get("/health").status_code for _ in range(7)} == {200}  # who watches asks often


def test_tokens_that_begin_alike_are_counted_apart(serve: Serve, photos: Path) -> None:
    tokens = [f"family-{name}-0123456789" for name in ("anna", "bert")]
    client = serve(
        photos, tokens={digest_of(token): ["read"] for token in tokens},
        limits=Limits(requests_per_minute=5),
    )  # fmt: skip
    anna, bert = ({"x-api-key": token} for token in tokens)
    assert [client.get(LIST, headers=anna).status_code for _ in range(7)].count(429) == 2
    assert client.get(LIST, headers=bert).status_code == 200


def test_who_comes_when_it_is_full_is_told_when_to_come_again(serve: Serve, photos: Path) -> None:
    """And everybody else is answered; afterwards it is as before."""
    client = serve(photos, limits=Limits(requests=2))
    search = f"{LIST}/library/search"

    def ask(number: int) -> httpx.Response:
        body = {"query": f"a dog, {number}"}
        return httpx.post(f"{client.base_url}{search}", json=body, timeout=60)

    ask(0)
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(ask, range(1, 61)))
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    assert all(int(answer.headers["retry-after"]) >= 1 for answer in refused)
    assert ask(61).status_code == 200 and client.get("/health").status_code == 200
