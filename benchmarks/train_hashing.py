"""Learned hash codes against LSH, ITQ and CCA-ITQ, from text to image and from image to text.

    python -m benchmarks train --part hashing [--quick] [--json FILE]
    python -m benchmarks.train_hashing [--quick] [--json FILE] [--plot FILE]

All are fitted to `mini`'s vectors of the training splits of emoji, stamps and clipart: pictures and
captions. LSH and ITQ see no pairs; CCA-ITQ (Gong and Lazebnik 2011, section 3; canonical
correlations of pictures and captions, turned by ITQ) sees the same pairs as "learned, captions".
"learned" has the vectors alone, "learned, labels" categories and captions. One training gives all
lengths; the others are fitted to each.

They are asked on the test splits, and on a set of which nothing was trained on (gcompris):

- "pair": right are the pictures that have the query's caption, and the captions of a picture;
- "label": right is all of the same category.

mAP is over the ranking of everything, mAP@50 over its first 50 places (divided by the right ones
there could be in 50). Ties count against each system. Queries of one concept are no independent
evidence: their mean is one value. Intervals are bootstrapped over these; p-values are of paired
randomisation tests against each rival, Holm-corrected over all cases of one set.
"""

import argparse
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.datasets import rows as pictures_of
from benchmarks.rows import Row, readable, write_json
from sensorium import Image, Text, load_encoder
from sensorium.evaluation.comparison import holm, randomisation_test
from sensorium.evaluation.intervals import bootstrap_interval
from sensorium.evaluation.retrieval import average_precision, rank_relevance
from sensorium.home import sensorium_home
from sensorium.index.base import Vectors
from sensorium.index.codes import Codes
from sensorium.index.coding import HashCoder
from sensorium.training.hash_data import HashingData
from sensorium.training.hash_scores import grades_by_distance, hamming

TRAINED_ON = ("emoji", "stamps", "clipart")
UNSEEN = "gcompris"
STYLES = ("noto", "fluent3d")
"""Of emoji; all six would be six near copies of each concept."""

BITS = (16, 32, 64, 128)
AT = 50
BATCH = 256

CCA_RIDGE = 10
"""Share of the mean variance that is added to each direction before whitening; of 0.01, 0.1, 1 and
10 the best on the validation splits (at 64 bits mAP 0.285, 0.310, 0.332 and 0.333)."""

PERMUTATIONS = 2_000

LEARNED = ("learned", "learned, captions", "learned, labels")
RIVALS = ("LSH", "ITQ", "CCA-ITQ")
FLOAT = "float"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Captioned:
    """Encoded pictures and their captions.

    Attributes
    ----------
    images, texts
        Vectors, (n, d) and (m, d); `texts` has each caption once.
    caption
        For each picture the row of its caption.
    labels
        For each picture its category.
    concepts
        For each picture what it shows; pictures of one are no independent evidence.
    splits
        For each picture.
    """

    images: Vectors
    texts: Vectors
    caption: npt.NDArray[np.int64]
    labels: npt.NDArray[np.str_]
    concepts: npt.NDArray[np.str_]
    splits: npt.NDArray[np.str_]

    def of(self, *splits: str) -> "Captioned":
        """Those of some splits."""
        rows = np.flatnonzero(np.isin(self.splits, splits))
        used, caption = np.unique(self.caption[rows], return_inverse=True)
        return Captioned(
            self.images[rows], self.texts[used], caption,
            self.labels[rows], self.concepts[rows], self.splits[rows],
        )  # fmt: skip


def load_set(name: str) -> Captioned:
    """Encode a set with `mini`, once."""
    pictures = [
        picture
        for picture in pictures_of(name)
        if picture["caption_en"]
        and (name != "emoji" or (picture["style"] in STYLES and picture["split"] != "flags"))
        and (name != "stamps" or picture["category"] != "symbols")
        and (name != "clipart" or picture["quality"] == "good")
    ]
    captions = sorted({picture["caption_en"] for picture in pictures})
    encoder = load_encoder("mini")
    keys = [*(picture["id"] for picture in pictures), *captions]
    file = sensorium_home() / "hashing" / f"{name}-{encoder.space.fingerprint}.npz"
    if file.exists():
        with np.load(file) as stored:
            if stored["keys"].tolist() == keys:
                return _captioned(pictures, captions, stored["images"], stored["texts"])
    media: list[Any] = [Image(picture["image"]) for picture in pictures]
    images = np.concatenate([encoder.encode(media[n : n + BATCH]) for n in _starts(media)])
    texts = encoder.encode_queries([Text(caption) for caption in captions])
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, keys=np.array(keys), images=images, texts=texts)
    return _captioned(pictures, captions, images, texts)


