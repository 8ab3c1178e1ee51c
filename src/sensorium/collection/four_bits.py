"""Four-bit codes of a collection, made as rows are added: see `sensorium.index.fourbit`.

They lie beside the collection as other indexes do (`sensorium.collection.derived`), and are had
where nobody asked for any: from `LEAST_ROWS` on everybody who adds brings them up to date. What is
added in between is compared in full.
"""

from __future__ import annotations

import secrets
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.derived import (
    DamagedIndexError,
    DerivedIndex,
    folder_of,
    read_index,
    read_state,
    remove_slot,
    sample_of,
    signature,
    write_index,
    written,
)
from sensorium.collection.opening import open_store
from sensorium.collection.store import Ids, Store
from sensorium.encoders import Space
from sensorium.errors import CollectionError, SensoriumWarning
from sensorium.ranking.scale import keys_of

if TYPE_CHECKING:
    from sensorium.index.base import Vectors
    from sensorium.index.fourbit import FourBitIndex

KIND = "4bit"
SLOT = "codes"

LEAST_ROWS = 10_000
"""With fewer vectors everything is compared, within a millisecond or two: what is found is all."""

NEW_ROWS, NEW_SHARE = 1000, 1 / 32
"""Vectors outside of the codes, at least, and as a share of those inside, before they are coded,
too: writing the codes again takes as long as hundreds of searches, and comparing so few in full
takes a fraction of a search."""

GONE_SHARE = 0.2
"""As much of what is coded may be gone."""

READ_ROWS = 20_480
"""Vectors that are read at a time: 50 MB of 640 numbers each."""

FIT_ROWS = 4096
"""Vectors that set the middle and the width of the levels."""

EXACTLY = "exact"
"""A file beside the codes' that says: compare everything, as somebody has decided."""


def keep_codes(path: Path, space: Space) -> bool:
    """Bring the codes of a collection up to date, on a connection of its own.

    A failure is a warning: without codes everything is compared.

    Returns
    -------
    bool
        Whether any were written.
    """
    try:
        store = open_store(path)
        try:
            return write_codes(store, space)
        finally:
            store.close()
    except (CollectionError, OSError, MemoryError, RuntimeError) as error:
        warnings.warn(
            f"{path}: its codes were not made, so that searches compare everything ({error})",
            SensoriumWarning, stacklevel=2,
        )  # fmt: skip
        return False


def write_codes(
    store: Store, space: Space, *, anew: bool = False, measured: Mapping[str, Any] | None = None
) -> bool:
    """See `keep_codes`.

    Parameters
    ----------
    store : Store
    space : Space
    anew : bool
        Make them however few vectors there are, and whatever there is.
    measured : mapping, optional
        What is noted with them where they were chosen by measuring: ``recall``.

    Raises
    ------
    CollectionError
        When vectors cannot be read or codes written.
    """
    if not anew and not _lacks(store, space):
        return False
    from sensorium.index.fourbit import FourBitIndex  # FAISS is imported by whom it serves

    # Before any vector is read: what goes meanwhile is then among what went later.
    state: dict[str, Any] = {"changes": store.state().changes.total}
    old = None if anew else _usable(store, space)
    gone, state["removed"] = store.removed(0 if old is None else old.state["removed"])
    reading = _Reading(store, space.dimension)
    index: FourBitIndex | None = None
    if old is not None:
        index = _extended(old, gone, reading)
    if index is None:
        reading, old = _Reading(store, space.dimension), None
        index = FourBitIndex.coded(_coder(store, space.dimension), reading.batches(0))
    kept = None if old is None else _kept(old, gone)
    ids, keys = reading.taken(old, kept)
    if not len(ids[0]):
        return False
    state |= {
        "last_segment": int(ids[0][-1]),
        "sample": _sample(store, space.dimension, ids[0]),
        "space": space.fingerprint,
        "kind": KIND,
        "parameters": {},
        "line": secrets.token_hex(8) if old is None else old.state["line"],
    }
    if measured is None and old is not None and "recall" in old.state:
        measured = {"recall": old.state["recall"]}
    state |= measured or {}
    write_index(store.path, SLOT, index, ids, state, keys=keys)
    return True


def compare_everything(collection: Path, decided: bool) -> None:
    """Keep, or take back, that no codes are wanted."""
    mark = folder_of(collection) / EXACTLY
    if decided:
        remove_slot(collection, SLOT)
        with written(mark.parent):
            mark.touch()
    else:
        mark.unlink(missing_ok=True)


