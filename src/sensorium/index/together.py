"""Products that several threads want of one matrix, computed together.

A matrix of all vectors is read once for each question, and reading it takes the time: for several
questions at once it is read once. Who comes alone waits for nobody and gets what it would get
without this; who comes while another computes waits for it, and is then computed with all others
that came meanwhile.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

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
            products = np.stack([vector for vector, _ in taken]) @ self._matrix.T
        except BaseException as error:
            for _, one in taken:
                one.set_exception(error)
            raise
        for (_, one), line in zip(taken, products, strict=True):
            one.set_result(line)
