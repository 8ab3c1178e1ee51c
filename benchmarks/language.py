"""Answers and summaries that need nothing but an encoder, beside rivals.

    python -m benchmarks language [--encoder NAME] [--split val] [--quick] [--json FILE]

**Answers**: 150 questions about fact texts, and 72 that their text does not answer
(`language_cases.py`), asked of their own text and of all 82 at once. Exact match and F1 as SQuAD
has them, whether the sentence that is cited holds the answer, and how well questions without an
answer are told from the others: the area under the ROC curve of the probability. Rivals: the
sentence with the highest BM25 as a whole, the answer's words in that sentence, and the text's first
sentence. The same questions are asked in Chinese, of the same English texts, where BM25 finds
nothing.

**Summaries** of four sentences, of texts that are put together of four: the share of subjects that
have a sentence in the summary, one minus the Jensen-Shannon divergence of its words from the text's
(Louis and Nenkova 2013: of all measures without a reference nearest to people's judgement), and how
much its sentences repeat one another (the mean of each one's highest cosine of words to another).
Rivals: the first sentences, TextRank over the same similarities, MMR, and sentences drawn by
chance.

95% intervals by drawing texts again. Rules and weights were chosen with ``--split val``.
"""

import argparse
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.language_cases import (
    SUBJECTS,
    Asked,
    Mixed,
    exact,
    f1,
    in_chinese,
    mixed,
    questions,
    texts,
)
from benchmarks.rows import Row
from sensorium import load_encoder
from sensorium.encoders.base import Encoder, Role
from sensorium.evaluation.resampling import group_numbers, interval, mean
from sensorium.tasks.answers.extractive import Extractive
from sensorium.tasks.answers.spans import spans
from sensorium.tasks.sentences import sentences
from sensorium.tasks.source_texts import SourceText
from sensorium.tasks.summaries.extractive import ExtractiveSummaries, similarities
from sensorium.tasks.terms import bm25, terms

OURS = "Sensorium"
Values = npt.NDArray[np.float64]
Said = tuple[str, str, float]  # an answer, the sentence it is from, and how sure that is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--encoder", default="mini", help="default: mini")
    parser.add_argument("--split", default="test", choices=("val", "test"), help="default: test")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Ask and summarise."""
    encoder = Remembering(load_encoder(arguments.encoder))
    held = texts()
    pieces = {
        name: [text[start:stop] for start, stop in sentences(text)] for name, text in held.items()
    }
    asked = questions(arguments.split)
    documents = mixed(arguments.split, pieces)
    if arguments.quick:
        asked, documents = asked[::4], documents[::4]
    rows = []
    for case, names in (("own text", None), ("all texts", [*held])):
        rows += _answers(case, asked, held, pieces, names, encoder)
        rows += _answers(f"{case}, in Chinese", in_chinese(asked), held, pieces, names, encoder)
    return [*rows, *_summaries(documents, encoder)]


def show(rows: list[Row]) -> None:
    """Print a line for each figure of each system, with its interval."""
    table = Table("case", "metric", "system", "value", "95% interval")
    known = {(row.case, row.system, row.metric): row.value for row in rows}
    before = ("", "")
    for row in sorted(rows, key=lambda row: (row.case, row.metric)):
        if row.metric.endswith((", low", ", high")):
            continue
        ends = [known[row.case, row.system, f"{row.metric}, {end}"] for end in ("low", "high")]
        case, metric = (
            new if new != old else ""
            for new, old in zip((row.case, row.metric), before, strict=True)
        )
        before = (row.case, row.metric)
        table.add_row(
            case, metric, row.system, f"{row.value:.3f}", f"{ends[0]:.3f} to {ends[1]:.3f}"
        )
    Console(width=150).print(table)


class Remembering(Encoder):
    """An encoder that encodes each text once."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self.name, self.space = encoder.name, encoder.space
        self._known: dict[tuple[str, Role], npt.NDArray[np.float32]] = {}

    def encode(
        self, items: Iterable[Any], *, role: Role = "document", batch_size: int = 32
    ) -> npt.NDArray[np.float32]:
        """See `Encoder.encode`."""
        media = [*items]
        names = [(item.text if hasattr(item, "text") else item, role) for item in media]
        new = {n: item for n, item in zip(names, media, strict=True) if n not in self._known}
        if new:
            vectors = self._encoder.encode([*new.values()], role=role, batch_size=batch_size)
            self._known.update(zip(new, vectors, strict=True))
        return np.array([self._known[name] for name in names])

    def prepare(self, media: Any, role: Role = "document") -> Any:
        """See `Encoder.prepare`."""
        return self._encoder.prepare(media, role)

    def encode_prepared(self, modality: Any, batch: Any, role: Role = "document") -> Any:
        """See `Encoder.encode_prepared`."""
        return self._encoder.encode_prepared(modality, batch, role)


