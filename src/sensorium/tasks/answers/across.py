"""Questions in another script than the texts': they share no words, an encoder matches them.

A sentence is scored by its cosine to the question, in standard deviations of the question's cosines
to ordinary passages; by the mean of these over its text, which says whether that is the subject;
and, of Chinese questions about English texts, by the share of the question's words that it has, as
the lexicon translates them, and by whether words of the kind that is asked for stand in it. How
likely it holds the answer is its share of all sentences and of one more score, which
stands for a text that does not say it: so much the less, the more sentences could have been it.

Weights and that score were fitted by likelihood on the validation questions of `python -m
benchmarks language`, put into Chinese, asked of one short text and of 82 together. Other pairs of
scripts were not measured.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.tasks.answers.spans import spans
from sensorium.tasks.lexicon import lexicon
from sensorium.tasks.terms import terms, weights


@dataclass(frozen=True)
class _Weights:
    """What counts of a sentence.

    Its own cosine, the mean of its text, words of the kind (which count against it where there are
    none), the share of the question's words; and the score of a text that does not say it.
    """

    cosine: float
    subject: float
    kind: float
    share: float
    not_said: float


TRANSLATED = _Weights(0.58, 1.20, 1.91, 4.97, 8.67)
PLAIN = _Weights(0.9, 1.3, 2.0, 0.0, 8.5)
"""With the question's words in the texts' language, and where nobody knows those."""

_ONE_SCRIPT = {"HIRAGANA": "CJK", "KATAKANA": "CJK"}

_AS_ENGLISH = (
    (r"什么时候|何时|哪一?[年天]|哪个月", "When was it?"),
    (r"多长时间", "How many does it?"),
    (r"多长", "How long is it?"), (r"多高", "How tall is it?"), (r"多重", "How heavy is it?"),
    (r"多宽", "How wide is it?"), (r"多深", "How deep is it?"), (r"多快", "How fast is it?"),
    (r"多远", "How far is it?"), (r"多少|几", "How many does it?"), (r"谁", "Who was it?"),
    (r"哪里|哪[座个](?:城|国|大洲|州|半岛|河)|哪条河", "Where is it?"), (r"为什么", "Why is it?"),
)  # fmt: skip
"""Chinese questions, and the barest English one of each kind: the rules of `spans` are English."""


def script_of(text: str) -> str:
    """The script that most letters of a text are of, as Unicode calls it; empty without any."""
    letters = Counter(letter for letter in text if letter.isalpha())
    names: Counter[str] = Counter()
    for letter, count in letters.items():
        name = unicodedata.name(letter, "?").split(" ")[0]
        names[_ONE_SCRIPT.get(name, name)] += count
    return names.most_common(1)[0][0] if names else ""


def is_across(question: str, text: str) -> bool:
    """Whether a question is in another script than a text; both have letters."""
    asked, said = script_of(question), script_of(text)
    return bool(asked and said) and asked != said


def chances(
    cosines: npt.NDArray[np.float64],
    of: npt.NDArray[np.intp],
    fits: npt.NDArray[np.float64],
    shares: npt.NDArray[np.float64] | None = None,
) -> npt.NDArray[np.float64]:
    """How likely each sentence holds the answer; together at most 1.

    Parameters
    ----------
    cosines : ndarray of float64, shape (n,)
        To the question, in standard deviations of those to ordinary passages.
    of : ndarray of int, shape (n,)
        Which text each is from.
    fits : ndarray of float64, shape (n,)
        1 with words of the kind that is asked for, -1 without, 0 where nobody knows the kind.
    shares : ndarray of float64, shape (n,), optional
        Of the question's words, see `translated_shares`.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    counts = np.maximum(1, np.bincount(of))
    means = np.bincount(of, cosines) / counts
    weigh = PLAIN if shares is None else TRANSLATED
    scores = weigh.cosine * cosines + weigh.subject * means[of] + weigh.kind * fits
    if shares is not None:
        scores = scores + weigh.share * shares
    most = max(weigh.not_said, float(scores.max(initial=weigh.not_said)))
    own = np.exp(scores - most)
    return np.asarray(own / (own.sum() + np.exp(weigh.not_said - most)))


def translated_shares(question: str, texts: Sequence[str]) -> npt.NDArray[np.float64] | None:
    """The share of a Chinese question's words that English texts have, by how telling they are.

    Returns
    -------
    ndarray of float64, shape (len(texts),), or None
        None where the lexicon knows none of them, or either is in another script.
    """
    if script_of(question) != "CJK" or script_of(" ".join(texts)) != "LATIN":
        return None
    words = [
        ways for part in lexicon().parts(question)
        if (ways := {term for name in part.others if name.isascii() for term in terms(name)})
    ]  # fmt: skip
    if not words:
        return None
    held = [frozenset(terms(text)) for text in texts]
    weight = weights(held)
    worth = [1.0 + max(weight.get(term, 0.0) for term in ways) for ways in words]
    return np.array([
        sum(one for one, ways in zip(worth, words, strict=True) if not ways.isdisjoint(own))
        for own in held
    ]) / sum(worth)  # fmt: skip


def as_english(question: str) -> str:
    """The barest English question of the kind of a Chinese one; empty where no rule is for it."""
    return next((plain for rule, plain in _AS_ENGLISH if re.search(rule, question)), "")


def words_of_kind(
    question: str, texts: Sequence[str]
) -> tuple[npt.NDArray[np.float64], list[tuple[int, int] | None]]:
    """`fits` of `chances`, and the words of each sentence that are of the kind asked for."""
    plain = as_english(question) if script_of(question) == "CJK" else ""
    fits, words = np.zeros(len(texts)), list[tuple[int, int] | None]()
    for row, text in enumerate(texts):
        knows = plain and script_of(text) == "LATIN"
        own = [span for span in spans(plain, text) if span.is_kind] if knows else []
        fits[row] = (1 if own else -1) if knows else 0
        words.append((own[0].start, own[0].stop) if own else None)
    return fits, words
