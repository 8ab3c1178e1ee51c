"""PDF: text as it is read, forms, layers, scans and photos, and notes on what is lost."""

from __future__ import annotations

import io
import math
import zlib
from collections.abc import Sequence

import numpy as np
import PIL.Image
import pytest

from sensorium import Document, Image
from sensorium.media import Text
from sensorium.media.documents.pdf import has_layers
from tests.media.pdfs import Pdf, lines, text_pdf

PROSE = [f"Line {n} tells about the garden, the well and the pear trees." for n in range(20)]


def texts(content: bytes) -> list[str]:
    found = [one.media for one in Document(content).segments()]
    return [one.text for one in found if isinstance(one, Text)]


def text(content: bytes) -> str:
    return " ".join(texts(content))


def drawn(content: bytes) -> list[tuple[dict[str, object], PIL.Image.Image]]:
    """The pictures of a document with their places."""
    return [
        (dict(one.details), one.media.load())
        for one in Document(content).segments()
        if isinstance(one.media, Image)
    ]


def photo(seed: int, width: int = 320, height: int = 240) -> PIL.Image.Image:
    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3), dtype=np.uint8)
    return PIL.Image.fromarray(small).resize((width, height), PIL.Image.Resampling.BICUBIC)


def scan() -> PIL.Image.Image:
    page = PIL.Image.new("L", (620, 877), 255)
    for row in range(60, 800, 20):
        page.paste(0, (60, row, 560, row + 8))
    return page


def one_page(content: str, **given: object) -> bytes:
    pdf = Pdf()
    pdf.page(content, **given)  # type: ignore[arg-type]
    return pdf.content()


# Text ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("drawn_lines", "read"),
    [
        (("The meeting of the horticul-", "tural society."), "The meeting of the horticultural so"),
        (("Donaudampf-", "schifffahrt ist lang"), "Donaudampfschifffahrt ist lang"),
        (("Mr. Hill was a well-", "known man of Nord-", "S\\374d, from 19-", "20 on"),
         "Mr. Hill was a well-known man of Nord-Süd, from 19-20 on"),
    ],
)  # fmt: skip
def test_hyphens_at_line_ends(drawn_lines: Sequence[str], read: str) -> None:
    assert text(one_page(lines(*drawn_lines))).startswith(read)


def test_ligatures_and_soft_hyphens_are_letters() -> None:
    """As LaTeX and web browsers write them: the letters of words, that is what is searched."""
    pdf = Pdf()
    letters = pdf.stream(
        "/CIDInit/ProcSet findresource begin 12 dict begin begincmap/CMapName/A def/CMapType 2 def "
        "1 begincodespacerange<00><ff>endcodespacerange 4 beginbfchar<01><fb01><02><fb02><03><fb00>"
        "<04><00ad>endbfchar endcmap end end"
    )
    font = pdf.add(
        f"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/ToUnicode {letters} 0 R"
        "/Encoding<</Differences[1/fi/fl/ff/hyphen]>>>>"
    )
    pdf.page(
        lines("a \\001sh, a \\002ag, o\\003, horti\\004", "cultural").replace("/F1", "/G"),
        resources=f"/Font<</G {font} 0 R>>",
    )
    content = pdf.content().replace(b"/Font<</F1 3 0 R>>", b"", 1)
    assert text(content) == "a fish, a flag, off, horticultural"


def test_columns_that_are_drawn_row_by_row() -> None:
    left = [f"The left column has line {n}, on pears and" for n in range(6)]
    right = [f"The right column has line {n}, on wells and" for n in range(6)]
    rows = "".join(
        lines(one, left=40, top=600 - 14 * n, size=10)
        + lines(two, left=310, top=600 - 14 * n, size=10)
        for n, (one, two) in enumerate(zip(left, right, strict=True))
    )
    head = lines("A heading that is as wide as both of the columns below it are", size=16)
    foot = lines("Below them a line goes over the whole width of the page again", top=400, size=14)
    read = text(one_page(head + rows + foot))
    assert read.index("left column has line 5") < read.index("right column has line 0")
    assert read.startswith("A heading") and read.endswith("page again")
    # By column from the start: nothing changes.
    columns = lines(*left, left=40, top=600, size=10) + lines(*right, left=310, top=600, size=10)
    assert text(one_page(columns)) == " ".join(left + right)


