"""What `python -m benchmarks search` searches: items, queries, filters, and what is true of them.

Everything that a child process needs lies in a folder as plain arrays, which are mapped.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.home import sensorium_home

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

K = 10
"""Neighbours that are asked for."""

TIE = 1e-6
"""Cosines this near are one: of equal vectors any may be found."""

SCORED_QUERIES = 32
"""Queries that are compared with all vectors at a time: 128 MB of scores at a million."""

SELECTIVITIES = (0.001, 0.01, 0.1, 0.5)

DRAW, TOPIC = "draw", "topic"
"""Columns: a number that has nothing to do with the picture, and a number that follows what is on
it, so that `topic < t` are pictures of a few subjects that lie close together."""


@dataclass(frozen=True)
class Items:
    """What a system is built from.

    Attributes
    ----------
    vectors : ndarray of float32, shape (n, d)
        Unit vectors; may be mapped.
    columns : dict of ndarray of int64, shape (n,)
        Values to filter by.
    questions : sequence of str
        What may be asked while a system is built: texts to tune with.
    """

    vectors: Vectors
    columns: Mapping[str, Rows]
    questions: Sequence[str] = ()

    def save(self, folder: Path) -> None:
        """Write the arrays into a folder."""
        np.save(folder / "vectors.npy", self.vectors)
        for name, values in self.columns.items():
            np.save(folder / f"column-{name}.npy", values)
        (folder / "questions.json").write_text(json.dumps(list(self.questions)))

    @classmethod
    def load(cls, folder: Path) -> Items:
        """Map what `save` wrote."""
        columns = {
            path.stem.removeprefix("column-"): np.load(path)
            for path in sorted(folder.glob("column-*.npy"))
        }
        questions = json.loads((folder / "questions.json").read_text())
        return cls(np.load(folder / "vectors.npy", mmap_mode="r"), columns, questions)


@dataclass(frozen=True)
class Filter:
    """Items whose `column` is less than `below`.

    Attributes
    ----------
    label : str
        For people.
    mask : ndarray of bool, shape (n,)
        The same, for systems that keep no columns: they are given it for nothing.
    """

    label: str
    column: str
    below: int
    mask: Mask


@dataclass(frozen=True)
class Queries:
    """One kind of queries, half of them to tune with and the other half to measure with.

    Attributes
    ----------
    tuning, measured : ndarray of float32, shape (q, d)
    tuning_texts : sequence of str
        Of which `tuning` are the vectors; empty for pictures.
    """

    tuning: Vectors
    measured: Vectors
    tuning_texts: Sequence[str] = ()


def filters(columns: Mapping[str, Rows]) -> list[Filter]:
    """Filters of each selectivity over each column."""
    chosen = []
    for column, kind in ((DRAW, "at random"), (TOPIC, "by subject")):
        values = np.sort(columns[column])
        for share in SELECTIVITIES:
            below = int(values[round(share * len(values))])
            mask = columns[column] < below
            chosen.append(Filter(f"{share:.1%} {kind}", column, below, mask))
    return chosen


def real_items(
    rows: int, sources: npt.NDArray[np.int32], vectors: Vectors, questions: Sequence[str] = ()
) -> Items:
    """The first `rows` views, with columns to filter by."""
    draw = np.random.default_rng(rows).permutation(rows).astype(np.int64)
    topic = _subjects()[sources[:rows]]
    return Items(vectors[:rows], {DRAW: draw, TOPIC: topic}, questions)


def _subjects() -> Rows:
    """The place of each picture in an order by set, category and concept."""
    from benchmarks.views import source_rows

    rows = source_rows()
    keys = [tuple(row.get(k, "") for k in ("set", "category", "concept")) for row in rows]
    places = np.empty(len(rows), np.int64)
    places[sorted(range(len(rows)), key=keys.__getitem__)] = np.arange(len(rows))
    return places


def text_queries(count: int) -> Queries:
    """Captions of pictures of the test split, each once, encoded by `mini`; `count` a half."""
    from benchmarks.views import source_rows
    from sensorium import Text, load_encoder

    known = {row["caption_en"] for row in source_rows() if row["split"] == "test"} - {""}
    captions = sorted(known)
    vectors = load_encoder("mini").encode_queries([Text(caption) for caption in captions])
    return halves(vectors, count, captions)


def halves(vectors: Vectors, count: int, texts: Sequence[str] = ()) -> Queries:
    """Shuffle vectors, and part the first twice `count` of them (fewer, where there are fewer)."""
    order = np.random.default_rng(0).permutation(len(vectors))
    count = min(count, len(vectors) // 2)
    first, second = order[:count], order[count : 2 * count]
    return Queries(vectors[first], vectors[second], [texts[row] for row in first] if texts else ())


def least_cosines(vectors: Vectors, queries: Vectors, masks: list[Mask | None]) -> list[Vectors]:
    """The cosine that a hit must reach: of each query's `K`-th nearest among those allowed.

    Returns
    -------
    list of ndarray of float32, shape (q,)
        For each mask.
    """
    chosen = [None if mask is None else np.flatnonzero(mask) for mask in masks]
    found = [np.empty(len(queries), np.float32) for _ in masks]
    for start in range(0, len(queries), SCORED_QUERIES):
        scores = queries[start : start + SCORED_QUERIES] @ vectors.T
        for least, rows in zip(found, chosen, strict=True):
            among = scores if rows is None else scores[:, rows]
            place = max(0, among.shape[1] - K)
            least[start : start + len(scores)] = np.partition(among, place, axis=1)[:, place]
    return found


def recall(
    vectors: Vectors, queries: Vectors, rows: Rows, least: Vectors, mask: Mask | None = None
) -> float:
    """Share of the true nearest that were found.

    Parameters
    ----------
    vectors, queries : ndarray of float32, shapes (n, d) and (q, d)
    rows : ndarray of int64, shape (q, K)
        What was found; -1 for nothing. What is named twice counts once.
    least : ndarray of float32, shape (q,)
        From `least_cosines`.
    mask : ndarray of bool, shape (n,), optional
        What may be found: the rest counts for nothing.
    """
    right = 0
    for query, line, enough in zip(queries, rows, least, strict=True):
        named = np.unique(line[line >= 0])
        if mask is not None:
            named = named[mask[named]]
        right += min(K, np.count_nonzero(vectors[named] @ query >= enough - TIE))
    wanted = min(K, len(vectors) if mask is None else int(mask.sum()))
    return right / (wanted * len(queries))


@contextmanager
def workplace(kept: Path | None) -> Iterator[Path]:
    """A folder that is kept, or one under `$SENSORIUM_HOME` that is deleted afterwards.

    Not in /tmp: it takes gigabytes.
    """
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    home = sensorium_home() / "benchmarks"
    home.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="search-", dir=home))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
