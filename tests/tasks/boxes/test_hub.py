"""Detectors of the hub's architectures, as tiny models: words, labels of their own, errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sensorium.cli.app import app
from sensorium.errors import EncoderError, UsageError

pytest.importorskip("transformers")

from sensorium.tasks.detection import Detection, load_detector
from sensorium.tasks.loaded import LOADED
from tests.encoders import tiny_hub
from tests.tasks import tiny_detectors

Make = Callable[[Path], Path]
QUICK = (tiny_detectors.detr, tiny_detectors.rt_detr_v2)


def _require_sane(found: Detection, labels: set[str]) -> None:
    assert not found.error
    assert found.boxes, "a random model is sure of nothing, and everything is above nothing"
    assert {box.label for box in found.boxes} <= labels
    chances = [box.probability for box in found.boxes]
    assert chances == sorted(chances, reverse=True)
    assert all(0 <= chance <= 1 for chance in chances)
    for box in found.boxes:
        x, y, width, height = box.box
        assert x >= 0 and y >= 0 and width > 0 and height > 0
        assert x + width <= found.width + 0.02 and y + height <= found.height + 0.02


@pytest.mark.parametrize("make", tiny_detectors.BY_WORDS, ids=lambda make: make.__name__)
def test_boxes_for_words(make: Make, tmp_path: Path, sample: Path) -> None:
    folder = make(tmp_path / "model")
    detector = load_detector(folder)
    (found,) = detector.detect(sample / "images/x_dog.jpg", ["Cat", "big dog"], least=0.0)
    _require_sane(found, {"Cat", "big dog"})
    assert {box.origin.model for box in found.boxes} == {str(folder)}
    assert all(box.origin.revision for box in found.boxes)
    assert ("detector", str(folder)) in LOADED
    (fewer,) = detector.detect(sample / "images/x_dog.jpg", ["Cat", "big dog"], least=0.999)
    assert {*fewer.boxes} == {box for box in found.boxes if box.probability >= 0.999}
    with pytest.raises(UsageError, match="give it labels"):
        detector.detect(sample / "images/x_dog.jpg")


@pytest.mark.parametrize(
    "make", (tiny_detectors.grounding_dino, tiny_detectors.mm_grounding_dino),
    ids=lambda make: make.__name__,
)  # fmt: skip
def test_more_labels_than_one_text_holds(make: Make, tmp_path: Path, sample: Path) -> None:
    detector = load_detector(make(tmp_path / "model"))
    labels = [f"cat {n}" for n in range(30)]  # the tiny model reads 32 pieces
    (found,) = detector.detect(sample / "images/x_dog.jpg", labels, least=0.0)
    _require_sane(found, {*labels})
    assert {box.label for box in found.boxes} == {*labels}
    with pytest.raises(UsageError, match="no words"):
        detector.detect(sample / "images/x_dog.jpg", ["..."])
    with pytest.raises(UsageError, match="at most 32"):
        detector.detect(sample / "images/x_dog.jpg", ["cat " * 40])


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(make, marks=[] if make in QUICK else pytest.mark.slow, id=make.__name__)
        for make in tiny_detectors.WITH_LABELS
    ],
)
def test_labels_of_its_own(make: Make, tmp_path: Path, sample: Path) -> None:
    detector = load_detector(make(tmp_path / "model"))
    (found,) = detector.detect(sample / "images/x_dog.jpg", least=0.0)
    _require_sane(found, {"cat", "dog"})
    (cats,) = detector.detect(sample / "images/x_dog.jpg", "CAT", least=0.0)
    assert {box.label for box in cats.boxes} <= {"CAT"}
    named = ["--model", str(tmp_path / "model"), "--min", "0", "--json"]
    told = CliRunner().invoke(app, ["detect", str(sample / "images/x_dog.jpg"), *named])
    assert told.exit_code == 0, told.output
    assert len(json.loads(told.stdout)["boxes"]) == len(found.boxes)


def test_what_is_no_detector_is_named(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="finds no boxes"):
        load_detector(tiny_hub.bert(tmp_path / "bert"))
    with pytest.raises(EncoderError, match="nobody/nothing"):
        load_detector("nobody/nothing")


def test_two_detectors_share_a_model_and_both_know_its_origin(tmp_path: Path, sample: Path) -> None:
    folder = tiny_detectors.detr(tmp_path / "detr")
    first, second = load_detector(folder), load_detector(folder)
    picture = sample / "images" / "x_cat.jpg"
    assert first.detect(picture, least=0) == second.detect(picture, least=0)
    assert first.origin == second.origin and second.origin.kind == "folder"
