"""Losses against their formulas in NumPy, gradients, and the same in pieces."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from sensorium.errors import UsageError
from sensorium.training.contrastive_losses import (
    ContrastiveLoss,
    info_nce,
    positive_pairs,
    sigmoid_loss,
)
from sensorium.training.gradient_cache import cached_loss


def unit(rows: int, seed: int, dimension: int = 6) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    vectors = torch.randn(rows, dimension, generator=generator)
    return torch.nn.functional.normalize(vectors, dim=1)


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def test_infonce_is_clips_loss() -> None:
    images, texts, loss = unit(7, 0), unit(7, 1), ContrastiveLoss()
    numbers = torch.arange(7)
    # Radford et al. (2021), figure 3
    logits = images.numpy() @ texts.numpy().T * np.exp(loss.log_scale.item())
    rows, columns = log_softmax(logits), log_softmax(logits.T)
    wanted = -(np.diag(rows).mean() + np.diag(columns).mean()) / 2
    assert loss(images, texts, numbers, numbers).item() == pytest.approx(wanted, rel=1e-5)
    assert loss.scale.item() == pytest.approx(1 / 0.07)


def test_sigmoid_is_siglips_loss() -> None:
    images, texts, loss = unit(7, 0), unit(7, 1), ContrastiveLoss("sigmoid")
    numbers = torch.arange(7)
    # Zhai et al. (2023), algorithm 1
    logits = images.numpy() @ texts.numpy().T * 10 - 10
    labels = 2 * np.eye(7) - 1
    wanted = np.log1p(np.exp(-labels * logits)).sum() / 7
    assert loss(images, texts, numbers, numbers).item() == pytest.approx(wanted, rel=1e-5)


def test_captions_of_one_picture_are_no_negatives() -> None:
    pictures, captions = torch.tensor([4, 4, 9, 2]), torch.tensor([0, 1, 2, 2])
    positive = positive_pairs(pictures, captions, pictures, captions)
    assert positive.int().tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    logits = torch.tensor([[9.0, 9.0, -9.0, -9.0], [9.0, 9.0, -9.0, -9.0]])
    # Both captions found alike is the least there can be: log 2, no more.
    assert info_nce(logits, positive[:2]).item() == pytest.approx(np.log(2), abs=1e-6)
    assert info_nce(logits, torch.eye(4, dtype=torch.bool)[:2]) >= info_nce(logits, positive[:2])
    assert sigmoid_loss(logits, positive[:2]).item() == pytest.approx(4 * np.log1p(np.exp(-9.0)))


def test_the_scale_is_learnt_and_limited() -> None:
    loss = ContrastiveLoss()
    numbers = torch.arange(5)
    loss(unit(5, 0), unit(5, 1), numbers, numbers).backward()
    assert loss.log_scale.grad is not None and loss.log_scale.grad != 0
    with torch.no_grad():
        loss.log_scale.fill_(20.0)
    assert loss.scale.item() == pytest.approx(100)
    with pytest.raises(UsageError, match="unknown loss 'triplet'"):
        ContrastiveLoss("triplet")


class Side(torch.nn.Module):
    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(5, 8), torch.nn.Dropout(0.5), torch.nn.Tanh(), torch.nn.Linear(8, 6)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(self.layers(x), dim=1)


@pytest.mark.parametrize("kind", ["infonce", "sigmoid"])
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_in_pieces_it_is_the_same(kind: str, precision: str) -> None:
    """The same loss and gradients, with dropout drawing the same in both passes."""
    inputs = [torch.randn(11, 5, generator=torch.Generator().manual_seed(s)) for s in (3, 4)]
    numbers = torch.arange(11)
    found = []
    for size in (None, 4):
        sides, loss = [Side(0), Side(1)], ContrastiveLoss(kind)
        cut = [x.split(size or 11) for x in inputs]
        torch.manual_seed(7)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bfloat16"):
            if size is None:
                # Piece by piece as below, so that dropout draws alike; but with all activations.
                vectors = [
                    torch.cat([side(p) for p in x.split(4)]).float()
                    for side, x in zip(sides, inputs, strict=True)
                ]
                value = loss(*vectors, numbers, numbers)
            else:
                value = cached_loss(
                    [lambda x, side=side: side(x).float() for side in sides],
                    cut,
                    lambda a, b, loss=loss: loss(a, b, numbers, numbers),
                    list(loss.parameters()),
                )
        (3 * value).backward()  # as accumulation and loss scaling do
        modules = [*sides, loss]
        found.append([value.detach(), *(p.grad for m in modules for p in m.parameters())])
        found[-1].append(torch.rand(1))  # the generators stand where they stood
    tolerance = 1e-6 if precision == "float32" else 2e-2
    for whole, pieces in zip(*found, strict=True):
        torch.testing.assert_close(pieces, whole, rtol=tolerance, atol=tolerance)
        assert whole.abs().sum() > 0


def test_pieces_without_gradients() -> None:
    loss = ContrastiveLoss()
    numbers = torch.arange(4)
    with torch.no_grad():
        value = cached_loss(
            [torch.nn.Identity()] * 2,
            [unit(4, 0).split(3), unit(4, 1).split(2)],
            lambda a, b: loss(a, b, numbers, numbers),
        )
    torch.testing.assert_close(value, loss(unit(4, 0), unit(4, 1), numbers, numbers).detach())
