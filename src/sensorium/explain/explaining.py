"""Explanations of pairs: a question and a hit, a label and a picture, a class and what has it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

import numpy as np

from sensorium.collection import Collection, Question
from sensorium.collection import Part as QuestionPart
from sensorium.collection.collection import store_of
from sensorium.collection.queries import query_parts, vector_given
from sensorium.collection.question import query_of
from sensorium.collection.results import Hit
from sensorium.data.files import stored_path
from sensorium.encoders import DEFAULT_ENCODER, load_encoder
from sensorium.encoders.base import Encoder
from sensorium.errors import MediaError, UsageError
from sensorium.explain.dividing import divide
from sensorium.explain.explanation import Explained, Explanation, Place
from sensorium.explain.ordering import explained
from sensorium.explain.parts import contributions_of, kind_of, score_of, scores_for
from sensorium.explain.values import BATCH, Value, cosine_to, log_odds_by, log_odds_of
from sensorium.media import Media, Segment, Text, as_media, open_media
from sensorium.tasks.classification import MediaClassifier
from sensorium.tasks.zero_shot import ZeroShotClassifier

MOST_SEGMENTS = 2000
"""Segments of an item that are looked at: a film of hours has as many pictures."""


@dataclass(frozen=True)
class Found:
    """The segment of an item that is explained, and what all are worth."""

    segment: Segment
    places: list[Place]


def explain(
    query: Any,
    media: Any,
    encoder: Encoder | str | os.PathLike[str] = DEFAULT_ENCODER,
    *,
    collection: Collection | None = None,
    faithfulness: bool = True,
) -> Explanation:
    """Say which parts of media, and of a question, their score comes from.

    Parameters
    ----------
    query : str, path, URL, media or Question
        As `Collection.search` takes it. Of a question of several parts, the score that
        `Collection.search` gives is explained, and what each part adds to it.
    media : path, URL, media or Hit
        What it was asked of. Of a hit, the segment that was found is explained; of anything else
        with several segments, the one that is nearest to the question.
    encoder : Encoder, str or Path
        That of `collection`, where there is one.
    collection : Collection, optional
        Where it was asked. Examples may be items of it, and several parts are weighed as they are
        there; else as beside ordinary pictures and texts.
    faithfulness : bool
        Whether rival orders are measured, which takes a sixth of the time.

    Returns
    -------
    Explanation
        The same for the same pair every time.

    Raises
    ------
    MediaError
        When one of both cannot be read, or there is nothing in it that the space holds.
    UsageError
        When several parts are asked of media of which the encoder does not know what is ordinary,
        and there is no collection.
    EncoderError
        When the encoder cannot be loaded.
    """
    began = time.perf_counter()
    loaded = encoder if collection is None else collection.encoder
    loaded = loaded if isinstance(loaded, Encoder) else load_encoder(loaded)
    asked = query
    if isinstance(query, Question):
        store = None if collection is None else store_of(collection)
        asked = query_of(query, store, lambda: loaded)
    if isinstance(asked, Question):
        return _explain_parts(asked, media, loaded, collection, began, faithfulness)
    vectors = vector_given(asked, lambda: loaded.space)
    what = None if vectors is not None else as_media(asked)
    if what is not None:
        vectors = query_parts(loaded, what)
    assert vectors is not None
    value = cosine_to(loaded, vectors)
    found, path = _found(media, value)
    hit = _explained(found.segment, value, faithfulness)
    question = _question(what, loaded, found, faithfulness)
    return Explanation(
        _name(query, what), path, value.name, hit.score, hit, question, _place(found, hit.score),
        found.places, None, value.origin, time.perf_counter() - began,
    )  # fmt: skip


def _name(query: Any, media: Media | None) -> str:
    """What was asked, in a line."""
    if media is None:
        return str(query) if isinstance(query, Question) else "<vector>"
    return media.text if isinstance(media, Text) else str(getattr(media, "name", media))


def _explain_parts(
    question: Question,
    media: Any,
    encoder: Encoder,
    collection: Collection | None,
    began: float,
    faithfulness: bool,
) -> Explanation:
    """Explain the score of a question of several parts, and what each adds to it."""
    opened = media if isinstance(media, Hit) else _opened(media)
    scores = scores_for(question, opened, encoder, collection)
    value = score_of(scores, encoder, opened)
    found, path = _found(opened, value)
    hit = _explained(found.segment, value, faithfulness)
    vector = encoder.encode([found.segment.media])
    parts = contributions_of(scores, vector, kind_of(opened, str(found.segment.modality)))
    words = [_words_of(part, encoder, found) for part in question.parts]
    parts = [replace(part, question=said) for part, said in zip(parts, words, strict=True)]
    return Explanation(
        str(question), path, value.name, hit.score, hit, None, _place(found, hit.score),
        found.places, None, value.origin, time.perf_counter() - began, parts,
    )  # fmt: skip


def _words_of(part: QuestionPart, encoder: Encoder, found: Found) -> Explained | None:
    """What the words of one part do."""
    is_media = isinstance(part.what, (str, Text))  # else an item, a vector or an example
    return _question(as_media(part.what), encoder, found, False) if is_media else None


def explain_label(
    classifier: ZeroShotClassifier,
    encoder: Encoder,
    label: str,
    media: Any,
    *,
    multi: bool = False,
    faithfulness: bool = True,
) -> Explanation:
    """Say which parts of a picture or text a label's log odds come from, and which of its words.

    Parameters
    ----------
    classifier : ZeroShotClassifier
    encoder : Encoder
        That of the classifier.
    label : str
        One of the classifier's.
    media : path, URL or media
    multi : bool
        As `ZeroShotClassifier.classify`.
    faithfulness : bool

    Raises
    ------
    UsageError
        For a label that the classifier has not.
    MediaError
        When the media cannot be read.
    """
    began = time.perf_counter()
    number = _number(classifier.labels, label)
    value = log_odds_of(classifier, encoder, number, multi=multi)
    found, path = _found(media, value)
    hit = _explained(found.segment, value, faithfulness)
    question = _question(Text(label), encoder, found, faithfulness)
    return Explanation(
        label, path, value.name, hit.score, hit, question, _place(found, hit.score), found.places,
        _probability(hit.score), value.origin, time.perf_counter() - began,
    )  # fmt: skip


def explain_class(
    classifier: MediaClassifier,
    media: Any,
    label: str | None = None,
    *,
    name: str = "classifier",
    faithfulness: bool = True,
) -> Explanation:
    """Say which parts of media a trained classifier's class comes from.

    Parameters
    ----------
    classifier : MediaClassifier
        Of any method: it is asked, and not looked into.
    media : path, URL or media
    label : str, optional
        The class; the most probable one without.
    name : str
        What the classifier is called, such as its folder.
    faithfulness : bool

    Raises
    ------
    UsageError
        For a label that the classifier has not.
    MediaError
        When the media cannot be read.
    """
    began = time.perf_counter()
    opened = _opened(media)
    if label is None:
        label = classifier.classify([opened], k=1)[0][0][0]
    value = log_odds_by(classifier, _number(classifier.labels, label), name)
    return explain_value(value, opened, label, began=began, faithfulness=faithfulness)


def explain_value(
    value: Value, media: Any, label: str, *, began: float, faithfulness: bool = True
) -> Explanation:
    """Say which parts of media the log odds of a class come from.

    Parameters
    ----------
    value : Value
        The log odds, as a function of media.
    media : path, URL or media
    label : str
        The class.
    began : float
        When the question was asked, by `time.perf_counter`.
    faithfulness : bool
    """
    found, path = _found(media, value)
    hit = _explained(found.segment, value, faithfulness)
    return Explanation(
        label, path, value.name, hit.score, hit, None, _place(found, hit.score), found.places,
        _probability(hit.score), value.origin, time.perf_counter() - began,
    )  # fmt: skip


def _probability(odds: float) -> float:
    """The probability whose log odds these are."""
    return float(1 / (1 + np.exp(-odds)))


def _number(labels: Sequence[str], label: str) -> int:
    if label not in labels:
        raise UsageError(f"there is no label {label!r}; there are {', '.join(labels)}")
    return list(labels).index(label)


def _opened(media: Any) -> Media:
    return open_media(media) if isinstance(media, (str, os.PathLike)) else as_media(media)


def _explained(segment: Segment, value: Value, faithfulness: bool) -> Explained:
    start = segment.span[0] if segment.span is not None else 0.0
    return explained(divide(segment.media, value, start), rivals=faithfulness)


def _question(
    asked: Media | None, encoder: Encoder, found: Found, faithfulness: bool
) -> Explained | None:
    """The other way round: the words of a question, and how near they are to what was found."""
    if not isinstance(asked, Text):
        return None
    value = cosine_to(encoder, encoder.encode([found.segment.media]), "query")
    return explained(divide(asked, value), rivals=faithfulness)


def _place(found: Found, score: float) -> Place:
    segment = found.segment
    return Place(str(segment.modality), score, segment.span, dict(segment.details))


def _found(media: Any, value: Value) -> tuple[Found, str]:
    """The segment that is explained, and the name of its item."""
    if isinstance(media, Hit):
        return Found(_segment_of(media), []), media.path
    opened = _opened(media)
    path = getattr(opened, "path", None)
    name = str(path or getattr(opened, "name", None) or opened)
    if isinstance(opened, Text):
        return Found(Segment(opened), []), opened.text
    return _best(opened, value, name), name


def _segment_of(hit: Hit) -> Segment:
    """The segment that a hit is."""
    if hit.text is not None:
        return Segment(Text(hit.text), hit.span, hit.details)
    media = open_media(stored_path(hit.path))
    first: Segment | None = None
    for segment in media.segments():
        if segment.span == hit.span and dict(segment.details) == hit.details:
            return segment
        first = first or segment
    if first is None:
        raise MediaError("there is nothing in it that can be explained", hit.path)
    return first


def _best(media: Media, value: Value, name: str) -> Found:
    """The segment of the greatest value, and the values of all."""
    held = value.encoder.space.modalities if value.encoder is not None else (media.modality,)
    best: tuple[float, Segment] | None = None
    places: list[Place] = []
    waiting: list[Segment] = []
    broken: MediaError | None = None

    def ask() -> None:
        nonlocal best, broken
        for kind in dict.fromkeys(one.modality for one in waiting):
            some = [one for one in waiting if one.modality == kind]
            try:
                values = value.of_media([one.media for one in some])
            except MediaError as error:
                broken = MediaError(error.reason, name)
                continue
            for one, score in zip(some, map(float, values), strict=True):
                places.append(Place(str(kind), score, one.span, dict(one.details)))
                if best is None or score > best[0]:
                    best = score, one
        waiting.clear()

    segments = iter(media.segments())
    first = list(islice(segments, 2))
    if len(first) == 1 and first[0].modality in held:
        return Found(first[0], [])
    for segment in islice(chain(first, segments), MOST_SEGMENTS):
        if segment.modality in held or value.encoder is None:
            waiting.append(segment)
        if len(waiting) == BATCH:
            ask()
    ask()
    if best is None:
        if broken is not None:
            raise broken
        known = " and ".join(held)
        raise MediaError(f"there is nothing in it that the space holds ({known})", name)
    return Found(best[1], places if len(places) > 1 else [])
