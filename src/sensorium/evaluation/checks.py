"""What the numbers given to an evaluation must be, and the errors when they are not."""

from __future__ import annotations

from operator import index
from typing import Any

import numpy as np
import numpy.typing as npt


def whole(name: str, value: Any, least: int = 1) -> int:
    """Give a whole number of at least `least`, or a ValueError that names it."""
    try:
        number = None if isinstance(value, bool) else index(value)
    except TypeError:
        number = None
    if number is None or number < least:
        raise ValueError(f"{name} is a whole number of at least {least}, got {value!r}")
    return number


def finite(name: str, values: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Give one-dimensional finite values as float64, or a ValueError that names them."""
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise ValueError(f"{name} is one-dimensional, got the shape {array.shape}")
    if not (good := np.isfinite(array)).all():
        place = int(np.argmin(good))
        raise ValueError(f"{name} must be finite, got {array[place]} at place {place}")
    return array


def class_numbers(name: str, values: npt.ArrayLike, classes: int) -> npt.NDArray[np.intp]:
    """Give class numbers, whole and in 0 to `classes` - 1, or a ValueError that names them."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(f"{name} is one-dimensional, got the shape {array.shape}")
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(f"{name} holds whole class numbers, got {array.dtype}")
    bad = (array < 0) | (array >= classes)
    if bad.any():
        place = int(np.argmax(bad))
        raise ValueError(
            f"{name} holds class numbers from 0 to {classes - 1}, "
            f"got {array[place]} at place {place}"
        )
    return array.astype(np.intp)
