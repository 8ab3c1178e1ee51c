"""How an English request goes on from the one before: corrections, narrowing, widening, "and ...".

Each class is taken from the beginning or the end of a request; what is left is understood as any
request is, and takes what it does not say from the plan before.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from sensorium.dialogue.understanding.english_words import ANY_KIND, THING

_YEAR = r"(?:1[89]\d\d|20\d\d)"
_NO = r"(?:no+|nope|sorry|actually|wait|oh|ah|hm+|rather|wrong|not\s+that(?:\s+one)?)"
_CORRECTION = re.compile(
    rf"^\W*(?:{_NO}[\s,.!;:-]+)*(?:but\s+)?(?:(?:what\s+)?(?:i|we)\s+(?:actually\s+|really\s+)?"
    r"(?:mean|meant|(?:was|am)\s+(?:asking|looking|searching)\s+(?:for|about)|said|asked\s+for"
    r"|wanted)"
    r"(?:\s+(?:is|was|to\s+(?:see|find|have|say|ask(?:\s+for)?)))*\b[\s,:]*)"
    rf"|^(?!\W*no\.\s*\d)\W*(?:{_NO}\s*[,.!;:-]+\s*|no+\s+(?=no+\s*[,.!;:-]))+"
    r"|^\W*(?:correction\s*[:,-]|rather(?=\s+(?:the|an?)\b)|(?:actually\s+)?make\s+(?:it|that)|change\s+(?:it"
    r"|that)\s+to"
    r"|that\s+is\s+not\s+what\s+i\s+\w+(?:\s+for)?\s*[,.;:-]+\s*i\s+\w+(?:\s+for)?)[\s,]*"
)
_MEANT_LATER = re.compile(r"[\s,]+i\s+(?:mean|meant)\W*$")
_NOT_BUT = re.compile(
    r"^\W*not\s+(?:an?\s+|the\s+)?(?!(?:only|just)\b)(?P<not>[a-z -]+?)"
    r"\s*(?:,\s*(?:but\s+)?(?:rather\s+)?|\s+but\s+)(?P<rest>.+)$"
)
_BUT_NOT_KIND = re.compile(rf"\s*,\s*(?:and\s+)?not\s+(?:the\s+|an?\s+)?(?:{ANY_KIND})(?=\W*$)")
_CONTINUES = re.compile(
    r"^\W*(?:(?:and|but|or|then|so)?[\s,]*(?:what|how)\s+about\b[\s,]*"
    r"|(?:and|but|or)\s+(?:also\s+)?(?!without\b|except\b|not\b)|(?:and|but|or)\s+(?=without\b"
    r"|except\b|not\b)"
    r"|(?:now|then|also)\b[\s,]*(?:only\s+|just\s+)?|(?:only|just)\b\s*)+"
)
_ASWELL = re.compile(r"(?<=\w)\s*,?\s+(?:too|as\s+well)(?=\W*$)")
_NARROW = re.compile(
    r"^\W*keep\s+(?:only|just)\s+(?:(?:the\s+ones|those|what\s+is|that\s+are)\s+)?|"
    r"^\W*(?:narrow|limit|restrict|filter|reduce|confine|cut)\s+(?:(?:it|that|this|them|these|those"
    r"|the\s+\w+)\s+)?(?:down\s+)?(?:to|by)\s+(?:only\s+|just\s+)?"
)
_PLACE_FIRST = re.compile(
    r"^\W*(?:ones?\s+)?(?:taken\s+)?(?:with(?!out)|in|at|on|under|near|by|beside|behind|during"
    r"|against|inside|one\s+with"
    r"|ones\s+with|made\s+of|full\s+of)\s+(?=\w)"
)
_BACK_TO = re.compile(
    r"^\W*(?:let\s+us\s+|let's\s+)?(?:go\s+|come\s+|get\s+)?back\s+to\s+(?=the\b|my\b)"
)

_WIDENED = (
    ("date", re.compile(
        r"^\W*(?:(?:from|in|of|at)\s+)?(?:any|all|every|other|whatever|whichever)\s+(?:years?"
        r"|dates?|times?|months?)(?:\s+(?:too|as\s+well))?\W*$"
        r"|^\W*(?:no\s+matter|regardless\s+of|never\s+mind|whatever)\s+(?:the\s+)?(?:when"
        r"|dates?|years?|time|which\s+year"
        r"|what\s+year|how\s+old)\b[^,]*$|^\W*whenever\W*$"
        r"|^\W*(?:forget|drop|ignore|without|skip|remove|lift|not\s+by)\s+(?:about\s+)?the\s+"
        r"(?:dates?|years?|time|period)\b[^,]*$"
        rf"|^\W*not\s+(?:only|just)\s+(?:those\s+)?(?:from\s+|in\s+|of\s+)?(?:{_YEAR}"
        rf"|last\s+\w+|this\s+\w+)\W*$",
    )),
    ("kind", re.compile(
        r"^\W*(?:of\s+)?(?:any|all|every|whatever|no\s+matter\s+what|no\s+matter\s+which)"
        r"\s+(?:kinds?|types?|sorts?)(?:\s+of\s+\w+)?\W*$"
        rf"|^\W*(?:everything\s*,\s*)?not\s+(?:only|just)\s+(?:the\s+)?(?:{ANY_KIND})\W*$",
    )),
    ("excluded", re.compile(
        r"^\W*(?:the\s+)?[a-z -]+\s+(?:are|is)\s+(?:fine|ok(?:ay)?|all\s+right|allowed|welcome)"
        r"(?:\s+(?:too|as\s+well|again|now))*\W*$"
        r"|^\W*(?:with|including)\s+[a-z -]+\s+(?:too|as\s+well)\W*$",
    )),
)  # fmt: skip
"""Conditions of the plan before that are dropped."""


@dataclass(frozen=True)
class GoingOn:
    """What is left of a request, and how it goes on from the one before.

    Attributes
    ----------
    rest : str
    continues : bool
        What it does not say is as before.
    adds : str
        Its subject is said of the one before, and does not take its place: the "in" of "and in
        winter?", "的" in Chinese; empty where it does.
    widened : str
        See `Plan`.
    """

    rest: str
    continues: bool = False
    adds: str = ""
    widened: str = ""


def going_on(text: str) -> GoingOn:
    """How a request goes on from the one before.

    Parameters
    ----------
    text : str
        In small letters.
    """
    for name, pattern in _WIDENED:
        if pattern.match(text):
            return GoingOn("", continues=True, widened=name)
    rest = text
    for pattern in (_CORRECTION, _CORRECTION, _BACK_TO, _NARROW):  # "hmm, make that a boat"
        if (match := pattern.match(rest)) is not None and re.search(r"\w", rest[match.end() :]):
            rest = rest[match.end() :]
    if (match := _NOT_BUT.match(rest)) is not None:
        rest = match["rest"]
    rest = _BUT_NOT_KIND.sub("", _MEANT_LATER.sub("", rest))
    is_only = re.match(r"^\W*(?:and\s+|now\s+)?(?:only|just)\b", rest) is not None
    if (match := _CONTINUES.match(rest)) is not None and re.search(r"\w", rest[match.end() :]):
        rest = rest[match.end() :]
    rest = _ASWELL.sub("", rest) if _is_short(rest) else rest
    continues = rest != text
    first = _PLACE_FIRST.match(rest)
    adds = re.sub(r"^\W*(?:ones?\s+)?(?:taken\s+)?", "", first[0]).strip() if first else ""
    return GoingOn(rest, continues or is_only, adds)


def _is_short(text: str) -> bool:
    """Whether it is a subject alone: "horses too", not "is it a horse too"."""
    return len(text.split()) <= 4 and not re.search(
        rf"\b(?:it|that|this|them|(?:the\s+{THING}))\b", text
    )
