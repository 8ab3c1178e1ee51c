"""Sounds in parts: stretches of time that are muted."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt

SLICES = 10
"""Stretches that a sound has: of a window of ten seconds each takes one."""

LEAST_SECONDS = 0.05
"""Shortest stretch: below, a sound has fewer."""

FADE_SECONDS = 0.005
"""Between what is heard and what is muted: a sudden end would be a click that nobody recorded."""

Samples = npt.NDArray[np.float32]


def slices_of(seconds: float) -> list[tuple[float, float]]:
    """Divide a length in seconds into stretches of the same length."""
    count = int(np.clip(seconds / LEAST_SECONDS, 1, SLICES))
    ends = np.linspace(0, seconds, count + 1)
    return [(float(a), float(b)) for a, b in pairwise(ends)]


def muting(samples: Samples, count: int, rate: float) -> Callable[[npt.NDArray[np.bool_]], Samples]:
    """What makes a sound of a set of stretches: the others are muted."""
    of = np.minimum(np.arange(len(samples)) * count // max(len(samples), 1), count - 1)
    fade = max(1, round(FADE_SECONDS * rate))

    def muted(kept: npt.NDArray[np.bool_]) -> Samples:
        if kept.all():
            return samples
        loud = kept[of].astype(np.float32)
        # A moving mean of steps is a ramp.
        sums = np.cumsum(np.concatenate([np.repeat(loud[:1], fade), loud]))
        ramps = (sums[fade:] - sums[:-fade]) / fade
        return np.asarray(samples * ramps, np.float32)

    return muted


def idle_slices(samples: Samples, count: int) -> npt.NDArray[np.bool_]:
    """Stretches in which there is nothing to mute."""
    of = np.minimum(np.arange(len(samples)) * count // max(len(samples), 1), count - 1)
    return np.asarray(np.bincount(of, np.abs(samples), count) == 0)
