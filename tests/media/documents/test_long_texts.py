"""Honest texts that have no sentences: what looks at a place twice would take minutes on them."""

from __future__ import annotations

import pytest

from sensorium import Document

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
