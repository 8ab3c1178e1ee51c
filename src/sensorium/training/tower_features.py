"""What a locked tower gives, computed once and kept, by all processes together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.data.encoding import encode_to_file
from sensorium.data.sources import Picture
from sensorium.errors import MissingExtraError
from sensorium.media import Text
from sensorium.media.progress import Progress

try:
    import torch

    from sensorium.models.towers import Tower
except ImportError as error:
    raise MissingExtraError("torch", "train") from error


class Features:
    """Vectors of a tower, in a file: those of a batch are read when they are asked for.

    Parameters
    ----------
    vectors : memmap of float32, shape (m, d)
    rows : ndarray of int64, shape (n,), optional
        Which of them these are; all without.
    """

    def __init__(self, vectors: npt.NDArray[np.float32], rows: Any = None) -> None:
        self._vectors = vectors
        self._rows = np.arange(len(vectors)) if rows is None else np.asarray(rows, np.int64)

    def __len__(self) -> int:
        """Count them."""
        return len(self._rows)

    def take(self, numbers: Sequence[int]) -> Features:
        """Some of them."""
        return Features(self._vectors, self._rows[np.asarray(numbers, np.int64)])

    def __getitem__(self, numbers: Sequence[int] | npt.NDArray[np.int64]) -> torch.Tensor:
        """Read some; float32 of shape (len(numbers), d)."""
        rows = self._rows[np.asarray(numbers, np.int64)]
        return torch.from_numpy(np.asarray(self._vectors[rows]))


def tower_features(
    tower: Tower,
    items: Sequence[Picture] | Sequence[str],
    folder: Path,
    *,
    progress: Progress | None = None,
) -> tuple[Features, dict[int, str]]:
    """Encode pictures or texts with a tower, or read what was computed before.

    Parameters
    ----------
    tower : Tower
    items : sequence of Picture or str
    folder : Path
        Where blocks of vectors are kept; all processes see it.
    progress : callable, optional
        Takes items done and items in all.

    Returns
    -------
    Features
        Of items that could not be encoded zeros.
    dict of int to str
        Those items, and why.

    Raises
    ------
    EncoderError
        When the tower gives values that are no numbers.
    """
    sources = [Text(item) if isinstance(item, str) else item for item in items]
    vectors, reasons = encode_to_file(
        tower.extractor, sources, role="query", folder=folder, progress=progress
    )
    return Features(vectors), reasons
