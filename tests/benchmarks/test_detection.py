"""Composites hold what they say, and AP50 is what COCO's own program makes of the same boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import PIL.Image
import PIL.ImageDraw
import pytest

pytest.importorskip("resvg_py")

from benchmarks.composites import SIZE, Composite, Thing, composites
from benchmarks.detection import Told, average_precision, judge, truth_of
from benchmarks.people import average_precision as ranking_precision


@pytest.fixture
def made(tmp_path: Path, sample: Path) -> list[Composite]:
    stamps = []
    for name, colour in (("bird", "red"), ("fish", "blue"), ("hat", "green")):
        picture = PIL.Image.new("RGBA", (120, 90))
        PIL.ImageDraw.Draw(picture).ellipse((10, 5, 100, 80), fill=colour)
        picture.save(tmp_path / f"{name}.png")
        stamps.append({"image_src": str(tmp_path / f"{name}.png"), "concept": name})
    grounds = [sample / "images" / "x_dog.jpg"]
    return composites(6, stamps, grounds, 0, label=lambda stamp: stamp["concept"])


def test_things_are_where_the_truth_says(made: list[Composite]) -> None:
    assert {thing.label for one in made for thing in one.things} == {"bird", "fish", "hat"}
    for one in made:
        assert one.picture.size == SIZE
        pixels = np.asarray(one.picture).astype(int)
        for thing in one.things:
            left, upper, right, lower = thing.box
            assert 0 <= left < right <= SIZE[0] and 0 <= upper < lower <= SIZE[1]
            ys, xs = np.nonzero(thing.mask)
            assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == thing.box
            channel = {"bird": 0, "hat": 1, "fish": 2}[thing.label]
            middle = pixels[(upper + lower) // 2, (left + right) // 2]
            assert middle[channel] == middle.max() > 100


def test_average_precision_is_cocos(made: list[Composite]) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    evaluation = pytest.importorskip("pycocotools.cocoeval").COCOeval
    draw = np.random.default_rng(0)
    label = "bird"
    told, results, marked = [], [], []
    size = np.array([*SIZE, *SIZE])
    for number, one in enumerate(made):
        for thing in one.things:
            if thing.label == label:
                marked.append(_annotation(len(marked) + 1, number, np.array(thing.box, float)))
            for _ in range(3):  # near the truth, of this label or another
                box = np.array(thing.box) + draw.normal(0, 12, 4)
                score = float(draw.random())
                told.append(Told(number, score, box[None] / size))
                results.append(_annotation(0, number, box) | {"score": score})
    read = coco.COCO()
    read.dataset = {
        "images": [{"id": n} for n in range(len(made))],
        "categories": [{"id": 1}],
        "annotations": marked,
    }
    read.createIndex()
    theirs = evaluation(read, read.loadRes(results), "bbox")
    theirs.evaluate()
    theirs.accumulate()
    theirs.summarize()
    ours = average_precision(judge(told, truth_of(label, made)), np.ones(len(made), int))
    assert 0 < theirs.stats[1] < 1
    assert ours == pytest.approx(theirs.stats[1])


def _annotation(number: int, picture: int, box: np.ndarray) -> dict[str, object]:
    left, upper, right, lower = box.tolist()
    sides = [left, upper, right - left, lower - upper]
    return {
        "id": number, "image_id": picture, "category_id": 1, "bbox": sides, "iscrowd": 0,
        "area": sides[2] * sides[3],
    }  # fmt: skip


def test_a_picture_that_weighs_two_counts_as_two_pictures(made: list[Composite]) -> None:
    size = np.array([*SIZE, *SIZE])
    told = [
        Told(n, 1 / (n + 2), np.array([thing.box]) / size)
        for n, one in enumerate(made) for thing in one.things
    ]  # fmt: skip
    twice = [*made, made[0]]
    more = [*told, *(Told(6, t.score, t.box) for t in told if t.picture == 0)]
    for label in ("bird", "hat"):
        weighed = average_precision(
            judge(told, truth_of(label, made)), np.array([2, 1, 1, 1, 1, 1])
        )
        doubled = average_precision(judge(more, truth_of(label, twice)), np.ones(7, int))
        assert weighed == pytest.approx(doubled, abs=0.02)  # places between the two differ


def test_ranking_precision() -> None:
    right = np.array([1.0, 0, 1, 0])
    assert ranking_precision(right, np.ones(4, int)) == pytest.approx((1 + 2 / 3) / 2)
    assert ranking_precision(np.zeros(4), np.ones(4, int)) == 0


def test_a_thing_has_a_mask_of_the_whole_picture(made: list[Composite]) -> None:
    thing: Thing = made[0].things[0]
    assert thing.mask.shape == SIZE[::-1] and thing.mask.any() and not thing.mask.all()
