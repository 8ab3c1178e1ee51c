"""Fusion against single modalities and concatenated vectors, with modalities missing.

    python -m benchmarks train --part fusion [--quick] [--json FILE]

The task: tell which of twelve folders of Open Clip Art a drawing lies in, from the drawing, its
title, and facts (size, author) that its file gives. Titles are written by the authors; neither they
nor the drawings settle the folder. Train, validation and test pictures have no title in common (the
set's own splits). Pictures and titles are encoded once with `mini`, frozen; every system gets the
same vectors.

In the test rows, 0%, 30% and 60% of the drawings, or of the titles, are taken away at random (the
same rows for every system). A system is trained with each of `SEEDS`; accuracy is the mean over
seeds, its 95% interval a bootstrap over groups of pictures that share a title. Settings were chosen
by accuracy on validation rows, whole and with modalities missing.

"concatenated" is scikit-learn on the vectors side by side, numbers standardised, authors one-hot,
and the training mean where a modality is missing; "with drops" also trains it on copies of the rows
from which modalities were taken. The last rows compare the best of fusion, by validation, with the
best of the others, by validation, on test rows: difference, interval and p-value (randomisation).
"""

from __future__ import annotations

import argparse
import dataclasses
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks import datasets
from benchmarks.rows import Row
from sensorium.evaluation.resampling import comparison, interval, mean
from sensorium.home import sensorium_home
from sensorium.training.fusion.encoded_tables import EncodedTable
from sensorium.training.fusion.features import Features
from sensorium.training.fusion.table_encoder import TableEncoder

if TYPE_CHECKING:  # which needs torch
    from sensorium.training.fusion.estimators import FusionClassifier

TARGET = "category"

LEAST = 60
"""Pictures of a folder, for it to be a class."""

NOT_CLASSES = ("computer", "unsorted")
"""Icons, which are a third of all and nearly alike, and what nobody put into a folder."""

COLUMNS = {
    "image": "image", "title": "text", "width": "number", "height": "number", "author": "category"
}  # fmt: skip

SHARES = (0.0, 0.3, 0.6)
SEEDS = (0, 1, 2)
QUICK_ROWS = 600

NAMES = {"image": "drawings", "text": "titles"}
"""Modalities that are taken away, as people call them."""

FUSION = {
    "width": 128, "heads": 4, "layers": 1, "dropout": 0.3, "input_dropout": 0.5,
    "modality_dropout": 0.3,
}  # fmt: skip
"""Of every method but what `METHODS` says. Early fusion's mean accuracy on validation rows over the
five cases: 0.78 with two layers, a learning rate of 0.0005 and whole vectors; 0.83 with one layer
and 0.001; 0.855 with 0.002 and half of the vectors' dimensions dropped; 0.84 with 0.7 dropped."""

METHODS: dict[str, dict[str, Any]] = {
    "early": {},
    "late": {},
    "hybrid": {"layers": 2, "learning_rate": 1e-3},  # it needs two layers to exchange
}

TRAINING = {
    "epochs": 12, "batch_size": 64, "learning_rate": 2e-3, "weight_decay": 0.05, "patience": 5,
    "save_every": 1_000_000,
}  # fmt: skip

STRENGTHS = (0.3, 1.0, 3.0, 10.0)
"""Of logistic regression's `C`, tried on validation rows."""

COMPONENTS = 64
"""Of each modality's vectors (PCA) that gradient boosting gets, for the time that it takes."""

Flags = npt.NDArray[np.bool_]
Predict = Callable[[EncodedTable], list[str]]


