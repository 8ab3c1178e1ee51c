"""The tower as one ONNX graph: samples at 44,100 Hz to what aiSFX and Whisper make of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from recipes.ear import whisper
from recipes.ear.whisper import Tensors
from recipes.ear.whitening import Whitening
from recipes.mini.convert_sound import (
    BANDS,
    BLOCK,
    ENERGIES,
    FEATURES,
    HOP,
    MOST_GAIN,
    PEAK,
    WINDOW,
    Weights,
    add_features,
    mel_bands,
)
from recipes.mini.graph import Graph

FLOAT = 1  # ONNX's numbers of types
INT64 = 7

SAMPLES = BLOCK * HOP
"""Samples of a block; what is heard is filled up to a multiple of it."""


PARTS = 2
"""Parts of a vector: aiSFX's, and Whisper's."""


def write(
    path: Path,
    weights: Weights,
    tensors: Tensors,
    layers: int,
    whitenings: Sequence[Whitening] | None = None,
) -> None:
    """Write the tower.

    Parameters
    ----------
    path : Path
    weights, tensors : mapping
        Of aiSFX and of Whisper.
    layers : int
        Of Whisper's encoder, from the first.
    whitenings : sequence of Whitening, optional
        One for each part, from vectors of length 1; without them, the parts are as they are.
    """
    graph = Graph("audio")
    samples = graph.input("samples", FLOAT, ["batch", "time"])
    lengths = graph.input("lengths", INT64, ["batch"])
    level = _brought_to_peak(graph, samples)
    parts = [
        graph.unit(_effects(graph, level, lengths, weights)),
        graph.unit(whisper.add_frames(graph, level, lengths, tensors, layers)),
    ]
    dimension = FEATURES + tensors["encoder/conv1/weight"].shape[0]
    if whitenings is not None:
        parts = [_mapped(graph, part, w) for part, w in zip(parts, whitenings, strict=True)]
        dimension = sum(len(whitening.offset) for whitening in whitenings)
    graph.output(graph.add("Concat", *parts, axis=1), "embedding", ["batch", dimension])
    graph.save(path)


def _mapped(graph: Graph, part: str, whitening: Whitening) -> str:
    part = graph.add("MatMul", part, graph.half(whitening.matrix))
    return graph.unit(graph.add("Add", part, graph.constant(whitening.offset, "float32")))


def _brought_to_peak(graph: Graph, samples: str) -> str:
    """Add the same loudest value for every sound: how loud it was recorded tells nothing of it."""
    one = graph.constant([1], "int64")
    loudest = graph.add("ReduceMax", graph.add("Abs", samples), one, keepdims=1)
    loudest = graph.add("Max", loudest, graph.constant(1e-9, "float32"))
    gain = graph.add("Div", graph.constant(PEAK, "float32"), loudest)
    gain = graph.add("Min", gain, graph.constant(MOST_GAIN, "float32"))
    return graph.add("Mul", samples, gain)


def _effects(graph: Graph, samples: str, lengths: str, weights: Weights) -> str:
    """Add aiSFX's features, (batch, 512): the mean over blocks."""
    mel, sounding = _spectrogram(graph, samples, lengths)
    blocks = graph.add("Reshape", mel, graph.constant([-1, BLOCK, BANDS], "int64"))
    features = add_features(graph, blocks, weights)
    # (batch, blocks, 512), each block weighing as much of it as sounds
    features = _by_item(graph, features, samples, FEATURES)
    share = _by_item(graph, sounding, samples, BLOCK)
    share = graph.add("ReduceSum", share, graph.constant([2], "int64"), keepdims=1)
    total = graph.add("ReduceSum", share, graph.constant([1], "int64"), keepdims=0)
    weighted = graph.add("Mul", features, share)
    value = graph.add("ReduceSum", weighted, graph.constant([1], "int64"), keepdims=0)
    return graph.add("Div", value, total)


def _by_item(graph: Graph, value: str, samples: str, width: int) -> str:
    """Shape the rows of all blocks as (batch, blocks, width)."""
    batch = graph.add("Shape", samples, start=0, end=1)
    shape = graph.add("Concat", batch, graph.constant([-1, width], "int64"), axis=0)
    return graph.add("Reshape", value, shape)


def _spectrogram(graph: Graph, samples: str, lengths: str) -> tuple[str, str]:
    """Add what `recipes.mini.convert_sound.blocks` computes in NumPy.

    Returns
    -------
    str
        Log-mel frames, (batch, frames, 96), all 0 after a sound's end.
    str
        1 for frames that sound, 0 for the others, (batch, frames).
    """
    one, last = graph.constant([1], "int64"), graph.constant([2], "int64")
    # A frame is two neighbouring hops, the first of them after half a window of silence.
    assert WINDOW == 2 * HOP
    hops = graph.add("Reshape", samples, graph.constant([0, -1, HOP], "int64"))
    before = graph.add("Pad", hops, graph.constant([0, 1, 0, 0, -1, 0], "int64"))
    frames = graph.add("Concat", before, hops, axis=2)
    energies = _energies(graph, frames)
    bands = graph.add("MatMul", energies, graph.constant(mel_bands() * ENERGIES, "float32"))
    level = graph.add("Log", graph.add("Add", bands, graph.constant(1, "float32")))
    level = graph.add("Mul", level, graph.constant(1 / np.log(10), "float32"))
    shape = graph.add("Shape", hops, start=1, end=2)
    number = graph.add("Range", _scalar(graph, 0), graph.add("Squeeze", shape), _scalar(graph, 1))
    starts = graph.add("Mul", number, graph.constant(HOP, "int64"))
    sounding = graph.add("Less", starts, graph.add("Unsqueeze", lengths, one))
    sounding = graph.add("Cast", sounding, to=FLOAT)
    return graph.add("Mul", level, graph.add("Unsqueeze", sounding, last)), sounding


def _energies(graph: Graph, frames: str) -> str:
    """Add the squared spectrum of windowed frames (batch, frames, 2048): (batch, frames, 1025).

    A product with cosines and sines, which are computed when the graph is loaded and take no room
    in the file. ONNX has an operator for it, DFT, that OpenVINO 2026.4 applies to the wrong axis.
    """
    rows = graph.add("Range", _scalar(graph, 0), _scalar(graph, WINDOW), _scalar(graph, 1))
    rows = graph.add("Unsqueeze", rows, graph.constant([1], "int64"))
    count = _scalar(graph, WINDOW // 2 + 1)
    columns = graph.add("Range", _scalar(graph, 0), count, _scalar(graph, 1))
    # Whole turns are taken off while the numbers are whole: float32 has no digits left for them.
    turns = graph.add("Mod", graph.add("Mul", rows, columns), _scalar(graph, WINDOW))
    angles = graph.add("Cast", turns, to=FLOAT)
    angles = graph.add("Mul", angles, graph.constant(2 * np.pi / WINDOW, "float32"))
    hann = graph.constant(np.hanning(WINDOW)[:, None], "float32")
    parts = []
    for wave in ("Cos", "Sin"):
        basis = graph.add("Mul", graph.add(wave, angles), hann)
        part = graph.add("MatMul", frames, basis)
        parts.append(graph.add("Mul", part, part))
    return graph.add("Add", *parts)


def _scalar(graph: Graph, value: int) -> str:
    return graph.constant(value, "int64")
