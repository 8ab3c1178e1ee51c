"""Reading one item: its segments ready for an encoder, and the words that are in its media."""

from __future__ import annotations

from collections.abc import (
    Callable,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Sequence,
)
from dataclasses import dataclass, replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sensorium.encoders.base import FeatureExtractor, Role
from sensorium.encoders.pipeline import PreparedSegment, Read
from sensorium.errors import EncoderError, MediaError, MissingExtraError
from sensorium.media import Audio, Image, Media, Modality, Segment, Text, open_media
from sensorium.media.content import modality_of_suffix
from sensorium.media.pictures.tiles import Tile
from sensorium.media.segments import SegmentRecord
from sensorium.media.sources import EncodedFile


class Listener(Protocol):
    """What hears words in sound."""

    name: str

    def segments(self, sound: Audio, journal: Any = None) -> Iterable[Segment]:
        """Yield what is said; a journal keeps what was heard before a kill."""
        ...


class WritingReader(Protocol):
    """What reads words in pictures."""

    name: str

    def read(self, picture: Image) -> Iterable[Segment]:
        """Yield what is written."""
        ...


class ThingFinder(Protocol):
    """What finds things in pictures."""

    name: str

    def find(self, picture: Image, said: MutableMapping[str, Any]) -> Iterable[Segment]:
        """Yield parts of a picture and words for them; `said` gets how many there are of each."""
        ...


@dataclass(frozen=True)
class Extraction:
    """What words are read out of media with, and what their parts are found with.

    Attributes
    ----------
    speech : Listener or None
    writing : WritingReader or None
    things : ThingFinder or None
    """

    speech: Listener | None = None
    writing: WritingReader | None = None
    things: ThingFinder | None = None

    def for_modality(self, modality: Modality) -> tuple[str, ...]:
        """Names of what reads words out of items of a modality, or finds things in them."""
        heard = self.speech if modality in (Modality.AUDIO, Modality.VIDEO) else None
        seen = self.writing if modality in _SEEN else None
        found = self.things if modality in _SEEN else None
        return tuple(model.name for model in (heard, seen, found) if model is not None)


_SEEN = (Modality.IMAGE, Modality.VIDEO, Modality.TEXT)

NOTHING = Extraction()

THING = "detection"
"""Source of words for things that a detector has found."""

WORDS_ALONE = "words_alone"
"""Detail of a text that gets no vector: another one says the same."""

T = TypeVar("T")

SHORT = {Modality.IMAGE: 16, Modality.TEXT: 16, Modality.AUDIO: 2, Modality.VIDEO: 2}
"""Most segments of an item that are decoded ahead, by modality: many wait in memory, and a window
of sound takes 2 MB. 3-D objects have few in any case."""


