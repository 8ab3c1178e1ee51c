"""A tower that is there as ONNX alone, as a module of torch: what is converted to LiteRT.

Of `mini`, of encoders exported before and of those that were trained on them, a graph is all that
there is; it says exactly what is computed. Every operation of it is one of torch's. What follows
from constants and from shapes, which are fixed when a module is converted, is computed beforehand
by ONNX's own reference, 4-bit weights among it.

Source: https://onnx.ai/onnx/operators/, opsets 17 to 21.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.encoders.onnx_constants import compute
from sensorium.errors import EncoderError, MissingExtraError

try:
    import onnx
    import torch
    import torch.nn.functional as F  # noqa: N812
    from onnx import helper, numpy_helper
    from torch import Tensor, nn
except ImportError as error:
    raise MissingExtraError(error.name or "onnx", "export") from error

Given = Sequence[Any]
Said = Mapping[str, Any]


class GraphTower(nn.Module):  # type: ignore[misc]
    """An ONNX graph as a module; its first output.

    Parameters
    ----------
    path : Path

    Raises
    ------
    EncoderError
        When the graph has an operation that is not known here.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        try:
            model = onnx.load(str(path))
        except Exception as error:  # protobuf's errors share no base but Exception
            raise EncoderError(f"{path}: no ONNX model that can be read ({error})") from error
        graph = model.graph
        self.source = path
        self._wanted = graph.output[0].name
        known = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._nodes: list[Any] = []
        live = {one.name for one in graph.input} - known.keys()
        for node in graph.node:
            if live.isdisjoint(node.input):
                known[node.output[0]] = compute(model, node, _stored(node, known))
                continue
            live.update(node.output)
            self._nodes.append(node)
        unknown = {node.op_type for node in self._nodes} - _OPERATIONS.keys() - {"Shape"}
        if unknown:
            raise EncoderError(
                f"{path}: its graph has {', '.join(sorted(unknown))}, which is not converted to "
                "LiteRT; where the model that it was exported from is at hand, convert that"
            )
        del model.graph.initializer[:], model.graph.node[:]
        self._model = model  # its opset
        read = {name for node in self._nodes for name in node.input}
        self._numbers: dict[str, str] = {}
        self._known: dict[str, npt.NDArray[Any]] = {}
        for name in sorted(known.keys() & read):
            self._known[name] = known[name]
            if known[name].dtype.kind == "f" and known[name].size > 1:
                self._numbers[name] = f"constant_{len(self._numbers)}"
                self.register_buffer(
                    self._numbers[name], torch.from_numpy(np.array(known[name], np.float32))
                )

    def run(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Compute the graph's first output.

        Parameters
        ----------
        inputs : mapping of str to Tensor
            By the names of its inputs; integers of 32 bits will do.
        """
        values: dict[str, Any] = {**self._known, **inputs}
        for node in self._nodes:
            held = [values.get(name) for name in node.input]
            if node.op_type == "Shape":
                values[node.output[0]] = _shape(held[0], _said(node))
            elif not any(isinstance(one, Tensor) for one in held):
                values[node.output[0]] = compute(self._model, node, _stored(node, values))
            else:
                given = [self._given(name, one) for name, one in zip(node.input, held, strict=True)]
                found = _OPERATIONS[node.op_type](given, _said(node))
                outputs = found if isinstance(found, list) else [found]
                values.update(zip(node.output, outputs, strict=True))
        result: Tensor = values[self._wanted]
        return result

    def _given(self, name: str, value: Any) -> Any:
        return getattr(self, self._numbers[name]) if name in self._numbers else value


class ImageGraph(GraphTower):
    """Pixels (n, side, side, 3) uint8 to unit vectors (n, d)."""

    def forward(self, pixels: Tensor) -> Tensor:
        return F.normalize(self.run({"pixels": pixels}), dim=-1)


class TextGraph(GraphTower):
    """Tokens (n, t) and their mask to unit vectors (n, d)."""

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        given = {"input_ids": input_ids, "attention_mask": attention_mask}
        return F.normalize(self.run(given), dim=-1)


def _stored(node: Any, values: Mapping[str, Any]) -> list[Any]:
    """A node's inputs as ONNX has them."""
    return [numpy_helper.from_array(np.asarray(values[one]), one) for one in node.input if one]


def _said(node: Any) -> dict[str, Any]:
    return {one.name: helper.get_attribute_value(one) for one in node.attribute}


def _shape(value: Any, said: Said) -> npt.NDArray[np.int64]:
    shape = np.array([int(size) for size in value.shape], np.int64)
    return shape[said.get("start", 0) : said.get("end", len(shape))]


def _tensor(value: Any, like: Tensor | None = None) -> Tensor:
    """A value as a tensor; a constant number in the kind of what it is computed with."""
    if isinstance(value, Tensor):
        return value
    made = torch.from_numpy(np.array(value))
    return made if like is None else made.to(like.dtype)


def _all(function: Callable[..., Tensor]) -> Callable[[Given, Said], Tensor]:
    """An operation on tensors, without attributes."""
    return lambda given, said: function(*(_tensor(one) for one in given))


def _ints(value: Any) -> list[int]:
    return [int(one) for one in np.asarray(value).reshape(-1)]


def _axes(given: Given, said: Said, place: int = 1) -> list[int]:
    """Axes, which are an input of newer opsets and an attribute of older ones."""
    if len(given) > place and given[place] is not None:
        return _ints(given[place])
    return [int(one) for one in said.get("axes", ())]


def _reduced(function: Callable[..., Tensor]) -> Callable[[Given, Said], Tensor]:
    def reduce(given: Given, said: Said) -> Tensor:
        axes = _axes(given, said)
        if not axes and said.get("noop_with_empty_axes", 0):
            return _tensor(given[0])
        axes = axes or list(range(given[0].ndim))
        return function(given[0], dim=axes, keepdim=bool(said.get("keepdims", 1)))

    return reduce


def _length(value: Tensor, dim: list[int], keepdim: bool) -> Tensor:
    return value.square().sum(dim=dim, keepdim=keepdim).sqrt()


def _unit(given: Given, said: Said) -> Tensor:
    return F.normalize(given[0], p=float(said.get("p", 2)), dim=said.get("axis", -1))


def _layer_norm(given: Given, said: Said) -> Tensor:
    axis = said.get("axis", -1)
    shape = tuple(given[0].shape[axis:])
    weight, bias = _tensor(given[1]), _tensor(given[2]) if len(given) > 2 else None
    return F.layer_norm(given[0], shape, weight, bias, said.get("epsilon", 1e-5))


def _gemm(given: Given, said: Said) -> Tensor:
    left, right = (_tensor(one) for one in given[:2])
    left = left.T if said.get("transA") else left
    right = right.T if said.get("transB") else right
    product = said.get("alpha", 1.0) * (left @ right)
    return product if len(given) < 3 else product + said.get("beta", 1.0) * _tensor(given[2])


def _padded(value: Tensor, kernel: Given, said: Said, fill: float = 0.0) -> Tensor:
    """What a convolution or a pooling sees, with what stands around it."""
    strides, steps = said.get("strides", [1, 1]), said.get("dilations", [1, 1])
    pads = [int(one) for one in said.get("pads", [0, 0, 0, 0])]
    kind = said.get("auto_pad", b"NOTSET").decode()
    if kind.startswith("SAME"):
        pads = [0, 0, 0, 0]
        for place, (size, span) in enumerate(zip(value.shape[2:], kernel, strict=True)):
            reach = (int(span) - 1) * steps[place] + 1
            total = max((math.ceil(size / strides[place]) - 1) * strides[place] + reach - size, 0)
            first = total // 2 if kind == "SAME_UPPER" else total - total // 2
            pads[place], pads[place + 2] = first, total - first
    if not any(pads):
        return value
    return F.pad(value, (pads[1], pads[3], pads[0], pads[2]), value=fill)


def _convolution(given: Given, said: Said) -> Tensor:
    weight, bias = _tensor(given[1]), _tensor(given[2]) if len(given) > 2 else None
    value = _padded(given[0], weight.shape[2:], said)
    strides, steps = said.get("strides", [1, 1]), said.get("dilations", [1, 1])
    return F.conv2d(value, weight, bias, strides, 0, steps, said.get("group", 1))


def _average(given: Given, said: Said) -> Tensor:
    kernel = said["kernel_shape"]
    return F.avg_pool2d(_padded(given[0], kernel, said), kernel, said.get("strides", [1, 1]))


def _largest(given: Given, said: Said) -> Tensor:
    kernel = said["kernel_shape"]
    value = _padded(given[0], kernel, said, -math.inf)
    return F.max_pool2d(value, kernel, said.get("strides", [1, 1]))


def _number(value: Any) -> float:
    return float(np.asarray(value).reshape(-1)[0])


def _clip(given: Given, said: Said) -> Tensor:
    ends = [None if one is None else _number(one) for one in [*given[1:], None, None][:2]]
    return given[0].clamp(*ends)


def _reshape(given: Given, said: Said) -> Tensor:
    sizes = _ints(given[1])
    if not said.get("allowzero", 0):
        sizes = [given[0].shape[n] if size == 0 else size for n, size in enumerate(sizes)]
    return given[0].reshape(sizes)


def _unsqueezed(given: Given, said: Said) -> Tensor:
    value, axes = given[0], _axes(given, said)
    rank = value.ndim + len(axes)
    for axis in sorted(axis % rank for axis in axes):
        value = value.unsqueeze(axis)
    return value


def _squeezed(given: Given, said: Said) -> Tensor:
    axes = _axes(given, said) or [n for n, size in enumerate(given[0].shape) if size == 1]
    return given[0].squeeze(tuple(axes))


def _split(given: Given, said: Said) -> list[Tensor]:
    axis = said.get("axis", 0)
    if len(given) > 1 and given[1] is not None:
        return [*given[0].split(_ints(given[1]), dim=axis)]
    return [*given[0].split(math.ceil(given[0].shape[axis] / said["num_outputs"]), dim=axis)]


def _sliced(given: Given, said: Said) -> Tensor:
    value = _tensor(given[0])
    starts, ends = _ints(given[1]), _ints(given[2])
    axes = _ints(given[3]) if len(given) > 3 and given[3] is not None else range(len(starts))
    steps = _ints(given[4]) if len(given) > 4 and given[4] is not None else [1] * len(starts)
    places = [slice(None)] * value.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        if step < 1:
            raise EncoderError("a slice that runs backwards is not converted to LiteRT")
        places[axis % value.ndim] = slice(start, min(end, value.shape[axis]), step)
    return value[tuple(places)]


def _gathered(given: Given, said: Said) -> Tensor:
    if isinstance(given[0], np.ndarray) and given[0].dtype == np.uint8:
        # The converter knows no unsigned constants: these are 128 less, with a sign.
        signed = (given[0] ^ np.uint8(128)).view(np.int8)
        return _gathered([signed, given[1]], said).to(torch.int32) + 128
    value, axis = _tensor(given[0]), said.get("axis", 0)
    places = given[1]
    if not isinstance(places, Tensor):  # constants may count from the end
        places = _tensor(places % value.shape[axis])
    places = places.long()
    if axis == 0 and value.ndim == 2:
        return F.embedding(places, value) if value.is_floating_point() else value[places]
    flat = value.index_select(axis, places.reshape(-1))
    axis %= value.ndim
    return flat.reshape([*value.shape[:axis], *places.shape, *value.shape[axis + 1 :]])


def _expanded(given: Given, said: Said) -> Tensor:
    value = given[0]
    return value.expand(torch.broadcast_shapes(value.shape, tuple(_ints(given[1]))))


def _where(given: Given, said: Said) -> Tensor:
    return torch.where(*(_tensor(one) for one in given))


def _cast(given: Given, said: Said) -> Tensor:
    kind = helper.tensor_dtype_to_np_dtype(said["to"])
    return given[0].to(torch.from_numpy(np.zeros(0, kind)).dtype)


def _argmax(given: Given, said: Said) -> Tensor:
    return given[0].argmax(said.get("axis", 0), bool(said.get("keepdims", 1)))


def _concat(given: Given, said: Said) -> Tensor:
    return torch.cat([_tensor(one) for one in given], dim=said["axis"])


def _gelu(given: Given, said: Said) -> Tensor:
    return F.gelu(given[0], approximate=said.get("approximate", b"none").decode())


_OPERATIONS: dict[str, Callable[[Given, Said], Any]] = {
    "Abs": _all(torch.abs), "Add": _all(torch.add), "And": _all(torch.logical_and),
    "ArgMax": _argmax, "AveragePool": _average, "Cast": _cast, "Clip": _clip, "Concat": _concat,
    "Conv": _convolution, "Div": _all(torch.div), "Equal": _all(torch.eq), "Erf": _all(torch.erf),
    "Exp": _all(torch.exp), "Expand": _expanded, "Flatten": lambda given, said: given[0].reshape(
        math.prod(given[0].shape[: said.get("axis", 1)]), -1
    ),
    "Floor": _all(torch.floor), "Gather": _gathered, "Gelu": _gelu, "Gemm": _gemm,
    "GlobalAveragePool": lambda given, said: given[0].mean(dim=(2, 3), keepdim=True),
    "Greater": _all(torch.gt), "GreaterOrEqual": _all(torch.ge), "Identity": _all(torch.clone),
    "LayerNormalization": _layer_norm, "Less": _all(torch.lt), "LessOrEqual": _all(torch.le),
    "Log": _all(torch.log), "LpNormalization": _unit, "MatMul": _all(torch.matmul),
    "Max": _all(torch.maximum), "MaxPool": _largest, "Min": _all(torch.minimum),
    "Mul": _all(torch.mul), "Neg": _all(torch.neg), "Not": _all(torch.logical_not),
    "Or": _all(torch.logical_or), "Pow": _all(torch.pow), "Reciprocal": _all(torch.reciprocal),
    "ReduceL2": _reduced(_length), "ReduceMax": _reduced(torch.amax),
    "ReduceMean": _reduced(torch.mean), "ReduceMin": _reduced(torch.amin),
    "ReduceSum": _reduced(torch.sum), "Relu": _all(torch.relu), "Reshape": _reshape,
    "Sigmoid": _all(torch.sigmoid), "Slice": _sliced, "Softmax": lambda given, said:
        given[0].softmax(said.get("axis", -1)),
    "Split": _split, "Sqrt": _all(torch.sqrt), "Squeeze": _squeezed, "Sub": _all(torch.sub),
    "Tanh": _all(torch.tanh), "Transpose": lambda given, said: given[0].permute(
        said.get("perm", list(range(given[0].ndim))[::-1])
    ),
    "Unsqueeze": _unsqueezed, "Where": _where,
}  # fmt: skip
"""What an operation of ONNX is in torch, of its inputs and its attributes."""
