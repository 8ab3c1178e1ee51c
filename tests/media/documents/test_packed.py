"""EPUB, DOCX, PPTX and OpenDocument: what a reader of them sees, in the order it is read."""

from __future__ import annotations

import io
import os
import signal
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from sensorium.data.files import select_files
from sensorium.errors import MediaError
from sensorium.media import Document, Image, Segment, Text, isolation, open_media
from sensorium.media.documents.packed import package
from tests.media.packages import (
    OPEN,
    WORD,
    docx,
    drawn,
    epub,
    open_document,
    packed,
    paragraph,
    picture_shape,
    pptx,
    relations,
    run,
    shape,
    table_frame,
)
from tests.media.small_pictures import BLUE, RED, assert_colors, encode, red_blue

PHOTO = encode(red_blue((200, 100)), "PNG")
BULLET = encode(PIL.Image.new("RGB", (16, 16), "red"), "PNG")


def words(content: bytes) -> str:
    """All passages, in order."""
    return " | ".join(s.media.text for s in texts(content))  # type: ignore[attr-defined]


def texts(content: bytes) -> list[Segment]:
    return [s for s in Document(content).segments() if isinstance(s.media, Text)]


def pictures(document: Document) -> list[Segment]:
    return [s for s in document.segments() if isinstance(s.media, Image)]


# Word


def test_text_tables_and_line_breaks() -> None:
    table = (
        "<w:tbl><w:tr><w:tc><w:p><w:r><w:t>Pears</w:t></w:r></w:p><w:p><w:r><w:t>ripe</w:t></w:r>"
        "</w:p></w:tc><w:tc><w:p><w:r><w:t>4.20</w:t></w:r></w:p></w:tc></w:tr><w:tr><w:tc><w:p>"
        "<w:r><w:t>Plums</w:t></w:r></w:p></w:tc><w:tc><w:p><w:r><w:t>3.10</w:t></w:r></w:p></w:tc>"
        "</w:tr></w:tbl>"
    )
    body = (
        paragraph(run("The pear tr"), run("ee was planted"), "<w:r><w:br/></w:r>", run("in 2019."))
        + '<w:p><w:pPr><w:tabs><w:tab w:val="left" w:pos="1"/></w:tabs></w:pPr>'
        + "<w:r><w:t>Left</w:t><w:tab/><w:t>right</w:t><w:noBreakHyphen/><w:t>hand</w:t></w:r>"
        + "</w:p>"
        + table
    )
    content = docx(body)
    found = words(content)
    assert "The pear tree was planted in 2019." in found
    assert "Left right-hand" in found
    assert "Pears ripe 4.20" in found and "Plums 3.10" in found
    assert Document(content).metadata() == {"title": "A title", "author": "Ann Author"}
    for segment in texts(content):
        assert segment.span is not None and segment.details == {}


def test_what_is_deleted_hidden_or_a_code_is_not_read() -> None:
    body = paragraph(
        run("Seen"),
        "<w:del><w:r><w:delText>deleted</w:delText></w:r></w:del>",
        "<w:moveFrom><w:r><w:t>moved</w:t></w:r></w:moveFrom>",
        "<w:ins><w:r><w:t> inserted</w:t></w:r></w:ins>",
        run(" hidden", "<w:vanish/>"),
        run(" shown", '<w:vanish w:val="0"/>'),
        '<w:r><w:fldChar w:fldCharType="begin"/></w:r>',
        "<w:r><w:instrText>PAGEREF x</w:instrText></w:r>",
        run(" 12"),
    )
    assert words(docx(body)) == "Seen inserted shown 12"