def test_tables_are_read_row_by_row() -> None:
    rows = "".join(
        lines(name, left=40, top=600 - 14 * n, size=10) + lines(price, left=310, top=600 - 14 * n)
        for n, (name, price) in enumerate(
            [
                ("Pears", "12 euros"),
                ("Apples, red ones", "7"),
                ("Quinces", "30 euros"),
                ("Figs", "1"),
            ]
        )
    )
    assert text(one_page(rows)) == "Pears 12 euros Apples, red ones 7 Quinces 30 euros Figs 1"


def test_what_lies_outside_of_the_page_is_not_read() -> None:
    content = lines("inside", left=150, top=300) + lines("outside", left=150, top=600)
    for turn in (0, 90, 180, 270):
        entries = f"/CropBox[100 100 400 500]/Rotate {turn}"
        assert text(one_page(content, entries=entries)) == "inside"


def test_turned_pages_and_invisible_text() -> None:
    turned = "BT /F1 12 Tf 0 1 -1 0 300 100 Tm (Turned line one) Tj ET "
    assert text(one_page(turned + turned.replace("300", "320"), entries="/Rotate 90")) == (
        "Turned line one Turned line one"
    )
    assert text(one_page("BT 3 Tr /F1 12 Tf 60 700 Td (recognised) Tj ET")) == "recognised"


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
@pytest.mark.parametrize(
    ("letters", "start", "next_line"),
    [
        ("1 0 0 1", (60, 700), (0, -20)),
        ("0 1 -1 0", (300, 100), (20, 0)),
        ("0 -1 1 0", (300, 700), (-20, 0)),
        ("-1 0 0 -1", (400, 300), (0, 20)),
    ],
)
def test_lines_in_their_order_however_they_stand(
    turn: int, letters: str, start: tuple[int, int], next_line: tuple[int, int]
) -> None:
    drawn_lines = "".join(
        f"BT /F1 12 Tf {letters} {start[0] + n * next_line[0]} {start[1] + n * next_line[1]} Tm "
        f"({line}) Tj ET "
        for n, line in enumerate(["This is one", "this another", "and a third"])
    )
    content = one_page(drawn_lines, entries=f"/Rotate {turn}")
    assert text(content) == "This is one this another and a third"


LAYERED = (
    "/OC /A BDC BT /F1 12 Tf 60 700 Td (layer on) Tj ET EMC /OC /B BDC BT /F1 12 Tf 60 650 Td "
    "(layer off) Tj ET EMC /X Do BT /F1 12 Tf 60 500 Td (in none) Tj ET"
)


def layered() -> bytes:
    pdf = Pdf()
    on, off = pdf.add("<</Type/OCG/Name(on)>>"), pdf.add("<</Type/OCG/Name(off)>>")
    form = pdf.stream(
        lines("a form that is off", top=600),
        f"/Type/XObject/Subtype/Form/BBox[0 0 595 842]/OC {off} 0 R"
        "/Resources<</Font<</F1 3 0 R>>>>",
    )
    picture = pdf.picture(photo(1), f"/OC {off} 0 R")
    pdf.page(
        f"{LAYERED} /OC /B BDC q 200 0 0 150 60 300 cm /P Do Q EMC",
        {"X": form, "P": picture},
        f"/Properties<</A {on} 0 R/B {off} 0 R>>",
    )
    return pdf.content(f"/OCProperties<</OCGs[{on} 0 R {off} 0 R]/D<</OFF[{off} 0 R]>>>>")


def test_layers_that_are_off_are_neither_read_nor_drawn() -> None:
    assert text(layered()) == "layer on in none"
    assert drawn(layered()) == []
    shown = layered().replace(b"/OFF[", b"/ON [")
    assert text(shown) == "layer on layer off a form that is off in none"
    assert len(drawn(shown)) == 1


