"""Inverted lists of product-quantised vectors, refined: little memory, fast, any filter."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np

from sensorium.index.base import Mask, Neighbours, Vectors
from sensorium.index.refining import REFINES, refine_type, scan, selector, threads_for

CODES = "codes.faiss"
REFINED = "refined.faiss"

TRAINING_ROWS = 100_000
"""Vectors the centroids and codebooks are learnt from: 1M train in seconds, and more gives no
recall that could be measured on 110,000 embeddings."""

SCANNED_ROWS = 30_000
"""With fewer rows allowed by a filter all of them are compared: about 1 ms, and nothing missed."""

LEAST_TRAINING = 256
"""FAISS cannot learn 4-bit codebooks and lists from fewer vectors."""


class IVFIndex:
    """IVF-PQ with fast-scan codes, refined by more precise copies of the candidates.

    Coarse lists by k-means, residuals in 4-bit product codes of two dimensions each (Jégou, Douze
    and Schmid 2011; the register-resident scan is of André, Kermarrec and Le Scouarnec 2015), the
    best candidates compared again by 8-bit or 16-bit copies. See `sensorium.index.base.Index`.

    Attributes
    ----------
    probes : int
        Lists that are looked into.
    depth : int
        Candidates that are refined for ten neighbours; in proportion for more.
    """

    kind = "ivf"

    def __init__(
        self, codes: Any, refined: Any, *, refine: str, probes: int = 64, depth: int = 200
    ) -> None:
        self._codes, self._refined = codes, refined
        self._index = faiss.IndexRefine(codes, refined)
        self._refine = refine
        self.probes = probes
        self.depth = depth

    @classmethod
    def build(
        cls,
        vectors: Vectors,
        *,
        lists: int | None = None,
        refine: str = "sq8",
        probes: int = 64,
        depth: int = 200,
        **_: Any,
    ) -> Self:
        """See `Index.build`.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
            n of at least `LEAST_TRAINING`, d even.
        lists : int, optional
            Twice the root of n unless given.
        refine : {"sq8", "fp16"}
            Bytes of the copies that refine: d or 2 d a vector. 8 bits cannot tell near duplicates
            apart: on 110,000 embeddings recall@10 ended at 0.98.
        probes, depth : int
            See the class; `sensorium.index.tuning` sets them.

        Raises
        ------
        ValueError
            For too few vectors, an odd dimension or another `refine`.
        """
        n, dimension = vectors.shape
        if n < LEAST_TRAINING:
            raise ValueError(f"an ivf index needs {LEAST_TRAINING} vectors, got {n}")
        if dimension % 2:
            raise ValueError(f"an ivf index takes an even dimension, got {dimension}")
        lists = lists or max(1, min(int(2 * math.sqrt(n)), n // 32))
        codes = faiss.index_factory(
            dimension, f"IVF{lists},PQ{dimension // 2}x4fsr", faiss.METRIC_INNER_PRODUCT
        )
        refined = faiss.IndexScalarQuantizer(
            dimension, refine_type(refine), faiss.METRIC_INNER_PRODUCT
        )
        rows = np.random.default_rng(0).permutation(n)[:TRAINING_ROWS]
        sample = np.ascontiguousarray(vectors[np.sort(rows)])
        codes.train(sample)
        refined.train(sample)
        for start in range(0, n, TRAINING_ROWS):  # vectors may be mapped: not all at once
            block = np.ascontiguousarray(vectors[start : start + TRAINING_ROWS])
            codes.add(block)
            refined.add(block)
        return cls(codes, refined, refine=refine, probes=probes, depth=depth)

    def search(self, queries: Vectors, k: int, allowed: Mask | None = None) -> Neighbours:
        """See `Index.search`."""
        n, lists = self._codes.ntotal, self._codes.nlist
        probes, depth = self.probes, max(self.depth / 10, 2.0)
        chosen = None
        if allowed is not None:
            count = int(np.count_nonzero(allowed))
            if count <= max(SCANNED_ROWS, 2 * k):
                return scan(self._refined, queries, k, allowed)
            # Neighbours that are allowed lie further out, the more so the fewer there are.
            probes = math.ceil(probes / math.sqrt(count / n))
            chosen = selector(allowed)
            n = count
        # Four times as many rows as are wanted must be looked at to find most of the best k.
        probes = min(lists, max(probes, math.ceil(4 * k * lists / n)))
        if k > 100:
            depth = min(depth, 4.0)
        base = faiss.SearchParametersIVF(nprobe=probes, sel=chosen)
        parameters = faiss.IndexRefineSearchParameters(k_factor=depth, base_index_params=base)
        with threads_for(queries):
            scores, rows = self._index.search(queries, k, params=parameters)
        return Neighbours(rows, np.where(rows < 0, -np.inf, scores).astype(np.float32))

    def save(self, folder: Path) -> None:
        """See `Index.save`."""
        faiss.write_index(self._codes, str(folder / CODES))
        faiss.write_index(self._refined, str(folder / REFINED))

    @classmethod
    def load(cls, folder: Path, **parameters: Any) -> Self:
        """See `Index.load`; the refining copies stay on disk, mapped."""
        codes = faiss.read_index(str(folder / CODES))
        refined = faiss.read_index(str(folder / REFINED), faiss.IO_FLAG_MMAP_IFC)
        return cls(codes, refined, **{"refine": REFINES[refined.sq.qtype], **parameters})

    def describe(self) -> dict[str, Any]:
        """See `Index.describe`."""
        return {
            "kind": self.kind,
            "vectors": self._codes.ntotal,
            "parameters": {
                "lists": self._codes.nlist,
                "refine": self._refine,
                "probes": self.probes,
                "depth": self.depth,
            },
            # 4 bits for two dimensions and the row's number, beside the refining copy
            "bytes_per_vector": self._codes.d / 4 + 8 + self._refined.code_size,
        }
