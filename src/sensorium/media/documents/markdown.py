"""Markdown (CommonMark, GitHub's tables, strikethrough and footnotes) becomes its words."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from sensorium.media.documents.cutting import spans
from sensorium.media.documents.html import html_text
from sensorium.media.documents.long_markup import MAX_WORK, markdown_work, unmarked
from sensorium.media.documents.wording import plain_letters
from sensorium.media.segments import Segment
from sensorium.media.text import Text

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

FAR = 4096
"""Characters within which a word is looked for, in the source, behind the one before it."""

TITLE_WITHIN = 65_536
"""Characters at the start of a text in which its title is looked for."""

FRONT_MATTER_WITHIN = 1_000_000
"""Characters at the start of a text within which front matter ends."""

_FRONT_MATTER = re.compile(
    r"\A---[ \t]*\n((?:[^\n]*\n)*?)(?:---|\.\.\.)[ \t]*(?:\n|\Z)|"
    r"\A\+\+\+[ \t]*\n((?:[^\n]*\n)*?)\+\+\+[ \t]*(?:\n|\Z)"
)
_ENTRY = re.compile(r"^[\w-]+[ \t]*[:=]", re.MULTILINE)
_TITLE = re.compile(r"^title[ \t]*[:=][ \t]*(.+?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_TITLE_LINE = re.compile(r"^ {0,3}#[ \t]+(.+)$|^ {0,3}(\S.*)\n {0,3}=+[ \t]*$", re.MULTILINE)
_HEADING = re.compile(r"^(#{1,6}[ \t].*)$", re.MULTILINE)
_PARAGRAPH_END = re.compile(r"\n[ \t]*\n\s*|(?<=\n)(?=#{1,6}[ \t])|(?<=\n)(?=[-*+][ \t])")
_MARK = re.compile(r"[\n\\`*_~\[\]!<&]")
_FOOTNOTE = re.compile(r"\[\^[^\]\s]+\]:?")
_CHECKBOX = re.compile(r"\[[ xX]\](?=\s)")
_BREAK = re.compile(r"<br\b|<hr\b", re.IGNORECASE)

_Chunk = tuple[int, str, bool]
"""Where in the source something stands: a word, or a part of one, with the white space before it,
or a stretch (True) that stands there as it is."""


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock, reference
    from markdown_it.rules_inline import StateInline

    def definition(state: StateBlock, start: int, stop: int, silent: bool) -> bool:
        """The target of a link; footnotes begin in the same way and are text."""
        if state.src.startswith("[^", state.bMarks[start] + state.tShift[start]):
            return False
        return reference(state, start, stop, silent)

    def words(state: StateInline, silent: bool) -> bool:
        """Text up to the next mark; the library's own stops at marks of its plugins, too."""
        found = _MARK.search(state.src, state.pos)
        stop = found.start() if found else state.posMax
        if stop == state.pos:
            return False
        if not silent:
            state.pending += state.src[state.pos : stop]
        state.pos = stop
        return True

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.disable("text_join")  # escapes and entities stay tokens that know their source
    parser.block.ruler.at("reference", definition)
    parser.inline.ruler.at("text", words)
    return parser


def markdown_segments(source: str) -> Iterator[Segment]:
    """Cut a text in Markdown into segments; their spans are those of the source, marks included.

    One that would take long to parse is read more simply; see `long_markup`.
    """
    text = _without_front_matter(source)
    if markdown_work(text) > MAX_WORK:
        for start, stop in spans(text):
            if words := " ".join(plain_letters(unmarked(text[start:stop])).split()):
                yield Segment(Text(words), (start, stop))
        return
    places = list(spans(source))
    held: list[list[str]] = [[] for _ in places]
    starts = [start for start, _ in places]
    for at, words, is_verbatim in _chunks(text):
        number = max(0, bisect_right(starts, at) - 1)
        end = at + len(words) if is_verbatim else at
        told = 0  # letters that are with the segments before; to cut them off would copy the rest
        while number + 1 < len(starts) and starts[number + 1] < end:
            behind = starts[number + 1] - at
            held[number].append(words[told:behind])
            told = behind
            number += 1
        held[number].append(words[told:])
    for place, chunks in zip(places, held, strict=True):
        if words := " ".join(plain_letters("".join(chunks)).split()):
            yield Segment(Text(words), place)


def markdown_text(source: str) -> str:
    """The words of a text in Markdown, white space closed up."""
    text = _without_front_matter(source)
    return " ".join(plain_letters("".join(word for _, word, _ in _chunks(text))).split())


def markdown_paragraphs(source: str) -> str:
    """The words of a text in Markdown with an empty line between its paragraphs and headings."""
    text = _without_front_matter(source)
    if markdown_work(text) > MAX_WORK:
        return plain_letters(unmarked(text))
    blocks = _PARAGRAPH_END.split(_HEADING.sub(r"\1\n", text))
    told = (markdown_text(block) for block in blocks if block.strip())
    return "\n\n".join(filter(None, told))


