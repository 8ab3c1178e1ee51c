"""Sound: from a file, URL, bytes or array to mono samples at the rate that a model takes.

WAV, FLAC and AIFF with one or two channels are read by libsndfile, everything else (OGG, MP3, M4A,
WMA, the sound of a video) by FFmpeg. Both are read piecewise: a recording of any length takes as
much memory as one block.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MediaError
from sensorium.media.decoding import decoding, reads
from sensorium.media.segments import Modality, Segment
from sensorium.media.sources import EncodedFile

if TYPE_CHECKING:
    from sensorium.media.tracks import soundtracks
    from sensorium.media.tracks.counting import Counted

WINDOW_SECONDS = 10.0
"""Length of the pieces that get a vector each: what sound encoders such as CLAP are trained on."""

SHORTEST_WINDOW = 0.5
"""Share of a window below which the rest of a recording is heard together with the last window."""

MAX_SECONDS = 24 * 3600.0
"""Longest recording that is indexed; a longer one is an endless stream, or a broken header."""

MAX_LOADED_SECONDS = 1800.0
"""Longest sound that `Audio.load` holds in memory (330 MB at 48 kHz); `blocks` has no limit."""

BLOCK_SECONDS = 30.0

UNREADABLE = "no sound that can be read"

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class _Header:
    facts: dict[str, Any]
    survey: soundtracks.Surveyed | None  # None: libsndfile reads it


class Audio(EncodedFile):
    """A sound. Nothing is read before it is needed.

    Parameters
    ----------
    source : str, Path, bytes, ndarray
        A path, an ``http(s)`` or ``data:`` URL, an encoded file as bytes, or samples: shape
        ``(n,)`` or ``(n, channels)``; float in -1 to 1, int16 or int32.
    rate : int, optional
        Samples a second; for arrays, and needed there.

    Raises
    ------
    MediaError
        When the type or the array cannot be a sound. Files are opened later.
    """

    modality = Modality.AUDIO
    _takes = "a path, URL, bytes or array"

    def __init__(
        self, source: str | os.PathLike[str] | bytes | npt.NDArray[Any], rate: int | None = None
    ) -> None:
        super().__init__(b"" if isinstance(source, np.ndarray) else source)
        self.span: tuple[float, float] | None = None
        """The part of the source that this is, in seconds; None for all of it."""
        self._samples: Samples | None = None
        self._rate = rate
        self._found: list[_Header] = []  # shared by all clips: a file is counted once
        self._counted: Counted | None = None
        if isinstance(source, np.ndarray):
            if not isinstance(rate, (int, np.integer)) or rate < 1:
                raise MediaError(
                    f"samples need their rate: Audio(samples, rate=16000), got {rate!r}"
                )
            self._samples = _mono(source, rate)

    @classmethod
    def of_film(cls, film: EncodedFile, counted: Counted | None) -> Audio:
        """The sound track of a film, which gets the notes of what of its sound is not heard.

        Parameters
        ----------
        film : EncodedFile
        counted : Counted, optional
            How long its tracks are, where they have been counted.
        """
        sound = cls(b"")
        sound.__dict__.update(film.source_parts())
        sound._counted = counted
        return sound

    @property
    def given(self) -> tuple[Samples, int]:
        """Samples that somebody gave, shape (n,), one channel, and their rate.

        Raises
        ------
        MediaError
            When it is a file.
        """
        if self._samples is None or self._rate is None:
            raise MediaError("is a file, whose samples `blocks` decodes", self.name)
        return self._samples, self._rate

    @property
    def duration(self) -> float:
        """Seconds until the sound ends, counted from where the file begins to be seen or heard."""
        if self.span is not None:
            return self.span[1] - self.span[0]
        if self._samples is not None:
            assert self._rate is not None
            return len(self._samples) / self._rate
        return float(self._header()["duration"])

    def clip(self, start: float, stop: float) -> Audio:
        """The part between two times, in seconds; it is decoded when it is asked for."""
        origin = self.span[0] if self.span else 0.0
        part = Audio.__new__(Audio)
        part.__dict__ = dict(self.__dict__)
        part.span = (origin + start, origin + stop)
        return part

    def blocks(self, rate: int, seconds: float = BLOCK_SECONDS) -> Iterator[Samples]:
        """Decode piece by piece.

        Parameters
        ----------
        rate : int
            Samples a second that are wanted.
        seconds : float
            Length of a block; the last one is shorter.

        Yields
        ------
        ndarray of float32, shape (n,)
            One channel, in -1 to 1: the mean of all, see `mixing`. Silence where a track begins
            later than its film, or has a gap.

        Raises
        ------
        MediaError
            When the file is missing, no sound, or broken before its first sample. What a file
            that is broken further on holds up to there is given.
        """
        size = max(1, round(seconds * rate))
        waiting: list[Samples] = []
        held = 0
        with decoding(self.name, UNREADABLE):
            for part in self._decoded(rate):
                waiting.append(part)
                held += len(part)
                if held >= size:
                    joined = _joined(waiting)
                    full = len(joined) // size * size
                    for start in range(0, full, size):
                        yield joined[start : start + size]
                    waiting, held = [joined[full:]], len(joined) - full
            if held:
                yield _joined(waiting)

    @reads(UNREADABLE)
    def load(self, rate: int) -> Samples:
        """Decode all of it.

        Returns
        -------
        ndarray of float32, shape (n,)
            Mono, in -1 to 1.

        Raises
        ------
        MediaError
            As `blocks`; also for more than `MAX_LOADED_SECONDS`, and for no sample at all.
        """
        blocks = []
        seconds = 0.0
        for block in self.blocks(rate):
            blocks.append(block)
            seconds += len(block) / rate
            if seconds > MAX_LOADED_SECONDS:
                raise MediaError(
                    f"longer than {MAX_LOADED_SECONDS / 60:.0f} minutes: take a clip() of it, or "
                    "blocks() one by one",
                    self.name,
                )
        if not blocks:
            raise MediaError("the sound is empty (no samples)", self.name)
        return np.concatenate(blocks)

    @reads(UNREADABLE)
    def metadata(self) -> dict[str, Any]:
        """Length, rate, channels, and what the file's tags say.

        Returns
        -------
        dict
            ``duration`` (seconds, counted), ``sample_rate``, ``channels``; ``title``, ``artist``,
            ``album`` ... where there are tags.

        Raises
        ------
        MediaError
            When the file is missing or no sound.
        """
        if self._samples is not None:
            return {"duration": self.duration, "sample_rate": self._rate, "channels": 1}
        return dict(self._header())

    @reads(UNREADABLE)
    def segments(self) -> Iterable[Segment]:
        """Yield windows of `WINDOW_SECONDS`, in order; a short sound is one.

        Raises
        ------
        MediaError
            When the file is missing, no sound, or longer than `MAX_SECONDS`.
        """
        duration = self.duration
        if duration > MAX_SECONDS:
            raise MediaError(
                f"{duration / 3600:,.1f} hours long; sounds of over {MAX_SECONDS / 3600:.0f} hours "
                "are not read: cut it into files",
                self.name,
            )
        for start, stop in windows(duration):
            yield Segment(self.clip(start, stop), (start, stop))

    def _header(self) -> dict[str, Any]:
        return self._known().facts

    def _known(self) -> _Header:
        if not self._found:
            from sensorium.media.tracks import listening

            facts, survey = listening.surveyed(self._shared(), self.name, self._counted)
            for note in survey.notes if survey is not None else ():
                if note not in self.notes:
                    self.notes.append(note)
            self._found.append(_Header(facts, survey))
        return self._found[0]

    def _decoded(self, rate: int) -> Iterator[Samples]:
        span = self.span or (0.0, MAX_SECONDS)
        if self._samples is not None:
            from sensorium.media.tracks import mixing

            assert self._rate is not None
            start, stop = (round(time * self._rate) for time in span)
            yield from mixing.resampled([(self._samples[start:stop], self._rate)], rate)
            return
        from sensorium.media.tracks import listening

        survey = self._known().survey
        found = yield from listening.samples(
            self._shared(), self.name, rate, span, survey, self.notes
        )
        if found is not None:
            self._found[:] = [_Header(self._header(), found)]

    def __repr__(self) -> str:
        part = f", {self.span[0]:.1f}-{self.span[1]:.1f} s" if self.span else ""
        return f"Audio({self.name}{part})"


def windows(duration: float, length: float = WINDOW_SECONDS) -> Sequence[tuple[float, float]]:
    """Cut a length in seconds into windows; a rest under half a window joins the last one.

    Examples
    --------
    >>> windows(24.0)
    [(0.0, 10.0), (10.0, 24.0)]
    """
    count = max(1, int(duration / length + (1 - SHORTEST_WINDOW)))
    starts = [length * n for n in range(count)]
    return list(zip(starts, [*starts[1:], max(duration, 0.0)], strict=True))


def _joined(parts: Sequence[Samples]) -> Samples:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _mono(samples: npt.NDArray[Any], rate: int) -> Samples:
    if (
        samples.ndim not in (1, 2)
        or 0 in samples.shape
        or (samples.ndim == 2 and samples.shape[1] > samples.shape[0])
    ):
        raise MediaError(f"samples have the shape (n,) or (n, channels), got {samples.shape}")
    if samples.dtype in (np.int16, np.int32):
        floats = samples.astype(np.float32) / np.float32(-np.iinfo(samples.dtype).min)
    elif samples.dtype.kind == "f":
        floats = samples.astype(np.float32)
    else:
        raise MediaError(f"samples are float, int16 or int32, got {samples.dtype}")
    if not np.isfinite(floats).all():
        raise MediaError("samples hold NaN or infinity")
    if floats.ndim == 1:
        return floats
    from sensorium.media.tracks import mixing

    return mixing.mixed(floats, rate)
