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
    command = ("train", "contrastive", table, "--image-tower", tiny, "--text-tower", other_tiny,
               "--out", tmp_path / "mine", "--validation", folder / "captions.csv", "--epochs", "3",
               "--batch-size", "4", "--dimension", "8")  # fmt: skip
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
