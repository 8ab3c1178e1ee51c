"""What `python -m benchmarks questions` asks: pictures by several things that are said of them.

What fits is known from the data sets: nouns by WordNet, as in `yes_no_cases.py` (an owl is a bird
and an animal), and the style that a picture is drawn in. Pictures of which nobody can say whether
they fit, and those that are asked with, take no part in the ranking.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from benchmarks.datasets import rows as pictures_of
from benchmarks.datasets.manifest import Row as Picture
from benchmarks.yes_no_cases import UNTOLD, Question, nouns_of

#: Questions of a kind that are asked of a set; drawn at random where there are more.
MOST = 100
#: Pictures that a question is to find, at least; and that its negative part is about.
LEAST = 2
#: Of what fits the positive part, what the negative part may take away: with less or more of it
#: the same ranking is right with and without.
SHARE = (0.1, 0.8)
#: Negative words that one noun is asked with.
PER_NOUN = 5
EXAMPLES = 3
#: Emoji that a tag is of, at least.
TAGGED = 3

Rows = npt.NDArray[np.intp]
NONE = np.empty(0, np.intp)


@dataclass(frozen=True)
class Asked:
    """One question of several parts about the pictures of one set.

    Attributes
    ----------
    kind
        Which parts it has, as in the table.
    words, without
        Texts that are sought, and that are not.
    like, unlike
        Numbers of pictures likewise.
    fits
        Numbers of the pictures that answer it.
    unwanted
        Numbers of those that would, but for what is not wanted.
    passed_over
        Numbers of those that take no part.
    """

    kind: str
    words: tuple[str, ...]
    like: tuple[int, ...]
    without: tuple[str, ...]
    unlike: tuple[int, ...]
    fits: Rows
    unwanted: Rows
    passed_over: Rows

    @property
    def unit(self) -> str:
        """What it is about: questions of one unit are no independent evidence."""
        return self.words[0] if self.words else self.kind + str(self.like[:1])


@cache
def sets(split: str) -> dict[str, list[Picture]]:
    """Pictures by the name of their set; with "test" photographs that nothing was chosen by."""
    found = {
        "emoji, six styles": [row for row in pictures_of("emoji") if row["split"] == split],
        "clip art": [
            row for row in pictures_of("clipart")
            if row["split"] == split and row["quality"] == "good"
            and row["caption_lang"] == "en" and row["category"] not in UNTOLD
        ],
        "stamps": [
            row for row in pictures_of("stamps")
            if row["split"] == split and row["category"] != "symbols"
        ],
    }  # fmt: skip
    if split == "test":
        found["photos"] = [row for row in pictures_of("gcompris") if row["style"] == "photo"]
    return found


def questions(pictures: Sequence[Picture], seed: int = 0) -> list[Asked]:
    """All that is asked of one set, the same with the same seed."""
    rng = np.random.default_rng(seed)
    nouns = nouns_and_tags(pictures)
    styles = np.array([picture["style"] for picture in pictures])
    pairs = list(_pairs(nouns, rng))
    made: list[Iterable[Asked]] = [
        (_without(one, two, len(pictures)) for one, two in pairs),
        (_unlike(one, two, len(pictures), rng) for one, two in pairs),
        (_examples(one, two, len(pictures), rng) for one, two in pairs),
        (_with_picture(noun, len(pictures), rng) for noun in nouns),
    ]
    if len(set(styles.tolist())) > 1:
        made += [_in_style(noun, styles, rng) for noun in nouns]
    return [
        asked
        for some in _by_kind(one for kind in made for one in kind)
        for asked in (some if len(some) <= MOST else _drawn(some, rng))
    ]


def nouns_and_tags(pictures: Sequence[Picture]) -> list[Question]:
    """Words that fit some pictures and not the others."""
    nouns = [noun for noun in nouns_of(pictures) if len(noun.fits) >= LEAST]
    return nouns + _tags(pictures, {noun.label for noun in nouns})


def _tags(pictures: Sequence[Picture], known: set[str]) -> list[Question]:
    """Words that Unicode files several emoji under."""
    concepts: dict[str, set[str]] = defaultdict(set)
    tags = [picture.get("tags_en", "").split("|") for picture in pictures]
    for picture, words in zip(pictures, tags, strict=True):
        for word in filter(str.isalpha, words):
            concepts[word].add(picture["concept"])
    found = []
    for word in sorted(concepts.keys() - known):
        if len(concepts[word]) >= TAGGED:
            fits = np.array([word in words for words in tags])
            rows = np.flatnonzero(fits), np.flatnonzero(~fits)
            found.append(Question(word, *rows, np.empty(0, np.intp)))
    return found


def _by_kind(asked: Iterable[Asked | None]) -> list[list[Asked]]:
    kinds: dict[str, list[Asked]] = {}
    for one in asked:
        if one is not None and len(one.fits) >= LEAST:
            kinds.setdefault(one.kind, []).append(one)
    return list(kinds.values())


def _drawn(some: list[Asked], rng: np.random.Generator) -> list[Asked]:
    return [some[number] for number in np.sort(rng.permutation(len(some))[:MOST])]


def _pairs(
    nouns: Sequence[Question], rng: np.random.Generator
) -> Iterator[tuple[Question, Question]]:
    """Nouns, each with some that fit a part of what it fits: birds of animals."""
    for one in nouns:
        within = [
            two
            for two in nouns
            if len(both := np.intersect1d(one.fits, two.fits)) >= LEAST
            and SHARE[0] <= len(both) / len(one.fits) <= SHARE[1]
        ]
        for number in rng.permutation(len(within))[:PER_NOUN]:
            yield one, within[number]


def _left(one: Question, two: Question, size: int, used: Sequence[int]) -> tuple[Rows, Rows, Rows]:
    """What fits the first and not the second, both, and what nobody can say that of."""
    both = np.setdiff1d(np.intersect1d(one.fits, two.fits), used)
    fits = np.setdiff1d(np.intersect1d(one.fits, two.fails), used)
    told = np.concatenate([fits, one.fails, two.fits])
    return fits, both, np.union1d(np.setdiff1d(np.arange(size), told), used).astype(np.intp)


def _without(one: Question, two: Question, size: int) -> Asked:
    return Asked(
        "words without words", (one.label,), (), (two.label,), (), *_left(one, two, size, [])
    )


def _unlike(one: Question, two: Question, size: int, rng: np.random.Generator) -> Asked:
    shown = int(rng.choice(np.intersect1d(one.fits, two.fits)))
    return Asked(
        "words unlike a picture", (one.label,), (), (), (shown,), *_left(one, two, size, [shown])
    )


def _examples(one: Question, two: Question, size: int, rng: np.random.Generator) -> Asked | None:
    own = np.intersect1d(one.fits, two.fails)
    if len(own) < EXAMPLES + LEAST:
        return None
    like = tuple(rng.permutation(own)[:EXAMPLES].tolist())
    unlike = (int(rng.choice(np.intersect1d(one.fits, two.fits))),)
    left = _left(one, two, size, [*like, *unlike])
    return Asked("pictures unlike a picture", (), like, (), unlike, *left)


def _with_picture(noun: Question, size: int, rng: np.random.Generator) -> Asked:
    """A word, and a picture of what it means: both say the same."""
    shown = int(rng.choice(noun.fits))
    told = np.concatenate([noun.fits, noun.fails])
    unknown = np.union1d(np.setdiff1d(np.arange(size), told), [shown]).astype(np.intp)
    fits = np.setdiff1d(noun.fits, [shown])
    return Asked("words and a picture of it", (noun.label,), (shown,), (), (), fits, NONE, unknown)


def _in_style(
    noun: Question, styles: npt.NDArray[np.str_], rng: np.random.Generator
) -> Iterator[Asked]:
    """A word, and a picture of something else that is drawn alike, or is not to be alike."""
    style = rng.choice(np.unique(styles))
    others = noun.fails[styles[noun.fails] == style]
    if not len(others):
        return
    shown = int(rng.choice(others))
    told = np.concatenate([noun.fits, noun.fails])
    unknown = np.union1d(np.setdiff1d(np.arange(len(styles)), told), [shown]).astype(np.intp)
    alike = styles[noun.fits] == style
    if 0 < alike.sum() < len(alike):
        own, other = noun.fits[alike], noun.fits[~alike]
        for kind, like, unlike, fits, unwanted in (
            ("words in the style of a picture", (shown,), (), own, NONE),
            ("words not in the style of a picture", (), (shown,), other, own),
        ):
            yield Asked(kind, (noun.label,), like, (), unlike, fits, unwanted, unknown)
