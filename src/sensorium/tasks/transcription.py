"""Speech to text, piece by piece, so that a recording may be of any length."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import cache, cached_property
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt

from sensorium.encoders.reading import sound_of
from sensorium.errors import MediaError
from sensorium.media import Audio, Media, Segment, Text, as_media, open_media
from sensorium.media.decoding import decoding
from sensorium.tasks.hearing import Recogniser, find_recogniser
from sensorium.tasks.hearing.transcripts import Said, Transcript, Word, joined
from sensorium.tasks.hearing.voice_activity import (
    CERTAIN,
    RATE,
    SURE,
    Activity,
    Piece,
    activity,
    pieces,
)
from sensorium.tasks.journal import Journal
from sensorium.tasks.origin import Origin

CHUNK_SECONDS = 120.0
"""What is transcribed at a time; 8 MB."""

QUIET_SECONDS = 10.0
"""A chunk ends at its quietest moment in its last seconds: no word is cut in two."""

EMPTY = 1e-4
"""Share of full scale that a chunk must reach somewhere; 80 dB below the loudest is no speech."""

SILENT = 1e-3
"""Share of full scale at which a passage begins, where it reaches that."""

SEGMENT_SECONDS = 12.0
SEGMENT_CHARACTERS = 160
"""Longest passage: a sentence or two, so that a hit's time is near what was said."""

LONGEST_PAUSE = 1.0
"""Seconds of silence within a passage."""

PAUSE_SECONDS = 2.0
"""Pauses that a recogniser hears, too; longer ones are left out."""

DOUBTED = 0.5
"""Confidence that words need where the detector of voices is not certain. Of sounds without a
voice Whisper writes words with 0.005 to 0.41, and of an astronaut over the radio with 0.6."""

DEFAULT_MODEL = "base"


class Transcriber:
    """Turns speech into timed text.

    Parameters
    ----------
    model : str
        A size of Whisper ("tiny", "base", "small", "medium", "large-v3", "turbo", ".en" variants),
        a model of onnx-asr ("nemo-parakeet-tdt-0.6b-v3"), a hub id or folder with a Whisper of
        CTranslate2 or Transformers or a model of onnx-asr, or ``http(s)://SERVER/v1#MODEL``.
    language : str, optional
        Two letters; None lets the model find out, for each recording.

    Raises
    ------
    MissingExtraError
        When what the model runs on is not installed. It is loaded when it is first used.
    """

    def __init__(self, model: str = DEFAULT_MODEL, language: str | None = None) -> None:
        self.model = model
        self.language = language
        if "://" not in model:
            _ = self._recogniser
        called = Path(model).name
        if "/" not in model and not called.startswith(("whisper", "nemo-", "gigaam-")):
            called = f"whisper-{called}"  # as collections name it that were made before
        self.name = called + (f"-{language}" if language else "")
        self._lock = Lock()

    @property
    def origin(self) -> Origin:
        """Which model it is."""
        return self._recogniser.origin

    def segments(self, sound: Audio, journal: Journal | None = None) -> Iterator[Segment]:
        """Yield what is said, with its time.

        Parameters
        ----------
        sound : Audio
        journal : Journal, optional
            What it holds is not transcribed again; what is transcribed is added to it.

        Yields
        ------
        Segment
            A text; its `span` is in seconds, ``details["language"]`` has two letters.

        Raises
        ------
        MediaError
            When the sound cannot be read.
        """
        waiting: Segment | None = None
        for start, samples in _chunks(sound):
            for part in self._heard(samples, start, journal):
                if waiting is not None and _fit(waiting, part):
                    waiting = _joined(waiting, part)
                    continue
                if waiting is not None:
                    yield waiting
                waiting = part
        if waiting is not None:
            yield waiting

    def transcribe(self, source: str | os.PathLike[str] | Media) -> Transcript:
        """Everything that is said in a recording or film.

        Parameters
        ----------
        source : path, URL, Audio or Video

        Returns
        -------
        Transcript
            Without segments where nobody speaks.

        Raises
        ------
        MediaError
            When it cannot be read, or has no sound.
        EncoderError
            When the model is not at hand, or its server does not answer.
        """
        media = open_media(source) if isinstance(source, (str, os.PathLike)) else as_media(source)
        name = os.fspath(source) if isinstance(source, (str, os.PathLike)) else str(media)
        sound = sound_of(media)
        if sound is None:
            if media.modality == "video":
                raise MediaError("the film has no sound", name)
            raise MediaError(
                f"speech is in sounds and films, this is of kind {media.modality}", name
            )
        self._recogniser.require_here()  # also where nobody speaks
        said: list[Said] = []
        seconds = 0.0
        for start, samples in _chunks(sound):
            said += self._said(samples, start)
            seconds = start + len(samples) / RATE
        spoken: Counter[str] = Counter()
        for one in said:
            spoken[one.language] += len(one.text)
        notes = dict.fromkeys([*getattr(media, "notes", ()), *sound.notes])
        return Transcript(
            name,
            spoken.most_common(1)[0][0] if spoken else "",
            round(seconds, 3),
            tuple(said),
            self.origin,
            tuple(notes),
        )

    def _heard(
        self, samples: npt.NDArray[np.float32], start: float, journal: Journal | None
    ) -> list[Segment]:
        if journal is None or len(samples) < (CHUNK_SECONDS - QUIET_SECONDS) * RATE:
            return self._transcribed(samples, start)
        if (known := journal.get(start, len(samples))) is not None:
            return known
        said = self._transcribed(samples, start)
        journal.put(start, len(samples), said)
        return said

    def _transcribed(self, samples: npt.NDArray[np.float32], start: float) -> list[Segment]:
        return [
            Segment(
                Text(said.text),
                (_time(said.start), _time(said.stop)),
                {"source": "speech", "language": said.language},
            )
            for said in self._said(samples, start)
        ]

    def _said(self, samples: npt.NDArray[np.float32], start: float) -> list[Said]:
        """What is said in a chunk that begins at a second."""
        if len(samples) < RATE // 10 or float(np.abs(samples).max()) < EMPTY:
            return []
        with self._lock, decoding("", "its speech cannot be transcribed"):  # one model, all cores
            active = activity(samples)
            if not (stretches := active.stretches(PAUSE_SECONDS)):
                return []
            recogniser = self._recogniser
            if recogniser.gap < PAUSE_SECONDS:
                stretches = active.stretches(recogniser.gap)
            found: list[Said] = []
            for piece in pieces(samples, stretches, recogniser.most_seconds, recogniser.gap):
                for said in recogniser.hear(piece.samples, self.language):
                    found += _placed(said, piece, active, samples)
        return [_later(said, start) for said in found]

    def require_here(self) -> None:
        """Refuse a model that is not on this machine, without asking a hub: no question does.

        Raises
        ------
        NotAtHandError
        """
        self._recogniser.require_here(ask=False)

    @cached_property
    def _recogniser(self) -> Recogniser:
        return find_recogniser(self.model)