def test_layers_of_pictures_and_base_states() -> None:
    for state, shown in (
        ("/OFF[{off}]", ["layer on"]),
        ("/BaseState/OFF/ON[{on}]", ["layer on"]),
        ("/BaseState/ON", ["layer on", "layer off"]),
    ):
        pdf = Pdf()
        on, off = pdf.add("<</Type/OCG/Name(on)>>"), pdf.add("<</Type/OCG/Name(off)>>")
        picture = pdf.picture(photo(1), f"/OC {off} 0 R")  # said by the picture itself
        pdf.page(
            f"/OC /A BDC {lines('layer on')} EMC /OC /B BDC {lines('layer off', top=650)} EMC "
            "q 200 0 0 150 60 300 cm /P Do Q",
            {"P": picture},
            f"/Properties<</A {on} 0 R/B {off} 0 R>>",
        )
        order = state.format(on=f"{on} 0 R", off=f"{off} 0 R")
        content = pdf.content(f"/OCProperties<</OCGs[{on} 0 R {off} 0 R]/D<<{order}>>>>")
        assert text(content) == " ".join(shown)
        assert len(drawn(content)) == len(shown) - 1


def test_layers_are_found_in_compressed_catalogues() -> None:
    assert has_layers(layered()) and not has_layers(text_pdf("a"))
    packed = zlib.compress(b"1 0 <</OCProperties 2 0 R>>")
    assert has_layers(b"1 0 obj<</Type/ObjStm/N 1>>stream\r\n" + packed + b"\nendstream")
    packed = zlib.compress(b"1 0 <</Type/Catalog>>")
    assert not has_layers(b"1 0 obj<</Type/ObjStm/N 1>>stream\n" + packed + b"\nendstream")
    assert has_layers(b"1 0 obj<</Type/ObjStm/N 1>>stream\nencrypted")


# Forms and notes -------------------------------------------------------------


def form() -> bytes:
    pdf = Pdf()
    dingbats = pdf.add("<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>")
    place = iter(range(650, 0, -40))

    def field(entries: str, flags: int = 4) -> int:
        y = next(place)
        return pdf.add(
            f"<</Type/Annot/Subtype/Widget/F {flags}/Rect[60 {y} 260 {y + 20}]{entries}>>"
        )

    letters = "/DA(/F1 12 Tf 0 g)"
    fields = [
        field(f"/FT/Tx/T(name)/V(Wolkenstein){letters}"),
        field(f"/FT/Tx/T(more)/Ff 4096/V(first line\nsecond horti\\255cultural){letters}"),
        field(f"/FT/Ch/T(land)/Ff 131072/V(at)/Opt[[(at)(Austria)][(de)(Germany)]]{letters}"),
        field(f"/FT/Ch/T(trees)/V[(pear)(fig)]/Ff 2097152/Opt[(pear)(oak)(fig)]{letters}"),
        field("/FT/Btn/T(a)/TU(I agree)/V/Yes/AS/Yes/MK<</CA(4)>>/DA(/F2 12 Tf 0 g)"),
        field("/FT/Btn/T(b)/TU(I refuse)/V/Off/AS/Off/MK<</CA(4)>>/DA(/F2 12 Tf 0 g)"),
        field(f"/FT/Tx/T(word)/Ff 8192/V(secret){letters}"),
        field(f"/FT/Tx/T(gone)/V(unseen){letters}", flags=2),
    ]
    notes = [
        pdf.add("<</Type/Annot/Subtype/FreeText/Contents(written on it)/Rect[300 600 500 630]"
                "/F 4/DA(/F1 12 Tf 0 g)>>"),
        pdf.add("<</Type/Annot/Subtype/Text/Contents(a sticky note)/Rect[300 500 320 520]/F 4>>"),
        pdf.add("<</Type/Annot/Subtype/Link/Contents(a link)/Rect[300 400 320 420]>>"),
    ]  # fmt: skip
    numbers = " ".join(f"{number} 0 R" for number in fields + notes)
    pdf.page(lines("Your family name:"), entries=f"/Annots[{numbers}]")
    only = " ".join(f"{number} 0 R" for number in fields)
    return pdf.content(
        f"/AcroForm<</NeedAppearances true/Fields[{only}]/DA(/F1 12 Tf 0 g)"
        f"/DR<</Font<</F1 3 0 R/F2 {dingbats} 0 R>>>>>>"
    )


