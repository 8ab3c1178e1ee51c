"""What `python -m benchmarks yes_no` asks: labels, with pictures that they fit and do not fit.

`recipes/mini/yes_no.py` fits to those of validation.

Labels are the pictures' own names, and common words that WordNet holds to be what a picture shows
or a kind above it ("animal" fits a cat). Whether a label fits is often nobody's to say (is a face
with tears a "cat"? its name holds the word): such pictures are left out.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from benchmarks.cases import NAMELESS
from benchmarks.datasets import bring, home
from benchmarks.datasets import rows as pictures_of
from benchmarks.datasets.manifest import Row as Picture
from benchmarks.sample import sample_rows

#: Categories of clipart whose titles are no words for what is seen.
UNTOLD = (*NAMELESS, "signs_and_symbols", "computer", "shapes")

#: WordNet's files of nouns whose members can be seen (lexnames(5)); "animal" is in the first.
VISIBLE = {3, 4, 5, 6, 8, 11, 13, 14, 15, 17, 18, 19, 20, 25, 27}

#: Two things are akin when they meet in WordNet within this many steps up, but not in one of these.
AKIN_STEPS = 3
TOO_WIDE = {
    "entity", "physical entity", "abstraction", "object", "whole", "thing", "part", "matter",
    "substance", "relation", "causal agent", "organism", "living thing", "artifact",
    "instrumentality", "device",
}  # fmt: skip

INDEX = "usr/share/wordnet/index.noun"  # lists the senses of each word, most frequent first
SENSES = 2  # senses of a word that count
ARTICLES = {"a", "an", "the", "of", "with", "and", "in", "on", "s", "to", "for", "or"}

Rows = npt.NDArray[np.intp]


@dataclass(frozen=True)
class Question:
    """One label, and the numbers of the pictures that it fits and does not fit.

    Attributes
    ----------
    label
        A text.
    fits, fails
        Neither is empty.
    akin
        Those of `fails` that show something of the same kind, a dog for a cat; may be empty.
    """

    label: str
    fits: Rows
    fails: Rows
    akin: Rows


@dataclass(frozen=True)
class Case:
    """Pictures, and what is asked of them.

    Attributes
    ----------
    name
        As in the table.
    pictures
        Rows of a set.
    names
        The column that the pictures' names stand in.
    nouns
        Whether common nouns are asked for, too; they are English.
    """

    name: str
    pictures: Sequence[Picture]
    names: str = "caption_en"
    nouns: bool = True


def cases(split: str) -> list[Case]:
    """Drawings of one split; with "test" photographs, too, none of which chose or fitted anything.

    Parameters
    ----------
    split
        "val" or "test".
    """
    emoji = [row for row in pictures_of("emoji") if row["split"] == split]
    seen = [row for row in emoji if row["style"] == "noto"]
    clipart = [
        row
        for row in pictures_of("clipart")
        if row["split"] == split
        and row["quality"] == "good"
        and row["caption_lang"] == "en"
        and row["category"] not in UNTOLD
    ]
    found = [
        Case("emoji", seen),
        Case("emoji, Chinese names", seen, "caption_zh", nouns=False),
        Case("clip art", clipart),
    ]
    if split == "test":
        photos = [row for row in pictures_of("gcompris") if row["style"] == "photo"]
        sample = sample_rows()
        stamps = [
            row
            for row in pictures_of("stamps")
            if row["split"] == "test" and row["category"] != "symbols"
        ]
        found += [
            Case("emoji of an unseen style", [row for row in emoji if row["style"] == "openmoji"]),
            Case("stamps", stamps),
            Case("photos", photos),
            Case("sample photos", sample),
            Case("sample photos, Chinese names", sample, "caption_zh", nouns=False),
        ]
    return found


def questions(case: Case) -> list[Question]:
    """Everything that is asked of the pictures of one case."""
    return [*_by_name(case), *(nouns_of(case.pictures) if case.nouns else [])]


def _by_name(case: Case) -> list[Question]:
    """The names of pictures as labels: they fit those of that name."""
    by_name = defaultdict(list)
    for number, picture in enumerate(case.pictures):
        if picture[case.names]:
            by_name[picture[case.names]].append(number)
    words = [_words(picture) for picture in case.pictures]
    own = [_stems(picture["caption_en"]) for picture in case.pictures]
    shown = [_head(picture["caption_en"]) for picture in case.pictures]
    found = []
    for name, fits in by_name.items():
        first = fits[0]

        def is_unlike(number: int, first: int = first, fits: list[int] = fits) -> bool:
            if number in fits or (own[first] and own[first] <= words[number]):
                return False
            same = case.pictures[number].get("cluster", number)
            return same != case.pictures[first].get("cluster") and not (
                own[number] and own[number] <= words[first]
            )

        fails = [number for number in range(len(case.pictures)) if is_unlike(number)]
        found.append(_question(name, fits, fails, shown[first], shown))
    return [question for question in found if len(question.fails)]


def nouns_of(pictures: Sequence[Picture]) -> list[Question]:
    """Common nouns as labels: they fit what WordNet holds to be such a thing."""
    from recipes.mini.concepts import WORDS

    words = [_words(picture) for picture in pictures]
    shown = [_head(picture["caption_en"]) for picture in pictures]
    known = [number for number, concept in enumerate(shown) if concept]
    with WORDS.open(encoding="utf-8", newline="") as file:
        nouns = [row["english"] for row in csv.DictReader(file)]
    found = []
    for noun in nouns:
        concept = _first_sense(_singular(noun))
        fits = [number for number in known if concept in _above(shown[number])]
        if not concept or not fits:
            continue

        def is_unlike(number: int, noun: str = noun, concept: str = concept) -> bool:
            return (
                concept not in _above(shown[number])
                and not _stems(noun) & words[number]
                and shown[number] not in _above(concept)  # a "bird" may be an owl
            )

        fails = [number for number in known if is_unlike(number)]
        found.append(_question(noun, fits, fails, concept, shown))
    return [question for question in found if len(question.fails)]


def _question(
    label: str, fits: list[int], fails: list[int], concept: str, shown: Sequence[str]
) -> Question:
    """Add which pictures that the label does not fit show something akin to its concept."""
    kind = _kind(concept) if concept else frozenset()
    akin = [n for n in fails if shown[n] and shown[n] != concept and _kind(shown[n]) & kind]
    return Question(label, *(np.array(rows, np.intp) for rows in (fits, fails, akin)))


def _stems(text: str) -> frozenset[str]:
    words = set(re.findall(r"[a-z0-9]+", text.lower())) - ARTICLES
    return frozenset(w[:-1] if w.endswith("s") and len(w) > 3 else w for w in words)


def _words(picture: Picture) -> frozenset[str]:
    """Everything that is said of a picture in English."""
    tags = picture.get("tags_en", "").split("|")
    return _stems(picture["caption_en"]).union(*map(_stems, tags))


@cache
def _wordnet() -> tuple[dict[str, tuple[tuple[str, ...], str, bool]], dict[str, list[str]]]:
    """WordNet's nouns by offset (parents, first name, whether one can be seen), and senses."""
    from recipes.mini.concepts import NOUNS, WORDNET, synsets

    folder = bring(WORDNET, home())
    nouns = {
        offset: (synset.parents, synset.lemmas[0], synset.file in VISIBLE and not synset.instance)
        for offset, synset in synsets(folder / NOUNS).items()
    }
    senses = {}
    for line in (folder / INDEX).read_text("utf-8").splitlines():
        if not line.startswith(" "):  # the licence
            fields = line.split()
            senses[fields[0].replace("_", " ")] = fields[-int(fields[2]) :]
    return nouns, senses


