"""Fusion and its choice of a method against single modalities and tuned baselines, with gaps.

    python -m benchmarks train --part fusion [--quick] [--json FILE]
        [--fusion-tasks NAME ...] [--fusion-results DIR]

Each task (`benchmarks.fusion_tasks`) is to tell the category of a picture from the picture, its
title and, in one, facts; every system gets the same frozen vectors of `mini`. In the test rows, 0%,
30% and 60% of the pictures, or of the titles, are taken away at random. Everything is trained with
several seeds; accuracy is the mean over them, its 95% interval a bootstrap over groups of pictures
that show the same thing.

"auto" is what `FusionClassifier()` does, with its own settings: it trains linear, early, late and
hybrid fusion and takes one by the validation rows. The other rows are each method by itself; a
linear model of each modality alone; the most frequent class; and scikit-learn on the vectors side
by side (`benchmarks.fusion_rivals`), its settings chosen on validation rows.

Below each table: accuracy on the training rows; how often "auto" chose what; and its difference
from the best baseline, by validation, with interval and p-value (randomisation).

With `--fusion-results DIR` every finished part is kept there, and a killed run goes on after it.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.fusion_rivals import Predict, hits, rivals
from benchmarks.fusion_tasks import TARGET, TASKS, WHOLE, Task
from benchmarks.rows import Row
from sensorium.data.encoded_tables import EncodedTable, concatenated
from sensorium.evaluation.resampling import comparison, interval, mean

if TYPE_CHECKING:  # which needs torch
    from sensorium.models.fusion_config import Method
    from sensorium.training.fusion_methods import Trained

AUTO = "auto"
FUSION = (AUTO, "linear", "early", "late", "hybrid")
ALONE = {"image": "only the picture", "text": "only the title", "tabular": "only the facts"}
MAJORITY = "majority"


@dataclass
class Measured:
    """What a part of a task's systems did with one seed.

    Attributes
    ----------
    fold, seed : int
    hits : dict
        By system and case, for each test row 1 where its label is predicted.
    validated : dict
        By system, accuracy on validation rows, the mean over cases.
    learnt : dict
        By system, accuracy on training rows.
    seconds : dict
        By system, of its training.
    gains : dict
        By method, what its loss on validation rows is below the linear one's, and the standard
        error of that: what the choice rests on.
    chose : str
        The method that "auto" took; "" where it has no part.
    """

    fold: int
    seed: int
    hits: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    validated: dict[str, float] = field(default_factory=dict)
    learnt: dict[str, float] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    gains: dict[str, tuple[float, float]] = field(default_factory=dict)
    chose: str = ""

    def measure(self, system: str, task: Task, validated: Predict, final: Predict) -> None:
        """Note what a system predicts; the first may have learnt from training rows alone."""
        self.hits[system] = {
            case: hits(final(rows), rows).astype(int).tolist()
            for case, rows in task.cases(task.test, self.seed).items()
        }
        found = [hits(validated(r), r).mean() for r in task.cases(task.val, self.seed).values()]
        self.validated[system] = float(np.mean(found))
        self.learnt[system] = float(hits(validated(task.train), task.train).mean())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this part."""
    parser.add_argument(
        "--fusion-tasks", nargs="+", choices=list(TASKS), metavar="NAME",
        help=f"fusion: only these tasks: {', '.join(TASKS)}",
    )  # fmt: skip
    parser.add_argument(
        "--fusion-results", type=Path, metavar="DIR", help="fusion: keep finished parts there"
    )


def run(arguments: argparse.Namespace) -> list[Row]:
    """Train and measure every system of every task."""
    quick = bool(arguments.quick)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    rows: list[Row] = []
    for name in getattr(arguments, "fusion_tasks", None) or TASKS:
        folds = TASKS[name](quick)
        console.print(f"{folds[0]}" + (f", {len(folds)} folds" if len(folds) > 1 else ""))
        kept = getattr(arguments, "fusion_results", None)
        if kept is not None:
            kept = kept / (f"{name}-quick" if quick else name)
        parts = _parts(folds, quick, kept, console)
        rows += _rows(folds, parts)
    return rows


