"""How much of what is asked stands in texts, in the language of either."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet

import numpy as np
import numpy.typing as npt

from sensorium.dialogue.tools.asked import asked_of
from sensorium.tasks.terms import terms, weights

UNSEEN = 4.0
"""What a word weighs that no text has; as in `sensorium.tasks.answers.extractive`."""

UNSEEN_IN_EITHER = 1.0
"""The same of a word that no text has in either language: it may be called otherwise there."""

Ways = Sequence[AbstractSet[str]]
"""Ways to say one word, each with all its terms."""


def shares_of(query: str, texts: Sequence[str]) -> npt.NDArray[np.float64]:
    """The share of a question's words that each text has, by how telling they are.

    A word counts as it is, or as it is called in the other language, whichever gives more.

    Returns
    -------
    ndarray of float64, shape (len(texts),)
    """
    held = [frozenset(terms(text)) for text in texts]
    own: list[Ways] = [(frozenset((term,)),) for term in dict.fromkeys(terms(query))]
    shares = _shares(own, held, UNSEEN)
    either = [
        [way for name in names if (way := frozenset(terms(name)))]
        for names in asked_of(query).groups
    ]  # fmt: skip
    return np.maximum(shares, _shares([ways for ways in either if ways], held, UNSEEN_IN_EITHER))


def _shares(
    asked: Sequence[Ways], held: Sequence[AbstractSet[str]], unseen: float
) -> npt.NDArray[np.float64]:
    weight = weights(held) if held else {}
    worth = [
        min((weight[term] for way in ways for term in way if term in weight), default=unseen)
        for ways in asked
    ]
    whole = sum(worth) or 1.0
    return np.array([
        sum(one for one, ways in zip(worth, asked, strict=True) if any(way <= own for way in ways))
        / whole
        for own in held
    ])  # fmt: skip
