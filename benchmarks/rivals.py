"""One small adapter for each system that `python -m benchmarks search` compares.

Each is built as its own documentation proposes, with 8-bit copies where it offers them; what can be
turned at search time is in `ladders`, and tuned alike for all. Systems that keep no columns get a
filter's mask for nothing; those that do evaluate the condition in every search.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from math import sqrt
from pathlib import Path
from time import perf_counter, process_time
from typing import Any, ClassVar

import numpy as np

from benchmarks.search_data import Filter, Items, Rows, Vectors

Setting = Mapping[str, int]
Ladder = list[Setting]
"""Settings of a search, each finding more and taking longer than the last."""

ADDED_ROWS = 50_000
"""Vectors that are handed over at a time: they are mapped, and need not all be in memory."""


class System:
    """What is compared: built in one process, opened in others.

    Attributes
    ----------
    name : str
        On the command line and in tables.
    package, module : str
        What has to be installed, and what is imported of it.
    about : str
        What it is built with.
    filtered : bool
        Whether it can search under a filter at all.
    """

    name: ClassVar[str]
    package: ClassVar[str]
    module: ClassVar[str]
    about: ClassVar[str]
    filtered: ClassVar[bool] = True

    def __init__(self) -> None:
        self.setting: Setting = {}

    @classmethod
    def version(cls) -> str | None:
        """The version that is installed, None for none."""
        try:
            return version(cls.package)
        except PackageNotFoundError:
            return None

    def load(self) -> Any:
        """Import the library."""
        return import_module(self.module)

    def build(self, items: Items, folder: Path) -> None:
        """Build over items and write everything into an existing, empty folder."""
        raise NotImplementedError

    def open(self, folder: Path) -> None:
        """Open what `build` wrote."""
        raise NotImplementedError

    def search(self, queries: Vectors, k: int) -> Rows:
        """Rows of the nearest, shape (q, k), best first; -1 where there are fewer."""
        raise NotImplementedError

    def search_filtered(self, queries: Vectors, k: int, chosen: Filter) -> Rows:
        """The same among the items that a filter chooses."""
        raise NotImplementedError

    def ladders(self) -> list[Ladder]:
        """Settings to look at; empty when there is nothing to turn."""
        return []

    def timed(self, query: Vectors, k: int) -> tuple[float, float]:
        """Seconds of one search, and those that processors had to do with it."""
        wall, processor = perf_counter(), process_time()
        self.search(query, k)
        return perf_counter() - wall, process_time() - processor

    def pid(self) -> int:
        """The process that holds what is searched."""
        return os.getpid()

    def close(self) -> None:
        """Let go of files."""


class NumPyExact(System):
    """A matrix product with all vectors, and a partial sort."""

    name = "NumPy"
    package = module = "numpy"
    about = "float32, mapped"

    def build(self, items: Items, folder: Path) -> None:
        if isinstance(items.vectors, np.memmap):  # scans of one file, not of two, fill the cache
            (folder / "vectors.npy").hardlink_to(str(items.vectors.filename))
        else:
            np.save(folder / "vectors.npy", items.vectors)

    def open(self, folder: Path) -> None:
        self._vectors: Vectors = np.load(folder / "vectors.npy", mmap_mode="r")

    def search(self, queries: Vectors, k: int) -> Rows:
        blocks = np.split(queries, range(32, len(queries), 32))
        return np.concatenate([_best(block @ self._vectors.T, k) for block in blocks])

    def search_filtered(self, queries: Vectors, k: int, chosen: Filter) -> Rows:
        rows = np.flatnonzero(chosen.mask)
        few = len(rows) * 4 < len(self._vectors)  # else gathering takes longer than multiplying
        scores = queries @ self._vectors[rows].T if few else (queries @ self._vectors.T)[:, rows]
        best = _best(scores, k)
        return np.where(best < 0, -1, rows[best])


def _best(scores: Vectors, k: int) -> Rows:
    width = min(k, scores.shape[1])
    rows = np.argpartition(-scores, width - 1, axis=1)[:, :width]
    order = np.argsort(-np.take_along_axis(scores, rows, 1), axis=1)
    return _padded(np.take_along_axis(rows, order, 1), k)


def _padded(rows: Any, k: int) -> Rows:
    found = np.full((len(rows), k), -1, np.int64)
    for number, line in enumerate(rows):
        found[number, : len(line)] = line
    return found


class _Faiss(System):
    package, module = "faiss-cpu", "faiss"

    def open(self, folder: Path) -> None:
        faiss = self.load()
        self._index = faiss.read_index(str(folder / "index.faiss"), faiss.IO_FLAG_MMAP_IFC)

    def search(self, queries: Vectors, k: int) -> Rows:
        rows: Rows = self._index.search(queries, k, params=self._parameters(None))[1]
        return rows

    def search_filtered(self, queries: Vectors, k: int, chosen: Filter) -> Rows:
        bits = np.packbits(chosen.mask, bitorder="little")
        parameters = self._parameters(self.load().IDSelectorBitmap(bits))
        rows: Rows = self._index.search(queries, k, params=parameters)[1]
        return rows

    def _parameters(self, selector: Any) -> Any:
        raise NotImplementedError

    def _fill(self, index: Any, items: Items, folder: Path) -> None:
        train = np.random.default_rng(0).permutation(len(items.vectors))[:100_000]
        index.train(np.ascontiguousarray(items.vectors[np.sort(train)]))
        for block in blocks(items):
            index.add(block)
        self.load().write_index(index, str(folder / "index.faiss"))


def blocks(items: Items) -> Iterator[Vectors]:
    """The vectors, some at a time, in memory."""
    for start in range(0, len(items.vectors), ADDED_ROWS):
        yield np.ascontiguousarray(items.vectors[start : start + ADDED_ROWS])


class FaissFlat(_Faiss):
    name = "FAISS flat"
    about = "float32, mapped"

    def build(self, items: Items, folder: Path) -> None:
        self._fill(self.load().IndexFlatIP(items.vectors.shape[1]), items, folder)

    def _parameters(self, selector: Any) -> Any:
        return self.load().SearchParameters(sel=selector)


class FaissIVF(_Faiss):
    """Lists and codes that know nothing of what is asked, and copies that refine."""

    name = "FAISS IVF-PQ"
    about = "2 sqrt(n) lists, 4-bit fast-scan codes of 2 dimensions each, SQ8 refinement"

    def build(self, items: Items, folder: Path) -> None:
        faiss = self.load()
        count, dimension = items.vectors.shape
        lists = max(1, min(int(2 * sqrt(count)), count // 32))
        codes = faiss.index_factory(
            dimension, f"IVF{lists},PQ{dimension // 2}x4fsr", faiss.METRIC_INNER_PRODUCT
        )
        copies = faiss.IndexScalarQuantizer(
            dimension, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT
        )
        self._fill(faiss.IndexRefine(codes, copies), items, folder)

    def open(self, folder: Path) -> None:
        super().open(folder)
        self._lists = self.load().downcast_index(self._index.base_index).nlist
        self.setting = {"nprobe": 32, "k_factor": 20}

    def _parameters(self, selector: Any) -> Any:
        faiss = self.load()
        return faiss.IndexRefineSearchParameters(
            k_factor=float(self.setting["k_factor"]),
            base_index_params=faiss.SearchParametersIVF(
                nprobe=self.setting["nprobe"], sel=selector
            ),
        )

    def ladders(self) -> list[Ladder]:
        probes = [p for p in steps(4, 1024) if p < self._lists] + [self._lists]
        return [[{"nprobe": p, "k_factor": factor} for p in probes] for factor in (5, 10, 20, 40)]


def steps(first: int, last: int) -> list[int]:
    """Whole numbers, each about 1.3 times the one before."""
    numbers = [first]
    while numbers[-1] < last:
        numbers.append(min(last, max(numbers[-1] + 1, round(numbers[-1] * 1.3))))
    return numbers


class FaissPQ(_Faiss):
    """Nothing but FAISS's scan of trained codes, and the vectors themselves to refine."""

    name = "FAISS PQ fast-scan"
    about = "4-bit codes of 2 dimensions each, all scanned, refined by float32"

    def build(self, items: Items, folder: Path) -> None:
        faiss = self.load()
        dimension = items.vectors.shape[1]
        codes = faiss.IndexPQFastScan(dimension, dimension // 2, 4, faiss.METRIC_INNER_PRODUCT)
        self._fill(faiss.IndexRefineFlat(codes), items, folder)

    def open(self, folder: Path) -> None:
        super().open(folder)
        self.setting = {"k_factor": 10}

    def search_filtered(self, queries: Vectors, k: int, chosen: Filter) -> Rows:
        raise NotImplementedError("a flat fast-scan index takes no selector")

    filtered = False

    def _parameters(self, selector: Any) -> Any:
        return self.load().IndexRefineSearchParameters(k_factor=float(self.setting["k_factor"]))

    def ladders(self) -> list[Ladder]:
        return [[{"k_factor": factor} for factor in steps(2, 200)]]


class TurboVec(System):
    """Its codes, and the vectors themselves, mapped, to refine what they find."""

    name = "turbovec"
    package = module = "turbovec"
    about = "4 bits a dimension, all scanned, refined by float32"

    def build(self, items: Items, folder: Path) -> None:
        codes = self.load().TurboQuantIndex(dim=items.vectors.shape[1], bit_width=4)
        for block in blocks(items):
            codes.add(block)
        codes.write(str(folder / "codes.tv"))
        NumPyExact().build(items, folder)

    def open(self, folder: Path) -> None:
        self._codes = self.load().TurboQuantIndex.load(str(folder / "codes.tv"))
        self._vectors: Vectors = np.load(folder / "vectors.npy", mmap_mode="r")
        self.setting = {"factor": 4}

    def search(self, queries: Vectors, k: int) -> Rows:
        return self._refined(queries, k, None)

    def search_filtered(self, queries: Vectors, k: int, chosen: Filter) -> Rows:
        return self._refined(queries, k, chosen.mask)

    def _refined(self, queries: Vectors, k: int, mask: Any) -> Rows:
        queries = np.ascontiguousarray(queries, np.float32)
        rows = self._codes.search(queries, k=k * self.setting["factor"], mask=mask)[1]
        lines = []
        for query, line in zip(queries, np.asarray(rows, np.int64), strict=True):
            cosines = self._vectors[line] @ query
            lines.append(line[np.argsort(-cosines, kind="stable")[:k]])
        return _padded(lines, k)

    def ladders(self) -> list[Ladder]:
        return [[{"factor": factor} for factor in steps(1, 50)]]


class FaissHNSW(_Faiss):
    """Built as `sensorium.index.hnsw` builds, by FAISS alone."""

    name = "FAISS HNSW"
    about = "M 32, efConstruction 80, over SQ8"

    def build(self, items: Items, folder: Path) -> None:
        faiss = self.load()
        graph = faiss.IndexHNSWSQ(
            items.vectors.shape[1], faiss.ScalarQuantizer.QT_8bit, 32, faiss.METRIC_INNER_PRODUCT
        )
        graph.hnsw.efConstruction = 80
        self._fill(graph, items, folder)

    def open(self, folder: Path) -> None:
        super().open(folder)
        self.setting = {"efSearch": 64}

    def _parameters(self, selector: Any) -> Any:
        return self.load().SearchParametersHNSW(efSearch=self.setting["efSearch"], sel=selector)

    def ladders(self) -> list[Ladder]:
        return [[{"efSearch": ef} for ef in steps(10, 4096)]]


class HNSWLib(System):
    """The graph of its paper's authors; a filter is a Python function, asked about every row."""

    name = "hnswlib"
    package = module = "hnswlib"
    about = "M 16, ef_construction 200, over float32"

    def build(self, items: Items, folder: Path) -> None:
        count, dimension = items.vectors.shape
        graph = self.load().Index(space="ip", dim=dimension)
        graph.init_index(max_elements=count, M=16, ef_construction=200, random_seed=0)
        for number, block in enumerate(blocks(items)):
            graph.add_items(block, np.arange(len(block)) + number * ADDED_ROWS)
        graph.save_index(str(folder / "graph.bin"))
        (folder / "dimension.txt").write_text(str(dimension))  # its file does not say

    def open(self, folder: Path) -> None:
        dimension = int((folder / "dimension.txt").read_text())
        self._graph = self.load().Index(space="ip", dim=dimension)
        self._graph.load_index(str(folder / "graph.bin"))
        self.setting = {"ef": 64}

    def search(self, queries: Vectors, k: int) -> Rows:
        self._graph.set_ef(self.setting["ef"])
        return np.asarray(self._graph.knn_query(queries, k=k)[0].astype(np.int64))

    def search_filtered(self, queries: Vectors, k: int, chosen: Filter) -> Rows:
        self._graph.set_ef(self.setting["ef"])
        allowed = chosen.mask.tolist().__getitem__  # as fast as a Python function can be
        found = np.full((len(queries), k), -1, np.int64)
        for number, query in enumerate(queries):
            try:
                # Its documentation wants one thread where Python decides.
                labels, _ = self._graph.knn_query(query, k=k, num_threads=1, filter=allowed)
            except RuntimeError as error:
                # It met fewer than k allowed rows, and then returns none of them.
                if "contiguous 2D array" not in str(error):
                    raise
            else:
                found[number] = labels[0]
        return found

    def ladders(self) -> list[Ladder]:
        return [[{"ef": ef} for ef in steps(10, 4096)]]


class USearch(System):
    """Its Python side has no filters.

    Its int8 is a coordinate times 127, whatever the coordinates' range: with 640 of them, each is
    a small number, and 5,000 views ended at a recall of 0.92. So 16 bits.
    """

    name = "usearch"
    package, module = "usearch", "usearch.index"
    about = "connectivity 16, expansion_add 128, over fp16, mapped"
    filtered = False

    def build(self, items: Items, folder: Path) -> None:
        graph = self.load().Index(ndim=items.vectors.shape[1], metric="cos", dtype="f16")
        for number, block in enumerate(blocks(items)):
            graph.add(np.arange(len(block)) + number * ADDED_ROWS, block)
        graph.save(str(folder / "graph.usearch"))

    def open(self, folder: Path) -> None:
        self._graph = self.load().Index.restore(str(folder / "graph.usearch"), view=True)
        self.setting = {"expansion": 64}

    def search(self, queries: Vectors, k: int) -> Rows:
        self._graph.expansion_search = self.setting["expansion"]
        keys = self._graph.search(queries, k).keys
        return np.asarray(keys).astype(np.int64).reshape(len(queries), -1)

    def ladders(self) -> list[Ladder]:
        return [[{"expansion": ef} for ef in steps(10, 4096)]]


class _Lance(System):
    package = module = "lancedb"

    def build(self, items: Items, folder: Path) -> None:
        import pyarrow as pa
        from lancedb.index import BTree

        dimension = items.vectors.shape[1]

        def batches() -> Iterator[pa.RecordBatch]:
            for number, block in enumerate(blocks(items)):
                rows = np.arange(len(block)) + number * ADDED_ROWS
                columns = {name: values[rows] for name, values in items.columns.items()}
                flat = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel()), dimension)
                yield pa.RecordBatch.from_pydict({"row": rows, **columns, "vector": flat})

        fields = [pa.field(name, pa.int64()) for name in ("row", *items.columns)]
        vector = pa.field("vector", pa.list_(pa.float32(), dimension))
        table = (
            self.load()
            .connect(folder)
            .create_table("items", batches(), schema=pa.schema([*fields, vector]))
        )
        for name in items.columns:
            table.create_index(name, config=BTree())
        table.create_index("vector", config=self._index(dimension))

    def _index(self, dimension: int) -> Any:
        raise NotImplementedError

    def open(self, folder: Path) -> None:
        self._table = self.load().connect(folder).open_table("items")
        # 8192 items a partition, as the library chooses.
        self._partitions = max(1, round(self._table.count_rows() / 8192))
        self.setting = {"nprobes": min(20, self._partitions), "refine_factor": 10}

    def search(self, queries: Vectors, k: int) -> Rows:
        return self._ask(queries, k, None)

    def search_filtered(self, queries: Vectors, k: int, chosen: Filter) -> Rows:
        return self._ask(queries, k, f"{chosen.column} < {chosen.below}")

    def _ask(self, queries: Vectors, k: int, where: str | None) -> Rows:
        lines: list[Any] = []
        # A list of queries is one call, answered in one table.
        for start in range(0, len(queries), 256):
            part = queries[start : start + 256]
            query = self._table.search(part[0] if len(part) == 1 else list(part))
            query = query.distance_type("cosine").select(["row", "_distance"]).limit(k)
            query = query.nprobes(self.setting["nprobes"])
            query = query.refine_factor(self.setting["refine_factor"])
            answer = (query if where is None else query.where(where, prefilter=True)).to_arrow()
            rows = answer["row"].to_numpy()
            if len(part) == 1:
                lines.append(rows)
            else:
                numbers = answer["query_index"].to_numpy()
                lines.extend(rows[numbers == number] for number in range(len(part)))
        return _padded(lines, k)

    def ladders(self) -> list[Ladder]:
        probes = [p for p in steps(1, 512) if p < self._partitions] + [self._partitions]
        return [
            [{"nprobes": p, "refine_factor": factor} for p in probes] for factor in (10, 20, 50)
        ]