def _starts(media: list[Any]) -> range:
    return range(0, len(media), BATCH)


def _captioned(
    pictures: list[dict[str, str]], captions: list[str], images: Vectors, texts: Vectors
) -> Captioned:
    row_of = {caption: row for row, caption in enumerate(captions)}
    return Captioned(
        images,
        texts,
        np.array([row_of[picture["caption_en"]] for picture in pictures]),
        *(
            np.array([picture[column] for picture in pictures])
            for column in ("category", "concept", "split")
        ),
    )


def joined(sets: list[Captioned], names: tuple[str, ...]) -> Captioned:
    """Several sets as one; their categories stay apart."""
    starts = np.cumsum([0, *(len(one.texts) for one in sets)])
    return Captioned(
        np.concatenate([one.images for one in sets]),
        np.concatenate([one.texts for one in sets]),
        np.concatenate([one.caption + start for one, start in zip(sets, starts, strict=False)]),
        np.concatenate(
            [
                np.char.add(f"{name}:", one.labels.astype(str))
                for one, name in zip(sets, names, strict=True)
            ]
        ),
        np.concatenate([one.concepts for one in sets]),
        np.concatenate([one.splits for one in sets]),
    )


@dataclass(frozen=True)
class Canonical:
    """CCA-ITQ: a projection of each modality onto canonical directions, one rotation for both."""

    means: Mapping[str, Floats]
    projections: Mapping[str, Floats]

    @classmethod
    def fit(cls, images: Vectors, texts: Vectors, bits: int, ridge: float = CCA_RIDGE) -> Self:
        """Fit to pairs.

        Parameters
        ----------
        images, texts
            Shape (n, d); row by row what belongs together.
        bits
        ridge
            See `CCA_RIDGE`.
        """
        means = {"image": images.mean(0, np.float64), "text": texts.mean(0, np.float64)}
        x, y = images - means["image"], texts - means["text"]
        white_x, white_y = _whitening(x, ridge), _whitening(y, ridge)
        left, strengths, right = np.linalg.svd(white_x.T @ (x.T @ y / len(x)) @ white_y)
        # Gong et al. (2014, section 3) scale directions by powers of their correlation.
        scale = strengths[:bits]
        a, b = white_x @ left[:, :bits] * scale, white_y @ right[:bits].T * scale
        reduced = np.concatenate([x @ a, y @ b])
        rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((bits, bits)))[0]
        for _ in range(50):
            u, _, v = np.linalg.svd(reduced.T @ np.where(reduced @ rotation > 0, 1.0, -1.0))
            rotation = u @ v
        return cls(means, {"image": a @ rotation, "text": b @ rotation})

    def encode(self, vectors: Vectors, modality: str) -> Codes:
        """As `HashCoder.encode`."""
        sides = (vectors - self.means[modality]) @ self.projections[modality] > 0
        return np.packbits(sides, axis=1, bitorder="little")


def _whitening(rows: Floats, ridge: float) -> Floats:
    covariance = rows.T @ rows / len(rows)
    covariance += ridge * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(vectors / np.sqrt(values))


def fitted_coders(data: Captioned, quick: bool = False) -> dict[tuple[str, int], Any]:
    """Every method at every length, fitted to the same pictures and captions."""
    coders: dict[tuple[str, int], Any] = {}
    vectors = {"image": data.images, "text": data.texts}
    for bits in BITS:
        coders["LSH", bits] = HashCoder.fit(vectors, bits=bits, method="lsh")
        coders["ITQ", bits] = HashCoder.fit(vectors, bits=bits, method="itq")
        coders["CCA-ITQ", bits] = Canonical.fit(data.images, data.texts[data.caption], bits)
    for name in LEARNED:
        trained = train(data, name, quick)
        coders |= {(name, bits): trained.coder.shorten(bits) for bits in BITS}
    return coders


def train(data: Captioned, name: str, quick: bool = False, **options: Any) -> Any:
    """Train with nothing but vectors, with captions, or with captions and labels."""
    from sensorium.training.hash import HashingSettings, train_hash

    pairs = labels = None
    if name != LEARNED[0]:
        pairs = {"image": data.caption, "text": np.arange(len(data.texts))}
    if name == LEARNED[2]:
        numbers = np.unique(data.labels, return_inverse=True)[1]
        of_text = np.full(len(data.texts), -1)
        of_text[data.caption[::-1]] = numbers[::-1]
        labels = {"image": numbers, "text": of_text}
    vectors = {"image": data.images, "text": data.texts}
    if quick:
        options = {"steps": 60, "lengths": (16, 32, 64, 128), **options}
    gathered = HashingData.of(vectors, pairs=pairs, labels=labels)
    return train_hash(gathered, HashingSettings(**options))


