"""The index that Lance keeps in a table, beside ours on this machine and comparing everything.

    python -m benchmarks lance_index [--quick] [--rows N ...] [--json FILE]

A collection in Lance, in a folder of this machine, gets encoded views (`benchmarks.views`, 40,000
that are real and mixtures of them above that), half of the questions to tune with, and each kind of
index in turn, for a recall of 0.95. Then a process of its own asks the other half, captions and
pictures: recall is that of the kind of question that fares worse, times are processor time of all
threads, what is read is what the process asked the system for, memory is what no file backs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.rows import Row
from benchmarks.search_data import K, Queries, halves, least_cosines, recall, text_queries
from benchmarks.views import mixed_views
from sensorium import Collection
from sensorium.collection import lance_optimizing
from sensorium.collection.collection import store_of, written_by
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.media.segments import SegmentRecord

ROWS, QUICK_ROWS = (10_000, 100_000), (10_000,)
ASKED = 100
"""Questions of each kind that are measured with."""

RECALL = 0.95
WRITTEN = 5000
"""Rows of a commit."""

SHARES = (1.0, 0.1, 0.01)
"""Of the items, that a question is among."""

SYSTEMS = ("compared", "ivf", "IVF_RQ", "IVF_PQ", "IVF_HNSW_SQ")
"""Comparing everything, our inverted lists, and what Lance has."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--rows", type=int, nargs="+", help="sizes of the collection")
    parser.add_argument("--systems", nargs="+", default=SYSTEMS, metavar="NAME", help="only these")
    parser.add_argument("--questions", type=int, default=ASKED, help="of each kind")


def run(arguments: argparse.Namespace) -> list[Row]:
    """See the module."""
    sizes = arguments.rows or (QUICK_ROWS if arguments.quick else ROWS)
    rows: list[Row] = []
    for count in sizes:
        views = mixed_views(count + 2 * arguments.questions).vectors
        vectors, held = views[:count], views[count:]
        groups = [text_queries(arguments.questions), halves(held, arguments.questions)]
        with tempfile.TemporaryDirectory() as folder:
            rows += _of_size(Path(folder), vectors, groups, arguments.systems)
    return rows


def _of_size(
    folder: Path, vectors: Any, groups: list[Queries], systems: Sequence[str]
) -> list[Row]:
    place, asked = f"lance://{folder}/c.lance", folder / "asked.npy"
    np.save(asked, np.concatenate([group.measured for group in groups]))
    draw = np.random.default_rng(0).permutation(len(vectors))
    with Collection(place, "mini", auto_optimize=False) as library:
        _fill(library, vectors, draw)
        tuning = [text for group in groups for text in group.tuning_texts]
        rows: list[Row] = []
        for system in systems:
            rows += _built(library, system, tuning)
            print(f"{len(vectors):,} rows: asking {system}", file=sys.stderr, flush=True)
            told = subprocess.run(
                [sys.executable, "-m", "benchmarks.lance_index", place, str(asked)],
                stdout=subprocess.PIPE, check=True, text=True,
            )  # fmt: skip
            rows += _measured(system, json.loads(told.stdout), vectors, groups, draw)
    return rows


def _fill(library: Collection, vectors: Any, draw: Any) -> None:
    store, encoder, name = written_by(library)
    for start in range(0, len(vectors), WRITTEN):
        store.write(
            encoder.space, encoder=name,
            embedded=[
                EmbeddedFile(
                    FileState(f"/{n}", 1, 1, n.to_bytes(8, "big")), "image", {},
                    {"draw": int(draw[n])}, [SegmentRecord()], vectors[n : n + 1],
                )
                for n in range(start, min(start + WRITTEN, len(vectors)))
            ],
        )  # fmt: skip


