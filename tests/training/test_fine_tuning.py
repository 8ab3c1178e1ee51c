from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("peft")

import peft
import torch
import transformers
from safetensors.torch import load_file

from sensorium import Collection, Image, load_encoder
from sensorium.data.labelled import read_examples
from sensorium.errors import SpaceMismatchError, UsageError
from sensorium.media import Modality
from sensorium.training import Classifier, load_classifier
from sensorium.training.fine_tuning import EncoderWithHead, tune
from sensorium.training.loop import Settings
from tests.encoders import tiny_hub
from tests.training.pictures import write_classes

FAST = {"epochs": 4, "batch_size": 6, "learning_rate": 3e-3}


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_hub.clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_classes(tmp_path_factory.mktemp("classes"), count=6)


@pytest.fixture(scope="module", params=["lora", "full"])
def tuned(request: Any, clip: Path, folder: Path) -> Classifier:
    return Classifier(request.param, clip, settings=FAST).fit(folder)


def test_training_lowers_the_loss_and_keeps_the_base(
    clip: Path, folder: Path, tmp_path: Path
) -> None:
    examples = read_examples(folder)
    before = load_encoder(clip)
    found = {}
    for method in ("lora", "full"):
        tune(
            method, str(clip), examples, [*examples.words],
            before.encode(["red", "green", "blue"]), 0.05, tmp_path / method, alpha=1.0,
            settings=Settings(**FAST),
        )  # fmt: skip
        history = json.loads((tmp_path / method / "history.json").read_text())
        losses = history["losses"]
        assert np.mean(losses[-3:]) < 0.9 * np.mean(losses[:3])
        found[method] = load_encoder(tmp_path / method / "encoder")
        assert found[method].space.fingerprint != before.space.fingerprint
        # What the pictures do not pass through is as it was.
        texts = ["a red cat", "the dog"]
        np.testing.assert_allclose(found[method].encode(texts), before.encode(texts), atol=1e-5)
    assert load_encoder(clip).space.fingerprint == before.space.fingerprint


def test_alpha_0_and_1_are_the_encoders_before_and_after(
    clip: Path, folder: Path, tmp_path: Path
) -> None:
    examples = read_examples(folder)
    base = load_encoder(clip)
    words = base.encode(["red", "green", "blue"])
    pictures = base.encode(examples.sources)
    for method in ("lora", "full"):
        ends, states = {}, {}
        for alpha in (0.5, 0.0, 1.0):  # trained once; the folder's training is then finished
            ends[alpha] = tune(
                method, str(clip), examples, [*examples.words], words, 0.05,
                tmp_path / method, alpha=alpha,
                settings=Settings(max_steps=4, batch_size=6, learning_rate=3e-3),
            )  # fmt: skip
            states[alpha] = _state(ends[alpha].folder)
            if alpha == 0.0:
                before = load_encoder(ends[alpha].folder)
                np.testing.assert_allclose(before.encode(examples.sources), pictures, atol=1e-5)
        np.testing.assert_allclose(ends[0.0].weights, words / 0.05, rtol=1e-5)
        middle = (ends[0.0].weights + ends[1.0].weights) / 2
        np.testing.assert_allclose(ends[0.5].weights, middle, rtol=1e-4, atol=1e-5)
        low, high = states[0.0], states[1.0]
        changed = [key for key in low if not torch.equal(low[key], high[key])]
        assert changed and all("vision" in key or "visual" in key for key in changed)
        for key in changed:
            torch.testing.assert_close(states[0.5][key], (low[key] + high[key]) / 2)
    # With alpha 1: the trained model as the loop left it, without any interpolation.
    last = load_file(tmp_path / "full" / "checkpoints" / "finished.safetensors")
    model = EncoderWithHead(base.model, torch.from_numpy(words), 20.0)  # type: ignore[attr-defined]
    model.load_state_dict(last, strict=False)
    prepared = [base.prepare(Image(path)) for path in examples.sources]
    with torch.inference_mode():
        features = base.features(Modality.IMAGE, prepared)  # type: ignore[attr-defined]
        expected = model.eval()(features)["logits"].numpy()
    ours = load_encoder(ends[1.0].folder).encode(examples.sources)
    logits = ours @ ends[1.0].weights.T + ends[1.0].bias
    np.testing.assert_allclose(logits, expected, atol=1e-3)


def _state(folder: Path) -> dict[str, Any]:
    (file,) = folder.rglob("model.safetensors")
    found: dict[str, Any] = load_file(file)
    return found


