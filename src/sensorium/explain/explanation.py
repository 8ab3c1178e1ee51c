"""What an explanation says: parts of a hit and of its question, with their weights."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sensorium.explain.faithfulness import Faithfulness
from sensorium.tasks.origin import Origin

Kind = Literal["region", "word", "sentence", "seconds"]

Box = tuple[float, float, float, float]

MOST_NAMED = 3
"""Words and stretches of time that one line names."""

NAMED_SHARE = 0.5
"""Of the weight that speaks for the question: the parts that hold so much are named."""

WIDE = 0.3
"""Spread of a picture's weights over its width and height (0.29 if all weigh the same) from which
on no place of it is named."""

SHORT_TEXT = 60


@dataclass(frozen=True)
class Part:
    """A part of a picture, text or sound, and what it does.

    Attributes
    ----------
    kind : {"region", "word", "sentence", "seconds"}
    weight : float
        What the part adds, in the unit of the value that is explained; below 0 where it speaks
        against the question (`sensorium.explain.ordering`).
    box : tuple of float or None
        Of a region: left, upper, right and lower edge as shares of the upright picture.
    span : tuple of float or None
        Seconds from the beginning of the file, or characters of the text.
    text : str or None
        The word or sentence.
    """

    kind: Kind
    weight: float
    box: Box | None = None
    span: tuple[float, float] | None = None
    text: str | None = None


@dataclass(frozen=True)
class Explained:
    """One side of a pair in parts: the hit, or the question.

    Attributes
    ----------
    modality : str
        "image", "text" or "audio".
    parts : list of Part
        In the order in which they stand.
    score, baseline : float
        The value of all parts, and that with every part covered.
    order : list of int
        Places in `parts`, the most important first.
    faithfulness : Faithfulness or None
        Of that order; None where it was not asked for.
    asked : int
        How many variants were encoded.
    shape : tuple of int or None
        Rows and columns of a picture's regions.
    text : str or None
        The text whose words or sentences `parts` are.
    """

    modality: str
    parts: list[Part]
    score: float
    baseline: float
    order: list[int]
    faithfulness: Faithfulness | None
    asked: int
    shape: tuple[int, int] | None = None
    text: str | None = None

    @property
    def weights(self) -> npt.NDArray[np.float64]:
        """Weights of `parts`, shape (n,)."""
        return np.array([part.weight for part in self.parts])

    def told(self) -> str:
        """What carries most of it, in a few words; "" where nothing does."""
        positive = np.maximum(self.weights, 0)
        if not positive.sum() > 0:
            return ""
        if self.shape is not None:
            return _told_place(self.parts, positive)
        found: list[int] = []
        total = 0.0
        for place in np.argsort(-positive, kind="stable"):
            if total >= NAMED_SHARE * positive.sum() or len(found) == MOST_NAMED:
                break
            total += positive[place]
            found.append(int(place))
        if self.modality == "audio":
            return "seconds " + ", ".join(_joined([self.parts[n].span for n in sorted(found)]))
        words = [_short(self.parts[n].text or "") for n in found]
        kind = self.parts[0].kind
        return f"{kind}{'s' * (len(words) > 1)}: {', '.join(words)}"


@dataclass(frozen=True)
class Place:
    """A segment of an item, such as a view or a frame, and its own value.

    Attributes
    ----------
    modality : str
    score : float
    span : tuple of float or None
        Seconds or characters.
    details : dict
        ``view``, ``page`` and what else says where it is.
    """

    modality: str
    score: float
    span: tuple[float, float] | None = None
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contribution:
    """What one part of a question of several adds to a hit's score.

    Attributes
    ----------
    what : str
        Words, or what the example is called.
    weight : float
        As it was asked with; negative for what is not wanted.
    standing : float
        Standard deviations by which the hit stands out for this part from what has nothing to do
        with it.
    score : float
        What the part adds, in standard deviations; those of all parts sum to the hit's score.
    question : Explained or None
        The words of a text, and what each does for the part's own cosine.
    """

    what: str
    weight: float
    standing: float
    score: float
    question: Explained | None = None

    @property
    def name(self) -> str:
        """What the part is called in a line: of a file, its name."""
        return _short(self.what if self.question is not None else Path(self.what).name)


@dataclass(frozen=True)
class Explanation:
    """Where the value of a pair comes from.

    Attributes
    ----------
    query : str
        What was asked, or the label.
    path : str
        What it was asked of.
    value : {"cosine", "log odds", "standard deviations"}
        What is explained; the last of a question of several parts (`sensorium.ranking.parts`).
    score : float
        The pair's value.
    hit : Explained
        The best segment of the item, in parts.
    question : Explained or None
        The words of a question or label; None of a picture that asks, of a question of several
        parts, and of a trained classifier's class.
    place : Place
        The segment that `hit` is: all of a picture, a frame, a view, a passage, a window of sound.
    places : list of Place
        All segments of an item that has several, in order.
    probability : float or None
        Of the label, where there is one.
    origin : Origin
        What computed the value.
    seconds : float
        That it took.
    parts : list of Contribution
        Of a question that has several.
    """

    query: str
    path: str
    value: str
    score: float
    hit: Explained
    question: Explained | None
    place: Place
    places: list[Place]
    probability: float | None
    origin: Origin
    seconds: float
    parts: list[Contribution] = field(default_factory=list)

    def told(self) -> str:
        """One line: "left middle of the picture; word: castle"."""
        where = told_where(self.place) if len(self.places) > 1 else ""
        hit = self.hit.told() or "nothing in particular"
        told = [f"{where}: {hit}" if where else hit]
        if self.question is not None and len(self.question.parts) > 1:
            told.append(self.question.told())
        if self.parts:
            told.append(", ".join(f"{one.name} {one.score:+.1f}" for one in self.parts))
        return "; ".join(filter(None, told))

    def draw(self, path: str | os.PathLike[str]) -> None:
        """Write a picture of it as PNG: heat over a picture, a wave or a text, with the question.

        Raises
        ------
        UsageError
            When the path is no PNG or cannot be written.
        MediaError
            When the file can no longer be read.
        """
        from sensorium.explain.drawing import draw

        draw(self, path)


def told_where(place: Place) -> str:
    """Where a segment is, in words."""
    for name in ("page", "chapter", "view", "picture"):
        if name in place.details:
            return f"{name} {place.details[name]}"
    if place.span is None:
        return ""
    if place.modality == "text":
        return f"characters {place.span[0]:.0f}-{place.span[1]:.0f}"
    begin, end = (f"{second:.4g}" if second < 1000 else f"{second:.0f}" for second in place.span)
    return f"seconds {begin}-{end}"


def _told_place(parts: Sequence[Part], positive: npt.NDArray[np.float64]) -> str:
    boxes = np.array([part.box for part in parts])
    # The strongest regions alone: a faint weight everywhere would draw all places to the middle.
    strong = np.where(positive >= positive.max() / 2, positive, 0)
    share = strong / strong.sum()
    x, y = (boxes[:, 0] + boxes[:, 2]) / 2, (boxes[:, 1] + boxes[:, 3]) / 2
    across, down = float(share @ x), float(share @ y)
    spread = max(np.sqrt(share @ (x - across) ** 2), np.sqrt(share @ (y - down) ** 2))
    if spread > WIDE:
        return "all over the picture"
    column = ("left", "", "right")[min(2, int(across * 3))]
    row = ("upper", "middle", "lower")[min(2, int(down * 3))]
    if not column:
        named = {"upper": "top", "middle": "middle", "lower": "bottom"}[row]
        return f"{named} of the picture"
    place = f"{column} middle" if row == "middle" else f"{row} {column}"
    return f"{place} of the picture"


def _joined(spans: Sequence[tuple[float, float] | None]) -> list[str]:
    """Stretches of time, of which those that touch are one."""
    found: list[list[float]] = []
    for span in spans:
        assert span is not None
        if found and span[0] - found[-1][1] < 1e-6:
            found[-1][1] = span[1]
        else:
            found.append([*span])
    return [f"{start:.1f}-{stop:.1f}" for start, stop in found]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= SHORT_TEXT else text[: SHORT_TEXT - 1].rstrip() + "…"
