"""What every encoder offers, whatever stands behind it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.encoders.space import Space
from sensorium.media import Media, Modality

Prepared = Mapping[str, npt.NDArray[Any]]
"""One segment, preprocessed: the model's inputs without the batch axis."""


class Encoder(Protocol):
    """Turns media of one or more modalities into vectors of one space.

    The work is in two steps so that callers can decode in threads while the model computes:
    `prepare` is the CPU work of one item, `encode_prepared` the model's work on a batch.

    Attributes
    ----------
    space : Space
        The space the vectors belong to.
    temperature : float
        Softmax temperature over cosines for zero-shot classification.
    sigmoid : tuple of float or None
        Scale a and bias b of sigmoid(a * cosine + b), the probability that an independent label
        holds, given even odds before looking; None where nobody has fitted it.
    prompts : sequence of str
        Templates with one ``{}`` that labels are put into.
    """

    space: Space
    temperature: float
    sigmoid: tuple[float, float] | None
    prompts: Sequence[str]

    @property
    def runtime(self) -> str:
        """What executes the model, as shown to people."""
        ...

    def prepare(self, media: Media) -> Prepared:
        """Read and preprocess one item; thread-safe.

        Raises
        ------
        MediaError
            When the media is broken.
        EncoderError
            When the space does not hold its modality.
        """
        ...

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared]
    ) -> npt.NDArray[np.float32]:
        """Encode prepared items of one modality.

        Returns
        -------
        ndarray of float32, shape (len(batch), space.dimension)
            Unit vectors, in the order given.
        """
        ...

    def encode(self, items: Iterable[Any], *, batch_size: int = 32) -> npt.NDArray[np.float32]:
        """Encode anything `sensorium.media.as_media` takes, modalities mixed as they come.

        Parameters
        ----------
        items : iterable
            Texts, paths, ``Image`` objects and so on. A single item is taken as a list of one.
        batch_size : int
            Items the model sees at once. It changes speed, not vectors (cosine >= 0.9995).

        Returns
        -------
        ndarray of float32, shape (n, space.dimension)
            Unit vectors, in the order given.

        Raises
        ------
        MediaError, EncoderError
            As `prepare`; nothing is skipped silently here.
        """
        ...
