"""What shards hold, as an index: asked all at once, and merged to what one process would find."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.collection.kinds import Ids
from sensorium.collection.measuring import Measured
from sensorium.collection.question import Asked
from sensorium.collection.snapshots import DIVIDED
from sensorium.index.base import Mask, Neighbours, Vectors
from sensorium.ranking.scale import Scale
from sensorium.scale.shards.replica import Replica, Rows, mask_for
from sensorium.scale.shards.wire import Array, pack

if TYPE_CHECKING:
    from sensorium.scale.shards.shards import Shards


@dataclass(frozen=True)
class View:
    """Which segments are asked of the shards.

    Attributes
    ----------
    number : int
        Differs from that of any view before.
    space : str
    segment_ids, item_ids, keys : ndarray, shape (n,)
        In increasing order of segments; see `DerivedIndex`.
    of_shards : list of ndarray of int64
        The rows of each shard.
    wanted : list of ndarray of int64
        The segments of each shard.
    last, removed : int
        Up to which segment, and which entry of the log of removals, all shards have read.
    sample : dict
    """

    number: int
    space: str
    segment_ids: Ids
    item_ids: Ids
    keys: Array
    of_shards: Sequence[Ids]
    wanted: Sequence[Ids]
    last: int
    removed: int
    sample: Mapping[str, int]

    @classmethod
    def of(cls, number: int, space: str, shards: Sequence[Rows], most: int) -> View:
        """Put together what shards hold, up to where all have read, and to a last segment."""
        last = min(most, *(rows.last for rows in shards))
        kept = [slice(0, int(np.searchsorted(r.segment_ids, last, "right"))) for r in shards]
        columns = [
            np.concatenate([getattr(rows, name)[k] for rows, k in zip(shards, kept, strict=True)])
            for name in ("segment_ids", "item_ids", "keys")
        ]
        order = np.argsort(columns[0], kind="stable")
        segment_ids, item_ids, keys = (column[order] for column in columns)
        wanted = [rows.segment_ids[k] for rows, k in zip(shards, kept, strict=True)]
        return cls(
            number, space, segment_ids, item_ids, keys,
            [np.searchsorted(segment_ids, own) for own in wanted], wanted, last,
            min(rows.removed for rows in shards),
            {name: crc for rows in shards for name, crc in rows.sample.items()
             if int(name) <= last},
        )  # fmt: skip


class DividedIndex:
    """What the shards hold, searched as any index is; it is built and kept nowhere.

    Parameters
    ----------
    shards : Shards
    view : View
    """

    kind = DIVIDED

    def __init__(self, shards: Shards, view: View) -> None:
        self._shards, self._view = shards, view

    def search(self, queries: Vectors, k: int, allowed: Mask | None = None) -> Neighbours:
        """See `Index.search`; of equal vectors the lower row comes first."""

        def ask(shard: int) -> tuple[Ids, Vectors]:
            def message(replica: Replica, rows: Rows) -> bytes:
                told, arrays = self._about(shard, replica, rows, allowed)
                return pack({**told, "k": k}, queries=queries, **arrays)

            replica, rows, (_, found) = self._shards.ask(shard, "/search", message, self._view.last)
            return self._rows(shard, replica, rows, found["rows"]), found["scores"]

        lines = self._shards.ask_all(ask)
        rows, scores = (np.concatenate(both, axis=1) for both in zip(*lines, strict=True))
        scores = np.where(rows < 0, -np.inf, scores).astype(np.float32)
        order = np.lexsort((rows, -scores), axis=1)[:, :k]
        return Neighbours(
            np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)
        )

    def measure(
        self,
        asked: Sequence[Asked],
        scales: Sequence[Sequence[Scale]],
        names: Sequence[str],
        allowed: Mask | None,
        likely: Collection[int],
        depth: int,
    ) -> list[Measured]:
        """What all parts of a question say of the best items; see `collection.measuring`.

        Parameters
        ----------
        asked, scales, names
            As `measure` takes them.
        allowed : ndarray of bool, shape (n,), optional
            Rows that may be found.
        likely : collection of int
            Items that are wanted in any case.
        depth : int
            Items that are wanted of each shard.
        """
        parts = [
            (part.weight, [(one.spreads, list(one.modalities), dict(one.rarity)) for one in own])
            for part, own in zip(asked, scales, strict=True)
        ]
        vectors = np.concatenate([part.vectors for part in asked])
        wanted = np.fromiter(likely, np.int64, len(likely))

        def ask(shard: int) -> Measured:
            def message(replica: Replica, rows: Rows) -> bytes:
                told, arrays = self._about(shard, replica, rows, allowed)
                facts = {**told, "parts": parts, "names": list(names), "depth": depth}
                return pack(facts, vectors=vectors, likely=wanted, **arrays)

            _, _, (facts, found) = self._shards.ask(shard, "/measure", message, self._view.last)
            bound = -math.inf if facts["bound"] is None else float(facts["bound"])
            gone = found["gone"].astype(bool)
            return Measured(found["items"], found["segments"], found["evidence"], gone, bound)

        return self._shards.ask_all(ask)

    def _about(
        self, shard: int, replica: Replica, rows: Rows, allowed: Mask | None
    ) -> tuple[dict[str, Any], dict[str, Array]]:
        """What a replica is told of the rows that may be found."""
        view = self._view
        own = None if allowed is None else allowed[view.of_shards[shard]]
        mask = mask_for(replica.places(rows, view.wanted[shard]), own)
        told = {"instance": rows.instance, "rows": len(rows.segment_ids)}
        return told, {} if mask is None else {"allowed": np.packbits(mask)}

    def _rows(self, shard: int, replica: Replica, rows: Rows, found: Ids) -> Ids:
        """A replica's rows as rows of all shards."""
        view = self._view
        places = replica.places(rows, view.wanted[shard])
        own, there = view.of_shards[shard], found >= 0
        result = np.full(found.shape, -1, np.int64)
        result[there] = own[found[there] if places is None else places[found[there]]]
        return result
