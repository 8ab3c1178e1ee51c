"""Vectors of the data sets' pictures, encoded once for each space and kept beside the data sets."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.manifest import Row as Picture
from sensorium import Image
from sensorium.encoders import Encoder
from sensorium.home import sensorium_home

BATCH = 256  # pictures between two writes: a run that is stopped loses no more


def picture_vectors(encoder: Encoder, pictures: Sequence[Picture]) -> npt.NDArray[np.float32]:
    """The vectors of pictures of fetched sets, which do not change; shape (n, d)."""
    fingerprint = encoder.space.fingerprint.removeprefix("sha256:")[:16]
    file = sensorium_home() / "benchmarks" / f"pictures-{fingerprint}.npz"
    known: dict[str, npt.NDArray[np.float32]] = {}
    if file.is_file():
        with np.load(file) as kept:
            known = dict(zip(kept["ids"].tolist(), kept["vectors"], strict=True))
    fresh = [picture for picture in pictures if picture["id"] not in known]
    for start in range(0, len(fresh), BATCH):
        some = fresh[start : start + BATCH]
        vectors = encoder.encode([Image(Path(picture["image"])) for picture in some])
        known.update(zip([picture["id"] for picture in some], vectors, strict=True))
        _write(file, known)
    return np.stack([known[picture["id"]] for picture in pictures])


def _write(file: Path, known: dict[str, npt.NDArray[np.float32]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(".part.npz")
    np.savez(part, ids=np.array([*known]), vectors=np.stack([*known.values()]))
    part.replace(file)