# Answers


def _answers(
    case: str,
    asked: Sequence[Asked],
    held: dict[str, str],
    pieces: dict[str, list[str]],
    names: Sequence[str] | None,
    encoder: Encoder,
) -> list[Row]:
    ours = Extractive(encoder, 0.0)
    found: dict[str, list[Said]] = {}
    for one in asked:
        own = names or [one.text]
        sources = [SourceText(held[name], name) for name in own]
        (best, *_) = ours.read(one.question, sources, 1)
        assert best.probability is not None
        cited = next(s for name in own if name == best.source for s in pieces[name]
                     if best.text in s and s in best.passage)  # fmt: skip
        found.setdefault(OURS, []).append((best.text, cited, best.probability))
        every = [sentence for name in own for sentence in pieces[name]]
        scores = bm25(terms(one.question), [terms(sentence) for sentence in every])
        at = int(np.argmax(scores))
        whole = every[at]
        words = spans(one.question, whole)
        span = whole[words[0].start : words[0].stop] if words else whole
        found.setdefault("BM25, its sentence", []).append((whole, whole, scores[at]))
        found.setdefault("BM25, our words in it", []).append((span, whole, scores[at]))
        if names is None:
            first = every[0]
            found.setdefault("first sentence", []).append((first, first, scores[0]))
    rows = []
    for system, said in found.items():
        rows += _answer_rows(f"answers, {case}", system, asked, said)
    return rows


def _answer_rows(case: str, system: str, asked: Sequence[Asked], said: Sequence[Said]) -> list[Row]:
    there = [(one, two) for one, two in zip(asked, said, strict=True) if one.answers]
    groups = group_numbers([{"group": one.text} for one, _ in there])
    columns = {
        "exact match": [exact(text, one.answers) for one, (text, _, _) in there],
        "F1": [f1(text, one.answers) for one, (text, _, _) in there],
        "sentence holds the answer": [
            float(any(answer in sentence for answer in one.answers))
            for one, (_, sentence, _) in there
        ],
    }
    name = f"{case} ({len(there)} questions, {len(asked) - len(there)} without an answer)"
    row = partial(Row, "language", name, system)
    rows = []
    for metric, values in columns.items():
        rows += _with_interval(row, metric, mean, (np.array(values),), groups)
    sure = np.array([value for _, _, value in said])
    has = np.array([bool(one.answers) for one in asked])
    groups = group_numbers([{"group": one.text} for one in asked])
    rows += _with_interval(row, "refusal, ROC area", area, (sure, has.astype(float)), groups)
    if system == OURS:
        answered = sure >= 0.5
        told = np.array([
            any(a in sentence for a in one.answers)
            for one, (_, sentence, _) in zip(asked, said, strict=True)
        ])  # fmt: skip
        kept = group_numbers([{"group": one.text} for one, a in zip(asked, answered, strict=True)
                              if a])  # fmt: skip
        rows += _with_interval(
            row, "share answered at 0.5", mean, (answered.astype(float),), groups
        )
        rows += _with_interval(
            row, "of these the sentence holds the answer", mean,
            (told[answered].astype(float),), kept,
        )  # fmt: skip
        right = (sure >= 0.5) == has
        rows += _with_interval(
            row, "answered or refused rightly at 0.5", mean, (right.astype(float),), groups
        )
    return rows


def area(columns: Any, weights: npt.NDArray[np.int64]) -> float:
    """ROC area of weighted samples: scores, and whether they are positive; ties count half."""
    scores, positive = columns[0], columns[1] > 0
    order = np.argsort(scores, kind="stable")
    scores, positive, weights = scores[order], positive[order], weights[order].astype(float)
    plus, minus = weights * positive, weights * ~positive
    values, place = np.unique(scores, return_inverse=True)
    plus_at, minus_at = (np.bincount(place, w, len(values)) for w in (plus, minus))
    below = np.cumsum(minus_at) - minus_at
    total = plus.sum() * minus.sum()
    return float((plus_at * (below + minus_at / 2)).sum() / total) if total else 0.5


