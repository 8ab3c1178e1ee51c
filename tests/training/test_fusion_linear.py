"""Linear fusion against scikit-learn, with gaps, and the choice between it and the others."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV, RidgeCV

torch = pytest.importorskip("torch")

from sensorium.data.encoded_tables import concatenated  # noqa: E402
from sensorium.tasks.rows.features import Target  # noqa: E402
from sensorium.training.fusion import (  # noqa: E402
    SETTINGS,
    Fusion,
    FusionClassifier,
    FusionRegressor,
)
from sensorium.training.fusion_linear import PENALTIES  # noqa: E402
from sensorium.training.fusion_methods import Recipe, Trained, train_method  # noqa: E402
from sensorium.training.fusion_report import FusionReport, _shown  # noqa: E402
from sensorium.training.fusion_selection import choose, linear_losses, losses  # noqa: E402

Rows = list[dict[str, Any]]


def table(n: int, seed: int = 0, *, size: int = 6, noise: float = 0.7) -> Rows:
    """Rows with two vectors, which each tell of the kind and of the price."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(2, 3, size))
    rows = []
    for _ in range(n):
        kind = int(rng.integers(3))
        left, right = (centres[m, kind] + noise * rng.normal(size=size) for m in (0, 1))
        price = float(left[0] + 2 * right[1] + 0.1 * rng.normal() + 7)
        rows.append(
            {"left": left.tolist(), "right": right.tolist(), "kind": "abc"[kind], "price": price}
        )
    return rows


