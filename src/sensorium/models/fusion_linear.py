"""Fusion by a linear model: the vectors of all modalities side by side, and one layer on them.

A linear layer cannot be told to do without a modality, as the others here are; so there is a layer
for each set of modalities that may be present, which a row's own set chooses (reduced models,
Saar-Tsechansky and Provost 2007). The layers are solved, not trained
(`sensorium.training.fusion_linear`).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping

from sensorium.errors import MissingExtraError
from sensorium.models.fusion_config import FusionConfig, TabularInput, VectorInput

try:
    import torch
    import torch.nn.functional as F  # noqa: N812
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

MOST_MODALITIES = 5
"""With more of them there are layers for all, for all but one, and for each alone."""

_LEAST = 1e-6
"""Smallest deviation that a modality is divided by."""


class _Block(nn.Module):  # type: ignore[misc]
    """Features of one modality, centred and with a variance of one in all.

    Each modality then weighs the same, however many dimensions it has, and zeros stand for the
    mean of the training rows.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("scale", torch.ones(()))

    def raw(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Features (n, size) as they come, NaN where unknown, and whether a row has any (n, 1)."""
        raise NotImplementedError

    def fit(self, features: Tensor) -> None:
        """Take mean and scale from the features of training rows, (n, size)."""
        self.mean.copy_(features.nanmean(0).nan_to_num(0.0))
        spread = (features - self.mean).square().nanmean(0).nan_to_num(0.0).sum().sqrt()
        self.scale.copy_(spread.clamp_min(_LEAST))

    def forward(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return features (n, 1, size), zero where unknown, and a mask (n, 1)."""
        features, there = self.raw(inputs)
        return ((features - self.mean) / self.scale).nan_to_num(0.0)[:, None], there


def _one_hot(numbers: Tensor, count: int) -> Tensor:
    """As torch's of numbers below `count`, without the check of them, which is not converted."""
    return (numbers[..., None] == torch.arange(count, device=numbers.device)).long()


class VectorMeans(_Block):
    """The mean vector of each column of a modality."""

    def __init__(self, given: VectorInput) -> None:
        self.columns, self.dimension = given.columns, given.dimension
        super().__init__(given.columns * given.dimension)

    def raw(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """See `_Block.raw`."""
        mask = inputs["mask"]
        column = torch.where(mask, inputs["column"], 0)
        of_column = _one_hot(column, self.columns) * mask[..., None]
        tokens = torch.where(mask[..., None], inputs["tokens"], 0.0)
        counts = of_column.sum(1)[..., None]  # 0 / 0 where a row lacks a column: NaN
        means = torch.einsum("ntc,ntd->ncd", of_column.to(tokens.dtype), tokens) / counts
        return means.flatten(1), mask.any(1, keepdim=True)


class TabularFeatures(_Block):
    """Numbers, whether each is missing, and categories one-hot (the first means missing)."""

    def __init__(self, given: TabularInput) -> None:
        self.sizes = [n + 1 for n in given.categories]
        super().__init__(2 * given.numbers + sum(self.sizes))

    def raw(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """See `_Block.raw`."""
        numbers, categories = inputs["numbers"], inputs["categories"]
        missing = numbers.isnan()
        one_hot = [_one_hot(categories[:, i], n) for i, n in enumerate(self.sizes)]
        features = torch.cat([numbers, *(one.to(numbers.dtype) for one in (missing, *one_hot))], 1)
        there = torch.cat([~missing, categories != 0], 1).any(1, keepdim=True)
        return features, there


def linear_block(given: VectorInput | TabularInput) -> VectorMeans | TabularFeatures:
    """The features of one modality."""
    return VectorMeans(given) if isinstance(given, VectorInput) else TabularFeatures(given)


def sets_of_modalities(modalities: int) -> Tensor:
    """Sets that there are layers for, (s, m) bool, the whole first, smaller ones later."""
    every = sorted(itertools.product((True, False), repeat=modalities), key=sum, reverse=True)
    chosen = [
        one
        for one in every
        if sum(one)
        and (modalities <= MOST_MODALITIES or sum(one) in (1, modalities - 1, modalities))
    ]
    return torch.tensor(chosen)


class LinearFusion(nn.Module):  # type: ignore[misc]
    """A layer for each set of modalities and each target.

    Of a row whose own set has no layer, which takes six modalities, the smallest larger set's is
    used, with the mean in place of what is missing.
    """

    sets: Tensor

    def __init__(self, config: FusionConfig) -> None:
        super().__init__()
        self.sizes = [linear_block(given).size for given in config.modalities.values()]
        m = len(self.sizes)
        self.register_buffer("sets", sets_of_modalities(m), persistent=False)
        for i, classes in enumerate(config.targets.values()):
            shape = (len(self.sets), classes or 1, sum(self.sizes) + m)
            self.register_buffer(f"weights_{i}", torch.zeros(shape))
            self.register_buffer(f"bias_{i}", torch.zeros(shape[:2]))
        self.targets = len(config.targets)

    def joined(self, tokens: list[Tensor], present: Tensor) -> Tensor:
        """Features of all modalities and whether each is missing, (n, d + m)."""
        blocks = [
            torch.where(present[:, i : i + 1], one[:, 0], 0.0) for i, one in enumerate(tokens)
        ]
        return torch.cat([*blocks, (~present).to(blocks[0].dtype)], 1)

    def used(self, modalities: Tensor) -> Tensor:
        """Which features the layer of a set (m,) sees, (d + m,) bool."""
        blocks = [modalities[i].expand(size) for i, size in enumerate(self.sizes)]
        return torch.cat([*blocks, modalities])

    def forward(self, tokens: list[Tensor], masks: list[Tensor], present: Tensor) -> list[Tensor]:
        """Return (n, classes) for each target."""
        features = self.joined(tokens, present)
        # The sets are sorted by size: the last that holds a row's own is the smallest.
        holds = (self.sets[None] | ~present[:, None]).all(2)
        chosen = len(self.sets) - 1 - holds.flip(1).to(torch.int8).argmax(1)
        outputs = []
        for i in range(self.targets):
            weights, bias = self.get_buffer(f"weights_{i}"), self.get_buffer(f"bias_{i}")
            if torch.compiler.is_exporting():
                outputs.append(_of_all(features, weights, bias, chosen))
                continue
            found = features.new_zeros(len(features), weights.shape[1])
            for number in chosen.unique():
                rows = chosen == number
                found[rows] = F.linear(features[rows], weights[number], bias[number])
            outputs.append(found)
        return outputs


def _of_all(features: Tensor, weights: Tensor, bias: Tensor, chosen: Tensor) -> Tensor:
    """Each row's layer, (n, classes), where rows are not known yet: all layers are computed."""
    found = features.new_zeros(len(features), weights.shape[1])
    for number in range(len(weights)):
        one = F.linear(features, weights[number], bias[number])
        found = torch.where((chosen == number)[:, None], one, found)
    return found
