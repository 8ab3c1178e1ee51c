"""Captioners learn, are measured beside the nearest neighbour, and come back as they were."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("sacrebleu")

import torch

from sensorium import load_encoder
from sensorium.data.captioned import read_captioned
from sensorium.errors import EncoderError, SpaceMismatchError, UsageError
from sensorium.tasks.captioning import load_captioner
from sensorium.tasks.captions.visual_features import MAP, VECTOR, FeatureReader
from sensorium.tasks.generating import Search
from sensorium.training.captioner import train_captioner
from sensorium.training.captioner_on_features import (
    Design,
    FeatureTraining,
    new_captions,
    train_on_features,
)
from sensorium.training.captioner_on_pixels import (
    PixelData,
    freeze_tower,
    pretrained_captions,
)
from sensorium.training.loop import Settings
from sensorium.training.new_models import Shape
from sensorium.training.writing import Writing
from tests.tiny_encoder import make_tiny_encoder
from tests.training import tiny_generation as tiny

DESIGN = Design(
    vocabulary=300, shape=Shape(32, 1, 2, 0.0), neighbours=2, views=1, dropout=0.0,
    label_smoothing=0.0,
)  # fmt: skip
SEARCH = Search(beams=3, max_length=12)

# A picture alone and in a batch is to get the same caption and score.
pytestmark = pytest.mark.usefixtures("full_precision")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("captioning")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> str:
    return str(make_tiny_encoder(folder / "encoder"))


@pytest.fixture(scope="module")
def pictures(folder: Path) -> Path:
    return tiny.table(folder / "pictures")


@pytest.mark.slow
def test_one_batch_is_learnt_by_heart(pictures: Path, encoder: str, tmp_path: Path) -> None:
    data = read_captioned(pictures).grouped()
    reader = FeatureReader(load_encoder(encoder), encoder)
    features = reader.read(data.sources, data.names)
    captions = new_captions(reader, features, data, dataclasses.replace(DESIGN, neighbours=0))
    captions.memory = None  # the picture alone is to tell
    training = FeatureTraining(captions, [features], data, 12)
    history = train_on_features(
        training, (features, data), Writing(tmp_path, SEARCH_SETTINGS, SEARCH)
    )
    found = captions.caption_features(features, SEARCH)
    assert [one[0][0] for one in found] == [texts[0] for texts in data.take(features.rows).texts]
    assert history.losses[-1] < history.losses[0] / 10
    assert all(texts == sorted(texts, key=lambda one: -one[1]) for texts in found)


SEARCH_SETTINGS = Settings(
    max_steps=150, batch_size=27, learning_rate=3e-3, validate_every=150, weight_decay=0.0
)


@pytest.fixture(scope="module")
def trained(pictures: Path, encoder: str, folder: Path) -> tuple[Path, Any]:
    settings = Settings(max_steps=30, batch_size=8, learning_rate=5e-3)
    report = train_captioner(
        read_captioned(pictures), folder / "captioner", encoder=encoder, design=DESIGN,
        settings=settings, search=SEARCH,
    )  # fmt: skip
    return folder / "captioner", report


@pytest.mark.slow
def test_a_report_stands_beside_the_nearest_neighbour(trained: tuple[Path, Any]) -> None:
    folder, report = trained
    # The broken picture's caption is that of the red squares.
    assert sum(report.counts.values()) == 28
    assert report.counts["test"] >= 3
    assert [(one.path, "picture" in one.reason) for one in report.skipped] == [("broken.png", True)]
    for name, score in report.scores.items():
        difference = score.estimate - report.baseline[name].estimate
        assert report.comparison[name].difference == pytest.approx(difference, abs=1e-9)
    stored = json.loads((folder / "report.json").read_text("utf-8"))
    assert stored["scores"]["chrf"]["estimate"] == report.scores["chrf"].estimate
    known = {example.baseline for example in report.examples}
    assert known <= {f"a {colour} square" for colour in tiny.COLOURS}
    # Held-out captions were not seen in training, so the neighbour cannot have them.
    assert all(example.baseline not in example.right for example in report.examples)


@pytest.mark.slow
def test_a_folder_gives_the_captions_it_was_measured_with(
    trained: tuple[Path, Any], pictures: Path
) -> None:
    folder, report = trained
    assert sorted(path.suffix for path in folder.glob("*.safetensors")) == [".safetensors"] * 2
    assert not (folder / "checkpoints").exists()
    assert (folder / "curves.png").is_file() and (folder / "history.json").is_file()
    captioner = load_captioner(folder)
    paths = [str(pictures.parent / example.name) for example in report.examples]
    found = captioner.caption(paths)
    assert [one.text for one in found] == [example.text for example in report.examples]
    assert [one.path for one in found] == paths
    alone = captioner.caption(paths[0])
    assert alone[0].text == found[0].text
    assert alone[0].score == pytest.approx(found[0].score, abs=1e-4)


def test_a_broken_picture_has_an_error_and_the_others_captions(
    trained: tuple[Path, Any], pictures: Path
) -> None:
    names = ["red-0.png", "broken.png", "missing.png", "blue-0.png"]
    found = load_captioner(trained[0]).caption([pictures.parent / name for name in names])
    assert [bool(one.error) for one in found] == [False, True, True, False]
    assert [bool(one.text) for one in found] == [True, False, False, True]


def test_a_captioner_of_another_space_is_refused(trained: tuple[Path, Any], tmp_path: Path) -> None:
    other = make_tiny_encoder(tmp_path / "other", seed=1)
    path = trained[0] / "captioner.json"
    before = path.read_text("utf-8")
    edited = {**json.loads(before), "encoder": str(other)}
    del edited["checksum"]
    path.write_text(json.dumps(edited), "utf-8")
    try:
        with pytest.raises(SpaceMismatchError, match="train it again"):
            load_captioner(trained[0])
    finally:
        path.write_text(before, "utf-8")


def test_a_folder_is_not_written_over(trained: tuple[Path, Any], pictures: Path) -> None:
    with pytest.raises(UsageError, match="holds a trained model"):
        train_captioner(read_captioned(pictures), trained[0])
    with pytest.raises(UsageError, match="holds other files"):
        train_captioner(read_captioned(pictures), pictures.parent)


def test_folders_of_something_else_are_no_captioner(pictures: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither captioner\.json nor a model"):
        load_captioner(pictures.parent)
    (tmp_path / "captioner.json").write_text('{"kind": "translator", "format": 1}')
    with pytest.raises(UsageError, match="describes no captioner"):
        load_captioner(tmp_path)
    (tmp_path / "captioner.json").write_text('{"kind": "captioner", "format": 99}')
    with pytest.raises(UsageError, match="format 99"):
        load_captioner(tmp_path)
    (tmp_path / "captioner.json").write_text('{"kind": "captioner", "format": 1}')
    with pytest.raises(UsageError, match="the captioner is damaged"):
        load_captioner(tmp_path)


def test_too_little_data_is_refused(encoder: str, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("path,caption\na.png,a\nb.png,b\n")
    with pytest.raises(UsageError, match="too few to hold some out"):
        train_captioner(read_captioned(tmp_path / "few.csv"), tmp_path / "x", encoder=encoder)
    (tmp_path / "none.csv").write_text(
        "path,caption\n" + "".join(f"{n}.png,word {n}\n" for n in range(20))
    )
    with pytest.raises(UsageError, match="none of 16 pictures could be read"):
        train_captioner(read_captioned(tmp_path / "none.csv"), tmp_path / "y", encoder=encoder)


def test_neighbours_of_the_training_are_of_other_groups(pictures: Path, encoder: str) -> None:
    data = read_captioned(pictures).grouped()
    reader = FeatureReader(load_encoder(encoder), encoder)
    features = reader.read(data.sources, data.names)
    captions = new_captions(reader, features, data, DESIGN)
    training = FeatureTraining(captions, [features], data, 12)
    for row, places in enumerate(training.neighbours[0]):
        assert len(places) == 4  # twice as many as are shown
        own = data.groups[features.rows[row]]
        assert own not in {captions.memory.groups[place] for place in places}
    batch = training.collate(training.examples[:4])
    assert batch["context"].shape[0] == 4 and batch["labels"].shape[0] == 4


# Models of Transformers


@pytest.mark.parametrize("decoder", ["bert", "gpt2"])
def test_a_frozen_tower_is_asked_once_and_gives_the_same_loss(
    pictures: Path, folder: Path, decoder: str
) -> None:
    tower = tiny.image_tower(folder / "vit")
    words = getattr(tiny, decoder)(folder / decoder)
    captions = pretrained_captions(tower=tower, decoder=words)
    freeze_tower(captions)
    data = read_captioned(pictures).grouped()
    seen, computed = (PixelData.read(captions, data, frozen=frozen) for frozen in (False, True))
    assert [one.path for one in seen.skipped] == ["broken.png"]
    assert seen.data.names == computed.data.names and len(seen.data) == 27
    items = [(row, seen.data.texts[row][0]) for row in range(4)]
    captions.module.eval()
    with torch.no_grad():
        losses = [
            float(captions.module(**one.batch(items, 12))["loss"]) for one in (seen, computed)
        ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)  # states are kept as float16
    trained = {n for n, p in captions.module.named_parameters() if p.requires_grad}
    assert trained and not any(name.startswith("model.encoder.") for name in trained)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["joined", "frozen", "blip", "git"])
def test_models_of_transformers_learn_to_caption(
    kind: str, pictures: Path, encoder: str, folder: Path, tmp_path: Path
) -> None:
    if kind in ("joined", "frozen"):
        tower, words = tiny.image_tower(folder / "vit"), tiny.bert(folder / "bert")
        captions = pretrained_captions(tower=tower, decoder=words)
    else:
        captions = pretrained_captions(getattr(tiny, kind)(folder / kind))
    report = train_captioner(
        read_captioned(pictures), tmp_path / "model", encoder=encoder, model=captions,
        frozen=kind == "frozen",
        settings=Settings(max_steps=40, batch_size=8, learning_rate=1e-2, validate_every=40),
        search=Search(2, 6),
    )  # fmt: skip
    history = json.loads((tmp_path / "model" / "history.json").read_text("utf-8"))
    assert np.mean(history["losses"][-3:]) < 0.5 * history["losses"][0]
    found = load_captioner(tmp_path / "model").caption(
        [pictures.parent / example.name for example in report.examples]
    )
    assert [one.text for one in found] == [example.text for example in report.examples]
    assert all(one.text.startswith("a ") and one.text.endswith(" square") for one in found)


def test_what_cannot_be_joined_or_frozen_is_refused(folder: Path) -> None:
    with pytest.raises(UsageError, match="name both"):
        pretrained_captions(tower="x")
    with pytest.raises(UsageError, match="name a model, or"):
        pretrained_captions()
    with pytest.raises(EncoderError, match="cannot be loaded as a captioning model"):
        pretrained_captions(tiny.bert(folder / "bert"))
    with pytest.raises(UsageError, match="only one of a VisionEncoderDecoderModel"):
        freeze_tower(pretrained_captions(tiny.git(folder / "git")))


# Features


def test_mini_s_maps_are_those_it_averages(sample_pictures: list[Path], tmp_path: Path) -> None:
    from sensorium.data.sources import Picture

    (tmp_path / "broken.jpg").write_bytes(b"x")
    paths = [*sample_pictures[:1], tmp_path / "broken.jpg", *sample_pictures[1:]]
    mini = load_encoder("mini")
    reader = FeatureReader(mini, "mini")
    assert reader.shapes == {VECTOR: (1, 640), MAP: (9, 1280)}
    features = reader.read([*map(Picture.of_file, paths)], [path.name for path in paths])
    assert [one.path for one in features.skipped] == ["broken.jpg"]
    assert [paths[row] for row in features.rows] == sample_pictures
    vectors = mini.encode(sample_pictures)
    cosines = (features.tokens[VECTOR][:, 0].astype(np.float32) * vectors).sum(1)
    assert cosines == pytest.approx(1, abs=2e-3)
    assert FeatureReader(mini, "mini", spatial=False).shapes == {VECTOR: (1, 640)}


def test_augmented_views_differ_and_repeat(sample_pictures: list[Path], encoder: str) -> None:
    from sensorium.data.sources import Picture

    pictures = [*map(Picture.of_file, sample_pictures)]
    reader = FeatureReader(load_encoder(encoder), encoder)
    plain, first, again, second = (
        reader.read(pictures, view=view).tokens[VECTOR] for view in (0, 1, 1, 2)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(plain, first) and not np.array_equal(first, second)


@pytest.fixture
def sample_pictures(sample: Path) -> list[Path]:
    return sorted((sample / "images").glob("*.jpg"))[:3]
