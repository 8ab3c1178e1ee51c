"""The vectors of a collection in memory, kept in step with its file."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.collection.derived import (
    DamagedIndexError,
    DerivedIndex,
    ForeignIndexError,
    read_index,
    require_same_vectors,
    signature,
)
from sensorium.collection.four_bits import KIND, compares_everything
from sensorium.collection.four_bits import SLOT as CODES
from sensorium.collection.kinds import Ids, Kinds, Ordinary, kinds_of, objects_among
from sensorium.collection.on_disk import Held, VectorFile
from sensorium.collection.rows import Changes
from sensorium.collection.store import Part, Store, require_described, require_space
from sensorium.encoders import Space
from sensorium.errors import SensoriumWarning, UsageError
from sensorium.index.base import Mask, Vectors
from sensorium.index.exact import ExactIndex
from sensorium.media import Modality
from sensorium.ranking.scale import COSINES, Scale

Files = tuple[tuple[int, int] | None, ...]
"""Tell whether other index files were put in place: of each slot that is asked."""

DIVIDED = "shards"
"""Kind of an index that is divided among processes; see `Divided`."""

KEPT_FILTERS = 8
"""Filters whose items are remembered while the collection does not change: for further pages."""


IN_TABLE = "table"
"""The place of an index that is kept beside the rows (`Store.open_index`), behind the others."""

CODED_DEPTH = 50
"""A full vector is looked up for each that is wanted and some more: in the time that one takes,
this many are compared in memory."""


@dataclass(frozen=True)
class Rows:
    """Rows that may be found, in the index and outside; None for all."""

    in_index: Mask | None
    outside: Mask | None


@dataclass(frozen=True)
class Snapshot:
    """Vectors as of one moment: those in the index, less the removed, and those outside of it.

    Attributes
    ----------
    index : DerivedIndex or None
    alive : ndarray of bool or None
        Rows of the index that still exist; None when all do.
    segment_ids, item_ids, vectors
        What is in memory: everything without an index, what was added since with one.
    objects : ndarray of int64
        Ids of the items that are 3-D objects, found by several views; sorted.
    modalities : tuple of str
        That vectors have, or once had.
    kinds : Kinds or None
        None while all vectors are of one kind.
    """

    space: str
    changes: Changes
    removed: int
    index: DerivedIndex | None
    alive: Mask | None
    segment_ids: Ids
    item_ids: Ids
    vectors: Vectors
    objects: Ids
    signature: Files = ()
    kept: str = ""
    file: VectorFile | None = None
    modalities: tuple[str, ...] = ()
    kinds: Kinds | None = None
    marked: OrderedDict[int, tuple[Ids, Rows]] = field(
        default_factory=OrderedDict, init=False, repr=False, compare=False
    )
    """For the last filters: a million rows take milliseconds to mark."""

    @property
    def is_coded(self) -> bool:
        """Whether its index finds what comparing everything finds, with exact cosines."""
        return self.index is not None and self.index.index.kind == KIND

    @property
    def finds_all(self) -> bool:
        """Whether it finds what comparing everything finds, to any depth."""
        return self.index is None or self.is_coded or self.is_divided

    @property
    def is_divided(self) -> bool:
        """Whether its vectors are with other processes, which find what comparing all finds."""
        return self.index is not None and self.index.index.kind == DIVIDED

    def reaches(self, depth: int) -> bool:
        """Whether codes find so many quicker than comparing everything does."""
        return self.index is None or depth * CODED_DEPTH <= len(self.index.segment_ids)

    @property
    def is_exact(self) -> bool:
        """Whether what it finds has exact cosines."""
        apart = self.index is None or self.is_divided
        return apart or getattr(self.index.index, "exact", None) is not None  # type: ignore[union-attr]

    @property
    def names(self) -> tuple[str, ...]:
        """Kinds of its vectors; see `sensorium.ranking.scale`."""
        return self.modalities if self.kinds is None else self.kinds.names

    @cached_property
    def exact(self) -> ExactIndex:
        """The vectors in memory as an index: one for all that ask, which so ask together."""
        return ExactIndex(self.vectors)

    @cached_property
    def is_single(self) -> bool:
        """Whether all is in memory, of one kind, and each item has one vector there."""
        apart = self.index is None and self.kinds is None
        return apart and len(np.unique(self.item_ids)) == len(self.item_ids)

    def scales(self, queries: Vectors) -> list[Scale]:
        """What cosines of queries, shape (q, d), to each kind are worth beside each other."""
        if self.kinds is None:
            return [COSINES] * len(queries)
        return [self.kinds.samples.scale(query) for query in queries]

    def rows(self, allowed: Ids | None) -> Rows:
        """The rows of the items that may be found; None allows all."""
        if allowed is None:
            return Rows(self.alive, None)
        kept = self.marked.get(id(allowed))
        if kept is None or kept[0] is not allowed:
            kept = self.marked[id(allowed)] = (allowed, self._rows(allowed))
            while len(self.marked) > KEPT_FILTERS:
                self.marked.popitem(last=False)
        return kept[1]

    def _rows(self, allowed: Ids) -> Rows:
        in_index = self.alive
        last = max(
            int(allowed[-1]) if len(allowed) else 0,
            int(self.item_ids.max(initial=0)),
            int(self.index.item_ids.max(initial=0)) if self.index else 0,
        )
        table = np.zeros(last + 1, bool)
        table[allowed] = True
        if self.index is not None:
            chosen = table[self.index.item_ids]
            in_index = chosen if in_index is None else chosen & in_index
        return Rows(in_index, table[self.item_ids])


class _LogCutError(Exception):
    """What was removed is not known any more: an index was built meanwhile."""


class Divided(Protocol):
    """Others that hold the vectors of a collection, each a part; see `sensorium.scale.shards`."""

    @property
    def view(self) -> object:
        """Differs whenever others of the vectors are with them."""
        ...

    def watch(self, store: Store) -> None:
        """Begin to ask what they hold, for a collection that has just been opened."""
        ...

    def make_ready(self, store: Store, space: Space) -> None:
        """Wait until all parts answer, and hold vectors of this space.

        Raises
        ------
        CollectionError
            When one does not.
        """
        ...

    def index(self) -> DerivedIndex | None:
        """An index over all that they hold in the present view; None where there is nothing."""
        ...

    def follow(self) -> None:
        """Let them take in what was added and removed."""
        ...

    def close(self) -> None:
        """Ask nobody any more."""
        ...


class Snapshots:
    """Holds what searches need in memory and keeps it in step with the collection.

    Parameters
    ----------
    store : Store
    ordinary : Ordinary
    slot : str
        Which of the collection's indexes is asked; "" for none, everything is in memory then.
    part : (int, int), optional
        Hold only this part of the items, without a look at their kinds.
    divided : Divided, optional
        Who holds the vectors in the place of an index of the collection's.
    """

    def __init__(
        self,
        store: Store,
        ordinary: Ordinary | None = None,
        slot: str = "vectors",
        *,
        part: Part | None = None,
        divided: Divided | None = None,
    ) -> None:
        self._store = store
        self._part = part
        self._divided = divided
        self._slots = {"vectors": ("vectors", CODES), "": ()}.get(slot, (slot,))
        self._last: Snapshot | None = None
        self._version: object = None
        self._filters: OrderedDict[tuple[Any, ...], Ids] = OrderedDict()
        self.ordinary = Ordinary() if ordinary is None else ordinary
        self.problem: str | None = None
        """Why index files that are there are not used."""

    @property
    def path(self) -> Path:
        """The collection's file."""
        return self._store.path

    def snapshot(self, space: Space, encoder: str = "") -> Snapshot:
        """The vectors as they are now, read anew only as far as they have changed.

        Raises
        ------
        SpaceMismatchError
            When the collection is in another space than `space`.
        """
        if self._divided is not None:
            self._divided.make_ready(self._store, space)
        try:
            return self._now(space, encoder)
        except _LogCutError:
            if self._divided is not None:
                self._divided.follow()
            self._last = None
            return self._now(space, encoder)

    def _now(self, space: Space, encoder: str) -> Snapshot:
        last, version = self._last, self._store.version()
        files: Any = tuple(signature(self.path, slot) for slot in self._slots)
        if self._divided is not None:
            files = self._divided.view
        if last is not None and (last.space, last.signature, self._version) == (
            space.fingerprint, files, version,
        ):  # fmt: skip
            return last  # as nearly always: nothing else is read
        # A snapshot: vectors of another space, or of a later state than the counters tell, must
        # not get in between.
        with self._store.snapshot():
            require_described(self._store)
            require_space(self._store, space, encoder)
            changes = self._store.state().changes
            kept = self._kept_beside()
            if last is None or (last.space, last.signature, last.kept) != (
                space.fingerprint, files, kept,
            ):  # fmt: skip
                last = replace(self._open(space, changes, files), kept=kept)
            if last.changes != changes:
                last = self._follow(last, space.dimension, changes)
            self._last, self._version = last, version
            return last

    def _kept_beside(self) -> str:
        """The name of the index that is kept beside the rows, whether it can be used or not."""
        facts = self._store.index_facts() if CODES in self._slots else None
        return "" if facts is None else str(facts["name"])

    def _index(self, space: Space, files: Files) -> DerivedIndex | None:
        """The first of the indexes that are there and can be used."""
        self.problem = None
        if self._divided is not None:
            return self._divided.index()
        for slot in self._slots_there(files):
            try:
                if slot == IN_TABLE:
                    index = self._store.open_index(space)
                else:
                    index = read_index(self.path, slot, space.fingerprint)
                if index is None:
                    continue
                ids = [int(name) for name in index.state["sample"]]
                sampled = self._store.vectors(space.dimension, ids=ids)
                require_same_vectors(index, sampled[0], sampled[2])
            except DamagedIndexError as error:
                self.problem = str(error)
                # Codes are made again by the search that asks for them, or by who adds.
                if isinstance(error, ForeignIndexError) and slot == "vectors":
                    warnings.warn(
                        f"{error}; searches compare everything until `sensorium optimize` has "
                        "built it here",
                        SensoriumWarning, stacklevel=2,
                    )  # fmt: skip
            else:
                self._give_vectors(index, space.dimension)
                return index
        return None

    def _slots_there(self, files: Files) -> list[str]:
        there = [
            slot
            for slot, is_there in zip(self._slots, files, strict=True)
            if is_there is not None and (slot != CODES or self._store.finds_vectors)
        ]
        beside = CODES in self._slots and not compares_everything(self.path)
        return [*there, IN_TABLE] if beside else there

    def _give_vectors(self, index: DerivedIndex, dimension: int) -> None:
        """Let an index that compares full vectors look them up where the collection has them."""
        if hasattr(index.index, "exact"):
            codes: Any = index.index
            codes.exact = vectors_of_rows(self._store, index.segment_ids, dimension)

    def _open(self, space: Space, changes: Changes, files: Files) -> Snapshot:
        index = self._index(space, files)
        empty = np.empty(0, np.int64)
        opened = Snapshot(
            space=space.fingerprint,
            changes=changes,
            removed=index.state["removed"] if index else self._store.removed(0)[1],
            index=index,
            alive=None,
            segment_ids=empty,
            item_ids=empty,
            vectors=np.empty((0, space.dimension), np.float32),
            objects=objects_among(self._store, empty, empty if index is None else index.item_ids),
            signature=files,
        )
        return self._follow(opened, space.dimension, changes)

    def _follow(self, last: Snapshot, dimension: int, changes: Changes) -> Snapshot:
        """Take in what was added and removed since."""
        gone, removed = self._store.removed(last.removed)
        if len(gone) != removed - last.removed and (last is self._last or self._divided):
            raise _LogCutError
        alive = last.alive
        held = Held(last.segment_ids, last.item_ids, last.vectors, last.file)
        if len(gone) and last.index is not None:
            rows = _rows_in(last.index.segment_ids, gone)
            if len(rows):
                size = len(last.index.segment_ids)
                alive = np.ones(size, bool) if alive is None else alive.copy()
                alive[rows] = False
        if len(gone):
            held = held.without(_rows_in(held.segment_ids, gone))
        end = last.index.state["last_segment"] if last.index else 0
        end = max(end, int(last.segment_ids[-1]) if len(last.segment_ids) else 0)
        before = len(held.segment_ids)
        held = held.with_later(self._store, end, self._part)
        followed = replace(
            last, changes=changes, removed=removed, alive=alive,
            segment_ids=held.segment_ids, item_ids=held.item_ids, vectors=held.vectors,
            file=held.file,
            objects=objects_among(self._store, last.objects, held.item_ids[before:]),
            modalities=self._store.state().modalities, kinds=None,
        )  # fmt: skip
        if self._part is not None:
            return followed
        return replace(followed, kinds=kinds_of(self._store, followed, self.ordinary))

    def allowed(self, where: str | None, modality: str | None) -> Ids | None:
        """Ids of the items that meet the conditions; None where there is no condition."""
        if where is None and modality is None:
            return None
        if modality is not None and modality not in [*Modality]:
            raise UsageError(f"modality is {modality!r:.40}; it is one of {', '.join(Modality)}")
        key = (where, modality, self._store.version())
        if key not in self._filters:
            everything = "1" if where is None else where
            self._filters[key] = self._store.matching(everything, modality)
            while len(self._filters) > KEPT_FILTERS:
                self._filters.popitem(last=False)
        return self._filters[key]


def vectors_of_rows(
    store: Store, segment_ids: Ids, dimension: int
) -> Callable[[Ids], tuple[Ids, Vectors]]:
    """What gives the vectors of ascending rows of an index, and which of them are there."""

    def exact(rows: Ids) -> tuple[Ids, Vectors]:
        wanted = segment_ids[rows]
        found, _, vectors = store.vectors(dimension, ids=wanted.tolist())
        # What was deleted meanwhile, or is damaged, is not there.
        return (rows if len(found) == len(rows) else rows[np.isin(wanted, found)]), vectors

    return exact


def _rows_in(ids: Ids, ranges: Ids) -> npt.NDArray[np.intp]:
    """Where sorted ids lie in any of some ranges, first and last included."""
    starts = np.searchsorted(ids, ranges[:, 0])
    stops = np.searchsorted(ids, ranges[:, 1], side="right")
    some = stops > starts
    parts = [np.arange(a, b) for a, b in zip(starts[some], stops[some], strict=True)]
    return np.unique(np.concatenate(parts)) if parts else np.empty(0, np.intp)
