"""Models of the hub get texts as they were trained, and weights of half precision are weights."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("sentence_transformers", reason="needs the extra hub: make hub")

import torch
import transformers

from sensorium import Image, Text, load_encoder
from sensorium.media import Modality
from tests.encoders import tiny_hub
from tests.media.small_pictures import encode, red_blue

TEXTS = ["a red cat", "the photo of a blue square", "dog"]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.set_num_threads(1)
    return tmp_path_factory.mktemp("hub")


def same(found: Any, wanted: Any) -> bool:
    return bool(np.abs(np.asarray(found) - np.asarray(wanted)).max() < 1e-5)


# Files


@pytest.mark.parametrize("name", ["clip", "bert", "qwen_vl", "clap"])
def test_a_text_that_is_called_like_a_file_is_a_text(
    models: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(getattr(tiny_hub, name)(models / name))
    named = [
        "dog.png",
        "cat.wav",
        "red.mp4",
        "https://example.org/dog.jpg",
        "data:image/png;base64",
    ]
    absent = encoder.encode([Text(text) for text in named])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "dog.png").write_bytes(encode(red_blue(), "PNG"))
    for other in ("cat.wav", "red.mp4"):
        (tmp_path / other).write_bytes(b"no media")
    for role in ("document", "query"):
        found = encoder.encode([Text(text) for text in named], role=role)
        assert same(found, absent)
    if name == "clip":
        assert not same(encoder.encode([Image(tmp_path / "dog.png")]), absent[:1])


# Tokens


@pytest.mark.parametrize("name", ["clip", "bert", "prompted"])
def test_tokens_are_those_that_the_model_gets(models: Path, name: str) -> None:
    encoder = load_encoder(getattr(tiny_hub, name)(models / f"{name}-tokens"))
    for text in (*TEXTS, "a dog " * 100):
        given = encoder.features(Modality.TEXT, [encoder.prepare(Text(text))])
        assert encoder.tokens(text) == int(given["attention_mask"].sum()), text
    assert encoder.tokens_in(encoder.prepare(Text("dog"))) is None  # the model cuts


# Lower case


def _with_words_of_gemma(folder: Path) -> Path:
    """A tiny SigLIP whose tokenizer has the token by which Gemma's vocabulary is known."""
    path = tiny_hub.siglip(folder) / "tokenizer.json"
    words = json.loads(path.read_text())
    words["model"]["vocab"] |= {"<start_of_turn>": len(words["model"]["vocab"])}
    path.write_text(json.dumps(words))
    return folder


def test_siglip_2_gets_lower_case(models: Path) -> None:
    """Most of its checkpoints call themselves siglip, with Gemma's tokenizer."""
    second = load_encoder(_with_words_of_gemma(models / "second"))
    assert json.loads((models / "second" / "config.json").read_text())["model_type"] == "siglip"
    assert same(second.encode(["The RED Cat"]), second.encode(["the red cat"]))
    assert second.space.preprocessing["lower_case"] is True
    first = load_encoder(tiny_hub.siglip(models / "first"))
    assert not same(first.encode(["The RED Cat"]), first.encode(["the red cat"]))
    assert "lower_case" not in first.space.preprocessing
    assert same(first.encode(["the red cat"]), second.encode(["the red cat"]))


# Half precision


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", ["clip", "siglip", "bert", "clap"])
def test_weights_of_half_precision_are_taken_as_numbers(
    models: Path, name: str, half: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Vectors are those of the rounded weights in full precision, as a reference computes them."""
    monkeypatch.setenv("SENSORIUM_PRECISION", "f32")
    whole = getattr(tiny_hub, name)(tmp_path / "whole")
    stored = getattr(tiny_hub, name)(tmp_path / "stored")
    model = transformers.AutoModel.from_pretrained(whole, dtype=torch.float32)
    model.to(half).save_pretrained(stored)
    assert json.loads((stored / "config.json").read_text())["dtype"] == str(half).split(".")[1]
    model.float().save_pretrained(whole)
    found, wanted = (load_encoder(folder) for folder in (stored, whole))
    assert same(found.encode(TEXTS), wanted.encode(TEXTS))
    assert found.temperature == pytest.approx(wanted.temperature, rel=1e-3)
    if name in ("clip", "siglip"):
        picture = Image(encode(red_blue(), "PNG"))
        assert same(found.encode([picture]), wanted.encode([picture]))
