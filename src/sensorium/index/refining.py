"""What approximate indexes share: compact copies, scanning those under a filter, threads."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from contextlib import contextmanager
from typing import Any

import faiss
import numpy as np

from sensorium.index.base import Mask, Neighbours, Vectors

_TYPES = {
    "sq8": faiss.ScalarQuantizer.QT_8bit,
    "fp16": faiss.ScalarQuantizer.QT_fp16,
}

REFINES = {number: name for name, number in _TYPES.items()}
"""FAISS's number of a kind of copy, and its name here."""


def refine_type(name: str) -> int:
    """FAISS's number of a kind of copy.

    Raises
    ------
    ValueError
        For an unknown name.
    """
    if name not in _TYPES:
        raise ValueError(f"unknown refinement {name!r}; known: {', '.join(_TYPES)}")
    return int(_TYPES[name])


@contextmanager
def threads_for(queries: Sized) -> Iterator[None]:
    """Let FAISS have one thread for one query.

    It gives threads a query each; with one query the others have nothing to do, and yet it waits
    for them. On a machine that does something else, too, that took up to 10 ms instead of one.
    """
    if len(queries) > 1:
        yield
        return
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


FEW = 4
"""Up to so many questions are multiplied by one thread: BLAS parts a product with one vector among
all, and waits for those that get no processor while others want it, too. It took 21 ms of 4."""


def products(questions: Vectors, rows: Vectors) -> Vectors:
    """Products of questions, shape (q, d), with rows, shape (n, d): shape (q, n)."""
    if len(questions) > FEW:
        found: Vectors = questions @ rows.T
        return found
    rows = np.ascontiguousarray(rows, np.float32)
    found = np.empty((len(questions), len(rows)), np.float32)
    for line, question in zip(found, np.ascontiguousarray(questions, np.float32), strict=True):
        faiss.fvec_inner_products_ny(
            faiss.swig_ptr(line), faiss.swig_ptr(question), faiss.swig_ptr(rows), rows.shape[1],
            len(rows),
        )  # fmt: skip
    return found


def selector(allowed: Mask) -> Any:
    """A FAISS selector of the rows that are allowed."""
    return faiss.IDSelectorBitmap(np.packbits(allowed, bitorder="little"))


def scan(copies: Any, queries: Vectors, k: int, allowed: Mask) -> Neighbours:
    """Compare queries with the copies of all rows that are allowed.

    These copies are gathered first: of a million rows a FAISS selector is asked for each one, which
    takes 1.5 ms even when a thousand of them are allowed, against 0.2.
    """
    rows = np.flatnonzero(allowed)
    codes = faiss.rev_swig_ptr(copies.codes.data(), copies.codes.size())
    chosen = faiss.IndexScalarQuantizer(copies.d, copies.sq.qtype, copies.metric_type)
    chosen.sq, chosen.is_trained = copies.sq, True
    chosen.add_sa_codes(codes.reshape(copies.ntotal, copies.code_size)[rows])
    with threads_for(queries):
        scores, found = chosen.search(queries, k)
    if not len(rows):
        return Neighbours(found, np.full(found.shape, -np.inf, np.float32))
    return Neighbours(
        np.where(found < 0, -1, rows[found]),
        np.where(found < 0, -np.inf, scores).astype(np.float32),
    )