def _built(library: Collection, system: str, tuning: list[str]) -> list[Row]:
    """Build the index of a system; what that took."""
    case = f"{len(library):,} rows"
    kind = {"compared": "exact", "ivf": "ivf"}.get(system, "lance")
    known = lance_optimizing.types_for(library.encoder.space.dimension)
    started = time.process_time()
    types, lance_optimizing.types_for = (
        lance_optimizing.types_for, lambda _: [one for one in known if one["type"] == system],
    )  # fmt: skip
    try:
        report = library.optimize(kind=kind, recall=RECALL, questions=tuning)
    finally:
        lance_optimizing.types_for = types
    size = report.chosen.bytes_per_vector
    if kind != "exact" and report.kind == "exact":
        return [Row("lance_index", case, system, "found too little", report.chosen.recall)]
    return [
        Row("lance_index", case, system, "choosing", time.process_time() - started, "s processor"),
        Row("lance_index", case, system, "index", size, "bytes a vector"),
    ]


def _measured(
    system: str, told: dict[str, Any], vectors: Any, groups: list[Queries], draw: Any
) -> list[Row]:
    case = f"{len(vectors):,} rows"
    rows = [
        Row("lance_index", case, system, name, told[name], unit)
        for name, unit in (
            ("opening and the first question", "s processor"), ("memory", "MB"),
        )
    ]  # fmt: skip
    for share in SHARES:
        among, one = f" among {share:.0%}" * (share < 1), told[str(share)]
        mask = None if share == 1 else draw < share * len(vectors)
        start, worst = 0, 1.0
        for group in groups:
            end = start + len(group.measured)
            found = np.array(one["found"][start:end])
            (least,) = least_cosines(vectors, group.measured, [mask])
            worst = min(worst, recall(vectors, group.measured, found, least, mask))
            start = end
        rows += [
            Row("lance_index", case, system, f"recall{among}", worst),
            Row("lance_index", case, system, f"a question{among}", one["ms"], "ms processor"),
            Row("lance_index", case, system, f"read{among}", one["kb"], "KB a question"),
        ]
    return rows


def ask(place: str, file: str) -> dict[str, Any]:
    """What a process finds that has just opened a collection, and what that takes."""
    asked = np.load(file)
    peak = Peak()
    started = time.process_time()
    with Collection(place, create=False, auto_optimize=False) as library:
        library.search_vectors(asked[:1], K)
        told: dict[str, Any] = {"opening and the first question": time.process_time() - started}
        count = len(store_of(library).paths())
        for share in SHARES:
            where = None if share == 1 else f"draw < {share * count}"
            library.search_vectors(asked[:1], K, where=where)  # which items it is among
            started, before = time.process_time(), read_bytes()
            found = [library.search_vectors(query[None], K, where=where)[0] for query in asked]
            told[str(share)] = {
                "ms": 1e3 * (time.process_time() - started) / len(asked),
                "kb": (read_bytes() - before) / 1e3 / len(asked),
                "found": [
                    [int(hit.path[1:]) for hit in line] + [-1] * (K - len(line)) for line in found
                ],
            }
    told["memory"] = peak.ended()
    return told


def read_bytes() -> int:
    """What this process has asked the system to read, from the disk or its cache."""
    with open("/proc/self/io") as file:  # noqa: PTH123
        return int(file.readline().split()[1])


class Peak:
    """The most memory of this process that no file backs, looked at fifty times a second."""

    def __init__(self) -> None:
        self._most, self._is_over = 0.0, threading.Event()
        self._watching = threading.Thread(target=self._watch, daemon=True)
        self._watching.start()

    def _watch(self) -> None:
        while True:
            lines = Path("/proc/self/status").read_text().splitlines()
            (line,) = [line for line in lines if line.startswith("RssAnon")]
            self._most = max(self._most, int(line.split()[1]) / 1e3)
            if self._is_over.wait(0.02):
                return

    def ended(self) -> float:
        """Megabytes."""
        self._is_over.set()
        self._watching.join()
        return self._most


if __name__ == "__main__":
    print(json.dumps(ask(*sys.argv[1:])))
