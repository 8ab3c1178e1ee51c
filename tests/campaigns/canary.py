"""Canaries: keys and questions that are to reach nobody but the host that was named.

Every command of the shell runs twice, each time as a process of its own with keys in all variables
that hold some and a proxy that nobody may ask: once with encoders of this machine, once with a
server that is named as the encoder. All that the process and those it starts connect to is
recorded, by Python and, where it is installed, by strace, which sees what libraries in C do, too.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from tests.campaigns.tally import Tally

KEY = "canary-4f1d2c"
KEYS = (
    "OPENAI_API_KEY", "HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HUGGINGFACE_HUB_TOKEN",
    "SENSORIUM_API_KEY", "ANTHROPIC_API_KEY", "COHERE_API_KEY", "JINA_API_KEY", "WANDB_API_KEY",
    "AWS_SECRET_ACCESS_KEY", "GOOGLE_API_KEY", "AZURE_OPENAI_API_KEY",
)  # fmt: skip
"""Variables that hold keys, ours and other programs'. `OPENAI_API_KEY` alone is ever sent."""

WORD = "canaryquestion"
"""Stands in every question."""

LIMIT = 1200  # seconds for a command: a training, on a machine that does other things, too

_RECORDING = """
import os, sys
def _watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        place = arguments[1][:2]
    elif event in ("socket.getaddrinfo", "socket.gethostbyname"):
        place = arguments[:2]
    elif event == "socket.sendto" and isinstance(arguments[1], tuple):
        place = arguments[1][:2]
    else:
        return
    with open(os.environ["CANARY_LOG"], "a") as log:
        log.write(f"{place[0]} {place[1] if len(place) > 1 else ''}\\n")
sys.addaudithook(_watch)
"""

_CONNECTED = re.compile(
    r"(?:connect|sendto|sendmsg)\(.*?sin6?_port=htons\((\d+)\).*?\"([0-9a-fA-F.:]+)\""
)


class Server(ThreadingHTTPServer):
    """Gives texts and pictures vectors, and keeps what it was sent."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.port = self.server_address[1]
        self.name = f"http://127.0.0.1:{self.port}/v1?images=input#m"


class Handler(BaseHTTPRequestHandler):
    server: Server

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer({"data": [{"id": "m"}]}, b"")

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        texts = json.loads(body)["input"]
        rows = [{"index": n, "embedding": _vector(text).tolist()} for n, text in enumerate(texts)]
        self._answer({"data": rows}, body)

    def _answer(self, content: Any, body: bytes) -> None:
        self.server.requests.append((dict(self.headers), body))
        encoded = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(encoded)))
        self.end_headers()
        self.wfile.write(encoded)


def _vector(text: str) -> Any:
    seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(size=48)


class Listener(threading.Thread):
    """Takes connections that are not to be, and says what came."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.heard: list[bytes] = []

    def run(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection:
                connection.settimeout(2)
                try:
                    self.heard.append(connection.recv(4096))
                except OSError:
                    self.heard.append(b"")

    def close(self) -> None:
        self._socket.close()


@contextmanager
def listening() -> Iterator[tuple[Server, Listener]]:
    """A server to be named, and a proxy that is not to be asked."""
    listener = Listener()
    listener.start()
    with Server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server, listener
        server.shutdown()
    listener.close()


def environment(folder: Path, proxy: int) -> dict[str, str]:
    """Variables of a command: keys, the proxy, a home that is empty, and the recording."""
    (folder / "site").mkdir(exist_ok=True)
    (folder / "site" / "sitecustomize.py").write_text(_RECORDING, encoding="utf-8")
    kept = ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "PYTHONPATH")
    paths = [str(folder / "site"), os.environ.get("PYTHONPATH", "")]
    proxies = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY")
    return {
        **{name: os.environ[name] for name in kept if name in os.environ},
        **dict.fromkeys(proxies, f"http://127.0.0.1:{proxy}"),
        **{name: f"{KEY}-{name}" for name in KEYS},
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "HOME": str(folder / "home"),
        "SENSORIUM_HOME": str(folder / "home" / "sensorium"),
        "OMP_NUM_THREADS": "1",
        "CANARY_LOG": str(folder / "asked.log"),
    }


