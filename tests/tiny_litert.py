"""The tests' tiny encoder in LiteRT's format, written without a converter: the same vectors.

A `.tflite` file is a flatbuffer, whose schema comes with the runtime. Each signature is a graph of
its own; all share the weights.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import numpy_helper

from tests.tiny_encoder import DIMENSION, GRID, SIZE

Op, Type, Options = schema.BuiltinOperator, schema.TensorType, schema.BuiltinOptions
FLOAT, INT, BYTE = Type.FLOAT32, Type.INT32, Type.UINT8
NUMPY = {np.dtype(np.float32): FLOAT, np.dtype(np.int32): INT}


class Model:
    """A model under construction."""

    def __init__(self) -> None:
        self.model = schema.ModelT(version=3)
        self.model.buffers, self.model.subgraphs = [schema.BufferT()], []
        self.model.operatorCodes, self.model.signatureDefs = [], []
        self.buffers: dict[str, int] = {}

    def graph(self, name: str) -> Graph:
        return Graph(self, name)

    def save(self, path: Path) -> None:
        builder = flatbuffers.Builder(1 << 16)
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(bytes(builder.Output()))


class Graph:
    """One signature: inputs, operations, and a first output."""

    def __init__(self, model: Model, name: str) -> None:
        self.model = model
        self.graph = schema.SubGraphT(name=name)
        self.graph.tensors, self.graph.operators, self.graph.inputs = [], [], []
        self.name = name
        self.inputs: dict[str, int] = {}

    def tensor(self, shape: Sequence[int], kind: int, buffer: int = 0) -> int:
        name = f"{self.name}/{len(self.graph.tensors)}"
        one = schema.TensorT(shape=[*shape], type=kind, buffer=buffer, name=name, hasRank=True)
        self.graph.tensors.append(one)
        return len(self.graph.tensors) - 1

    def input(self, name: str, shape: Sequence[int], kind: int) -> int:
        self.inputs[name] = self.tensor(shape, kind)
        self.graph.inputs.append(self.inputs[name])
        return self.inputs[name]

    def constant(self, name: str, values: np.ndarray) -> int:
        if name not in self.model.buffers:
            data = np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
            self.model.model.buffers.append(schema.BufferT(data=data))
            self.model.buffers[name] = len(self.model.model.buffers) - 1
        return self.tensor(values.shape, NUMPY[values.dtype], self.model.buffers[name])

    def add(
        self, kind: int, inputs: Sequence[int], shape: Sequence[int], options: Any = None
    ) -> int:
        codes = self.model.model.operatorCodes
        known = [code.builtinCode for code in codes]
        if kind not in known:
            codes.append(schema.OperatorCodeT(deprecatedBuiltinCode=min(kind, 127), version=1))
            codes[-1].builtinCode = kind
            known.append(kind)
        output = self.tensor(shape, FLOAT)
        one = schema.OperatorT(opcodeIndex=known.index(kind), inputs=[*inputs], outputs=[output])
        one.builtinOptions = options
        one.builtinOptionsType = getattr(Options, type(options).__name__.removesuffix("T"))
        self.graph.operators.append(one)
        return output

    def finish(self, output: int) -> None:
        self.graph.outputs = [output]
        number = len(self.model.model.subgraphs)
        self.model.model.subgraphs.append(self.graph)
        signature = schema.SignatureDefT(signatureKey=self.name, subgraphIndex=number)
        signature.inputs = [
            schema.TensorMapT(name=name, tensorIndex=index) for name, index in self.inputs.items()
        ]
        signature.outputs = [schema.TensorMapT(name="vectors", tensorIndex=output)]
        self.model.model.signatureDefs.append(signature)


def make_tiny_litert(
    source: Path,
    folder: Path,
    *,
    batches: Sequence[int] = (1, 4),
    lengths: Sequence[int] = (8, 16),
) -> Path:
    """Write the encoder of `make_tiny_encoder` for LiteRT."""
    folder.mkdir(parents=True)
    config = json.loads((source / "encoder.json").read_text())
    weights = {
        one.name: numpy_helper.to_array(one)
        for name in ("image", "text")
        for one in onnx.load(str(source / f"{name}.onnx")).graph.initializer
    }
    image, text = Model(), Model()
    for batch in batches:
        _image(image.graph(f"batch_{batch}"), batch, weights)
        for length in lengths:
            _text(text.graph(f"batch_{batch}_tokens_{length}"), batch, length, weights)
    image.save(folder / "image.tflite")
    text.save(folder / "text.tflite")
    shutil.copy(source / "tokenizer.json", folder)
    config["image"] |= {"model": "image.tflite", "precision": "f32"}
    config["text"] |= {"model": "text.tflite", "precision": "f32", "lengths": [*lengths]}
    config = {k: v for k, v in config.items() if k not in ("weights", "files", "checksum")}
    (folder / "encoder.json").write_text(json.dumps(config))
    return folder


def _image(graph: Graph, batch: int, weights: dict[str, np.ndarray]) -> None:
    cell = SIZE // GRID
    pixels = graph.input("pixels", (batch, SIZE, SIZE, 3), BYTE)
    floats = graph.add(Op.CAST, [pixels], (batch, SIZE, SIZE, 3), schema.CastOptionsT())
    pool = schema.Pool2DOptionsT(
        padding=schema.Padding.VALID, strideW=cell, strideH=cell, filterWidth=cell,
        filterHeight=cell,
    )  # fmt: skip
    pooled = graph.add(Op.AVERAGE_POOL_2D, [floats], (batch, GRID, GRID, 3), pool)
    shape = graph.constant(f"shape {batch}", np.array([batch, DIMENSION], np.int32))
    flat = graph.add(Op.RESHAPE, [pooled, shape], (batch, DIMENSION), schema.ReshapeOptionsT())
    grey = graph.constant("grey", np.full(DIMENSION, weights["grey"], np.float32))
    centred = graph.add(Op.SUB, [flat, grey], (batch, DIMENSION), schema.SubOptionsT())
    # ONNX has the channels first; a matrix has its outputs first.
    rows = weights["rotation"].reshape(3, GRID, GRID, DIMENSION).transpose(3, 1, 2, 0)
    matrix = graph.constant("rotation", rows.reshape(DIMENSION, DIMENSION).copy())
    full = schema.FullyConnectedOptionsT(keepNumDims=False)
    turned = graph.add(Op.FULLY_CONNECTED, [centred, matrix, -1], (batch, DIMENSION), full)
    unit = schema.L2NormOptionsT()
    graph.finish(graph.add(Op.L2_NORMALIZATION, [turned], (batch, DIMENSION), unit))


def _text(graph: Graph, batch: int, length: int, weights: dict[str, np.ndarray]) -> None:
    ids = graph.input("input_ids", (batch, length), INT)
    mask = graph.input("attention_mask", (batch, length), INT)
    table = graph.constant("table", weights["table"])
    wide = (batch, length, DIMENSION)
    tokens = graph.add(Op.GATHER, [table, ids], wide, schema.GatherOptionsT(axis=0))
    floats = graph.add(Op.CAST, [mask], (batch, length), schema.CastOptionsT())
    last = graph.constant("last", np.array([2], np.int32))
    shares = graph.add(
        Op.EXPAND_DIMS, [floats, last], (batch, length, 1), schema.ExpandDimsOptionsT()
    )
    masked = graph.add(Op.MUL, [tokens, shares], wide, schema.MulOptionsT())
    first = graph.constant("first", np.array([1], np.int32))
    total = graph.add(
        Op.SUM, [masked, first], (batch, DIMENSION), schema.ReducerOptionsT(keepDims=False)
    )
    unit = schema.L2NormOptionsT()
    graph.finish(graph.add(Op.L2_NORMALIZATION, [total], (batch, DIMENSION), unit))
