"""Honest texts that have no sentences: what looks at a place twice would take minutes on them."""

from __future__ import annotations

import pytest

from sensorium import Document
from sensorium.media.documents import html, long_markup, markdown

SIZE = 400_000

TEXTS = {
    "dot leaders": "." * SIZE,
    "progress log": "".join(f"\r{n % 101}% [{'=' * 30}] {n} of 9" for n in range(SIZE // 40)),
    "no sentence marks": "漢字を学ぶ" * (SIZE // 5),
    "no spaces": "a" * SIZE,
    "spaces alone": "a" + " " * SIZE + "b",
    "empty lines": "a" + "\n \t" * (SIZE // 3) + "b",
    "quotes": "'\"" * (SIZE // 2),
    "hyphens": "a-" * (SIZE // 2),
    "initials": "A. B. " * (SIZE // 6),
}


@pytest.mark.parametrize("kind", ["text", "markdown", "html"])
@pytest.mark.parametrize("name", TEXTS)
def test_time_grows_with_the_text(name: str, kind: str) -> None:
    text = TEXTS[name] if kind != "html" else f"<title>t</title><p>{TEXTS[name]}"
    document = Document(text.encode(), kind)
    spans = [segment.span for segment in document.segments()]
    assert spans == sorted(spans) and len(spans) >= 1
    assert document.metadata()["characters"] == len(text)


def test_titles_of_nothing_but_marks() -> None:
    for kind, text in (("markdown", "# a" + " #" * (SIZE // 2)), ("html", "<title>" * (SIZE // 7))):
        assert Document(text.encode(), kind).metadata()["characters"] == len(text)


def test_long_markup_keeps_words_titles_and_paragraphs() -> None:
    page = (
        "<title>Title</title><style>p { color: red }</style><!-- <p>no --><h1>Long &amp; wide</h1>"
        "<script>if (a < b) { no() }</script><p>One <b>wo</b>rd<br>next"
        "<table><tr><td>1<td>2</table>"
    )
    many = page + "<p>a</p>" * long_markup.MAX_TAGS
    assert html.html_title(many) == "Title"
    shown = html.html_text(many)
    assert shown.startswith("Long & wide\n\nOne word\nnext\n\n1\t2\n\na\n\na")
    source = (
        "---\ntitle: Named\n---\n# Long *title* #\n\n- [x] a [link](http://a.org) and `code`\n"
        "1. b \\* c &amp; d\n\n> quoted _words_ of snake_case[^1]\n\n| one | two |\n|---|:-:|\n"
        "| 3 | 4 |\n\n```\nfence\n```\n![picture](a.png) <b>bold</b>\n\nUnder\n=====\n\n[a]: /b\n"
    )
    many = source + "- item\n" * (long_markup.MAX_WORK // long_markup.LINE_WORK)
    assert markdown.markdown_title(many) == "Named"
    segments = list(markdown.markdown_segments(many))
    assert segments[0].media.text == (  # type: ignore[attr-defined]
        "Long title a link and code b * c & d quoted words of snake_case one two 3 4 fence picture "
        "bold Under"
    )
    assert segments[1].media.text.startswith("item item")  # type: ignore[attr-defined]
    assert segments[-1].span is not None and segments[-1].span[1] == len(many.rstrip())


def test_tables_of_few_bytes_and_many_cells() -> None:
    rows = "|a" * 250 + "|\n" + "|-" * 250 + "|\n" + "|\n" * 250 + "\n"
    text = (rows * 40).encode()
    words = " ".join(s.media.text for s in Document(text, "markdown").segments())  # type: ignore[attr-defined]
    assert words.split() == ["a"] * 250 * 40


def test_letters_without_spaces_are_cut_alike_in_text_and_markdown() -> None:
    text = ("图书馆里没有标点" * 60 + "\n\n").encode()
    plain, marked = (
        [(one.span, one.media.text) for one in Document(text, kind).segments()]  # type: ignore[attr-defined]
        for kind in ("text", "markdown")
    )
    assert plain == marked and len(plain) == 3