def exclusive_or(n: int, seed: int = 0) -> Rows:
    """Rows whose kind follows from two vectors together, and from neither alone."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        a, b = (int(bit) for bit in rng.integers(0, 2, 2))
        left, right = (np.eye(2)[bit] + 0.1 * rng.normal(size=2) for bit in (a, b))
        rows.append(
            {"left": left.tolist(), "right": right.tolist(), "kind": ("same", "other")[a ^ b]}
        )
    return rows


def joined(rows: Rows, *names: str) -> np.ndarray[Any, Any]:
    return np.concatenate([np.array([row[name] for row in rows]) for name in names], axis=1)


def scaled(train: Rows, test: Rows, *names: str) -> list[np.ndarray[Any, Any]]:
    """Both as the model scales them: each vector centred, with a variance of one in all."""
    blocks = []
    for name in names:
        known = joined(train, name)
        spread = np.sqrt(known.var(axis=0).sum())
        blocks.append(
            [(joined(rows, name) - known.mean(axis=0)) / spread for rows in (train, test)]
        )
    return [np.concatenate(one, axis=1) for one in zip(*blocks, strict=True)]


@pytest.fixture(scope="module")
def train() -> Rows:
    return table(120)


@pytest.fixture(scope="module")
def test() -> Rows:
    return table(200, seed=1)


def fit(kind: type[Fusion], method: str, rows: Rows, target: str, **options: Any) -> Fusion:
    columns = {"left": "vectors", "right": "vectors"}
    model = kind(method, columns=columns, **options)  # type: ignore[arg-type]
    model.fit(rows[:-15], target, validation=rows[-15:])
    return model


@pytest.mark.parametrize("names", [("left", "right"), ("left",), ("right",)])
def test_each_set_of_modalities_has_scikit_learns_logistic_regression(
    train: Rows, test: Rows, names: tuple[str, ...]
) -> None:
    model = fit(FusionClassifier, "linear", train, "kind")
    known, asked = scaled(train, test, *names)
    labels = [row["kind"] for row in train]
    # Theirs: C * sum of losses + half the squares; ours: mean loss + penalty * squares.
    strengths = [1 / (2 * penalty * len(train)) for penalty in PENALTIES]
    theirs = LogisticRegressionCV(
        Cs=strengths,
        scoring="neg_log_loss",
        max_iter=5000,
        tol=1e-8,
        l1_ratios=(0,),
        use_legacy_attributes=False,
    ).fit(known, labels)
    lacking = [{n: row[n] if n in names else None for n in ("left", "right")} for row in test]
    found = model.predict_proba(lacking)["kind"]
    # Their folds are others: the penalty that was chosen is one of those around theirs.
    near = [
        np.abs(
            found
            - LogisticRegression(C=c, max_iter=5000, tol=1e-8)
            .fit(known, labels)
            .predict_proba(asked)
        )
        for c in strengths
    ]
    best = int(np.argmin([one.max() for one in near]))
    assert near[best].max() < 0.02
    assert abs(best - int(np.argmin(np.abs(np.log(np.array(strengths) / theirs.C_))))) <= 1


def test_numbers_have_scikit_learns_ridge_regression(train: Rows, test: Rows) -> None:
    model = fit(FusionRegressor, "linear", train, "price")
    known, asked = scaled(train, test, "left", "right")
    theirs = RidgeCV(alphas=np.array(PENALTIES) * len(train))  # leaves each row out, as ours
    theirs.fit(known, [row["price"] for row in train])
    found = model.predict(test)["price"]
    np.testing.assert_allclose(found, theirs.predict(asked), atol=1e-3)


def test_more_dimensions_than_rows_are_the_same_problem() -> None:
    rows, asked = table(60, size=50, noise=2.0), table(80, seed=1, size=50, noise=2.0)
    model = fit(FusionClassifier, "linear", rows, "kind")
    known, others = scaled(rows, asked, "left", "right")
    labels = [row["kind"] for row in rows]
    found = model.predict_proba(asked)["kind"]
    near = [
        LogisticRegression(C=1 / (2 * p * len(rows)), max_iter=5000, tol=1e-8).fit(known, labels)
        for p in PENALTIES
    ]
    assert min(np.abs(found - one.predict_proba(others)).max() for one in near) < 0.02


def test_noise_is_answered_with_the_shares(train: Rows, test: Rows) -> None:
    rng = np.random.default_rng(0)
    nonsense = [{**row, "kind": "abc"[rng.integers(3)]} for row in train]
    chances = fit(FusionClassifier, "linear", nonsense, "kind").predict_proba(test)["kind"]
    counts = [sum(row["kind"] == label for row in nonsense) for label in "abc"]
    np.testing.assert_allclose(chances, np.tile(np.array(counts) / 120, (200, 1)), atol=0.12)


def test_rows_with_gaps_teach_and_are_answered(train: Rows, test: Rows) -> None:
    rng = np.random.default_rng(0)

    def gaps(rows: Rows) -> Rows:
        lost = rng.integers(0, 3, len(rows))  # 0 loses the left, 1 the right, 2 nothing
        return [
            {**row, **({"left": None} if n == 0 else {"right": None} if n == 1 else {})}
            for row, n in zip(rows, lost, strict=True)
        ]

    model = fit(FusionClassifier, "linear", gaps(train), "kind")
    accuracy = model.evaluate(gaps(test))["kind"]["accuracy"].estimate
    filled = LogisticRegression().fit(joined(train, "left", "right"), [r["kind"] for r in train])
    mean = [joined(train, name).mean(axis=0).tolist() for name in ("left", "right")]
    guessed = [
        {k: v if v is not None else mean[k == "right"] for k, v in row.items()}
        for row in gaps(test)
    ]
    theirs = filled.score(joined(guessed, "left", "right"), [row["kind"] for row in guessed])
    assert accuracy > theirs - 0.02 and accuracy > 0.75
    # A label that only rows without the right vector have is no reason to fail.
    rare = [*train, *[{**row, "right": None, "kind": "d"} for row in train[:9]]]
    assert "d" in fit(FusionClassifier, "linear", rare, "kind").targets["kind"].labels


def test_what_is_converted_computes_the_same(
    train: Rows, test: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which layer a row takes is not known when a model is converted: it computes all of them."""
    model = fit(FusionClassifier, "linear", train, "kind")
    gaps = [{**row, "left" if n % 3 else "right": None} for n, row in enumerate(test)]
    for rows in (test, gaps):
        wanted = model.predict_proba(rows)["kind"]
        with monkeypatch.context() as patch:
            patch.setattr("torch.compiler.is_exporting", lambda: True)
            np.testing.assert_allclose(model.predict_proba(rows)["kind"], wanted, atol=1e-6)


