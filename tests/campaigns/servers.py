"""Servers on loopback that answer rightly for a while, and then as one should not."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

DIMENSION = 24

Request = tuple[str, bytes]
"""The path that is asked for, and the body."""

Answer = Callable[[socket.socket, Request], None]


def right(request: Request) -> bytes:
    """The body of a right answer: a vector that follows from the text, or the list of models."""
    path, body = request
    if path.endswith("models"):
        return json.dumps({"data": [{"id": "m"}]}).encode()
    return json.dumps({"data": rows(body)}).encode()


def rows(body: bytes) -> list[dict[str, Any]]:
    """Embeddings of what a request asks for."""
    asked = json.loads(body)
    inputs = asked.get("input") or [json.dumps(asked.get("messages"))]
    return [
        {"index": n, "embedding": vector_of(text).tolist()} for n, text in enumerate(inputs)
    ]  # fmt: skip


def vector_of(text: str) -> Any:
    """The vector of a text."""
    rng = np.random.default_rng(list(text.encode()) or [0])
    return rng.normal(size=DIMENSION).round(4)


def reply(
    body: bytes, status: str = "200 OK", headers: str = "", length: int | None = None
) -> bytes:
    """An HTTP answer, whose length is said to be another one if that is wanted."""
    said = len(body) if length is None else length
    head = f"HTTP/1.1 {status}\r\nContent-Length: {said}\r\nConnection: close\r\n{headers}\r\n"
    return head.encode("latin-1") + body


@contextmanager
def serving(answers: Callable[[int], Answer]) -> Iterator[int]:
    """Serve in a process of its own; gives the port.

    Parameters
    ----------
    answers : callable
        Takes the number of a request, from 0, and gives what answers it.
    """
    listening = socket.create_server(("127.0.0.1", 0))
    port: int = listening.getsockname()[1]
    process = os.fork()
    if not process:
        try:
            os.setsid()
            _serve(listening, answers)
        finally:
            os._exit(0)
    listening.close()
    try:
        yield port
    finally:
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _serve(listening: socket.socket, answers: Callable[[int], Answer]) -> None:
    number = 0
    while True:
        connected, _ = listening.accept()
        thread = threading.Thread(target=_answer, args=(connected, answers(number)), daemon=True)
        thread.start()
        number += 1


def _answer(connected: socket.socket, answer: Answer) -> None:
    with connected, contextlib.suppress(OSError, ValueError):
        connected.settimeout(30)
        request = _read(connected)
        if request is not None:
            answer(connected, request)


def _read(connected: socket.socket) -> Request | None:
    content = b""
    while b"\r\n\r\n" not in content:
        block = connected.recv(65536)
        if not block:
            return None
        content += block
    head, _, body = content.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    while len(body) < sum(lengths[:1]):
        body += connected.recv(65536)
    return head.split()[1].decode("latin-1"), body


def sends(content: Callable[[Request], bytes]) -> Answer:
    """Answer with bytes."""
    return lambda connected, request: connected.sendall(content(request))


def drips(content: Callable[[Request], bytes], pause: float = 0.1) -> Answer:
    """Answer a byte at a time, again and again."""

    def answer(connected: socket.socket, request: Request) -> None:
        for byte in content(request) * 100:
            connected.sendall(bytes([byte]))
            time.sleep(pause)

    return answer


def floods(first: bytes, block: bytes) -> Answer:
    """Answer without end."""

    def answer(connected: socket.socket, request: Request) -> None:
        connected.sendall(first)
        while True:
            connected.sendall(block)

    return answer


def resets(content: Callable[[Request], bytes]) -> Answer:
    """Answer, then break the connection off."""

    def answer(connected: socket.socket, request: Request) -> None:
        connected.sendall(content(request))
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    return answer


def _changed(change: Callable[[list[dict[str, Any]]], Any]) -> Answer:
    """A right answer whose rows were changed."""

    def content(request: Request) -> bytes:
        if request[0].endswith("models"):
            return reply(b'{"data": [{"id": "m"}]}')
        return reply(json.dumps({"data": change(rows(request[1]))}).encode())

    return sends(content)


def _each(embedding: Any) -> Answer:
    return _changed(lambda rows: [{**row, "embedding": embedding} for row in rows])


def _indexed(index: Callable[[int], Any]) -> Answer:
    return _changed(lambda rows: [{**row, "index": index(n)} for n, row in enumerate(rows)])


def _body(content: bytes, **how: Any) -> Answer:
    return sends(lambda _: reply(content, **how))


def _status(status: str, headers: str = "") -> Answer:
    return _body(b'{"error": "no \\u001b[31m"}', status=status, headers=headers)


GOOD = sends(lambda request: reply(right(request)))

CHUNKED = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"

WRONG: dict[str, Answer] = {
    "truncated": sends(lambda r: reply(right(r)[:40], length=len(right(r)))),
    "truncated without a length": sends(
        lambda r: b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + right(r)[:40]
    ),
    "half of JSON": sends(lambda r: reply(right(r)[:-30])),
    "no JSON": _body(b"hello"),
    "a page": _body(b"<html><title>Sign in</title></html>", headers="Content-Type: text/html\r\n"),
    "nothing": _body(b""),
    "a list": _body(b"[]"),
    "a number": _body(b"17"),
    "null": _body(b"null"),
    "no data": _body(b"{}"),
    "data of text": _body(b'{"data": "x"}'),
    "data of numbers": _body(b'{"data": [1, 2]}'),
    "an error with status 200": _body(b'{"error": {"message": "overloaded"}}'),
    "too few": _changed(lambda rows: rows[:-1]),
    "too many": _changed(lambda rows: [*rows, rows[0]]),
    "shorter vectors": _changed(lambda rows: [{**r, "embedding": [1, 2]} for r in rows]),
    "longer vectors": _each([0.5] * (DIMENSION + 1)),
    "vectors of several lengths": _changed(
        lambda rows: [
            {**r, "embedding": r["embedding"][: DIMENSION - n]} for n, r in enumerate(rows, 1)
        ]
    ),
    "vectors in vectors": _each([[0.5] * DIMENSION]),
    "NaN": _each([float("nan")] * DIMENSION),
    "infinity": _each([float("inf")] * DIMENSION),
    "zero": _each([0.0] * DIMENSION),
    "numbers beyond float32": _each([1e39] * DIMENSION),
    "numbers near nothing": _each([1e-40] * DIMENSION),
    "a number of 400 digits": _each([10**400] * DIMENSION),
    "texts for numbers": _each(["x"] * DIMENSION),
    "null for a vector": _each(None),
    "null for a number": _each([None] * DIMENSION),
    "an object for a vector": _each({"a": 1}),
    "base64 of half a number": _each("AAAAAAA="),
    "no base64": _each("%%%"),
    "the same index twice": _indexed(lambda n: 0 if n else 1),
    "negative indices": _indexed(lambda n: -1 - n),
    "indices beyond": _indexed(lambda n: n + 7),
    "indices of text": _indexed(lambda n: "x"),
    "an infinite index": _indexed(lambda n: float("inf")),
    "nested deeply": _body(b'{"data": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "many small lists": _body(b'{"data": [' + b"[]," * 5_000_000 + b"[]]}"),
    "a number of a million digits": _body(b'{"data": [' + b"1" * 1_000_000 + b"]}"),
    "a length of ten gigabytes": _body(b"{", length=10**10),
    "a negative length": _body(b"{}", length=-1),
    "two lengths": sends(lambda r: reply(right(r), headers="Content-Length: 3\r\n")),
    "without end": floods(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n[", b"1," * 30_000),
    "headers without end": floods(b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 1000),
    "a header without end": floods(b"HTTP/1.1 200 OK\r\nX: ", b"a" * 65536),
    "a byte now and then": drips(lambda r: reply(right(r), length=10**6)),
    "slow headers": drips(lambda _: b"HTTP/1.1 200 OK\r\nX-A: b\r\n"),
    "silence": lambda connected, request: time.sleep(30),
    "compressed a thousandfold": _body(
        gzip.compress(b" " * 50_000_000), headers="Content-Encoding: gzip\r\n"
    ),
    "sent on to the network": _status("302 Found", "Location: http://10.0.0.1/x\r\n"),
    "sent on to itself": _status("302 Found", "Location: /v1/embeddings\r\n"),
    "sent on to a file": _status("302 Found", "Location: file:///etc/passwd\r\n"),
    "sent on to nowhere": _status("302 Found"),
    "sent on for good": _status("308 Permanent Redirect", "Location: http://127.0.0.1:9/v1\r\n"),
    "status 400": _status("400 Bad Request"),
    "status 401": _status("401 Unauthorized", "WWW-Authenticate: Basic realm=x\r\n"),
    "status 404": _status("404 Not Found"),
    "status 407": _status("407 Proxy Authentication Required"),
    "status 413": _status("413 Payload Too Large"),
    "status 418": _status("418 I'm a teapot"),
    "status 429": _status("429 Too Many Requests", "Retry-After: 0\r\n"),
    "wait for ever": _status("429 Too Many Requests", "Retry-After: 99999999\r\n"),
    "wait for infinity": _status("503 Service Unavailable", "Retry-After: inf\r\n"),
    "wait for no number": _status("503 Service Unavailable", "Retry-After: nan\r\n"),
    "wait till a date": _status("503 Busy", "Retry-After: Fri, 31 Dec 2199 23:59:59 GMT\r\n"),
    "wait a negative time": _status("429 Too Many Requests", "Retry-After: -5\r\n"),
    "status 500": _status("500 Internal Server Error"),
    "status 502, a page": _body(b"<html>Bad gateway</html>", status="502 Bad Gateway"),
    "status 204": sends(lambda _: b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n"),
    "status 206": sends(lambda r: reply(right(r)[:50], "206 Partial Content")),
    "status 999": _status("999 What"),
    "status 100 again and again": floods(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
    "no HTTP": sends(lambda _: b"\x15\x03\x01\x00\x02\x02\x28"),
    "a broken status line": sends(lambda _: b"HTTP/1.1 abc\r\n\r\n{}"),
    "nothing at all": sends(lambda _: b""),
    "broken off at once": resets(lambda _: b""),
    "broken off in the middle": resets(lambda r: reply(right(r), length=10**5)[:200]),
    "broken chunks": sends(lambda _: CHUNKED.encode() + b"zz\r\n{}\r\n"),
    "a chunk of a negative size": sends(lambda _: CHUNKED.encode() + b"-5\r\n{}\r\n"),
    "a chunk of ten gigabytes": sends(lambda _: CHUNKED.encode() + b"2540BE400\r\n{}\r\n"),
    "chunks that break off": sends(lambda r: CHUNKED.encode() + b"5\r\n" + right(r)[:5] + b"\r\n"),
    "chunks without end": floods(CHUNKED.encode(), b"4\r\n1,1,\r\n" * 4000),
    "bytes that are no UTF-8": _body(b'{"data": "\xff\xfe"}'),
    "half a character": _body(b'{"data": "\\ud800"}'),
    "zeros": _body(bytes(4096)),
}

RIGHT: dict[str, Answer] = {
    "in chunks": sends(
        lambda r: (
            CHUNKED.encode()
            + b"".join(
                b"%x\r\n" % len(part) + part + b"\r\n"
                for part in (right(r)[n : n + 100] for n in range(0, len(right(r)), 100))
            )
            + b"0\r\n\r\n"
        )
    ),
    "as text": sends(lambda r: reply(right(r), headers="Content-Type: text/plain\r\n")),
    "without a length": sends(lambda r: b"HTTP/1.0 200 OK\r\n\r\n" + right(r)),
    "in another order": _changed(lambda rows: rows[::-1]),
    "in UTF-16": sends(lambda r: reply(right(r).decode().encode("utf-16"))),
    "with the header twice": sends(
        lambda r: reply(right(r), headers="Content-Type: text/html\r\nContent-Type: a/b\r\n")
    ),
    "without indices": _changed(lambda rows: [{"embedding": row["embedding"]} for row in rows]),
}
"""What is unusual, and to be understood."""
