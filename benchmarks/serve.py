"""`sensorium serve` under load, beside a plain server of the same model.

    python -m benchmarks serve [--quick] [--json FILE] [--clients 32] [--seconds 60]

As many clients as named ask at once, each as fast as it is answered, over connections that stay
open: of ten requests four embed a text that nobody asked before, two a photo, and four search a
collection of 10,000 vectors. Both servers run in turns, in pieces of a few seconds, with the other
one idle; the rival is `benchmarks.plain_server`. Then four times as many clients ask ours: what it
refuses it has to refuse politely (503 with Retry-After), and afterwards it has to be as before.

With ``--infinity`` texts alone are embedded, by all-MiniLM-L6-v2, beside Infinity, which is
installed for it into an environment of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from benchmarks import infinity
from benchmarks.rows import Row
from sensorium import Collection, load_encoder
from sensorium.encoders.export.onnx import export
from sensorium.encoders.hub import HubEncoder
from sensorium.media import Media, Text, as_media

OURS, RIVAL, INFINITY = "sensorium serve", "plain FastAPI", "Infinity"
MODELS = "models alone"
MIX = ("text", "search", "photo", "text", "search")
VECTORS = 10_000
PIECE = 5.0  # seconds that one server is asked before the other
BATCHES = {"text": 16, "search": 16, "photo": 4}
"""Items of a batch, of texts and of what an image tower sees at once."""

REPEATS = 8
SAMPLE = Path(__file__).parent.parent / "sample" / "images"
WORDS = (
    "castle", "harbour", "dog", "lantern", "meadow", "violin", "glacier", "orchard", "heron",
    "bridge", "boat", "cat",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark alone."""
    parser.add_argument("--clients", type=int, default=32, help="who ask at once (32)")
    parser.add_argument("--infinity", action="store_true", help="texts alone, beside Infinity")
    parser.add_argument("--seconds", type=float, default=60.0, help="for each server (60)")


