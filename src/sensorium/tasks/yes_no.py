"""Whether a label holds, by itself: "yes", "no" or "cannot tell", with a probability.

The question "is this a cat?" names no rival, so pictures and words in general stand in for them
(`sensorium.encoders.ordinary`). What a picture has in common with ordinary pictures, and a label
with ordinary words, is taken off both; then two numbers decide, both in standard deviations of the
picture's scores for ordinary words:

- the score of the label: how far it stands out from other words for this picture;
- that of the best ordinary word: where something else fits well, the label has to fit better.

Neither depends on the scale of a space's cosines, so that one rule serves every encoder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder
from sensorium.encoders.ordinary import Vectors, ordinary_media, ordinary_words
from sensorium.errors import UsageError

LABEL, BEST, BIAS = 1.17, -0.3, -0.38
"""Log odds = LABEL * the label's score + BEST * the best word's score + BIAS.

Fitted by `python -m recipes.mini.yes_no` on the validation splits of emoji and clip art, at even
odds: for every label, pictures that it fits weigh as much as those that it does not, and of these
one half show something akin (a dog for a cat)."""

NO, YES = 1 / 3, 2 / 3
"""Probabilities up to which the answer is "no", and from which on it is "yes": odds of two to one.

On validation 87% of the answers are right with these, and a quarter of the questions are left open;
with 0.2 and 0.8 it is 91% and 46%."""

ANSWERS = ("yes", "no", "cannot tell")

LEAST_SPREAD = 1e-6
"""Standard deviation of a picture's scores under which all words are the same to it."""

LEAST = 1e-6
"""Probabilities stay this far from 0 and 1, where odds have no end."""


def answer(probability: float) -> str:
    """Say in words what a probability of `independent` means: one of `ANSWERS`."""
    if probability >= YES:
        return "yes"
    return "no" if probability <= NO else "cannot tell"


def independent(
    encoder: Encoder, prompts: Sequence[str], labels: Vectors, vectors: Vectors, modality: str
) -> npt.NDArray[np.float32]:
    """Probability that each label holds, whatever the others are, at even odds before looking.

    Parameters
    ----------
    encoder : Encoder
    prompts : sequence of str
        What the labels were put into.
    labels : ndarray of float32, shape (c, d)
    vectors : ndarray of float32, shape (n, d)
        Of pictures, or of texts.
    modality : str
        Which of these: ``"image"`` or ``"text"``.

    Returns
    -------
    ndarray of float32, shape (n, c)
        One half for what all words are equally near to.

    Raises
    ------
    UsageError
        For any other modality.
    """
    media = ordinary_media(encoder, modality)
    return judged(labels, vectors, ordinary_words(encoder, prompts), media)


def judged(
    labels: Vectors, vectors: Vectors, words: Vectors, media: Vectors
) -> npt.NDArray[np.float32]:
    """See `independent`; `words` and `media` are vectors of ordinary ones, shape (m, d)."""
    own, best = scores(labels, vectors, words, media)
    logits = LABEL * own + BEST * best[:, None] + BIAS
    logits[np.isnan(best)] = 0
    # The sigmoid as tanh, which does not overflow.
    return np.clip(0.5 + 0.5 * np.tanh(logits / 2), LEAST, 1 - LEAST).astype(np.float32)


