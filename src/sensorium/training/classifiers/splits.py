"""Which examples are tested with: folds and splits that are fair to classes and to copies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorium.training.classifiers.heads import Labels


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
