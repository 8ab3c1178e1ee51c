"""The weights that a training changes: on disk, and the same on all processes."""

from __future__ import annotations

from pathlib import Path

from sensorium.errors import MissingExtraError, UsageError
from sensorium.folders import read_tensors, write_tensors

try:
    import torch
    import torch.distributed as dist
    from torch import nn
except ImportError as error:
    raise MissingExtraError("torch", "train") from error


def save_weights(model: nn.Module, path: Path) -> None:
    """Write trained parameters and buffers as safetensors, whole or not at all."""
    kept = model.state_dict().keys()
    weights = {
        name: tensor.clone()  # what shares memory cannot be written
        for name, tensor in (*model.named_parameters(), *model.named_buffers())
        if name in kept and (tensor.requires_grad or not isinstance(tensor, nn.Parameter))
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, weights)


def load_weights(model: nn.Module, path: Path) -> None:
    """Read what `save_weights` wrote.

    Raises
    ------
    UsageError
        If the weights are not those of this model.
    """
    try:
        found = model.load_state_dict(read_tensors(path), strict=False)
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"the weights in {path} do not fit the model: {error}") from error
    trained = {name for name, tensor in model.named_parameters() if tensor.requires_grad}
    if found.unexpected_keys or trained.intersection(found.missing_keys):
        wrong = [*found.unexpected_keys, *trained.intersection(found.missing_keys)]
        raise UsageError(f"the weights in {path} are of another model: {', '.join(wrong[:5])}")


def give_all(model: nn.Module, processes: int) -> None:
    """Give all processes the weights of the first."""
    if processes > 1:
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, 0)


def average_gradients(model: nn.Module, processes: int) -> None:
    """Give all processes the mean of their gradients; one that has none counts as zero."""
    if processes == 1:
        return
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in trained:
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
    # One message for each dtype, not for each parameter: what costs is the number of them.
    for dtype in {parameter.dtype for parameter in trained}:
        gradients = [p.grad for p in trained if p.dtype == dtype and p.grad is not None]
        flat = torch.cat([gradient.reshape(-1) for gradient in gradients])
        dist.all_reduce(flat)
        flat /= processes
        at = 0
        for gradient in gradients:
            gradient.copy_(flat[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
