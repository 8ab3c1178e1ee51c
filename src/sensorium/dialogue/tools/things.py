"""What files and short captions name: whether that is what is asked, or something else.

Who calls a picture `goat.jpg` says that it shows an animal, and that it is no dog. WordNet tells
which things are kinds of others, and which are two kinds of one thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from sensorium.tasks.lexicon import Lexicon, lexicon

SHORT = 4
"""Words of a caption that is a name; longer ones tell of more than one thing."""

KIN = 7
"""Kinds that what two things have in common is a kind of, from which on one of them is not the
other: both are animals, or buildings, and not merely made by somebody."""


class Named(Enum):
    """What a name says of an item, where something is sought."""

    SAME = "it is one"
    OTHER = "it is something else"
    UNKNOWN = "nothing"


def named(names: Sequence[str], thing: Sequence[str]) -> Named:
    """What names of an item say of a thing that is sought.

    Parameters
    ----------
    names : sequence of str
        In English.
    thing : sequence of str
        English names of what is sought; the first that is known is meant.
    """
    known = lexicon()
    sought = next((word for word in thing if known.senses(word)), "")
    if not sought:
        return Named.UNKNOWN
    words = [
        part.written
        for name in names if len(name.split()) <= SHORT and name.isascii()
        for part in known.parts(name)
        if known.senses(part.written)
    ]  # fmt: skip
    if any(known.is_kind(word, sought) for word in words):
        return Named.SAME
    # A dairy cow may well be called a cow, and a puppy a dog.
    wider = {name for one in thing for name in (one, one.split()[-1])}
    if any(known.is_kind(one, word) for one in wider for word in words):
        return Named.UNKNOWN
    is_other = any(_are_kin(known, word, sought) for word in words)
    return Named.OTHER if is_other else Named.UNKNOWN


def _are_kin(known: Lexicon, word: str, other: str) -> bool:
    """Whether two words name, before all else, two kinds of one thing."""
    first, second = known.senses(word)[0], known.senses(other)[0]
    return any(len(known.kinds(one)) >= KIN for one in known.kinds(first) & known.kinds(second))
