"""Places, turns and sizes of a glTF file's nodes as matrices (glTF 2.0, section 3.5)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

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


def of_node(node: dict[str, Any]) -> Floats:
    """The matrix of a node, shape (4, 4), relative to its parent."""
    if "matrix" in node:
        return np.array(node["matrix"], np.float64).reshape(4, 4).T
    move = np.array([node.get("translation", (0, 0, 0))], np.float64)
    turn = np.array([node.get("rotation", (0, 0, 0, 1))], np.float64)
    size = np.array([node.get("scale", (1, 1, 1))], np.float64)
    made: Floats = matrices(move, turn, size)[0]
    return made


def moved(points: Floats, matrix: Floats) -> Floats:
    """Points, shape (n, 3), by a matrix, shape (4, 4)."""
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def worlds(nodes: list[dict[str, Any]], roots: list[int]) -> dict[int, Floats]:
    """The matrix of each node that can be reached from the roots, relative to the scene.

    A node that is reached again (no valid file has one) keeps its first place, so that circles end
    and no file multiplies.

    Raises
    ------
    IndexError
        For a child that there is not.
    """
    found: dict[int, Floats] = {}
    waiting: list[tuple[int, Floats]] = [(root, np.eye(4)) for root in reversed(roots)]
    while waiting:
        index, above = waiting.pop()
        if index in found:
            continue
        if not 0 <= index < len(nodes):
            raise IndexError(f"there is no node {index}")
        node = nodes[index]
        if not node.get("extensions", {}).get("KHR_node_visibility", {}).get("visible", True):
            continue
        found[index] = above @ of_node(node)
        waiting += [(child, found[index]) for child in reversed(node.get("children", []))]
    return found
