"""Where somebody speaks: Silero's detector, in pieces that a recogniser hears.

What is no speech is never heard by a recogniser, which writes words for nearly any sound.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError

RATE = 16_000
"""Samples a second that the detector and all recognisers take."""

FRAME = 512
"""Samples that the detector judges at a time; 32 ms."""

SPEAKS = 0.5
STOPS = 0.35
"""Probabilities at which a stretch of speech begins, and below which it ends: Silero's own."""

SURE = 0.85
"""What a stretch must reach somewhere. Of the sounds of Tux Paint and GCompris, those without a
voice stay below it but for a bell (0.90), an owl (0.89) and a ghost (0.85); voices reach 0.91 to
0.98 there, a synthetic one under as loud a noise 0.98."""

CERTAIN = 0.95
"""From here on the detector alone decides; below, the recogniser must be sure of its words, too."""

PAD_SECONDS = 0.4
"""Kept before and after a stretch: soft consonants begin and end words."""

Samples = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Activity:
    """How likely somebody speaks, frame by frame.

    Attributes
    ----------
    likely : ndarray of float32, shape (n,)
        For each `FRAME` samples.
    """

    likely: npt.NDArray[np.float32]

    def stretches(self, pause: float) -> list[tuple[int, int]]:
        """Where speech is, in samples, padded, without shorter pauses than `pause` s."""
        found: list[tuple[int, int]] = []
        start: int | None = None
        quiet: int | None = None
        longest = pause * RATE / FRAME
        for n, likely in enumerate(self.likely):
            if likely >= SPEAKS:
                start, quiet = (n if start is None else start), None
            elif start is not None and likely < STOPS:
                quiet = n if quiet is None else quiet
                if n - quiet >= longest:
                    found.append((start, quiet))
                    start = quiet = None
        if start is not None:
            found.append((start, quiet or len(self.likely)))
        pad = round(PAD_SECONDS * RATE)
        padded: list[tuple[int, int]] = []
        for first, last in found:
            if self.likely[first:last].max() < SURE:
                continue
            begin = max(0, first * FRAME - pad)
            if padded:  # what is kept behind one stretch takes nothing from the next
                padded[-1] = (padded[-1][0], min(padded[-1][1], first * FRAME))
                begin = max(begin, padded[-1][1])
            padded.append((begin, last * FRAME + pad))
        return padded

    def peak(self, start: float, stop: float) -> float:
        """How likely it is at best that somebody speaks between two seconds."""
        first = int(start * RATE / FRAME)
        frames = self.likely[first : max(first, int(stop * RATE / FRAME)) + 1]
        return float(frames.max(initial=0.0))


def activity(samples: Samples) -> Activity:
    """Ask the detector.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
        At `RATE`.

    Raises
    ------
    MissingExtraError
        When faster-whisper, which brings the detector, is not installed.
    """
    try:
        from faster_whisper.vad import get_vad_model
    except ImportError as error:
        raise MissingExtraError(error.name or "faster-whisper", "speech") from error
    model: Any = get_vad_model()
    frames = np.pad(samples, (0, -len(samples) % FRAME))
    return Activity(np.asarray(model(frames), np.float32).ravel())


@dataclass(frozen=True)
class Piece:
    """Stretches of speech behind one another, as a recogniser hears them.

    Attributes
    ----------
    samples : ndarray of float32, shape (n,)
    starts, origins : tuple of float
        Seconds at which each stretch begins here, and where it began.
    """

    samples: Samples
    starts: tuple[float, ...]
    origins: tuple[float, ...]

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.samples) / RATE

    def original(self, time: float, *, is_end: bool = False) -> float:
        """When something at a second of this piece was."""
        time = min(max(time, 0.0), self.seconds)
        side = "left" if is_end else "right"  # an end at a seam belongs to what is before it
        n = max(0, int(np.searchsorted(self.starts, time, side)) - 1)  # type: ignore[call-overload]
        return self.origins[n] + time - self.starts[n]


def pieces(
    samples: Samples, stretches: Sequence[tuple[int, int]], most_seconds: float, gap: float
) -> Iterator[Piece]:
    """Put stretches together up to a length; what is longer by itself is cut.

    Parameters
    ----------
    samples : ndarray of float32, shape (n,)
    stretches : sequence of (start, stop)
        In samples.
    most_seconds : float
        What a recogniser hears at once.
    gap : float
        Seconds between two stretches from which on they are heard apart.
    """
    most = round(most_seconds * RATE)
    held: list[tuple[int, int]] = []
    for first, last in stretches:
        last = min(last, len(samples))
        for start in range(first, last, most):
            stop = min(start + most, last)
            length = sum(b - a for a, b in held)
            if held and (length + stop - start > most or start - held[-1][1] > gap * RATE):
                yield _piece(samples, held)
                held = []
            held.append((start, stop))
    if held:
        yield _piece(samples, held)


def _piece(samples: Samples, held: Sequence[tuple[int, int]]) -> Piece:
    lengths = [stop - start for start, stop in held]
    starts = np.cumsum([0, *lengths[:-1]]) / RATE
    return Piece(
        np.concatenate([samples[start:stop] for start, stop in held]),
        tuple(map(float, starts)),
        tuple(start / RATE for start, _ in held),
    )
