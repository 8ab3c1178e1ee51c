"""Masks of things in real pictures: people, what boxes hold, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from sensorium.errors import UsageError
from sensorium.tasks.masks.out import coco, drawn
from sensorium.tasks.segmentation import Mask, Segmentation, load_segmenter

pytest.importorskip("cv2")

OVAL = (120, 60, 260, 160)


@pytest.fixture(scope="module")
def oval(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A red oval on a noisy green ground."""
    draw = np.random.default_rng(0)
    ground = draw.integers(0, 60, (240, 320, 3), np.uint8) + np.array([20, 120, 20], np.uint8)
    picture = PIL.Image.fromarray(ground)
    PIL.ImageDraw.Draw(picture).ellipse(OVAL, fill=(200, 30, 40))
    path = tmp_path_factory.mktemp("oval") / "oval.png"
    picture.save(path)
    return path


def _iou(one: np.ndarray, two: np.ndarray) -> float:
    return float((one & two).sum() / (one | two).sum())


def test_a_box_is_cut_out(oval: Path) -> None:
    right = PIL.Image.new("1", (320, 240))
    PIL.ImageDraw.Draw(right).ellipse(OVAL, fill=1)
    (found,) = load_segmenter(detector="none").segment(oval, boxes=[(100, 40, 190, 150)])
    (mask,) = found.masks
    assert mask.pixels.shape == (240, 320) and mask.area == mask.pixels.sum()
    assert _iou(mask.pixels, np.asarray(right)) > 0.95
    assert mask.origin.kind == "rule" and mask.found_by is None
    x, y, _, height = mask.box
    assert abs(x - OVAL[0]) <= 2 and abs(y + height - OVAL[3]) <= 2
    again = load_segmenter(detector="none").segment(oval, boxes=[(100, 40, 190, 150)])
    assert again == [found]


