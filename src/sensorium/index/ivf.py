"""Inverted lists of short codes, weighed by what is asked: little memory, fast, any filter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
import numpy.typing as npt

from sensorium.folders import read_arrays, write_arrays
from sensorium.index.base import Mask, Neighbours, Vectors
from sensorium.index.copies import Copies, CopyMaker
from sensorium.index.fourbit import Exact
from sensorium.index.fourbit_coding import pack
from sensorium.index.lists import Lists
from sensorium.index.refining import selector, threads_for
from sensorium.index.weighing import WIDEST, Sharing, Weighing

CODES = "lists.faiss"
COPIES = "copies.npy"
LEARNT = "learnt.npz"

Numbers = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]

TRAINING_ROWS = 100_000
"""Vectors that lists are learnt from: 1M train in seconds, and more gives no recall that could be
measured."""

CODE_ROWS = 20_000
"""Vectors that codes are learnt from; each has sixteen values."""

ADDED_ROWS = 50_000
"""Vectors that are turned into codes at a time."""

SCANNED_ROWS = 30_000
"""With fewer rows allowed by a filter all of them are compared: about 1 ms, and nothing missed."""

LEAST_TRAINING = 256
"""Lists and codebooks of sixteen values cannot be learnt from fewer vectors."""

MORE, LEAST_MORE = 0.3, 4
"""Rows beyond those that are wanted, as a share and at least, whose vectors are looked up, too:
copies lack some of what vectors have, and eight bits do not tell near duplicates apart."""

TOGETHER = 64
"""Questions that are refined together: megabytes that stay in a cache."""


class IVFIndex:
    """Inverted lists of 4-bit codes, and 8-bit copies that tell the candidates apart.

    Lists are by k-means along the principal directions. What a vector is beyond the middle of its
    list is weighed by what is asked (`sensorium.index.weighing`) and coded by product codes of
    sixteen values, with one, two, four or eight numbers to a code, whichever loses least (Jégou,
    Douze and Schmid 2011; the register-resident scan is of André, Kermarrec and Le Scouarnec 2015).
    A question looks into the lists whose middle and spread along it promise most; copies of the
    best candidates are then compared. See `sensorium.index.base.Index`.

    Attributes
    ----------
    exact : callable or None
        Where full vectors are had from. Without it, neighbours are those of the copies.
    probes : int
        Lists that are looked into.
    depth : int
        Candidates that are refined for ten neighbours; in proportion for more.
    """

    kind = "ivf"

    def __init__(
        self,
        weighing: Weighing,
        lists: Lists,
        sharing: Sharing,
        codes: Any,
        copies: Copies,
        *,
        probes: int = 64,
        depth: int = 100,
    ) -> None:
        self._weighing, self._sharing = weighing, sharing
        self._lists = lists
        self._codes, self._copies = codes, copies
        self.exact: Exact | None = None
        self.probes = probes
        self.depth = depth

    @classmethod
    def build(
        cls,
        vectors: Vectors,
        *,
        lists: int | None = None,
        codes: int | None = None,
        questions: Sequence[Vectors] = (),
        probes: int = 64,
        depth: int = 100,
        **_: Any,
    ) -> Self:
        """See `Index.build`.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
            n of at least `LEAST_TRAINING`.
        lists : int, optional
            Twice the root of n unless given.
        codes : int, optional
            Of four bits, of each vector; an even number. A quarter of d unless given.
        questions : sequence of ndarray of float32, shape (q, d)
            Like those that will be asked, in groups that count alike; not those that recall is
            measured with.
        probes, depth : int
            See the class; `sensorium.index.tuning` sets them.

        Raises
        ------
        ValueError
            For too few vectors.
        """
        n, dimension = vectors.shape
        if n < LEAST_TRAINING:
            raise ValueError(f"an ivf index needs {LEAST_TRAINING} vectors, got {n}")
        lists = lists or max(1, min(int(2 * math.sqrt(n)), n // 32))
        weighing = Weighing.fit(vectors, questions)
        rows = np.sort(np.random.default_rng(0).permutation(n)[:TRAINING_ROWS])
        found = Lists.fit(vectors[rows], lists, weighing)
        sample = weighing.vectors(vectors[rows])
        left = sample - found.of_codes[found.nearest(vectors[rows], weighing.centre)]
        sharing = Sharing.fit(left.var(axis=0), codes or max(2, dimension * 3 // 16 * 2))
        book = faiss.ProductQuantizer(sharing.codes * WIDEST, sharing.codes, 4)
        book.cp.niter = 10
        book.train(sharing.spread_out(left[:CODE_ROWS]))
        maker = CopyMaker(sample)
        of_rows, packed, copied = _coded(vectors, weighing, found, sharing, book, maker)
        scanner = _scanner(book, of_rows, packed, lists)
        copies = maker.copies(copied)
        index = cls(weighing, found, sharing, scanner, copies, probes=probes, depth=depth)
        index.exact = lambda rows: (rows, np.asarray(vectors[rows], np.float32))
        return index

    def search(self, queries: Vectors, k: int, allowed: Mask | None = None) -> Neighbours:
        """See `Index.search`; scores are exact where there is a way to the vectors."""
        numbers, added = self._weighing.questions(queries)
        wanted = k if self.exact is None else k + max(LEAST_MORE, math.ceil(k * MORE))
        rows, scores = self._refined(queries, numbers, k, wanted, allowed)
        scores += added[:, None]
        if self.exact is not None:
            rows, scores = _compared(queries, rows, scores, k, self.exact)
        return Neighbours(rows, scores)

    def _refined(
        self, queries: Vectors, numbers: Numbers, k: int, wanted: int, allowed: Mask | None
    ) -> tuple[Rows, Numbers]:
        """The best `wanted` rows by their copies, and products; shapes (q, wanted)."""
        n, lists = self._codes.ntotal, len(self._lists.middles)
        probes, chosen = self.probes, None
        if allowed is not None:
            count = int(np.count_nonzero(allowed))
            if count <= max(SCANNED_ROWS, 2 * wanted):
                return self._copies.scan(numbers, wanted, allowed)
            # Neighbours that are allowed lie further out, the more so the fewer there are.
            probes = math.ceil(probes / math.sqrt(count / n))
            chosen = selector(allowed)
            n = count
        # Four times as many rows as are wanted must be looked at to find most of the best k.
        probes = min(lists, max(probes, math.ceil(4 * k * lists / n)))
        factor = max(self.depth / 10, 2.0)
        depth = math.ceil(k * (min(factor, 4.0) if k > 100 else factor))
        depth = min(n, max(depth, wanted))
        rows = self._scan(numbers, depth, *self._lists.choose(queries, probes), chosen)
        found = np.full((len(queries), wanted), -1, np.int64)
        products = np.full((len(queries), wanted), -np.inf, np.float32)
        for start in range(0, len(queries), TOGETHER):
            part = slice(start, start + TOGETHER)
            scores = self._copies.products(numbers[part], rows[part])
            best = np.argsort(-scores, axis=1)[:, :wanted]
            found[part, : best.shape[1]] = np.take_along_axis(rows[part], best, 1)
            products[part, : best.shape[1]] = np.take_along_axis(scores, best, 1)
        return found, products

    def _scan(self, numbers: Numbers, depth: int, lists: Rows, told: Numbers, chosen: Any) -> Rows:
        """The best rows by their codes, shape (q, depth); -1 where there are fewer."""
        spread = self._sharing.spread_out(numbers)
        parameters = faiss.SearchParametersIVF(nprobe=lists.shape[1], sel=chosen)
        count = len(spread)
        scores = np.empty((count, depth), np.float32)
        rows = np.empty((count, depth), np.int64)
        lists, told = np.ascontiguousarray(lists, np.int64), np.ascontiguousarray(told)
        with threads_for(spread):  # in Python, FAISS's own function takes no parameters
            self._codes.search_preassigned_c(
                count, faiss.swig_ptr(spread), depth, faiss.swig_ptr(lists), faiss.swig_ptr(told),
                faiss.swig_ptr(scores), faiss.swig_ptr(rows), False, parameters,
            )  # fmt: skip
        return rows

    def save(self, folder: Path) -> None:
        """See `Index.save`."""
        faiss.write_index(self._codes, str(folder / CODES))
        np.save(folder / COPIES, self._copies.codes)
        arrays = {
            "centre": self._weighing.centre,
            "of_vectors": self._weighing.of_vectors,
            "of_questions": self._weighing.of_questions,
            "directions": self._lists.directions,
            "middles": self._lists.middles,
            "levels": self._copies.levels,
            "sizes": np.array(self._sharing.sizes),
            **{f"turn-{n}": turn for n, turn in enumerate(self._sharing.turns)},
        }
        write_arrays(folder / LEARNT, arrays)

    @classmethod
    def load(cls, folder: Path, **parameters: Any) -> Self:
        """See `Index.load`; the copies stay on disk, mapped."""
        learnt = read_arrays(folder / LEARNT)
        weighing = Weighing(learnt["centre"], learnt["of_vectors"], learnt["of_questions"])
        sizes = learnt["sizes"].tolist()
        sharing = Sharing([learnt[f"turn-{n}"] for n in range(len(sizes))], sizes)
        codes = faiss.read_index(str(folder / CODES))
        copied = np.load(folder / COPIES, mmap_mode="r", allow_pickle=False)
        copies = Copies.with_levels(learnt["levels"], copied)
        lists = Lists(learnt["directions"], learnt["middles"])
        return cls(weighing, lists, sharing, codes, copies, **parameters)

    def describe(self) -> dict[str, Any]:
        """See `Index.describe`."""
        return {
            "kind": self.kind,
            "vectors": self._codes.ntotal,
            "parameters": {
                "lists": len(self._lists.middles),
                "codes": self._sharing.codes,
                "probes": self.probes,
                "depth": self.depth,
            },
            # half a byte each and the row's number, beside the copy
            "bytes_per_vector": self._sharing.codes / 2 + 8 + self._copies.codes.shape[1],
        }


def _compared(
    queries: Vectors, rows: Rows, scores: Numbers, k: int, exact: Exact
) -> tuple[Rows, Numbers]:
    """The best `k` of some rows by their vectors; rows whose vectors are gone are left out."""
    wanted = np.unique(rows)
    there, vectors = exact(wanted[wanted >= 0])
    found = np.full((len(queries), k), -1, np.int64)
    cosines = np.full((len(queries), k), -np.inf, np.float32)
    if not len(there):
        return found, cosines
    places = np.minimum(np.searchsorted(there, rows), len(there) - 1)
    products = np.einsum("qkd,qd->qk", vectors[places], queries)
    products[there[places] != rows] = -np.inf
    best = np.argsort(-products, axis=1, kind="stable")[:, :k]
    found[:, : best.shape[1]] = np.take_along_axis(rows, best, 1)
    cosines[:, : best.shape[1]] = np.take_along_axis(products, best, 1)
    found[cosines == -np.inf] = -1
    return found, cosines.clip(-1, 1, out=cosines, where=cosines > -np.inf)


def _coded(
    vectors: Vectors,
    weighing: Weighing,
    lists: Lists,
    sharing: Sharing,
    book: Any,
    maker: CopyMaker,
) -> tuple[Rows, Bytes, Bytes]:
    """Lists of all vectors, their codes, two a byte, and their copies."""
    n = len(vectors)
    of_rows = np.empty(n, np.int64)
    packed = np.empty((n, book.code_size), np.uint8)
    copied = np.empty((n, weighing.of_vectors.shape[1]), np.uint8)
    for start in range(0, n, ADDED_ROWS):  # vectors may be mapped: not all at once
        part = slice(start, start + ADDED_ROWS)
        numbers = weighing.vectors(vectors[part])
        copied[part] = maker.encode(numbers)
        of_rows[part] = lists.nearest(vectors[part], weighing.centre)
        numbers -= lists.of_codes[of_rows[part]]
        packed[part] = book.compute_codes(sharing.spread_out(numbers))
    return of_rows, packed, copied


def _scanner(book: Any, of_rows: Rows, packed: Bytes, lists: int) -> Any:
    """FAISS's index of the codes. It is told which lists to look into, and never chooses any."""
    width = book.M * WIDEST
    nowhere = faiss.IndexFlatIP(width)
    index = faiss.IndexIVFPQFastScan(nowhere, width, lists, book.M, 4, faiss.METRIC_INNER_PRODUCT)
    index.referenced_objects = [nowhere]  # FAISS itself has but a pointer to it
    index.by_residual = True  # products of question and middle are added to those of codes
    faiss.copy_array_to_vector(faiss.vector_to_array(book.centroids), index.pq.centroids)
    index.is_trained = True
    own = faiss.downcast_InvertedLists(index.invlists)
    order = np.argsort(of_rows, kind="stable")
    ends = np.cumsum(np.bincount(of_rows, minlength=lists))
    for number, rows in enumerate(np.split(order, ends[:-1])):
        if len(rows):
            codes = packed[rows]
            values = np.stack([codes & 15, codes >> 4], axis=2).reshape(len(rows), -1)
            own.add_entries(number, len(rows), faiss.swig_ptr(rows), faiss.swig_ptr(pack(values)))
    index.ntotal = len(of_rows)
    return index
