"""Facts that are asked for in few words: "date?", "so, when?", "shot in which month?".

Such a question is a noun of a fact, or a question word, with an item beside it or none. It is
spelt out as a whole question of that item, or of "it", and understood as any other.
"""

from __future__ import annotations

import re

from sensorium.dialogue.understanding.english_words import ANY_KIND, THING

_QUESTIONS = {
    "date": "when was {} taken",
    "place": "where was {} taken",
    "author": "who took {}",
    "camera": "which camera took {}",
    "size": "how large is {}",
    "length": "how long is {}",
    "license": "which licence has {}",
}
_NOUNS = {
    "date": r"date|day|year|month",
    "place": r"whereabouts|location|place|city|town|country",
    "author": r"author|photographer|creator|credits?(?:\s+line)?",
    "camera": r"camera",
    "size": r"resolution|dimensions",
    "length": r"length|duration|(?:running|playing)\s+time",
    "license": r"licen[cs]e|copyright",
}
_SHOWN_AS_WELL = r"photographer|place|city|town|country|camera|creator|location"
"""What pictures show as well: a question only with a question mark or words around it."""
_ANY_NOUN = "|".join(f"(?P<{fact}>{nouns})" for fact, nouns in _NOUNS.items())
_OPENING = (
    r"^\W*(?:(?:and|but|so|then|ok(?:ay)?|right|well|oh|ah|ta|cheers|thanks|thank\s+you|great|cool"
    r"|nice|good|hm+)\b[\s,.!:;-]*)*"
)
_EXACT = r"(?:exact|exactly|precise|precisely|rough|roughly|approximate|shooting|recording|total)"
_MADE = r"(?:taken|shot|made|recorded|photographed|filmed|created|from)"
_ITEM = (
    rf"(?:it|this|that|(?:the|this|that)\s+(?:[a-z-]+\s+){{0,2}}?(?:one|{ANY_KIND})"
    r"|number\s+\d+|the\s+(?:first|second|third|fourth|fifth|last))"
)
_NOUN = re.compile(
    _OPENING + r"(?P<asked>(?:(?:what|which)(?:\s+(?:is|was))?\s+)?(?:the\s+|its\s+)?)"
    rf"(?P<exact>(?:{_EXACT}\s+)*)(?:{_ANY_NOUN})"
    rf"(?:\s+(?:(?:of|for|on)\s+(?P<item>{_ITEM})|{_MADE}))?(?P<mark>(?:\W*please)?\W*)$"
)
_WORD = (
    r"(?:(?:in|on|at|by|with)\s+)?(?:(?P<date>when|(?:what|which)\s+(?:date|day|year|month|season))"
    r"|(?P<place>where(?:abouts)?|(?:what|which)\s+(?:place|city|town|country|location))"
    r"|(?P<author>who\s+by|by\s+who(?:m)?|(?<=by\s)who(?:m)?)"
    r"|(?P<camera>(?:what|which)\s+camera)"
    r"|(?P<length>(?:for\s+)?how\s+long|how\s+many\s+(?:seconds|minutes|hours)(?:\s+long)?))"
)
_ALONE = re.compile(
    rf"{_OPENING}(?:{_MADE}\s+)?{_WORD}(?:\s+{_EXACT})?(?:\s+{_MADE})?"
    r"(?:\s+(?:is|was|does)\s+(?:it|that|this)(?:\s+(?:last|run|go\s+on|long|play))?)?\W*$"
)
_BEHIND = re.compile(
    rf"{_OPENING}(?P<item>(?:the|that|this)\s+[^,;:?]+?)\s*[,;:-]+\s*(?:{_WORD}(?:\s+{_EXACT})?"
    rf"(?:\s+{_MADE})?|(?:the\s+|its\s+)?(?:{_ANY_NOUN.replace('(?P<', '(?P<n_')}))\W*$"
)
"""What is asked about, and then the question: "the skyscraper, when?"."""
_HAS = re.compile(
    rf"{_OPENING}(?:is|are)\s+there\s+(?:an?|any)\s+(?:{_EXACT}\s+)?(?:{_ANY_NOUN})"
    rf"(?:\s+(?:given|known|stored|recorded))?(?:\s+(?:of|for|on|to)\s+(?P<item>{_ITEM}))?\W*$"
    rf"|{_OPENING}do(?:es)?\s+(?P<item2>{_ITEM})\s+(?:have|give|say|state|tell)\s+(?:an?|any|its)"
    rf"\s+(?:{_EXACT}\s+)?(?:{_ANY_NOUN.replace('(?P<', '(?P<n_')})\W*$"
)
_WHOLE = re.compile(rf"\b(the|this|that)\s+(?:entire|whole|full|complete)\s+(?=(?:{ANY_KIND})\b)")
_HEADED = re.compile(rf"\b(?:{THING}|it|this|that|first|second|third|fourth|fifth|last)\s*$|\d")


def spelt_out(text: str) -> str:
    """A question for a fact in few words, as a whole question; any other text as it is.

    Parameters
    ----------
    text : str
        In small letters.
    """
    text = _WHOLE.sub(r"\1 ", text)
    for pattern in (_NOUN, _ALONE, _HAS, _BEHIND):
        match = pattern.match(text)
        if match is None or (pattern is _NOUN and not _asks(match)):
            continue
        named = match.groupdict()
        fact = next(fact for fact in _QUESTIONS if named.get(fact) or named.get(f"n_{fact}"))
        item = (named.get("item") or named.get("item2") or "it").strip()
        if not _HEADED.search(item):
            item = f"{item} one"  # one of those shown
        return _QUESTIONS[fact].format(item)
    return text


def _asks(match: re.Match[str]) -> bool:
    """Whether a noun is a question: "city" may be what is sought, "city?" and "exact date" not."""
    if match["asked"] or match["exact"] or match["item"] or "?" in match["mark"]:
        return True
    noun = next(match[fact] for fact in _NOUNS if match[fact])
    return re.fullmatch(_SHOWN_AS_WELL, noun) is None
