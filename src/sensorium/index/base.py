"""What every index offers: the nearest neighbours of vectors among vectors."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]


class Neighbours(NamedTuple):
    """What a search found, one line a query.

    Attributes
    ----------
    rows : ndarray of int64, shape (q, k)
        Numbers of the vectors, best first, in the order they were built from; -1 fills a line
        that has fewer.
    scores : ndarray of float32, shape (q, k)
        Cosines, exact or nearly so (`describe` says which); -inf where `rows` is -1.
    """

    rows: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float32]


class Searchable(Protocol):
    """What finds the vectors nearest to others.

    Attributes
    ----------
    kind : str
    """

    kind: str

    def search(self, queries: Vectors, k: int, allowed: Mask | None = None) -> Neighbours:
        """Find the vectors nearest to each query; safe to call from several threads.

        Parameters
        ----------
        queries : ndarray of float32, shape (q, d)
            Unit vectors.
        k : int
        allowed : ndarray of bool, shape (n,), optional
            Rows that may be returned.
        """
        ...

    def describe(self) -> dict[str, Any]:
        """Kind, parameters, number of vectors and bytes a vector, as JSON values."""
        ...


class Index(Searchable, Protocol):
    """A structure over unit vectors that answers faster, or in less memory, than looking at all.

    An index is derived: it is built from vectors that are kept elsewhere, never changed, and
    built again when they have changed. `kind` is its name in `sensorium.index.kinds.KINDS`.
    """

    @classmethod
    def build(cls, vectors: Vectors, **parameters: Any) -> Self:
        """Build over unit vectors.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
        **parameters
            The kind's own; each has a default that suits n and d.
        """
        ...

    def save(self, folder: Path) -> None:
        """Write the index into an existing, empty folder."""
        ...

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote, mapped into memory where possible.

        The files must be as they were written: callers check them first, damage is not looked for.
        """
        ...
