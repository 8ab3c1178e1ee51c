"""What a collection of many items will cost, from what smaller ones did: hours, disk, memory, time.

Figures of a search at three sizes (`measured.json`, written by `benchmarks/planning.py`) are
extended: disk and memory as a straight line over the number of items, building and the time of a
question by the power they grow with. A fourth size that the lines have not seen says how far off
they are; beyond it nothing was measured. Encoding is measured here, on the machine that asks, and
multiplied.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from sensorium.encoders.base import Encoder
from sensorium.encoders.cost import measure_cost
from sensorium.errors import UsageError

FILE = Path(__file__).with_name("measured.json")

LINES, POWERS = ("disk", "memory"), ("build", "p50")
"""Figures that grow in proportion, beside what is always there, and those with a power."""

MOST = 10**11
"""Items from which on a plan is no plan."""


@dataclass(frozen=True)
class Point:
    """A search as it was measured.

    Attributes
    ----------
    rows : int
        Items, with a vector each.
    dimension : int
        Of the vectors.
    disk, memory : float
        Bytes: of the collection with its index, and of a process that searches.
    build : float
        Seconds until the index was there.
    p50 : float
        Seconds of a processor for a question, in the median, its words already a vector.
    """

    rows: int
    dimension: int
    disk: float
    memory: float
    build: float
    p50: float


@dataclass(frozen=True)
class Measured:
    """What plans are made of.

    Attributes
    ----------
    points : tuple of Point
        At least two sizes, the smallest first.
    held_out : tuple of Point
        Sizes that the plan is checked with.
    workers : dict of int to float
        How many times as fast so many workers encoded as one.
    about : str
        Where and when.
    """

    points: tuple[Point, ...]
    held_out: tuple[Point, ...]
    workers: Mapping[int, float]
    about: str


@dataclass(frozen=True)
class Plan:
    """What some number of items will cost.

    Attributes
    ----------
    rows, dimension, workers : int
    modality : str
    seconds_each : float
        That encoding one takes on this machine, all its cores together, reading included.
    encode_hours : float
        With all workers, each like this machine.
    machine_hours : float
        The same times the workers.
    build_hours, question_seconds : float
        Building the index on one machine, and a processor's time for a question.
    disk, memory : float
        Bytes, of the collection and of a process that searches it.
    is_measured : bool
        Whether so many items are within what was measured.
    off : dict of str to float
        By figure: what the plan says of the held out size by what was measured there, 1 where it
        is right.
    """

    rows: int
    dimension: int
    workers: int
    modality: str
    seconds_each: float
    encode_hours: float
    machine_hours: float
    build_hours: float
    question_seconds: float
    disk: float
    memory: float
    is_measured: bool
    off: Mapping[str, float]


@cache
def measured() -> Measured:
    """What comes with Sensorium."""
    told = json.loads(FILE.read_text("utf-8"))
    points = tuple(sorted((Point(**one) for one in told["points"]), key=lambda one: one.rows))
    held_out = tuple(Point(**one) for one in told["held_out"])
    workers = {int(count): float(times) for count, times in told["workers"].items()}
    return Measured(points, held_out, workers, told["about"])


def plan(
    rows: int, load: Callable[[], Encoder], modality: str = "image", *, workers: int = 1,
    seconds_each: float | None = None, known: Measured | None = None,
) -> Plan:  # fmt: skip
    """Say what a collection would cost.

    Parameters
    ----------
    rows : int
        Items; a film or a long text counts as many as it has segments.
    load : callable
        Gives the encoder.
    modality : str
        Of the items.
    workers : int
        Machines like this one that encode.
    seconds_each : float, optional
        For one item, where that is known; measured here where not.
    known : Measured, optional
        What the plan is made of; what comes with Sensorium where not given.

    Raises
    ------
    UsageError
        When a number is out of range, or the encoder does not read such items.
    """
    if not 1 <= rows <= MOST:
        raise UsageError(f"a plan is for 1 to {MOST:,} items, got {rows:,}")
    if workers < 1:
        raise UsageError(f"at least 1 worker encodes, got {workers}")
    if seconds_each is not None and not 0 < seconds_each < math.inf:
        raise UsageError(f"encoding an item takes more than 0 seconds, got {seconds_each}")
    encoder = load()
    modalities = sorted(map(str, encoder.space.modalities))
    if modality not in modalities:
        raise UsageError(
            f"{encoder.name} reads {', '.join(modalities)}, no {modality}: name one of these"
        )
    if seconds_each is None:
        costs = measure_cost(lambda: encoder).seconds
        if modality not in costs:
            raise UsageError(
                f"what {modality} costs is not measured by itself: give --seconds for one item, or "
                f"plan its segments ({', '.join(sorted(costs))})"
            )
        seconds_each = costs[modality]
    known = known or measured()
    dimension = encoder.space.dimension
    machine = rows * seconds_each / 3600 * workers / speedup(known.workers, workers)
    figures = estimated(known.points, rows, dimension)
    return Plan(
        rows, dimension, workers, modality, seconds_each, machine / workers, machine,
        figures["build"] / 3600, figures["p50"], figures["disk"], figures["memory"],
        rows <= known.points[-1].rows, checked(known),
    )  # fmt: skip


def estimated(points: Sequence[Point], rows: int, dimension: int) -> dict[str, float]:
    """Disk and memory in bytes, building and a question in seconds, of some number of items.

    All but what is always there is in proportion to the dimension.
    """
    sizes = np.array([point.rows for point in points], float)
    wider = dimension / points[0].dimension
    found = {}
    for name in LINES:
        # Weighed so that each size counts by its relative error: the largest would be all else.
        values = np.array([getattr(point, name) for point in points])
        slope, always = np.polyfit(sizes, values, 1, w=1 / values)
        found[name] = max(float(always), 0.0) + float(slope) * rows * wider
    for name in POWERS:
        values = np.array([getattr(point, name) for point in points])
        power, start = np.polyfit(np.log(sizes), np.log(values), 1)
        found[name] = float(np.exp(start) * rows**power) * wider
    return found


def checked(known: Measured) -> dict[str, float]:
    """What the points say of the held out sizes, by what was measured there: the farthest off."""
    off: dict[str, float] = {}
    for point in known.held_out:
        told = estimated(known.points, point.rows, point.dimension)
        for name, value in told.items():
            ratio = value / getattr(point, name)
            if name not in off or abs(math.log(ratio)) > abs(math.log(off[name])):
                off[name] = ratio
    return off


def speedup(workers: Mapping[int, float], count: int) -> float:
    """How many times as fast so many workers are: by the share of the work that none can share.

    Amdahl's law, its share fitted by least squares to what was measured (Amdahl 1967).
    """
    counts = np.array([n for n in workers if n > 1], float)
    if not len(counts):
        return float(count)
    slower = np.array([1 / workers[int(n)] - 1 / n for n in counts])
    alone = float(np.clip((slower * (1 - 1 / counts)).sum() / ((1 - 1 / counts) ** 2).sum(), 0, 1))
    return 1 / (alone + (1 - alone) / count)


def told(one: Plan) -> list[tuple[str, str]]:
    """A plan as lines of a table: what, and how much."""
    cores = os.cpu_count() or 1
    return [
        (f"encode {one.rows:,} of {one.modality}", hours(one.encode_hours)),
        ("  machines × time", f"{one.workers} × {hours(one.encode_hours)} ({cores} cores each)"),
        ("index", hours(one.build_hours)),
        ("disk", size(one.disk)),
        ("memory of a search", size(one.memory)),
        ("a question, processor", f"{one.question_seconds * 1e3:,.3g} ms"),
    ]


def hours(value: float) -> str:
    """A time in the unit that it is told in."""
    for unit, least, seconds in (
        ("years", 2 * 8766.0, 8766.0),
        ("days", 48.0, 24.0),
        ("h", 1.0, 1.0),
    ):
        if value >= least:
            return f"{value / seconds:,.3g} {unit}"
    return f"{value * 60:,.3g} min" if value >= 1 / 60 else f"{value * 3600:,.3g} s"


def size(value: float) -> str:
    """Bytes in the unit that they are told in."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1000:
            return f"{value:,.3g} {unit}"
        value /= 1000
    return f"{value:,.3g} PB"


def as_dict(one: Plan) -> dict[str, Any]:
    """A plan as JSON has it."""
    return {**one.__dict__, "off": dict(one.off)}
