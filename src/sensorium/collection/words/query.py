"""What a person typed, as an expression of FTS5: which words, in which order, or which others.

Words are cut by `cutting.py`, as those that are stored. They are alternatives,
ranked by BM25: what holds more of them, and rarer ones, comes first. What was written without a
space (``DSC01273``) and what stands in quotes (``"red bird"``, «red bird», 「红鸟」)
must follow one another. Of a run of an
unspaced script nobody says where its words end: it is asked for as a whole, and in pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import groupby

from sensorium.collection.words.attached import forms
from sensorium.collection.words.cutting import (
    LONGEST_CACHED,
    Chunk,
    Unit,
    chunk_of,
    chunks,
    kana,
)
from sensorium.collection.words.folding import fold

MAX_QUERY_TERMS = 256
"""Words that are looked for, in all their forms; a pasted page has its subject in its beginning."""

PART_OF_NUMBER = 3
"""Digits from which on a number may be the beginning of the one that is sought: 012 of 01273."""

_FUNCTION_WORDS = frozenset(
    {
        "a", "an", "and", "are", "as", "at", "be", "by", "for", "from", "has", "have", "in",
        "into", "is", "it", "its", "of", "on", "or", "s", "that", "the", "their", "there", "these",
        "this", "those", "to", "was", "were", "which", "with",
    }
)  # fmt: skip
"""Words that say nothing of what is sought; left out while others remain. (``s`` of "dog's".)"""

_QUOTES = '"“”„‟＂«»「」『』'
_QUOTED = re.compile(f"[{_QUOTES}]([^{_QUOTES}]*)[{_QUOTES}]")
_WITHIN_HEBREW = re.compile('(?<=[א-ת])"(?=[א-ת])')


def match_expression(query: str) -> str | None:
    """The FTS5 expression for what a person typed; None when it holds no word."""
    strong: dict[str, None] = {}
    weak: dict[str, None] = {}
    for text, is_quoted in _parted(query):
        if is_quoted:
            strong.update(dict.fromkeys(_as_phrase(chunks(text))))
        else:
            _ask(text, strong, weak)
    return " OR ".join(list(strong or weak)[:MAX_QUERY_TERMS]) or None


def whole_expression(query: str) -> str | None:
    """The FTS5 expression for what holds all that a person typed; None when it holds no word.

    All words one after the other. Where quotes part them, each part is such a phrase by itself.
    """
    phrases = [" OR ".join(dict.fromkeys(_as_phrase(chunks(text)))) for text, _ in _parted(query)]
    return " AND ".join(f"({phrase})" for phrase in phrases if phrase) or None


def _parted(query: str) -> Iterator[tuple[str, bool]]:
    """What stands in quotes, and what stands between such."""
    query = _WITHIN_HEBREW.sub("״", query)
    place = 0
    for quoted in _QUOTED.finditer(query):
        yield query[place : quoted.start()], False
        yield quoted[1], True
        place = quoted.end()
    yield query[place:], False


def _ask(text: str, strong: dict[str, None], weak: dict[str, None]) -> None:
    for part in fold(text).split():
        ways, instead = _ways(part) if len(part) <= LONGEST_CACHED else _find(part)
        strong.update(ways)
        weak.update(instead)


def _find(part: str) -> tuple[dict[str, None], dict[str, None]]:
    """Ways to find what was written without a space, and what stands for one that says nothing."""
    chunk = chunk_of(part)
    ways = dict.fromkeys(_terms(chunk))
    return ways, {} if ways else dict.fromkeys(_as_phrase([chunk]))


_ways = lru_cache(maxsize=1 << 10)(_find)
"""The same words are asked for again and again; both dicts are only read."""


def _as_phrase(cut: Sequence[Chunk]) -> Iterator[str]:
    """Words that follow one another, as they are and as capitals within them cut them."""
    for words in (
        [word for chunk in cut for word in chunk.words],
        [word for chunk in cut for word in chunk.humps or chunk.words],
    ):
        if words:
            yield phrase(words)


def phrase(words: Sequence[str]) -> str:
    """Words one after the other, in FTS5's quotes."""
    return f'"{" ".join(words)}"'


def _terms(chunk: Chunk) -> Iterator[str]:
    """Ways to find what a chunk says; none if it says nothing of what is sought."""
    if len(chunk.units) == 1:  # as nearly every word
        yield from _of_group(chunk, chunk.units)
        return
    groups = [list(group) for _, group in groupby(chunk.units, _goes_with_next)]
    if len(groups) == 1:
        yield from _of_group(chunk, groups[0])
        return
    # Several scripts: 用iPhone12拍的猫, 2023年5月. All of it, and each.
    yield phrase(chunk.words)
    for n, group in enumerate(groups):
        beside_number = any(
            0 <= m < len(groups) and groups[m][0].kind == "number" for m in (n - 1, n + 1)
        )
        if len(group[0].written) == 1 and beside_number:
            continue  # what is counted: 年, 월
        if group[0].kind == "number" and len(group[0].written) < PART_OF_NUMBER:
            continue
        yield from _of_group(Chunk(tuple(group), ()), group)


def _goes_with_next(unit: Unit) -> str:
    return "letters" if unit.kind == "number" else unit.kind


def _of_group(chunk: Chunk, units: Sequence[Unit]) -> Iterator[str]:
    first, last = units[0], units[-1]
    if first.kind == "unspaced":
        from sensorium.collection.words.unspaced import pieces  # patterns that few questions need

        for unit in units:
            for piece in pieces(unit.written, unit.words):
                yield phrase(kana(piece) if isinstance(piece, str) else piece)
        return
    if len(units) == 1:
        if first.kind != "number":
            if first.written in _FUNCTION_WORDS:
                return
            yield from forms(first.written, is_hangul=first.kind == "hangul")
            if chunk.humps:
                yield phrase(chunk.humps)
            return
    elif not any(unit.kind == "number" for unit in units):  # red_bird
        for unit in units:
            yield from _of_group(Chunk((unit,), ()), [unit])
    yield from _as_phrase([chunk])
    if len(last.words) == 1 and len(last.written) >= PART_OF_NUMBER and last.kind == "number":
        yield f"{phrase(chunk.words)} *"
