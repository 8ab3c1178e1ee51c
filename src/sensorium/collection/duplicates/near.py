"""Which rows of vectors are near each other: all pairs, most of them by a few numbers each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from sensorium.index.base import Vectors

Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

BOUND_ROWS = 8192
"""So many rows are compared by `Bound` first; fewer are compared as fast as they are projected."""

KEPT = 96
"""Directions of 640 in which most of what vectors have in common lies."""

KEPT_TURNED = 32
"""The same of thumbnails."""

SAMPLE = 8192
"""Rows that directions are chosen by; any are right, these are short."""

MARGIN = 1e-5
"""By which rounding may take a bound below what it bounds."""

DENSE = 1 / 16
"""Share of a block's pairs from which on all of it is multiplied, and a sieve takes it whole."""

GATHERED = 4096
"""Pairs whose vectors are copied at a time: 20 MB."""


class Turns(Protocol):
    """Other vectors of rows, in several forms: near is, too, what has a near form."""

    least: float

    def plain(self, rows: Rows) -> Vectors:
        """The first form, shape (m, e)."""
        ...

    def forms(self, rows: Rows) -> Sequence[Vectors]:
        """All forms; of one row's any and another's first, as of that one's first and any."""
        ...


class Sieve(Protocol):
    """Which near pairs are worth asking about."""

    def block(self, rows: Rows, others: Rows, near: Mask) -> Mask:
        """Some of what is near, shape (rows, others), where much of it is."""
        ...

    def pairs(self, pairs: Rows) -> Mask:
        """The same of pairs, shape (m, 2)."""
        ...


class Bound:
    """Numbers of vectors of which the dot product is never less than that of the vectors.

    What lies in some directions is multiplied, of the rest its length alone (Cauchy and Schwarz).
    """

    def __init__(self, sample: Vectors, kept: int) -> None:
        values = np.asarray(sample, np.float32)
        _, directions = np.linalg.eigh(values.T @ values)  # in ascending order
        self._directions = np.ascontiguousarray(directions[:, -kept:], np.float32)

    def of(self, vectors: Vectors) -> Vectors:
        """Shape (m, kept + 1), float32."""
        inside = vectors @ self._directions
        squares = np.einsum("nd,nd->n", vectors, vectors) - np.einsum("nd,nd->n", inside, inside)
        return np.concatenate([inside, np.sqrt(np.maximum(squares, 0))[:, None]], axis=1)


