"""What something is worth with some of its parts covered: asked in batches, and never twice."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Masks = npt.NDArray[np.bool_]
"""Sets of parts, shape (k, n): True is kept, False is covered."""

Values = npt.NDArray[np.float64]


class Worth:
    """The value that is explained, as a function of which parts are kept.

    Parameters
    ----------
    of : callable
        From `Masks` of k sets to their values, shape (k,).
    parts : int
        n, at least one.

    Attributes
    ----------
    asked : int
        Sets that were computed so far.
    """

    def __init__(self, of: Callable[[Masks], npt.ArrayLike], parts: int) -> None:
        self._of, self.parts = of, parts
        self._known: dict[bytes, float] = {}
        self.asked = 0

    def __call__(self, masks: Masks) -> Values:
        """Values of sets, shape (k,); those that are known are not computed again."""
        masks = np.ascontiguousarray(masks, bool)
        keys = [mask.tobytes() for mask in masks]
        new = {key: row for row, key in enumerate(keys) if key not in self._known}
        if new:
            found = np.asarray(self._of(masks[[*new.values()]]), np.float64)
            self._known.update(zip(new, map(float, found), strict=True))
            self.asked += len(new)
        return np.array([self._known[key] for key in keys])

    @property
    def whole(self) -> float:
        """The value of all parts."""
        return float(self(np.ones((1, self.parts), bool))[0])

    @property
    def nothing(self) -> float:
        """The value when every part is covered."""
        return float(self(np.zeros((1, self.parts), bool))[0])
