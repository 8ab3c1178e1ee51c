"""Questions of several parts: what of their answers is right, beside rclip's query algebra.

    python -m benchmarks questions [--encoder NAME] [--split val] [--quick] [--json FILE]

Collections of emoji, clip art, stamps and photographs (`question_cases.py`) are searched for words
without other words, words unlike a picture, pictures unlike a picture, words with a picture of the
same, words in the style of a picture and not in it; what fits is known from WordNet, from Unicode's
tags and from the drawings' styles. nDCG@10 has 95% intervals by drawing questions again, those
about one word together, and the differences are paired. Beside it: how much of the first ten is
what the question says is not wanted.

Rivals answer the same questions from the same vectors: rclip's rule (its `model.py`: unit vectors
times their weights, wanted ones added, others taken off, cosines to the sum), reciprocal ranks of
the parts, and the wanted parts alone. Nothing of the test split chose the rule; validation did,
which `--split val` measures. `--quick` leaves out the emoji.
"""

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.datasets.manifest import Row as Picture
from benchmarks.kept import picture_vectors
from benchmarks.question_cases import NONE, Asked, nouns_and_tags, questions, sets
from benchmarks.rows import Row
from sensorium import Collection, Part, Question, Text, load_encoder
from sensorium.encoders import Encoder
from sensorium.evaluation.resampling import comparison, group_numbers, interval, mean
from sensorium.evaluation.retrieval import ndcg_at, rank_relevance

OURS, RCLIP, RANKS, WANTED = "Sensorium", "rclip's sum", "reciprocal ranks", "wanted parts alone"
DEPTH = 10
RANK_CONSTANT = 60  # of reciprocal ranks, as their paper has it
HYBRID = "words, by captions of half of the things, too"
FEWEST = 5  # questions of a kind that have an interval

