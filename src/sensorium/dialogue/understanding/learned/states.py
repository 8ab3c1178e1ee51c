"""Token states of a request and the one before it, by the lower layers of `mini`'s text tower.

The tower comes with Sensorium, so this works whatever a collection's own encoder is, and without a
network. Its last layers are fitted to what pictures show; a middle one still knows the sentence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.dialogue.understanding.learned.units import Unit, small_letters, units

PREFIX = "query: "
"""What multilingual-E5 was trained with before every text."""

MOST_UNITS, MOST_BEFORE = 64, 24
"""Units of a request, and of the one before it, that are read; requests are shorter."""

MOST_TOKENS = 128
"""Positions that the tower has."""


@dataclass(frozen=True)
class Read:
    """What is read: units, their places, and which token states make each.

    Attributes
    ----------
    units, before : list of Unit
        Of the request, and of the one before it.
    ids : list of int
        Tokens of both, the request first.
    spans : list of (int, int)
        Tokens of each unit of both, from and up to; of the first token before all.
    """

    units: list[Unit]
    before: list[Unit]
    ids: list[int]
    spans: list[tuple[int, int]]


def read(tokenizer: Any, said: str, before: str = "") -> Read:
    """Tokens and units of a request.

    Parameters
    ----------
    tokenizer : tokenizers.Tokenizer
        Of the tower, without truncation and padding.
    said, before : str
    """
    own, last = units(said)[:MOST_UNITS], units(before)[:MOST_BEFORE]
    ids, spans = list[int](), [(0, 1)]
    for text, parts in ((said, own), (before, last)):
        if not parts:
            continue
        encoding = tokenizer.encode(PREFIX + small_letters(text))
        skipped = 1 if ids else 0  # one mark of beginning is enough
        base, room = len(ids) - skipped, MOST_TOKENS - len(ids)
        offsets = encoding.offsets[skipped:][:room]
        ids += encoding.ids[skipped:][:room]
        spans += _covering(offsets, parts, base + skipped)
    return Read(own, last, ids, spans)


def _covering(
    offsets: Sequence[tuple[int, int]], parts: Sequence[Unit], base: int
) -> list[tuple[int, int]]:
    """Tokens of each unit; where none covers it, the last before it."""
    found = []
    for unit in parts:
        start, end = unit.start + len(PREFIX), unit.end + len(PREFIX)
        over = [n for n, (a, b) in enumerate(offsets) if a < end and b > start and b > a]
        first = over[0] if over else len(offsets) - 1
        found.append((base + first, base + (over[-1] if over else first) + 1))
    return found


def pooled(
    states: npt.NDArray[np.float32], spans: Sequence[tuple[int, int]]
) -> npt.NDArray[np.float32]:
    """The mean state of each unit's tokens, shape (units, d)."""
    return np.stack([states[a:b].mean(axis=0) for a, b in spans])
