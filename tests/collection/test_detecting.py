"""Things in an index: parts of pictures and words, counted, kept by a change of encoder."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection
from sensorium.encoders.reading import _sound_places
from sensorium.errors import EncoderError
from sensorium.tasks.boxes.things import MOST_PARTS

Weights = Callable[[str], Path]


@pytest.fixture
def photos(weights_of: Weights, sample: Path, tmp_path: Path) -> Path:
    pytest.importorskip("cv2")
    weights_of("ssd-coco")
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("x_mexico.jpg", "x_horse.jpg", "c_bulb.jpg"):
        shutil.copy(sample / "images" / name, folder)
    pages = [PIL.Image.open(sample / "images" / n) for n in ("c_bulb.jpg", "s_astronaut.jpg")]
    pages[0].save(folder / "pages.tiff", save_all=True, append_images=pages[1:])
    return folder


def _parts(library: Collection) -> set[tuple[str, str, tuple[float, ...]]]:
    """Name, label and box of every part of a picture that has a vector."""
    segments = library.segments()
    paths = {item.id: Path(item.path).name for item in library.items()}
    found = set()
    for _, _, item, record in segments_with_records(library, segments):
        if record.modality == "image" and "label" in record.details:
            details = record.details
            found.add((paths[item], details["label"], tuple(details["box"])))
    return found


def segments_with_records(library: Collection, segments: object) -> list[tuple]:
    ids = [int(n) for n in segments.ids]  # type: ignore[attr-defined]
    stored = library._store.segments(ids)
    return [(n, row.path, row.item, row.record) for n, row in stored.items()]


def test_things_are_parts_words_and_numbers(photos: Path, tiny: Path, tmp_path: Path) -> None:
    library = Collection(tmp_path / "c.sensorium", encoder=tiny)
    plain = library.add(photos)
    assert plain.added == 4 and not _parts(library)
    assert "people" not in next(library.items()).metadata
    again = library.add(photos, detect=True)
    assert not again.skipped and again.updated + again.unchanged + again.added
    said = {Path(item.path).name: item.metadata for item in library.items()}
    assert said["x_mexico.jpg"]["people"] == said["x_mexico.jpg"]["things"]["person"] == 5
    assert said["x_horse.jpg"]["things"] == {"horse": 3} and said["x_horse.jpg"]["people"] == 0
    assert said["c_bulb.jpg"]["people"] == 0
    assert said["pages.tiff"]["people"] == 1  # on its second page
    parts = _parts(library)
    assert sum(name == "x_horse.jpg" for name, *_ in parts) == 3
    assert all(len(box) == 4 and np.all(np.array(box) >= 0) and np.all(np.array(box) <= 1)
               for *_, box in parts)  # fmt: skip
    (hit,) = library.search("horses", 1, mode="words")
    assert Path(hit.path).name == "x_horse.jpg" and hit.text == "horse"
    assert hit.details["label"] == "horse" and hit.details["source"] == "detection"
    assert hit.details["confidence"] > 0.9 and len(hit.details["boxes"]) == 3
    tiff = next(h for h in library.search("person", 4, mode="words") if h.path.endswith(".tiff"))
    assert tiff.details["page"] == 2
    assert library.add(photos, detect=True).unchanged == 4


def test_another_encoder_sees_the_same_parts(
    photos: Path, tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    library = Collection(tmp_path / "c.sensorium", encoder=tiny)
    library.add(photos, detect=True)
    before, count = _parts(library), len(library.segments().ids)
    library.reembed(other_tiny)
    assert _parts(library) == before
    assert len(library.segments().ids) == count
    for word in ("horses", "马"):
        (hit,) = library.search(word, 1, mode="words")
        assert Path(hit.path).name == "x_horse.jpg"


@pytest.mark.slow
def test_what_most_pictures_show_is_found_by_its_name(
    weights_of: Weights, sample: Path, tmp_path: Path
) -> None:
    """`mini` was taught no people: what the detector calls them is as sure in many pictures."""
    pytest.importorskip("cv2")
    weights_of("ssd-coco")
    shown = [sample / "images" / f"{name}.jpg" for name in ("x_mexico", "s_astronaut")]
    others = sorted((sample / "images").glob("c_*.jpg"))[:12]
    library = Collection(tmp_path / "c.sensorium")
    library.add(*shown, *others, detect=True)
    for n in range(12):  # other photos of people, in which the same is found
        library.add(_saved(shown[n % 2], n, tmp_path), detect=True)
    people = {item.path for item in library.items("people > 0")}
    hits = library.search("people", len(people))
    assert len(people) >= 14 and not hits.nothing_matches
    assert {hit.path for hit in hits} == people


def _saved(picture: Path, number: int, folder: Path) -> Path:
    path = folder / f"{number}.png"
    with PIL.Image.open(picture) as opened:
        opened.crop((number, number, opened.width, opened.height)).save(path)
    return path


def test_damaged_places_are_passed_over() -> None:
    right = {"box": [0.1, 0.2, 0.3, 0.4], "confidence": 0.5}
    wrongs = (
        None, 7, {"box": 1}, {"box": [0, 0, 1]}, {"box": [0, 0, 1, float("nan")]},
        {"box": [0, 0, 1, 1], "confidence": "much"}, {"box": [0, 0, 9e9, 1], "confidence": 1},
    )  # fmt: skip
    for wrong in wrongs:
        assert _sound_places([wrong, right]) == [right]
    assert _sound_places("boxes") == []


def test_a_detector_that_is_not_here_is_named_before_anything_is_stored(
    photos: Path, tiny: Path, tmp_path: Path
) -> None:
    library = Collection(tmp_path / "c.sensorium", encoder=tiny)
    with pytest.raises(EncoderError, match="nobody/nothing"):
        library.add(photos, detect="nobody/nothing")
    assert len(library) == 0


@pytest.mark.slow
def test_a_crowd_has_so_many_parts_and_no_more(
    photos: Path, sample: Path, tiny: Path, tmp_path: Path
) -> None:
    horse = PIL.Image.open(sample / "images/x_dog.jpg").resize((100, 75))
    crowd = PIL.Image.new("RGB", (4000, 75), "grey")  # a panorama: its tiles are looked at, too
    for left in range(0, 4000, 100):
        crowd.paste(horse, (left, 0))
    folder = tmp_path / "crowd"
    folder.mkdir()
    crowd.save(folder / "crowd.png")
    library = Collection(tmp_path / "c.sensorium", encoder=tiny)
    library.add(folder, detect=True)
    (item,) = library.items()
    assert item.metadata["things"]["dog"] > 5
    assert len(_parts(library)) <= MOST_PARTS
