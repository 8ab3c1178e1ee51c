"""An encoder that decodes everything and understands nothing: equal inputs have equal vectors."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorium.encoders import Encoder, Space
from sensorium.encoders.base import Prepared, Role
from sensorium.errors import MediaError
from sensorium.media import Audio, Image, Media, Modality, Text

SIDE = 8
DIMENSION = 3 * SIDE * SIDE
RATE = 16_000


class StandIn(Encoder):
    """Holds pictures, words and sound, so that all of a file is read."""

    name = "stand-in"
    space = Space(
        "stand-in", DIMENSION, (Modality.IMAGE, Modality.TEXT, Modality.AUDIO), {}, "0" * 64
    )

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        if isinstance(media, Image):
            values = np.asarray(media.load().resize((SIDE, SIDE)), np.float32).ravel() / 255
        elif isinstance(media, Text):
            values = np.zeros(DIMENSION, np.float32)
            for word in media.text.split():
                values[zlib.crc32(word.encode("utf-8", "replace")) % DIMENSION] += 1
        elif isinstance(media, Audio):
            samples = media.load(RATE)
            heard = np.abs(np.fft.rfft(samples, 2 * DIMENSION))[:DIMENSION]
            values = np.log1p(heard).astype(np.float32)
        else:
            raise MediaError(f"the stand-in takes no {media.modality}")
        if not np.isfinite(values).all():
            raise AssertionError("decoding gave numbers that are none")
        return {"values": values - np.float32(0.5)}

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        vectors = np.stack([one["values"] for one in batch])
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
