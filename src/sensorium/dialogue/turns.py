"""What is said in a dialogue: turns, replies, what they rest on, and the steps that led to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sensorium.collection.results import Hit
from sensorium.collection.telling import clock
from sensorium.plain import plain_fields


@dataclass(frozen=True)
class Citation:
    """What a statement rests on: an item, where in it, and its own words where there are some.

    Attributes
    ----------
    item : int
        Its id in the collection; 0 for what was given in the turn.
    path : str
    modality : str
    number : int
        As ``[1]`` in a reply's text; 0 before it is in one.
    quote : str
        Words that stand, are said or are written there, and are data: nothing obeys them.
    start, end : float or None
        Seconds, of sounds and films.
    page : int or None
        Of documents, from 1.
    box : tuple of float, or None
        Left, upper, right and lower edge as shares of width and height from 0 to 1.
    characters : tuple of int, or None
        First character and the one after the last, in the text of a document or of its page.
    probability : float or None
        How likely it is what was asked, from 0 to 1; None where nobody knows.
    """

    item: int
    path: str
    modality: str
    number: int = 0
    quote: str = ""
    start: float | None = None
    end: float | None = None
    page: int | None = None
    box: tuple[float, float, float, float] | None = None
    characters: tuple[int, int] | None = None
    probability: float | None = None

    @property
    def place(self) -> str:
        """Where in its item, for people: ``0:04-0:06``, ``page 2``; empty for all of it."""
        if self.page is not None:
            return f"page {self.page}"
        if self.start is not None and self.end is not None:
            return f"{clock(self.start)}-{clock(self.end)}"
        return ""


@dataclass(frozen=True)
class Step:
    """A tool that was called.

    Attributes
    ----------
    tool : str
    arguments : mapping
    told : str
        What came, in short.
    seconds : float
        It took, by the wall.
    """

    tool: str
    arguments: Mapping[str, Any]
    told: str
    seconds: float


@dataclass(frozen=True)
class Reply:
    """What a dialogue says.

    Attributes
    ----------
    text : str
        With ``[1]`` where `citations` say what a statement rests on.
    language : str
        Two letters.
    citations : tuple of Citation
    items : tuple of Hit
        Those that are shown, in this order; "the second one" counts in them.
    count : int or None
        Where a number was asked for.
    refused : bool
        The collection does not hold what was asked, and `text` says so; `items` are merely the
        nearest then.
    asks : bool
        `text` is a question back, because the request has several meanings.
    likely : bool
        `items` are merely likely, the likeliest first; "it" is the first of them.
    refers : tuple of int
        Ids of the items that "it" or "the second one" were taken for.
    steps : tuple of Step
    unfounded : tuple of str
        Parts of `text` without evidence, which it marks; only of language models.
    plan : mapping
        How the request was understood.
    parts : tuple of Reply
        Where a turn held several requests, the reply to each; `text` has all.
    trouble : str
        Why a language model did not answer, or not to its end; `text` is the dialogue's own then.
    """

    text: str
    language: str = "en"
    citations: tuple[Citation, ...] = ()
    items: tuple[Hit, ...] = ()
    count: int | None = None
    refused: bool = False
    asks: bool = False
    refers: tuple[int, ...] = ()
    steps: tuple[Step, ...] = ()
    unfounded: tuple[str, ...] = ()
    plan: Mapping[str, Any] = field(default_factory=dict)
    trouble: str = ""
    parts: tuple[Reply, ...] = ()
    likely: bool = False

    def as_dict(self) -> dict[str, Any]:
        """As JSON values, the shape that the shell and HTTP give."""
        return plain_fields(self)


@dataclass(frozen=True)
class Turn:
    """What a person said, and the reply.

    Attributes
    ----------
    said : str
        The words; empty where media alone were given.
    given : tuple of str
        Paths of the media that were given with them; "" of one that has none.
    reply : Reply
    """

    said: str
    given: tuple[str, ...]
    reply: Reply
