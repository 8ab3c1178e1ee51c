"""Choosing an index by measuring it on the vectors and queries it is to serve."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.index.base import Index, Mask, Searchable, Vectors
from sensorium.index.exact import ExactIndex

K = 10
"""Neighbours that recall is measured at."""

TIMED_QUERIES = 64
"""Queries that are asked one by one for the median; their first round warms up."""

TIE = 1e-6
"""Cosines this near are one: of equal vectors any may be found."""

SIMILAR_TIME = 1.25
"""Medians within this factor are taken for equal on a machine that does other things too; the
smaller index is then the cheaper one."""


@dataclass(frozen=True)
class Recall:
    """A recall that was measured with some queries.

    Attributes
    ----------
    mean : float
        Of these queries.
    sure : float
        One standard error less: five times out of six other queries of the kind find more.
    """

    mean: float
    sure: float


Cosines = npt.NDArray[np.float32]

Masks = Sequence[Mask | None]

EVERYTHING: Masks = (None,)

Build = Callable[[Vectors, Mapping[str, Any]], Index]


@dataclass(frozen=True)
class Measured:
    """An index as it was measured.

    Attributes
    ----------
    kind : str
    parameters : dict
        With them `build` gives the same index.
    recall : float
        Share of the true `K` nearest that it finds.
    p50_ms : float
        Median milliseconds of a single query.
    bytes_per_vector : float
    build_seconds : float
    vectors : int
        How many it was built over.
    """

    kind: str
    parameters: dict[str, Any]
    recall: float
    p50_ms: float
    bytes_per_vector: float
    build_seconds: float
    vectors: int


def candidates(rows: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Kinds and parameters that are worth measuring on `rows` vectors."""
    yield "exact", {}
    if rows < 1000:  # nothing is faster than looking at all of so few
        return
    yield "4bit", {}
    yield "ivf", {}
    for refine in ("sq8", "fp16"):
        yield "hnsw", {"refine": refine}


def dials(index: Searchable) -> Iterator[dict[str, int]]:
    """Settings of an index's search, cheapest first as far as one can know."""
    if index.kind == "ivf":
        lists = index.describe()["parameters"]["lists"]
        for depth in (50, 100, 200):
            for probes in [*_doubling(8, lists), lists]:
                yield {"probes": probes, "depth": depth}
    elif index.kind == "hnsw":
        yield from ({"ef": ef} for ef in _doubling(32, 2049))
    elif index.kind == "lance":
        lists = index.describe()["parameters"]["partitions"]
        for depth in (20, 50, 100, 200):
            for probes in [*_doubling(1, lists), lists]:
                yield {"probes": probes, "depth": depth}
    elif index.kind == "hash":
        yield from ({"rerank": rerank} for rerank in _doubling(64, 8193))
    else:
        yield {}


def _doubling(first: int, stop: int) -> Iterator[int]:
    while first < stop:
        yield first
        first *= 2