def test_text_boxes_once_and_behind_their_paragraph() -> None:
    box = "<w:txbxContent><w:p><w:r><w:t>In a box.</w:t></w:r></w:p></w:txbxContent>"
    body = paragraph(
        run("Before "),
        f'<w:r><mc:AlternateContent><mc:Choice Requires="wps"><w:drawing><wps:wsp><wps:txbx>{box}'
        f"</wps:txbx></wps:wsp></w:drawing></mc:Choice><mc:Fallback><w:pict><v:shape><v:textbox>{box}"
        "</v:textbox></v:shape></w:pict></mc:Fallback></mc:AlternateContent></w:r>",
        run("and after."),
    )
    assert words(docx(body)) == "Before and after. In a box."
    old = paragraph(run("Old."), f"<w:r><w:pict><v:shape><v:textbox>{box}</v:textbox></v:shape>"
                    "</w:pict></w:r>")  # fmt: skip
    assert words(docx(old)) == "Old. In a box."


def test_footnotes_behind_their_paragraph_headers_and_footers() -> None:
    body = (
        paragraph(run("A claim"), '<w:r><w:footnoteReference w:id="2"/></w:r>', run("."))
        + paragraph(run("Another"), '<w:r><w:endnoteReference w:id="2"/></w:r>', run("."))
        + '<w:sectPr><w:headerReference w:type="default" r:id="h"/>'
        '<w:footerReference w:type="default" r:id="f"/></w:sectPr>'
    )

    def notes(kind: str, text: str) -> str:
        return (
            f'<w:{kind}s {WORD}><w:{kind} w:type="separator" w:id="0"><w:p><w:r><w:t>---</w:t>'
            f'</w:r></w:p></w:{kind}><w:{kind} w:id="2">{paragraph(run(text))}</w:{kind}>'
            f"</w:{kind}s>"
        )

    parts = {
        "word/footnotes.xml": notes("footnote", "Its proof."),
        "word/endnotes.xml": notes("endnote", "Its source."),
        "word/header1.xml": f"<w:hdr {WORD}>{paragraph(run('Report of the year'))}</w:hdr>",
        "word/footer1.xml": f"<w:ftr {WORD}>{paragraph(run('17'))}</w:ftr>",
    }
    targets = {
        "a": ("footnotes", "footnotes.xml"), "b": ("endnotes", "/word/endnotes.xml"),
        "h": ("header", "header1.xml"), "f": ("footer", "footer1.xml"),
    }  # fmt: skip
    found = words(docx(body, targets, parts))
    assert found == "Report of the year A claim. Its proof. Another. Its source."


def test_rubies_are_found_with_and_without_their_reading() -> None:
    ruby = (
        "<w:r><w:ruby><w:rubyPr/><w:rt><w:r><w:t>かんじ</w:t></w:r></w:rt>"
        "<w:rubyBase><w:r><w:t>漢字</w:t></w:r></w:rubyBase></w:ruby></w:r>"
    )
    assert words(docx(paragraph(ruby, run("を学ぶ")))) == "漢字を学ぶ (かんじ)"


def test_pictures_of_a_document_once_without_bullets() -> None:
    targets = {
        "p": ("image", "media/a.png"), "q": ("image", "media/bullet.png"),
        "e": ("image", "media/b.emf"), "x": ("image", "media/broken.png"),
    }  # fmt: skip
    parts = {
        "word/media/a.png": PHOTO, "word/media/bullet.png": BULLET, "word/media/b.emf": b"\1\0\0\0",
        "word/media/broken.png": PHOTO[:20], "word/media/unused.png": PHOTO,
    }  # fmt: skip
    body = paragraph(run("See."), *(drawn(key) for key in ("p", "p", "q", "e", "x")))
    body += paragraph("<w:r><w:object><v:shape><v:imagedata r:id=\"p\"/></v:shape><o:OLEObject/>"
                      "</w:object></w:r>")  # fmt: skip
    document = Document(docx(body, targets, parts))
    (one,) = pictures(document)
    assert isinstance(one.media, Image)
    assert_colors(one.media.load(), [RED, BLUE])
    said = " | ".join(document.notes)
    assert "a drawing (b.emf) is not read" in said
    assert "the picture broken.png: broken picture" in said
    assert "an embedded object is not read" in said
    assert len(document.notes) == 3


