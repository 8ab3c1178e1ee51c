"""From captioned pictures to an encoder that a collection takes, for every kind of tower."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")

from sensorium import Collection, Image, load_encoder
from sensorium.encoders import FolderEncoder
from sensorium.encoders.hub import HubEncoder
from sensorium.errors import UsageError
from sensorium.training.contrastive import (
    MEAN_RECALL,
    ContrastiveReport,
    Options,
    train_contrastive,
)
from sensorium.training.loop import Settings
from tests.agreement import RUNTIMES, assert_agree
from tests.encoders import tiny_hub

COLORS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (40, 40, 220)}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Squares in three colours, four of each, with a caption of one sort or two of another."""
    folder = tmp_path_factory.mktemp("squares")
    rng = np.random.default_rng(0)
    lines = ["path,caption,caption_more"]
    for number in range(4):
        for color, rgb in COLORS.items():
            noise = rng.integers(-20, 20, (40, 40, 3))
            pixels = (np.array(rgb) + noise).clip(0, 255).astype(np.uint8)
            PIL.Image.fromarray(pixels).save(folder / f"{color}{number}.png")
            lines.append(f"{color}{number}.png,a {color} square,{color if number else ''}")
    (folder / "broken.png").write_bytes(b"\x89PNG no")
    lines.append("broken.png,a blue square,")
    (folder / "data.csv").write_text("\n".join(lines))
    return folder / "data.csv"


SETTINGS = Settings(epochs=25, batch_size=8, learning_rate=0.02, validate_every=10, save_every=10)


def run(data: Path, folder: Path, image: Path, text: Path, **options: object) -> ContrastiveReport:
    settings = options.pop("settings", SETTINGS)
    assert isinstance(settings, Settings)
    chosen = Options(str(image), str(text), **options)  # type: ignore[arg-type]
    return train_contrastive(data, folder, chosen, settings, validation=data)


def check(report: ContrastiveReport, data: Path) -> None:
    """It learnt what was there to learn, and is what was scored, as a new process would load it."""
    assert min(report.after[f"{way} R@1"] for way in ("text to image", "image to text")) >= 0.75
    assert report.after[MEAN_RECALL] > report.before[MEAN_RECALL] + 0.2
    assert [one.path for one in report.skipped] == ["broken.png"] * 2
    assert (report.pictures, report.captions, report.validation_pictures) == (12, 21, 12)
    encoder = load_encoder(report.folder)
    pictures = [Image(data.parent / f"{color}1.png") for color in COLORS]
    cosines = encoder.encode([f"a {color} square" for color in COLORS]) @ encoder.encode(pictures).T
    assert (cosines.argmax(axis=1) == np.arange(3)).all()
    stored = json.loads((report.folder / "training" / "report.json").read_text())
    assert stored["after"] == report.after and (report.folder / "training/curves.png").exists()


def test_locked_folders_need_no_torch(
    tmp_path: Path, data: Path, tiny: Path, other_tiny: Path
) -> None:
    pytest.importorskip("onnx")
    report = run(
        data, tmp_path / "out", tiny, other_tiny, projection="mlp", hidden=32, dimension=16
    )
    assert not report.is_zero_shot and 0 < report.before["text to image R@1"] < 0.5
    check(report, data)
    encoder = load_encoder(report.folder)
    assert isinstance(encoder, FolderEncoder) and encoder.space.dimension == 16
    assert encoder.temperature == pytest.approx(0.07, abs=0.05)
    with Collection(tmp_path / "c", report.folder) as collection:
        collection.add(data.parent / "red0.png", data.parent / "blue0.png")
        assert next(hit.path for hit in collection.search("a blue square", k=1)).endswith(
            "blue0.png"
        )
    # Vectors kept by the first training are all that the second needs.
    again = run(data, tmp_path / "out", tiny, other_tiny, projection="mlp", hidden=32, dimension=16)
    assert again.after == report.after and again.history == report.history


