"""Search by Hamming distance among binary codes: the smaller table of `benchmarks.search`."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console

from benchmarks.measuring import in_turns
from benchmarks.rows import Row
from benchmarks.search_data import K, Queries, Rows, Vectors, least_cosines, recall
from benchmarks.search_timing import singly
from sensorium.index.codes import Coder
from sensorium.index.coding import HashCoder
from sensorium.index.hash import HashIndex
from sensorium.index.refining import threads_for

BITS = 256
"""Enough that re-ranking a few hundred finds most of the float neighbours; others are in
`benchmarks.hashing`."""

RERANK = 500

TRAINED_ROWS = 20_000
"""Vectors of a modality that heads are trained on."""

PROBES = 32
"""Lists that are looked into, as `HashIndex` does."""

Codes = npt.NDArray[np.uint8]
Search = Callable[[Vectors, str], Rows]
"""Takes queries of shape (q, d), and their modality."""

Build = Callable[[Vectors, Codes, Coder, Path], Search]
"""Takes vectors, their codes, what coded them, and the folder that files go to."""


def measure_codes(
    vectors: Vectors, groups: Mapping[str, Queries], console: Console
) -> Iterator[Row]:
    """The same codes in every system; queries arrive as vectors and are coded by the same coder.

    Codes are those of ITQ, and where torch is there, those that were trained on the vectors.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    groups : mapping of str to Queries
        By modality.
    console : Console
        Told of what is missing or fails.
    """
    bits = min(BITS, vectors.shape[1] // 8 * 8)
    tuning = {name: group.tuning for name, group in groups.items()}
    about = f"{len(vectors):,} codes of {bits} bits"
    coder = HashCoder.fit({**tuning, "image": vectors}, bits=bits, method="itq")
    yield from _measure_coded(about, vectors, coder, groups, console)
    if find_spec("torch") is None:
        console.print("[yellow]skipped:[/] trained codes: torch is not installed")
        return
    trained = _trained({**tuning, "image": vectors}, bits)
    yield from _measure_coded(f"{about}, trained", vectors, trained, groups, console)


def _trained(vectors: Mapping[str, Vectors], bits: int) -> Coder:
    """Hashing heads for vectors of each modality, without pairs of any."""
    from sensorium.training.hash import LENGTHS, HashingSettings, train_hash
    from sensorium.training.hash_data import HashingData

    rng = np.random.default_rng(0)
    some = {name: rows[rng.permutation(len(rows))[:TRAINED_ROWS]] for name, rows in vectors.items()}
    lengths = (*(length for length in LENGTHS if length < bits), bits)
    return train_hash(HashingData.of(some), HashingSettings(lengths=lengths)).coder


def _measure_coded(
    about: str,
    vectors: Vectors,
    coder: Coder,
    groups: Mapping[str, Queries],
    console: Console,
) -> Iterator[Row]:
    codes = coder.encode(vectors, "image")
    searches: dict[str, Search] = {}
    for system, build in SYSTEMS.items():
        if system.startswith("usearch") and find_spec("usearch") is None:
            console.print(f"[yellow]skipped:[/] {system}: usearch is not installed")
            continue
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            try:
                searches[system] = build(vectors, codes, coder, Path(folder))
            except Exception as error:  # a rival's, of any kind
                console.print(f"[red]failed:[/] {system}: {error!r}")
                continue
            seconds = time.perf_counter() - started
            size = sum(path.stat().st_size for path in Path(folder).iterdir())
        yield Row("search", about, system, "build", seconds, "s")
        yield Row("search", about, system, "disk", size / 1e6, "MB")
    for name, group in groups.items():
        yield from _measure(
            f"{about}, {name} queries", searches, vectors, codes, coder, group, name
        )


@dataclass(frozen=True)
class _Timed:
    """A search that tells how long it took."""

    search: Search
    modality: str

    def timed(self, query: Vectors, k: int) -> tuple[float, float]:
        wall, processor = time.perf_counter(), time.process_time()
        self.search(query, self.modality)
        return time.perf_counter() - wall, time.process_time() - processor


def _measure(
    case: str,
    searches: Mapping[str, Search],
    vectors: Vectors,
    codes: Codes,
    coder: Coder,
    group: Queries,
    modality: str,
) -> Iterator[Row]:
    queries, asked = group.measured, coder.encode(group.measured, modality)
    distances = _nearest_distances(codes, asked)
    least = least_cosines(vectors, queries, [None])[0]

    def at_once(search: Search) -> Callable[[], Rows]:
        return lambda: search(queries, modality)

    times = singly({name: _Timed(search, modality) for name, search in searches.items()}, queries)
    batched = in_turns({name: at_once(search) for name, search in searches.items()}, 3)
    for system, search in searches.items():
        wall, processor = times[system]
        p50, p99 = np.percentile(wall, [50, 99]) * 1e3
        rows = search(queries, modality)
        yield Row("search", case, system, "p50", float(p50), "ms")
        yield Row("search", case, system, "p99", float(p99), "ms")
        busy = float(np.median(processor)) * 1e3
        yield Row("search", case, system, "p50 of processors", busy, "ms")
        yield Row("search", case, system, "batched", len(queries) / batched[system], "queries/s")
        share = _hamming_recall(codes, asked, rows, distances)
        yield Row("search", case, system, "Hamming recall@10", share)
        yield Row("search", case, system, "float recall@10", recall(vectors, queries, rows, least))


def _nearest_distances(codes: Codes, asked: Codes) -> npt.NDArray[np.int64]:
    """Hamming distance of each query's `K`-th nearest code."""
    import faiss

    index = faiss.IndexBinaryFlat(codes.shape[1] * 8)
    index.add(codes)
    return np.asarray(index.search(asked, min(K, len(codes)))[0][:, -1])


