"""Answers that stand in the texts: the best sentence, its best words, and whether it says it.

Nothing but an encoder's text tower is needed. A sentence is scored by four things:

- the share of the question's words that it has, each by how telling it is;
- the same of the sentence with its neighbours;
- whether words of the kind that is asked for stand in it (`answer_spans`), and near the question's;
- its cosine to the question, in standard deviations of the question's cosines to ordinary passages.

Scores were weighed on the validation questions of `python -m benchmarks language`, where both one
short text and 82 of them were asked; words decide more than the cosine there. Sentences in another
script than the question's are judged by the encoder alone (`across`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.encoders.background import background
from sensorium.encoders.base import Encoder
from sensorium.errors import EncoderError
from sensorium.media import Modality, Text
from sensorium.tasks.answers.across import chances, is_across, translated_shares, words_of_kind
from sensorium.tasks.answers.answer import Answer, passage_around, squeezed
from sensorium.tasks.answers.spans import Asked, Span, asked_for, spans
from sensorium.tasks.origin import Origin
from sensorium.tasks.sentences import sentences
from sensorium.tasks.source_texts import SourceText
from sensorium.tasks.terms import terms, weights

NEIGHBOURS, FIT, COSINE = 0.3, 0.2, 0.05
"""What counts beside the share of words, which counts 1; see above."""

SCALE, BIAS = 4.5, -4.6
"""Log odds = SCALE * score + BIAS that a sentence holds the answer; fitted on validation."""

THRESHOLD = 0.5
"""Probability under which it is not in the text."""

NO_FIT = -1.0
"""Fit of a sentence without words of the kind that is asked for."""

ANY_FIT = 0.6
"""The same where nobody knows which kind that is: questions in other languages."""

COMMON = 1.0
"""Added to what a word weighs: in a short text every sentence may have the word that matters."""

UNSEEN = 4.0
"""What a word of the question weighs that no text has."""

ENCODED = 2_000
"""Sentences whose vectors are computed, those with most of the question's words: 4 seconds."""


@dataclass(frozen=True)
class _Sentence:
    text: str
    number: int  # in its text
    of: int  # which text


