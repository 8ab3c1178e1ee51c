"""Errors that nobody foresaw: whoever runs the server reads all of them, and a client nothing."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from sensorium import Collection
from sensorium.encoders.folder import FolderEncoder
from sensorium.serve.http import collections
from sensorium.serve.mcp.tools import Tools
from tests.serve.conftest import Serve
from tests.serve.mcp.test_server import call

SECRET = "/home/somebody/private"


def broken(*_: Any, **__: Any) -> Any:
    raise RuntimeError(f"nobody foresaw {SECRET}")


def test_a_fault_is_told_and_logged(
    serve: Serve, photos: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    client = serve(photos)
    monkeypatch.setattr(collections, "with_states", broken)
    for _ in range(2):  # over one connection, which goes on
        answer = client.get("/api/collections/library/items", params={"limit": 3})
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()["error"].keys() == {"message", "type", "param", "code"}
        assert answer.json()["error"]["type"] == "server_error"
        assert SECRET not in answer.text and "Traceback" not in answer.text
        assert "default-src 'self'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"
    records = [one for one in caplog.records if one.name == "sensorium.serve"]
    assert len(records) == 2 and records[0].levelno == logging.ERROR
    assert records[0].getMessage() == "GET /api/collections/library/items"
    assert SECRET in caplog.text and "in broken" in caplog.text
    counted = 'route="/api/collections/{collection}/items",status="500"} 2.0'
    assert counted in client.get("/metrics").text


def test_a_fault_of_a_tool(
    serve: Serve, photos: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    address = str(serve(photos).base_url)
    monkeypatch.setattr(Tools, "look", broken)
    found = call(address, "look", items=[1])
    assert found.is_error and SECRET not in found.model_dump_json()
    assert SECRET in caplog.text


@pytest.mark.parametrize(
    ("header", "status"),
    [("Host: [", 421), ("Host: [::1", 421), ("Host: a]b[", 421),
     ("Host: localhost\r\nOrigin: http://[", 403), ("Host: localhost\r\nOrigin: http://[x]/", 403)],
)  # fmt: skip
def test_headers_that_are_no_addresses(client: httpx.Client, header: str, status: int) -> None:
    connection = socket.create_connection((client.base_url.host, client.base_url.port))
    with connection:
        connection.sendall(
            f"GET /api/collections HTTP/1.1\r\n{header}\r\nConnection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(1 << 16), b""))
    assert int(answer.split()[1]) == status, answer
    assert b'"refused"' in answer and b"content-security-policy" in answer


def test_numbers_that_are_none(serve: Serve, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A vector that is no vector is refused, in each shape, and leaves others alone."""
    client = serve(photos)
    real = FolderEncoder.encode_prepared

    def computed(self: Any, modality: Any, batch: Any, role: Any = "document") -> Any:
        rows = real(self, modality, batch, role).copy()
        return np.where(len(batch) > 1, rows, np.nan).astype(np.float32)

    monkeypatch.setattr(FolderEncoder, "encode_prepared", computed)
    for form in ("float", "base64"):
        asked = {"model": "mini", "encoding_format": form}
        alone = client.post("/v1/embeddings", json={**asked, "input": "a dog"})
        assert alone.status_code == 400, alone.text
        assert "input 0: mini computed a vector with NaN" in alone.json()["error"]["message"]
        both = client.post("/v1/embeddings", json={**asked, "input": ["a dog", "a cat"]})
        assert both.status_code == 200, both.text
    searched = client.post("/api/collections/library/search", json={"query": "a dog"})
    assert searched.status_code == 500 and "NaN" in searched.json()["error"]["message"]
    assert client.get("/health").status_code == 503


@pytest.mark.slow
def test_the_shell_shows_faults(tmp_path: Path) -> None:
    """Its commands keep what libraries log to themselves; this is none of it."""
    program = (
        "import logging, sys\n"
        "from sensorium.cli import main\n"
        "import uvicorn\n"
        "from mcp.server.mcpserver import MCPServer\n"
        "def fails(*_, **__):\n"
        "    for name in ('sensorium.serve', 'mcp.server'):\n"
        "        logging.getLogger(name).error('a fault of %s', name)\n"
        "uvicorn.run = MCPServer.run = fails\n"
        f"sys.argv = ['sensorium', sys.argv[1], {str(tmp_path / 'a.sensorium')!r}]\n"
        "main()\n"
    )
    Collection(tmp_path / "a.sensorium").close()
    begun = [
        subprocess.Popen([sys.executable, "-c", program, one], stderr=subprocess.PIPE, text=True)
        for one in ("serve", "mcp")
    ]
    for process in begun:
        told = process.communicate(timeout=120)[1]
        assert told.count("a fault of") == 2, told