def segments_of(
    encoder: FeatureExtractor,
    media: Media,
    extraction: Extraction = NOTHING,
    stored: Sequence[tuple[int, SegmentRecord]] | None = None,
    journal: Any = None,
    role: Role = "document",
    tiles: bool = True,
    said: MutableMapping[str, Any] | None = None,
) -> Generator[PreparedSegment, None, None]:
    """Yield what is stored of an item, each segment decoded when its turn comes.

    Parameters
    ----------
    encoder : FeatureExtractor
    media : Media
    extraction : Extraction
        What reads words out of it.
    stored : sequence of (id, SegmentRecord), optional
        Texts that are stored of it: their vectors are made anew, and no words are extracted.
    journal : optional
        What is said is written down there, and taken from there after a kill.
    role : {"query", "document"}
    said : mutable mapping, optional
        Gets what is found in pictures, by number; see `ThingFinder`.
    tiles : bool
        Whether tiles of a long picture are segments; without, it has one vector, as others have.

    Raises
    ------
    MediaError
        When the media is broken, or there is nothing in it that the space holds. One broken segment
        of many is left out, which the notes of the media say.
    """
    # What a caller made may have no notes.
    notes: list[str] = media.notes if hasattr(media, "notes") else []
    held = encoder.space.modalities
    broken: MediaError | None = None
    foreign: Modality | None = None
    count = 0
    for segment in media.segments():
        inner = segment.media
        if isinstance(inner, Tile) and not tiles:
            continue
        words = isinstance(inner, Text) and _is_document(media)
        if words and stored is not None:
            continue
        try:
            if words:
                prepared = _words(encoder, segment, role)
            elif segment.modality in held:
                record = SegmentRecord(segment.span, str(segment.modality), details=segment.details)
                prepared = (record, encoder.prepare(inner, role))
            else:
                foreign = segment.modality
                continue
        except MediaError as error:
            broken = error
            if not isinstance(inner, Tile):  # the whole has said it
                notes.append(f"{_place_of(segment)}left out: {error.reason}")
            continue
        count += 1
        yield prepared
        if not isinstance(inner, Image) or isinstance(inner, Tile):
            continue  # a tile is read in the whole
        if stored is not None:
            for prepared in _stored_parts(encoder, inner, segment, stored, role):
                count += 1
                yield prepared
            continue
        if extraction.writing is None and extraction.things is None:
            continue
        if extraction.writing is not None:
            for line in extraction.writing.read(inner):
                count += 1
                where = _place_within(segment.details, line.details)
                yield _words(encoder, replace(line, span=segment.span, details=where), role)
        if extraction.things is not None:
            for part in extraction.things.find(inner, {} if said is None else said):
                where = _place_within(segment.details, part.details)
                if "boxes" in where and "box" in segment.details:
                    where["of"] = segment.details["box"]  # these stay shares of this picture
                placed = replace(part, span=segment.span, details=where)
                if isinstance(part.media, Text):
                    count += 1
                    yield _words(encoder, placed, role)
                elif Modality.IMAGE in held:
                    count += 1
                    yield _part(encoder, placed, role)
        if inner is not media:
            notes += (f"{_place_of(segment)}{note}" for note in inner.notes)
    if stored is not None:
        for number, record in stored:
            if record.details.get(WORDS_ALONE):
                continue
            if record.source and Modality.TEXT in held and record.text is not None:
                count += 1
                yield (
                    replace(record, has_vector=True, text_id=number),
                    encoder.prepare(Text(record.text), role),
                )
    elif extraction.speech is not None and (sound := sound_of(media)) is not None:
        for heard in extraction.speech.segments(sound, journal):
            count += 1
            yield _words(encoder, heard, role)
    if count:
        if foreign is not None and extraction.speech is None:
            notes.append(
                f"its {foreign} is left out: {_not_held(encoder, foreign)}"
                f"{_advice(media, extraction)}"
            )
        return
    if broken is not None:
        raise broken
    if foreign is not None:
        reasons = [*dict.fromkeys(notes), _not_held(encoder, foreign)]
        name = media.name if isinstance(media, EncodedFile) else None
        raise MediaError(f"{'; '.join(reasons)}{_advice(media, extraction)}", name)
    raise MediaError("there is nothing in it that can be indexed")


def _part(encoder: FeatureExtractor, part: Segment, role: Role) -> PreparedSegment:
    record = SegmentRecord(part.span, "image", details=dict(part.details))
    return record, encoder.prepare(part.media, role)


def _stored_parts(
    encoder: FeatureExtractor, picture: Image, whole: Segment,
    stored: Sequence[tuple[int, SegmentRecord]], role: Role,
) -> Iterator[PreparedSegment]:  # fmt: skip
    """Parts of a picture anew, by what is stored of words for things that are on it."""
    from sensorium.media.pictures.parts import part_of

    outer = whole.details
    places = [
        {**{key: one for key, one in record.details.items() if key != "boxes"}, **place}
        for _, record in stored
        if record.source == THING
        and record.span == whole.span
        and record.details.get("page") == outer.get("page")
        and record.details.get("of") == outer.get("box")
        for place in _sound_places(record.details.get("boxes"))
    ]
    if places and Modality.IMAGE in encoder.space.modalities:
        pixels = picture.load()
        places.sort(key=lambda place: -float(place["confidence"]))  # as they were found
        for place in places:
            media = part_of(pixels, place["box"])
            details = _place_within(outer, place)
            yield _part(encoder, Segment(media, whole.span, details), role)


