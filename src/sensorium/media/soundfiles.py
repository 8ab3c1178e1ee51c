"""Sound files that libsndfile reads (WAV, FLAC, OGG, AIFF), and resampling by soxr."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError

try:
    import soundfile
    import soxr
except ImportError as error:
    raise MissingExtraError(error.name or "soundfile", "media") from error

READ_SECONDS = 10
TAGS = ("title", "artist", "album", "date", "genre", "comment")

Samples = npt.NDArray[np.float32]


def _open(source: Path | bytes) -> soundfile.SoundFile | None:
    """Open a file; None when FFmpeg is to read it."""
    # MP3: after a seek, and for every oddity, libsndfile's decoder writes on the terminal.
    if _starts_as_mp3(source):
        return None
    try:
        return soundfile.SoundFile(io.BytesIO(source) if isinstance(source, bytes) else source)
    except (soundfile.LibsndfileError, OSError, TypeError):
        return None  # TypeError: a suffix ".raw", which would need to be told its format


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
    """Length, rate, channels and tags; None when libsndfile does not know the format."""
    sound = _open(source)
    if sound is None:
        return None
    with sound:
        tags = {name: getattr(sound, name) for name in TAGS if hasattr(sound, name)}
        return {
            "duration": sound.frames / sound.samplerate,
            "sample_rate": sound.samplerate,
            "channels": sound.channels,
            **{name: text.strip() for name, text in tags.items() if text and text.strip()},
        }


def samples(source: Path | bytes, rate: int, start: float, stop: float) -> Iterator[Samples]:
    """Decode between two times, mono, at a rate; ends early where the file is broken."""
    sound = _open(source)
    if sound is None:
        return
    with sound:
        resampler = None
        if sound.samplerate != rate:
            resampler = soxr.ResampleStream(sound.samplerate, rate, 1, dtype="float32")
        first = round(start * sound.samplerate)
        left = min(sound.frames, round(stop * sound.samplerate)) - first
        try:
            sound.seek(min(first, sound.frames))
            while left > 0:
                wanted = min(left, READ_SECONDS * sound.samplerate)
                read = sound.read(wanted, dtype="float32", always_2d=True)
                left = left - len(read) if len(read) else 0
                mono = np.nan_to_num(read.mean(axis=1, dtype=np.float32))
                if resampler is not None:
                    mono = resampler.resample_chunk(mono)
                if len(mono):
                    yield mono
        except soundfile.LibsndfileError:
            pass  # broken from here on
        if resampler is not None and len(rest := resampler.resample_chunk(_NOTHING, last=True)):
            yield rest


_NOTHING = np.empty(0, np.float32)


def resampled(values: Samples, rate: int, wanted: int) -> Samples:
    """Bring samples to another rate."""
    if rate == wanted:
        return values
    return np.asarray(soxr.resample(values, rate, wanted), np.float32)
