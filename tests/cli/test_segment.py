"""``sensorium segment`` and ``sensorium caption`` on real pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium.tasks.masks.runs import mask_of, unpacked
from tests.cli.conftest import Run

pytest.importorskip("cv2")


def test_masks_of_people(
    run: Run, sample: Path, tmp_path: Path, weights_of: Callable[[str], Path]
) -> None:
    for name in ("person-mask", "ssd-coco"):
        weights_of(name)
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"broken")
    pictures = [sample / "images" / name for name in ("s_camera.jpg", "x_dog.jpg")]
    draw, file = tmp_path / "drawn", tmp_path / "masks.json"
    done = run(
        "segment", *pictures, broken, "--model", "person-mask", "--draw", draw, "--coco", file,
        "--json",
    )  # fmt: skip
    man, dog, skipped = map(json.loads, done.lines)
    assert done.code == 1 and skipped["skipped"] == str(broken)
    (mask,) = man["masks"]
    assert mask["label"] == "person" and dog["masks"] == []
    height, width = mask["size"]
    assert mask_of(unpacked(mask["counts"]), width, height).sum() == mask["area"]
    made = json.loads(file.read_text("utf-8"))
    assert [one["segmentation"]["counts"] for one in made["annotations"]] == [mask["counts"]]
    assert {path.name for path in draw.iterdir()} == {"s_camera.png", "x_dog.png"}
    plain = run("segment", *pictures, "--model", "person-mask")
    assert plain.code == 0 and len(plain.lines) == 3
    assert "person" in plain.lines[1] and "in boxes of ssd-coco" in plain.lines[1]
    assert plain.lines[2].split("\t")[1] == "nothing found"


def test_coco_is_read_by_its_own_library(run: Run, sample: Path, tmp_path: Path) -> None:
    coco = pytest.importorskip("pycocotools.coco")
    picture, file = sample / "images" / "s_coffee.jpg", tmp_path / "coffee.json"
    done = run("segment", picture, "--boxes", "120,20,190,270", "--coco", file, "--json")
    (mask,) = json.loads(done.out)["masks"]
    read = coco.COCO(str(file))
    (annotation,) = read.loadAnns(read.getAnnIds())
    theirs = read.annToMask(annotation).astype(bool)
    assert (theirs == mask_of(unpacked(mask["counts"]), *mask["size"][::-1])).all()
    with PIL.Image.open(picture) as opened:
        assert theirs.shape == opened.size[::-1]
    assert np.flatnonzero(theirs.any(axis=0))[0] == mask["box"][0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--boxes", "1,2,3"), "is not X,Y,WIDTH,HEIGHT"),
        (("--boxes", "1,2,3,x"), "is not X,Y,WIDTH,HEIGHT"),
        (("--boxes", "1,2,30,30", "--labels", "cat"), "give one of them"),
        (("--points", "5,5"), "takes boxes, no points"),
        (("--model", "nobody/nothing"), "nobody/nothing"),
        (("--boxes", "1,2,30,30", "--draw", "x.jpg"), "PNG"),
        (("--boxes", "9999,2,30,30"), "has nothing of"),
    ],
)
def test_what_cannot_be_asked_is_one_line(
    run: Run, sample: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = run("segment", sample / "images" / "x_cat.jpg", *arguments)
    assert done.code in (1, 2, 3) and message in done.err
    assert "Traceback" not in done.err


@pytest.mark.slow
def test_captions_without_a_captioner(run: Run, sample: Path) -> None:
    names = ("s_chelsea.jpg", "s_motorcycle_left.jpg")
    done = run("caption", *(sample / "images" / name for name in names), "--json")
    cat, motorcycle = map(json.loads, done.lines)
    assert (done.code, cat["text"], motorcycle["text"]) == (0, "a cat", "a motorcycle")
    assert 0 < cat["probability"] < 1 and cat["origin"]["kind"] == "encoder"
    refused = run("caption", sample / "images" / "s_chelsea.jpg", "--language", "de")
    assert refused.code == 2 and "leave out the language" in refused.err
