"""Markdown: the words that viewers show, with their places in the source."""

from __future__ import annotations

import time
from collections.abc import Iterable

import pytest

from sensorium import Document
from sensorium.media import Text
from sensorium.media.documents.cutting import spans
from sensorium.media.documents.markdown import markdown_segments, markdown_text, markdown_title
from sensorium.media.segments import Segment


def texts(segments: Iterable[Segment]) -> list[str]:
    return [one.media.text for one in segments if isinstance(one.media, Text)]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("Call `__init__` and ``a`b``", "Call __init__ and a`b"),
        ("snake_case_name, 2 * 3 * 4, a_b", "snake_case_name, 2 * 3 * 4, a_b"),
        ("an *apple* and a **pe**ar, _both_ __ripe__", "an apple and a pear, both ripe"),
        ("```py\ndef __init__(self): *x\n```\n\n    a **b**\n", "def __init__(self): *x a **b**"),
        ("[the map](http://x.y/z_(a)) of it", "the map of it"),
        ('[the map](<a b> "a (title)") ![a [small] boat](b.png)', "the map a [small] boat"),
        ("[a [nested] map][m], [m] and [M][]\n\n[m]: http://x 'y'", "a [nested] map, m and M"),
        ("<http://auto.link> and http://bare.link", "http://auto.link and http://bare.link"),
        (r"\*no\* emphasis, 3 \< 4 &amp; 5 &copy;", "*no* emphasis, 3 < 4 & 5 ©"),
        ("| a | b |\n|---|:-:|\n| c \\| d | `e` |\n\n|not a table", "a b c | d e |not a table"),
        ("Heading\n===\n\nNext\n---\n\n## Third ##\n\n---\n\ntext", "Heading Next Third text"),
        ("---\ntitle: A\ntags: [b]\n---\n# Body", "Body"),
        ("---\n\nA rule, no front matter\n\n---", "A rule, no front matter"),
        ("Notes[^1] here[^a].\n\n[^1]: One\n[^a]: Two.", "Notes here. One Two."),
        ("- [ ] open\n- [x] done\n* one\n+ two\n1) three\n> a\n> b", "open done one two three a b"),
        ("<details><summary>More</summary>\n\nwith *marks*\n\n</details>", "More with marks"),
        ("<!-- hidden\n\nstill -->\n\n<p hidden>gone</p>\n\na <kbd>Ctrl</kbd><br>b", "a Ctrl b"),
        ("~~struck~~ out\\\nand  \non", "struck out and on"),
        ("horti&shy;cultural so\xadciety", "horticultural society"),
        ("2019\\. A year\n\n2020. Another", "2019. A year Another"),
    ],
)  # fmt: skip
def test_words(source: str, words: str) -> None:
    assert markdown_text(source) == words
    assert texts(Document(source.encode(), "markdown").segments()) == [words]


def test_titles() -> None:
    assert markdown_title("```sh\n# comment\n```\n\n# The *garden*\n") == "The garden"
    assert markdown_title("The garden\n===") == "The garden"
    assert markdown_title('---\ntitle: "The garden"\n---\n# Other') == "The garden"
    assert markdown_title("## Second\n\n#hashtag") == ""


def test_spans_are_those_of_the_source() -> None:
    paragraph = (
        "The [pear](http://a.b/pear_(tree)) was **planted** in `2019`; see ![the tree](t.png). "
        "The well is dry &amp; deep.\n\n"
    )
    source = "# Garden\n\n" + paragraph * 12 + "| a | b |\n|---|---|\n| last | cell |\n"
    segments = list(markdown_segments(source))
    assert len(segments) > 2
    assert [one.span for one in segments] == list(spans(source))
    assert " ".join(texts(segments)) == markdown_text(source)
    for segment in segments:
        assert isinstance(segment.media, Text) and segment.span is not None
        start, stop = (int(place) for place in segment.span)
        first, *_, last = segment.media.text.split()
        assert first.strip("&") in source[start : start + 30]
        assert last.strip(".") in source[stop - 30 : stop]


@pytest.mark.parametrize("piece", ["[", "*a ", "`a", "![a](", "<a ", "|a", "__a*", "> - ", "&a;"])
def test_hostile_texts_take_no_longer_than_long_ones(piece: str) -> None:
    begun = time.process_time()
    markdown_text(piece * 20_000)
    assert time.process_time() - begun < 20
