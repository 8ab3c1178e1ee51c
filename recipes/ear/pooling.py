"""From a recording to one vector: the mean over its frames, centred and whitened."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from transformers import WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from sensorium.media import Audio
from sensorium.media.audio import SHORTEST_WINDOW, WINDOW_SECONDS

RATE = 16_000
SECONDS = round(WINDOW_SECONDS * (1 + SHORTEST_WINDOW))
"""The longest window that a collection cuts: nothing beyond it is ever heard."""

Vectors = npt.NDArray[np.float32]


class Whitening(NamedTuple):
    """A linear map: `matrix` (d, d') and `offset` (d',)."""

    matrix: Vectors
    offset: Vectors

    def apply(self, vectors: Vectors) -> Vectors:
        """Map vectors (n, d) and bring them to length 1."""
        return normalised(vectors @ self.matrix + self.offset)


def normalised(vectors: Vectors) -> Vectors:
    """Bring vectors (n, d) to length 1."""
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def feature_extractor(bands: int, seconds: int = SECONDS) -> WhisperFeatureExtractor:
    """Return what makes spectrograms of so many seconds, with `bands` mel bands."""
    make: Callable[..., WhisperFeatureExtractor] = WhisperFeatureExtractor
    return make(feature_size=bands, chunk_length=seconds)


def pooled(
    encoder: WhisperEncoder,
    sounds: Iterable[Audio],
    progress: Callable[[int], None] = lambda done: None,
) -> Vectors:
    """Mean over the frames of each sound, without those that its window is filled up with.

    Returns
    -------
    ndarray of float32, shape (n, d)
        Not normalised.
    """
    extract = feature_extractor(encoder.config.num_mel_bins)
    found = []
    for sound in sounds:
        samples = sound.clip(0, min(sound.duration, SECONDS)).load(RATE)
        mel = extract(samples, sampling_rate=RATE, return_tensors="pt").input_features
        with torch.inference_mode():
            frames = encoder(mel).last_hidden_state[0]
        sounding = -(-len(samples) * len(frames) // (SECONDS * RATE))
        found.append(frames[: max(1, sounding)].mean(dim=0).numpy())
        progress(len(found))
    return np.stack(found)


def fit_whitening(vectors: Vectors, dimension: int, floor: float) -> Whitening:
    """Fit the map that makes the leading principal components of vectors equally strong.

    Parameters
    ----------
    vectors : ndarray of float32, shape (n, d)
    dimension : int
        How many components are kept.
    floor : float
        Share of the greatest variance that is added to every component's: the weakest, which
        few vectors tell, are not blown up.

    Returns
    -------
    Whitening
        PCA whitening as Jégou and Chum 2012 use it for retrieval, regularised.
    """
    wide = vectors.astype(np.float64)
    mean = wide.mean(axis=0)
    variances, axes = np.linalg.eigh(np.cov(wide - mean, rowvar=False))
    variances, axes = variances[::-1][:dimension], axes[:, ::-1][:, :dimension]
    matrix = axes / np.sqrt(variances + floor * variances[0])
    return Whitening(matrix.astype(np.float32), (-mean @ matrix).astype(np.float32))
