"""What a sound tower could stand on: aiSFX, a CNN trained to name the categories of sound effects.

Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound Effects Libraries",
ISMIR 2022: four blocks of two 3 x 3 convolutions over log-mel blocks of 100 frames; the mean over
frequency and the largest value over time are its 512 features. Its classifiers know the categories
of the Universal Category System, a list in the public domain that sound libraries agreed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from recipes.mini.graph import Graph
from recipes.mini.sources import Source

SOUND_WEIGHTS = Source(
    "aisfx",
    "models/checkpoint.pth",
    "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5",
)
RATE = 44100
WINDOW = 2048
HOP = 1024
BANDS = 96
BLOCK = 100  # frames: 2.3 s
LOUDEST = 9.457798957824707  # of the log-mel values of its training; spectra are divided by it
CHANNELS = (64, 128, 256, 512)
FEATURES = CHANNELS[-1]
EPSILON = 1e-5  # of its batch normalisations
ENERGIES = 1e4  # what energies are multiplied by before the logarithm
PEAK = 0.25  # that every sound is brought to; at their own levels less is recognised (LOG.md)
MOST_GAIN = 100.0  # which leaves silence silent

Vectors = npt.NDArray[np.float32]
Weights = Mapping[str, Vectors]


def read_weights() -> Weights:
    """Read the checkpoint; of its pickle, only tensors and numbers are let through."""
    from numpy._core.multiarray import scalar

    allowed = [
        (scalar, "numpy.core.multiarray.scalar"),  # the name it had when this was pickled
        np.dtype,
        np.dtypes.Int64DType,
    ]
    with torch.serialization.safe_globals(allowed):
        weights, _ = torch.load(SOUND_WEIGHTS.path(), map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in weights.items() if tensor.is_floating_point()}


def blocks(samples: Vectors) -> Vectors:
    """Cut the log-mel spectrogram of a mono sound at `RATE` into blocks (n, 100, 96).

    As Essentia's MelBands computes it: log10(1 + 10,000 E) of the energies E of a spectrum that is
    not divided by its window's length; bands are triangles on HTK's mel scale whose weights sum
    to 1. The last block of a longer sound is moved back to end with it; a shorter sound is filled
    up with silence.
    """
    peak = float(np.abs(samples).max(initial=0))
    samples = samples * min(MOST_GAIN, PEAK / max(peak, 1e-9))
    count = 1 + max(len(samples) - 1, 0) // HOP
    padded = np.pad(samples, (WINDOW // 2, WINDOW))
    views = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:count]
    spectrum = np.fft.rfft(views * np.hanning(WINDOW).astype(np.float32))
    energies = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    frames = np.zeros((max(count, BLOCK), BANDS), np.float32)
    frames[:count] = np.log10(1 + ENERGIES * (energies @ mel_bands()))
    starts = [*range(0, len(frames) - BLOCK, BLOCK), len(frames) - BLOCK]
    return np.stack([frames[start : start + BLOCK] for start in starts])


def mel_bands() -> Vectors:
    """Weights of a spectrum's frequencies in each band, shape (1025, 96)."""
    mels = 2595 * np.log10(1 + np.fft.rfftfreq(WINDOW, 1 / RATE) / 700)
    edges = np.linspace(0, mels[-1], BANDS + 2)
    rising = (mels[:, None] - edges[:-2]) / np.diff(edges)[:-1]
    falling = (edges[2:] - mels[:, None]) / np.diff(edges)[1:]
    weights = np.maximum(0, np.minimum(rising, falling))
    return np.asarray(weights / weights.sum(axis=0), np.float32)


def add_features(graph: Graph, mel: str, weights: Weights) -> str:
    """Add the CNN: log-mel blocks (blocks, 100, 96) to features (blocks, 512)."""
    value = graph.add("Unsqueeze", mel, graph.constant([1], "int64"))
    value = graph.add("Div", value, graph.constant(LOUDEST, "float32"))
    for block in range(len(CHANNELS)):
        for layer in (1, 2):
            name = f"embedding_net.conv_block{block + 1}"
            kernel, bias = folded(weights, name, layer)
            value = graph.add(
                "Conv", value, eight_bits(graph, kernel), graph.constant(bias, "float32"),
                kernel_shape=[3, 3], pads=[1, 1, 1, 1],
            )  # fmt: skip
            value = graph.add("Relu", value)
        if block < len(CHANNELS) - 1:
            value = graph.add("MaxPool", value, kernel_shape=[2, 2], strides=[2, 2])
    value = graph.add("ReduceMean", value, graph.constant([3], "int64"), keepdims=0)
    return graph.add("ReduceMax", value, graph.constant([2], "int64"), keepdims=0)


def folded(weights: Weights, block: str, layer: int) -> tuple[Vectors, Vectors]:
    """A convolution with its batch normalisation folded in: kernel and bias."""
    kernel = weights[f"{block}.conv{layer}.weight"]
    mean, variance, scale, shift = (
        weights[f"{block}.bn{layer}.{name}"]
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    factor = scale / np.sqrt(variance + EPSILON)
    return kernel * factor[:, None, None, None], shift - mean * factor


def eight_bits(graph: Graph, kernel: Vectors) -> str:
    """Store a kernel or matrix as signed bytes with one scale for each output channel, the rows."""
    largest = np.abs(kernel).reshape(len(kernel), -1).max(axis=1)
    scales = np.maximum(largest, 1e-12) / 127
    values = np.round(kernel / scales.reshape(-1, *[1] * (kernel.ndim - 1)))
    return graph.add(
        "DequantizeLinear",
        graph.constant(values, "int8"),
        graph.constant(scales, "float32"),
        axis=0,
    )


def chances(weights: Weights, number: int, features: Vectors) -> Vectors:
    """What one of its classifiers makes of features: probabilities, (n, categories)."""
    value = features
    for layer in (0, 2, 4):
        value = value @ weights[f"fc.{number}.{layer}.weight"].T
        value = value + weights[f"fc.{number}.{layer}.bias"]
        value = np.maximum(value, 0) if layer < 4 else value
    value = np.exp(value - value.max(axis=1, keepdims=True))
    return np.asarray(value / value.sum(axis=1, keepdims=True), np.float32)


def backbone(path: Path, weights: Weights) -> None:
    """Write the CNN alone, for `sound`."""
    graph = Graph("features")
    mel = graph.input("mel", 1, ["blocks", BLOCK, BANDS])  # 1: float32
    graph.output(add_features(graph, mel, weights), "features", ["blocks", FEATURES])
    graph.save(path)
