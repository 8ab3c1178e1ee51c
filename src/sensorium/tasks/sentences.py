"""Texts as sentences, and sentences as windows that a model takes at once.

`sensorium.media.documents.cutting` cuts what is stored, where a boundary too many costs nothing. A
sentence that is shown to a person or translated has to be whole: after "Dr." none ends, nor before
a small letter. Thai has no mark at its end, but a space.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


Span = tuple[int, int]
"""First character, and the one behind the last."""

_MARK = re.compile(
    # White space is possessive and each way begins with its mark, as in cutting.py: linear in time.
    r"[.!?…](?<![.!?…]{2})[.!?…]*+[\"'”’»)\]]*+(?=\s)|[。！？]++[”’」』）]*+|[।॥؟۔]++(?=\s|$)|"
    r"(?=\n(?<!\s\n))\n[ \t\f\r]*+\n\s*+"
)

_ABBREVIATIONS = _names(
    "adm al approx apr art aug ave bros ca capt cf ch co col corp dec dept dr ed eds eq est "
    "etc ex feb fig figs fr gen gov hon inc jan jr jul jun lt ltd maj mar messrs mme mr mrs "
    "ms mt nov nr op oct p pp pres prof pt rd rep resp rev sec sen sep sept sgt sr st ste "
    "univ viz vol vols vs abb abs bzw bd evtl ggf geb inkl mio mrd sog str tel usw vgl zzgl "
    "env sra srta ud"
)
"""Words before a full stop that ends no sentence; of those that may ("etc", "co"), what follows
decides: a sentence begins with a capital."""

_MAY_END = _names("al bros co corp etc inc jr ltd sr usw")

_MONTHS = (
    "Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober",
    "November", "Dezember",
)  # fmt: skip

_BEFORE = re.compile(r"([^\W_][^\s]*)\.[\"'”’»)\]]*$")

_THAI = re.compile(r"(?<=[\u0e00-\u0eff])[ \u00a0]+(?=[\u0e00-\u0eff])")

THAI_LETTERS = 60
"""Least length of a piece of Thai between spaces: these part clauses and lists, too."""

MOST = 4_000
"""Characters of one sentence: what has no marks for that long is a table or a list of words."""


def sentences(text: str) -> list[Span]:
    """Where the sentences of a text are.

    Parameters
    ----------
    text : str

    Returns
    -------
    list of (int, int)
        In order, without the white space between them; what lies between is white space alone. An
        empty line ends a sentence, a single line break does not.
    """
    found: list[Span] = []
    start = 0
    for mark in _MARK.finditer(text):
        if _ends(text, start, mark):
            found += _pieces(text, start, mark.end())
            start = mark.end()
    found += _pieces(text, start, len(text))
    return found


def windows(text: str, length: Callable[[str], int], most: int) -> list[Span]:
    """As many whole sentences at a time as fit.

    Parameters
    ----------
    text : str
    length : callable
        What a piece of text takes of a window: its word pieces, say.
    most : int
        What a window holds. A longer sentence is cut between words, or within one that is longer
        by itself: nothing is left out.

    Returns
    -------
    list of (int, int)
        They cover all but white space.
    """
    found: list[Span] = []
    for start, stop in sentences(text):
        if found and length(text[found[-1][0] : stop]) <= most:
            found[-1] = (found[-1][0], stop)
        elif length(text[start:stop]) <= most:
            found.append((start, stop))
        else:
            found += _cut(text, start, stop, length, most)
    return found


def _cut(
    text: str, start: int, stop: int, length: Callable[[str], int], most: int
) -> Iterator[Span]:
    """Cut a sentence that is longer than a window, between words where it has any."""
    while start < stop:
        end = stop
        while end - start > 1 and length(text[start:end]) > most:
            shorter = start + max(1, (end - start) * 3 // 4)
            space = text.rfind(" ", start + 1, shorter + 1)
            end = space if space > start + (shorter - start) // 2 else shorter
        yield from _trimmed(text, start, end)
        start = end


def _ends(text: str, start: int, mark: re.Match[str]) -> bool:
    """Whether a sentence ends at a mark."""
    said = mark[0]
    if not said.startswith("."):
        # "!" and "?" within quotation: '"Why?" he asked.'
        follows = text[mark.end() :][:2].lstrip()
        return not (said[0] in "!?" and len(said) > 1 and follows[:1].islower())
    if said.startswith(".."):  # three dots may stand in the middle
        return not text[mark.end() :][:2].lstrip()[:1].islower()
    follows = text[mark.end() : mark.end() + 3].lstrip()[:1]
    if follows.islower():
        return False
    before = _BEFORE.search(text, max(start, mark.end() - 40), mark.end())
    if before is None:
        return True
    word = before[1]
    if word.casefold() in _ABBREVIATIONS:
        return word.casefold() in _MAY_END and follows.isupper()
    if len(word) == 1 and word.isalpha() and word.isupper():  # an initial: "J. S. Bach"
        return word == "I"
    if re.fullmatch(r"[A-Za-z](\.[A-Za-z])+", word):  # "e.g", "U.S"
        return follows.isupper() and word.casefold() not in ("e.g", "i.e", "z.b", "d.h", "u.a")
    if not (word.isdigit() and len(word) < 3):
        return True
    # "am 3. Mai", "1. First": an ordinal or the number of a list, but not "there are 29. The".
    is_date = text[mark.end() : mark.end() + 12].lstrip().startswith(_MONTHS)
    return not (is_date or not text[start : before.start()].strip())


def _pieces(text: str, start: int, stop: int) -> Iterator[Span]:
    """One sentence; several of Thai, or of what has no marks."""
    last = start
    for space in _THAI.finditer(text, start, stop):
        if space.start() - last >= THAI_LETTERS:
            yield from _trimmed(text, last, space.start())
            last = space.end()
    while stop - last > MOST:
        gap = text.rfind(" ", last + MOST // 2, last + MOST)
        end = gap if gap > 0 else last + MOST
        yield from _trimmed(text, last, end)
        last = end
    yield from _trimmed(text, last, stop)


def _trimmed(text: str, start: int, stop: int) -> Iterator[Span]:
    piece = text[start:stop]
    left = len(piece) - len(piece.lstrip())
    if piece.strip():
        yield start + left, start + len(piece.rstrip())


_EMPTY_LINES = re.compile(r"\n[ \t\r]*+\n\s*+")


def paragraphs(text: str) -> list[Span]:
    """Where a text's paragraphs are: empty lines are between them."""
    ends = [match.span() for match in _EMPTY_LINES.finditer(text)]
    starts, stops = [0, *(stop for _, stop in ends)], [*(start for start, _ in ends), len(text)]
    pairs = zip(starts, stops, strict=True)
    return [(start, stop) for start, stop in pairs if text[start:stop].strip()]
