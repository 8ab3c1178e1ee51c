"""The requests of one turn: "when was it taken, and where?" holds two.

A turn is parted where each part asks or orders something by itself. Anything else stays whole: a
sentence more may say what the first is about.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass
from types import ModuleType

from sensorium.dialogue.plan import Plan
from sensorium.dialogue.understanding import chinese, english
from sensorium.dialogue.understanding.choosing import chosen, otherwise
from sensorium.dialogue.understanding.learned.decoding import plan_of
from sensorium.dialogue.understanding.learned.reader import Reader
from sensorium.dialogue.understanding.learned.units import units

MOST = 3
"""Requests of one turn that are answered one by one."""

NO_REQUESTS = frozenset({"thanks", "help"})

OF_TEXTS = ("answer", "listen", "read")
"""Intents whose "and when?" asks on."""

_ASKS = (
    r"(?:when|where|who|whose|what|which|how|why|is|are|was|were|does|do|did|can\s+you|could\s+you|describe"
    r"|read|show|tell|find|play|transcribe|compare|count|list|open|explain|(?:with|by|in|on|at|from)\s+(?:what|which|whom))"
)
_ENGLISH_JOINTS = re.compile(
    rf"\s*[.?!;]+\s+(?=(?:(?:and|then|also|now|please)[\s,]+)*{_ASKS}\b)"
    r"|(?<=\?)\s+(?=(?:and|or)\s+\S)"
    rf"|\s*,?\s+and\s+(?:then\s+|also\s+|please\s+|can\s+you\s+)*(?={_ASKS}\b)",
    re.IGNORECASE,
)
_BEGINS = re.compile(
    rf"^\W*(?:(?:and|but|so|then|now|please|also|hi|hello|ok(?:ay)?|thanks?|thank\s+you|could\s+you|can\s+you)[\s,]+)*(?:{_ASKS})\b",
    re.IGNORECASE,
)
_TWO_WORDS = re.compile(
    r"^(?P<before>\W*(?:and\s+)?)(?P<one>when|where|who)\s+and\s+(?P<two>when|where|by\s+whom)\s+(?P<rest>\w.*)$",
    re.IGNORECASE,
)
_BARE_MOMENT = re.compile(
    r"^\W*(?:and\s+)?(?:when|where|at\s+(?:what|which)\s+\w+)\W*$", re.IGNORECASE
)
_CHINESE_ASKS = (
    r"(?:什么|啥|哪|谁|几|多少|多大|多长|怎么|为何|何时|何处|吗|呢|描述|介绍|读|念|转写|比较"
    r"|告诉我|数一?数|解释|找|给我看)"
)
_CHINESE_MOMENT = (
    r"(?:是)?(?:在)?(?:什么时候|什么时间|何时|第?几分?几?秒|哪一?(?:秒|刻))(?:出现)?(?:的)?\W*"
)
_CHINESE_TIMED = r"影片|视频|电影|录像|录音|说|讲|提到|听"
_CHINESE_JOINTS = re.compile(
    r"[。；;？?！!]+(?=\S)|[，,](?:再|然后|并且?|还有|而且|另外|顺便)?(?=\S)"
)


@dataclass(frozen=True)
class Understood:
    """A request as it is understood.

    Attributes
    ----------
    plan : Plan
    other : Plan or None
        What it may mean as well, where rules and reader are not of one mind: for where the first
        leads nowhere.
    """

    plan: Plan
    other: Plan | None = None


def understand_all(
    said: str,
    language: str,
    today: datetime.date,
    *,
    given: int = 0,
    before: str = "",
    reader: Reader | None = None,
    alone: bool = False,
) -> tuple[Plan, ...]:
    """As `understood`: the plan of each request, without what it may mean as well."""
    every = understood(
        said, language, today, given=given, before=before, reader=reader, alone=alone
    )
    return tuple(one.plan for one in every)


def understood(
    said: str,
    language: str,
    today: datetime.date,
    *,
    given: int = 0,
    before: str = "",
    reader: Reader | None = None,
    alone: bool = False,
) -> tuple[Understood, ...]:
    """What each request of a turn is understood as, at least one.

    Parameters
    ----------
    said : str
    language : {"en", "zh"}
    today : date
    given : int
        Media that came with it.
    before : str
        The turn before; empty where there is none.
    reader : Reader, optional
        What has learned what requests mean; None takes the rules alone.
    alone : bool
        Whether the reader's plan holds always, to measure it.
    """
    module = chinese if language == "zh" else english
    whole = module.understand(said, today, given=given)
    parts = _chinese_parts(said) if language == "zh" else _english_parts(said)
    plans = _each(parts, whole, module, today, given)
    if reader is None or not units(said):
        return tuple(map(Understood, plans))
    texts = [said] if len(plans) == 1 else [part for part in parts if units(part)]
    if len(texts) != len(plans):
        return tuple(map(Understood, plans))
    found = []
    for ruled, text in zip(plans, texts, strict=True):
        read, told = reader.read(text, ruled, before, given)
        learned = plan_of(told, text, read.units, language, today, ruled, given)
        plan = learned if alone else chosen(ruled, learned, told, language)
        found.append(Understood(plan, None if alone else otherwise(plan, ruled, learned)))
        before = text
    return tuple(found)


def _each(
    parts: list[str], whole: Plan, module: ModuleType, today: datetime.date, given: int
) -> tuple[Plan, ...]:
    """The rules' plans of the parts of a turn, or that of the whole."""
    if not 1 < len(parts) <= MOST or whole.intent in ("label", "holds"):
        return (whole,)
    plans = [module.understand(part, today, given=given) for part in parts]
    plans = [plan for plan in plans if plan.intent not in NO_REQUESTS]
    if any(plan.intent in OF_TEXTS for plan in plans[:-1]) and _BARE_MOMENT.match(parts[-1]):
        return (whole,)  # "who paid it, and when?" asks of what is told, not of its file
    return tuple(plans) if len(plans) > 1 and all(map(_says_something, plans)) else (whole,)


def _says_something(plan: Plan) -> bool:
    return bool(
        plan.subject or plan.reference or plan.fact or plan.has_conditions or plan.excluded
        or plan.intent not in ("find", "answer")
    )  # fmt: skip


def _english_parts(said: str) -> list[str]:
    text = " ".join(said.split())
    if (match := _TWO_WORDS.match(text)) is not None:
        two = "who" if match["two"].startswith("by") else match["two"]
        return [f"{match['before']}{match['one']} {match['rest']}", f"{two} {match['rest']}"]
    parts = [part for part in _ENGLISH_JOINTS.split(text) if part and part.strip(" .?!,;")]
    if len(parts) < 2 or not _BEGINS.match(parts[0]):
        return [text]
    if _BARE_MOMENT.match(parts[-1]) and _is_timed(parts[-2]):
        return [text]  # "is it in the film, and when?"
    return parts


def _is_timed(part: str) -> bool:
    return re.search(
        r"\b(?:film|video|movie|clip|recording|said|says?|heard|hear|appears?|talk|mention)", part,
        re.IGNORECASE,
    ) is not None  # fmt: skip


def _chinese_parts(said: str) -> list[str]:
    text = "".join(said.split())
    parts = [part for part in _CHINESE_JOINTS.split(text) if part.strip("？?。！!，,；;")]
    if len(parts) < 2 or not all(re.search(_CHINESE_ASKS, part) for part in parts):
        return [text]
    if re.fullmatch(_CHINESE_MOMENT, parts[-1]) and re.search(_CHINESE_TIMED, parts[-2]):
        return [text]  # "它在影片里吗，什么时候"
    return parts
