"""Masks for any word: things on photos, real photos, encoders of the hub, and what is not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium.errors import EncoderError, UsageError
from sensorium.tasks import weights
from sensorium.tasks.loaded import LOADED
from sensorium.tasks.masks.words import GROUNDS, NAMES, WEIGHTS, cut_regions, evidence_of
from sensorium.tasks.segmentation import Segmenter, load_segmenter

pytest.importorskip("cv2")

PLACE = (60, 150)


@pytest.fixture(scope="module")
def words() -> Segmenter:
    return load_segmenter("words")


@pytest.fixture(scope="module")
def ball(sample: Path) -> tuple[PIL.Image.Image, np.ndarray]:
    """A ball, cut from its white ground, on a photo of a building; and which pixels are its."""
    images = sample / "images"
    ground = PIL.Image.open(images / "c_monument1.jpg").convert("RGB").resize((640, 426))
    thing = PIL.Image.open(images / "c_volleyball.jpg").convert("RGB").resize((230, 230))
    opaque = np.asarray(thing.convert("L")) < 235
    ground.paste(thing, PLACE, PIL.Image.fromarray(opaque))
    truth = np.zeros((426, 640), bool)
    truth[PLACE[1] : PLACE[1] + thing.height, PLACE[0] : PLACE[0] + thing.width] = opaque
    return ground, truth


@pytest.mark.slow
def test_a_thing_on_a_photo_is_found_and_cut_out(
    words: Segmenter, ball: tuple[PIL.Image.Image, np.ndarray]
) -> None:
    picture, truth = ball
    (found,) = words.segment(picture, ["volleyball", "banana"])
    assert {mask.label for mask in found.masks} == {"volleyball"}
    pixels = np.any([mask.pixels for mask in found.masks], axis=0)
    assert truth[pixels].mean() > 0.5 and pixels[truth].mean() > 0.25  # by chance 0.2
    best = found.masks[0]
    assert best.origin.kind == "encoder" and best.origin.model == "words by mini"
    assert best.found_by is None and 0.2 <= best.probability <= 1
    assert words.segment(picture, ["volleyball", "banana"]) == [found]


def test_a_thing_on_a_real_photo_is_found_without_options(sample: Path) -> None:
    """A hammer on blue ground."""
    path = sample / "images/c_hammer1.jpg"
    (found,) = load_segmenter().segment(path, "a hammer")
    assert found.masks and {mask.label for mask in found.masks} == {"a hammer"}
    pixels = np.any([mask.pixels for mask in found.masks], axis=0)
    levels = np.asarray(PIL.Image.open(path).convert("RGB")).astype(int)
    blue = levels[:, :, 2] > levels[:, :, 0] + 40
    assert pixels[~blue].mean() > 0.5 and pixels[blue].mean() < 0.2


@pytest.mark.slow
def test_a_building_is_found_where_it_stands(sample: Path) -> None:
    path = sample / "images/x_neuschwansteinCastle.jpg"
    (found,) = load_segmenter().segment(path, "a castle,a violin")
    pixels = np.any([mask.pixels for mask in found.masks if mask.label == "a castle"], axis=0)
    assert 0.04 < pixels.mean() < 0.4
    assert pixels[50:240, 90:330].sum() > 0.9 * pixels.sum()


@pytest.mark.slow
def test_masks_of_a_label_share_no_pixel(sample: Path) -> None:
    finder = load_segmenter("words")
    (all_,) = finder.segment(sample / "images/c_windmill3.jpg", "windmill", least=0.0)
    assert len(all_.masks) > 1
    assert np.sum([mask.pixels for mask in all_.masks], axis=0).max() == 1
    chances = [mask.probability for mask in all_.masks]
    assert chances == sorted(chances, reverse=True)
    (none,) = finder.segment(sample / "images/c_windmill3.jpg", "windmill", least=1.0)
    assert none.masks == ()


@pytest.mark.slow
def test_words_need_no_weights_and_kinds_of_coco_say_how_to_get_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sample: Path
) -> None:
    LOADED.unload()  # what other tests left there
    monkeypatch.setattr(weights, "sensorium_home", lambda: tmp_path)
    segmenter = load_segmenter()
    (found,) = segmenter.segment(sample / "images/c_hammer1.jpg", "a hammer")
    assert found.masks and found.masks[0].origin.kind == "encoder"
    with pytest.raises(EncoderError, match="sensorium models --get ssd-coco"):
        segmenter.segment(sample / "images/x_cat.jpg", "cat")


@pytest.mark.slow
def test_encoders_of_the_hub_and_odd_pictures(tmp_path: Path, sample: Path) -> None:
    """Random weights know nothing: what holds is that masks are made, and made the same."""
    pytest.importorskip("sentence_transformers")
    from tests.encoders import tiny_hub

    encoder = str(tiny_hub.clip(tmp_path / "clip"))
    segmenter = load_segmenter("words", encoder=encoder)
    dog = sample / "images/x_dog.jpg"
    (found,) = segmenter.segment(dog, ["dog", "cat"], least=0.0)
    assert {mask.label for mask in found.masks} == {"dog", "cat"}
    assert found.masks[0].origin.model == f"words by {encoder}"
    assert all(mask.pixels.shape == (found.height, found.width) for mask in found.masks)
    assert segmenter.segment(dog, ["dog", "cat"], least=0.0) == [found]
    for shape in ((1, 1, 3), (3, 500, 3), (40, 40, 3)):
        (odd,) = segmenter.segment(np.full(shape, 90, np.uint8), "dog", least=0.0)
        assert not odd.error
    with pytest.raises(EncoderError, match="pictures and texts"):
        load_segmenter("words", encoder=str(tiny_hub.vit(tmp_path / "vit")))


def test_what_is_judged_stands_alone_on_a_plain_square(
    ball: tuple[PIL.Image.Image, np.ndarray],
) -> None:
    picture, truth = ball
    cut = cut_regions(picture)
    assert cut.masks.shape == (len(cut.regions), *truth.shape)
    overlaps = [(mask & truth).sum() / (mask | truth).sum() for mask in cut.masks]
    best = int(np.argmax(overlaps))
    assert overlaps[best] > 0.6
    for level in GROUNDS:
        pixels = np.asarray(cut.alone(best, level).load())
        assert pixels.shape[0] == pixels.shape[1]
        plain = (pixels == level).all(axis=2)
        assert plain[0].all() and plain[-1].all()
        assert (~plain).sum() == pytest.approx(cut.masks[best].sum(), rel=0.01)
    scores = np.zeros((2, len(cut.regions)))
    assert evidence_of(cut, scores).shape == (2, len(cut.regions), len(NAMES))
    assert len(WEIGHTS) == len(NAMES)


@pytest.mark.slow
def test_what_the_first_ground_rules_out_changes_nothing(
    words: Segmenter, ball: tuple[PIL.Image.Image, np.ndarray]
) -> None:
    """Regions that are not seen on the second ground are none that it would let through."""
    (every,) = words.segment(ball[0], "volleyball", least=0.0)
    (sure,) = words.segment(ball[0], "volleyball", least=0.2)
    told = [mask.probability for mask in every.masks if mask.probability >= 0.2]
    assert [mask.probability for mask in sure.masks] == pytest.approx(told, abs=1e-3)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "give labels"),
        ({"labels": "not a dog"}, "negation"),
        ({"boxes": [(1, 1, 9, 9)]}, "takes labels, no boxes"),
    ],
)
def test_what_cannot_be_asked_is_said(
    words: Segmenter, sample: Path, asked: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        words.segment(sample / "images/x_dog.jpg", **asked)  # type: ignore[arg-type]


def test_words_take_no_detector() -> None:
    with pytest.raises(UsageError, match="takes no boxes"):
        load_segmenter("words", detector="ssd-coco")
