"""How good generated texts are: BLEU, chrF and CIDEr-D against one or more right texts each.

BLEU and chrF are those of sacrebleu (Post 2018), so that figures can be compared with others'.
CIDEr-D is our own: the published code wants Java for its tokenizer and 100 MB of it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError
from sensorium.evaluation.comparison import Comparison
from sensorium.evaluation.intervals import Interval
from sensorium.evaluation.resampling import Columns, Statistic, comparison, interval, mean

try:
    from sacrebleu.metrics.bleu import BLEU
    from sacrebleu.metrics.chrf import CHRF
except ImportError as error:
    raise MissingExtraError("sacrebleu", "evaluate") from error

ORDER = 4
"""Longest n-grams that BLEU and CIDEr-D count, in words."""

CIDER_SIGMA = 6.0
"""Words by which lengths may differ before CIDEr-D takes off much (Vedantam et al. 2015)."""

CIDER_SCALE = 10.0

SCORES = ("bleu-1", "bleu-2", "bleu-3", "bleu-4", "chrf", "cider-d", "exact")
"""What `TextScores` measures. BLEU and chrF are 0 to 100, CIDEr-D 0 to 10, exact a share."""

TOKENIZERS = {"zh": "zh", "ja": "char", "ko": "char", "th": "char"}
"""How sacrebleu cuts a language into words; all others "13a", which is mteval's."""

# Scripts that write no spaces are counted by the character, all others by the word.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")


@dataclass(frozen=True)
class TextScores:
    """What one system's texts are worth, example by example.

    Attributes
    ----------
    matches, totals : ndarray of int64, shape (n, ORDER)
        N-grams of each text that a right text has, and n-grams that it has.
    lengths : ndarray of int64, shape (n, 2)
        Words of each text, and of the right text that is nearest in length.
    chrf, cider, exact : ndarray of float64, shape (n,)
        Sentence chrF2 (0 to 100), CIDEr-D (0 to 10), and whether the text is a right text, case
        and surrounding space apart.
    """

    matches: npt.NDArray[np.int64]
    totals: npt.NDArray[np.int64]
    lengths: npt.NDArray[np.int64]
    chrf: npt.NDArray[np.float64]
    cider: npt.NDArray[np.float64]
    exact: npt.NDArray[np.float64]

    def intervals(
        self, *, seed: int = 0, groups: npt.NDArray[np.intp] | None = None
    ) -> dict[str, Interval]:
        """Every score of `SCORES` with its 95% bootstrap interval over examples.

        BLEU is that of the corpus, the others are means over examples.

        Parameters
        ----------
        seed : int
        groups : ndarray of int, shape (n,), optional
            Number of the group of each example, where examples of one group are not independent.
        """
        return {
            name: interval(statistic, columns, seed=seed, groups=groups)
            for name, (statistic, columns) in self._measured().items()
        }

    def estimates(self) -> dict[str, float]:
        """Every score of `SCORES`, without intervals."""
        even = np.ones(len(self.chrf), np.int64)
        return {
            name: statistic(columns, even)
            for name, (statistic, columns) in self._measured().items()
        }

    def compare(
        self, other: TextScores, *, seed: int = 0, groups: npt.NDArray[np.intp] | None = None
    ) -> dict[str, Comparison]:
        """What this system gains over another on the same examples, with paired tests.

        Parameters
        ----------
        other : TextScores
            Of the same examples in the same order.
        seed, groups
            As in `intervals`.

        Raises
        ------
        ValueError
            When the numbers of examples differ.
        """
        if len(self.chrf) != len(other.chrf):
            raise ValueError(
                f"the systems are compared on the same examples, got {len(self.chrf)} and "
                f"{len(other.chrf)}"
            )
        theirs = other._measured()
        return {
            name: comparison(statistic, columns, theirs[name][1], seed=seed, groups=groups)
            for name, (statistic, columns) in self._measured().items()
        }

    def _measured(self) -> dict[str, tuple[Statistic, Columns]]:
        counted = (*self.matches.T, *self.totals.T, *self.lengths.T)
        measured: dict[str, tuple[Statistic, Columns]] = {
            f"bleu-{order}": (partial(_corpus_bleu, order), counted)
            for order in range(1, ORDER + 1)
        }
        measured |= {"chrf": (mean, (self.chrf,)), "cider-d": (mean, (self.cider,))}
        return measured | {"exact": (mean, (self.exact,))}


