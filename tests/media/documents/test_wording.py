"""Words that lines, hyphens and ligatures part are put together as they were meant."""

from __future__ import annotations

import pytest

from sensorium import Document
from sensorium.media import Text
from sensorium.media.documents.wording import joined_lines, plain_letters, words_at_line_ends


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("the horticul-\ntural society", "the horticultural society"),
        ("the horticul-\n    tural society", "the horticultural society"),
        ("a Donaudampf\x02schifffahrt", "a Donaudampfschifffahrt"),
        ("HORTICUL-\nTURAL", "HORTICULTURAL"),
        ("a well-\nknown man", "a well-known man"),
        ("self-\nish and self-\nmade", "selfish and self-made"),
        ("the north-\neast; a north-east wind", "the north-east; a north-east wind"),
        ("a stone-\nmason, of stone: a mason", "a stone-mason, of stone: a mason"),
        ("her mother-in-\nlaw", "her mother-in-law"),
        ("horticul-\ntural and so on-", "horticultural and so on-"),
        ("from Nord-\nSüd, 1914-\n1918", "from Nord-Süd, 1914-1918"),
        ("Vor-\nund Nachteile", "Vor- und Nachteile"),
        ("he said--\nand left; a -\nlist", "he said--\nand left; a -\nlist"),
        ("我们在花\n园里", "我们在花园里"),
        ("一\n\n二 the\nend", "一\n\n二 the\nend"),
    ],
)
def test_lines(lines: str, words: str) -> None:
    assert joined_lines(lines, words_at_line_ends(lines)) == words


def test_letters() -> None:
    assert plain_letters("horti\xadcul\xad\n tural") == "horticultural"
    assert plain_letters("o\ufb03ce \ufb01n \ufb06 \u2f08\uff0c") == "office fin st 人，"
    assert plain_letters("a\u200bb c\u2060d \u0e01\u200b\u0e02") == "ab cd \u0e01\u200b\u0e02"
    assert plain_letters("می\u200cخواهم") == "می\u200cخواهم"  # this joiner is spelling
    assert plain_letters("\ufee1\ufeef") == "مى"


def test_spans_stay_those_of_the_file() -> None:
    text = "The horticul-\ntural so\xadciety met."
    (segment,) = Document(text.encode(), "text").segments()
    assert isinstance(segment.media, Text)
    assert segment.media.text == "The horticultural society met."
    assert segment.span == (0, len(text))


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("The well is dry.", "utf-16-le"),
        ("井在八月干涸。 It is dry.\n一", "utf-16-be"),
        ("Die Tür ist grün, der Käse würzig.", "cp1252"),
        ("L’été, où es-tu ? « À la fenêtre »", "cp1252"),
        ("花园里有一棵梨树，井在八月干涸。", "gb18030"),
        ("The well is dry: 井在八月干涸。", "utf-32"),
        ("井在八月干涸，花园里有梨树和无花果。", "utf-16-le"),
        ("庭には梨の木があり、井戸は八月に乾きます。", "utf-16-be"),
        ("庭には梨の木があり、井戸は八月に乾きます。", "cp932"),
        ("庭には梨の木があり、井戸は八月に乾きます。", "euc_jp"),
        ("В саду растёт груша, а колодец в августе сухой.", "cp1251"),
        ("В саду растёт груша, а колодец в августе сухой.", "koi8_r"),
        ("Le garçon à l’école d’été, déjà âgé: où?", "cp1252"),
        ("ÄÖÜ äöü ß — ÉÈ", "cp1252"),
    ],
)
def test_encodings_without_a_mark(text: str, encoding: str) -> None:
    segments = list(Document(text.encode(encoding), "text").segments())
    assert " ".join(one.media.text for one in segments if isinstance(one.media, Text)) == (
        " ".join(text.split())
    )
