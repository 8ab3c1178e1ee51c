"""Step 1: EfficientNet-Lite0 (ImageNet-1k) as an ONNX graph, from pixels to pooled features.

Liu et al., "Higher accuracy on vision models with EfficientNet-Lite" (TensorFlow blog, 2020):
EfficientNet-B0 without squeeze-and-excitation and with ReLU6. Batch normalisation is folded into
the convolutions; the weights are stored in half precision (cosine to full precision 0.99999).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from onnx import TensorProto

from recipes.mini.graph import Graph
from recipes.mini.sources import IMAGE_WEIGHTS

SIZE = 224  # the side in pixels that Lite0 was trained on
MEAN, SCALE = 127.0, 1 / 128  # its training normalisation: (x - 127) / 128
NORM_EPSILON = 1e-3  # batch normalisation's epsilon in the TensorFlow original
# (blocks, stride of the first block) of the seven stages of EfficientNet-B0.
STAGES = [(1, 1), (2, 2), (2, 2), (3, 2), (3, 1), (4, 2), (1, 1)]
FEATURES = 1280
TUNED = 11  # first block of the part that is fine-tuned: the last two stages, at 7 x 7
TRUNK_SHAPE = (112, 14, 14)  # what goes into it

Weights = dict[str, NDArray[np.float32]]


def read_weights() -> Weights:
    """Read the published checkpoint into float32 arrays by their PyTorch names."""
    state = torch.load(IMAGE_WEIGHTS.path(), map_location="cpu", weights_only=True)
    return {name: tensor.float().numpy() for name, tensor in state.items()}


def classifier(weights: Weights) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the ImageNet classifier: matrix (1000, 1280) and bias (1000,)."""
    return weights["_fc.weight"], weights["_fc.bias"]


@dataclass(frozen=True)
class Layer:
    """A convolution with batch normalisation folded into it.

    Attributes
    ----------
    kernel
        Shape (out, in, k, k); one input channel where the convolution is depthwise.
    bias
        Shape (out,).
    stride
        1 or 2.
    activate
        Whether ReLU6 follows.
    """

    kernel: NDArray[np.float32]
    bias: NDArray[np.float32]
    stride: int
    activate: bool


@dataclass(frozen=True)
class Block:
    """An inverted residual block: expand, filter by channel, project."""

    layers: tuple[Layer, ...]
    residual: bool


def stem(weights: Weights) -> Layer:
    """Return the first convolution."""
    return _layer(weights, "_conv_stem", "_bn0", 2)


def blocks(weights: Weights) -> list[Block]:
    """Return the tower's 16 blocks."""
    found: list[Block] = []
    for repeats, first_stride in STAGES:
        for repeat in range(repeats):
            name = f"_blocks.{len(found)}"
            stride = first_stride if repeat == 0 else 1
            layers = [
                _layer(weights, f"{name}._depthwise_conv", f"{name}._bn1", stride),
                _layer(weights, f"{name}._project_conv", f"{name}._bn2", 1, activate=False),
            ]
            if f"{name}._expand_conv.weight" in weights:
                layers.insert(0, _layer(weights, f"{name}._expand_conv", f"{name}._bn0", 1))
            found.append(Block(tuple(layers), residual=repeat > 0))
    return found


def last(weights: Weights) -> Layer:
    """Return the convolution before pooling."""
    return _layer(weights, "_conv_head", "_bn1", 1)


def _layer(weights: Weights, conv: str, norm: str, stride: int, activate: bool = True) -> Layer:
    gain = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + NORM_EPSILON)
    bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain
    kernel = weights[f"{conv}.weight"] * gain[:, None, None, None]
    return Layer(kernel, bias, stride, activate)


@dataclass(frozen=True)
class Top:
    """The tower from block `TUNED` on, which exists twice: as published, and fine-tuned."""

    blocks: tuple[Block, ...]
    last: Layer


def published_top(weights: Weights) -> Top:
    """Return the blocks as they were trained on ImageNet."""
    return Top(tuple(blocks(weights)[TUNED:]), last(weights))


def add_trunk(graph: Graph, weights: Weights) -> str:
    """Write pixels to the output of the last block before `TUNED`: float32 (batch, 112, 14, 14)."""
    pixels = graph.input("pixels", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])
    value = graph.add("Cast", pixels, to=TensorProto.FLOAT)
    value = graph.add("Sub", value, graph.constant(MEAN, "float32"))
    value = graph.add("Mul", value, graph.constant(SCALE, "float32"))
    value = graph.add("Transpose", value, perm=[0, 3, 1, 2])
    value = _convolution(graph, value, stem(weights))
    for block in blocks(weights)[:TUNED]:
        value = _block(graph, value, block)
    return value


def add_top(graph: Graph, value: str, top: Top) -> str:
    """Write the blocks from `TUNED` on; return the pooled features, float32 (batch, 1280)."""
    for block in top.blocks:
        value = _block(graph, value, block)
    value = _convolution(graph, value, top.last)
    return graph.add("ReduceMean", value, graph.constant([2, 3], "int64"), keepdims=0)


def add_features(graph: Graph, weights: Weights) -> str:
    """Write the published tower; return the pooled features, float32 (batch, 1280)."""
    return add_top(graph, add_trunk(graph, weights), published_top(weights))


def _block(graph: Graph, value: str, block: Block) -> str:
    inner = value
    for layer in block.layers:
        inner = _convolution(graph, inner, layer)
    return graph.add("Add", inner, value) if block.residual else inner


def _convolution(graph: Graph, value: str, layer: Layer) -> str:
    value = graph.add(
        "Conv",
        value,
        graph.half(layer.kernel),
        graph.constant(layer.bias, "float32"),
        # Depthwise kernels have one input channel; TensorFlow pads the end first.
        group=len(layer.kernel) if layer.kernel.shape[1] == 1 else 1,
        strides=[layer.stride, layer.stride],
        kernel_shape=list(layer.kernel.shape[2:]),
        auto_pad="SAME_UPPER",
    )
    if not layer.activate:
        return value
    return graph.add("Clip", value, graph.constant(0, "float32"), graph.constant(6, "float32"))