class Near:
    """Finds pairs of rows that are near.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Unit vectors.
    least : float
        Dot product of near ones.
    rows : ndarray of int64, optional
        Rows of `vectors` that are compared, which have places from 0 on; None takes all. Nothing
        is copied.
    turns : Turns, optional
        What may be near, too; no sieve takes that.
    sieve : Sieve, optional
    """

    def __init__(
        self,
        vectors: Vectors,
        least: float,
        rows: Rows | None = None,
        *,
        turns: Turns | None = None,
        sieve: Sieve | None = None,
    ) -> None:
        self.rows = np.arange(len(vectors)) if rows is None else rows
        self._vectors = vectors
        self._least = np.float32(least)
        self._turns = turns
        self._sieve = sieve
        self._bound, self._low = self._bounds()
        self._turned, self._turned_low = self._turned_bounds()

    def __len__(self) -> int:
        return len(self.rows)

    def pairs(self, places: Rows, others: Rows, later: bool = False) -> tuple[Rows, Vectors, Mask]:
        """Near pairs of places, in the order of the first.

        Parameters
        ----------
        places, others : ndarray of int64
            Places in `rows`.
        later : bool
            Whether of each pair the second has to be the larger number.

        Returns
        -------
        pairs : ndarray of int64, shape (m, 2)
            Places.
        cosines : ndarray of float32, shape (m,)
        sure : ndarray of bool, shape (m,)
            Those that no sieve has to be asked about any more; see `worth`.
        """
        near = self._close(places, others)
        order = others[None] > places[:, None] if later else None
        if order is not None:
            near &= order
        sure: Mask | None = None
        if self._turns is not None:
            sure = self._turn(places, others, self._turns)
            if order is not None:
                sure &= order
            near &= ~sure
        if self._sieve is None:
            near = sure = near if sure is None else near | sure
        elif near.mean() >= DENSE:
            kept = self._sieve.block(self.rows[places], self.rows[others], near)
            near = sure = kept if sure is None else kept | sure
        elif sure is not None:
            near |= sure
        one, other = np.nonzero(near)
        pairs = np.stack([places[one], others[other]], axis=1)
        known = np.zeros(len(pairs), bool) if sure is None else sure[one, other]
        return pairs, self.cosines(pairs), known

    def worth(self, pairs: Rows, sure: Mask) -> Mask:
        """Which pairs the sieve leaves."""
        kept = sure.copy()
        if self._sieve is not None and not sure.all():
            kept[~sure] = self._sieve.pairs(self.rows[pairs[~sure]])
        return kept

    def cosines(self, pairs: Rows) -> Vectors:
        """Dot products of pairs of places, shape (m,)."""
        return dots(self._vectors, self.rows[pairs])

    def likeness(self, pairs: Rows, cosines: Vectors) -> Vectors:
        """Cosines, or the dot products of first forms where they are larger."""
        if self._turns is None:
            return cosines
        found = cosines.copy()
        for start in range(0, len(pairs), GATHERED):
            some = self.rows[pairs[start : start + GATHERED]]
            one, other = (self._turns.plain(some[:, n]) for n in (0, 1))
            part = found[start : start + GATHERED]
            np.maximum(part, np.einsum("nd,nd->n", one, other), out=part)
        return found

    def _bounds(self) -> tuple[Bound | None, Vectors]:
        if len(self) < BOUND_ROWS or self._vectors.shape[1] < 2 * KEPT:
            return None, np.empty((0, 0), np.float32)
        bound = Bound(self._vectors[self.rows[:: -(-len(self) // SAMPLE)]], KEPT)
        blocks = np.array_split(self.rows, -(-len(self) // SAMPLE))
        return bound, np.concatenate([bound.of(self._vectors[some]) for some in blocks])

    def _turned_bounds(self) -> tuple[Bound | None, Vectors]:
        if self._turns is None or not len(self):
            return None, np.empty((0, 0), np.float32)
        bound = Bound(self._turns.plain(self.rows[:: -(-len(self) // SAMPLE)]), KEPT_TURNED)
        blocks = np.array_split(self.rows, -(-len(self) // SAMPLE))
        return bound, np.concatenate([bound.of(self._turns.plain(some)) for some in blocks])

    def _close(self, places: Rows, others: Rows) -> Mask:
        """Whose vectors are near."""
        if self._bound is not None:
            close = self._low[places] @ self._low[others].T >= self._least - MARGIN
            share = close.mean() if close.size else 0.0
            if share < DENSE:
                one, other = np.nonzero(close)
                pairs = np.stack([places[one], others[other]], axis=1)
                close[one, other] = self.cosines(pairs) >= self._least
                return np.asarray(close)
        vectors, rows = self._vectors, self.rows
        return np.asarray(vectors[rows[places]] @ vectors[rows[others]].T >= self._least)

    def _turn(self, places: Rows, others: Rows, turns: Turns) -> Mask:
        """Of which a first form of one and any form of the other are near."""
        assert self._turned is not None
        least = np.float32(turns.least - 1e-6)
        forms = turns.forms(self.rows[places])
        low = self._turned_low[others].T
        close = np.zeros((len(places), len(others)), bool)
        for form in forms:
            close |= self._turned.of(form) @ low >= least - MARGIN
        if close.size and close.mean() >= DENSE:
            plain = turns.plain(self.rows[others]).T
            close[:] = False
            for form in forms:
                close |= form @ plain >= least
            return close
        one, other = np.nonzero(close)
        for start in range(0, len(one), GATHERED):
            a, b = one[start : start + GATHERED], other[start : start + GATHERED]
            plain = turns.plain(self.rows[others[b]])
            best = np.max([np.einsum("nd,nd->n", form[a], plain) for form in forms], axis=0)
            close[a, b] = best >= least
        return close


def dots(vectors: Vectors, pairs: Rows) -> Vectors:
    """Dot products of pairs of rows, shape (m,), float32."""
    found = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), GATHERED):
        one, other = pairs[start : start + GATHERED].T
        np.einsum("nd,nd->n", vectors[one], vectors[other], out=found[start : start + GATHERED])
    return found
