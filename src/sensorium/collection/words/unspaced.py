"""Pieces of a question in a script without spaces: 海边的狗 asks for 海边 and 狗, 和服 for itself.

Without a dictionary nobody says where words end. A run is asked for as a whole, which ranks first
what holds it, and in overlapping pairs of what lies between function words. Function words are told
from the same characters within words (和 of 和服) by their place and a list of common words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from sensorium.collection.words.cutting import HAN, HIRAGANA, KATAKANA

# Chinese

_WITHIN_WORDS = (
    "目的", "标的", "標的", "的确", "的確", "的士", "了解", "了不起", "为了", "為了",
    "除了", "和平", "和服", "和尚", "和谐", "和諧", "和睦", "共和", "总和", "總和",
    "饱和", "飽和", "温和", "溫和", "暖和", "柔和", "平和", "缓和", "緩和", "中和剂",
    "中和劑", "调和", "調和", "祥和", "谦和", "謙和", "昭和", "大和", "现在", "現在",
    "存在", "实在", "實在", "正在", "内在", "內在", "外在", "所在", "潜在", "潛在",
    "在线", "在線", "自在", "是否", "于是", "於是", "总是", "總是", "但是", "可是",
    "就是", "还是", "還是", "是非", "不是", "参与", "參與", "与其",
)  # fmt: skip
"""Common words that hold a character of `_FUNCTION`, and stand within a run."""

_COUNTED = (
    "[一二两兩三四五六七八九十几幾这這那每某]"
    "[个個只隻张張幅条條位座匹辆輛朵杯艘把棵颗顆本件双雙群头頭台栋棟碗盘盤块塊片间間名]"
)
"""A number, and the word that counts things of a kind: 一只猫, 三座山."""

_FUNCTION = "的了和与與是在"
_NEVER_FIRST = "的了和与與"
_NEVER_LAST = "和与與是在"
"""和服 begins with no "and", 饱和 ends with none."""

_KANA = re.compile(f"[{HIRAGANA}{KATAKANA}]")
_HAN_OR_KANA = re.compile(f"[{HAN}{HIRAGANA}{KATAKANA}]")

_SPLIT = re.compile(f"({'|'.join(_WITHIN_WORDS)})|({_COUNTED})|([{_FUNCTION}])")


def _chinese(run: str) -> Iterator[str]:
    """What lies between function words."""
    start = 0
    for found in _SPLIT.finditer(run):
        _, counted, function = found.groups()
        is_first, is_last = found.start() == 0, found.end() == len(run)
        if counted or (
            function
            and not (is_first and (function in _NEVER_FIRST or len(run) == 2))
            and not (is_last and function in _NEVER_LAST)
        ):
            yield run[start : found.start()]
            start = found.end()
    yield run[start:]


# Japanese

_SPANS = re.compile(f"([{HIRAGANA}]+)|([{KATAKANA}]+)|([^{HIRAGANA}{KATAKANA}]+)")
_PARTICLES = "はがをにでとものへや"
_AROUND = re.compile(f"^(?:から|まで|より|[{_PARTICLES}])+|(?:から|まで|より|[{_PARTICLES}])+$")
_GRAMMAR = frozenset({
    "いる", "ある", "する", "した", "して", "てい", "って", "った", "ない", "よう",
    "です", "ます", "こと", "もの", "たち", "など", "から", "まで", "いた", "れる",
    "られ", "され", "れた", "せる", "くる", "きた", "なる", "なっ", "うな", "その",
    "この", "あの", "どの", "とき", "ため", "まし",
})  # fmt: skip
"""Pairs of kana that end verbs, and say nothing of what is sought."""


def _japanese(run: str) -> Iterator[str]:
    """Words by their script; of a verb or adjective the character and the kana after it."""
    spans = [(found[0], found.lastindex) for found in _SPANS.finditer(run)]
    for n, (span, kind) in enumerate(spans):
        after = spans[n + 1][0] if n + 1 < len(spans) and spans[n + 1][1] == 1 else ""
        if kind == 1:
            rest = span if len(spans) == 1 else _AROUND.sub("", span)
            yield from (part for part in _grams(rest, 2) if part not in _GRAMMAR)
        elif kind == 2:
            yield from _grams(span, 3)
        elif len(span) > 1:
            yield from _grams(span, 2)
        else:
            yield span
            if after and after[0] not in _PARTICLES:
                yield span + after[0]


def _grams(part: str, length: int) -> Iterator[str]:
    if len(part) > 1:
        yield part
        yield from (part[i : i + length] for i in range(len(part) - length + 1))


# Thai, Lao, Khmer, Burmese

LEAST_ALONE = 3
"""Characters of a syllable that may be a word by itself: ม้า. Shorter ones are in every line."""


def _syllables(words: Sequence[str]) -> Iterator[Sequence[str]]:
    yield words
    for n, word in enumerate(words):
        if n + 1 < len(words):
            yield words[n : n + 2]
        if len(word) >= LEAST_ALONE:
            yield [word]


def pieces(run: str, words: Sequence[str]) -> Iterator[Sequence[str]]:
    """Cut a run of an unspaced script into what is asked for.

    Parameters
    ----------
    run : str
        As it was written, folded.
    words : sequence of str
        The same in the words that are stored: characters, with the marks on them.

    Yields
    ------
    sequence of str
        Words that follow one another; first all of them. Nothing, if the run says nothing of what
        is sought.
    """
    if not _HAN_OR_KANA.search(run):
        yield from _syllables(words)
        return
    cut = _japanese(run) if _KANA.search(run) else _pairs(_chinese(run))
    if parts := list(filter(None, cut)):
        yield run
        yield from parts


def _pairs(parts: Iterable[str]) -> Iterator[str]:
    for part in parts:
        yield from _grams(part, 2) if len(part) > 1 else [part]
