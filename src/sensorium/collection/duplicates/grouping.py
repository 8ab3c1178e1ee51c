"""Rows of vectors that are near each other, in groups of which the first stands for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sensorium.errors import UsageError
from sensorium.index.base import Neighbours, Vectors

VECTORS_COSINE = 0.98
"""Cosine of near duplicates where nothing else is asked."""

BLOCK = 1024
"""Rows that are compared with `COLUMNS` others at a time: 16 MB of cosines."""
COLUMNS = 4096

NEIGHBOURS = 64
"""Candidates a row that an index is asked for."""

Search = Callable[[Vectors, int], Neighbours]
"""`Index.search`: the nearest rows to each of some vectors."""

Confirm = Callable[[npt.NDArray[np.int64], npt.NDArray[np.float32]], npt.NDArray[np.bool_]]
"""Takes pairs of rows, shape (m, 2), and their cosines; says which of them are duplicates."""

Forms = Callable[[npt.NDArray[np.int64]], Sequence[Vectors]]
"""Gives other vectors of rows, in several forms."""


def find_duplicates(
    vectors: Vectors,
    threshold: float = VECTORS_COSINE,
    *,
    content_hashes: Sequence[bytes] | None = None,
    confirm: Confirm | None = None,
    search: Search | None = None,
    also: Forms | None = None,
    also_least: float = 1.0,
    costly: bool = False,
) -> list[list[int]]:
    """Group rows that are near duplicates.

    A row joins the first row in the given order that is its duplicate and has not itself joined
    another. So whoever keeps the first of each group and removes the rest removes nothing that is
    not a duplicate of what is kept. (Connected components, the other custom, chain: of a slow pan
    of 100 photos one would be left.)

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Unit vectors, the preferred of two duplicates first.
    threshold : float
        Cosine, above 0 and up to 1; rounding moves it by up to 1e-6.
    content_hashes : sequence of bytes, optional
        Rows of the same hash (but an empty one) are duplicates whatever their vectors.
    confirm : callable, optional
        Asked about pairs within the threshold; None takes all of them.
    search : callable, optional
        `Index.search` over the same vectors. Without it all pairs are compared, in time with the
        square of n and memory for a block of them. With it, duplicates that the index misses, or
        that are beyond the `NEIGHBOURS` nearest, stay apart.
    also : callable, optional
        Gives other vectors of rows, in several forms; rows are near, too, where a first form of one
        and any form of the other have a dot product of `also_least`. Not with `search`.
    also_least : float
    costly : bool
        Whether `confirm` is asked row by row, and so never about a pair that the answers before
        have settled: of ten altered copies about 10 pairs, not 45.

    Returns
    -------
    list of list of int
        Groups of two and more, each in ascending order, in the order of their first rows.
    """
    check_threshold(threshold)
    twin_of = twins_of(content_hashes or [b""] * len(vectors))
    distinct = np.flatnonzero(twin_of == np.arange(len(vectors)))
    chosen = vectors if len(distinct) == len(vectors) else vectors[distinct]
    # A cosine of 1 between equal vectors comes out a little lower.
    least = np.float32(threshold - 1e-6)

    def confirmed(pairs: npt.NDArray[np.int64], cosines: Vectors) -> npt.NDArray[np.bool_]:
        if confirm is None:
            return np.ones(len(pairs), bool)
        return confirm(distinct[pairs], cosines)

    if search is None:
        others = None if also is None else (lambda rows: also(distinct[rows]))
        first = _first_of_all(_Near(chosen, least, others, also_least), confirmed, costly)
    else:
        own = np.full(len(vectors), -1)
        own[distinct] = np.arange(len(distinct))
        first = _first_of_neighbours(chosen, least, confirmed, search, own)
    keeper = np.empty(len(vectors), np.int64)
    keeper[distinct] = distinct[first]
    return grouped_by(keeper[twin_of])


def check_threshold(threshold: float) -> None:
    """Refuse what is no cosine of near vectors."""
    if not 0 < threshold <= 1:
        raise UsageError(f"a threshold of cosines is above 0 and at most 1, got {threshold}")


def grouped_by(keeper: npt.NDArray[np.int64]) -> list[list[int]]:
    """Groups of two and more rows that have the same keeper."""
    groups: dict[int, list[int]] = {}
    for row, kept in enumerate(keeper.tolist()):
        groups.setdefault(kept, []).append(row)
    return [rows for _, rows in sorted(groups.items()) if len(rows) > 1]


def twins_of(content_hashes: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """For each row the first of the same content, itself where it is the first."""
    seen: dict[bytes, int] = {}
    rows = enumerate(content_hashes)
    return np.array([seen.setdefault(h, n) if h else n for n, h in rows], np.int64)


def linked(
    groups: Sequence[Sequence[int]],
    rows: Sequence[int],
    stands: Callable[[int, int], bool],
    near: Callable[[Sequence[int], Sequence[int]], npt.NDArray[np.int64]],
    confirm: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.bool_]],
) -> list[list[int]]:
    """Add rows, and groups, to a group of which a member that stands for the first is like them.

    The first of a group is the largest picture, which may have been scaled up, or saved with loss;
    what was turned or cropped is like the original, exactly, and less like that. Only over what
    shows the whole of the first, and once: no chain of pictures that each show a little else.

    Parameters
    ----------
    groups : sequence of sequence of int
        The first of each is like the others.
    rows : sequence of int
        All rows, in order.
    stands : callable
        Whether a member of a group stands for its first.
    near : callable
        Pairs of some rows and of some that stand, shape (m, 2), that are worth comparing.
    confirm : callable
        Which of such pairs are one.
    """
    first = {row: row for row in rows} | {row: group[0] for group in groups for row in group}
    standing = [row for group in groups for row in group[1:] if stands(group[0], row)]
    joined = {group[0]: list(group) for group in groups}
    if not standing:
        return list(joined.values())
    asking = [row for row in rows if first[row] == row] + standing
    order = {row: number for number, row in enumerate(asking)}
    found = [
        (row, other)
        for row, other in near(asking, standing).tolist()
        if first[row] != first[other] and order[row] < order[other]
    ]
    pairs = np.array(found, np.int64).reshape(-1, 2)
    alike: dict[int, set[int]] = {}
    for row, other in pairs[confirm(pairs)].tolist():
        alike.setdefault(first[row], set()).add(first[other])
        alike.setdefault(first[other], set()).add(first[row])
    place = {row: number for number, row in enumerate(rows)}
    settled: set[int] = set()
    for head in sorted(alike, key=lambda row: (-len(alike[row]), place[row])):
        if head not in settled and (others := alike[head] - settled):
            parts = [joined.pop(one, [one]) for one in (head, *others)]
            group = sorted((row for part in parts for row in part), key=place.__getitem__)
            joined[group[0]] = group
            settled |= {head, *others}
    return [joined[row] for row in sorted(joined, key=place.__getitem__)]


class _Near:
    """Finds pairs of rows that are near in one of two ways; see `find_duplicates`."""

    def __init__(
        self,
        vectors: Vectors,
        least: np.float32,
        also: Forms | None,
        also_least: float,
    ) -> None:
        self.vectors = vectors
        self._least = least
        self._also = None if also is None else also(np.arange(len(vectors)))
        self._also_least = np.float32(also_least - 1e-6)

    def pairs(
        self, rows: npt.NDArray[np.int64], others: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], Vectors]:
        """Pairs in the order of the first, and their cosines."""
        cosines = self.vectors[rows] @ self.vectors[others].T
        near = cosines >= self._least
        if self._also is not None:
            plain = self._also[0][rows]
            for form in self._also:
                near |= plain @ form[others].T >= self._also_least
        one, other = np.nonzero(near)
        return np.stack([rows[one], others[other]], axis=1), cosines[one, other]


def _first_of_all(near: _Near, confirm: Confirm, costly: bool) -> npt.NDArray[np.int64]:
    """For each row the first that it is a duplicate of, itself where it is none; all pairs."""
    count = len(near.vectors)
    first = np.full(count, -1, np.int64)
    for start in range(0, count, BLOCK):
        stop = min(start + BLOCK, count)
        rows = start + np.flatnonzero(first[start:stop] < 0)
        pairs, cosines = near.pairs(rows, rows)
        later = pairs[:, 0] < pairs[:, 1]
        pairs, cosines = pairs[later], cosines[later]
        if not costly:
            good = confirm(pairs, cosines)
            pairs, cosines = pairs[good], cosines[good]
        ends = np.searchsorted(pairs[:, 0], rows, "right")  # pairs are in the order of the rows
        for row, begin, end in zip(rows.tolist(), [0, *ends.tolist()], ends.tolist(), strict=False):
            if first[row] >= 0:
                continue
            first[row] = row
            left = begin + np.flatnonzero(first[pairs[begin:end, 1]] < 0)
            if costly and len(left):
                left = left[confirm(pairs[left], cosines[left])]
            first[pairs[left, 1]] = row
        kept = rows[first[rows] == rows]
        for column in range(stop, count, COLUMNS):
            others = column + np.flatnonzero(first[column : column + COLUMNS] < 0)
            pairs, cosines = near.pairs(kept, others)
            found = pairs[_confirmed(pairs, cosines, confirm, costly)]
            # Pairs are in the order of the kept rows: the first of each other row counts.
            joined, at = np.unique(found[:, 1], return_index=True)
            first[joined] = found[at, 0]
    return first


def _confirmed(
    pairs: npt.NDArray[np.int64], cosines: Vectors, confirm: Confirm, costly: bool
) -> npt.NDArray[np.bool_]:
    """As `confirm`; where it is costly, of the first good pair of each second row alone.

    Pairs are in the order of their first rows.
    """
    if not costly:
        return confirm(pairs, cosines)
    good = np.zeros(len(pairs), bool)
    settled: set[int] = set()
    starts = np.flatnonzero(np.diff(pairs[:, 0], prepend=-1))
    for some in np.split(np.arange(len(pairs)), starts[1:]):
        left = np.array([n for n in some.tolist() if int(pairs[n, 1]) not in settled], np.int64)
        if len(left):
            good[left] = confirm(pairs[left], cosines[left])
            settled.update(pairs[left[good[left]], 1].tolist())
    return good


def _first_of_neighbours(
    vectors: Vectors,
    least: np.float32,
    confirm: Confirm,
    search: Search,
    own: npt.NDArray[np.int64],
) -> npt.NDArray[np.int64]:
    """As `_first_of_all`, of the pairs that an index finds; `own` maps its rows to ours."""
    first = np.full(len(vectors), -1, np.int64)
    waiting: dict[int, list[int]] = {}  # later rows that an earlier one has found
    for start in range(0, len(vectors), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(vectors)))
        found = search(vectors[rows], NEIGHBOURS).rows
        one, place = np.nonzero(found >= 0)
        pairs = np.stack([rows[one], own[found[one, place]]], axis=1)
        pairs = pairs[(pairs[:, 1] >= 0) & (pairs[:, 0] != pairs[:, 1])]
        pairs = np.unique(np.sort(pairs, axis=1), axis=0)
        # The index's own scores may be rough.
        cosines = np.einsum("nd,nd->n", vectors[pairs[:, 0]], vectors[pairs[:, 1]])
        near = cosines >= least
        pairs = pairs[near][confirm(pairs[near], cosines[near])]
        for earlier, later in pairs.tolist():
            waiting.setdefault(later, []).append(earlier)
        for row in rows.tolist():
            kept = [one for one in waiting.pop(row, ()) if first[one] == one]
            first[row] = min(kept, default=row)
    return first
