"""What ``usage`` of an answer counts: the tokens that a model reads.

Of a text whose encoder has no tokenizer at hand its words are counted; media count as one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sensorium.encoders.base import Encoder, Prepared, Role
from sensorium.media import Media, Modality, Text


class Counting:
    """An encoder that counts what it is given: of what is prepared, since nothing is cut twice.

    Parameters
    ----------
    inner : Encoder
    """

    def __init__(self, inner: Encoder) -> None:
        self.inner, self.space = inner, inner.space
        self._counts: list[int] = []  # which threads may append to

    @property
    def tokens(self) -> int:
        """How many there were so far."""
        return sum(self._counts)

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `Encoder`."""
        prepared = self.inner.prepare(media, role)
        self._counts.append(_tokens_in(self.inner, media, prepared, role))
        return prepared

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """See `Encoder`."""
        return self.inner.encode_prepared(modality, batch, role)


def known_tokens(
    encoder: Encoder, parts: Sequence[Media], prepared: Sequence[Prepared]
) -> int | None:
    """How many tokens what was prepared has; None where that does not tell."""
    counts = [
        encoder.tokens_in(one) if isinstance(part, Text) else 1
        for part, one in zip(parts, prepared, strict=True)
    ]
    known = [count for count in counts if count is not None]
    return sum(known) if len(known) == len(counts) else None


def tokens_of(
    encoder: Encoder, parts: Sequence[Media], prepared: Sequence[Prepared], role: Role
) -> int:
    """How many tokens the model reads of what was prepared; it may take as long as cutting does."""
    return sum(
        _tokens_in(encoder, part, one, role) for part, one in zip(parts, prepared, strict=True)
    )


def _tokens_in(encoder: Encoder, media: Media, prepared: Prepared, role: Role) -> int:
    if not isinstance(media, Text):
        return 1
    count = encoder.tokens_in(prepared)
    if count is None:
        count = encoder.tokens(media.text, role)
    return len(media.text.split()) or 1 if count is None else count