@dataclass(frozen=True)
class Task:
    """Encoded rows by split, and which modalities are taken from the test rows."""

    train: EncodedTable
    val: EncodedTable
    test: EncodedTable

    def lacking(self, split: EncodedTable, modality: str, share: float, seed: int) -> EncodedTable:
        """Rows from which a share of one modality is taken; the same for the same seed."""
        if not share:
            return split
        order = np.random.default_rng([seed, sorted(NAMES).index(modality)]).permutation(len(split))
        taken = np.zeros(len(split), bool)
        taken[order[: round(share * len(split))]] = True
        return split.without(modality, taken)

    def cases(self) -> list[tuple[str, str, float]]:
        """Name of a case, the modality that is taken, and how much of it."""
        cases = [("nothing missing", "image", 0.0)]
        for modality, name in NAMES.items():
            cases += [(f"{s:.0%} of {name} missing", modality, s) for s in SHARES if s]
        return cases


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part."""
    parser.add_argument(
        "--fusion-seeds", type=int, default=len(SEEDS), help="fusion: trainings of each model"
    )


def run(arguments: argparse.Namespace) -> list[Row]:
    """Train and measure every system."""
    quick = bool(arguments.quick)
    seeds = SEEDS[:1] if quick else range(getattr(arguments, "fusion_seeds", len(SEEDS)))
    console = Console(stderr=True)
    task = load_task(quick)
    sizes = ", ".join(f"{len(getattr(task, s)):,} {s}" for s in ("train", "val", "test"))
    console.print(f"clipart: {sizes}")
    outcomes: dict[str, dict[str, list[npt.NDArray[np.float64]]]] = {}
    validated: dict[str, list[float]] = {}
    once = concatenated(task)
    for seed in seeds:
        for name, predict in chain(systems(task, seed), once):
            console.print(f"seed {seed}: {name}", highlight=False)
            of_system = outcomes.setdefault(name, {})
            for case, modality, share in task.cases():
                rows = task.lacking(task.test, modality, share, seed)
                of_system.setdefault(case, []).append(hits(predict(rows), rows))
                rows = task.lacking(task.val, modality, share, seed)
                validated.setdefault(name, []).append(float(hits(predict(rows), rows).mean()))
    groups = groups_of(task.test)
    table = []
    for case, _, _ in task.cases():
        for name, found in outcomes.items():
            accuracy = interval(mean, (np.mean(found[case], axis=0),), seed=0, groups=groups)
            for metric, value in (
                ("accuracy", accuracy.estimate), ("95% low", accuracy.low),
                ("95% high", accuracy.high),
            ):  # fmt: skip
                table.append(Row("train_fusion", f"clipart, {case}", name, metric, value))
    return table + compared(outcomes, validated, groups)


def show(rows: list[Row]) -> None:
    """Print a line for each system, a column for each case, and the comparisons below."""
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for row in rows:
        case = row.case.removeprefix("clipart, ").removesuffix(", compared")
        figures.setdefault(row.system, {}).setdefault(case, {})[row.metric] = row.value
    cases = list(dict.fromkeys(case for found in figures.values() for case in found))
    table = Table("accuracy, 95% interval", *cases)
    for system, found in figures.items():
        cells = []
        for case in cases:
            of_case = found[case]
            middle = of_case.get("accuracy", of_case.get("difference", 0.0))
            p = f" p={of_case['p']:.3f}" if "p" in of_case else ""
            low, high = of_case["95% low"], of_case["95% high"]
            cells.append(f"{middle:.3f} [{low:.3f}, {high:.3f}]{p}")
        table.add_row(system, *cells)
    Console(width=max(160, Console().width)).print(table)


def compared(
    outcomes: dict[str, dict[str, list[npt.NDArray[np.float64]]]],
    validated: dict[str, list[float]],
    groups: npt.NDArray[np.intp],
) -> list[Row]:
    """The best of fusion against the best single modality and the best of concatenation."""

    def best(prefix: str) -> str:
        names = [name for name in outcomes if name.startswith(prefix)]
        return max(names, key=lambda name: float(np.mean(validated[name])))

    ours = best("fusion")
    rows = []
    for theirs in (best("only"), best("concatenated")):
        for case in outcomes[ours]:
            a, b = (np.mean(outcomes[name][case], axis=0) for name in (ours, theirs))
            found = comparison(mean, (a,), (b,), seed=0, groups=groups)
            for metric, value in (
                ("difference", found.difference), ("95% low", found.low), ("95% high", found.high),
                ("p", found.p),
            ):  # fmt: skip
                name = f"{ours} - {theirs}"
                rows.append(Row("train_fusion", f"clipart, {case}, compared", name, metric, value))
    return rows


def hits(predicted: Sequence[str], rows: EncodedTable) -> npt.NDArray[np.float64]:
    """Whether each row's label is predicted."""
    right = [row[TARGET] for row in rows.rows]
    return np.array([a == b for a, b in zip(predicted, right, strict=True)], np.float64)


def groups_of(rows: EncodedTable) -> npt.NDArray[np.intp]:
    """Number of the group of each row: pictures of one title belong together."""
    names = [row["concept"] for row in rows.rows]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], np.intp)


