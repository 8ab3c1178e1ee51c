"""A training passes over a file in which a library fails, names it, and learns from the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium import Collection
from sensorium.media.pictures import portable
from tests.boundary.faults import FAULTS, failing_library
from tests.boundary.seeds import write_seed
from tests.boundary.test_callers import SAID, require_named
from tests.boundary.test_callers import in_this_process as in_this_process  # a fixture
from tests.boundary.test_readers import read
from tests.cli.conftest import run as run  # a fixture
from tests.media.small_pictures import encode, red_blue

pytest.importorskip("torch")
pytest.importorskip("scipy")

NEEDED = {
    "contrastive": ("onnx", "sentence_transformers"), "caption": ("transformers", "sacrebleu"),
}  # fmt: skip
"""Packages that a command takes beside torch and scipy."""

GOOD = 30


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Pictures with captions and classes, of which one will fail, in tables for each training."""
    rows = []
    for number in range(GOOD):
        name, label = f"{number}.png", ("red", "blue")[number % 2]
        (tmp_path / name).write_bytes(encode(red_blue((40 + number, 40 + 3 * number)), "PNG"))
        rows.append(f"{name},a {label} square {number},{label}")
    bad = write_seed(tmp_path, "a.pfm")
    rows.append("a.pfm,a bad one,red")
    (tmp_path / "pairs.csv").write_text("\n".join(["path,caption,label", *rows]) + "\n")
    (tmp_path / "rows.csv").write_text("\n".join(["picture,note,kind", *rows, *rows[:-1]]) + "\n")
    assert read(bad)
    return tmp_path


Line = Callable[[Path, Path, Path], list[Any]]

TRAININGS: dict[str, Line] = {
    "contrastive": lambda f, t, o: [
        "contrastive", f / "pairs.csv", "--image-tower", t, "--text-tower", o, "--out", f / "out",
        "--epochs", "1", "--batch-size", "4", "--validation", f / "pairs.csv",
    ],
    "caption": lambda f, t, o: [
        "caption", f / "pairs.csv", "--encoder", t, "-o", f / "out", "--epochs", "1",
        "--vocabulary", "300", "--batch-size", "4", "--beams", "1", "--max-length", "6",
    ],
    "fusion": lambda f, t, o: [
        "fusion", f / "rows.csv", "--target", "kind", "--encoder", t, "--out", f / "out",
        "--epochs", "1",
    ],
    "linear fusion": lambda f, t, o: [
        "fusion", f / "rows.csv", "--target", "kind", "--method", "linear", "--encoder", t,
        "--out", f / "out",
    ],
    "hash": lambda f, t, o: [
        "hash", f / "c.sensorium", "--captions", f / "pairs.csv", "--steps", "2", "--bits", "32",
    ],
}  # fmt: skip
"""Commands, given the folder and two encoders."""


def collection(folder: Path, tiny: Path) -> None:
    """Vectors without files: the table brings pictures."""
    vectors = np.random.default_rng(0).normal(size=(30, 48)).astype(np.float32)
    with Collection(folder / "c.sensorium", tiny) as library:
        library.add_vectors(vectors, [f"/nowhere/{number}.png" for number in range(len(vectors))])


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAID)
@pytest.mark.parametrize("name", TRAININGS)
def test_trainings(
    run: Any, folder: Path, tiny: Path, other_tiny: Path, name: str, kind: str
) -> None:
    for package in NEEDED.get(name, ()):
        pytest.importorskip(package)
    if name == "hash":
        collection(folder, tiny)
    with failing_library(portable, "np", FAULTS[kind]):
        done = run("train", *TRAININGS[name](folder, tiny, other_tiny))
    require_named(done, 1, SAID[kind])
    if name != "hash":
        assert any((folder / "out").glob("*.json")), "trained with the others"
