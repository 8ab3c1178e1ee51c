"""Texts are cut into segments of whole sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sensorium.media.documents.wording import joined_lines, plain_letters, words_at_line_ends
from sensorium.media.segments import Segment
from sensorium.media.text import Text

SEGMENT_WEIGHT = 480
"""Longest segment, in Latin letters; a letter of a script without spaces weighs `UNSPACED_WEIGHT`.
About 120 tokens, which is what small text encoders take (`mini`: 128)."""

UNSPACED_WEIGHT = 3.0

_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u0e00-\u0eff]")
# A sentence ends at its mark, with closing quotes and brackets, before white space; Chinese and
# Japanese marks need none. An empty line ends one, too. Dot leaders are one mark: looked at again
# from each of their dots, a line of 100,000 would take minutes.
_END = re.compile(r"(?<![.!?…])[.!?…]++[\"'”’)\]]*+(?=\s)|[。！？…]+[”’」』）]*|\n[ \t\f]*\n\s*")


def weight(text: str) -> float:
    """How long a text is for an encoder; see `SEGMENT_WEIGHT`."""
    return len(text) + (UNSPACED_WEIGHT - 1) * len(_UNSPACED.findall(text))


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where each sentence of a text begins and ends, white space around it left out."""
    start = 0
    for mark in (*_END.finditer(text), None):
        stop = len(text) if mark is None else mark.end()
        piece = text[start:stop]
        if words := piece.strip():
            begin = start + len(piece) - len(piece.lstrip())
            yield begin, begin + len(words)
        start = stop


def cut(text: str) -> Iterator[Segment]:
    """Cut a text into segments; see `spans`.

    Their words are as `wording` puts them together, white space in them closed up; the spans are
    those of the text as it was given.
    """
    known = words_at_line_ends(text)
    for start, stop in spans(text):
        words = " ".join(joined_lines(plain_letters(text[start:stop]), known).split())
        if words:
            yield Segment(Text(words), (start, stop))


def spans(text: str, longest: float = SEGMENT_WEIGHT) -> Iterator[tuple[int, int]]:
    """Where a text is cut: as many whole sentences as fit.

    Paragraphs are kept apart where one alone fills half a segment. A sentence that is longer than
    a segment is cut between words.
    """
    start = stop = -1
    held = 0.0  # weight of what lies between
    for begin, end in _bounded(text, longest):
        added = weight(text[begin:end])
        if start >= 0:
            apart = "\n\n" in text[stop:begin] and held > longest / 2
            together = held + (begin - stop) + added  # between sentences lies white space
            if apart or together > longest:
                yield start, stop
                start = -1
            else:
                held = together
        if start < 0:
            start, held = begin, added
        stop = end
    if start >= 0:
        yield start, stop


def _bounded(text: str, longest: float) -> Iterator[tuple[int, int]]:
    """Sentences, those that are too long in pieces."""
    for begin, end in sentences(text):
        while end - begin > longest or weight(text[begin:end]) > longest:
            # At most this many characters weigh too little; then fewer, until they fit.
            length = min(end - begin, int(longest))
            while weight(text[begin : begin + length]) > longest:
                length = max(1, int(length * longest / weight(text[begin : begin + length])))
            space = text.rfind(" ", begin + length // 2, begin + length)
            middle = space if space > 0 else begin + length
            yield begin, middle
            begin = middle + (text[middle : middle + 1] == " ")
        if text[begin:end].strip():
            yield begin, end
