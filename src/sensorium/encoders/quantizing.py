"""An ONNX tower whose large layers multiply in 8 bits, calibrated on inputs of the user's.

Weights are signed and have a scale for each output; activations have one scale for a layer, found
beforehand on the calibration inputs: one that is computed on the fly would make a vector depend on
what else is in its batch. Before they are rounded, channels are brought nearer to one another and
the weights take the opposite factor (SmoothQuant, Xiao et al. 2023, equation 4; for depthwise
convolutions in full, Nagel et al. 2019), and what rounding the weights shifts on the average is
taken from the bias (Nagel et al. 2019, section 4.2). What costs little stays in float: the first
convolution, everything behind the pooling, and products of activations with each other.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.onnx_constants import Constants
from sensorium.errors import EncoderError, MissingExtraError

try:
    import onnx
    from onnx import helper, numpy_helper
except ImportError as error:
    raise MissingExtraError(error.name or "onnx", "export") from error

Array = npt.NDArray[Any]

SMALL_SHARE = 0.002
"""Of the tower's multiplications: layers that do less stay in float. So do all that see one row for
an input, which lie behind the pooling, where every error is one of the vector itself."""

SMOOTHINGS = (0.0, 0.5, 0.8)
"""Exponents of SmoothQuant that are tried for each layer."""

CLIPS = (1.0, 0.85, 0.7, 0.5)
"""Shares of the largest activation that are tried as the end of the scale: few values are cut off,
and all others are rounded more finely."""

SAMPLED_ROWS, ROWS = 24, 768
"""Rows (tokens, pixels) that are kept of each calibration input, and of all; the choices of a layer
are compared on them."""


@dataclass
class _Layer:
    """A layer with constant weights: rows times a matrix, or a depthwise convolution."""

    node: Any
    activation: str
    weight: Array
    depthwise: bool = False
    transposed: bool = False  # whether rows of the stored matrix are outputs

    def matrix(self) -> Array:
        """Inputs by outputs."""
        flat = self.weight.reshape(len(self.weight), -1) if self.weight.ndim > 2 else self.weight
        return np.asarray(flat.T if self.transposed else flat)


@dataclass
class _Seen:
    """What calibration saw of one activation, channels last."""

    largest: Array | None = None
    lowest: float = 0.0
    total: Array | None = None
    count: int = 0
    inputs: int = 0
    rows: list[Array] = field(default_factory=list)

    def add(self, values: Array, random: np.random.Generator) -> None:
        rows = values.reshape(-1, values.shape[-1]).astype(np.float32)
        largest = np.abs(rows).max(axis=0)
        self.largest = largest if self.largest is None else np.maximum(self.largest, largest)
        self.lowest = min(self.lowest, float(rows.min()))
        total = rows.sum(axis=0, dtype=np.float64)
        self.total = total if self.total is None else self.total + total
        self.count += len(rows)
        self.inputs += len(values)
        self.rows.append(rows[random.permutation(len(rows))[:SAMPLED_ROWS]])


def quantize(source: Path, target: Path, inputs: Iterable[Mapping[str, Array]]) -> int:
    """Write a tower with its large layers in 8 bits.

    Parameters
    ----------
    source, target : Path
        ONNX files.
    inputs : iterable of mapping
        Calibration inputs as the tower takes them, each a batch; 30 to 200 do.

    Returns
    -------
    int
        How many layers multiply in 8 bits; 0, and nothing is written, where none would be quicker.

    Raises
    ------
    EncoderError
        When there are no calibration inputs.
    """
    model = onnx.load(str(source))
    constants = Constants(model, _FOLDED)
    layers = _layers(model, constants)
    if not layers:
        return 0
    seen = _calibrated(model, {layer.activation for layer in layers}, layers, inputs)
    work = {id(layer): _multiplications(layer, seen[layer.activation]) for layer in layers}
    least = SMALL_SHARE * sum(work.values())
    shared: dict[tuple[str, str], list[_Layer]] = defaultdict(list)
    for layer in layers:
        one = seen[layer.activation]
        if work[id(layer)] >= least and one.count > one.inputs:
            # A depthwise convolution takes any factor of a channel, others share theirs.
            own = layer.node.output[0] if layer.depthwise else ""
            shared[layer.activation, own].append(layer)
    if not shared:
        return 0
    writer = _Writer(model, constants)
    for (activation, _), those in shared.items():
        writer.write(activation, those, seen[activation])
    writer.finish()
    onnx.save(model, str(target))
    return sum(len(those) for those in shared.values())


_MULTIPLYING = {"MatMul", "Gemm", "Conv"}


def _drop_unread(graph: Any) -> None:
    """Remove what makes a constant that was computed, and constants that nothing reads."""
    held = {one.name for one in graph.initializer}
    read = {one.name for one in graph.output}
    kept: list[Any] = []
    for node in reversed(graph.node):
        if any(name in read and name not in held for name in node.output):
            kept.insert(0, node)
            read |= {*node.input}
    constants = [one for one in graph.initializer if one.name in read]
    del graph.node[:]
    graph.node.extend(kept)
    del graph.initializer[:]
    graph.initializer.extend(constants)


_FOLDED = {"Cast", "DequantizeLinear", "Reshape", "Transpose", "Identity", "Unsqueeze", "Squeeze"}


def _layers(model: Any, constants: Constants) -> list[_Layer]:
    found = []
    for node in model.graph.node:
        if node.op_type not in _MULTIPLYING:
            continue
        weight = constants.array(node.input[1])
        said = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if weight is None or weight.dtype != np.float32:
            continue
        if node.op_type == "MatMul" and weight.ndim == 2:
            found.append(_Layer(node, node.input[0], weight))
        elif node.op_type == "Gemm" and not said.get("transA") and said.get("alpha", 1.0) == 1.0:
            found.append(
                _Layer(node, node.input[0], weight, transposed=bool(said.get("transB", 0)))
            )
        elif node.op_type == "Conv" and weight.ndim == 4:
            groups = said.get("group", 1)
            if groups == 1 and weight.shape[2:] == (1, 1):
                found.append(_Layer(node, node.input[0], weight, transposed=True))
            elif groups == len(weight) and weight.shape[1] == 1:
                found.append(_Layer(node, node.input[0], weight, depthwise=True))
    return found


def _calibrated(
    model: Any, names: set[str], layers: list[_Layer], inputs: Iterable[Mapping[str, Array]]
) -> dict[str, _Seen]:
    """Run the tower on the calibration inputs, and note what goes into each layer."""
    import onnxruntime

    probed = onnx.ModelProto()
    probed.CopyFrom(model)
    outputs = sorted(names)
    for name in outputs:
        probed.graph.output.append(helper.make_empty_tensor_value_info(name))
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(
        probed.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    pictures = {layer.activation for layer in layers if layer.node.op_type == "Conv"}
    random = np.random.default_rng(0)
    seen: dict[str, _Seen] = {name: _Seen() for name in outputs}
    for batch in inputs:
        for name, values in zip(outputs, session.run(outputs, dict(batch)), strict=True):
            if name in pictures:
                values = np.moveaxis(values, 1, -1)
            seen[name].add(values, random)
    if not any(one.count for one in seen.values()):
        raise EncoderError("there is nothing to calibrate 8 bits on")
    return seen


def _multiplications(layer: _Layer, seen: _Seen) -> float:
    return seen.count / max(1, seen.inputs) * layer.weight.size


class _Writer:
    """Puts quantised layers in the place of float ones."""

    def __init__(self, model: Any, constants: Constants) -> None:
        self.graph = model.graph
        self.constants = constants
        self.known = dict(constants.stored)
        self.readers: dict[str, list[Any]] = defaultdict(list)
        for node in self.graph.node:
            for name in node.input:
                self.readers[name].append(node)
        self.before: dict[int, list[Any]] = defaultdict(list)

    def write(self, activation: str, layers: list[_Layer], seen: _Seen) -> None:
        assert seen.largest is not None
        rows = np.concatenate(seen.rows)
        if len(rows) > ROWS:
            rows = rows[np.random.default_rng(0).permutation(len(rows))[:ROWS]]
        factors, scale, signed = _chosen(rows, seen, layers)
        conv = layers[0].node.op_type == "Conv"
        source = self._smoothed(activation, layers, factors, conv)
        dtype = np.int8 if signed else np.uint8
        name = f"{layers[0].node.output[0]}/int8"
        self._constant(f"{name}/scale", np.array(scale, np.float32))
        self._constant(f"{name}/zero", np.array(0, dtype))
        parameters = [f"{name}/scale", f"{name}/zero"]
        first = layers[0].node
        self.before[id(first)] += [
            helper.make_node("QuantizeLinear", [source, *parameters], [f"{name}/q"]),
            helper.make_node("DequantizeLinear", [f"{name}/q", *parameters], [name]),
        ]
        mean = np.asarray(seen.total) / max(1, seen.count)
        for layer in layers:
            self._quantized(layer, factors, mean)
            layer.node.input[0] = name

    def _smoothed(self, activation: str, layers: list[_Layer], factors: Array, conv: bool) -> str:
        """The activation divided by its channels' factors: by its maker where that can."""
        if (factors == 1).all():
            return activation
        maker = self.constants.makers.get(activation)
        alone = {id(node) for node in self.readers[activation]} == {id(one.node) for one in layers}
        if alone and maker is not None and self._scales_alike(maker, factors):
            for place in range(1, len(maker.input)):
                value = self.constants.array(maker.input[place])
                assert value is not None  # `_scales_alike` has seen it
                maker.input[place] = self._constant(
                    f"{activation}/smooth/{place}", (value / factors).astype(np.float32)
                )
            return activation
        shaped = factors.reshape(-1, 1, 1) if conv else factors
        smooth = f"{layers[0].node.output[0]}/smooth"
        factor = self._constant(f"{smooth}/factors", (1 / shaped).astype(np.float32))
        self.before[id(layers[0].node)].append(
            helper.make_node("Mul", [activation, factor], [smooth])
        )
        return smooth

    def _scales_alike(self, maker: Any, factors: Array) -> bool:
        """Whether it is a normalisation with a scale for each channel, and none for more."""
        if maker.op_type != "LayerNormalization":
            return False
        values = [self.constants.array(name) for name in maker.input[1:]]
        return all(value is not None and value.shape == factors.shape for value in values)

    def _quantized(self, layer: _Layer, factors: Array, mean: Array) -> None:
        weight, node = layer.weight, layer.node
        axis = 0 if layer.transposed or layer.depthwise else weight.ndim - 1
        if layer.depthwise:
            scaled = weight * factors.reshape(-1, 1, 1, 1)
        else:
            shape = [1] * weight.ndim
            shape[1 if layer.transposed else 0] = -1
            scaled = weight * factors.reshape(shape)
        others = tuple(place for place in range(weight.ndim) if place != axis)
        scales = np.maximum(np.abs(scaled).max(axis=others), 1e-12) / 127
        shape = [1] * weight.ndim
        shape[axis] = -1
        rounded = np.clip(np.rint(scaled / scales.reshape(shape)), -127, 127).astype(np.int8)
        left = scaled - rounded * scales.reshape(shape)
        if layer.depthwise:
            shift = left.reshape(len(left), -1).sum(axis=1) * mean / factors
        else:
            flat = left.reshape(len(left), -1) if left.ndim > 2 else left
            shift = (mean / factors) @ (flat.T if layer.transposed else flat)
        self._shift(node, shift.astype(np.float32))
        name = f"{node.output[0]}/weight"
        self._constant(f"{name}/q", rounded)
        self._constant(f"{name}/scales", scales.astype(np.float32))
        self._constant(f"{name}/zeros", np.zeros(len(scales), np.int8))
        parts = [f"{name}/q", f"{name}/scales", f"{name}/zeros"]
        self.before[id(node)].append(helper.make_node("DequantizeLinear", parts, [name], axis=axis))
        node.input[1] = name

    def _shift(self, node: Any, shift: Array) -> None:
        """Add what rounding the weights takes away on the average to the layer's bias."""
        if node.op_type == "MatMul":
            readers = self.readers[node.output[0]]
            if len(readers) != 1 or readers[0].op_type != "Add":
                return
            node = readers[0]
        for place, name in enumerate(node.input):
            bias = self.constants.array(name)
            if bias is not None and bias.shape == shift.shape:
                node.input[place] = self._constant(f"{node.output[0]}/bias", bias + shift)

    def _constant(self, name: str, value: Array) -> str:
        self.known[name] = numpy_helper.from_array(np.asarray(value), name)
        return name

    def finish(self) -> None:
        nodes = []
        for node in self.graph.node:
            nodes += [*self.before.get(id(node), ()), node]
        del self.graph.node[:]
        self.graph.node.extend(_in_order(self.graph, [*self.known], nodes))
        del self.graph.initializer[:]
        self.graph.initializer.extend(self.known.values())
        _drop_unread(self.graph)


