"""What a collection costs in SQLite and in Lance: writing, looking up, words, conditions, opening.

    python -m benchmarks stores [--quick] [--json FILE]

Both are in a folder of this machine and get the same 20,000 items of 640 numbers with captions, in
batches as `add` writes them; then each question is asked of both in turns. Figures are processor
time (medians, all threads): other work on the machine moves them less than seconds on a clock. An
object store adds what its answers take.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from benchmarks.rows import Row
from sensorium.collection.opening import LancePath, open_store
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.collection.store import Store
from sensorium.encoders import Space
from sensorium.media import Modality
from sensorium.media.segments import SegmentRecord

DIMENSION = 640
ITEMS, QUICK_ITEMS = 20_000, 2_000
BATCH = 64  # files that `add` writes at once
ROUNDS = 7
WORDS = ("harbour", "windmill", "lantern", "meadow", "castle", "violin", "glacier", "orchard")
SPACE = Space("stores", DIMENSION, (Modality.IMAGE,), {}, weights="made up")


def run(arguments: argparse.Namespace) -> list[Row]:
    """See the module."""
    count = QUICK_ITEMS if arguments.quick else ITEMS
    case = f"{count:,} items"
    with tempfile.TemporaryDirectory() as folder:
        paths = {
            "SQLite": Path(folder, "c.sensorium"),
            "Lance": LancePath(Path(folder, "c.lance")),
        }
        stores = {name: open_store(path, create=True) for name, path in paths.items()}
        rng = np.random.default_rng(0)
        times: dict[str, list[float]] = {name: [] for name in stores}
        for first in range(0, count, BATCH):
            batch = [item(n, rng) for n in range(first, min(count, first + BATCH))]
            for name, store in stores.items():
                times[name].append(taken(partial(store.write, SPACE, encoder="e", embedded=batch)))
        rows = [row(case, name, f"write {BATCH} files", median(times[name])) for name in stores]
        for store in stores.values():
            store.tidy()
        asked = questions(count, rng)
        for what, ask in asked.items():
            found: dict[str, list[float]] = {name: [] for name in stores}
            for _ in range(ROUNDS):
                for name, store in stores.items():
                    found[name].append(taken(partial(ask, store)))
            rows += [row(case, name, what, median(found[name])) for name in stores]
        for name, store in stores.items():
            rows.append(Row("stores", case, name, "size", store.bytes_stored() / 2**20, "MB"))
            store.close()
            again = [taken(partial(reopen, paths[name])) for _ in range(ROUNDS)]
            rows.append(row(case, name, "open and close", median(again)))
    return rows


def questions(count: int, rng: np.random.Generator) -> dict[str, Callable[[Store], Any]]:
    """What is asked of a store of so many items, by name."""
    ids = np.sort(rng.permutation(count)[:200] + 1).tolist()
    return {
        "whether anything changed": lambda store: store.version(),
        "200 vectors by id": lambda store: store.vectors(DIMENSION, ids=ids),
        "all vectors": lambda store: store.vectors(DIMENSION),
        "rows of 10 hits": lambda store: store.segments(ids[:10]),
        "10 hits by words": lambda store: store.match_words("castle meadow", 10),
        "a filter": lambda store: store.matching("caption LIKE '%violin%'", None),
        "new metadata of an item": lambda store: store.write(SPACE, described=[(ids[0], {"a": 1})]),
    }


def item(number: int, rng: np.random.Generator) -> EmbeddedFile:
    """A made-up picture with a caption."""
    vector = rng.normal(size=(1, DIMENSION)).astype(np.float32)
    caption = " ".join(WORDS[n] for n in rng.integers(0, len(WORDS), 4))
    return EmbeddedFile(
        FileState(f"/photos/{number:06}.jpg", 1000 + number, number, number.to_bytes(32, "big")),
        Modality.IMAGE, {"width": 640}, {"caption": f"{caption} {number}"}, [SegmentRecord()],
        vector / np.linalg.norm(vector),
    )  # fmt: skip


def reopen(path: Path) -> None:
    """Open a store and close it."""
    open_store(path).close()


def taken(task: Callable[[], Any]) -> float:
    """Seconds of processor time."""
    started = time.process_time()
    task()
    return time.process_time() - started


def row(case: str, name: str, what: str, seconds: float) -> Row:
    """A figure in milliseconds."""
    return Row("stores", case, name, what, 1e3 * seconds, "ms of processor time")