def markdown_title(source: str) -> str:
    """The title that front matter names, or else the first heading of the first level."""
    if (front := _front_matter(source)) is not None and (found := _TITLE.search(front[0])):
        return found[1].strip("\"'")
    start = _without_front_matter(source)[:TITLE_WITHIN]
    if markdown_work(start) > MAX_WORK // 5:  # it is a small part of what there is to do
        found = _TITLE_LINE.search(start)
        return " ".join(plain_letters(unmarked(found[1] or found[2])).split()) if found else ""
    tokens = _parser().parse(start)
    for token, inner in pairwise(tokens):
        if token.type == "heading_open" and token.tag == "h1":
            chunks = _inline(inner.children or [], inner.content, _Finder(inner.content))
            return " ".join(plain_letters("".join(word for _, word, _ in chunks)).split())
    return ""


def _front_matter(source: str) -> re.Match[str] | None:
    found = _FRONT_MATTER.match(source, 0, FRONT_MATTER_WITHIN)
    return found if found and _ENTRY.search(found[0]) else None


def _without_front_matter(source: str) -> str:
    """The source with blanks in place of its front matter, so that places stay what they are."""
    found = _front_matter(source)
    return source if found is None else re.sub(r"[^\n]", " ", found[0]) + source[found.end() :]


class _Finder:
    """Finds the words of a text in its source, one behind the other."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0

    def chunks(self, shown: str) -> Iterator[_Chunk]:
        """The words of what is shown, as it stands in the source, or word by word."""
        place = self.source.find(shown, self.at, self.at + len(shown) + FAR) if shown else -1
        if place >= 0:
            self.at = place + len(shown)
            yield place, shown, True
            return
        for word in re.finditer(r"\s*\S+|\s+\Z", shown):
            bare = word[0].strip()
            found = self.source.find(bare, self.at, self.at + len(bare) + FAR) if bare else -1
            if found >= 0:
                self.at = found + len(bare)
            yield (found if found >= 0 else self.at), word[0], False

    def skip_target(self) -> None:
        """Go on behind the target of a link, whose text has just been found."""
        found = re.compile(r"\]\(").match(self.source, self.at)
        if found is None:
            return
        depth, place = 1, found.end()
        while depth and place < min(len(self.source), self.at + FAR):
            if self.source[place] == "\\":
                place += 1
            depth += {"(": 1, ")": -1}.get(self.source[place : place + 1], 0)
            place += 1
        if depth == 0:
            self.at = place


def _chunks(text: str) -> Iterator[_Chunk]:
    """The words of a text in Markdown, with their places in it."""
    finder = _Finder(text)
    lines = [0, *(found.end() for found in re.finditer("\n", text))]
    for token in _parser().parse(text):
        if token.map is not None and token.map[0] < len(lines):
            finder.at = max(finder.at, lines[token.map[0]])
        if token.type == "inline":
            yield from _inline(token.children or [], token.content, finder)
        elif token.type in ("fence", "code_block"):
            yield finder.at, "\n\n", False
            yield from finder.chunks(token.content)
        elif token.type == "html_block":
            yield finder.at, "\n\n", False
            yield from finder.chunks(html_text(token.content))
        elif token.type in ("td_open", "th_open") or (token.block and token.nesting != 0):
            yield finder.at, "\n", False


def _inline(tokens: Sequence[Token], content: str, finder: _Finder) -> Iterator[_Chunk]:
    """The words of a paragraph, a heading or a cell."""
    for number, token in enumerate(tokens):
        if token.type == "text":
            yield from _plain(token.content, finder, first=number == 0)
        elif token.type == "text_special":  # an escape or an entity
            at, *_ = next(finder.chunks(token.markup), (finder.at, "", False))
            yield at, token.content, False
        elif token.type == "code_inline":
            yield from finder.chunks(token.content)
        elif token.type == "image":
            yield from _inline(token.children or [], token.content, finder)
            finder.skip_target()
        elif token.type == "link_close" and token.info != "auto":
            finder.skip_target()
        elif token.type in ("softbreak", "hardbreak") or (
            token.type == "html_inline" and _BREAK.match(token.content)
        ):
            yield finder.at, "\n", False


def _plain(shown: str, finder: _Finder, first: bool) -> Iterator[_Chunk]:
    """The words of a text without the marks of footnotes and of boxes to check."""
    place = 0
    marks: list[Any] = [*_FOOTNOTE.finditer(shown)]
    if first and (box := _CHECKBOX.match(shown)):
        marks.insert(0, box)
    for mark in marks:
        yield from finder.chunks(shown[place : mark.start()])
        place = mark.end()
    yield from finder.chunks(shown[place:])
