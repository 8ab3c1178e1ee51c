"""Maps of collections: their items on a plane, kept while they stand, and followed as they grow."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection import Collection
from sensorium.collection.collection import store_of
from sensorium.collection.results import Segments
from sensorium.serve.layout import Plane
from sensorium.serve.overview import Overview

UNDATED = (1 << 16) - 1
"""Stands for the month of what is undated."""

GROWN = 1.25
"""Items for each of those that were laid out, beyond which all are laid out anew."""

FEW = 1000
"""Up to so many are laid out anew whenever one is new: it takes no time."""

Ids = npt.NDArray[np.int64]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Places:
    """Where the items of a collection lie.

    Attributes
    ----------
    items : ndarray of int64, shape (n,)
        In ascending order.
    newest : ndarray of int64, shape (n,)
        The newest segment of each: another one once its file was read again.
    places : ndarray of float32, shape (n, 2)
    plane : Plane
    laid_out : int
        How many items the plane was made for.
    """

    items: Ids
    newest: Ids
    places: Vectors
    plane: Plane
    laid_out: int


@dataclass(frozen=True)
class _Map:
    version: object
    space: tuple[Collection, str]
    places: Places
    packed: bytes
    tag: str


class Maps:
    """Maps of collections by name, made when they are first looked at."""

    def __init__(self) -> None:
        self._made: dict[str, _Map] = {}
        self._lock = threading.Lock()

    def of(
        self, name: str, collection: Collection, overview: Callable[[], Overview]
    ) -> tuple[bytes, str]:
        """The map of a collection as it is now: JSON, compressed by gzip, and its ETag.

        Parameters
        ----------
        name : str
        collection : Collection
        overview : callable
            Gives what is known of all items; called when a map is made.
        """
        with self._lock:  # it takes all processors; one at a time
            store = store_of(collection)
            version, described = (collection, store.version()), store.state().space
            held = self._made.get(name)
            if held is None or held.version != version:
                space = collection, described[0].fingerprint if described else ""
                known = held.places if held is not None and held.space == space else None
                segments = collection.segments()
                places = placed(segments, known)
                mapped = _mapped(segments, places, overview())
                made = gzip.compress(json.dumps(mapped).encode(), 6, mtime=0)
                tag = f'"{hashlib.sha256(made).hexdigest()[:32]}"'
                held = self._made[name] = _Map(version, space, places, made, tag)
            return held.packed, held.tag


def placed(segments: Segments, known: Places | None = None) -> Places:
    """Place all items that have segments.

    Parameters
    ----------
    segments : Segments
    known : Places, optional
        Of the same collection, earlier. What is as it was stays where it was, and what came since
        is placed among it, until it is much.
    """
    order, starts, items = grouped(segments.item_ids)
    newest = np.maximum.reduceat(segments.ids[order], starts) if len(items) else items
    means = _means(segments.vectors, order, starts)
    is_known, rows = np.zeros(len(items), bool), np.zeros(len(items), np.intp)
    if known is not None and len(known.items):
        rows = np.minimum(np.searchsorted(known.items, items), len(known.items) - 1)
        is_known = (known.items[rows] == items) & (known.newest[rows] == newest)
    much = known is None or len(items) > GROWN * known.laid_out
    if known is None or (not is_known.all() and (much or len(items) <= FEW)):
        plane, places = Plane.of(means)
        return Places(items, newest, places, plane, len(items))
    places = np.empty((len(items), 2), np.float32)
    places[is_known] = known.places[rows[is_known]]
    if not is_known.all():
        places[~is_known] = known.plane.place(means[~is_known])
    return Places(items, newest, places, known.plane, known.laid_out)


def grouped(item_ids: Ids) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], Ids]:
    """An order in which segments of each item are together, where each begins, and the items."""
    order = np.argsort(item_ids, kind="stable")
    starts = np.flatnonzero(np.diff(item_ids[order], prepend=-1))
    return order, starts, item_ids[order][starts]


def _means(vectors: Vectors, order: npt.NDArray[np.intp], starts: npt.NDArray[np.intp]) -> Vectors:
    """A vector of unit length, or zero, for each item."""
    if not len(starts):
        return vectors[:0]
    means = vectors if (order[1:] > order[:-1]).all() else vectors[order]
    if len(starts) == len(means):
        return means
    means = np.add.reduceat(means, starts, axis=0)
    lengths = np.sqrt(np.einsum("nd,nd->n", means, means))
    return np.asarray(means / np.maximum(lengths, 1e-9)[:, None], np.float32)


def _mapped(segments: Segments, placed: Places, seen: Overview) -> dict[str, Any]:
    order, starts, items = grouped(segments.item_ids)
    assert np.isfinite(placed.places).all()
    modalities, kinds = np.unique(segments.modalities, return_inverse=True)
    months = list(seen.months()[0])[:UNDATED]
    number = {month: place for place, month in enumerate(months)}
    dated = np.array([number.get(taken[:7], UNDATED) for taken in seen.taken], np.int64)
    taken = np.full(len(items), UNDATED, np.int64)
    if len(seen.ids):
        sorter = np.argsort(seen.ids)
        rows = np.searchsorted(seen.ids, items, sorter=sorter)
        rows = sorter[np.minimum(rows, len(sorter) - 1)]
        taken = np.where(seen.ids[rows] == items, dated[rows], UNDATED)
    x, y = placed.places.T
    return {
        "count": len(items),
        "ids": packed(items, "<u4"),
        "x": packed(x, "<f4"),
        "y": packed(y, "<f4"),
        "kinds": packed(kinds[order][starts], "u1"),  # of each the first segment's
        "modalities": modalities.tolist(),
        "taken": packed(taken, "<u2"),
        "months": months,
    }


def packed(numbers: npt.NDArray[Any], kind: str) -> str:
    """An array as base64 of its bytes."""
    return base64.b64encode(np.ascontiguousarray(numbers, kind).tobytes()).decode("ascii")
