"""OpenDocument (ISO/IEC 26300): text, presentations, and spreadsheets as they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

from sensorium.errors import MediaError
from sensorium.media.documents.packed.flow import Flow, Passage, tidy
from sensorium.media.documents.packed.markup import Event, events
from sensorium.media.documents.packed.package import LOCKED, Package, beside

_UNSEEN = frozenset(
    {"tracked-changes", "annotation", "annotation-end", "note-citation", "forms", "scripts",
     "desc", "title", "table-of-content-source", "alphabetical-index-source", "bibliography-source",
     "event-listeners", "hidden-text", "hidden-paragraph"}
)  # fmt: skip
"""What was deleted, what is said about the text, sources of indexes. Titles and descriptions are
those of pictures, which nobody sees."""

_PARAGRAPHS = frozenset({"p", "h"})

_SYMBOLS = frozenset({"mi", "mn", "mo", "ms", "mtext"})
"""Elements of formulas (MathML) that hold what is shown of them."""

_UNSAID = frozenset({"currency", "date", "float", "percentage", "time"})
"""Cells of charts that hold figures; their words are read."""

_PAGES = {"odp": "page", "ods": "table"}
"""What begins a page: a slide, or a sheet."""

MOST_SPACES = 1_000


def passages(package: Package, kind: str) -> Iterator[Passage]:
    """Read a document.

    Parameters
    ----------
    package : Package
    kind : {"odt", "odp", "ods"}

    Raises
    ------
    MediaError
        When it is locked or broken.
    """
    _require_open(package)
    reader = _Reader(_PAGES.get(kind, ""), package)
    for event in events(package.read("content.xml"), package.name):
        if (page := reader.take(event)) is not None:
            yield page
    whole = reader.passage()
    if kind == "odt":
        texts, pictures = [whole.text], whole.pictures
        for text, shown in _margins(package):
            if re.search(r"[^\W\d_]{2}", text) and text not in texts:  # more than a page's number
                texts.append(text)
            pictures = [*pictures, *shown]
        whole = Passage({}, tidy("\n\n".join(texts)), pictures)
        yield whole


def facts(package: Package, kind: str) -> dict[str, object]:
    """Title, author, and the number of slides or sheets."""
    _require_open(package)
    found: dict[str, object] = {}
    inside = ""
    names = {"title": "title", "initial-creator": "author", "creator": "author"}
    for event in events(package.read("meta.xml"), package.name) if "meta.xml" in package else ():
        if event.kind == "start":
            inside = names.get(event.name, "")
        elif event.kind == "text" and inside:
            found.setdefault(inside, event.name)
        else:
            inside = ""
    if kind in _PAGES:
        found["pages"] = sum(1 for _ in passages(package, kind))
    return found


class _Reader:
    """Takes the events of a part; with `package`, what is embedded in it is looked up there."""

    def __init__(
        self, page: str, package: Package | None = None, unseen: Set[str] = _UNSEEN
    ) -> None:
        self._page = page
        self._unseen_names = unseen
        self._package = package
        self._embedded: set[str] = set()
        self._number = 0
        self._begin()

    def _begin(self) -> None:
        self._flow = Flow()
        self._pictures: list[str] = []
        self._unseen = 0
        self._open: list[str] = []
        self._hiding: list[bool] = []  # which of them hide what is in them
        self._in_paragraph = 0

    def take(self, event: Event) -> Passage | None:
        """Take an event; a page that it ends comes back."""
        if event.kind == "text":
            self._text(event.name)
        elif event.kind == "start":
            self._start(event)
        else:
            return self._end(event.name)
        return None

    def passage(self) -> Passage:
        """What was read since the last page."""
        return Passage({}, self._flow.text, self._pictures)

    def _start(self, event: Event) -> None:
        name, attributes = event.name, event.attributes
        if name == self._page and not self._open.count(name):
            number = self._number + 1
            self._begin()
            self._number = number
        hides = name in self._unseen_names or attributes.get("display") == "none"
        self._open.append(name)
        self._hiding.append(hides)
        self._unseen += hides
        if self._unseen:
            return
        if name in _PARAGRAPHS:
            self._in_paragraph += 1
        elif name == "table-row":
            self._flow.open_row()
        elif name in ("table-cell", "covered-table-cell", "text-box", "note-body"):
            self._flow.open_box()
        elif name == "s":
            count = attributes.get("c", "1")
            self._flow.say(" " * min(int(count) if count.isdecimal() else 1, MOST_SPACES))
        elif name == "tab":
            self._flow.say("\t")
        elif name == "line-break":
            self._flow.say("\n")
        elif name in _SYMBOLS:
            self._in_paragraph += 1
        elif name == "object" and (target := attributes.get("href", "")):
            self._say_embedded(beside("content.xml", target) + "/content.xml")
        elif name == "image" and (target := attributes.get("href", "")):
            self._pictures.append(beside("content.xml", target))

    def _say_embedded(self, part: str) -> None:
        """The signs of a formula, the words of a chart."""
        if self._package is None or part not in self._package or part in self._embedded:
            return
        self._embedded.add(part)
        reader = _Reader("", unseen=_UNSEEN - {"title"})  # a chart's own title is seen
        figures = 0  # how deep it is in a cell that holds one
        for event in events(self._package.read(part), self._package.name):
            if event.kind == "start" and (figures or event.attributes.get("value-type") in _UNSAID):
                figures += 1
            elif figures:
                figures -= event.kind == "end"
            else:
                reader.take(event)
        self._flow.say(f" {' '.join(reader.passage().text.split())} ")
        if not self._in_paragraph:
            self._flow.end_paragraph()

    def _text(self, words: str) -> None:
        if self._unseen or not self._in_paragraph:
            return
        words = re.sub(r"\s+", " ", words)
        if "ruby-text" in self._open[-2:]:
            self._flow.read(words)
        else:
            self._flow.say(words)

    def _end(self, name: str) -> Passage | None:
        if not self._open:
            return None
        self._open.pop()
        if self._unseen:
            self._unseen -= self._hiding.pop()
            return None
        self._hiding.pop()
        if name in _SYMBOLS:
            self._in_paragraph -= 1
        elif name in _PARAGRAPHS:
            self._in_paragraph -= 1
            self._flow.end_paragraph()
        elif name in ("table-cell", "covered-table-cell"):
            self._flow.close_cell()
        elif name == "table-row":
            self._flow.close_row()
        elif name in ("text-box", "note-body"):
            self._flow.behind(self._flow.close_box())
        if name == self._page and not self._open.count(name):
            return Passage({"page": self._number}, self._flow.text, self._pictures)
        return None


def _margins(package: Package) -> Iterator[tuple[str, list[str]]]:
    """Headers and footers."""
    if "styles.xml" not in package:
        return
    reader: _Reader | None = None
    for event in events(package.read("styles.xml"), package.name):
        is_margin = event.name.startswith(("header", "footer")) and "style" not in event.name
        is_margin = is_margin and not event.name.endswith("properties")
        if is_margin and event.kind == "start" and reader is None:
            reader = _Reader("")
        elif is_margin and event.kind == "end" and reader is not None:
            whole = reader.passage()
            yield whole.text, whole.pictures
            reader = None
        elif reader is not None:
            reader.take(event)


def _require_open(package: Package) -> None:
    manifest = "META-INF/manifest.xml"
    if manifest in package and b"encryption-data" in package.read(manifest):
        raise MediaError(LOCKED, package.name)
