"""Choosing the index that Lance keeps in a collection's table, by measuring, and building it."""

from __future__ import annotations

import secrets
import tempfile
import time
from collections.abc import Callable, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium.collection.lance_index import KIND, PREFIX, READ_ROWS, K, Pinned, TableIndex
from sensorium.collection.lance_indexed import LEAST_ROWS, keep
from sensorium.collection.optimizing import OptimizeReport, kinds_among, questions_for
from sensorium.collection.snapshots import vectors_of_rows
from sensorium.collection.store import Ids, Vectors
from sensorium.encoders import Encoder
from sensorium.errors import CollectionError, UsageError
from sensorium.index.exact import ExactIndex
from sensorium.index.tuning import Cosines, Masks, Measured, choose, truth, tune
from sensorium.media import Media

if TYPE_CHECKING:
    from sensorium.collection.lance_store import LanceStore

SAMPLE_ROWS = 50_000
"""Vectors that types of index are compared on; the chosen one is tuned on all."""

QUERIES = 100
"""Questions of each kind that it is measured with, unless they are given: each takes some
milliseconds, for every setting of the dials."""

Tell = Callable[[str], None]


def types_for(dimension: int) -> list[dict[str, Any]]:
    """Types of index that are worth measuring, the best first, and what they are built with."""
    types: list[dict[str, Any]] = []
    if dimension % 8 == 0:
        types.append({"type": "IVF_RQ", "bits": 5})
    # Eight numbers to a byte, or as near to it as divides them.
    parts = max(n for n in range(1, max(dimension // 8, 1) + 1) if dimension % n == 0)
    types.append({"type": "IVF_PQ", "sub_vectors": parts})
    types.append({"type": "IVF_HNSW_SQ"})
    return types


def lists_for(rows: int) -> int:
    """Lists that vectors are parted into: a power of two near a quarter of their root.

    Lance makes none of less than 256 vectors.
    """
    root = int(2 ** max(0, round(float(np.log2(max(rows, 1) ** 0.5 / 4)))))
    return max(1, min(root, rows // 256))


def optimize_table(
    store: LanceStore,
    encoder: Encoder,
    recall: float,
    asked: Sequence[Media],
    tell: Tell,
) -> OptimizeReport:
    """Choose an index among those that Lance has, and build it; see `Collection.optimize`.

    Types are compared on a sample of the vectors, in a table of its own. Memory holds that sample,
    and ids of all.
    """
    started = time.perf_counter()
    dimension = encoder.space.dimension
    store.tidy()
    with store.snapshot():
        ids, _ = store.owners()
    if len(ids) < LEAST_ROWS:
        raise UsageError(
            f"{store.path} holds {len(ids):,} vectors: comparing all is as quick as an index up to "
            f"{LEAST_ROWS:,}; leave the kind out"
        )
    rows = np.sort(np.random.default_rng(0).permutation(len(ids))[:SAMPLE_ROWS])
    taken, of_items, sample = store.vectors(dimension, ids=ids[rows].tolist())
    if len(taken) < min(LEAST_ROWS, len(rows)):
        raise CollectionError(
            f"{store.path}: of {len(rows):,} vectors {len(taken):,} can be read: `sensorium check` "
            "names the files of the others, which are to be indexed again"
        )
    queries = [
        group if asked and not place else group[:QUERIES]
        for place, group in enumerate(questions_for(store, encoder, of_items, sample, asked))
    ]
    curve = _compared(sample, queries, recall, kinds_among(store, taken), tell)
    left, chosen, name = [point for point in curve if point.kind == KIND], None, ""
    least: list[Cosines] = []
    while chosen is None:
        try:
            best = choose(left, recall, len(ids))
        except ValueError:
            break
        tell(f"building {best.parameters['type']} over {len(ids):,} vectors")
        masks = kinds_among(store, ids)
        least = least or _truth(store, ids, dimension, queries, masks)
        name, found = _built(store, ids, best, queries, recall, masks, least)
        if found.recall >= recall:
            chosen = found
        left = [p for p in left if p.parameters["type"] != best.parameters["type"]]
    if chosen is None:
        chosen, name = next(point for point in curve if point.kind == "exact"), ""
    keep(store, encoder.space, chosen, name, ids, recall, curve)
    return OptimizeReport(
        kind=chosen.kind, chosen=chosen, curve=curve, recall=recall, vectors=len(ids),
        seconds=time.perf_counter() - started,
    )  # fmt: skip


def _compared(
    sample: Vectors, queries: Sequence[Vectors], recall: float, masks: Masks, tell: Tell
) -> list[Measured]:
    """Types of index, measured over some vectors, and comparing all of these."""
    least = [truth(sample, group, mask) for mask, group in product(masks, queries)]
    exact = ExactIndex(sample)
    points = tune(exact, sample, queries, recall, masks=masks, least=least)
    numbers = np.arange(len(sample))
    with tempfile.TemporaryDirectory(prefix="sensorium-") as folder:
        dataset = _table_of(numbers, sample, f"{folder}/sample.lance")
        for kind in types_for(sample.shape[1]):
            if any(point.kind == KIND and point.recall >= recall for point in points):
                break  # the others take ten times as long to build, and find no more
            tell(f"measuring {kind['type']}")
            name = PREFIX + kind["type"].lower()
            parameters = {**kind, "partitions": lists_for(len(sample))}
            try:
                index, seconds = _index(dataset, name, parameters, numbers)
            except (OSError, ValueError, RuntimeError) as error:
                tell(f"{kind['type']} cannot be built ({' '.join(str(error).split())[:100]})")
                continue
            index.exact = lambda rows: (rows, sample[rows])
            points += tune(
                index, None, queries, recall, seconds=seconds, masks=masks, least=least
            )  # fmt: skip
            dataset.drop_index(name)
    return points


def _table_of(ids: Ids, vectors: Vectors, uri: str) -> Any:
    """Some vectors in a table, as a collection has them."""
    import lance  # not before `lance_table`, which tells it to be quiet
    import pyarrow

    dimension = vectors.shape[1]
    schema = pyarrow.schema({
        "id": pyarrow.int64(), "item_id": pyarrow.int64(), "checksum": pyarrow.int64(),
        "vector": pyarrow.list_(pyarrow.float32(), dimension),
    })  # fmt: skip
    batches = []
    for start in range(0, len(ids), READ_ROWS):
        some = pyarrow.array(ids[start : start + READ_ROWS])
        flat = pyarrow.array(vectors[start : start + READ_ROWS].reshape(-1))
        lists = pyarrow.FixedSizeListArray.from_arrays(flat, dimension)
        nothing = pyarrow.nulls(len(some), pyarrow.int64())
        batches.append(pyarrow.RecordBatch.from_arrays([some, some, nothing, lists], schema=schema))
    return lance.write_dataset(pyarrow.Table.from_batches(batches, schema), uri)


def _index(
    dataset: Any, name: str, parameters: dict[str, Any], ids: Ids
) -> tuple[TableIndex, float]:
    """Build an index of a table, and open it; also the seconds that it took.

    Raises
    ------
    OSError, ValueError, RuntimeError
        As Lance does.
    """
    names = {"bits": "num_bits", "sub_vectors": "num_sub_vectors", "partitions": "num_partitions"}
    options = {names[key]: value for key, value in parameters.items() if key in names}
    started = time.perf_counter()
    # By dot products: of unit vectors that is the cosine, and Lance leaves vectors without a
    # direction out of searches by cosine.
    dataset.create_index("vector", parameters["type"], name=name, metric="dot", **options)
    seconds = time.perf_counter() - started
    size = sum(i.total_size_bytes or 0 for i in dataset.describe_indices() if i.name == name)
    pinned = Pinned(dataset, name, lambda _, error: error)
    return TableIndex(pinned, ids, parameters, size / len(ids)), seconds


def _built(
    store: LanceStore,
    ids: Ids,
    best: Measured,
    queries: Sequence[Vectors],
    recall: float,
    masks: Masks,
    least: Sequence[Cosines],
) -> tuple[str, Measured]:
    """Build what was chosen over all vectors, and tune it: its name, and how it was measured."""
    dials = ("probes", "depth", "partitions")
    kept = {key: value for key, value in best.parameters.items() if key not in dials}
    name = PREFIX + secrets.token_hex(8)
    try:
        dataset = store.newest()
        index, seconds = _index(dataset, name, {**kept, "partitions": lists_for(len(ids))}, ids)
    except (OSError, ValueError, RuntimeError) as error:
        raise store.failed("indexed", error) from error
    index.exact = vectors_of_rows(store, ids, queries[0].shape[1])
    points = tune(index, None, queries, recall, seconds=seconds, masks=masks, least=least)
    return name, points[-1]


def _truth(
    store: LanceStore, ids: Ids, dimension: int, queries: Sequence[Vectors], masks: Masks
) -> list[Cosines]:
    """The cosine of each query's `K`-th nearest of all vectors, by mask and group, in blocks."""
    best = [np.full((len(group), K), -np.inf, np.float32) for _, group in product(masks, queries)]
    after = 0
    while after < ids[-1]:  # others may add meanwhile
        segments, _, vectors = store.vectors(dimension, after=after, most=READ_ROWS)
        known = segments <= ids[-1]
        rows, vectors = np.searchsorted(ids, segments[known]), vectors[known]
        if not len(rows):
            break
        for place, (mask, group) in enumerate(product(masks, queries)):
            kept = vectors if mask is None else vectors[mask[rows]]
            if len(kept):
                scores = ExactIndex(kept).search(group, min(K, len(kept))).scores
                both = np.concatenate([best[place], scores], axis=1)
                best[place] = -np.sort(-both, axis=1)[:, :K]
        after = int(segments[-1])
    return [np.where(np.isfinite(rows), rows, np.inf).min(axis=1) for rows in best]
