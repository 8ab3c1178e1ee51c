"""The beginning of Whisper's encoder as a part of an ONNX graph that takes sound at 44,100 Hz.

Radford et al. 2022, section 2.2: log-mel frames, two convolutions, sinusoidal positions, layers of
a Transformer that normalise before attention and MLP. The spectrum is taken of samples at 44,100 Hz
where Whisper takes it at 16,000: at the same frequencies, of the same 25 ms, every 10 ms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from faster_whisper.feature_extractor import FeatureExtractor

from recipes.mini.convert_sound import RATE, eight_bits
from recipes.mini.graph import Graph

FLOAT = 1  # ONNX's number of the type

Tensors = Mapping[str, npt.NDArray[Any]]
"""Of `recipes.ear.ctranslate2_file.read_tensors`."""

THEIR_RATE = 16_000
POINTS = 400  # of their spectrum: 25 ms
BANDS = 80
BINS = POINTS // 2 + 1
HOP = RATE // 100
STRIDE = 2 * HOP  # samples between frames that the convolutions give: 20 ms
REACH = 551  # samples of the window on each side of its middle: 25 ms are 1102.5
RANGE = 8.0  # what lies further below the loudest, in powers of ten, is raised to that
QUIETEST = 1e-10
FARTHEST = -1e4  # what a masked position gets before the softmax


def add_frames(graph: Graph, samples: str, lengths: str, tensors: Tensors, layers: int) -> str:
    """Add everything up to the last of `layers` layers, normalised without scale, and the mean.

    Parameters
    ----------
    graph : Graph
    samples, lengths : str
        (batch, time) and (batch,).
    tensors : mapping
    layers : int
        How many of the encoder's layers are kept, from the first.

    Returns
    -------
    str
        The mean over the frames that sound, (batch, 512).
    """
    frames, count = _frame_count(graph, samples)
    mel = add_mel(graph, samples, lengths, frames)
    hidden, sounding = add_encoder(graph, mel, lengths, (frames, count), tensors, layers)
    width = tensors["encoder/conv1/weight"].shape[0]
    hidden = graph.add("LayerNormalization", hidden, graph.constant(np.ones(width), "float32"))
    mask = graph.add("Unsqueeze", sounding, graph.constant([2], "int64"))
    one = graph.constant([1], "int64")
    total = graph.add("ReduceSum", graph.add("Mul", hidden, mask), one, keepdims=0)
    return graph.add("Div", total, graph.add("ReduceSum", sounding, one, keepdims=1))


def _frame_count(graph: Graph, samples: str) -> tuple[str, str]:
    """Add the number of mel frames and of the encoder's, (1,) each: whole strides of samples."""
    time = graph.add("Shape", samples, start=1, end=2)
    more = graph.add("Add", time, graph.constant([STRIDE - 1], "int64"))
    count = graph.add("Div", more, graph.constant([STRIDE], "int64"))
    return graph.add("Mul", count, graph.constant([2], "int64")), count


def _sounding(graph: Graph, lengths: str, count: str, hop: int) -> str:
    """Add 1 for frames that begin before a sound's end and 0 for others, (batch, count)."""
    zero, one = graph.constant(0, "int64"), graph.constant(1, "int64")
    numbers = graph.add("Range", zero, graph.add("Squeeze", count), one)
    starts = graph.add("Mul", numbers, graph.constant(hop, "int64"))
    ends = graph.add("Unsqueeze", lengths, graph.constant([1], "int64"))
    return graph.add("Cast", graph.add("Less", starts, ends), to=FLOAT)


def add_mel(graph: Graph, samples: str, lengths: str, frames: str) -> str:
    """Add the log-mel frames of Whisper's feature extractor, (batch, 80, frames), 0 after the end.

    Its spectrum begins with a mirrored piece where this one has silence: the first two frames
    differ.
    """
    one = graph.constant([1], "int64")
    wave = graph.add("Unsqueeze", samples, one)
    # Whole strides may reach beyond the samples; what is too much is cut off.
    spectrum = graph.add(
        "Conv", wave, _waves(graph), kernel_shape=[2 * REACH + 1], strides=[HOP],
        pads=[REACH, REACH + STRIDE],
    )  # fmt: skip
    start, axis = graph.constant([0], "int64"), graph.constant([2], "int64")
    spectrum = graph.add("Slice", spectrum, start, frames, axis)
    energy = graph.add("Mul", spectrum, spectrum)
    # A row of the matrix takes a frequency's cosine and sine alike.
    filters = FeatureExtractor.get_mel_filters(THEIR_RATE, POINTS, BANDS)
    filters = np.concatenate([filters, filters], axis=1) * (THEIR_RATE / RATE) ** 2
    mel = graph.add("MatMul", graph.constant(filters, "float32"), energy)
    mel = graph.add("Log", graph.add("Max", mel, graph.constant(QUIETEST, "float32")))
    mel = graph.add("Mul", mel, graph.constant(1 / np.log(10), "float32"))
    mask = graph.add("Unsqueeze", _sounding(graph, lengths, frames, HOP), one)
    heard = graph.add("Where", graph.add("Cast", mask, to=9), mel, graph.constant(-10, "float32"))
    loudest = graph.add("ReduceMax", heard, graph.constant([1, 2], "int64"), keepdims=1)
    least = graph.add("Sub", loudest, graph.constant(RANGE, "float32"))
    mel = graph.add("Add", graph.add("Max", mel, least), graph.constant(4, "float32"))
    return graph.add("Mul", graph.add("Mul", mel, graph.constant(0.25, "float32")), mask)


