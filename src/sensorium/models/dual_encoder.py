"""Two towers and a projection on each, into one space where pictures and their captions meet.

Radford et al. (2021), "Learning Transferable Visual Models From Natural Language Supervision". A
locked tower (Zhai et al. 2022, "LiT") takes no part here: what it gives is computed once, before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError, UsageError
from sensorium.models.towers import TorchTower

try:
    import torch
    import torch.nn.functional as F  # noqa: N812
    from sentence_transformers.base.modules import Dense
    from torch import nn
except ImportError as error:
    raise MissingExtraError("sentence-transformers", "train") from error

PROJECTIONS = ("linear", "mlp")

FEATURES = "features"
"""Key of a batch whose vectors a locked tower gave before."""

Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Layers:
    """A projection as matrices, with standardisation folded in.

    ``out(gelu(inner(x)) + skip x)`` where there are `inner` and `skip`, else ``out(x)``.

    Attributes
    ----------
    out : (ndarray of shape (d, h), ndarray of shape (d,))
    inner : (ndarray of shape (h, n), ndarray of shape (h,)), optional
    skip : ndarray of shape (h, n), optional
    """

    out: tuple[Array, Array]
    inner: tuple[Array, Array] | None = None
    skip: Array | None = None

    def __call__(self, vectors: Array) -> Array:
        """Project vectors of shape (m, n) to shape (m, d), in NumPy."""
        hidden = vectors
        if self.inner is not None and self.skip is not None:
            before = vectors @ self.inner[0].T + self.inner[1]
            erf = np.vectorize(math.erf, otypes=[np.float32])
            hidden = before * 0.5 * (1 + erf(before / math.sqrt(2))) + vectors @ self.skip.T
        return np.asarray(hidden @ self.out[0].T + self.out[1], np.float32)


class Projection(nn.Module):  # type: ignore[misc]
    """What brings a tower's vectors into the common space.

    Parameters
    ----------
    inputs, outputs : int
        Dimensions.
    kind : {"linear", "mlp"}
        An MLP has one hidden layer with GELU and a linear way past it.
    hidden : int
        Width of that layer.
    dropout : float
        Share of the inputs, and of the hidden layer, that is left out while it is trained.
    identity : bool
        Begin with leaving vectors as they are: for towers whose space is common already.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kind: str = "linear",
        *,
        hidden: int = 1024,
        dropout: float = 0.0,
        identity: bool = False,
    ) -> None:
        super().__init__()
        if kind not in PROJECTIONS:
            raise UsageError(f"unknown projection {kind!r}; there are {' and '.join(PROJECTIONS)}")
        if identity and (kind != "linear" or inputs != outputs):
            raise UsageError("a projection that begins as the identity is linear and square")
        if kind == "mlp" and hidden == inputs:  # a format of sentence-transformers cannot hold it
            raise UsageError(
                f"an MLP's hidden layer is not as wide as the tower's vectors ({inputs}): choose "
                "another width"
            )
        self.kind = kind
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("deviation", torch.ones(inputs))
        self.dropout = nn.Dropout(dropout)
        width = hidden if kind == "mlp" else inputs
        self.out = nn.Linear(width, outputs)
        if kind == "mlp":
            self.inner = nn.Linear(inputs, hidden)
            self.skip = nn.Linear(inputs, hidden, bias=False)
        if identity:
            nn.init.eye_(self.out.weight)
            nn.init.zeros_(self.out.bias)

    def standardise(self, vectors: Array) -> None:
        """Take mean and deviation of vectors of shape (m, inputs) off what comes in."""
        # One deviation for all dimensions: those that hardly vary are to stay unimportant.
        mean = vectors.mean(axis=0, dtype=np.float64)
        deviation = float(np.sqrt(((vectors - mean) ** 2).mean()))
        self.mean.copy_(torch.from_numpy(mean.astype(np.float32)))
        self.deviation.fill_(max(deviation, 1e-6))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Project vectors of shape (n, inputs) to shape (n, outputs)."""
        given = self.dropout((vectors - self.mean) / self.deviation)
        if self.kind == "mlp":
            given = self.dropout(F.gelu(self.inner(given))) + self.skip(given)
        found: torch.Tensor = self.out(given)
        return found

    def layers(self) -> Layers:
        """The same as matrices, without dropout."""
        with torch.no_grad():
            state = {k: v.detach().cpu().double().numpy() for k, v in self.state_dict().items()}
        mean, deviation = state["mean"], state["deviation"]

        def folded(weight: Any, bias: Any) -> tuple[Array, Array]:
            scaled = weight / deviation
            return scaled.astype(np.float32), (bias - scaled @ mean).astype(np.float32)

        weight, bias = state["out.weight"], state["out.bias"]
        if self.kind == "linear":
            return Layers(folded(weight, bias))
        skip, shift = folded(state["skip.weight"], np.zeros(len(state["skip.weight"])))
        inner = folded(state["inner.weight"], state["inner.bias"])
        out = weight.astype(np.float32), (bias + weight @ shift).astype(np.float32)
        return Layers(out, inner, skip)

    def dense(self) -> list[Any]:
        """The same as modules of sentence-transformers."""
        layers = self.layers()
        if layers.inner is None or layers.skip is None:
            return [_dense(*layers.out, nn.Identity())]
        first = _dense(*layers.inner, nn.GELU(), residual=layers.skip)
        return [first, _dense(*layers.out, nn.Identity())]


def _dense(weight: Array, bias: Array, activation: Any, residual: Array | None = None) -> Any:
    outputs, inputs = weight.shape
    dense = Dense(
        inputs, outputs, activation_function=activation, use_residual=residual is not None,
        init_weight=torch.from_numpy(weight), init_bias=torch.from_numpy(bias),
    )  # fmt: skip
    if residual is not None:
        dense.residual.weight = nn.Parameter(torch.from_numpy(residual))
    return dense


class DualEncoder(nn.Module):  # type: ignore[misc]
    """An image and a text side, and the loss between them.

    Parameters
    ----------
    image_tower, text_tower : TorchTower or None
        None where the tower is locked: batches hold its vectors as ``{"features": tensor}``.
    image_projection, text_projection : Projection
    loss : Module
        Takes vectors of both sides and the numbers of pictures and captions.
    cached : callable, optional
        Computes the loss in pieces: `sensorium.training.gradient_cache.cached_loss`.
    piece : int, optional
        Examples in a piece.
    """

    def __init__(
        self,
        image_tower: TorchTower | None,
        text_tower: TorchTower | None,
        image_projection: Projection,
        text_projection: Projection,
        loss: nn.Module,
        *,
        cached: Callable[..., torch.Tensor] | None = None,
        piece: int | None = None,
    ) -> None:
        super().__init__()
        self.image_tower = image_tower
        self.text_tower = text_tower
        self.image_projection = image_projection
        self.text_projection = text_projection
        self.loss = loss
        self.cached = cached
        self.piece = piece

    def embed_images(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Encode prepared pictures: unit vectors of shape (n, d)."""
        return self._embed(batch, self.image_tower, self.image_projection)

    def embed_texts(self, batch: Mapping[str, Any]) -> torch.Tensor:
        """Encode prepared texts: unit vectors of shape (n, d)."""
        return self._embed(batch, self.text_tower, self.text_projection)

    def _embed(
        self, batch: Mapping[str, Any], tower: TorchTower | None, projection: Projection
    ) -> torch.Tensor:
        vectors = batch[FEATURES].to(projection.mean.device) if tower is None else tower(batch)
        return F.normalize(projection(vectors).float(), dim=-1)

    def forward(
        self,
        images: Mapping[str, Any],
        texts: Mapping[str, Any],
        pictures: torch.Tensor,
        captions: torch.Tensor,
    ) -> dict[str, torch.Tensor]:
        """Compute the loss of a batch.

        Parameters
        ----------
        images, texts : mapping
            Prepared by the towers, or features; n of each.
        pictures, captions : Tensor of int64, shape (n,)
            Which picture and which caption each example has.
        """

        def compare(image_vectors: torch.Tensor, text_vectors: torch.Tensor) -> torch.Tensor:
            loss: torch.Tensor = self.loss(image_vectors, text_vectors, pictures, captions)
            return loss

        if self.piece is None or self.cached is None:
            return {"loss": compare(self.embed_images(images), self.embed_texts(texts))}
        count = len(pictures)
        pieces = [_pieces(images, count, self.piece), _pieces(texts, count, self.piece)]
        encoders = [self.embed_images, self.embed_texts]
        own = list(self.loss.parameters())
        return {"loss": self.cached(encoders, pieces, compare, own)}


def _pieces(batch: Mapping[str, Any], count: int, size: int) -> Sequence[dict[str, Any]]:
    return [
        {
            key: value[start : start + size]
            if isinstance(value, torch.Tensor) and value.ndim and len(value) == count
            else value
            for key, value in batch.items()
        }
        for start in range(0, count, size)
    ]
