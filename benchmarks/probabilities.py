"""How true hits' probabilities are, and how well "nothing matches" is known.

    python -m benchmarks probabilities [--encoder NAME] [--quick] [--json FILE]

Each set of pictures is a collection. Its questions are those of `yes_no.py`, of which everybody
would say which pictures they fit (`probability_cases.py`).

*Probabilities* of the first ten hits of every question: expected calibration error in ten bins,
Brier score and log loss; of the encoder's own calibrations, of the rule for any space, and of the
rivals: the sigmoid that the encoder brings, and a logistic function of the cosine, fitted to the
same validation data as the rest. An encoder that names its parts is measured in each of them, and
in a random projection of its vectors: spaces that nothing was fitted in.

*Absent concepts*: the names of pictures are asked with the pictures of that name there, and with
them taken out. Measured is how well both are told apart: ROC area, over all names, and over those
whose picture is found first; how many of the absent pass for present at the threshold that keeps
95% of the present; and the first hit's precision when the surest half of both kinds is answered.
The rival is the largest cosine. Intervals (95%) are bootstrapped over questions, the difference to
the rival in pairs. What is refused at the threshold that is shipped is counted, too, and the ROC
area over all names that judges without fault would have (`perfect`).

*Judgements*: a user whose idea of relevant is stricter than a calibration judges n hits; the log
loss of hits not judged yet, before and after, for priors of several strengths (simulated).

Nothing of the test splits and photographs chose or fitted anything. `--quick` measures the sample
photos alone.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.probability_cases import (
    FITS,
    Asked,
    Found,
    asked_by_pictures,
    asked_for_texts,
    asked_in_words,
    search,
)
from benchmarks.rows import Row
from benchmarks.yes_no import calibration_error, roc_area
from sensorium import load_encoder
from sensorium.media import Modality
from sensorium.ranking.abstaining import log_odds, nothing_matches
from sensorium.ranking.calibration import ANY, Calibration, refined

Numbers = npt.NDArray[np.float64]

#: Scale and bias of the logistic function of `mini`'s cosine, of recipes.mini.probabilities.
COSINE = (16.81, -6.71)

DRAWS = 500  # of the bootstrap
KEPT = 0.95  # of the present, where absent ones that pass are counted
PROJECTED = 64  # dimensions of the random projection
STATED = (1e-6, 1 - 1e-6)

OURS, ANYBODY, SIGMOID, FITTED = (
    "probability", "rule for any space", "sigmoid of the cosine", "cosine, fitted",
)  # fmt: skip
ABSTAINING, COSINES = "nothing matches", "largest cosine"
PERFECT = "perfect judge of first hits"
FORESEEING = "perfect judge of first hits and of names"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", help="default: mini")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure one encoder."""
    encoder = load_encoder(arguments.encoder)
    own = {pair: Calibration(*values) for pair, values in encoder.calibrations.items()}
    parts = getattr(encoder, "config", {}).get("parts", {})
    matrix = np.random.default_rng(0).normal(size=(encoder.space.dimension, PROJECTED))
    rows: list[Row] = []
    has_pictures = Modality.IMAGE in encoder.space.modalities
    collections = list(asked_in_words(encoder, "test", arguments.quick)) if has_pictures else []
    if has_pictures and not arguments.quick:
        collections += asked_by_pictures(encoder, "test")
    collections += asked_for_texts(encoder)
    for asked in collections:
        shape = f"{len(asked.questions)} × {len(asked.segments)}"
        case = f"{asked.name} ({shape})"
        systems: dict[str, Callable[[Numbers, Numbers], Numbers]] = {
            OURS: own.get(f"{asked.modality}-{asked.kind}", ANY).probability,
            ANYBODY: ANY.probability,
        }
        in_words = (asked.modality, asked.kind) == ("text", "image")
        if in_words and arguments.encoder == "mini":
            systems[FITTED] = lambda _, cosine: _logistic(COSINE, cosine)
        if in_words and encoder.sigmoid is not None:
            systems[SIGMOID] = lambda _, cosine: _logistic(encoder.sigmoid, cosine)
        rows += _truth(case, search(asked), systems)
        if not in_words:
            continue
        for name, space in _spaces(asked, parts, matrix.astype(np.float32)):
            rows += _truth(f"{case}, {name}", search(space), {ANYBODY: ANY.probability})
        rows += _absent(case, asked, own.get("text-image", ANY))
    rows += _judgements()
    return rows


