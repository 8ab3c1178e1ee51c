"""The text of a page of a PDF, as it is read there: by column, with what forms and notes say."""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import pypdfium2.raw as pdfium

from sensorium.media.documents.wording import joined_lines, plain_letters, words_at_line_ends

MIN_ROWS = 3
"""Rows that go on beyond the same gap, from which on it is one between columns."""

MIN_LETTERS = 18
"""Letters of a line, half of them at least, from which on columns hold prose: less is a table,
which is read row by row."""

MAX_RUNS = 20_000
"""Runs of letters up to which columns are looked for; a map of a town has as many."""

LETTERS_ASKED = 24
"""Letters of a page, about, that are asked how they stand."""

MAX_NESTED = 8
"""Forms (pictures of vectors that a page uses) within forms that are looked into."""

LAYER_SCALE = 2.0
"""Pixels per point where it is found out what layers show: letters of 4 points still have some."""

MAX_SIDE = 4096
"""Pixels of a side of such a picture."""

MAX_NOTE = 100_000
"""Characters of one field or note."""

_HIDDEN = pdfium.FPDF_ANNOT_FLAG_HIDDEN | pdfium.FPDF_ANNOT_FLAG_NOVIEW
_PASSWORD = 1 << 13  # of a text field's flags (ISO 32000-1, table 228)
_Letter = tuple[str, float]
"""A letter and the middle of where it stands; that is not a number for spaces that PDFium adds."""

# Words of scripts that are written from right to left, marks included; letters with their marks.
_LEFTWARDS = re.compile("[\u0590-\u05ff\u0610-\u06ef\u06fa-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]{2,}")
_CLUSTER = re.compile(
    "[^\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670][\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670]*|."
)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]")
_COMMENTS = frozenset(
    {
        pdfium.FPDF_ANNOT_TEXT, pdfium.FPDF_ANNOT_FREETEXT, pdfium.FPDF_ANNOT_HIGHLIGHT,
        pdfium.FPDF_ANNOT_UNDERLINE, pdfium.FPDF_ANNOT_SQUIGGLY, pdfium.FPDF_ANNOT_STRIKEOUT,
        pdfium.FPDF_ANNOT_SQUARE, pdfium.FPDF_ANNOT_CIRCLE, pdfium.FPDF_ANNOT_LINE,
        pdfium.FPDF_ANNOT_POLYGON, pdfium.FPDF_ANNOT_POLYLINE, pdfium.FPDF_ANNOT_INK,
        pdfium.FPDF_ANNOT_CARET, pdfium.FPDF_ANNOT_STAMP,
    }
)  # fmt: skip
"""Annotations whose contents people wrote, shown on the page or when one points at them."""

_CHECKED = frozenset({"", "yes", "on", "off", "true", "x", "ja", "oui", "si", "checked"})
"""Values of a box that say no more than that it is checked."""


@dataclass(frozen=True, slots=True)
class _Run:
    """Letters that stand in one row, in points from the lower left."""

    number: int
    left: float
    lower: float
    right: float
    upper: float
    size: float = 0.0  # of the letters, at least what the page's larger runs have: dots are low

    def is_beside(self, other: _Run) -> bool:
        """Whether two runs stand in the same row."""
        shared = min(self.upper, other.upper) - max(self.lower, other.lower)
        return shared > 0.5 * min(self.upper - self.lower, other.upper - other.lower)

    def is_above_or_below(self, other: _Run) -> bool:
        """Whether two runs share no row."""
        return min(self.upper, other.upper) < max(self.lower, other.lower)

    def is_far_before(self, other: _Run) -> bool:
        """Whether more than the height of a line lies between it and another of its row."""
        return other.left - self.right > max(self.size, other.size) and self.is_beside(other)