def _singular(word: str) -> str:
    senses = _wordnet()[1]
    if word in senses:
        return word
    endings = (("ies", "y"), ("ves", "f"), ("ches", "ch"), ("shes", "sh"), ("xes", "x"), ("s", ""))
    found = (word.removesuffix(old) + new for old, new in endings if word.endswith(old))
    return next((candidate for candidate in found if candidate in senses), word)


def _first_sense(word: str) -> str:
    """The commonest sense of a word that can be seen, if it is a usual one; "" otherwise."""
    nouns, senses = _wordnet()
    return next((o for o in senses.get(word, [])[:SENSES] if nouns[o][2]), "")


def _head(caption: str) -> str:
    """What a caption names, its last words: an "old red car on a road" is a car; "" if unknown."""
    phrase = re.split(r":| with | of | on | in ", caption.lower())[0]
    words = re.findall(r"[a-z][a-z'-]*", phrase)
    ends = (" ".join(words[-length:]) for length in (3, 2, 1) if len(words) >= length)
    return next((sense for end in ends if (sense := _first_sense(_singular(end)))), "")


@cache
def _above(concept: str) -> dict[str, int]:
    """A concept and its hypernyms, and how many steps up each is."""
    nouns = _wordnet()[0]
    found, level, steps = {concept: 0}, [concept], 0
    while level:
        steps += 1
        level = [p for x in level for p in nouns[x][0] if p not in found]
        found |= dict.fromkeys(level, steps)
    return found


@cache
def _kind(concept: str) -> frozenset[str]:
    nouns = _wordnet()[0]
    near = (o for o, steps in _above(concept).items() if steps <= AKIN_STEPS)
    return frozenset(o for o in near if nouns[o][1] not in TOO_WIDE)
