"""What yes/no questions are judged by: words, drawings, and the constants of the rule.

    python -m recipes.mini.yes_no

Writes 64 drawings of things from the training split of Openclipart as one sheet, for encoders that
bring no vectors of ordinary pictures; writes `mini`'s vectors of the ordinary words; and prints the
constants of `src/sensorium/tasks/yes_no.py`, fitted on the validation splits of emoji and clip
art, with what answers are worth there at other thresholds.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image

from benchmarks.datasets import rows as pictures_of
from benchmarks.yes_no_cases import Case, Question, cases, questions
from recipes.mini.calibrate import logistic
from sensorium import Image
from sensorium.encoders import FolderEncoder, shipped_encoders
from sensorium.encoders.ordinary import (
    DRAWINGS,
    DRAWINGS_IN_A_ROW,
    WORDS,
    label_vectors,
    ordinary_media,
    ordinary_words,
)
from sensorium.tasks.yes_no import scores

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

FILE = "words.npy"
THINGS = {
    "animals", "food", "transportation", "tools", "buildings", "plants", "office", "electronics",
    "containers", "geography", "education",
}  # fmt: skip
SIDE = 112  # pixels of a drawing: 64 of them weigh 150 KB
QUALITY = 80
AKIN = 0.5  # weight of pictures of the same kind (a dog for a cat) among those that do not fit
THRESHOLDS = (0.1, 0.2, 0.25, 1 / 3, 0.4)


def draw() -> None:
    """Write the sheet of drawings, each on white, padded to a square."""
    things = [
        row
        for row in pictures_of("clipart")
        if row["split"] == "train" and row["quality"] == "good" and row["category"] in THINGS
    ]
    chosen = np.random.default_rng(0).permutation(len(things))[: DRAWINGS_IN_A_ROW**2]
    pictures = [Path(things[n]["image"]) for n in chosen]
    rows = -(-len(pictures) // DRAWINGS_IN_A_ROW)
    sheet = PIL.Image.new("RGB", (SIDE * DRAWINGS_IN_A_ROW, SIDE * rows), "white")
    for number, path in enumerate(pictures):
        with PIL.Image.open(path) as file:
            picture = file.convert("RGBA")
        picture.thumbnail((SIDE, SIDE), PIL.Image.Resampling.LANCZOS)
        left = number % DRAWINGS_IN_A_ROW * SIDE + (SIDE - picture.width) // 2
        top = number // DRAWINGS_IN_A_ROW * SIDE + (SIDE - picture.height) // 2
        sheet.paste(picture, (left, top), picture)
    sheet.save(DRAWINGS, quality=QUALITY, method=6)


def write_words(folder: Path) -> None:
    """Write the vectors of words into an encoder's folder, and their name into its description."""
    encoder = FolderEncoder(folder)
    vectors = label_vectors(encoder, WORDS, encoder.prompts)
    np.save(folder / FILE, vectors.astype(np.float16))
    path = folder / "encoder.json"
    config = json.loads(path.read_text("utf-8"))
    config["words"] = FILE
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")


def examples(encoder: FolderEncoder, case: Case) -> tuple[Numbers, Numbers, Numbers]:
    """Return own and best score, whether the label fits, and the weight of each example.

    Of every label, pictures that it fits weigh as much as those that it does not.
    """
    images = encoder.encode([Image(picture["image"]) for picture in case.pictures])
    asked: Sequence[Question] = questions(case)
    labels = label_vectors(encoder, [q.label for q in asked], encoder.prompts)
    own, best = scores(
        labels, images, ordinary_words(encoder, encoder.prompts), ordinary_media(encoder, "image")
    )
    x, y, weight = [], [], []
    for column, question in enumerate(asked):
        akin = AKIN if len(question.akin) else 0.0
        for rows, fits, share in (
            (question.fits, 1.0, 1.0),
            (question.fails, 0.0, 1 - akin),
            (question.akin, 0.0, akin),
        ):
            if len(rows):
                x.append(np.stack([own[rows, column], best[rows]], axis=1))
                y.append(np.full(len(rows), fits))
                weight.append(np.full(len(rows), share / len(rows)))
    weights = np.concatenate(weight)
    return np.concatenate(x), np.concatenate(y), weights / weights.sum()


def main() -> None:
    """Run the steps."""
    folder = shipped_encoders()["mini"]
    draw()
    write_words(folder)
    encoder = FolderEncoder(folder)
    chosen = [case for case in cases("val") if case.nouns]
    parts = [examples(encoder, case) for case in chosen]
    x, y, weight = (np.concatenate(part) for part in zip(*parts, strict=True))
    solution = logistic(x, y, weight / weight.sum())
    print("LABEL, BEST, BIAS =", ", ".join(f"{value:.3f}" for value in solution))
    for case, (x, y, weight) in zip(chosen, parts, strict=True):
        chance = 1 / (1 + np.exp(-(x @ solution[:2] + solution[2])))
        for threshold in THRESHOLDS:
            yes, no = chance >= 1 - threshold, chance <= threshold
            right = weight[yes] @ y[yes], weight[no] @ (1 - y[no])
            print(
                f"{case.name}: no up to {threshold:.2f}, yes from {1 - threshold:.2f}: right in "
                f"{right[1] / weight[no].sum():.3f} and {right[0] / weight[yes].sum():.3f}, "
                f"cannot tell {1 - weight[yes].sum() - weight[no].sum():.3f}"
            )


if __name__ == "__main__":
    main()
