"""What an ONNX file names beside itself, found without loading it.

Weights may lie in other files, by any path. Runtimes read them wherever that leads; and no hash of
the model knows them.

Source: https://github.com/onnx/onnx/blob/main/onnx/onnx.proto (numbers of fields), and
https://protobuf.dev/programming-guides/encoding/ (how fields are written).
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from pathlib import Path

from sensorium.errors import EncoderError

MAX_DEPTH = 64
"""Graphs within graphs: of loops and conditions, of which no model has many."""

# Fields of each message that lead to tensors, and the message that they hold.
_WAYS: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "function": {7: "node", 11: "attribute"},
    "node": {5: "attribute"},
    "attribute": {
        5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse",
    },
    "sparse": {1: "tensor", 2: "tensor"},
    "tensor": {13: "entry"},
}  # fmt: skip


def require_whole(path: Path) -> None:
    """Refuse a model whose weights lie in other files.

    Raises
    ------
    EncoderError
        Also when the file is no ONNX.
    """
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
            named = _leads_elsewhere(held, 0, len(held), "model", 0)
    except (OSError, ValueError, IndexError) as error:
        raise EncoderError(f"{path}: no ONNX model that can be read ({error})") from error
    if named:
        raise EncoderError(
            f"{path} keeps weights in other files, which are not read: save it as one file "
            "(onnx.save(model, path, save_as_external_data=False))"
        )


def _leads_elsewhere(file: bytes | mmap.mmap, place: int, stop: int, kind: str, depth: int) -> bool:
    """Whether a message holds a tensor that is kept elsewhere."""
    if depth > MAX_DEPTH:
        raise ValueError("graphs are nested too deeply")
    for number, start, end in fields_of(file, place, stop):
        inner = _WAYS[kind].get(number)
        if inner == "entry" or (
            inner is not None and _leads_elsewhere(file, start, end, inner, depth + 1)
        ):
            return True
    return False


def fields_of(file: bytes | mmap.mmap, place: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Numbers, beginnings and ends of fields that hold messages, texts or bytes."""
    while place < stop:
        tag, place = _number(file, place, stop)
        form = tag & 7
        if form == 0:
            _, place = _number(file, place, stop)
        elif form in (1, 5):
            place += 8 if form == 1 else 4
        elif form == 2:
            length, place = _number(file, place, stop)
            if length > stop - place:
                raise ValueError("a field ends behind its message")
            yield tag >> 3, place, place + length
            place += length
        else:
            raise ValueError(f"no field is of form {form}")


def _number(file: bytes | mmap.mmap, place: int, stop: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if place >= stop:
            break
        byte = file[place]
        place += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, place
    raise ValueError("a number has no end")