@dataclass
class Asked:
    """What came of the requests to one server: seconds by kind, statuses."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: dict[int, int] = field(default_factory=dict)
    impolite: int = 0  # refused without saying when to come again
    duration: float = 0.0

    @property
    def answered(self) -> int:
        """Requests that were answered with what was asked for."""
        return self.statuses.get(200, 0)

    @property
    def failed(self) -> int:
        """Requests that were neither answered nor refused."""
        return sum(n for status, n in self.statuses.items() if status not in (200, 503))

    def all_seconds(self) -> list[float]:
        """Of all kinds."""
        return [value for values in self.seconds.values() for value in values]


class Load:
    """Bodies of requests: no text comes twice, so that nothing is found in a cache."""

    def __init__(self, ours: bool, model: str = "mini", kinds: Sequence[str] = MIX) -> None:
        self._ours, self._model, self._kinds = ours, model, kinds
        self._random = random.Random(1)
        self._count = 0
        self._pictures = [
            "data:image/jpeg;base64," + base64.b64encode(path.read_bytes()).decode()
            for path in sorted(SAMPLE.glob("x_*.jpg"))[:64]
        ]

    def _given(self, kind: str) -> str:
        """A picture as a data: URL, or a text that was not there before."""
        self._count += 1
        if kind == "photo":
            return self._random.choice(self._pictures)
        return f"{' and a '.join(self._random.sample(WORDS, 3))}, {self._count}"

    def media(self, kind: str) -> Media:
        """What a request of a kind brings."""
        given = self._given(kind)
        if kind == "photo":
            return as_media(base64.b64decode(given.partition(",")[2]))
        return Text(given)

    def next(self) -> tuple[str, str, bytes]:
        """Kind, path and body of the next request."""
        kind = self._kinds[(self._count + 1) % len(self._kinds)]
        given: object = self._given(kind)
        if kind == "photo":
            content = [{"type": "image_url", "image_url": {"url": given}}]
            given = [{"content": content}] if self._ours else given
        if kind == "search":
            path = "/api/collections/load/search" if self._ours else "/search"
            body = {"query": given, "k": 10}
        else:
            path = "/v1/embeddings" if self._ours else "/embed"
            body = {"input": given, "model": self._model} if self._ours else {"input": given}
        return kind, path, json.dumps(body).encode()


async def one_client(port: int, load: Load, until: float, asked: Asked) -> None:
    """Ask, one request after the other, over one connection."""
    reader = writer = None
    while time.perf_counter() < until:
        kind, path, body = load.next()
        began = time.perf_counter()
        if writer is None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Content-Type: application/json",
            f"Content-Length: {len(body)}", "", "",
        )  # fmt: skip
        writer.write("\r\n".join(head).encode() + body)
        assert reader is not None
        try:
            if (line := await reader.readline()) == b"":  # closed since then: clients open another
                writer = None
                continue
            status, headers = await _answer(reader, line)
        except (OSError, asyncio.IncompleteReadError):
            status, headers, writer = 0, {}, None
        asked.statuses[status] = asked.statuses.get(status, 0) + 1
        if status == 200:
            asked.seconds.setdefault(kind, []).append(time.perf_counter() - began)
        elif status == 503:
            wait = headers.get("retry-after")
            asked.impolite += wait is None
            await asyncio.sleep(min(float(wait or 1), max(0.0, until - time.perf_counter())))
    if writer is not None:
        writer.close()


async def _answer(reader: asyncio.StreamReader, first: bytes) -> tuple[int, dict[str, str]]:
    status = int(first.split()[1])
    headers: dict[str, str] = {}
    while (line := (await reader.readline()).decode().strip()) != "":
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    await reader.readexactly(int(headers["content-length"]))
    return status, headers


def ask(port: int, load: Load, clients: int, seconds: float, asked: Asked) -> None:
    """Let clients ask for some seconds."""

    async def together() -> None:
        until = time.perf_counter() + seconds
        await asyncio.gather(*(one_client(port, load, until, asked) for _ in range(clients)))

    began = time.perf_counter()
    asyncio.run(together())
    asked.duration += time.perf_counter() - began


@contextmanager
def running(
    command: Sequence[str], port: int, variables: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A server in a process of its own, from when it answers."""
    process = subprocess.Popen(command, env={**os.environ, **(variables or {})})
    try:
        for _ in range(1800):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise RuntimeError(f"{command[:5]} ended with {process.returncode}")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(30)


