"""Questions about fact texts with their answers, and texts whose subjects are known.

The texts are those of GCompris' photographs (`benchmarks.datasets.gcompris`), the questions stand
in `language_questions.txt`. Texts are split in two halves by their order; questions follow theirs.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.datasets import rows

QUESTIONS = Path(__file__).with_name("language_questions.txt")
IN_CHINESE = Path(__file__).with_name("language_questions_zh.txt")

SUBJECTS = 4  # texts that are put together to one that is summarised
DOCUMENTS = 60  # such texts of a split


@dataclass(frozen=True)
class Asked:
    """A question, the text that it is about, and what answers it there, if anything does."""

    text: str
    question: str
    answers: tuple[str, ...]


@dataclass(frozen=True)
class Mixed:
    """A text of several, one behind the other: sentences, and which subject each is of."""

    sentences: tuple[str, ...]
    subjects: tuple[int, ...]


def texts() -> dict[str, str]:
    """The fact texts by the end of their id."""
    csv.field_size_limit(1 << 30)
    return {
        ".".join(row["id"].split(".")[-2:]): row["text_en"]
        for row in rows("gcompris")
        if row["text_en"] and row["id"].startswith("gcompris/explore")
    }


def split(names: Sequence[str], which: str) -> list[str]:
    """Every other name, from the first on for validation, from the second on for the test."""
    return sorted(names)[0 if which == "val" else 1 :: 2]


def questions(which: str) -> list[Asked]:
    """The questions about the texts of a split.

    Raises
    ------
    ValueError
        When an answer does not stand in its text: the data has changed.
    """
    held = texts()
    own = {*split([*held], which)}
    found = []
    for line in QUESTIONS.read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        name, question, said = (part.strip() for part in line.split("|"))
        answers = tuple(filter(None, said.split(" / ")))
        if missing := [one for one in answers if one not in held[name]]:
            raise ValueError(f"{name} does not say {missing}")
        if name in own:
            found.append(Asked(name, question, answers))
    return found


def in_chinese(asked: Sequence[Asked]) -> list[Asked]:
    """The same questions in Chinese, about the same English texts.

    Raises
    ------
    ValueError
        When the two files do not go together.
    """
    english, chinese = (
        [
            [part.strip() for part in line.split("|")]
            for line in path.read_text("utf-8").splitlines()
            if not line.startswith("#")
        ]
        for path in (QUESTIONS, IN_CHINESE)
    )
    if [line[0] for line in english] != [line[0] for line in chinese]:
        raise ValueError(f"{IN_CHINESE.name} has not the lines of {QUESTIONS.name}")
    known = {
        (name, question): other
        for (name, question, _), (_, other) in zip(english, chinese, strict=True)
    }
    return [replace(one, question=known[one.text, one.question]) for one in asked]


def mixed(which: str, sentences_of: dict[str, list[str]]) -> list[Mixed]:
    """Texts of `SUBJECTS` subjects each, drawn with a seed of their own for each split."""
    rng = np.random.default_rng(0 if which == "val" else 1)
    names = [name for name in split([*sentences_of], which) if len(sentences_of[name]) > 1]
    found = []
    for _ in range(DOCUMENTS):
        drawn = [names[place] for place in rng.permutation(len(names))[:SUBJECTS]]
        held = [(one, n) for n, name in enumerate(drawn) for one in sentences_of[name]]
        found.append(Mixed(tuple(one for one, _ in held), tuple(n for _, n in held)))
    return found


def exact(said: str, answers: Sequence[str]) -> float:
    """Whether an answer is one of those that are right, as SQuAD compares them."""
    return float(any(_plain(said) == _plain(one) for one in answers))


def f1(said: str, answers: Sequence[str]) -> float:
    """Overlap in words with the right answer that it is most like (Rajpurkar et al. 2016)."""

    def of(one: str) -> float:
        ours, theirs = _plain(said), _plain(one)
        common = sum((Counter(ours) & Counter(theirs)).values())
        return 2 * common / (len(ours) + len(theirs)) if common else 0.0

    return max(map(of, answers))


def _plain(text: str) -> list[str]:
    """Words in small letters without articles and punctuation."""
    words = re.sub(r"[^\w\s]", " ", text.lower()).split()
    return [word for word in words if word not in ("a", "an", "the")]