def test_a_turned_picture_has_its_mask_where_it_is_shown(oval: Path, tmp_path: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned = tmp_path / "turned.jpg"
    PIL.Image.open(oval).transpose(PIL.Image.Transpose.ROTATE_90).save(
        turned, exif=exif, quality=95
    )
    box = [(100, 40, 190, 150)]
    straight, other = (
        load_segmenter(detector="none").segment(oval, boxes=box),
        load_segmenter(detector="none").segment(turned, boxes=box),
    )
    assert (other[0].width, other[0].height) == (320, 240)
    assert _iou(straight[0].masks[0].pixels, other[0].masks[0].pixels) > 0.95


def test_people_near_a_camera(sample: Path, weights_of: Callable[[str], Path]) -> None:
    weights_of("person-mask")
    portrait = sample / "images" / "s_astronaut.jpg"
    (found,) = load_segmenter("person-mask", detector="none").segment(portrait)
    (mask,) = found.masks
    assert mask.label == "person" and mask.probability > 0.9 and mask.origin.kind == "weights"
    pixels = mask.pixels
    height, width = pixels.shape
    assert pixels[height // 5, width // 2 - 20]  # her face
    assert not pixels[: height // 3, -width // 5 :].any()  # the shuttle behind her
    inside, outside = (0, 0, width, height), (width - 60, 0, 60, 100)
    whole, away = (
        load_segmenter("person-mask", detector="none").segment(portrait, boxes=[box])[0]
        for box in (inside, outside)
    )
    assert _iou(whole.masks[0].pixels, pixels) > 0.95
    assert away.masks == ()


def test_a_dog_is_nobody(sample: Path, weights_of: Callable[[str], Path]) -> None:
    """The mask alone takes it for a person; the detector that it asks first does not."""
    for name in ("person-mask", "ssd-coco"):
        weights_of(name)
    dog, camera = (sample / "images" / name for name in ("x_dog.jpg", "s_camera.jpg"))
    nobody, man = load_segmenter("person-mask").segment([dog, camera])
    assert nobody.masks == () and nobody.error == ""
    (mask,) = man.masks
    assert mask.found_by is not None and mask.found_by.model == "ssd-coco"
    assert 0.2 < mask.area / (man.width * man.height) < 0.4


def test_words_find_what_is_there(sample: Path, weights_of: Callable[[str], Path]) -> None:
    weights_of("ssd-coco")
    cat, coffee = (sample / "images" / name for name in ("x_cat.jpg", "s_coffee.jpg"))
    with_cat, without = load_segmenter().segment([cat, coffee], "cat")
    assert with_cat.masks and without.masks == ()
    mask = with_cat.masks[0]
    assert mask.label == "cat" and mask.found_by is not None
    assert mask.found_by.model == "ssd-coco"
    assert 0.1 < mask.area / (with_cat.width * with_cat.height) < 0.5


@pytest.mark.slow
def test_any_word_finds_what_is_there(oval: Path) -> None:
    """Least probability 0: what a box would be, whatever it is."""
    (found,) = load_segmenter(detector="words").segment(oval, "egg", least=0.0)
    assert found.masks
    assert {mask.label for mask in found.masks} == {"egg"}
    assert all(
        mask.found_by is not None and mask.found_by.kind == "encoder" for mask in found.masks
    )
    right = PIL.Image.new("1", (320, 240))
    PIL.ImageDraw.Draw(right).ellipse(OVAL, fill=1)
    best = max(_iou(mask.pixels, np.asarray(right)) for mask in found.masks)
    assert best > 0.9


def test_broken_pictures_are_named(oval: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"broken")
    segmenter = load_segmenter(detector="none")
    found = segmenter.segment(str(tmp_path / "broken.png"), boxes=[(0, 0, 5, 5)])
    assert found[0].error and not found[0].masks
    assert [one.path for one in found if one.error] == [str(tmp_path / "broken.png")]


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({}, "needs boxes"),
        ({"points": [[(1, 1)]]}, "takes boxes, no points"),
        ({"labels": "cat"}, "no labels: name a detector"),
        ({"boxes": [(400, 0, 10, 10)]}, "has nothing of 320 x 240"),
        ({"boxes": [(1, 1, 10, 10)], "labels": "cat"}, "give one of them"),
        ({"boxes": [(1, 1, 10, 10)], "least": 2}, "from 0 to 1"),
        ({"labels": "cat,,dog"}, "labels are words"),
    ],
)
def test_what_cannot_be_asked_is_said(oval: Path, asked: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_segmenter(detector="none").segment(oval, **asked)


def test_places_are_of_one_picture(oval: Path) -> None:
    with pytest.raises(UsageError, match="not in 2"):
        load_segmenter(detector="none").segment([oval, oval], boxes=[(1, 1, 10, 10)])


def test_a_mask_of_people_knows_nothing_else(oval: Path, weights_of: Callable[[str], Path]) -> None:
    weights_of("person-mask")
    with pytest.raises(UsageError, match="not 'dog'"):
        load_segmenter("person-mask", detector="none").segment(oval, "dog")


def test_coco_and_drawing(oval: Path) -> None:
    found = load_segmenter(detector="none").segment(oval, boxes=[(100, 40, 190, 150)])
    made = json.loads(json.dumps(coco(found, oval.parent)))
    (image,), (annotation,) = made["images"], made["annotations"]
    assert image == {"id": 1, "file_name": "oval.png", "width": 320, "height": 240}
    (mask,) = found[0].masks
    assert annotation["segmentation"] == {"size": [240, 320], "counts": mask.counts}
    assert annotation["area"] == mask.area and annotation["bbox"] == [*mask.box]
    picture = PIL.Image.open(oval).convert("RGB")
    before, after = np.asarray(picture).astype(int), np.asarray(drawn(picture, found[0]))
    changed = np.abs(before - after).sum(axis=2) > 30
    assert changed[mask.pixels].mean() > 0.9
    away = ~mask.pixels
    x, y, width, height = mask.box
    away[y - 5 : y + height + 5, x - 5 : x + width + 5] = False
    assert changed[away].mean() < 0.01


def test_masks_are_told_as_pixels_of_the_file() -> None:
    one = Mask("", 1.0, 4, (1, 1, 2, 2), (3, 4), "42102", load_segmenter(detector="none").origin)
    assert one.pixels.sum() == 4 and one.pixels[1:, 1:3].all()
    assert Segmentation("x", 4, 3, (one,)).masks[0].pixels.shape == (3, 4)


def test_a_pixel_belongs_to_one_thing_of_a_label(
    sample: Path, weights_of: Callable[[str], Path]
) -> None:
    for name in ("person-mask", "ssd-coco"):
        weights_of(name)
    crowd = sample / "images" / "x_mexico.jpg"
    (found,) = load_segmenter("person-mask").segment(crowd)
    assert len(found.masks) > 2
    assert np.sum([mask.pixels for mask in found.masks], axis=0).max() == 1
    chances = [mask.probability for mask in found.masks]
    assert chances == sorted(chances, reverse=True) and chances[-1] < 0.5
    (sure,) = load_segmenter("person-mask").segment(crowd, least=0.5)
    assert 0 < len(sure.masks) < len(found.masks)