def _logistic(line: tuple[float, float] | None, cosine: Numbers) -> Numbers:
    scale, bias = line or (1.0, 0.0)
    return np.asarray(0.5 + 0.5 * np.tanh((scale * cosine + bias) / 2))


def _spaces(
    asked: Asked, parts: Mapping[str, tuple[int, int]], matrix: npt.NDArray[np.float32]
) -> Iterator[tuple[str, Asked]]:
    for name, (start, end) in parts.items():
        yield f"{name} alone", asked.part(start, end)
    yield "projected at random", asked.mapped(matrix)


def _truth(
    case: str, found: Found, systems: Mapping[str, Callable[[Numbers, Numbers], Numbers]]
) -> list[Row]:
    """Every figure of the probabilities of one collection's hits."""
    said = found.fits >= 0
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(said), len(said)) for _ in range(DRAWS)]
    rows = []
    for system, probability in systems.items():
        chances = np.clip(probability(found.surprises, found.cosines), *STATED)

        def figures(chosen: npt.NDArray[np.intp], chances: Numbers = chances) -> tuple[float, ...]:
            known = said[chosen]
            p, fits = chances[chosen][known], (found.fits[chosen][known] == FITS).astype(np.float64)
            loss = -np.log(np.where(fits == 1, p, 1 - p)).mean()
            error = calibration_error(p, fits, np.full(len(p), 1 / len(p)))
            return error, float(((p - fits) ** 2).mean()), float(loss)

        names = ("calibration error", "Brier score", "log loss")
        values = figures(np.arange(len(said)))
        drawn = np.array([figures(chosen) for chosen in draws])
        for name, value, column in zip(names, values, drawn.T, strict=True):
            rows += _with_interval(case, system, name, value, column)
        if system == OURS:
            rows += _reliability(case, chances[said], found.fits[said] == FITS)
    return rows


def _reliability(case: str, chances: Numbers, fits: npt.NDArray[np.bool_]) -> list[Row]:
    """What was said and what was true, by fifths of the scale; see `docs/scores.md`."""
    rows = []
    for low in (0.0, 0.2, 0.4, 0.6, 0.8):
        chosen = (chances >= low) & (chances < low + 0.2)
        if chosen.any():
            metric = f"said {low:.1f} to {low + 0.2:.1f}: "
            rows.append(Row("probabilities", case, OURS, metric + "hits", float(chosen.sum())))
            rows.append(Row("probabilities", case, OURS, metric + "said", chances[chosen].mean()))
            rows.append(Row("probabilities", case, OURS, metric + "true", fits[chosen].mean()))
    return rows


@dataclass(frozen=True)
class _Told:
    """How sure a system is that something matches, with and without it; shape (n,) each."""

    present: Numbers
    absent: Numbers


