"""Whether two sounds, or two films, are one: compared over all of their time.

As with pictures (`sensorium.media.pictures.alike`), the place that differs most decides: recordings
of two sentences differ in a word, two tunes in a note, two films in what comes after the same
opening. Silence and black pictures agree with each other, and say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.media.audio import Audio
from sensorium.media.pictures.aligning import ROUGH, aligned
from sensorium.media.pictures.alike import STRUCTURED, Closeness, compare
from sensorium.media.pictures.placing import WHOLE

Levels = npt.NDArray[np.float32]
Samples = npt.NDArray[np.float32]
"""Shape (n,), at `RATE`."""

RATE = 8000
"""Samples a second: what is higher is lost first when a sound is saved again."""

WINDOW, HOP = 2048, 512
"""Samples: 256 ms tell notes a semitone apart from 150 Hz on; 64 ms between windows."""

BELOW_LOUDEST, BELOW_PEAK = 50.0, 24.0
"""Decibels under the loudest of the recording, and of the moment, that are not compared: encoders
replace what is masked by anything."""

SHORTEST = 0.5
"""Seconds under which nothing is compared: a click is like any other."""

QUIET = 0.003
"""Loudest sample of what is as good as silent, 50 dB under the loudest there is."""

LAG = 0.3
"""Seconds by which one may begin later: encoders put up to a tenth before it."""

LENGTHS = 0.35
"""Seconds by which two lengths may differ, for the same reason, without one being silent then."""

SILENCE = 2.0
"""Seconds of silence that one may have more, at an end: it is compared with none."""

LONGEST = 2 * 3600.0
"""Seconds of the longest that is compared: 230 MB of samples."""

ALIGNED = 60.0
"""Seconds from the beginning that tell which one is later."""

PIECE = 512
"""Windows that are transformed at a time: 8 MB."""

TILE = 4
"""Windows, a quarter of a second beside their own length, and steps of pitch that are looked at
together."""

WORST, TYPICAL = 50.0, 4.0
"""Squared decibels by which the tile that differs most, and the median one, may differ. MP3, AAC
and Opus of 48 kbit/s stay under 11 and 0.6; another word makes 245 and more, another note 460."""

HEARD = 0.3
"""Share of the time that has to be loud enough to be compared."""

PICTURES = 40
"""Pictures of a film that are compared, evenly over its time."""

SECONDS = 0.25
"""Between them, at least."""

TELLING = 3
"""Of them, that have to show something."""

FILM_WORST, FILM_OUTLIER, FILM_TYPICAL = 1.0, 25.0, 0.15
"""See `alike.Closeness`: H.264 of CRF 32 stays under 0.83, 23 and 0.13 in each picture; what moves
through the picture in one of two films is at 1.8 and 200, other words under it at 1.8 and 30."""

SMALL_WORST, SMALL_OUTLIER = 0.2, 6.5
"""The same of films of which one is at most two thirds as large, or tiny (`TINY`): at half the size
it stays under 0.12 and 5.6. Another figure of 14 pixels, scaled so, is at 0.07 and 11."""

SMALLER, TINY = 1.5, 140

TOGETHER = 8
"""Pictures of which the mean is compared, too: what saving does is another thing in each picture,
what is written stays."""

MEAN_OUTLIER, MEAN_LARGEST = 6.5, 20.0
"""`alike.Closeness` of such means. The second is under 10 levels, of pages of writing under 18;
another digit is at 70, and at 24 where it was scaled down until nobody can read it."""

DARK = 9.0
"""Mean squared difference of levels of pictures that show nothing, such as black."""


def heard(sound: Audio) -> Samples | None:
    """A sound as it is compared: all of it, at `RATE`; None where it is longer than `LONGEST`.

    Raises
    ------
    MediaError
        When it cannot be read.
    """
    if sound.duration > LONGEST:
        return None
    blocks = list(sound.blocks(RATE))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def same_sound(one: Samples, other: Samples) -> bool:
    """Whether two sounds are one, saved again: louder or softer, a little later."""
    worst, typical, share = sound_difference(one, other)
    return worst < WORST and typical < TYPICAL and share >= HEARD


def sound_difference(one: Samples, other: Samples) -> tuple[float, float, float]:
    """How much two sounds differ.

    Returns
    -------
    worst, typical : float
        Mean squared decibels of the tile that differs most, and of the median one; infinite where
        lengths differ, or there is too little to compare.
    share : float
        Of the time, that is loud enough to be compared.
    """
    apart = abs(len(one) - len(other))
    if min(len(one), len(other)) < SHORTEST * RATE or apart > (LENGTHS + SILENCE) * RATE:
        return np.inf, np.inf, 0.0
    if min(np.abs(one).max(), np.abs(other).max()) < QUIET:
        return np.inf, np.inf, 0.0
    lag = _lag(one, other, LAG if apart <= LENGTHS * RATE else LAG + SILENCE)
    one, other = one[max(0, lag) :], other[max(0, -lag) :]
    length = max(len(one), len(other))  # what only one of them has, is compared with silence
    levels = [_levels(np.pad(part, (0, length - len(part)))) for part in (one, other)]
    return _difference(*levels)


def _lag(one: Samples, other: Samples, seconds: float) -> int:
    """Samples by which the first is later, from what is most like each other in the first part."""
    first = [part[: round(ALIGNED * RATE)] for part in (one, other)]
    size = 1 << (2 * max(map(len, first)) - 1).bit_length()
    crossed = np.fft.irfft(np.fft.rfft(first[0], size) * np.conj(np.fft.rfft(first[1], size)), size)
    most = round(seconds * RATE)
    near = np.concatenate([crossed[-most:], crossed[: most + 1]])
    return int(np.argmax(np.abs(near))) - most


def _levels(samples: Samples) -> Levels:
    """Decibels under the loudest, by pitch and time; at least -`BELOW_LOUDEST`."""
    edges, shape = _edges(), np.hanning(WINDOW).astype(np.float32)
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]
    columns = [
        np.add.reduceat(
            np.abs(np.fft.rfft(windows[start : start + PIECE] * shape, axis=1)) ** 2, edges, axis=1
        )[:, :-1]
        for start in range(0, len(windows), PIECE)
    ]
    levels = 10 * np.log10(np.maximum(np.concatenate(columns).T, 1e-12))
    return np.asarray(np.maximum(levels - levels.max(), -BELOW_LOUDEST), np.float32)


def _edges() -> npt.NDArray[np.int64]:
    """Bins of the transform where each pitch begins: two bins, or a 24th of an octave."""
    hertz = [60.0]
    while hertz[-1] < 3600:
        hertz.append(max(hertz[-1] + 2 * RATE / WINDOW, hertz[-1] * 2 ** (1 / 24)))
    return np.unique(np.round(np.array(hertz) * WINDOW / RATE).astype(np.int64))


def _difference(a: Levels, b: Levels) -> tuple[float, float, float]:
    """See `sound_difference`, of what lies over each other."""
    peak = np.maximum(a.max(axis=0), b.max(axis=0))
    floor = np.maximum(peak - BELOW_PEAK, -BELOW_LOUDEST)
    loud = (np.maximum(a, b) > floor) & (peak > -BELOW_LOUDEST + 10)
    if not loud.any():
        return np.inf, np.inf, 0.0
    both = loud & (np.minimum(a, b) > floor)
    shift = float(np.clip(np.median((a - b)[both]), -12, 12)) if both.any() else 0.0
    squares = (np.maximum(a, floor) - np.maximum(b + shift, floor)) ** 2
    tiles = _tiles(np.where(loud, squares, 0)) / np.maximum(_tiles(loud.astype(np.float32)), 0.25)
    some = _tiles(loud.astype(np.float32)) > 0
    return float(tiles.max()), float(np.median(tiles[some])), float(loud.any(axis=0).mean())


def _tiles(cells: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Means over `TILE` by `TILE` cells."""
    sums = np.pad(np.asarray(cells, np.float64), ((1, TILE), (1, TILE))).cumsum(0).cumsum(1)
    tiles = sums[TILE:, TILE:] - sums[:-TILE, TILE:] - sums[TILE:, :-TILE] + sums[:-TILE, :-TILE]
    return np.asarray(tiles / TILE**2)