def test_what_was_filled_into_a_form_is_read() -> None:
    assert text(form()) == (
        "Your family name: Wolkenstein first line second horticultural Austria pear fig I agree "
        "written on it a sticky note"
    )


def test_what_was_filled_into_a_form_is_drawn() -> None:
    filled = Pdf()
    picture = filled.picture(PIL.Image.new("L", (600, 850), 250))
    widget = filled.add(
        "<</Type/Annot/Subtype/Widget/F 4/FT/Tx/T(a)/V(XXXXXXXX)/Rect[100 600 500 700]"
        "/DA(/F1 80 Tf 0 g)>>"
    )
    filled.page("q 595 0 0 842 0 0 cm /I Do Q", {"I": picture}, entries=f"/Annots[{widget} 0 R]")
    content = filled.content(
        f"/AcroForm<</NeedAppearances true/Fields[{widget} 0 R]/DR<</Font<</F1 3 0 R>>>>>>"
    )
    ((where, page),) = drawn(content)
    assert where == {"page": 1}
    assert (np.asarray(page.convert("L"))[172:295, 122:608] < 100).mean() > 0.1


# Pictures --------------------------------------------------------------------


@pytest.mark.parametrize(
    "over",
    [
        lines("Page 1", left=280, top=20, size=8),
        lines("COPY", left=400, top=780, size=30) + lines("Received on 3 May 2019", top=60),
        "BT 3 Tr ET " + lines(*PROSE).replace("BT", "BT 3 Tr"),  # recognised words
        lines(*PROSE),
        "",
    ],
)
def test_a_scanned_page_is_a_picture_whatever_text_is_on_it(over: str) -> None:
    pdf = Pdf()
    pdf.page(f"q 595 0 0 842 0 0 cm /I Do Q {over}", {"I": pdf.picture(scan())})
    content = pdf.content()
    ((where, page),) = drawn(content)
    assert where == {"page": 1}
    assert max(page.size) == 1024
    assert bool(texts(content)) == bool(over)


def test_a_scan_in_strips_and_layers_is_one_picture() -> None:
    pdf = Pdf()
    whole = scan()
    strips = {
        f"S{n}": pdf.picture(whole.crop((0, n * 88, 620, min(877, n * 88 + 88)))) for n in range(10)
    }
    placed = "".join(f"q 595 0 0 84.2 0 {842 - 84.2 * (n + 1):g} cm /S{n} Do Q " for n in range(10))
    pdf.page(placed + lines("Page 1", top=20), strips)
    layers = {"A": pdf.picture(whole), "B": pdf.picture(whole)}
    both = "".join(f"q 595 0 0 842 0 0 cm /{name} Do Q " for name in layers)
    pdf.page(both + lines("Page 2", top=20), layers)
    assert [where for where, _ in drawn(pdf.content())] == [{"page": 1}, {"page": 2}]


def test_backgrounds_are_no_pictures() -> None:
    ramp = np.linspace(200, 250, 842).astype(np.uint8)[:, None, None].repeat(595, 1).repeat(3, 2)
    pdf = Pdf()
    pdf.page(
        "q 595 0 0 842 0 0 cm /B Do Q q 200 0 0 150 60 60 cm /P Do Q " + lines(*PROSE),
        {"B": pdf.picture(PIL.Image.fromarray(ramp)), "P": pdf.picture(photo(1))},
    )
    assert [where for where, _ in drawn(pdf.content())] == [
        {"page": 1, "box": [0.1008, 0.7506, 0.437, 0.9287]}
    ]


