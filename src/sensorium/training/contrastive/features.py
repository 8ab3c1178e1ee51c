"""What a locked tower gives, computed once and kept, by all processes together.

A training may be killed and started again, or run by several processes: vectors are stored in
blocks under a name made of the tower and of what it encoded, and each process computes its share.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.errors import EncoderError, MediaError, MissingExtraError, UsageError
from sensorium.folders import read_arrays, write_arrays
from sensorium.media import Image
from sensorium.media.progress import Progress

try:
    from sensorium.models.towers import Tower
    from sensorium.training.pairs import Picture
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

BLOCK = 512
"""Items in a block: what a kill costs at most."""

BATCH = 32

WAIT = 0.05
"""Seconds between two looks for a block that another process computes."""


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
        Where the blocks are kept; all processes see it.
    progress : callable, optional
        Takes items done and items in all.

    Returns
    -------
    ndarray of float32, shape (n, tower.dimension)
        Rows of items that could not be encoded hold zeros.
    dict of int to str
        Those items, and why.
    """
    stamps = [item if isinstance(item, str) else item.stamp for item in items]
    said = json.dumps([tower.identity, str(tower.modality), stamps]).encode("utf-8", "replace")
    place = folder / f"{tower.modality}-{hashlib.sha256(said).hexdigest()[:16]}"
    place.mkdir(parents=True, exist_ok=True)
    rank, processes = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    starts = range(0, len(items), BLOCK)
    for number, start in enumerate(starts):
        path = place / f"{number}.npz"
        if number % processes == rank and not path.exists():
            _write(path, *_encode(tower, items[start : start + BLOCK]))
        if progress:
            progress(min(start + BLOCK, len(items)), len(items))
    features = np.zeros((len(items), tower.dimension), np.float32)
    failed: dict[int, str] = {}
    for number, start in enumerate(starts):
        path = place / f"{number}.npz"
        while not path.exists():  # torchrun ends all processes when one ends badly
            time.sleep(WAIT)
        try:
            block = read_arrays(path)
            features[start : start + BLOCK] = block["features"]
            reasons = json.loads(str(block["failed"]))
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"{path}: is damaged ({error!r:.200}); delete it") from error
        failed |= {start + int(row): reason for row, reason in reasons.items()}
    return features, failed


def _encode(
    tower: Tower, items: Sequence[Picture] | Sequence[str]
) -> tuple[npt.NDArray[np.float32], dict[int, str]]:
    features = np.zeros((len(items), tower.dimension), np.float32)
    failed: dict[int, str] = {}
    for start in range(0, len(items), BATCH):
        batch: Sequence[Picture | str] = items[start : start + BATCH]
        try:
            features[start : start + len(batch)] = tower.encode([_opened(item) for item in batch])
        except MediaError:  # of one of them
            for row, item in enumerate(batch, start):
                try:
                    features[row] = tower.encode([_opened(item)])[0]
                except MediaError as error:
                    failed[row] = error.reason
    if not np.isfinite(features).all():
        raise EncoderError(
            f"the {tower.modality} tower {tower.name} gave values that are no numbers"
        )
    return features, failed


def _opened(item: Picture | str) -> Image | str:
    return item if isinstance(item, str) else item.open()


def _write(path: Path, features: npt.NDArray[np.float32], failed: dict[int, str]) -> None:
    write_arrays(path, {"features": features, "failed": np.array(json.dumps(failed))})