def _in_order(graph: Any, constants: list[str], waiting: list[Any]) -> list[Any]:
    """Nodes behind what they read: a quantised activation stands before one layer of several."""
    made = {*constants, ""} | {one.name for one in graph.input}
    nodes: list[Any] = []
    while waiting:
        later = []
        for node in waiting:
            if made.issuperset(node.input):
                made |= {*node.output}
                nodes.append(node)
            else:
                later.append(node)
        assert len(later) < len(waiting), "a layer reads what nothing makes"
        waiting = later
    return nodes


def _chosen(rows: Array, seen: _Seen, layers: list[_Layer]) -> tuple[Array, float, bool]:
    """What errs least: the channels' factors, the activation's scale, and whether it is signed."""
    largest = np.maximum(np.asarray(seen.largest), 1e-6)
    unsigned = seen.lowest >= 0
    if layers[0].depthwise:
        return largest, 1 / (255 if unsigned else 127), not unsigned
    weights = np.concatenate([layer.matrix() for layer in layers], axis=1)
    heights = np.maximum(np.abs(weights).max(axis=1), 1e-6)
    factors = [
        np.ones_like(largest) if not power else _evened(largest, heights, power)
        for power in SMOOTHINGS
    ]
    best: tuple[float, Array, float] | None = None
    wanted = rows @ weights
    for one in factors:
        smooth = rows / one
        rounded = _rounded_weights(weights * one[:, None])
        end = float((largest / one).max())
        for clip in CLIPS:
            scale = end * clip / (255 if unsigned else 127)
            low, high = (0, 255) if unsigned else (-127, 127)
            found = np.clip(np.rint(smooth / scale), low, high) * scale @ rounded
            error = float(np.square(found - wanted).mean())
            if best is None or error < best[0]:
                best = error, one, scale
    assert best is not None
    return best[1], best[2], not unsigned


def _evened(largest: Array, heights: Array, power: float) -> Array:
    factors = largest**power / heights ** (1 - power)
    return np.asarray(factors / np.exp(np.log(factors).mean()), np.float32)


def _rounded_weights(weights: Array) -> Array:
    scales = np.maximum(np.abs(weights).max(axis=0), 1e-12) / 127
    return np.asarray(np.rint(weights / scales) * scales, np.float32)