def test_words_of_charts_and_diagrams() -> None:
    body = paragraph(
        run("Figure."),
        '<w:r><w:drawing><wp:inline><c:chart r:id="c"/></wp:inline></w:drawing></w:r>',
        '<w:r><w:drawing><wp:inline><dgm:relIds r:dm="d" r:lo="l"/></wp:inline></w:drawing></w:r>',
    )
    parts = {
        "word/charts/chart1.xml": f"<c:chartSpace {WORD}><c:title><a:p><a:r><a:t>Harvest</a:t>"
        "</a:r></a:p></c:title><c:cat><c:strCache><c:pt><c:v>Pears</c:v></c:pt></c:strCache></c:cat>"
        "<c:val><c:numCache><c:pt><c:v>17.25</c:v></c:pt></c:numCache></c:val></c:chartSpace>",
        "word/diagrams/data1.xml": f"<dgm:dataModel {WORD}><dgm:pt><dgm:t><a:p><a:r><a:t>Sow"
        "</a:t></a:r></a:p></dgm:t></dgm:pt></dgm:dataModel>",
    }
    targets = {"c": ("chart", "charts/chart1.xml"), "d": ("diagramData", "diagrams/data1.xml")}
    assert words(docx(body, targets, parts)) == "Figure. Harvest Pears Sow"


# Slides


def test_slides_in_their_order_with_notes_tables_and_pictures() -> None:
    slides = [
        shape("First slide", "title") + shape("One\nTwo") + shape("7", "sldNum"),
        shape("Second slide", "title") + table_frame([["Pears", "4.20"], ["Plums", "3.10"]]),
        shape("Third slide", "title") + shape("Not to be seen", hidden=True) + picture_shape("p"),
    ]
    content = pptx(
        slides, {1: "Say hello."}, {3: {"p": ("image", "../media/a.png")}},
        {"ppt/media/a.png": PHOTO},
    )  # fmt: skip
    document = Document(content)
    by_page: dict[int, str] = {}
    for segment in texts(content):
        page = segment.details["page"]
        by_page[page] = f"{by_page.get(page, '')} {segment.media.text}".strip()  # type: ignore[attr-defined]
    assert by_page == {
        1: "First slide One Two Say hello.",
        2: "Second slide Pears 4.20 Plums 3.10",
        3: "Third slide",
    }
    (one,) = pictures(document)
    assert one.details == {"page": 3, "picture": 1}
    assert document.metadata() == {"title": "A talk", "author": "Ann Author", "pages": 3}


# OpenDocument


def test_text_of_open_document() -> None:
    body = (
        "<text:tracked-changes><text:changed-region><text:deletion><text:p>deleted</text:p>"
        "</text:deletion></text:changed-region></text:tracked-changes>"
        "<text:h>The garden</text:h>"
        '<text:p>The pear <text:span>tree</text:span><text:s text:c="2"/>was planted'
        "<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>In spring."
        "</text:p></text:note-body></text:note> in 2019.</text:p>"
        '<text:section text:display="none"><text:p>hidden</text:p></text:section>'
        "<text:p>A<office:annotation><text:p>a comment</text:p></office:annotation><text:tab/>B"
        "<text:line-break/>C</text:p>"
        "<text:p>Around<draw:frame><draw:text-box><text:p>In a box.</text:p></draw:text-box>"
        "</draw:frame> it.</text:p>"
        "<table:table><table:table-row><table:table-cell><text:p>Pears</text:p></table:table-cell>"
        "<table:table-cell><text:p>4.20</text:p></table:table-cell></table:table-row></table:table>"
        '<text:p><draw:frame><draw:image xlink:href="Pictures/a.png"/></draw:frame></text:p>'
        "<text:p><text:ruby><text:ruby-base>漢字</text:ruby-base><text:ruby-text>かんじ"
        "</text:ruby-text></text:ruby>を学ぶ</text:p>"
    )
    styles = "<style:header><text:p>Report of the year</text:p></style:header>"
    content = open_document(body, styles=styles, parts={"Pictures/a.png": PHOTO})
    assert words(content) == (
        "The garden The pear tree was planted in 2019. In spring. A B C Around it. In a box. "
        "Pears 4.20 漢字を学ぶ (かんじ) Report of the year"
    )
    assert len(pictures(Document(content))) == 1
    assert Document(content).metadata() == {"title": "A title", "author": "Ann Author"}