def _parts(
    folds: Sequence[Task], quick: bool, folder: Path | None, console: Console
) -> list[Measured]:
    """Measure the baselines, then fusion with one seed after another, or read what is kept."""
    parts: list[Measured] = []
    for fold, task in enumerate(folds):
        seeds = task.seeds[:1] if quick else task.seeds
        for seed in (None, *seeds):
            name = f"{fold}-baselines" if seed is None else f"{fold}-{seed}"
            kept = folder / f"{name}.json" if folder is not None else None
            if kept is not None and kept.is_file():
                parts += [Measured(**one) for one in json.loads(kept.read_text())]
                continue
            start = time.monotonic()
            if seed is None:
                found = _baselines(task, fold, quick, seeds, console)
            else:
                found = [_fusion(task, fold, seed)]
            console.print(f"{task.name}, {name}: {time.monotonic() - start:.0f} s")
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                fresh = kept.with_suffix(".part")
                fresh.write_text(json.dumps([asdict(one) for one in found]))
                fresh.replace(kept)
            parts += found
    return parts


def _baselines(
    task: Task, fold: int, quick: bool, seeds: Sequence[int], console: Console
) -> list[Measured]:
    """Fit every rival once, and measure it on the rows of every seed."""
    found = [Measured(fold, seed) for seed in seeds]
    for rival in rivals(task, quick):
        console.print(f"{rival.name} {rival.setting}")
        for one in found:
            one.measure(rival.name, task, rival.validated, rival.final)
    return found


def _fusion(task: Task, fold: int, seed: int) -> Measured:
    """Train all methods, and choose one as `FusionClassifier` does.

    Its own `fit` would train each method a second time, for the rows of the table that show them
    by themselves; so its parts are called here, which take the same steps.
    """
    from dataclasses import replace

    from sensorium.tasks.rows.features import Target
    from sensorium.training.fusion import METHODS, SETTINGS
    from sensorium.training.fusion_methods import Recipe, train_method
    from sensorium.training.fusion_selection import hide, linear_losses, losses, select

    measured = Measured(fold, seed)
    recipe = Recipe(replace(SETTINGS, seed=seed, save_every=1_000_000), {})
    known: dict[tuple[Any, ...], Trained] = {}

    def train(method: Method, tables: Sequence[EncodedTable], folder: Path | None) -> Trained:
        rows = concatenated(tables)
        place = (method, len(tables), *(row["id"] for row in rows.rows))
        if place not in known:
            start = time.monotonic()
            targets = {TARGET: Target.fit(TARGET, "category", rows.rows)}
            known[place] = train_method(method, recipe, targets, rows, task.val, folder=folder)
            taken = time.monotonic() - start
            measured.seconds[method] = measured.seconds.get(method, 0.0) + taken
        return known[place]

    chosen, _, _ = select(METHODS, train, task.train, task.val, None, seed=seed)
    measured.chose = chosen.method
    first = {method: train(method, [task.train], None) for method in METHODS}
    # It needs no validation rows to stop, so it learns from them when all is chosen.
    final = {**first, "linear": train("linear", [task.train, task.val], None)}
    hidden = hide(task.val, chosen)
    lost = {method: losses(first[method], task.val, hidden) for method in METHODS}
    labels = first["linear"].batches.targets
    lost["linear"] = linear_losses(train, task.train, task.val, hidden, labels)
    for method in METHODS[1:]:
        gain = lost["linear"] - lost[method]
        error = float(gain.std(ddof=1) / np.sqrt(len(gain)))
        measured.gains[method] = (float(gain.mean()), error)
    measured.measure(AUTO, task, _of(first[chosen.method]), _of(chosen))
    for method in METHODS:
        measured.measure(method, task, _of(first[method]), _of(final[method]))
    measured.seconds[AUTO] = sum(measured.seconds.values())
    for modality, name in ALONE.items():
        if modality in task.train.modalities:
            alone = (_of(one["linear"], modality) for one in (first, final))
            measured.measure(name, task, *alone)
    measured.measure(MAJORITY, task, _of(first["linear"], None), _of(final["linear"], None))
    return measured


def _of(trained: Trained, *modalities: str | None) -> Predict:
    """Predict from all modalities, from one of them, or, with None, from nothing."""

    def predict(rows: EncodedTable) -> list[str]:
        seen = rows.of(*(m for m in modalities if m is not None)) if modalities else rows
        labels = trained.batches.targets[TARGET].labels
        outputs = trained.batches.outputs(seen)[TARGET]
        return [labels[number] for number in outputs.argmax(axis=1)]

    return predict


