"""Questions to a collection that is divided among processes of this machine, beside one process.

    python -m benchmarks shards [--quick] [--json FILE] [--rows N]

A collection of made-up vectors (640 numbers, around 1,000 centres) is asked by one process, and by
1, 2 and 4 shards (`sensorium.scale.start_shards`), in turns: the ten nearest, the ten nearest of a
tenth, and a question of two parts, which is compared with everything. Beside them stand FAISS's own
`IndexFlatIP` and `IndexShards` (threads of one process, exact, bare vectors) for the ten nearest.
All are asked the same vectors; "same hits" is the share of answers that are one process's to the
bit, which codes may miss by chance (`sensorium.index.fourbit`).

"processor" is the time of a question in all processes together, "clock" its time from question to
hits; both are medians. The processors of one machine are shared by all shards: what more machines
would gain is not seen here, what a division costs is.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any

import faiss
import numpy as np

from benchmarks.rows import Row
from sensorium import Collection, Question
from sensorium.collection.collection import store_of
from sensorium.collection.four_bits import keep_codes
from sensorium.collection.rows import EmbeddedFile, FileState
from sensorium.encoders import Encoder, Prepared, Space
from sensorium.media import Modality
from sensorium.media.segments import SegmentRecord
from sensorium.scale import start_shards

DIMENSION = 640
ITEMS, QUICK_ITEMS = 100_000, 20_000
CENTRES = 1000
ASKED, QUICK_ASKED = 40, 10
PARTS = (1, 2, 4)
K = 10
BATCH = 5000

ONE, FLAT = "one process", "FAISS flat"
TICKS = os.sysconf("SC_CLK_TCK")


class MadeUp(Encoder):
    """Names a space; nothing is encoded."""

    name = "made-up"
    space = Space("shards", DIMENSION, (Modality.IMAGE,), {}, weights="made up")

    def prepare(self, media: Any, role: str = "document") -> Prepared:
        """Not called: questions are vectors and items."""
        raise NotImplementedError

    def encode_prepared(self, modality: Any, batch: Any, role: str = "document") -> Any:
        """Not called."""
        raise NotImplementedError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of this benchmark."""
    parser.add_argument("--rows", type=int, help="vectors in the collection")


def run(arguments: argparse.Namespace) -> list[Row]:
    """See the module."""
    count = arguments.rows or (QUICK_ITEMS if arguments.quick else ITEMS)
    case, rows = f"{count:,} × {DIMENSION}", []
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        path = Path(folder, "c.sensorium")
        vectors = fill(path, count, rng)
        keep_codes(path, MadeUp.space)
        systems, processes = {}, {}
        systems[ONE], processes[ONE] = stack.enter_context(opened(path)), []
        systems[ONE].search_vectors(vectors[:1])
        for parts in PARTS:
            began = time.perf_counter()
            shards = start_shards(path, parts)
            name = f"{parts} shard{'s' * (parts > 1)}"
            systems[name] = stack.enter_context(opened(path, shards=shards))
            systems[name].search_vectors(vectors[:1])
            processes[name] = [pid for pids in shards.processes.pids() for pid in pids]
            seconds = time.perf_counter() - began
            rows.append(Row("shards", case, name, "start", seconds, "s"))
            memory = sum(map(resident, processes[name])) / 2**20
            rows.append(Row("shards", case, name, "memory of shards", memory, "MB"))
        questions = near(vectors, ASKED if not arguments.quick else QUICK_ASKED, rng)
        for what, ask in asked(count).items():
            rows += timed(case, what, ask, systems, processes, questions)
        rows += beside(case, vectors, questions)
    return rows


def opened(path: Path, **options: Any) -> Collection:
    """The collection, with an encoder that is never asked."""
    return Collection(path, MadeUp(), auto_optimize=False, **options)


