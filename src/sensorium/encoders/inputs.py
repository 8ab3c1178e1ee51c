"""What a model takes of a picture or a sound, and where that lies in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Input:
    """The values that a tower is given of one picture or sound, before they become vectors.

    What is changed in them (a part of a picture covered, a second muted) is encoded without
    reading and resizing the media again.

    Attributes
    ----------
    key : str
        What `Prepared` calls them.
    values : ndarray
        uint8 of shape (h, w, 3), RGB, of a picture; float32 of shape (n,) of a sound.
    inside : tuple of int
        Where in `values` the media lie: left, upper, right and lower edge of a picture in pixels,
        first and last sample of a sound. What is outside was added.
    shown : tuple of float
        Which part of the media lies there: edges as shares of the upright picture, from 0 to 1;
        seconds of a sound.
    """

    key: str
    values: npt.NDArray[Any]
    inside: tuple[int, ...]
    shown: tuple[float, ...]

    def prepared(self, values: npt.NDArray[Any]) -> dict[str, npt.NDArray[Any]]:
        """Other values in the place of these, as `Encoder.encode_prepared` takes them."""
        return {self.key: np.ascontiguousarray(values)}
