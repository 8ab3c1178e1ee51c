"""What ``explain``, ``search --explain`` and ``classify --explain`` print and draw."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium import load_encoder
from sensorium.tasks.classification import VectorClassifier
from tests.cli.conftest import Run

KEPT = Path(__file__).parents[1] / "kept"


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """Red on the left, blue on the right."""
    pixels = np.zeros((40, 40, 3), np.uint8)
    pixels[:, :20], pixels[:, 20:] = (230, 20, 20), (20, 20, 230)
    path = tmp_path / "halves.png"
    PIL.Image.fromarray(pixels).save(path)
    return path


def test_a_pair_is_explained(run: Run, halves: Path, tiny: Path, tmp_path: Path) -> None:
    command = ("explain", "a red square", halves, "--encoder", tiny)
    done = run(*command)
    assert (done.code, done.err) == (0, "")
    assert done.lines[0] == "of\tkind\tplace\tweight\ttext"
    parts = [line.split("\t") for line in done.lines[1:]]
    assert [part[4] for part in parts if part[0] == "question"] == ["a", "red", "square"]
    assert sum(part[:2] == ["hit", "region"] for part in parts) == 36
    drawn = run(*command, "--draw", tmp_path / "out" / "heat.png")
    assert drawn.out == done.out  # the same every time
    with PIL.Image.open(tmp_path / "out" / "heat.png") as picture:
        assert picture.format == "PNG" and picture.width > 400
    (fact,) = map(json.loads, run(*command, "--json").lines)
    assert fact["value"] == "cosine" and fact["query"] == "a red square"
    assert fact["path"] == str(halves) and fact["origin"]["model"] == str(tiny)
    assert len(fact["hit"]["parts"]) == 36
    assert {*fact["hit"]["faithfulness"]} == {"own", "random", "centre"}


def test_places_in_a_long_text_are_told_to_the_character(
    run: Run, tiny: Path, tmp_path: Path
) -> None:
    text = "Grey stones lie there. " * 2000 + "A red square hangs on the wall. It is very red."
    (tmp_path / "long.txt").write_text(text, "utf-8")
    done = run("explain", "a red square", tmp_path / "long.txt", "--encoder", tiny)
    told = [line.split("\t") for line in done.lines[1:] if line.startswith("hit\tsentence")]
    assert told
    for _, _, place, _, sentence in told:
        begin, end = map(int, place.split(","))
        assert text[begin:end].strip() == sentence.strip()


def test_what_is_wrong_is_said(run: Run, halves: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"broken")
    bad = run("explain", "red", tmp_path / "broken.png", "--encoder", tiny)
    assert bad.code == 3 and "broken.png: no picture" in bad.err
    gone = run("explain", "red", tmp_path / "gone.png", "--encoder", tiny)
    assert gone.code == 3 and "gone.png" in gone.err
    refused = run("explain", "red", halves, "--encoder", tiny, "--draw", "heat.jpg")
    assert refused.code == 2 and "does not end in .png" in refused.err


def test_hits_say_what_they_are_because_of(run: Run, library: Path, tmp_path: Path) -> None:
    done = run("search", "a red square", "-c", library, "-k", "2", "--explain")
    assert done.code in (0, 1)
    assert done.lines[0] == "score\tpath\tbecause of" and len(done.lines) == 3
    sheet = tmp_path / "sheet.png"
    rows = run(
        "search", "a red square", "-c", library, "-k", "2", "--explain", "--sheet", sheet, "--json"
    )
    facts = [*map(json.loads, rows.lines)]
    assert all(fact["explanation"]["path"] == fact["path"] for fact in facts) and sheet.is_file()
    assert facts[0]["explanation"]["score"] == pytest.approx(facts[0]["score"], abs=1e-3)
    refused = run("search", "a", "-c", library, "--explain", "--mode", "words")
    assert refused.code == 2 and "compared by meaning" in refused.err


def test_parts_of_a_question_say_what_they_add(run: Run, library: Path, halves: Path) -> None:
    """The score that a search gives is their sum, and ``explain`` gives the same."""
    parts = ("a red square", "0.5:wood", "--like", halves, "--without", "blue")
    (line, *_) = run("search", *parts, "-c", library, "-k", "1", "--explain", "--json").lines
    hit = json.loads(line)
    added = hit["explanation"]["parts"]
    assert [part["weight"] for part in added] == [1, 0.5, 1, -1]
    assert [part["what"] for part in added] == ["a red square", "wood", str(halves), "blue"]
    assert sum(part["score"] for part in added) == pytest.approx(hit["score"], abs=1e-4)
    assert hit["explanation"]["value"] == "standard deviations"
    words = added[0]["question"]["parts"]
    assert [word["text"] for word in words] == ["a", "red", "square"]
    (again,) = run("explain", *parts[:2], hit["path"], *parts[2:], "-c", library, "--json").lines
    assert json.loads(again)["score"] == pytest.approx(hit["score"], abs=1e-4)
    told = run("explain", *parts[:2], hit["path"], *parts[2:], "-c", library).lines
    assert [line.split("\t")[1] for line in told if line.startswith("score")] == [
        "words", "words", "example", "words",
    ]  # fmt: skip


def test_several_parts_are_weighed_by_something(run: Run, halves: Path, tiny: Path) -> None:
    refused = run("explain", "red", "blue", halves, "--encoder", tiny)
    assert refused.code == 2 and "name a collection" in refused.err


def test_a_hit_that_is_gone_has_no_reason(
    run: Run, halves: Path, folder: Path, tiny: Path, tmp_path: Path
) -> None:
    library = tmp_path / "c.sensorium"
    assert run("index", halves, folder / "red.png", "-c", library, "--encoder", tiny).code == 0
    halves.unlink()
    done = run("search", "a red square", "-c", library, "--explain")
    assert f"skipped {halves}" in done.err and done.lines[0] == "score\tpath\tbecause of\tstate"
    assert sum(line.endswith("gone") for line in done.lines) == 1


def test_labels_say_what_they_are_because_of(
    run: Run, halves: Path, tiny: Path, library: Path, tmp_path: Path
) -> None:
    command = ("classify", halves, "--labels", "red", "--encoder", tiny)
    heading, line = run(*command, "--explain").lines
    assert heading == "path\tlabel\tprobability\tanswer\tbecause of"
    plain = run(*command).lines[1]
    assert line.startswith(plain)
    (fact,) = map(json.loads, run(*command, "--explain", "--json").lines)
    (answered,) = fact["answers"]
    assert fact["explanation"]["probability"] == pytest.approx(answered["probability"], abs=1e-3)
    assert fact["explanation"]["value"] == "log odds"
    two = ("classify", halves, "--labels", "red,blue", "--encoder", tiny)
    assert run(*two, "--draw", tmp_path / "a.png").code == 0 and (tmp_path / "a.png").is_file()
    many = run("classify", "--labels", "red,blue", "-c", library, "--draw", tmp_path / "b.png")
    assert many.code == 2 and "draws one explanation" in many.err
    stored = run("classify", "--labels", "red,blue", "-c", library, "--explain")
    assert stored.code == 0 and stored.lines[0].endswith("because of")


def test_classifiers_say_why(run: Run, tmp_path: Path, tiny: Path) -> None:
    encoder = load_encoder(tiny)
    head = VectorClassifier(
        ["red", "blue"],
        encoder.space,
        str(tiny),
        "linear-probe",
        "text",
        {"weights": encoder.encode(["red", "blue"]) / np.float32(0.1)},
    )
    folder = head.save(tmp_path / "colours")
    (tmp_path / "note.txt").write_text("a red photo of the dog")
    heading, line = run(
        "classify", tmp_path / "note.txt", "--classifier", folder, "--explain"
    ).lines
    assert heading.endswith("because of") and "\tred\t" in line and "word: red" in line


def test_rows_say_why(run: Run, tmp_path: Path, sample: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("safetensors")
    table = tmp_path / "rows.csv"
    table.write_text(f"photo,note,size\n{sample / 'images' / 'x_cat.jpg'},,3\n,a dog,7\n")
    done = run("classify", table, "--classifier", KEPT / "fusion-early", "--explain", "--json")
    rows = [json.loads(line) for line in done.lines if '"row"' in line]
    assert [[*row["kind_because_of"]["cells"]] for row in rows] == [["photo"], ["note"]]
    assert {"image", "text", "tabular"} <= {*rows[0]["kind_because_of"]["contributions"]}
    refused = run("classify", table, "--classifier", KEPT / "fusion-early", "--draw", "a.png")
    assert refused.code == 2 and "not with tables" in refused.err