def _hamming_recall(
    codes: Codes, asked: Codes, rows: Rows, distances: npt.NDArray[np.int64]
) -> float:
    """Share of the ten nearest codes that were found; equally near ones count alike."""
    right = 0
    for query, line, enough in zip(asked, rows, distances, strict=True):
        named = np.unique(line[line >= 0])
        found = np.bitwise_count(codes[named] ^ query).sum(axis=1)
        right += min(K, np.count_nonzero(found <= enough))
    return right / (min(K, len(codes)) * len(asked))


def _faiss_flat(vectors: Vectors, codes: Codes, coder: Coder, folder: Path) -> Search:
    import faiss

    index = faiss.IndexBinaryFlat(codes.shape[1] * 8)
    index.add(codes)
    faiss.write_index_binary(index, str(folder / "codes.faiss"))

    def search(queries: Vectors, modality: str) -> Rows:
        with threads_for(queries):  # as ours: several threads wait for each other over one query
            rows: Rows = index.search(coder.encode(queries, modality), K)[1]
        return rows

    return search


def _faiss_lists(vectors: Vectors, codes: Codes, coder: Coder, folder: Path) -> Search:
    """As `HashIndex` builds and asks its lists."""
    import faiss

    bits = codes.shape[1] * 8
    lists = max(1, min(int(2 * math.sqrt(len(codes))), len(codes) // 39))
    quantizer = faiss.IndexBinaryFlat(bits)
    index = faiss.IndexBinaryIVF(quantizer, bits, lists)
    index.train(codes)
    index.add(codes)
    faiss.write_index_binary(index, str(folder / "lists.faiss"))
    asked = faiss.SearchParametersIVF(nprobe=min(PROBES, lists))
    held = (quantizer, index)

    def search(queries: Vectors, modality: str) -> Rows:
        with threads_for(queries):
            rows: Rows = held[1].search(coder.encode(queries, modality), K, params=asked)[1]
        return rows

    return search


def _usearch(vectors: Vectors, codes: Codes, coder: Coder, folder: Path) -> Search:
    index: Any = import_module("usearch.index").Index(
        ndim=codes.shape[1] * 8, metric="hamming", dtype="b1"
    )
    index.add(np.arange(len(codes)), codes)
    index.save(str(folder / "graph.usearch"))

    def search(queries: Vectors, modality: str) -> Rows:
        keys = index.search(coder.encode(queries, modality), K).keys
        return np.asarray(keys).astype(np.int64).reshape(len(queries), -1)

    return search


def _ours(**parameters: Any) -> Build:
    def build(vectors: Vectors, codes: Codes, coder: Coder, folder: Path) -> Search:
        index = HashIndex.build(vectors, coder=coder, **parameters)
        index.save(folder)
        return lambda queries, modality: index.search(queries, K, modality=modality).rows

    return build


SYSTEMS: dict[str, Build] = {
    "FAISS IndexBinaryFlat": _faiss_flat,
    "FAISS IndexBinaryIVF": _faiss_lists,
    "usearch b1 Hamming": _usearch,
    "Sensorium": _ours(rerank=0),
    "Sensorium, inverted lists": _ours(rerank=0, scan="ivf"),
    f"Sensorium, {RERANK} re-ranked": _ours(rerank=RERANK),
}
