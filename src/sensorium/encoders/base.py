"""What every encoder offers, whatever stands behind it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.encoders.space import Space
from sensorium.errors import EncoderError
from sensorium.media import Media, Modality, as_media
from sensorium.media.given import items_of

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
            Texts, paths, ``Image`` objects, arrays and so on; a column of a frame or data set, or
            a batch of pictures with four axes. A single item is taken as a list of one.
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


class QuerySide:
    """An encoder that tells what is sought from what is searched, as an encoder of the former."""

    def __init__(self, encoder: Any) -> None:
        self.space: Space = encoder.space
        self.temperature, self.sigmoid = encoder.temperature, encoder.sigmoid
        self.prompts, self.runtime = encoder.prompts, encoder.runtime
        self.prepare, self.encode = encoder.prepare, encoder.encode_queries
        self.encode_prepared = encoder.encode_prepared_queries


def encode_media(
    encoder: Encoder, items: Iterable[Any], batch_size: int
) -> npt.NDArray[np.float32]:
    """`Encoder.encode` by `prepare`, in threads, and `encode_prepared`."""
    media = [as_media(item) for item in items_of(items)]
    if batch_size < 1:
        raise EncoderError(f"batch_size is at least 1, got {batch_size}")
    vectors = np.empty((len(media), encoder.space.dimension), np.float32)
    for modality in {m.modality for m in media}:
        rows = [i for i, m in enumerate(media) if m.modality == modality]
        with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
            for batch_rows in _batches(rows, media, batch_size):
                batch = list(threads.map(lambda i: encoder.prepare(media[i]), batch_rows))
                vectors[batch_rows] = encoder.encode_prepared(modality, batch)
    return vectors


def _batches(rows: list[int], media: list[Media], size: int) -> Iterable[list[int]]:
    # Texts of like length together: a batch is padded to its longest.
    ordered = sorted(rows, key=lambda i: len(getattr(media[i], "text", "")))
    return (ordered[i : i + size] for i in range(0, len(ordered), size))
