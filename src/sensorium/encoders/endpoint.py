"""Encoders behind an HTTP endpoint that speaks OpenAI's ``/v1/embeddings``.

Servers that embed pictures, too, take them in one of two dialects: ``input`` with a ``modality``
field (infinity), or chat ``messages`` with an ``image_url`` (vLLM).
"""

from __future__ import annotations

import base64
import hashlib
import io
import urllib.parse
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image

from sensorium.encoders.base import Encoder, Prepared, Role
from sensorium.encoders.inputs import Input
from sensorium.encoders.preprocessing import image_pixels, placed_pixels
from sensorium.encoders.server import (
    MAX_ANSWER,
    MalformedError,
    Server,
    parts_of,
    require_no_credentials,
)
from sensorium.encoders.space import Space
from sensorium.encoders.trust import remember
from sensorium.errors import EncoderError
from sensorium.media import Image, Media, Modality, Text
from sensorium.media.decoding import decoding

MAX_NUMBERS = 1 << 15
"""Numbers of a vector, while its dimension is not known; models have up to 8,192."""

NUMBER_BYTES = 32
"""Of a number as text, with what stands around it. JSON takes 30 times its size in memory."""

REQUEST_BATCH = 32
"""Texts in one request."""

PICTURE_SIDE = 448
"""Pixels of the square that pictures are sent as."""

DIALECTS = ("messages", "input")


