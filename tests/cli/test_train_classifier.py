from __future__ import annotations

import json
from pathlib import Path

import pytest

from sensorium import Collection
from tests.cli.conftest import Run
from tests.training.pictures import write_classes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = ("red", "green", "blue", "cat")
    return write_classes(tmp_path_factory.mktemp("data") / "colours", names, count=5)


def test_one_command_trains_classifies_and_labels(
    run: Run, folder: Path, tiny: Path, tmp_path: Path
) -> None:
    done = run("train", "classifier", folder, "--encoder", tiny, cwd=tmp_path)
    assert done.code == 0, done.err
    text = "\n".join(done.lines)
    for words in ("20 image examples of 4 classes", "zero-shot\t", "difference\t", "forgotten:"):
        assert words in text, text
    saved = tmp_path / "classifier-colours"
    assert {path.name for path in saved.iterdir()} == {
        "classifier.json", "weights.npz", "report.json",
    }  # fmt: skip
    picture = folder / "red" / "0.png"
    classified = run("classify", picture, "--classifier", saved)
    assert classified.code == 0
    header, first = classified.lines
    assert header.split("\t")[:3] == ["path", "label 1", "probability 1"]
    path, label, probability = first.split("\t")[:3]
    assert (path, label) == (str(picture), "red") and 0 < float(probability) <= 1
    library = tmp_path / "c.sensorium"
    with Collection(library, tiny) as collection:
        collection.add(folder)
    labelled = run("classify", "--classifier", saved, "-c", library, "-k", "1", "--save", "kind")
    assert labelled.code == 0 and len(labelled.lines) == 1 + 20
    assert "20 labels stored as kind" in labelled.err
    found = run("search", "red", "-c", library, "--where", "kind = 'red'", "--json")
    assert len(found.lines) >= 4
    same = run("classify", "--classifier", saved, "-c", library, "-k", "1")
    assert same.lines == labelled.lines
    assert run("label", saved, "-c", library).lines == labelled.lines  # as it was called once
    for options in (("--labels", "a,b", "--save", "x"), ("--classifier", saved, "--contributions")):
        assert run("classify", *options, "-c", library).code == 2
    as_json = run("label", saved, "-c", library, "--json", "--where", "kind = 'blue'")
    assert all(json.loads(line)["labels"] for line in as_json.lines)


def test_report_as_json_with_tests_others_and_a_bad_file(
    run: Run, folder: Path, tiny: Path, tmp_path: Path
) -> None:
    test = write_classes(tmp_path / "test", ("red", "green"), 3, seed=5)
    (test / "red" / "bad.png").write_bytes(b"bad")
    others = write_classes(tmp_path / "others", ("dog", "cat"), 2, seed=6)
    done = run(
        "train", "classifier", folder, "--encoder", tiny, "--method", "tip-adapter",
        "--test", test, "--others", others, "-o", tmp_path / "out", "--json",
    )  # fmt: skip
    assert done.code == 1  # something was skipped
    report = json.loads(done.out)
    assert report["method"] == "tip-adapter" and report["tested"] == 6
    assert report["how"] == "the examples given"
    assert report["forgetting"]["others"] == ["dog"]  # cat was trained
    assert [Path(item["path"]).name for item in report["skipped"]] == ["bad.png"]
    assert report["output"] == str(tmp_path / "out")


def test_what_cannot_be_is_said_at_once(run: Run, folder: Path, tiny: Path, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.mkdir()
    (taken / "thesis.txt").write_text("years of work")
    refused = run("train", "classifier", folder, "--encoder", tiny, "-o", taken)
    assert refused.code == 2 and "holds something else" in refused.err
    assert (taken / "thesis.txt").read_text() == "years of work"
    assert run("train", "classifier", folder, "--method", "magic").code == 2
    both = run("classify", "a.png", "--labels", "a,b", "--classifier", taken)
    assert both.code == 2 and "give labels" in both.err
    assert run("classify", "a.png").code == 2
    no = run("classify", folder, "--classifier", taken)
    assert no.code == 2 and "holds no classifier.json" in no.err
    assert run("classify", folder, "--classifier", taken, "--multi").code == 2


def test_a_tuned_classifier_keeps_its_history_and_no_checkpoints(
    run: Run, folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("peft")
    from tests.encoders import tiny_hub

    clip = tiny_hub.clip(tmp_path / "clip")
    saved = tmp_path / "tuned"
    done = run(
        "train", "classifier", folder, "--encoder", clip, "--method", "lora", "--epochs", "1",
        "--others", write_classes(tmp_path / "others", ("dog", "red"), 1), "-o", saved,
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "share of tuned weights (WiSE-FT)" in done.out
    assert {path.name for path in saved.iterdir()} == {
        "adapter", "classifier.json", "curves.png", "encoder", "history.json", "report.json",
        "weights.npz",
    }  # fmt: skip
    assert run("classify", folder / "red" / "0.png", "--classifier", saved).code == 0
