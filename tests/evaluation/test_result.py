"""The result file: read back as written, found again when it moves, refused when it is damaged."""

from __future__ import annotations

import dataclasses
import json
import math
import shutil
from pathlib import Path

import pytest

from sensorium.collection import Skipped
from sensorium.errors import UsageError
from sensorium.evaluation import (
    Result,
    evaluate_folder,
    evaluate_pairs,
    evaluate_retrieval,
    read_result,
)
from sensorium.evaluation.result import write_result


@pytest.fixture
def result(pairs: Path, tiny: Path) -> Result:
    return evaluate_pairs(pairs, tiny, seed=7)


def numbers(value: object) -> list[float]:
    if isinstance(value, dict):
        return [n for inner in value.values() for n in numbers(inner)]
    if isinstance(value, list):
        return [n for inner in value for n in numbers(inner)]
    return [value] if isinstance(value, (int, float)) else []


def test_every_kind_is_read_back_to_the_last_digit(
    result: Result, classes: Path, library: Path, beir: Path, tiny: Path, tmp_path: Path
) -> None:
    qrels = beir / "qrels" / "test.tsv"
    asked = evaluate_retrieval(library, beir / "queries.jsonl", qrels)
    for number, one in enumerate((result, evaluate_folder(classes, tiny), asked)):
        folder = tmp_path / str(number)
        folder.mkdir()
        path = write_result(one, folder)
        assert read_result(path) == read_result(folder) == one
        content = json.loads(path.read_text("utf-8"))
        assert all(map(math.isfinite, numbers(content)))
        assert "NaN" not in path.read_text("utf-8")


def test_what_a_result_says(result: Result, tmp_path: Path) -> None:
    content = json.loads(write_result(result, tmp_path).read_text("utf-8"))
    assert list(content) == [
        "format", "kind", "arguments", "seed", "encoder", "data", "versions", "skipped",
        "measurements", "checksum",
    ]  # fmt: skip
    assert (content["format"], content["kind"], content["seed"]) == (2, "pairs", 7)
    assert content["encoder"]["fingerprint"] == result.encoder["fingerprint"]
    assert {"sensorium", "python", "numpy"} <= content["versions"].keys()
    found = content["measurements"]["text_to_image"]
    assert len(found["values"]["mrr"]) == len(found["samples"])
    assert found["samples"][0].keys() == {"text", "digest", "group", "answers", "rank"}
    assert len(content["data"]["fingerprint"]) == 64


def test_names_that_are_no_text_survive(result: Result, tmp_path: Path) -> None:
    odd = dataclasses.replace(result, skipped=[Skipped("caf\udce9\n.png", "图")])
    write_result(odd, tmp_path)
    assert read_result(tmp_path) == odd


def test_data_that_moved_with_the_result_are_found(pairs: Path, tiny: Path, tmp_path: Path) -> None:
    here = tmp_path / "here"
    shutil.copytree(pairs.parent, here, ignore=shutil.ignore_patterns("here"))
    result = evaluate_pairs(here / "pairs.csv", tiny)
    (here / "out").mkdir()
    write_result(result, here / "out")
    here.rename(tmp_path / "there")
    moved = read_result(tmp_path / "there" / "out")
    assert moved.arguments["data"] == str(tmp_path / "there" / "pairs.csv")
    (tmp_path / "far").mkdir()
    shutil.move(tmp_path / "there" / "out", tmp_path / "far" / "out")
    assert read_result(tmp_path / "far" / "out").arguments["data"] == str(here / "pairs.csv")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "no such result"),
        ("{", "cannot be read as an evaluation's result|cannot be read as the result"),
        ("[]", "is not the result of an evaluation"),
        ('{"measurements": {}}', "format None; this version reads formats 1 and 2"),
        ('{"format": 3, "measurements": {}}', "format 3"),
        ('{"format": 1, "measurements": {}}', "is damaged or was edited"),
        ('{"format": 1, "measurements": {"x": {"scores": {"a": 1}}}}', "is damaged"),
    ],
)
def test_files_that_are_no_results(tmp_path: Path, text: str | None, words: str) -> None:
    if text is not None:
        (tmp_path / "result.json").write_text(text)
    with pytest.raises(UsageError, match=words):
        read_result(tmp_path / "result.json")