def megabytes(process: subprocess.Popen[bytes]) -> float:
    """Memory that a process holds now."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def processor_seconds(process: subprocess.Popen[bytes]) -> float:
    """Processor time that a process took so far."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def models_alone(load: Load) -> float:
    """Milliseconds of processor time that the models take for a request of the mix."""
    encoder = load_encoder("mini")
    encoder.side_by_side(2)  # as servers run it
    each: dict[str, float] = {}
    for kind, size in BATCHES.items():
        taken = []
        for _ in range(REPEATS + 1):
            media = [load.media(kind) for _ in range(size)]
            batch = [encoder.prepare(one, "query") for one in media]
            began = time.process_time()
            encoder.encode_prepared(media[0].modality, batch, "query")
            taken.append((time.process_time() - began) / size)
        each[kind] = float(np.median(taken[1:]))  # the first one loads the model
    return sum(each[kind] for kind in MIX) / len(MIX) * 1000


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure both servers."""
    clients = arguments.clients
    seconds = min(10.0, arguments.seconds) if arguments.quick else arguments.seconds
    with tempfile.TemporaryDirectory() as folder:
        if arguments.infinity:
            return _beside_infinity(clients, seconds, Path(folder))
        library = _collection(Path(folder), "mini")
        ports = {OURS: _free_port(), RIVAL: _free_port()}
        loads = {name: Load(name == OURS) for name in ports}
        plain = [
            sys.executable, "-m", "benchmarks.plain_server", str(ports[RIVAL]), str(library)
        ]  # fmt: skip
        with running(_ours(library, ports[OURS], "mini"), ports[OURS]) as own:
            with running(plain, ports[RIVAL]) as rival:
                processes = {OURS: own, RIVAL: rival}
                rows = _in_turns(f"{clients} clients", processes, ports, loads, clients, seconds)
            alone = models_alone(loads[OURS])
            crowd, later = Asked(), Asked()
            ask(ports[OURS], loads[OURS], 4 * clients, seconds / 2, crowd)
            ask(ports[OURS], loads[OURS], clients, seconds / 4, later)
    case = f"{clients} clients"
    rows.append(Row("serve", case, MODELS, "processor time of a request", alone, "ms"))
    rows += _rows(f"{4 * clients} clients", OURS, crowd)
    return rows + _rows(f"{clients} clients, afterwards", OURS, later)


def _beside_infinity(clients: int, seconds: float, folder: Path) -> list[Row]:
    """Texts alone, by a model that both servers read."""
    export(HubEncoder(str(infinity.model())), folder / "minilm")
    library = _collection(folder, str(folder / "minilm"))
    ports = {OURS: _free_port(), INFINITY: _free_port()}
    loads = {
        OURS: Load(True, str(folder / "minilm"), ["text"]),
        INFINITY: Load(True, infinity.model().name, ["text"]),
    }
    with (
        running(_ours(library, ports[OURS], str(folder / "minilm")), ports[OURS]) as own,
        running(infinity.command(ports[INFINITY]), ports[INFINITY], infinity.VARIABLES) as rival,
    ):
        case = f"texts, {clients} clients"
        return _in_turns(case, {OURS: own, INFINITY: rival}, ports, loads, clients, seconds)


def _ours(library: Path, port: int, encoder: str) -> list[str]:
    command = [sys.executable, "-m", "sensorium", "serve", f"load={library}", "--port", str(port)]
    return [*command, "--encoder", encoder]


def _in_turns(
    case: str,
    processes: Mapping[str, subprocess.Popen[bytes]],
    ports: Mapping[str, int],
    loads: Mapping[str, Load],
    clients: int,
    seconds: float,
) -> list[Row]:
    """Ask servers a piece of time each, again and again."""
    asked = {name: Asked() for name in ports}
    for name in ports:  # what is loaded when it is first needed
        ask(ports[name], loads[name], 2, 3.0, Asked())
    held = {name: [megabytes(one)] for name, one in processes.items()}
    started = {name: processor_seconds(one) for name, one in processes.items()}
    for turn in range(max(2, round(seconds / PIECE))):
        names = [*ports] if turn % 2 else [*ports][::-1]
        for name in names:
            ask(ports[name], loads[name], clients, PIECE, asked[name])
            held[name].append(megabytes(processes[name]))
    rows = []
    for name, process in processes.items():
        rows += _rows(case, name, asked[name])
        each = (processor_seconds(process) - started[name]) / max(1, asked[name].answered)
        rows.append(Row("serve", case, name, "processor time of a request", each * 1000, "ms"))
        for when, then in (
            ("before", held[name][0]),
            ("in the middle", held[name][len(held[name]) // 2]),
            ("afterwards", held[name][-1]),
        ):
            rows.append(Row("serve", case, name, f"memory {when}", then, "MB"))
    return rows


def _rows(case: str, name: str, asked: Asked) -> list[Row]:
    def row(metric: str, value: float, unit: str = "") -> Row:
        return Row("serve", case, name, metric, value, unit)

    seconds = np.array(asked.all_seconds() or [np.nan])
    rows = [
        row("answered", asked.answered / asked.duration, "1/s"),
        row("p50", float(np.quantile(seconds, 0.5)) * 1000, "ms"),
        row("p99", float(np.quantile(seconds, 0.99)) * 1000, "ms"),
        row("refused", asked.statuses.get(503, 0) / asked.duration, "1/s"),
        row("refused without saying until when", asked.impolite),
        row("failed", asked.failed),
    ]
    for kind, values in sorted(asked.seconds.items()):
        rows.append(row(f"p50, {kind}", float(np.median(values)) * 1000, "ms"))
    return rows


def _collection(folder: Path, encoder: str) -> Path:
    path = folder / "load.sensorium"
    rng = np.random.default_rng(0)
    with Collection(path, encoder) as library:
        vectors = rng.normal(size=(VECTORS, library.encoder.space.dimension))
        library.add_vectors(vectors.astype(np.float32), [f"/{n}.jpg" for n in range(VECTORS)])
    return path


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
