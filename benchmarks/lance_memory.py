"""What searching without an index and `duplicates` hold in memory, of collections in Lance.

    python -m benchmarks lance_memory [--quick] [--rows N ...] [--json FILE]

Collections of made-up vectors of 640 numbers, in SQLite and in Lance, of files that hold a few
bytes, some of them the same; a process of its own for each
figure. Memory is what no file backs at its peak, less that of a process that has only opened the
collection; the file that vectors are mapped from is beside it. What both find is compared, and has
to be the same to the bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.lance_index import Peak
from benchmarks.rows import Row
from benchmarks.stores import DIMENSION, SPACE
from sensorium.collection.duplicates import find_duplicate_items
from sensorium.collection.opening import LancePath, open_store
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.collection.snapshots import Snapshots
from sensorium.media import Modality
from sensorium.media.segments import SegmentRecord

ROWS, QUICK_ROWS = (100_000, 200_000), (20_000,)
WRITTEN = 5000
WHAT = ("opened", "searched", "duplicates")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--rows", type=int, nargs="+", help="sizes of the collection")


def run(arguments: argparse.Namespace) -> list[Row]:
    """See the module."""
    rows: list[Row] = []
    for count in arguments.rows or (QUICK_ROWS if arguments.quick else ROWS):
        with tempfile.TemporaryDirectory() as folder:
            rows += _of_size(Path(folder), count)
    return rows


def _of_size(folder: Path, count: int) -> list[Row]:
    paths = {"SQLite": folder / "c.sensorium", "Lance": LancePath(folder / "c.lance")}
    stores = [open_store(path, create=True) for path in paths.values()]
    rng = np.random.default_rng(0)
    for start in range(0, count, WRITTEN):
        batch = [_item(folder, n, rng) for n in range(start, min(count, start + WRITTEN))]
        for store in stores:
            store.write(SPACE, encoder="e", embedded=batch)
    for store in stores:
        store.close()
    case, size = f"{count:,} rows", 4 * DIMENSION * count / 1e6
    rows = [Row("lance_memory", case, system, "vectors", size, "MB") for system in paths]
    for what in WHAT:
        found = {}
        for system, path in paths.items():
            told = subprocess.run(
                [sys.executable, "-m", "benchmarks.lance_memory", system, str(path), what],
                stdout=subprocess.PIPE, check=True, text=True,
            )  # fmt: skip
            found[system] = json.loads(told.stdout)
            rows.append(Row("lance_memory", case, system, what, found[system]["mb"], "MB"))
        if len({one["found"] for one in found.values()}) != 1:
            raise AssertionError(f"{what} of {case}: both find other things")
    return rows


def _item(folder: Path, number: int, rng: np.random.Generator) -> EmbeddedFile:
    """A file of some bytes, which every thousandth has of the one before, and a vector."""
    vector = rng.normal(size=(1, DIMENSION)).astype(np.float32)
    content = (number - (number % 1000 == 999)).to_bytes(8, "big")
    path = folder / "files" / f"{number // 1000:04}" / f"{number:06}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return EmbeddedFile(
        FileState(str(path), 8, 1, content),
        Modality.IMAGE, {"width": 640, "height": 480}, {}, [SegmentRecord()],
        vector / np.linalg.norm(vector),
    )  # fmt: skip


def watched(system: str, path: str, what: str) -> dict[str, Any]:
    """What is found, as a digest, and megabytes at the peak."""
    peak = Peak()
    store = open_store(Path(path) if system == "SQLite" else LancePath(path))
    found: Any = None
    if what == "searched":
        snapshot = Snapshots(store, None, "").snapshot(SPACE)
        queries = np.eye(DIMENSION, dtype=np.float32)[:20]
        found = [snapshot.exact.search(query[None], 10) for query in queries]
        found = [(rows.tolist(), scores.tolist()) for rows, scores in found]
    elif what == "duplicates":
        groups = find_duplicate_items(store, altered=False)
        found = [([item.id for item in group.items], group.scores) for group in groups]
    return {"mb": peak.ended(), "found": hashlib.sha256(repr(found).encode()).hexdigest()}


if __name__ == "__main__":
    print(json.dumps(watched(*sys.argv[1:])))