def test_balanced_weights_are_scikit_learns(train: Rows, test: Rows) -> None:
    rare = [row for n, row in enumerate(train) if row["kind"] != "a" or n % 4 == 0]
    model = fit(FusionClassifier, "linear", rare, "kind", class_weights="balanced")
    known, asked = scaled(rare, test, "left", "right")
    labels = [row["kind"] for row in rare]
    near = [
        LogisticRegression(
            C=1 / (2 * p * len(rare)), max_iter=5000, tol=1e-8, class_weight="balanced"
        )
        for p in PENALTIES
    ]
    found = model.predict_proba(test)["kind"]
    assert min(np.abs(found - m.fit(known, labels).predict_proba(asked)).max() for m in near) < 0.02


QUICK: dict[str, Any] = {
    "width": 16, "heads": 2, "layers": 2, "dropout": 0.0, "input_dropout": 0.0,
    "modality_dropout": 0.0, "columns": {"left": "vectors", "right": "vectors"},
    "settings": dataclasses.replace(
        SETTINGS, epochs=2, batch_size=32, learning_rate=1e-2, save_every=1000
    ),
}  # fmt: skip
LONGER = {**QUICK, "settings": dataclasses.replace(QUICK["settings"], epochs=20)}


@pytest.fixture(scope="module")
def additive() -> FusionClassifier:
    model = FusionClassifier(test_share=0.3, **QUICK)
    model.fit(table(150), {"kind": "category", "price": "number"})
    return model


def test_the_simplest_is_chosen_where_none_is_clearly_better(additive: FusionClassifier) -> None:
    assert additive.model.architecture.method == "linear"
    report = additive.report
    assert report is not None and report.chosen == "linear"
    assert report.counts == {"train": 83, "validation": 22, "test": 45}
    assert report.validation.keys() == {"linear", "early", "late", "hybrid"}


def test_a_report_has_all_baselines_and_compares_nothing_with_itself(
    additive: FusionClassifier,
) -> None:
    report = additive.report
    assert report is not None
    for target, linear, trivial, score in (
        ("kind", "linear (logistic regression)", "majority", "accuracy"),
        ("price", "linear (ridge regression)", "mean", "mae"),
    ):
        systems = report.systems[target]
        assert [one.name for one in systems] == [
            linear, "early", "late", "hybrid", "left alone", "right alone", trivial
        ]  # fmt: skip
        assert systems[0].comparison is None
        for one in systems[1:]:
            assert one.comparison is not None
            gain = systems[0].scores[score].estimate - one.scores[score].estimate
            assert one.comparison.difference == pytest.approx(gain)
            assert one.comparison.low <= gain <= one.comparison.high
        assert systems[-1].comparison is not None and systems[-1].comparison.p < 0.05
        assert additive.scores[target] == systems[0].scores
    assert report.systems["price"][-1].scores["r2"].estimate == pytest.approx(0, abs=0.1)
    assert FusionReport.from_json(json.loads(json.dumps(report.to_json()))) == report


def test_a_label_of_validation_or_test_rows_alone_is_no_reason_to_fail(train: Rows) -> None:
    model = FusionClassifier("early", **QUICK)
    some = [{**row, "kind": "d"} for row in table(12, seed=2)]
    others = [{**row, "kind": kind} for row in table(12, seed=3) for kind in ("d", "e")]
    model.fit(train, "kind", validation=[*train[:20], *some], test=[*train[20:50], *others])
    assert model.report is not None
    chosen, linear, *_ = model.report.systems["kind"]
    assert chosen.name == "early" and linear.name == "linear (logistic regression)"
    # The linear model learns from validation rows, and with them of "d"; nobody knew of "e".
    assert linear.scores["accuracy"].estimate <= 1 - 12 / 54
    assert model.targets["kind"].labels == ("a", "b", "c", "d", "e")  # in the end all rows teach


def test_one_modality_is_no_baseline_of_itself(train: Rows) -> None:
    model = FusionClassifier("linear", **{**QUICK, "columns": {"left": "vectors"}}, test_share=0.2)
    model.fit(train, "kind")
    assert model.report is not None
    names = [one.name for one in model.report.systems["kind"]]
    assert names == ["linear (logistic regression)", "majority"]


