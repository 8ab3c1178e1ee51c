"""Several encoders as one: each has its own dimensions of a vector, and the modalities it holds.

A picture has zeros where the sound encoder's dimensions are and the other way round, so a dot
product compares two vectors in the spaces that both have a part in. Texts, which all hold, are
compared in each, and the mean counts. What a search makes of cosines that differ from space to
space is `sensorium.ranking.scale`'s work.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder, Prepared, Role
from sensorium.encoders.inputs import Input
from sensorium.encoders.space import LETTER_CASE, Space
from sensorium.errors import EncoderError
from sensorium.media import Media, Modality

SEPARATOR = "+"


class ComposedEncoder(Encoder):
    """Encoders of different spaces side by side.

    Parameters
    ----------
    encoders : sequence of Encoder
        Two or more; ``load_encoder("mini+laion/clap-htsat-unfused")`` makes one of two names.
    """

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
        self.name = SEPARATOR.join(encoder.name for encoder in encoders)
        self.tells_queries_apart = any(encoder.tells_queries_apart for encoder in encoders)
        self.calibrations = _calibrations(encoders)
        self.space = Space(
            name=SEPARATOR.join(encoder.space.name for encoder in encoders),
            dimension=int(starts[-1]),
            modalities=tuple(
                m for m in Modality if any(m in encoder.space.modalities for encoder in encoders)
            ),
            preprocessing={"spaces": fingerprints, **_letter_cases(encoders)},
            weights=hashlib.sha256(" ".join(fingerprints).encode()).hexdigest(),
        )

    @property
    def runtime(self) -> str:
        """What executes each encoder."""
        return "; ".join(f"{encoder.space.name}: {encoder.runtime}" for encoder in self.encoders)

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `Encoder.prepare`."""
        return {
            f"{number}.{key}": value
            for number, encoder in self._holding(media.modality)
            for key, value in encoder.prepare(media, role).items()
        }

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """See `Encoder.encode_prepared`."""
        holding = self._holding(modality)
        vectors = np.zeros((len(batch), self.space.dimension), np.float32)
        for number, encoder in holding:
            part = [_part(item, number) for item in batch]
            encoded = encoder.encode_prepared(modality, part, role)
            vectors[:, self._blocks[number]] = encoded / np.sqrt(len(holding))
        return vectors

    def input_of(self, media: Media) -> Input | None:
        """See `Encoder.input_of`; of the one that alone holds the modality."""
        holding = self._holding(media.modality)
        if len(holding) != 1:
            return None
        number, encoder = holding[0]
        found = encoder.input_of(media)
        return found and replace(found, key=f"{number}.{found.key}")

    def as_read(self, text: str) -> str:
        """See `Encoder.as_read`; as the one that alone holds texts reads it."""
        holding = [e for e in self.encoders if Modality.TEXT in e.space.modalities]
        return holding[0].as_read(text) if len(holding) == 1 else text

    def tokens(self, text: str, role: Role = "document") -> int | None:
        """See `Encoder.tokens`; of the one that alone holds texts."""
        holding = self._holding(Modality.TEXT)
        return holding[0][1].tokens(text, role) if len(holding) == 1 else None

    def tokens_in(self, prepared: Prepared) -> int | None:
        """See `Encoder.tokens_in`; of the one that alone holds texts."""
        holding = self._holding(Modality.TEXT)
        if len(holding) != 1:
            return None
        number, encoder = holding[0]
        return encoder.tokens_in(_part(prepared, number))

    def ordinary(self, what: Literal["pictures", "words"]) -> npt.NDArray[np.float32] | None:
        """See `Encoder.ordinary`; of the one that alone holds pictures, or texts."""
        modality = Modality.IMAGE if what == "pictures" else Modality.TEXT
        holding = [n for n, e in enumerate(self.encoders) if modality in e.space.modalities]
        if len(holding) != 1:
            return None
        number = holding[0]
        if what == "words" and [*self.encoders[number].prompts] != [*self.prompts]:
            return None
        own = self.encoders[number].ordinary(what)
        if own is None:
            return None
        vectors = np.zeros((len(own), self.space.dimension), np.float32)
        vectors[:, self._blocks[number]] = own
        return vectors

    def _holding(self, modality: Modality) -> list[tuple[int, Encoder]]:
        found = [(n, e) for n, e in enumerate(self.encoders) if modality in e.space.modalities]
        if not found:
            known = " and ".join(self.space.modalities)
            raise EncoderError(f"{self.space.name} encodes {known}, not {modality}")
        return found

    def __repr__(self) -> str:
        return f"ComposedEncoder({self.space.name!r})"


def _part(prepared: Prepared, number: int) -> Prepared:
    """What one of the encoders prepared."""
    start = f"{number}."
    return {key.removeprefix(start): v for key, v in prepared.items() if key.startswith(start)}


def _letter_cases(encoders: Sequence[Encoder]) -> dict[str, Any]:
    """What becomes of capitals in each space; nothing where nothing becomes of them."""
    cases = [encoder.space.letter_case for encoder in encoders]
    return {LETTER_CASE[0]: cases} if any(cases) else {}


def _calibrations(encoders: Sequence[Encoder]) -> dict[str, tuple[float, float, float]]:
    """Those of pairs of which one encoder alone holds both sides: cosines are its own there."""
    held = Counter(modality for encoder in encoders for modality in encoder.space.modalities)
    return {
        pair: values
        for encoder in encoders
        for pair, values in encoder.calibrations.items()
        if all(held[Modality(side)] == 1 for side in pair.split("-"))
    }
