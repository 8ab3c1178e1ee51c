"""Questions in another script than the texts': they share no words, an encoder matches them.

A sentence is scored by its cosine to the question, in standard deviations of the question's cosines
to ordinary passages; by the mean of these over its text, which says whether that is the subject;
and, of Chinese questions about English texts, by whether words of the kind that is asked for stand
in it. How likely it holds the answer is its share of all sentences and of one more score, which
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

import numpy as np
import numpy.typing as npt

from sensorium.tasks.answers.spans import spans

COSINE, SUBJECT, KIND = 0.9, 1.3, 2.0
"""What counts of a sentence: its own cosine, the mean of its text, and words of the kind (which
count against it where there are none)."""

NOT_SAID = 8.5
"""Score of a text that does not say it."""

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
    cosines: npt.NDArray[np.float64], of: npt.NDArray[np.intp], fits: npt.NDArray[np.float64]
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

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    counts = np.maximum(1, np.bincount(of))
    means = np.bincount(of, cosines) / counts
    scores = COSINE * cosines + SUBJECT * means[of] + KIND * fits
    most = max(NOT_SAID, float(scores.max(initial=NOT_SAID)))
    shares = np.exp(scores - most)
    return np.asarray(shares / (shares.sum() + np.exp(NOT_SAID - most)))


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
