"""What is asked, as vectors."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
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

MOST_WAITING = 64 << 20
"""Bytes of prepared segments of a query that wait until it is known which are asked by."""

NOTHING_THERE = "there is nothing in the query that can be compared"


def extraction_of(speech: bool | str, ocr: bool, detect: bool | str = False) -> Extraction:
    """What `Collection.add` was asked to read words with.

    Raises
    ------
    MissingExtraError
        When the packages for it are not installed.
    EncoderError
        When a detector is not on this machine.
    """
    if not speech and not ocr and not detect:
        return NOTHING
    from sensorium.tasks.reading import load_writing_reader
    from sensorium.tasks.transcription import load_transcriber

    heard = load_transcriber(*([speech] if isinstance(speech, str) else [])) if speech else None
    found = None
    if detect:
        from sensorium.tasks.boxes.things import ThingFinder

        found = ThingFinder(*([detect.split(",")] if isinstance(detect, str) else []))
    return Extraction(speech=heard, writing=load_writing_reader() if ocr else None, things=found)


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

    Of what has several segments those of each, or of `MOST_PARTS` about evenly through it. Their
    mean would be nearer to what is a little like all of a film than to any picture of the film
    itself.

    Raises
    ------
    MediaError
        As `query_vectors`.
    """
    if isinstance(query, (Text, Image)):
        return query_vectors(encoder, [query])
    # What is not asked by is not encoded: a book has thousands of passages.
    kept: list[_Part] = []
    stride, waiting = 1, 0
    for number, (kind, prepared) in enumerate(_prepared(encoder, query)):
        if number % stride:
            continue
        kept.append(_Part(kind, prepared))
        waiting += sum(value.nbytes for value in prepared.values())
        if len(kept) == 2 * MOST_PARTS:
            kept, stride, waiting = kept[::2], 2 * stride, waiting // 2
        if waiting > MOST_WAITING:
            _encode(encoder, kept)
            waiting = 0
    some = np.linspace(0, len(kept) - 1, min(len(kept), MOST_PARTS)).round().astype(int)
    kept = [kept[n] for n in some]
    _encode(encoder, kept)
    vectors = [part.vector for part in kept if part.vector is not None and part.vector.any()]
    if not vectors:
        raise MediaError(NOTHING_THERE)
    return np.stack(vectors)


@dataclass
class _Part:
    """A segment that is asked by, as the encoder takes it, and then as it gives it."""

    kind: str
    prepared: Prepared | None
    vector: npt.NDArray[np.float32] | None = None


def _encode(encoder: Encoder, parts: Sequence[_Part]) -> None:
    """Put vectors in the place of what was prepared."""
    waiting = [part for part in parts if part.prepared is not None]
    for kind in dict.fromkeys(part.kind for part in waiting):
        of_kind = [part for part in waiting if part.kind == kind]
        for start in range(0, len(of_kind), QUERY_BATCH):
            some = of_kind[start : start + QUERY_BATCH]
            prepared = [part.prepared for part in some if part.prepared is not None]
            vectors = encoder.encode_prepared(Modality(kind), prepared, "query")
            for part, vector in zip(some, vectors, strict=True):
                part.prepared, part.vector = None, vector


def _prepared(encoder: Encoder, media: Media) -> Generator[tuple[str, Prepared], None, None]:
    """A query's segments that have a vector, as the encoder takes them, and their kinds."""
    extraction = NOTHING
    if isinstance(media, Audio) and Modality.AUDIO not in encoder.space.modalities:
        extraction = extraction_of(True, False)
        if (require_here := getattr(extraction.speech, "require_here", None)) is not None:
            require_here()
    with closing(segments_of(encoder, media, extraction, role="query")) as segments:
        for record, prepared in segments:
            if prepared is not None:
                yield str(record.modality), prepared


def _of_segments(encoder: Encoder, media: Media) -> Iterator[npt.NDArray[np.float32]]:
    """The vectors of a query's segments, in batches, each kind of a batch by itself."""
    with closing(_prepared(encoder, media)) as segments:
        while batch := list(islice(segments, QUERY_BATCH)):
            for kind in dict.fromkeys(kind for kind, _ in batch):
                of_kind = [prepared for other, prepared in batch if other == kind]
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
