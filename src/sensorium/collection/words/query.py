"""What a person typed, as an expression of FTS5: which words, in which order, or which others.

Words are cut by `cutting.py`, as those that are stored. They are alternatives,
ranked by BM25: what holds more of them, and rarer ones, comes first. What was written without a
space (``DSC01273``) and what stands in double quotes must follow one another. Of a run of an
unspaced script nobody says where its words end: it is asked for as a whole, and in pieces.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby

from sensorium.collection.words.attached import forms
from sensorium.collection.words.cutting import Chunk, Unit, chunks, kana
from sensorium.collection.words.unspaced import pieces

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

_QUOTED = re.compile('["“”„‟＂]([^"“”„‟＂]*)["“”„‟＂]')
_WITHIN_HEBREW = re.compile('(?<=[א-ת])"(?=[א-ת])')


def match_expression(query: str) -> str | None:
    """The FTS5 expression for what a person typed; None when it holds no word."""
    strong: dict[str, None] = {}
    weak: dict[str, None] = {}
    place = 0
    query = _WITHIN_HEBREW.sub("״", query)
    for quoted in _QUOTED.finditer(query):
        _ask(query[place : quoted.start()], strong, weak)
        strong.update(dict.fromkeys(_as_phrase(chunks(quoted[1]))))
        place = quoted.end()
    _ask(query[place:], strong, weak)
    return " OR ".join(list(strong or weak)[:MAX_QUERY_TERMS]) or None


def _ask(text: str, strong: dict[str, None], weak: dict[str, None]) -> None:
    for chunk in chunks(text):
        terms = list(_terms(chunk))
        if terms:
            strong.update(dict.fromkeys(terms))
        else:
            weak.update(dict.fromkeys(_as_phrase([chunk])))


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
