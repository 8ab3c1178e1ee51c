"""What a locked tower gives, computed once and kept, by all processes together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.data.encoding import encode_examples
from sensorium.data.sources import Picture
from sensorium.errors import EncoderError, MissingExtraError
from sensorium.media import Text
from sensorium.media.progress import Progress

try:
    from sensorium.models.towers import Tower
except ImportError as error:
    raise MissingExtraError("torch", "train") from error


def tower_features(
    tower: Tower,
    items: Sequence[Picture] | Sequence[str],
    folder: Path,
    *,
    progress: Progress | None = None,
) -> tuple[npt.NDArray[np.float32], dict[int, str]]:
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
    ndarray of float32, shape (n, tower.dimension)
        Rows of items that could not be encoded hold zeros.
    dict of int to str
        Those items, and why.
    """
    sources = [Text(item) if isinstance(item, str) else item for item in items]
    encoded = encode_examples(
        tower.extractor, sources, role="query", folder=folder, progress=progress
    )
    features = np.zeros((len(items), tower.dimension), np.float32)
    for row, (vector,) in zip(encoded.rows, encoded.segments, strict=True):
        features[row] = vector
    if not np.isfinite(features).all():
        raise EncoderError(
            f"the {tower.modality} tower {tower.name} gave values that are no numbers"
        )
    return features, encoded.reasons