def test_photos_on_pages_of_text() -> None:
    pdf = Pdf()
    logo = pdf.picture(photo(9, 120, 120))
    head = "q 60 0 0 60 500 760 cm /L Do Q q 12 0 0 12 20 20 cm /L Do Q "
    pdf.page(
        f"{head} q 200 0 0 150 60 60 cm /P Do Q {lines(*PROSE)}",
        {"L": logo, "P": pdf.picture(photo(1))},
    )
    pdf.page(head + lines(*PROSE), {"L": logo})  # the logo is found once
    found = drawn(pdf.content())
    assert [where for where, _ in found] == [
        {"page": 1, "box": [0.8403, 0.0261, 0.9412, 0.0974]},
        {"page": 1, "box": [0.1008, 0.7506, 0.437, 0.9287]},
    ]
    _same(found[1][1], photo(1))


def _same(found: PIL.Image.Image, right: PIL.Image.Image) -> None:
    assert found.size == pytest.approx(right.size, abs=2)
    pixels = np.asarray(found.resize(right.size), float) - np.asarray(right, float)
    assert np.abs(pixels).mean() < 8


@pytest.mark.parametrize("turn", [0, 90, 180, 270])
def test_photos_stand_as_the_page_is_shown(turn: int) -> None:
    pdf = Pdf()
    placed = "q 200 0 0 150 160 260 cm /P Do Q "
    pdf.page(
        placed + lines(*PROSE[:9], left=160, top=470, size=6),
        {"P": pdf.picture(photo(2))},
        entries=f"/Rotate {turn}/CropBox[100 200 500 500]",
    )
    ((where, picture),) = drawn(pdf.content())
    right = photo(2).rotate(-turn, expand=True)
    _same(picture, right)
    left, upper, right_side, _ = where["box"]  # type: ignore[misc]
    sides = (400, 300) if turn in (0, 180) else (300, 400)
    assert (right_side - left) * sides[0] == pytest.approx(200 if turn in (0, 180) else 150, abs=1)
    corner = {0: (60, 90), 90: (60, 60), 180: (140, 60), 270: (90, 140)}[turn]
    assert (left * sides[0], upper * sides[1]) == pytest.approx(corner, abs=1)


def test_photos_in_forms_behind_clips_and_with_soft_masks() -> None:
    pdf = Pdf()
    inner = pdf.picture(photo(3))
    form = pdf.stream(
        "/P Do",
        "/Type/XObject/Subtype/Form/BBox[0 0 1 1]/Matrix[200 0 0 150 0 0]"
        f"/Resources<</XObject<</P {inner} 0 R>>>>",
    )
    pdf.page(f"q 1 0 0 1 60 60 cm /X Do Q {lines(*PROSE)}", {"X": form})
    clipped = "q 60 60 200 150 re W n 400 0 0 300 0 0 cm /P Do Q "
    pdf.page(clipped + lines(*PROSE), {"P": pdf.picture(photo(4))})
    mask = PIL.Image.new("L", (320, 240), 0)
    mask.paste(255, (80, 60, 240, 180))
    masked = pdf.picture(photo(5), f"/SMask {pdf.picture(mask)} 0 R")
    pdf.page(f"q 200 0 0 150 60 60 cm /P Do Q {lines(*PROSE)}", {"P": masked})
    found = drawn(pdf.content())
    box = [0.1008, 0.7506, 0.437, 0.9287]
    assert [where for where, _ in found] == [{"page": n, "box": box} for n in (1, 2, 3)]
    _same(found[0][1], photo(3))
    corner = np.asarray(found[2][1])[5, 5]
    assert corner.min() > 245  # what a soft mask hides shows the page, not the stored picture


