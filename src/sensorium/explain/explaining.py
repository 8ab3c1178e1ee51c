"""Explanations of pairs: a question and a hit, a label and a picture, a class and what has it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import numpy as np

from sensorium.collection.queries import query_parts
from sensorium.collection.results import Hit
from sensorium.data.files import stored_path
from sensorium.encoders import DEFAULT_ENCODER, load_encoder
from sensorium.encoders.base import Encoder
from sensorium.errors import MediaError, UsageError
from sensorium.explain.dividing import divide
from sensorium.explain.explanation import Explained, Explanation, Place
from sensorium.explain.ordering import explained
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
    faithfulness: bool = True,
) -> Explanation:
    """Say which parts of media, and of a question, their cosine comes from.

    Parameters
    ----------
    query : str, path, URL or media
        As `Collection.search` takes it.
    media : path, URL, media or Hit
        What it was asked of. Of a hit, the segment that was found is explained; of anything else
        with several segments, the one that is nearest to the question.
    encoder : Encoder, str or Path
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
    EncoderError
        When the encoder cannot be loaded.
    """
    began = time.perf_counter()
    loaded = encoder if isinstance(encoder, Encoder) else load_encoder(encoder)
    asked = as_media(query)
    value = cosine_to(loaded, query_parts(loaded, asked))
    found, path = _found(media, value)
    hit = _explained(found.segment, value, faithfulness)
    question = _question(asked, loaded, found, faithfulness)
    name = asked.text if isinstance(asked, Text) else str(getattr(asked, "name", asked))
    return Explanation(
        name, path, value.name, hit.score, hit, question, _place(found, hit.score), found.places,
        None, value.origin, time.perf_counter() - began,
    )  # fmt: skip


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


def _question(asked: Media, encoder: Encoder, found: Found, faithfulness: bool) -> Explained | None:
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