def _absent(case: str, asked: Asked, calibration: Calibration) -> list[Row]:
    named = np.flatnonzero(asked.named).tolist()
    there = search(asked, chosen=named)
    gone = search(asked, chosen=named, without=lambda fits: fits == FITS)
    first = there.fits[:, 0] == FITS

    def weighed(found: Found) -> list[tuple[float, float | None]]:
        best = calibration.probability(found.surprises[:, 0], found.cosines[:, 0])
        standings = [None if np.isnan(s) else float(s) for s in found.standings]
        return [*zip(best.tolist(), standings, strict=True)]

    present, absent = weighed(there), weighed(gone)
    systems = {
        ABSTAINING: _Told(
            np.array([log_odds(*one) for one in present]),
            np.array([log_odds(*one) for one in absent]),
        ),
        COSINES: _Told(there.cosines[:, 0], gone.cosines[:, 0]),
    }
    rng = np.random.default_rng(0)
    draws = [rng.integers(0, len(first), len(first)) for _ in range(DRAWS)]
    everything = np.arange(len(first))
    title = f"absent: {case}, {len(named)} names, {first.sum()} found first"
    rows, drawn_by = [], {}
    for name, found, names in (
        ("there and found first, but refused", present, first),
        ("there and not found first, but not refused", present, ~first),
        ("absent and refused, found first", absent, first),
        ("absent and refused", absent, np.ones(len(first), bool)),
    ):
        refused = np.array([nothing_matches(*one) for one in found])
        says = ~refused if name.endswith("not refused") else refused
        drawn = np.array([says[chosen][names[chosen]].mean() for chosen in draws])
        rows += _with_interval(title, ABSTAINING, name, float(says[names].mean()), drawn)
    for system, told in perfect(first).items():
        drawn = np.array([roc_area(told.present[n], told.absent[n]) for n in draws])
        area = roc_area(told.present, told.absent)
        rows += _with_interval(title, system, "ROC area, all names", area, drawn)
    for system, told in systems.items():

        def figures(chosen: npt.NDArray[np.intp], told: _Told = told) -> tuple[float, ...]:
            present, absent, right = told.present[chosen], told.absent[chosen], first[chosen]
            threshold = np.quantile(present[right], 1 - KEPT)
            sureness = np.concatenate([present, absent])
            hits = np.concatenate([right, np.zeros(len(absent), bool)])
            surest = np.argsort(-sureness, kind="stable")[: len(sureness) // 2]
            return (
                roc_area(present, absent), roc_area(present[right], absent[right]),
                float((absent[right] >= threshold).mean()), float(hits[surest].mean()),
            )  # fmt: skip

        names = (
            "ROC area, all names", "ROC area, found first",
            f"absent that pass, {KEPT:.0%} kept, found first", "precision of the surest half",
        )  # fmt: skip
        values = figures(everything)
        drawn = drawn_by[system] = np.array([figures(chosen) for chosen in draws])
        for name, value, column in zip(names, values, drawn.T, strict=True):
            rows += _with_interval(title, system, name, value, column)
        if system == COSINES:
            ours = figures(everything, systems[ABSTAINING])
            gains = drawn_by[ABSTAINING] - drawn
            for name, one, other, column in zip(names, ours, values, gains.T, strict=True):
                rows += _with_interval(title, ABSTAINING, f"{name}, gain", one - other, column)
    return rows


def perfect(first: npt.NDArray[np.bool_]) -> dict[str, _Told]:
    """How sure judges without fault are, which are shown a question and its first hit.

    Where a name's picture is not found first, taking it out leaves the first hit as it was, so no
    such judge tells both apart. A judge that knows of every hit whether it is right knows no more
    than that: with a share f found first its ROC area is (1 + f) / 2. One that also knows for which
    names the picture would be found first, were it there, has 1 - (1 - f)^2 / 2: a wrong hit of
    such a name proves that the picture is absent, one of any other name proves nothing.

    Parameters
    ----------
    first : ndarray of bool, shape (n,)
        Whether the picture of a name is found first when it is there.
    """
    right, nothing = first.astype(np.float64), np.zeros(len(first))
    return {
        PERFECT: _Told(right, nothing),
        FORESEEING: _Told(right + 0.5, np.where(first, 0.0, 0.5)),
    }


def _with_interval(case: str, system: str, metric: str, value: float, drawn: Numbers) -> list[Row]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    named = {metric: value, f"{metric}, low": float(low), f"{metric}, high": float(high)}
    return [Row("probabilities", case, system, name, number) for name, number in named.items()]


#: Of the simulated users: log odds are multiplied and moved by normal variates of these deviations.
USERS, USER_SLOPE, USER_OFFSET = 300, 0.4, 1.0
PRIORS = ((0.2, 0.5), (0.5, 1.0), (1.0, 2.0), (5.0, 10.0))
JUDGED = (3, 10, 30, 100, 300)
SPREAD = (-1.5, 1.5)  # mean and deviation of the log odds of hits that are judged


def _judgements() -> list[Row]:
    """Log loss that judgements save, by their number and the strength of the prior."""
    rng = np.random.default_rng(0)
    lost: dict[tuple[tuple[float, float], int], list[float]] = {}
    for _ in range(USERS):
        slope, offset = np.exp(rng.normal(0, USER_SLOPE)), rng.normal(0, USER_OFFSET)
        odds = rng.normal(*SPREAD, 2000)
        chance = 1 / (1 + np.exp(-odds))
        truth = 1 / (1 + np.exp(-(slope * odds + offset)))
        says = rng.random(len(odds)) < truth
        for prior in PRIORS:
            for count in JUDGED:
                better = refined(Calibration(1, 0, 0), chance[:count], says[:count], prior=prior)
                told = np.clip(better.probability(odds[1000:], np.zeros(1000)), *STATED)
                loss = -(truth[1000:] * np.log(told) + (1 - truth[1000:]) * np.log(1 - told))
                plain = -(
                    truth[1000:] * np.log(chance[1000:])
                    + (1 - truth[1000:]) * np.log(1 - chance[1000:])
                )
                lost.setdefault((prior, count), []).append(float((plain - loss).mean()))
    return [
        Row(
            "probabilities", f"{count} judgements", f"prior {prior[0]:g}, {prior[1]:g}",
            "log loss saved", float(np.mean(values)),
        )
        for (prior, count), values in lost.items()
    ]  # fmt: skip
