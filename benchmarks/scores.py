"""What a cosine is worth: one threshold for all queries against ranking.

    python -m benchmarks scores [--encoder NAME] [--quick] [--json FILE]

On the sample's photos and captions: how cosines of right and wrong pairs lie, for each pair of
modalities, and how well rules decide which photos a caption fits: the textbook's "cosine above
0.5", the best single threshold (chosen on these very answers, so it flatters itself), and taking
the best-ranked photo. The rules are compared by F1 over all (caption, photo) pairs.
"""

import argparse

import numpy as np
import numpy.typing as npt

from benchmarks.rows import Row
from benchmarks.sample import SAMPLE, sample_rows
from sensorium import Image, Text, load_encoder

TEXTBOOK = 0.5
#: Pairs of modalities whose cosines are compared: a name, and the two sides.
PAIRS = (
    ("English caption and photo", "en", "photo"),
    ("Chinese caption and photo", "zh", "photo"),
    ("English and Chinese caption", "en", "zh"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", help="default: mini")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure one encoder; `--quick` is the same, it takes seconds."""
    encoder = load_encoder(arguments.encoder)
    photos = sample_rows()
    vectors = {
        "photo": encoder.encode([Image(SAMPLE / row["path"]) for row in photos]),
        "en": encoder.encode_queries([Text(row["caption_en"]) for row in photos]),
        "zh": encoder.encode_queries([Text(row["caption_zh"]) for row in photos]),
    }
    captions = np.array([row["caption_en"] for row in photos])
    right = captions[:, None] == captions[None, :]
    rows = []
    for case, one, other in PAIRS:
        cosines = vectors[one] @ vectors[other].T
        for kind, chosen in (("right", cosines[right]), ("wrong", cosines[~right])):
            for share in (5, 50, 95):
                value = float(np.percentile(chosen, share))
                metric = f"cosine of {kind} pairs, {share}th percentile"
                rows.append(Row("scores", case, arguments.encoder, metric, value))
        if other == "photo":
            for rule, f1 in rules(cosines, right).items():
                rows.append(Row("scores", case, rule, "F1", f1))
    return rows


def rules(cosines: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> dict[str, float]:
    """F1 of each rule.

    Parameters
    ----------
    cosines, right
        One row a query, one column an item, shape (n, m).
    """
    best = np.zeros_like(right)
    best[np.arange(len(cosines)), cosines.argmax(axis=1)] = True
    thresholds = np.quantile(cosines, np.linspace(0.9, 1, 200, endpoint=False))
    scores = [f1(cosines > threshold, right) for threshold in thresholds]
    fitted = thresholds[int(np.argmax(scores))]
    return {
        f"cosine above {TEXTBOOK}": f1(cosines > TEXTBOOK, right),
        f"best single threshold ({fitted:.2f})": max(scores),
        "best-ranked photo": f1(best, right),
    }


def f1(said: npt.NDArray[np.bool_], right: npt.NDArray[np.bool_]) -> float:
    """Harmonic mean of precision and recall over all pairs; 0 where nothing right is said."""
    hits = float((said & right).sum())
    return 2 * hits / (float(said.sum()) + float(right.sum()))
