"""Products that several threads want of one matrix, computed together.

A matrix of all vectors is read once for each question, and reading it takes the time: for several
questions at once it is read once. Who comes alone waits for nobody and gets what it would get
without this; who comes while another computes waits for it, and is then computed with all others
that came meanwhile. A thread that answers several questions tells of them before, and what it finds
of one way (`ahead`) it finds for all.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

T = TypeVar("T")

MOST_KEPT = 1 << 23
"""Numbers that are computed ahead and kept: 32 MB for each matrix."""

BLOCK = 640_000
"""Multiplications of one block of a product. OpenBLAS copies larger matrices into another order
first, which takes as long as four products with a single vector; and a block stays in a cache."""

MOST_AT_ONCE = 32
"""Vectors that are multiplied at once: what they give has to fit into memory many times."""


class Together:
    """Products of a matrix with vectors of many threads.

    Parameters
    ----------
    matrix : ndarray of float32, shape (n, d)
    """

    def __init__(self, matrix: Vectors) -> None:
        self._matrix = matrix
        self._computing = threading.Lock()
        self._waiting: list[tuple[Vectors, Future[Vectors]]] = []
        self._change = threading.Lock()

    def __call__(self, vector: Vectors) -> Vectors:
        """The product with one vector of shape (d,); shape (n,), not to be written to."""
        asked: _Asked | None = getattr(_in_this_thread, "asked", None)
        if asked is not None and (line := asked.product(self._matrix, vector)) is not None:
            return line
        if self._computing.acquire(blocking=False):
            try:
                found: Vectors = self._matrix @ vector
            finally:
                self._computing.release()
            return found
        own: Future[Vectors] = Future()
        with self._change:
            self._waiting.append((vector, own))
        while not own.done():
            # Who gets the lock computes for all that wait; that may have been done already.
            with self._computing:
                if not own.done():
                    self._compute()
        return own.result()

    def _compute(self) -> None:
        with self._change:
            taken = self._waiting[:MOST_AT_ONCE]
            del self._waiting[:MOST_AT_ONCE]
        try:
            vectors = [vector for vector, _ in taken]
            if len(vectors) > 1:
                products = list(products_of(self._matrix, np.stack(vectors)))
            else:
                products = [self._matrix @ vectors[0]]
        except BaseException as error:
            for _, one in taken:
                one.set_exception(error)
            raise
        for (_, one), line in zip(taken, products, strict=True):
            one.set_result(line)


class _Asked:
    """Products with vectors that one thread is going to ask for, by matrix."""

    def __init__(self, vectors: Sequence[Vectors]) -> None:
        self._vectors = {vector.tobytes(): vector for vector in vectors}
        # Each holds its matrix, so that no other one gets the number of that.
        self._products: dict[int, tuple[Vectors, dict[bytes, Vectors]]] = {}
        self._ahead: dict[int, tuple[object, Hashable, dict[bytes, object]]] = {}

    def ahead(
        self, source: object, how: Hashable, vector: Vectors, find: Callable[[Vectors], Sequence[T]]
    ) -> T | None:
        """See `ahead`."""
        if (key := vector.tobytes()) not in self._vectors:
            return None
        if id(source) not in self._ahead:
            told = {k: v for k, v in self._vectors.items() if len(v) == len(vector)}
            found = find(np.stack([*told.values()])) if len(told) > 1 else []
            self._ahead[id(source)] = source, how, dict(zip(told, found, strict=False))
        _, known, lines = self._ahead[id(source)]
        return lines.get(key) if known == how else None  # type: ignore[return-value]

    def product(self, matrix: Vectors, vector: Vectors) -> Vectors | None:
        """A product; None with what was not told of, and where it takes too much room."""
        if (key := vector.tobytes()) not in self._vectors:
            return None
        if id(matrix) not in self._products:
            told = {k: v for k, v in self._vectors.items() if len(v) == matrix.shape[1]}
            lines: dict[bytes, Vectors] = {}
            if len(told) > 1 and len(told) * len(matrix) <= MOST_KEPT:
                found = products_of(matrix, np.stack([*told.values()]))
                lines = dict(zip(told, found, strict=True))
            self._products[id(matrix)] = matrix, lines
        line = self._products[id(matrix)][1].get(key)
        # Its own numbers: who keeps one is not to keep all.
        return None if line is None else line.copy()


_in_this_thread = threading.local()


@contextmanager
def asking(vectors: Sequence[Vectors]) -> Iterator[None]:
    """Tell what this thread is going to ask for: the first of it is then computed with the rest.

    Parameters
    ----------
    vectors : sequence of ndarray of float32, shape (d,)
    """
    _in_this_thread.asked = _Asked(vectors)
    try:
        yield
    finally:
        _in_this_thread.asked = None


def ahead(
    source: object, how: Hashable, vector: Vectors, find: Callable[[Vectors], Sequence[T]]
) -> T | None:
    """What is found for a vector, where this thread told of more: found for all of them at once.

    Parameters
    ----------
    source : object
        What is searched: the first time that it is, all vectors are looked for in it.
    how : hashable
        What else a search depends on; those that come in another way find by themselves.
    vector : ndarray of float32, shape (d,)
    find : callable
        Gives as many results as it is given vectors, shape (n, d).

    Returns
    -------
    Any
        None where the thread did not tell of it (`asking`), or of nothing else.
    """
    asked: _Asked | None = getattr(_in_this_thread, "asked", None)
    return None if asked is None else asked.ahead(source, how, vector, find)


def products_of(matrix: Vectors, vectors: Vectors) -> Vectors:
    """The products of a matrix of shape (n, d) with a few vectors, shape (m, d), block by block.

    Returns
    -------
    ndarray of float32, shape (m, n)
    """
    (size, dimension), count = matrix.shape, len(vectors)
    rows = max(1, BLOCK // max(1, count * dimension))
    whole = size // rows * rows if matrix.flags.c_contiguous else 0
    found = np.empty((count, size), np.float32)
    if whole:
        # One call for all blocks: between calls other threads would take Python's lock.
        blocks = matrix[:whole].reshape(-1, rows, dimension).transpose(0, 2, 1)
        found[:, :whole] = (vectors @ blocks).transpose(1, 0, 2).reshape(count, whole)
    if whole < size:
        found[:, whole:] = vectors @ matrix[whole:].T
    return found
