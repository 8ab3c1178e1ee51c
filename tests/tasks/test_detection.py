"""Things in real photos: by COCO's kinds, faces, and any word; what a file of boxes says."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

from sensorium import load_encoder
from sensorium.errors import EncoderError, UsageError
from sensorium.tasks import weights
from sensorium.tasks.asked import labels_of
from sensorium.tasks.boxes import coco
from sensorium.tasks.detection import Box, Detection, Detector, drawn, load_detector

Weights = Callable[[str], Path]


@pytest.fixture
def detector(weights_of: Weights) -> Detector:
    pytest.importorskip("cv2")
    weights_of("ssd-coco")
    return load_detector()


def _require_inside(found: Detection) -> None:
    chances = [box.probability for box in found.boxes]
    assert chances == sorted(chances, reverse=True)
    for box in found.boxes:
        x, y, width, height = box.box
        assert x >= 0 and y >= 0 and width > 0 and height > 0
        assert x + width <= found.width + 0.02 and y + height <= found.height + 0.02


def test_known_kinds_are_found(detector: Detector, sample: Path) -> None:
    pictures = [sample / "images" / name for name in ("x_dog.jpg", "s_astronaut.jpg")]
    dog, astronaut = detector.detect(pictures)
    assert dog.boxes[0].label == "dog" and dog.boxes[0].probability > 0.9
    assert astronaut.boxes[0].label == "person"
    width, height = dog.boxes[0].box[2:]  # the dog fills most of its photo
    assert width * height > 0.5 * dog.width * dog.height
    for found, path in zip((dog, astronaut), pictures, strict=True):
        assert found.path == str(path)
        assert {box.origin.model for box in found.boxes} == {"ssd-coco"}
        _require_inside(found)
    (more,) = detector.detect(pictures[0], least=0.05)
    assert {*dog.boxes} <= {*more.boxes}


def test_labels_are_told_as_they_were_asked(detector: Detector, sample: Path) -> None:
    (found,) = detector.detect(sample / "images/x_dog.jpg", "狗, Dogs")
    assert {box.label for box in found.boxes} <= {"狗", "Dogs"} and found.boxes
    (none,) = detector.detect(sample / "images/x_dog.jpg", ["person"])
    assert not none.boxes and not none.error


def test_a_turned_photo_has_boxes_as_it_is_shown(
    detector: Detector, sample: Path, tmp_path: Path
) -> None:
    upright = PIL.Image.open(sample / "images/x_dog.jpg")
    turned = upright.transpose(PIL.Image.Transpose.ROTATE_90)
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # shown a quarter turn clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    one, two = detector.detect([sample / "images/x_dog.jpg", tmp_path / "turned.png"], "dog")
    assert (one.width, one.height) == (two.width, two.height)
    assert np.allclose(one.boxes[0].box, two.boxes[0].box, atol=0.02 * one.width)


def test_a_small_thing_in_a_panorama_is_found(detector: Detector, sample: Path) -> None:
    dog = PIL.Image.open(sample / "images/x_dog.jpg").convert("RGB")
    wide = PIL.Image.new("RGB", (dog.width * 6, dog.height), "grey")
    wide.paste(dog, (dog.width * 4, 0))
    (found,) = detector.detect([np.asarray(wide)], "dog")
    x, _, width, _ = found.boxes[0].box
    assert dog.width * 4 - 20 <= x and x + width <= dog.width * 5 + 20


def test_bad_pictures_are_named_and_stop_nothing(
    detector: Detector, sample: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8 no more")
    bad, good = detector.detect([broken, sample / "images/x_dog.jpg"])
    assert bad.error and not bad.boxes and good.boxes
    with pytest.raises(UsageError, match="from 0 to 1"):
        detector.detect(broken, least=2)


def test_what_was_not_fetched_says_how(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    monkeypatch.setattr(weights, "sensorium_home", lambda: tmp_path)
    with pytest.raises(EncoderError, match="sensorium models --get ssd-coco"):
        load_detector()


@pytest.mark.parametrize("name", (pytest.param("faces", marks=pytest.mark.slow), "quick-faces"))
def test_faces_are_found(name: str, weights_of: Weights, sample: Path) -> None:
    pytest.importorskip("dlib")
    if name == "faces":
        weights_of("faces")
    detector = load_detector(name)
    face, none = detector.detect([sample / f"images/{n}.jpg" for n in ("s_astronaut", "x_dog")])
    (box,) = face.boxes
    assert box.label == "face" and box.origin.model == name and box.origin.revision
    x, y, width, height = box.box  # hers is in the upper half, in the middle
    assert 100 < x + width / 2 < 300 and y + height / 2 < 200 and 60 < width < 160
    assert not none.boxes
    _require_inside(face)
    thin = detector.detect([np.zeros((height, width, 3), np.uint8)
                            for height, width in ((1, 1), (4, 3000), (3000, 4))])  # fmt: skip
    assert not any(one.boxes or one.error for one in thin)


def test_words_that_no_detector_knows_are_found_by_an_encoder(
    detector: Detector, sample: Path
) -> None:
    (found,) = detector.detect(sample / "images/x_dog.jpg", ["dog", "German shepherd"], least=0.3)
    origins = {box.label: box.origin for box in found.boxes}
    assert origins["dog"].model == "ssd-coco"
    assert origins["German shepherd"].model == "words by mini"
    assert origins["German shepherd"].kind == "encoder"
    _require_inside(found)


def test_any_word_is_found_where_it_is() -> None:
    """A cut-out on a plain ground, with the shipped encoder; another word is less likely there."""
    mini = load_encoder("mini")
    detector = load_detector("words", encoder=mini)
    scene = PIL.Image.new("RGB", (400, 300), (90, 140, 190))
    pen = PIL.ImageDraw.Draw(scene)
    pen.ellipse((240, 60, 340, 160), fill=(250, 140, 20))  # an orange, roughly
    pen.rectangle((286, 46, 294, 64), fill=(60, 110, 40))
    (found,) = detector.detect([np.asarray(scene)], ["orange", "bicycle"], least=0.0)
    best = {
        label: next(b for b in found.boxes if b.label == label) for label in ("orange", "bicycle")
    }
    assert best["orange"].probability > best["bicycle"].probability
    x, y, width, height = best["orange"].box
    assert 225 < x < 255 and 330 < x + width < 355 and y > 30 and y + height < 175
    with pytest.raises(UsageError, match="negation"):
        detector.detect([np.asarray(scene)], ["not an orange"])
    with pytest.raises(UsageError, match="give labels"):
        detector.detect([np.asarray(scene)])


def test_labels_are_words() -> None:
    assert labels_of(" cat ,black  dog，猫,cat") == ["cat", "black dog", "猫"]
    assert labels_of(None) is None
    for wrong in ("", "cat,,dog", [], [" "]):
        with pytest.raises(UsageError):
            labels_of(wrong)


@pytest.mark.parametrize(
    ("word", "name"),
    (("Cats", "cat"), ("a dog", "dog"), ("people", "person"), ("buses", "bus"), ("人", "person"),
     ("牙刷", "toothbrush"), ("sandwiches", "sandwich"), ("child", None), ("castle", None)),
)  # fmt: skip
def test_coco_names_in_other_words(word: str, name: str | None) -> None:
    assert coco.known_name(word) == name


def test_coco_has_eighty_kinds() -> None:
    assert len(coco.KNOWN) == len(coco.CHINESE) == 80 and len(coco.NAMES) == 90
    assert len({*coco.CHINESE}) == 80


def test_annotations_are_read_by_cocos_own_tools(
    detector: Detector, sample: Path, tmp_path: Path
) -> None:
    api = pytest.importorskip("pycocotools.coco")
    found = detector.detect([sample / f"images/{n}.jpg" for n in ("x_dog", "s_astronaut")])
    own = Box("lighthouse", 0.5, (1.0, 2.0, 30.0, 40.0), found[0].boxes[0].origin)
    found[0] = Detection(found[0].path, found[0].width, found[0].height, (*found[0].boxes, own))
    found.append(Detection("gone.jpg", error="no such file"))
    coco.save(found, tmp_path / "new" / "boxes.json")
    read = api.COCO(tmp_path / "new" / "boxes.json")
    assert len(read.getImgIds()) == 2
    names = {one["name"]: one["id"] for one in read.loadCats(read.getCatIds())}
    assert names["person"] == 1 and names["dog"] == 18 and names["lighthouse"] == 91
    (lighthouse,) = read.loadAnns(read.getAnnIds(catIds=[91]))
    assert lighthouse["bbox"] == [1.0, 2.0, 30.0, 40.0] and lighthouse["area"] == 1200
    written = json.loads((tmp_path / "new" / "boxes.json").read_text())["annotations"]
    kept = ("image_id", "category_id", "bbox", "score")
    results = [{key: one[key] for key in kept} for one in written]
    evaluation = pytest.importorskip("pycocotools.cocoeval").COCOeval(
        read, read.loadRes(results), "bbox"
    )
    evaluation.evaluate()
    evaluation.accumulate()
    evaluation.summarize()
    assert evaluation.stats[0] == pytest.approx(1)  # it is what it is compared with


def test_a_drawing_shows_what_was_found(detector: Detector, sample: Path) -> None:
    from sensorium.media import Image

    path = sample / "images/x_dog.jpg"
    (found,) = detector.detect(path)
    before, after = Image(path).load(), drawn(Image(path), found)
    changed = (np.asarray(before) != np.asarray(after)).any(axis=2)
    assert 0.005 < changed.mean() < 0.15
