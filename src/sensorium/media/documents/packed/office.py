"""Office Open XML (ECMA-376): documents of Word, and slides of PowerPoint."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from sensorium.media.documents.packed.flow import Flow, Passage, tidy
from sensorium.media.documents.packed.markup import Event, events
from sensorium.media.documents.packed.package import Package, beside

EMBEDDED = "an embedded object is not read, only its picture"

_UNSEEN = frozenset(
    # Deleted by a change that is tracked; what older programs show; codes of fields.
    {"del", "moveFrom", "Fallback", "instrText", "delText", "delInstrText", "rPrChange",
     "pPrChange", "sdtPr", "glossaryDocument"}
)  # fmt: skip

_OFF = frozenset({"0", "false", "off", "none"})

_NUMBERS_OF_SLIDES = frozenset({"sldNum", "sldImg", "hdr", "ftr", "dt"})
"""Placeholders that are no content: of slides their number, of notes their slide, too."""


class Relation(NamedTuple):
    """A reference from one part to another: the last word of its type, and the part."""

    kind: str
    part: str


def relations(package: Package, part: str) -> dict[str, Relation]:
    """What a part refers to, by the ids that stand in it."""
    folder, _, base = part.rpartition("/")
    file = f"{folder}/_rels/{base}.rels".lstrip("/")
    if file not in package:
        return {}
    return {
        event.attributes.get("Id", ""): Relation(
            event.attributes.get("Type", "").rpartition("/")[2],
            beside(part, event.attributes.get("Target", "")),
        )
        for event in events(package.read(file), package.name)
        if event.name == "Relationship"
        and event.kind == "start"
        and event.attributes.get("TargetMode") != "External"
    }


def main_part(package: Package, usual: str) -> str:
    """The part that the package is about."""
    for relation in relations(package, "").values():
        if relation.kind == "officeDocument" and relation.part in package:
            return relation.part
    return usual


class _Reader:
    """Reads a part of running text: paragraphs of Word and of drawings are alike."""

    def __init__(self, package: Package, part: str, notes: list[str]) -> None:
        self.flow = Flow()
        self.pictures: list[str] = []
        self.sections: list[str] = []
        self.footnotes: Mapping[str, str] = {}
        self.endnotes: Mapping[str, str] = {}
        self._package = package
        self._part = part
        self._notes = notes
        self._relations = relations(package, part)
        self._path: list[str] = []
        self._unseen = 0  # how many open elements hide what is in them
        self._hidden_run = False
        self._shape: list[bool] = []  # of open shapes, whether they are content

    def read(self, content: bytes) -> None:
        for event in events(content, self._package.name):
            if event.kind == "text":
                self._text(event.name)
            elif event.kind == "start":
                self._start(event)
            else:
                self._end(event.name)

    def _start(self, event: Event) -> None:
        name, attributes = event.name, event.attributes
        parent = self._path[-1] if self._path else ""
        self._path.append(name)
        if name in _UNSEEN and not (name == "del" and parent in ("rPr", "trPr")):
            self._unseen += 1
        if self._unseen:
            return
        if name == "sp" or name == "pic" or name == "graphicFrame":
            self._shape.append(True)
        elif name in ("ph", "cNvPr") and self._shape:
            is_none = attributes.get("type") in _NUMBERS_OF_SLIDES
            is_hidden = attributes.get("hidden", "0") not in _OFF
            self._shape[-1] &= not (is_none if name == "ph" else is_hidden)
        elif name == "tr":
            self.flow.open_row()
        elif name in ("tc", "txbxContent"):
            self.flow.open_box()
        elif name == "r":
            self._hidden_run = False
        elif name == "vanish" and self._path[-3:-1] == ["r", "rPr"]:
            self._hidden_run = attributes.get("val", "1") not in _OFF
        elif parent == "r" or name == "br":
            self._in_run(name, attributes)
        elif name in ("headerReference", "footerReference"):
            self.sections.append(self._named(attributes.get("r:id")))
        elif name == "altChunk":
            self._note("a document within the document is not read")
        self._drawn(name, attributes)

    def _in_run(self, name: str, attributes: Mapping[str, str]) -> None:
        if self._is_hidden:
            return
        if name in ("tab", "ptab"):
            self.flow.say("\t")
        elif name in ("br", "cr"):
            self.flow.say("\n")
        elif name == "noBreakHyphen":
            self.flow.say("-")
        elif name in ("footnoteReference", "endnoteReference"):
            notes = self.footnotes if name == "footnoteReference" else self.endnotes
            self.flow.behind(notes.get(attributes.get("id", ""), ""))

    def _drawn(self, name: str, attributes: Mapping[str, str]) -> None:
        """Pictures, and what other parts say of drawings."""
        if self._shape and not self._shape[-1]:
            return
        if name in ("blip", "imagedata", "svgBlip"):
            place = self._named(attributes.get("r:embed") or attributes.get("r:id"))
            if place and name != "svgBlip":
                self.pictures.append(place)
        elif name in ("relIds", "chart"):
            place = self._named(attributes.get("r:dm") or attributes.get("r:id"))
            if place in self._package:
                self.flow.behind(drawing_text(self._package, place))
        elif name in ("OLEObject", "oleObj"):
            self._note(EMBEDDED)

    def _end(self, name: str) -> None:
        if not self._path:
            return
        self._path.pop()
        parent = self._path[-1] if self._path else ""
        if name in _UNSEEN and not (name == "del" and parent in ("rPr", "trPr")):
            self._unseen -= 1
            return
        if self._unseen:
            return
        if name == "p":
            if not self._shape or self._shape[-1]:
                self.flow.end_paragraph()
        elif name == "tc":
            self.flow.close_cell()
        elif name == "tr":
            self.flow.close_row()
        elif name == "txbxContent":
            self.flow.behind(self.flow.close_box())
        elif name in ("sp", "pic", "graphicFrame") and self._shape:
            self._shape.pop()
        elif name == "r":
            self._hidden_run = False

    def _text(self, words: str) -> None:
        if self._unseen or self._is_hidden or not self._path or self._path[-1] != "t":
            return
        if "rt" in self._path[-4:]:
            self.flow.read(words)
        else:
            self.flow.say(words)

    @property
    def _is_hidden(self) -> bool:
        return self._hidden_run or (bool(self._shape) and not self._shape[-1])

    def _named(self, reference: str | None) -> str:
        found = self._relations.get(reference or "")
        return found.part if found else ""

    def _note(self, words: str) -> None:
        if words not in self._notes:
            self._notes.append(words)


def drawing_text(package: Package, part: str) -> str:
    """The words of a chart or a diagram, which lie in a part of their own."""
    said: list[str] = []
    path: list[str] = []
    for event in events(package.read(part), package.name):
        if event.kind == "start":
            path.append(event.name)
        elif event.kind == "end":
            if path:
                path.pop()
            if event.name in ("p", "pt"):
                said.append("\n")
        elif path and (path[-1] == "t" or (path[-1] == "v" and "strCache" in path)):
            said.append(event.name)
    lines = (" ".join(line.split()) for line in "".join(said).split("\n"))
    return "\n".join(dict.fromkeys(line for line in lines if line))


def word_passages(package: Package, notes: list[str]) -> Iterator[Passage]:
    """Read a document of Word: headers, text with its notes and boxes, footers."""
    part = main_part(package, "word/document.xml")
    reader = _Reader(package, part, notes)
    for relation in relations(package, part).values():
        if relation.kind in ("footnotes", "endnotes") and relation.part in package:
            below = _Notes(package, relation.part, notes, relation.kind.removesuffix("s"))
            below.read(package.read(relation.part))
            if relation.kind == "footnotes":
                reader.footnotes = below.found
            else:
                reader.endnotes = below.found
    reader.read(package.read(part))
    texts, pictures = [reader.flow.text], reader.pictures
    for section in dict.fromkeys(reader.sections):
        if section in package:
            beside_it = _Reader(package, section, notes)
            beside_it.read(package.read(section))
            text = beside_it.flow.text
            if re.search(r"[^\W\d_]{2}", text) and text not in texts:  # more than a page's number
                texts.insert(0 if "header" in section else len(texts), text)
            pictures = [*pictures, *beside_it.pictures]
    yield Passage({}, tidy("\n\n".join(texts)), pictures)


class _Notes(_Reader):
    """Reads a part of footnotes or endnotes: each apart, by its id."""

    def __init__(self, package: Package, part: str, notes: list[str], kind: str) -> None:
        super().__init__(package, part, notes)
        self.found: dict[str, str] = {}
        self._kind = kind
        self._number = ""

    def _start(self, event: Event) -> None:
        if event.name == self._kind:
            # Other types are lines between the text and its notes.
            is_note = event.attributes.get("type", "normal") == "normal"
            self._number = event.attributes.get("id", "") if is_note else ""
            self.flow.open_box()
        super()._start(event)

    def _end(self, name: str) -> None:
        super()._end(name)
        if name == self._kind and (text := self.flow.close_box()) and self._number:
            self.found[self._number] = text


def slide_passages(package: Package, notes: list[str]) -> Iterator[Passage]:
    """Read slides in their order, each with its speaker's notes."""
    for number, part in enumerate(_slides(package), 1):
        if part not in package:
            notes.append(f"page {number} is missing")
            continue
        reader = _Reader(package, part, notes)
        reader.read(package.read(part))
        texts = [reader.flow.text]
        for relation in relations(package, part).values():
            if relation.kind == "notesSlide" and relation.part in package:
                spoken = _Reader(package, relation.part, notes)
                spoken.read(package.read(relation.part))
                texts.append(spoken.flow.text)
        yield Passage({"page": number}, tidy("\n\n".join(texts)), reader.pictures)


def _slides(package: Package) -> list[str]:
    part = main_part(package, "ppt/presentation.xml")
    known = relations(package, part)
    return [
        known[reference].part
        for event in events(package.read(part), package.name)
        if event.kind == "start"
        and event.name == "sldId"
        and (reference := event.attributes.get("r:id", "")) in known
    ]


def core_facts(package: Package) -> dict[str, str]:
    """Title and author."""
    found: dict[str, str] = {}
    if "docProps/core.xml" not in package:
        return found
    inside = ""
    for event in events(package.read("docProps/core.xml"), package.name):
        if event.kind == "start":
            inside = {"title": "title", "creator": "author"}.get(event.name, "")
        elif event.kind == "text" and inside:
            found[inside] = found.get(inside, "") + event.name
        elif event.kind == "end":
            inside = ""
    return found


def slide_facts(package: Package) -> dict[str, object]:
    """Title, author and number of slides."""
    return {**core_facts(package), "pages": len(_slides(package))}


READERS: Mapping[str, Callable[[Package, list[str]], Iterator[Passage]]] = {
    "docx": word_passages,
    "pptx": slide_passages,
}
