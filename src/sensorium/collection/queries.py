"""What is asked, as vectors."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders import Encoder, Prepared
from sensorium.encoders.reading import NOTHING, Extraction, segments_of
from sensorium.encoders.space import Space
from sensorium.errors import MediaError, UsageError
from sensorium.media import Audio, Image, Media, Modality, Text
from sensorium.media.given import array_of

QUERY_BATCH = 32
"""Segments of a long query that the model sees at once."""

MOST_PARTS = 64
"""Segments of a long query that are searched with: a talk of an hour has 360 windows of sound."""

NOTHING_THERE = "there is nothing in the query that can be compared"


def extraction_of(speech: bool | str, ocr: bool) -> Extraction:
    """What `Collection.add` was asked to read words with.

    Raises
    ------
    MissingExtraError
        When the packages for it are not installed.
    """
    if not speech and not ocr:
        return NOTHING
    from sensorium.tasks.reading import load_writing_reader
    from sensorium.tasks.transcription import load_transcriber

    heard = load_transcriber(*([speech] if isinstance(speech, str) else [])) if speech else None
    return Extraction(speech=heard, writing=load_writing_reader() if ocr else None)


def query_vectors(encoder: Encoder, queries: Sequence[Media]) -> npt.NDArray[np.float32]:
    """The vectors of queries, shape (n, d): of a long one, the mean of its segments'.

    A sound that the encoder's space does not hold is asked by what is said in it.

    Raises
    ------
    MediaError
        When a query is broken, or the space holds nothing of it.
    """
    vectors = np.empty((len(queries), encoder.space.dimension), np.float32)
    short = [n for n, media in enumerate(queries) if isinstance(media, (Text, Image))]
    if short:
        vectors[short] = encoder.encode([queries[n] for n in short], role="query")
    for n, media in enumerate(queries):
        if not isinstance(media, (Text, Image)):
            vectors[n] = _mean_of_segments(encoder, media)
    return vectors


def query_parts(encoder: Encoder, query: Media) -> npt.NDArray[np.float32]:
    """The vectors that a query is searched with, shape (n, d): one of a text or a picture.

    Of what has several segments those of each, or of `MOST_PARTS` evenly through it. Their mean
    would be nearer to what is a little like all of a film than to any picture of the film itself.

    Raises
    ------
    MediaError
        As `query_vectors`.
    """
    if isinstance(query, (Text, Image)):
        return query_vectors(encoder, [query])
    vectors = [vector for batch in _of_segments(encoder, query) for vector in batch if vector.any()]
    if not vectors:
        raise MediaError(NOTHING_THERE)
    some = np.linspace(0, len(vectors) - 1, min(len(vectors), MOST_PARTS)).round().astype(int)
    return np.stack([vectors[n] for n in some])


def _of_segments(encoder: Encoder, media: Media) -> Iterator[npt.NDArray[np.float32]]:
    """The vectors of a query's segments, in batches, each kind of a batch by itself."""
    extraction = NOTHING
    if isinstance(media, Audio) and Modality.AUDIO not in encoder.space.modalities:
        extraction = extraction_of(True, False)
    with closing(segments_of(encoder, media, extraction, role="query")) as segments:
        while batch := list(islice(segments, QUERY_BATCH)):
            by_kind: dict[str, list[Prepared]] = {}
            for record, prepared in batch:
                if prepared is not None:
                    by_kind.setdefault(str(record.modality), []).append(prepared)
            for kind, of_kind in by_kind.items():
                yield encoder.encode_prepared(Modality(kind), of_kind, "query")


def _mean_of_segments(encoder: Encoder, media: Media) -> npt.NDArray[np.float32]:
    """The unit vector in the middle of all segments of a query, shape (d,)."""
    total = np.zeros(encoder.space.dimension)
    for vectors in _of_segments(encoder, media):
        total += vectors.sum(axis=0)
    length = float(np.linalg.norm(total))
    if not length > 0:
        raise MediaError(NOTHING_THERE)
    return (total / length).astype(np.float32)


def vector_given(query: Any, space: Callable[[], Space]) -> npt.NDArray[np.float32] | None:
    """The vector that a query is, shape (1, d), of unit length; None for media.

    Parameters
    ----------
    query : Any
        One axis makes an array, a tensor or a list of numbers a vector, and so does the shape
        ``(1, d)``.
    space : callable
        Gives the space that it must be of; called for arrays only.

    Raises
    ------
    UsageError
        For several vectors, and for one of another space or of no direction.
    """
    array = array_of(query)
    if array is None and isinstance(query, (list, tuple)) and query:
        numbers = all(isinstance(value, (int, float, np.number)) for value in query)
        array = np.asarray(query, np.float32) if numbers else None
    if array is None or array.dtype.kind not in "fiu" or array.ndim > 2:
        return None
    wanted = space()
    if array.ndim == 2 and array.shape[1] == wanted.dimension and len(array) > 1:
        lengths = np.linalg.norm(array.astype(np.float64), axis=1)
        if np.abs(lengths - 1).max() < 0.01:
            raise UsageError(
                f"search takes one vector, got {len(array)}: use search_vectors(vectors)"
            )
    if array.ndim != 1 and array.shape != (1, wanted.dimension):
        return None  # a picture
    if array.size != wanted.dimension:
        raise UsageError(
            f"a vector of {wanted} has {wanted.dimension} dimensions, got {array.size}"
        )
    vector = array.reshape(1, -1).astype(np.float32)
    length = float(np.linalg.norm(vector))
    if not (np.isfinite(length) and length > 0):
        raise UsageError("the vector has no direction: it is zero, or not all numbers")
    return vector / np.float32(length)
