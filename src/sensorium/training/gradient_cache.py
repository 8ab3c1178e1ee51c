"""Large contrastive batches in little memory: gradient caching (Gao et al. 2021, section 3).

A contrastive loss needs the vectors of the whole batch at once, but not the activations that led
to them. So a batch is encoded piece by piece without keeping activations, the loss gives the
gradient of every vector, and each piece is encoded again to pass its gradients on. Dropout draws
in the second pass what it drew in the first, so that loss and gradients are those of the whole
batch to rounding. Batch normalisation would see other batches; it cannot be trained so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from sensorium.errors import MissingExtraError

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

Encode = Callable[[Any], torch.Tensor]


def cached_loss(
    encoders: Sequence[Encode],
    pieces: Sequence[Sequence[Any]],
    loss: Callable[..., torch.Tensor],
    parameters: Sequence[nn.Parameter] = (),
) -> torch.Tensor:
    """Compute a loss over pieces of a batch; its ``backward()`` encodes them once more.

    Parameters
    ----------
    encoders : sequence of callable
        One for each side of the batch. Takes a piece, returns vectors of shape (n, d).
    pieces : sequence of sequence
        For each encoder, the pieces of the batch in order.
    loss : callable
        Takes the joined vectors of each encoder, returns a scalar.
    parameters : sequence of Parameter
        What the loss itself learns, such as a temperature.

    Returns
    -------
    Tensor, scalar
    """
    states: list[list[_Randomness]] = []
    vectors = []
    with torch.no_grad():
        for encode, batch in zip(encoders, pieces, strict=True):
            states.append([])
            parts = []
            for piece in batch:
                states[-1].append(_Randomness())
                parts.append(encode(piece))
            vectors.append(torch.cat(parts))
    if not torch.is_grad_enabled():
        return loss(*vectors)
    vectors = [tensor.detach().requires_grad_() for tensor in vectors]
    value = loss(*vectors)
    trained = [parameter for parameter in parameters if parameter.requires_grad]
    gradients = torch.autograd.grad(value, [*vectors, *trained])
    result = value.detach().requires_grad_()
    again = partial(
        _backward,
        encoders, pieces, states, gradients[: len(vectors)], trained, gradients[len(vectors) :],
        _Precision(vectors[0].device.type),
    )  # fmt: skip
    result.register_hook(again)
    return result


def _backward(
    encoders: Sequence[Encode],
    pieces: Sequence[Sequence[Any]],
    states: Sequence[Sequence[_Randomness]],
    gradients: Sequence[torch.Tensor],
    trained: Sequence[nn.Parameter],
    own: Sequence[torch.Tensor],
    precision: _Precision,
    factor: torch.Tensor,
) -> None:
    """Pass the gradients on; `factor` is what the loss was multiplied by since."""
    for parameter, gradient in zip(trained, own, strict=True):
        part = gradient * factor
        parameter.grad = part if parameter.grad is None else parameter.grad + part
    for encode, batch, drawn, gradient in zip(encoders, pieces, states, gradients, strict=True):
        start = 0
        for piece, state in zip(batch, drawn, strict=True):
            with torch.enable_grad(), state.again(), precision.again():
                found = encode(piece)
            if found.requires_grad:
                found.backward(gradient[start : start + len(found)] * factor)
            start += len(found)


class _Randomness:
    """Where the random generators stood."""

    def __init__(self) -> None:
        self.cpu = torch.random.get_rng_state()
        self.device = torch.cuda.current_device() if torch.cuda.is_available() else None
        self.cuda = None if self.device is None else torch.cuda.get_rng_state(self.device)

    @contextmanager
    def again(self) -> Iterator[None]:
        """Go back there for a while."""
        with torch.random.fork_rng([] if self.device is None else [self.device]):
            torch.random.set_rng_state(self.cpu)
            if self.cuda is not None:
                torch.cuda.set_rng_state(self.cuda, self.device)
            yield


class _Precision:
    """What is computed in: a backward pass runs outside the forward pass's autocast."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.enabled = torch.is_autocast_enabled(device)
        self.dtype = torch.get_autocast_dtype(device)

    def again(self) -> Any:
        return torch.autocast(self.device, self.dtype, enabled=self.enabled)
