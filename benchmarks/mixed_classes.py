"""Classes taught by a few photos and texts at once, and by each kind alone.

    python -m benchmarks mixed_classes [--quick] [--json FILE]

Four examples of each of the sample's four largest categories teach a classifier (`Classifier`'s own
choice of method) over the vectors of `mini`: photos; captions; two of each; or photos of every
second category and captions of the others. It then labels all other photos, and all other captions.
Right are those of their own category; drawn eight times, the median is told.
"""

import argparse
from collections import Counter
from collections.abc import Iterator

import numpy as np

from benchmarks.rows import Row
from benchmarks.sample import sample_rows
from sensorium import Image, Text, load_encoder
from sensorium.training.classifier import Classifier

LARGEST, EXAMPLES, DRAWS = 4, 4, 8


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """It has no options of its own."""


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure each way to teach on each kind; see the module."""
    counts = Counter(row["category"] for row in sample_rows())
    names = [name for name, _ in counts.most_common(LARGEST)]
    rows = [row for row in sample_rows() if row["category"] in names]
    encoder = load_encoder("mini")
    kinds = {
        "photos": encoder.encode([Image(row["image"]) for row in rows]),
        "captions": encoder.encode([Text(row["caption_en"]) for row in rows]),
    }
    categories = np.array([row["category"] for row in rows])
    found: dict[tuple[str, str], list[float]] = {}
    for draw in range(2 if arguments.quick else DRAWS):
        chance = np.random.default_rng(draw)
        drawn = [
            chance.permutation(np.flatnonzero(categories == name))[:EXAMPLES] for name in names
        ]
        others = np.setdiff1d(np.arange(len(rows)), np.concatenate(drawn))
        for way, taken in ways(drawn).items():
            vectors = np.concatenate([kinds[kind][places] for kind, places in taken])
            labels = [str(one) for _, places in taken for one in categories[places]]
            trained = Classifier("auto", encoder).fit(vectors, labels, modality="image")
            for kind, of_kind in kinds.items():
                best = trained.probabilities(of_kind[others]).argmax(axis=1)
                right = np.array(trained.labels)[best] == categories[others]
                found.setdefault((way, kind), []).append(float(right.mean()))
    return [
        Row("mixed_classes", f"{way}, {len(rows)} items", "sensorium", f"right of {kind}",
            float(np.median(shares)))
        for (way, kind), shares in found.items()
    ]  # fmt: skip


def ways(drawn: list[np.ndarray]) -> dict[str, list[tuple[str, np.ndarray]]]:
    """Which examples teach, by what they are."""
    half = EXAMPLES // 2
    turns: Iterator[tuple[str, np.ndarray]] = (
        (("photos", "captions")[n % 2], places) for n, places in enumerate(drawn)
    )
    return {
        "photos": [("photos", places) for places in drawn],
        "captions": [("captions", places) for places in drawn],
        "both of each category": [
            part for one in drawn for part in (("photos", one[:half]), ("captions", one[half:]))
        ],
        "each category by one": [*turns],
    }
