"""Contrastive losses over a batch of pictures and captions, on one process or many.

Captions of one picture, and pictures with one caption, are not each other's negatives: each pair
of a picture and a caption that belong together is a positive (Khosla et al. 2020, "Supervised
Contrastive Learning", equation 2; Yang et al. 2022, "UniCL", for pictures and texts).
"""

from __future__ import annotations

import math
from typing import Any

from sensorium.errors import MissingExtraError, UsageError

try:
    import torch
    import torch.distributed as dist
    import torch.nn.functional as F  # noqa: N812
    from torch import nn
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

KINDS = ("infonce", "sigmoid")

HIGHEST_SCALE = 100.0
"""What cosines are multiplied by at most (Radford et al. 2021, section 2.5)."""

INITIAL_TEMPERATURE = 0.07
"""Of InfoNCE (Radford et al. 2021, section 2.5)."""

INITIAL_SCALE, INITIAL_BIAS = 10.0, -10.0
"""Of the sigmoid loss: nearly all pairs are negatives, and it begins with saying so
(Zhai et al. 2023, section 3.2)."""


def positive_pairs(
    pictures: torch.Tensor,
    captions: torch.Tensor,
    all_pictures: torch.Tensor,
    all_captions: torch.Tensor,
) -> torch.Tensor:
    """Say which examples belong together: those that share the picture or the caption.

    Parameters
    ----------
    pictures, captions : Tensor of int64, shape (n,)
        Numbers of the examples' pictures and captions.
    all_pictures, all_captions : Tensor of int64, shape (m,)

    Returns
    -------
    Tensor of bool, shape (n, m)
    """
    return (pictures[:, None] == all_pictures) | (captions[:, None] == all_captions)


def info_nce(logits: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
    """Cross entropy between softmax(logits) and an equal share for every positive.

    Parameters
    ----------
    logits : Tensor of float, shape (n, m)
        Scaled cosines of n pictures to m captions, or the other way round.
    positive : Tensor of bool, shape (n, m)
        At least one in every row.

    Returns
    -------
    Tensor, scalar
        Mean over rows. With one positive a row that is the loss of Radford et al. (2021),
        figure 3, in one direction.
    """
    target = positive.to(logits.dtype)
    target = target / target.sum(dim=1, keepdim=True)
    return -(target * F.log_softmax(logits, dim=1)).sum(dim=1).mean()


def sigmoid_loss(logits: torch.Tensor, positive: torch.Tensor) -> torch.Tensor:
    """Binary cross entropy of every pair (Zhai et al. 2023, equation 1).

    Parameters
    ----------
    logits : Tensor of float, shape (n, m)
        Scaled and shifted cosines.
    positive : Tensor of bool, shape (n, m)

    Returns
    -------
    Tensor, scalar
        Sum over pairs divided by n.
    """
    sign = positive.to(logits.dtype) * 2 - 1
    return -F.logsigmoid(sign * logits).sum() / len(logits)


class ContrastiveLoss(nn.Module):  # type: ignore[misc]
    """InfoNCE with a learned temperature, or the sigmoid loss with a learned scale and bias.

    With several processes each compares its own rows with the rows of all, and gradients flow
    back to where the rows came from. The mean of the processes' losses, and of their gradients,
    is that of one process with all rows.

    Parameters
    ----------
    kind : {"infonce", "sigmoid"}
    """

    def __init__(self, kind: str = "infonce") -> None:
        super().__init__()
        if kind not in KINDS:
            raise UsageError(f"unknown loss {kind!r}; there are {' and '.join(KINDS)}")
        self.kind = kind
        scale = 1 / INITIAL_TEMPERATURE if kind == "infonce" else INITIAL_SCALE
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        if kind == "sigmoid":
            self.bias = nn.Parameter(torch.tensor(INITIAL_BIAS))

    @property
    def scale(self) -> torch.Tensor:
        """What cosines are multiplied by: one over the temperature."""
        return self.log_scale.clamp(max=math.log(HIGHEST_SCALE)).exp()

    def forward(
        self,
        images: torch.Tensor,
        texts: torch.Tensor,
        pictures: torch.Tensor,
        captions: torch.Tensor,
    ) -> torch.Tensor:
        """Compare a batch with itself, or with the batches of all processes.

        Parameters
        ----------
        images, texts : Tensor of float, shape (n, d)
            Unit vectors; row i of both is one example.
        pictures, captions : Tensor of int64, shape (n,)
            Which picture and which caption each example has.
        """
        all_images, all_texts = gather_rows(images), gather_rows(texts)
        with torch.no_grad():
            positive = positive_pairs(
                pictures, captions, gather_rows(pictures), gather_rows(captions)
            )
        if self.kind == "sigmoid":
            return sigmoid_loss(self.scale * images @ all_texts.T + self.bias, positive)
        asked_by_image = info_nce(self.scale * images @ all_texts.T, positive)
        asked_by_text = info_nce(self.scale * texts @ all_images.T, positive)
        return (asked_by_image + asked_by_text) / 2


class _GatherRows(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(context: Any, rows: torch.Tensor) -> torch.Tensor:
        parts = [torch.empty_like(rows) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, rows.contiguous())
        context.count = len(rows)
        return torch.cat(parts)

    @staticmethod
    def backward(context: Any, gradient: torch.Tensor) -> torch.Tensor:
        # The loss of every process has a part in each row.
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        start = dist.get_rank() * context.count
        return total[start : start + context.count]


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """Join the rows of all processes, in the order of their ranks.

    The gradient of a row is the sum of what the losses of all processes say.

    Parameters
    ----------
    rows : Tensor, shape (n, ...)
        As many on every process.

    Returns
    -------
    Tensor, shape (n × processes, ...)
        The rows themselves where there is one process.
    """
    if not (dist.is_available() and dist.is_initialized()) or dist.get_world_size() == 1:
        return rows
    gathered: torch.Tensor = _GatherRows.apply(rows)
    return gathered
