"""Kinds of the vectors in memory, and samples that tell what cosines to each are by chance."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sensorium.collection.store import Store
from sensorium.index.base import Vectors
from sensorium.media import Modality
from sensorium.ranking.scale import (
    SAMPLE,
    VIEWS,
    VIEWS_OF,
    Samples,
    Views,
    drawn,
    keys_of,
    rows_by_keys,
)

if TYPE_CHECKING:
    from sensorium.collection.snapshots import Snapshot

OBJECTS = SAMPLE // 8
"""3-D objects whose views tell how much these lift them; an object has eight."""

Ids = npt.NDArray[np.int64]
Codes = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Ordinary:
    """What is known of an encoder, where a collection says little; asked for when it is needed.

    Attributes
    ----------
    background : callable
        Gives vectors of segments that have nothing to do with any query, by modality.
    questions : callable
        Gives vectors of ordinary questions, an array for each kind of them.
    """

    background: Callable[[], Mapping[str, Vectors]] = dict
    questions: Callable[[], Sequence[Vectors]] = tuple


@dataclass(frozen=True)
class Kinds:
    """Kinds of the vectors of a snapshot, where there are several (`sensorium.ranking.scale`).

    Attributes
    ----------
    names : tuple of str
    in_index, outside : ndarray of uint8
        Which of the names each row has.
    counts : mapping of str to int
        How many there are of each kind that is there: segments, or objects that have views.
    samples : Samples
        Tell how far a query is from each kind by chance.
    """

    names: tuple[str, ...]
    in_index: Codes
    outside: Codes
    counts: Mapping[str, int]
    samples: Samples


def objects_among(store: Store, known: Ids, item_ids: Ids) -> Ids:
    """Ids of the items that are 3-D objects, sorted.

    Parameters
    ----------
    store : Store
    known : ndarray of int64
        Those known before.
    item_ids : ndarray of int64, shape (n,)
        Items of segments that are new. What has one segment has one chance to be near a query, and
        nobody needs to know what it is.
    """
    several = np.unique(item_ids[1:][item_ids[1:] == item_ids[:-1]])
    if not len(several):
        return known
    items = store.items(several.tolist())
    found = [item for item, row in items.items() if row.modality == Modality.MESH]
    # What was something else under the same path keeps its id.
    return np.union1d(np.setdiff1d(known, several), np.array(found, np.int64))


def kinds_of(store: Store, snapshot: Snapshot, ordinary: Ordinary) -> Kinds | None:
    """The kinds of a snapshot's vectors; None while all are of one."""
    if len(snapshot.names) < 2 and not len(snapshot.objects):
        return None
    names, of_index, outside = codes_of(store, snapshot)
    there = of_index if snapshot.alive is None else of_index[snapshot.alive]
    counts = np.bincount(outside, minlength=len(names)) + np.bincount(there, minlength=len(names))
    if len(snapshot.names) < 2 and np.count_nonzero(counts) < 2:
        return None
    return Kinds(
        names, of_index, outside, *_samples(store, snapshot, ordinary, names, of_index, outside)
    )


def codes_of(store: Store, snapshot: Snapshot) -> tuple[tuple[str, ...], Codes, Codes]:
    """Names of kinds, and which of them each row has: in the index, and outside."""
    names, index = snapshot.modalities, snapshot.index
    in_index = np.empty(0, np.int64) if index is None else index.segment_ids
    of_index, outside = (np.zeros(len(ids), np.uint8) for ids in (in_index, snapshot.segment_ids))
    if len(names) > 1:
        ids, codes = store.modalities(names)
        # What was deleted since the index was built has no modality any more, and no need of one.
        places = np.searchsorted(ids, in_index)
        of_index = codes[np.minimum(places, len(codes) - 1)] if len(codes) else codes
        outside = codes[np.searchsorted(ids, snapshot.segment_ids)]
    if len(snapshot.objects) and VIEWS_OF in names:
        pictures, names = names.index(VIEWS_OF), (*names, VIEWS)
        owners = in_index if index is None else index.item_ids
        of_index, outside = (
            np.where(
                (codes == pictures) & np.isin(items, snapshot.objects), np.uint8(len(names) - 1),
                codes,
            )
            for codes, items in ((of_index, owners), (outside, snapshot.item_ids))
        )  # fmt: skip
    return names, of_index, outside