def _waves(graph: Graph) -> str:
    """Add the kernels of a convolution that gives cosines and sines, (402, 1, 1103).

    They are computed when the graph is loaded, and take no room in the file.
    """
    times = np.arange(-REACH, REACH + 1) / RATE
    hann = 0.5 + 0.5 * np.cos(2 * np.pi * times * THEIR_RATE / POINTS)
    turns = times * THEIR_RATE / POINTS  # of the first frequency
    numbers = graph.constant(np.arange(BINS)[:, None, None], "float32")
    angles = graph.add("Mul", numbers, graph.constant(2 * np.pi * turns, "float32"))
    both = graph.add("Concat", graph.add("Cos", angles), graph.add("Sin", angles), axis=0)
    return graph.add("Mul", both, graph.constant(hann, "float32"))


def add_encoder(
    graph: Graph, mel: str, lengths: str, counts: tuple[str, str], tensors: Tensors, layers: int
) -> tuple[str, str]:
    """Add convolutions, positions and layers: (batch, 80, frames) to (batch, frames / 2, 512).

    Returns
    -------
    str, str
        The hidden states, and which of them sound, (batch, frames / 2).
    """
    frames, count = counts
    one = graph.constant([1], "int64")
    hidden = _convolution(graph, mel, tensors, "encoder/conv1", 1)
    mask = graph.add("Unsqueeze", _sounding(graph, lengths, frames, HOP), one)
    hidden = _convolution(graph, graph.add("Mul", hidden, mask), tensors, "encoder/conv2", 2)
    hidden = graph.add("Transpose", hidden, perm=[0, 2, 1])
    hidden = graph.add("Add", hidden, _positions(graph, count, tensors))
    sounding = _sounding(graph, lengths, count, STRIDE)
    deaf = graph.add("Sub", graph.constant(1, "float32"), sounding)
    deaf = graph.add("Mul", deaf, graph.constant(FARTHEST, "float32"))
    deaf = graph.add("Unsqueeze", deaf, graph.constant([1, 2], "int64"))
    for number in range(layers):
        place = f"encoder/layer_{number}/"
        inner = _attention(graph, hidden, deaf, tensors, place + "self_attention/")
        hidden = graph.add("Add", hidden, inner)
        inner = _normalised(graph, hidden, tensors, place + "ffn/layer_norm")
        inner = graph.add("Gelu", _linear(graph, inner, tensors, place + "ffn/linear_0"))
        hidden = graph.add("Add", hidden, _linear(graph, inner, tensors, place + "ffn/linear_1"))
    return hidden, sounding


def _convolution(graph: Graph, value: str, tensors: Tensors, name: str, stride: int) -> str:
    kernel = eight_bits(graph, tensors[f"{name}/weight"].astype(np.float32))
    bias = graph.constant(tensors[f"{name}/bias"], "float32")
    value = graph.add(
        "Conv", value, kernel, bias, kernel_shape=[3], strides=[stride], pads=[1, 1]
    )  # fmt: skip
    return graph.add("Gelu", value)


def _positions(graph: Graph, count: str, tensors: Tensors) -> str:
    """Add the sinusoids that stand in the file, computed: they take no room, and have no end."""
    known = tensors["encoder/position_encodings/encodings"].astype(np.float32)
    half = known.shape[1] // 2
    speeds = np.exp(-np.log(10_000) / (half - 1) * np.arange(half))
    angles = np.arange(len(known))[:, None] * speeds
    if np.abs(np.hstack([np.sin(angles), np.cos(angles)]) - known).max() > 2e-3:
        raise ValueError("the positions are no sinusoids")
    zero, one = graph.constant(0, "int64"), graph.constant(1, "int64")
    numbers = graph.add("Range", zero, graph.add("Squeeze", count), one)
    numbers = graph.add(
        "Unsqueeze", graph.add("Cast", numbers, to=FLOAT), graph.constant([1], "int64")
    )
    turned = graph.add("Mul", numbers, graph.constant(speeds, "float32"))
    return graph.add("Concat", graph.add("Sin", turned), graph.add("Cos", turned), axis=1)


def _attention(graph: Graph, hidden: str, deaf: str, tensors: Tensors, place: str) -> str:
    width, heads = tensors["encoder/conv1/weight"].shape[0], int(tensors["encoder/num_heads"])
    inner = _normalised(graph, hidden, tensors, place + "layer_norm")
    inner = _linear(graph, inner, tensors, place + "linear_0")
    parts = []
    for part in graph.split(inner, 3):
        shaped = graph.add("Reshape", part, graph.constant([0, 0, heads, width // heads], "int64"))
        parts.append(graph.add("Transpose", shaped, perm=[0, 2, 1, 3]))
    queries, keys, values = parts
    scores = graph.add("MatMul", queries, graph.add("Transpose", keys, perm=[0, 1, 3, 2]))
    scores = graph.add("Mul", scores, graph.constant((width // heads) ** -0.5, "float32"))
    shares = graph.add("Softmax", graph.add("Add", scores, deaf), axis=-1)
    inner = graph.add("Transpose", graph.add("MatMul", shares, values), perm=[0, 2, 1, 3])
    inner = graph.add("Reshape", inner, graph.constant([0, 0, width], "int64"))
    return _linear(graph, inner, tensors, place + "linear_1")


def _normalised(graph: Graph, value: str, tensors: Tensors, name: str) -> str:
    gamma, beta = (graph.constant(tensors[f"{name}/{n}"], "float32") for n in ("gamma", "beta"))
    return graph.add("LayerNormalization", value, gamma, beta)


def _linear(graph: Graph, value: str, tensors: Tensors, name: str) -> str:
    matrix = eight_bits(graph, tensors[f"{name}/weight"].astype(np.float32))
    value = graph.add("MatMul", value, graph.add("Transpose", matrix, perm=[1, 0]))
    return graph.add("Add", value, graph.constant(tensors[f"{name}/bias"], "float32"))
