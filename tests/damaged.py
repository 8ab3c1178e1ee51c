"""What can become of a stored file: harms for tests and campaigns, made from whole files."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Harm = Callable[[Path, random.Random], None]

DEEP = "[" * 100_000 + "]" * 100_000
ODD: tuple[Any, ...] = (
    None, [], {}, "x", 0, -1, 10**30, 1e300, True, "../../x", [[]], {"a": []}, float("nan"),
)  # fmt: skip
"""Values that a key of JSON gets in place of its own."""


def _flip(path: Path, rng: random.Random) -> None:
    content = bytearray(path.read_bytes())
    content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    path.write_bytes(content)


def _fifo(path: Path, rng: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _folder(path: Path, rng: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _noise(path: Path, rng: random.Random) -> None:
    path.write_bytes(rng.randbytes(path.stat().st_size))


HARMS: dict[str, Harm] = {
    "emptied": lambda path, rng: path.write_bytes(b"") and None,
    "cut short": lambda path, rng: os.truncate(path, rng.randrange(path.stat().st_size)),
    "longer": lambda path, rng: path.write_bytes(path.read_bytes() + b"\0" * 64) and None,
    "flipped": _flip,
    "noise": _noise,
    "gone": lambda path, rng: path.unlink(),
    "a folder": _folder,
    "a pipe": _fifo,
    "a list": lambda path, rng: path.write_text("[]") and None,
    "null": lambda path, rng: path.write_text("null") and None,
    "an object": lambda path, rng: path.write_text("{}") and None,
    "deep": lambda path, rng: path.write_text(DEEP) and None,
}
"""By name what is done to a file."""


def odd_values(path: Path, depth: int = 3) -> Iterator[tuple[str, str]]:
    """Texts of a JSON file in which one value, at any of some depths, is another one or gone."""
    content = json.loads(path.read_text("utf-8"))
    content.pop("checksum", None)  # so that the value itself is looked at
    yield from _odd(content, content, "", depth)


def _odd(whole: Any, part: Any, where: str, depth: int) -> Iterator[tuple[str, str]]:
    if depth == 0 or not isinstance(part, (dict, list)):
        return
    places: list[Any] = list(part) if isinstance(part, dict) else list(range(min(len(part), 2)))
    for place in places:
        kept = part[place]
        for value in ODD:
            part[place] = value
            yield f"{where}/{place} = {value!r}", json.dumps(whole)
        part[place] = kept
        yield from _odd(whole, kept, f"{where}/{place}", depth - 1)
    if isinstance(part, dict):
        for place in places:
            kept = part.pop(place)
            yield f"{where}/{place} is gone", json.dumps(whole)
            part[place] = kept
