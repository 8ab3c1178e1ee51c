"""Whether a collection holds anything of what is asked, or its nearest are merely nearest.

Two numbers of the best hit are weighed:

- the log odds that it is relevant (`sensorium.ranking.calibration`): how far it stands out from
  what chance gives in the collection;
- how far the question stands out from ordinary words in the hit's own eyes
  (`sensorium.tasks.yes_no.scores`): a hit of which other words say more is no answer. This is known
  for words that ask for pictures and passages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.ranking.calibration import LEAST

Vectors = npt.NDArray[np.float32]

HIT, WORD, BIAS = 0.62, 0.35, -0.47
"""Log odds that something matches, from the best hit's log odds and the question's standing."""

HIT_ALONE, BIAS_ALONE = 0.85, 1.16
"""The same where the standing is not known."""

NOTHING = 0.24
"""Probability that something matches under which nothing does: on validation, 95% of the questions
whose answer was found first keep it. All of these were printed by `recipes/mini/probabilities.py`,
at even odds that the answer is there."""

MATCHES = 0.5
"""Probability of a hit from which on something matches: nobody would understand the contrary."""

LEAST_SPREAD = 1e-6


@dataclass(frozen=True)
class Ordinary:
    """What words and segments are in general, to compare a question and its best hit with.

    Attributes
    ----------
    middle : ndarray of float32, shape (d,)
        Mean of ordinary words.
    words : ndarray of float32, shape (n, d)
        Ordinary words less their mean.
    segments : ndarray of float32, shape (d,)
        Mean of ordinary segments of a modality.
    """

    middle: Vectors
    words: Vectors
    segments: Vectors

    @classmethod
    def of(cls, words: Vectors, segments: Vectors) -> Ordinary:
        """From vectors, shape (n, d) each."""
        middle = words.mean(axis=0, dtype=np.float64).astype(np.float32)
        return cls(middle, words - middle, segments.mean(axis=0, dtype=np.float64).astype("f4"))

    def standing(self, question: Vectors, hit: Vectors) -> float | None:
        """Standard deviations by which a question is above ordinary words in a segment's eyes.

        None where all words are equally near to it.
        """
        seen = hit - self.segments
        spread = float((self.words @ seen).std())
        if spread < LEAST_SPREAD:
            return None
        return float((question - self.middle) @ seen) / spread


def nothing_matches(best: float | None, standing: float | None = None) -> bool:
    """Whether a collection has no answer.

    Parameters
    ----------
    best : float, optional
        Probability of the best hit; of None, nothing can be said, and it is taken to match.
    standing : float, optional
        See `Ordinary.standing`.
    """
    if best is None or best >= MATCHES:
        return False
    return log_odds(best, standing) < math.log(NOTHING / (1 - NOTHING))


def log_odds(best: float, standing: float | None = None) -> float:
    """That something matches, at even odds before looking; see `nothing_matches`."""
    chance = min(max(best, LEAST), 1 - LEAST)
    odds = math.log(chance / (1 - chance))
    if standing is None:
        return HIT_ALONE * odds + BIAS_ALONE
    return HIT * odds + WORD * standing + BIAS
