"""Rows of numbers that are written as text, many at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.media.objects.faults import DamagedError

NUMBER = re.compile(rb"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?|[-+]?(?i:nan|inf)")

CHUNK = 4 * 1024 * 1024
"""Bytes that are taken apart at a time: words take ten times their place as Python's objects."""


def numbers_of(text: bytes) -> npt.NDArray[np.float64]:
    """Numbers with white space between, in a row.

    Raises
    ------
    DamagedError
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
            found.append(np.array([_number(word) for word in words]))
        start = end
    return np.concatenate(found) if found else np.zeros(0)


def _number(word: bytes) -> float:
    """A number as C's programs read and write it: as far as it is one, and -1.#IND for none."""
    if b"#" in word:
        return float("nan")
    start = NUMBER.match(word)
    if start is None:
        raise DamagedError(f"{word[:20]!r} is no number")
    return float(start[0])


def plain(content: bytes) -> bytes:
    """Text of a file without the mark of its encoding, in UTF-8."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace").encode()
    return content.removeprefix(b"\xef\xbb\xbf")


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
    DamagedError
        When a row has too few, or something else among them.
    """
    if not rows:
        return np.zeros((0, least))
    widths = {len(row.split()) for row in rows}
    width = min(widths)
    if width < least:
        raise DamagedError(f"a row has {width} numbers where {least} are needed")
    if len(widths) == 1:
        return numbers_of(b" ".join(rows)).reshape(len(rows), width)
    return numbers_of(b" ".join(b" ".join(row.split()[:width]) for row in rows)).reshape(-1, width)


def ragged(rows: Sequence[bytes]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Numbers of rows of any length, in a row, and how many each has."""
    counts = np.array([len(row.split()) for row in rows], np.int64)
    return numbers_of(b" ".join(rows)), counts
