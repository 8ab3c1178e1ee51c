"""One report of whatever was trained or measured: what people read of it, and what programs do."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sensorium.media.skipped import Note, Skipped

if TYPE_CHECKING:  # its module needs SciPy
    from sensorium.evaluation.comparison import Comparison


@dataclass(frozen=True)
class Table:
    """Rows below headings.

    Attributes
    ----------
    headings : sequence of str
    rows : sequence of sequence of str
        Cells that are left out at the end are empty.
    title : str
        A line above the table.
    left : sequence of str
        Headings of the columns that hold words, beside the first one; numbers stand to the right.
    bold : collection of int
        Rows that stand out on a terminal.
    sections : mapping of str to str
        Titles that a terminal shows instead of the first column, by what stands in it.
    most : int, optional
        Rows that a terminal shows.
    """

    headings: Sequence[str]
    rows: Sequence[Sequence[str]]
    title: str = ""
    left: Sequence[str] = ()
    bold: Collection[int] = ()
    sections: Mapping[str, str] = field(default_factory=dict)
    most: int | None = None


@dataclass(frozen=True)
class Report:
    """What is told of a training or an evaluation.

    Attributes
    ----------
    shown : sequence of str or Table
        For people, in the order in which they read it.
    facts : sequence of dict or dataclass
        For programs: JSON objects, each with a line of its own.
    skipped : sequence of Skipped
        What people are told before the rest; `facts` name it, too.
    notes : sequence of Note
        What could not be used in files that were; told and named as `skipped` is.
    """

    shown: Sequence[str | Table]
    facts: Sequence[Any]
    skipped: Sequence[Skipped] = ()
    notes: Sequence[Note] = ()


def figure(value: float, sign: str = "", digits: int | None = None) -> str:
    """A number as people read it: three digits, one from a hundred on, unless told how many."""
    if not math.isfinite(value):
        return "-"
    return f"{value:{sign}.{digits or (3 if abs(value) < 100 else 1)}f}"


def ends(low: float | None, high: float | None, sign: str = "", digits: int | None = None) -> str:
    """From where to where an interval is, as `figure` writes it; empty where that is not known."""
    if low is None or high is None:
        return ""
    return f"{figure(low, sign, digits)} to {figure(high, sign, digits)}"


def spread(score: Any, digits: int | None = None) -> list[str]:
    """Two cells: the estimate of what has one and two ends, and from where to where it is."""
    return [figure(score.estimate, "", digits), ends(score.low, score.high, "", digits)]


def gain(found: Comparison, digits: int | None = None) -> list[str]:
    """Two cells: a difference with its interval, and its p-value."""
    between = ends(found.low, found.high, "+", digits)
    return [f"{figure(found.difference, '+', digits)} ({between})", f"{found.p:.4f}"]


def named(skipped: Iterable[Skipped | Note]) -> list[dict[str, Any]]:
    """What was skipped or noted, as facts of a report."""
    return [
        {"skipped" if isinstance(item, Skipped) else "noted": item.path, "reason": item.reason}
        for item in skipped
    ]
