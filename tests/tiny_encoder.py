"""A real encoder folder of a few kilobytes, made on the spot: same format and loader as `mini`.

Its image tower is a coarse thumbnail and its text tower a mean of word vectors. It understands
nothing, but equal inputs get equal vectors and like pictures get like ones.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers

SIZE = 32  # pixels of the image tower's input
GRID = 4  # the thumbnail is GRID x GRID x 3 numbers
DIMENSION = GRID * GRID * 3
OPSET = 17
WORDS = ["a", "the", "cat", "dog", "red", "green", "blue", "square", "photo", "of"]


def make_tiny_encoder(
    folder: Path, *, seed: int = 0, name: str = "tiny", query_prefix: str | None = None
) -> Path:
    """Write an encoder folder; another `seed` makes another space.

    With a `query_prefix` it tells what is sought from what is searched, as E5 does.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    rotation = np.linalg.qr(rng.normal(size=(DIMENSION, DIMENSION)))[0].astype(np.float32)
    vocabulary = {word: i for i, word in enumerate(["[UNK]", *WORDS])}
    table = rng.normal(size=(len(vocabulary), DIMENSION)).astype(np.float32)
    _save(folder / "image.onnx", _image_graph(rotation))
    _save(folder / "text.onnx", _text_graph(table))
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "format": 1,
        "name": name,
        "dimension": DIMENSION,
        "temperature": 0.1,
        "sigmoid": {"scale": 10.0, "bias": -5.0},
        "image": {"model": "image.onnx", "size": SIZE, "fit": "stretch"},
        "text": {"model": "text.onnx", "tokenizer": "tokenizer.json", "max_tokens": 16},
        "prompts": ["{}", "a photo of {}"],
    }
    if query_prefix is not None:
        config["text"] |= {"prefix": "the ", "query_prefix": query_prefix}
    (folder / "encoder.json").write_text(json.dumps(config))
    return folder


def _save(path: Path, graph: onnx.GraphProto) -> None:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _constant(name: str, value: np.ndarray) -> onnx.TensorProto:
    return numpy_helper.from_array(value, name)


def _image_graph(rotation: np.ndarray) -> onnx.GraphProto:
    cell = SIZE // GRID
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["channels_first"], perm=[0, 3, 1, 2]),
        helper.make_node(
            "AveragePool", ["channels_first"], ["pooled"],
            kernel_shape=[cell, cell], strides=[cell, cell],
        ),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("Sub", ["flat", "grey"], ["centred"]),
        helper.make_node("MatMul", ["centred", "rotation"], ["rotated"]),
        helper.make_node("LpNormalization", ["rotated"], ["embedding"], p=2, axis=1),
    ]  # fmt: skip
    return helper.make_graph(
        nodes,
        "image",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIMENSION])],
        # Not quite mid-grey: a plain grey picture must not have a vector of length zero.
        [_constant("grey", np.float32(120.5)), _constant("rotation", rotation)],
    )


def _text_graph(table: np.ndarray) -> onnx.GraphProto:
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["tokens"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask3"]),
        helper.make_node("Mul", ["tokens", "mask3"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "first"], ["total"], keepdims=0),
        helper.make_node("LpNormalization", ["total"], ["embedding"], p=2, axis=1),
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.INT64, ["n", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    return helper.make_graph(
        nodes,
        "text",
        inputs,
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIMENSION])],
        [
            _constant("table", table),
            _constant("last", np.array([2], np.int64)),
            _constant("first", np.array([1], np.int64)),
        ],
    )
