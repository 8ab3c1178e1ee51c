"""Lance's own index over the vectors of a table, and searching by it.

It lies in the table: every machine that opens the collection has it, and reads of it what a
question asks for. It only names candidates. Their vectors are read with them and compared in full,
so that scores, and the order of equal ones, are those of comparing everything.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.collection.lance_table import SEARCHED, among, decoded
from sensorium.index.base import Mask, Neighbours, Vectors

KIND = "lance"

PREFIX = "sensorium-"
"""Begins the names of indexes in the table; each that is built has another one."""

FEW = 256
"""So few rows are compared without a look at the index."""

LISTED = 20_000
"""Rows that a question is among are named to Lance up to so many; of more, what it finds is
sifted. Naming them takes a microsecond each."""

READ_ROWS = 20_480
"""Vectors that are read and compared at a time, where an index is no help."""

K = 10
"""Neighbours that `TableIndex.depth` is said for."""

Ids = npt.NDArray[np.int64]

Exact = Callable[[Ids], tuple[Ids, Vectors]]
"""Gives the full vectors of ascending rows: those that are there, and which these are."""

Nearest = Callable[[npt.NDArray[np.float32], int, int, Ids | None], tuple[Ids, Vectors]]
"""Takes a query, how many are wanted, how many lists are looked at, and the ids of the segments
that may be found; gives the ids of segments and their vectors, in any order."""


class TableIndex:
    """An index that lies in a Lance table; see `sensorium.index.base.Searchable`.

    Parameters
    ----------
    nearest : callable
        Asks it.
    segment_ids : ndarray of int64, shape (n,)
        Ascending: what the rows are.
    parameters : dict
        ``type``, ``partitions``, what else it was built with, and the dials ``probes`` and
        ``depth``.
    bytes_per_vector : float

    Attributes
    ----------
    probes : int
        Lists that are looked at.
    depth : int
        Candidates whose vectors are compared for the `K` nearest.
    exact : callable or None
        Where full vectors are had from.
    """

    kind = KIND

    def __init__(
        self,
        nearest: Nearest,
        segment_ids: Ids,
        parameters: dict[str, Any],
        bytes_per_vector: float = 0.0,
    ) -> None:
        self.probes = int(parameters.get("probes", 1))
        self.depth = int(parameters.get("depth", K))
        self.exact: Exact | None = None
        self._nearest, self._segment_ids = nearest, segment_ids
        self._parameters = {**parameters}
        self._bytes = bytes_per_vector

    def search(self, queries: Vectors, k: int, allowed: Mask | None = None) -> Neighbours:
        """See `Searchable.search`; of equal vectors the lower row comes first."""
        found = Neighbours(
            np.full((len(queries), k), -1, np.int64),
            np.full((len(queries), k), -np.inf, np.float32),
        )
        rows = None if allowed is None else np.flatnonzero(allowed)
        count = len(self._segment_ids) if rows is None else len(rows)
        if not (wanted := min(k, count)):
            return found
        for number, query in enumerate(queries):
            best = None
            if count > max(FEW, 2 * wanted):
                best = self._by_index(query, wanted, rows)
            if best is None:
                best = self._one_by_one(query, wanted, np.arange(count) if rows is None else rows)
            found.rows[number, : len(best[0])], found.scores[number, : len(best[0])] = best
        return found

    def _by_index(
        self, query: npt.NDArray[np.float32], wanted: int, among: Ids | None
    ) -> tuple[Ids, npt.NDArray[np.float32]] | None:
        """The nearest rows, and their cosines; None where the index would name nearly all."""
        total, lists = len(self._segment_ids), int(self._parameters["partitions"])
        # A longer list is surer of its head: what ten need beyond ten, a thousand need ten times.
        ask = wanted + (self.depth - K) * math.sqrt(max(wanted, K) / K)
        probes, named, most = self.probes, None, total
        if among is not None:
            share = len(among) / total
            # What is nearest among a tenth lies further away, and so in more lists.
            probes = math.ceil(probes / math.sqrt(share))
            if len(among) <= LISTED:
                named, most = self._segment_ids[among], len(among)
            else:
                ask /= share
        while 2 * ask < most:
            ids, vectors = self._nearest(query, math.ceil(ask), min(probes, lists), named)
            rows = np.minimum(np.searchsorted(self._segment_ids, ids), total - 1)
            kept = self._segment_ids[rows] == ids
            if among is not None and named is None:
                places = np.minimum(np.searchsorted(among, rows), len(among) - 1)
                kept &= among[places] == rows
            if np.count_nonzero(kept) >= wanted:
                return _best(rows[kept], vectors[kept], query, wanted)
            ask *= 4 if probes >= lists else 1
            probes *= 2
        return None

    def _one_by_one(
        self, query: npt.NDArray[np.float32], wanted: int, among: Ids
    ) -> tuple[Ids, npt.NDArray[np.float32]]:
        """The nearest of some rows, all of which are compared."""
        assert self.exact is not None
        rows, cosines = np.empty(0, np.int64), np.empty(0, np.float32)
        for start in range(0, len(among), READ_ROWS):
            there, vectors = self.exact(among[start : start + READ_ROWS])
            more, scores = _best(there, vectors, query, wanted)
            rows, cosines = np.concatenate([rows, more]), np.concatenate([cosines, scores])
            order = np.lexsort((rows, -cosines))[:wanted]
            rows, cosines = rows[order], cosines[order]
        return rows, cosines

    def describe(self) -> dict[str, Any]:
        """See `Searchable.describe`."""
        return {
            "kind": self.kind,
            "vectors": len(self._segment_ids),
            "parameters": {**self._parameters, "probes": self.probes, "depth": self.depth},
            "bytes_per_vector": self._bytes,
        }


def _best(
    rows: Ids, vectors: Vectors, query: npt.NDArray[np.float32], k: int
) -> tuple[Ids, npt.NDArray[np.float32]]:
    """The nearest of some rows, and their cosines."""
    order = np.argsort(rows)
    rows, cosines = rows[order], (vectors[order] * query).sum(axis=1)
    best = np.argsort(-cosines, kind="stable")[:k]
    return rows[best], cosines[best].clip(-1, 1)


class Pinned:
    """Asks the index of a name in a version of a table: a search sees one moment.

    Parameters
    ----------
    dataset : LanceDataset
        At the version that is asked.
    name : str
    failed : callable
        Makes an error of this project's of what was not done, and what Lance says.

    Raises
    ------
    KeyError
        When there is no such index.
    """

    def __init__(
        self, dataset: Any, name: str, failed: Callable[[str, Exception], Exception]
    ) -> None:
        self._dataset, self._name, self._failed = dataset, name, failed
        self._segments = self._found()

    def _found(self) -> list[str]:
        for index in self._dataset.describe_indices():
            if index.name == self._name:
                return [segment.uuid for segment in index.segments]
        raise KeyError(self._name)

    def __call__(
        self, query: npt.NDArray[np.float32], count: int, probes: int, ids: Ids | None
    ) -> tuple[Ids, Vectors]:
        """See `Nearest`.

        Raises
        ------
        CollectionError
            When the index cannot be read.
        """
        try:
            return self._asked(query, count, probes, ids)
        except (OSError, ValueError) as error:
            try:  # after a day, the files of a version may be gone: not what the index finds
                self._dataset = self._dataset.checkout_version(self._dataset.latest_version)
                self._segments = self._found()
                return self._asked(query, count, probes, ids)
            except (OSError, ValueError, KeyError):
                raise self._failed(SEARCHED, error) from error

    def _asked(
        self, query: npt.NDArray[np.float32], count: int, probes: int, ids: Ids | None
    ) -> tuple[Ids, Vectors]:
        found = self._dataset.scanner(
            columns=["id", "item_id", "checksum", "vector"],
            nearest={
                "column": "vector", "q": query, "k": count, "minimum_nprobes": probes,
                "maximum_nprobes": probes,
            },
            filter=None if ids is None else among(ids), prefilter=True,
            index_segments=self._segments, fast_search=True,
            disable_scoring_autoprojection=True,
        ).to_table()  # fmt: skip
        # What was placed and never taken has no id.
        found = found.filter(found["id"].is_valid()).combine_chunks()
        if not found.num_rows:
            return np.empty(0, np.int64), np.empty((0, len(query)), np.float32)
        (batch,) = found.to_batches()
        numbers, _, vectors = decoded(batch, len(query))
        sound = ~np.isnan(vectors[:, 0])
        return numbers[sound], vectors[sound]