Measured = dict[str, dict[str, Floats]]
"""A value for each concept, by case and metric."""


def measure(
    data: Captioned, name: str, codes: Mapping[str, npt.NDArray[Any]], end: str
) -> Measured:
    """Ask in both directions, for both relevances.

    Parameters
    ----------
    data
    name
        Of the set.
    codes
        "image" and "text": codes, or vectors.
    end
        Of the case's name.
    """
    first = np.zeros(len(data.texts), np.int64)
    first[data.caption[::-1]] = np.arange(len(data.caption))[::-1]
    pair = data.caption[None] == np.arange(len(data.texts))[:, None]
    names, numbers = np.unique(data.labels, return_inverse=True)
    of_text = np.zeros((len(data.texts), len(names)), bool)  # pictures of one caption may differ
    of_text[data.caption, numbers] = True
    label = of_text[:, numbers]
    exact = codes["text"].dtype != np.uint8
    if exact:
        scores = np.asarray(codes["text"] @ codes["image"].T, np.float64)
    else:
        scores = hamming(codes["text"], codes["image"])
    found: Measured = {}
    for relevance, right in (("pair", pair), ("label", label)):
        for direction, values, wanted, units in (
            ("text to image", scores, right, data.concepts[first]),
            ("image to text", scores.T, right.T, data.concepts),
        ):
            ranked = rank_relevance if exact else grades_by_distance
            grades = ranked(values, wanted)
            found[f"{name}, {direction}, {relevance}{end}"] = {
                "mAP": _by_unit(average_precision(grades), units),
                f"mAP@{AT}": _by_unit(_precision_at(grades, AT), units),
            }
    return found


def _by_unit(values: Floats, units: npt.NDArray[np.str_]) -> Floats:
    numbers = np.unique(units, return_inverse=True)[1]
    return np.asarray(np.bincount(numbers, weights=values) / np.bincount(numbers))


