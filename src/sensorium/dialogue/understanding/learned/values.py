"""Values that are read from the words themselves: numbers, ordinals, seconds, dates."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence

from sensorium.dialogue.plan import Reference
from sensorium.dialogue.understanding.dates import Period, take_period
from sensorium.dialogue.understanding.numbers import (
    CARDINALS,
    CHINESE_NUMBER,
    ENGLISH_ORDINAL,
    number_of,
)
from sensorium.dialogue.understanding.scanning import Scan

LARGEST = 999
"""Numbers of items; what is larger is a year."""

_CARDINAL = "|".join(word for word in CARDINALS if word != "one")
_ORDINAL = re.compile(
    rf"\b(?P<n>{ENGLISH_ORDINAL})\b|(?:\bnumbers?|\bno\.?|\bnr\.?|\bnumero|#)\s*(?P<n2>\d{{1,3}}|one|{_CARDINAL})\b"
    rf"|第(?P<n3>\d{{1,3}}|{CHINESE_NUMBER})|(?P<last>\blast\b|\bfinal\b|最后|末一|最末)|(?P<n4>\d{{1,3}}|{CHINESE_NUMBER})号(?!楼|线)|头一[张个幅段条份部]?(?P<head>)"
)
_NUMBER = re.compile(
    rf"(?<![\d.:/-])(?P<n>\d{{1,3}})(?![\d:/年月号日%]|st|nd|rd|th)|\b(?P<w>{_CARDINAL}|couple|few|pair|dozen)\b"
    rf"|(?<![第\d])(?P<z>{CHINESE_NUMBER})(?![年月号日])|(?P<two>[俩仨])|(?P<some>几)"
)
_ONE = re.compile(r"\b(?:one|a single|single|an|a)\b|一(?=[张个幅段条份部首篇])|单[独张个]")
_FROM_END = re.compile(
    r"penultimate|next[\s-]to[\s-](?:the\s+)?last|(?:last|one)\s+but\s+(?P<but>one|two|three)"
    r"|before\s+(?:the\s+)?last|from\s+(?:the\s+)?(?:end|bottom|back|right)|to[\s-]last|倒着?数|倒过来|从后|[右后]边?(?:开始)?数|从[右下尾]"
)
_AGO = re.compile(
    r"\b(?P<n>\d+|a|one|two|three|four|five|couple)\b[\w\s]*\b(?:ago|back|earlier|before)\b"
    r"|[上前](?P<z>[一二两三四五几]|\d)"
)
_SECOND = re.compile(
    r"\b(?:(?P<h>\d{1,2}):)?(?P<m>\d{1,2})[:：](?P<s>\d\d)\b"
    r"|(?:(?P<min>\d{1,3}|[a-z]+(?=\s*-?min)|[一二两三四五六七八九十百半]+(?=分))\s*-?(?:minutes?|mins?|m\b|分钟?(?P<half>半)?))?[\s,]*(?:and\s+)?"
    r"(?:(?P<sec>\d{1,4}|[一二两三四五六七八九十百零]+(?=秒)|[a-z]+(?=\s+sec))\s*-?(?:seconds?|secs?|s\b|秒))"
    r"|\bsecond\s+(?P<nth>\d{1,4})|\bminute\s+(?P<mth>\d{1,3}|[a-z]+)"
    r"|(?P<alone>\d{1,3}|\b[a-z]+(?=\s+min)|[一二两三四五六七八九十百]+(?=分))\s*-?(?:minutes?|mins?|分钟?(?:(?P<half2>半)|(?P<rest>\d{1,2}|[一二三四五]?十[一二三四五六七八九]?))?)"
)
_PAGE = re.compile(
    r"\bpage\s+(?!to\b|of\b)(\w+)|\b(?:pg|p)\.?\s*(\d+)|(\w+)\s+page|第([\d一二两三四五六七八九十百]+)页"
)
_YEAR_WORD = re.compile(r"\b(?:the\s+)?years?\s+(?=(?:1[89]|20)\d\d)")
_FEW = 3

_MORE_NUMBERS = {
    "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "ninety": 90, "dozen": 12, "couple": 2,
    "pair": 2, "few": _FEW, "俩": 2, "仨": 3, "几": _FEW,
}  # fmt: skip


def period_of(said: str, language: str, today: datetime.date) -> Period:
    """The dates that are said, an empty period for none.

    Of several the one with an open end ("I left in 1992, so before 1992"), else the last: who
    looks for a date while speaking says the right one last.
    """
    scan, found = Scan(_YEAR_WORD.sub("", said.lower())), list[Period]()
    while (one := take_period(scan, language, today)) is not None:
        found.append(one)
    opened = [one for one in found if not (one.after and one.before)]
    return (opened or found or [Period()])[-1]


def ordinals(said: str) -> list[int]:
    """Ordinal numbers in their order, -1 for the last."""
    found = []
    for match in _ORDINAL.finditer(said.lower()):
        said_of = match["n"] or match["n2"] or match["n3"] or match["n4"]
        found.append(number_of(said_of) if said_of else -1 if match["last"] else 1)
    return [one for one in found if one]


def cardinals(said: str) -> list[int]:
    """Numbers of items in their order; "a few" are three."""
    found = []
    for match in _NUMBER.finditer(said.lower()):
        found.append(_number(next(filter(None, match.groups()))))
    return [one for one in found if 0 < one <= LARGEST]


def count_of(said: str) -> int:
    """How many items are asked for; 1 where no other number is said."""
    return next((one for one in cardinals(said) if one > 1), 1)


def second_of(said: str) -> float | None:
    """A moment in seconds; None where none is said."""
    found = (_seconds(match) for match in _SECOND.finditer(said.lower()))
    return next((one for one in found if one), None)


def _seconds(match: re.Match[str]) -> float:
    if match["m"]:
        return float(int(match["h"] or 0) * 3600 + int(match["m"]) * 60 + int(match["s"]))
    if match["nth"]:
        return float(match["nth"])
    minutes = match["min"] or match["mth"] or match["alone"] or ""
    if minutes == "半":
        return 30.0
    half = 30 if match["half"] or match["half2"] else 0
    return float(_number(minutes) * 60 + _number(match["sec"] or match["rest"] or "") + half)


def page_of(said: str, kind: str) -> int:
    """The page that is meant: -1 for the last; 0 where its number is not said."""
    if kind == "last":
        return -1
    near = _PAGE.search(said.lower())
    found = number_of(next(filter(None, near.groups()))) if near is not None else 0
    return found or next((one for one in ordinals(said) if one > 0), 0)


def reference_of(kind: str, modality: str, said: str) -> Reference:
    """The reference of a kind with its numbers, the first where none is said.

    Parameters
    ----------
    kind : str
        A class of `labels.HEADS`.
    modality : str
    said : str
        The words, without spans of other parts.
    """
    if kind == "other":
        return Reference("others", 1, modality)
    if kind == "others":
        return Reference("others", next((n for n in cardinals(said) if n > 1), 0), modality)
    if kind in ("ordinal", "except"):
        numbers = ordinals(said)
        if len(numbers) < 2 and len(cardinals(said)) > len(numbers):
            numbers = sorted({*numbers, *cardinals(said)}, key=lambda n: (n < 0, n))
        return _numbered(kind, numbers, modality)
    if kind == "last":
        return Reference("last", _from_end(said), modality)
    if kind in ("first", "last few"):
        return _numbered(kind, cardinals(said)[:1] or [2], modality)
    if kind == "citation":
        return _numbered(kind, [*ordinals(said), *cardinals(said)][:1], modality)
    if kind == "turn":
        return Reference("turn", _turn(said), modality)
    if kind == "before":
        back = _AGO.search(said.lower())
        number = _number(back["n"] or back["z"] or "") if back is not None else 1
        return Reference("before", number or 1, modality)
    return Reference(kind, 1, modality)


def _numbered(kind: str, numbers: Sequence[int], modality: str) -> Reference:
    numbers = numbers or [1]  # "the topmost one"
    return Reference(kind, numbers[0], modality, tuple(numbers[1:]))


def _from_end(said: str) -> int:
    match = _FROM_END.search(said.lower())
    if match is None:
        return 1
    if match["but"]:
        return 1 + number_of(match["but"])
    numbers = [n for n in (*ordinals(said), *cardinals(said)) if n > 0]
    return numbers[0] if numbers else 2


def _turn(said: str) -> int:
    small = said.lower()
    if (back := _AGO.search(small)) is not None:
        return -(_number(back["n"] or back["z"] or "") or 1)
    if re.search(r"\bbefore\s+(?:the\s+)?(?:last|that)|\blast\s+but\s+one|上上", small):
        return -2
    if re.search(r"\b(?:last|previous|latest)\b|上一|上次|刚才|刚刚", small):
        return -1
    if re.search(
        r"\b(?:start|beginning|begin|began|original|originally|initial)\b|最初|最早|一开始|开头|最开始",
        small,
    ):
        return 1
    return next((n for n in ordinals(said) if n > 0), -1)


def _number(said: str) -> int:
    """As `number_of`, with tens, dozens and couples."""
    return _MORE_NUMBERS.get(said) or number_of(said)
