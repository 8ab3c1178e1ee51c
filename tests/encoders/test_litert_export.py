"""Encoders converted to LiteRT agree with what they were made from, or are not written.

litert-torch asks for older releases of packages that other extras need newer, so these run in an
environment of its own: `make test-litert`.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip(
    "litert_torch", reason="needs the extra export-litert, in its own environment: make test-litert"
)

from sensorium import Image, load_encoder
from sensorium.cli.app import app
from sensorium.encoders import Encoder, FolderEncoder
from sensorium.encoders.export import litert, towers
from sensorium.encoders.export.checks import ExportReport
from sensorium.encoders.export.litert import export_litert
from sensorium.encoders.hub import HubEncoder
from sensorium.encoders.int8 import export_int8
from sensorium.encoders.litert_runtime import LiteRTRuntime
from sensorium.encoders.quantizing_litert import layers_in_8_bits
from sensorium.errors import EncoderError, UsageError
from sensorium.tasks.classifier_litert import export_classifier
from sensorium.tasks.fusion import load_fusion
from sensorium.training import Classifier, load_classifier
from sensorium.training.fusion import SETTINGS, FusionClassifier
from tests.agreement import RUNTIMES, assert_agree
from tests.encoders import tiny_hub
from tests.training.multimodal import write_table

pytestmark = pytest.mark.slow

TEXTS = ["a red cat", "the photo of a blue square", "dog", "a " * 40]
TINY = ("clip", "siglip", "bert", "vit")

Exported = Callable[[str], tuple[Encoder, Path, ExportReport]]


@pytest.fixture(scope="module")
def images(sample: Path) -> list[Path]:
    return sorted((sample / "images").glob("*.jpg"))[:24]


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory, images: list[Path], tiny: Path) -> Exported:
    """An encoder, its folder for LiteRT and the report; each is converted once."""

    @cache
    def get(name: str) -> tuple[Encoder, Path, ExportReport]:
        folder = tmp_path_factory.mktemp(name)
        original: Any = (
            HubEncoder(getattr(tiny_hub, name)(folder / name))
            if name in TINY
            else load_encoder(tiny if name == "tiny" else name, runtime="onnxruntime")
        )
        batches = (1, 4) if name in ("clip", "tiny") else (2,)
        report = export_litert(original, folder / "litert", images=images[:12], batches=batches)
        return original, folder / "litert", report

    return get


@pytest.mark.parametrize("name", [*TINY, "tiny", "mini"])
def test_agreement(exported: Exported, images: list[Path], name: str) -> None:
    original, folder, report = exported(name)
    ours = load_encoder(folder)
    assert isinstance(ours, FolderEncoder)
    assert ours.space.modalities == original.space.modalities
    assert [a.modality for a in report.agreements] == [*map(str, original.space.modalities)]
    assert all(0.999 <= a.lowest <= 1.001 for a in report.agreements)
    assert ours.temperature == original.temperature
    assert [*ours.prompts] == [*original.prompts]
    random = np.random.default_rng(0)
    odd = [Image(random.integers(0, 256, shape, np.uint8)) for shape in ((40, 50), (64, 32, 4))]
    pictures = [*(Image(path) for path in images[:5]), *odd]
    for modality, inputs in (("text", TEXTS[:4]), ("image", pictures)):
        if modality in original.space.modalities:
            assert_agree(ours.encode(inputs), original.encode(inputs), RUNTIMES)
            one = np.concatenate([ours.encode([item]) for item in inputs])
            np.testing.assert_allclose(one, ours.encode(inputs), atol=1e-4)
    if name == "mini":
        assert_agree(ours.encode(["x"]), original.encode(["x"]), RUNTIMES)
        assert (folder / "words.npy").is_file() and (folder / "background.npy").is_file()
        assert ours.as_read("A HORSE") == original.as_read("A HORSE")


def test_in_8_bits(exported: Exported, images: list[Path], tmp_path: Path) -> None:
    _, folder, _ = exported("clip")
    source = FolderEncoder(folder)
    report = export_int8(source, tmp_path / "small", images=images)
    assert all(loss.layers >= 10 and not loss.refusal for loss in report.losses)
    assert all(0.99 < loss.lowest <= 1.001 for loss in report.losses)
    small = load_encoder(tmp_path / "small")
    assert "LiteRT int8" in small.runtime
    assert small.space.fingerprint != source.space.fingerprint
    assert layers_in_8_bits((folder / "image.tflite").read_bytes()) == 0
    for items in (images[:6], TEXTS[:4]):
        alone = np.concatenate([small.encode([item]) for item in items])
        assert_agree(alone, small.encode(items))  # no scale depends on the batch
    with pytest.raises(EncoderError, match="in LiteRT's format already"):
        export_litert(FolderEncoder(tmp_path / "small"), tmp_path / "again", images=images)


def test_a_bad_tower_is_not_hidden(
    tmp_path: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = HubEncoder(tiny_hub.vit(tmp_path / "vit"))
    right = towers._fitting
    monkeypatch.setattr(towers, "_fitting", lambda *given: {**right(*given), "fit": "pad"})
    with pytest.raises(EncoderError, match=r"image tower is another model: cosine .* nothing was"):
        export_litert(original, tmp_path / "litert", images=images, batches=(1,))
    assert [path.name for path in tmp_path.iterdir()] == ["vit"]


def test_what_cannot_be_converted_says_so(
    tmp_path: Path, images: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    original = HubEncoder(tiny_hub.vit(tmp_path / "vit"))
    before = original._model[0].model.config._attn_implementation

    def broken(self: Any, pixels: Any) -> Any:
        return pixels.double().sum().item()  # depends on what is in the picture

    monkeypatch.setattr(towers.ImageTower, "forward", broken)
    with pytest.raises(
        EncoderError, match=r"vit cannot be converted to LiteRT: image\.tflite: .+; no"
    ):
        export_litert(original, tmp_path / "litert", images=images, batches=(1,))
    assert not (tmp_path / "litert").exists()
    assert original._model[0].model.config._attn_implementation == before


def test_what_is_refused(tmp_path: Path, images: list[Path], tiny: Path) -> None:
    encoder = FolderEncoder(tiny)
    for batches in ((), (0,), (1, 1000)):
        with pytest.raises(UsageError, match="sizes of batches are from 1 to 256"):
            export_litert(encoder, tmp_path / "new", images=images, batches=batches)
    with pytest.raises(UsageError, match="not empty"):
        export_litert(encoder, tiny, images=images)
    with pytest.raises(UsageError, match="name pictures"):
        export_litert(encoder, tmp_path / "new")
    ear = load_encoder("ear")
    assert isinstance(ear, FolderEncoder)
    with pytest.raises(EncoderError, match="neither an image nor a text tower"):
        export_litert(ear, tmp_path / "new")
    folder = tmp_path / "rounded"
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "encoder.json").read_text())
    config["image"]["int8"] = 3
    config = {key: value for key, value in config.items() if key != "checksum"}
    (folder / "encoder.json").write_text(json.dumps(config))
    with pytest.raises(EncoderError, match="in 8 bits already: export it from its float form"):
        export_litert(FolderEncoder(folder), tmp_path / "new", images=images)
    assert not (tmp_path / "new").exists()


def test_lengths_grow_by_steps() -> None:
    assert litert._lengths({"max_tokens": 128}) == [32, 128]
    assert litert._lengths({"max_tokens": 512}) == [32, 128, 512]
    assert litert._lengths({"max_tokens": 77, "pad_to": 77}) == [77]
    assert litert._lengths({"max_tokens": 16}) == [16]


def test_from_the_shell(tiny: Path, tmp_path: Path, sample: Path) -> None:
    images = str(sample / "images")
    done = CliRunner().invoke(
        app, ["export", str(tiny), str(tmp_path / "new"), "--format", "litert", "--batch", "3",
              "--images", images],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "LiteRT f32 on CPU" in done.output and "image in f32, text in f32" in done.output
    assert load_encoder(tmp_path / "new").encode(["cat"]).shape == (1, 48)


@pytest.mark.parametrize("method", ["linear-probe", "tip-adapter", "nearest-mean"])
def test_a_classifier(method: str, tiny: Path, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    names, colours = ("red", "green", "blue"), np.eye(3) * 200
    for number in range(18):
        folder = tmp_path / "things" / names[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(colours[number % 3] + random.normal(0, 40, (32, 32, 3)), 0, 255)
        Image(pixels.astype(np.uint8)).load().save(folder / f"{number}.png")
    trained = Classifier(method, encoder=tiny).fit(tmp_path / "things")
    trained.save(tmp_path / "trained")
    pictures = sorted((tmp_path / "things").rglob("*.png"))
    done = CliRunner().invoke(
        app, ["export", str(tmp_path / "trained"), str(tmp_path / "phone"), "--format", "litert",
              "--images", str(tmp_path / "things")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "is the same for 18 of 18" in done.output
    wanted = load_classifier(tmp_path / "trained").predict_proba(pictures)
    made = load_classifier(tmp_path / "phone")
    np.testing.assert_allclose(made.predict_proba(pictures), wanted, atol=1e-3)
    encoder = load_encoder(tmp_path / "phone" / "encoder")
    assert encoder.space.modalities == ("image",)
    vectors = encoder.encode(pictures)
    head = LiteRTRuntime(tmp_path / "phone" / "classifier.tflite")
    np.testing.assert_allclose(head.run({"vectors": vectors}), wanted, atol=1e-3)
    assert [one.name for one in head.signatures] == ["batch_1", "batch_4"]


def test_which_classifiers_are_refused(tiny: Path, tmp_path: Path) -> None:
    vectors = load_encoder(tiny).encode(["cat", "dog"])
    trained = Classifier("nearest-mean", encoder=tiny).fit(vectors, ["cat", "dog"])
    head = replace(trained.head, modality="audio")
    head.save(tmp_path / "heard")
    with pytest.raises(UsageError, match=r"labels media of the kind audio; .* images and of texts"):
        export_classifier(tmp_path / "heard", tmp_path / "phone")
    head.save(tmp_path / "own")
    config = json.loads((tmp_path / "own" / "classifier.json").read_text())
    config = {key: value for key, value in config.items() if key != "checksum"}
    (tmp_path / "own" / "classifier.json").write_text(json.dumps({**config, "method": "image"}))
    with pytest.raises(UsageError, match="has a model of its own and takes media"):
        export_classifier(tmp_path / "own", tmp_path / "phone")
    done = CliRunner().invoke(app, ["export", str(tmp_path / "heard"), str(tmp_path / "phone")])
    assert done.exit_code != 0 and not (tmp_path / "phone").exists()


@pytest.mark.parametrize("method", ["linear", "early", "late", "hybrid"])
def test_a_fusion_model(method: Any, tiny: Path, tmp_path: Path) -> None:
    whole = write_table(tmp_path / "rows", rows=30)
    rows = [json.loads(line) for line in whole.read_text().splitlines()]
    for row in rows:
        del row["sound"]
    rows[3] |= {"photo": None, "size": None}
    rows[4]["note"] = None
    whole.write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = replace(SETTINGS, epochs=1, batch_size=8, patience=None, save_every=1000)
    kinds = {} if method == "linear" else {"width": 16, "heads": 2, "layers": 2}
    names = {"image": str(tiny), "text": str(tiny)}
    model = FusionClassifier(method, encoder=names, settings=settings, **kinds)
    encoded = model.encode(whole, leave_out=["kind", "price"])
    targets: dict[str, Any] = {"kind": "category", "price": "number"}
    model.fit(encoded.take(range(20)), targets, validation=encoded.take(range(20, 30)))
    model.save(tmp_path / "trained")
    done = CliRunner().invoke(
        app, ["export", str(tmp_path / "trained"), str(tmp_path / "phone"), "--format", "litert"]
    )
    assert done.exit_code == 0, done.output
    made = LiteRTRuntime(tmp_path / "phone" / "fusion.tflite")
    given: dict[str, Any] = {}
    for name, parts in model.batches.inputs(encoded, [*range(30)]).items():
        for key, values in parts.items():
            array = values.numpy()
            if key in ("tokens", "column", "mask"):
                short = [(0, 0), (0, 4 - array.shape[1]), *[(0, 0)] * (array.ndim - 2)]
                array = np.pad(array, short)
            given[f"{name}_{key}"] = array
    found = made.outputs(given)
    np.testing.assert_allclose(found["output_0"], model.predict_proba(encoded)["kind"], atol=1e-4)
    prices = model.predict(encoded)["price"]
    np.testing.assert_allclose(found["output_1"][:, 0], prices, rtol=1e-4, atol=0.05)
    again = load_fusion(tmp_path / "phone")
    np.testing.assert_array_equal(again.predict(encoded)["price"], prices)
