"""What every encoder offers, whatever stands behind it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.encoders.inputs import Input
from sensorium.encoders.space import Space
from sensorium.errors import EncoderError
from sensorium.media import Media, Modality, Text, as_media
from sensorium.media.given import items_of

Prepared = Mapping[str, npt.NDArray[Any]]
"""One segment, preprocessed: the model's inputs without the batch axis."""


Role = Literal["query", "document"]
"""Whether something is sought, or stored to be found.

Models such as E5, Qwen3-Embedding and EmbeddingGemma were trained with one prompt for what is
sought and another one, or none, for what is searched. A search, a label, a caption that stands for
a question are queries; everything that is stored is a document."""


class FeatureExtractor(Protocol):
    """Turns media into vectors.

    The work is in two steps so that callers can decode in threads while the model computes:
    `prepare` is the CPU work of one item, `encode_prepared` the model's work on a batch.

    Attributes
    ----------
    space : Space
        The space the vectors belong to.
    """

    space: Space

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
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
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """Encode prepared items of one modality.

        Returns
        -------
        ndarray of float32, shape (len(batch), space.dimension)
            In the order given; unit vectors where an `Encoder` makes them.
        """
        ...


class Encoder(FeatureExtractor):
    """Turns media of one or more modalities into unit vectors of one space.

    One of your own derives from this class and has at least `name`, `space`, `prepare` and
    `encode_prepared`; the rest is here.

    Attributes
    ----------
    name : str
        What `sensorium.load_encoder` loads it by, from any working directory.
    temperature : float
        Softmax temperature over cosines for zero-shot classification.
    sigmoid : tuple of float or None
        Scale a and bias b of sigmoid(a * cosine + b), by which the encoder was trained or fitted
        to tell pairs; None where it has none. Yes/no questions are not answered by it
        (`sensorium.tasks.yes_no`): it carries the odds that it was trained at.
    prompts : sequence of str
        Templates with one ``{}`` that labels are put into.
    tells_queries_apart : bool
        Whether what is sought has other vectors than what is searched.
    calibrations : mapping of str to (float, float, float)
        What makes a hit's probability, by "modality of the question-modality of the segment":
        weights of its surprise and of its cosine, and a bias (`sensorium.ranking.calibration`).
        Pairs that are missing are judged by a rule for any space.
    """

    name: str
    temperature: float = 0.05
    sigmoid: tuple[float, float] | None = None
    prompts: Sequence[str] = ("{}",)
    tells_queries_apart: bool = False
    calibrations: Mapping[str, tuple[float, float, float]] = MappingProxyType({})

    @property
    def runtime(self) -> str:
        """What executes the model, as shown to people; loads what is not loaded yet."""
        return type(self).__name__

    def encode(
        self, items: Iterable[Any], *, role: Role = "document", batch_size: int = 32
    ) -> npt.NDArray[np.float32]:
        """Encode anything `sensorium.media.as_media` takes, modalities mixed as they come.

        Parameters
        ----------
        items : iterable
            Texts, paths, ``Image`` objects, arrays and so on; a column of a frame or data set, or
            a batch of pictures with four axes. A single item is taken as a list of one.
        role : {"query", "document"}
            Whether they are sought, or are to be found.
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
        return encode_media(self, items, role, batch_size)

    def encode_queries(
        self, items: Iterable[Any], *, batch_size: int = 32
    ) -> npt.NDArray[np.float32]:
        """As `encode` with the role of a query."""
        return self.encode(items, role="query", batch_size=batch_size)

    def as_read(self, text: str) -> str:
        """A text as the model gets it, before prefix and tokenizer: the same in most encoders.

        `prepare` does it by itself; who puts labels into prompts does it before.
        """
        return text

    def tokens(self, text: str, role: Role = "document") -> int | None:
        """How many tokens the model reads of a text, with its prompt and its marks.

        What is longer than the model takes is read in part where it is to be found, and in parts
        where it is sought: each is counted as it is read.

        Returns
        -------
        int or None
            None where the encoder has no tokenizer at hand, as behind a server.

        Raises
        ------
        MediaError, EncoderError
            As `prepare`.
        """
        return self.tokens_in(self.prepare(Text(text), role))

    def tokens_in(self, prepared: Prepared) -> int | None:
        """As `tokens`, of a text that is prepared already, and without cutting it anew.

        None where what was prepared does not tell, as it is where `encode_prepared` cuts.
        """
        return None

    def ordinary(self, what: Literal["pictures", "words"]) -> npt.NDArray[np.float32] | None:
        """Vectors that come with the encoder, shape (n, space.dimension).

        Parameters
        ----------
        what : {"pictures", "words"}
            Of pictures that have nothing to do with a query, or of
            `sensorium.encoders.ordinary.WORDS` in its `prompts`.

        Returns
        -------
        ndarray of float32, or None
            None where it brings none.
        """
        return None

    def input_of(self, media: Media) -> Input | None:
        """What the model takes of a picture or a sound, so that parts of it can be covered.

        None where the encoder cannot say, and for everything else: whoever asks then covers parts
        of the media themselves, and has them prepared anew.

        Raises
        ------
        MediaError
            When the media is broken.
        """
        return None

    def side_by_side(self, runs: int) -> int:
        """Be ready for several threads that call `encode_prepared` at once, or for one again.

        A run then has its share of the processors. Runs beside each other do not wait for each
        other, as threads of one run do at every layer.

        Parameters
        ----------
        runs : int
            How many there are.

        Returns
        -------
        int
            How many may be; one where the encoder is not made for more.
        """
        return 1

    def graph(self, modality: Modality) -> Path | None:
        """The ONNX file that computes a modality's vectors; None where there is none."""
        return None


def encode_queries(
    encoder: Encoder, items: Iterable[Any], *, batch_size: int = 32
) -> npt.NDArray[np.float32]:
    """As `Encoder.encode` with the role of a query."""
    return encoder.encode(items, role="query", batch_size=batch_size)


def encode_media(
    encoder: FeatureExtractor, items: Iterable[Any], role: Role, batch_size: int
) -> npt.NDArray[np.float32]:
    """`Encoder.encode` by `prepare`, in threads, and `encode_prepared`."""
    media = [as_media(item) for item in items_of(items)]
    if batch_size < 1:
        raise EncoderError(f"batch_size is at least 1, got {batch_size}")
    if len(media) == 1:  # a question: threads would take longer than what they are for
        alone = [encoder.prepare(media[0], role)]
        return np.asarray(encoder.encode_prepared(media[0].modality, alone, role), np.float32)
    vectors = np.empty((len(media), encoder.space.dimension), np.float32)
    for modality in {m.modality for m in media}:
        rows = [i for i, m in enumerate(media) if m.modality == modality]
        with ThreadPoolExecutor(os.cpu_count() or 1) as threads:
            for batch_rows in _batches(rows, media, batch_size):
                batch = list(threads.map(lambda i: encoder.prepare(media[i], role), batch_rows))
                vectors[batch_rows] = encoder.encode_prepared(modality, batch, role)
    return vectors


def _batches(rows: list[int], media: list[Media], size: int) -> Iterable[list[int]]:
    # Texts of like length together: a batch is padded to its longest.
    ordered = sorted(rows, key=lambda i: _length(media[i]))
    return (ordered[i : i + size] for i in range(0, len(ordered), size))


def _length(media: Media) -> int:
    return len(media.text) if isinstance(media, Text) else 0
