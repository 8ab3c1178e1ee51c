"""Search by binary codes: Hamming distance to all of them, then cosines of the nearest."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

import faiss
import numpy as np
import numpy.typing as npt

from sensorium.errors import UsageError
from sensorium.index.base import Mask, Neighbours, Vectors
from sensorium.index.codes import Coder, Codes
from sensorium.index.coding import HashCoder, load_coder
from sensorium.index.refining import selector, threads_for

CODER = "coder.npz"
CODES = "codes.faiss"
LISTS = "lists.faiss"
COPIES = "copies.npy"
SCALE = "scale.npy"
PARAMETERS = "parameters.json"

SCANS = ("flat", "ivf")
KEEPS = ("sq8", "float32")

COPIED_SHARE = 0.2
"""With a smaller share of rows allowed by a filter, their codes are copied out and compared: FAISS
asks its selector about every row, which takes longer than comparing it."""

ROW_BITS = 48
"""Of a number that holds a distance and a row."""

QUANTISED_ROWS = 16_384
"""Vectors that are quantised at a time; bounds the memory for very many."""


class WithinRadius(NamedTuple):
    """What lies within a Hamming radius of one query.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Nearest first; of equally near ones the lower row first.
    distances : ndarray of int32, shape (m,)
        Bits that differ.
    """

    rows: npt.NDArray[np.int64]
    distances: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class _Copies:
    """What candidates are compared by: the vectors, or 8 bits of each coordinate.

    Attributes
    ----------
    values : ndarray of float32 or uint8, shape (n, d)
    scale : ndarray of float32, shape (2, d), or None
        Of 8-bit values: what 0 means, and what a step of 1 means, in each dimension.
    """

    values: npt.NDArray[Any]
    scale: npt.NDArray[np.float32] | None

    @classmethod
    def of(cls, vectors: Vectors, keep: str) -> _Copies:
        if keep == "float32":
            return cls(np.ascontiguousarray(vectors, np.float32), None)
        low, high = vectors.min(axis=0), vectors.max(axis=0)
        step = np.where(high > low, (high - low) / np.float32(255), np.float32(1))
        values = np.empty(vectors.shape, np.uint8)
        for start in range(0, len(vectors), QUANTISED_ROWS):
            part = slice(start, start + QUANTISED_ROWS)
            values[part] = np.rint((vectors[part] - low) / step).clip(0, 255)
        return cls(values, np.stack([low, step]).astype(np.float32))

    def cosines(
        self, rows: npt.NDArray[np.int64], query: npt.NDArray[np.float32]
    ) -> npt.NDArray[np.float32]:
        # Not by a matrix product: equal vectors must have equal cosines (see index/exact.py).
        chosen = self.values[rows]
        if self.scale is None:
            cosines = (chosen * query).sum(axis=1)
        else:
            low, step = self.scale
            cosines = np.einsum("nd,d->n", chosen.astype(np.float32), query * step) + low @ query
        return np.asarray(cosines.clip(-1, 1), np.float32)


class HashIndex:
    """Two stages: the `rerank` codes nearest by Hamming distance, ranked again by cosine.

    See `sensorium.index.base.Index`. Where vectors are of several modalities, or queries of
    another one than the vectors, the coder is fitted to all of them and says how each is coded.

    Attributes
    ----------
    coder : Coder
    rerank : int
        Candidates that are ranked again; more where more neighbours are wanted. With 0 the codes
        alone rank, and a score is ``cos(pi * distance / bits)``: for random hyperplanes an
        estimate of the centred vectors' cosine, for others only a measure that falls with it.
    probes : int
        Lists that are looked into; of no use when the scan is "flat".
    """

    kind = "hash"

    def __init__(
        self, coder: Coder, codes: Any, lists: Any, copies: _Copies | None, rerank: int, probes: int
    ) -> None:
        self.coder = coder
        self._flat = codes
        self._lists = lists
        self._copies = copies
        # A view, without a copy, of what FAISS holds or maps.
        size = codes.ntotal * codes.code_size
        view = faiss.rev_swig_ptr(codes.xb.data(), size) if size else np.empty(0, np.uint8)
        self._codes: Codes = view.reshape(codes.ntotal, codes.code_size)
        self._list_parameters: Any = None
        self._estimates = np.cos(np.pi / coder.bits * np.arange(coder.bits + 1)).astype(np.float32)
        self.rerank = rerank
        self.probes = probes

    @classmethod
    def build(
        cls,
        vectors: Vectors,
        *,
        coder: Coder | None = None,
        modality: str | Sequence[str] = "image",
        bits: int = 256,
        method: str = "itq",
        scan: str = "flat",
        lists: int | None = None,
        probes: int = 32,
        rerank: int = 200,
        keep: str = "sq8",
        **_: Any,
    ) -> Self:
        """See `Index.build`.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
        coder : Coder, optional
            One fitted to what is stored and to what will be asked with. Without it, one is fitted
            to `vectors` alone: queries of a modality that is not among them then find less.
        modality : str or sequence of n str
            Of all the vectors, or of each.
        bits, method : int, str
            For a coder that is fitted here; see `HashCoder.fit`.
        scan : {"flat", "ivf"}
            Whether all codes are compared with a query's, or those in the `probes` lists nearest
            to it.
        lists : int, optional
            Twice the root of n unless given.
        probes, rerank : int
            See the class.
        keep : {"sq8", "float32"}
            What candidates are ranked by: 8 bits of each coordinate, or the vectors. With
            `rerank` 0 neither is kept.

        Raises
        ------
        UsageError
            A parameter has a value that it cannot have.
        """
        if scan not in SCANS:
            raise UsageError(f"no scan {scan!r} of hash codes; there are {', '.join(SCANS)}")
        if keep not in KEEPS:
            raise UsageError(f"no copies {keep!r} to rank by; there are {', '.join(KEEPS)}")
        if rerank < 0:
            raise UsageError(f"{rerank} candidates cannot be ranked; take 0 for none, or more")
        parts = _rows_of_modality(modality, len(vectors))
        if coder is None:
            fitted = {name: vectors[rows] for name, rows in parts.items()}
            coder = HashCoder.fit(fitted, bits=bits, method=method)
        codes = np.empty((len(vectors), coder.bits // 8), np.uint8)
        for name, rows in parts.items():
            codes[rows] = coder.encode(vectors[rows], name)
        flat = faiss.IndexBinaryFlat(coder.bits)
        flat.add(codes)
        return cls(
            coder,
            flat,
            _build_lists(codes, lists) if scan == "ivf" else None,
            _Copies.of(vectors, keep) if rerank else None,
            rerank,
            probes,
        )

    def search(
        self,
        queries: Vectors,
        k: int,
        allowed: Mask | None = None,
        *,
        modality: str = "text",
        rerank: int | None = None,
    ) -> Neighbours:
        """See `Index.search`.

        Parameters
        ----------
        queries : ndarray of float32, shape (q, d)
        k : int
        allowed : ndarray of bool, shape (n,), optional
        modality : str
            Of the queries.
        rerank : int, optional
            For this search instead of the index's own.

        Returns
        -------
        Neighbours
            Of equal scores the lower row comes first. (Which of several codes that are equally
            far is the last candidate is settled the same way; with scan "ivf", by the lists.)

        Raises
        ------
        UsageError
            Candidates are to be ranked, but the index was built without what they are ranked by.
        """
        rerank = self.rerank if rerank is None else rerank
        codes = self.coder.encode(queries, modality)
        if rerank and self._copies is None:
            raise UsageError(
                f"{rerank} candidates cannot be ranked: this index keeps codes alone; "
                "search with rerank 0, or build it with more"
            )
        with threads_for(queries):
            distances, candidates = self._nearest(codes, max(k, rerank), allowed)
        if not rerank and self._lists is not None:
            # Lists give equal ones in any order. Distance and row as one number are sorted in a
            # third of the time that ordering by both takes.
            both = (distances.astype(np.int64) << ROW_BITS) | candidates
            both.sort(axis=1)
            distances, candidates = both >> ROW_BITS, both & ((1 << ROW_BITS) - 1)
        if not rerank and candidates.shape[1] == k:  # all are there
            return Neighbours(candidates, self._estimates[distances])
        found = Neighbours(
            np.full((len(queries), k), -1, np.int64),
            np.full((len(queries), k), -np.inf, np.float32),
        )
        if not rerank:
            found.rows[:, : candidates.shape[1]] = candidates
            found.scores[:, : candidates.shape[1]] = self._estimates[distances]
            return found
        assert self._copies is not None
        for number, query in enumerate(np.asarray(queries, np.float32)):
            rows = np.sort(candidates[number][candidates[number] >= 0])
            scores = self._copies.cosines(rows, query)
            order = np.argsort(-scores, kind="stable")[:k]
            found.rows[number, : len(order)] = rows[order]
            found.scores[number, : len(order)] = scores[order]
        return found

    def radius(
        self, queries: Vectors, r: int, *, modality: str = "text", allowed: Mask | None = None
    ) -> list[WithinRadius]:
        """Everything whose code differs from a query's in at most r bits; all codes are compared.

        Parameters
        ----------
        queries : ndarray of float32, shape (q, d)
        r : int
        modality : str
            Of the queries.
        allowed : ndarray of bool, shape (n,), optional
            Rows that may be returned.
        """
        codes = self.coder.encode(queries, modality)
        # FAISS wants less than its radius, and asks no selector.
        with threads_for(queries):
            limits, distances, rows = self._flat.range_search(codes, r + 1)
        found = []
        for start, end in zip(limits[:-1].tolist(), limits[1:].tolist(), strict=True):
            near = WithinRadius(rows[start:end], distances[start:end])
            if allowed is not None:
                chosen = allowed[near.rows]
                near = WithinRadius(near.rows[chosen], near.distances[chosen])
            order = np.lexsort((near.rows, near.distances))
            found.append(WithinRadius(near.rows[order], near.distances[order]))
        return found

    def _nearest(
        self, codes: Codes, count: int, allowed: Mask | None
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        """Distances and rows, both (q, at most count), nearest first."""
        count = min(count, self._flat.ntotal if allowed is None else int(np.count_nonzero(allowed)))
        if not count or not len(codes):
            shape = (len(codes), count)
            return np.zeros(shape, np.int32), np.full(shape, -1, np.int64)
        if allowed is None:
            return self._nearest_of_all(codes, count)
        rows = np.flatnonzero(allowed)
        if len(rows) < COPIED_SHARE * self._flat.ntotal:
            distances, chosen = faiss.knn_hamming(codes, self._codes[rows], count)
            return distances, rows[chosen]
        parameters = faiss.SearchParameters(sel=selector(allowed))
        distances, rows = self._flat.search(codes, count, params=parameters)
        return distances, rows

    def _nearest_of_all(
        self, codes: Codes, count: int
    ) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
        if self._lists is None:
            distances, rows = self._flat.search(codes, count)
            return distances, rows
        probes = min(self.probes, self._lists.nlist)
        if self._list_parameters is None or self._list_parameters.nprobe != probes:
            self._list_parameters = faiss.SearchParametersIVF(nprobe=probes)
        distances, rows = self._lists.search(codes, count, params=self._list_parameters)
        if rows[:, -1].min() < 0:  # the lists had fewer than are wanted
            short = rows[:, -1] < 0
            distances[short], rows[short] = self._flat.search(codes[short], count)
        return distances, rows

    def save(self, folder: Path) -> None:
        """See `Index.save`."""
        self.coder.save(folder / CODER)
        faiss.write_index_binary(self._flat, str(folder / CODES))
        if self._lists is not None:
            faiss.write_index_binary(self._lists, str(folder / LISTS))
        if self._copies is not None:
            np.save(folder / COPIES, self._copies.values)
            if self._copies.scale is not None:
                np.save(folder / SCALE, self._copies.scale)
        text = json.dumps({"rerank": self.rerank, "probes": self.probes})
        (folder / PARAMETERS).write_text(text + "\n")

    @classmethod
    def load(cls, folder: Path) -> Self:
        """See `Index.load`; codes, lists and copies stay on disk, mapped."""
        # The mapping that FAISS reads in place is not offered for inverted lists, nor theirs for
        # flat codes.
        codes = faiss.read_index_binary(str(folder / CODES), faiss.IO_FLAG_MMAP_IFC)
        lists = copies = None
        if (folder / LISTS).exists():
            lists = faiss.read_index_binary(str(folder / LISTS), faiss.IO_FLAG_MMAP)
        if (folder / COPIES).exists():
            scale = (
                np.load(folder / SCALE, allow_pickle=False) if (folder / SCALE).exists() else None
            )
            copies = _Copies(np.load(folder / COPIES, mmap_mode="r", allow_pickle=False), scale)
        parameters = json.loads((folder / PARAMETERS).read_text())
        return cls(load_coder(folder / CODER), codes, lists, copies, **parameters)

    def describe(self) -> dict[str, Any]:
        """See `Index.describe`."""
        parameters: dict[str, Any] = {
            "scan": "ivf" if self._lists is not None else "flat",
            "bits": self.coder.bits,
            "method": self.coder.method,
            "rerank": self.rerank,
        }
        size = self._flat.code_size
        if self._lists is not None:
            parameters |= {"lists": self._lists.nlist, "probes": self.probes}
            size += self._flat.code_size + 8  # the codes once more, and the row's number
        if self._copies is not None:
            parameters["keep"] = "float32" if self._copies.scale is None else "sq8"
            size += self._copies.values.itemsize * self._copies.values.shape[1]
        return {
            "kind": self.kind,
            "vectors": self._flat.ntotal,
            "parameters": parameters,
            "bytes_per_vector": size,
            "coder": self.coder.describe(),
        }


def _rows_of_modality(
    modality: str | Sequence[str], n: int
) -> dict[str, slice | npt.NDArray[np.int64]]:
    if isinstance(modality, str):
        return {modality: slice(0, n)}
    if len(modality) != n:
        raise UsageError(f"{len(modality)} modalities for {n} vectors; give one, or one for each")
    names, numbers = np.unique(np.asarray(modality, str), return_inverse=True)
    return {str(name): np.flatnonzero(numbers == number) for number, name in enumerate(names)}


def _build_lists(codes: Codes, lists: int | None) -> Any:
    """An inverted file whose centroids FAISS learns from the codes."""
    bits = codes.shape[1] * 8
    lists = lists or max(1, min(int(2 * math.sqrt(len(codes))), len(codes) // 39))
    quantizer = faiss.IndexBinaryFlat(bits)
    index = faiss.IndexBinaryIVF(quantizer, bits, lists)
    index.own_fields = True
    quantizer.this.disown()  # freed with the index, which must not outlive it
    index.train(codes)
    index.add(codes)
    return index
