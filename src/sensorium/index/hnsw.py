"""A navigable small-world graph: the fastest single query, slow to build."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np

from sensorium.index.base import Mask, Neighbours, Vectors
from sensorium.index.refining import REFINES, refine_type, scan, selector, threads_for

GRAPH = "graph.faiss"

SCANNED_SHARE = 0.2
"""Filters that allow less than this are answered by a scan: walking the graph past what is not
allowed, recall fell to 0.65 at 1% (docs/design.md)."""

ADDED_ROWS = 50_000
"""Rows that are copied to be added at a time."""


class HNSWIndex:
    """Hierarchical navigable small world (Malkov and Yashunin 2018) over 8-bit or 16-bit copies.

    See `sensorium.index.base.Index`.

    Attributes
    ----------
    ef : int
        Candidates kept while searching.
    """

    kind = "hnsw"

    def __init__(self, graph: Any, *, refine: str, ef: int = 128) -> None:
        self._graph = graph
        self._copies = faiss.downcast_index(graph.storage)
        self._refine = refine
        self.ef = ef

    @classmethod
    def build(
        cls,
        vectors: Vectors,
        *,
        links: int = 32,
        ef_construction: int = 80,
        refine: str = "sq8",
        ef: int = 128,
        **_: Any,
    ) -> Self:
        """See `Index.build`.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
        links, ef_construction : int
            M and efConstruction of the paper.
        refine : {"sq8", "fp16"}
            Precision of the copies that the graph compares.
        ef : int
            See the class; `sensorium.index.tuning` sets it.
        """
        n, dimension = vectors.shape
        graph = faiss.IndexHNSWSQ(dimension, refine_type(refine), links, faiss.METRIC_INNER_PRODUCT)
        graph.hnsw.efConstruction = ef_construction
        graph.train(np.ascontiguousarray(vectors[:ADDED_ROWS]))
        for start in range(0, n, ADDED_ROWS):
            graph.add(np.ascontiguousarray(vectors[start : start + ADDED_ROWS]))
        return cls(graph, refine=refine, ef=ef)

    def search(self, queries: Vectors, k: int, allowed: Mask | None = None) -> Neighbours:
        """See `Index.search`."""
        ef, chosen = max(self.ef, 2 * k), None
        if allowed is not None:
            share = np.count_nonzero(allowed) / max(len(allowed), 1)
            if share < SCANNED_SHARE:
                return scan(self._copies, queries, k, allowed)
            ef, chosen = int(2 * ef / share), selector(allowed)
        parameters = faiss.SearchParametersHNSW(efSearch=ef, sel=chosen)
        with threads_for(queries):
            scores, rows = self._graph.search(queries, k, params=parameters)
        return Neighbours(rows, np.where(rows < 0, -np.inf, scores).astype(np.float32))

    def save(self, folder: Path) -> None:
        """See `Index.save`."""
        faiss.write_index(self._graph, str(folder / GRAPH))

    @classmethod
    def load(cls, folder: Path, **parameters: Any) -> Self:
        """See `Index.load`."""
        graph = faiss.read_index(str(folder / GRAPH), faiss.IO_FLAG_MMAP_IFC)
        copies = faiss.downcast_index(graph.storage)
        return cls(graph, **{"refine": REFINES[copies.sq.qtype], **parameters})

    def describe(self) -> dict[str, Any]:
        """See `Index.describe`."""
        links = self._graph.hnsw.nb_neighbors(1)
        return {
            "kind": self.kind,
            "vectors": self._graph.ntotal,
            "parameters": {"links": links, "refine": self._refine, "ef": self.ef},
            # twice as many links on the ground floor, 4 bytes each
            "bytes_per_vector": self._copies.code_size + 8 * links,
        }
