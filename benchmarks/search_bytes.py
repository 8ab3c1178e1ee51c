"""What codes of so many bytes find: the recall table of `python -m benchmarks search`.

Every code is scanned whole, by one thread; found is what is among the ten, and among the hundred,
nearest by codes alone: the latter is what comparing these hundred in full would find.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from time import process_time
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.rows import Row
from benchmarks.search_data import K, Queries, Rows, Vectors, least_cosines, recall
from sensorium.index.coding import HashCoder
from sensorium.index.fourbit import FourBitIndex

DEPTH = 100
"""Candidates that are compared in full, where any are."""

TIMED = 50

TRAINED_ROWS = 20_000
"""Vectors that codebooks are learnt from."""

Scan = Callable[[Vectors, str], Rows]
"""Takes queries of shape (q, d) and their modality; gives the `DEPTH` nearest of each by codes."""


def measure_bytes(
    vectors: Vectors, groups: Mapping[str, Queries], console: Console
) -> Iterator[Row]:
    """Recall of each kind of code.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    groups : mapping of str to Queries
        By modality.
    console : Console
        Told of what is missing or fails.
    """
    import faiss

    vectors = np.ascontiguousarray(vectors)
    case = f"{len(vectors):,} items, recall by bytes"
    asked = {name: group.measured for name, group in groups.items()}
    true = {name: least_cosines(vectors, queries, [None])[0] for name, queries in asked.items()}
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        for name, (size, build) in _kinds(vectors.shape[1]).items():
            if name.startswith("turbovec") and find_spec("turbovec") is None:
                console.print(f"[yellow]skipped:[/] {name}: turbovec is not installed")
                continue
            console.print(f"{case}: {name}")
            try:
                started = process_time()
                scan = build(vectors, groups)
                busy = process_time() - started
            except Exception as error:  # a rival's, of any kind
                console.print(f"[red]failed:[/] {name}: {error!r}")
                continue
            yield Row("search", case, name, "bytes", size)
            yield Row("search", case, name, "build, of processors", busy, "s")
            for modality, queries in asked.items():
                rows = scan(queries, modality)
                for depth in (K, DEPTH):
                    found = recall(vectors, queries, rows[:, :depth], true[modality])
                    yield Row("search", case, name, f"{modality}: in {depth}", found)
            yield Row("search", case, name, "p50 of processors", _median(scan, asked) * 1e3, "ms")
    finally:
        faiss.omp_set_num_threads(threads)


def _median(scan: Scan, asked: Mapping[str, Vectors]) -> float:
    times = []
    for number in range(-3, TIMED):
        for modality, queries in asked.items():
            started = process_time()
            scan(queries[number % len(queries)][None], modality)
            if number >= 0:
                times.append(process_time() - started)
    return float(np.median(times))


Build = Callable[[Vectors, Mapping[str, Queries]], Scan]


def _kinds(dimension: int) -> dict[str, tuple[float, Build]]:
    """Bytes of a vector, and what builds the scan, by name."""
    kinds: dict[str, tuple[float, Build]] = {
        "4 bits a dimension": (dimension / 2, _four_bits),
        "turbovec, 4 bits": (dimension / 2 + 4, _turbovec(4)),
        "turbovec, 2 bits": (dimension / 4 + 4, _turbovec(2)),
        "FAISS PQ, 2 bits": (dimension / 4, _product),
    }
    for bits in (4, 2, 1):
        name = f"RaBitQ, {bits} bit{'s' * (bits > 1)}"
        kinds[name] = (dimension * bits / 8 + 8, _rabitq(bits))
    for bits in (512, 256, 128):
        if bits <= dimension:
            kinds[f"ITQ, {bits} bits in all"] = (bits / 8, _hash(bits))
    return kinds


def _four_bits(vectors: Vectors, groups: Mapping[str, Queries]) -> Scan:
    index = FourBitIndex.build(vectors)
    return lambda queries, _: index.scan(queries, DEPTH)[0]


def _turbovec(bits: int) -> Build:
    def build(vectors: Vectors, groups: Mapping[str, Queries]) -> Scan:
        codes: Any = import_module("turbovec").TurboQuantIndex(dim=vectors.shape[1], bit_width=bits)
        codes.add(vectors)
        return lambda queries, _: np.asarray(
            codes.search(np.ascontiguousarray(queries), k=DEPTH)[1], np.int64
        )

    return build


def _product(vectors: Vectors, groups: Mapping[str, Queries]) -> Scan:
    import faiss

    dimension = vectors.shape[1]
    codes = faiss.IndexPQFastScan(dimension, dimension // 2, 4, faiss.METRIC_INNER_PRODUCT)
    codes.train(vectors[:TRAINED_ROWS])
    codes.add(vectors)
    return lambda queries, _: codes.search(queries, DEPTH)[1]  # type: ignore[no-any-return]


def _rabitq(bits: int) -> Build:
    def build(vectors: Vectors, groups: Mapping[str, Queries]) -> Scan:
        import faiss

        dimension = vectors.shape[1]
        codes = faiss.IndexRaBitQ(dimension, faiss.METRIC_INNER_PRODUCT, bits)
        rotation = faiss.RandomRotationMatrix(dimension, dimension)
        rotation.init(0)
        codes.train(rotation.apply(vectors[:TRAINED_ROWS]))
        codes.add(rotation.apply(vectors))
        parameters = faiss.RaBitQSearchParameters()
        parameters.qb = 8  # bits of a question's own coordinates

        def scan(queries: Vectors, modality: str) -> Rows:
            turned = rotation.apply(np.ascontiguousarray(queries))
            rows: Rows = codes.search(turned, DEPTH, params=parameters)[1]
            return rows

        return scan

    return build


def _hash(bits: int) -> Build:
    def build(vectors: Vectors, groups: Mapping[str, Queries]) -> Scan:
        import faiss

        tuning = {name: group.tuning for name, group in groups.items()}
        coder = HashCoder.fit({**tuning, "image": vectors}, bits=bits, method="itq")
        codes = faiss.IndexBinaryFlat(bits)
        codes.add(coder.encode(vectors, "image"))

        def scan(queries: Vectors, modality: str) -> Rows:
            rows: Rows = codes.search(coder.encode(queries, modality), DEPTH)[1]
            return rows

        return scan

    return build
