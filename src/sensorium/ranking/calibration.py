"""How likely a person would call a hit relevant.

A cosine is worth what it is worth for this question, in this collection: some questions are near to
everything, and the best of a million has a greater cosine by chance than the best of a hundred. So
a cosine is first compared with what chance gives:

1. in standard deviations of the question's cosines to segments of the same modality;
2. in how many segments of the collection would stand out as far by chance: the logarithm, its sign
   turned, is the *surprise*. The tail of chance comes from reference questions (ordinary words,
   ordinary pictures), asked of the collection's own segments. Beyond a threshold it is a
   generalised Pareto distribution (Pickands 1975), as a handful of samples lies there.

Then a logistic function makes a probability of it, as Platt (1999) did of the margins of support
vector machines; the cosine itself counts beside the surprise where an encoder was calibrated. Both
slopes are at least zero: within a modality, a higher cosine never has a lower probability.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sensorium.ranking.scale import HIGHEST, Samples, Scale, Spread, modality_of

Vectors = npt.NDArray[np.float32]
Numbers = npt.NDArray[np.float64]

BODY = 0.95
"""Share of chance that is counted; what lies beyond follows the fitted tail. With 248 words and 200
pictures 2,500 values lie beyond."""

LEAST_BEYOND = 50
"""Values beyond the threshold that a tail is fitted to; of fewer `ORDINARY` says more."""

MOST_SHAPE = 0.5
"""Of the tail. Without a limit below, nothing could stand out farther than what was seen; with a
greater one its variance has no end, which ten good answers among 200 segments can feign."""

POINTS = 100
"""At which the body of chance is kept."""

LEAST_SEGMENTS = 20
"""Of a modality, with the ordinary ones that an encoder knows. Of fewer, nobody can say what
chance is: the standard deviation of 20 values is known to 16%."""

LEAST_SPREAD = 1e-6
"""Standard deviation of cosines under which a question has no part in the space of segments."""

MOST_SURPRISE = 60.0
"""Beyond it, a probability differs from 1 by less than a float can say."""

PRIOR_SLOPE, PRIOR_OFFSET = 0.5, 1.0
"""Standard deviations of what judgements change in log odds: of the logarithm of the slope, and of
the offset. Chosen by simulation (`python -m benchmarks probabilities`)."""

EQUAL = 0.999
"""Least probability of what is equal to the query."""

NEWTON_STEPS = 30

LEAST = 1e-6
"""Stated probabilities stay this far from 0 and 1, where log odds have no end."""


class Calibration(NamedTuple):
    """Log odds = surprise * a hit's surprise + cosine * its cosine + bias.

    Attributes
    ----------
    surprise, cosine : float
        At least 0.
    bias : float
    """

    surprise: float
    cosine: float
    bias: float

    def probability(self, surprise: Numbers, cosine: Numbers) -> Numbers:
        """Of hits, shape (n,); see the module."""
        odds = self.surprise * surprise + self.cosine * cosine + self.bias
        return np.asarray(0.5 + 0.5 * np.tanh(odds / 2))  # the sigmoid, which does not overflow


ANY = Calibration(0.87, 0.0, -2.31)
"""For pairs of modalities that nobody calibrated. The surprise has no scale of its own, so one rule
serves every space; fitted by `python -m recipes.mini.probabilities` (docs/scores.md has what it is
worth in spaces that it was not fitted in)."""


class Tail(NamedTuple):
    """What share of chance lies beyond so many standard deviations.

    Attributes
    ----------
    points, shares : ndarray of float64, shape (m,)
        Standard deviations, ascending, and the logarithms of the shares beyond them.
    scale, shape : float
        Of the generalised Pareto distribution beyond the last point.
    """

    points: Numbers
    shares: Numbers
    scale: float
    shape: float

    def beyond(self, deviations: Numbers) -> Numbers:
        """Logarithm of the share of chance beyond; falls as deviations grow."""
        body = np.interp(deviations, self.points, self.shares)
        excess = np.maximum(deviations - self.points[-1], 0) / self.scale
        steep = np.log1p(self.shape * excess) / self.shape if self.shape > 0 else excess
        return np.asarray(body - steep)

    @classmethod
    def of(cls, deviations: Numbers) -> Tail:
        """Fit a tail by probability-weighted moments (Hosking and Wallis 1987, section 3.2).

        Parameters
        ----------
        deviations : ndarray of float64, shape (n,)
            What chance gave, standardised. `ORDINARY` is the tail of too few.
        """
        values = np.sort(deviations)
        threshold = float(quantiles(values, np.array([BODY]))[0]) if len(values) else 0.0
        excess = values[values > threshold] - threshold
        if len(excess) < LEAST_BEYOND:
            return ORDINARY
        first = float(excess.mean())
        weights = (len(excess) - 1 - np.arange(len(excess))) / (len(excess) - 1)
        second = float((weights * excess).mean())
        shape = min(max(2 - first / (first - 2 * second), 0.0), MOST_SHAPE)
        shares = np.linspace(1, 1 - BODY, POINTS)
        points = quantiles(values, 1 - shares)
        # Of an excess the mean is scale / (1 - shape), whatever the limits of the shape did.
        return cls(points, np.log(shares), first * (1 - shape), shape)


def quantiles(ascending: Numbers, shares: Numbers) -> Numbers:
    """What `numpy.quantile` gives, to the bit, of numbers that are sorted already.

    It would part them anew, for as long as all the rest of a tail takes.
    """
    places = (len(ascending) - 1) * shares
    below = np.floor(places)
    rest = places - below
    row = below.astype(np.intp)
    low, high = ascending[row], ascending[np.minimum(row + 1, len(ascending) - 1)]
    step = high - low
    return np.where(rest >= 0.5, high - step * (1 - rest), low + step * rest)


ORDINARY = Tail(
    np.array([-2.5, -1.2, -0.7, 0.0, 0.65, 1.3, 1.71]),
    np.log([1.0, 0.9, 0.75, 0.48, 0.25, 0.1, 0.05]),
    0.6,
    0.05,
)
"""Of `mini`'s words and pictures of six sets, where there are no reference questions: a little
heavier than a normal distribution's."""