def test_formulas_and_charts_of_open_document() -> None:
    formula = (
        '<math xmlns="http://www.w3.org/1998/Math/MathML"><semantics><mrow><mi>E</mi><mo>=</mo>'
        "<msup><mi>c</mi><mn>2</mn></msup></mrow><annotation>E = c^2</annotation></semantics>"
        "</math>"
    )
    chart = (
        f'<office:document-content {OPEN} xmlns:chart="urn:oasis:names:tc:opendocument:xmlns:chart'
        ':1.0"><office:body><office:chart><chart:chart><chart:title><text:p>Harvest</text:p>'
        "</chart:title><table:table><table:table-row><table:table-cell><text:p>Pears</text:p>"
        '</table:table-cell><table:table-cell office:value-type="float"><text:p>17.25</text:p>'
        "</table:table-cell><table:table-cell><text:p>Plums</text:p></table:table-cell>"
        "</table:table-row></table:table></chart:chart></office:chart></office:body>"
        "</office:document-content>"
    )
    frames = [
        f'<draw:frame><draw:object xlink:href="{name}"/></draw:frame>'
        for name in ("./Object 1", "Object%202/", "../Object 1", "missing", "http://a.example/b")
    ]
    content = open_document(
        f"<text:p>So {frames[0]} it is{''.join(frames[2:])}.</text:p>{frames[1]}{frames[1]}",
        parts={"Object 1/content.xml": formula, "Object 2/content.xml": chart},
    )
    assert words(content) == "So E=c2 it is. Harvest Pears Plums"


def test_slides_and_sheets_of_open_document() -> None:
    body = "".join(
        f"<draw:page><draw:frame><draw:text-box><text:p>Slide {n}</text:p></draw:text-box>"
        f"</draw:frame><presentation:notes><draw:frame><draw:text-box><text:p>Say {n}</text:p>"
        "</draw:text-box></draw:frame></presentation:notes></draw:page>"
        for n in (1, 2)
    )
    found = texts(open_document(body, "odp"))
    assert [(s.details["page"], s.media.text) for s in found] == [  # type: ignore[attr-defined]
        (1, "Slide 1 Say 1"), (2, "Slide 2 Say 2"),
    ]  # fmt: skip
    sheet = (
        '<table:table table:name="{0}"><table:table-row><table:table-cell><text:p>Pears {0}'
        '</text:p></table:table-cell><table:table-cell office:value="4.2"><text:p>4.20 €</text:p>'
        "</table:table-cell></table:table-row></table:table>"
    )
    content = open_document(sheet.format("A") + sheet.format("B"), "ods")
    assert [(s.details["page"], s.media.text) for s in texts(content)] == [  # type: ignore[attr-defined]
        (1, "Pears A 4.20 €"), (2, "Pears B 4.20 €"),
    ]  # fmt: skip
    assert Document(content).metadata()["pages"] == 2


# Books


