"""What an answer to a question is, whoever gives it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sensorium.media.skipped import Skipped
from sensorium.tasks.origin import Origin
from sensorium.tasks.source_texts import SourceText

NOT_IN_THE_TEXT = "not in the text"
"""What people read where `Answer.text` is empty."""


@dataclass(frozen=True)
class Answer:
    """An answer, and what it rests on.

    Attributes
    ----------
    question : str
    text : str
        Empty where the texts do not say it.
    probability : float or None
        How likely the passage answers the question; of pictures, how likely a label holds. None
        where a model gives none, as those on servers.
    passage : str
        Where it was read: a sentence and what stands around it. The nearest one where `text` is
        empty. Empty for pictures.
    source : str
        Path or URL; empty for what was given in memory.
    span : (int, int) or None
        ``passage[span[0]:span[1]] == text``; None where the answer is in words of its own.
    origin : Origin
        The model.
    place : mapping
        ``page`` or ``chapter`` of the source.
    label : str
        Of a picture that was asked about: what was looked for in it ("a cat"), as it is put to an
        encoder and to what explains its answer.
    """

    question: str
    text: str
    probability: float | None
    passage: str
    source: str
    span: tuple[int, int] | None
    origin: Origin
    place: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def is_found(self) -> bool:
        """Whether there is an answer."""
        return bool(self.text)


class Answers(list[Answer]):
    """Answers, best first for texts, in the order given for pictures; and what was passed over.

    Parameters
    ----------
    answers : iterable of Answer
    skipped : list of Skipped
    """

    def __init__(self, answers: Iterable[Answer] = (), skipped: Iterable[Skipped] = ()) -> None:
        super().__init__(answers)
        self.skipped = list(skipped)


class TextReader(Protocol):
    """Answers from texts."""

    def read(self, question: str, texts: list[SourceText], k: int) -> list[Answer]:
        """The `k` best answers, at least one: an empty one where the texts do not say it."""
        ...


class PictureReader(Protocol):
    """Answers about one picture."""

    def look(self, question: str, picture: Any, source: str) -> Answer: ...


def squeezed(text: str) -> str:
    """A text with its white space closed up."""
    return " ".join(text.split())


def passage_around(pieces: list[str], number: int, most: int = 480) -> tuple[str, int]:
    """A sentence with its neighbours, as many as fit, and where in them it begins.

    Parameters
    ----------
    pieces : list of str
        Sentences of one text, white space closed up.
    number : int
    most : int
        Characters; the sentence itself may be longer.
    """
    first = last = number
    length = len(pieces[number])
    for step in (-1, 1):
        there = number + step
        if 0 <= there < len(pieces) and length + len(pieces[there]) < most:
            length += len(pieces[there]) + 1
            first, last = min(first, there), max(last, there)
    before = " ".join(pieces[first:number])
    return " ".join(pieces[first : last + 1]), len(before) + bool(before)