def times_of(duration: float) -> list[float]:
    """When the pictures of a film are compared, in seconds."""
    count = int(min(PICTURES, max(1, duration / SECONDS)))
    return [duration * (n + 0.5) / count for n in range(count)]


def same_pictures(one: Sequence[PIL.Image.Image], other: Sequence[PIL.Image.Image]) -> bool:
    """Whether two films show the same in pictures that belong together; see `abreast`."""
    if len(one) != len(other) or not one:
        return False
    telling = 0
    for a, b in zip(one, other, strict=True):
        if abs(np.log(a.width / a.height * b.height / b.width)) > 0.05:
            return False
        seen = _seen(a, b)
        if seen is None:
            return False
        if seen.structured < STRUCTURED:
            small = [np.asarray(picture.resize((32, 32)), np.float32) for picture in (a, b)]
            if ((small[0] - small[1]) ** 2).mean() > DARK:
                return False
        elif not _agrees(seen):
            return False
        else:
            telling += 1
    return telling >= min(TELLING, len(one)) and _agree_together(one, other)


def _seen(a: PIL.Image.Image, b: PIL.Image.Image, *, closely: bool = False) -> Closeness | None:
    if a.width * a.height < b.width * b.height:
        a, b = b, a
    return compare(a, b, aligned(a, b, WHOLE, ROUGH), closely=closely)


def _agrees(seen: Closeness) -> bool:
    worst, outlier = FILM_WORST, FILM_OUTLIER
    if seen.reduced >= SMALLER or seen.shorter < TINY:
        worst, outlier = SMALL_WORST, SMALL_OUTLIER
    return seen.worst < worst and seen.outlier < outlier and seen.typical < FILM_TYPICAL


def _agree_together(one: Sequence[PIL.Image.Image], other: Sequence[PIL.Image.Image]) -> bool:
    """Whether means of `TOGETHER` pictures after each other agree."""
    count = max(1, round(len(one) / TOGETHER))
    for some in np.array_split(np.arange(len(one)), count):
        seen = _seen(*(_mean([film[n] for n in some]) for film in (one, other)), closely=True)
        if seen is None or seen.outlier >= MEAN_OUTLIER or seen.largest >= MEAN_LARGEST:
            return False
    return True


def _mean(pictures: Sequence[PIL.Image.Image]) -> PIL.Image.Image:
    size = pictures[0].size  # it may change in the middle of a broadcast
    levels = [np.asarray(picture.resize(size), np.float32) for picture in pictures]
    return PIL.Image.fromarray(np.mean(levels, axis=0).round().astype(np.uint8))
