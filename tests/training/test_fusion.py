"""Fusion over real tables: training, missing cells, contributions, several targets, files."""

from __future__ import annotations

import copy
import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("soundfile")

from sensorium import Image
from sensorium.data.columns import resolve_paths
from sensorium.data.encoded_tables import EncodedTable
from sensorium.data.tables import read_good_rows
from sensorium.errors import EncoderError, SpaceMismatchError, UsageError
from sensorium.models.fusion import LateFusion
from sensorium.training.fusion import (
    SETTINGS,
    Fusion,
    FusionClassifier,
    FusionRegressor,
)
from sensorium.training.fusion_decisions import fit_temperatures
from tests.training.multimodal import write_table

FAST = dataclasses.replace(
    SETTINGS, epochs=12, batch_size=16, learning_rate=5e-3, patience=None, save_every=1000
)
SMALL: dict[str, Any] = {
    "width": 32, "heads": 2, "layers": 2, "input_dropout": 0.1, "settings": FAST
}  # fmt: skip
TARGETS: dict[str, Any] = {"kind": "category", "price": "number"}
METHODS = ("early", "late", "hybrid", "linear")

# Rows are encoded again in batches of other sizes, and predictions of both compared.
pytestmark = pytest.mark.usefixtures("full_precision")


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("fusion"), rows=90)


@pytest.fixture(scope="module")
def encoders(tiny: Path) -> dict[str, str]:
    return {"image": str(tiny), "text": str(tiny), "audio": "mel"}


@pytest.fixture(scope="module")
def encoded(table: Path, encoders: dict[str, str]) -> EncodedTable:
    return FusionClassifier(encoder=encoders).encode(table, leave_out=[*TARGETS])


@pytest.fixture(scope="module")
def fitted(encoded: EncodedTable, encoders: dict[str, str]) -> dict[str, FusionClassifier]:
    """One model of each method, trained for a category and a number at once; only read."""
    models = {}
    for method in METHODS:
        model = FusionClassifier(method, encoder=encoders, **SMALL)  # type: ignore[arg-type]
        model.fit(encoded.take(range(60)), TARGETS, validation=encoded.take(range(60, 75)))
        models[method] = model
    return models


@pytest.fixture
def unseen(encoded: EncodedTable) -> EncodedTable:
    return encoded.take(range(75, 90))


def test_columns_were_told_apart(encoded: EncodedTable) -> None:
    assert {c.name: c.kind for c in encoded.columns} == {
        "photo": "image", "note": "text", "sound": "audio", "size": "number", "shape": "category"
    }  # fmt: skip
    assert encoded.modalities == ("image", "text", "audio", "tabular")
    assert encoded.present().all() and not encoded.skipped
    assert encoded.vectors["audio"][0].shape == (1, 192)


@pytest.mark.parametrize("method", METHODS)
def test_both_targets_are_learnt(
    fitted: dict[str, FusionClassifier], unseen: EncodedTable, method: str
) -> None:
    model = fitted[method]
    scores = model.evaluate(unseen)
    assert scores["kind"]["accuracy"].estimate >= 0.6  # the most frequent label is a third
    assert scores["price"]["r2"].estimate > 0.5
    for interval in (*scores["kind"].values(), *scores["price"].values()):
        assert interval.low <= interval.estimate <= interval.high
    chances = model.predict_proba(unseen)
    assert chances.keys() == {"kind"} and chances["kind"].shape == (15, 5)
    assert np.allclose(chances["kind"].sum(axis=1), 1)
    best = chances["kind"].argmax(axis=1)
    assert model.predict(unseen)["kind"] == [model.targets["kind"].labels[i] for i in best]
    assert model.scores.keys() == TARGETS.keys()