def test_classifier_round_trip_and_report(tuned: Classifier, folder: Path, tmp_path: Path) -> None:
    pictures = sorted(folder.glob("*/*.png"))[::3]
    expected = tuned.predict_proba(pictures)
    np.testing.assert_allclose(expected.sum(axis=1), 1, atol=1e-5)
    report = tuned.evaluate(others=write_classes(tmp_path / "others", ("cat", "dog"), 2))
    assert report.how == "examples held out from training" and report.tested == 3
    assert report.zero_shot is not None and report.forgetting is not None
    assert report.forgetting.others == ["cat", "dog"]
    assert report.interpolation is not None
    assert [alpha for alpha, _ in report.interpolation.curve][::10] == [0.0, 1.0]
    best = max(accuracy for _, accuracy in report.interpolation.curve)
    assert dict(report.interpolation.curve)[report.interpolation.alpha] == best
    saved = tuned.save(tmp_path / "saved")
    loaded = load_classifier(saved)
    np.testing.assert_allclose(loaded.predict_proba(pictures), expected, atol=1e-5)
    assert loaded.head.space.fingerprint == tuned.head.space.fingerprint
    again = loaded.evaluate(folder)
    assert again.tested == 18 and again.zero_shot is not None
    with_frozen = Classifier("nearest-mean", tuned.encoder).fit(folder)
    with_frozen.save(tmp_path / "copy")
    loaded.save(tmp_path / "copy")
    np.testing.assert_allclose(
        load_classifier(tmp_path / "copy").predict_proba(pictures), expected, atol=1e-5
    )
    with_frozen.save(tmp_path / "copy")  # in its place: nothing of the other is left
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {
        "classifier.json", "weights.npz",
    }  # fmt: skip
    # A collection has to move into the tuned space first; the error says how.
    with Collection(tmp_path / "c.sensorium", tuned.encoder) as library:
        library.add(folder)
        with pytest.raises(SpaceMismatchError, match="sensorium reembed --encoder"):
            library.label(saved)
        library.reembed(saved / "encoder")
        labelled = library.label(saved)
    assert [item.labels[0][0] for item in labelled] == loaded.predict([i.path for i in labelled])


def test_adapter_is_in_the_format_of_peft(clip: Path, folder: Path, tmp_path: Path) -> None:
    fitted = Classifier("lora", clip, settings=FAST, alpha=1.0, holdout=0).fit(folder)
    saved = fitted.save(tmp_path / "saved")
    model = transformers.CLIPModel.from_pretrained(clip)
    adapted = peft.PeftModel.from_pretrained(model, str(saved / "adapter")).merge_and_unload()
    merged = transformers.CLIPModel.from_pretrained(saved / "encoder")
    theirs = dict(adapted.named_parameters())
    for name, parameter in merged.named_parameters():
        torch.testing.assert_close(parameter, theirs[name], atol=1e-5, rtol=1e-4)
    size = (saved / "adapter" / "adapter_model.safetensors").stat().st_size
    assert size < (saved / "encoder" / "model.safetensors").stat().st_size


def test_texts_tune_a_text_encoder(tmp_path: Path) -> None:
    name = tiny_hub.bert(tmp_path / "bert")
    texts = ["a red cat", "the red cat", "red cat of the photo", "cat", "the cat"]
    others = ["a blue dog", "the blue dog", "blue dog of the photo", "dog", "the dog"]
    labels = ["cat"] * 5 + ["dog"] * 5
    fitted = Classifier("full", name, settings=FAST, holdout=0).fit([*texts, *others], labels)
    assert fitted.predict(["red cat", "blue dog"]) == ["cat", "dog"]
    few = Classifier("lora", name, settings={**FAST, "max_steps": 1}, holdout=0)
    few.fit([*texts[:2], *others[:2]], ["cat", "cat", "dog", "dog"])
    assert few.head.settings["alpha"] == 0.5 and "fewer than three" in few.predictor.note


def test_what_cannot_be_tuned_is_said(clip: Path, folder: Path, tiny: Path) -> None:
    with pytest.raises(UsageError, match="stored as ONNX"):
        Classifier("lora", tiny).fit(folder)
    vectors = np.eye(24, dtype=np.float32)[:4]
    with pytest.raises(UsageError, match="give media"):
        Classifier("full", clip, holdout=0).fit(vectors, ["a", "a", "b", "b"])
    with pytest.raises(UsageError, match="no setting speed"):
        Classifier("full", clip, settings={"speed": 3}).fit(folder)
    with pytest.raises(UsageError, match="dimension"):
        Classifier("full", f"{clip}?dimension=8").fit(folder)
    with pytest.raises(UsageError, match="rank"):
        Classifier("lora", clip, rank=-1).fit(folder)