def _sound_places(stored: Any) -> list[dict[str, Any]]:
    """Boxes with confidences, of what may be damaged or written by anybody."""
    sound = []
    for place in stored if isinstance(stored, list) else ():
        box = place.get("box") if isinstance(place, dict) else None
        numbers = [*box, place.get("confidence")] if isinstance(box, list) else []
        if len(numbers) == 5 and all(isinstance(n, (int, float)) and 0 <= n <= 1 for n in numbers):
            sound.append({"box": box, "confidence": numbers[4]})
    return sound


def _place_within(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    """Where something in a picture lies on the page that the picture is on."""
    where = {**inner, **{key: outer[key] for key in ("page",) if key in outer}}
    if "box" in outer and "box" in inner:
        left, upper, right, lower = outer["box"]
        width, height = right - left, lower - upper
        places = zip((left, upper) * 2, (width, height) * 2, inner["box"], strict=True)
        where["box"] = [round(start + size * share, 4) for start, size, share in places]
    return where


def _place_of(segment: Segment) -> str:
    """Where a segment lies, for a note; empty for a whole item."""
    place = " ".join(f"{name} {value}" for name, value in segment.details.items())
    if segment.span is not None:
        unit = "s" if segment.modality in (Modality.AUDIO, Modality.VIDEO) else "characters"
        place = place or f"{segment.span[0]:g}-{segment.span[1]:g} {unit}"
    return place and f"{place} "


HEAVY_BYTES = 8 * 1024 * 1024
"""Size from which on a document is heavy: its file is in memory until its last page is read."""


def is_heavy(path: Path) -> bool:
    """Whether much memory is taken by a file that was begun and is not finished; see `embed`."""
    if modality_of_suffix(path.suffix.lower()) == Modality.IMAGE:
        return False  # most files: it is not opened once more for those that are called wrongly
    modality = open_media(path).modality
    if modality != Modality.TEXT:
        return modality == Modality.VIDEO
    try:
        return path.stat().st_size > HEAVY_BYTES
    except OSError:  # reading it says so
        return False


def sound_of(media: Media) -> Audio | None:
    """The sound of an item that has one."""
    from sensorium.media import Video

    if isinstance(media, Video):
        return media.sound
    return media if isinstance(media, Audio) else None


def _advice(media: Media, extraction: Extraction) -> str:
    if media.modality not in (Modality.AUDIO, Modality.VIDEO):
        return ""
    if extraction.speech is not None:
        return ", and no speech was understood in it"
    return "; with --speech it is found by what is said in it"


def _not_held(encoder: FeatureExtractor, modality: Modality) -> str:
    known = " and ".join(encoder.space.modalities)
    return f"the space {encoder.space.name} holds {known}, not {modality}"


def _words(encoder: FeatureExtractor, words: Segment, role: Role) -> PreparedSegment:
    """A segment of words; without a vector where the space holds no text."""
    assert isinstance(words.media, Text)
    details = dict(words.details)
    source = details.pop("source", "text")
    if details.get(WORDS_ALONE):
        record = SegmentRecord(words.span, "text", words.media.text, source, details)
        return replace(record, has_vector=False), None
    record = SegmentRecord(words.span, "text", words.media.text, source, details)
    if Modality.TEXT not in encoder.space.modalities:
        return replace(record, has_vector=False), None
    try:
        return record, encoder.prepare(words.media, role)
    except MediaError:  # signs that no tokenizer knows: words that can still be searched
        return replace(record, has_vector=False), None


def read_segments(
    item: T, media: Media, segments: Iterable[PreparedSegment], failed: Callable[[str], T]
) -> Read[T]:
    """Decode a short item here and now, a long one while it is encoded.

    Parameters
    ----------
    item : T
        What comes back with the vectors.
    media : Media
    segments : iterable of PreparedSegment
        As `segments_of` yields them.
    failed : callable
        Makes what comes back instead when the media turns out to be broken, of the reason.
    """
    reasons: list[str] = []

    def unbroken() -> Generator[PreparedSegment, None, None]:
        try:
            yield from segments
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


def _is_document(media: Media) -> bool:
    from sensorium.media import Document  # who only asks reads none

    return isinstance(media, Document)
