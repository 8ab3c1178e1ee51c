"""Places, turns and sizes of a glTF file's nodes as matrices (glTF 2.0, section 3.5)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.media.objects.faults import DamagedError

Floats = npt.NDArray[np.floating[Any]]


def matrices(moves: Floats, turns: Floats, sizes: Floats) -> Floats:
    """Matrices of translations, rotations and scales.

    Parameters
    ----------
    moves, sizes : ndarray, shape (n, 3)
    turns : ndarray, shape (n, 4)
        Quaternions, x y z w; of any length but zero.

    Returns
    -------
    ndarray, shape (n, 4, 4)
        For columns: first scaled, then turned, then moved.
    """
    lengths = np.linalg.norm(turns, axis=1, keepdims=True)
    x, y, z, w = (turns / np.where(lengths > 0, lengths, 1)).T
    turn = np.stack(
        [
            1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w),
            2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w),
            2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y),
        ],
        axis=1,
    ).reshape(-1, 3, 3)  # fmt: skip
    made = np.zeros((len(moves), 4, 4))
    made[:, :3, :3] = turn * sizes[:, None, :]
    made[:, :3, 3] = moves
    made[:, 3, 3] = 1
    return made


def of_nodes(nodes: Sequence[dict[str, Any]]) -> Floats:
    """The matrices of nodes, shape (n, 4, 4), relative to their parents.

    Raises
    ------
    DamagedError
        When a place, turn or size has another number of numbers.
    """
    made: Floats = np.empty((len(nodes), 4, 4))
    placed = [row for row, node in enumerate(nodes) if "matrix" not in node]
    whole = [row for row, node in enumerate(nodes) if "matrix" in node]
    if placed:
        parts = [
            _numbers([nodes[row].get(name, default) for row in placed], len(default))
            for name, default in (
                ("translation", (0, 0, 0)), ("rotation", (0, 0, 0, 1)), ("scale", (1, 1, 1))
            )
        ]  # fmt: skip
        made[placed] = matrices(*parts)
    if whole:
        numbers = _numbers([nodes[row]["matrix"] for row in whole], 16)
        made[whole] = numbers.reshape(-1, 4, 4).transpose(0, 2, 1)
    return made


def _numbers(rows: list[Any], width: int) -> Floats:
    found = np.array(rows, np.float64)
    if found.shape != (len(rows), width):
        raise DamagedError(f"a node's place is not of {width} numbers")
    return found


def moved(points: Floats, matrix: Floats) -> Floats:
    """Points, shape (n, 3), by a matrix, shape (4, 4)."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def worlds(nodes: list[dict[str, Any]], roots: list[int]) -> tuple[list[int], Floats]:
    """The nodes that can be reached from the roots, and where they stand in the scene.

    A node that is reached again (no valid file has one) keeps its first place, so that circles end
    and no file multiplies.

    Returns
    -------
    reached : list of int
        Parents before children.
    matrices : ndarray, shape (n, 4, 4)

    Raises
    ------
    DamagedError
        For a child that there is not.
    """
    rows: dict[int, int] = {}
    above: list[int] = []
    levels: list[list[int]] = []
    waiting = [(root, -1, 0) for root in reversed(roots)]
    while waiting:
        index, parent, level = waiting.pop()
        if index in rows:
            continue
        if not 0 <= index < len(nodes):
            raise DamagedError(f"there is no node {index} among its {len(nodes):,}")
        node = nodes[index]
        if not node.get("extensions", {}).get("KHR_node_visibility", {}).get("visible", True):
            continue
        row = rows[index] = len(rows)
        above.append(parent)
        if level == len(levels):
            levels.append([])
        levels[level].append(row)
        waiting += [(child, row, level + 1) for child in reversed(node.get("children", []))]
    made = of_nodes([nodes[index] for index in rows])
    parents = np.array(above, np.int64)
    for here in levels[:1]:
        made[here] = np.eye(4) @ made[here]
    for here in levels[1:]:
        made[here] = made[parents[here]] @ made[here]
    return list(rows), made
