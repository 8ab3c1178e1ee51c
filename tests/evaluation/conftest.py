"""Small data of each kind: noise in colours, which the tiny encoder tells apart well enough."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection

COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
EACH = 4


def noise(color: str, seed: int) -> PIL.Image.Image:
    """A picture of a colour that no other seed makes."""
    grain = np.random.default_rng(seed).integers(0, 120, (40, 40, 3))
    return PIL.Image.fromarray((np.array(COLORS[color]) * 0.5 + grain).astype(np.uint8))


@pytest.fixture
def classes(tmp_path: Path) -> Path:
    """A folder of pictures per class, and one picture that is none."""
    folder = tmp_path / "classes"
    for number, color in enumerate(COLORS):
        (folder / f"the_{color}").mkdir(parents=True)
        for n in range(EACH):
            noise(color, 10 * number + n).save(folder / f"the_{color}" / f"{color}{n}.png")
    (folder / "the_red" / "broken.png").write_bytes(b"nothing")
    return folder


@pytest.fixture
def pairs(classes: Path) -> Path:
    """Two captions a picture, one of them shared by all pictures of its colour."""
    rows = [
        (f"classes/the_{color}/{color}{n}.png", f"a {color} photo of {word}", f"the {color} square")
        for color in COLORS
        for n, word in enumerate(("cat", "dog", "a cat", "the dog"))
    ]
    table = classes.parent / "pairs.csv"
    lines = ["path,caption_en,caption_xx", *(",".join(row) for row in rows)]
    table.write_text("\n".join(lines) + "\n")
    return table


@pytest.fixture
def beir(classes: Path) -> Path:
    """Three queries about colours and one by a picture, judged by file name."""
    folder = classes.parent / "beir"
    (folder / "qrels").mkdir(parents=True)
    queries: list[dict[str, str]] = [{"_id": f"q-{c}", "text": f"a {c} square"} for c in COLORS]
    queries.append({"_id": "by-picture", "image": "../classes/the_red/red0.png"})
    (folder / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in queries))
    judged = [(f"q-{c}", f"{c}{n}.png", 1 + (n == 0)) for c in COLORS for n in range(EACH)]
    judged += [("by-picture", "red1.png", 1), ("by-picture", "blue0.png", 0)]
    lines = ["query-id\tcorpus-id\tscore", *("\t".join(map(str, row)) for row in judged)]
    (folder / "qrels" / "test.tsv").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def library(classes: Path, tiny: Path) -> Path:
    """A collection of the pictures."""
    path = classes.parent / "c.sensorium"
    with Collection(path, tiny) as collection:
        assert collection.add(classes).added == len(COLORS) * EACH
    return path
