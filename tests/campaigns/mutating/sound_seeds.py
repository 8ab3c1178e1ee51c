"""Sounds in all containers and codecs that PyAV and libsndfile write."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import numpy as np
import soundfile

from tests.campaigns.mutating.seeds import Seed
from tests.campaigns.mutating.tracks import RATE, container

_TAGS = {"title": "Pears", "artist": "Ann Author", "album": "Garden"}


def seeds() -> Iterator[Seed]:
    for name, kind, subtype, channels in (
        ("plain.wav", "WAV", "PCM_16", 1), ("wide.wav", "WAV", "PCM_24", 2),
        ("a-law.wav", "WAV", "ALAW", 1),
        ("adpcm.wav", "WAV", "MS_ADPCM", 1), ("gsm.wav", "WAV", "GSM610", 1),
        ("large.wav", "RF64", "PCM_16", 1), ("plain.aiff", "AIFF", "PCM_16", 2),
        ("plain.flac", "FLAC", "PCM_16", 2),
    ):  # fmt: skip
        family = "FLAC" if kind == "FLAC" else "WAV, AIFF"
        yield Seed(name, family, _by_libsndfile(kind, subtype, channels))
    for name, family, form, codec, options in (
        ("tagged.flac", "FLAC", "flac", "flac", {}),
        ("vorbis.ogg", "OGG", "ogg", "vorbis", {"layout": "stereo", "rate": 44_100}),
        ("opus.opus", "OGG", "opus", "libopus", {"rate": 48_000}),
        ("flac.oga", "OGG", "ogg", "flac", {}),
        ("plain.mp3", "MP3, AAC, AC-3", "mp3", "libmp3lame", {}),
        ("stereo.mp3", "MP3, AAC, AC-3", "mp3", "libmp3lame", {"layout": "stereo"}),
        ("layer.mp2", "MP3, AAC, AC-3", "mp2", "mp2", {}),
        ("plain.aac", "MP3, AAC, AC-3", "adts", "aac", {}),
        # By content: their own suffixes are not known, nor looked for.
        ("five-ac3.mp3", "MP3, AAC, AC-3", "ac3", "ac3", {"layout": "5.1", "rate": 48_000}),
        ("eac3.mp3", "MP3, AAC, AC-3", "eac3", "eac3", {"rate": 48_000}),
        ("plain.m4a", "M4A", "ipod", "aac", {}),
        ("alac.m4a", "M4A", "ipod", "alac", {}),
        ("plain.wma", "WMA, CAF, AU and others", "asf", "wmav2", {"rate": 44_100}),
        ("w64.wav", "WMA, CAF, AU and others", "w64", "pcm_s16le", {}),
        ("floats.wav", "WAV, AIFF", "wav", "pcm_f32le", {}),
        ("ima.wav", "WAV, AIFF", "wav", "adpcm_ima_wav", {}),
        ("plain.caf", "WMA, CAF, AU and others", "caf", "alac", {}),
        ("plain.au", "WMA, CAF, AU and others", "au", "pcm_s16be", {}),
        ("plain.tta", "WMA, CAF, AU and others", "tta", "tta", {}),
        ("plain.wv", "WMA, CAF, AU and others", "wv", "wavpack", {}),
        ("sound.mka", "WMA, CAF, AU and others", "matroska", "ac3", {"rate": 48_000}),
    ):  # fmt: skip
        options = dict[str, Any](options)
        yield Seed(name, family, container(form, sound=codec, tags=_TAGS, **options))


def _by_libsndfile(kind: str, subtype: str, channels: int) -> bytes:
    samples = np.random.default_rng(1).normal(0, 0.2, (RATE // 2, channels)).clip(-1, 1)
    file = io.BytesIO()
    soundfile.write(file, samples, RATE, format=kind, subtype=subtype)
    return file.getvalue()