def _between(setting: Mapping[str, int]) -> dict[str, int]:
    """Half-way from the setting before: steps of two often overshoot."""
    return {name: n if name == "depth" else max(1, n * 3 // 4) for name, n in setting.items()}


def truth(vectors: Vectors, queries: Vectors, mask: Mask | None = None) -> Cosines:
    """The cosine of each query's `K`-th nearest vector, shape (q,): what a hit must reach."""
    scores = ExactIndex(vectors).search(queries, _wanted(vectors, mask), mask).scores
    return np.asarray(scores[:, -1])


def _wanted(vectors: Vectors, mask: Mask | None) -> int:
    return min(K, len(vectors) if mask is None else int(np.count_nonzero(mask)))


def recall_of(
    index: Searchable,
    vectors: Vectors | None,
    queries: Sequence[Vectors],
    least: Sequence[Cosines],
    masks: Masks = EVERYTHING,
) -> Recall:
    """Share of the true nearest that an index finds, in the group of queries that fares worst.

    A vector as near as the last of the true ones counts. `least` has the cosines of every group
    for the first of the `masks`, then for the second, and so on. Without `vectors`, the scores of
    the index are taken for cosines, which they have to be.
    """
    worst = Recall(1.0, 1.0)
    for (mask, group), enough in zip(product(masks, queries), least, strict=True):
        count = index.describe()["vectors"] if mask is None else int(np.count_nonzero(mask))
        rows, cosines = index.search(group, min(K, count), mask)
        if vectors is not None:
            cosines = np.einsum("qkd,qd->qk", vectors[np.maximum(rows, 0)], group)
        shares = ((cosines >= enough[:, None] - TIE) & (rows >= 0)).mean(axis=1)
        mean, error = float(shares.mean()), float(shares.std()) / math.sqrt(len(shares))
        worst = Recall(min(worst.mean, mean), min(worst.sure, mean - error))
    return worst


def tune(
    index: Searchable,
    vectors: Vectors | None,
    queries: Sequence[Vectors],
    recall: float,
    *,
    seconds: float = 0.0,
    masks: Masks = EVERYTHING,
    least: Sequence[Cosines] | None = None,
) -> list[Measured]:
    """Turn an index's search dials until it finds enough, and leave them there.

    Parameters
    ----------
    index : Searchable
        Its dials are set to the fastest measured setting that reaches `recall`, or to the one
        that finds most where none does.
    vectors : ndarray of float32, shape (n, d), or None
        What it was built from; None where the scores of the index are exact cosines, and `least`
        is given.
    queries : sequence of ndarray of float32, shape (q, d)
        Groups, such as texts and pictures: the recall holds for each.
    recall : float
        Wanted at `K`, and to be `Recall.sure`.
    seconds : float
        What building took, for the report.
    masks : sequence of ndarray of bool, shape (n,)
        Rows that are searched by themselves, one after the other, for every query: of vectors of
        several modalities those of each. The recall holds for each, the time is that of all.
    least : sequence of ndarray of float32, shape (q,), optional
        As for `recall_of`, where it is known.

    Returns
    -------
    list of Measured
        One for each setting that finds enough; the chosen one is last.
    """
    if least is None:
        assert vectors is not None
        least = [truth(vectors, group, mask) for mask, group in product(masks, queries)]
    seen: list[tuple[float, dict[str, int]]] = []
    enough: list[tuple[float, float, dict[str, int]]] = []
    done_depths: set[Any] = set()
    for setting in dials(index):
        if setting.get("depth") in done_depths and "depth" in setting:
            continue  # more probes only cost once a depth has reached the recall
        _set(index, setting)
        measured = recall_of(index, vectors, queries, least, masks)
        found = measured.mean
        seen.append((found, setting))
        if measured.sure >= recall:
            enough.append((_median_ms(index, queries, masks), found, setting))
            done_depths.add(setting.get("depth"))
            between = _between(setting)
            if all(between != known for _, known in seen):
                _set(index, between)
                measured = recall_of(index, vectors, queries, least, masks)
                seen.append((measured.mean, between))
                if measured.sure >= recall:
                    enough.append((_median_ms(index, queries, masks), measured.mean, between))
            if "depth" not in setting:
                break
    if not enough:
        found, setting = max(seen, key=lambda point: point[0])
        _set(index, setting)
        enough.append((_median_ms(index, queries, masks), found, setting))
    p50, found, setting = min(enough, key=lambda point: point[0])
    _set(index, setting)
    facts = index.describe()
    chosen = Measured(
        kind=index.kind,
        parameters=facts["parameters"],
        recall=round(found, 4),
        p50_ms=p50,
        bytes_per_vector=facts["bytes_per_vector"],
        build_seconds=seconds,
        vectors=facts["vectors"],
    )
    others = [
        replace(chosen, parameters={**facts["parameters"], **setting}, recall=round(f, 4), p50_ms=p)
        for p, f, setting in enough
    ]
    return [point for point in others if point != chosen] + [chosen]


def _set(index: Searchable, setting: Mapping[str, int]) -> None:
    for name, value in setting.items():
        setattr(index, name, value)


def _median_ms(index: Searchable, queries: Sequence[Vectors], masks: Masks) -> float:
    times = []
    every = np.concatenate([group[:TIMED_QUERIES] for group in queries])
    for number in range(-8, TIMED_QUERIES):
        query = every[[number * 7 % len(every)]]  # texts and pictures by turns
        started = time.perf_counter()
        for mask in masks:
            index.search(query, K, mask)
        if number >= 0:
            times.append(time.perf_counter() - started)
    return median(times) * 1e3


def measure(
    vectors: Vectors,
    queries: Sequence[Vectors],
    recall: float,
    build: Build,
    kinds: Iterable[tuple[str, dict[str, Any]]],
    masks: Masks = EVERYTHING,
) -> list[Measured]:
    """Build and tune each kind over the same vectors; see `tune`."""
    points: list[Measured] = []
    for kind, parameters in kinds:
        started = time.perf_counter()
        index = build(vectors, {"kind": kind, **parameters})
        seconds = time.perf_counter() - started
        points.extend(tune(index, vectors, queries, recall, seconds=seconds, masks=masks))
    return points


def choose(points: Sequence[Measured], recall: float, rows: int) -> Measured:
    """The cheapest of what was measured that finds enough.

    Cheapest is the fastest at `rows` vectors: a scan's time grows with them, a graph's or inverted
    lists' with their root at most. Of those that are about as fast the smallest is taken.

    Raises
    ------
    ValueError
        When nothing finds enough; an exact index always does.
    """
    enough = [point for point in points if point.recall >= recall]
    if not enough:
        raise ValueError(f"nothing measured reaches a recall of {recall}")

    def cost(point: Measured) -> float:
        growth = rows / max(point.vectors, 1)
        return point.p50_ms * (growth if point.kind in ("exact", "4bit") else growth**0.5)

    fastest = min(map(cost, enough))
    alike = [point for point in enough if cost(point) <= fastest * SIMILAR_TIME]
    return min(alike, key=lambda point: point.bytes_per_vector)
