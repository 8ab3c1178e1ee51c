"""Typing errors in the words that carry a request: "how mnay pohtos", "shwo me".

Only words of the request's own classes are mended, never what is sought: the encoder and the
full-text index read that as it is. A word that means something itself stays ("host" is no "show").
"""

from __future__ import annotations

import re
from functools import cache

from sensorium.dialogue.understanding.numbers import CARDINALS, ORDINALS
from sensorium.encoders.ordinary import WORDS


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTION_WORDS = _words(
    "about after again before between both compare count describe does document documents "
    "except explain film films find first fourth have image images last listen many most "
    "movie movies newest number older oldest only photo photos picture pictures please read "
    "recording recordings said same search second show similar since sound sounds taken than "
    "there these third this those transcribe transcript video videos what when where which "
    "without written other others newer largest longest shortest smallest latest previous "
    "anything something middle remaining answer question recording taken "
)

SHORTEST = 4
"""Letters of a word that is mended; among shorter ones nearly everything is near everything."""

LONG = 7
"""Letters of a word from which on two errors are mended."""

EXCHANGED = {"teh": "the", "hte": "the", "adn": "and", "nad": "and", "nto": "not", "hwo": "how",
             "woh": "who", "ohw": "how", "eth": "the", "fo": "of"}  # fmt: skip
"""Short words of which two letters are exchanged, that mean nothing else."""


def corrected(text: str) -> str:
    """A request in small letters with its misspelt function words mended."""
    return re.sub(r"[a-z]+", lambda match: _mended(match[0]), text)


@cache
def _known() -> frozenset[str]:
    from sensorium.tasks.terms import STOP_WORDS

    words = {part for word in WORDS for part in word.lower().split()}
    return frozenset(words | STOP_WORDS | FUNCTION_WORDS | REAL | {*CARDINALS, *ORDINALS})


REAL = _words(
    "shoe shoes snow slow shop shot host most post lost cost cast past fast list mist tree "
    "reed road red bread bead head lead dead real fund fond mind kind wind find fine line "
    "film firm farm file fill fist fish filter foist fire hare have hate gave save wave cave "
    "nave give sand sound round pound ground bound hound mound wound such suit seat sent send "
    "said sail paid laid maid raid water wafer later latter taker token tables table stable "
    "cable sable these thesis theme them then than thank tank that what hat heat wheat whale "
    "while white where were whence when hen pen ten men man many mane mani mary marry navy "
    "same some sane sale safe game name fame came lame dame tame shame photon photos video "
    "vide movie move moved love lover over oven other mother bother brother father lather "
    "leather weather feather count court mount fount older elder folder colder holder bolder "
    "solder soldier order border first thirst firs third bird thin thing king ring sing wing "
    "last least lest lust east beast feast read ready reads plays play please plead fleas "
    "pleas place plane plate newer never fever lever sever river number lumber slumber member "
    "ember amber chamber written kitten mitten bitten witch which switch pitch ditch stitch "
    "with within without second seconds since science sense similar simile singer finger "
    "ginger longest latest lowest shore short shorts sport spot spots stop stops boat boats "
    "goat goats coat coats "
)
"""English words one step from a function word, which are none of them."""


@cache
def _mended(word: str) -> str:
    if word in EXCHANGED:
        return EXCHANGED[word]
    if len(word) < SHORTEST or word in _known() or word.rstrip("s") in _known():
        return word
    near = [
        other for other in FUNCTION_WORDS if len(other) >= SHORTEST and is_one_step(word, other)
    ]
    if not near and len(word) >= LONG:
        near = [
            other for other in FUNCTION_WORDS
            if len(other) >= LONG and other[0] == word[0] and is_two_steps(word, other)
        ]  # fmt: skip
    return near[0] if len(near) == 1 else word


def is_two_steps(word: str, other: str) -> bool:
    """Whether leaving a letter out of each, the same else, makes one of the other."""
    if abs(len(word) - len(other)) > 1:
        return False
    shorter = {word[:n] + word[n + 1 :] for n in range(len(word))}
    return any(other[:n] + other[n + 1 :] in shorter for n in range(len(other)))


def is_one_step(word: str, other: str) -> bool:
    """Whether one letter too many, too few, another, or two exchanged make one of the other.

    Words of four letters count only where two are exchanged or one is doubled or lacking: the rest
    of them are too near to each other.
    """
    if word == other or abs(len(word) - len(other)) > 1:
        return False
    first = next((n for n, (a, b) in enumerate(zip(word, other, strict=False)) if a != b),
                 min(len(word), len(other)))  # fmt: skip
    rest, wanted = word[first:], other[first:]
    if len(word) == len(other):
        exchanged = rest[:2] == wanted[:2][::-1] and rest[2:] == wanted[2:]
        return exchanged or (len(word) > SHORTEST and rest[1:] == wanted[1:])
    longer, shorter = (rest, wanted) if len(word) > len(other) else (wanted, rest)
    return longer[1:] == shorter and first > 0
