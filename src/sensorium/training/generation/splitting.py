"""Holding out a part of the data, so that nothing in it has been seen in training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorium.errors import UsageError


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
