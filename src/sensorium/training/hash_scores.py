"""What hash functions find, measured on vectors that they were not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from sensorium.evaluation.report import Table, figure
from sensorium.evaluation.retrieval import average_precision, rank_relevance
from sensorium.index.codes import Coder, Codes
from sensorium.index.coding import HashCoder
from sensorium.index.learned import LearnedCoder
from sensorium.training.hash_data import HashingData

NEAREST = 10
"""Vectors nearest by cosine that count as right where nothing is said to belong together."""

MOST_QUERIES = 500
"""Of a modality: the second digit is sure."""

TITLES = {
    "pairs": "captions and what belongs together",
    "labels": "the same label",
    "cosines": "the ten nearest by cosine",
}
"""What is right, as people read it."""

SCORED_BITS = 128
"""Longer codes are all near to float search; what a training is chosen by are the short ones."""


@dataclass(frozen=True)
class Asked:
    """Queries of one modality to vectors of another, and what is right.

    Attributes
    ----------
    source, target : str
        Modalities of the queries and of what is found.
    relevance : {"pairs", "labels", "cosines"}
    rows : ndarray of int64, shape (q,)
        The queries, of the source's vectors.
    right : ndarray of bool, shape (q, n)
    itself : ndarray of bool, shape (q, n), or None
        Where both modalities are one: which vector is the query, and no answer.
    """

    source: str
    target: str
    relevance: str
    rows: npt.NDArray[np.int64]
    right: npt.NDArray[np.bool_]
    itself: npt.NDArray[np.bool_] | None


def hamming(queries: Codes, codes: Codes) -> npt.NDArray[np.int64]:
    """Bits that differ, shape (queries, codes)."""
    # Of -1 and 1 the product is what agrees less what differs; exact up to 2**24 bits.
    signs = [np.unpackbits(c, axis=1).astype(np.float32) * 2 - 1 for c in (queries, codes)]
    bits = signs[0].shape[1]
    return np.asarray((bits - signs[0] @ signs[1].T) / 2, np.int64)


def questions(data: HashingData) -> Iterator[Asked]:
    """Everything that data can be asked: each two modalities, by each relation that is known."""
    for source, target in product(data.vectors, repeat=2):
        size = len(data.vectors[target])
        if size < 2:
            continue
        if source == target and len(data.vectors) > 1:
            continue  # finding pictures by pictures is what all do well
        rng = np.random.default_rng(0)
        rows = np.sort(rng.permutation(len(data.vectors[source]))[:MOST_QUERIES])
        itself = rows[:, None] == np.arange(size)[None] if source == target else None
        for relevance in ("pairs", "labels"):
            groups = getattr(data, relevance)
            mine, others = groups[source][rows], groups[target]
            right = (mine[:, None] == others[None]) & (mine[:, None] >= 0)
            if itself is not None:
                right &= ~itself
            asked = right.any(axis=1)
            if asked.sum() >= 2:
                part = None if itself is None else itself[asked]
                yield Asked(source, target, relevance, rows[asked], right[asked], part)
        cosines = data.vectors[source][rows] @ data.vectors[target].T
        if itself is not None:
            cosines[itself] = -np.inf
        count = max(1, min(NEAREST, size // 4))
        nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
        near = np.zeros(cosines.shape, bool)
        np.put_along_axis(near, nearest, True, axis=1)
        yield Asked(source, target, "cosines", rows, near, itself)


def grades_by_distance(
    distances: npt.NDArray[np.int64], right: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """Grades in the order of distances, ties against the method, as `rank_relevance` gives them.

    Distances are small whole numbers, so that sorting them together with the grades takes a
    fraction of the time.
    """
    keys = np.asarray(2 * distances + right, np.uint16)
    return np.asarray(np.sort(keys, axis=1, kind="stable") & 1, np.float64)  # a radix sort


def ranked(coder: Coder, data: HashingData, asked: Asked) -> npt.NDArray[np.float64]:
    """Grades in the order of Hamming distance, ties against the coder; shape (q, n)."""
    queries = coder.encode(data.vectors[asked.source][asked.rows], asked.source)
    distances = hamming(queries, coder.encode(data.vectors[asked.target], asked.target))
    if asked.itself is not None:
        distances[asked.itself] = coder.bits + 1
    return grades_by_distance(distances, asked.right)


def ranked_exactly(data: HashingData, asked: Asked) -> npt.NDArray[np.float64]:
    """Grades in the order of cosines; shape (q, n)."""
    products = data.vectors[asked.source][asked.rows] @ data.vectors[asked.target].T
    scores = np.asarray(products, np.float64)
    if asked.itself is not None:
        scores[asked.itself] = -np.inf
    return rank_relevance(scores, asked.right)


def held_out_score(coder: LearnedCoder, data: HashingData, lengths: Sequence[int]) -> float:
    """What a training is chosen by: mean average precision over lengths, directions, relations."""
    scores = []
    everything = list(questions(data))
    for length in lengths:
        if length <= SCORED_BITS:
            short = coder.shorten(length)
            scores += [average_precision(ranked(short, data, a)).mean() for a in everything]
    return float(np.mean(scores))


@dataclass(frozen=True)
class Score:
    """What one kind of code finds among held-out vectors.

    Attributes
    ----------
    method : str
        "learned", "itq", "lsh"; "float" is ranking by cosine.
    bits : int
        0 for "float".
    direction : str
        As in "text to image".
    relevance : {"pairs", "labels", "cosines"}
        What is right: what it is paired with, what has the same label, the nearest by cosine.
    mean_average_precision : float
        Of the ranking of all held-out vectors of the target modality, ties against the method.
    queries, targets : int
    """

    method: str
    bits: int
    direction: str
    relevance: str
    mean_average_precision: float
    queries: int
    targets: int


def compare_coders(
    coder: LearnedCoder, fitted: HashingData, data: HashingData, lengths: Sequence[int]
) -> list[Score]:
    """Measure a trained hash function beside ITQ and random hyperplanes, on the same vectors.

    Parameters
    ----------
    coder : LearnedCoder
    fitted : HashingData
        What `coder` was trained on; ITQ and LSH are fitted to the same vectors.
    data : HashingData
        What it was not trained on.
    lengths : sequence of int
        ITQ is left out where it cannot give so many bits.
    """
    everything = list(questions(data))
    scores = [
        _score("float", 0, data, asked, ranked_exactly(data, asked))
        for asked in everything
        if asked.relevance != "cosines"
    ]
    dimension = next(iter(fitted.vectors.values())).shape[1]
    for bits in lengths:
        coders: dict[str, Coder] = {"learned": coder.shorten(bits)}
        if bits <= dimension:
            coders["itq"] = HashCoder.fit(fitted.vectors, bits=bits, method="itq")
        coders["lsh"] = HashCoder.fit(fitted.vectors, bits=bits, method="lsh")
        for method, each in coders.items():
            scores += [
                _score(method, bits, data, asked, ranked(each, data, asked)) for asked in everything
            ]
    return scores


def _score(
    method: str, bits: int, data: HashingData, asked: Asked, grades: npt.NDArray[np.float64]
) -> Score:
    return Score(
        method,
        bits,
        f"{asked.source} to {asked.target}",
        asked.relevance,
        float(average_precision(grades).mean()),
        len(asked.rows),
        len(data.vectors[asked.target]),
    )


def tables_of(scores: Sequence[Score]) -> list[Table]:
    """A table for each relation: a line for each length and method, a column for each direction."""
    tables = []
    for relevance in dict.fromkeys(score.relevance for score in scores):
        part = [score for score in scores if score.relevance == relevance]
        directions = dict.fromkeys(score.direction for score in part)
        rows: dict[tuple[int, str], dict[str, str]] = {}
        for one in part:
            row = rows.setdefault((one.bits, one.method), dict.fromkeys(directions, ""))
            row[one.direction] = figure(one.mean_average_precision)
        cells = [[str(bits or "–"), method, *row.values()] for (bits, method), row in rows.items()]
        title = (
            f"mean average precision of {TITLES[relevance]}, "
            f"{part[0].queries:,} held-out queries of {part[0].targets:,}"
        )
        learned = [number for number, (_, method) in enumerate(rows) if method == "learned"]
        headings = ["bits", "method", *directions]
        tables.append(Table(headings, cells, title=title, left=["method"], bold=learned))
    return tables
