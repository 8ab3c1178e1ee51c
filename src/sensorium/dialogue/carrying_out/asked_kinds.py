"""Which kind of words a question wants, and which passages have such: a weekday, a time, a number.

A question that goes on from a text ("and which weekday?") often shares no word with what answers
it. What it asks for is known all the same, and that text has it or has it not.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sensorium.dialogue.turns import Citation

_MONTHS = (
    r"\b(?:jan|febr)uary\b|\bmarch\b|\bapril\b|\bmay\b|\bju(?:ne|ly)\b|\baugust\b"
    r"|\b(?:septem|octo|novem|decem)ber\b"
)
_COUNTED = (
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|first|second|third"
    r"|fourth|fifth)\b|[一二两三四五六七八九十]"
)
_KINDS = (
    (
        r"\b(?:what|which)\s+(?:week\s*)?day\b|(?:礼拜|星期|周)几",
        r"\b(?:mon|tues|wednes|thurs|fri|satur|sun)day|(?:星期|周|礼拜)[一二三四五六日天]",
    ),
    (
        r"\b(?:what|which)\s+(?:month|date)\b|\b(?:until|till|by)\s+when\b|几月|哪一?[天日]|几[号日]",
        rf"{_MONTHS}|[一二三四五六七八九十\d]\s*月",
    ),
    (
        r"\bwhat\s+time\b|几点",
        r"\b\d{1,2}[.:]\d\d\b|\b(?:at|from|to|until)\s+\d{1,2}\b|[一二三四五六七八九十\d]\s*点",
    ),
    (
        r"\bhow\s+much\b|多少钱",
        r"\d[\d.,]*\s*(?:euros?|dollars?|pounds?|€|\$)|[€$£]\s*\d|[\d一二三四五六七八九十]\s*元",
    ),
    (r"\bhow\s+many\b|\bnumber\b|几(?![乎])|多少", _COUNTED),
)


def of_asked_kind(question: str, passages: Sequence[Citation]) -> tuple[Citation, ...]:
    """Those passages that have what a question asks for; none where it says no kind.

    Parameters
    ----------
    question : str
    passages : sequence of Citation
    """
    asked = question.lower()
    wanted = next((holds for asks, holds in _KINDS if re.search(asks, asked)), "")
    if not wanted:
        return ()
    return tuple(one for one in passages if re.search(wanted, one.quote.lower()))