class EndpointEncoder(Encoder):
    """An encoder that runs on a server.

    Parameters
    ----------
    url : str
        Up to and with ``/v1``. ``#MODEL`` at its end names the model, and ``?images=messages`` or
        ``?images=input`` before that says that it takes pictures, and how:
        ``http://localhost:8000/v1?images=messages#my-model``.
    api_key : str, optional
        Default: ``$OPENAI_API_KEY``, when it is set. It goes to the host of `url`; redirects are
        not followed: questions and key are for the server that was named.
    timeout : float
        Seconds for one request.

    Raises
    ------
    EncoderError
        When the server does not answer, has no such model, or sends what is no embedding.
    """

    def __init__(
        self, url: str, *, api_key: str | None = None, timeout: float | None = None
    ) -> None:
        require_no_credentials(url)
        parts = parts_of(url)
        options = dict(urllib.parse.parse_qsl(parts.query))
        self.images = options.pop("images", None)
        if options or self.images not in (None, *DIALECTS):
            shown = url.partition("?")[0]  # what stands behind it may be a key
            raise EncoderError(f"{shown}: after ? stands images=messages or images=input, no other")
        self._server = Server(url, api_key=api_key, timeout=timeout)
        self.url = self._server.url
        self._dimension: int | None = None
        self.model = parts.fragment or self._server.only_model()
        self._dimension = len(self._embedded({"input": ["a"]}, 1)[0])
        named = f"{self.url}#{self.model}"
        how = f"?images={self.images}" if self.images else ""
        self.name = f"{self.url}{how}#{self.model}"
        self.space = Space(
            name=named,
            dimension=self._dimension,
            modalities=(Modality.IMAGE, Modality.TEXT) if self.images else (Modality.TEXT,),
            preprocessing={"images": self.images, "side": PICTURE_SIDE if self.images else None},
            # What computes them cannot be seen from here; the name is all there is.
            weights=hashlib.sha256(named.encode()).hexdigest(),
        )
        remember(self.name)  # what collections and classifiers know it by

    @property
    def runtime(self) -> str:
        """Where the model runs."""
        return f"HTTP endpoint {self.url}"

    def prepare(self, media: Media, role: Role = "document") -> Prepared:
        """See `Encoder.prepare`."""
        if isinstance(media, Text):
            with decoding("", f"the text {media.text!r:.80} cannot be encoded"):
                return {"utf8": np.frombuffer(media.text.encode(), np.uint8)}
        if isinstance(media, Image) and self.images:
            return {"pixels": image_pixels(media, size=PICTURE_SIDE, fit="pad")}
        known = " and ".join(self.space.modalities)
        raise EncoderError(f"{self.space.name} encodes {known}, not {media.modality}")

    def input_of(self, media: Media) -> Input | None:
        """See `Encoder.input_of`."""
        if not (isinstance(media, Image) and self.images):
            return None
        return Input("pixels", *placed_pixels(media, size=PICTURE_SIDE, fit="pad"))

    def encode_prepared(
        self, modality: Modality, batch: Sequence[Prepared], role: Role = "document"
    ) -> npt.NDArray[np.float32]:
        """See `Encoder.encode_prepared`; a request does not say what is sought."""
        vectors = [np.empty((0, self.space.dimension), np.float32)]
        if modality == Modality.TEXT:
            texts = [item["utf8"].tobytes().decode() for item in batch]
            for start in range(0, len(texts), REQUEST_BATCH):
                part = texts[start : start + REQUEST_BATCH]
                vectors.append(self._embedded({"input": part}, len(part)))
        else:
            for item in batch:
                link = _data_url(item["pixels"])
                if self.images == "input":
                    body: dict[str, Any] = {"input": [link], "modality": "image"}
                else:
                    content = [{"type": "image_url", "image_url": {"url": link}}]
                    body = {"messages": [{"role": "user", "content": content}]}
                vectors.append(self._embedded(body, 1))
        return np.concatenate(vectors)

    def _embedded(self, body: dict[str, Any], count: int) -> npt.NDArray[np.float32]:
        """Send a request and check what comes back: so many vectors, of the space's dimension."""
        wanted = {"model": self.model, "encoding_format": "float", **body}
        most = MAX_ANSWER + count * (self._dimension or MAX_NUMBERS) * NUMBER_BYTES
        return self._server.ask(
            "embeddings", lambda answer: self._unit_vectors(answer, count), wanted, most
        )

    def _unit_vectors(self, answer: dict[str, Any], count: int) -> npt.NDArray[np.float32]:
        try:
            rows = _in_order(answer["data"])
            vectors = np.array([_numbers(row["embedding"]) for row in rows], np.float32)
        except (
            KeyError, TypeError, ValueError, AttributeError, OverflowError, MemoryError,
            RecursionError,
        ) as error:  # fmt: skip
            raise MalformedError(
                f"the answer holds no embeddings ({error!r}): {str(answer)[:200]}"
            ) from error
        wanted = self._dimension
        if vectors.ndim != 2 or len(vectors) != count or wanted not in (None, vectors.shape[1]):
            expected = f"({count}, {wanted if wanted else 'dimension'})"
            raise MalformedError(f"embeddings of shape {vectors.shape}, expected {expected}")
        norms = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(norms).all() or not (norms > 0).all():
            raise MalformedError(f"an embedding has the length {norms.min()}")
        return np.asarray(vectors / norms, np.float32)

    def __repr__(self) -> str:
        return f"EndpointEncoder({self.space.name!r})"


def _in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Embeddings in the order of their inputs; a server that numbers none of them keeps it."""
    numbers = [row.get("index") for row in rows]
    if any(number is not None for number in numbers):
        if sorted(map(int, numbers)) != list(range(len(rows))):  # type: ignore[arg-type]
            raise ValueError(f"the inputs have the numbers 0 to {len(rows) - 1}, not {numbers}")
        rows = sorted(rows, key=lambda row: int(row["index"]))
    return rows


def _numbers(value: Any) -> npt.NDArray[np.float32]:
    if isinstance(value, str):  # base64, which some servers send whatever is asked for
        return np.frombuffer(base64.b64decode(value), "<f4")
    return np.asarray(value, np.float32)


def _data_url(pixels: npt.NDArray[np.uint8]) -> str:
    file = io.BytesIO()
    PIL.Image.fromarray(pixels).save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
