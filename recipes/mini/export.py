"""Step 7: write the folder that `load_encoder` reads."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from benchmarks.datasets import Package
from recipes.mini.adapt import Adapter
from recipes.mini.align import CONSE_GAIN, CONSE_POWER, CONSE_SCALE, TEXT_SHARE, Alignment
from recipes.mini.calibrate import Calibration
from recipes.mini.convert_image import (
    SIZE,
    TRUNK_SHAPE,
    Weights,
    add_top,
    add_trunk,
    published_top,
)
from recipes.mini.convert_text import MAX_TOKENS, PREFIX, add_sentence
from recipes.mini.e5 import E5
from recipes.mini.features import FIT
from recipes.mini.graph import Graph
from recipes.mini.sources import SOURCES

VERSION = "2"
# README.md of the folder says what each covers.
LICENSE = "Apache-2.0 AND MIT AND ISC AND CC-BY-3.0 AND CC-BY-4.0"


def backbones(
    folder: Path, weights: Weights, e5: E5, kept: npt.NDArray[np.int64]
) -> tuple[Path, Path]:
    """Write the two towers without their heads, for `features`; return their paths."""
    image, text = Graph("features"), Graph("sentence")
    trunk = add_trunk(image, weights)
    image.output(trunk, "trunk", ["batch", *TRUNK_SHAPE])
    features = add_top(image, trunk, published_top(weights))
    image.output(features, "features", ["batch", "features"])
    image.save(folder / "features.onnx")
    text.output(add_sentence(text, e5, kept), "sentence", ["batch", e5.hidden])
    text.save(folder / "sentence.onnx")
    return folder / "features.onnx", folder / "sentence.onnx"


def image_tower(path: Path, weights: Weights, alignment: Alignment) -> None:
    """Write `image.onnx`: pixels to unit vectors."""
    graph = Graph("image")
    trunk = add_trunk(graph, weights)
    features = add_top(graph, trunk, published_top(weights))
    tuned = _standard(graph, add_top(graph, trunk, alignment.top), alignment)
    logits = _linear(graph, features, (alignment.class_matrix, alignment.class_bias))
    chances = graph.add("Softmax", logits, axis=-1)
    hint = graph.add("MatMul", chances, graph.half(alignment.wide_class_vectors))
    standard = _standard(graph, features, alignment)
    direction = graph.add("Mul", graph.unit(hint), graph.constant(CONSE_SCALE, "float32"))
    inputs = graph.add("Concat", standard, direction, axis=-1)
    inner = graph.add("Gelu", _linear(graph, inputs, alignment.hidden))
    projection = graph.add(
        "Add", _linear(graph, inputs, alignment.direct), _linear(graph, inner, alignment.out)
    )
    projection = graph.add("Add", projection, _linear(graph, tuned, alignment.tuned))
    conse = graph.add("MatMul", chances, graph.half(alignment.class_vectors))
    length = graph.add("ReduceL2", conse, graph.constant([-1], "int64"), keepdims=1)
    weight = graph.add("Pow", length, graph.constant(CONSE_POWER, "float32"))
    weight = graph.add("Mul", weight, graph.constant(CONSE_GAIN, "float32"))
    conse = graph.add("Mul", conse, weight)
    parts = graph.add("Concat", conse, graph.unit(projection), axis=-1)
    graph.output(graph.unit(parts), "embedding", ["batch", alignment.dimension])
    graph.save(path)


def _standard(graph: Graph, features: str, alignment: Alignment) -> str:
    centred = graph.add("Sub", features, graph.constant(alignment.feature_mean, "float32"))
    return graph.add("Div", centred, graph.constant(alignment.feature_scale, "float32"))


def text_tower(path: Path, e5: E5, kept: npt.NDArray[np.int64], alignment: Alignment) -> None:
    """Write `text.onnx`: token ids to unit vectors."""
    graph = Graph("text")
    sentence = add_sentence(graph, e5, kept)
    text = _adapted(graph, sentence, alignment.adapter)
    wide = _adapted(graph, sentence, alignment.wide_adapter)
    projection = graph.unit(_linear(graph, wide, alignment.text))
    parts = graph.add(
        "Concat",
        graph.add("Mul", text, graph.constant((1 - TEXT_SHARE) ** 0.5, "float32")),
        graph.add("Mul", projection, graph.constant(TEXT_SHARE**0.5, "float32")),
        axis=-1,
    )
    graph.output(parts, "embedding", ["batch", alignment.dimension])
    graph.save(path)


def _linear(
    graph: Graph, value: str, layer: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]
) -> str:
    matrix, bias = layer
    value = graph.add("MatMul", value, graph.half(np.ascontiguousarray(matrix.T)))
    return graph.add("Add", value, graph.constant(bias, "float32"))


def _adapted(graph: Graph, sentence: str, adapter: Adapter) -> str:
    centred = graph.unit(graph.add("Sub", sentence, graph.constant(adapter.mean, "float32")))
    inner = graph.add("Gelu", _linear(graph, centred, adapter.hidden))
    return graph.unit(graph.add("Add", centred, _linear(graph, inner, adapter.out)))


def write(
    folder: Path,
    weights: Weights,
    e5: E5,
    kept: npt.NDArray[np.int64],
    tokenizer: Tokenizer,
    alignment: Alignment,
    calibration: Calibration,
    languages: Sequence[str],
    packages: Sequence[Package],
) -> None:
    """Write both towers, the tokenizer and `encoder.json` into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    image_tower(folder / "image.onnx", weights, alignment)
    text_tower(folder / "text.onnx", e5, kept, alignment)
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    conse, dimension = alignment.conse_size, alignment.dimension
    config: dict[str, Any] = {
        "format": 1,
        "name": "mini",
        "version": VERSION,
        "dimension": dimension,
        "temperature": calibration.temperature,
        "sigmoid": {"scale": calibration.scale, "bias": calibration.bias},
        "image": {
            "model": "image.onnx",
            "size": SIZE,
            "fit": FIT,
            "resample": "bicubic",
            "precision": "f32",
        },
        "text": {
            "model": "text.onnx",
            "tokenizer": "tokenizer.json",
            "max_tokens": MAX_TOKENS,
            "prefix": PREFIX,
            "capitals": "lower",
        },
        "prompts": calibration.prompts,
        "parts": {"conse": [0, conse], "projection": [conse, dimension]},
        "license": LICENSE,
        "languages": list(languages),
        "sources": {
            **{f"{s.package}/{s.file}": s.sha256 for s in SOURCES},
            **{f"{p.registry}: {p.name} {p.version}": p.sha256 for p in packages},
        },
    }
    text = json.dumps(config, indent=2, ensure_ascii=False) + "\n"
    (folder / "encoder.json").write_text(text, "utf-8")
