"""Exported towers agree with the model they were made from, or are not written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxscript", reason="needs the extra export: make hub")

from sensorium import Image, load_encoder
from sensorium.encoders import export as exporting
from sensorium.encoders.export import export
from sensorium.encoders.hub import HubEncoder
from sensorium.errors import EncoderError, UsageError
from tests.encoders import tiny_hub

TEXTS = ["a red cat", "the photo of a blue square", "dog", "a " * 40]


@pytest.fixture(scope="module")
def images(sample: Path) -> list[Path]:
    return sorted((sample / "images").glob("*.jpg"))[:12]


@pytest.mark.parametrize("name", ["clip", "siglip", "vit", "prompted", "clap"])
def test_agreement(tmp_path: Path, images: list[Path], name: str) -> None:
    original = HubEncoder(getattr(tiny_hub, name)(tmp_path / name))
    report = export(original, tmp_path / "onnx", images=images)
    exported = load_encoder(tmp_path / "onnx", runtime="onnxruntime")
    towers = {m for m in original.space.modalities if m != "audio"}
    assert {*exported.space.modalities} == towers
    assert {*report.precisions} == {str(m) for m in towers}
    assert len(report.agreements) == 3 * len(towers)
    assert all(0.999 <= a.lowest <= 1.001 for a in report.agreements if a.variant[:3] == "f32")
    for modality, inputs in (("text", TEXTS), ("image", [Image(path) for path in images])):
        if modality in towers:
            is_prompted = name == "prompted"
            assert (
                np.allclose(original.encode(inputs), original.encode_queries(inputs)) != is_prompted
            )
            cosines = (exported.encode(inputs) * original.encode(inputs)).sum(axis=1)
            assert cosines.min() > 0.999
            asked = (exported.encode_queries(inputs) * original.encode_queries(inputs)).sum(axis=1)
            assert asked.min() > 0.999
            one = np.concatenate([exported.encode([item]) for item in inputs])
            np.testing.assert_allclose(one, exported.encode(inputs), atol=1e-4)


def test_it_runs_without_torch(tmp_path: Path, images: list[Path]) -> None:
    export(HubEncoder(tiny_hub.clip(tmp_path / "clip")), tmp_path / "onnx", images=images)
    code = (
        "import sys; from sensorium import load_encoder; "
        f"print(load_encoder({str(tmp_path / 'onnx')!r}).encode(['a cat']).shape); "
        "assert not {'torch', 'transformers', 'sentence_transformers'} & {*sys.modules}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "(1, 24)"


def test_a_bad_tower_is_not_hidden(
    tmp_path: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = HubEncoder(tiny_hub.vit(tmp_path / "vit"))

    def wrong(processor: object, name: str) -> dict[str, object]:
        return {"model": "image.onnx", "size": tiny_hub.SIDE, "fit": "crop", "crop": 0.2}

    monkeypatch.setattr(exporting, "_image_config", wrong)
    with pytest.raises(EncoderError, match=r"another model: cosine .* nothing was written"):
        export(original, tmp_path / "onnx", images=images)
    assert [path.name for path in tmp_path.iterdir()] == ["vit"]


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