@dataclass(frozen=True)
class Chance:
    """What chance gives in one collection.

    Attributes
    ----------
    samples : Samples
        Segments of each modality.
    references : callable
        Gives vectors of reference questions of a modality, shape (n, d), or None.
    calibrations : mapping of str to (float, float, float)
        By "modality of the question-modality of the segment".
    """

    samples: Samples
    references: Callable[[str], Vectors | None]
    calibrations: Mapping[str, tuple[float, float, float]]
    _tails: dict[tuple[str, str], Tail] = field(default_factory=dict, init=False, repr=False)

    def judge(self, asked: str, scale: Scale, counts: Mapping[str, int]) -> Judge:
        """What judges the hits of one question.

        Parameters
        ----------
        asked : str
            Modality of the question.
        scale : Scale
            Of the question, from `samples`.
        counts : mapping of str to int
            Segments in all, by modality.
        """
        rules = {}
        for kind in scale.modalities:
            modality, spread = modality_of(kind), scale.spreads[kind]
            if self.samples.known[modality] < LEAST_SEGMENTS or spread.deviation < LEAST_SPREAD:
                continue
            calibration = Calibration(*self.calibrations.get(f"{asked}-{modality}", ANY))
            chance = math.log(max(counts.get(modality, 0), 1))
            rules[kind] = Rule(
                spread, self.tail(asked, modality), chance, calibration, asked == modality
            )
        return Judge(rules)

    def tail(self, asked: str, modality: str) -> Tail:
        """The tail of questions of one modality among segments of another; fitted once."""
        if (asked, modality) not in self._tails:
            self._tails[asked, modality] = self._fitted(asked, modality)
        return self._tails[asked, modality]

    def _fitted(self, asked: str, modality: str) -> Tail:
        questions = self.references(asked)
        segments = self.samples.vectors[modality]
        if questions is None or self.samples.known[modality] < LEAST_SEGMENTS:
            return ORDINARY
        # The sum over many rows of one float type: enough for two digits of a probability.
        cosines = questions @ segments.T
        spread = cosines.std(axis=1, keepdims=True)
        known = spread[:, 0] > LEAST_SPREAD
        standard = (cosines - cosines.mean(axis=1, keepdims=True))[known] / spread[known]
        return Tail.of(standard.ravel().astype(np.float64))