def _with_interval(
    row: Callable[..., Row], metric: str, statistic: Any, columns: Any, groups: Any
) -> list[Row]:
    found = interval(statistic, columns, seed=0, groups=groups)
    ends = (("", found.estimate), (", low", found.low), (", high", found.high))
    return [row(f"{metric}{name}", float(value)) for name, value in ends]


# Summaries


def _summaries(documents: Sequence[Mixed], encoder: Encoder) -> list[Row]:
    model = ExtractiveSummaries(encoder)
    figures: dict[str, list[tuple[float, float, float]]] = {}
    rng = np.random.default_rng(0)
    for document in documents:
        held = document.sentences
        vectors = encoder.encode([*held])
        alike = similarities(vectors, [terms(one) for one in held])
        summaries = {
            OURS: model.choose(held, SUBJECTS)[0].rows,
            "MMR": mmr(alike, SUBJECTS),
            "TextRank": text_rank(alike, SUBJECTS),
            "first sentences": [*range(SUBJECTS)],
            "by chance": rng.permutation(len(held))[:SUBJECTS].tolist(),
        }
        for system, chosen in summaries.items():
            figures.setdefault(system, []).append(_figures(document, chosen))
    case = f"summaries of {SUBJECTS} sentences ({len(documents)} texts of {SUBJECTS} subjects)"
    rows = []
    for system, values in figures.items():
        row = partial(Row, "language", case, system)
        for place, metric in enumerate(
            ("subjects that have a sentence", "1 - divergence of words", "repetition")
        ):
            column = np.array([one[place] for one in values])
            rows += _with_interval(row, metric, mean, (column,), None)
    return rows


def _figures(document: Mixed, chosen: Sequence[int]) -> tuple[float, float, float]:
    words = [terms(one) for one in document.sentences]
    subjects = len({document.subjects[row] for row in chosen}) / SUBJECTS
    text = [term for own in words for term in own]
    summary = [term for row in chosen for term in words[row]]
    near = _cosines([words[row] for row in chosen])
    np.fill_diagonal(near, 0)
    return subjects, 1 - divergence(text, summary), float(near.max(axis=1).mean())


def divergence(one: Sequence[str], two: Sequence[str]) -> float:
    """Jensen-Shannon divergence of two texts' words, in bits, from 0 to 1."""
    names = sorted({*one, *two})
    places = {name: place for place, name in enumerate(names)}
    p, q = (
        np.bincount([places[word] for word in words], minlength=len(names)) / max(1, len(words))
        for words in (one, two)
    )
    middle = (p + q) / 2

    def of(share: Values) -> float:
        seen = share > 0
        return float((share[seen] * np.log2(share[seen] / middle[seen])).sum())

    return (of(p) + of(q)) / 2


def _cosines(words: Sequence[Sequence[str]]) -> Values:
    names = {name: n for n, name in enumerate(dict.fromkeys(w for own in words for w in own))}
    rows = np.zeros((len(words), max(1, len(names))))
    for row, own in enumerate(words):
        np.add.at(rows[row], [names[word] for word in own], 1)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    return np.asarray(rows @ rows.T)


def text_rank(alike: Values, count: int, damping: float = 0.85) -> list[int]:
    """The sentences with the highest PageRank (Mihalcea and Tarau 2004; LexRank is the same)."""
    links = alike - np.diag(np.diag(alike))
    links /= np.maximum(links.sum(axis=1, keepdims=True), 1e-9)
    rank = np.full(len(alike), 1 / len(alike))
    for _ in range(100):
        rank = (1 - damping) / len(alike) + damping * rank @ links
    return [int(row) for row in np.argsort(-rank, kind="stable")[:count]]


def mmr(alike: Values, count: int, weight: float = 0.5) -> list[int]:
    """Near to the whole text, far from what was chosen (Carbonell and Goldstein 1998)."""
    near = alike.mean(axis=1) / max(1e-9, float(alike.mean(axis=1).max()))
    chosen: list[int] = []
    while len(chosen) < min(count, len(alike)):
        said = alike[:, chosen].max(axis=1) if chosen else np.zeros(len(alike))
        scores = weight * near - (1 - weight) * said
        scores[chosen] = -np.inf
        chosen.append(int(scores.argmax()))
    return chosen
