"""``sensorium evaluate``: what it prints, writes and exits with for every kind of data."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from sensorium.errors import install_command
from tests.cli.conftest import Run
from tests.evaluation.conftest import COLORS, EACH, beir, classes, library, noise, pairs

__all__ = ["beir", "classes", "library", "pairs"]  # fixtures

PICTURES = len(COLORS) * EACH


def test_a_table_of_pairs(run: Run, pairs: Path, tiny: Path, tmp_path: Path) -> None:
    done = run("evaluate", pairs, "--encoder", tiny, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.lines[0].startswith("12 pictures, 15 captions; tiny [")
    header, *rows = [line.split("\t") for line in done.lines[1:-1]]
    assert header == ["measurement", "score", "value", "95% interval"]
    assert {row[0] for row in rows} == {"text_to_image", "image_to_text"}
    assert all(len(row) == 4 for row in rows)
    assert done.lines[-1].startswith("written to evaluation-pairs: report.md, result.json, recall")
    assert (tmp_path / "evaluation-pairs" / "report.md").is_file()


def test_a_folder_of_classes_with_a_broken_picture(
    run: Run, classes: Path, tiny: Path, tmp_path: Path
) -> None:
    done = run("evaluate", classes, "--encoder", tiny, "--out", tmp_path / "out")
    assert done.code == 1
    assert done.err.splitlines()[0] == "1 skipped"
    assert "the_red/broken.png: no picture" in done.err
    assert {line.split("\t")[1] for line in done.lines[2:-1]} == {
        "top-1", "macro_precision", "macro_recall", "macro_f1", "ece"
    }  # fmt: skip


def test_queries_of_a_collection(run: Run, library: Path, beir: Path, tmp_path: Path) -> None:
    done = run("evaluate", beir, "-c", library, cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert done.lines[0].startswith("4 queries to 12 items; tiny [")
    assert (tmp_path / "evaluation-beir" / "result.json").is_file()
    named = run(
        "evaluate", "-c", library, "--queries", beir / "queries.jsonl",
        "--qrels", beir / "qrels" / "test.tsv", cwd=tmp_path,
    )  # fmt: skip
    assert named.lines[:-1] == done.lines[:-1]
    assert (tmp_path / "evaluation-c" / "result.json").is_file()
    by_default = run(
        "evaluate", beir, cwd=tmp_path, env={"SENSORIUM_COLLECTION": str(library)}
    )  # fmt: skip
    assert by_default.out == done.out


def test_queries_in_another_mode(run: Run, library: Path, beir: Path, tmp_path: Path) -> None:
    meaning = run("evaluate", beir, "-c", library, cwd=tmp_path)
    assert meaning.lines[0].endswith("]; mode vector")
    words = run("evaluate", beir, "-c", library, "--mode", "words", "--depth", 7, cwd=tmp_path)
    assert words.code == 1 and "a picture is asked by its vector" in words.err
    assert words.lines[0].startswith("3 queries to 12 items; tiny [")
    assert words.lines[0].endswith("]; mode words")
    assert "written to evaluation-beir-words: report.md" in words.lines[-1]
    stored = json.loads((tmp_path / "evaluation-beir-words" / "result.json").read_text())
    assert (stored["arguments"]["mode"], stored["arguments"]["depth"]) == ("words", "7")
    assert stored["search"] == {"mode": "words", "depth": 7, "index": None}
    again = run("evaluate", "--rerun", "evaluation-beir-words", cwd=tmp_path)
    assert again.lines[0].startswith("reproduced to the last digit: 12 scores of 3 samples")
    compared = run(
        "evaluate", "evaluation-beir-words", "--against", "evaluation-beir", cwd=tmp_path
    )
    assert compared.code == 0 and "3 of 3 and 4 samples are shared" in compared.err
    for option, value, said in (
        ("--mode", "meaning", "unknown mode 'meaning'; known: vector, words, hybrid, hash"),
        ("--depth", 0, "depth is a whole number of at least 1, got 0"),
    ):
        refused = run("evaluate", beir, "-c", library, option, value, "--out", tmp_path / "new")
        assert refused.code == 2 and said in refused.err
    codes = run("evaluate", beir, "-c", library, "--mode", "hash", cwd=tmp_path)
    assert codes.code == 0 and codes.lines[0].endswith("]; mode hash, index hash")


def test_as_json(run: Run, classes: Path, tiny: Path, tmp_path: Path) -> None:
    done = run("evaluate", classes, "--encoder", tiny, "--out", tmp_path / "out", "--json")
    rows = [json.loads(line) for line in done.lines]
    assert (done.code, done.err) == (1, "")
    assert rows[0].keys() == {"skipped", "reason"}
    assert rows[1].keys() == {"measurement", "score", "estimate", "low", "high"}
    assert rows[-1]["skipped"] == 1 and rows[-1]["output"] == str(tmp_path / "out")
    assert all(Path(path).is_file() for path in rows[-1]["files"])


def test_a_rerun_is_equal_until_something_changes(
    run: Run, classes: Path, tiny: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run("evaluate", classes, "--encoder", tiny, "--out", out, "--seed", 5)
    again = run("evaluate", "--rerun", out / "result.json")
    assert (again.code, again.err) == (0, "")
    assert again.out == f"reproduced to the last digit: 5 scores of {PICTURES} samples\n"
    as_json = run("evaluate", "--rerun", out, "--json")
    assert json.loads(as_json.out) == {"reproduced": True, "numbers": [], "causes": []}
    noise("blue", 77).save(classes / "the_red" / "red1.png")
    changed = run("evaluate", "--rerun", out)
    assert changed.code == 1
    assert changed.lines[0] == f"not reproduced: 5 scores of {PICTURES} samples"
    assert "may be why: data: the pictures differ (the_red/red1.png)" in changed.out


@pytest.mark.slow
def test_the_same_numbers_in_another_process(
    run: Run, pairs: Path, tiny: Path, tmp_path: Path
) -> None:
    run("evaluate", pairs, "--encoder", tiny, cwd=tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "sensorium", "evaluate", "--rerun", "evaluation-pairs/result.json"],
        capture_output=True, text=True, cwd=tmp_path, check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.startswith("reproduced to the last digit: 24 scores of 27 samples")


def test_against_another_result(
    run: Run, pairs: Path, tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    run("evaluate", pairs, "--encoder", tiny, "--out", first)
    both = run("evaluate", pairs, "--encoder", other_tiny, "--out", second, "--against", first)
    assert both.code == 0
    later = run("evaluate", second, "--against", first / "result.json")
    assert (later.code, later.err) == (0, "")
    assert both.out.endswith(later.out)
    cells = [line.split("\t") for line in later.lines]
    assert all(len(row) == 8 for row in cells)
    (row,) = (json.loads(line) for line in run(
        "evaluate", second, "--against", first, "--json"
    ).lines if '"text_to_image", "score": "mrr"' in line)  # fmt: skip
    assert row["difference"] == pytest.approx(row["ours"] - row["theirs"])
    assert row["p"] <= row["p_holm"]
    same = run("evaluate", first, "--against", first)
    assert (same.code, same.out) == (0, "") and "there is nothing to compare" in same.err
    again = run("evaluate", pairs, "--encoder", tiny, "--out", first, "--against", first)
    assert again.code == 0 and "there is nothing to compare" in again.err
    with pairs.open("a") as file:
        file.write("classes/the_red/red0.png,one more,\n")
    run("evaluate", pairs, "--encoder", tiny, "--out", tmp_path / "third")
    refused = run("evaluate", tmp_path / "third", "--against", first)
    assert refused.code == 2 and "the captions differ" in refused.err
    assert "samples are shared" in refused.err


def test_another_evaluation_is_not_written_over(
    run: Run, pairs: Path, tiny: Path, other_tiny: Path, tmp_path: Path
) -> None:
    assert run("evaluate", pairs, "--encoder", tiny, cwd=tmp_path).code == 0
    assert run("evaluate", pairs, "--encoder", tiny, cwd=tmp_path).code == 0
    refused = run("evaluate", pairs, "--encoder", other_tiny, cwd=tmp_path)
    assert refused.code == 2 and refused.out == ""
    assert "evaluation-pairs holds another evaluation (other encoder)" in refused.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "folder of pictures per class, a table"),
        (["gone"], "gone: there is no such file or folder"),
        (["pairs.csv", "-c", "c.sensorium"], "is a table of pictures and captions"),
        (["classes", "--queries", "q.jsonl"], "is a folder of classes"),
        (["pairs.csv", "--labels", "l.csv"], "--labels goes with a folder"),
        (["classes", "--labels", "gone.csv"], "gone.csv: there is no such file"),
        (["pairs.csv", "--mode", "words"], "--mode and --depth go with queries"),
        (["classes", "--depth", "5"], "--mode and --depth go with queries"),
        (["classes", "--rerun", "r.json"], "--rerun takes everything from the result"),
        (["result.json"], "is a result: compare it with --against"),
        (["--rerun", "gone.json"], "gone.json: there is no such result"),
        (["pairs.csv", "--against", "gone.json"], "gone.json: there is no such result"),
        (["--queries", "beir/queries.jsonl"], "both --queries and --qrels"),
    ],
)
def test_what_cannot_be_asked(
    run: Run, pairs: Path, beir: Path, tmp_path: Path, arguments: list[str], words: str
) -> None:
    (tmp_path / "result.json").write_text("{}")
    done = run("evaluate", *arguments, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert words in done.err and len(done.err.splitlines()) == 1


def test_a_collection_that_is_not_there(run: Run, beir: Path, tmp_path: Path) -> None:
    done = run("evaluate", beir, "-c", tmp_path / "gone.sensorium", cwd=tmp_path)
    assert done.code == 3 and "no such collection" in done.err


def test_help_names_what_is_evaluated(run: Run) -> None:
    done = run("evaluate", "--help", env={"COLUMNS": "120"})
    assert done.code == 0
    for word in ("BEIR", "--rerun", "--against", "folder,label", "mini"):
        assert word in done.out


def test_other_commands_load_nothing_of_it() -> None:
    code = (
        "import sys, sensorium.cli.app, sensorium.evaluation, sensorium.evaluation.retrieval\n"
        "assert not {'scipy', 'matplotlib'} & {*sys.modules}"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_extra_it_says_what_to_install(
    run: Run, pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules]:
        if name.startswith("sensorium.evaluation."):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "scipy", None)
    done = run("evaluate", pairs, cwd=tmp_path)
    assert done.code == 3
    assert f"scipy is not installed; run: {install_command('evaluate')}" in done.err
