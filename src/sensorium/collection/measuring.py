"""What all parts of a question say of segments, and of the items that these are of.

Each segment is measured by itself, and each item by its own segments: so a collection may be
measured piece by piece, in several processes, and what these say is the same to the last bit.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sensorium.collection.kinds import Ids
from sensorium.collection.question import Asked
from sensorium.index.base import Vectors
from sensorium.ranking.parts import are_same, of_items, standing_out, wanted_of
from sensorium.ranking.scale import Scale

Codes = npt.NDArray[np.uint8]


class Measured(NamedTuple):
    """What all parts say of some items.

    Attributes
    ----------
    items : ndarray of int64, shape (n,)
        Ascending.
    segments : ndarray of int64, shape (n,)
        Of each item, the segment that the wanted parts find best.
    evidence : ndarray of float64, shape (n, parts)
        See `sensorium.ranking.parts.fuse`.
    gone : ndarray of bool, shape (n,)
        Items that are what is not wanted.
    bound : float
        What the wanted parts say, at most, of the items that were left out; minus infinity where
        none were.
    """

    items: Ids
    segments: Ids
    evidence: npt.NDArray[np.float64]
    gone: npt.NDArray[np.bool_]
    bound: float = -math.inf


def measure(
    segment_ids: Ids,
    item_ids: Ids,
    vectors: Vectors,
    codes: Codes | None,
    names: Sequence[str],
    asked: Sequence[Asked],
    scales: Sequence[Sequence[Scale]],
) -> Measured:
    """Compare segments with all parts of a question.

    Parameters
    ----------
    segment_ids, item_ids : ndarray of int64, shape (n,)
        All segments of each item.
    vectors : ndarray of float32, shape (n, d)
    codes : ndarray of uint8, shape (n,), or None
        Which of `names` the segments are of; None where there is one.
    names : sequence of str
        Kinds of segments.
    asked : sequence of Asked
    scales : sequence of sequence of Scale
        Of each vector of each part.
    """
    order = None
    if (np.diff(item_ids) < 0).any():  # nearly always the segments of an item are together
        order = np.argsort(item_ids, kind="stable")
        segment_ids, item_ids = segment_ids[order], item_ids[order]
        codes = None if codes is None else codes[order]
    starts = np.flatnonzero(np.diff(item_ids, prepend=-1))
    evidence = np.full((len(starts), len(asked)), np.nan)
    wanted = np.zeros(len(item_ids), np.float32)
    gone = np.zeros(len(starts), bool)
    for column, (part, own) in enumerate(zip(asked, scales, strict=True)):
        # Row by row: the bits of a matrix product depend on how many rows there are.
        cosines = np.vecdot(vectors[:, None], part.vectors[None])
        cosines = cosines if order is None else cosines[order]
        segments = standing_out(cosines, codes, names, own)
        evidence[:, column] = of_items(segments, starts)
        if part.weight > 0:
            wanted += part.weight * np.nan_to_num(segments, nan=0.0).mean(axis=1)
        else:
            gone[are_same(cosines, starts)] = True
    return Measured(item_ids[starts], segment_ids[_best(wanted, starts)], evidence, gone)


def _best(values: npt.NDArray[np.float32], starts: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """The row of the largest value of each run, the first of equal ones."""
    if len(starts) == len(values):
        return starts
    lengths = np.diff(np.append(starts, len(values)))
    best = np.flatnonzero(values == np.repeat(np.maximum.reduceat(values, starts), lengths))
    return best[np.searchsorted(best, starts)]


def first(
    found: Measured, weights: Sequence[float], depth: int, likely: Collection[int]
) -> Measured:
    """The items that the wanted parts find best, and those that are likely for other reasons.

    Parameters
    ----------
    found : Measured
    weights : sequence of float
        Of the parts.
    depth : int
        How many; of equal ones those with the smaller ids.
    likely : collection of int
        Items that are kept in any case, where they are there.
    """
    wanted = np.round(wanted_of(found.evidence, weights), 9)
    kept, bound = np.isfinite(wanted), -math.inf
    if np.count_nonzero(kept) > depth:
        least = np.partition(wanted, -depth - 1)[-depth - 1]
        rows = np.flatnonzero(wanted >= least)
        rows = rows[np.argsort(-wanted[rows], kind="stable")]
        kept, bound = np.zeros(len(wanted), bool), float(wanted[rows[depth]])
        kept[rows[:depth]] = True
    kept |= np.isin(found.items, np.fromiter(likely, np.int64))
    items, segments, evidence, gone, _ = found
    return Measured(items[kept], segments[kept], evidence[kept], gone[kept], bound)


def joined(pieces: Sequence[Measured]) -> Measured:
    """What was measured piece by piece, of which each item is in one."""
    if len(pieces) == 1:
        return pieces[0]
    *columns, bounds = zip(*pieces, strict=True)
    items, segments, evidence, gone = (np.concatenate(column) for column in columns)
    order = np.argsort(items)
    return Measured(items[order], segments[order], evidence[order], gone[order], max(bounds))
