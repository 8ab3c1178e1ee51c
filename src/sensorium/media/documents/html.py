"""HTML becomes the words that a reader of the page sees."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, field
from html import escape, unescape
from typing import Any

from sensorium.media.documents.long_markup import is_long_html, long_html_text
from sensorium.media.documents.wording import plain_letters

MAX_DEPTH = 512
"""Elements that lie deeper are siblings, as in Chromium: a page of nothing but start tags must
not take time that grows with the square of its length."""


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VOID = _names(
    "area base basefont bgsound br col embed frame hr img input keygen link meta param source "
    "track wbr"
)

_BLOCKS = _names(
    "address article aside blockquote body caption center dd details dialog dir div dl dt fieldset "
    "figcaption figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li listing main "
    "menu nav ol optgroup option p plaintext pre search section select summary table tbody tfoot "
    "thead tr ul xmp foreignobject"
)
"""Elements that begin and end a paragraph of their own."""

_APART = {
    "br": "\n", "td": "\t", "th": "\t",
    **dict.fromkeys(("button", "input", "math", "meter", "progress", "text", "textarea"), " "),
}  # fmt: skip
"""What stands between the words beside these elements and theirs."""

_KEPT = frozenset({"listing", "plaintext", "pre", "textarea", "xmp"})
"""Elements whose line ends are shown."""

_UNSEEN = _names(
    "annotation annotation-xml audio canvas clippath datalist defs desc iframe mask metadata "
    "noembed noframes noscript object rp script style symbol template title video"
)
"""Elements whose content is not shown, or only where something cannot be."""

_READINGS = frozenset({"rt", "rtc"})

# What HTML, section 13.2.6.4.7, calls special, where it bounds the end tags that may be left out.
_SPECIAL = _BLOCKS | _VOID | frozenset({"applet", "button", "iframe", "marquee", "object", "td",
                                        "template", "textarea", "th"})  # fmt: skip
_STOPS = _SPECIAL - {"dialog", "legend", "optgroup", "option"}
"""Elements that end tags of what is not special, as of a `datalist`, do not reach beyond."""

_BOUNDS = frozenset({"applet", "button", "caption", "html", "marquee", "object", "table", "td",
                     "template", "th"})  # fmt: skip
_CELLS = frozenset({"caption", "td", "th"})
_ROWS = frozenset({"colgroup", "table", "tbody", "tfoot", "thead", "tr"})
_IN_ROWS = _ROWS | _CELLS | {"col", "script", "style", "template"}
_CLOSE_P = _BLOCKS - {"body", "caption", "html", "legend", "optgroup", "option", "select", "tbody",
                      "tfoot", "thead", "tr", "foreignobject"}  # fmt: skip
# Formatting elements: their end tags end them and nothing that was begun within them.
_FORMATTING = _names("a b big code em font i nobr s small strike strong tt u")

# A start tag ends the elements of the second set, up to the nearest of the third.
_IMPLIED_ENDS = {
    "li": ({"li"}, _BOUNDS | {"ul", "ol", "menu", "dir"}),
    **dict.fromkeys(("dd", "dt"), ({"dd", "dt"}, _BOUNDS | {"dl"})),
    "option": ({"option"}, {"select", "datalist"}),
    "optgroup": ({"option", "optgroup"}, {"select", "datalist"}),
    **dict.fromkeys(("rt", "rp"), ({"rb", "rt", "rp"}, {"ruby", "rtc"} | _BOUNDS)),
    **dict.fromkeys(("rb", "rtc"), ({"rb", "rt", "rp", "rtc"}, {"ruby"} | _BOUNDS)),
    **dict.fromkeys(("td", "th"), (_CELLS, {"table", "template"})),
    "tr": (_CELLS | {"tr", "colgroup"}, {"table", "template"}),
    **dict.fromkeys(
        ("tbody", "thead", "tfoot", "colgroup"),
        (_CELLS | {"tr", "tbody", "thead", "tfoot", "colgroup"}, {"table", "template"}),
    ),
}

_TYPED = frozenset(
    {"", "button", "date", "datetime-local", "email", "month", "number", "reset", "search",
     "submit", "tel", "text", "time", "url", "week"}
)  # fmt: skip
"""Types of `input` whose value is shown; a password's is not."""

_HIDING = re.compile(r"(?:^|;)\s*display\s*:\s*none", re.IGNORECASE)
_VISIBILITY = re.compile(r"(?:^|;)\s*visibility\s*:\s*(?:(hidden|collapse)|visible)", re.IGNORECASE)
_BLOCK = re.compile(
    r"(?:^|;)\s*display\s*:\s*(?:block|flex|flow-root|grid|list-item|table)\s*(?:;|!|$)",
    re.IGNORECASE,
)
_SYLLABIC = re.compile(r"[\u3040-\u30ff\u3100-\u312f\u31a0-\u31bf]")

