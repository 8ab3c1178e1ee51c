"""What an index needs of a hash function."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.index.base import Vectors

Codes = npt.NDArray[np.uint8]

LEAST_BITS, MOST_BITS = 16, 512

ENCODED_ROWS = 16_384
"""Vectors that are encoded at a time; bounds the memory for very many."""


class Coder(Protocol):
    """What an index needs of a hash function, fitted here or trained elsewhere.

    One that is trained elsewhere names its `method`, and adds what reads its file to
    `sensorium.index.coding.LOADERS`.
    """

    @property
    def bits(self) -> int:
        """Length of a code, a multiple of 8."""
        ...

    @property
    def method(self) -> str:
        """What kind of hash function it is, as in its file."""
        ...

    def encode(self, vectors: Vectors, modality: str) -> Codes:
        """Codes of vectors of one modality.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
        modality : str

        Returns
        -------
        ndarray of uint8, shape (n, bits / 8)
        """
        ...

    def save(self, path: Path) -> None:
        """Write an `.npz` file without pickles, in which `method` is a string."""
        ...

    def describe(self) -> dict[str, Any]:
        """Method, number of bits and how it was fitted, as JSON values."""
        ...
