"""A picture, a text or a sound in parts, and what any set of these is worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sensorium.encoders.background import background
from sensorium.encoders.base import Encoder
from sensorium.encoders.inputs import Input
from sensorium.encoders.ordinary import reference_questions
from sensorium.errors import UsageError
from sensorium.explain.explanation import Part
from sensorium.explain.pictures import Pixels, cover_of, covering, grid_over, unchanged
from sensorium.explain.sounds import idle_slices, muting, slices_of
from sensorium.explain.texts import kept_text, sentence_spans, word_spans
from sensorium.explain.values import Value
from sensorium.explain.worth import Masks, Values, Worth
from sensorium.media import Audio, Image, Media, Modality, Text

SIDE = 336
"""Pixels of the shorter side that a picture is covered at where the encoder does not say what it
sees: as much as most towers take."""

RATE = 48_000
"""Samples a second of a sound where the encoder does not say what it hears."""

FAR = 1e3
"""Distance of words: neither does what its neighbour does."""

NO_WORDS = "..."
"""Stands for a text without words where nothing is known of texts in general."""


@dataclass(frozen=True)
class Divided:
    """One side of a pair in parts.

    Attributes
    ----------
    modality : str
    parts : list of Part
        Without weights.
    worth : Worth
    where : ndarray of float64, shape (n, k)
        Where the parts lie; see `sensorium.explain.ordering.weights_of`.
    centre : ndarray of int, shape (n,)
        Parts from the middle outwards.
    idle : ndarray of bool, shape (n,)
        Parts that are the same covered and uncovered: they are worth nothing.
    shape : tuple of int or None
        Rows and columns of a picture.
    text : str or None
    """

    modality: str
    parts: list[Part]
    worth: Worth
    where: npt.NDArray[np.float64]
    centre: npt.NDArray[np.int64]
    idle: npt.NDArray[np.bool_]
    shape: tuple[int, int] | None = None
    text: str | None = None


def divide(media: Media, value: Value, start: float = 0.0) -> Divided:
    """Divide media into parts.

    Parameters
    ----------
    media : Image, Text or Audio
        One segment: what has several is explained by its best.
    value : Value
        What the parts shall explain.
    start : float
        Where the media begin in their item, in seconds or characters.

    Raises
    ------
    MediaError
        When the media cannot be read.
    UsageError
        For media of another kind.
    """
    if isinstance(media, Image):
        return divide_picture(media, value)
    if isinstance(media, Text):
        return divide_text(media, value, start)
    if isinstance(media, Audio):
        return divide_sound(media, value, start)
    raise UsageError(f"{media!r:.80} is explained by one of its segments")


def divide_picture(
    picture: Image, value: Value, cover_with: Callable[[Pixels], Pixels] = cover_of
) -> Divided:
    """Divide a picture into a grid; covered are its cells as the model gets them."""
    given = _input_of(picture, value)
    seen = given or _whole(picture)
    grid = grid_over(seen)
    cover = cover_with(seen.values)
    covered = covering(seen.values, cover, grid)

    def of(masks: Masks) -> Values:
        pictures = (covered(mask) for mask in masks)
        if given is None:
            return value.of_media([Image(pixels) for pixels in pictures])
        return value.of_prepared(Modality.IMAGE, [given.prepared(one) for one in pictures])

    return Divided(
        "image",
        [Part("region", 0.0, box=box) for box in grid.boxes],
        Worth(of, len(grid.boxes)),
        grid.where(),
        grid.from_the_centre(),
        unchanged(seen.values, cover, grid),
        (grid.rows, grid.columns),
    )


def divide_text(text: Text, value: Value, start: float = 0.0) -> Divided:
    """Divide a text into sentences, or where it is a single one, into words."""
    words = text.text
    spans, kind = sentence_spans(words), "sentence"
    if len(spans) < 2 or value.role == "query":
        spans, kind = word_spans(words), "word"
    spans = spans or [(0, len(words))]

    def of(masks: Masks) -> Values:
        texts = [kept_text(words, spans, mask) for mask in masks]
        values = np.empty(len(masks))
        some = [n for n, one in enumerate(texts) if one]
        if some:
            values[some] = value.of_media([Text(texts[n]) for n in some])
        if len(some) < len(masks):
            values[[n for n, one in enumerate(texts) if not one]] = _without_words(value)
        return values

    parts = [
        Part(kind, 0.0, span=(start + a, start + b), text=words[a:b])  # type: ignore[arg-type]
        for a, b in spans
    ]
    n = len(parts)
    far = FAR * np.arange(n, dtype=np.float64)[:, None]
    idle = np.zeros(n, bool)
    return Divided("text", parts, Worth(of, n), far, _outwards(n), idle, text=words)


def divide_sound(sound: Audio, value: Value, start: float = 0.0) -> Divided:
    """Divide a sound into stretches of time, which are muted."""
    given = _input_of(sound, value)
    samples = given.values if given is not None else sound.load(RATE)
    seconds = given.shown[1] if given is not None else len(samples) / RATE
    spans = slices_of(seconds)
    muted = muting(samples, len(spans), len(samples) / max(seconds, 1e-9))

    def of(masks: Masks) -> Values:
        sounds = (muted(mask) for mask in masks)
        if given is None:
            return value.of_media([Audio(one, rate=RATE) for one in sounds])
        return value.of_prepared(Modality.AUDIO, [given.prepared(one) for one in sounds])

    n = len(spans)
    return Divided(
        "audio",
        [Part("seconds", 0.0, span=(start + a, start + b)) for a, b in spans],
        Worth(of, n),
        np.arange(n, dtype=np.float64)[:, None],
        _outwards(n),
        idle_slices(samples, n),
    )


def _input_of(media: Media, value: Value) -> Input | None:
    if value.encoder is None or value.of_vectors is None:
        return None
    return value.encoder.input_of(media)


def _whole(picture: Image) -> Input:
    """All of a picture, at a size that towers take, to be prepared again with its parts covered."""
    pixels = np.asarray(picture.load(min_side=SIDE))
    height, width = pixels.shape[:2]
    if min(height, width) > SIDE:
        import PIL.Image

        scale = SIDE / min(height, width)
        size = (round(width * scale), round(height * scale))
        resized = PIL.Image.fromarray(pixels).resize(size, PIL.Image.Resampling.BICUBIC)
        pixels = np.asarray(resized)
        height, width = pixels.shape[:2]
    return Input("pixels", pixels, (0, 0, width, height), (0.0, 0.0, 1.0, 1.0))


def _without_words(value: Value) -> float:
    """The value of a question, or of a passage, that says nothing: that of ordinary ones."""
    if value.encoder is None or value.of_vectors is None:
        return float(value.of_media([Text(NO_WORDS)])[0])
    vectors = _ordinary(value.encoder, value.role)
    return float(value.of_vectors(vectors, "text").mean())


def _ordinary(encoder: Encoder, role: str) -> npt.NDArray[np.float32]:
    if role == "query":
        found = reference_questions(encoder, "text")
        assert found is not None  # it has encoded a text
        return found
    return background(encoder)["text"]


def _outwards(count: int) -> npt.NDArray[np.int64]:
    """Places from the middle outwards."""
    return np.argsort(abs(np.arange(count) - (count - 1) / 2), kind="stable")
