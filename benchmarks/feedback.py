"""What judgements gain: one word is asked, 1, 3 or 10 hits are judged, and it is asked again.

    python -m benchmarks feedback [--encoder NAME] [--split val] [--quick] [--json FILE]

Collections of emoji, clip art, stamps and photographs are searched for nouns and tags
(`question_cases.py`); the first hits are judged by what is known of them, and the search that
follows is measured on what was not judged (the residual collection, Chang, Cirillo and Razon 1971):
nDCG@10 before and after, over the same pictures. Drawings of a thing that was judged, in whatever
style, take no part, or finding the same thing again would count for much. Gains have 95% intervals,
by drawing questions again.

Rivals learn from the same judgements: Rocchio's rule with the weights of SMART (1, 0.75, 0.15) on
unit vectors, and a logistic regression whose prior is the question itself. Nothing of the test
split chose anything; validation did, which `--split val` measures. `--quick` leaves out the emoji.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.manifest import Row as Picture
from benchmarks.kept import picture_vectors
from benchmarks.question_cases import nouns_and_tags, sets
from benchmarks.rows import Row
from sensorium import Collection, Text, load_encoder
from sensorium.encoders import Encoder
from sensorium.evaluation.resampling import comparison, interval, mean
from sensorium.evaluation.retrieval import ndcg_at, rank_relevance

OURS, ROCCHIO, REGRESSION = "Sensorium", "Rocchio, unit vectors", "logistic regression"
JUDGED = (1, 3, 10)
DEPTH = 10
LEAST = 4  # pictures that a word fits
LOOKED_AT = 500  # hits among which the first that were not judged are, whatever was
#: Of SMART: what relevant and other documents count for beside the question.
BETA, GAMMA = 0.75, 0.15
#: Of the regression, the best of validation: strength of the prior, and the score (in standard
#: deviations) at which a picture is as likely relevant as not.
STRENGTH, EVEN = 0.1, 3.0
NEWTON_STEPS = 30

Values = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Case:
    """One word that is asked of the pictures of one set.

    Attributes
    ----------
    query
        Its vector.
    fits, known
        Which pictures it fits, and of which that is known.
    things
        Number of the thing that each picture shows.
    """

    query: Vectors
    fits: npt.NDArray[np.bool_]
    known: npt.NDArray[np.bool_]
    things: npt.NDArray[np.intp]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", help="default: mini")
    parser.add_argument("--split", default="test", choices=("val", "test"), help="default: test")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Judge and ask again, over all sets together."""
    encoder = load_encoder(arguments.encoder)
    found: dict[int, list[dict[str, float]]] = {count: [] for count in JUDGED}
    for name, pictures in sets(arguments.split).items():
        if not (arguments.quick and "emoji" in name):
            _measure(encoder, pictures, found)
    rows = []
    for count, questions in found.items():
        case = f"{count} judged ({len(questions)} questions)"
        before = np.array([one["before"] for one in questions])
        for system in ("before", OURS, ROCCHIO, REGRESSION):
            values = np.array([one[system] for one in questions])
            measured = interval(mean, (values,), seed=0)
            gain = comparison(mean, (values,), (before,), seed=0)
            figures = {
                "nDCG@10": measured.estimate, "low": measured.low, "high": measured.high,
                "gain": gain.difference, "gain, low": gain.low, "gain, high": gain.high,
            }  # fmt: skip
            rows += [Row("feedback", case, system, name, value) for name, value in figures.items()]
    return rows


