"""Texts in parts: their words, or their sentences, of which some are left out."""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt

from sensorium.media.documents.cutting import UNSPACED_RANGES

MOST_WORDS = 24
"""Words of a text that are parts by themselves; in longer ones neighbours are one part."""

_UNSPACED = "".join(f"{first}-{last}" for first, last in UNSPACED_RANGES)

_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])\w)+(?:['’-](?:(?![{_UNSPACED}])\w)+)*")
"""A run between spaces and signs; of scripts without spaces each character, as nobody says without
a dictionary where words end."""

_SENTENCE = re.compile(
    r".*?(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|[。！？]+[”’」』）]*|\n\s*\n|$)", re.DOTALL
)

Spans = list[tuple[int, int]]


def word_spans(text: str, most: int = MOST_WORDS) -> Spans:
    """Where the words of a text are, in characters; neighbours together where there are many."""
    found = [(one.start(), one.end()) for one in _WORD.finditer(text)]
    return _grouped(found, most)


def sentence_spans(text: str, most: int = MOST_WORDS) -> Spans:
    """Where the sentences of a text are, without the white space around them."""
    found = []
    for one in _SENTENCE.finditer(text):
        inner = one[0].strip()
        if inner:
            start = one.start() + one[0].index(inner)
            found.append((start, start + len(inner)))
    return _grouped(found, most)


def _grouped(spans: Spans, most: int) -> Spans:
    if len(spans) <= most:
        return spans
    groups = np.array_split(np.arange(len(spans)), most)
    return [(spans[group[0]][0], spans[group[-1]][1]) for group in groups]


def kept_text(text: str, spans: Spans, kept: npt.NDArray[np.bool_]) -> str:
    """A text without the parts that are not kept; "" where nothing of it is left."""
    pieces, last = [], 0
    for (start, stop), is_kept in zip(spans, kept, strict=True):
        if not is_kept:
            pieces.append(text[last:start])
            last = stop
    pieces.append(text[last:])
    left = " ".join("".join(pieces).split())
    return left if _WORD.search(left) else ""