def test_drawings_that_cover_much_of_a_page_are_pictures() -> None:
    curve = " ".join(f"{60 + 8 * n} {600 + 150 * math.sin(n / 5):g} l" for n in range(60))
    chart = f"60 600 m {curve} S 60 400 m 60 760 l S 60 400 m 540 400 l S "
    grid = "".join(f"60 {y} 400 20 re S " for y in range(400, 760, 20))
    small = "500 780 m 520 800 540 800 540 780 c S "
    for paths, is_picture in ((chart, True), (grid, False), (small, False), ("", False)):
        content = one_page(paths + lines(*PROSE, top=380))
        assert [where for where, _ in drawn(content)] == [{"page": 1}] * is_picture


def test_long_pages_have_tiles() -> None:
    pdf = Pdf()
    pdf.page("q 595 0 0 2975 0 0 cm /I Do Q", {"I": pdf.picture(photo(1, 200, 1000))},
             box="0 0 595 2975")  # fmt: skip
    (where, whole), *tiles = drawn(pdf.content())
    assert where == {"page": 1} and min(whole.size) == pytest.approx(724, abs=2)
    assert len(tiles) == 7
    assert all(one["page"] == 1 and picture.width == picture.height for one, picture in tiles)


# Notes -----------------------------------------------------------------------


def notes(content: bytes) -> list[str]:
    document = Document(content)
    assert list(document.segments())
    return document.notes


def test_ordinary_files_have_no_notes() -> None:
    assert notes(text_pdf("one", "two")) == []
    assert notes(form()) == []


def test_notes_say_what_is_lost() -> None:
    whole = text_pdf("one", "two", "three")
    (note,) = notes(whole.replace(b"Kids [4 0 R 6 0 R", b"Kids [4 0 R 999 0 R"))
    assert note.startswith("page 2 is broken")

    pdf = Pdf()
    pdf.page(lines("Please wait"))
    file = pdf.stream("<invoice/>", "/Type/EmbeddedFile")
    spec = pdf.add(f"<</Type/Filespec/F(invoice.xml)/UF(invoice.xml)/EF<</F {file} 0 R>>>>")
    xfa = pdf.stream("<xdp:xdp xmlns:xdp='http://ns.adobe.com/xdp/'/>")
    content = pdf.content(
        f"/Names<</EmbeddedFiles<</Names[(invoice.xml) {spec} 0 R]>>>>"
        f"/AcroForm<</Fields[]/XFA {xfa} 0 R>>"
    )
    form_note, attached = notes(content)
    assert "XFA" in form_note and attached == "attached files are not read: invoice.xml"


def test_pictures_that_cannot_be_decoded_are_noted() -> None:
    pdf = Pdf()
    broken = pdf.stream(
        b"no JPEG", "/Type/XObject/Subtype/Image/Width 320/Height 240/ColorSpace/DeviceRGB"
        "/BitsPerComponent 8/Filter/DCTDecode",
    )  # fmt: skip
    pdf.page("q 200 0 0 150 60 60 cm /P Do Q " + lines(*PROSE), {"P": broken})
    pdf.page("q 595 0 0 842 0 0 cm /P Do Q " + lines("Page 2", top=20), {"P": broken})
    pdf.page("q 200 0 0 150 60 60 cm /P Do Q " + lines(*PROSE), {"P": pdf.picture(photo(1))})
    document = Document(pdf.content())
    pages = [one.details["page"] for one in document.segments() if isinstance(one.media, Image)]
    assert pages == [2, 3]  # of the second, the line is drawn
    assert document.notes == ["page 1: a picture on it is blank or cannot be decoded"]


def test_pages_over_the_limit_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sensorium.media.document.MAX_PAGES", 2)
    document = Document(text_pdf("one", "two", "three"))
    assert len(list(document.segments())) == 2
    assert document.notes == ["pages from 3 on are not read: it has 3"]


def test_pictures_of_long_scans_come_one_by_one() -> None:
    pdf = Pdf()
    file = io.BytesIO()
    for number in range(9):
        pdf.page("q 595 0 0 842 0 0 cm /I Do Q", {"I": pdf.picture(photo(number))})
    file.write(pdf.content())
    assert [where["page"] for where, _ in drawn(file.getvalue())] == [*range(1, 10)]
