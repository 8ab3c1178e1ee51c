"""Several encoders as one: each has its own dimensions of a vector, and the modalities it holds.

A picture has zeros where the sound encoder's dimensions are and the other way round, so a dot
product compares two vectors in the spaces that both have a part in. Texts, which all hold, are
compared in each, and the mean counts. What a search makes of cosines that differ from space to
space is `sensorium.ranking.gap`'s work.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import (
    Encoder,
    Prepared,
    encode_media,
    encode_queries,
    query_side,
)
from sensorium.encoders.space import Space
from sensorium.errors import EncoderError
from sensorium.media import Media, Modality

SEPARATOR = "+"


class ComposedEncoder:
    """Encoders of different spaces side by side.

    Parameters
    ----------
    encoders : sequence of Encoder
        Two or more; ``load_encoder("mini+laion/clap-htsat-unfused")`` makes one of two names.
    """

    sigmoid: tuple[float, float] | None = None

    def __init__(self, encoders: Sequence[Encoder]) -> None:
        if len(encoders) < 2:
            raise EncoderError("a composed encoder is made of two or more")
        fingerprints = [encoder.space.fingerprint for encoder in encoders]
        if len({*fingerprints}) < len(fingerprints):
            raise EncoderError("an encoder is composed with itself: name it once")
        self.encoders = tuple(encoders)
        starts = np.cumsum([0, *(encoder.space.dimension for encoder in encoders)])
        self._blocks = [slice(int(a), int(b)) for a, b in pairwise(starts)]
        self.temperature = encoders[0].temperature
        self.prompts = encoders[0].prompts
        self.space = Space(
            name=SEPARATOR.join(encoder.space.name for encoder in encoders),
            dimension=int(starts[-1]),
            modalities=tuple(
                m for m in Modality if any(m in encoder.space.modalities for encoder in encoders)
            ),
            preprocessing={"spaces": fingerprints},
            weights=hashlib.sha256(" ".join(fingerprints).encode()).hexdigest(),
        )

    @property
    def runtime(self) -> str:
        """What executes each encoder."""
        return "; ".join(f"{encoder.space.name}: {encoder.runtime}" for encoder in self.encoders)

    def prepare(self, media: Media) -> Prepared:
        """See `Encoder.prepare`."""
        return {
            f"{number}.{key}": value
            for number, encoder in self._holding(media.modality)
            for key, value in encoder.prepare(media).items()
        }

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared]
    ) -> npt.NDArray[np.float32]:
        """See `Encoder.encode_prepared`."""
        return self._side_by_side(
            modality, batch, lambda encoder, part: encoder.encode_prepared(modality, part)
        )

    def encode(self, items: Iterable[Any], *, batch_size: int = 32) -> npt.NDArray[np.float32]:
        """See `Encoder.encode`."""
        return encode_media(self, items, batch_size)

    def encode_queries(
        self, items: Iterable[Any], *, batch_size: int = 32
    ) -> npt.NDArray[np.float32]:
        """Encode what is sought, by those of the encoders that tell it from what is searched."""
        return encode_queries(self, items, batch_size=batch_size)

    @property
    def for_queries(self) -> Encoder:
        """See `sensorium.encoders.base.query_side`."""
        sides = [query_side(encoder) for encoder in self.encoders]
        if all(side is encoder for side, encoder in zip(sides, self.encoders, strict=True)):
            return self
        return ComposedEncoder(sides)

    def background(
        self, of: Callable[[Encoder], Mapping[str, npt.NDArray[np.float32]]]
    ) -> dict[str, npt.NDArray[np.float32]]:
        """Backgrounds of the encoders, each in its own dimensions; texts excepted."""
        found = {}
        for encoder, block in zip(self.encoders, self._blocks, strict=True):
            for modality, vectors in of(encoder).items():
                holding = self._holding(Modality(modality))
                if len(holding) == 1:
                    found[modality] = np.zeros((len(vectors), self.space.dimension), np.float32)
                    found[modality][:, block] = vectors
        return found

    def _holding(self, modality: Modality) -> list[tuple[int, Encoder]]:
        found = [(n, e) for n, e in enumerate(self.encoders) if modality in e.space.modalities]
        if not found:
            known = " and ".join(self.space.modalities)
            raise EncoderError(f"{self.space.name} encodes {known}, not {modality}")
        return found

    def _side_by_side(
        self,
        modality: Modality,
        batch: Sequence[Prepared],
        encode: Callable[[Encoder, Sequence[Prepared]], npt.NDArray[np.float32]],
    ) -> npt.NDArray[np.float32]:
        holding = self._holding(modality)
        vectors = np.zeros((len(batch), self.space.dimension), np.float32)
        for number, encoder in holding:
            start = f"{number}."
            part: list[Prepared] = [
                {key.removeprefix(start): v for key, v in item.items() if key.startswith(start)}
                for item in batch
            ]
            vectors[:, self._blocks[number]] = encode(encoder, part) / np.sqrt(len(holding))
        return vectors

    def __repr__(self) -> str:
        return f"ComposedEncoder({self.space.name!r})"