def page_text(page: Any, layered: bool) -> str:
    """The text of a page, words put together that line ends part.

    What lies outside of the crop box is not there, nor what layers hide. Columns are read one
    after the other where the file draws them row by row. Behind it stand, as paragraphs, what
    was filled into forms, and notes.

    Parameters
    ----------
    page : pypdfium2.PdfPage
    layered : bool
        Whether the document has layers, some of which may be switched off.
    """
    textpage = page.get_textpage()
    turn = page.get_rotation()
    turned = _turn_to_read(textpage, turn)
    if turn != turned:  # PDFium orders lines as they stand on the page as it is turned
        textpage.close()
        page.set_rotation(turned)
        textpage = page.get_textpage()
    try:
        hidden = _hidden_texts(page) if layered else frozenset()
        text = textpage.get_text_bounded()
        unsure = turned != 0 or _LEFTWARDS.search(text) is not None
        order = _order(textpage, turned, any_order=unsure)
        if hidden or order is not None:
            text = _arranged(textpage, page.get_bbox(), turned, order, hidden)
    finally:
        textpage.close()
        if turn != turned:
            page.set_rotation(turn)
    text = plain_letters(text.replace("\r\n", "\n"))
    text = joined_lines(text, words_at_line_ends(text))
    said = [text.strip("\n"), *dict.fromkeys(_said(page))] if _has_notes(page) else [text]
    # A hyphen that ends the page is one; what else is no letter is left out.
    text = "\n\n".join(one for one in said if one)
    return _CONTROLS.sub("", re.sub("[\x02\ufffe]", "-", text))


def _has_notes(page: Any) -> bool:
    return int(pdfium.FPDFPage_GetAnnotCount(page)) > 0


