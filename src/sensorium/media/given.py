"""What the field hands around, tensors, frames and data sets, as arrays, rows and single items.

None of these libraries is imported: what a value offers tells what it is.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.errors import UsageError

CHANNELS = (1, 3, 4)
"""Channels of a picture; a tensor that begins with one of these has them first, as torch does."""

ENCODED = frozenset({"bytes", "path"})
"""What a Hugging Face data set gives for a picture or a recording that it does not decode."""

DECODED = frozenset({"array", "sampling_rate"})
"""What it gives for a decoded recording, among others."""


def array_of(value: Any) -> npt.NDArray[Any] | None:
    """The array that a tensor of any library holds; None where the value is none.

    Parameters
    ----------
    value : tensor of torch, JAX, TensorFlow and the like, or ndarray
        Torch's are taken off their device and graph; half precision becomes float32.

    Returns
    -------
    ndarray or None
    """
    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, (PIL.Image.Image, str, bytes)) or not hasattr(value, "__array__"):
        return None
    if hasattr(value, "detach"):  # torch
        value = value.detach().cpu()
        value = value.float() if value.is_floating_point() else value
    return np.asarray(value)


def picture_of(value: Any) -> npt.NDArray[Any] | None:
    """The pixels of a tensor, its channels last; None where the value is no tensor or array."""
    array = array_of(value)
    if array is None or isinstance(value, np.ndarray):
        return array
    if array.ndim == 3 and array.shape[0] in CHANNELS and array.shape[2] not in CHANNELS:
        return np.moveaxis(array, 0, 2)
    return array


def items_of(value: Any) -> list[Any]:
    """The items that a caller means: a single one as a list of one, a batch as its elements.

    Parameters
    ----------
    value : any item, or list, generator, batch of pictures, column of a frame or of a data set
        Arrays and tensors of four axes are batches of pictures, those of fewer are one picture.

    Raises
    ------
    UsageError
        For a frame or a data set as a whole, which has several columns.
    """
    if (names := _columns_of(value)) is not None:
        raise UsageError(
            f"{type(value).__name__} has the columns {', '.join(map(str, names)) or 'none'}: "
            "give one of them, such as encode(table[NAME])"
        )
    if hasattr(value, "features") and hasattr(value, "column_names"):
        raise UsageError(f"{type(value).__name__}: give a column, not the rows of a stream")
    if _is_single(value):
        return [value]
    return list(value)


def _is_single(value: Any) -> bool:
    if isinstance(value, (str, bytes, bytearray, memoryview, os.PathLike, PIL.Image.Image)):
        return True
    if isinstance(value, Mapping) or hasattr(value, "segments"):
        return True
    if isinstance(value, np.ndarray) and value.dtype.kind in "OUS":
        return value.ndim == 0
    axes = getattr(value, "ndim", None)
    is_column = hasattr(value, "to_list") or hasattr(value, "to_pylist")
    if axes is not None and not is_column:
        return int(axes) < 4
    return not isinstance(value, Iterable)


def rows_of(value: Any) -> list[dict[str, Any]] | None:
    """The rows of a table in memory; None where the value is no table.

    Parameters
    ----------
    value : DataFrame (pandas, Polars), Table (Arrow), Dataset (Hugging Face), sequence of mappings
        A data set's pictures and recordings stay encoded, its classes get their names.

    Returns
    -------
    list of dict or None
        From column to a plain Python value; None where there is nothing (NaN, NaT, null).

    Raises
    ------
    UsageError
        For a data set of several splits.
    """
    if isinstance(value, Mapping):
        splits = [name for name, part in value.items() if hasattr(part, "features")]
        if splits:
            raise UsageError(
                f"{type(value).__name__} has the splits {', '.join(splits)}: give one of them, "
                f"such as dataset[{splits[0]!r}]"
            )
        return None
    if getattr(value, "features", None) is not None and hasattr(value, "cast_column"):
        rows: Iterable[Mapping[str, Any]] = _rows_of_dataset(value)
    elif hasattr(value, "to_dicts"):  # Polars
        rows = value.to_dicts()
    elif hasattr(value, "to_dict") and hasattr(value, "columns"):  # pandas
        rows = value.to_dict("records")
    elif hasattr(value, "to_pylist") and hasattr(value, "column_names"):  # Arrow
        rows = value.to_pylist()
    elif isinstance(value, Sequence) and value and all(isinstance(row, Mapping) for row in value):
        if all(is_encoded_media(row) for row in value):
            return None
        rows = value
    else:
        return None
    return [{str(name): plain(cell) for name, cell in row.items()} for row in rows]


def is_encoded_media(row: Mapping[str, Any]) -> bool:
    """Whether a mapping is what Hugging Face's data sets give for one picture or recording."""
    return row.keys() == ENCODED or row.keys() >= DECODED


def _rows_of_dataset(dataset: Any) -> Iterable[Mapping[str, Any]]:
    named: dict[str, Any] = {}
    for name, feature in dataset.features.items():
        if getattr(feature, "decode", None) is True:
            dataset = dataset.cast_column(name, type(feature)(decode=False))
        elif hasattr(feature, "int2str"):
            named[name] = feature.int2str
    for row in dataset:
        yield {
            name: named[name](cell) if name in named and cell is not None and cell >= 0 else cell
            for name, cell in row.items()
        }


def _columns_of(value: Any) -> list[Any] | None:
    """Names of a table's columns; None where the value is no table."""
    if isinstance(value, np.ndarray) or _is_text(value):
        return None
    for attribute in ("column_names", "columns"):
        names = getattr(value, attribute, None)
        if names is not None and not callable(names):
            return list(names)
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, bytes, os.PathLike))


def plain(cell: Any) -> Any:
    """A cell as plain Python has it."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    unlike = cell != cell  # True of pandas' NaT, itself of its NA; an array of arrays and tensors
    if unlike is True or unlike is cell:
        return None
    if hasattr(cell, "isoformat"):  # a time: as text, which sorts
        return cell.isoformat()
    return cell


def names_of(y: Any) -> list[str]:
    """Labels of any sequence as texts: lists, arrays, tensors, columns.

    Raises
    ------
    UsageError
        For a single text, or a label that is missing.
    """
    if isinstance(y, (str, bytes)) or not isinstance(y, Iterable):
        raise UsageError(f"labels are a sequence, one for each example, got {y!r:.80}")
    array = array_of(y)
    labels = [plain(label) for label in (y if array is None else array.tolist())]
    if None in labels:
        raise UsageError(f"example {labels.index(None)} has no label: leave it out")
    return [str(label) for label in labels]
