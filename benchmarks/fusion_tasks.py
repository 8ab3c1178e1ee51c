"""The tasks of `benchmarks.train_fusion`: rows with a picture, a title and a category, encoded.

No concept (what a picture shows) is in two splits. Splits are the data set's own; but stamps
are few: of them each fifth is the test rows once, so that all are tested. Pictures and titles are
encoded once with `mini`, frozen; vectors are kept in `$SENSORIUM_HOME/benchmarks`.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from benchmarks import datasets
from benchmarks.cases import all_stamps
from benchmarks.datasets.manifest import Row as Picture
from sensorium.data.encoded_tables import EncodedTable
from sensorium.data.table_encoder import TableEncoder
from sensorium.home import sensorium_home

TARGET = "category"

MOST = {"train": 2500, "val": 800, "test": 1000}
"""Rows of a split; of more, a sample, so that all is measured in half an hour of one core."""

QUICK = {"train": 400, "val": 120, "test": 200}

NAMES = {"image": "pictures", "text": "titles"}
"""Modalities that are taken from rows, as people call them."""

SHARES = (0.3, 0.6)
WHOLE = "all there"

LEAST = {"stamps": 40, "clipart": 60, "emoji": 10}
"""Pictures of a category, for it to be a class."""

FOLDS = 5
VALIDATION = 0.15
"""Of the rows of a fold that are not tested."""

NOT_CLASSES = ("computer", "unsorted")
"""Clip art: icons, which are a third of all and nearly alike, and what nobody put into a folder."""


@dataclass(frozen=True)
class Task:
    """Encoded rows by split.

    Attributes
    ----------
    name : str
        As in tables.
    train, val, test : EncodedTable
    seeds : tuple of int
        Trainings of each system.
    """

    name: str
    train: EncodedTable
    val: EncodedTable
    test: EncodedTable
    seeds: tuple[int, ...] = (0, 1)

    def cases(self, split: EncodedTable, seed: int) -> dict[str, EncodedTable]:
        """Rows as they are, and with a share of one modality taken at random, by name of the case.

        The same rows lack something for every system, and others with another seed.
        """
        found = {WHOLE: split}
        for number, (modality, name) in enumerate(sorted(NAMES.items())):
            order = np.random.default_rng([seed, number]).permutation(len(split))
            for share in SHARES:
                taken = np.zeros(len(split), bool)
                taken[order[: round(share * len(split))]] = True
                found[f"{share:.0%} of {name} missing"] = split.without(modality, taken)
        return found

    def __str__(self) -> str:
        classes = len({row[TARGET] for row in self.train.rows})
        sizes = ", ".join(f"{len(getattr(self, split)):,} {split}" for split in MOST)
        return f"{self.name}: {classes} classes, {sizes}"


def stamps(quick: bool = False) -> list[Task]:
    """Eight categories of stamps: animals, food, vehicles and so on."""
    table = _table("stamps", all_stamps())
    concepts = [row["concept"] for row in table.rows]
    names = sorted(set(concepts))
    order = dict(zip(np.random.default_rng(0).permutation(len(names)), names, strict=True))
    place = {name: number / len(names) for number, name in order.items()}
    places = np.array([place[concept] for concept in concepts])
    tasks = []
    for fold in range(1 if quick else FOLDS):
        # The tested fifth begins at 0, and the validation rows after it.
        turned = (places - fold / FOLDS) % 1
        tested = turned < 1 / FOLDS
        held_out = ~tested & (turned < 1 / FOLDS + VALIDATION * (1 - 1 / FOLDS))
        chosen = (~tested & ~held_out, held_out, tested)
        train, val, test = (table.take(np.flatnonzero(rows)) for rows in chosen)
        tasks.append(Task("stamps", train, val, test, seeds=(fold,)))
    return tasks


def clipart(quick: bool = False) -> list[Task]:
    """Twelve folders of Open Clip Art, with facts that a file gives: its size and its author."""
    pictures = [row for row in datasets.rows("clipart") if row["category"] not in NOT_CLASSES]
    facts = {"width": "number", "height": "number", "author": "category"}
    # One training of each, for the time that it takes.
    return [replace(_split("clipart", _table("clipart", pictures, quick, facts)), seeds=(0,))]


def few_clipart(quick: bool = False) -> list[Task]:
    """The same with a quarter of the training and validation rows."""
    (whole,) = clipart(quick)

    def quarter(split: EncodedTable) -> EncodedTable:
        order = np.random.default_rng(0).permutation(len(split))
        return split.take(np.sort(order[: len(split) // 4]))

    return [Task("clipart (a quarter)", quarter(whole.train), quarter(whole.val), whole.test)]


def emoji(quick: bool = False) -> list[Task]:
    """The groups of emoji. `mini` has learnt from training and validation rows, not from tests."""
    pictures = [
        row
        for row in datasets.rows("emoji")
        if row["style"] == "noto" and row["split"] in MOST and row["category"] != "flags"
    ]
    return [_split("emoji", _table("emoji", pictures, quick))]


TASKS: dict[str, Callable[[bool], list[Task]]] = {
    "stamps": stamps,
    "clipart": clipart,
    "clipart-quarter": few_clipart,
    "emoji": emoji,
}
"""What makes a task: one for each fold, or one in all."""


def _split(name: str, table: EncodedTable) -> Task:
    splits = [row["split"] for row in table.rows]
    train, val, test = (
        table.take([n for n, split in enumerate(splits) if split == one]) for one in MOST
    )
    return Task(name, train, val, test)


def _table(
    name: str, pictures: list[Picture], quick: bool = False, facts: Mapping[str, str] | None = None
) -> EncodedTable:
    counts = Counter(row[TARGET] for row in pictures)
    pictures = [row for row in pictures if counts[row[TARGET]] >= LEAST[name]]
    chosen = []
    for split, most in (QUICK if quick else MOST).items():
        rows = [row for row in pictures if row["split"] == split]
        order = np.random.default_rng(0).permutation(len(rows))[:most]
        chosen += [{**rows[row], "title": rows[row]["caption_en"]} for row in sorted(order)]
    return _encoded(chosen, {"image": "image", "title": "text", **(facts or {})})


def _encoded(rows: list[Picture], columns: Mapping[str, str]) -> EncodedTable:
    """Encode, or take the vectors of the last time."""
    tables = TableEncoder(columns)
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
        stored = {**vectors, **{name: np.array(c) for name, c in counts.items()}}
        np.savez(part, **stored)  # type: ignore[arg-type]  # its stub takes a name for an option
        part.replace(file)
    # The cells that are no media are read again; the pictures are not.
    facts = {name: kind for name, kind in columns.items() if kind in ("number", "category")}
    numbers = np.empty((len(rows), 0))
    categories: tuple[list[str | None], ...] = ()
    if facts:
        plain = TableEncoder(facts)
        plain.learn_columns(rows, [TARGET])
        read = plain.encode(rows)
        numbers, categories = read.numbers, read.categories
    with np.load(file) as kept:
        vectors_of = {
            m: np.split(kept[m], np.cumsum(kept[f"{m}_counts"])[:-1]) for m in ("image", "text")
        }
    sources = {m: [np.zeros(len(v), np.int64) for v in vectors_of[m]] for m in vectors_of}
    return EncodedTable(
        rows=rows,
        columns=tables.columns,
        vectors=vectors_of,
        sources=sources,
        numbers=numbers,
        categories=categories,
        keep=np.ones((len(rows), len(tables.modalities)), bool),
        spaces={"image": space, "text": space},
        skipped=[],
    )
