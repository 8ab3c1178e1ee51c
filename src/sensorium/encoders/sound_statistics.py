"""Sound described by statistics of its mel bands: for those who have no encoder that hears."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import FeatureExtractor, Prepared, Role
from sensorium.encoders.space import Space
from sensorium.errors import EncoderError, MissingExtraError
from sensorium.media import Audio, Media, Modality

try:
    from transformers.audio_utils import mel_filter_bank, spectrogram, window_function
except ImportError as error:
    raise MissingExtraError("transformers", "train") from error

RATE = 16_000  # samples a second
FRAME, HOP, FFT = 400, 160, 512  # samples: 25 ms every 10 ms, as in most speech front ends
BANDS = 64


class SoundStatistics(FeatureExtractor):
    """Mean and deviation over time of log-mel energies and of their changes, for each window.

    It takes the place of an encoder for audio in fusion, but is none: its vectors have no unit
    length. Nothing in it is learned, and it knows timbre and loudness, not what made a sound.
    """

    def __init__(self) -> None:
        self.space = Space(
            name="mel",
            dimension=3 * BANDS,
            modalities=(Modality.AUDIO,),
            preprocessing={"rate": RATE, "frame": FRAME, "hop": HOP, "fft": FFT, "bands": BANDS},
            weights="",
            normalization="none",
        )
        self._filters = mel_filter_bank(
            FFT // 2 + 1, BANDS, 20.0, RATE / 2, RATE, norm="slaney", mel_scale="slaney"
        )
        self._window = window_function(FRAME, "hann")

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `FeatureExtractor.prepare`."""
        if not isinstance(media, Audio):
            raise EncoderError(f"mel encodes audio, not {media.modality}")
        samples = media.load(RATE)
        if len(samples) < FRAME:
            samples = np.pad(samples, (0, FRAME - len(samples)))
        bands = spectrogram(
            samples, self._window, FRAME, HOP, FFT, power=2.0, mel_filters=self._filters,
            log_mel="log", mel_floor=1e-8,
        )  # fmt: skip
        changes = np.diff(bands, axis=1) if bands.shape[1] > 1 else np.zeros_like(bands)
        values = [bands.mean(axis=1), bands.std(axis=1), changes.std(axis=1)]
        return {"statistics": np.concatenate(values).astype(np.float32)}

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """See `FeatureExtractor.encode_prepared`."""
        if not batch:
            return np.empty((0, self.space.dimension), np.float32)
        return np.stack([item["statistics"] for item in batch])
