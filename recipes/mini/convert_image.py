"""Step 1: EfficientNet-Lite0 (ImageNet-1k) as an ONNX graph, from pixels to pooled features.

Liu et al., "Higher accuracy on vision models with EfficientNet-Lite" (TensorFlow blog, 2020):
EfficientNet-B0 without squeeze-and-excitation and with ReLU6. Batch normalisation is folded into
the convolutions; the weights are stored in half precision (cosine to full precision 0.99999).
"""

from __future__ import annotations

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

Weights = dict[str, NDArray[np.float32]]


def read_weights() -> Weights:
    """Read the published checkpoint into float32 arrays by their PyTorch names."""
    state = torch.load(IMAGE_WEIGHTS.path(), map_location="cpu", weights_only=True)
    return {name: tensor.float().numpy() for name, tensor in state.items()}


def classifier(weights: Weights) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the ImageNet classifier: matrix (1000, 1280) and bias (1000,)."""
    return weights["_fc.weight"], weights["_fc.bias"]


def add_features(graph: Graph, weights: Weights) -> str:
    """Write the tower into `graph`.

    Returns the name of the pooled features, float32 (batch, 1280).
    """

    def convolution(value: str, conv: str, norm: str, stride: int, activate: bool = True) -> str:
        kernel = weights[f"{conv}.weight"]
        gain = weights[f"{norm}.weight"] / np.sqrt(weights[f"{norm}.running_var"] + NORM_EPSILON)
        bias = weights[f"{norm}.bias"] - weights[f"{norm}.running_mean"] * gain
        value = graph.add(
            "Conv",
            value,
            graph.half(kernel * gain[:, None, None, None]),
            graph.constant(bias, "float32"),
            # Depthwise kernels have one input channel; TensorFlow pads the end first.
            group=len(kernel) if kernel.shape[1] == 1 else 1,
            strides=[stride, stride],
            kernel_shape=list(kernel.shape[2:]),
            auto_pad="SAME_UPPER",
        )
        return graph.add("Clip", value, zero, six) if activate else value

    zero, six = graph.constant(0, "float32"), graph.constant(6, "float32")
    pixels = graph.input("pixels", TensorProto.UINT8, ["batch", SIZE, SIZE, 3])
    value = graph.add("Cast", pixels, to=TensorProto.FLOAT)
    value = graph.add("Sub", value, graph.constant(MEAN, "float32"))
    value = graph.add("Mul", value, graph.constant(SCALE, "float32"))
    value = graph.add("Transpose", value, perm=[0, 3, 1, 2])
    value = convolution(value, "_conv_stem", "_bn0", stride=2)
    index = 0
    for blocks, first_stride in STAGES:
        for repeat in range(blocks):
            block = f"_blocks.{index}"
            stride = first_stride if repeat == 0 else 1
            inner = value
            if f"{block}._expand_conv.weight" in weights:
                inner = convolution(inner, f"{block}._expand_conv", f"{block}._bn0", 1)
            inner = convolution(inner, f"{block}._depthwise_conv", f"{block}._bn1", stride)
            inner = convolution(inner, f"{block}._project_conv", f"{block}._bn2", 1, False)
            value = graph.add("Add", inner, value) if repeat else inner
            index += 1
    value = convolution(value, "_conv_head", "_bn1", stride=1)
    axes = graph.constant([2, 3], "int64")
    return graph.add("ReduceMean", value, axes, keepdims=0)
