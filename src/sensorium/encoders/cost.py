"""What an encoder costs on this machine, measured."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np
import PIL.Image

from sensorium.encoders.background import PASSAGES
from sensorium.encoders.base import Encoder
from sensorium.media import Audio, Image, Modality, Text

BATCH = 8
ROUNDS = 3

PHOTO = (1280, 960)
"""Width and height of the picture that is decoded and encoded; a JPEG of noise and colours."""

SECONDS = 10.0
"""Of the sound: a window, as recordings are cut."""

RATE = 48_000


@dataclass(frozen=True)
class Cost:
    """What encoding costs here.

    Attributes
    ----------
    seconds : dict of str to float
        By modality: for one item of a batch of `BATCH`, reading and decoding included.
    load_seconds : float
        Until the encoder had given its first vector.
    """

    seconds: dict[str, float]
    load_seconds: float


def measure_cost(load: Callable[[], Encoder]) -> Cost:
    """Load an encoder and encode a picture, a sentence and ten seconds of sound, what it takes.

    Parameters
    ----------
    load : callable
        Gives the encoder.
    """
    started = time.perf_counter()
    encoder = load()
    samples = {m: s for m, s in _samples().items() if m in encoder.space.modalities}
    first = next(iter(samples.values()))
    encoder.encode([first()])
    loaded = time.perf_counter() - started
    seconds = {}
    for modality, sample in samples.items():
        items = [sample() for _ in range(BATCH)]
        encoder.encode(items)  # warm
        times = []
        for _ in range(ROUNDS):
            started = time.perf_counter()
            encoder.encode([sample() for _ in range(BATCH)])
            times.append(time.perf_counter() - started)
        seconds[str(modality)] = median(times) / BATCH
    return Cost(seconds, loaded)


def _samples() -> dict[Modality, Callable[[], Any]]:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (12, 16, 3), np.uint8)
    file = io.BytesIO()
    PIL.Image.fromarray(coarse).resize(PHOTO, PIL.Image.Resampling.BICUBIC).save(file, "JPEG")
    encoded = file.getvalue()
    sound = (0.1 * rng.standard_normal(int(SECONDS * RATE))).astype(np.float32)
    return {
        Modality.TEXT: lambda: Text(PASSAGES[0]),
        Modality.IMAGE: lambda: Image(encoded),
        Modality.AUDIO: lambda: Audio(sound, RATE),
    }