def scores(
    labels: Vectors, vectors: Vectors, words: Vectors, media: Vectors
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """How far labels, and the best ordinary word, stand out from ordinary words.

    Parameters
    ----------
    labels, vectors, words, media
        See `judged`.

    Returns
    -------
    own : ndarray of float64, shape (n, c)
    best : ndarray of float64, shape (n,)
        Both in standard deviations; NaN for vectors that all words are equally near to.
    """
    middle = words.mean(axis=0, dtype=np.float64)
    centred = vectors - media.mean(axis=0, dtype=np.float64)
    of_words = centred @ (words - middle).T
    spread = of_words.std(axis=1)
    spread[spread < LEAST_SPREAD] = np.nan
    return centred @ (labels - middle).T / spread[:, None], of_words.max(axis=1) / spread


def odds(probabilities: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Odds of probabilities that `independent` gave."""
    exact = probabilities.astype(np.float64)
    return np.asarray(exact / (1 - exact))


NONE = "none of these"
"""The label of what abstaining classifiers say where no label fits."""


def shares(probabilities: npt.NDArray[np.floating], left_over: int) -> npt.NDArray[np.float32]:
    """Probabilities of labels of which one stands for all that the others are not.

    Before looking, it is as likely that none of the others holds as that one of them does: each
    counts with its odds, divided by how many they are. (With the sum of the odds in place of their
    mean, "none" gets rare where there are many labels: `python -m benchmarks sets`.)

    Parameters
    ----------
    probabilities : ndarray of float, shape (n, c)
        Of each label by itself; see `independent`.
    left_over : int
        Column of the label that stands for the rest.

    Returns
    -------
    ndarray of float32, shape (n, c)
        Rows sum to one.
    """
    weights = odds(probabilities) / (probabilities.shape[1] - 1)
    weights[:, left_over] = 1
    return np.asarray(weights / weights.sum(axis=1, keepdims=True), dtype=np.float32)


CATCH_ALLS = frozenset((
    "something else", "anything else", "everything else", "other", "others", "none",
    "none of these", "none of them", "neither", "not any of these", "其他", "其它", "别的",
    "其他东西", "都不是", "以上都不是", "etwas anderes", "andere", "anderes", "sonstiges",
    "nichts davon", "autre", "autre chose", "aucun", "otro", "otra cosa", "ninguno",
))  # fmt: skip
"""Labels that mean "none of the others", which no picture resembles."""

_PLAIN_NOT = re.compile(
    r"(?:(?:it|this) is not|isn't|not|nicht|kein(?:e|en|er)?)\s+(.+)|(?:不是|并非)\s*(.+)"
)
"""Negations that are nothing else; "no smoking" may as well name a sign."""

_NOT = re.compile(
    _PLAIN_NOT.pattern
    + r"|(?:no(?: es)?|without|ohne|pas|sans|sin)\s+(.+)|non[\s-]+(.+)|没有\s*(.+)"
)

_FRAME = re.compile(
    r"^(?:(?:an?|the)\s+)?(?:photo|picture|image|drawing|photograph)\s+of\s+|"
    r"^(?:an?|the|any|eine?[nrms]?|der|die|das|une?|de|des|l[ae]s?|el|una)\s+|"
    r"^[一这][只个张头条辆座朵幅]|的(?:照片|图片|图像|画)$"
)
"""Articles and "a photo of", which make no other label."""


def rest(labels: Sequence[str]) -> int | None:
    """Which label stands for everything that the others are not; None where none does.

    No space knows negation: to it "not a cat" is near to cats. So such a label has no vector; what
    the others leave over is its probability.

    Parameters
    ----------
    labels : sequence of str
        Two or more labels that exclude each other.

    Raises
    ------
    UsageError
        For two such labels, or one that is the negation of one label among several.
    """
    found = [i for i, label in enumerate(labels) if label.casefold() in CATCH_ALLS]
    cores = [_core(label) for label in labels]
    for i, label in enumerate(labels):
        denied = _denied(label, _NOT if len(labels) == 2 else _PLAIN_NOT)
        if denied is None or denied not in cores:
            continue
        if len(labels) > 2:
            raise UsageError(
                f"{label!r} and the other labels do not exclude each other: "
                "say 'something else' for what none of them is"
            )
        found.append(i)
    if len(found) > 1:
        named = " and ".join(repr(labels[i]) for i in found)
        raise UsageError(f"{named} say the same, that it is none of the others: keep one")
    return found[0] if found else None


def require_judgeable(labels: Sequence[str]) -> None:
    """Refuse labels that say what something is not, where each is judged by itself.

    Raises
    ------
    UsageError
        With the question to ask instead.
    """
    for label in labels:
        if (denied := _denied(label, _PLAIN_NOT)) is not None:
            raise UsageError(
                f"encoders do not understand negation, {label!r} is near to what it denies: "
                f"ask for {denied!r} and read its answer the other way round"
            )
        if label.casefold() in CATCH_ALLS:
            raise UsageError(
                f"{label!r} goes with labels that exclude each other; by itself it says nothing"
            )


def _denied(label: str, negation: re.Pattern[str]) -> str | None:
    """What a label denies, without its article; None where it denies nothing."""
    match = negation.fullmatch(label.casefold())
    return None if match is None else _core(next(filter(None, match.groups())))


def _core(label: str) -> str:
    """A label in small letters, without articles and "a photo of"."""
    label = label.casefold().strip()
    shorter = _FRAME.sub("", label, count=1).strip()
    return label if shorter in (label, "") else _core(shorter)
