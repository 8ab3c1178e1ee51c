"""Rows of vectors that are near each other, in groups of which the first stands for the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from sensorium.collection.duplicates.near import Near
from sensorium.errors import UsageError
from sensorium.index.base import Neighbours, Vectors

VECTORS_COSINE = 0.98
"""Cosine of near duplicates where nothing else is asked."""

BLOCK = 1024
"""Rows that are compared with `COLUMNS` others at a time: 16 MB of cosines."""
COLUMNS = 4096

SIDE = 2048
"""The same of both where pairs are first named, and then asked about."""

WAITING = 1 << 21
"""Pairs that are kept until many are asked about: 25 MB."""

NEIGHBOURS = 64
"""Candidates a row that an index is asked for."""

Search = Callable[[Vectors, int], Neighbours]
"""`Index.search`: the nearest rows to each of some vectors."""

Confirm = Callable[[npt.NDArray[np.int64], npt.NDArray[np.float32]], npt.NDArray[np.bool_]]
"""Takes pairs of rows, shape (m, 2), and their cosines; says which of them are duplicates."""


def find_duplicates(
    vectors: Vectors,
    threshold: float = VECTORS_COSINE,
    *,
    content_hashes: Sequence[bytes] | None = None,
    confirm: Confirm | None = None,
    search: Search | None = None,
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
    costly : bool
        Whether `confirm` is asked row by row, and so never about a pair that the answers before
        have settled: of ten altered copies about 10 pairs, not 45.

    Returns
    -------
    list of list of int
        Groups of two and more, each in ascending order, in the order of their first rows.
    """
    check_threshold(threshold)
    least = least_of(threshold)
    if search is None:
        near = Near(vectors, least)
        return group_near(near, content_hashes, confirm, costly=costly)
    twin_of = twins_of(content_hashes or [b""] * len(vectors))
    distinct = np.flatnonzero(twin_of == np.arange(len(vectors)))
    chosen = vectors if len(distinct) == len(vectors) else vectors[distinct]
    own = np.full(len(vectors), -1)
    own[distinct] = np.arange(len(distinct))
    confirmed = _asking(confirm, distinct)
    first = _first_of_neighbours(chosen, np.float32(least), confirmed, search, own)
    return _groups(twin_of, distinct, first)


def group_near(
    near: Near,
    content_hashes: Sequence[bytes] | None = None,
    confirm: Confirm | None = None,
    *,
    costly: bool = False,
    most: int | None = None,
) -> list[list[int]]:
    """As `find_duplicates`, of places in what is compared.

    Parameters
    ----------
    near : Near
        Says which places are worth asking about.
    content_hashes, confirm, costly
        As for `find_duplicates`, by places.
    most : int, optional
        Of a costly `confirm`: a place is asked about with so many earlier ones, the most alike,
        and a third as many, the first. (Of thousands of one form, filled in by all, each is asked
        about with some, not with all.)
    """
    count = len(near)
    twin_of = twins_of(content_hashes or [b""] * count)
    distinct = np.flatnonzero(twin_of == np.arange(count))
    confirmed = _asking(confirm, np.arange(count))
    if costly and most is not None:
        first = _first_of_few(near, distinct, confirmed, most)
    else:
        first = _first_of_all(near, distinct, confirmed, costly)
    return _groups(twin_of, distinct, np.searchsorted(distinct, first[distinct]))


def least_of(threshold: float) -> float:
    """A cosine of 1 between equal vectors comes out a little lower."""
    return threshold - 1e-6


def _asking(confirm: Confirm | None, places: npt.NDArray[np.int64]) -> Confirm:
    def confirmed(pairs: npt.NDArray[np.int64], cosines: Vectors) -> npt.NDArray[np.bool_]:
        return np.ones(len(pairs), bool) if confirm is None else confirm(places[pairs], cosines)

    return confirmed


def _groups(
    twin_of: npt.NDArray[np.int64], distinct: npt.NDArray[np.int64], first: npt.NDArray[np.int64]
) -> list[list[int]]:
    keeper = np.empty(len(twin_of), np.int64)
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


