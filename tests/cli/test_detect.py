"""``sensorium detect`` and ``index --detect`` as a person uses them."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import PIL.Image
import pytest

from tests.cli.conftest import Run

Weights = Callable[[str], Path]


@pytest.fixture
def photos(weights_of: Weights, sample: Path, tmp_path: Path) -> Path:
    pytest.importorskip("cv2")
    weights_of("ssd-coco")
    folder = tmp_path / "photos"
    folder.mkdir()
    for name in ("x_dog.jpg", "s_astronaut.jpg", "c_bulb.jpg"):
        shutil.copy(sample / "images" / name, folder)
    (folder / "broken.jpg").write_bytes(b"no picture")
    return folder


def test_boxes_in_a_pipe(run: Run, photos: Path, tmp_path: Path) -> None:
    done = run("detect", photos, "--draw", tmp_path / "drawn", "--coco", tmp_path / "boxes.json")
    assert done.code == 1 and "broken.jpg" in done.err
    by_name = {Path(line.split("\t")[0]).name: line.split("\t") for line in done.lines}
    assert done.lines[0] == "path\tlabel\tprobability\tplace\tmodel"
    assert by_name["x_dog.jpg"][1] == "dog" and by_name["s_astronaut.jpg"][1] == "person"
    assert by_name["x_dog.jpg"][4].startswith("ssd-coco (")
    drawn = {path.name for path in (tmp_path / "drawn").iterdir()}
    assert drawn == {"x_dog.png", "s_astronaut.png", "c_bulb.png"}
    with PIL.Image.open(tmp_path / "drawn" / "x_dog.png") as picture:
        assert picture.format == "PNG"
    assert len(json.loads((tmp_path / "boxes.json").read_text())["images"]) == 3


def test_boxes_as_json(run: Run, photos: Path, tmp_path: Path) -> None:
    drawing = tmp_path / "dog.png"
    done = run("detect", photos / "x_dog.jpg", "--labels", "狗", "--json", "--draw", drawing)
    assert done.code == 0 and drawing.is_file()
    (fact,) = map(json.loads, done.lines)
    assert {*fact} == {"path", "width", "height", "boxes", "error"}
    assert fact["boxes"][0]["label"] == "狗" and fact["boxes"][0]["origin"]["model"] == "ssd-coco"
    none = run("detect", photos / "x_dog.jpg", "--min", "0.9999")
    assert none.code == 0 and none.lines[1].split("\t")[1] == "nothing found"


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text there")
def test_names_that_are_no_text_stand_in_annotations(run: Run, photos: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(photos) + b"/no\xff.jpg"))
    (photos / "x_dog.jpg").rename(odd)
    made = photos / "boxes.json"
    assert run("detect", odd, "--coco", made).code == 0
    (picture,) = json.loads(made.read_text("utf-8"))["images"]
    assert photos / picture["file_name"] == odd


def test_where_nothing_can_be_written_is_said(run: Run, photos: Path) -> None:
    for option, name in (("--draw", "x.png"), ("--coco", "x.json")):
        done = run("detect", photos / "x_dog.jpg", option, photos / "c_bulb.jpg" / name)
        assert done.code == 3 and f"{name}: cannot be written (" in done.err


def test_what_is_wrong_is_said_before_anything_is_loaded(
    run: Run, photos: Path, tmp_path: Path
) -> None:
    for wrong, said in (
        (("detect", tmp_path / "nowhere"), "nowhere"),
        (("detect", photos, "--draw", tmp_path / "a.png"), "name a folder"),
        (("detect", photos / "x_dog.jpg", "--min", "7"), "from 0 to 1"),
        (("detect", photos / "x_dog.jpg", "--labels", ","), "labels are words"),
        (("detect", photos / "x_dog.jpg", "--model", "no/such"), "no/such"),
    ):
        done = run(*wrong)
        assert done.code and said in done.err, wrong


@pytest.mark.slow
def test_people_are_found_in_an_index(run: Run, photos: Path, tmp_path: Path) -> None:
    library = tmp_path / "c.sensorium"
    (photos / "broken.jpg").unlink()
    run("index", photos, "-c", library)
    before = run("info", "-c", library, "--json")
    assert "people" not in json.loads(before.out)["fields"]
    again = run("index", photos, "-c", library, "--detect")  # what was stored is looked at again
    assert again.code == 0 and "3 unchanged" not in again.out
    for query, mode in (("people", "vector"), ("a child", "vector"), ("persons", "words"),
                        ("人", "words"), ("people", "hybrid")):  # fmt: skip
        done = run("search", query, "-c", library, "--mode", mode, "--json", "-k", "1")
        hit = json.loads(done.lines[0])
        assert Path(hit["path"]).name == "s_astronaut.jpg", (query, mode)
    hit = json.loads(run("search", "person", "-c", library, "--json", "-k", "1").lines[0])
    assert hit["details"]["label"] == "person" and hit["details"]["source"] == "detection"
    left, upper, right, lower = hit["details"]["box"]
    assert 0 <= left < right <= 1 and 0 <= upper < lower <= 1
    nobody = run("search", "a photo", "-c", library, "--where", "people = 0", "--json")
    names = {Path(json.loads(line)["path"]).name for line in nobody.lines}
    assert names == {"x_dog.jpg", "c_bulb.jpg"}
    one = run("search", "a photo", "-c", library, "--where", "things ->> 'dog' >= 1", "--json")
    assert [Path(json.loads(line)["path"]).name for line in one.lines] == ["x_dog.jpg"]
    assert run("index", photos, "-c", library, "--detect").out.startswith("0 added, 3 unchanged")
    assert run("search", "people", "-c", library, "--sheet", tmp_path / "s.png").code == 0
