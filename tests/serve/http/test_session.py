"""A browser's token, which stays in a cookie."""

from __future__ import annotations

from pathlib import Path

import httpx

from sensorium.serve.settings import digest_of
from tests.serve.conftest import Serve

TOKEN = 'reads-"all";0123456789'
LIST = "/api/collections"


def test_without_tokens_all_is_open(client: httpx.Client) -> None:
    assert client.get("/api/session").json() == {"scopes": ["read"], "token_needed": False}


def test_a_cookie_opens_what_its_token_opens(serve: Serve, photos: Path) -> None:
    client = serve(photos, tokens={digest_of(TOKEN): ["read", "judge"]})
    assert client.get("/api/session").json() == {"scopes": [], "token_needed": True}
    assert client.post("/api/session", json={"token": "wrong"}).status_code == 401
    assert client.get(LIST).status_code == 401
    begun = client.post("/api/session", json={"token": TOKEN})
    said = begun.headers["set-cookie"].lower()
    assert "httponly" in said and "samesite=strict" in said and "path=/" in said
    assert begun.json()["scopes"] == ["read", "judge"]
    assert client.get("/api/session").json()["scopes"] == ["read", "judge"]
    assert client.get(LIST).status_code == 200
    client.delete("/api/session")
    assert client.get(LIST).status_code == 401
    forged = client.get(LIST, headers={"Cookie": 'sensorium_token="\\'})
    assert forged.status_code == 401