def _turn_to_read(textpage: Any, turn: int) -> int:
    """How a page is to be turned, in degrees clockwise, for most letters to stand upright."""
    count = textpage.count_chars()
    places = range(0, count, max(1, count // LETTERS_ASKED))
    angles = Counter(
        round(math.degrees(pdfium.FPDFText_GetCharAngle(textpage, place)) / 90) % 4
        for place in places
        if chr(pdfium.FPDFText_GetUnicode(textpage, place)).isalnum()
    )
    if not angles:
        return turn
    return -90 * max(angles, key=lambda angle: angles[angle]) % 360


def _turned(x: float, y: float, turn: int) -> tuple[float, float]:
    """A point of a page that is turned clockwise, y upwards."""
    return {0: (x, y), 90: (y, -x), 180: (-x, -y), 270: (-y, x)}[turn]


# What layers hide ------------------------------------------------------------


def objects(page: Any) -> Iterator[tuple[Any, int]]:
    """Each object of a page and of the forms that it uses, with how deep in forms it lies."""
    waiting = [
        (iter(range(pdfium.FPDFPage_CountObjects(page))), page, pdfium.FPDFPage_GetObject, 0)
    ]
    while waiting:
        numbers, parent, get, depth = waiting[-1]
        for number in numbers:
            found = get(parent, number)
            if not found:
                continue
            yield found, depth
            if depth < MAX_NESTED and (
                pdfium.FPDFPageObj_GetType(found) == pdfium.FPDF_PAGEOBJ_FORM
            ):
                inner = iter(range(max(0, pdfium.FPDFFormObj_CountObjects(found))))
                waiting.append((inner, found, pdfium.FPDFFormObj_GetObject, depth + 1))
                break
        else:
            waiting.pop()


def may_be_hidden(found: Any, depth: int) -> bool:
    """Whether an object belongs to a layer, or to a form, which may belong to one."""
    return depth > 0 or any(
        _string(pdfium.FPDFPageObjMark_GetName, pdfium.FPDFPageObj_GetMark(found, number)) == "OC"
        for number in range(max(0, pdfium.FPDFPageObj_CountMarks(found)))
    )


def _hidden_texts(page: Any) -> frozenset[int]:
    """Addresses of the texts that are not drawn, though they are to be seen.

    PDFium's public functions do not tell which layers are switched off, but it does not draw
    them: each text gets a colour of its own, and the colours that appear are those of texts that
    are shown. Texts that are invisible by themselves (the recognised words of scans) stay.
    """
    asked = [
        found
        for found, depth in objects(page)
        if pdfium.FPDFPageObj_GetType(found) == pdfium.FPDF_PAGEOBJ_TEXT
        and pdfium.FPDFTextObj_GetTextRenderMode(found) in (0, 1, 2)
        and may_be_hidden(found, depth)
    ]
    if not asked:
        return frozenset()
    for number, found in enumerate(asked, 1):
        colour = (number & 255, number >> 8 & 255, number >> 16 & 255, 255)
        pdfium.FPDFPageObj_SetBlendMode(found, b"Normal")
        pdfium.FPDFPageObj_SetFillColor(found, *colour)
        pdfium.FPDFPageObj_SetStrokeColor(found, *colour)
    scale = min(LAYER_SCALE, MAX_SIDE / max(page.get_size()))
    pixels = page.render(
        scale=scale, no_smoothtext=True, no_smoothpath=True, draw_annots=False,
        may_draw_forms=False, rev_byteorder=True,
    ).to_numpy()[:, :, :3].astype(np.uint32)  # fmt: skip
    shown = np.unique(pixels @ np.array([1, 256, 65536], np.uint32))
    seen = set(shown.tolist())
    return frozenset(address(found) for number, found in enumerate(asked, 1) if number not in seen)


def address(found: Any) -> int:
    """Where PDFium keeps an object: its name as long as the page is open."""
    return int(ctypes.cast(found, ctypes.c_void_p).value or 0)


# The order of columns --------------------------------------------------------


def _order(textpage: Any, turn: int, any_order: bool) -> list[_Run] | None:
    """The runs of a page by column, where it draws rows across columns.

    None where it does not, and PDFium's own order and spaces hold; it puts none before a single
    letter, however far away that stands, and no line's end between turned lines. With
    `any_order`, the runs as they are then.
    """
    count = textpage.count_rects()
    if not 1 <= count <= MAX_RUNS:
        return None
    runs = []
    for number in range(count):
        left, lower, right, upper = textpage.get_rect(number)
        (one, two), (three, four) = _turned(left, lower, turn), _turned(right, upper, turn)
        runs.append(_Run(number, min(one, three), min(two, four), max(one, three), max(two, four)))
    usual = sorted(run.upper - run.lower for run in runs)[9 * count // 10]
    runs = [replace(run, size=max(usual, run.upper - run.lower)) for run in runs]
    ordered = _by_column(runs)
    glued = any(
        one.is_far_before(two) and two.right - two.left < two.size for one, two in pairwise(runs)
    )
    return None if ordered == runs and not glued and not any_order else ordered


def _by_column(runs: list[_Run]) -> list[_Run]:
    """Runs by column, where at least `MIN_ROWS` rows of columns of prose follow each other."""
    jumps = _jumps(runs)
    gap = _common_gap(jumps)
    if gap is None:
        return runs
    ordered: list[_Run] = []
    block: list[_Run] = []
    for run in runs:
        if run.left < gap - 1 and run.right > gap + 1:  # a heading, across both
            ordered += _columns_of(block, gap)
            block = []
            ordered.append(run)
        else:
            block.append(run)
    return ordered + _columns_of(block, gap)


def _columns_of(block: list[_Run], gap: float) -> list[_Run]:
    """The runs of what is left of a gap, then those on its right, where both are columns."""
    left = [run for run in block if run.right <= gap + 1]
    right = [run for run in block if run.right > gap + 1]
    rows = sum(one <= gap <= two for one, two in _jumps(block))
    if rows < MIN_ROWS or not (_is_prose(left) and _is_prose(right)):
        return block
    return _by_column(left) + _by_column(right)


def _jumps(runs: Sequence[_Run]) -> list[tuple[float, float]]:
    """The gaps, wider than a line is high, that rows are drawn across."""
    return [(one.right, two.left) for one, two in pairwise(runs) if one.is_far_before(two)]


def _common_gap(jumps: Sequence[tuple[float, float]]) -> float | None:
    """The place that most gaps have in common; of such, the middle of the widest."""
    ends = sorted([(left, 1) for left, _ in jumps] + [(right, -1) for _, right in jumps])
    crossed, best = 0, (0, 0.0, 0.0)
    for (start, more), (stop, _) in pairwise(ends):
        crossed += more
        best = max(best, (crossed, stop - start, (start + stop) / 2))
    return best[2] if best[0] >= MIN_ROWS else None


def _is_prose(runs: Sequence[_Run]) -> bool:
    """Whether runs are lines of about the same length, as in columns; a table's cells are not."""
    lines: list[list[_Run]] = []  # a row of columns, or of cells, has several
    for run in runs:
        if lines and lines[-1][-1].is_beside(run) and not lines[-1][-1].is_far_before(run):
            lines[-1].append(run)
        else:
            lines.append([run])
    if len(lines) < MIN_ROWS:
        return False
    heights = [max(run.upper - run.lower for run in line) for line in lines]
    widths = [max(run.right for run in line) - min(run.left for run in line) for line in lines]
    long = max(widths)
    # A letter is about half as wide as its line is high.
    letters = sorted(
        2 * width / max(height, 1.0) for width, height in zip(widths, heights, strict=True)
    )
    full = sum(width > 0.7 * long for width in widths)
    return letters[len(letters) // 2] >= MIN_LETTERS and full >= 0.5 * len(lines)


def _arranged(
    textpage: Any,
    box: Sequence[float],
    turn: int,
    order: list[_Run] | None,
    hidden: frozenset[int],
) -> str:
    """The text of a page letter by letter: in an order of its own, without what is hidden."""
    runs = sorted(order, key=lambda run: run.number) if order is not None else []
    texts: list[list[_Letter]] = [[] for _ in range(max(1, len(runs)))]
    left, lower, right, upper = (ctypes.c_double() for _ in range(4))
    place = 0
    dropped = False
    for number in range(textpage.count_chars()):
        letter = chr(pdfium.FPDFText_GetUnicode(textpage, number))
        if pdfium.FPDFText_IsGenerated(textpage, number):
            if not dropped or letter in "\r\n":
                texts[place].append((letter, math.nan))
            continue
        if (
            hidden
            and not letter.isspace()  # which leaves no trace
            and address(pdfium.FPDFText_GetTextObject(textpage, number)) in hidden
        ):
            dropped = True
            continue
        pdfium.FPDFText_GetCharBox(textpage, number, left, right, lower, upper)
        x, y = (left.value + right.value) / 2, (lower.value + upper.value) / 2
        dropped = not (box[0] <= x <= box[2] and box[1] <= y <= box[3])
        if dropped:
            continue
        x, y = _turned(x, y, turn)
        while place + 1 < len(runs) and not _holds(runs[place], x, y):
            if not any(_holds(run, x, y) for run in runs[place + 1 : place + 4]):
                break  # a letter that is larger than its run
            place += 1
        texts[place].append((letter, x))
    if order is None:
        return _leftwards(texts[0])
    arranged: list[_Letter] = []
    for before, run in zip([None, *order], order, strict=False):
        last = arranged[-1][0] if arranged else "\n"
        if before is not None and before.number + 1 != run.number and last != "\n":
            arranged.append(("\n", math.nan))
        elif before is not None and not last.isspace() and before.is_far_before(run):
            arranged.append((" ", math.nan))
        elif before is not None and not last.isspace() and before.is_above_or_below(run):
            arranged.append(("\n", math.nan))
        arranged += texts[run.number]
    return _leftwards(arranged)


def _leftwards(letters: list[_Letter]) -> str:
    """Letters as a text; words of Hebrew and Arabic that stand rightwards are turned.

    Their files draw letters from left to right or from right to left, and PDFium turns some of
    those that it need not; where the letters stand tells the direction.
    """
    text = "".join(letter for letter, _ in letters)

    def turn(word: re.Match[str]) -> str:
        first, last = letters[word.start()][1], letters[word.end() - 1][1]
        return "".join(reversed(_CLUSTER.findall(word[0]))) if first < last else word[0]

    return _LEFTWARDS.sub(turn, text)


def _holds(run: _Run, x: float, y: float) -> bool:
    return run.left - 1 <= x <= run.right + 1 and run.lower - 1 <= y <= run.upper + 1


# Forms and notes -------------------------------------------------------------


def _said(page: Any) -> Iterator[str]:
    """What was filled into the fields of a page, and what notes on it say."""
    form = page.formenv
    for number in range(pdfium.FPDFPage_GetAnnotCount(page)):
        note = pdfium.FPDFPage_GetAnnot(page, number)
        if not note:
            continue
        try:
            kind = pdfium.FPDFAnnot_GetSubtype(note)
            if pdfium.FPDFAnnot_GetFlags(note) & _HIDDEN:
                continue
            if kind == pdfium.FPDF_ANNOT_WIDGET:
                words = _field(form, note) if form is not None else _value(note)
            elif kind in _COMMENTS:
                words = _string(pdfium.FPDFAnnot_GetStringValue, note, b"Contents")
            else:
                continue
        finally:
            pdfium.FPDFPage_CloseAnnot(note)
        lines = plain_letters(words.replace("\r\n", "\n").replace("\r", "\n")).strip()
        if lines:
            yield lines


def _field(form: Any, note: Any) -> str:
    """What a reader sees in a field: its text, what is chosen; of a checked box its meaning."""
    kind = pdfium.FPDFAnnot_GetFormFieldType(form, note)
    if kind == pdfium.FPDF_FORMFIELD_TEXTFIELD:
        if pdfium.FPDFAnnot_GetFormFieldFlags(form, note) & _PASSWORD:
            return ""
        return _string(pdfium.FPDFAnnot_GetFormFieldValue, form, note)
    if kind in (pdfium.FPDF_FORMFIELD_COMBOBOX, pdfium.FPDF_FORMFIELD_LISTBOX):
        chosen = [
            _string(pdfium.FPDFAnnot_GetOptionLabel, form, note, number)
            for number in range(max(0, pdfium.FPDFAnnot_GetOptionCount(form, note)))
            if pdfium.FPDFAnnot_IsOptionSelected(form, note, number)
        ]
        return "\n".join(chosen) or _string(pdfium.FPDFAnnot_GetFormFieldValue, form, note)
    if kind in (pdfium.FPDF_FORMFIELD_CHECKBOX, pdfium.FPDF_FORMFIELD_RADIOBUTTON):
        if not pdfium.FPDFAnnot_IsChecked(form, note):
            return ""
        value = _string(pdfium.FPDFAnnot_GetFormFieldExportValue, form, note)
        named = _string(pdfium.FPDFAnnot_GetFormFieldAlternateName, form, note)
        tells = value.lower() not in _CHECKED and not value.isdigit()
        return " ".join(one for one in (named, value if tells else "") if one)
    return _value(note) if kind <= pdfium.FPDF_FORMFIELD_UNKNOWN else ""


def _value(note: Any) -> str:
    """What was filled into a field that no form names, as on pages taken out of another file."""
    flags = ctypes.c_float()
    if pdfium.FPDFAnnot_GetNumberValue(note, b"Ff", flags) and int(flags.value) & _PASSWORD:
        return ""
    if pdfium.FPDFAnnot_GetValueType(note, b"V") != pdfium.FPDF_OBJECT_STRING:
        return ""
    return _string(pdfium.FPDFAnnot_GetStringValue, note, b"V")


def _string(read: Callable[..., int], *asked: Any) -> str:
    """A text that PDFium writes into a buffer, as UTF-16."""
    if read is pdfium.FPDFPageObjMark_GetName:
        length = ctypes.c_ulong()
        buffer = ctypes.create_string_buffer(64)
        found = read(*asked, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), 64, length)
        size = min(64, length.value) if found else 0
    else:
        size = min(2 * MAX_NOTE, read(*asked, None, 0))
        buffer = ctypes.create_string_buffer(max(2, size))
        if size:
            size = min(
                size, read(*asked, ctypes.cast(buffer, ctypes.POINTER(ctypes.c_ushort)), size)
            )
    return buffer.raw[:size].decode("utf-16-le", "ignore").rstrip("\0")