def _precision_at(grades: Floats, k: int) -> Floats:
    """Average precision of the first k places, of all right ones that they could hold."""
    best = np.minimum((grades > 0).sum(axis=1), k)
    head = grades[:, :k] > 0
    precisions = np.cumsum(head, axis=1) / np.arange(1, head.shape[1] + 1)
    return np.asarray((precisions * head).sum(axis=1) / best)


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure everything; `--quick` trains for 60 steps, up to 128 bits."""
    quick = bool(getattr(arguments, "quick", False))
    sets = {name: load_set(name) for name in (*TRAINED_ON, UNSEEN)}
    training = joined([sets[name].of("train") for name in TRAINED_ON], TRAINED_ON)
    coders = fitted_coders(training, quick)
    rows: list[Row] = []
    for name, data in sets.items():
        asked = data if name == UNSEEN else data.of("test")
        title = f"{name} (nothing of it trained on)" if name == UNSEEN else f"{name} (test)"
        rows += _rows(title, asked, coders)
    if getattr(arguments, "plot", None):
        plot(rows, arguments.plot)
    return rows


def _rows(name: str, data: Captioned, coders: Mapping[tuple[str, int], Any]) -> Iterator[Row]:
    outcomes: dict[str, Measured] = {}
    for (system, bits), coder in coders.items():
        codes = {
            "image": coder.encode(data.images, "image"),
            "text": coder.encode(data.texts, "text"),
        }
        outcomes.setdefault(system, {}).update(measure(data, name, codes, f", {bits} bits"))
    plain = {"image": data.images, "text": data.texts}
    outcomes[FLOAT] = measure(data, name, plain, f", {FLOAT}")
    for system, cases in outcomes.items():
        for case, metrics in cases.items():
            for metric, values in metrics.items():
                found = bootstrap_interval(values)
                ends = {"": found.estimate, ", low": found.low, ", high": found.high}
                for end, value in ends.items():
                    yield Row("train hashing", case, system, metric + end, value)
    for system in LEARNED:
        for rival in RIVALS:
            yield from _differences(system, outcomes[system], rival, outcomes[rival])


def _differences(system: str, ours: Measured, rival: str, theirs: Measured) -> Iterator[Row]:
    keys = [(case, metric) for case, metrics in ours.items() for metric in metrics]
    both = [(ours[case][metric], theirs[case][metric]) for case, metric in keys]
    p_values = holm([randomisation_test(*pair, permutations=PERMUTATIONS) for pair in both])
    for (case, metric), (own, other), p in zip(keys, both, p_values, strict=True):
        found = bootstrap_interval(own - other)
        figures = {
            "": found.estimate, ", low": found.low, ", high": found.high, ", p (Holm)": float(p)
        }  # fmt: skip
        for end, value in figures.items():
            yield Row("train hashing", case, system, f"{metric} difference to {rival}{end}", value)


def show(rows: list[Row]) -> None:
    """Print a table for each set, direction and relevance, and how often it is better or worse."""
    values = {(row.case, row.system, row.metric): row.value for row in rows}
    systems = (*RIVALS, *LEARNED)
    console = Console()
    questions = dict.fromkeys(row.case.rsplit(", ", 1)[0] for row in rows)
    for metric in ("mAP", f"mAP@{AT}"):
        for question in questions:
            ceiling = values[f"{question}, {FLOAT}", FLOAT, metric]
            table = Table("bits", *systems, title=f"{metric}: {question}; float {ceiling:.3f}")
            for bits in BITS:
                case = f"{question}, {bits} bits"
                cells = [
                    f"{readable(values[case, system, metric])} "
                    f"({values[case, system, metric + ', low']:.3f} to "
                    f"{values[case, system, metric + ', high']:.3f})"
                    for system in systems
                ]
                table.add_row(str(bits), *cells)
            console.print(table)
    console.print(verdicts(rows))


def verdicts(rows: list[Row]) -> Table:
    """Count cases in which learned codes are better, and in which they are so significantly."""
    table = Table("codes", "rival", "bits", "cases", "higher", "significantly", "lower", "signif.")
    values = {(row.case, row.system, row.metric): row.value for row in rows}
    for system in LEARNED:
        for rival in RIVALS:
            for bits in BITS:
                gains = [
                    (row.value, values[row.case, row.system, row.metric + ", p (Holm)"])
                    for row in rows
                    if row.system == system
                    and row.metric.endswith(f"difference to {rival}")
                    and row.case.endswith(f", {bits} bits")
                ]
                counts = [
                    len(gains),
                    sum(gain > 0 for gain, _ in gains),
                    sum(gain > 0 and p < 0.05 for gain, p in gains),
                    sum(gain < 0 for gain, _ in gains),
                    sum(gain < 0 and p < 0.05 for gain, p in gains),
                ]
                table.add_row(system, rival, str(bits), *map(str, counts))
    return table


def plot(rows: list[Row], path: Path) -> None:
    """Draw mAP against bits: the pair and the label, on test splits and on the unseen set."""
    from matplotlib.figure import Figure

    values = {(row.case, row.system, row.metric): row.value for row in rows}
    names = list(dict.fromkeys(row.case.split(", ")[0] for row in rows))
    figure = Figure(figsize=(11, 5.4), dpi=85, layout="constrained")
    panels = figure.subplots(2, len(names), sharex=True)
    for line, relevance in zip(panels, ("pair", "label"), strict=True):
        for axes, name in zip(line, names, strict=True):
            question = f"{name}, text to image, {relevance}"
            for system in (*RIVALS, *LEARNED):
                points = [values[f"{question}, {bits} bits", system, "mAP"] for bits in BITS]
                style = "-" if system in LEARNED else "--"
                axes.plot(BITS, points, style, marker=".", label=system)
            axes.axhline(values[f"{question}, {FLOAT}", FLOAT, "mAP"], color="0.7", lw=1)
            axes.set_xscale("log", base=2)
            axes.set_xticks(BITS, [str(bits) for bits in BITS])
            axes.grid(color="0.92")
            if relevance == "pair":
                axes.set_title(name, fontsize=9)
        line[0].set_ylabel(f"mAP, same {'caption' if relevance == 'pair' else 'category'}")
    panels[0][0].legend(frameon=False, fontsize=7)
    figure.supxlabel("bits (grey: float)", fontsize=9)
    figure.savefig(path, metadata={"Software": None})


def main() -> None:
    """Run this part alone."""
    parser = argparse.ArgumentParser(description="learned hash codes against ITQ and LSH")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--plot", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    rows = run(arguments)
    show(rows)
    if arguments.json:
        write_json(rows, arguments.json)


if __name__ == "__main__":
    main()
