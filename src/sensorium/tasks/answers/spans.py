"""The words of a sentence that answer a question: by what kind of thing it asks for.

Rules for English: a question for a number is answered by a number with its unit, one for a time by
a date, one for a person by a name, one for a reason by what follows "because", "for" or "to". No
weights were learned; which rules there are was chosen on the validation questions of
`python -m benchmarks language`. In other languages the whole sentence is the answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sensorium.tasks.terms import STOP_WORDS, stem, terms


def _set_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _listed(text: str) -> list[str]:
    return text.split()


MOST_WORDS = 12
"""Of an answer that is less than a sentence."""


BEHIND = 0.5
"""What a word of the question counts behind an answer, where one before it counts 1: English says
who does what to whom in this order."""


class Asked(StrEnum):
    """What kind of thing a question asks for."""

    NUMBER = "number"
    TIME = "time"
    PERSON = "person"
    PLACE = "place"
    REASON = "reason"
    THING = "thing"
    SENTENCE = "sentence"  # what no rule is for: other languages, yes/no questions


@dataclass(frozen=True)
class Span:
    """Where an answer may stand in a sentence.

    Attributes
    ----------
    start, stop : int
        Characters.
    fit : float
        How well it is of the kind that was asked for, and how near it is to the question's words;
        comparable within a question.
    is_kind : bool
        Whether it is of that kind at all.
    """

    start: int
    stop: int
    fit: float
    is_kind: bool


_COUNTED = re.compile(
    r"\bhow (many|much|long|tall|high|wide|far|old|fast|heavy|deep|large|big|hot|cold|often|"
    r"thick|strong|loud|quickly)\b|\bwhat (?:is |was )?(?:the |its )?(?:number|height|length|width|"
    r"depth|age|weight|speed|size|price|angle|temperature|population|distance)\b|"
    r"\b(?:at|in) what (?:angle|height|speed|temperature)\b|\bwhat (?:does|did|do) .+ cost\b"
)
_TIMED = re.compile(
    r"\bwhen\b|\b(?:what|which) (?:year|day|date|month|century|time|decade)\b|\bsince when\b"
)
_PERSON = re.compile(r"\bwho(?:m|se)?\b|\bwhat (?:is|was) the name of .*(?:man|woman|wife|king)")
_PLACED = re.compile(
    r"\bwhere\b|\b(?:in|on|at|near|to|from|above|of|through) (?:the \w+ of )?(?:what|which) "
    r"(?:city|town|country|state|place|continent|island|islands|ocean|sea|river|valley|peninsula|"
    r"village|region|forests?|canyon|mountain|side|lake)\b|"
    r"\b(?:what|which) (?:city|town|country|state|continent|island|ocean|sea|river|valley|boulevard"
    r"|street)\b"
)
_REASON = re.compile(r"\bwhy\b|\bfor what (?:purpose|reason)\b|\bwhat (?:is|was|are|were) .* for\b|"
                     r"\bused for\b")  # fmt: skip
_QUESTION = re.compile(r"\b(?:what|which|who|whom|whose|where|when|why|how)\b", re.IGNORECASE)

_NUMBER_WORDS = _listed(
    "one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy "
    "eighty ninety hundred hundreds thousand thousands million millions billion dozen "
    "dozens half several"
)
_UNITS = (
    r"(?:km|m2|m²|m|cm|mm|kg|g|t|°C|°F|°|%|kilomet(?:er|re)s?|met(?:er|re)s?|centimet(?:er|re)s?|"
    r"feet|foot|inch(?:es)?|miles?|yards?|acres?|hectares?|tons?|tonnes?|pounds?|grams?|kilograms?|"
    r"degrees?|percent|dollars?|euros?|years?|months?|weeks?|days?|hours?|minutes?|seconds?|"
    r"times?|people|visitors)"
)
_FIGURE = (
    r"(?:\d[\d,.]*\d|\d)(?: (?:million|billion|thousand|hundred))?|"
    rf"\b(?:a couple|{'|'.join(_NUMBER_WORDS)})\b(?:[- ](?:{'|'.join(_NUMBER_WORDS)})\b)*"
)
_NUMBER = re.compile(
    r"(?:\b(?:about|around|almost|nearly|over|more than|less than|at least|up to|as much as|"
    r"as long as|approximately|roughly|some|only)\s+)?"
    rf"(?:{_FIGURE})(?:[-\s]?{_UNITS}(?![\w²])(?:[-\s](?:long|high|tall|wide|deep|away|old|per "
    r"\w+|a (?:day|year|week)))?)?",
    re.IGNORECASE,
)
_SIZES = {
    "long": r"met|m\b|km|kilo|feet|foot|mile|cm|inch|year|month|week|day|hour|minute|second|yard",
    "tall": r"met|m\b|feet|foot|cm|inch|stor", "high": r"met|m\b|feet|foot|km|mile|cm|inch|stor",
    "height": r"met|m\b|feet|foot|km|mile|cm|inch|stor", "wide": r"met|m\b|feet|foot|°|deg|km|mile",
    "length": r"met|m\b|km|kilo|feet|foot|mile|cm|inch", "far": r"met|m\b|km|kilo|mile|feet|yard",
    "deep": r"met|m\b|feet|foot|km", "old": r"year|month|day|centur",
    "heavy": r"kg|ton|kilog|gram|pound|g\b|t\b", "weight": r"kg|ton|kilog|gram|pound|g\b",
    "fast": r"km|mile|per|second|minute|hour", "quickly": r"second|minute|hour|day",
    "hot": r"°|deg", "cold": r"°|deg", "angle": r"°|deg", "temperature": r"°|deg",
    "price": r"dollar|euro|\$|€", "cost": r"dollar|euro|\$|€", "often": r"time|per|every",
}  # fmt: skip
"""Units that a size is told in, by the word that asks for it."""

_YEAR = r"(?:1\d{3}|20\d{2})(?!\d|\s*(?:met|m\b|km|kil|mile|feet|acre|people|visit))"
_MONTHS = "January February March April May June July August September October November December"
_TIME = re.compile(
    rf"(?:(?:since|by|until|in|on|during|around|about)\s+)?(?:(?:the|early|late|mid)\s+)*"
    r"(?:(?<!\d)(?:\d{4}-\d{2}-\d{2}|\d{1,2}[./]\d{1,2}[./]\d{4})(?!\d)|"
    rf"(?:\d{{1,2}}\s+)?(?:{'|'.join(_MONTHS.split())})\b(?:\s+\d{{1,2}}(?!\d))?(?:,?\s+\d{{3,4}})?|"
    rf"(?:possibly as early as\s+)?\d{{1,4}}\s*(?:BCE?|CE|AD)\b|{_YEAR}s?|"
    r"(?:\d+(?:st|nd|rd|th)|[a-z]+(?:th|first|second|third))\s+century(?:\s+(?:BCE?|CE|AD))?|"
    r"(?:thousands|hundreds|\d+) of years ago|\d[\d,]* years ago)|"
    r"\b(?:at (?:night|dawn|dusk|noon|low tide|high tide)|(?:in|every) (?:spring|summer|autumn|"
    r"winter))\b",
)
_NAME = re.compile(
    r"(?:(?:the|a)\s+)?(?:(?:[A-Z][a-z]+\s+)?(?:king|queen|emperor|pharaoh|pope|president|god|"
    r"people of)\s+)?(?:the\s+)?(?:[A-ZÀ-ÞĀ-Ž][\w'’-]*)"
    r"(?:\s+(?:of|the|de|van|von|al|bin|I{1,3}|IV|VI{0,3})(?=\s+[A-Z])|"
    r"\s+[A-ZÀ-ÞĀ-Ž][\w'’-]*|\s+(?:people|kings?|tribes?))*"
)
_PREPOSITION = re.compile(
    r"\b(?:in|on|at|near|from|of|above|across|to|into|along|by|over|through|under|off|between)\s+",
    re.IGNORECASE,
)
_BECAUSE = re.compile(
    r"\b(?:because(?: of)?|in order to|so that|due to|since|mainly to|used (?:to|for)|to|for|as)\b",
    re.IGNORECASE,
)
_TOKEN = re.compile(r"[^\W_]+(?:['’.,-](?=[^\W_])[^\W_]+)*|[^\w\s]")
_LIMITS = _set_of(
    "is are was were be been being has have had can could will would may might must do does "
    "did that which who whom whose where when while because although but if than then "
    "called named known including such able also not only even sometimes often usually "
    "mostly mainly"
)


def asked_for(question: str) -> Asked:
    """What kind of thing a question asks for; `Asked.SENTENCE` where no rule knows."""
    small = " ".join(question.casefold().split())
    if not _QUESTION.search(small):
        return Asked.SENTENCE
    if _COUNTED.search(small):
        return Asked.NUMBER
    for kind, pattern in (
        (Asked.TIME, _TIMED), (Asked.REASON, _REASON), (Asked.PERSON, _PERSON),
        (Asked.PLACE, _PLACED),
    ):  # fmt: skip
        if pattern.search(small):
            return kind
    return Asked.THING


def spans(question: str, sentence: str) -> list[Span]:
    """Where in a sentence an answer may stand, the best first.

    Parameters
    ----------
    question, sentence : str

    Returns
    -------
    list of Span
        Empty where the question is of no kind that there is a rule for.
    """
    kind = asked_for(question)
    if kind is Asked.SENTENCE:
        return []
    words = set(terms(question))
    found = [
        Span(start, stop, _nearness(sentence, start, stop, words) + bonus, is_kind)
        for start, stop, bonus, is_kind in _candidates(kind, question, sentence, words)
        if not _said(sentence[start:stop], words)
    ]
    return sorted(dict.fromkeys(found), key=lambda span: -span.fit)


def _said(answer: str, asked: set[str]) -> bool:
    """Whether words are those of the question: no answer to it."""
    own = terms(answer)
    return not own or asked.issuperset(own)


def _candidates(
    kind: Asked, question: str, sentence: str, words: set[str]
) -> Iterator[tuple[int, int, float, bool]]:
    if kind is Asked.NUMBER:
        yield from _numbers(question, sentence)
    elif kind is Asked.TIME:
        for match in _TIME.finditer(sentence):
            yield *match.span(), 1.0 if re.search(r"\d|century|ago", match[0]) else 0.5, True
        for phrase in _phrases(sentence):
            yield *phrase, -1.5, False
    elif kind is Asked.PERSON:
        for start, stop in _names(sentence):
            by = bool(re.search(r"\b(?:by|of)\s+(?:the\s+)?$", sentence[:start], re.IGNORECASE))
            placed = bool(re.search(r"\b(?:in|at|on|from|near)\s+$", sentence[:start]))
            owned = sentence[start:stop].endswith(("'s", "’s"))
            yield start, stop, 0.8 + 0.5 * by - 0.8 * placed - 0.5 * owned, True
        for phrase in _phrases(sentence):
            yield *phrase, -0.8, False
    elif kind is Asked.PLACE:
        for start, stop in _phrases(sentence):
            led = _PREPOSITION.search(sentence[max(0, start - 9) : start])
            is_led = bool(led and led.end() == min(9, start))
            capital = any(w[0].isupper() for w in sentence[start:stop].split())
            half = bool(_PARTED.match(sentence, stop))
            yield start, stop, 0.7 * is_led + 0.5 * capital - 0.2 * half, is_led or capital
    elif kind is Asked.REASON:
        for match in _BECAUSE.finditer(sentence):
            stop = _clause_end(sentence, match.end())
            begin = match.start() if match[0].casefold() in ("to", "mainly to") else match.end()
            begin += len(sentence[begin:stop]) - len(sentence[begin:stop].lstrip())
            if match[0].casefold() == "to" and not sentence[match.end() :][:2].strip().islower():
                continue
            if stop > begin:
                yield begin, stop, 0.6, True
    else:
        yield from _things(question, sentence)


def _things(question: str, sentence: str) -> Iterator[tuple[int, int, float, bool]]:
    """Phrases: of the noun behind "which", behind the preposition that the question ends with."""
    small = question.casefold().rstrip("?. ")
    noun = _NOUN.search(small)
    head = stem(noun[1]) if noun else ""
    last = small.rsplit(" ", 1)[-1]
    for start, stop in _phrases(sentence):
        words = re.findall(r"[^\W_]+", sentence[start:stop].casefold())
        bonus = 0.0
        if head and head in map(stem, words):
            bonus += 0.7
        if last in _LINKS and re.search(rf"\b(?:{last}|of|with|from)\s+$", sentence[:start]):
            bonus += 0.7
        if len(words) == 1 and (words[0] in STOP_WORDS or words[0].endswith(("ed", "ing"))):
            bonus -= 0.6
        if _PARTED.match(sentence, stop):  # half of what "and" joins
            bonus -= 0.2
        yield start, stop, bonus, True


_NOUN = re.compile(
    r"\b(?:what|which)(?: other)?(?: (?:kind|sort|type|part)s? of(?: the)?)? ([a-z]+)"
)
_PARTED = re.compile(r"\s+and\s+\w")


def _numbers(question: str, sentence: str) -> Iterator[tuple[int, int, float, bool]]:
    small = question.casefold()
    size = next((units for word, units in _SIZES.items()
                 if re.search(rf"\b{word}\b", small)), None)  # fmt: skip
    counted = re.search(r"\bhow (?:many|much) ([a-z]+)", small)
    for match in _NUMBER.finditer(sentence):
        start, stop = match.span()
        behind = sentence[start : stop + 14]
        bonus, is_kind = 0.5, True
        if size is not None:
            is_kind = bool(re.search(rf"[\d\s-](?:{size})", behind))
            bonus = 1.0 if is_kind else -0.7
        elif counted and counted[1] not in ("does", "do", "did"):
            near = {stem(w) for w in re.findall(r"[a-z]+", sentence[stop : stop + 40].casefold())}
            is_kind = stem(counted[1]) in near or stem(counted[1]) in {
                stem(w) for w in re.findall(r"[a-z]+", match[0].casefold())
            }
            bonus = 1.5 if is_kind else -0.4
        if match[0].casefold().endswith("a couple"):
            more = re.match(r" of \w+", sentence[stop:])
            stop += more.end() if more else 0
        if re.fullmatch(_YEAR, match[0].strip()):
            bonus, is_kind = bonus - 1.0, False
        if match[0].casefold() in ("one", "a", "half", "several"):
            bonus, is_kind = bonus - 0.8, False
        yield start, stop, bonus, is_kind


def _names(sentence: str) -> Iterator[tuple[int, int]]:
    """Names of one capitalised word or several, but no word that only begins the sentence."""
    for match in _NAME.finditer(sentence):
        start, stop = match.span()
        first = match[0].split()[0]
        if len(match[0].split()) == 1 and (
            first.casefold() in STOP_WORDS or first.isupper() or (start == 0 and first[-2:] == "ed")
        ):
            continue
        if first.casefold() in _LIMITS or first in ("by", "and", "or"):
            start += len(first) + 1
        if sentence[start:stop].strip() and sentence[start:stop].casefold() not in STOP_WORDS:
            yield start, stop


def _phrases(sentence: str) -> Iterator[tuple[int, int]]:
    """Runs of words between verbs, prepositions and punctuation, and two with "of" between."""
    runs: list[tuple[int, int]] = []
    joined: list[bool] = []
    start = stop = -1
    links = False
    for token in _TOKEN.finditer(sentence):
        word = token[0].casefold()
        is_limit = (
            not token[0][0].isalnum() or word in _LIMITS or word in _LINKS or word in _PRONOUNS
        )
        if is_limit:
            if start >= 0:
                runs.append((start, stop))
                joined.append(links)
            start = -1
            links = word in _LINKS
        else:
            if start < 0:
                start = token.start()
            stop = token.end()
    if start >= 0:
        runs.append((start, stop))
        joined.append(links)
    for number, (start, stop) in enumerate(runs):
        yield start, stop
        if number + 1 < len(runs) and joined[number + 1]:
            both = sentence[start : runs[number + 1][1]]
            if len(both.split()) <= MOST_WORDS:
                yield start, runs[number + 1][1]


_LINKS = _set_of("of and or in to for with from on at as by into between like")
_PRONOUNS = _set_of("it its they their them he she his her we you i there this these")


def _clause_end(sentence: str, start: int) -> int:
    found = re.compile(r"[,;:.!?](?=\s|$)|\s(?:and it|which|that|but|while)\s").search(
        sentence, start
    )
    return found.start() if found else len(sentence)


def _nearness(sentence: str, start: int, stop: int, asked: set[str]) -> float:
    """How near the question's words stand to an answer: up to one for each way, in its sentence."""
    before = [stem(w) for w in re.findall(r"[^\W_]+", sentence[:start].casefold())]
    behind = [stem(w) for w in re.findall(r"[^\W_]+", sentence[stop:].casefold())]
    value = 0.0
    for words, weight in ((before[::-1], 1.0), (behind, BEHIND)):
        for place, word in enumerate(words):
            if word in asked:
                value += weight / (1.5 + place)
    own = terms(sentence[start:stop])
    repeated = sum(word in asked for word in own)
    long = max(0, len(own) - 4)
    return value - 0.5 * repeated / max(1, len(own)) - 0.1 * long


def best(question: str, sentence: str) -> tuple[Sequence[Span], Asked]:
    """The spans of a sentence, and what the question asks for."""
    return spans(question, sentence), asked_for(question)
