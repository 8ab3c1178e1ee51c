"""ONNX graphs as modules of torch give what ONNX Runtime gives of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the extra hub: make hub")

import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

from sensorium import Image, load_encoder
from sensorium.encoders import FolderEncoder
from sensorium.encoders.export.graph_tower import GraphTower, ImageGraph, TextGraph
from sensorium.encoders.folder import collated
from sensorium.errors import EncoderError
from sensorium.media import Modality, Text
from tests.agreement import assert_agree

RANDOM = np.random.default_rng(0)
SHAPE = (2, 4, 5, 6)
FLOAT = np.float32


def weights(*shape: int) -> np.ndarray:
    return RANDOM.normal(size=shape).astype(FLOAT)


def whole(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


CASES: dict[str, tuple[str, list[np.ndarray], dict[str, Any]]] = {
    "conv": ("Conv", [weights(3, 4, 3, 3), weights(3)], {"pads": [1, 0, 2, 1], "strides": [2, 1]}),
    "conv, same": ("Conv", [weights(4, 1, 3, 3)], {"auto_pad": "SAME_UPPER", "group": 4,
                                                   "strides": [2, 2]}),
    "conv, lower": ("Conv", [weights(4, 1, 2, 2)], {"auto_pad": "SAME_LOWER", "group": 4}),
    "conv, wide": ("Conv", [weights(3, 4, 2, 2)], {"dilations": [2, 2]}),
    "average": ("AveragePool", [], {"kernel_shape": [2, 3], "strides": [2, 3]}),
    "largest": ("MaxPool", [], {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1] * 4}),
    "pooled": ("GlobalAveragePool", [], {}),
    "flat": ("Flatten", [], {"axis": 2}),
    "matrix": ("MatMul", [weights(6, 3)], {}),
    "norm": ("LayerNormalization", [weights(6), weights(6)], {"axis": -1, "epsilon": 1e-3}),
    "two axes": ("LayerNormalization", [weights(5, 6)], {"axis": 2}),
    "length": ("ReduceL2", [whole(-1)], {"keepdims": 1}),
    "mean": ("ReduceMean", [whole(1, 3)], {"keepdims": 0}),
    "sum of all": ("ReduceSum", [], {"keepdims": 0}),
    "sum of none": ("ReduceSum", [whole()], {"noop_with_empty_axes": 1}),
    "highest": ("ReduceMax", [whole(2)], {"keepdims": 0}),
    "unit": ("LpNormalization", [], {"axis": 1, "p": 2}),
    "reshape": ("Reshape", [whole(0, -1, 6)], {}),
    "transpose": ("Transpose", [], {"perm": [0, 2, 3, 1]}),
    "reversed": ("Transpose", [], {}),
    "unsqueeze": ("Unsqueeze", [whole(0, -1)], {}),
    "slice": ("Slice", [whole(1, -4), whole(9, 1 << 40), whole(2, 3), whole(2, 1)], {}),
    "gather": ("Gather", [whole(2, 0, 2)], {"axis": 1}),
    "negative": ("Gather", [whole(-1)], {"axis": 3}),
    "expand": ("Expand", [whole(3, 1, 1, 5, 1)], {}),
    "clip": ("Clip", [np.array(-0.5, FLOAT), np.array(0.5, FLOAT)], {}),
    "relu": ("Clip", [np.array([0.0], FLOAT).reshape(())], {}),
    "gelu": ("Gelu", [], {}),
    "tanh gelu": ("Gelu", [], {"approximate": "tanh"}),
    "softmax": ("Softmax", [], {"axis": 1}),
    "erf": ("Erf", [], {}),
    "power": ("Pow", [np.array(2, FLOAT)], {}),
    "where": ("Max", [weights(6)], {}),
    "concat": ("Concat", [weights(*SHAPE)], {"axis": -1}),
    "cast": ("Cast", [], {"to": TensorProto.INT32}),
    "argmax": ("ArgMax", [], {"axis": 2, "keepdims": 0}),
}  # fmt: skip


def written(
    nodes: list[Any], constants: dict[str, np.ndarray], path: Path, opset: int = 21
) -> Path:
    shape = ["n", *SHAPE[1:]]
    graph = helper.make_graph(
        nodes, "one",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_empty_tensor_value_info("y")],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 21)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=10), str(path))
    return path


def assert_same(path: Path) -> None:
    x = weights(*SHAPE)
    (wanted,) = onnxruntime.InferenceSession(str(path)).run(None, {"x": x})
    found = GraphTower(path).run({"x": torch.from_numpy(x)}).numpy()
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", CASES)
def test_an_operation(tmp_path: Path, name: str) -> None:
    kind, values, attributes = CASES[name]
    names = [f"c{number}" for number in range(len(values))]
    node = helper.make_node(kind, ["x", *names], ["y"], **attributes)
    path = tmp_path / "one.onnx"
    assert_same(written([node], dict(zip(names, values, strict=True)), path))


def test_shapes_are_numbers_beforehand(tmp_path: Path) -> None:
    """As exporters write a reshape: of the shape's parts, put together again."""
    nodes = [
        helper.make_node("Shape", ["x"], ["rows"], start=0, end=1),
        helper.make_node("Constant", [], ["rest"], value=numpy_helper.from_array(whole(20, 6))),
        helper.make_node("Concat", ["rows", "rest"], ["sizes"], axis=0),
        helper.make_node("Reshape", ["x", "sizes"], ["wide"]),
        helper.make_node("Split", ["wide"], ["left", "right"], axis=1, num_outputs=2),
        helper.make_node("Less", ["left", "right"], ["which"]),
        helper.make_node("Where", ["which", "left", "right"], ["y"]),
    ]
    assert_same(written(nodes, {}, tmp_path / "one.onnx"))


def test_what_is_unknown_is_named(tmp_path: Path) -> None:
    node = helper.make_node("Hardmax", ["x"], ["y"])
    with pytest.raises(EncoderError, match="its graph has Hardmax, which is not converted"):
        GraphTower(written([node], {}, tmp_path / "one.onnx"))
    (tmp_path / "two.onnx").write_bytes(b"no graph")
    with pytest.raises(EncoderError, match=r"two\.onnx: no ONNX model that can be read"):
        GraphTower(tmp_path / "two.onnx")


@pytest.mark.parametrize("name", ["tiny", "mini"])
def test_whole_towers(tiny: Path, sample: Path, name: str) -> None:
    encoder = load_encoder(tiny if name == "tiny" else "mini", runtime="onnxruntime")
    assert isinstance(encoder, FolderEncoder)
    images = [Image(path) for path in sorted((sample / "images").glob("*.jpg"))[:2]]
    given = {Modality.IMAGE: images, Modality.TEXT: [Text("a dog"), Text("一匹马, a red square")]}
    for modality, make in ((Modality.IMAGE, ImageGraph), (Modality.TEXT, TextGraph)):
        path = encoder.graph(modality)
        assert path is not None
        prepared = [encoder.prepare(item) for item in given[modality]]
        inputs = collated(modality, prepared, encoder.config[modality.value])
        with torch.inference_mode():
            found = make(path)(**{key: torch.from_numpy(value) for key, value in inputs.items()})
        assert_agree(found.numpy(), encoder.encode(given[modality]), 0.99999)
