"""Which kind of words a question wants, and which passages have such: a weekday, a time, a colour.

A question that goes on from a text ("and which weekday?", "headed where?") often shares no word
with what answers it. What it asks for is known all the same, and that text has it or has it not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from sensorium.dialogue.orders import before_orders
from sensorium.dialogue.turns import Citation
from sensorium.tasks.lexicon import lexicon

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
    (r"\bhow\s+(?:long|soon|early)\b|多[久长]", r"\d+\s*(?:min|hour|day|week|month|year|sec)"
     r"|[\d一二两三四五六七八九十半]\s*(?:分钟|小时|天|周|个?月|年|秒)"),
    (
        r"\bcolou?rs?\b|颜色",
        r"\b(?:red|orange|yellow|green|blue|purple|violet|pink|brown|black|white|gr[ae]y|golden"
        r"|silver|beige|turquoise)\b|[红橙黄绿蓝紫黑白灰粉棕]色?",
    ),
    (r"\b(?:tele)?phone\b|电话|手机号", r"\d{3,}"),
    (r"\bhow\s+many\b|\bnumber\b|几(?![乎])|多少|号码", _COUNTED),
)  # fmt: skip
"""Patterns of questions, and of what answers them; the first that asks is meant."""

_NOUN = re.compile(
    r"\b(?:what|which)\s+(?:other\s+)?(?:(?:kind|sort|type)s?\s+of\s+)?([a-z]+)"
    r"|^(?:the )?([a-z]+)\W*$"
)
_HAN_NOUN = re.compile(r"(?:什么|哪一?[个种家位座条])([\u3400-\u9fff]{1,4})")
_WHERE = re.compile(r"\bwhere\b|哪[里儿边]|何处|什么地方")
_WHO = re.compile(r"\bwho(?:m|se)?\b|谁|哪一?位|什么人|何人")
_WHY = re.compile(r"\bwhy\b|\bhow come\b|\bfor what reason\b|为什么|为何|干嘛|怎么回事")
_BECAUSE = re.compile(
    r"\bbecause\b|\bdue to\b|\bso that\b|\bsince\b|\bin order to\b|因为|由于|以便|为了"
)
_FIRMS = frozenset(("company", "firm", "organization", "organisation", "business", "institution"))
_INTERROGATIVE = re.compile(
    r"\b(?:who(?:m|se)?|when|where|why|how|what|which)\b"
    r"|谁|哪|什么|啥|怎么|多少|多[长久高重大远]|几(?!乎)|为何"
)
_PLACES = ("location", "structure", "room", "continent", "country", "island", "sea")
_TIME = re.compile(_MONTHS + r"|(?:mon|tues|wednes|thurs|fri|satur|sun)days?\b", re.IGNORECASE)
_NAME = re.compile(
    r"(?<![.!?\n“\"] )(?<!^)\b[A-Z][a-z][\w'’-]*(?:\s+(?:and\s+)?[A-Z][a-z][\w'’-]*)*"
)
_HAN_NAME = re.compile(r"[\u3400-\u9fff](?:师傅|先生|女士|老师|经理|主任|医生|小姐|主席)")
_TO_A_PLACE = re.compile(
    r"\b(?:in|at|to|into|near|behind|under) (?:the|a|our|his|her|their) ([a-z]+)(?: ([a-z]+))?"
)
_HAN_PLACE = re.compile(r"[在到往去][\u3400-\u9fff]{1,6}")


def asks_of_texts(question: str) -> bool:
    """Whether a request is a question that words answer: "for how much money?", "他电话多少"."""
    return _INTERROGATIVE.search(question.lower()) is not None


def of_asked_kind(question: str, passages: Sequence[Citation]) -> tuple[Citation, ...]:
    """Those passages that have what a question asks for; none where it says no kind.

    Parameters
    ----------
    question : str
    passages : sequence of Citation
    """
    holds = _holding(question)
    if holds is None:
        return ()
    return tuple(one for one in passages if holds(before_orders(one.quote)))


def _holding(question: str) -> Callable[[str], bool] | None:
    """What tells whether a text has what is asked for; None where the question says no kind."""
    asked = question.lower().strip()
    wanted = next((holds for asks, holds in _KINDS if re.search(asks, asked)), "")
    if wanted:
        return lambda text: re.search(wanted, text.lower()) is not None
    noun = _noun_of(asked)
    if _WHO.search(asked) or noun in _FIRMS:
        return _names_somebody
    if _WHERE.search(asked):
        return _names_a_place
    if _WHY.search(asked):
        return lambda text: _BECAUSE.search(text.lower()) is not None
    return (lambda text: _names_one(text, noun)) if noun else None


def _names_somebody(text: str) -> bool:
    """Whether a text names somebody, or a firm: no place, month or day is one."""
    return _HAN_NAME.search(text) is not None or any(
        not (_is_place(name[0]) or _TIME.search(name[0])) for name in _NAME.finditer(text)
    )


def _names_a_place(text: str) -> bool:
    """Whether a text names a place, or where in a place: "to London", "in the cellar"."""
    return (
        _HAN_PLACE.search(text) is not None
        or any(_is_place(name[0]) for name in _NAME.finditer(text))
        or any(
            _is_place(word)
            for found in _TO_A_PLACE.finditer(text)
            for word in filter(None, found.groups())
        )
    )


def _is_place(name: str) -> bool:
    """Whether a word means, before all else, a place or what one may be in."""
    return any(lexicon().is_kind(name, one) for one in _PLACES)


def _noun_of(asked: str) -> str:
    """The English noun whose kinds are asked for: "which continent", "哪个大洲"; empty of none."""
    known = lexicon()
    if found := _HAN_NOUN.search(asked):
        for length in range(len(found[1]), 0, -1):
            for name in known.others(found[1][:length]):
                if known.senses(name):
                    return name
        return ""
    found = _NOUN.search(asked)
    noun = (found[1] or found[2]) if found else ""
    return known.lemma(noun) if noun and known.senses(noun) else ""


def _names_one(text: str, noun: str) -> bool:
    """Whether a text names a kind of what a noun means: red is a colour, Africa a continent."""
    known = lexicon()
    return any(
        known.lemma(part.written) != noun and known.is_kind(part.written, noun)
        for part in known.parts(text)
    )
