"""Reading one item: its pieces ready for an encoder, and the words that are in its media."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from sensorium.collection.pipeline import Piece, Read, require_held
from sensorium.collection.rows import Part
from sensorium.encoders import Encoder, Prepared
from sensorium.encoders.base import query_side
from sensorium.encoders.space import Space
from sensorium.errors import EncoderError, MediaError, MissingExtraError, UsageError
from sensorium.media import (
    Audio,
    Document,
    Image,
    Media,
    Modality,
    Segment,
    Text,
    Video,
    open_media,
)
from sensorium.media.given import array_of

if TYPE_CHECKING:
    from sensorium.extraction import Transcriber, WritingReader
    from sensorium.extraction.journal import Journal


@dataclass(frozen=True)
class Extraction:
    """What words are read out of media with.

    Attributes
    ----------
    speech : Transcriber or None
    writing : WritingReader or None
    """

    speech: Transcriber | None = None
    writing: WritingReader | None = None

    def for_modality(self, modality: Modality) -> tuple[str, ...]:
        """Names of what reads words out of items of a modality."""
        heard = self.speech if modality in (Modality.AUDIO, Modality.VIDEO) else None
        seen = self.writing if modality in _SEEN else None
        return tuple(model.name for model in (heard, seen) if model is not None)


_SEEN = (Modality.IMAGE, Modality.VIDEO, Modality.TEXT)

NOTHING = Extraction()

T = TypeVar("T")

SHORT = {Modality.TEXT: 16, Modality.AUDIO: 2, Modality.VIDEO: 2}
"""Most pieces of an item that are decoded ahead, by modality: many wait in memory, and a window of
sound takes 2 MB. Pictures and 3-D objects have few in any case."""

QUERY_BATCH = 32
"""Pieces of a long query that the model sees at once."""


def extraction_of(speech: bool | str, ocr: bool) -> Extraction:
    """What `Collection.add` was asked to read words with.

    Raises
    ------
    MissingExtraError
        When the packages for it are not installed.
    """
    if not speech and not ocr:
        return NOTHING
    from sensorium.extraction import load_transcriber, load_writing_reader

    heard = load_transcriber(*([speech] if isinstance(speech, str) else [])) if speech else None
    return Extraction(speech=heard, writing=load_writing_reader() if ocr else None)


def pieces_of(
    encoder: Encoder,
    media: Media,
    extraction: Extraction = NOTHING,
    stored: Sequence[tuple[int, Part]] | None = None,
    journal: Journal | None = None,
) -> Generator[Piece, None, None]:
    """Yield what is stored of an item, each piece decoded and preprocessed when its turn comes.

    Parameters
    ----------
    encoder : Encoder
    media : Media
    extraction : Extraction
        What reads words out of it.
    stored : sequence of (id, Part), optional
        Passages that are stored of it: their vectors are made anew, and no words are extracted.
    journal : Journal, optional
        What is said is written down there, and taken from there after a kill.

    Raises
    ------
    MediaError
        When the media is broken, or there is nothing in it that the space holds. One broken piece
        of many is left out.
    """
    held = encoder.space.modalities
    broken: MediaError | None = None
    foreign: Modality | None = None
    count = 0
    for segment in media.segments():
        inner = segment.media
        words = isinstance(inner, Text) and isinstance(media, Document)
        if words and stored is not None:
            continue
        try:
            if words:
                piece = _passage(encoder, segment)
            elif segment.modality in held:
                part = Part(segment.span, str(segment.modality), details=segment.details)
                piece = (part, encoder.prepare(inner))
            else:
                foreign = segment.modality
                continue
        except MediaError as error:
            broken = error
            continue
        count += 1
        yield piece
        if extraction.writing is not None and stored is None and isinstance(inner, Image):
            for line in extraction.writing.read(inner):
                count += 1
                yield _passage(encoder, replace(line, span=segment.span))
    if stored is not None:
        for number, part in stored:
            if part.source and Modality.TEXT in held and part.text is not None:
                count += 1
                yield (
                    replace(part, has_vector=True, passage=number),
                    encoder.prepare(Text(part.text)),
                )
    elif extraction.speech is not None and (sound := sound_of(media)) is not None:
        for said in extraction.speech.passages(sound, journal):
            count += 1
            yield _passage(encoder, said)
    if count:
        return
    if broken is not None:
        raise broken
    if foreign is not None:
        try:
            require_held(encoder, foreign)
        except MediaError as error:
            raise MediaError(f"{error.reason}{_advice(media, extraction)}") from None
    raise MediaError("there is nothing in it that can be indexed")


HEAVY_BYTES = 8 * 1024 * 1024
"""Size from which on a document is heavy: its file is in memory until its last page is read."""


def is_heavy(path: Path) -> bool:
    """Whether much memory is taken by a file that was begun and is not finished; see `embed`."""
    modality = open_media(path).modality
    if modality != Modality.TEXT:
        return modality == Modality.VIDEO
    try:
        return path.stat().st_size > HEAVY_BYTES
    except OSError:  # reading it says so
        return False


def sound_of(media: Media) -> Audio | None:
    """The sound of an item that has one."""
    if isinstance(media, Video):
        return media.sound
    return media if isinstance(media, Audio) else None


def _advice(media: Media, extraction: Extraction) -> str:
    if not isinstance(media, (Audio, Video)):
        return ""
    if extraction.speech is not None:
        return ", and no speech was understood in it"
    return "; with --speech it is found by what is said in it"


def _passage(encoder: Encoder, words: Segment) -> Piece:
    """Words as a piece; without a vector where the space holds no text."""
    assert isinstance(words.media, Text)
    details = dict(words.details)
    source = details.pop("source", "text")
    part = Part(words.span, "text", words.media.text, source, details)
    if Modality.TEXT not in encoder.space.modalities:
        return replace(part, has_vector=False), None
    try:
        return part, encoder.prepare(words.media)
    except MediaError:  # signs that no tokenizer knows: words that can still be searched
        return replace(part, has_vector=False), None


def read_pieces(
    item: T, media: Media, pieces: Iterable[Piece], failed: Callable[[str], T]
) -> Read[T]:
    """Decode a short item here and now, a long one while it is encoded.

    Parameters
    ----------
    item : T
        What comes back with the vectors.
    media : Media
    pieces : iterable of Piece
        As `pieces_of` yields them.
    failed : callable
        Makes what comes back instead when the media turns out to be broken, of the reason.
    """
    reasons: list[str] = []

    def unbroken() -> Generator[Piece, None, None]:
        try:
            yield from pieces
        except MediaError as error:
            reasons.append(error.reason)
        except (EncoderError, MissingExtraError) as error:  # what reads words out of it is missing
            reasons.append(str(error))

    waiting = unbroken()
    most = SHORT.get(media.modality)
    first = list(waiting if most is None else islice(waiting, most + 1))
    if most is None or len(first) <= most:
        return Read(failed(reasons[0])) if reasons else Read(item, first)
    return Read(
        item,
        chain(first, waiting),
        lambda: failed(reasons[0]) if reasons else item,
        waiting.close,
    )


def query_vectors(encoder: Encoder, queries: Sequence[Media]) -> npt.NDArray[np.float32]:
    """The vectors of queries, shape (n, d): of a long one, the mean of its pieces'.

    A sound that the encoder's space does not hold is asked by what is said in it.

    Raises
    ------
    MediaError
        When a query is broken, or the space holds nothing of it.
    """
    asking = query_side(encoder)
    vectors = np.empty((len(queries), encoder.space.dimension), np.float32)
    short = [n for n, media in enumerate(queries) if isinstance(media, (Text, Image))]
    if short:
        vectors[short] = asking.encode([queries[n] for n in short])
    for n, media in enumerate(queries):
        if not isinstance(media, (Text, Image)):
            vectors[n] = _mean_of_pieces(asking, media)
    return vectors


def _mean_of_pieces(encoder: Encoder, media: Media) -> npt.NDArray[np.float32]:
    """The unit vector in the middle of all pieces of a query, shape (d,)."""
    extraction = NOTHING
    if isinstance(media, Audio) and Modality.AUDIO not in encoder.space.modalities:
        extraction = extraction_of(True, False)
    total = np.zeros(encoder.space.dimension)
    with closing(pieces_of(encoder, media, extraction)) as pieces:
        while batch := list(islice(pieces, QUERY_BATCH)):
            by_kind: dict[str, list[Prepared]] = {}
            for part, prepared in batch:
                if prepared is not None:
                    by_kind.setdefault(str(part.modality), []).append(prepared)
            for kind, prepared_pieces in by_kind.items():
                total += encoder.encode_prepared(Modality(kind), prepared_pieces).sum(axis=0)
    length = float(np.linalg.norm(total))
    if not length > 0:
        raise MediaError("there is nothing in the query that can be compared")
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
