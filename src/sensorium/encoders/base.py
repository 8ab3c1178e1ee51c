"""What every encoder offers, whatever stands behind it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
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
        Scale a and bias b of sigmoid(a * cosine + b), by which the encoder was trained or fitted
        to tell pairs; None where it has none. Yes/no questions are not answered by it
        (`sensorium.encoders.yes_no`): it carries the odds that it was trained at.
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

    def encode_queries(
        self, items: Iterable[Any], *, batch_size: int = 32
    ) -> npt.NDArray[np.float32]:
        """As `encode`, for what is sought among what `encode` gave; see `query_side`."""
        ...


class QuerySide:
    """What is sought, as an encoder encodes it that tells it from what is searched.

    Parameters
    ----------
    encoder : Encoder
    prepare, encode_prepared : callable, optional
        See `Encoder`; the encoder's own where only the other one differs.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        prepare: Callable[[Media], Prepared] | None = None,
        encode_prepared: Callable[[Modality, Sequence[Prepared]], npt.NDArray[np.float32]]
        | None = None,
    ) -> None:
        self.space = encoder.space
        self.temperature, self.sigmoid = encoder.temperature, encoder.sigmoid
        self.prompts, self._encoder = encoder.prompts, encoder
        self.prepare = prepare or encoder.prepare
        self.encode_prepared = encode_prepared or encoder.encode_prepared

    @property
    def runtime(self) -> str:
        """See `Encoder.runtime`."""
        return self._encoder.runtime

    def encode(self, items: Iterable[Any], *, batch_size: int = 32) -> npt.NDArray[np.float32]:
        """See `Encoder.encode`."""
        return encode_media(self, items, batch_size)

    encode_queries = encode


def query_side(encoder: Encoder) -> Encoder:
    """The encoder by which what is sought is encoded; the same one where it knows no difference.

    Models such as E5, Qwen3-Embedding and EmbeddingGemma were trained with one prompt for what is
    sought and another one, or none, for what is searched. Whatever is compared with stored vectors
    as a question (a search, a label, a caption that stands for a question) comes from here;
    `Encoder.encode` is for what is stored.
    """
    side: Encoder | None = getattr(encoder, "for_queries", None)
    if side is not None:
        return side
    asked = getattr(encoder, "encode_queries", None)
    if asked is None:  # of somebody else's making, and older than this method
        return encoder
    return QuerySide(
        encoder,
        prepare=lambda media: {"vector": asked([media])[0]},
        encode_prepared=lambda _, batch: np.stack([item["vector"] for item in batch]),
    )


def encode_queries(
    encoder: Encoder, items: Iterable[Any], *, batch_size: int = 32
) -> npt.NDArray[np.float32]:
    """As `Encoder.encode`, for what is sought; see `query_side`."""
    return query_side(encoder).encode(items, batch_size=batch_size)


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