def _rows(folds: Sequence[Task], parts: Sequence[Measured]) -> list[Row]:
    """Figures of a task; each system's mean over seeds, over the test rows of all folds."""
    systems = list(dict.fromkeys(name for part in parts for name in part.hits))
    systems.sort(key=lambda name: FUSION.index(name) if name in FUSION else len(FUSION))
    concepts = [row["concept"] for task in folds for row in task.test.rows]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(concepts))}
    groups = np.array([numbers[name] for name in concepts], np.intp)
    rows: list[Row] = []

    def add(case: str, system: str, metric: str, value: float, unit: str = "") -> None:
        rows.append(Row("train_fusion", f"{folds[0].name}, {case}", system, metric, value, unit))

    def of(system: str) -> list[Measured]:
        return [part for part in parts if system in part.hits]

    def right_of(system: str, case: str) -> npt.NDArray[np.float64]:
        of_folds = [
            [part.hits[system][case] for part in of(system) if part.fold == fold]
            for fold in range(len(folds))
        ]
        return np.concatenate([np.mean(one, axis=0) for one in of_folds])

    cases = list(of(AUTO)[0].hits[AUTO])
    right = {(system, case): right_of(system, case) for system in systems for case in cases}
    for (system, case), values in right.items():
        accuracy = interval(mean, (values,), seed=0, groups=groups)
        add(case, system, "accuracy", accuracy.estimate)
        add(case, system, "95% low", accuracy.low)
        add(case, system, "95% high", accuracy.high)
    for system in systems:
        add("learnt", system, "accuracy", float(np.mean([p.learnt[system] for p in of(system)])))
        validated = float(np.mean([part.validated[system] for part in of(system)]))
        add("validation", system, "accuracy", validated)
        if system in FUSION:
            seconds = float(np.mean([part.seconds[system] for part in of(system)]))
            add("training", system, "seconds", seconds, "s")
    for method, count in Counter(part.chose for part in of(AUTO)).items():
        add("chosen", AUTO, method, count)
    others = [system for system in systems if system not in FUSION]
    best = max(others, key=lambda s: float(np.mean([part.validated[s] for part in of(s)])))
    for theirs in dict.fromkeys((best, *others, *FUSION[1:])):
        for case in cases:
            found = comparison(
                mean, (right[AUTO, case],), (right[theirs, case],), seed=0, groups=groups
            )
            where = f"{case}, compared"
            add(where, theirs, "difference", found.difference)
            add(where, theirs, "95% low", found.low)
            add(where, theirs, "95% high", found.high)
            add(where, theirs, "p", found.p)
    return rows


def show(rows: list[Row]) -> None:
    """Print a table for each task: a line for each system, a column for each case."""
    console = Console(width=max(170, Console().width), highlight=False)
    figures: dict[str, dict[tuple[str, str], dict[str, float]]] = {}
    for row in rows:
        task, case = row.case.split(", ", 1)
        figures.setdefault(task, {}).setdefault((case, row.system), {})[row.metric] = row.value
    for task, found in figures.items():
        cases = [case for case, name in found if name == AUTO and (case, MAJORITY) in found]
        cases = [case for case in cases if case not in ("learnt", "validation")]
        table = Table(f"{task}: accuracy, 95% interval", *cases, "training rows", "validation")
        for system in dict.fromkeys(name for case, name in found if case == WHOLE):
            cells = [_cell(found[case, system]) for case in cases]
            cells += [f"{found[c, system]['accuracy']:.3f}" for c in ("learnt", "validation")]
            table.add_row(system, *cells)
        console.print(table)
        chosen = found["chosen", AUTO]
        console.print("auto chose " + ", ".join(f"{m} ({n:.0f})" for m, n in chosen.items()))
        table = Table(f"{task}: auto less", *cases)
        for system in dict.fromkeys(name for case, name in found if case.endswith(", compared")):
            table.add_row(system, *(_cell(found[f"{case}, compared", system]) for case in cases))
        console.print(table)
        console.print("the first is the best baseline by validation rows\n")


def _cell(of_case: dict[str, float]) -> str:
    low, high = of_case["95% low"], of_case["95% high"]
    if "p" in of_case:
        difference = of_case["difference"]
        return f"{difference:+.3f} [{low:+.3f}, {high:+.3f}] p={of_case['p']:.3f}"
    return f"{of_case['accuracy']:.3f} [{low:.3f}, {high:.3f}]"
