"""How well "is this a cat?" is answered: one label, pictures that it fits and that it does not.

    python -m benchmarks yes_no [--encoder NAME] [--quick] [--json FILE]

Labels are the pictures' names and common nouns above them (`yes_no_cases.py`), thousands of
questions in all. Every label counts the same, and pictures that it fits as much as those that it
does not. Measured are the area under the ROC curve, as the mean over labels, against all pictures
that the label does not fit and against those of the same kind alone (is a dog a cat?); the share
of the answers "yes" and "no" that are right, beside what their probabilities promise; the share of
"cannot tell"; and the expected calibration error in ten bins. The rival is the sigmoid of the
cosine by itself, where the encoder has one, answering from the same probabilities on. An encoder
that names its parts is measured on each of them, too: spaces that the rule was not fitted in.

Nothing of the test splits and photographs chose or fitted anything. `--quick` leaves out all but
the photographs.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.quality import Embedder, unit
from benchmarks.rows import Row
from benchmarks.yes_no_cases import Question, cases, questions
from sensorium import load_encoder
from sensorium.encoders.ordinary import label_vectors, ordinary_media, ordinary_words
from sensorium.tasks.yes_no import NO, YES, judged

OURS, RIVAL = "pictures and words in general", "sigmoid of the cosine"
BINS = 10

Numbers = npt.NDArray[np.floating]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", help="default: mini")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure one encoder."""
    encoder = load_encoder(arguments.encoder)
    embed = Embedder(encoder)
    rows = []
    for case in cases("test"):
        if arguments.quick and "photos" not in case.name:
            continue
        asked = questions(case)
        paths = [Path(picture["image"]) for picture in case.pictures]
        embed.learn(paths, case.name)
        images = embed(paths)
        labels = label_vectors(encoder, [question.label for question in asked], encoder.prompts)
        general = (ordinary_words(encoder, encoder.prompts), ordinary_media(encoder, "image"))
        systems = {OURS: judged(labels, images, *general)}
        if encoder.sigmoid is not None:
            scale, bias = encoder.sigmoid
            systems[RIVAL] = 0.5 + 0.5 * np.tanh((scale * (images @ labels.T) + bias) / 2)
        for name, (start, end) in getattr(encoder, "config", {}).get("parts", {}).items():
            part = [unit(v, slice(start, end)) for v in (labels, images, *general)]
            systems[f"the same, {name} alone"] = judged(*part)
        title = f"{case.name} ({len(asked)} labels × {len(paths)} pictures)"
        for system, probabilities in systems.items():
            for metric, value in figures(asked, probabilities).items():
                rows.append(Row("yes_no", title, system, metric, value))
    return rows


def figures(asked: Sequence[Question], probabilities: Numbers) -> dict[str, float]:
    """Every figure of one system on one case.

    Parameters
    ----------
    asked
        Questions.
    probabilities
        Of each question's label for each picture, shape (pictures, questions).
    """
    columns = list(zip(asked, probabilities.T, strict=True))
    found = {
        "ROC area": float(np.mean([roc_area(p[q.fits], p[q.fails]) for q, p in columns])),
    }
    if akin := [roc_area(p[q.fits], p[q.akin]) for q, p in columns if len(q.akin)]:
        found["ROC area, of the same kind"] = float(np.mean(akin))
    chance = np.concatenate([p[rows] for q, p in columns for rows in (q.fits, q.fails)])
    fits = np.concatenate(
        [[side] * len(r) for q in asked for side, r in ((1, q.fits), (0, q.fails))]
    )
    weight = np.concatenate(
        [np.full(len(rows), 0.5 / len(rows)) for q in asked for rows in (q.fits, q.fails)]
    )
    weight /= weight.sum()
    yes, no = chance >= YES, chance <= NO
    for name, said, right in (("yes", yes, fits), ("no", no, 1 - fits)):
        stated = chance if name == "yes" else 1 - chance
        total = max(float(weight[said].sum()), 1e-12)
        found[f'"{name}": right'] = float(weight[said] @ right[said]) / total
        found[f'"{name}": promised'] = float(weight[said] @ stated[said]) / total
    found['"cannot tell"'] = float(weight[~yes & ~no].sum())
    found["calibration error"] = calibration_error(chance, fits, weight)
    return found


def roc_area(fits: Numbers, fails: Numbers) -> float:
    """The share of pairs in which what fits has the higher score; equal scores count one half."""
    ordered = np.sort(fails)
    below = np.searchsorted(ordered, fits, "left")
    not_above = np.searchsorted(ordered, fits, "right")
    return float((below + not_above).mean() / 2 / len(fails))


def calibration_error(chance: Numbers, fits: Numbers, weight: Numbers) -> float:
    """Expected calibration error: how far bins of probability are from the share that fits.

    Parameters
    ----------
    chance, fits, weight
        Probability, whether the label fits, and weight of each example; the weights sum to one.
    """
    bins = np.minimum((chance * BINS).astype(int), BINS - 1)
    gaps = np.bincount(bins, weight * (chance - fits), BINS)
    return float(np.abs(gaps).sum())
