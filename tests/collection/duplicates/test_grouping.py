"""Groups, and what joins them: over what stands for the first, and no further."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sensorium.collection.duplicates.grouping import linked

Pairs = npt.NDArray[np.int64]


def join(
    groups: list[list[int]], rows: int, stand: set[tuple[int, int]], one: set[tuple[int, int]]
) -> list[list[int]]:
    def near(some: object, others: object) -> Pairs:
        return np.array([(a, b) for a in some for b in others], np.int64)  # type: ignore[attr-defined]

    def confirm(pairs: Pairs) -> npt.NDArray[np.bool_]:
        return np.array([(a, b) in one or (b, a) in one for a, b in pairs.tolist()], bool)

    return linked(groups, list(range(rows)), lambda a, b: (a, b) in stand, near, confirm)


def test_over_what_stands_for_the_first() -> None:
    """Row 3 is like 2, the original of 0, and not like 0."""
    assert join([[0, 2]], 4, {(0, 2)}, {(3, 2)}) == [[0, 2, 3]]
    assert join([[0, 2]], 4, set(), {(3, 2)}) == [[0, 2]], "2 is a part of 0"


def test_two_groups() -> None:
    assert join([[0, 2], [1, 3]], 4, {(0, 2), (1, 3)}, {(2, 3)}) == [[0, 1, 2, 3]]


def test_no_chain() -> None:
    """Of four in a row, each like the next, two and two, or three and one."""
    groups = [[0, 4], [1, 5], [2, 6], [3, 7]]
    stand = {(0, 4), (1, 5), (2, 6), (3, 7)}
    found = join(groups, 8, stand, {(4, 5), (5, 6), (6, 7)})
    assert found == [[0, 1, 2, 4, 5, 6], [3, 7]]