def score_texts(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    language: str = "en",
    lowercase: bool = False,
) -> TextScores:
    """Score generated texts.

    Parameters
    ----------
    hypotheses : sequence of str, length n
        An empty text is a wrong one.
    references : sequence of sequences of str, length n
        One or more right texts for each.
    language : str
        Code of the language ("en", "zh-hant"), which decides how BLEU cuts words.
    lowercase : bool
        Whether BLEU and chrF look past case, as is usual for captions. CIDEr-D always does.

    Raises
    ------
    ValueError
        For no examples, lengths that differ, or an example without a right text.
    """
    _require_examples(hypotheses, references)
    tokenize = TOKENIZERS.get(language.lower().replace("_", "-").split("-")[0], "13a")
    # The order is that of a sentence that lacks long n-grams; only its counts are used.
    bleu = BLEU(lowercase=lowercase, tokenize=tokenize, max_ngram_order=ORDER, effective_order=True)
    chrf = CHRF(lowercase=lowercase)
    counted = [
        bleu.sentence_score(text, list(right))
        for text, right in zip(hypotheses, references, strict=True)
    ]
    return TextScores(
        matches=np.array([score.counts for score in counted], np.int64),
        totals=np.array([score.totals for score in counted], np.int64),
        lengths=np.array([(score.sys_len, score.ref_len) for score in counted], np.int64),
        chrf=np.array(
            [
                chrf.sentence_score(text, list(right)).score
                for text, right in zip(hypotheses, references, strict=True)
            ],
            np.float64,
        ),
        cider=cider_d(hypotheses, references),
        exact=np.array(
            [
                text.strip().casefold() in {one.strip().casefold() for one in right}
                for text, right in zip(hypotheses, references, strict=True)
            ],
            np.float64,
        ),
    )


def _corpus_bleu(order: int, columns: Columns, weights: npt.NDArray[np.int64]) -> float:
    """Corpus BLEU with n-grams up to `order`, as sacrebleu's `corpus_score` smooths it."""
    sums = [int(column @ weights) for column in columns]
    score = BLEU.compute_bleu(
        sums[:order],
        sums[ORDER : ORDER + order],
        sums[-2],
        sums[-1],
        smooth_method="exp",
        max_ngram_order=order,
    )
    return float(score.score)


def cider_d(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]]
) -> npt.NDArray[np.float64]:
    """CIDEr-D of every text (Vedantam, Zitnick and Parikh 2015, section 6; COCO's server).

    N-grams of 1 to 4 words are weighted by how few examples' right texts hold them (TF-IDF); the
    score is ten times the mean, over n and over right texts, of the cosine of those vectors, with
    counts clipped to the right text's and a Gaussian penalty for the difference in length. What
    is rare is judged within `references`, so scores of different test sets do not compare, and a
    single example scores 0. A text of k < 4 words can reach 10 k / 4 at most.

    Words are runs of letters and digits in lower case; in scripts without spaces every character
    is one.

    Parameters
    ----------
    hypotheses : sequence of str, length n
    references : sequence of sequences of str, length n

    Returns
    -------
    ndarray of float64, shape (n,)
        In 0 to 10.

    Raises
    ------
    ValueError
        As `score_texts`.
    """
    _require_examples(hypotheses, references)
    right = [[_n_grams(text) for text in texts] for texts in references]
    frequency = Counter(gram for texts in right for gram in {g for text in texts for g in text})
    examples = np.log(len(references))
    rarity = {gram: examples - np.log(count) for gram, count in frequency.items()}
    scores = [
        CIDER_SCALE * np.mean([_similarity(_n_grams(text), one, rarity, examples) for one in texts])
        for text, texts in zip(hypotheses, right, strict=True)
    ]
    return np.array(scores, np.float64)


NGram = tuple[str, ...]


def _similarity(
    ours: Counter[NGram], right: Counter[NGram], rarity: dict[NGram, float], unseen: float
) -> float:
    """Mean over n of the clipped cosine, times the penalty for length."""
    products, ours_squared, right_squared = np.zeros(ORDER), np.zeros(ORDER), np.zeros(ORDER)
    for gram, count in ours.items():
        n, weight = len(gram) - 1, rarity.get(gram, unseen)
        ours_squared[n] += (count * weight) ** 2
        products[n] += min(count, right[gram]) * right[gram] * weight**2
    for gram, count in right.items():
        right_squared[len(gram) - 1] += (count * rarity[gram]) ** 2
    norms = np.sqrt(ours_squared * right_squared)
    cosines = np.divide(products, norms, out=np.zeros(ORDER), where=norms > 0)
    difference = _length(ours) - _length(right)
    return float(cosines.mean() * np.exp(-(difference**2) / (2 * CIDER_SIGMA**2)))


def _length(grams: Counter[NGram]) -> int:
    return sum(count for gram, count in grams.items() if len(gram) == 1)


def _n_grams(text: str) -> Counter[NGram]:
    words = _WORD.findall(text.lower())
    return Counter(
        tuple(words[start : start + n])
        for n in range(1, ORDER + 1)
        for start in range(len(words) - n + 1)
    )


def _require_examples(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> None:
    if len(hypotheses) != len(references):
        raise ValueError(
            f"every text has its right texts, got {len(hypotheses)} texts and right texts for "
            f"{len(references)}"
        )
    if not len(hypotheses):
        raise ValueError("there are no texts to score")
    for place, texts in enumerate(references):
        if isinstance(texts, str) or not texts:
            raise ValueError(f"example {place} needs a list of one or more right texts: {texts!r}")
