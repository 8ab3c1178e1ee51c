"""``sensorium classify --none`` and ``--calibrate``: deciding nothing, and sets with a coverage."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import Collection, load_encoder
from sensorium.tasks.classification import VectorClassifier
from sensorium.tasks.conformal import ConformalLabels
from sensorium.tasks.origin import digest_of_folder
from tests.cli.conftest import Run

CLASSES = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
EACH = 10


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for each class, of ten pictures that differ."""
    folder, rng = tmp_path_factory.mktemp("examples"), np.random.default_rng(0)
    for name, colour in CLASSES.items():
        (folder / name).mkdir()
        for n in range(EACH):
            pixels = np.clip(np.array(colour) + rng.normal(0, 60, (8, 8, 3)), 0, 255)
            PIL.Image.fromarray(pixels.astype(np.uint8)).save(folder / name / f"{n}.png")
    return folder


def test_sets_hold_the_examples_as_often_as_is_stated(
    run: Run, examples: Path, tiny: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "sets.json"
    options = ("--labels", "red,green,blue", "--encoder", tiny, "--json")
    done = run("classify", examples, *options, "--calibrate", examples, "--keep", kept)
    rows = [json.loads(line) for line in done.lines]
    assert (done.code, done.err, len(rows)) == (0, "", 3 * EACH)
    inside = [Path(row["path"]).parent.name in row["set"] for row in rows]
    assert sum(inside) >= 28  # ceil(31 * 0.9) of the 30 that were fitted on
    assert all({*row["set"]} <= {*row["labels"]} == {*CLASSES} for row in rows)
    assert all(row["set"] == sorted(row["set"], key=lambda x: -row["labels"][x]) for row in rows)
    fitted = ConformalLabels.load(kept)
    assert (fitted.examples, fitted.coverage, fitted.labels) == (30, 0.9, ("red", "green", "blue"))

    again = run("classify", examples, *options, "--calibrate", kept)
    assert again.out == done.out
    other = run("classify", examples, *options, "--calibrate", kept, "--coverage", "0.8")
    assert other.code == 2 and "coverage of 0.9, not 0.8" in other.err
    less = ("--labels", "red,green", "--encoder", tiny)
    refused = run("classify", examples, *less, "--calibrate", kept)
    assert refused.code == 2 and "other labels" in refused.err

    plain = run("classify", examples / "red", *options[:-1], "--calibrate", kept)
    assert plain.lines[0] == "path\tlabels" and "30 examples" in plain.err
    assert [line.split("\t")[1:] for line in plain.lines[1:]] == [
        [",".join(row["set"])] * bool(row["set"]) for row in rows if "/red/" in row["path"]
    ]


def test_labels_say_which_model_gave_them(
    run: Run, examples: Path, tiny: Path, tmp_path: Path
) -> None:
    picture, library = examples / "red" / "0.png", tmp_path / "c.sensorium"
    assert run("index", picture, "-c", library, "--encoder", tiny).code == 0
    encoder = load_encoder(tiny)
    weights = {"weights": encoder.encode(["red", "blue"]) / np.float32(0.1)}
    head = VectorClassifier(
        ["red", "blue"], encoder.space, str(tiny), "linear-probe", "image", weights
    )
    folder = head.save(tmp_path / "colours")
    own = {"model": encoder.name, "revision": encoder.space.fingerprint, "kind": "encoder"}
    trained = {"model": str(folder), "revision": digest_of_folder(folder), "kind": "folder"}
    for options, origin in (
        ((picture, "--labels", "red,blue", "--encoder", tiny), own),
        (("-c", library, "--labels", "red"), own),
        ((picture, "--classifier", folder), trained),
    ):
        (row,) = map(json.loads, run("classify", *options, "--json").lines)
        assert row["origin"] == origin


def test_sets_of_a_collection_are_those_of_its_files(
    run: Run, examples: Path, tiny: Path, tmp_path: Path
) -> None:
    path = tmp_path / "c.sensorium"
    (tmp_path / "note.txt").write_text("a red square")
    with Collection(path, tiny) as library:
        library.add(examples, tmp_path / "note.txt")
    options = ("--labels", "red,green,blue", "--calibrate", examples, "--json")
    stored = run("classify", "-c", path, *options)
    rows = [json.loads(line) for line in stored.lines]
    files = run("classify", examples, *options, "--encoder", tiny)
    sets = {row["path"]: row["set"] for row in map(json.loads, files.lines)}
    assert {row["path"]: row["set"] for row in rows} == sets
    assert stored.err == "1 left out that are no pictures\n" and rows[0]["state"] == ""


def test_examples_of_no_label_are_none_of_these(run: Run, examples: Path, tiny: Path) -> None:
    options = ("--labels", "red,green", "--encoder", tiny, "--json", "--calibrate", examples)
    refused = run("classify", examples, *options)
    assert refused.code == 2 and "classes that are no labels: blue" in refused.err
    done = run("classify", examples, *options, "--none")
    rows = [json.loads(line) for line in done.lines]
    truth = {"blue": "none of these"}
    names = [Path(row["path"]).parent.name for row in rows]
    inside = [truth.get(name, name) in row["set"] for name, row in zip(names, rows, strict=True)]
    assert done.code == 0 and sum(inside) >= 28


def test_too_few_examples_are_told(run: Run, examples: Path, tiny: Path) -> None:
    options = ("--labels", "red,green,blue", "--encoder", tiny, "--calibrate", examples)
    done = run("classify", examples, *options, "--coverage", "0.97")
    assert (done.code, done.out) == (2, "") and "takes at least 33 labelled" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--labels", "a", "--none"], "one label"),
        (["--labels", "a,b", "--none", "--multi"], "judged by themselves"),
        (["--labels", "a,b", "--coverage", "0.9"], "go with --calibrate"),
        (["--labels", "a,b", "--multi", "--calibrate", "."], "two or more labels"),
        (["--labels", "a", "--calibrate", "."], "two or more labels"),
        (["--labels", "a,b", "--calibrate", "nowhere"], "no such file or folder"),
        (["--classifier", ".", "--none"], "go with --labels"),
    ],
)
def test_what_does_not_fit_together_is_refused(
    run: Run, examples: Path, tiny: Path, options: list[str], words: str
) -> None:
    encoder = () if "--classifier" in options else ("--encoder", tiny)
    done = run("classify", examples, *options, *encoder)
    assert (done.code, done.out) == (2, "") and words in done.err