Values = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", help="default: mini")
    parser.add_argument("--split", default="test", choices=("val", "test"), help="default: test")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Ask everything of every set, and pool the sets by kind of question."""
    encoder = load_encoder(arguments.encoder)
    found: dict[str, list[tuple[str, dict[str, tuple[float, float]]]]] = {}
    for name, pictures in sets(arguments.split).items():
        if arguments.quick and "emoji" in name:
            continue
        for unit, scores in _hybrid(encoder, pictures):
            found.setdefault(HYBRID, []).append((f"{name}: {unit}", scores))
        asked = questions(pictures)
        for one, scores in zip(asked, _answers(encoder, pictures, asked), strict=True):
            figures = {system: _figures(one, values) for system, values in scores.items()}
            found.setdefault(one.kind, []).append((f"{name}: {one.unit}", figures))
    return [row for kind, answers in found.items() for row in _rows(kind, answers)]


def _answers(
    encoder: Encoder, pictures: Sequence[Picture], asked: Sequence[Asked]
) -> list[dict[str, Values]]:
    """What each system gives all pictures for each question: the greater, the earlier."""
    vectors = picture_vectors(encoder, pictures)
    texts = [*dict.fromkeys(text for one in asked for text in (*one.words, *one.without))]
    encoded = encoder.encode_queries([Text(text) for text in texts])
    word = dict(zip(texts, encoded, strict=True))
    answers = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Collection(Path(folder) / "c.sensorium", encoder, auto_optimize=False) as library,
    ):
        library.add_vectors(vectors, [f"{number}.png" for number in range(len(pictures))])
        first = min(item.id for item in library.items())
        for one in asked:
            parts = [
                *(Part(word[text]) for text in one.words),
                *(Part(vectors[number]) for number in one.like),
                *(Part(word[text], -1) for text in one.without),
                *(Part(vectors[number], -1) for number in one.unlike),
            ]

            def searched(parts: list[Part]) -> Values:
                scores = np.full(len(pictures), -np.inf)
                for hit in library.search(Question(*parts), k=len(pictures)):
                    scores[hit.id - first] = hit.score
                return scores

            own = [part for part in parts if part.weight > 0]
            answers.append({
                OURS: searched(parts),
                RCLIP: rclip(vectors, parts),
                RANKS: by_ranks(vectors, parts),
                WANTED: searched(own),
            })  # fmt: skip
    return answers


def _hybrid(
    encoder: Encoder, pictures: Sequence[Picture]
) -> list[tuple[str, dict[str, tuple[float, float]]]]:
    """Nouns and tags by vectors and by words, where half of the things have a caption."""
    names = [picture["concept"] or picture["id"] for picture in pictures]
    things = np.unique(names)
    told = {*np.random.default_rng(0).permutation(things)[: len(things) // 2].tolist()}
    said = [
        {"caption": picture["caption_en"]} if name in told else {}
        for picture, name in zip(pictures, names, strict=True)
    ]
    answers = []
    with (
        tempfile.TemporaryDirectory() as folder,
        Collection(Path(folder) / "c.sensorium", encoder, auto_optimize=False) as library,
    ):
        paths = [f"{number}.png" for number in range(len(pictures))]
        library.add_vectors(picture_vectors(encoder, pictures), paths, metadata=said)
        first = min(item.id for item in library.items())
        for noun in nouns_and_tags(pictures):
            known = np.concatenate([noun.fits, noun.fails])
            unknown = np.setdiff1d(np.arange(len(pictures)), known)
            asked = Asked(HYBRID, (noun.label,), (), (), (), noun.fits, NONE, unknown)
            orders = {
                mode: [hit.id - first for hit in library.search(Text(noun.label), 1000, mode=mode)]
                for mode in ("hybrid", "vector", "words")
            }
            ranks = np.zeros(len(pictures))
            for mode in ("vector", "words"):
                ranks[orders[mode]] += 1 / (RANK_CONSTANT + np.arange(1, len(orders[mode]) + 1))
            systems = {OURS: orders["hybrid"], RANKS: np.argsort(-ranks, kind="stable").tolist()}
            systems |= {"vectors alone": orders["vector"], "words alone": orders["words"]}
            figures = {}
            for system, order in systems.items():
                scores = np.full(len(pictures), -np.inf)
                scores[order] = -np.arange(len(order))
                figures[system] = _figures(asked, scores)
            answers.append((noun.label, figures))
    return answers


def rclip(vectors: Vectors, parts: Sequence[Part]) -> Values:
    """Cosines times a constant, as `compute_similarities_to_text` of rclip ranks pictures by."""
    direction = np.add.reduce([part.weight * part.what for part in parts])
    return np.asarray(vectors @ direction, np.float64)


def by_ranks(vectors: Vectors, parts: Sequence[Part]) -> Values:
    """The sum of 1 / (60 + rank), that of unwanted parts taken off (Cormack and others 2009)."""
    scores = np.zeros(len(vectors))
    for part in parts:
        order = np.argsort(-(vectors @ part.what), kind="stable")
        scores[order] += part.weight / (RANK_CONSTANT + np.arange(1, len(vectors) + 1))
    return scores


def _figures(asked: Asked, scores: Values) -> tuple[float, float]:
    """The nDCG of one ranking, and the share of the unwanted in its beginning."""
    taking_part = np.ones(len(scores), bool)
    taking_part[asked.passed_over] = False
    fits, unwanted = (np.isin(np.arange(len(scores)), n) for n in (asked.fits, asked.unwanted))
    # What is left out of an answer is behind all of it.
    lowest = scores[np.isfinite(scores)].min(initial=0.0) - 1
    values = np.where(np.isfinite(scores), scores, lowest)[taking_part]
    ranked = rank_relevance(values[None], fits[taking_part][None].astype(float))
    first = np.argsort(-values, kind="stable")[:DEPTH]
    return float(ndcg_at(ranked, DEPTH)[0]), float(unwanted[taking_part][first].mean())


def _rows(kind: str, answers: list[tuple[str, dict[str, tuple[float, float]]]]) -> list[Row]:
    if len(answers) < FEWEST:
        return []
    case = f"{kind} ({len(answers)} questions)"
    groups = group_numbers([{"group": unit} for unit, _ in answers])
    rows = []
    has_unwanted = " un" in kind or "without" in kind or " not " in kind

    def column(system: str, figure: int) -> Values:
        return np.array([figures[system][figure] for _, figures in answers])

    for system in answers[0][1]:
        ours = column(system, 0)
        found = interval(mean, (ours,), seed=0, groups=groups)
        for name, value in (("", found.estimate), (", low", found.low), (", high", found.high)):
            rows.append(Row("questions", case, system, f"nDCG@10{name}", value))
        if has_unwanted:
            share = float(column(system, 1).mean())
            rows.append(Row("questions", case, system, "unwanted in the first 10", share))
        if system != OURS:
            gain = comparison(mean, (column(OURS, 0),), (ours,), seed=0, groups=groups)
            for name, value in (("", gain.difference), (", low", gain.low), (", high", gain.high)):
                rows.append(Row("questions", case, system, f"Sensorium's gain{name}", value))
    return rows
