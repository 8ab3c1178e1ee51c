"""Sound files that libsndfile reads: WAV, FLAC, AIFF and others whose length is known."""

from __future__ import annotations

import io
from collections.abc import Generator, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError
from sensorium.media.sources import open_regular
from sensorium.media.tracks.mixing import BLOCK_SECONDS, mix, require_rate, resampled, shares

try:
    import soundfile
except ImportError as error:
    raise MissingExtraError(error.name or "soundfile", "media") from error

FORMATS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "AIFF", "AU", "CAF", "OGG", "VOC", "SVX")
"""libsndfile's names of what is read; others are of synthesizers and laboratories."""

STEREO = 2

UNKNOWN_LENGTH = 2**62
"""Samples: libsndfile says 2^63 - 1 where a FLAC file was written to a pipe."""

TAGS = ("title", "artist", "album", "date", "genre", "comment")

Samples = npt.NDArray[np.float32]


@contextmanager
def _opened(source: Path | bytes) -> Iterator[soundfile.SoundFile | None]:
    """Open a file; None when FFmpeg is to read it.

    libsndfile gets no name: by that it would look for companions, and believe suffixes.
    """
    # MP3: after a seek, and for every oddity, libsndfile's decoder writes on the terminal.
    if _starts_as_mp3(source):
        yield None
        return
    with ExitStack() as stack:
        try:
            file: Any
            if isinstance(source, bytes):
                file = io.BytesIO(source)
            else:
                file = stack.enter_context(open_regular(source)).fileno()
            sound = stack.enter_context(soundfile.SoundFile(file, closefd=False))
        except (soundfile.LibsndfileError, OSError):
            sound = None
        if sound is not None and sound.format not in FORMATS:
            sound = None
        if sound is not None:
            require_rate(sound.samplerate, sound.channels)
        yield sound


def _starts_as_mp3(source: Path | bytes) -> bool:
    if isinstance(source, bytes):
        start = source[:3]
    elif source.suffix.lower() == ".mp3":  # that decoder goes by the name, too
        return True
    else:
        try:
            with source.open("rb") as file:
                start = file.read(3)
        except OSError:
            return False
    return start == b"ID3" or (start[:1] == b"\xff" and start[1:2] >= b"\xe0")


def facts(source: Path | bytes) -> dict[str, Any] | None:
    """Length, rate, channels and tags; None for what FFmpeg is to read.

    That is what libsndfile does not know, and what it is not told by the file: how long it is,
    where more than two channels are heard, and that another recording follows in an OGG file.
    """
    with _opened(source) as sound:
        if sound is None:
            return None
        if sound.format == "OGG" or sound.channels > STEREO or not _has_its_length(sound):
            return None
        tags = {name: getattr(sound, name) for name in TAGS if hasattr(sound, name)}
        return {
            "duration": sound.frames / sound.samplerate,
            "sample_rate": sound.samplerate,
            "channels": sound.channels,
            **{name: text.strip() for name, text in tags.items() if text and text.strip()},
        }


def _has_its_length(sound: soundfile.SoundFile) -> bool:
    """Whether the last sample that the header promises is there."""
    if not 0 < sound.frames < UNKNOWN_LENGTH:
        return False
    try:
        sound.seek(sound.frames - 1)
        return len(sound.read(1, dtype="float32")) == 1
    except soundfile.LibsndfileError:
        return False


def samples(
    source: Path | bytes, rate: int, start: float, stop: float
) -> Generator[Samples, None, float | None]:
    """Decode between two times, as one channel, at a rate.

    Returns
    -------
    float or None
        The second from which on it is broken: libsndfile goes no further, FFmpeg may.
    """
    reached = [start]
    with _opened(source) as sound:
        if sound is None:
            return start
        yield from resampled(_blocks(sound, start, stop, reached), rate)
        whole = reached[0] >= min(stop, sound.frames / sound.samplerate) - 1 / sound.samplerate
    return None if whole else reached[0]


def _blocks(
    sound: soundfile.SoundFile, start: float, stop: float, reached: list[float]
) -> Iterator[tuple[Samples, int]]:
    rate = sound.samplerate
    counts = shares(sound.channels)
    first = round(start * rate)
    end = min(sound.frames, round(stop * rate))
    with suppress(soundfile.LibsndfileError):  # broken from here on
        sound.seek(min(first, sound.frames))
        while first < end:
            wanted = min(end - first, max(1, round(BLOCK_SECONDS * rate)))
            read = sound.read(wanted, dtype="float32", always_2d=True)
            if len(read) < wanted:
                break
            first += wanted
            reached[0] = first / rate
            yield mix(read, counts), rate
