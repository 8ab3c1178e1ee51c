"""English phrases that mean items by what was said before: "the second one", "the pink one".

A phrase is a determiner, a numeral or an adjective, and a head ("one", "ones", a kind of media, or
a noun after "that"). Each rule takes one form of it and leaves "it" or "them" in its place, so that
what is asked about it is understood as it is of a pronoun: "when was the third one taken" is "when
was it taken", of the third one. Rules stand in the order in which they bind, the longer form first.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from sensorium.dialogue.plan import Reference
from sensorium.dialogue.understanding.english_words import ANY_KIND, THING, kind_of
from sensorium.dialogue.understanding.numbers import (
    ENGLISH_NUMBER,
    ENGLISH_ORDINAL,
    number_of,
)


@dataclass(frozen=True)
class Meant:
    """Items that a phrase means, and what it says of them.

    Attributes
    ----------
    reference : Reference or None
    described : str
        Words of the one that is meant, that stand before its head: "pink".
    definite, but_one : bool
        See `Plan`.
    excluded : tuple of str
    order : str
    number : int
    """

    reference: Reference | None = None
    described: str = ""
    definite: bool = False
    but_one: bool = False
    excluded: tuple[str, ...] = ()
    order: str = ""
    number: int = 0


@dataclass(frozen=True)
class Rule:
    """One form of phrases: what it leaves in its place, what it means, and how it is written."""

    leaves: str
    build: Callable[[re.Match[str]], Meant]
    patterns: tuple[re.Pattern[str], ...]


def take_phrase(text: str) -> tuple[str, Meant | None]:
    """The first phrase that any rule finds, and the request with a pronoun in its place.

    Parameters
    ----------
    text : str
        A request in small letters.
    """
    for rule in _RULES:
        if rule.build is _of_kind and _HEARD.search(text):
            continue  # "what is said in the film about trees" asks about trees
        for pattern in rule.patterns:
            if (match := pattern.search(text)) is not None:
                kept = match.groupdict().get("keep") or ""
                rest = f"{text[: match.start()]}{kept} {rule.leaves} {text[match.end() :]}"
                return " ".join(rest.split()), rule.build(match)
    return text, None


def _group(match: re.Match[str], name: str) -> str:
    return (match.groupdict().get(name) or "").strip()


def _reference(kind: str, number: int, match: re.Match[str]) -> Meant:
    return Meant(Reference(kind, number, kind_of(_group(match, "k"))))


def _numeral(said: str) -> int:
    return -1 if said in ("last", "latest") else number_of(said)


def _numerals(said: str) -> list[int]:
    """The numbers of a list; "one" counts by itself, and is no number in "the first one"."""
    if said == "one":
        return [1]
    return [_numeral(one[0]) for one in _NUMERAL.finditer(said)]


def _ordinals(match: re.Match[str]) -> Meant:
    numbers = _numerals(_group(match, "n"))
    modality = kind_of(_group(match, "k"))
    if numbers == [-1]:
        return Meant(Reference("last", 1, modality))
    return Meant(Reference("ordinal", numbers[0], modality, tuple(numbers[1:])))


def _except(match: re.Match[str]) -> Meant:
    numbers = _numerals(_group(match, "n"))
    return Meant(Reference("except", numbers[0], "", tuple(numbers[1:])))


def _citation(match: re.Match[str]) -> Meant:
    return Meant(Reference("citation", _numeral(_group(match, "n"))))


def _given(match: re.Match[str]) -> Meant:
    return _reference("given", 1, match)


def _ago(match: re.Match[str]) -> Meant:
    return Meant(Reference("turn", -number_of(_group(match, "n"))))


def _turn(match: re.Match[str]) -> Meant:
    return Meant(Reference("turn", _numeral(_group(match, "n") or "first")))


def _last_but(match: re.Match[str]) -> Meant:
    return _reference("last", 1 + number_of(_group(match, "n")), match)


def _from_end(match: re.Match[str]) -> Meant:
    said = _group(match, "n")
    return _reference("last", 2 if said == "next" else number_of(said), match)


def _few(match: re.Match[str]) -> Meant:
    kind = "last few" if _group(match, "end") in ("last", "final") else "first"
    return _reference(kind, number_of(_group(match, "n")), match)


def _others(match: re.Match[str]) -> Meant:
    said = _group(match, "n")
    number = number_of(said) if said else int(_group(match, "one") != "")
    return Meant(Reference("others", number, kind_of(_group(match, "k") or _group(match, "one"))))


def _order_of(match: re.Match[str]) -> str:
    return next(order for order in SUPERLATIVES if match[order])


def _most(match: re.Match[str]) -> Meant:
    number = number_of(_group(match, "n")) or 1
    return Meant(Reference("those"), order=_order_of(match), number=number)


def _mosts(match: re.Match[str]) -> Meant:
    return Meant(order=_order_of(match), number=number_of(_group(match, "n")))


def _unwanted(match: re.Match[str]) -> Meant:
    words, head = _group(match, "what"), _group(match, "h")
    if head.endswith("s") or head == "those":
        return Meant(Reference("those"), excluded=(words,))
    return Meant(excluded=(words,), but_one=True)


def _described(match: re.Match[str]) -> Meant:
    head = _group(match, "h")
    if head.endswith(("s", "them")) or "of t" in head or head == "those":
        return Meant(Reference("those"), described=_group(match, "what"))
    return Meant(described=_group(match, "what"), definite=True)


def _of_kind(match: re.Match[str]) -> Meant:
    return Meant(definite=True)


def _several(match: re.Match[str]) -> Meant:
    return Meant(Reference("those"), number=number_of(_group(match, "n")))


def _noun(match: re.Match[str]) -> Meant:
    return Meant(Reference("it"), described=_group(match, "what"), definite=True)


_CARDINAL = ENGLISH_NUMBER.removeprefix("a|")
_COUNT = rf"(?:\d{{1,2}}|{_CARDINAL})"
_NTH = rf"(?:{ENGLISH_ORDINAL}|last)"
_NUMERAL = re.compile(
    rf"\b(?:{_NTH}|\d{{1,2}}|{_CARDINAL.replace('one|', '', 1)}|(?<=number )one)\b"
)
_PART = r"of\s+(?:them|these|those|both|the\s+(?:two|three|four|five|lot))"
_OF = rf"(?:\s+{_PART}(?:\s+{THING})?)?"
_K = rf"(?P<k>\s+{THING})?"
_SINGULAR = (
    r"photo(?:graph)?|pic(?:ture)?|image|snap(?:shot)?|drawing|painting|shot|film|video|movie|clip"
    r"|recording|sound|song|track|document|pdf|text|article|object|model|item|file|result|hit"
)
_DROP = (
    r"(?:(?:all|everything|anything|any|those|them|these)\s+)?(?:but(?:\s+not)?|except(?:\s+for)?"
    r"|besides|other\s+than|apart\s+from|without|not|excluding|minus|leave\s+out|leaving\s+out"
    r"|drop|remove|skip|ignore|hide|(?:i\s+)?(?:do\s+not|don't|dont)"
    r"\s+(?:want|need|like|mean|show(?:\s+me)?))"
)
_ENDS = (  # what may follow a numeral that means an item, and is no noun of its own
    r"(?=\W*$|\s*[,.;:?!)]|\s+(?:is|are|was|were|has|have|does|do|did|can|taken|made|shot|from"
    r"|shows?"
    r"|says?|say|again|please|too|also|then|now|instead|with|without|in|on|at|and|or|to|about|look"
    r"|thanks|called|up|out|here|there|an?|or)\b)"
)
_MORE = (
    r"(?!\s+(?:taken|made|shot|from)\W*$)(?=\s+(?:with|without|from|in|on|at|by|near|under"
    r"|behind|above|beside|beneath|between|against"
    r"|next|where|that|which|who|whose|of|about|taken|made|shot|to\s+the|[a-z]+ing)\b\W+\w)"
)
_NO_NOUN = (
    r"(?:is|are|was|were|has|have|had|shows?|looks?|says?|can|could|do|does|did|means?|will|would"
    r"|may|ones?|year|month|week|day|moment|time|point|second|page|way|and|or|but|in|on|at|of|from"
    r"|with|without|all|too|again|please|here|there|then|before|after|up|out|for|to|like|very|taken"
    r"|made|other|same|kind|sort|much|many|last|first|next|right|wrong|what|not|it|i|you|we|an?"
    r"|the|two|three|four|five|collection|library|archive|folder|be|been|being|goes?|comes?|only"
    r"|contain(?:s|ing)?|depict(?:s|ed)?|question|answer|case|order|summer|winter|spring|autumn"
    r"|appears?|happens?|starts?|begins?|instead|previous|earlier|former|middle|rest|actual"
    r"|part|piece|scene|sentence|animal|thing)"
)
_ADJECTIVES = rf"(?P<what>(?!{_NO_NOUN}\b)[a-z-]+(?:\s+(?:and\s+)?(?!{_NO_NOUN}\b)[a-z-]+){{0,2}}?)"
SUPERLATIVES = {
    "newest": r"newest|latest|most\s+recent|newer|later|more\s+recent|youngest",
    "oldest": r"oldest|earliest|older",
    "largest": r"largest|biggest|larger|bigger|highest[\s-]resolution",
    "smallest": r"smallest|smaller",
    "longest": r"longest|longer",
    "shortest": r"shortest|shorter",
}
"""Adjectives of an order, as in "the older one" and "the oldest of them"."""
_SUP = "(?:" + "|".join(f"(?P<{order}>{said})" for order, said in SUPERLATIVES.items()) + ")"
_SENT = (
    r"i\s+(?:have\s+|had\s+|just\s+)*(?:gave|given|give|sent|send|uploaded|attached|showed|shown"
    r"|brought|shared|provided|posted|played|added)(?:\s+(?:to\s+)?you)?"
)
_SHOWED = (
    r"you\s+(?:have\s+|had\s+|just\s+)*(?:showed|shown|show|gave|given|give|found|find|told|tell)"
    r"(?:\s+me)?"
)
_FIRSTLY = r"(?:at\s+first|first|initially|(?:at|in)\s+the\s+(?:very\s+)?(?:beginning|start))"
_HEARD = re.compile(
    r"\b(?:said|says?|hear|heard|talk(?:s|ed)?|mention(?:s|ed)?|appears?|seen|at\s+(?:what|which)"
    r"|when\s+do(?:es)?)\b"
)
_NUMBERED = (
    rf"(?:(?:the|number|no\.|nr\.?|{ANY_KIND}|#)\s*)+"
    rf"(?:{_NTH}|\d{{1,2}}|(?!one\b)(?:{_CARDINAL}))\b"
)
_AND = r"\s*(?:,\s*(?:and|or)?|\band\b|\bor\b|\bwith\b|\bto\b|\bfrom\b|\bversus\b|\bvs\.?|&)\s*"


def _rule(leaves: str, build: Callable[[re.Match[str]], Meant], *patterns: str) -> Rule:
    return Rule(leaves, build, tuple(re.compile(pattern) for pattern in patterns))


_NO_COMPARISON = (
    rf"(?!\s+(?:is|are|was|were)\s+(?:the\s+)?(?:{'|'.join(SUPERLATIVES.values())}"
    rf"|taken\s+first|like"
    r"|(?:in|on)\s+(?:the|this|that)\s+(?:film|video|movie|clip|recording)))"
    r"(?!\s+(?:is|are|looks?)\s+(?:\w+\s+)?(?:like|similar))"
)
_MENTIONED = (
    r"(?:that\s+|which\s+)?you\s+(?:have\s+|had\s+|just\s+)*(?:showed|shown|mentioned|quoted|cited"
    r"|named|found|read|told|described)(?:\s+me)?(?:\s+(?:before|earlier|just\s+now))?"
)
_CITED = r"(?:source|citation|reference|footnote|quotation|quote)"
_RULES = (
    _rule("", lambda match: Meant(number=2),
          rf"\bboth\s+(?=(?:the\s+|our\s+|my\s+)?(?:(?!{_NO_NOUN}\b|(?:{THING})\b)[a-z-]+\s+){{1,2}}(?:{ANY_KIND})\b)"),
    _rule("it", lambda match: Meant(described=_group(match, "what"), definite=True),
          r"^\W*(?:and\s+)?(?:of|among|out\s+of)\s+(?:those|these|them)\s*,\s*(?:just\s+|only\s+)?"
          r"(?:the|an?)\s+(?P<what>[^\x1f,;.?!]+?)(?:\s+one)?\W*$",
          r"^\W*(?:and\s+)?(?:just\s+|only\s+)?the\s+(?P<what>[a-z]+'s)(?:\s+one)?\W*$",
          r"^\W*(?:and\s+)?which\s+is\s+an?\s+(?P<what>(?!good\b|nice\b)[^\x1f,;.?!]+?)\W*$",
          r"^\W*(?:and\s+)?whose\s+(?P<what>(?!turn\b|idea\b|fault\b)[a-z]+\s+(?:is|are)\s+"
          r"(?!it\b|this\b|that\b|these\b|those\b|they\b|there\b)[a-z]+)\W*$"),
    _rule(
        "it", _citation, r"\[(?P<n>\d{1,2})\]",
        rf"\b(?:the\s+)?{_CITED}\s+(?:number\s+|no\.?\s*|#)?(?P<n>{_COUNT})\b",
        rf"\b(?:the|your)\s+(?P<n>{_NTH})\s+{_CITED}\b",
    ),
    _rule(
        "it", _given,
        rf"\b(?:the|that|this)\s+(?P<k>{THING})\s+(?:that\s+|which\s+)?{_SENT}"
        rf"(?:\s+(?:before|earlier|just\s+now|{_FIRSTLY}))?\b",
        rf"\bwhat\s+{_SENT}\b",
        r"\bmy\s+(?:own\s+)?(?P<k>photo(?:graph)?|picture|pic|image|drawing|film|video|clip"
        r"|recording|sound|document)\b(?!\s+(?:of|with|from|showing|about|in|taken|collection"
        r"|library|archive|folder)\b)",
    ),
    _rule(
        "it", _ago,
        rf"\b(?:(?:what|the\s+(?:\w+\s+)?{THING})\s+)?(?:(?:that\s+)?{_SHOWED}\s+)?(?:from\s+)?"
        rf"(?P<n>{_COUNT})\s+(?:turns?|questions?|answers?|replies|steps?)\s+(?:ago|back|before"
        r"|earlier)\b",
    ),
    _rule("it", lambda match: Meant(Reference("turn", -2)),
          r"\b(?:back\s+to\s+)?the\s+(?:previous|earlier)\s+(?:results|list|answers?|hits|search)\b"),
    _rule(
        "it", _turn,
        rf"\b(?:(?:the\s+)?{THING}\s+(?:{_SHOWED}\s+)?(?:from|of|to|for|in)\s+)?(?:the|your|my)\s+"
        rf"(?:very\s+)?(?P<n>{_NTH}|latest)\s+(?:answer|reply|response|question|search|turn)\b",
        rf"\b(?:(?:the\s+)?(?:{_NTH}\s+)?{THING}|what)\s+(?:that\s+)?{_SHOWED}\s+{_FIRSTLY}",
        rf"\bwhat\s+did\s+{_SHOWED}\s+{_FIRSTLY}",
    ),
    _rule(
        "it", lambda match: _reference("before", 1, match),
        rf"\b(?:the\s+)?(?P<k>{THING})\s+(?:from\s+|shown\s+|just\s+)?before"
        r"(?:\s+(?:that|this|it)(?:\s+one)?)?"
        r"(?=\W*$|\s*[,.;?!]|\s+(?:taken|made|shot|from|again|please|shows?|say)\b)",
        rf"\b(?:the\s+)?(?:previous|former|preceding|prior|earlier)\s+(?P<k>one|{ANY_KIND}|result"
        r"|hit|item)\b",
        r"\b(?:back|return)\s+to\s+the\s+(?:previous|earlier|one\s+before)(?:\s+one)?\b",
        rf"\b(?:what|the\s+{THING})\s+(?:that\s+)?{_SHOWED}\s+(?:before|earlier)\b",
    ),
    _rule(
        "it", lambda match: _reference("next", 1, match),
        rf"\bthe\s+(?:next|following)\s+(?P<k>one|{_SINGULAR})\b",
        rf"\bthe\s+(?P<k>one|{_SINGULAR})\s+after(?:\s+(?:that|this|it)(?:\s+one)?)?(?=\W*$)",
    ),
    _rule("it", lambda match: _reference("it", 1, match),
          rf"\b(?:the|that)\s+(?P<k>one|{_SINGULAR})\s+{_MENTIONED}"),
    _rule("it", _noun, rf"\b(?:the|that)\s+(?P<what>(?!{_NO_NOUN}\b)[a-z-]+)\s+{_MENTIONED}"),
    _rule("it", lambda _: Meant(Reference("last", 1)), r"\bthe\s+latter\b"),
    _rule("it", lambda _: Meant(Reference("ordinal", 1)), rf"\bthe\s+former\b(?!\s+(?:one"
        rf"|{ANY_KIND}))"),
    _rule("it", _ordinals, rf"(?P<n>\b{_NUMBERED})(?:\s+{THING})?\s*,?\s*"
        rf"(?:and\s+)?not\s+{_NUMBERED}"
                           rf"(?:\s+{THING})?\b{_ENDS}"),
    _rule("it", _ordinals,
          rf"\bnot\s+{_NUMBERED}(?:\s+{THING})?\s*,?\s*(?:but\s+)?(?P<n>{_NUMBERED}){_K}\b{_ENDS}"),
    _rule("them", _except,
          rf"\b{_DROP}\s+(?P<n>{_NUMBERED}(?:(?:\s+{THING})?{_AND}{_NUMBERED})*){_K}\b{_ENDS}"),
    _rule("it", _last_but, rf"\b(?:the\s+)?last\s+but\s+(?P<n>{_CARDINAL}){_K}\b"),
    _rule(
        "it", _from_end,
        rf"\b(?:the\s+)?(?P<n>next|{ENGLISH_ORDINAL})(?:\s+to)?(?:\s+|-)last{_K}\b",
        rf"\b(?:the\s+)?(?P<n>{ENGLISH_ORDINAL}){_K}\s+from\s+the\s+(?:end|bottom|back)\b",
    ),
    _rule("it", _ordinals, rf"\b(?:the\s+)?{THING}\s+(?:at|in|on)\s+(?:the\s+)?(?P<n>{_NTH})\s+"
                           r"(?:place|position|spot)\b"),
    _rule(
        "them", _ordinals,
        rf"(?P<n>\b{_NUMBERED}(?:\s+{THING})?(?:{_AND}(?:the\s+|number\s+|no\.?\s*|#\s*)*"
        rf"(?:{_NTH}|\d{{1,2}}|(?!one\b)(?:{_CARDINAL}))(?:\s+one)?)+)\b{_K}{_OF}",
        rf"\b(?:numbers|nos?\.?|{ANY_KIND})\s+(?P<n>{_COUNT}(?:{_AND}{_COUNT})+)\b",
    ),
    _rule(
        "them", _few,
        r"\b(?:the\s+)?(?:very\s+)?(?P<end>first|last|top|final)\s+(?P<n>\d{1,2}|two|three|four"
        rf"|five|six|seven|eight|nine|ten){_K}\b(?!\s*(?:years?|months?|weeks?|days?|hours?"
        rf"|minutes?|seconds?|words?|pages?)){_OF}",
    ),
    _rule(
        "it", _ordinals,
        rf"\b(?:the\s+)?(?P<k>{THING})\s+(?:number\s+|no\.?\s*|nr\.?\s*|#\s*)(?P<n>{_COUNT})\b",
        rf"(?:\b(?:number|nr|no\.)|#)\s*(?P<n>{_COUNT})\b(?!\s*(?:of|{ANY_KIND}|years?))",
        rf"\b(?P<k>{_SINGULAR}|one)\s+(?P<n>\d{{1,2}})\b{_ENDS}",
        rf"\b(?:the|that)\s+(?:very\s+)?(?P<n>{_NTH})(?P<k>\s+{THING})\b{_OF}"
        r"(?!\s+(?:of|showing|in\s+which)\b)",
        rf"\b(?:the|that)\s+(?:very\s+)?(?P<n>{_NTH})\b{_OF}{_ENDS}",
        rf"\b(?P<n>{ENGLISH_ORDINAL})(?P<k>\s+{THING})\b(?!\s+(?:of|with)\b)",
        rf"\b(?P<n>last)(?P<k>\s+(?:one|{_SINGULAR}))\b",
        rf"^\W*(?:no\W+)*(?P<n>{_NTH})(?:\s+please)?\W*$",
    ),
    _rule(
        "it", lambda match: _reference("middle", 1, match),
        rf"\bthe\s+(?P<k>{THING})\s+in\s+the\s+(?:middle|center|centre)\b",
        r"(?<!up\s)(?<!down\s)(?<!in\s)(?<!on\s)(?<!at\s)(?<!of\s)(?<!through\s)"
        rf"\bthe\s+(?:middle|center|centre){_K}\b{_OF}{_ENDS}",
    ),
    _rule(
        "them", _others,
        rf"\b(?:all\s+)?the\s+(?:other|remaining)\s+(?P<n>two|three|four|five|six|\d)\b{_K}\b{_OF}",
        rf"\b(?:all\s+)?the\s+(?:others|rest|remainder)\b{_OF}",
    ),
    _rule("it", _others,
          rf"\b(?:the|that)\s+other\s+(?P<one>one|{_SINGULAR})\b{_OF}",
          r"\b(?:the|that)\s+(?P<one>other)\b(?=\W*$|\s*[,.;?!])"),
    _rule("them", _others, rf"\b(?:all\s+)?the\s+(?:other|remaining){_K}\b{_OF}"),
    _rule("them", _others, r"^\W*not\s+(?:that|this|it)(?:\s+one)?\W*$",
          r"^\W*(?:that|this|it)\s+is\s+not\s+the\s+(?:right\s+)?one(?:\s+i\s+[a-z ]+)?\W*$"),
    _rule("it", _most,
          rf"\bthe\s+(?:(?P<n>{_COUNT})\s+)?{_SUP}(?:\s+(?:one|{_SINGULAR}))?\s+{_PART}"
          rf"(?:\s+{THING})?\b", rf"\bthe\s+{_SUP}\s+one\b"),
    _rule("", _mosts, rf"\bthe\s+(?:(?P<n>{_COUNT})\s+)?{_SUP}\s+ones\b",
          rf"\bthe\s+(?P<n>{_COUNT})\s+{_SUP}\b(?=\W*$|\s+please)"),
    _rule(
        "", _unwanted,
        rf"(?:^|\b){_DROP}\s+(?:the|that|this)\s+{_ADJECTIVES}\s+(?P<h>ones?)\b",
        rf"(?:^|\b){_DROP}\s+(?:the\s+|that\s+)?(?P<h>ones?|those|{ANY_KIND})\s+"
        r"(?:(?:with|showing|of|from|(?:that|which)\s+(?:has|have|shows?))\s+)"
        r"(?P<what>[^\x1f,;.?!]+)",
        rf"(?:^|\b){_DROP}\s+the\s+(?P<h>ones?)\s+(?P<what>[^\x1f,;.?!]+)",
    ),
    _rule("it", _described, rf"\b(?:the|that)\s+{_ADJECTIVES}\s+(?P<h>one)\b"),
    _rule("them", _described, rf"\b(?:the|those|these)\s+{_ADJECTIVES}\s+(?P<h>ones)\b"),
    _rule("them", _several, rf"\bthe\s+(?P<n>two|three|four|five)(?:\s+ones|\s+{THING})?{_MORE}"),
    _rule("them", _described, rf"\b(?P<h>the\s+ones|those)(?:\s+{THING})?{_MORE}"),
    _rule("it", _described, rf"\b(?:the|that)\s+(?P<h>one){_MORE}(?!\s+(?:you|i|we)\b)"),
    _rule("it", _of_kind, rf"\b(?:the|that)\s+(?:{_SINGULAR}){_MORE}(?!\s+(?:you|i|we)\b)"),
    _rule(
        "it", _described,
        rf"\b(?:which|what)\s+(?:one\s+)?of\s+(?:them|these|those)(?:\s+(?:two|three|four|five))?"
        rf"{_NO_COMPARISON}\s+(?:(?:is|has|was|shows?)\s+|(?=[a-z]+s\b))(?P<h>)(?=\w)",
        rf"\bwhich\s+one{_NO_COMPARISON}\s+(?:is|has|was|shows?)\s+(?P<h>)(?!the\b|it\b)(?=\w)",
    ),
    _rule(
        "them", _described,
        rf"\b(?:which|what)\s+(?P<h>(?:ones|of\s+(?:them|these|those)))(?:\s+(?:two|three|four"
        rf"|five))?"
        rf"{_NO_COMPARISON}\s+(?:are|have|were|show|do)\s+(?=\w)",
    ),
    _rule(
        "it", _noun,
        r"(?P<keep>^\W*(?:and\s+|but\s+)?|\b(?:of|on|in|at|is|was|are|were|about|for|me|to|does|did"
        r"|can|from|like|by|show|describe|read)\s+)(?:that|this)\s+"
        rf"(?P<what>(?!{_NO_NOUN}\b|(?:{THING})\b)[a-z-]+)\b{_ENDS}",
    ),
)  # fmt: skip