class LanceDBPQ(_Lance):
    name = "LanceDB IVF_PQ"
    about = "8-bit codes of 8 dimensions each, its own number of partitions, float32 refinement"

    def _index(self, dimension: int) -> Any:
        from lancedb.index import IvfPq

        return IvfPq(distance_type="cosine", num_sub_vectors=max(1, dimension // 8))


class LanceDBRQ(_Lance):
    name = "LanceDB IVF_RQ"
    about = "RaBitQ, 1 bit a dimension, its own number of partitions, float32 refinement"

    def _index(self, dimension: int) -> Any:
        from lancedb.index import IvfRq

        return IvfRq(distance_type="cosine")


class QdrantEdge(System):
    name = "Qdrant Edge"
    package, module = "qdrant-edge-py", "qdrant_edge"
    about = "m 16, ef_construct 100, over int8 in memory, rescored by float32"

    def build(self, items: Items, folder: Path) -> None:
        q = self.load()
        hnsw = q.HnswIndexConfig(m=16, ef_construct=100, full_scan_threshold=10_000)
        eight_bits = q.ScalarQuantizationConfig(type=q.ScalarType.Int8, memory=q.Memory.Pinned)
        config = q.EdgeConfig(
            vectors=q.EdgeVectorParams(size=items.vectors.shape[1], distance=q.Distance.Dot),
            hnsw_config=hnsw,
            quantization_config=eight_bits,
        )
        shard = q.EdgeShard.create(str(folder / "shard"), config)
        for name in items.columns:
            field = q.UpdateOperation.create_field_index(name, q.PayloadSchemaType.Integer)
            shard.update(field)
        for start in range(0, len(items.vectors), 1000):
            points = [
                q.Point(
                    id=row,
                    vector=items.vectors[row].tolist(),
                    payload={name: int(values[row]) for name, values in items.columns.items()},
                )
                for row in range(start, min(start + 1000, len(items.vectors)))
            ]
            shard.update(q.UpdateOperation.upsert_points(points))
        shard.optimize()
        shard.flush()
        shard.close()

    def open(self, folder: Path) -> None:
        self._shard = self.load().EdgeShard.load(str(folder / "shard"))
        self.setting = {"hnsw_ef": 64, "oversampling": 2}

    def search(self, queries: Vectors, k: int) -> Rows:
        return self._ask(queries, k, None)

    def search_filtered(self, queries: Vectors, k: int, chosen: Filter) -> Rows:
        q = self.load()
        condition = q.FieldCondition(chosen.column, range=q.RangeFloat(lt=float(chosen.below)))
        return self._ask(queries, k, q.Filter(must=[condition]))

    def _ask(self, queries: Vectors, k: int, condition: Any) -> Rows:
        q = self.load()
        parameters = q.SearchParams(
            hnsw_ef=self.setting["hnsw_ef"],
            quantization=q.QuantizationSearchParams(
                rescore=True, oversampling=float(self.setting["oversampling"])
            ),
        )
        requests = [
            q.QueryRequest(
                limit=k, query=q.Query.Nearest(query), filter=condition, params=parameters
            )
            for query in queries.tolist()
        ]
        if len(requests) == 1:
            answers = [self._shard.query(requests[0])]
        else:
            answers = self._shard.query_batch(q.QueryBatchRequest(requests))
        return _padded([[point.id for point in line] for line in answers], k)

    def ladders(self) -> list[Ladder]:
        return [
            [{"hnsw_ef": ef, "oversampling": more} for ef in steps(10, 4096)] for more in (1, 2, 4)
        ]

    def close(self) -> None:
        self._shard.close()


RIVALS: tuple[type[System], ...] = (
    FaissPQ, TurboVec, FaissIVF, FaissHNSW, FaissFlat, HNSWLib, USearch, LanceDBPQ, LanceDBRQ,
    QdrantEdge, NumPyExact,
)  # fmt: skip