def test_one_space_begins_as_it_is(tmp_path: Path, data: Path, tiny: Path) -> None:
    pytest.importorskip("onnx")
    settings = Settings(epochs=1, batch_size=8, learning_rate=1e-9)
    report = run(data, tmp_path / "out", tiny, tiny, settings=settings)
    assert report.is_zero_shot
    assert report.after == pytest.approx(report.before)
    texts = ["a red cat", "the photo of a blue square"]
    new, old = (
        load_encoder(folder, runtime="onnxruntime").encode(texts)  # in full precision everywhere
        for folder in (report.folder, tiny)
    )
    np.testing.assert_allclose(new, old, atol=1e-4)
    assert_agree(load_encoder(report.folder).encode(texts), old, RUNTIMES)


@pytest.mark.slow
def test_tuned_towers_of_transformers(tmp_path: Path, data: Path) -> None:
    vit, bert = tiny_hub.vit(tmp_path / "vit"), tiny_hub.bert(tmp_path / "bert")
    before = load_encoder(bert).encode(["a red square"])
    report = run(
        data, tmp_path / "out", vit, bert, tune=("image", "text"), loss="sigmoid", piece=3,
        tower_learning_rate=1e-3, text_prefix="query: ",
    )  # fmt: skip
    check(report, data)
    encoder = load_encoder(report.folder)
    assert isinstance(encoder, HubEncoder) and encoder.sigmoid is not None
    assert encoder.sigmoid[1] == pytest.approx(-10, abs=3)
    # The fingerprint is of what changes vectors, not of what was written beside it.
    fingerprint = encoder.space.fingerprint
    (report.folder / "training" / "report.json").unlink()
    assert load_encoder(report.folder).space.fingerprint == fingerprint
    np.testing.assert_array_equal(load_encoder(bert).encode(["a red square"]), before)


@pytest.mark.slow
def test_a_trained_encoder_is_exported(tmp_path: Path, data: Path) -> None:
    pytest.importorskip("onnxscript")
    from sensorium.encoders.export.onnx import export

    vit, bert = tiny_hub.vit(tmp_path / "vit"), tiny_hub.bert(tmp_path / "bert")
    report = run(data, tmp_path / "out", vit, bert, tune=("image",), tower_learning_rate=1e-3)
    check(report, data)
    pictures = sorted(data.parent.glob("*[0-9].png"))
    export(HubEncoder(report.folder), tmp_path / "onnx", images=pictures)
    exported, original = load_encoder(tmp_path / "onnx"), load_encoder(report.folder)
    assert isinstance(exported, FolderEncoder)
    items = ["a red square", *map(Image, pictures)]
    assert (exported.encode(items) * original.encode(items)).sum(axis=1).min() > 0.995
    assert exported.temperature == original.temperature


@pytest.mark.slow
def test_one_locked_folder_one_tuned_tower(tmp_path: Path, data: Path, tiny: Path) -> None:
    """LiT: a locked image tower in ONNX, a text tower in torch that is exported in the end."""
    pytest.importorskip("onnxscript")
    bert = tiny_hub.bert(tmp_path / "bert")
    report = run(data, tmp_path / "out", tiny, bert, tune=("text",), tower_learning_rate=1e-3)
    check(report, data)
    assert isinstance(load_encoder(report.folder), FolderEncoder)


def test_what_is_refused(tmp_path: Path, data: Path, tiny: Path, other_tiny: Path) -> None:
    pytest.importorskip("onnx")
    with pytest.raises(UsageError, match="cannot be tuned"):
        run(data, tmp_path / "a", tiny, other_tiny, tune=("image",))
    with pytest.raises(UsageError, match="only image and text towers"):
        run(data, tmp_path / "b", tiny, other_tiny, tune=("audio",))
    settings = Settings(epochs=1, batch_size=8)
    run(data, tmp_path / "c", tiny, other_tiny, settings=settings)
    with pytest.raises(UsageError, match="loss was infonce, now sigmoid"):
        run(data, tmp_path / "c", tiny, other_tiny, settings=settings, loss="sigmoid")
