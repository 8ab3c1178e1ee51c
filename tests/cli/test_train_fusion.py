"""``sensorium train fusion`` and ``sensorium predict``: what they print, write and exit with."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

pytest.importorskip("torch")
pytest.importorskip("soundfile")

from tests.cli.conftest import Run
from tests.training.multimodal import write_table


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("table"), rows=40)


@pytest.fixture(scope="session")
def new_rows(data: Path) -> Path:
    """Five of the rows as CSV: one names a picture that is none, one has nothing at all."""
    rows = [json.loads(line) for line in data.read_text().splitlines()[:5]]
    (data.parent / "broken.png").write_bytes(b"no picture")
    rows[1]["photo"] = "broken.png"
    rows[4] = dict.fromkeys(rows[4], "")
    path = data.parent / "new.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0]])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_training_and_predicting(
    run: Run, data: Path, new_rows: Path, tiny: Path, tmp_path: Path
) -> None:
    model = tmp_path / "model"
    done = run(
        "train", "fusion", data, "--target", "kind", "--target", "price:number", "--out", model,
        "--method", "early", "--encoder", tiny, "--encoder", "audio=mel", "--epochs", "2",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    assert done.lines[0].startswith(
        "early fusion of photo (image), note (text), sound (audio), size (number), "
        "shape (category); 40 rows, "
    )
    assert done.lines[1] == (
        "learnt from 28 rows and chosen by 6, then measured on 6, "
        "which the model that is written has learnt from, too"
    )
    tables = [line.split("\t") for line in done.lines[2:-1]]
    baselines = [*(f"{name} alone" for name in ("image", "text", "audio", "tabular"))]
    assert [row[0] for row in tables] == [
        "kind", "early", "linear (logistic regression)", *baselines, "majority",
        "price", "early", "linear (ridge regression)", *baselines, "mean",
    ]  # fmt: skip
    assert tables[0][1:3] == ["accuracy", "95% interval"] and tables[8][1] == "mae"
    assert tables[0][-2:] == ["difference", "p (Holm)"]
    # What was chosen is compared with all others, and not with itself.
    assert [len(row) == len(tables[0]) for row in tables[:8]] == [True, False, *[True] * 6]
    assert done.lines[-1].endswith("model: fusion.json, model.safetensors, training")
    assert (model / "training" / "history.json").is_file()

    done = run("classify", new_rows, "--classifier", model)
    assert done.out == run("predict", model, new_rows).out  # as it was called once
    assert done.code == 1  # for the broken picture, which is named
    assert "broken.png: no picture" in done.err and "row 2, column photo" in done.err
    rows = [*csv.DictReader(io.StringIO(done.out))]
    assert [row["row"] for row in rows] == ["1", "2", "3", "4", "5"]
    assert [*rows[0]] == ["row", "kind", "kind_probability", "price"]

    done = run("classify", new_rows, "--classifier", model, "--contributions", "--json")
    found = [json.loads(line) for line in done.lines]
    assert found[-1].keys() == {"skipped", "reason"}
    for row, plain in zip(found[:-1], rows, strict=True):
        assert row["kind"] == plain["kind"]
        parts = [row[f"kind_from_{m}"] for m in ("image", "text", "audio", "tabular")]
        assert sum(parts) == pytest.approx(
            row["kind_probability"] - row["kind_baseline"], abs=0.0004
        )
    assert found[1]["kind_from_image"] == 0
    assert all(found[4][f"price_from_{m}"] == 0 for m in ("image", "text", "audio", "tabular"))


def test_named_columns_a_validation_table_and_json(
    run: Run, data: Path, tiny: Path, tmp_path: Path
) -> None:
    done = run(
        "train", "fusion", data, "--target", "shape", "--column", "photo:image", "--column",
        "size:category", "--validation", data, "--encoder", tiny, "--out", tmp_path / "m",
        "--epochs", "1", "--method", "late", "--decision", "average", "--balanced", "--json",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.lines[-1])
    assert told["columns"] == {"photo": "image", "size": "category"}
    assert told["targets"] == {"shape": "category"}
    assert told["scores"]["shape"]["accuracy"].keys() == {"estimate", "low", "high"}
    assert told["method"] == told["report"]["chosen"] == "late"


@pytest.mark.slow
def test_methods_are_compared_by_default(run: Run, data: Path, tiny: Path, tmp_path: Path) -> None:
    done = run(
        "train", "fusion", data, "--target", "shape", "--column", "photo:image", "--column",
        "size:number", "--test", data, "--encoder", tiny, "--out", tmp_path / "m", "--epochs", "1",
        "--json",
    )  # fmt: skip
    assert (done.code, done.err) == (0, "")
    told = json.loads(done.lines[-1])
    assert told["report"]["counts"] == {"train": 34, "validation": 6, "test": 40}
    assert told["report"]["validation"].keys() == {"linear", "early", "late", "hybrid"}
    predicted = run("classify", data, "--classifier", tmp_path / "m")
    assert predicted.code == 0 and len(predicted.lines) == 41


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--target", "kin"], 2, "no column 'kin'; it has photo"),
        (["--target", "kind", "--method", "middle"], 2, "method is one of auto, linear, early"),
        (["--target", "kind", "--column", "photo"], 2, "write COLUMN:KIND"),
        (["--target", "kind", "--column", "photo:smell"], 2, "no kind of column 'smell'"),
        (["--target", "kind", "--column", "size:number", "--ignore", "note"], 2, "--ignore goes"),
        (["--target", "kind", "--encoder", "a", "--encoder", "b"], 2, "two encoders"),
        (["--target", "note:number"], 2, "is to be a number, and 'a photo"),
        (["--target", "kind"], 3, "column 'sound' holds audio"),
    ],
)
def test_what_cannot_be(
    run: Run, data: Path, tiny: Path, tmp_path: Path, options: list[str], code: int, message: str
) -> None:
    encoder = [] if "--encoder" in options else ["--encoder", str(tiny)]
    if "note:number" in options:
        encoder += ["--column", "size:number"]
    done = run("train", "fusion", data, "--out", tmp_path / "m", *encoder, *options)
    assert done.code == code and message in done.err
    assert not (tmp_path / "m" / "fusion.json").exists()


def test_predicting_with_no_model(run: Run, data: Path, tmp_path: Path) -> None:
    done = run("predict", tmp_path, data)
    assert done.code == 2 and "holds no fusion.json" in done.err


def test_a_fusion_model_takes_one_table(run: Run, tmp_path: Path) -> None:
    (tmp_path / "fusion.json").write_text("{}")
    for options in ((), ("a.csv", "b.csv"), ("a.csv", "--save", "x")):
        done = run("classify", *options, "--classifier", tmp_path)
        assert done.code == 2 and "predicts the rows of one table" in done.err