def compares_everything(collection: Path) -> bool:
    """Whether somebody has decided so; see `compare_everything`."""
    return (folder_of(collection) / EXACTLY).exists()


def is_behind(coded: int, gone: int, outside: int) -> bool:
    """Whether codes lack so much, or hold so much that is gone, that bringing them up pays."""
    return coded + outside - gone >= LEAST_ROWS and lack_much(coded, gone, outside)


def lack_much(coded: int, gone: int, outside: int) -> bool:
    """Whether so much is outside, or gone, that searches are slower for it."""
    return outside > max(NEW_ROWS, NEW_SHARE * coded) or gone > max(NEW_ROWS, GONE_SHARE * coded)


def _lacks(store: Store, space: Space) -> bool:
    """Whether there is something to do; asked after everything that is added."""
    path = store.path
    if not store.finds_vectors:  # what codes save, looking up vectors would cost
        return False
    if (count := store.count_vectors()) < LEAST_ROWS:
        return False
    if compares_everything(path) or signature(path, "vectors") is not None:
        return False
    state = read_state(path, SLOT)
    if state is None or state["space"] != space.fingerprint:
        return True
    gone = store.removed(state["removed"])[0]
    dead = int((gone[:, 1].clip(max=state["last_segment"]) - gone[:, 0] + 1).clip(min=0).sum())
    dead = min(dead, state["vectors"])
    return is_behind(state["vectors"], dead, count - state["vectors"] + dead)


def _usable(store: Store, space: Space) -> DerivedIndex | None:
    try:
        old = read_index(store.path, SLOT, space.fingerprint)
    except DamagedIndexError:
        return None
    return old if old is not None and old.keys is not None else None


def _kept(old: DerivedIndex, gone: Ids) -> npt.NDArray[np.bool_] | None:
    """Rows of codes that stay; None for all."""
    kept = np.ones(len(old.segment_ids), bool)
    for first, last in gone.tolist():
        start, stop = np.searchsorted(old.segment_ids, (first, last + 1))
        kept[start:stop] = False
    return None if kept.all() else kept


def _extended(old: DerivedIndex, gone: Ids, reading: _Reading) -> FourBitIndex | None:
    index: Any = old.index
    batches = reading.batches(old.state["last_segment"])
    extended: FourBitIndex | None = index.extend(batches, _kept(old, gone))
    return extended


def _coder(store: Store, dimension: int) -> Any:
    """Levels that suit vectors from all over the collection."""
    from sensorium.index.fourbit_coding import FourBitCoder

    ids, _ = store.modalities(store.state().modalities)
    rows = np.unique(np.linspace(0, len(ids) - 1, min(len(ids), FIT_ROWS)).astype(int))
    return FourBitCoder.fit(store.vectors(dimension, ids=ids[rows].tolist())[2])


def _sample(store: Store, dimension: int, segment_ids: Ids) -> dict[str, int]:
    """Checksums of some vectors, those that are still there; see `derived.sample_of`."""
    rows = np.unique(np.linspace(0, len(segment_ids) - 1, 16).astype(int))
    found = store.vectors(dimension, ids=segment_ids[rows].tolist())
    return sample_of(found[0], found[2]) if len(found[0]) else {}


class _Reading:
    """Reads vectors in parts, and notes whose they are."""

    def __init__(self, store: Store, dimension: int) -> None:
        self._store, self._dimension = store, dimension
        self._ids: list[npt.NDArray[np.int64]] = []
        self._keys: list[npt.NDArray[np.uint64]] = []

    def batches(self, after: int) -> Iterator[Vectors]:
        """All vectors of later segments."""
        while True:
            segments, items, vectors = self._store.vectors(
                self._dimension, after=after, most=READ_ROWS
            )
            if not len(segments):
                return
            after = int(segments[-1])
            self._ids.append(np.stack([segments, items]))
            self._keys.append(keys_of(vectors))
            yield vectors

    def taken(
        self, old: DerivedIndex | None, kept: npt.NDArray[np.bool_] | None
    ) -> tuple[tuple[Ids, Ids], npt.NDArray[np.uint64]]:
        """Segments and items, and keys, of what stays of old codes and of what was read."""
        ids, keys = [np.empty((2, 0), np.int64)], [np.empty(0, np.uint64)]
        if old is not None and old.keys is not None:
            rows = slice(None) if kept is None else kept
            ids.append(np.stack([old.segment_ids[rows], old.item_ids[rows]]))
            keys.append(old.keys[rows])
        both = np.concatenate([*ids, *self._ids], axis=1)
        return (both[0], both[1]), np.concatenate([*keys, *self._keys])
