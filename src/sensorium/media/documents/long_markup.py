"""Long HTML and Markdown, and such of nothing but marks, lose their marks without being parsed.

Parsers that are exact take up to 6 s for a megabyte of marks, and on some texts time that grows
with the square. What is here looks at each character a few times, and keeps all words in their
order, with titles and paragraphs apart.
"""

from __future__ import annotations

import re
from functools import lru_cache
from html import unescape

MAX_TAGS = 100_000
"""Tags and comments of a page that is parsed, and entities in it, each: about 1 s."""

MAX_SEARCHED = 2_000_000_000
"""Characters that the parser of HTML may look through for ends of comments: to the page's end for
each."""

MAX_WORK = 1_000_000
"""Microseconds that parsing Markdown may take, as `markdown_work` reckons."""

LINE_WORK = 25
"""Microseconds for a line of Markdown: each may begin a list, a table, a title."""

MARK_WORK = {
    "[": 10,
    "*": 8,
    "_": 8,
    "|": 5,
    "~": 5,
    "<": 3,
    "&": 3,
    "]": 2,
    "\\": 2,
    "`": 2,
    "!": 2,
}
"""Microseconds for each mark."""

FAR_MARKS = "<[!&"
FAR_LETTERS = 10_000
"""Letters of a paragraph that add a microsecond to each of these marks: the rest of it is copied to
look what the mark begins."""

CELL_WORK = 10
"""Microseconds for a cell of a table: rows that are too short get all that the first one has."""

_TAG = re.compile(
    r"<(?:!--(?:-?>|.*?(?:--!?>|\Z))|"
    r"(audio|canvas|datalist|head|iframe|noembed|noframes|noscript|object|script|style|svg|"
    r"template|title|video)\b[^>]*+(?:>|\Z)(?:.*?(?:</\1\b[^>]*+(?:>|\Z)|\Z))|"
    r"(/?[a-z][^\s/>]*+)[^>]*+(?:>|\Z)|[/!?][^>]*+(?:>|\Z))",
    re.IGNORECASE | re.DOTALL,
)
"""Comments, elements that nobody sees, tags with their names, other declarations."""

_IN_LINES = (
    "a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em",
    "font", "i", "img", "ins", "kbd", "label", "mark", "nobr", "q", "s", "samp", "small", "span",
    "strike", "strong", "sub", "sup", "time", "tt", "u", "var", "wbr",
)  # fmt: skip
_STANDS_FOR = {
    **dict.fromkeys([*_IN_LINES, *(f"/{name}" for name in _IN_LINES)], ""),
    "br": "\n", "td": "\t", "th": "\t", "/td": "", "/th": "",
}  # fmt: skip
"""What stands for tags; an empty line for all others."""

_TABLE = re.compile(r"^[ \t>]*[|:-][|:\- \t]*\|[|:\- \t]*$", re.MULTILINE)
"""What stands below the first row of a table."""

_ENTITY = re.compile(r"&#?\w{1,31};?")

_known_entity = lru_cache(maxsize=4096)(unescape)


def is_long_html(text: str) -> bool:
    """Whether a page would take longer to be parsed than a reader of files waits."""
    return (
        text.count("<") > MAX_TAGS
        or text.count("&") > MAX_TAGS
        or text.count("<!--") * len(text) > MAX_SEARCHED
    )


def long_html_text(text: str) -> str:
    """The words of a page; paragraphs are apart by an empty line.

    What attributes hide or say (``hidden``, ``style``, ``alt``) is not looked at, and line ends
    count as spaces everywhere.
    """
    text = text.replace("\n", " ").replace("\r", " ")
    text = _TAG.sub(lambda tag: _STANDS_FOR.get(tag[2].lower(), "\n\n") if tag[2] else " ", text)
    return _entities(text)


def _entities(text: str) -> str:
    return _ENTITY.sub(lambda found: _known_entity(found[0]), text) if "&" in text else text


def markdown_work(text: str) -> int:
    """About how many microseconds a parser of Markdown takes."""
    work = LINE_WORK * text.count("\n")
    work += sum(cost * text.count(mark) for mark, cost in MARK_WORK.items())
    if work < MAX_WORK and len(text) > FAR_LETTERS:
        longest = max(map(len, text.split("\n\n")))
        work += sum(map(text.count, FAR_MARKS)) * longest // FAR_LETTERS
    for found in _TABLE.finditer(text):
        if work > MAX_WORK:
            break
        stop = text.find("\n\n", found.end())
        rows = text.count("\n", found.end(), stop if stop >= 0 else len(text))
        work += CELL_WORK * rows * found[0].count("|")
    return work


_LINE_MARKS = re.compile(
    r"[ \t]*(?:>[ \t]?)*[ \t]*(?:(?:[-*+]|\d{1,9}[.)])[ \t]+)*(?:\[[ xX]\][ \t])?"
    r"(?:#{1,6}(?:[ \t]+|$))?(?:(?:`{3,}|~{3,}).*$|[-=*_+:| \t]{2,}$|\[[^\]\n]+\]:[ \t]*\S.*$)?"
)
"""At the start of a line, which holds no letter before them."""

_TITLE_END = re.compile(r"[ \t]#+[ \t]*$", re.MULTILINE)
_FOOTNOTE = re.compile(r"\[\^[^\]\s]+\]:?")
_LINK = re.compile(r"!?\[([^\[\]]*)\](?:\([^()\n]*\)|\[[^\[\]]*\])?")
_ADDRESS = re.compile(r"<([a-zA-Z][\w+.-]+:[^\s<>]*)>")
_HTML = re.compile(r"<!--.*?(?:-->|\Z)|</?[a-zA-Z][^<>]*>", re.DOTALL)
_EMPHASIS = re.compile(r"(?<!\\)(?:[*`]+|~~+|(?<![^\W_])_+|_+(?![^\W_]))")
_ESCAPE = re.compile(r"\\(?=[!-/:-@\[-`{-~])")
_PIPE = re.compile(r"(?<!\\)\|")


def unmarked(text: str) -> str:
    """The words of a stretch of Markdown, a segment at most: what looks like a mark goes."""
    text = "\n".join(
        [
            line if not line or line[0].isalpha() else _LINE_MARKS.sub("", line, count=1)
            for line in text.split("\n")
        ]
    )
    # Most segments have none of these marks, which takes less to see than to look at each letter.
    if "#" in text:
        text = _TITLE_END.sub("", text)
    if "[" in text:
        text = _LINK.sub(_first, _FOOTNOTE.sub("", text))
    if "<" in text:
        text = _HTML.sub(" ", _ADDRESS.sub(_first, text))
    if any(mark in text for mark in "*`~_"):
        text = _EMPHASIS.sub("", text)
    if "|" in text:
        text = _PIPE.sub(" ", text)
    text = _entities(text)
    return _ESCAPE.sub("", text) if "\\" in text else text


def _first(found: re.Match[str]) -> str:
    return found[1]
