"""The same data give the same numbers to the last digit; what changed is named."""

from __future__ import annotations

import dataclasses
import os
import shutil
from pathlib import Path

import pytest

from sensorium import Collection
from sensorium.errors import UsageError
from sensorium.evaluation import (
    evaluate_folder,
    evaluate_pairs,
    evaluate_retrieval,
    rerun_result,
)
from sensorium.evaluation.rerun import differences
from tests.evaluation.conftest import noise
from tests.tiny_encoder import make_tiny_encoder


def test_every_kind_is_reproduced(
    classes: Path, pairs: Path, library: Path, beir: Path, tiny: Path, tmp_path: Path
) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("folder,label\nthe_red,red,dog\n")
    for before in (
        evaluate_folder(classes, tiny, labels=labels, seed=1),
        evaluate_pairs(pairs, tiny, seed=2),
        evaluate_retrieval(library, beir / "queries.jsonl", beir / "qrels" / "test.tsv", seed=3),
    ):
        after = rerun_result(before)
        assert after == before
        assert differences(before, after).numbers == differences(before, after).causes == []


def test_the_seed_moves_only_intervals(pairs: Path, tiny: Path) -> None:
    one, other = (evaluate_pairs(pairs, tiny, seed=seed) for seed in (0, 1))
    found = differences(one, other)
    assert found.numbers and not found.causes
    for name in one.measurements:
        assert one.measurements[name].values == other.measurements[name].values


def test_a_changed_picture_is_named(classes: Path, pairs: Path, tiny: Path) -> None:
    before = evaluate_folder(classes, tiny), evaluate_pairs(pairs, tiny)
    noise("blue", 99).save(classes / "the_red" / "red2.png")
    for one, name in zip(before, ("the_red/red2.png", "classes/the_red/red2.png"), strict=True):
        found = differences(one, rerun_result(one))
        assert found.numbers
        assert len(found.causes) == 1
        assert found.causes[0].startswith("data: the pictures differ (") and name in found.causes[0]


def test_changed_judgements_are_told_from_changed_items(library: Path, beir: Path) -> None:
    qrels = beir / "qrels" / "test.tsv"
    before = evaluate_retrieval(library, beir / "queries.jsonl", qrels)
    qrels.write_text(qrels.read_text().replace("q-red\tred0.png\t2", "q-red\tblue0.png\t2"))
    found = differences(before, rerun_result(before))
    assert found.causes == ["data: the answers differ (q-red)"]
    assert any("samples differ: q-red" in line for line in found.numbers)
    with Collection(library) as collection:
        collection.delete(where="path LIKE '%green3%'")
    causes = differences(before, rerun_result(before)).causes
    assert [cause.split(" (")[0] for cause in causes] == [
        "data: the items differ", "data: the answers differ"
    ]  # fmt: skip


def test_another_encoder_and_other_versions_are_named(pairs: Path, tmp_path: Path) -> None:
    encoder = make_tiny_encoder(tmp_path / "encoder")
    before = evaluate_pairs(pairs, encoder)
    shutil.rmtree(encoder)
    make_tiny_encoder(encoder, seed=5)
    for file in encoder.iterdir():  # OpenVINO tells its compiled models apart by path and time
        os.utime(file, (2e9, 2e9))
    found = differences(before, rerun_result(before))
    assert found.numbers and found.causes[0].startswith("encoder: fingerprint was ")
    newer = dataclasses.replace(before, versions={**before.versions, "numpy": "9.9"})
    assert differences(before, newer).causes == [
        f"versions: numpy was {before.versions['numpy']}, is 9.9"
    ]


def test_data_that_are_gone(pairs: Path, tiny: Path) -> None:
    before = evaluate_pairs(pairs, tiny)
    pairs.unlink()
    with pytest.raises(UsageError, match=r"data of this result is no longer there: .*pairs.csv"):
        rerun_result(before)
