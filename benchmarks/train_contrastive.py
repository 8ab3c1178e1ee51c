"""Contrastive training from ImageNet and E5 towers, on real pictures that were not trained on.

    python -m benchmarks train --part contrastive [--quick] [--json FILE]

does what a user does: writes captioned pictures into two tables, the two published towers into two
folders, and calls `sensorium train contrastive` on them, both towers locked. Trained on are the
drawings of emoji in four styles and clip art (English and Chinese captions), never OpenMoji, photos
or stamps. Settings were chosen on the validation splits; the concepts of the emoji test split are
in neither. Vectors of the towers are kept in `$SENSORIUM_HOME/train_contrastive`.

Beside the result stand chance, `mini` (the same towers, far more work) and what the first alignment
of these towers reached when the project was designed; that one had a ConSE part as well.
"""

import argparse
import csv
import shutil
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.cases import Retrieval, retrieval_cases
from benchmarks.datasets import rows as pictures_of
from benchmarks.datasets.manifest import Row as Picture
from benchmarks.quality import BASELINE, FLOOR, FLOOR_FIGURES, Embedder, measure
from benchmarks.rows import Row, readable
from sensorium import load_encoder
from sensorium.evaluation.intervals import bootstrap_interval
from sensorium.home import sensorium_home

STYLES = ("noto", "fluent", "fluent3d", "twemoji")

CASES = (
    "emoji of a seen style, English",
    "emoji of a seen style, Chinese",
    "emoji of an unseen style, English",
    "emoji of an unseen style, Chinese",
)
#: What neither tower nor training has seen drawn so; without `--quick`.
FAR_CASES = ("stamps (test), English", "stamps (test), Chinese", "photos, English")

OURS = "ImageNet + E5, trained"

#: Chosen by the mean recall on the validation splits (docs/training/contrastive.md).
OPTIONS = {"projection": "linear", "dropout": 0.3, "dimension": 512}
SETTINGS = {"epochs": 15, "batch_size": 256, "learning_rate": 1e-3, "weight_decay": 0.05}
QUICK_EPOCHS = 3


def run(arguments: argparse.Namespace) -> list[Row]:
    """Train, and measure the result on the test splits."""
    home = sensorium_home() / "train_contrastive"
    folder, seconds = train(home, quick=arguments.quick)
    rows = [Row("train_contrastive", "training", OURS, "time", seconds, "s")]
    wanted = CASES if arguments.quick else (*CASES, *FAR_CASES)
    cases = [case for case in retrieval_cases() if case.name in wanted]
    systems = {OURS: folder, "mini": Path("mini")}
    conse = sensorium_home() / BASELINE
    if conse.is_dir():
        systems["ConSE"] = conse
    for system, name in systems.items():
        embed = Embedder(load_encoder(str(name)))
        asked = [item for case in cases for item, _key in case.queries]
        embed.learn([*asked, *(item for case in cases for item, _key in case.items)], system)
        for case in cases:
            for metric, outcome in measure(case, embed, slice(None)).items():
                found = bootstrap_interval(outcome.values)
                figures = {"": found.estimate, ", low": found.low, ", high": found.high}
                rows += [
                    Row("train_contrastive", str(case), system, f"{metric}{end}", value)
                    for end, value in figures.items()
                    if not end or system == OURS
                ]
    for case in cases:
        rows += _rows(case, "chance", chance(case))
        rows += _rows(case, FLOOR, FLOOR_FIGURES.get(case.name, {}))
    return rows


def _rows(case: Retrieval, system: str, figures: Mapping[str, float]) -> list[Row]:
    return [
        Row("train_contrastive", str(case), system, metric, value)
        for metric, value in figures.items()
    ]


def chance(case: Retrieval) -> dict[str, float]:
    """Success at 1 and 10 of a random order."""
    items = len(case.items)
    keys = [key for _item, key in case.items]
    right = np.array([keys.count(key) for _item, key in case.queries])
    found = {}
    for k in (1, 10):
        drawn = np.arange(min(k, items))
        wrong = np.clip((items - right[:, None] - drawn) / (items - drawn), 0, 1)
        found[f"text to image R@{k}"] = float(1 - wrong.prod(axis=1).mean())
    return found


def train(home: Path, *, quick: bool) -> tuple[Path, float]:
    """Train from the published towers; return the encoder's folder and the seconds it took."""
    from recipes.mini.towers import write_folders
    from sensorium.training.contrastive import Options, train_contrastive
    from sensorium.training.loop import Settings

    home.mkdir(parents=True, exist_ok=True)
    towers = home / "towers"
    if not (towers / "e5" / "encoder.json").is_file():
        write_folders(towers)
    for split in ("train", "val"):
        write_table(home / f"{split}.csv", split)
    folder = home / ("quick" if quick else "encoder")
    shutil.rmtree(folder, ignore_errors=True)
    options = Options(
        image_tower=str(towers / "imagenet"),
        text_tower=str(towers / "e5"),
        **OPTIONS,  # type: ignore[arg-type]
    )
    settings = Settings(**{**SETTINGS, **({"epochs": QUICK_EPOCHS} if quick else {})})  # type: ignore[arg-type]
    started = time.monotonic()
    notices = Console(stderr=True, highlight=False)
    train_contrastive(
        home / "train.csv",
        folder,
        options,
        settings,
        validation=home / "val.csv",
        features=home / "features",
        said=lambda what: notices.print(what),
    )
    return folder, time.monotonic() - started


def write_table(path: Path, split: str) -> None:
    """Write captioned drawings as a user would: a column for each language."""
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "caption_en", "caption_zh"])
        for picture in drawings(split):
            table.writerow([picture["image"], picture["caption_en"], picture["caption_zh"]])


def drawings(split: str) -> Iterable[Picture]:
    """Emoji in the styles that are trained on, and good clip art with English titles."""
    for picture in pictures_of("emoji"):
        styled = picture["style"] in STYLES and not picture["dup_in_style"]
        if picture["split"] == split and styled:
            yield picture
    for picture in pictures_of("clipart"):
        good = picture["quality"] == "good" and picture["caption_lang"] == "en"
        if picture["split"] == split and good:
            yield picture


def show(rows: list[Row]) -> None:
    """Print a line for each case and metric, with our interval behind our figure."""
    figures = {(row.case, row.metric, row.system): row.value for row in rows}
    systems = list(dict.fromkeys(row.system for row in rows))
    table = Table("case", "metric", *systems)
    for case, metric in dict.fromkeys((row.case, row.metric) for row in rows):
        if metric.endswith((", low", ", high")):
            continue
        cells = []
        for system in systems:
            value = figures.get((case, metric, system))
            cell = "" if value is None else readable(value)
            low, high = (figures.get((case, metric + end, system)) for end in (", low", ", high"))
            cells.append(cell if low is None or high is None else f"{cell} ({low:.2f}-{high:.2f})")
        table.add_row(case, metric, *cells)
    Console().print(table)
