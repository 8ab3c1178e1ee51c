"""Words as they were meant: put together again where lines, hyphens and ligatures part them."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_LETTERS = r"[^\W\d_]+"

# A hyphen that ends a line; PDFium writes it, and the line's end, as U+0002 or U+FFFE.
_LINE_HYPHEN = re.compile(
    r"(?<!\w)(?P<head>\w++)(?:[-\u2010][ \t]*+\n|[\x02\ufffe][ \t]*+\n?+)[ \t]*+"
    rf"(?P<tail>{_LETTERS}|\d+)"
)
_LINE_END = re.compile("[-\u2010\x02\ufffe](?:(?<=[\x02\ufffe])|[ \t]*+\n)")
"""What `_LINE_HYPHEN` needs, and most texts lack."""

_WORD = re.compile(rf"{_LETTERS}(?:-{_LETTERS})*")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_COMPOUND_HEADS = _names(
    "all eight eighty ex fifty five forty four full half high ill long low middle nine ninety old "
    "self seven seventy short six sixty thirty three twenty two well"
)
"""What stands before a hyphen of its own in English far more often than before a broken line:
"well-known", "self-made"."""

_ENDINGS = _names("age ed en ened ening er est fold ing ish light ly ness teen ty way")
"""What follows these without one: "selfish", "highness"."""

_SUSPENDED = frozenset({"und", "oder", "bis", "sowie", "bzw", "och", "eller"})
"""What follows a hyphen that stands for a part left out: "Vor- und Nachteile"."""

# Letters of scripts that put no space between words, and their marks.
_WIDE = "[\u2e80-\u2fdf\u3001-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff01-\uff9f]"
_WIDE_LINES = re.compile(rf"(?<={_WIDE})[ \t]*\n[ \t]*(?={_WIDE})")

# Soft hyphens, word joiners and byte order marks part words for no reader, nor does a space of no
# width between letters that a word is made of; elsewhere (Thai, Khmer) that parts words.
_UNSEEN = re.compile(
    "\u00ad[ \t]*\n[ \t]*|[\u00ad\u2060\ufeff]|"
    "(?<=[A-Za-z\u00c0-\u024f])\u200b(?=[A-Za-z\u00c0-\u024f])"
)
# Ligatures, Arabic letters by their shape, radicals that stand for the characters.
_SHAPES = re.compile("[\ufb00-\ufb4f\ufb50-\ufdfb\ufe70-\ufefc\u2e9f\u2ef3\u2f00-\u2fdf]")


def plain_letters(text: str) -> str:
    """Leave out what is no letter to a reader; write ligatures and shapes as their letters."""
    if text.isascii():
        return text
    if _UNSEEN.search(text):
        text = _UNSEEN.sub("", text)
    if _SHAPES.search(text):
        text = _SHAPES.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return text


def words_at_line_ends(text: str) -> frozenset[str]:
    """The words of a text, in small letters, where a line ends with a hyphen; else none.

    They tell `joined_lines` which hyphens belong to their words.
    """
    if _LINE_END.search(text) is None or _LINE_HYPHEN.search(text) is None:
        return frozenset()
    whole = _LINE_HYPHEN.sub(" ", text)
    return frozenset(word.lower() for word in set(_WORD.findall(whole)))


def joined_lines(text: str, words: frozenset[str] = frozenset()) -> str:
    """Put words together that a line's end parts.

    A hyphen at a line's end is left out where small letters follow, but for hyphens that belong
    to a word: the text has it with the hyphen elsewhere, both parts are words of it, or the first
    one is one of those that compounds begin with ("well-known"). Lines of Chinese and Japanese are
    put together without a space.

    Parameters
    ----------
    text : str
        With line feeds at the ends of lines.
    words : frozenset of str
        Words of the whole text; see `words_at_line_ends`.
    """
    if _LINE_END.search(text):
        text = _LINE_HYPHEN.sub(
            lambda found: _put_together(
                found[1], found[2], text[found.start() - 1 : found.start()] == "-", words
            ),
            text,
        )
    return text if text.isascii() or "\n" not in text else _WIDE_LINES.sub("", text)


@lru_cache(maxsize=4096)
def _put_together(head: str, tail: str, follows_hyphen: bool, words: frozenset[str]) -> str:
    small = tail.lower()
    if small in _SUSPENDED:
        return f"{head}- {tail}"
    if (head + tail).lower() in words:
        return head + tail
    capital = tail[0].isupper() and not (head.isupper() and tail.isupper())
    whole = (
        head[-1].isdigit()
        or tail[0].isdigit()
        or capital
        or follows_hyphen
        or (head.lower() in _COMPOUND_HEADS and small not in _ENDINGS)
        or f"{head}-{tail}".lower() in words
        or (min(len(head), len(tail)) > 3 and head.lower() in words and small in words)
    )
    return f"{head}-{tail}" if whole else head + tail
