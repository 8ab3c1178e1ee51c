"""What a report says of a model that does as its baseline does."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("sacrebleu")

from sensorium.cli.output import print_report
from sensorium.training.generation_report import GenerationReport, compared


def report_of(texts: list[str], folder: Path) -> GenerationReport:
    right = [["a red cat"], ["a blue dog"], ["two green squares"]]
    near = ["a red cat", "a dog", "a square"]
    return compared(
        "captioner", texts, near, right,
        folder=folder, language="en", counts={"test": 3},
        names=[f"{n}.png" for n in range(3)],
    )  # fmt: skip


def test_the_nearest_neighbour_is_not_compared_with_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    same = report_of(["a red cat", "a dog", "a square"], tmp_path)
    assert same.comparison == {}
    assert {name: s.estimate for name, s in same.scores.items()} == {
        name: s.estimate for name, s in same.baseline.items()
    }
    for as_json in (False, True):
        print_report(same.as_report(), as_json)
    printed = capsys.readouterr().out
    assert "every text is that of the nearest neighbour" in printed
    assert '"p": null' in printed and "p (Holm)" not in printed
    other = report_of(["a red cat", "a blue dog", "a square"], tmp_path)
    assert other.comparison.keys() == other.scores.keys()
    print_report(other.as_report(), False)
    assert "p (Holm)" in capsys.readouterr().out
    same.save()
    other.save()
