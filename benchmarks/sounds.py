"""Whether an encoder with an ear finds recordings by what they are, beside chance.

    python -m benchmarks sounds ENCODER ... [--quick] [--json FILE]

The recordings are sound effects of Tux Paint's stamps, sounds and music of GCompris, and those of
the sample collection: animals, instruments, things of the household, vehicles. Each distinct
caption asks, and the recordings that carry it are the right answers; sound to text is the reverse.
Chance is what remains when the recordings are shuffled among the captions, and p is how often
shuffling does as well (a permutation test). An encoder needs text and sound:
`laion/clap-htsat-unfused`, or two side by side, `mini+laion/clap-htsat-unfused`.
"""

import argparse
import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks import datasets
from benchmarks.rows import Row
from benchmarks.sample import SAMPLE
from sensorium import load_encoder
from sensorium.collection.queries import query_vectors
from sensorium.errors import EncoderError
from sensorium.evaluation.intervals import Interval, bootstrap_interval
from sensorium.evaluation.retrieval import rank_relevance, reciprocal_rank, success_at
from sensorium.media import Audio, Modality

SHUFFLES = 1000
TOP = 10
LANGUAGES = {"en": "English", "zh": "Chinese"}

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Recording:
    """A recording and what it is said to be, by language; a language may be missing."""

    path: Path
    captions: dict[str, str]


class Found(NamedTuple):
    """How well queries find their answers.

    Attributes
    ----------
    first, ten
        R@1 and R@10, the latter with its 95% interval over the queries.
    reciprocal
        Mean reciprocal rank.
    chance
        R@10 when the recordings are shuffled.
    p
        Share of shuffles with an R@10 at least as high, the real order counted as one.
    queries
        How many there are.
    """

    first: float
    ten: Interval
    reciprocal: float
    chance: float
    p: float
    queries: int


def recordings() -> list[Recording]:
    """Every captioned recording that is no spoken word; absent sets are fetched."""
    found = []
    for name in ("stamps", "gcompris"):
        for row in datasets.rows(name):
            if row["audio"] and row["audio_kind"] != "spoken_name":
                found.append(Recording(Path(row["audio"]), _captions(row)))
    with (SAMPLE / "sounds.csv").open(encoding="utf-8", newline="") as file:
        found += [Recording(SAMPLE / row["path"], _captions(row)) for row in csv.DictReader(file)]
    return found


def _captions(row: dict[str, str]) -> dict[str, str]:
    return {
        language: row[f"caption_{language}"] for language in LANGUAGES if row[f"caption_{language}"]
    }


def measure(
    captions: Sequence[str],
    sounds: Vectors,
    embed: Callable[[Sequence[str]], Vectors],
    asked: Callable[[str], bool] = lambda caption: True,
    *,
    from_text: bool = True,
) -> Found:
    """Let captions find recordings among all, or recordings captions.

    Parameters
    ----------
    captions
        One of each recording.
    sounds
        Vectors of the recordings, (n, d).
    embed
        Vectors of texts.
    asked
        Which captions (or the recordings that carry them) are queries; all are answers.
    from_text
        Whether texts ask.
    """
    texts = sorted({*captions})
    scores = embed(texts) @ sounds.T
    right = np.array([[caption == text for caption in captions] for text in texts])
    if not from_text:
        scores, right = scores.T, right.T
    chosen = np.array([asked(caption) for caption in (texts if from_text else captions)])
    ranked = rank_relevance(scores[chosen], right[chosen])
    ten = bootstrap_interval(success_at(ranked, TOP))
    # The first ten places stay; what stands in them is shuffled.
    top = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
    asking = np.flatnonzero(chosen)[:, None]
    random = np.random.default_rng(0)
    shuffled = []
    for _ in range(SHUFFLES):
        order = random.permutation(len(captions))
        answers = order[top[chosen]] if from_text else top[order][chosen]
        shuffled.append(float(right[asking, answers].any(axis=1).mean()))
    as_good = sum(value >= ten.estimate - 1e-9 for value in shuffled)
    return Found(
        float(success_at(ranked, 1).mean()),
        ten,
        float(reciprocal_rank(ranked).mean()),
        float(np.mean(shuffled)),
        (1 + as_good) / (1 + SHUFFLES),
        int(chosen.sum()),
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Say which encoders are measured."""
    parser.add_argument("encoders", nargs="*", metavar="ENCODER", help="with text and sound")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure every encoder on the recordings."""
    if not arguments.encoders:
        raise EncoderError(
            "name an encoder that hears: python -m benchmarks sounds laion/clap-htsat-unfused"
        )
    rows = []
    heard = recordings()[:: 4 if arguments.quick else 1]
    for name in arguments.encoders:
        encoder = load_encoder(name)
        lacking = {Modality.TEXT, Modality.AUDIO} - {*encoder.space.modalities}
        if lacking:
            raise EncoderError(f"{name} has no {' and '.join(sorted(lacking))}: it cannot be asked")
        vectors = query_vectors(encoder, [Audio(item.path) for item in heard])
        for language, called in LANGUAGES.items():
            some = [number for number, item in enumerate(heard) if language in item.captions]
            captions = [heard[number].captions[language] for number in some]
            for from_text in (True, False):
                found = measure(
                    captions, vectors[some], encoder.encode_queries, from_text=from_text
                )
                case = f"{called} ({len({*captions})} texts, {len(some)} sounds)"
                asks = "text to sound" if from_text else "sound to text"
                rows += [
                    Row("sounds", case, name, f"{asks} {metric}", value)
                    for metric, value in (
                        ("R@1", found.first),
                        ("R@10", found.ten.estimate),
                        ("R@10 by chance", found.chance),
                        ("p", found.p),
                    )
                ]
    return rows