def _measure(
    encoder: Encoder, pictures: Sequence[Picture], found: dict[int, list[dict[str, float]]]
) -> None:
    vectors = picture_vectors(encoder, pictures)
    nouns = [noun for noun in nouns_and_tags(pictures) if len(noun.fits) >= LEAST]
    queries = encoder.encode_queries([Text(noun.label) for noun in nouns])
    names = [picture["concept"] or picture["id"] for picture in pictures]
    things = np.unique(names, return_inverse=True)[1]
    numbers = np.arange(len(pictures))
    with (
        tempfile.TemporaryDirectory() as folder,
        Collection(Path(folder) / "c.sensorium", encoder, auto_optimize=False) as library,
    ):
        library.add_vectors(vectors, [f"{number}.png" for number in numbers])
        first = min(item.id for item in library.items())
        for noun, query in zip(nouns, queries, strict=True):
            fits = np.isin(numbers, noun.fits)
            case = Case(query, fits, fits | np.isin(numbers, noun.fails), things)
            for count in JUDGED:
                if (figures := _asked(library, first, vectors, case, count)) is not None:
                    found[count].append(figures)


def _asked(
    library: Collection, first: int, vectors: Vectors, case: Case, count: int
) -> dict[str, float] | None:
    """What each system finds after so many judgements; None where nothing is left to find."""
    hits = library.search(case.query, k=LOOKED_AT)
    order = [hit.id - first for hit in hits]
    judged: list[int] = []
    for number in order:  # a person judges a thing once
        if case.known[number] and case.things[number] not in case.things[judged]:
            judged.append(number)
        if len(judged) == count:
            break
    rows = np.array(judged)
    left = case.known & ~np.isin(case.things, case.things[rows])
    if not (case.fits & left).any():
        return None
    said = case.fits[rows]
    for relevant in (True, False):
        items = (rows[said == relevant] + first).tolist()
        if items:
            hits = hits.judge(*items, relevant=relevant)
    scores = np.full(len(vectors), -np.inf)
    for hit in hits:
        scores[hit.id - first] = hit.score
    hits.forget(*(rows + first).tolist())
    cosines = (vectors @ case.query).astype(np.float64)
    return {
        system: _ndcg(values, case.fits, left)
        for system, values in {
            "before": cosines,
            OURS: scores,
            ROCCHIO: rocchio(vectors, case.query, rows, said),
            REGRESSION: regression(vectors, case.query, rows, said),
        }.items()
    }


def rocchio(
    vectors: Vectors, query: Vectors, rows: npt.NDArray[np.intp], said: npt.NDArray[np.bool_]
) -> Values:
    """Cosines times a constant to the question moved to what is relevant, from what is not."""
    moved = query.astype(np.float64)
    for weight, side in ((BETA, rows[said]), (-GAMMA, rows[~said])):
        if len(side):
            moved = moved + weight * vectors[side].mean(axis=0)
    return np.asarray(vectors @ moved)


def regression(
    vectors: Vectors, query: Vectors, rows: npt.NDArray[np.intp], said: npt.NDArray[np.bool_]
) -> Values:
    """Log odds of a kernel logistic regression that starts from the standardised cosines."""
    cosines = (vectors @ query).astype(np.float64)
    scores = (cosines - cosines.mean()) / cosines.std()
    centred = vectors - vectors.mean(axis=0)
    centred = centred / np.sqrt(np.square(centred).sum(axis=1).mean())
    chosen = centred[rows].astype(np.float64)
    kernel = chosen @ chosen.T / STRENGTH
    signs, start = np.where(said, 1.0, -1.0), scores[rows] - EVEN
    weights = np.zeros(len(rows))
    for _ in range(NEWTON_STEPS):
        wrong = 1 / (1 + np.exp(signs * (start + kernel @ weights)))
        slope = wrong * (1 - wrong)
        step = np.linalg.solve(np.eye(len(rows)) + slope[:, None] * kernel, weights - signs * wrong)
        weights -= step
        if np.abs(step).max() < 1e-8:
            break
    return np.asarray(scores + centred @ (chosen.T @ weights) / STRENGTH, np.float64)


def _ndcg(scores: Values, fits: npt.NDArray[np.bool_], left: npt.NDArray[np.bool_]) -> float:
    lowest = scores[np.isfinite(scores)].min(initial=0.0) - 1
    values = np.where(np.isfinite(scores), scores, lowest)[left]
    ranked = rank_relevance(values[None], fits[left][None].astype(float))
    return float(ndcg_at(ranked, DEPTH)[0])