TITLE_WITHIN = 1_000_000
"""Characters at the start of a page in which its title is looked for, styles and scripts among
them."""

_TITLE = re.compile(r"<title\b[^>]*>([^<]*)", re.IGNORECASE)
_GAP = re.compile(r"\s(?<!\s\s)(?:(?<=\n)|\s*\n)\s*\n\s*")
"""From the beginning of white space on: tried from each of its characters, it takes minutes."""

_Out = list[Any]  # of texts, and of other lists where text may still be put in


@dataclass(slots=True)
class _Element:
    name: str
    out: _Out
    hides: bool = False
    unseen: bool = False  # it hides, or what it is within does
    faint: bool = False  # hidden by `visibility`, which what is within may undo
    kept: bool = False  # white space is
    is_block: bool = False  # it is a paragraph of its own
    foster: _Out = field(default_factory=list)  # what stands in a table outside of its cells
    readings: list[str] | None = None  # of a ruby


class _Page:
    """Takes the tokens of a page, keeps the elements that are open, and the text so far."""

    def __init__(self) -> None:
        self.out: _Out = []
        self.open = [_Element("", self.out)]
        self.counts: dict[str, int] = {}
        self.readings: list[str] = []  # of rubies whose paragraph has not ended

    def start(self, name: str, attributes: dict[str, str | None]) -> None:
        if name in ("html", "body", "head"):
            return  # they are there, named or not
        self._end_implied(name)
        parent = self.open[-1]
        style = attributes.get("style") or ""
        visibility = _VISIBILITY.search(style)
        hidden = attributes.get("hidden")
        hides = (
            name in _UNSEEN
            or (hidden is not None and hidden.strip().lower() != "until-found")
            or _HIDING.search(style) is not None
            or (name == "dialog" and "open" not in attributes)
            or "popover" in attributes
        )
        element = _Element(
            name,
            self._place(name),
            hides,
            hides or parent.unseen,
            faint=parent.faint if visibility is None else visibility[1] is not None,
            kept=parent.kept or name in _KEPT,
            is_block=name in _BLOCKS or _BLOCK.search(style) is not None,
            readings=[] if name == "ruby" else None,
        )
        if not element.unseen:
            if name == "table":
                element.out.append(element.foster)
            if element.is_block:
                self._paragraph(element.out)
            elif name in _APART:
                element.out.append(_APART[name])
            if not element.faint:
                self._said(element, attributes)
        if name not in _VOID and len(self.open) < MAX_DEPTH:
            self.open.append(element)
            self.counts[name] = self.counts.get(name, 0) + 1

    def _said(self, element: _Element, attributes: dict[str, str | None]) -> None:
        """Put in what attributes say that a reader sees."""
        kind = (attributes.get("type") or "").lower() if element.name == "input" else ""
        if element.name in ("img", "input") and (element.name == "img" or kind == "image"):
            words = attributes.get("alt")
        elif element.name == "input":
            words = attributes.get("value") if kind in _TYPED else None
        else:
            words = attributes.get("label") if element.name == "optgroup" else None
        if words and words.strip():
            element.out.append(f" {words} ")

    def end(self, name: str) -> None:
        if name == "p" and not self.counts.get("p"):
            self.start("p", {})  # an end tag without a start makes an empty paragraph
        if name == "br":
            self.start("br", {})
            return
        if not self.counts.get(name):
            return
        bounds = {"table", "template"} if name in _ROWS | _CELLS else _BOUNDS
        for place in range(len(self.open) - 1, 0, -1):
            element = self.open[place]
            if element.name == name:
                if name in _FORMATTING:
                    self._closed([self.open.pop(place)])
                    for one in self.open[place:] if element.hides else ():
                        one.unseen = one.hides or self.open[place - 1].unseen
                        place += 1
                else:
                    self._pop_to(place)
                return
            if element.name in bounds or (
                name not in _FORMATTING and name not in _SPECIAL and element.name in _STOPS
            ):
                return

    def text(self, words: str) -> None:
        element = self.open[-1]
        if element.unseen or element.faint:
            return
        if element.kept:
            words = words.replace("\r\n", "\n").replace("\r", "\n")
        else:
            words = re.sub(r"\s+", " ", words)
        if any(one.name in _READINGS for one in self.open[-3:]):
            for one in reversed(self.open):
                if one.readings is not None:
                    one.readings.append(words.strip())
                    return
        (self._place("") if words.strip() else element.out).append(words)

    def close(self) -> None:
        self._pop_to(1)
        self._paragraph(self.out)

    def _paragraph(self, out: _Out) -> None:
        """End a paragraph: the readings of its words come behind it."""
        if self.readings:
            out.append(f" ({' '.join(self.readings)})")
            self.readings = []
        out.append("\n\n")

    def _place(self, name: str) -> _Out:
        """Where a new element goes: before a table, where it stands between the table's cells."""
        parent = self.open[-1]
        if parent.name in _ROWS and name not in _IN_ROWS:
            for one in reversed(self.open):
                if one.name == "table":
                    return one.foster
        return parent.out

    def _end_implied(self, name: str) -> None:
        if name in _CLOSE_P and self.counts.get("p"):
            self._end_up_to({"p"}, _BOUNDS)
        if name in _IMPLIED_ENDS:
            ended, bounds = _IMPLIED_ENDS[name]
            if any(self.counts.get(one) for one in ended):
                self._end_up_to(ended, bounds)

    def _end_up_to(self, ended: Set[str], bounds: Set[str]) -> None:
        last = None
        for place in range(len(self.open) - 1, 0, -1):
            if self.open[place].name in ended:
                last = place
            elif self.open[place].name in bounds:
                break
        if last is not None:
            self._pop_to(last)

    def _pop_to(self, place: int) -> None:
        ended = self.open[place:]
        for element in reversed(ended):
            del self.open[-1]
            self._closed([element])

    def _closed(self, elements: list[_Element]) -> None:
        for element in elements:
            self.counts[element.name] -= 1
            if element.unseen:
                continue
            if element.is_block:
                self._paragraph(element.out)
            elif element.name in _APART:
                element.out.append(" ")
            elif element.readings:
                words = [one for one in element.readings if one]
                joint = "" if _SYLLABIC.search("".join(words)) else " "
                self.readings.append(joint.join(words))


