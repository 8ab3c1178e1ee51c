"""The folder that an evaluation leaves: a report one can read, plots one can see."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium.collection import Skipped
from sensorium.errors import UsageError
from sensorium.evaluation import (
    Result,
    evaluate_folder,
    evaluate_pairs,
    evaluate_retrieval,
    read_result,
    write_evaluation,
)
from sensorium.evaluation.folder import require_free
from sensorium.evaluation.plots import MAX_CLASSES, MOST_CONFUSED, plot_confusion
from sensorium.evaluation.result import Measurement
from sensorium.media import lettering
from sensorium.media.skipped import group_skipped


def is_drawn(path: Path) -> bool:
    """Whether a file is a PNG with something on it, and a margin that nothing runs into."""
    with PIL.Image.open(path) as picture:
        assert picture.format == "PNG"
        pixels = np.asarray(picture.convert("L"))
    edges = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    return min(pixels.shape) > 150 and (pixels < 128).sum() > 200 and edges.min() > 200


def embedded(report: str) -> list[str]:
    return re.findall(r"!\[[^]]+\]\(([^)]+)\)", report)


@pytest.fixture
def result(pairs: Path, tiny: Path) -> Result:
    return evaluate_pairs(pairs, tiny)


def test_the_report_of_pairs(result: Result, tmp_path: Path) -> None:
    folder = tmp_path / "new" / "out"
    files = write_evaluation(result, folder)
    assert {file.name for file in folder.iterdir()} == {*files}
    report = (folder / "report.md").read_text("utf-8")
    assert embedded(report) == ["recall.png", "worst-text-to-image.png", "worst-image-to-text.png"]
    assert all(is_drawn(folder / name) for name in embedded(report))
    assert "# Evaluation of pairs.csv\n\n12 pictures, 15 captions; tiny [" in report
    for name, found in result.measurements.items():
        score = found.scores["success@1"]
        row = f"(success@1) | {score.estimate:.3f} | {score.low:.3f} to {score.high:.3f} |"
        assert row in report, name
    assert "Skipped" not in report
    assert read_result(folder) == result


def test_the_report_of_classes(classes: Path, tiny: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_evaluation(evaluate_folder(classes, tiny), folder)
    report = (folder / "report.md").read_text("utf-8")
    assert embedded(report) == ["confusion.png", "worst-classification.png"]
    assert all(is_drawn(folder / name) for name in embedded(report))
    assert "## Skipped: 1\n\n- the_red/broken.png: no picture" in report


def test_the_report_of_queries(library: Path, beir: Path, tmp_path: Path) -> None:
    result = evaluate_retrieval(library, beir / "queries.jsonl", beir / "qrels" / "test.tsv")
    write_evaluation(result, tmp_path / "out")
    assert embedded((tmp_path / "out" / "report.md").read_text("utf-8"))[0] == "recall.png"
    assert is_drawn(tmp_path / "out" / "recall.png")


def test_names_are_no_markup(result: Result, tmp_path: Path) -> None:
    odd = [Skipped("a|b`<c>[d](e).png\n\x1b[2J", "why | not")]
    write_evaluation(dataclasses.replace(result, skipped=odd), tmp_path / "out")
    report = (tmp_path / "out" / "report.md").read_text("utf-8")
    (line,) = (line for line in report.splitlines() if line.startswith("- "))
    assert line == r"- a\|b\`\<c>\[d](e).png\\n\\x1b\[2J: why \| not"
    assert "\x1b" not in report


def test_pictures_that_are_gone_leave_a_grey_square(result: Result, pairs: Path) -> None:
    for file in (pairs.parent / "classes" / "the_red").iterdir():
        file.unlink()
    write_evaluation(result, pairs.parent / "out")
    assert is_drawn(pairs.parent / "out" / "worst-image-to-text.png")


def test_the_same_result_draws_the_same_files(result: Result, tmp_path: Path) -> None:
    files = write_evaluation(result, tmp_path / "one")
    write_evaluation(result, tmp_path / "other")
    for name in files:
        if name != "result.json":  # its paths are relative to where it lies
            one, other = (tmp_path / folder / name for folder in ("one", "other"))
            assert one.read_bytes() == other.read_bytes()


def test_skipped_things_are_grouped_by_reason() -> None:
    skipped = [Skipped(f"{n}.png", "broken") for n in range(5)] + [Skipped("x", "gone")]
    assert group_skipped(skipped) == ["5 (0.png, 1.png, 2.png and 2 more): broken", "x: gone"]


# Where it may be written


def test_the_same_evaluation_may_be_written_again(result: Result, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()  # an empty folder is free
    write_evaluation(result, tmp_path / "out")
    before = (tmp_path / "out" / "result.json").read_bytes()
    write_evaluation(result, tmp_path / "out")
    assert (tmp_path / "out" / "result.json").read_bytes() == before


def test_another_evaluation_is_never_written_over(
    result: Result, classes: Path, pairs: Path, tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "out"
    write_evaluation(result, folder)
    before = (folder / "result.json").read_bytes()
    for other, words in (
        (evaluate_pairs(pairs, other_tiny), "other encoder"),
        (evaluate_folder(classes, tiny), "other kind and data"),
    ):
        with pytest.raises(UsageError, match=f"another evaluation .{words}.*--out"):
            write_evaluation(other, folder)
    with pairs.open("a") as file:
        file.write("classes/the_red/red0.png,one more,\n")
    with pytest.raises(UsageError, match="as they were before they changed: give another folder"):
        write_evaluation(evaluate_pairs(pairs, tiny), folder)
    with pytest.raises(UsageError, match="as they were before they changed"):
        require_free(folder, "pairs", result.arguments, result.encoder["fingerprint"])
    assert (folder / "result.json").read_bytes() == before
    with pytest.raises(UsageError, match="exists and is no evaluation"):
        write_evaluation(result, classes)
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="exists and is no evaluation"):
        write_evaluation(result, tmp_path / "file")
    with pytest.raises(UsageError, match="cannot be written"):
        write_evaluation(result, tmp_path / "file" / "below")


# Confusion


def confusion(classes: int, mistakes: dict[tuple[int, int], int]) -> Measurement:
    counts = np.diag(np.full(classes, 9))
    for cell, count in mistakes.items():
        counts[cell] = count
    names = [f"class {n}" if n % 5 else f"第 {n} 类" for n in range(classes)]
    return Measurement(
        {}, [], {},
        confusion={
            "classes": names, "labels": [[n] for n in names], "counts": counts.tolist(),
        },
    )  # fmt: skip


@pytest.mark.parametrize("classes", [2, MAX_CLASSES, 2 * MAX_CLASSES])
def test_confusion_of_few_and_of_many_classes(classes: int, tmp_path: Path) -> None:
    plot_confusion(confusion(classes, {(0, 1): 5}), tmp_path / "c.png")
    assert is_drawn(tmp_path / "c.png")
    with PIL.Image.open(tmp_path / "c.png") as picture:
        assert max(picture.size) < 3500


@pytest.mark.filterwarnings("error")  # Matplotlib warns of what it has no glyph for
def test_names_in_all_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lettering, "FONT_FOLDERS", ())
    lettering._faces.cache_clear()
    lettering._face_for.cache_clear()
    names = ["城堡", "风车 (windmill)", "한국어", "замок", "ปราสาท", "cat"]
    drawn = []
    for said in (names, ["?" * len(name) for name in names]):
        found = confusion(len(names), {})
        found.confusion["labels"] = [[name] for name in said]
        plot_confusion(found, tmp_path / "c.png")
        with PIL.Image.open(tmp_path / "c.png") as picture:
            drawn.append((np.asarray(picture.convert("L")) < 100).sum())
    assert drawn[0] > drawn[1] + 500


def test_of_many_classes_the_most_confused_are_shown() -> None:
    from sensorium.evaluation.plots import _most_confused

    mistakes = {(n, n + 50): 100 - n for n in range(40)}
    found = confusion(90, mistakes).confusion
    assert found is not None
    shown = _most_confused(np.array(found["counts"]))
    half = MOST_CONFUSED // 2
    assert shown.tolist() == [*range(half), *range(50, 50 + half)]


def test_plotting_leaves_no_state(result: Result, tmp_path: Path) -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    write_evaluation(result, tmp_path / "out")
    assert dict(matplotlib.rcParams) == before
