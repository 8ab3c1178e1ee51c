"""A model hub on this machine: folders as repositories, with its API, redirects and faults."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from huggingface_hub import constants

from sensorium.encoders import fetching, reaching

LARGE = (".safetensors", ".onnx", ".data", ".bin", ".pt")
"""Endings of files that the hub keeps with LFS, by their SHA-256, and gives by a redirect."""


@dataclass
class Repository:
    """A folder that the hub gives, at one commit for each revision."""

    folder: Path
    commits: dict[str, str]
    license: str = "apache-2.0"
    gated: bool = False

    def files(self) -> dict[str, Path]:
        found = sorted(path for path in self.folder.rglob("*") if path.is_file())
        return {path.relative_to(self.folder).as_posix(): path for path in found}

    def bytes_of(self, *names: str) -> int:
        return sum(self.files()[name].stat().st_size for name in names)

    def siblings(self) -> list[dict[str, Any]]:
        listed = []
        for name, path in self.files().items():
            content = path.read_bytes()
            git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
            one: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git}
            if name.endswith(LARGE):
                digest = hashlib.sha256(content).hexdigest()
                one["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 134}
            listed.append(one)
        return listed


@dataclass
class Faults:
    """What goes wrong."""

    cut_after: int | None = None
    """Bytes of a content after which the connection ends; then nothing is given any more."""
    damaged: bool = False
    """Contents have another first byte than what is listed."""
    is_down: bool = False


class HubServer(ThreadingHTTPServer):
    """The hub; `asked` has every request, with the range that it wants."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"
        self.repositories: dict[str, Repository] = {}
        self.asked: list[str] = []
        self.agents: set[str] = set()
        self.faults = Faults()
        self.contents: dict[str, Path] = {}

    def add(self, name: str, folder: Path, **more: Any) -> Repository:
        commit = hashlib.sha1(name.encode()).hexdigest()
        more.setdefault("commits", {"main": commit})
        self.repositories[name] = Repository(folder, **more)
        return self.repositories[name]

    @property
    def contents_asked(self) -> list[str]:
        """Requests for more than what a model is made of."""
        return [one for one in self.asked if "/api/" not in one and one != "HEAD /"]


class _Answer(BaseHTTPRequestHandler):
    server: HubServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments: object) -> None:
        """Nothing on standard error."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        wanted = self.headers.get("Range", "")
        self.server.asked.append(f"{self.command} {path} {wanted}".strip())
        self.server.agents.add(self.headers.get("User-Agent", ""))
        if path == "/":
            self._send(200)
        elif self.server.faults.is_down:
            self._send(503)
        elif found := re.fullmatch(r"/api/models/([\w.-]+(?:/[\w.-]+)?)(?:/revision/(.+))?", path):
            self._tell(found[1], found[2] or "main")
        elif found := re.fullmatch(r"/([\w.-]+(?:/[\w.-]+)?)/resolve/([^/]+)/(.+)", path):
            self._resolve(*found.groups())
        elif path.startswith("/cdn/"):
            self._give(self.server.contents[path.removeprefix("/cdn/")], wanted)
        else:
            self._send(404)

    def _repository(self, name: str) -> Repository | None:
        repository = self.server.repositories.get(name)
        if repository is None:
            self._send(401, {"X-Error-Code": "RepoNotFound"})
        return repository

    def _tell(self, name: str, revision: str) -> None:
        if (repository := self._repository(name)) is None:
            return
        commits = {**repository.commits, **{one: one for one in repository.commits.values()}}
        if revision not in commits:
            self._send(404, {"X-Error-Code": "RevisionNotFound"})
            return
        told = {
            "id": name, "modelId": name, "sha": commits[revision], "private": False,
            "gated": "manual" if repository.gated else False, "tags": [], "downloads": 0,
            "siblings": repository.siblings(), "cardData": {"license": repository.license},
        }  # fmt: skip
        self._send(200, {"Content-Type": "application/json"}, json.dumps(told).encode())

    def _resolve(self, name: str, revision: str, file: str) -> None:
        if (repository := self._repository(name)) is None:
            return
        if repository.gated:
            self._send(403, {"X-Error-Code": "GatedRepo"})
            return
        path = repository.files()[file]
        if file.endswith(LARGE):
            key = hashlib.sha256(str(path).encode()).hexdigest()
            self.server.contents[key] = path
            self._send(302, {"Location": f"{self.server.address}/cdn/{key}"})
            return
        self._give(path, self.headers.get("Range", ""))

    def _give(self, path: Path, wanted: str) -> None:
        content, faults = path.read_bytes(), self.server.faults
        if faults.damaged:
            content = bytes([content[0] ^ 1]) + content[1:]
        start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
        rest = content[start:]
        headers = {"Content-Length": str(len(rest))}
        if wanted:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        if faults.cut_after is not None and len(rest) > faults.cut_after:
            rest = rest[: faults.cut_after]
            faults.is_down = True
            self.close_connection = True
        self._send(206 if wanted else 200, headers, rest)

    def _send(self, status: int, headers: dict[str, str] | None = None, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


@contextmanager
def running() -> Iterator[HubServer]:
    """A hub that answers until the block ends."""
    server = HubServer()
    thread = Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def asked_here(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    """A hub that this process and those that it starts ask, with an empty cache."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", fetching.ALLOWED):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(reaching, "_asked", {})
    with running() as server:
        resolved = server.address + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "ENDPOINT", server.address)
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", resolved)
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        monkeypatch.setenv("HF_HUB_CACHE", str(cache))
        yield server


def shell(*words: str | Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """``sensorium`` in a process of its own, as a person runs it."""
    return subprocess.run(
        [sys.executable, "-m", "sensorium", *map(str, words)],
        capture_output=True, text=True, env=environment, check=False,
    )  # fmt: skip
