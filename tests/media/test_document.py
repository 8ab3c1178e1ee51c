"""Documents: passages of whole sentences with their places, from text, Markdown, HTML and PDF."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium import Document, Image
from sensorium.errors import MediaError
from sensorium.media import Text, as_media
from sensorium.media.documents.cutting import SEGMENT_WEIGHT, cut, spans, weight
from sensorium.media.documents.html import html_text
from sensorium.media.documents.markdown import markdown_text
from tests.media.pdfs import text_pdf

STORY = (
    "The lighthouse stood on a rock. Every evening the keeper climbed the stairs! Was he alone? "
    "“Never,” he said. 从前有一座灯塔。它站在岩石上！\n\nA new paragraph begins here."
)


@given(st.text(st.sampled_from("ab .!?。，\n中文é"), max_size=400), st.integers(5, 80))
def test_segments_hold_everything_once(text: str, longest: int) -> None:
    """Nothing but white space is lost, nothing stands twice, nothing is too long."""
    stop = 0
    for start, end in spans(text, longest):
        assert stop <= start < end
        assert not text[stop:start].strip()
        words = " ".join(text[start:end].split())
        assert words
        assert weight(words) <= longest
        stop = end
    assert not text[stop:].strip()


def test_cut_closes_white_space_up() -> None:
    (only,) = cut("One  line,\nand the next.")
    assert (only.media.text, only.span) == ("One line, and the next.", (0, 24))


def test_sentences_stay_whole() -> None:
    texts = [STORY[start:stop] for start, stop in spans(STORY, 70)]
    assert len(texts) > 2
    assert all(text[-1] in ".!?。！" for text in texts)
    assert next(spans(STORY))[0] == 0


def test_a_text_file(tmp_path: Path) -> None:
    path = tmp_path / "story.txt"
    path.write_text(STORY * 8, "utf-8")
    document = as_media(str(path))
    assert isinstance(document, Document)
    segments = list(document.segments())
    assert len(segments) > 2
    for segment in segments:
        assert isinstance(segment.media, Text) and segment.span is not None
        start, stop = (int(place) for place in segment.span)
        assert segment.media.text == " ".join((STORY * 8)[start:stop].split())
        assert weight(segment.media.text) <= SEGMENT_WEIGHT


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030"])
def test_encodings(encoding: str) -> None:
    (segment,) = Document("灯塔在海边。一个人住在那里。".encode(encoding), "text").segments()
    assert isinstance(segment.media, Text)
    assert segment.media.text == "灯塔在海边。一个人住在那里。"
    (segment,) = Document("Café für alle".encode("cp1252"), "text").segments()
    assert isinstance(segment.media, Text)


def test_markdown() -> None:
    text = (
        "# The *harbour*\n\nSee [the map](http://x.y/z) and ![a boat](b.png).\n\n- one\n- `two`\n"
    )
    document = Document(text.encode(), "markdown")
    assert document.metadata()["title"] == "The harbour"
    (segment,) = document.segments()
    assert isinstance(segment.media, Text)
    assert segment.media.text == "The harbour See the map and a boat. one two"
    assert markdown_text("2 * 3 * 4 snake_case") == "2 * 3 * 4 snake_case"


def test_html() -> None:
    page = (
        b"<!DOCTYPE html><html><head><title>Boats &amp; more</title><style>p{}</style></head>"
        b"<body><script>var x=1;</script><h1>Boats</h1><p>They <b>float</b>.</p><p>Some sink.</p>"
    )
    document = Document(page)
    assert (document.kind, document.metadata()["title"]) == ("html", "Boats & more")
    assert html_text(page.decode()) == "Boats\n\nThey float.\n\nSome sink."


def pdf(*pages: str | PIL.Image.Image) -> bytes:
    """A PDF with a text, or a scanned picture, on each page."""
    import matplotlib.figure
    from matplotlib.backends.backend_pdf import PdfPages

    file = io.BytesIO()
    with PdfPages(file) as out:
        for page in pages:
            figure = matplotlib.figure.Figure(figsize=(6, 4))
            if isinstance(page, str):
                figure.text(0.1, 0.5, page)
            else:
                figure.figimage(np.asarray(page), resize=True)
            out.savefig(figure)
    return file.getvalue()


def test_pdf_by_page(tmp_path: Path) -> None:
    scan = PIL.Image.new("RGB", (300, 200), "white")
    PIL.ImageDraw.Draw(scan).rectangle((50, 50, 200, 150), fill="red")
    path = tmp_path / "a.pdf"
    path.write_bytes(pdf("Honey is harvested in June.", scan, "The meeting is on Friday."))
    document = as_media(path)
    assert document.metadata()["pages"] == 3
    first, third, second = document.segments()
    assert isinstance(first.media, Text) and isinstance(third.media, Text)
    assert (first.media.text, first.details) == ("Honey is harvested in June.", {"page": 1})
    assert (third.media.text, third.details) == ("The meeting is on Friday.", {"page": 3})
    assert isinstance(second.media, Image) and second.details == {"page": 2}
    assert max(second.media.load().size) == pytest.approx(1024, abs=2)


def test_a_broken_page_costs_that_page() -> None:
    whole = text_pdf(*[f"This is page {n}." for n in range(1, 21)])
    pages = [part.details["page"] for part in Document(whole).segments()]
    assert pages == [*range(1, 21)]
    one_broken = whole.replace(b"Kids [4 0 R 6 0 R", b"Kids [4 0 R 999 0 R")
    assert [
        (part.details["page"], part.media.text) for part in Document(one_broken).segments()
    ] == [(n, f"This is page {n}.") for n in range(1, 21) if n != 2]
    with pytest.raises(MediaError, match="Failed to load page"):
        list(Document(whole.replace(b"/Type /Page ", b"/Type /Pagx ")).segments())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"   \n", "no text"),
        (b"\0\1\2" * 100, "no text"),
        (b"%PDF-1.7 broken", "broken PDF"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "bad.txt"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=message):
        list(Document(path).segments())


def test_whole_texts_have_paragraphs(tmp_path: Path) -> None:
    """For those who read on: empty lines stay, marks and hyphens at lines' ends do not."""
    (tmp_path / "a.txt").write_text("A head\n\nOne hyphen-\nated line.\nMore.", "utf-8")
    (tmp_path / "a.md").write_text("# A head\nOne *line*.\n\n- first\n- second\n", "utf-8")
    (tmp_path / "a.html").write_text("<h1>A head</h1><p>One line.</p>", "utf-8")
    (tmp_path / "a.pdf").write_bytes(text_pdf("One line.", "", "Two."))
    found = {path.suffix: [*Document(path).texts()] for path in sorted(tmp_path.iterdir())}
    assert found[".txt"] == [("A head\n\nOne hyphenated line.\nMore.", {})]
    assert found[".md"] == [("A head\n\nOne line.\n\nfirst\n\nsecond", {})]
    (text, place), *rest = found[".html"]
    assert text.split("\n\n") == ["A head", "One line."] and not place and not rest
    assert [(text.strip(), place) for text, place in found[".pdf"]] == [
        ("One line.", {"page": 1}), ("Two.", {"page": 3})
    ]  # fmt: skip
    with pytest.raises(MediaError, match="broken PDF"):
        list(Document(b"%PDF-1.4 broken").texts())


def test_whole_texts_hold_what_segments_hold() -> None:
    document = Document(STORY.encode() * 8, "text")
    whole = "".join(text for text, _ in document.texts())
    segments = "".join(str(segment.media.text) for segment in document.segments())
    assert "".join(whole.split()) == "".join(segments.split())