def test_a_book_in_the_order_of_its_spine() -> None:
    chapters = {
        "a": "<h1>The end</h1><p>All was well.</p>",
        "b": "<h1>The beginning</h1><p>It rained &#8212; again.</p><img src='../img/a%20b.png'/>",
        "c": "<p>Never read.</p>",
        "cover": '<svg xmlns="http://www.w3.org/2000/svg"><image xlink:href="../img/cover.png" '
        'xmlns:xlink="http://www.w3.org/1999/xlink"/></svg>',
    }
    cover = encode(PIL.Image.new("RGB", (200, 300), "lime"), "PNG")
    parts = {"OEBPS/img/a b.png": PHOTO, "OEBPS/img/cover.png": cover}
    content = epub(chapters, ["cover", "b", "a"], parts)
    found = texts(content)
    assert [(s.details["chapter"], s.media.text) for s in found] == [  # type: ignore[attr-defined]
        (2, "The beginning It rained — again."), (3, "The end All was well."),
    ]  # fmt: skip
    shown = pictures(Document(content))
    places = [(segment.details["chapter"], segment.details["picture"]) for segment in shown]
    assert places == [(1, 1), (2, 2)]
    assert Document(content).metadata() == {
        "title": "A book", "author": "Ann Author", "chapters": 3
    }  # fmt: skip


# Of all kinds

