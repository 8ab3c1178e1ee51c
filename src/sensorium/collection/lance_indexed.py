"""What is known of the index that Lance keeps in a collection's table, and opening it.

How it was chosen, the recall that was measured, and its dials lie in the table, too, among the
collection's facts: every machine that opens the collection asks it as it was measured.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.collection.derived import SAMPLED, DamagedIndexError, DerivedIndex, sample_of
from sensorium.collection.lance_index import KIND, PREFIX, K, Pinned, TableIndex
from sensorium.collection.store import Ids
from sensorium.encoders import Space
from sensorium.errors import CollectionError
from sensorium.index.tuning import Measured
from sensorium.tasks.loaded import memory_of_machine

if TYPE_CHECKING:
    from sensorium.collection.lance_store import LanceStore

META = "lance_index"
"""Key of the fact."""

LEAST_ROWS = 1000
"""Of fewer vectors nothing is quicker than comparing all."""

SHARE_OF_MEMORY = 0.25
"""Vectors that take more of a machine's memory than this are left where they are."""

TRIED = 4
"""Vectors that an index must find when it is opened."""

LEAST_LIKE = 0.999
"""Cosine of what is found for a vector that is there."""


def suits(store: LanceStore, dimension: int) -> bool:
    """Whether vectors are better left where they are than copied into an index of this machine.

    That is where they are in an object store, or take more than a share of this machine's memory.
    """
    count = store.count_vectors()
    if count < LEAST_ROWS:
        return False
    return store.is_far or 4 * dimension * count > SHARE_OF_MEMORY * memory_of_machine()


def keep(
    store: LanceStore,
    space: Space,
    chosen: Measured,
    name: str,
    ids: Ids,
    recall: float,
    curve: Sequence[Measured],
) -> None:
    """Let searches ask the index from now on, on every machine; without a name, none."""
    facts = None
    if name:
        rows = np.unique(np.linspace(0, len(ids) - 1, SAMPLED).astype(int))
        sampled = store.vectors(space.dimension, ids=ids[rows].tolist())
        facts = json.dumps({
            "name": name, "space": space.fingerprint, "kind": KIND,
            "parameters": chosen.parameters, "recall": chosen.recall, "wanted": recall,
            "vectors": len(ids), "bytes": round(chosen.bytes_per_vector * len(ids)),
            "last_segment": int(ids[-1]), "sample": sample_of(sampled[0], sampled[2]),
            "curve": [asdict(point) for point in curve],
        })  # fmt: skip
    store.note(META, facts)
    _drop_others(store, name)


def drop_index(store: LanceStore) -> None:
    """See `Store.drop_index`."""
    if facts_of(store) is not None:
        store.note(META, None)
        _drop_others(store, "")


def _drop_others(store: LanceStore, name: str) -> None:
    """Take out of the table what indexes of ours are there, but one."""
    dataset = store.newest()
    for index in dataset.describe_indices():
        if index.name.startswith(PREFIX) and index.name != name:
            dataset.drop_index(index.name)


def facts_of(store: LanceStore) -> dict[str, Any] | None:
    """What is kept of the index; None where there is none that can be read."""
    for (text,) in store.read("SELECT value FROM meta WHERE key = ?", (META,)):
        try:
            facts = json.loads(text)
        except ValueError:
            return None
        types = {
            "name": str, "kind": str, "space": str, "parameters": dict, "recall": float,
            "vectors": int, "bytes": int, "last_segment": int, "sample": dict,
        }  # fmt: skip
        if isinstance(facts, dict) and all(isinstance(facts.get(n), types[n]) for n in types):
            return facts
    return None


def open_index(store: LanceStore, dataset: Any, space: Space) -> DerivedIndex | None:
    """See `Store.open_index`; `dataset` is the table at the version that is read."""
    facts = facts_of(store)
    if facts is None:
        return None
    if facts["space"] != space.fingerprint:
        raise DamagedIndexError(f"the index in {store.table_uri} is of another space")
    ids, owners = store.owners(facts["last_segment"])
    if not len(ids):
        return None
    try:
        pinned = Pinned(dataset, facts["name"], store.failed)
        index = TableIndex(pinned, ids, facts["parameters"], facts["bytes"] / facts["vectors"])
    except (KeyError, ValueError, TypeError, ZeroDivisionError) as error:
        raise DamagedIndexError(f"{store.table_uri} has lost its index ({error!r:.80})") from error
    _require_answers(store, pinned, facts, space.dimension)
    # What was removed since is neither among the ids nor in the table.
    state = {**facts, "removed": store.removed(0)[1], "kind": KIND}
    return DerivedIndex(index, ids, owners, state, store.path / "_indices" / facts["name"])


def _require_answers(
    store: LanceStore, pinned: Pinned, facts: Mapping[str, Any], dimension: int
) -> None:
    """Refuse an index that does not find what is there: Lance keeps no checksums of it."""
    known = [int(segment) for segment in facts["sample"]][:TRIED]
    probes = int(facts["parameters"]["partitions"])
    for vector in store.vectors(dimension, ids=known)[2]:
        try:
            found = pinned(vector, K, probes, None)[1]
        except CollectionError as error:
            raise DamagedIndexError(str(error)) from error
        if not len(found) or (found @ vector).max() < LEAST_LIKE:
            raise DamagedIndexError(f"the index in {store.table_uri} is damaged")