def lines(folder: Path, server: str | None) -> dict[str, list[str]]:
    """Commands of the shell with canaries in what they ask, with a server in place of encoders."""
    from tests.test_quiet import commands, trainings

    found = {}
    for name, line in {**commands(folder), **trainings(folder)}.items():
        words = [word.replace("cat", f"cat {WORD}") if word == "a cat" else word for word in line]
        if server is not None:
            replaced = {str(folder / "tiny"): server, str(folder / "other"): f"{server}2"}
            words = [replaced.get(word, word) for word in words]
        found[name] = words
    return found


COUNT = 2 * len(lines(Path(), None))
"""Commands, with local encoders and with a server."""


def run(folder: Path, line: list[str], server: Server, listener: Listener) -> list[str]:
    """Run a command; gives what of it is wrong."""
    log, traced = folder / "asked.log", folder / "strace.log"
    log.unlink(missing_ok=True)
    heard = len(listener.heard)
    command = [sys.executable, "-m", "sensorium", *line]
    if shutil.which("strace"):
        command = [
            "strace",
            "-f",
            "--seccomp-bpf",
            "-qq",
            "-e",
            "trace=network",
            "-o",
            str(traced),
            *command,
        ]
    (folder / "home").mkdir(exist_ok=True)
    done = subprocess.run(
        command, env=environment(folder, listener.port), cwd=folder, capture_output=True,
        timeout=LIMIT, check=False,
    )  # fmt: skip
    asked = set(log.read_text().splitlines()) if log.exists() else set()
    if traced.exists():
        found = _CONNECTED.findall(traced.read_text(errors="replace"))
        asked |= {f"{address} {port}" for port, address in found if port != "0"}
        traced.unlink()
    wrong = [f"asked {place}" for place in asked if place != f"127.0.0.1 {server.port}"]
    wrong += [f"a proxy was sent {part[:60]!r}" for part in listener.heard[heard:]]
    # Some commands take no server for an encoder, which they say.
    if done.returncode not in (0, 1, 2, 3) or b"Traceback" in done.stderr:
        wrong.append(f"exit code {done.returncode}: {done.stderr[-300:]!r}")
    wrong += ["a key is printed"] * (KEY.encode() in done.stdout + done.stderr)
    return wrong


def kept_keys(folder: Path) -> list[str]:
    """Files that hold a key."""
    return [
        f"a key is in {path.relative_to(folder)}"
        for path in folder.rglob("*")
        if path.is_file() and KEY.encode() in path.read_bytes()
    ]


def sent_wrongly(server: Server) -> list[str]:
    """What a named server got that was not for it: any key but its own."""
    wrong = []
    for headers, body in server.requests:
        whole = json.dumps(headers).encode() + body
        own = f"Bearer {KEY}-OPENAI_API_KEY"
        if headers.get("Authorization") != own or whole.count(KEY.encode()) != 1:
            wrong.append(f"the server was sent {headers}")
    return wrong


def attack(seed: int, first: int, count: int, folder: Path) -> list[Tally]:
    """Run commands; in pieces, each of which makes its data anew, in the order that they need."""
    from tests.test_quiet import make_data
    from tests.training import tiny_generation

    tallies = []
    number = 0
    for kind in ("local", "server"):
        place = folder / kind
        if number + COUNT // 2 <= first:  # nothing of it is wanted, nor needed by the other half
            number += COUNT // 2
            continue
        if number >= first + count:
            break
        place.mkdir()
        make_data(place)
        tiny_generation.table(place / "captioned", broken=False)
        tally = Tally(f"canaries in commands, {kind} encoders")
        with listening() as (server, listener):
            for name, line in lines(place, server.name if kind == "server" else None).items():
                wrong = run(place, line, server, listener) if number < first + count else []
                if kind == "local" and server.requests:
                    wrong.append("a server was asked that nobody named")
                if first <= number < first + count:
                    tally.tried += 1
                    tally.wrong += [f"{number} ({name}): {what}" for what in wrong]
                number += 1
            tally.wrong += sent_wrongly(server)
        tally.wrong += kept_keys(place)
        tallies.append(tally)
    return tallies
