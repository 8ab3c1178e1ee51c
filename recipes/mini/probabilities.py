"""What hits' probabilities, and whether anything matches, are decided by.

    python -m recipes.mini.probabilities

Writes `mini`'s calibrations into its description, and prints the constants of
`src/sensorium/ranking/calibration.py` and `abstaining.py`: all fitted on the validation splits of
emoji, clip art and stamps, whole and, for words, in smaller collections drawn from them (of which
most hold no other drawing of the same: there a picture has nothing to find).
"""

import json

import numpy as np
import numpy.typing as npt

from benchmarks.probability_cases import (
    FITS,
    Asked,
    Found,
    asked_by_pictures,
    asked_in_words,
    search,
)
from recipes.mini.calibrate import logistic
from sensorium.checksums import with_checksum
from sensorium.encoders import FolderEncoder, shipped_encoders
from sensorium.ranking.calibration import ANY, LEAST, Calibration

Numbers = npt.NDArray[np.float64]

SIZES = (25, 60, 120)  # of the smaller collections
KEPT = 0.95  # share of the questions answered at the first hit that keep their answer


def fitted(founds: list[Found], *, cosines: bool) -> Calibration:
    """Fit to the first hits of questions, each of which counts the same."""
    parts = [found.known() for found in founds]
    surprise, cosine, fits = (np.concatenate(part) for part in zip(*parts, strict=True))
    columns = [surprise, cosine] if cosines else [surprise]
    weight = np.full(len(fits), 1 / len(fits))
    solution = logistic(np.stack(columns, axis=1), fits, weight).round(2).tolist()
    return Calibration(solution[0], solution[1] if cosines else 0.0, solution[-1])


def several(asked: list[Asked]) -> list[Asked]:
    """Each collection, and smaller ones drawn from it."""
    rng = np.random.default_rng(0)
    return [c for one in asked for c in (one, *(one.some(size, rng) for size in SIZES))]


def log_odds(found: Found, calibration: Calibration) -> Numbers:
    """Of the first hit of each question."""
    said = calibration.probability(found.surprises[:, 0], found.cosines[:, 0])
    said = np.clip(said, LEAST, 1 - LEAST)
    return np.asarray(np.log(said / (1 - said)))


def abstaining(asked: list[Asked], calibration: Calibration) -> None:
    """Print the constants of `abstaining.py`: questions with their answers, and without."""
    odds, standings, there = [], [], []
    for one in asked:
        named = np.flatnonzero(one.named).tolist()
        present = search(one, chosen=named)
        absent = search(one, without=lambda fits: fits == FITS, chosen=named)
        first = present.fits[:, 0] == FITS
        for found, is_there in ((present, 1.0), (absent, 0.0)):
            odds.append(log_odds(found, calibration)[first])
            standings.append(found.standings[first])
            there.append(np.full(first.sum(), is_there))
    columns = [np.concatenate(part) for part in (odds, standings)]
    known = np.concatenate(there)
    weight = np.full(len(known), 1 / len(known))
    for names, x in (
        ("HIT, WORD, BIAS", np.stack(columns, axis=1)),
        ("HIT_ALONE, BIAS_ALONE", columns[0][:, None]),
    ):
        solution = logistic(x, known, weight)
        chance = 1 / (1 + np.exp(-(x @ solution[:-1] + solution[-1])))
        threshold = np.quantile(chance[known == 1], 1 - KEPT)
        refused = (chance[known == 0] < threshold).mean()
        print(names, "=", solution.round(2).tolist(), f"NOTHING = {threshold:.3f}", refused)


def main() -> None:
    """Run the steps."""
    folder = shipped_encoders()["mini"]
    encoder = FolderEncoder(folder)
    words = list(asked_in_words(encoder, "val"))
    founds = [search(asked) for asked in several(words)]
    print("ANY =", anybody := fitted(founds, cosines=False))
    calibrations = {
        "text-image": fitted(founds, cosines=True),
        "image-image": fitted(
            [search(asked) for asked in asked_by_pictures(encoder, "val")],
            cosines=False,
        ),
    }
    print(calibrations)
    _, cosine, fits = (np.concatenate(p) for p in zip(*map(Found.known, founds), strict=True))
    weight = np.full(len(fits), 1 / len(fits))
    print("COSINE =", logistic(cosine[:, None], fits, weight).round(2), "of the benchmark's rival")
    for calibration in (calibrations["text-image"], anybody, ANY):
        abstaining(words, calibration)
    path = folder / "encoder.json"
    config = json.loads(path.read_text("utf-8"))
    config.pop("checksum", None)
    config["calibrations"] = {name: [*values] for name, values in calibrations.items()}
    if "checksum" in json.loads(path.read_text("utf-8")):
        config = with_checksum(config)
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()
