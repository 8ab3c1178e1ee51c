"""Exported towers agree with the model they were made from, or are not written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxscript", reason="needs the extra export: make hub")

import torch

from sensorium import Image, load_encoder
from sensorium.encoders.export import towers
from sensorium.encoders.export.checks import ExportReport
from sensorium.encoders.export.onnx import export
from sensorium.encoders.hub import HubEncoder
from sensorium.errors import EncoderError, UsageError
from tests.agreement import RUNTIMES, assert_agree
from tests.encoders import tiny_hub

TEXTS = ["a red cat", "the photo of a blue square", "dog", "a " * 40]


@pytest.fixture(scope="module")
def images(sample: Path) -> list[Path]:
    return sorted((sample / "images").glob("*.jpg"))[:12]


Exported = Callable[[str], tuple[HubEncoder, Path, ExportReport]]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, images: list[Path]) -> Exported:
    """A model, its exported folder and the report; each is traced once, which takes seconds."""

    @cache
    def get(name: str) -> tuple[HubEncoder, Path, ExportReport]:
        folder = tmp_path_factory.mktemp(name)
        original = HubEncoder(getattr(tiny_hub, name)(folder / name))
        return original, folder / "onnx", export(original, folder / "onnx", images=images)

    return get


@pytest.mark.parametrize(
    "name",
    [
        "clip",
        pytest.param("siglip", marks=pytest.mark.slow),
        "vit",
        "bert",
        pytest.param("clap", marks=pytest.mark.slow),
    ],
)
def test_agreement(exported: Exported, images: list[Path], name: str) -> None:
    original, folder, report = exported(name)
    ours = load_encoder(folder, runtime="onnxruntime")
    towers = {m for m in original.space.modalities if m != "audio"}
    assert {*ours.space.modalities} == towers
    assert {*report.precisions} == {str(m) for m in towers}
    assert len(report.agreements) == 2 * len(towers)
    assert all(0.999 <= a.lowest <= 1.001 for a in report.agreements if a.variant[:3] == "f32")
    for modality, inputs in (("text", TEXTS), ("image", [Image(path) for path in images])):
        if modality in towers:
            assert_agree(ours.encode(inputs), original.encode(inputs), RUNTIMES)
            one = np.concatenate([ours.encode([item]) for item in inputs])
            np.testing.assert_allclose(one, ours.encode(inputs), atol=1e-4)


def test_it_runs_without_torch(exported: Exported) -> None:
    _, folder, _ = exported("clip")
    code = (
        "import sys; from sensorium import load_encoder; "
        f"print(load_encoder({str(folder)!r}).encode(['a cat']).shape); "
        "assert not {'torch', 'transformers', 'sentence_transformers'} & {*sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 24)"


def test_a_bad_tower_is_not_hidden(
    tmp_path: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = HubEncoder(tiny_hub.vit(tmp_path / "vit"))

    def wrong(processor: object, name: str) -> dict[str, object]:
        return {"size": tiny_hub.SIDE, "fit": "crop", "crop": 0.2}

    monkeypatch.setattr(towers, "_fitting", wrong)
    with pytest.raises(EncoderError, match=r"another model: cosine .* nothing was written"):
        export(original, tmp_path / "onnx", images=images)
    assert [path.name for path in tmp_path.iterdir()] == ["vit"]


@pytest.mark.parametrize("dimension", [16, None])
def test_leading_dimensions_are_those_that_were_asked_for(
    tmp_path: Path, dimension: int | None
) -> None:
    original = HubEncoder(tiny_hub.bert(tmp_path / "bert"), dimension=dimension)
    tower = towers.text_tower(original, tmp_path)
    with torch.inference_mode():
        found = tower.module(**tower.inputs).numpy()
    assert_agree(found, original.encode(["a", "a longer text"]), 0.9999)


def test_what_is_refused(tmp_path: Path, images: list[Path]) -> None:
    clip = HubEncoder(tiny_hub.clip(tmp_path / "clip"))
    with pytest.raises(UsageError, match="not empty"):
        export(clip, tmp_path / "clip", images=images)
    with pytest.raises(UsageError, match="name pictures"):
        export(clip, tmp_path / "onnx")
    with pytest.raises(EncoderError, match="neither an image nor a text tower"):
        export(HubEncoder(tiny_hub.whisper(tmp_path / "whisper")), tmp_path / "onnx")
    with pytest.raises(EncoderError, match="sought by a network of its own"):
        export(HubEncoder(tiny_hub.two_networks(tmp_path / "two")), tmp_path / "onnx")
