"""Towers from every source, and projections as matrices and as modules."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

import torch
import transformers

from sensorium import Image, load_encoder
from sensorium.encoders.hub import HubEncoder
from sensorium.errors import UsageError
from sensorium.media import Modality
from sensorium.models.dual_encoder import Projection
from sensorium.models.towers import FolderTower, TorchTower, load_tower
from tests.encoders import tiny_hub
from tests.media.small_pictures import red_blue

TEXTS = ["a red cat", "the photo of a blue square", "dog"]


def image(name: str | Path, tmp_path: Path, **options: str) -> TorchTower | FolderTower:
    return load_tower(str(name), Modality.IMAGE, made=tmp_path / "made-image", **options)


def text(name: str | Path, tmp_path: Path, **options: str) -> TorchTower | FolderTower:
    return load_tower(
        str(name), Modality.TEXT, made=tmp_path / "made-text", captions=TEXTS, **options
    )


def cnn(folder: Path) -> Path:
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic"
    )
    transformers.ResNetModel(config).save_pretrained(folder)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)
    return folder


def test_poolings(tmp_path: Path) -> None:
    pictures = [Image(red_blue())]
    vit = tiny_hub.vit(tmp_path / "vit")
    model = transformers.ViTModel.from_pretrained(vit).eval()
    tower = image(vit, tmp_path)
    assert isinstance(tower, TorchTower) and tower.dimension == tiny_hub.WIDTH
    with torch.inference_mode():
        outputs = model(tower.prepare(pictures)["pixel_values"])
    states = outputs.last_hidden_state[0].numpy()
    wanted = {"cls": states[0], "mean": states.mean(axis=0), "max": states.max(axis=0)}
    wanted["pooler"] = outputs.pooler_output[0].numpy()
    for pooling, vector in wanted.items():
        found = image(vit, tmp_path, pooling=pooling).encode(pictures)
        np.testing.assert_allclose(found[0], vector, atol=1e-5)
    np.testing.assert_allclose(tower.encode(pictures)[0], wanted["cls"], atol=1e-5)
    with pytest.raises(UsageError, match="unknown pooling"):
        image(vit, tmp_path, pooling="first")


def test_a_cnn_is_averaged_over_its_map(tmp_path: Path) -> None:
    tower = image(cnn(tmp_path / "cnn"), tmp_path)
    assert isinstance(tower, TorchTower) and tower.has_batch_norm and tower.dimension == 16
    model = transformers.ResNetModel.from_pretrained(tmp_path / "cnn").eval()
    with torch.inference_mode():
        features = model(tower.prepare([Image(red_blue())])["pixel_values"]).last_hidden_state
    found = tower.encode([Image(red_blue())])[0]
    np.testing.assert_allclose(found, features.mean(dim=(2, 3))[0].numpy(), atol=1e-5)
    with pytest.raises(UsageError, match="gives maps of features"):
        image(tmp_path / "cnn", tmp_path, pooling="pooler")


def test_e5_has_its_prefix(tmp_path: Path) -> None:
    plain, e5 = tiny_hub.bert(tmp_path / "bert"), tiny_hub.bert(tmp_path / "e5-small")
    wanted = text(plain, tmp_path).encode([f"query: {one}" for one in TEXTS])
    np.testing.assert_allclose(text(e5, tmp_path).encode(TEXTS), wanted, atol=1e-6)
    np.testing.assert_allclose(
        text(plain, tmp_path, prefix="query: ").encode(TEXTS), wanted, atol=1e-6
    )
    assert np.abs(text(e5, tmp_path, prefix="").encode(TEXTS) - wanted).max() > 1e-3


def test_one_model_with_both(tmp_path: Path) -> None:
    clip = tiny_hub.clip(tmp_path / "clip")
    sides = image(clip, tmp_path), text(clip, tmp_path)
    assert sides[0].space == sides[1].space != ""
    original = HubEncoder(clip)
    for tower, items in zip(sides, ([Image(red_blue())], TEXTS), strict=True):
        found = tower.encode(items)  # type: ignore[arg-type]
        found /= np.linalg.norm(found, axis=1, keepdims=True)
        np.testing.assert_allclose(found, original.encode(items), atol=1e-5)


def test_an_encoders_folder(tmp_path: Path, tiny: Path) -> None:
    tower = text(tiny, tmp_path)
    assert isinstance(tower, FolderTower) and tower.space == image(tiny, tmp_path).space != ""
    np.testing.assert_array_equal(tower.encode(TEXTS), load_encoder(tiny).encode(TEXTS))
    with pytest.raises(UsageError, match="pooling is part of its graph"):
        text(tiny, tmp_path, pooling="mean")


def test_new_towers(tmp_path: Path) -> None:
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
             "intermediate_size": 16}  # fmt: skip
    vit = tmp_path / "vit.json"
    vit.write_text(json.dumps({"model_type": "vit", **small, "image_size": 16, "patch_size": 8}))
    bert = tmp_path / "bert.json"
    bert.write_text(json.dumps({"model_type": "bert", **small, "vocab_size": 60}))
    for tower in (image(vit, tmp_path), text(bert, tmp_path)):
        assert isinstance(tower, TorchTower) and tower.is_new and tower.dimension == 16
    again = text(bert, tmp_path)  # as it was made, not made anew
    np.testing.assert_array_equal(again.encode(TEXTS), text(bert, tmp_path).encode(TEXTS))
    other = load_tower(str(bert), Modality.TEXT, made=tmp_path / "other", captions=TEXTS[::-1])
    vocabularies = [
        (tmp_path / made / "tokenizer.json").read_text() for made in ("made-text", "other")
    ]
    assert other.dimension == 16 and vocabularies[0] == vocabularies[1]
    assert len(np.unique(again.encode(TEXTS).round(4), axis=0)) == len(TEXTS)
    (tmp_path / "x.json").write_text('{"model_type": "no such"}')
    with pytest.raises(UsageError, match="no tower can be made of it"):
        load_tower(str(tmp_path / "x.json"), Modality.IMAGE, made=tmp_path / "x")
    (tmp_path / "y.json").write_text("[]")
    with pytest.raises(UsageError, match="with a model_type"):
        load_tower(str(tmp_path / "y.json"), Modality.IMAGE, made=tmp_path / "y")


def test_what_is_no_such_tower(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it is no image tower"):
        image(tiny_hub.bert(tmp_path / "bert"), tmp_path)


@pytest.mark.parametrize("kind", ["linear", "mlp"])
def test_a_projection_as_matrices_and_modules(kind: str) -> None:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    vectors = (rng.normal(size=(20, 7)) * 3 + 5).astype(np.float32)
    projection = Projection(7, 4, kind, hidden=9, dropout=0.5)
    projection.standardise(vectors)
    projection.eval()
    with torch.inference_mode():
        wanted = projection(torch.from_numpy(vectors)).numpy()
        features = {"sentence_embedding": torch.from_numpy(vectors)}
        for module in projection.dense():
            features = module(features)
    np.testing.assert_allclose(projection.layers()(vectors), wanted, atol=1e-5)
    np.testing.assert_allclose(features["sentence_embedding"].numpy(), wanted, atol=1e-5)


def test_projections_that_cannot_be() -> None:
    same = Projection(5, 5, identity=True)
    vectors = torch.randn(3, 5)
    torch.testing.assert_close(same(vectors), vectors)
    with pytest.raises(UsageError, match="linear and square"):
        Projection(5, 4, identity=True)
    with pytest.raises(UsageError, match="another width"):
        Projection(5, 4, "mlp", hidden=5)
    with pytest.raises(UsageError, match="unknown projection"):
        Projection(5, 4, "cnn")