_EMPTY_TAG = re.compile(
    r"<([A-Za-z][^\s<>/\"']*+)((?:[^<>\"'/]++|/(?!>)|\"[^\"<]*+\"|'[^'<]*+')*+)/>"
)
_CDATA = "<![CDATA["


def _as_html(text: str) -> str:
    """Write XHTML as HTML: empty elements with two tags, marked sections with entities."""
    text = _EMPTY_TAG.sub(
        lambda tag: tag[0] if tag[1].lower() in _VOID else f"<{tag[1]}{tag[2]}></{tag[1]}>", text
    )
    parts, place = [], 0
    while (start := text.find(_CDATA, place)) >= 0:
        stop = text.find("]]>", start)
        stop = len(text) if stop < 0 else stop
        parts += [text[place:start], escape(text[start + len(_CDATA) : stop], quote=False)]
        place = min(stop + 3, len(text))
    return "".join(parts) + text[place:]


def html_text(text: str, xml: bool = False) -> str:
    """The words of an HTML page that a reader sees; paragraphs are apart by an empty line.

    What a style sheet hides is read, too: only ``style`` of an element itself counts. So are the
    bodies of closed ``details``, what stands in the place of pictures (``alt``), and the readings
    of rubies: behind their paragraph, in parentheses. Pages that would take long to parse are
    read more simply; see `long_markup`.

    Parameters
    ----------
    text : str
    xml : bool
        Whether it is XHTML that browsers read as XML: a file that ends in .xhtml, a book's chapter.
    """
    if is_long_html(text):
        return _tidy(long_html_text(_as_html(text) if xml else text))
    page = _Page()
    for kind, token in _tokens(text, xml):
        if kind == "start":
            page.start(token[0].lower(), token[1])
        elif kind == "end":
            page.end(token.lower())
        elif kind == "text":
            page.text(token)
    page.close()
    return _tidy(_joined(page.out))


def _tidy(text: str) -> str:
    return _GAP.sub("\n\n", plain_letters(text)).strip()


def html_title(text: str, xml: bool = False) -> str:
    """The title of an HTML page; "" where it has none."""
    inside = False
    start = text[:TITLE_WITHIN]
    if is_long_html(start):
        found = _TITLE.search(start)
        return plain_letters(" ".join(unescape(found[1]).split())) if found else ""
    for kind, token in _tokens(start, xml):
        if kind == "start" and token[0].lower() in _BLOCKS - {"html"} | {"svg"}:
            break  # the head has ended
        if kind == "start" and token[0].lower() == "title":
            inside = True
        elif inside and kind == "text":
            return plain_letters(" ".join(token.split()))
        elif inside:
            break
    return ""


def _tokens(text: str, xml: bool) -> Iterator[Any]:
    from justhtml import stream  # 70 ms, which those who read no HTML need not wait for

    return iter(stream(_as_html(text) if xml else text))


def _joined(out: _Out) -> str:
    """The texts of lists within lists, in order."""
    texts: list[str] = []
    waiting = [iter(out)]
    while waiting:
        for one in waiting[-1]:
            if isinstance(one, str):
                texts.append(one)
            else:
                waiting.append(iter(one))
                break
        else:
            waiting.pop()
    return "".join(texts)
