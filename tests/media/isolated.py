"""Functions that stand for native decoders of every temper."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from sensorium.errors import MediaError, MissingExtraError
from sensorium.media import worker
from sensorium.media.isolation import in_this_process, isolated
from sensorium.media.objects.views import looked_at
from sensorium.media.pictures.reading import read_pieces


@isolated
def echoed(source: Path | bytes, value: Any) -> Any:
    return {"size": len(source) if isinstance(source, bytes) else 0, "value": value}


@isolated
def content_of(source: Path, beside: Path | None = None) -> bytes:
    try:
        return source.read_bytes() + (beside.read_bytes() if beside else b"")
    except OSError:
        raise MediaError("cannot be read", str(source)) from None


@isolated
def process(source: bytes) -> int:
    return os.getpid()


@isolated
def counted(source: bytes, most: int) -> Iterator[tuple[int, PIL.Image.Image]]:
    for number in range(most):
        yield number, PIL.Image.fromarray(np.full((4, 6, 3), number, np.uint8))


@isolated
def dies(source: bytes, how: str, after: int = 0) -> Iterator[int]:
    yield from range(after)
    if how == "spins":
        while True:
            pass
    if how == "takes":
        held = [np.ones(1 << 24) for _ in range(1000)]
        raise AssertionError(len(held))
    os.kill(os.getpid(), getattr(signal, how))


@isolated
def spins_for(source: Path | bytes, times: list[float], brings: float) -> Iterator[int]:
    """Items, each of which takes some seconds of processor time, and brings some."""
    worker.SECONDS_AN_ITEM = brings
    for number, seconds in enumerate(times):
        end = time.process_time() + seconds
        while time.process_time() < end:
            pass
        yield number


@isolated
def variables(source: bytes) -> list[str]:
    """Names and values of what the process was started with."""
    held = Path("/proc/self/environ").read_bytes() if Path("/proc/self/environ").exists() else b""
    return [f"{name}={value}" for name, value in os.environ.items()] + held.decode().split("\0")


class PanicException(BaseException):
    """What libraries in Rust raise."""


@isolated
def raises(source: Path | bytes, what: str) -> None:
    raise {
        "media": MediaError("broken here", "a.pdf"),
        "other": ValueError("two\nlines"),
        "recursion": RecursionError("deep"),
        "memory": MemoryError(),
        "unknown": type("LibraryError", (Exception,), {})("made by a library"),
        "panic": PanicException("called `unwrap()` on a `None` value"),
        "exit": SystemExit(3),
        "extra": MissingExtraError("some-package", "media"),
    }[what]


@isolated
def exits(source: bytes, after: int) -> Iterator[int]:
    """A library that ends its process, as `exit()` in C does."""
    yield from range(after)
    os._exit(0)


@isolated
def too_deep(source: bytes) -> Any:
    """What is read can be given back only by a program that takes more than there is."""
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    return nested


@isolated
def prints(source: bytes) -> str:
    os.write(1, b"what a library says")
    print("and what Python says")
    return "said"


@isolated
def unsendable(source: bytes) -> object:
    return object()


@isolated
def asked(source: bytes) -> Generator[Any, Any, None]:
    question = yield "ready"
    while question != "enough":
        question = yield ["answer to", question]


@isolated
def lacks(source: bytes) -> Iterator[int]:
    yield 1
    raise MissingExtraError("some-package", "media")


@isolated
def pieces_but_of_the_deadly(source: Path | bytes, name: str, *rest: Any) -> Iterator[Any]:
    if "deadly" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    yield from in_this_process(read_pieces)(source, name, *rest)


@isolated
def looked_at_but_of_the_deadly(
    source: Path | bytes, kind: str, path: Path | None, name: str, most: int
) -> Generator[Any, Any, None]:
    views = in_this_process(looked_at)(source, kind, path, name, most)
    question = yield next(views)
    for _ in range(3):
        question = yield views.send(question)
    if "deadly" in name:
        os.kill(os.getpid(), signal.SIGKILL)
    while True:
        question = yield views.send(question)