def _first_of_all(
    near: Near, places: npt.NDArray[np.int64], confirm: Confirm, costly: bool
) -> npt.NDArray[np.int64]:
    """For each place the first that it is a duplicate of, itself where it is none; all pairs."""
    first = np.full(len(near), -1, np.int64)
    for start in range(0, len(places), BLOCK):
        rows = places[start : start + BLOCK]
        rows = rows[first[rows] < 0]
        pairs, cosines = _worth(near, rows, rows, later=True)
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
        for column in range(start + BLOCK, len(places), COLUMNS):
            others = places[column : column + COLUMNS]
            others = others[first[others] < 0]
            pairs, cosines = _worth(near, kept, others)
            found = pairs[_confirmed(pairs, cosines, confirm, costly)]
            # Pairs are in the order of the kept rows: the first of each other row counts.
            joined, at = np.unique(found[:, 1], return_index=True)
            first[joined] = found[at, 0]
    return first


def _worth(
    near: Near, rows: npt.NDArray[np.int64], others: npt.NDArray[np.int64], later: bool = False
) -> tuple[npt.NDArray[np.int64], Vectors]:
    pairs, cosines, sure = near.pairs(rows, others, later)
    kept = near.worth(pairs, sure)
    return pairs[kept], cosines[kept]


class _Few:
    """Pairs of which each second place has no more than some; see `group_near`."""

    def __init__(self, near: Near, most: int) -> None:
        self._near = near
        self._most = most
        self._sieved: list[tuple[npt.NDArray[np.int32], Vectors]] = []
        self._waiting: list[tuple[npt.NDArray[np.int32], Vectors, npt.NDArray[np.bool_]]] = []
        self._counts = [0, 0]

    def add(
        self, pairs: npt.NDArray[np.int64], cosines: Vectors, sure: npt.NDArray[np.bool_]
    ) -> None:
        self._waiting.append((pairs.astype(np.int32), cosines, sure))
        self._counts[1] += len(pairs)
        if self._counts[1] >= WAITING:
            self._sift()

    def _sift(self) -> None:
        """Ask the sieve about many at once: what it makes of a picture serves many pairs."""
        parts = zip(*self._waiting, strict=True)
        narrow, cosines, sure = (np.concatenate(part) for part in parts)
        self._waiting.clear()
        self._counts[1] = 0
        pairs = narrow.astype(np.int64)
        kept = self._near.worth(pairs, sure)
        likely = self._near.likeness(pairs[kept], cosines[kept])
        self._sieved.append((narrow[kept], likely))
        self._counts[0] += int(kept.sum())
        if self._counts[0] >= WAITING:
            self._trim()

    def _trim(self) -> None:
        pairs = np.concatenate([part[0] for part in self._sieved])
        likely = np.concatenate([part[1] for part in self._sieved])
        kept = np.zeros(len(pairs), bool)
        for key, most in ((-likely, self._most), (pairs[:, 0], self._most // 3)):
            order = np.lexsort((pairs[:, 0], key, pairs[:, 1]))
            seconds = pairs[order, 1]
            starts = np.flatnonzero(np.diff(seconds, prepend=-1))
            lengths = np.diff(starts, append=len(seconds))
            kept[order[np.arange(len(order)) - np.repeat(starts, lengths) < most]] = True
        self._sieved = [(pairs[kept], likely[kept])]
        self._counts[0] = int(kept.sum())

    def ended(self) -> tuple[npt.NDArray[np.int64], Vectors]:
        """Pairs in the order of their first places, and how alike they are."""
        if self._waiting:
            self._sift()
        if not self._sieved:
            return np.empty((0, 2), np.int64), np.empty(0, np.float32)
        self._trim()
        ((narrow, likely),) = self._sieved
        pairs = narrow.astype(np.int64)
        order = np.lexsort((pairs[:, 1], pairs[:, 0]))
        return pairs[order], likely[order]


def _first_of_few(
    near: Near, places: npt.NDArray[np.int64], confirm: Confirm, most: int
) -> npt.NDArray[np.int64]:
    """As `_first_of_all`, first naming all pairs and then asking, place by place."""
    few = _Few(near, most)
    for start in range(0, len(places), SIDE):
        rows = places[start : start + SIDE]
        for column in range(start, len(places), SIDE):
            few.add(*near.pairs(rows, places[column : column + SIDE], later=column == start))
    pairs, likely = few.ended()
    first = np.full(len(near), -1, np.int64)
    starts = np.searchsorted(pairs[:, 0], places)
    ends = np.searchsorted(pairs[:, 0], places, "right")
    for row, begin, end in zip(places.tolist(), starts.tolist(), ends.tolist(), strict=True):
        if first[row] >= 0:
            continue
        first[row] = row
        left = begin + np.flatnonzero(first[pairs[begin:end, 1]] < 0)
        if len(left):
            found = left[confirm(pairs[left], likely[left])]
            first[pairs[found, 1]] = row
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
