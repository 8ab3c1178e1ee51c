"""The text of a document while its markup is read: paragraphs, rows of cells, boxes, notes."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

_GAP = re.compile(r"(?:(?<![ \t])[ \t]+)?\n\s*\n\s*")
"""Spaces from their first one on: tried from each of them, long ones take minutes."""


@dataclass
class Passage:
    """A stretch of a document: all of it, a slide, a chapter, a sheet.

    Attributes
    ----------
    details : dict
        Its place: ``page`` or ``chapter``, from 1; empty for a whole document.
    text : str
        Paragraphs are apart by an empty line.
    pictures : list of str
        Parts of the package that it shows.
    """

    details: dict[str, Any]
    text: str = ""
    pictures: list[str] = field(default_factory=list)


class Flow:
    """Text in the making.

    What stands in a paragraph without being a part of it (text boxes, notes, readings of rubies)
    comes behind it.
    """

    def __init__(self) -> None:
        self._texts: list[list[str]] = [[]]  # of what is open: the document, cells, boxes
        self._rows: list[list[str]] = []
        self._behind: list[list[str]] = [[]]
        self.readings: list[str] = []

    def say(self, words: str) -> None:
        """Go on with the paragraph."""
        self._texts[-1].append(words)

    def read(self, words: str) -> None:
        """Tell how words of a ruby are read."""
        self.readings.append(words)

    def behind(self, text: str) -> None:
        """Put a text behind the paragraph."""
        if text.strip():
            self._behind[-1].append(text)

    def end_paragraph(self) -> None:
        """End a paragraph, and put in what belongs behind it."""
        if self.readings:
            self.say(f" ({''.join(self.readings)})")
            self.readings.clear()
        self.say("\n\n")
        for text in self._behind[-1]:
            self.say(f"{text}\n\n")
        self._behind[-1].clear()

    def open_box(self) -> None:
        """Begin a text box, or a note."""
        self._texts.append([])
        self._behind.append([])

    def close_box(self) -> str:
        """End it, and give its text."""
        if len(self._texts) < 2:
            return ""
        left = self._behind.pop()
        return tidy("".join([*self._texts.pop(), *(f"\n\n{text}" for text in left)]))

    def open_row(self) -> None:
        """Begin a row of a table."""
        self._rows.append([])

    def close_cell(self) -> None:
        """End a cell, which was begun as a box."""
        text = " ".join(self.close_box().split())
        if self._rows:
            self._rows[-1].append(text)

    def close_row(self) -> None:
        """End a row: cells apart by tabs."""
        if self._rows and any(cells := self._rows.pop()):
            self.say("\t".join(cells) + "\n\n")

    @property
    def text(self) -> str:
        """What was said."""
        return tidy("".join([*self._texts[0], *(f"\n\n{text}" for text in self._behind[0])]))


def tidy(text: str) -> str:
    """Leave one empty line between paragraphs."""
    return _GAP.sub("\n\n", text).strip()
