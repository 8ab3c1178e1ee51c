"""8-bit copies of vectors that tell the candidates of a search apart; they stay on disk."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Self

import faiss
import numpy as np
import numpy.typing as npt

from sensorium.index.base import Mask, Neighbours, Vectors
from sensorium.index.refining import products, threads_for

Codes = npt.NDArray[np.uint8]

SINGLY = 4
"""Up to so many questions, copies are read from the file, a few each. Mapped, a kernel takes the
sixteen pages around each for the process's own: after a hundred questions the whole file."""


class Copies:
    """A byte for each number of each row.

    Parameters
    ----------
    quantizer : faiss.IndexScalarQuantizer
        Trained and empty.
    codes : ndarray of uint8, shape (n, r)
        May be mapped.
    """

    def __init__(self, quantizer: Any, codes: Codes) -> None:
        self._quantizer, self._codes = quantizer, codes
        least, width = self.levels
        self._step = width / 255
        self._least = least + self._step / 2  # as FAISS decodes them
        self._file: Any = None
        if isinstance(codes, np.memmap) and hasattr(os, "pread"):
            self._file = Path(str(codes.filename)).open("rb", buffering=0)  # noqa: SIM115
            self._start = codes.offset

    @classmethod
    def with_levels(cls, levels: npt.NDArray[np.float32], codes: Codes) -> Self:
        """Copies that were encoded with these `levels`."""
        quantizer = _quantizer(codes.shape[1])
        faiss.copy_array_to_vector(np.ascontiguousarray(levels).ravel(), quantizer.sq.trained)
        quantizer.is_trained = True
        return cls(quantizer, codes)

    @property
    def levels(self) -> npt.NDArray[np.float32]:
        """The least of each number, and how far up from it its bytes reach; shape (2, r)."""
        trained: npt.NDArray[np.float32] = faiss.vector_to_array(self._quantizer.sq.trained)
        return trained.reshape(2, -1)

    @property
    def codes(self) -> Codes:
        """Shape (n, r)."""
        return self._codes

    def products(self, questions: Vectors, rows: npt.NDArray[np.int64]) -> Vectors:
        """Products of questions, shape (q, r), with copies of rows of each, shape (q, m).

        -inf for row -1.
        """
        wanted = np.maximum(rows, 0)
        if self._file is not None and len(questions) <= SINGLY:
            size, handle = self._codes.shape[1], self._file.fileno()
            places = (self._start + wanted.ravel() * size).tolist()
            read = b"".join([os.pread(handle, size, place) for place in places])
            codes = np.frombuffer(read, np.uint8).reshape(*rows.shape, size)
        else:
            codes = self._codes[wanted]
        numbers, steps = codes.astype(np.float32), questions * self._step
        if len(questions) > SINGLY:
            found: Vectors = (numbers @ steps[:, :, None])[..., 0]
        else:
            lines = [products(step[None], part) for step, part in zip(steps, numbers, strict=True)]
            found = np.concatenate(lines)
        found += (questions * self._least).sum(axis=1)[:, None]
        found[rows < 0] = -np.inf
        return found

    def scan(self, questions: Vectors, k: int, allowed: Mask) -> Neighbours:
        """Compare questions with the copies of all rows that are allowed.

        The copies are gathered first: of a million rows a FAISS selector is asked for each one.
        """
        rows = np.flatnonzero(allowed)
        chosen = faiss.IndexScalarQuantizer(
            self._quantizer.d, self._quantizer.sq.qtype, self._quantizer.metric_type
        )
        chosen.sq, chosen.is_trained = self._quantizer.sq, True
        chosen.add_sa_codes(np.ascontiguousarray(self._codes[rows]))
        with threads_for(questions):
            scores, found = chosen.search(np.ascontiguousarray(questions), k)
        if not len(rows):
            return Neighbours(found, np.full(found.shape, -np.inf, np.float32))
        return Neighbours(
            np.where(found < 0, -1, rows[found]),
            np.where(found < 0, -np.inf, scores).astype(np.float32),
        )


class CopyMaker:
    """Learns levels from some rows, and makes copies of others by them."""

    def __init__(self, sample: Vectors) -> None:
        self._quantizer = _quantizer(sample.shape[1])
        self._quantizer.train(np.ascontiguousarray(sample))

    def encode(self, numbers: Vectors) -> Codes:
        """Copies of numbers of shape (n, r)."""
        codes: Codes = self._quantizer.sa_encode(np.ascontiguousarray(numbers))
        return codes

    def copies(self, codes: Codes) -> Copies:
        """What was encoded, as a whole."""
        return Copies(self._quantizer, codes)


def _quantizer(width: int) -> Any:
    return faiss.IndexScalarQuantizer(
        width, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
    )
