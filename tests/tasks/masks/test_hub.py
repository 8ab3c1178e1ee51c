"""Segmenters of a hub: one of each kind, tiny and of random weights, in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest
from typer.testing import CliRunner

pytest.importorskip("torch")

from sensorium.cli.app import app
from sensorium.errors import EncoderError, UsageError
from sensorium.tasks.masks import hub as segmentation_hub
from sensorium.tasks.origin import digest_of_folder
from sensorium.tasks.segmentation import Segmentation, load_segmenter
from tests.encoders import tiny_hub
from tests.tasks import tiny_segmenters as tiny

Made = Callable[[str], Path]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folders: dict[str, Path] = {}

    def folder(name: str) -> Path:
        if name not in folders:
            folders[name] = getattr(tiny, name)(tmp_path_factory.mktemp(name))
        return folders[name]

    return folder


def _whole(one: Segmentation) -> None:
    for mask in one.masks:
        assert mask.pixels.shape == (one.height, one.width)
        assert 0 <= mask.probability <= 1 and mask.area == mask.pixels.sum() > 0


def test_sam_is_shown_where_things_are(made: Made, sample: Path) -> None:
    picture = sample / "images" / "x_cat.jpg"
    segmenter = load_segmenter(made("sam2"))
    (pointed,) = segmenter.segment(picture, points=[[(100, 100)], [(30, 40), (50, 60)]])
    assert len(pointed.masks) == 2
    (boxed,) = segmenter.segment(picture, boxes=[(10, 10, 100, 100)])
    (mask,) = boxed.masks
    assert mask.label == "" and mask.origin.kind == "folder"
    assert mask.origin.revision == digest_of_folder(made("sam2"))
    _whole(pointed)
    # The same box beside others has the same mask, and keeps its place.
    both = segmenter.segment(picture, boxes=[(200, 100, 90, 90), (10, 10, 100, 100)])[0]
    assert (both.masks[1].pixels == mask.pixels).mean() > 0.999


def test_the_first_sam_keeps_the_shape_of_pictures(made: Made, sample: Path) -> None:
    """Its masks are those of Transformers' own processor and model."""
    import torch
    import transformers

    picture = PIL.Image.open(sample / "images" / "x_cat.jpg").convert("RGB")
    box = (30, 20, 100, 90)
    segmenter = load_segmenter(made("sam"))
    one, beside = segmenter.segment(picture, points=[[(100, 100)]], boxes=[box])[0].masks
    _whole(segmenter.segment(picture, boxes=[box])[0])
    images = transformers.SamImageProcessorPil(
        size={"longest_edge": 64}, pad_size={"height": 64, "width": 64},
        mask_size={"longest_edge": 16}, mask_pad_size={"height": 16, "width": 16},
    )  # fmt: skip
    model = transformers.SamModel.from_pretrained(made("sam")).eval()
    asked = [[[box[0], box[1], box[0] + box[2], box[1] + box[3]]]]
    given = transformers.SamProcessor(images)(picture, input_boxes=asked, return_tensors="pt")
    sizes = given.pop("original_sizes"), given.pop("reshaped_input_sizes")
    with torch.inference_mode():
        out = model(**given, multimask_output=False)
    expected = images.post_process_masks(out.pred_masks, *sizes)[0][0, 0].numpy()
    # Masks of random weights are all edges, and Transformers enlarges them in two steps.
    assert (expected == beside.pixels).mean() > 0.95
    assert beside.probability == pytest.approx(float(out.iou_scores[0, 0, 0]), abs=0.01)
    assert one.pixels.shape == (picture.height, picture.width)
    assert segmenter.segment(picture, least=1)[0].masks == ()


def test_sam_finds_all_that_stands_out(
    made: Made, sample: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segmentation_hub, "STABLE", 0.0)  # random weights make no firm edges
    picture = sample / "images" / "x_cat.jpg"
    (found,) = load_segmenter(made("sam2")).segment(picture, least=0)
    _whole(found)
    assert found.masks
    chances = [mask.probability for mask in found.masks]
    assert chances == sorted(chances, reverse=True)
    monkeypatch.undo()
    assert load_segmenter(made("sam2")).segment(picture, least=1)[0].masks == ()


def test_sam_with_a_detector(made: Made, sample: Path, weights_of: Callable[[str], Path]) -> None:
    pytest.importorskip("cv2")
    weights_of("ssd-coco")
    segmenter = load_segmenter(made("sam2"), detector="ssd-coco")
    (found,) = segmenter.segment(sample / "images" / "x_cat.jpg", "cat")
    (mask,) = found.masks
    assert mask.label == "cat" and mask.probability > 0.5
    assert mask.found_by is not None and mask.found_by.model == "ssd-coco"


def test_clipseg_takes_words(made: Made, sample: Path) -> None:
    segmenter = load_segmenter(made("clipseg"))
    picture = sample / "images" / "x_cat.jpg"
    (found,) = segmenter.segment(picture, "a cat,a dog", least=0)
    _whole(found)
    assert {mask.label for mask in found.masks} == {"a cat", "a dog"}
    assert segmenter.segment(picture, "a cat", least=1)[0].masks == ()
    with pytest.raises(UsageError, match="give it labels"):
        segmenter.segment(picture)


@pytest.mark.parametrize("name", ["mask2former", "maskformer", "oneformer", "eomt", "segformer"])
def test_models_with_labels_of_their_own(made: Made, sample: Path, name: str) -> None:
    segmenter = load_segmenter(made(name))
    picture = sample / "images" / "x_cat.jpg"
    (found,) = segmenter.segment(picture, least=0.0)
    _whole(found)
    assert found.masks and {mask.label for mask in found.masks} <= {*tiny.LABELS.values()}
    if name == "segformer":  # every pixel is of one kind
        assert (np.sum([mask.pixels for mask in found.masks], axis=0) == 1).all()
    (cats,) = segmenter.segment(picture, "Cat", least=0.0)
    assert {mask.label for mask in cats.masks} == {"Cat"}
    named = ["--model", str(made(name)), "--min", "0", "--json"]
    told = CliRunner().invoke(app, ["segment", str(picture), *named])
    assert told.exit_code == 0, told.output
    assert len(json.loads(told.stdout)["masks"]) == len(found.masks)
    with pytest.raises(UsageError, match="knows no 'dog'; it knows sky, cat, grass"):
        segmenter.segment(picture, "dog")


def test_what_makes_no_masks_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="is a bert, which finds no masks"):
        load_segmenter(tiny_hub.bert(tmp_path / "bert"))
    with pytest.raises(EncoderError, match="cannot be loaded for segmentation"):
        load_segmenter(tmp_path)


def test_a_detector_of_what_takes_no_boxes_is_refused(made: Made) -> None:
    pytest.importorskip("cv2")
    with pytest.raises(UsageError, match="takes no boxes"):
        load_segmenter(made("clipseg"), detector="words")