def _placed(
    said: Said, piece: Piece, active: Activity, samples: npt.NDArray[np.float32]
) -> list[Said]:
    """A passage at its times in the chunk, parted at long pauses; none where nobody speaks."""
    words = [
        Word(w.text, start, max(start, piece.original(w.stop, is_end=True)), w.confidence)
        for w in said.words
        if (start := piece.original(w.start)) is not None
    ]
    if not words:
        start = piece.original(said.start)
        whole = replace(said, start=start, stop=max(start, piece.original(said.stop, is_end=True)))
        return [whole] if is_speech(whole, active) else []
    groups: list[list[Word]] = [[words[0]]]
    for word in words[1:]:
        if word.start - groups[-1][-1].stop > PAUSE_SECONDS:
            groups.append([])
        groups[-1].append(word)
    found = []
    for group in groups:
        first = replace(group[0], start=_begins(samples, group[0].start, group[0].stop))
        own = [first, *group[1:]]
        text = said.text if len(groups) == 1 else joined(own)
        logs = [math.log(max(word.confidence, 1e-6)) for word in own]
        sure = math.exp(sum(logs) / len(logs)) if said.confidence else 0.0
        part = Said(text, first.start, max(w.stop for w in own), sure, said.language, tuple(own))
        if is_speech(part, active):
            found.append(part)
    return found


def is_speech(said: Said, active: Activity) -> bool:
    """Whether a passage was said by somebody: what recognisers write of barks and music was not."""
    peak = active.peak(said.start, said.stop)
    unsure = 0.0 < said.confidence < DOUBTED  # 0: the recogniser does not tell
    return (
        any(letter.isalnum() for letter in said.text)
        and peak >= SURE
        and (peak >= CERTAIN or not unsure)
    )


def _later(said: Said, seconds: float) -> Said:
    words = tuple(
        replace(word, start=_exact(word.start + seconds), stop=_exact(word.stop + seconds))
        for word in said.words
    )
    start, stop = _exact(said.start + seconds), _exact(said.stop + seconds)
    return replace(said, start=start, stop=stop, words=words, confidence=round(said.confidence, 4))


def _exact(seconds: float) -> float:
    return round(float(seconds), 3)


def _chunks(sound: Audio) -> Iterator[tuple[float, npt.NDArray[np.float32]]]:
    """Pieces of a recording that end where it is quiet, and when each begins."""
    rest = np.empty(0, np.float32)
    start = 0.0
    for block in sound.blocks(RATE):
        rest = np.concatenate([rest, block])
        while len(rest) >= CHUNK_SECONDS * RATE:
            stop = _quietest(rest[: int(CHUNK_SECONDS * RATE)])
            yield start, rest[:stop]
            start += stop / RATE
            rest = rest[stop:]
    if len(rest):
        yield start, rest


def _quietest(samples: npt.NDArray[np.float32]) -> int:
    step = RATE // 10
    tail = samples[-int(QUIET_SECONDS * RATE) :]
    power = (tail[: len(tail) // step * step].reshape(-1, step) ** 2).mean(axis=1)
    return len(samples) - len(tail) + int(power.argmin()) * step + step // 2


def _begins(samples: npt.NDArray[np.float32], start: float, stop: float) -> float:
    """When a passage begins, which Whisper takes for up to half a second earlier after silence."""
    loud = np.abs(samples[round(start * RATE) : round(stop * RATE)]) > SILENT
    return start + (int(loud.argmax()) / RATE if loud.any() else 0.0)


def _time(seconds: float) -> float:
    return round(float(seconds), 2)


def _fit(first: Segment, second: Segment) -> bool:
    assert first.span is not None and second.span is not None
    return (
        second.span[1] - first.span[0] <= SEGMENT_SECONDS
        and len(_words(first)) + len(_words(second)) <= SEGMENT_CHARACTERS
        and second.span[0] - first.span[1] <= LONGEST_PAUSE
    )


def _joined(first: Segment, second: Segment) -> Segment:
    assert first.span is not None and second.span is not None
    words = Text(f"{_words(first)} {_words(second)}")
    return Segment(words, (first.span[0], second.span[1]), first.details)


def _words(segment: Segment) -> str:
    assert isinstance(segment.media, Text)
    return segment.media.text


@cache
def load_transcriber(model: str = DEFAULT_MODEL) -> Transcriber:
    """A transcriber, made once for each model."""
    return Transcriber(model)