@pytest.mark.parametrize("method", METHODS)
def test_the_content_of_a_hidden_modality_has_no_say(
    fitted: dict[str, FusionClassifier], unseen: EncodedTable, method: str
) -> None:
    model = fitted[method]
    for modality in unseen.modalities:
        spoilt = unseen
        if modality == "tabular":
            categories = tuple(["nonsense"] * len(unseen) for _ in unseen.categories)
            numbers = np.full_like(unseen.numbers, 1e300)
            spoilt = dataclasses.replace(unseen, numbers=numbers, categories=categories)
        else:
            wrong = [np.full_like(v, np.nan) for v in unseen.vectors[modality]]
            spoilt = dataclasses.replace(unseen, vectors={**unseen.vectors, modality: wrong})
        expected = model.predict_proba(unseen.without(modality))["kind"]
        found = model.predict_proba(spoilt.without(modality))["kind"]
        assert np.array_equal(expected, found)


def test_a_missing_cell_is_a_hidden_one(
    fitted: dict[str, FusionClassifier], table: Path, unseen: EncodedTable
) -> None:
    model = fitted["hybrid"]
    rows = resolve_paths(read_good_rows(Path(table))[0][75:], unseen.columns, table)
    missing = [{**row, "sound": "", "photo": None} for row in rows]
    hidden = unseen.without("audio").without("image")
    found = model.predict_proba(missing)["kind"]
    assert np.allclose(found, model.predict_proba(hidden)["kind"], atol=1e-6)
    lacking = [{k: v for k, v in row.items() if k != "sound"} for row in rows]
    with pytest.warns(UserWarning, match="column sound: the table lacks it"):
        found = model.predict_proba(lacking)["kind"]
    assert np.allclose(found, model.predict_proba(unseen.without("audio"))["kind"], atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_row_of_nothing_gets_the_shares_and_the_mean_of_training(
    fitted: dict[str, FusionClassifier], encoded: EncodedTable, method: str
) -> None:
    model = fitted[method]
    nothing = [dict.fromkeys((c.name for c in encoded.columns), None)]
    learnt = encoded.rows[: 75 if method == "linear" else 60]  # which learns from validation rows
    kinds = [row["kind"] for row in learnt]
    shares = [kinds.count(label) / len(learnt) for label in model.targets["kind"].labels]
    assert np.allclose(model.predict_proba(nothing)["kind"], [shares], atol=1e-6)
    mean = np.mean([row["price"] for row in learnt])
    assert model.predict(nothing)["price"] == pytest.approx([mean])


@pytest.mark.parametrize("of", ["probability", "log_odds"])
@pytest.mark.parametrize("method", METHODS)
def test_contributions_of_classes(
    fitted: dict[str, FusionClassifier], unseen: EncodedTable, method: str, of: Any
) -> None:
    model = fitted[method]
    lacking = unseen.without("audio", np.arange(15) < 5)
    found = model.contributions(lacking, "kind", of=of)
    assert found.modalities == ("image", "text", "audio", "tabular")
    assert np.allclose(found.values.sum(axis=1), found.prediction - found.baseline, atol=1e-9)
    assert np.abs(found.values[:5, 2]).max() < 1e-12  # what is not there adds nothing
    assert found.labels == model.predict(lacking)["kind"] and found.standard_error is None
    if of == "probability":
        assert np.allclose(found.prediction, model.predict_proba(lacking)["kind"].max(axis=1))


def test_contributions_of_a_number_name_what_decides_it(
    fitted: dict[str, FusionClassifier], unseen: EncodedTable
) -> None:
    found = fitted["early"].contributions(unseen, "price")
    assert np.allclose(found.prediction, fitted["early"].predict(unseen)["price"])
    assert np.allclose(found.baseline, fitted["early"].targets["price"].mean)
    assert np.abs(found.values).mean(axis=0).argmax() == 3  # size and shape are tabular
    with pytest.raises(UsageError, match="say which target; there are kind, price"):
        fitted["early"].contributions(unseen)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_loaded_predicts_the_same(
    fitted: dict[str, FusionClassifier], table: Path, tmp_path: Path, method: str
) -> None:
    model = fitted[method]
    model.save(tmp_path / "model")
    assert {p.name for p in (tmp_path / "model").iterdir()} == {"fusion.json", "model.safetensors"}
    loaded = Fusion.load(tmp_path / "model")
    assert isinstance(loaded, FusionClassifier)
    assert loaded.scores == model.scores and loaded.targets == model.targets
    # From the files themselves: the encoders are loaded by name, too.
    assert np.array_equal(loaded.predict_proba(table)["kind"], model.predict_proba(table)["kind"])
    with pytest.raises(UsageError, match="holds a FusionClassifier, not a FusionRegressor"):
        FusionRegressor.load(tmp_path / "model")


def test_damaged_models_and_other_spaces_are_refused(
    fitted: dict[str, FusionClassifier],
    encoded: EncodedTable,
    table: Path,
    other_tiny: Path,
    tmp_path: Path,
) -> None:
    fitted["early"].save(tmp_path / "model")
    description = tmp_path / "model" / "fusion.json"
    content = json.loads(description.read_text())
    del content["checksum"], content["files"]  # as who edits it by hand does
    content["encoders"]["image"] = str(other_tiny)
    description.write_text(json.dumps(content))
    with pytest.raises(SpaceMismatchError, match="trained on image in the space"):
        Fusion.load(tmp_path / "model").predict(table)
    other = dataclasses.replace(encoded, spaces={**encoded.spaces, "image": "0123"})
    with pytest.raises(SpaceMismatchError, match="the table's vectors are of 0123"):
        fitted["early"].predict(other)
    for key, value, message in (
        ("format", 9, "format 9; this version reads formats 1 and 2"),
        ("kind", "probe", "describes no fusion model"),
        ("targets", [{}], "the fusion model is damaged"),
    ):
        description.write_text(json.dumps({**content, key: value}))
        with pytest.raises(UsageError, match=message):
            Fusion.load(tmp_path / "model")
    description.write_text(json.dumps(content))
    (tmp_path / "model" / "model.safetensors").write_bytes(b"\x08" * 20)
    with pytest.raises(UsageError, match=r"does not fit fusion\.json"):
        Fusion.load(tmp_path / "model")
    with pytest.raises(UsageError, match=r"holds no fusion\.json"):
        Fusion.load(tmp_path)


def test_a_regressor_and_a_split_of_its_own(encoded: EncodedTable) -> None:
    model = FusionRegressor("early", **SMALL)
    history = model.fit(encoded, "price")
    assert history.finished and len({found["step"] for found in history.metrics}) == 12
    assert model.predict_proba(encoded) == {}
    prices = np.array([row["price"] for row in encoded.rows])
    assert np.abs(model.predict(encoded)["price"] - prices).mean() < 0.5 * np.std(prices)
    with pytest.raises(UsageError, match="needs a target that is a number"):
        FusionRegressor("early").fit(encoded, {"kind": "category"})


def test_a_folder_belongs_to_one_training(encoded: EncodedTable, tmp_path: Path) -> None:
    small = {**SMALL, "settings": dataclasses.replace(FAST, epochs=1)}
    first = FusionClassifier("early", **small)
    first.fit(encoded, "kind", folder=tmp_path)
    assert (tmp_path / "history.json").is_file() and (tmp_path / "curves.png").is_file()
    again = FusionClassifier("early", **small)
    assert again.fit(encoded, "kind", folder=tmp_path).finished  # taken up where it ended
    chances = first.predict_proba(encoded)["kind"]
    assert np.allclose(again.predict_proba(encoded)["kind"], chances, atol=1e-6)
    kinds = [row["kind"] for row in encoded.rows]
    other = [{**row, "kind": kind} for row, kind in zip(encoded.rows, kinds[::-1], strict=True)]
    with pytest.raises(UsageError, match="holds a training on other rows"):
        FusionClassifier("early", **small).fit(
            dataclasses.replace(encoded, rows=other), "kind", folder=tmp_path
        )


def test_equal_seeds_give_equal_models(encoded: EncodedTable) -> None:
    settings = dataclasses.replace(FAST, epochs=1)
    found = []
    for _ in range(2):
        model = FusionClassifier("hybrid", **{**SMALL, "settings": settings})
        model.fit(encoded, "kind")
        found.append(model.predict_proba(encoded)["kind"])
    assert np.array_equal(found[0], found[1])


def test_probabilities_are_calibrated_on_validation_rows(
    fitted: dict[str, FusionClassifier], encoded: EncodedTable
) -> None:
    torch = pytest.importorskip("torch")
    batches = fitted["early"].batches
    model = copy.deepcopy(batches.model)
    before = float(model.temperature[0])
    with torch.no_grad():  # three times as sure of itself
        for parameter in model.fusion.heads.heads[0].parameters():
            parameter.mul_(3.0)
    surer = dataclasses.replace(batches, model=model)
    few = encoded.take(range(60, 75))
    fit_temperatures(model, [*surer.all(few)])
    cooled = float(model.temperature[0])
    assert 1.3 * before < cooled < 3.01 * before
    assert float(model.temperature[1]) == 1  # of a number
    rng = np.random.default_rng(0)
    kinds = [row["kind"] for row in encoded.rows]
    nonsense = [{**row, "kind": kinds[rng.integers(90)]} for row in few.rows]
    fit_temperatures(model, [*surer.all(dataclasses.replace(few, rows=nonsense))])
    assert float(model.temperature[0]) > 2 * cooled


def test_the_gates_of_late_fusion_learn_whom_to_trust(
    fitted: dict[str, FusionClassifier], unseen: EncodedTable
) -> None:
    fusion = fitted["late"].model.fusion
    assert isinstance(fusion, LateFusion)
    torch = pytest.importorskip("torch")
    present = torch.ones(1, 4)
    weights = torch.nn.functional.softplus(fusion.gates[1](present))[0].detach()
    assert int(weights.argmax()) == 3  # the price is told by size and shape
    learned = fitted["late"].predict(unseen)["price"]
    batches = copy.deepcopy(fitted["late"].batches)
    batches.model.fusion.decision = "average"
    target = fitted["late"].targets["price"]
    average = batches.outputs(unseen)["price"][:, 0] * target.deviation + target.mean
    right = np.array([row["price"] for row in unseen.rows])
    assert np.abs(learned - right).mean() < np.abs(average - right).mean()


def test_broken_media_count_as_missing_and_are_named(
    fitted: dict[str, FusionClassifier], table: Path, tmp_path: Path
) -> None:
    model = fitted["early"]
    rows = resolve_paths(read_good_rows(Path(table))[0][:8], model.tables.columns, table)
    (tmp_path / "broken.png").write_bytes(b"no picture")
    rows[3]["photo"] = str(tmp_path / "broken.png")
    rows[4]["sound"] = str(tmp_path / "gone.wav")
    rows[5]["size"] = "many"
    found = model.encode(rows)
    assert {Path(item.path).name for item in found.skipped} == {
        "broken.png", "gone.wav", "row 6, column size"
    }  # fmt: skip
    assert all("counts as missing" in item.reason for item in found.skipped)
    there = found.present()
    assert not there[3, 0] and not there[4, 2] and there[5].all()
    with pytest.warns(UserWarning, match=r"not read: .*broken\.png.*, and 2 more"):
        predicted = model.predict(rows)
    rows[3]["photo"] = rows[4]["sound"] = rows[5]["size"] = None
    assert model.predict(rows)["kind"] == predicted["kind"]


def test_unknown_and_rare_categories_count_as_missing(
    fitted: dict[str, FusionClassifier], unseen: EncodedTable
) -> None:
    def with_shape(value: str | None) -> Any:
        shapes = tuple([value] * len(unseen) for _ in unseen.categories)
        changed = dataclasses.replace(unseen, categories=shapes)
        return fitted["early"].predict(changed)["price"]

    assert np.array_equal(with_shape("hexagon"), with_shape(None))
    assert not np.allclose(with_shape("disc"), with_shape("square"))


def test_several_pieces_and_columns_of_a_modality(encoders: dict[str, str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    long = "A cat sits on the red square. " * 60
    rows: list[dict[str, Any]] = [
        {
            "front": Image(rng.integers(0, 255, (20, 30, 3)).astype(np.uint8)),
            "back": Image(rng.integers(0, 255, (20, 30, 3)).astype(np.uint8)) if n % 2 else None,
            "story": long if n == 0 else f"the dog {n}",
            "point": [float(n), 1.0, 0.5] if n != 2 else [1.0, float("nan"), 0.0],
            "y": "ab"[n % 2],
        }
        for n in range(12)
    ]
    model = FusionClassifier("hybrid", encoder=encoders, crops=True, **SMALL)
    found = model.encode(rows, leave_out=["y"])
    assert found.modalities == ("image", "text", "point")
    assert [len(v) for v in found.vectors["image"][:2]] == [5, 10]
    assert found.sources["image"][1].tolist() == [0] * 5 + [1] * 5
    assert len(found.vectors["text"][0]) > 1 and len(found.vectors["text"][1]) == 1
    assert len(found.vectors["point"][2]) == 0
    assert [item.path for item in found.skipped] == ["row 3, column point"]
    model.fit(found, "y")
    assert np.isfinite(model.predict_proba(found)["y"]).all()
    with pytest.raises(UsageError, match="point holds vectors of 2 numbers; the model takes"):
        model.predict([{"point": [1.0, 2.0], "front": None, "back": None, "story": None}])


def test_balanced_weights_find_the_rare_class(encoded: EncodedTable) -> None:
    rng = np.random.default_rng(0)
    rows = [{**row, "rare": "yes" if rng.random() < 0.15 else "no"} for row in encoded.rows]
    table = dataclasses.replace(encoded, rows=rows)
    model = FusionClassifier("early", class_weights="balanced", **SMALL)
    model.fit(table, "rare")
    prior = model.model.prior(0).exp().tolist()
    assert prior == pytest.approx([0.5, 0.5])
    for weights, message in (({"rare": {"maybe": 1.0}}, "no label 'maybe'"),
                             ({"rare": {"yes": -1.0}}, "above 0")):  # fmt: skip
        with pytest.raises(UsageError, match=message):
            FusionClassifier("early", class_weights=weights, **SMALL).fit(table, "rare")


def test_bad_input(encoded: EncodedTable, tiny: Path, table: Path) -> None:
    def fails(message: str, *arguments: Any, model: Any = None, **options: Any) -> None:
        with pytest.raises(UsageError, match=message):
            (model or FusionClassifier("early", **SMALL)).fit(*arguments, **options)

    fails("no column 'kin'; it has photo", encoded, "kin")
    fails("a 'category' or a 'number', not 'word'", encoded, {"kind": "word"})
    fails("is to be a number, and '.*' is none", encoded, {"kind": "number", "price": "category"})
    fails("name at least one target", encoded, [])
    fails("target 'size' is among the columns", encoded, "size")
    fails("holds no row", [], "kind")
    fails("rows are dicts", ["a"], "kind")
    fails("there is no such file", "nowhere.csv", "kind")
    fails("give at least 8", encoded.take(range(5)), "kind")
    same = dataclasses.replace(encoded, rows=[{**row, "kind": "x"} for row in encoded.rows])
    fails("all rows have the label 'x'", same, "kind")
    with pytest.raises(EncoderError, match=r"'sound' holds audio, and tiny encodes .*\"mel\""):
        FusionClassifier(encoder=str(tiny)).fit(table, "kind")
    for options, message in (
        ({"depth": 3}, "no option depth"),
        ({"validation_share": 1.5}, "between 0 and 1"),
        ({"class_weights": "equal"}, "'balanced' or a mapping"),
        ({"columns": {"a": "sound"}}, "no kind of column 'sound'"),
    ):
        with pytest.raises(UsageError, match=message):
            FusionClassifier("early", **options)  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="not fitted"):
        FusionClassifier("early").predict(encoded)
    with pytest.raises(UsageError, match="no modality 'smell'"):
        encoded.without("smell")
