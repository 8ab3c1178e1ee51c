"""``sensorium train contrastive``: what it prints, its exit codes, and the encoder it leaves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sentence_transformers")
pytest.importorskip("onnx")

from tests.cli.conftest import Run


def test_training_and_using_it(
    run: Run, folder: Path, tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    rows = (folder / "captions.csv").read_text().splitlines()
    table = folder / "pairs.csv"
    table.write_text("\n".join([*rows, "gone.png,not there,9"]))
    settings = tmp_path / "settings.json"
    settings.write_text('{"dimension": 8, "warmup": 0.1, "epochs": 9}')  # options go before
    command = ("train", "contrastive", table, "--image-tower", tiny, "--text-tower", other_tiny,
               "--out", tmp_path / "mine", "--validation", folder / "captions.csv", "--epochs", "3",
               "--batch-size", "4", "--settings", settings)  # fmt: skip
    done = run(*command)
    assert done.code == 1, done.err  # a picture was skipped
    assert "skipped gone.png" in done.err
    assert done.lines[0].startswith("5 pictures with 5 captions, 3 steps, ")
    assert "chance" in done.out and "text to image R@10" in done.out
    assert f"use it: sensorium index PICTURES --encoder {tmp_path / 'mine'}" in done.out
    again = run(*command, "--json")
    facts = json.loads(again.out)
    assert (facts["pictures"], facts["validation_pictures"], facts["steps"]) == (5, 5, 3)
    assert facts["before_is"] == "chance" and facts["before"]["text to image R@5"] == 1
    assert facts["skipped"][0]["path"] == "gone.png"
    assert run("index", folder, "--encoder", tmp_path / "mine", "-c", tmp_path / "c").code == 0
    assert len(run("search", "a red square", "-c", tmp_path / "c", "-k", "2").lines) == 3


def test_what_is_refused(run: Run, folder: Path, tiny: Path, tmp_path: Path) -> None:
    towers = ("--image-tower", tiny, "--text-tower", tiny, "-o", tmp_path / "x")
    none = run("train", "contrastive", folder / "none.csv", *towers)
    assert (none.code, none.out) == (2, "") and "there is no such file" in none.err
    bad = run("train", "contrastive", folder / "captions.csv", *towers, "--epochs", "0")
    assert bad.code == 2 and "epochs is 0" in bad.err
    lost = run("train", "contrastive", folder / "captions.csv", *towers, "--tune", "text")
    assert lost.code == 2 and "cannot be tuned" in lost.err
    half = tmp_path / "half.json"
    half.write_text('{"precision": "float16"}')
    refused = run("train", "contrastive", folder / "captions.csv", *towers, "--settings", half)
    assert refused.code == 2 and "float16 is trained in on a GPU only" in refused.err
    near = run("train", "contrastive", folder / "captions.csv", *towers, "--workers", "2")
    assert near.code == 2 and "--workers and --gpus go with --ray" in near.err
    assert not (tmp_path / "x").exists()
    moved = run("train", "contrastive", folder / "captions.csv", *towers, "--text-prefix", "a")
    assert moved.code == 2 and "--text-prefix stands in a file now" in moved.err


def test_settings_that_cannot_be(run: Run, folder: Path, tiny: Path, tmp_path: Path) -> None:
    file = tmp_path / "s.json"
    command = ("train", "contrastive", folder / "captions.csv", "--image-tower", tiny,
               "--text-tower", tiny, "-o", tmp_path / "x", "--settings", file)  # fmt: skip
    assert "there is no such file" in run(*command).err
    for content, said in (
        ("[1]", "give an object"), ("{", "cannot be read as JSON"),
        ('{"warm": 1}', "no setting 'warm'; there are accumulation, batch_size, dimension"),
        ('{"epochs": "ten"}', "epochs is 'ten'"), ('{"patience": true}', "patience is True"),
        ('{"tune": "text"}', "tune is 'text'"), ('{"dimension": -3}', "it must be above 0"),
    ):  # fmt: skip
        file.write_text(content)
        done = run(*command)
        assert done.code == 2 and said in done.err, done.err
    assert not (tmp_path / "x").exists()
