"""The image tower's last blocks as a torch module, to be fine-tuned."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from recipes.mini.convert_image import Block, Layer, Top


class TunedTop(nn.Module):
    """`convert_image.Top` with weights that learn; begins as published.

    Batch normalisation stays folded into the convolutions: batches are small, and drawings would
    move its statistics.
    """

    def __init__(self, top: Top) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Residual(block) for block in top.blocks)
        self.last = _Convolution(top.last)

    def forward(self, trunk: Tensor) -> Tensor:
        """Map the trunk's output (n, 112, 14, 14) to pooled features (n, 1280)."""
        value = trunk.contiguous(memory_format=torch.channels_last)
        for block in self.blocks:
            value = block(value)
        features: Tensor = self.last(value).mean((2, 3))
        return features

    def numpy(self) -> Top:
        """Return the weights as they are now."""
        return Top(tuple(block.numpy() for block in self.blocks), self.last.numpy())


class _Residual(nn.Module):
    def __init__(self, block: Block) -> None:
        super().__init__()
        self.layers = nn.Sequential(*map(_Convolution, block.layers))
        self.residual = block.residual

    def forward(self, value: Tensor) -> Tensor:
        inner: Tensor = self.layers(value)
        return inner + value if self.residual else inner

    def numpy(self) -> Block:
        return Block(tuple(layer.numpy() for layer in self.layers), self.residual)


class _Convolution(nn.Module):
    def __init__(self, layer: Layer) -> None:
        super().__init__()
        kernel = torch.tensor(layer.kernel).contiguous(memory_format=torch.channels_last)
        self.kernel, self.bias = nn.Parameter(kernel), nn.Parameter(torch.tensor(layer.bias))
        self.stride, self.activate = layer.stride, layer.activate
        self.groups = len(kernel) if kernel.shape[1] == 1 else 1

    def forward(self, value: Tensor) -> Tensor:
        side, size = value.shape[-1], self.kernel.shape[-1]
        missing = max((-(-side // self.stride) - 1) * self.stride + size - side, 0)
        # TensorFlow pads the end first.
        before, after = missing // 2, missing - missing // 2
        if before == after:
            pad = before
        else:
            value, pad = F.pad(value, (before, after, before, after)), 0
        value = F.conv2d(value, self.kernel, self.bias, self.stride, pad, groups=self.groups)
        return value.clamp(0, 6) if self.activate else value

    def numpy(self) -> Layer:
        kernel = self.kernel.detach().contiguous().numpy()
        return Layer(kernel, self.bias.detach().numpy(), self.stride, self.activate)
