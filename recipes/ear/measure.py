"""How well sounds find sounds: validation on played and recorded sounds, a test on recordings."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks import datasets
from benchmarks.sample import SAMPLE
from recipes.ear.whitening import Vectors
from sensorium.evaluation.intervals import bootstrap_interval
from sensorium.evaluation.retrieval import rank_relevance, success_at
from sensorium.media import Audio

SHUFFLES = 200

Map = Callable[[Vectors], Vectors]


@dataclass(frozen=True)
class Found:
    """How often the nearest, and one of the ten nearest, is of the same label.

    Attributes
    ----------
    first, ten
        For each query, 1 or 0.
    chance
        R@1 and R@10 when the labels are shuffled.
    """

    first: npt.NDArray[np.float64]
    ten: npt.NDArray[np.float64]
    chance: tuple[float, float]

    def __str__(self) -> str:
        told = []
        for name, values, chance in (
            ("R@1", self.first, self.chance[0]),
            ("R@10", self.ten, self.chance[1]),
        ):
            interval = bootstrap_interval(values)
            told.append(
                f"{name} {interval.estimate:.3f} ({interval.low:.3f} to {interval.high:.3f}, "
                f"chance {chance:.3f})"
            )
        return f"{len(self.first)} queries: {', '.join(told)}"


def leave_one_out(
    vectors: Vectors, labels: Sequence[str], asking: npt.NDArray[np.bool_] | None = None
) -> Found:
    """Let each recording that has a companion look for it among all others.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Of length 1.
    labels : sequence of str
        What each recording is; "" is nothing that asks or is sought.
    asking : ndarray of bool, shape (n,), optional
        Those that ask; all by default.
    """
    names = np.array(labels)
    asks = np.ones(len(names), bool) if asking is None else asking
    scores = vectors @ vectors.T
    first, ten = _successes(scores, names, asks)
    random = np.random.default_rng(0)
    shuffled = [_successes(scores, random.permutation(names), asks) for _ in range(SHUFFLES)]
    chance = tuple(float(np.concatenate([one[i] for one in shuffled]).mean()) for i in (0, 1))
    return Found(first, ten, (chance[0], chance[1]))


def _successes(
    scores: Vectors, names: npt.NDArray[np.str_], asks: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    others = ~np.eye(len(names), dtype=bool)
    right = (names[:, None] == names) & (names != "") & others
    asking = right.any(axis=1) & asks
    left = scores[asking][others[asking]].reshape(-1, len(names) - 1)
    relevant = right[asking][others[asking]].reshape(left.shape)
    ranked = rank_relevance(left, relevant)
    return success_at(ranked, 1), success_at(ranked, 10)


def by_halves(
    vectors: Vectors,
    labels: Sequence[str],
    fit: Callable[[Vectors], Map],
) -> Found:
    """Validate what is fitted to vectors on concepts that it was not fitted to, in two halves.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    labels : sequence of str
    fit : callable
        Of one half's vectors it makes what maps the other half's.
    """
    half = {*sorted({*labels})[::2]}
    inside = np.array([label in half for label in labels])
    parts = []
    for part in (inside, ~inside):
        chosen = [label for label, taken in zip(labels, part, strict=True) if taken]
        parts.append(leave_one_out(fit(vectors[~part])(vectors[part]), chosen))
    chance = np.mean([part.chance for part in parts], axis=0)
    return Found(
        np.concatenate([part.first for part in parts]),
        np.concatenate([part.ten for part in parts]),
        (float(chance[0]), float(chance[1])),
    )


@dataclass(frozen=True)
class Recording:
    """A recording of something real.

    Attributes
    ----------
    sound
    thing
        What it is.
    kind
        Of which kind; "" for one that has none.
    group
        Which folder of Tux Paint's stamps it lies in; "" for what is from elsewhere. Those of the
        stamps are validation, all others the test.
    """

    sound: Audio
    thing: str
    kind: str
    group: str = ""


KINDS = {
    "animals": "animal", "musical instruments": "music", "music": "music", "household": "thing",
    "sounds": "signal",
}  # fmt: skip
"""Kinds by the sets' categories; other categories hold pictures' themes, not sources of sound."""


def recordings() -> list[Recording]:
    """Effects of Tux Paint, sounds and music of GCompris, signals of the sample collection."""
    found = []
    for name in ("stamps", "gcompris"):
        for row in datasets.rows(name):
            if row["audio"] and row["audio_kind"] != "spoken_name":
                kind = KINDS.get(row["category"], "")
                if row["subcategory"].startswith("music"):  # instruments among the hobbies
                    kind = "music"
                group = f"{row['category']}/{row['subcategory']}" if name == "stamps" else ""
                found.append(Recording(Audio(row["audio"]), row["concept"].lower(), kind, group))
    with (SAMPLE / "sounds.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["category"] != "music":  # that GCompris has, too
                kind = KINDS[row["category"]]
                found.append(Recording(Audio(SAMPLE / row["path"]), row["caption_en"], kind))
    return found
