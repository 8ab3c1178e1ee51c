"""Servers for tests: one of llama.cpp with a small model, and one that says what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@contextmanager
def llama_server(model: Path, eyes: Path | None = None, context: int = 4096) -> Iterator[str]:
    """llama.cpp's server with a model; one thread is faster than two on busy cores.

    Parameters
    ----------
    model : Path
    eyes : Path, optional
        A tower of vision, with which it takes pictures.
    context : int
        Tokens of a conversation.

    Yields
    ------
    str
        Its address, with the model's name.
    """
    xllamacpp = pytest.importorskip("xllamacpp")
    settings = xllamacpp.CommonParams()
    settings.model.path = str(model)
    if eyes is not None:
        settings.mmproj.path, settings.mmproj_use_gpu = str(eyes), False
    settings.model_alias = {"smollm2"}
    settings.hostnames = ["127.0.0.1"]
    settings.port = 0
    settings.n_ctx, settings.n_parallel = context, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = 1
    settings.verbosity, settings.warmup, settings.ui = -1, False, False
    server = xllamacpp.Server(settings)
    try:
        yield f"{server.listening_address}/v1#smollm2"
    finally:
        del server


@dataclass
class Asked:
    """A request that a server got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, bytes]:
        """Fields of ``multipart/form-data``, read by the standard library."""
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + self.body)
        return {
            str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True)
            for part in message.iter_parts()
        }


Say = Callable[[Asked], tuple[int, bytes]]


@dataclass
class Scripted:
    """A server whose answers are a function of the request."""

    url: str = ""
    say: Say = lambda asked: (404, b"")
    asked: list[Asked] = field(default_factory=list)

    def writes(self, *texts: str) -> None:
        """Answer chats with these texts, the last one for ever."""
        waiting = list(texts)

        def say(asked: Asked) -> tuple[int, bytes]:
            text = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return 200, json.dumps({"choices": [{"message": {"content": text}}]}).encode()

        self.say = say

    def streams(self, *answers: str | list[tuple[str, Any]]) -> None:
        """Answer chats with texts and calls (name, arguments), a few characters at a time."""
        waiting = list(answers)

        def say(asked: Asked) -> tuple[int, bytes]:
            answer = waiting.pop(0) if len(waiting) > 1 else waiting[0]
            return 200, streamed(answer)

        self.say = say


def streamed(answer: str | list[tuple[str, Any]], is_whole: bool = True) -> bytes:
    """Server-sent events of an answer, as llama.cpp's server and OpenAI's send them."""
    parts: list[dict[str, Any]] = [{"role": "assistant", "content": None}]
    if isinstance(answer, str):
        parts += [{"content": answer[n : n + 7]} for n in range(0, len(answer), 7)]
    else:
        for number, (name, arguments) in enumerate(answer):
            given = arguments if isinstance(arguments, str) else json.dumps(arguments)
            called = {"name": name, "arguments": ""}
            one = {"index": number, "id": f"id{number}", "type": "function", "function": called}
            parts.append({"tool_calls": [one]})
            parts += [
                {"tool_calls": [{"index": number, "function": {"arguments": given[n : n + 5]}}]}
                for n in range(0, len(given), 5)
            ]
    events = [
        "data: " + json.dumps({"choices": [{"index": 0, "delta": part, "finish_reason": None}]})
        for part in parts
    ]
    if is_whole:
        last = {"index": 0, "delta": {}, "finish_reason": "stop"}
        events += ["data: " + json.dumps({"choices": [last]}), "data: [DONE]"]
    return "".join(f"{event}\n\n" for event in events).encode()


@contextmanager
def scripted_server() -> Iterator[Scripted]:
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            asked = Asked(self.command, self.path, headers, body)
            script.asked.append(asked)
            status, content = script.say(asked)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", content.decode())
                content = b""
            if content.startswith(b"data:"):
                self.send_header("Content-Type", "text/event-stream")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = _answer  # noqa: N815

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
