"""Coordinates in which an error counts as much as it changes what questions find.

A code is off by some e, and a cosine then by q·e: what matters is the mean of (q·e)² over the
questions q that will be asked, e M e with M the second moment of the questions, not the length of
e. Words lie apart from pictures, in few directions: in most of the others vectors may be rounded
as coarsely as one likes. So vectors are multiplied by a root of M, after which all directions count
alike, and turned so that their numbers do not depend on each other, the most spread first (the
transform coding of Goyal 2001). Weighting an error by the questions is of Guo et al. 2020 (ScaNN),
who draw them around the vectors; here they are those that are asked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt

from sensorium.index.base import Vectors
from sensorium.index.fourbit_coding import random_rotation
from sensorium.index.refining import products

Numbers = npt.NDArray[np.float32]

EVERYWHERE = 0.2
"""Share of the weight that all directions have alike: some hundred questions do not tell what none
of the next ones will be about."""

FIT_ROWS = 20_000
"""Vectors that means and spreads are of."""

DROPPED = 1e-4
"""Share of the weighted spread that numbers left out may hold together."""

LEVELS = 16
"""Of a code of four bits."""

ERRORS = {1: 0.0115, 2: 0.1092, 4: 0.3507, 8: 0.6085}
"""How much of their spread is lost when so many normally distributed numbers share a code of
`LEVELS` values: 20,000 of them, k-means. One number: Max (1960)."""

WIDEST = max(ERRORS)


@dataclass(frozen=True, eq=False)
class Weighing:
    """Turns vectors and questions into numbers whose products are those of the two.

    Attributes
    ----------
    centre : ndarray of float32, shape (d,)
        The vectors' mean, which is taken off first.
    of_vectors, of_questions : ndarray of float32, shape (d, r)
        What each is multiplied by. The product of what they give is that of question and vector
        less the centre, but for `DROPPED`.
    """

    centre: Numbers
    of_vectors: Numbers
    of_questions: Numbers

    @classmethod
    def fit(cls, vectors: Vectors, questions: Sequence[Vectors] = ()) -> Self:
        """Learn it.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n, d)
        questions : sequence of ndarray of float32, shape (q, d)
            Groups that count alike, such as texts; the vectors themselves are one, too.
        """
        dimension = vectors.shape[1]
        rows = np.unique(np.linspace(0, len(vectors) - 1, FIT_ROWS).astype(np.int64))
        some = np.asarray(vectors[rows], np.float64)
        weight = np.zeros((dimension, dimension))
        groups = [group.astype(np.float64) for group in questions if len(group)] + [some]
        for group in groups:
            weight += group.T @ group / max(np.square(group).sum(), 1e-12) / len(groups)
        weight = (1 - EVERYWHERE) * weight + EVERYWHERE / dimension * np.eye(dimension)
        values, directions = np.linalg.eigh(weight)
        roots = np.sqrt(values)  # none is 0, for `EVERYWHERE`
        centre = some.mean(axis=0)
        weighed = (some - centre) @ (directions * roots)
        spread, turned = np.linalg.eigh(weighed.T @ weighed / max(len(some), 1))
        spread, turned = np.maximum(spread[::-1], 0), turned[:, ::-1]
        held = np.cumsum(spread) / max(spread.sum(), 1e-12)
        kept = int(np.searchsorted(held, 1 - DROPPED)) + 1
        kept = min(dimension, -(-kept // 16) * 16)
        turned = turned[:, :kept]
        return cls(
            centre.astype(np.float32),
            np.ascontiguousarray((directions * roots) @ turned, np.float32),
            np.ascontiguousarray((directions / roots) @ turned, np.float32),
        )

    def vectors(self, vectors: Vectors) -> Numbers:
        """Numbers of vectors of shape (n, d); shape (n, r), the most spread first."""
        numbers: Numbers = np.subtract(vectors, self.centre, dtype=np.float32) @ self.of_vectors
        return numbers

    def questions(self, questions: Vectors) -> tuple[Numbers, Numbers]:
        """Numbers of questions of shape (q, d), shape (q, r), and what to add to products, (q,)."""
        numbers = products(questions, self._by_number)
        return numbers, (questions * self.centre).sum(axis=1)

    @cached_property
    def _by_number(self) -> Numbers:
        return np.ascontiguousarray(self.of_questions.T)


@dataclass(frozen=True, eq=False)
class Sharing:
    """Which numbers share a code of four bits.

    Numbers that have as much of a code as each other are turned among themselves at random: what is
    lost stays the same, and all codes then weigh alike, which eight bits for each in FAISS's tables
    suppose (one that spreads four times as far as the others rounds them four times as coarsely).

    Attributes
    ----------
    turns : list of ndarray of float32, shape (m, m)
        Orthonormal, of the first numbers, the next ones, and so on; others are in no code.
    sizes : list of int
        How many of each of them share a code.
    """

    turns: list[Numbers]
    sizes: list[int]

    @classmethod
    def fit(cls, spread: Numbers, codes: int, seed: int = 0) -> Self:
        """Share codes so that least is lost.

        Parameters
        ----------
        spread : ndarray, shape (r,)
            Variance of each number, about falling.
        codes : int
            How many there are, of `LEVELS` values each.
        seed : int
        """
        ends = _ends(spread, codes)
        turns, sizes, start = [], [], 0
        for size, end in zip(ERRORS, ends, strict=True):
            if end > start:
                turns.append(random_rotation(end - start, end - start, seed))
                sizes.append(size)
            start = end
        return cls(turns, sizes)

    @property
    def codes(self) -> int:
        """How many codes there are: an even number, as FAISS reads two at a time."""
        count = sum(
            -(-len(turn) // size) for turn, size in zip(self.turns, self.sizes, strict=True)
        )
        return count + count % 2

    def spread_out(self, numbers: Numbers) -> Numbers:
        """Numbers as codes take them, shape (n, codes * `WIDEST`): each has room for `WIDEST`."""
        spread = np.zeros((len(numbers), self.codes, WIDEST), np.float32)
        start = code = 0
        for turn, size in zip(self.turns, self.sizes, strict=True):
            turned = products(numbers[:, start : start + len(turn)], turn.T)
            start += len(turn)
            whole = len(turn) // size
            spread[:, code : code + whole, :size] = turned[:, : whole * size].reshape(
                len(numbers), whole, size
            )
            code += whole
            if rest := len(turn) - whole * size:
                spread[:, code, :rest] = turned[:, whole * size :]
                code += 1
        return spread.reshape(len(numbers), -1)


def _ends(spread: Numbers, codes: int) -> tuple[int, int, int, int]:
    """Up to which number one has a code for itself, two share one, four, and eight."""
    count = len(spread)
    held = np.concatenate([[0.0], np.cumsum(spread, dtype=np.float64)])
    best, ends = np.inf, (0, 0, 0, 0)
    for one in range(0, min(count, codes) + 1, 2):
        for two in range(one, min(count, one + 2 * (codes - one)) + 1, 4):
            left = codes - one - (two - one) // 2
            four = np.arange(two, min(count, two + 4 * left) + 1, 8)
            eight = np.minimum(count, four + 8 * (left - (four - two) // 4))
            lost = (
                ERRORS[1] * held[one]
                + ERRORS[2] * (held[two] - held[one])
                + ERRORS[4] * (held[four] - held[two])
                + ERRORS[8] * (held[eight] - held[four])
                + held[count] - held[eight]
            )  # fmt: skip
            least = int(lost.argmin())
            if lost[least] < best:
                best, ends = float(lost[least]), (one, two, int(four[least]), int(eight[least]))
    return ends