class Extractive:
    """Answers with the words of the texts; see `TextReader`.

    Parameters
    ----------
    encoder : Encoder
        With a text tower.
    threshold : float
        Probability under which the answer is "not in the text".

    Raises
    ------
    EncoderError
        When the encoder reads no texts.
    """

    def __init__(self, encoder: Encoder, threshold: float = THRESHOLD) -> None:
        if Modality.TEXT not in encoder.space.modalities:
            raise EncoderError(f"{encoder.name} reads no texts: name an encoder that does")
        self._encoder = encoder
        self._threshold = threshold
        self._ordinary: npt.NDArray[np.float32] | None = None
        self.origin = Origin(encoder.name, encoder.space.fingerprint, "encoder")

    def read(self, question: str, texts: list[SourceText], k: int = 1) -> list[Answer]:
        """See `TextReader.read`."""
        pieces = [
            [squeezed(one.text[start:stop]) for start, stop in sentences(one.text)] for one in texts
        ]
        held = [
            _Sentence(sentence, number, of)
            for of, own in enumerate(pieces)
            for number, sentence in enumerate(own)
        ]
        known: dict[str, float] = {}
        scores, fits = self.scores(question, held, known)
        likely = 1 / (1 + np.exp(-(SCALE * scores + BIAS)))
        self._look_across(question, held, known, likely, fits)
        found: list[Answer] = []
        for row in map(int, np.argsort(-likely, kind="stable")):
            one = held[row]
            probability = float(likely[row])
            if found and (len(found) == k or probability < self._threshold):
                break
            passage, at = passage_around(pieces[one.of], one.number)
            source = texts[one.of]
            span: tuple[int, int] | None = None
            if probability >= self._threshold:
                start, stop = fits[row] or (0, len(one.text))
                span = (at + start, at + stop)
            text = passage[slice(*span)] if span else ""
            found.append(
                Answer(question, text, probability, passage, source.source, span, self.origin,
                       source.place)
            )  # fmt: skip
            if not text:
                break
        return found

    def _look_across(
        self, question: str, held: Sequence[_Sentence], known: dict[str, float],
        likely: npt.NDArray[np.float64], fits: dict[int, tuple[int, int] | None],
    ) -> None:  # fmt: skip
        """Judge sentences in another script than the question's by the encoder alone."""
        rows: dict[tuple[int, str], int] = {}
        for row, one in enumerate(held):  # what a text says again counts once
            if (one.of, one.text) not in rows and is_across(question, one.text):
                rows[one.of, one.text] = row
        if not rows:
            return
        texts = [text for _, text in rows]
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, self._cosines(question, new), strict=True))
        kinds, words = words_of_kind(question, texts)
        cosines, of = np.array([known[text] for text in texts]), np.array([n for n, _ in rows])
        likelihoods = chances(cosines, of, kinds, translated_shares(question, texts))
        for row, chance, span in zip(rows.values(), likelihoods, words, strict=True):
            if chance > likely[row]:
                likely[row], fits[row] = chance, span

    def scores(
        self, question: str, held: Sequence[_Sentence], known: dict[str, float]
    ) -> tuple[npt.NDArray[np.float64], dict[int, tuple[int, int] | None]]:
        """The score of each sentence, and the words in it that answer; `known` takes cosines."""
        asked = set(terms(question))
        by_text = {text: frozenset(terms(text)) for text in {one.text for one in held}}
        own = [by_text[one.text] for one in held]
        weight = {term: value + COMMON for term, value in weights(own).items()}
        shares = np.array([_share(asked, had, weight) for had in own])
        around = np.array([
            _share(asked, _neighbours(own, held, row), weight) for row in range(len(held))
        ])  # fmt: skip
        kind = asked_for(question)
        fits = np.full(len(held), ANY_FIT if kind is Asked.SENTENCE else NO_FIT)
        words: dict[int, tuple[int, int] | None] = dict.fromkeys(range(len(held)))
        if kind is not Asked.SENTENCE:
            marked = {text: spans(question, text) for text in by_text}
            for row, one in enumerate(held):
                found = marked[one.text]
                best: Span | None = found[0] if found else None
                words[row] = (best.start, best.stop) if best else None
                fits[row] = max((s.fit for s in found if s.is_kind), default=NO_FIT)
        scores = shares + NEIGHBOURS * around + FIT * fits
        # A sentence that stands there a thousand times is encoded once, and takes one place.
        ranked = dict.fromkeys(held[row].text for row in np.argsort(-scores, kind="stable"))
        near = [*ranked][:ENCODED]
        known.update(zip(near, self._cosines(question, near), strict=True))
        cosines = np.array([known.get(one.text, 0.0) for one in held])
        return scores + COSINE * cosines, words

    def _cosines(self, question: str, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        """In standard deviations of those to ordinary passages."""
        if self._ordinary is None:
            self._ordinary = background(self._encoder)[str(Modality.TEXT)]
        asked = self._encoder.encode_queries([Text(question)])[0]
        ordinary = self._ordinary @ asked
        found = self._encoder.encode([Text(text) for text in texts]) @ asked
        return np.asarray((found - ordinary.mean()) / max(1e-6, float(ordinary.std())), np.float64)


def _share(asked: set[str], had: AbstractSet[str], weight: Mapping[str, float]) -> float:
    whole = sum(weight.get(term, UNSEEN) for term in asked)
    return sum(weight.get(term, UNSEEN) for term in asked & had) / whole if whole else 0.0


def _neighbours(own: Sequence[frozenset[str]], held: Sequence[_Sentence], row: int) -> set[str]:
    found = set(own[row])
    for other in (row - 1, row + 1):
        if 0 <= other < len(held) and held[other].of == held[row].of:
            found |= own[other]
    return found
