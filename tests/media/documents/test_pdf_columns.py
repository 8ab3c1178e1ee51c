"""PDF: what is a table and what are columns of prose; files without a page or a form."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensorium import Document
from sensorium.errors import MediaError
from sensorium.media import Text
from tests.media.pdfs import Pdf, lines


def text(drawn: str) -> str:
    pdf = Pdf()
    pdf.page(drawn)
    passages = [segment.media for segment in Document(pdf.content()).segments()]
    return " ".join(passage.text for passage in passages if isinstance(passage, Text))


def test_rows_of_short_cells_are_no_columns() -> None:
    """Their cells together are as wide as prose."""
    places = (40, 110, 190, 300)
    cells = [(f"item {n}", f"{n}.50", f"2024-01-{n:02}", f"remark of item {n}") for n in range(9)]
    rows = "".join(
        lines(cell, left=left, top=600 - 14 * n, size=10)
        for n, row in enumerate(cells)
        for left, cell in zip(places, row, strict=True)
    )
    assert text(rows) == " ".join(" ".join(row) for row in cells)


def test_three_columns_of_prose() -> None:
    columns = [[f"Column {c} has line {n}, on pears" for n in range(6)] for c in range(3)]
    rows = "".join(
        lines(line, left=30 + 185 * c, top=600 - 14 * n, size=10)
        for n in range(6)
        for c, line in enumerate(column[n] for column in columns)
    )
    assert text(rows) == " ".join(line for column in columns for line in column)


def test_a_file_without_pages_is_not_taken_for_a_locked_one(tmp_path: Path) -> None:
    (tmp_path / "none.pdf").write_bytes(Pdf().content())
    noise = b"%PDF-1.7\n" + bytes(range(256))
    for before in (b"", noise, Pdf().content()[:100]):
        with pytest.raises(MediaError):  # whose error PDFium still has
            list(Document(before, "pdf").segments())
        with pytest.raises(MediaError, match="the PDF has no pages"):
            list(Document(tmp_path / "none.pdf").segments())


def test_fields_that_no_form_names() -> None:
    """Pages that were taken out of another file have them."""
    pdf = Pdf()
    fields = [
        pdf.add(f"<</Type/Annot/Subtype/Widget/Rect[40 {500 - 40 * n} 240 {520 - 40 * n}]{more}>>")
        for n, more in enumerate(
            ["/FT/Tx/T(a)/V(Ann Smith)/F 4", "/FT/Tx/T(b)/V(secret)/Ff 8192",
             "/FT/Tx/T(c)/V(unseen)/F 2", "/FT/Btn/T(d)/V/Off/AS/Off", "/FT/Ch/T(e)/V(pears)"]
        )
    ]  # fmt: skip
    annotations = " ".join(f"{number} 0 R" for number in fields)
    pdf.page(lines("Name"), entries=f"/Annots[{annotations}]")
    passages = [one.media for one in Document(pdf.content()).segments()]
    assert [one.text for one in passages if isinstance(one, Text)] == ["Name Ann Smith pears"]
