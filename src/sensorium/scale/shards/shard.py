"""One shard: the vectors of a part of a collection in memory, and what is asked of them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.derived import folder_of, sample_of
from sensorium.collection.four_bits import EXACTLY, LEAST_ROWS
from sensorium.collection.kinds import Ids, codes_of
from sensorium.collection.measuring import Codes, Measured, first, measure
from sensorium.collection.opening import location_of, open_store
from sensorium.collection.question import Asked
from sensorium.collection.snapshots import Snapshot, Snapshots
from sensorium.collection.store import Part, Store
from sensorium.errors import SensoriumError
from sensorium.index.base import Mask, Neighbours, Vectors
from sensorium.index.exact import ExactIndex
from sensorium.index.fourbit import FourBitIndex
from sensorium.ranking.scale import VIEWS_OF, Scale, keys_of


class MovedError(SensoriumError):
    """A shard holds other rows by now than those that were asked for."""


@dataclass(frozen=True)
class Held:
    """What a shard holds, as of one moment.

    Attributes
    ----------
    instance : str
        Random: differs whenever the rows do.
    space : str
        Fingerprint; empty where nothing was added to the collection yet.
    segment_ids, item_ids : ndarray of int64, shape (n,)
        In increasing order of segments.
    vectors : ndarray of float32, shape (n, d)
    finder : ExactIndex or FourBitIndex
        Over all rows; finds what comparing everything finds.
    names, codes : tuple of str, ndarray of uint8
        Kinds of segments, and which of them each row has.
    removed : int
        How far the log of removed segments was read.
    last : int
        The largest id of a segment in the whole collection.
    """

    instance: str
    space: str
    segment_ids: Ids
    item_ids: Ids
    vectors: Vectors
    finder: ExactIndex | FourBitIndex
    names: Sequence[str]
    codes: Codes
    removed: int
    last: int


class Shard:
    """A part of a collection, read from it and searched in this process.

    Every method may be called from any thread.

    Parameters
    ----------
    collection : str or Path
    part : (int, int)
        Which part, from 0, and of how many.
    """

    def __init__(self, collection: str | os.PathLike[str], part: Part) -> None:
        self.path: Path = location_of(collection)
        self.part = part
        self.held: Held | None = None
        self.error = ""
        self._lock = RLock()
        self._opened: tuple[Store, Snapshots, object] | None = None

    def follow(self, *, anew: bool = False) -> Held:
        """Take in what was added to the collection, and let go of what was removed.

        Searches go on meanwhile, in what was held before.

        Parameters
        ----------
        anew : bool
            Read everything once more: what is held is of another file of this name.

        Raises
        ------
        SensoriumError
            When the collection cannot be read; what is held stays.
        """
        with self._lock:
            try:
                self.held = self._followed(anew)
            except (SensoriumError, OSError, MemoryError) as error:
                self.error = str(error) or type(error).__name__
                raise
            self.error = ""
            return self.held

    def _followed(self, anew: bool) -> Held:
        store, snapshots = self._open(anew)
        before = None if anew else self.held
        with store.snapshot():
            stored = store.state().space
            if stored is None:
                return _nothing()
            space = stored[0]
            if before is not None and before.space != space.fingerprint:
                before = None
            snapshot = snapshots.snapshot(space)
            last = store.last_segment()
            if before is not None and _same(before, snapshot):
                return before if last == before.last else _moved_on(before, snapshot, last)
            names, _, codes = codes_of(store, snapshot)
        return Held(
            secrets.token_hex(8), space.fingerprint, snapshot.segment_ids, snapshot.item_ids,
            snapshot.vectors, self._finder(snapshot, before), names, codes, snapshot.removed, last,
        )  # fmt: skip

    def _open(self, anew: bool) -> tuple[Store, Snapshots]:
        """The collection as it lies there now."""
        status = self.path.stat() if self.path.exists() else None
        identity = None if status is None else (status.st_dev, status.st_ino)
        if anew or self._opened is None or self._opened[2] != identity:
            if self._opened is not None:
                self._opened[0].close()
            store = open_store(self.path)
            self._opened = store, Snapshots(store, slot="", part=self.part), identity
        return self._opened[:2]

    def _finder(self, snapshot: Snapshot, before: Held | None) -> ExactIndex | FourBitIndex:
        """Codes from as many rows on as a collection has them, and as there where they are left."""
        ids, vectors = snapshot.segment_ids, snapshot.vectors
        if len(ids) < LEAST_ROWS or (folder_of(self.path) / EXACTLY).exists():
            return ExactIndex(vectors)
        coded = None
        if before is not None and isinstance(before.finder, FourBitIndex):
            kept = np.isin(before.segment_ids, ids)
            new = vectors[np.count_nonzero(kept) :]
            coded = before.finder.extend([new], None if kept.all() else kept)
        coded = coded or FourBitIndex.build(vectors)
        coded.exact = lambda rows: (rows, vectors[rows])
        return coded

    # What is asked

    def state(self) -> dict[str, Any]:
        """What it is, and how far it is; never waits."""
        held = self.held
        told: dict[str, Any] = {"part": self.part, "loaded": held is not None, "error": self.error}
        if held is not None:
            told |= {
                "instance": held.instance, "space": held.space, "rows": len(held.segment_ids),
                "last": held.last, "removed": held.removed,
            }  # fmt: skip
        return told

    def rows(self) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """The segments that are held, their items, and the keys that some are drawn by."""
        held = self._held()
        facts = {**self.state(), "sample": sample_of(held.segment_ids, held.vectors)}
        arrays = {
            "segment_ids": held.segment_ids, "item_ids": held.item_ids,
            "keys": keys_of(held.vectors) if len(held.vectors) else np.empty(0, np.uint64),
        }  # fmt: skip
        return facts, arrays

    def search(self, instance: str, queries: Vectors, k: int, allowed: Mask | None) -> Neighbours:
        """The rows nearest to queries, as an index finds them.

        Raises
        ------
        MovedError
            When the rows are not those of `instance` any more.
        """
        held = self._held(instance, allowed)
        if not len(held.segment_ids):
            return Neighbours(
                np.empty((len(queries), 0), np.int64), np.empty((len(queries), 0), np.float32)
            )
        return held.finder.search(queries, min(k, len(held.segment_ids)), allowed)

    def measure(
        self,
        instance: str,
        asked: Sequence[Asked],
        scales: Sequence[Sequence[Scale]],
        names: Sequence[str],
        allowed: Mask | None,
        likely: Ids,
        depth: int,
    ) -> Measured:
        """What all parts of a question say of the best items; see `collection.measuring`.

        Raises
        ------
        MovedError
            When the rows are not those of `instance` any more.
        """
        held = self._held(instance, allowed)
        mask: Any = slice(None) if allowed is None else allowed
        codes = None
        if len(names) > 1:
            # Whether views are a kind of their own depends on what else the collection holds.
            place = {name: number for number, name in enumerate(names)}
            pictures = place.get(VIEWS_OF, 0)
            table = np.array([place.get(name, pictures) for name in held.names], np.uint8)
            codes = table[held.codes[mask]]
        found = measure(
            held.segment_ids[mask], held.item_ids[mask], held.vectors[mask], codes, names, asked,
            scales,
        )  # fmt: skip
        return first(found, [part.weight for part in asked], depth, likely)

    def _held(self, instance: str | None = None, allowed: Mask | None = None) -> Held:
        held = self.held
        if held is None or instance not in (None, held.instance):
            raise MovedError("other rows are held by now")
        if allowed is not None and allowed.shape != held.segment_ids.shape:
            raise ValueError(f"{allowed.size} of {len(held.segment_ids)} rows are told apart")
        return held


def _same(before: Held, now: Snapshot) -> bool:
    """Whether there is nothing new, and nothing gone."""
    return len(before.segment_ids) == len(now.segment_ids) and bool(
        (before.segment_ids == now.segment_ids).all()
    )


def _moved_on(before: Held, now: Snapshot, last: int) -> Held:
    """The same rows, of a later moment."""
    facts: Mapping[str, Any] = vars(before)
    return Held(**{**facts, "removed": now.removed, "last": last})


def _nothing() -> Held:
    ids, vectors = np.empty(0, np.int64), np.empty((0, 1), np.float32)
    return Held(
        secrets.token_hex(8), "", ids, ids, vectors, ExactIndex(vectors), (),
        np.empty(0, np.uint8), 0, 0,
    )  # fmt: skip