MADE: dict[str, Callable[[], bytes]] = {
    "docx": lambda: docx(paragraph(run("The pear tree."))),
    "pptx": lambda: pptx([shape("The pear tree.")]),
    "odt": lambda: open_document("<text:p>The pear tree.</text:p>"),
    "epub": lambda: epub({"a": "<p>The pear tree.</p>"}, ["a"]),
}


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("name", ["file.{}", "file", "file.txt", "file.jpg", "file.zip"])
def test_by_content_whatever_its_name(kind: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / name.format(kind)
    path.write_bytes(MADE[kind]())
    document = open_media(path)
    assert isinstance(document, Document)
    assert document.kind == kind
    (segment,) = document.segments()
    assert segment.media.text == "The pear tree."  # type: ignore[attr-defined]
    assert document.notes == []


@pytest.mark.parametrize(
    "suffix",
    [
        ".docx", ".docm", ".dotx", ".dotm", ".pptx", ".pptm", ".ppsx", ".ppsm", ".potx", ".potm",
        ".odt", ".ott", ".odp", ".otp", ".ods", ".ots", ".epub",
    ],
)  # fmt: skip
def test_templates_and_shows_are_found_in_folders(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"File{suffix.upper()}"
    path.write_bytes(MADE["odt"]())
    assert select_files([tmp_path], "text", "a test").paths == [path]


def _locked(content: bytes) -> bytes:
    """The same archive, its parts said to be encrypted."""
    file = bytearray(content)
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        at = file.find(mark)
        while at >= 0:
            file[at + place] |= 1
            at = file.find(mark, at + 4)
    return bytes(file)


@pytest.mark.parametrize("kind", MADE)
def test_locked_ones_say_so(kind: str) -> None:
    with pytest.raises(MediaError, match="locked by a password"):
        list(Document(_locked(MADE[kind]()), kind).segments())


def test_locked_by_their_own_means() -> None:
    office = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500)
    with pytest.raises(MediaError, match="locked by a password"):
        Document(office + "EncryptedPackage".encode("utf-16-le")).metadata()
    with pytest.raises(MediaError, match="Office 97 to 2003: save it as DOCX"):
        Document(office).metadata()
    manifest = {"META-INF/manifest.xml": "<m><e><encryption-data/></e></m>"}
    with pytest.raises(MediaError, match="locked by a password"):
        list(Document(open_document("<text:p>x</text:p>", parts=manifest)).segments())

    def encryption(algorithm: str) -> dict[str, str]:
        return {"META-INF/encryption.xml": f'<e><EncryptionMethod Algorithm="{algorithm}"/></e>'}

    protected = encryption("http://www.w3.org/2001/04/xmlenc#aes128-cbc")
    with pytest.raises(MediaError, match="copy protection"):
        list(Document(epub({"a": "<p>x</p>"}, ["a"], protected)).segments())
    fonts = encryption("http://www.idpf.org/2008/embedding")
    assert words(epub({"a": "<p>Read.</p>"}, ["a"], fonts)) == "Read."


def test_other_archives_are_no_documents() -> None:
    with pytest.raises(MediaError, match="an archive, and no document"):
        Document(packed({"a.txt": "x"})).metadata()
    book = {"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<w/>"}
    with pytest.raises(MediaError, match="a spreadsheet: save it as CSV or ODS"):
        Document(packed(book)).metadata()
    with pytest.raises(MediaError, match="no text in the document"):
        list(Document(docx("")).segments())


@pytest.mark.parametrize("kind", MADE)
def test_broken_ones_say_so(kind: str) -> None:
    whole = MADE[kind]()
    for broken in (whole[:-30], whole[: len(whole) // 2], whole.replace(b"PK\1\2", b"PK\7\7")):
        with pytest.raises(MediaError):
            list(Document(broken, kind).segments())
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name in parts:
        if name == "mimetype":
            continue
        for content in (b"", b"<a><b></a>", parts[name][:-7]):
            try:
                list(Document(packed({**parts, name: content}), kind).segments())
            except MediaError as error:
                assert error.reason.isprintable()


def test_archives_that_unpack_to_too_much(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(isolation.WITHOUT, "0")
    monkeypatch.setattr(package, "MAX_PART_BYTES", 100_000)
    body = paragraph(run("x" * 200_000))
    monkeypatch.setattr(package.Package.read, "__defaults__", (100_000,))
    with pytest.raises(MediaError, match="unpacks to over 100,000 bytes"):
        list(Document(docx(body)).segments())
    monkeypatch.undo()
    monkeypatch.setenv(isolation.WITHOUT, "0")
    monkeypatch.setattr(package, "MAX_BYTES", 1_000_000)
    photos = {f"word/media/{n}.png": PHOTO + bytes(300_000) for n in range(9)}
    targets = {f"p{n}": ("image", f"media/{n}.png") for n in range(9)}
    document = Document(docx(paragraph(*(drawn(key) for key in targets)), targets, photos))
    assert 1 <= len(pictures(document)) <= 3
    assert any("unpacks to over" in note for note in document.notes)


def test_a_directory_of_millions_of_parts_is_not_read() -> None:
    whole = bytearray(MADE["docx"]())
    end = whole.rfind(b"PK\5\6")
    whole[end + 12 : end + 16] = struct.pack("<I", 400_000_000)
    with pytest.raises(MediaError, match="too many parts"):
        Document(bytes(whole)).metadata()


def test_entities_are_refused() -> None:
    bomb = '<!DOCTYPE d [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
    for name, content in (
        ("word/document.xml", f"{bomb}<w:document {WORD}><w:p><w:t>&b;</w:t></w:p></w:document>"),
        ("word/document.xml", '<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><d>&a;</d>'),
    ):
        with pytest.raises(MediaError, match="declares entities"):
            list(Document(docx("", parts={name: content})).segments())
    deep = "<w:p>" * 5000
    with pytest.raises(MediaError, match="elements within each other"):
        list(Document(docx(deep)).segments())


def test_parts_cannot_be_named_outside_of_the_archive() -> None:
    targets = {
        "p": ("image", "../../../../etc/passwd"),
        "q": ("image", "https://example.org/a.png"),
    }
    body = paragraph(run("Words."), drawn("p"), drawn("q"))
    document = Document(docx(body, targets))
    assert len(list(document.segments())) == 1
    assert document.notes == []
    assert "passwd" in relations(targets)


@pytest.mark.skipif(os.name != "posix", reason="ends a process by a signal")
def test_documents_are_read_in_a_process_of_their_own() -> None:
    document = Document(docx(paragraph(run("word " * 90)) * 3))
    assert document.kind == "docx"
    idle = {*isolation.workers()}
    segments = iter(document.segments())
    next(segments)  # the rest waits in the worker
    (reader,) = idle - {*isolation.workers()}
    os.kill(reader, signal.SIGKILL)
    with pytest.raises(MediaError, match="the system ended the process that read it"):
        list(segments)
    assert len(list(document.segments())) == 3
