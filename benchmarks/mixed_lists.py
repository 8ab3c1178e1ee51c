"""Texts and pictures in one list: what is found, and how much of each kind.

    python -m benchmarks mixed_lists [--encoder NAME] [--quick] [--json FILE]

Photos that have both a name and a long text: the name asks, its photo and its text are the right
answers. Collections of all texts and photos, of many texts with few photos and the reverse, and of
texts and photos of different things. Ways of making one list: cosines as they are; the scale of
`sensorium.ranking.scale`; means and deviations of each kind for ordinary words instead of for the
question itself; and hits' probabilities. Measured are nDCG@10, its difference to cosines in pairs,
with 95% intervals over questions, and the photos' share of the first ten. `--quick` is the same.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.datasets import rows as pictures_of
from benchmarks.quality import Embedder
from benchmarks.rows import Row
from sensorium import load_encoder
from sensorium.encoders import Encoder
from sensorium.encoders.ordinary import ordinary_media, ordinary_words
from sensorium.ranking.calibration import Chance
from sensorium.ranking.scale import Samples

FEW = 20
DEPTH = 10
DRAWS = 1000
COSINES, SCALE, WORDS, CHANCES = (
    "cosines", "scale", "scale of ordinary words", "probabilities",
)  # fmt: skip

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", help="default: mini")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure one encoder."""
    encoder = load_encoder(arguments.encoder)
    told = [row for row in pictures_of("gcompris") if row["style"] == "photo" and row["text_en"]]
    embed = Embedder(encoder)
    paths, texts = [Path(row["image"]) for row in told], [row["text_en"] for row in told]
    names = {"English": [row["caption_en"] for row in told]}
    names["Chinese"] = [row["caption_zh"] or row["caption_en"] for row in told]
    embed.learn([*paths, *texts, *names["English"], *names["Chinese"]], "photos with texts")
    half, everything = len(told) // 2, np.arange(len(told))
    shown = {
        "texts and photos": (everything, everything),
        f"texts and {FEW} photos": (everything, everything[:FEW]),
        f"{FEW} texts and photos": (everything[:FEW], everything),
        "texts of one half, photos of the other": (everything[:half], everything[half:]),
    }
    rows = []
    for language, asked in names.items():
        questions = embed(asked, asking=True)
        for case, (of_texts, of_photos) in shown.items():
            kinds = {"text": embed(texts)[of_texts], "image": embed(paths)[of_photos]}
            own = np.array(asked)
            right = own[:, None] == own[np.concatenate([of_texts, of_photos])][None]
            title = f"{case}, {language} names ({len(own)} × {right.shape[1]})"
            rows += _measured(title, encoder, questions, kinds, right)
    return rows


def _measured(
    case: str,
    encoder: Encoder,
    questions: Vectors,
    kinds: dict[str, Vectors],
    right: npt.NDArray[np.bool_],
) -> list[Row]:
    ordinary = {kind: ordinary_media(encoder, kind) for kind in kinds}
    words = ordinary_words(encoder, encoder.prompts)
    counts = {kind: len(vectors) for kind, vectors in kinds.items()}
    samples = Samples.of(kinds, ordinary, counts=counts)
    chance = Chance(samples, {"text": words}.get, encoder.calibrations)
    for_words = {kind: words @ samples.vectors[kind].T for kind in kinds}
    gains: dict[str, list[float]] = {}
    shares: dict[str, list[float]] = {}
    for question, fits in zip(questions, right, strict=True):
        scale = samples.scale(question)
        judge = chance.judge("text", scale, counts)
        ways: dict[str, Callable[[str, Numbers], Numbers]] = {
            COSINES: lambda _, cosines: cosines,
            SCALE: lambda kind, cosines, scale=scale: scale.standing(cosines, kind),  # type: ignore[misc]
            WORDS: lambda kind, cosines: (
                (cosines - for_words[kind].mean()) / for_words[kind].std(axis=1).mean()
            ),
            CHANCES: lambda kind, cosines, judge=judge: (  # type: ignore[misc]
                judge.rules[kind].probabilities(cosines)
            ),
        }
        for name, way in ways.items():
            scores = [way(k, (v @ question).astype(np.float64)) for k, v in kinds.items()]
            first = np.argsort(-np.concatenate(scores), kind="stable")[:DEPTH]
            worth = 1 / np.log2(np.arange(2, DEPTH + 2))
            best = worth[: min(DEPTH, int(fits.sum()))].sum()
            gains.setdefault(name, []).append(float(fits[first] @ worth[: len(first)] / best))
            shares.setdefault(name, []).append(float((first >= counts["text"]).mean()))
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(questions), (DRAWS, len(questions)))
    rows = []
    for name, values in gains.items():
        figures = {"nDCG@10": np.array(values)}
        if name != COSINES:
            figures["nDCG@10 difference to cosines"] = np.array(values) - np.array(gains[COSINES])
        for metric, numbers in figures.items():
            low, high = np.quantile(numbers[draws].mean(axis=1), [0.025, 0.975])
            rows.append(Row("mixed_lists", case, name, metric, float(numbers.mean())))
            rows.append(Row("mixed_lists", case, name, f"{metric}, low", float(low)))
            rows.append(Row("mixed_lists", case, name, f"{metric}, high", float(high)))
        share = float(np.mean(shares[name]))
        rows.append(Row("mixed_lists", case, name, "photos among the first ten", share))
    return rows