def systems(task: Task, seed: int) -> Iterator[tuple[str, Predict]]:
    """Train a model of each modality and of each way to fuse them, with one seed."""
    for modality, name in (("image", "drawing"), ("text", "title"), ("tabular", "facts")):
        alone = Task(*(only(split, modality) for split in (task.train, task.val, task.test)))
        yield f"only the {name}", _of(trained("early", alone, seed), modality)
    yield "fusion, early", _of(trained("early", task, seed))
    yield "fusion, hybrid", _of(trained("hybrid", task, seed))
    late = trained("late", task, seed)
    yield "fusion, late (learned)", _of(late)
    # The towers are the same, however their decisions are joined.
    late.model.fusion.decision = "average"
    yield "fusion, late (average)", _of(late)


def trained(method: str, task: Task, seed: int) -> FusionClassifier:
    """Fit one model."""
    from sensorium.training.fusion.estimators import FusionClassifier
    from sensorium.training.loop import Settings

    options = {**FUSION, **METHODS[method]}
    training = {**TRAINING, "seed": seed}
    if "learning_rate" in options:
        training["learning_rate"] = options.pop("learning_rate")
    model = FusionClassifier(method, settings=Settings(**training), **options)  # type: ignore[arg-type]
    model.fit(task.train, TARGET, validation=task.val)
    return model


def _of(model: FusionClassifier, modality: str | None = None) -> Predict:
    def predict(rows: EncodedTable) -> list[str]:
        return list(model.predict(rows if modality is None else only(rows, modality))[TARGET])

    return predict


def only(table: EncodedTable, modality: str) -> EncodedTable:
    """The columns of one modality; what is missing in it stays so."""
    place = table.modalities.index(modality)
    columns = tuple(column for column in table.columns if column.modality == modality)
    tabular = modality == "tabular"
    return dataclasses.replace(
        table,
        columns=columns,
        vectors={m: v for m, v in table.vectors.items() if m == modality},
        sources={m: s for m, s in table.sources.items() if m == modality},
        numbers=table.numbers if tabular else table.numbers[:, :0],
        categories=table.categories if tabular else (),
        keep=table.keep[:, place : place + 1],
        spaces={m: s for m, s in table.spaces.items() if m == modality},
    )


class Concatenation:
    """Vectors of all modalities side by side; the training mean where one is missing."""

    def __init__(self, train: EncodedTable, components: int | None = None, seed: int = 0) -> None:
        from sklearn.decomposition import PCA

        self.features = Features.fit(train)
        self.pca = {}
        if components is not None:
            for modality in train.vectors:
                there = np.stack([v.mean(axis=0) for v in train.vectors[modality] if len(v)])
                self.pca[modality] = PCA(components, random_state=seed).fit(there)
        self.means = [np.nanmean(block, axis=0) for block in self._blocks(train)]

    def __call__(self, table: EncodedTable) -> npt.NDArray[np.float64]:
        blocks = zip(self._blocks(table), self.means, strict=True)
        return np.concatenate([np.where(np.isnan(b), m, b) for b, m in blocks], axis=1)

    def _blocks(self, table: EncodedTable) -> list[npt.NDArray[np.float64]]:
        """One for each modality, NaN where a row lacks it."""
        there = table.present()
        blocks = []
        for m, modality in enumerate(table.modalities):
            if modality in table.vectors:
                vectors = table.vectors[modality]
                block = np.full((len(table), vectors[0].shape[1]), np.nan)
                rows = np.flatnonzero(there[:, m])
                if len(rows):
                    block[rows] = np.stack([vectors[row].mean(axis=0) for row in rows])
                if modality in self.pca:
                    small = np.full((len(table), self.pca[modality].n_components_), np.nan)
                    if len(rows):
                        small[rows] = self.pca[modality].transform(block[rows])
                    block = small
            else:
                numbers, categories = self.features.tabular(table)
                one_hot = [
                    np.eye(len(words) + 1)[categories[:, c]]
                    for c, words in enumerate(self.features.vocabularies)
                ]
                block = np.concatenate([numbers.astype(np.float64), *one_hot], axis=1)
                block[~there[:, m]] = np.nan
            blocks.append(block)
        return blocks


