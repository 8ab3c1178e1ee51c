"""Sensorium in `python -m benchmarks search`, and what it adds to the time of FAISS alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.measuring import Task
from benchmarks.rivals import ADDED_ROWS, System
from benchmarks.rows import Row
from benchmarks.search_before import AUTO_ROWS, FOLDER, Process
from benchmarks.search_data import Filter, Items, K, Rows, Vectors
from benchmarks.search_timing import PAUSE, single_queries
from sensorium import Collection
from sensorium.collection.derived import read_index
from sensorium.index.base import Index

RECALL = 0.95
"""What `Collection.optimize` is asked for, with the captions that rivals are tuned with."""

FILE = "views.sensorium"

BARE, INDEX, COLLECTION = "FAISS alone", "Index.search", "Collection.search_vectors"


class Sensorium(System):
    """A collection as its users have it: hits come with paths and metadata, from SQLite."""

    name = "Sensorium"
    package = module = "sensorium"
    about = (
        "as it comes; from 300,000 on Collection.optimize(recall=0.95, questions=...); "
        "hits with paths and metadata"
    )

    def build(self, items: Items, folder: Path) -> None:
        with Collection(folder / FILE, "mini", auto_optimize=False) as collection:
            for start in range(0, len(items.vectors), ADDED_ROWS):
                block = np.ascontiguousarray(items.vectors[start : start + ADDED_ROWS])
                rows = range(start, start + len(block))
                collection.add_vectors(
                    block,
                    [f"/views/{row:08}.jpg" for row in rows],
                    modality="image",
                    metadata=[
                        {name: int(values[row]) for name, values in items.columns.items()}
                        for row in rows
                    ],
                )
            if len(items.vectors) >= AUTO_ROWS:  # as searches have it done in the background
                collection.optimize(recall=RECALL, questions=items.questions or None)

    def open(self, folder: Path) -> None:
        self.collection = Collection(folder / FILE, create=False, auto_optimize=False)

    def search(self, queries: Vectors, k: int) -> Rows:
        return self._ask(queries, k, None)

    def search_filtered(self, queries: Vectors, k: int, chosen: Filter) -> Rows:
        return self._ask(queries, k, f"{chosen.column} < {chosen.below}")

    def _ask(self, queries: Vectors, k: int, where: str | None) -> Rows:
        found = np.full((len(queries), k), -1, np.int64)
        for line, hits in zip(
            found, self.collection.search_vectors(queries, k, where=where), strict=True
        ):
            line[: len(hits)] = [int(Path(hit.path).stem) for hit in hits]
        return found

    def close(self) -> None:
        self.collection.close()


class SensoriumBefore(System):
    """An earlier version, as it comes; see `benchmarks.search_before`."""

    name = "Sensorium before"
    package, module = "sensorium", "benchmarks.search_before"
    about = f"the checkout that {FOLDER} names; hits with paths and metadata"

    @classmethod
    def version(cls) -> str | None:
        return Path(os.environ[FOLDER]).name if FOLDER in os.environ else None

    def load(self) -> Any:
        self._process = Process(Path(os.environ[FOLDER]))

    def build(self, items: Items, folder: Path) -> None:
        assert isinstance(items.vectors, np.memmap)
        data = Path(str(items.vectors.filename)).parent
        self._process.ask("build", data=str(data), folder=str(folder))

    def open(self, folder: Path) -> None:
        if not hasattr(self, "_process"):
            self.load()
        self._process.ask("open", folder=str(folder))

    def search(self, queries: Vectors, k: int) -> Rows:
        return self._rows(self._ask(queries, k, None)["rows"], k)

    def search_filtered(self, queries: Vectors, k: int, chosen: Filter) -> Rows:
        return self._rows(self._ask(queries, k, f"{chosen.column} < {chosen.below}")["rows"], k)

    def timed(self, query: Vectors, k: int) -> tuple[float, float]:
        answer = self._ask(query, k, None)
        return answer["wall"], answer["processor"]

    def pid(self) -> int:
        return self._process.pid

    def _ask(self, queries: Vectors, k: int, where: str | None) -> Any:
        return self._process.ask("search", queries=queries.tolist(), k=k, where=where)

    def _rows(self, lines: list[list[int]], k: int) -> Rows:
        found = np.full((len(lines), k), -1, np.int64)
        for line, rows in zip(found, lines, strict=True):
            line[: len(rows)] = rows
        return found

    def close(self) -> None:
        self._process.end()


def overhead(case: str, folder: Path, vectors: Vectors, queries: Vectors) -> Iterator[Row]:
    """Single queries to FAISS, to our index and to the collection, with equal parameters.

    FAISS searches the very files of the collection's index, so that nothing differs but what is
    around it; it has nothing like our inverted lists, beside which only the collection is asked. A
    collection that is searched exactly is compared with FAISS's flat index. All are asked without a
    pause, as a busy service is, and again after a rest of `PAUSE` before each query, in which the
    processor's caches go cold: Python then takes about three times as long.

    Parameters
    ----------
    case : str
    folder : Path
        What `Sensorium.build` wrote.
    vectors, queries : ndarray of float32, shapes (n, d) and (q, d)
    """
    with Collection(folder / FILE, create=False, auto_optimize=False) as collection:
        derived = read_index(folder / FILE, "vectors", collection.encoder.space.fingerprint)
        tasks: dict[str, Any] = {}
        if derived is None:
            tasks[BARE] = _flat(vectors)
        else:
            index = derived.index
            if (bare := _bare(index, derived.generation, derived.state)) is not None:
                tasks[BARE] = bare
            tasks[INDEX] = lambda query: index.search(query, K)
        least = next(iter(tasks))
        tasks[COLLECTION] = lambda query: collection.search_vectors(query, K)
        for query in queries:  # so that nobody is the first to read a row from the disk
            for task in tasks.values():
                task(query[None])
        for pause, suffix in ((0.0, ""), (PAUSE, " after a rest")):
            times = single_queries(tasks, queries, pause=pause)
            medians = {name: float(np.median(values)) for name, values in times.items()}
            for name, median in medians.items():
                yield Row("search", case, name, f"p50{suffix}", median * 1e3, "ms")
                ratio = median / medians[least]
                yield Row("search", case, name, f"p50{suffix} over {least}", ratio, "")


def _flat(vectors: Vectors) -> Task:
    import faiss

    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors))
    return lambda query: index.search(query, K)  # type: ignore[misc]


def _bare(index: Index, generation: Path, state: Any) -> Task | None:
    """The search of an index's files that FAISS itself does, with the index's parameters."""
    import faiss

    from sensorium.index.hnsw import GRAPH

    if index.kind != "hnsw":
        return None
    graph = faiss.read_index(str(generation / GRAPH), faiss.IO_FLAG_MMAP_IFC)
    parameters = faiss.SearchParametersHNSW(efSearch=max(state["parameters"]["ef"], 2 * K))
    return lambda query: graph.search(query, K, params=parameters)  # type: ignore[misc]