def _samples(
    store: Store,
    snapshot: Snapshot,
    ordinary: Ordinary,
    names: Sequence[str],
    in_index: Codes,
    outside: Codes,
) -> tuple[Mapping[str, int], Samples]:
    """How many there are of each kind; some segments of each, and some objects whole."""
    segments: dict[str, Vectors] = {}
    counts: dict[str, int] = {}
    views = None
    for code, name in enumerate(names):
        rows = outside == code
        indexed = (
            in_index == code if snapshot.alive is None else snapshot.alive & (in_index == code)
        )
        if not (count := int(rows.sum() + indexed.sum())):
            continue
        counts[name] = count
        if snapshot.index is None:
            segments[name] = drawn(snapshot.vectors[rows])
        else:
            segments[name] = drawn_from(store, snapshot, indexed, rows)
        if name == VIEWS:
            counts[name], views = _views(store, snapshot, rows, indexed)
    frequent = sorted(segments, key=lambda name: (name == VIEWS, -counts[name], name))
    if VIEWS in frequent and VIEWS_OF not in frequent:
        frequent = sorted(segments, key=lambda name: (-counts[name], name))
    samples = Samples.of(
        {name: segments[name] for name in frequent},
        ordinary.background(),
        counts=counts,
        views=views,
        questions=ordinary.questions() if views is not None else (),
    )
    return counts, samples


def drawn_from(store: Store, snapshot: Snapshot, indexed: Rows, rows: Rows) -> Vectors:
    """Some of the vectors of chosen rows in the index and outside, where they are not in memory.

    With keys those that `drawn` takes of them all; else any, the same ones each time.
    """
    index = snapshot.index
    assert index is not None
    ids = np.concatenate([index.segment_ids[indexed], snapshot.segment_ids[rows]])
    keys = chosen = None
    if index.keys is not None:
        outside = keys_of(np.asarray(snapshot.vectors[rows]))
        keys = np.concatenate([index.keys[indexed], outside])
        chosen = rows_by_keys(keys)
    if chosen is None:
        chosen = np.random.default_rng(0).permutation(len(ids))[:SAMPLE]
        if keys is not None:  # few, of vectors that are stored again and again: one of each
            chosen = np.union1d(chosen, np.unique(keys, return_index=True)[1])
    vectors = _read(store, snapshot, ids[chosen])[1]
    return vectors if index.keys is None else drawn(vectors)


def _views(store: Store, snapshot: Snapshot, rows: Rows, indexed: Rows) -> tuple[int, Views]:
    """How many objects there are, and the views of some, the same ones in whatever order added."""
    index, vectors = snapshot.index, snapshot.vectors[rows]
    owners, ids = snapshot.item_ids[rows], snapshot.segment_ids[rows]
    keys = keys_of(vectors)
    if index is not None:
        owners = np.concatenate([index.item_ids[indexed], owners])
        ids = np.concatenate([index.segment_ids[indexed], ids])
        if index.keys is None:  # any, the same ones each time
            keys = np.random.default_rng(0).permutation(len(ids)).astype(np.uint64)
        else:
            keys = np.concatenate([index.keys[indexed], keys])
    objects, first = np.unique(owners, return_index=True)
    chosen = np.isin(owners, objects[np.argsort(keys[first], kind="stable")[:OBJECTS]])
    if index is None:
        return len(objects), _together(owners[chosen], vectors[chosen])
    return len(objects), _together(*_read(store, snapshot, ids[chosen]))


def _read(store: Store, snapshot: Snapshot, ids: Ids) -> tuple[Ids, Vectors]:
    """Items and vectors of some segments."""
    return store.vectors(snapshot.vectors.shape[1], ids=ids.tolist())[1:]


def _together(item_ids: Ids, vectors: Vectors) -> Views:
    order = np.argsort(item_ids, kind="stable")
    starts = np.flatnonzero(np.diff(item_ids[order], prepend=-1))
    return Views(vectors[order], starts)
