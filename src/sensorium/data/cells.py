"""Cells of data sets as JSON values: times, categories, arrays and what else libraries have."""

from __future__ import annotations

import datetime
import math
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

import numpy as np

from sensorium.errors import MediaError
from sensorium.media.given import array_of

MAX_DEPTH = 100
"""Lists and mappings within each other, as of a line of JSON."""


def plain_cell(cell: Any, depth: int = 0) -> Any:
    """What JSON can hold of a cell; None where there is nothing in it (NaN, NaT, NA, null).

    Times become ISO 8601 text, with microseconds and zone where they have them, lengths of time
    seconds, decimals numbers, arrays and tensors lists, and infinity None.

    Raises
    ------
    MediaError
        For bytes, and what is no value: its reason goes on behind the name of a column.
    """
    if depth > MAX_DEPTH:
        raise MediaError(f"holds lists or mappings over {MAX_DEPTH} deep within each other")
    if cell is None or isinstance(cell, (str, bool, int)):
        return str(cell) if isinstance(cell, str) else cell  # NumPy's texts are texts
    if isinstance(cell, float):
        return float(cell) if math.isfinite(cell) else None
    if isinstance(cell, Mapping):
        return {str(name): plain_cell(one, depth + 1) for name, one in cell.items()}
    if isinstance(cell, (list, tuple)):
        return [plain_cell(one, depth + 1) for one in cell]
    if isinstance(cell, (set, frozenset)):
        return sorted((plain_cell(one, depth + 1) for one in cell), key=lambda one: str(one))
    return _of_library(cell, depth)


def is_nothing(cell: Any) -> bool:
    """Whether a cell holds no value, whatever its kind: None, NaN, NaT, NA."""
    if cell is None or (isinstance(cell, (float, np.floating)) and math.isnan(cell)):
        return True
    return not isinstance(cell, (str, int, list, tuple, Mapping)) and _is_missing(cell)


def _of_library(cell: Any, depth: int) -> Any:
    if _is_missing(cell):
        return None
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        cell = _time_of(cell)
    if isinstance(cell, (datetime.datetime, datetime.date, datetime.time)):
        return cell.isoformat()
    if isinstance(cell, datetime.timedelta):
        return cell.total_seconds()
    if isinstance(cell, Decimal):
        number = float(cell)
        return int(cell) if cell == cell.to_integral_value() else number
    if isinstance(cell, Enum):
        return plain_cell(cell.value, depth + 1)
    if isinstance(cell, (UUID, PurePath)) or type(cell).__module__.startswith("pandas"):
        return str(cell)  # pandas: periods, intervals
    if isinstance(cell, np.generic) and not isinstance(cell, np.void | np.bytes_):
        return plain_cell(cell.item(), depth + 1)
    array = array_of(cell)
    if array is not None and array.dtype.kind in "biufUOMm":
        values = list(array) if array.dtype.kind in "Mm" and array.ndim else array.tolist()
        return plain_cell(values, depth + 1)
    kind = "bytes" if isinstance(cell, (bytes, bytearray, memoryview)) else type(cell).__name__
    raise MediaError(f"is {kind}, which metadata cannot hold")


def _is_missing(cell: Any) -> bool:
    """Whether it is NaT or NA: the one is unlike itself, what the other is compared with is NA."""
    if isinstance(cell, (np.datetime64, np.timedelta64)):
        return bool(np.isnat(cell))
    if isinstance(cell, Decimal):
        return not cell.is_finite()
    if hasattr(cell, "__array__") or isinstance(cell, (bytes, bytearray, memoryview)):
        return False
    unlike = cell != cell
    return unlike is True or unlike is cell


def _time_of(cell: np.datetime64 | np.timedelta64) -> Any:
    if np.datetime_data(cell.dtype)[0] == "D" and isinstance(cell, np.datetime64):
        return cell.item()  # a day
    unit = "datetime64[us]" if isinstance(cell, np.datetime64) else "timedelta64[us]"
    return cell.astype(unit).item()