class Rule(NamedTuple):
    """How one question's cosines to segments of one modality become probabilities.

    Attributes
    ----------
    spread : Spread
        Of the question's cosines by chance.
    tail : Tail
    chance : float
        Logarithm of the number of segments.
    calibration : Calibration
    is_alike : bool
        Whether question and segments are of one modality.
    """

    spread: Spread
    tail: Tail
    chance: float
    calibration: Calibration
    is_alike: bool = False

    def surprise(self, cosines: Numbers) -> Numbers:
        """How far cosines stand out; see the module."""
        deviations = (cosines - self.spread.mean) / self.spread.deviation
        return np.minimum(-(self.tail.beyond(deviations) + self.chance), MOST_SURPRISE)

    def probabilities(self, cosines: Numbers) -> Numbers:
        """Of cosines, shape (n,)."""
        said = self.calibration.probability(self.surprise(cosines), cosines)
        # A picture that is asked by itself: no statistics of other pictures tell against it.
        return np.where(self.is_alike & (cosines >= HIGHEST), np.maximum(said, EQUAL), said)


@dataclass(frozen=True)
class Judge:
    """Says of one question's hits how likely each is relevant.

    Attributes
    ----------
    rules : mapping of str to Rule
        By the kind of segments (`sensorium.ranking.scale`); those of which nothing can be said are
        missing.
    """

    rules: Mapping[str, Rule] = field(default_factory=dict)

    def probabilities(
        self, cosines: Sequence[float], modalities: Sequence[str]
    ) -> list[float | None]:
        """Of segments by their cosines and modalities; None where nothing can be said."""
        found: list[float | None] = [None] * len(cosines)
        for modality in dict.fromkeys(modalities):
            if (rule := self.rules.get(modality)) is not None:
                places = [n for n, other in enumerate(modalities) if other == modality]
                values = rule.probabilities(np.array([cosines[n] for n in places], np.float64))
                for place, value in zip(places, values.tolist(), strict=True):
                    found[place] = value
        return found


NOBODY = Judge()
"""Judges nothing: of questions that are several, or a bare vector."""


def refined(
    calibration: Calibration,
    stated: npt.ArrayLike,
    relevant: npt.ArrayLike,
    *,
    prior: tuple[float, float] = (PRIOR_SLOPE, PRIOR_OFFSET),
) -> Calibration:
    """Bring a calibration nearer to what a user called relevant.

    The log odds of what it stated are multiplied and moved so that judgements become most probable,
    beside a normal prior that leaves a calibration as it is: of few judgements hardly anything
    follows, of hundreds they decide.

    Parameters
    ----------
    calibration : Calibration
        Of one pair of modalities.
    stated : array-like of float, shape (n,)
        What it said of the hits that were judged (`Hit.probability`).
    relevant : array-like of bool, shape (n,)
        What the user said.
    prior : tuple of float
        Standard deviations of the slope's logarithm and of the offset.

    Returns
    -------
    Calibration
        The same one for no judgements.
    """
    chances = np.clip(np.asarray(stated, np.float64).ravel(), LEAST, 1 - LEAST)
    answers = np.asarray(relevant, np.float64).ravel()
    if len(chances) != len(answers):
        raise ValueError(f"{len(chances)} probabilities, but {len(answers)} judgements")
    odds = np.log(chances / (1 - chances))
    value = np.zeros(2)  # logarithm of the slope, offset
    weights = 1 / np.square(prior)
    for _ in range(NEWTON_STEPS):
        slope = math.exp(value[0])
        said = 0.5 + 0.5 * np.tanh((slope * odds + value[1]) / 2)
        design = np.stack([slope * odds, np.ones(len(odds))])
        gradient = design @ (said - answers) + weights * value
        # Fisher's information in the place of the second derivative: it is never negative.
        curvature = (design * (said * (1 - said))) @ design.T + np.diag(weights)
        step = np.linalg.solve(curvature, gradient)
        value -= step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    slope, offset = math.exp(value[0]), float(value[1])
    return Calibration(
        calibration.surprise * slope, calibration.cosine * slope, calibration.bias * slope + offset
    )
