"""Summaries of a text's own sentences: those that stand for most of it and repeat least.

Chosen greedily for a submodular function of sentence vectors (Lin and Bilmes 2011, "A class of
submodular functions for document summarization", sections 4 and 5): how much of the text the chosen
sentences cover, each sentence up to a share of what all of them cover of it, plus a reward for
sentences of different parts of the text, which a second one of the same part gets less of. Greedy
choice comes within 1 - 1/e of the best there is. It was chosen, with its weights, on the validation
texts of `python -m benchmarks language`, where it stood before MMR and TextRank.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder
from sensorium.errors import EncoderError
from sensorium.media import Modality, Text
from sensorium.tasks.answers.answer import squeezed
from sensorium.tasks.origin import Origin
from sensorium.tasks.sentences import sentences
from sensorium.tasks.source_texts import SourceText
from sensorium.tasks.summaries.summary import Length, Picked, Summary
from sensorium.tasks.terms import terms, weights

SATURATION = 2.0
"""A sentence is covered when the chosen ones are as near to it as this many times an even share of
all sentences (alpha of the paper, times the number of sentences)."""

DIVERSITY = 1.0
"""What the reward for different parts counts beside coverage, both from 0 to 1 (lambda)."""

PART = 5
"""Sentences of a part, on average: as many parts as a fifth of the sentences (as in the paper)."""

WORDS = 0.5
"""Share of the words' cosine in a similarity; the rest is the vectors'."""

WINDOW = 600
"""Sentences that are compared with each other; of longer texts, the best of each window are
compared again: similarities grow with the square."""

LEAST_WORDS = 4
"""Terms of a sentence that can stand for others: headings and page numbers are shorter."""

LEAST_LETTERS = 0.7
"""Share of letters in what is written of such a sentence: rows of tables have figures."""

LONGEST = 400
"""Characters of such a sentence: a longer one is a list or a table, or no summary."""

_WHOLE = re.compile(r"[.!?…。！？।॥؟۔][\"'”’»)\]」』）]*$")
_REFERS = re.compile(
    r"(?:it|its|they|their|he|his|she|her|this|these|that|those|but|however|therefore|thus|so|then|"
    r"such|also|er|sie|es|dies\w*|aber|doch|daher|il|elle|ils|elles|mais)\b|它|他|她|这|那|但|所以|因此",
    re.IGNORECASE,
)
_THAI = re.compile(r"[\u0e00-\u0eff]")

Matrix = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Chosen:
    """Sentences that were chosen.

    Attributes
    ----------
    rows : list of int
        In the order of choice.
    gains : list of float
    coverage : float
    """

    rows: list[int]
    gains: list[float]
    coverage: float


class ExtractiveSummaries:
    """Summaries by an encoder's text tower; see `SummaryModel`.

    Parameters
    ----------
    encoder : Encoder

    Raises
    ------
    EncoderError
        When it reads no texts.
    """

    def __init__(self, encoder: Encoder) -> None:
        if Modality.TEXT not in encoder.space.modalities:
            raise EncoderError(f"{encoder.name} reads no texts: name an encoder that does")
        self._encoder = encoder
        self.origin = Origin(encoder.name, encoder.space.fingerprint, "encoder")

    def summarize(self, texts: list[SourceText], length: Length) -> Summary:
        """See `SummaryModel.summarize`."""
        said = [
            (squeezed(one.text[start:stop]), one)
            for one in texts
            for start, stop in sentences(one.text)
        ]
        held = [text for text, _ in said]
        chosen, windows = self.choose(held, length.of(len(held)))
        gains = dict(zip(chosen.rows, chosen.gains, strict=True))
        picked = tuple(
            Picked(held[row], row, gains[row], said[row][1].place) for row in sorted(chosen.rows)
        )
        text = " ".join(one.text for one in picked)
        return Summary(texts[0].source, text, picked, chosen.coverage, self.origin, windows)

    def choose(self, held: Sequence[str], count: int) -> tuple[Chosen, int]:
        """Choose `count` of a text's sentences; also in how many windows that was done.

        What stands there several times, as heads of pages do, counts and is encoded once.
        """
        first = {text.casefold(): row for row, text in reversed(list(enumerate(held)))}
        stands = np.array(sorted(first.values()))  # where in the text each of `once` does
        once, windows = [held[row] for row in stands], 0
        vectors = self._encoder.encode([Text(text) for text in once])
        words = [terms(text) for text in once]
        fit = np.array([
            _standing(text, len(own)) for text, own in zip(once, words, strict=True)
        ])  # fmt: skip
        rows = np.arange(len(once))

        def best(rows: npt.NDArray[np.intp], count: int) -> Chosen:
            return _chosen(vectors[rows], [words[row] for row in rows], fit[rows], count)

        while len(rows) > max(WINDOW, 2 * count):
            share = max(count, WINDOW // 4) / len(rows)
            kept = []
            for start in range(0, len(rows), WINDOW):
                window = rows[start : start + WINDOW]
                quota = min(len(window), max(1, math.ceil(len(window) * share)))
                kept.append(window[np.sort(best(window, quota).rows)])
                windows += 1
            if sum(map(len, kept)) >= len(rows):
                break
            rows = np.concatenate(kept)
        chosen = best(rows, count)
        places = [int(stands[rows[row]]) for row in chosen.rows]
        return Chosen(places, chosen.gains, chosen.coverage), max(1, windows)


def _standing(text: str, count: int) -> int:
    """How well a sentence can stand for others, from 0 to 2.

    2 for one that is whole, 1 for one that is long, lacks its mark or speaks of what was named
    before it, 0 for headings, page numbers and rows of tables.
    """
    letters = sum(letter.isalpha() for letter in text)
    written = sum(not letter.isspace() for letter in text)
    if count < LEAST_WORDS or letters < LEAST_LETTERS * written:
        return 0
    is_whole = bool(_WHOLE.search(text) or _THAI.search(text)) and len(text) <= LONGEST
    return 1 + (is_whole and not _REFERS.match(text))


def _chosen(
    vectors: npt.NDArray[np.float32],
    words: Sequence[Sequence[str]],
    fit: npt.NDArray[np.intp],
    count: int,
) -> Chosen:
    least = next((level for level in (2, 1) if (fit >= level).sum() >= count), 0)
    return chosen_of(similarities(vectors, words), parts_of(vectors), count, fit >= least)


def similarities(vectors: npt.NDArray[np.float32], words: Sequence[Sequence[str]]) -> Matrix:
    """How alike sentences are, shape (n, n), from 0 to 1.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
        Unit vectors. What all have in common is taken off: cosines of all sentences of a text are
        high.
    words : sequence of sequence of str
        Their terms.
    """
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    centred /= np.maximum(norms, 1e-9)
    near = np.clip(centred @ centred.T, 0, 1)
    return np.asarray((1 - WORDS) * near + WORDS * _word_cosines(words))


def _word_cosines(words: Sequence[Sequence[str]]) -> Matrix:
    weight = weights(words)
    places = {term: place for place, term in enumerate(weight)}
    if not places:
        return np.eye(len(words))
    rows = np.zeros((len(words), len(places)), np.float32)
    for row, own in enumerate(words):
        for term in own:
            rows[row, places[term]] += weight[term]
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return np.asarray(rows @ rows.T, np.float64)


def parts_of(vectors: npt.NDArray[np.float32], rounds: int = 10) -> npt.NDArray[np.intp]:
    """Parts of a text: sentences that are alike, by spherical k-means from even places on."""
    count = max(1, round(len(vectors) / PART))
    centred = vectors - vectors.mean(axis=0)
    centred /= np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-9)
    middles = centred[np.linspace(0, len(vectors) - 1, count).astype(int)]
    parts = np.zeros(len(vectors), np.intp)
    for _ in range(rounds):
        parts = (centred @ middles.T).argmax(axis=1)
        for part in range(count):
            if (own := centred[parts == part]).size:
                middle = own.sum(axis=0)
                middles[part] = middle / max(1e-9, float(np.linalg.norm(middle)))
    return np.asarray(parts)


def chosen_of(
    alike: Matrix,
    parts: npt.NDArray[np.intp],
    count: int,
    may: npt.NDArray[np.bool_] | None = None,
    *,
    saturation: float = SATURATION,
    diversity: float = DIVERSITY,
) -> Chosen:
    """Choose sentences greedily.

    Parameters
    ----------
    alike : ndarray of float64, shape (n, n)
        Similarities, not negative.
    parts : ndarray of int, shape (n,)
    count : int
    may : ndarray of bool, shape (n,), optional
        Which may be chosen; default: all.
    """
    may = np.ones(len(alike), bool) if may is None else may
    whole = alike.sum(axis=1)
    limit = np.maximum(whole * min(1.0, saturation / len(alike)), 1e-12)
    reward = whole / max(1e-12, float(whole.sum()))
    covered, of_part = np.zeros(len(alike)), np.zeros(parts.max() + 1)
    best = max(1e-12, float(np.sqrt(np.bincount(parts, reward)).sum()))
    free = may.copy()
    rows: list[int] = []
    gains: list[float] = []
    for _ in range(min(count, int(may.sum()))):
        new = np.minimum(covered[None, :] + alike, limit[None, :]) - np.minimum(covered, limit)
        gain = (new / limit[None, :]).mean(axis=1)
        gain += diversity / best * (np.sqrt(of_part[parts] + reward) - np.sqrt(of_part[parts]))
        row = int(np.where(free, gain, -1.0).argmax())
        rows.append(row)
        gains.append(float(gain[row]))
        free[row] = False
        covered += alike[row]
        of_part[parts[row]] += reward[row]
    total = sum(gains) or 1.0
    coverage = float((np.minimum(covered, limit) / limit).mean())
    return Chosen(rows, [gain / total for gain in gains], coverage)