def fill(path: Path, count: int, rng: np.random.Generator) -> np.ndarray:
    """Write a collection; gives its vectors."""
    centres = unit(rng.normal(size=(CENTRES, DIMENSION)))
    noise = rng.normal(size=(count, DIMENSION)) * 0.6 / np.sqrt(DIMENSION)
    vectors = unit(centres[rng.integers(0, CENTRES, count)] + noise)
    with opened(path) as library:
        for start in range(0, count, BATCH):
            items = [
                EmbeddedFile(
                    FileState(f"/p/{n}.jpg", 1, n, n.to_bytes(32, "big")), Modality.IMAGE, {},
                    {"n": n}, [SegmentRecord()], vectors[n : n + 1],
                )
                for n in range(start, min(count, start + BATCH))
            ]  # fmt: skip
            store_of(library).write(MadeUp.space, encoder=MadeUp.name, embedded=items)
    return vectors


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors of length 1."""
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def near(vectors: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Questions half way between vectors, as pictures that are not there would be."""
    first, second = rng.integers(0, len(vectors), (2, count))
    return unit(0.7 * vectors[first] + 0.3 * vectors[second])


def asked(count: int) -> dict[str, Callable[[Collection, np.ndarray, int], Any]]:
    """What is asked, by name: takes a collection, a vector, and the number of the question."""
    return {
        "10 nearest": lambda c, v, n: c.search_vectors(v[None], K),
        "10 nearest of a tenth": lambda c, v, n: c.search_vectors(
            v[None], K, where=f"n < {count // 10}"
        ),
        "two parts": lambda c, v, n: list(c.search(Question(like=[n + 1, n + 2]), K)),
    }


def timed(
    case: str,
    what: str,
    ask: Callable[[Collection, np.ndarray, int], Any],
    systems: dict[str, Collection],
    processes: dict[str, list[int]],
    questions: Sequence[np.ndarray],
) -> list[Row]:
    """Ask all systems in turns."""
    for library in systems.values():
        ask(library, questions[0], 0)  # what a first question prepares
    clock: dict[str, list[float]] = {name: [] for name in systems}
    processor, same = dict.fromkeys(systems, 0.0), dict.fromkeys(systems, 0)
    for number, vector in enumerate(questions):
        answers = {}
        for name, library in systems.items():
            before, began = used(processes[name]), time.perf_counter()
            answers[name] = ask(library, vector, number)
            clock[name].append(time.perf_counter() - began)
            processor[name] += used(processes[name]) - before
            same[name] += answers[name] == answers[ONE]
    rows = []
    for name in systems:
        rows.append(Row("shards", case, name, f"{what}, clock", 1e3 * median(clock[name]), "ms"))
        each = 1e3 * processor[name] / len(questions)
        rows.append(Row("shards", case, name, f"{what}, processor", each, "ms"))
        rows.append(Row("shards", case, name, f"{what}, same hits", same[name] / len(questions)))
    return rows


def beside(case: str, vectors: np.ndarray, questions: Sequence[np.ndarray]) -> list[Row]:
    """FAISS alone: all vectors in one index, and in as many as there are shards."""
    systems: dict[str, Any] = {FLAT: faiss.IndexFlatIP(DIMENSION)}
    systems[FLAT].add(vectors)
    for parts in PARTS[1:]:
        shards = faiss.IndexShards(DIMENSION, True, True)
        held = [faiss.IndexFlatIP(DIMENSION) for _ in range(parts)]
        for one, some in zip(held, np.array_split(vectors, parts), strict=True):
            one.add(some)
            shards.add_shard(one)
        shards.referenced_objects = held
        systems[f"FAISS, {parts} shards"] = shards
    clock: dict[str, list[float]] = {name: [] for name in systems}
    processor = dict.fromkeys(systems, 0.0)
    for vector in questions:
        for name, index in systems.items():
            before, began = used([]), time.perf_counter()
            index.search(vector[None], K)
            clock[name].append(time.perf_counter() - began)
            processor[name] += used([]) - before
    rows = []
    for name in systems:
        rows.append(Row("shards", case, name, "10 nearest, clock", 1e3 * median(clock[name]), "ms"))
        each = 1e3 * processor[name] / len(questions)
        rows.append(Row("shards", case, name, "10 nearest, processor", each, "ms"))
    return rows


def used(processes: Sequence[int]) -> float:
    """Seconds of a processor that this process and others have used, in all their threads."""
    ticks = 0
    for pid in processes:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return time.process_time() + ticks / TICKS


def resident(pid: int) -> int:
    """Bytes of a process that are in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