def concatenated(task: Task, seed: int = 0) -> list[tuple[str, Predict]]:
    """scikit-learn on concatenated vectors, its settings chosen on validation rows.

    One training stands for all seeds: but for the rows that are dropped, nothing in it is random.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    found: list[tuple[str, Predict]] = []
    rng = np.random.default_rng(seed)
    plain, small = Concatenation(task.train), Concatenation(task.train, COMPONENTS, seed)
    dropped = task.train
    for modality in dropped.modalities:
        dropped = dropped.without(modality, rng.random(len(dropped)) < FUSION["modality_dropout"])
    validation = [
        task.lacking(task.val, modality, share, seed) for _, modality, share in task.cases()
    ]
    labels = [row[TARGET] for row in task.train.rows]
    for name, tables in (("", [task.train]), (" with drops", [task.train, dropped])):
        inputs = np.concatenate([plain(table) for table in tables])
        best: tuple[float, Predict] | None = None
        for strength in STRENGTHS:
            model = LogisticRegression(C=strength, max_iter=100)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a fit that stops at max_iter is tried, too
                model.fit(inputs, labels * len(tables))

            def predict(rows: EncodedTable, model: LogisticRegression = model) -> list[str]:
                return [str(label) for label in model.predict(plain(rows))]

            score = float(np.mean([hits(predict(rows), rows).mean() for rows in validation]))
            if best is None or score > best[0]:
                best = (score, predict)
        assert best is not None
        found.append((f"concatenated, logistic regression{name}", best[1]))
    boosted = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=15, random_state=seed
    ).fit(small(task.train), labels)
    found.append(
        (
            "concatenated, gradient boosting",
            lambda rows: [str(label) for label in boosted.predict(small(rows))],
        )
    )
    return found


def load_task(quick: bool = False) -> Task:
    """Read and encode the rows; vectors are kept in `$SENSORIUM_HOME/benchmarks`."""
    rows = [row for row in datasets.rows("clipart") if row["category"] not in NOT_CLASSES]
    counts: dict[str, int] = {}
    for row in rows:
        counts[row["category"]] = counts.get(row["category"], 0) + 1
    rows = [row for row in rows if counts[row["category"]] >= LEAST]
    if quick:
        order = np.random.default_rng(0).permutation(len(rows))[:QUICK_ROWS]
        rows = [rows[row] for row in sorted(order)]
    given = [{**row, "title": row["caption_en"]} for row in rows]
    table = _encoded(given)
    return Task(
        *(
            table.take([n for n, row in enumerate(given) if row["split"] == split])
            for split in ("train", "val", "test")
        )
    )


def _encoded(rows: list[dict[str, str]]) -> EncodedTable:
    """Encode, or take the vectors of the last time."""
    tables = TableEncoder(COLUMNS)
    tables.learn_columns(rows, [TARGET])
    space = tables.encode(rows[:1]).spaces["image"]
    identity = json.dumps([space, [[row["id"], row["title"]] for row in rows]])
    digest = hashlib.sha256(identity.encode()).hexdigest()[:16]
    file = sensorium_home() / "benchmarks" / f"fusion-{digest}.npz"
    if not file.is_file():
        table = tables.encode(rows)
        counts = {f"{m}_counts": [len(v) for v in table.vectors[m]] for m in table.vectors}
        vectors = {m: np.concatenate(table.vectors[m]) for m in table.vectors}
        file.parent.mkdir(parents=True, exist_ok=True)
        part = file.with_suffix(".part.npz")
        np.savez(part, **vectors, **{name: np.array(c) for name, c in counts.items()})
        part.replace(file)
    # The cells that are no media are read again; the pictures are not.
    tabular = {name: kind for name, kind in COLUMNS.items() if kind in ("number", "category")}
    plain = TableEncoder(tabular)
    plain.learn_columns(rows, [TARGET])
    facts = plain.encode(rows)
    with np.load(file) as stored:
        vectors_of = {
            m: np.split(stored[m], np.cumsum(stored[f"{m}_counts"])[:-1]) for m in ("image", "text")
        }
    sources = {m: [np.zeros(len(v), np.int64) for v in vectors_of[m]] for m in vectors_of}
    return EncodedTable(
        rows=rows,
        columns=tables.columns,
        vectors=vectors_of,
        sources=sources,
        numbers=facts.numbers,
        categories=facts.categories,
        keep=np.ones((len(rows), len(tables.modalities)), bool),
        spaces={"image": space, "text": space},
        skipped=[],
    )
