"""Small pictures of a few colours, a folder per class, that a thumbnail tells apart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import PIL.Image

COLOURS: Mapping[str, tuple[int, int, int]] = {
    "red": (200, 60, 60),
    "green": (60, 200, 60),
    "blue": (60, 60, 200),
    "cat": (200, 200, 60),
    "dog": (60, 200, 200),
}


def write_classes(
    root: Path, names: tuple[str, ...] = ("red", "green", "blue"), count: int = 6, seed: int = 0
) -> Path:
    """Write `count` noisy pictures of each class into a folder of its own."""
    rng = np.random.default_rng(seed)
    for name in names:
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = rng.normal(COLOURS[name], 50, (8, 8, 3)).clip(0, 255).astype(np.uint8)
            picture = PIL.Image.fromarray(pixels).resize((48, 48), PIL.Image.Resampling.NEAREST)
            picture.save(root / name / f"{number}.png")
    return root
