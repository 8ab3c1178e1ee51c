"""What words mean: WordNet's hypernyms of ImageNet's classes, and a list of words in two languages.

ImageNet has 118 breeds of dog and no class "dog". WordNet (Fellbaum, 1998) knows that each breed is
a dog, a canine, a mammal; its offsets of version 3.0 are ImageNet's class ids.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.datasets import home
from recipes.mini.sources import CLASSES
from sensorium.packages import Package, bring

WORDNET = Package(
    "debian",
    "wordnet-base",
    "1:3.0-37",
    "61060d960f9ada8fa120872312eccd3ecebfbab8c4579e4f5a74e1cf67620752",
)
NOUNS = "usr/share/wordnet/data.noun"
WORDS = Path(__file__).with_name("words.csv")
MAX_CLASSES = 250  # a hypernym of more classes than that ("artifact") says too little to learn


@dataclass(frozen=True)
class Synset:
    """A noun synset of WordNet.

    Attributes
    ----------
    lemmas, definition
        Its names, and its gloss up to the first example.
    parents
        Offsets of its direct hypernyms.
    file
        Number of the lexicographer's file it is in (lexnames(5)): 5 holds animals, 13 food.
    instance
        Whether it is one thing, as Paris is, and no kind of thing.
    """

    lemmas: tuple[str, ...]
    definition: str
    parents: tuple[str, ...]
    file: int
    instance: bool

    @property
    def text(self) -> str:
        """Name and definition, as for classes."""
        return f"{self.lemmas[0]}, {self.definition}"


def hypernyms() -> tuple[list[Synset], npt.NDArray[np.float32]]:
    """Return the hypernyms of ImageNet's classes and how much each says of a class.

    Returns
    -------
    concepts
        Hypernyms of at most `MAX_CLASSES` classes.
    weights
        Shape (1000, concepts). 0 where the concept is no hypernym of the class; else its
        information content -log(classes below it / 1000), scaled to 1 for a single class
        (Resnik, 1995).
    """
    nouns = synsets(bring(WORDNET, home()) / NOUNS)
    classes = [synset[1:] for synset in CLASSES.path().read_text("utf-8").split()]
    parents = [above(offset, nouns) for offset in classes]
    counts: dict[str, int] = {}
    for offsets in parents:
        for offset in offsets:
            counts[offset] = counts.get(offset, 0) + 1
    kept = sorted(offset for offset, count in counts.items() if count <= MAX_CLASSES)
    position = {offset: i for i, offset in enumerate(kept)}
    weights = np.zeros((len(classes), len(kept)), np.float32)
    for row, offsets in enumerate(parents):
        for offset in offsets & position.keys():
            content = 1 - math.log(counts[offset]) / math.log(len(classes))
            weights[row, position[offset]] = content
    return [nouns[offset] for offset in kept], weights


def words() -> list[tuple[str, list[str]]]:
    """Return English words for things that can be seen, and their Chinese names."""
    with WORDS.open(encoding="utf-8", newline="") as file:
        return [(row["english"], row["chinese"].split("|")) for row in csv.DictReader(file)]


def above(offset: str, nouns: Mapping[str, Synset]) -> dict[str, int]:
    """Return the hypernyms of a synset at every height, and how many steps up each is."""
    found: dict[str, int] = {}
    level, steps = list(nouns[offset].parents), 1
    while level:
        for parent in level:
            found.setdefault(parent, steps)
        level = [p for x in level for p in nouns[x].parents if p not in found]
        steps += 1
    return found


def synsets(path: Path) -> dict[str, Synset]:
    """Read WordNet's nouns (format: its manual page wndb(5)) by their offsets."""
    found = {}
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("  "):  # the licence, which stands before the data
            continue
        data, gloss = line.split("|", 1)
        fields = data.split()
        count = int(fields[3], 16)
        lemmas = tuple(fields[4 + 2 * i].replace("_", " ") for i in range(count))
        pointers = fields[5 + 2 * count :]
        parents = [
            (pointers[i], pointers[i + 1])
            for i in range(0, 4 * int(fields[4 + 2 * count]), 4)
            if pointers[i] in ("@", "@i")
        ]
        found[fields[0]] = Synset(
            lemmas,
            gloss.split(";")[0].strip(),
            tuple(offset for _, offset in parents),
            int(fields[1]),
            any(kind == "@i" for kind, _ in parents),
        )
    return found
