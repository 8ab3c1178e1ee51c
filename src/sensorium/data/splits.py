"""Which examples are tested with: folds and splits that are fair to classes and to copies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from sensorium.errors import UsageError

Labels = npt.NDArray[np.intp]


def stratified_folds(
    labels: Labels, folds: int, *, groups: Sequence[str] | None = None, seed: int = 0
) -> npt.NDArray[np.intp]:
    """Spread every class over folds as evenly as can be.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    folds : int
        How many; a class of fewer examples is absent from some.
    groups : sequence of str, optional
        Examples of one group are in one fold: copies of a picture must not be tested with
        what was trained on. An empty name is a group of its own.
    seed : int
        The same seed gives the same folds.

    Returns
    -------
    ndarray of int, shape (n,)
        The fold of every example, 0 to folds - 1.
    """
    rng = np.random.default_rng(seed)
    found = np.full(len(labels), -1, np.intp)
    fold_of: dict[str, int] = {}
    sizes = np.zeros(max(1, folds), np.intp)
    for number in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == number))
        own = np.zeros_like(sizes)
        for row in rows:
            group = groups[row] if groups is not None else ""
            if group and group in fold_of:
                fold = fold_of[group]
            else:  # where the class has fewest, and of these where there are fewest at all
                fold = int(np.lexsort((sizes, own))[0])
                if group:
                    fold_of[group] = fold
            found[row] = fold
            own[fold] += 1
            sizes[fold] += 1
    return found


def held_out(
    labels: Labels, share: float, *, groups: Sequence[str] | None = None, seed: int = 0
) -> npt.NDArray[np.bool_]:
    """Mark about a share of every class, copies together, never all of a class.

    Parameters
    ----------
    labels, groups, seed
        As for `stratified_folds`.
    share : float
        Between 0 and 1. A class of two gives one, a class of one none.

    Returns
    -------
    ndarray of bool, shape (n,)
        True for what is tested with.
    """
    rng = np.random.default_rng(seed)
    marked = np.zeros(len(labels), bool)
    taken: dict[str, bool] = {}
    for number in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == number))
        wanted = min(len(rows) - 1, max(1, round(share * len(rows)))) if len(rows) > 1 else 0
        for place, row in enumerate(rows):
            group = groups[row] if groups is not None else ""
            is_test = taken.setdefault(group, place < wanted) if group else place < wanted
            marked[row] = is_test
        if marked[rows].all() and len(rows):
            marked[rows] = False  # one picture many times: nothing to test with
    return marked


def split_groups(
    groups: Mapping[str, str], shares: Sequence[float], seed: int = 0
) -> list[list[str]]:
    """Split items by groups, at random.

    Parameters
    ----------
    groups : mapping of str to str
        Group of each item; what belongs to one group stays together.
    shares : sequence of float
        Share of the groups that each part gets which is held out.
    seed : int

    Returns
    -------
    list of list of str
        What is left first, then a part for each share; in the order given.

    Raises
    ------
    UsageError
        When the groups are too few for each part to have one, or `shares` leaves none.
    """
    if not all(0 < share < 1 for share in shares) or sum(shares) >= 1:
        raise UsageError(f"shares {[*shares]} to be held out must lie in 0 to 1, and leave some")
    names = sorted(set(groups.values()))
    order = np.random.default_rng(seed).permutation(len(names))
    part = np.zeros(len(names), np.intp)
    start = 0
    for number, share in enumerate(shares, 1):
        size = max(1, round(share * len(names)))
        part[order[start : start + size]] = number
        start += size
    if start >= len(names):
        raise UsageError(f"{len(names)} different texts are too few to hold some out: give more")
    number_of = dict(zip(names, part.tolist(), strict=True))
    return [
        [item for item, group in groups.items() if number_of[group] == number]
        for number in range(len(shares) + 1)
    ]
