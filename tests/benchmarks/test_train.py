"""The few-shot benchmark draws fairly, and a part that is not there is named."""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy")

from benchmarks import train, train_few_shot
from benchmarks.rows import Row
from benchmarks.train_few_shot import RIVAL, SHOTS, Set
from sensorium import load_encoder
from tests.training.vectors import blobs


@pytest.fixture
def data(tiny: Path) -> Set:
    vectors, numbers = blobs(classes=3, count=26, dimension=48, noise=1.0)
    return Set("clouds", load_encoder(tiny), vectors, [f"class {n}" for n in numbers])


def test_tests_are_disjoint_from_examples_and_equal_for_all_shots(data: Set) -> None:
    before = None
    for shots in SHOTS:
        trained, tested = train_few_shot._draw(data.labels, shots, seed=3)
        labels = np.array(data.labels)[trained]
        assert all((labels == name).sum() == shots for name in set(data.labels))
        assert not set(trained) & set(tested)
        assert before is None or (tested == before).all()
        before = tested
    assert (train_few_shot._draw(data.labels, 1, seed=4)[1] != before).any()


def test_curves_have_every_method_and_rise(
    data: Set, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(train_few_shot, "SHOTS", (1, 8))
    rows = train_few_shot._curves(data, quick=True)
    values = {(row.case, row.system): row.value for row in rows if row.metric == "accuracy"}
    systems = {system for _, system in values}
    assert systems == {"zero-shot", *train_few_shot.FROZEN, RIVAL}
    for system in systems - {"zero-shot"}:
        first = values["clouds, 3 classes, 1 shot", system]
        assert values["clouds, 3 classes, 8 shots", system] > first - 0.1
    assert all(0 <= row.value <= 1 for row in rows)
    train_few_shot._plot(rows, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size < 150_000
    train_few_shot.show(rows)


def test_a_part_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(train.PARTS, "nonsense", "nothing")
    assert train.run(argparse.Namespace(part=["nonsense"], quick=True)) == []
    assert "benchmarks/train_nonsense.py is not there" in " ".join(capsys.readouterr().err.split())
    train.show([Row("train_nonsense", "case", "ours", "metric", 1.0)])
    assert "metric" in capsys.readouterr().out
