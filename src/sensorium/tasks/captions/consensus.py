"""Choosing, of generated and retrieved texts, the one that most of them agree on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError

try:
    from sacrebleu.metrics.chrf import CHRF
except ImportError as error:
    raise MissingExtraError("sacrebleu", "evaluate") from error

TEMPERATURE = 0.1
"""Of cosines of neighbours: one that is 0.1 nearer counts e times as much."""


def consensus(
    generated: Sequence[tuple[str, float]],
    retrieved: Sequence[tuple[str, float]],
    trust: float,
) -> list[tuple[str, float]]:
    """Rank texts by how much they have in common with all, weighted by how probable each is.

    Minimum Bayes risk decoding (Kumar and Byrne 2004; Eikema and Aziz 2022) with chrF for utility,
    over a mixture of two distributions: what the decoder holds probable, and what similar pictures
    are called. With the latter alone it is the consensus caption of Devlin et al. (2015).

    Parameters
    ----------
    generated : sequence of (str, float)
        Texts with their log-probabilities.
    retrieved : sequence of (str, float)
        Texts of neighbours with their cosines.
    trust : float
        Weight of what is retrieved, from 0 to 1.

    Returns
    -------
    list of (str, float)
        Different texts and their expected chrF (0 to 100), best first.
    """
    weights: dict[str, float] = {}
    for texts, share, temperature in (
        (generated, 1 - trust, 1.0), (retrieved, trust, TEMPERATURE),
    ):  # fmt: skip
        known = [(text, score) for text, score in texts if text.strip()]
        if not known or not share:
            continue
        for (text, _), weight in zip(
            known, _softmax([score for _, score in known], temperature), strict=True
        ):
            weights[text] = weights.get(text, 0.0) + share * weight
    chrf = CHRF()
    ranked = [
        (
            text,
            sum(
                weight * chrf.sentence_score(text, [other]).score
                for other, weight in weights.items()
            ),
        )
        for text in weights
    ]
    return sorted(ranked, key=lambda one: -one[1])


def _softmax(values: Sequence[float], temperature: float) -> npt.NDArray[np.float64]:
    scaled = np.array(values, np.float64) / temperature
    powers = np.exp(scaled - scaled.max())
    return np.asarray(powers / powers.sum(), np.float64)
