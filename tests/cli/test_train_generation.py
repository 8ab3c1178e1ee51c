"""`sensorium train caption` and `translation`, and the use of what they wrote, from the shell."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("sacrebleu")

from tests.cli.conftest import Run
from tests.tiny_encoder import make_tiny_encoder
from tests.training import tiny_generation as tiny


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("generation")
    make_tiny_encoder(folder / "encoder")
    tiny.table(folder / "pictures")
    rows = [f"a {c} {t},le {t} {c}" for c, t in product(tiny.COLOURS, ("cat", "dog", "square"))]
    (folder / "texts.csv").write_text("\n".join(["en,fr", *rows, ",lost"]) + "\n", "utf-8")
    return folder


def test_captions_from_the_shell(run: Run, folder: Path, tmp_path: Path) -> None:
    table = folder / "pictures" / "pictures.csv"
    done = run(
        "train", "caption", table, "--encoder", folder / "encoder", "-o", tmp_path / "captioner",
        "--epochs", 1, "--batch-size", 12, "--vocabulary", 300, "--beams", 2, "--max-length", 8,
    )  # fmt: skip
    assert done.code == 1, done.err  # one picture is broken, and named
    assert "broken.png" in done.err
    scores = {line.split("\t")[0]: line.split("\t") for line in done.lines if "\t" in line}
    assert {"bleu-4", "chrf", "cider-d"} <= scores.keys()
    assert all(len(cells) == 6 for cells in scores.values())
    assert "sensorium caption" in done.lines[-1]
    good, broken = (folder / "pictures" / name for name in ("red-0.png", "broken.png"))
    used = run("caption", good, broken, "--model", tmp_path / "captioner", "--json")
    assert used.code == 1
    first, second = map(json.loads, used.lines)
    assert first["path"] == str(good) and isinstance(first["score"], float)
    assert second["skipped"] == str(broken)
    plain = run("caption", tmp_path / "captioner", good)  # as it was before there was --model
    assert (plain.code, plain.lines) == (0, [f"{good}\t{first['text']}"])
    again = run("train", "caption", table, "--encoder", folder / "encoder", "-o",
                tmp_path / "captioner")  # fmt: skip
    assert again.code == 2 and "give another folder" in again.err


@pytest.mark.slow
def test_translations_from_the_shell(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run(
        "train", "translation", folder / "texts.csv", "--encoder", folder / "encoder",
        "--source", "en", "--target", "fr", "--vocabulary", 300, "-o", tmp_path / "translator",
        "--epochs", 1, "--language", "fr", "--json",
    )  # fmt: skip
    assert done.code == 1, done.err  # a row without a text
    found = [json.loads(line) for line in done.lines]
    assert found[0]["skipped"] == "texts.csv:29"
    by_score = {one["score"]: one for one in found if "score" in one}
    assert by_score["chrf"]["low"] <= by_score["chrf"]["estimate"] <= by_score["chrf"]["high"]
    assert found[-1]["train"] == 21 and found[-1]["output"] == str(tmp_path / "translator")
    used = run("translate", tmp_path / "translator", "a red cat", "a blue dog")
    assert used.code == 0 and len(used.lines) == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "caption", "missing.csv"), "there is no such file"),
        (("train", "caption", "x.csv", "--frozen"), "--frozen goes with"),
        (("train", "caption", "x.csv", "--model", "a/b", "--neighbours", 2), "without a model"),
        (("train", "caption", "x.csv", "--model", "a/b", "--decoder", "c/d"), "leave out"),
        (("train", "translation", "missing.csv"), "there is no such file"),
        (("caption", "nowhere", "nothing.png"), "no such file"),
        (("translate", "nowhere", " "), "there is no text"),
    ],
)
def test_bad_input_is_one_line(
    run: Run, tmp_path: Path, arguments: tuple[object, ...], message: str
) -> None:
    done = run(*map(str, arguments), cwd=tmp_path)
    assert done.code in (1, 2) and message in done.err
    assert "Traceback" not in done.err


def test_a_folder_of_something_else_is_no_model(run: Run, folder: Path) -> None:
    pictures = folder / "pictures"
    done = run("caption", pictures / "red-0.png", "--model", pictures)
    assert done.code == 2 and "captioner.json" in done.err
    done = run("translate", pictures, "a red cat")
    assert done.code == 2 and "translator.json" in done.err
