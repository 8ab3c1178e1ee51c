"""Texts are cut into segments of whole sentences."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice

import numpy as np
import numpy.typing as npt

from sensorium.media.documents.wording import joined_lines, plain_letters, words_at_line_ends
from sensorium.media.segments import Segment
from sensorium.media.text import Text

SEGMENT_WEIGHT = 480
"""Longest segment, in Latin letters; a letter of a script without spaces weighs `UNSPACED_WEIGHT`.
About 120 tokens, which is what small text encoders take (`mini`: 128)."""

UNSPACED_WEIGHT = 3

SENTENCES_AT_ONCE = 4096
"""Ends of sentences that are looked up together; a text may have as many as letters."""

UNSPACED_RANGES = (
    ("\u3040", "\u30ff"), ("\u3400", "\u4dbf"), ("\u4e00", "\u9fff"), ("\uf900", "\ufaff"),
    ("\u0e00", "\u0eff"),
)  # fmt: skip
"""First and last letters of scripts that put no space between words."""

_UNSPACED = re.compile(f"[{''.join(f'{first}-{last}' for first, last in UNSPACED_RANGES)}]")

# A sentence ends at its mark, with closing quotes and brackets, before white space; Chinese and
# Japanese marks need none. An empty line ends one, too. Dot leaders are one mark, and white space
# is one: looked at again from each of their characters, a line of 100,000 would take minutes. Each
# way begins with what it needs, which is looked for quickly.
_END = re.compile(
    r"(?:[.!?…](?<![.!?…]{2})[.!?…]*+[\"'”’)\]]*+(?=\s)|[。！？…]+[”’」』）]*)()|"
    r"(\s(?<!\s\s)(?:(?<=\n)|\s*\n)[ \t\f]*\n\s*)"
)
_SPACE = re.compile(r"\s*")

_Weights = npt.NDArray[np.int32] | range
"""What a text weighs up to each of its letters: a range, where each letter weighs one."""


def weights(text: str) -> _Weights:
    """What a text weighs for an encoder, up to each of its letters; see `SEGMENT_WEIGHT`."""
    if text.isascii() or _UNSPACED.search(text) is None:
        return range(len(text) + 1)
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
    each = np.ones(len(codes) + 1, np.int32)
    each[0] = 0
    for first, last in UNSPACED_RANGES:
        each[1:][(codes >= ord(first)) & (codes <= ord(last))] = UNSPACED_WEIGHT
    return np.cumsum(each, dtype=np.int32, out=each)


def weight(text: str) -> int:
    """How long a text is for an encoder."""
    return int(weights(text)[-1])


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
    start = stop = -1  # of the segment in the making
    fits = half = 0  # up to where it weighs all that it may, and half of it
    weighs = weights(text)
    begin = _after_space(text, 0)  # of the next sentence, or of what is left of it
    for stops, begins in _boundaries(text):
        number = 0  # of the next sentence
        while number < len(stops):
            end = stops[number]
            if begin >= end:  # nothing but white space
                begin = _after_space(text, begins[number])
                number += 1
                continue
            if start >= 0 and (last := bisect_right(stops, fits, number)) > number:
                # All of these sentences fit, up to a paragraph that is kept apart.
                gap = _paragraph(text, stop, half, stops[last - 1])
                if gap is not None:
                    last = bisect_right(stops, gap, number)
                if last > number:
                    stop = stops[last - 1]
                    begin = _after_space(text, begins[last - 1])
                    number = last
                if gap is not None:
                    yield start, stop
                    start = -1
                continue
            is_long = weighs[end] - weighs[begin] > longest
            middle = _middle(text, weighs, begin, end, longest) if is_long else end
            apart = start >= 0 and stop > half and text.find("\n\n", stop, begin) >= 0
            if start >= 0 and (apart or middle > fits):
                yield start, stop
                start = -1
            if start < 0:
                start = begin
                fits = _reaches(weighs, start, longest)
                half = _reaches(weighs, start, longest / 2)
            stop = middle
            if is_long:
                begin = middle + (text[middle : middle + 1] == " ")
            else:
                begin = _after_space(text, begins[number])
                number += 1
    if start >= 0:
        yield start, stop


def _boundaries(text: str) -> Iterator[tuple[list[int], list[int]]]:
    """Where sentences stop, and from where on the next ones begin; some at a time."""
    marks = _END.finditer(text)
    while some := [mark.span(mark.lastindex or 0) for mark in islice(marks, SENTENCES_AT_ONCE)]:
        yield [stop for stop, _ in some], [begin for _, begin in some]
    stop = len(text.rstrip())
    yield [stop], [len(text)]


def _after_space(text: str, place: int) -> int:
    found = _SPACE.match(text, place)
    return found.end() if found else place


def _reaches(weighs: _Weights, start: int, most: float) -> int:
    """Up to where a text that begins somewhere weighs at most so much."""
    if isinstance(weighs, range):
        return start + int(most)
    window = weighs[start : start + int(most) + 1]  # no letter weighs less than one
    return start + int(np.searchsorted(window, window[0] + int(most), "right")) - 1


def _paragraph(text: str, stop: int, half: int, last: int) -> int | None:
    """Where the first paragraph stops that fills half a segment, of those before some place."""
    place = max(stop, half)
    while (place := text.find("\n\n", place, last)) >= 0:
        end = stop + len(text[stop:place].rstrip())
        if end > half:
            return end
        place = _after_space(text, place)
    return None


def _middle(text: str, weighs: _Weights, begin: int, end: int, longest: float) -> int:
    """Where a sentence that is too long is cut."""
    # At most this many characters weigh too little; then fewer, until they fit.
    length = min(end - begin, int(longest))
    while (weight := int(weighs[begin + length] - weighs[begin])) > longest:
        length = max(1, int(length * longest / weight))
    space = text.rfind(" ", begin + length // 2, begin + length)
    return space if space > 0 else begin + length
