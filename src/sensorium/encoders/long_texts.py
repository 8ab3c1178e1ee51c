"""Questions that are longer than what a model reads at once: read in parts, asked as one."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Prepared
from sensorium.errors import SensoriumWarning

PARTS_AT_ONCE = 32
"""Parts of long texts that a model sees at once."""

LEAST_ROOM = 8
"""Tokens that a part has at least, however long the prompt before it is."""

_PARTS = "parts"
"""Key of a prepared text of several parts: the length of each."""

_ENDS_SENTENCE = frozenset(".!?…;\n。！？；।॥؟۔")
_CLOSES = frozenset("\"'”’»)]」』）")


def cut(text: str, tokens: Sequence[tuple[int, int]], room: int) -> list[str]:
    """Cut a text into parts of about equal length, between sentences or words where it has any.

    Parameters
    ----------
    text : str
    tokens : sequence of (int, int)
        Where each token begins and ends in the text.
    room : int
        Tokens that a part may have.

    Returns
    -------
    list of str
        Together the text, without the space around the parts.
    """
    room = max(room, LEAST_ROOM)
    parts = []
    first = 0
    while first < len(tokens):
        left = len(tokens) - first
        last = first + _length(left, room)
        if last < len(tokens):
            last = _boundary(text, tokens, first, last, min(first + room, len(tokens)))
        stop = tokens[last][0] if last < len(tokens) else len(text)
        start = tokens[first][0] if first else 0
        if part := text[start:stop].strip():
            parts.append(part)
        first = last
    return parts


def _length(left: int, room: int) -> int:
    """Tokens of the next part, so that all that follow are about as long."""
    return -(-left // -(-left // room))


def _boundary(
    text: str, tokens: Sequence[tuple[int, int]], first: int, wanted: int, latest: int
) -> int:
    """The token to begin the next part with: after a sentence, else after a word, else `wanted`."""
    reach = (wanted - first) // 4
    near = sorted(range(max(first + 1, wanted - reach), latest + 1), key=lambda n: abs(n - wanted))
    near = [n for n in near if n < len(tokens)]
    for ends in (_after_sentence, _after_word):
        for number in near:
            if ends(text, tokens[number][0]):
                return number
    return wanted


def _after_sentence(text: str, position: int) -> bool:
    before = text[:position][-8:].rstrip()
    while before and before[-1] in _CLOSES:
        before = before[:-1]
    return bool(before) and before[-1] in _ENDS_SENTENCE


def _after_word(text: str, position: int) -> bool:
    around = text[max(0, position - 1) : position + 1]
    return any(letter.isspace() for letter in around)


def joined(key: str, parts: Sequence[npt.NDArray[Any]]) -> Prepared:
    """Parts of one text as one prepared text, which `divided` takes apart."""
    if len(parts) == 1:
        return {key: parts[0]}
    return {key: np.concatenate(parts), _PARTS: np.array([len(part) for part in parts], np.int64)}


def divided(key: str, batch: Sequence[Prepared]) -> tuple[list[Prepared], list[int]] | None:
    """The parts of prepared texts, and how many each has; None where every text is one part."""
    if not any(_PARTS in item for item in batch):
        return None
    flat: list[Prepared] = []
    counts = []
    for item in batch:
        ends = np.cumsum(item[_PARTS]) if _PARTS in item else [len(item[key])]
        flat += [{key: part} for part in np.split(item[key], ends[:-1])]
        counts.append(len(ends))
    return flat, counts


def in_turns(flat: Sequence[Prepared]) -> Iterator[Sequence[Prepared]]:
    """As many parts as a model sees at once."""
    return (flat[start : start + PARTS_AT_ONCE] for start in range(0, len(flat), PARTS_AT_ONCE))


def pooled(
    vectors: npt.NDArray[np.float32], counts: Sequence[int], weights: Sequence[int]
) -> npt.NDArray[np.float32]:
    """One vector for each text of those of its parts: their mean, each weighed by its length.

    Parameters
    ----------
    vectors : ndarray of float32, shape (sum of counts, d)
        Unit vectors of parts, text by text.
    counts : sequence of int
        Parts of each text.
    weights : sequence of int
        Length of each part.

    Returns
    -------
    ndarray of float32, shape (len(counts), d)
        Unit vectors. A text of one part has that part's own.
    """
    starts = np.cumsum([0, *counts[:-1]])
    weighed = vectors * np.asarray(weights, np.float32)[:, None]
    sums = np.add.reduceat(weighed, starts, axis=0)
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-12)
    alone = np.asarray(counts)[:, None] == 1
    return np.asarray(np.where(alone, vectors[starts], sums / lengths), np.float32)


def tell(name: str, tokens: int) -> None:
    """Say that a text was read in parts, once for each encoder."""
    warnings.warn(
        f"a text is longer than the {tokens} tokens that {name} reads at once: it is read in "
        "parts, and what is asked is the mean of their vectors",
        SensoriumWarning, stacklevel=1,
    )  # fmt: skip
