"""What a summary is, whoever writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from sensorium.tasks.origin import Origin
from sensorium.tasks.source_texts import SourceText


@dataclass(frozen=True)
class Picked:
    """A sentence of a summary that was taken from its text.

    Attributes
    ----------
    text : str
    number : int
        Which sentence of the text it is, from 0.
    gain : float
        What it added when it was chosen, of all that the summary covers: these sum to one.
    place : mapping
        ``page`` or ``chapter``.
    """

    text: str
    number: int
    gain: float
    place: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Summary:
    """A summary.

    Attributes
    ----------
    source : str
        Path or URL; empty for what was given in memory.
    text : str
        Empty for what could not be read.
    sentences : tuple of Picked
        In the order of the text, where the summary is taken from it.
    coverage : float or None
        How much of the text the summary stands for, 0 to 1; see `summarizing_extractive`.
    origin : Origin or None
        The model; None for what could not be read.
    windows : int
        Pieces in which a model read the text.
    error : str
        Why it could not be read.
    """

    source: str
    text: str
    sentences: tuple[Picked, ...] = ()
    coverage: float | None = None
    origin: Origin | None = None
    windows: int = 1
    error: str = ""


class SummaryModel(Protocol):
    """Summarises texts."""

    def summarize(self, texts: list[SourceText], length: Length) -> Summary: ...


@dataclass(frozen=True)
class Length:
    """How long a summary is.

    Attributes
    ----------
    sentences : int, optional
    share : float, optional
        Of the text's sentences; used where `sentences` is None.
    """

    sentences: int | None = None
    share: float | None = None

    def of(self, count: int) -> int:
        """Sentences of a summary of a text of so many."""
        if self.sentences is not None:
            return min(count, self.sentences)
        return min(count, max(1, round(count * (self.share or 0.0))))
