"""Text to speech: sentence by sentence, so that a text of any length takes little memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError, UsageError, WriteError
from sensorium.folders import named_file
from sensorium.tasks.origin import Origin
from sensorium.tasks.voice.sentences import sentences
from sensorium.tasks.voice.voices import MOST_SECONDS, Voice, find_voice

Samples = npt.NDArray[np.float32]

PAUSE_SECONDS = 0.35
"""Silence between two sentences."""

MOST_MINUTES = 30.0
"""Longest speech that `Speaker.speak` holds in memory (150 MB); `save` has no limit."""

PEAK = 0.95
"""Of full scale, what a sentence may reach: some voices are louder than a file can hold."""

SUFFIXES = {".wav": "WAV", ".flac": "FLAC", ".ogg": "OGG"}

SPEEDS = (0.25, 4.0)

DEFAULTS = {"en": "joe", "zh": "kokoro"}
"""The voice of each language that one comes with."""


@dataclass(frozen=True)
class Spoken:
    """One sentence of a speech.

    Attributes
    ----------
    text : str
    start, stop : float
        Seconds.
    """

    text: str
    start: float
    stop: float


@dataclass(frozen=True)
class Speech:
    """What was spoken.

    Attributes
    ----------
    samples : ndarray of float32, shape (n,)
        One channel, in -1 to 1; empty where it was written to a file.
    rate : int
        Samples a second.
    seconds : float
    sentences : tuple of Spoken
    voice : str
    language : str
        Two letters.
    origin : Origin
    path : str
        The file that it was written to.
    unsaid : tuple of str
        Words and signs of the text that the voice has no sounds for, each once: they were left
        out.
    """

    samples: Samples = field(repr=False)
    rate: int
    seconds: float
    sentences: tuple[Spoken, ...]
    voice: str
    language: str
    origin: Origin
    path: str = ""
    unsaid: tuple[str, ...] = ()


class Speaker:
    """Speaks texts with one voice.

    Parameters
    ----------
    voice : Voice
    language : str, optional
        Two letters; of each text by its letters where it is None.
    speed : float
        1 is as the voice was taught.

    Raises
    ------
    UsageError
        When the voice does not speak the language, or for a speed outside of `SPEEDS`.
    """

    def __init__(self, voice: Voice, language: str | None = None, speed: float = 1.0) -> None:
        if language and voice.languages and language not in voice.languages:
            raise UsageError(
                f"the voice {voice.name} speaks {', '.join(voice.languages)}, not {language!r}"
                + ("; kokoro speaks it" if language == "zh" else "")
            )
        if not SPEEDS[0] <= speed <= SPEEDS[1]:
            raise UsageError(f"a speed lies between {SPEEDS[0]} and {SPEEDS[1]}, got {speed}")
        self.voice = voice
        self.language = language
        self.speed = speed

    def blocks(self, text: str) -> Iterator[tuple[str, Samples]]:
        """Speak bit by bit.

        Parameters
        ----------
        text : str

        Yields
        ------
        (str, ndarray of float32, shape (n,))
            A sentence, and its samples at the voice's rate; "" with a pause between two.

        Raises
        ------
        UsageError
            When there is nothing in the text that the voice can say.
        EncoderError
        """
        language = self._language(text)
        spoken = False
        for sentence in sentences(text):
            if not any(letter.isalnum() for letter in sentence):
                continue
            samples = self.voice.say(sentence, language, self.speed)[
                : int(MOST_SECONDS * self.rate)
            ]
            if not len(samples):
                continue
            if spoken:
                yield "", np.zeros(int(PAUSE_SECONDS * self.rate), np.float32)
            loudest = float(np.abs(samples).max())
            yield sentence, samples * np.float32(PEAK / loudest) if loudest > PEAK else samples
            spoken = True
        if not spoken:
            raise UsageError(
                f"there is nothing to say in {text!r:.60} for the voice {self.voice.name}: give "
                "words in its language"
            )

    def speak(self, text: str) -> Speech:
        """Speak a text.

        Raises
        ------
        UsageError
            As `blocks`; also for more than `MOST_MINUTES`.
        """
        parts, told = [], []
        place = 0
        for sentence, samples in self.blocks(text):
            if sentence:
                told.append(self._spoken(sentence, place, len(samples)))
            parts.append(samples)
            place += len(samples)
            if place > MOST_MINUTES * 60 * self.rate:
                raise UsageError(
                    f"longer than {MOST_MINUTES:.0f} minutes when it is spoken: save() writes it "
                    "to a file bit by bit"
                )
        return self._speech(np.concatenate(parts), place, told, text)

    def save(self, text: str, path: str | os.PathLike[str]) -> Speech:
        """Speak a text into a file, which takes the place of what was there when it is whole.

        Parameters
        ----------
        text : str
        path : str or Path
            With the suffix .wav, .flac or .ogg.

        Raises
        ------
        UsageError
            As `blocks`; also for another suffix.
        WriteError
            When it cannot be written.
        """
        target = Path(os.path.expanduser(path))  # noqa: PTH111
        if target.suffix.lower() not in SUFFIXES:
            raise UsageError(
                f"{target}: speech is written as {', '.join(SUFFIXES)}, not {target.suffix!r}"
            )
        try:
            import soundfile
        except ImportError as error:
            raise MissingExtraError("soundfile", "speak") from error

        told, place = [], 0
        kind = SUFFIXES[target.suffix.lower()]
        try:
            with (
                named_file(target) as new,
                soundfile.SoundFile(new, "w", self.rate, 1, format=kind) as file,
            ):
                for sentence, samples in self.blocks(text):
                    if sentence:
                        told.append(self._spoken(sentence, place, len(samples)))
                    file.write(samples)
                    place += len(samples)
        except soundfile.LibsndfileError as error:
            raise WriteError(f"{target}: cannot be written ({error})") from error
        return self._speech(np.zeros(0, np.float32), place, told, text, os.fspath(path))

    @property
    def rate(self) -> int:
        """Samples a second."""
        return self.voice.rate

    def _language(self, text: str) -> str:
        if self.language:
            return self.language
        only = self.voice.languages
        return only[0] if len(only) == 1 else language_of(text)

    def _spoken(self, sentence: str, place: int, length: int) -> Spoken:
        start, stop = (round(n / self.rate, 3) for n in (place, place + length))
        return Spoken(sentence, start, stop)

    def _speech(
        self, samples: Samples, length: int, told: list[Spoken], text: str, path: str = ""
    ) -> Speech:
        return Speech(
            samples,
            self.rate,
            round(length / self.rate, 3),
            tuple(told),
            self.voice.name,
            self._language(text),
            self.voice.origin,
            path,
            tuple(self.voice.unsaid(text)),
        )


def language_of(text: str) -> str:
    """Chinese where there are Chinese characters, else English."""
    return "zh" if any("\u3400" <= letter <= "\u9fff" for letter in text) else "en"


def load_speaker(
    voice: str | None = None, *, language: str | None = None, speed: float = 1.0, text: str = ""
) -> Speaker:
    """A voice that speaks.

    Parameters
    ----------
    voice : str, optional
        "joe" (English), "kokoro" or "kokoro:NAME" (English and Chinese), a hub id or folder of a
        VITS model, of a SpeechT5 with ``@FILE.npy`` (whose voice it has),
        ``http(s)://SERVER/v1#MODEL@VOICE``; by language where it is None.
    language : str, optional
        Two letters.
    speed : float
        1 is as the voice was taught.
    text : str
        What will be spoken: tells the language where neither is given.

    Raises
    ------
    EncoderError
        When the voice is not on this machine; it says how it is fetched.
    UsageError
        When there is no such voice, or it does not speak that language.
    """
    wanted = language or language_of(text)
    if voice is None:
        if wanted not in DEFAULTS:
            raise UsageError(
                f"no voice that comes from a package speaks {wanted!r}; these speak: "
                f"{', '.join(DEFAULTS)}. Name one of a hub: facebook/mms-tts-fra, say"
            )
        voice = DEFAULTS[wanted]
    return Speaker(find_voice(voice, wanted), language, speed)
