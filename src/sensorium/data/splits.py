"""Which examples are tested with: folds and splits that are fair to classes and to copies."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from sensorium.data.examples import Examples
from sensorium.errors import UsageError

Labels = npt.NDArray[np.intp]

MAX_VALIDATION = 2000
"""Examples that a validation takes from the data at most: it happens once an epoch."""


def class_numbers(labels: Sequence[str], classes: Mapping[str, object] | Sequence[str]) -> Labels:
    """The place of each label among the classes, shape (n,); -1 for a label that is none."""
    numbers = {name: number for number, name in enumerate(classes)}
    return np.array([numbers.get(label, -1) for label in labels], np.intp)


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
            group = groups[row] if groups else ""
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
            group = groups[row] if groups else ""
            is_test = taken.setdefault(group, place < wanted) if group else place < wanted
            marked[row] = is_test
        if marked[rows].all() and len(rows):
            marked[rows] = False  # one picture many times: nothing to test with
    return marked


def split_off(examples: Examples, share: float, seed: int = 0) -> tuple[Examples, Examples]:
    """Split examples into two: for training, and for validation.

    Which are split off depends on their names and the seed alone: those of a data set that grew
    stay where they were.

    Parameters
    ----------
    examples : Examples
    share : float
        Of them, for validation; at most `MAX_VALIDATION`, at least one.
    seed : int

    Raises
    ------
    UsageError
        If there are fewer than two, or the share is not between 0 and 1.
    """
    if not 0 < share < 1:
        raise UsageError(f"the validation's share is {share}; it lies between 0 and 1")
    if len(examples) < 2:
        raise UsageError("one picture cannot be split into training and validation: bring more")

    def drawn(row: int) -> bytes:
        return hashlib.sha256(f"{seed}:{examples.names[row]}".encode()).digest()

    order = sorted(range(len(examples)), key=drawn)
    count = min(max(1, round(len(examples) * share)), MAX_VALIDATION, len(examples) - 1)
    validation = replace(examples, skipped=[]).take(sorted(order[:count]))
    return examples.take(sorted(order[count:])), validation


def split_groups(examples: Examples, shares: Sequence[float], seed: int = 0) -> list[Examples]:
    """Split examples by their groups, at random.

    Parameters
    ----------
    examples : Examples
        What belongs to one group stays together.
    shares : sequence of float
        Share of the groups that each part gets which is held out.
    seed : int

    Returns
    -------
    list of Examples
        What is left first, with what was skipped, then a part for each share; in the order given.

    Raises
    ------
    UsageError
        When the groups are too few for each part to have one, or `shares` leaves none.
    """
    if not all(0 < share < 1 for share in shares) or sum(shares) >= 1:
        raise UsageError(f"shares {[*shares]} to be held out must lie in 0 to 1, and leave some")
    names = sorted(set(examples.groups))
    order = np.random.default_rng(seed).permutation(len(names))
    part = np.zeros(len(names), np.intp)
    start = 0
    for number, share in enumerate(shares, 1):
        size = max(1, round(share * len(names)))
        part[order[start : start + size]] = number
        start += size
    if start >= len(names):
        raise UsageError(f"{len(names)} different texts are too few to hold some out: give more")
    parts = part[class_numbers(examples.groups, names)]
    rows = [np.flatnonzero(parts == number) for number in range(len(shares) + 1)]
    held = replace(examples, skipped=[])
    return [examples.take(rows[0]), *(held.take(own) for own in rows[1:])]


def split_three(
    examples: Examples,
    validation: Examples | None,
    test: Examples | None,
    groups: Mapping[str, str] | None,
    share: float,
    seed: int = 0,
) -> list[Examples]:
    """Examples for training, validation and test, in this order, in groups.

    Parameters
    ----------
    examples : Examples
        With texts.
    validation, test : Examples or None
        None: `share` of the groups is held out of `examples`.
    groups : mapping of str to str, optional
        By name, of those of all three; see `Examples.grouped`.
    share : float
    seed : int

    Raises
    ------
    UsageError
        As `split_groups` and `Examples.grouped`.
    """
    shares = [share for given in (validation, test) if given is None]
    trained, *held = split_groups(examples.grouped(groups), shares, seed)
    rest = [held.pop(0) if given is None else given.grouped(groups) for given in (validation, test)]
    return [trained, *rest]
