"""Whether the converted encoder computes what CTranslate2 computes from the same weights."""

from __future__ import annotations

from pathlib import Path

import ctranslate2
import numpy as np
import torch

from recipes.ear.convert import whisper_encoder
from recipes.ear.ctranslate2_file import read_tensors
from recipes.ear.pooling import RATE, feature_extractor
from sensorium.media import Audio

WINDOW = 30  # seconds that the whole encoder takes


def least_cosine(model: Path, sound: Audio) -> float:
    """Compare the frames of a recording's first 30 s.

    Returns
    -------
    float
        The least cosine of any of the 1,500 frames.
    """
    encoder = whisper_encoder(read_tensors(model / "model.bin"))
    extract = feature_extractor(encoder.config.num_mel_bins, WINDOW)
    samples = sound.clip(0, min(sound.duration, WINDOW)).load(RATE)
    mel = extract(samples, sampling_rate=RATE, return_tensors="pt").input_features
    with torch.inference_mode():
        ours = encoder(mel).last_hidden_state[0].numpy()
    whisper = ctranslate2.models.Whisper(str(model), compute_type="float32", intra_threads=1)
    given = ctranslate2.StorageView.from_array(np.ascontiguousarray(mel.numpy()))
    theirs = np.array(whisper.encode(given, to_cpu=True), np.float32)[0]
    lengths = np.linalg.norm(ours, axis=1) * np.linalg.norm(theirs, axis=1)
    return float(((ours * theirs).sum(axis=1) / lengths).min())
