"""Rows of numbers that are written as text, many at a time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

CHUNK = 4 * 1024 * 1024
"""Bytes that are taken apart at a time: words take ten times their place as Python's objects."""


def numbers_of(text: bytes) -> npt.NDArray[np.float64]:
    """Numbers with white space between, in a row.

    Raises
    ------
    ValueError
        When something else is among them.
    """
    found = []
    start = 0
    while start < len(text):
        end = text.find(b" ", start + CHUNK)
        end = len(text) if end < 0 else end
        words = text[start:end].split()
        try:
            found.append(np.array(words, np.float64))
        except ValueError:
            # What C writes on Windows for "not a number": -1.#IND
            found.append(np.array([b"nan" if b"#" in word else word for word in words], np.float64))
        start = end
    return np.concatenate(found) if found else np.zeros(0)


def table(rows: Sequence[bytes], least: int) -> npt.NDArray[np.float64]:
    """Rows of numbers as a table.

    Parameters
    ----------
    rows : sequence of bytes
    least : int
        Numbers that each row has at the least.

    Returns
    -------
    ndarray, shape (rows, columns)
        As wide as the shortest row where they differ.

    Raises
    ------
    ValueError
        When a row has too few, or something else among them.
    """
    if not rows:
        return np.zeros((0, least))
    widths = {len(row.split()) for row in rows}
    width = min(widths)
    if width < least:
        raise ValueError(f"a row has {width} numbers where {least} are needed")
    if len(widths) == 1:
        return numbers_of(b" ".join(rows)).reshape(len(rows), width)
    return numbers_of(b" ".join(b" ".join(row.split()[:width]) for row in rows)).reshape(-1, width)


def ragged(rows: Sequence[bytes]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Numbers of rows of any length, in a row, and how many each has."""
    counts = np.array([len(row.split()) for row in rows], np.int64)
    return numbers_of(b" ".join(rows)), counts
