"""From vectors and right answers to a `Measurement`: scores, intervals and the worst samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.evaluation.classification import confusion_matrix, top_k_accuracy
from sensorium.evaluation.intervals import Interval
from sensorium.evaluation.resampling import (
    Columns,
    Statistic,
    calibration_error,
    group_numbers,
    interval,
    macro,
    mean,
    median,
)
from sensorium.evaluation.result import Measurement
from sensorium.evaluation.retrieval import (
    average_precision,
    average_precision_at_r,
    first_ranks,
    ndcg_at,
    precision_at,
    rank_relevance,
    recall_at,
    reciprocal_rank,
    success_at,
)

MAX_CELLS = 4_000_000
"""Scores (queries times documents) held at a time; ranking them takes about 40 bytes each."""

DECIMALS = 6
"""Cosines are compared to this many decimals. The same vector in two places of a matrix gets
cosines that differ by rounding, 1e-7 or so, which must not break a tie."""

WORST = 8
"""Samples with the worst outcome that are kept for the report."""

HITS = 4
"""First hits kept for each of them."""

Values = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]

RETRIEVAL_SCORES: dict[str, Callable[[Values], Values]] = {
    "success@1": lambda ranked: success_at(ranked, 1),
    "success@5": lambda ranked: success_at(ranked, 5),
    "success@10": lambda ranked: success_at(ranked, 10),
    "recall@1": lambda ranked: recall_at(ranked, 1),
    "recall@5": lambda ranked: recall_at(ranked, 5),
    "recall@10": lambda ranked: recall_at(ranked, 10),
    "precision@10": lambda ranked: precision_at(ranked, 10),
    "map": average_precision,
    "map@r": average_precision_at_r,
    "ndcg@10": lambda ranked: ndcg_at(ranked, 10),
    "mrr": reciprocal_rank,
    "median_rank": first_ranks,
}
"""Per-query values of every score; all are averaged but `median_rank`."""


WITH_ONE_ANSWER = ("success@1", "success@5", "success@10", "ndcg@10", "mrr", "median_rank")
"""Scores worth showing where every query has one right answer; the others only repeat them."""


def shown_scores(found: Measurement) -> list[str]:
    """Names of the scores that tell something new, for a report or a comparison."""
    if all(sample.get("answers") == 1 for sample in found.samples):
        return list(WITH_ONE_ANSWER)
    return list(found.scores)


def digits_of(score: str) -> int:
    """Digits after the point that people are shown."""
    return 1 if score == "median_rank" else 3


def statistics(
    samples: Sequence[Mapping[str, Any]],
    values: Mapping[str, Sequence[float]],
    classes: Sequence[str] = (),
) -> dict[str, tuple[Statistic, Columns]]:
    """What every score of a measurement is computed by, and from what.

    Parameters
    ----------
    samples, values
        As in `Measurement`.
    classes : sequence of str
        Names of all classes, where samples have a ``label`` and a ``predicted`` one.
    """
    found: dict[str, tuple[Statistic, Columns]] = {
        name: (median if name == "median_rank" else mean, (np.array(per_sample),))
        for name, per_sample in values.items()
    }
    if classes:
        numbers = {name: number for number, name in enumerate(classes)}
        label, predicted = (
            np.array([numbers[sample[key]] for sample in samples]) for key in ("label", "predicted")
        )
        for which in ("precision", "recall", "f1"):
            found[f"macro_{which}"] = (partial(macro, which), (label, predicted))
        chance = np.array([sample["probability"] for sample in samples])
        found["ece"] = (calibration_error, (chance, (label == predicted).astype(np.float64)))
    return found


def _intervals(
    samples: Sequence[Mapping[str, Any]],
    values: Mapping[str, Sequence[float]],
    seed: int,
    classes: Sequence[str] = (),
) -> dict[str, Interval]:
    groups = group_numbers(samples)
    return {
        name: interval(statistic, columns, seed=seed, groups=groups)
        for name, (statistic, columns) in statistics(samples, values, classes).items()
    }


@dataclass(frozen=True)
class Documents:
    """What is ranked, and how.

    Attributes
    ----------
    count : int
    scores : callable
        Numbers of queries to a score of every document for each, shape (queries, count), as
        `rank_relevance` takes them: minus infinity for what was not found, NaN for what takes no
        part in a query's ranking.
    describe : callable
        Number of a document to ``{"picture": name}`` or ``{"text": words}``.
    """

    count: int
    scores: Callable[[Sequence[int]], Values]
    describe: Callable[[int], dict[str, str]]


def by_cosine(
    queries: Vectors, documents: Vectors, describe: Callable[[int], dict[str, str]]
) -> Documents:
    """Documents of one vector each, ranked by their cosine to the query's.

    Parameters
    ----------
    queries : ndarray of float32, shape (q, d)
    documents : ndarray of float32, shape (n, d)
    describe : callable
        See `Documents`.
    """

    def scores(chunk: Sequence[int]) -> Values:
        cosines = queries[list(chunk)] @ documents.T
        return np.asarray(cosines.astype(np.float64).round(DECIMALS))

    return Documents(len(documents), scores, describe)


def measure_retrieval(
    documents: Documents,
    answers: Sequence[Mapping[int, float]],
    samples: Sequence[Mapping[str, Any]],
    *,
    seed: int,
) -> Measurement:
    """Measure where the right answers of every query stand among all documents.

    Parameters
    ----------
    documents : Documents
    answers : sequence of mapping
        For each query the grades of its right answers, by number of the document; at least one.
    samples : sequence of mapping
        For each query what a `Measurement` says of it; ranks are added.
    seed : int
    """
    parts: dict[str, list[Values]] = {name: [] for name in RETRIEVAL_SCORES}
    missed: list[bool] = []
    for chunk in _chunks(len(answers), documents.count):
        relevance = np.zeros((len(chunk), documents.count))
        scores = documents.scores(chunk)
        for row, query in enumerate(chunk):
            relevance[row, list(answers[query])] = list(answers[query].values())
        ranked = rank_relevance(scores, relevance)
        for name, per_query in RETRIEVAL_SCORES.items():
            parts[name].append(per_query(ranked))
        missed += [
            not np.isfinite(line[right > 0]).any()
            for line, right in zip(scores, relevance, strict=True)
        ]
    values = {name: np.concatenate(columns) for name, columns in parts.items()}
    ranks = values["median_rank"].astype(int)
    described = [
        {**sample, "answers": len(right), "rank": int(rank), **({"missed": True} if gone else {})}
        for sample, right, rank, gone in zip(samples, answers, ranks, missed, strict=True)
    ]
    per_sample = {name: column.tolist() for name, column in values.items()}
    return Measurement(
        scores=_intervals(described, per_sample, seed),
        samples=described,
        values=per_sample,
        worst=_worst_queries(documents, answers, ranks),
    )


def _chunks(queries: int, documents: int) -> Iterator[range]:
    size = max(1, MAX_CELLS // max(1, documents))
    for start in range(0, queries, size):
        yield range(start, min(start + size, queries))


def _worst_queries(
    documents: Documents,
    answers: Sequence[Mapping[int, float]],
    ranks: npt.NDArray[np.int64],
) -> list[dict[str, Any]]:
    order = np.argsort(-ranks, kind="stable")[:WORST].tolist()
    worst = []
    for query in order:
        if ranks[query] == 1:
            break
        (scores,) = documents.scores([query])
        first = np.argsort(-scores, kind="stable")[:HITS]
        right = max(answers[query], key=lambda document: scores[document])
        hits = [documents.describe(n) for n in first.tolist() if np.isfinite(scores[n])]
        worst.append({"sample": query, "right": documents.describe(right), "hits": hits})
    return worst


def measure_classification(
    probabilities: npt.NDArray[np.float32],
    labels: npt.NDArray[np.intp],
    classes: Mapping[str, Sequence[str]],
    samples: Sequence[Mapping[str, Any]],
    *,
    seed: int,
) -> Measurement:
    """Compare the probabilities of every class with the right classes.

    Parameters
    ----------
    probabilities : ndarray of float32, shape (n, c)
    labels : ndarray of int, shape (n,)
        The right classes.
    classes : mapping of str to sequence of str
        Name and labels of each of the c classes.
    samples : sequence of mapping
        For each item what a `Measurement` says of it; what came out is added.
    seed : int
    """
    rows, names = np.arange(len(labels)), list(classes)
    right = probabilities[rows, labels]
    ranks = (probabilities >= right[:, None]).sum(axis=1)
    lowered = probabilities.copy()
    # As in `top_k_accuracy`, ties go against the system: of equal classes the wrong one is taken.
    lowered[rows, labels] = np.nextafter(right, np.float32(-1))
    predicted = lowered.argmax(axis=1)
    values = {"top-1": top_k_accuracy(probabilities, labels, 1)}
    if len(classes) > 5:  # with five classes every answer is among the first five
        values["top-5"] = top_k_accuracy(probabilities, labels, 5)
    chosen = probabilities[rows, predicted].astype(np.float64)
    wrong = np.flatnonzero(predicted != labels)
    surest = wrong[np.argsort(-chosen[wrong], kind="stable")][:WORST].tolist()

    def outcome(item: int, number: int) -> dict[str, str]:
        return {"text": f"{classes[names[number]][0]} ({probabilities[item, number]:.0%})"}

    described = [
        {
            **sample,
            "label": names[labels[row]],
            "predicted": names[predicted[row]],
            "probability": float(chosen[row]),
            "right_probability": float(right[row]),
            "rank": int(ranks[row]),
        }
        for row, sample in enumerate(samples)
    ]
    per_sample = {name: found.tolist() for name, found in values.items()}
    return Measurement(
        scores=_intervals(described, per_sample, seed, list(classes)),
        samples=described,
        values=per_sample,
        worst=[
            {
                "sample": item,
                "right": outcome(item, int(labels[item])),
                "hits": [outcome(item, n) for n in np.argsort(-lowered[item])[:HITS].tolist()],
            }
            for item in surest
        ],
        confusion={
            "classes": names,
            "labels": [list(texts) for texts in classes.values()],
            "counts": confusion_matrix(predicted, labels, len(classes)).tolist(),
        },
    )
