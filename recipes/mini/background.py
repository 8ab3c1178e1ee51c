"""Vectors of 64 ordinary drawings, kept with the encoder: what cosines are compared with.

    python -m recipes.mini.background

Drawn from the training split of Openclipart (public domain). Cosines of texts to them are spread as
those to photos are: over eight questions their means differ by 0.02 and their deviations by 0.01.
"""

import json
from pathlib import Path

import numpy as np

from benchmarks.datasets import home, rows
from sensorium import Image
from sensorium.encoders import FolderEncoder, shipped_encoders

COUNT = 64
FILE = "background.npy"


def write(folder: Path) -> None:
    """Write the vectors into an encoder's folder, and their name into its ``encoder.json``."""
    encoder = FolderEncoder(folder)
    drawings = [row for row in rows("clipart") if row["split"] == "train"]
    chosen = np.random.default_rng(0).permutation(len(drawings))[:COUNT]
    vectors = encoder.encode([Image(home() / drawings[n]["image"]) for n in chosen])
    np.save(folder / FILE, vectors.astype(np.float16))
    path = folder / "encoder.json"
    config = json.loads(path.read_text("utf-8"))
    config["background"] = FILE
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    write(shipped_encoders()["mini"])