@pytest.mark.slow
def test_what_must_be_seen_together_is_left_to_those_who_can(tmp_path: Path) -> None:
    rows = exclusive_or(200)
    model = FusionClassifier(test_share=0.2, **LONGER)
    steps: list[str] = []

    def said(what: str) -> None:
        steps.append(what)

    model.fit(rows, "kind", folder=tmp_path, said=said)
    assert model.report is not None and model.report.chosen in ("early", "hybrid")
    found = {one.name: one for one in model.report.systems["kind"]}
    assert found[model.report.chosen].scores["accuracy"].estimate > 0.95
    linear = found["linear (logistic regression)"]
    assert linear.comparison is not None and linear.comparison.p < 0.05
    assert model.evaluate(exclusive_or(100, seed=1))["kind"]["accuracy"].estimate > 0.95
    # Each is announced, the chosen one again when it learns from the test rows, too.
    # The linear one is judged by halves of the validation rows, and is a baseline of the report.
    tried = ("linear", "early", "late", "hybrid", "linear", "linear", "linear")
    assert steps == [f"{method} fusion" for method in (*tried, model.report.chosen)]
    assert (tmp_path / "history.json").is_file()
    assert {p.name for p in (tmp_path / "tried").iterdir()} == {"early", "late", "hybrid"}


def test_another_method_must_be_clearly_better_than_the_linear_one() -> None:
    rng = np.random.default_rng(0)
    linear = rng.random(50)
    noise = rng.normal(size=50)
    noise = (noise - noise.mean()) / noise.std(ddof=1)
    for errors, chosen in ((0.1, "linear"), (1.9, "linear"), (2.1, "early")):
        better = linear + noise - errors / np.sqrt(50)
        assert choose({"linear": linear, "early": better}) == chosen
    assert choose({"linear": linear, "early": linear - 0.3 + 0.1 * rng.normal(size=50)}) == "early"
    assert choose({"early": linear, "late": linear - 0.01}) == "late"  # no linear one to prefer
    assert choose({"linear": linear[:1], "early": linear[:1] - 1}) == "linear"  # one row


def test_the_linear_model_is_judged_by_rows_that_it_has_not_learnt_from() -> None:
    tables = FusionClassifier("linear")
    rows = tables.encode(table(40), leave_out=["kind", "price"])
    held_out = tables.encode(table(15, seed=1))
    known = {"kind": Target.fit("kind", "category", rows.rows)}
    trained: list[tuple[set[float], Trained]] = []

    def train(method: Any, parts: Any, folder: Path | None) -> Trained:
        learnt = concatenated(parts)
        model = train_method(method, Recipe(SETTINGS, {}), known, learnt, None)
        trained.append(({row["price"] for row in learnt.rows}, model))
        return model

    found = linear_losses(train, rows, held_out, held_out, known)
    assert len(trained) == 2
    for number, row in enumerate(held_out.rows):
        (judge,) = [model for learnt, model in trained if row["price"] not in learnt]
        one = held_out.take([number])
        assert found[number] == pytest.approx(losses(judge, one, one)[0], rel=1e-6)


def test_what_is_written_can_be_read(
    additive: FusionClassifier, test: Rows, tmp_path: Path
) -> None:
    additive.save(tmp_path / "model")
    loaded = Fusion.load(tmp_path / "model")
    assert loaded.report == additive.report and loaded.scores == additive.scores
    assert loaded.method == "linear" and loaded.test_share == 0.3
    found = loaded.predict_proba(test)["kind"]
    assert np.array_equal(found, additive.predict_proba(test)["kind"])
    # As versions before wrote it: no report, no share of test rows.
    description = tmp_path / "model" / "fusion.json"
    content = json.loads(description.read_text())
    del content["report"], content["test_share"], content["files"], content["checksum"]
    description.write_text(json.dumps({**content, "format": 1}))
    older = Fusion.load(tmp_path / "model")
    assert older.report is None and np.array_equal(older.predict_proba(test)["kind"], found)


def test_the_report_says_why_linear_stays() -> None:
    counts = {"train": 50, "validation": 10, "test": 10}
    for linear, is_said in ((0.9, True), (0.7, False)):
        said = _shown(FusionReport("linear", counts, {"linear": linear, "early": 0.8}, {}), {})
        assert any(str(line).startswith("linear stays where no other") for line in said) == is_said
    chosen = _shown(FusionReport("early", counts, {"linear": 0.9, "early": 0.5}, {}), {})
    assert not any(str(line).startswith("linear stays") for line in chosen)
