"""Graphs of TensorFlow.js as models of OpenVINO: for weights that are packed for browsers alone.

Only what convolutional networks are made of is known. Values keep the order of their axes, (n,
height, width, channels); OpenVINO moves the transpositions around convolutions out of the way.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.runtime import compile_for_cpu, import_openvino
from sensorium.errors import EncoderError

TO_CHANNELS_FIRST, TO_CHANNELS_LAST = (0, 3, 1, 2), (0, 2, 3, 1)

DTYPES = {"float32": "<f4", "int32": "<i4", "bool": "?", "float16": "<f2"}
"""Of weights, as bytes; float16 is what float32 was stored in."""

MOST_BYTES = 1 << 30
"""Of weights: graphs for browsers are far smaller."""

Weights = Mapping[str, npt.NDArray[Any]]


def compiled(graph: Path) -> Any:
    """Compile a graph for the CPU, in full precision.

    Parameters
    ----------
    graph : Path
        ``model.json``, beside the files with weights that it names.

    Returns
    -------
    CompiledModel
        Takes a list with one array for each placeholder, gives the graph's outputs by number.

    Raises
    ------
    EncoderError
        When it is damaged, or holds an operation that is not known here.
    """
    try:
        content = json.loads(graph.read_text("utf-8"))
        model = _Builder(content, _weights(content, graph.parent)).model()
    except (OSError, ValueError, KeyError, TypeError, IndexError, RuntimeError) as error:
        raise EncoderError(f"{graph}: is no graph of TensorFlow.js ({error!s:.200})") from error
    return compile_for_cpu(model, {"INFERENCE_PRECISION_HINT": "f32"})


def _weights(content: Mapping[str, Any], folder: Path) -> Weights:
    found: dict[str, npt.NDArray[Any]] = {}
    for group in content["weightsManifest"]:
        paths = [folder / Path(name).name for name in group["paths"]]
        if sum(path.stat().st_size for path in paths) > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes of weights")
        data, start = b"".join(path.read_bytes() for path in paths), 0
        for entry in group["weights"]:
            stored = entry.get("quantization", {}).get("dtype", entry["dtype"])
            if stored not in DTYPES:
                raise ValueError(f"weights in {stored}")
            count = int(np.prod(entry["shape"], dtype=np.int64))
            values = np.frombuffer(data, DTYPES[stored], count, start).reshape(entry["shape"])
            start += values.nbytes
            found[entry["name"]] = values.astype(DTYPES[entry["dtype"]])
    return found


class _Builder:
    """Makes nodes of OpenVINO of those of a graph, each after those that it reads."""

    def __init__(self, content: Mapping[str, Any], weights: Weights) -> None:
        self.openvino = import_openvino()
        self.ops: Any = self.openvino.opset13
        self.weights = weights
        self.nodes = {node["name"]: node for node in content["modelTopology"]["node"]}
        self.outputs = [name.split(":")[0] for name in content["signature"]["outputs"]]
        self.made: dict[str, Any] = {}
        self.parameters: list[Any] = []

    def model(self) -> Any:
        for name in self.outputs:
            self._make(name)
        return self.openvino.Model([self.made[name] for name in self.outputs], self.parameters)

    def _make(self, wanted: str) -> None:
        waiting = [wanted]  # no recursion: a graph may be as deep as it is long
        begun: set[str] = set()
        while waiting:
            name = waiting[-1]
            sources = [source.split(":")[0] for source in self.nodes[name].get("input", ())]
            missing = [source for source in sources if source not in self.made]
            if missing and name in begun:
                raise ValueError(f"{name} reads itself")
            begun.add(name)
            if missing:
                waiting += missing
                continue
            waiting.pop()
            if name not in self.made:
                self.made[name] = self._node(self.nodes[name], sources)

    def _node(self, node: Mapping[str, Any], sources: list[str]) -> Any:
        operation, attributes = node["op"], node.get("attr", {})
        if operation == "Const":
            return self.ops.constant(self.weights[node["name"]])
        if operation == "Placeholder":
            sides = [int(side["size"]) for side in attributes["shape"]["shape"]["dim"]]
            self.parameters.append(self.ops.parameter(sides, np.float32))
            return self.parameters[-1]
        inputs = [self.made[source] for source in sources]
        plain: dict[str, Callable[..., Any]] = {
            "Add": self.ops.add, "AddV2": self.ops.add, "BiasAdd": self.ops.add,
            "AddN": self._sum, "Mul": self.ops.multiply, "Sub": self.ops.subtract,
            "Relu": self.ops.relu, "Relu6": lambda x: self.ops.clamp(x, 0.0, 6.0),
            "Sigmoid": self.ops.sigmoid, "Identity": lambda x: x,
        }  # fmt: skip
        if operation in plain:
            return plain[operation](*inputs)
        if operation in ("Conv2D", "DepthwiseConv2dNative"):
            return self._convolution(inputs, sources, attributes, operation != "Conv2D")
        if operation == "Conv2DBackpropInput":
            return self._enlarging(sources, inputs, attributes)
        if operation == "AvgPool":
            pooled = self.ops.avg_pool(
                self._first(inputs[0]), _pair(attributes, "strides"), [0, 0], [0, 0],
                _pair(attributes, "ksize"), True, "floor", _padding(attributes),
            )  # fmt: skip
            return self._last(pooled)
        if operation == "ResizeBilinear":
            return self._resized(inputs[0], sources[1], attributes)
        raise ValueError(f"the operation {operation} is not known")

    def _sum(self, first: Any, *others: Any) -> Any:
        for other in others:
            first = self.ops.add(first, other)
        return first

    def _first(self, node: Any) -> Any:
        return self.ops.transpose(node, self.ops.constant(np.array(TO_CHANNELS_FIRST)))

    def _last(self, node: Any) -> Any:
        return self.ops.transpose(node, self.ops.constant(np.array(TO_CHANNELS_LAST)))

    def _filter(self, name: str) -> npt.NDArray[Any]:
        return self.weights[name]

    def _convolution(
        self, inputs: list[Any], sources: list[str], attributes: Mapping[str, Any], depthwise: bool
    ) -> Any:
        kernel = self._filter(sources[1])
        zero = [0, 0]
        rest = (_pair(attributes, "strides"), zero, zero, _pair(attributes, "dilations"))
        auto_pad = _padding(attributes)
        if depthwise:  # (height, width, channels, each) to (channels, each, 1, height, width)
            kernel = kernel.transpose(2, 3, 0, 1)[:, :, None]
            make = self.ops.group_convolution
        else:
            kernel, make = kernel.transpose(3, 2, 0, 1), self.ops.convolution
        kernel = np.ascontiguousarray(kernel)
        return self._last(make(self._first(inputs[0]), self.ops.constant(kernel), *rest, auto_pad))

    def _enlarging(
        self, sources: list[str], inputs: list[Any], attributes: Mapping[str, Any]
    ) -> Any:
        size = np.array(self.weights[sources[0]][1:3], np.int64)
        kernel = np.ascontiguousarray(self._filter(sources[1]).transpose(3, 2, 0, 1))
        made = self.ops.convolution_backprop_data(
            self._first(inputs[2]), self.ops.constant(kernel), _pair(attributes, "strides"),
            self.ops.constant(size), auto_pad=_padding(attributes),
        )  # fmt: skip
        return self._last(made)

    def _resized(self, node: Any, size: str, attributes: Mapping[str, Any]) -> Any:
        if attributes.get("align_corners", {}).get("b"):
            how = "align_corners"
        else:
            centred = attributes.get("half_pixel_centers", {}).get("b")
            how = "half_pixel" if centred else "asymmetric"
        resized = self.ops.interpolate(
            self._first(node), self.ops.constant(self.weights[size].astype(np.int64)),
            "linear_onnx", "sizes", coordinate_transformation_mode=how,
            axes=self.ops.constant(np.array([2, 3])),
        )  # fmt: skip
        return self._last(resized)


def _pair(attributes: Mapping[str, Any], name: str) -> list[int]:
    """What an attribute says of height and width."""
    values = attributes.get(name, {}).get("list", {}).get("i") or [1, 1, 1, 1]
    return [int(value) for value in values[1:3]]


def _padding(attributes: Mapping[str, Any]) -> str:
    said = base64.b64decode(attributes["padding"]["s"]).decode()
    return {"SAME": "same_upper", "VALID": "valid"}[said]
