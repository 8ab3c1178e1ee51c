"""A small writer of ONNX graphs: one call a node, names chosen for you.

Both towers are written out node by node instead of being traced from torch, so that their weights
can stay in the form in which they were published (4-bit blocks, half precision) and the file says
exactly what is computed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import TensorProto, helper, numpy_helper

OPSET = 21  # the first with 4-bit tensors and blocked DequantizeLinear; it also has Gelu
IR_VERSION = 10  # the version that came with opset 21: older runtimes refuse a newer one


class Graph:
    """An ONNX graph under construction. Values are known by their names."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.initializers: list[TensorProto] = []
        self._count = 0

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{stem}_{self._count}"

    def input(self, name: str, dtype: int, shape: list[int | str]) -> str:
        """Declare an input; a string in `shape` is a dynamic dimension."""
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def output(self, value: str, name: str, shape: list[int | str]) -> None:
        """Declare `value` as the float32 output `name`."""
        self.nodes.append(helper.make_node("Identity", [value], [name]))
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def add(self, operator: str, *inputs: str, **attributes: Any) -> str:
        """Add a node with one output and return that output's name."""
        output = self._fresh(operator)
        self.nodes.append(helper.make_node(operator, list(inputs), [output], **attributes))
        return output

    def split(self, value: str, parts: int) -> list[str]:
        """Split `value` into `parts` equal pieces along its last axis."""
        outputs = [self._fresh("Split") for _ in range(parts)]
        self.nodes.append(helper.make_node("Split", [value], outputs, axis=-1, num_outputs=parts))
        return outputs

    def largest(self, value: str, count: int) -> str:
        """Return the `count` largest values along the last axis."""
        outputs = [self._fresh("TopK"), self._fresh("TopK")]
        inputs = [value, self.constant([count], "int64")]
        self.nodes.append(helper.make_node("TopK", inputs, outputs))
        return outputs[0]

    def constant(self, array: ArrayLike, dtype: str) -> str:
        """Store an array as it is: shapes, indices, small float32 tensors."""
        name = self._fresh("constant")
        values = np.asarray(array, dtype=dtype, order="C")
        self.initializers.append(numpy_helper.from_array(values, name))
        return name

    def half(self, array: NDArray[np.float32]) -> str:
        """Store a float32 array in half precision; the runtime widens it once, when it loads."""
        return self.add("Cast", self.constant(array, "float16"), to=TensorProto.FLOAT)

    def int4(self, values: NDArray[np.int8], scales: NDArray[np.float32], block: int) -> str:
        """Store a matrix as signed 4-bit integers with one scale for each block of a column.

        Parameters
        ----------
        values
            Integers from -8 to 7, shape (rows, columns), an even number of columns.
        scales
            Shape (rows / block, columns).
        block
            Neighbours in a column that share a scale.
        """
        name = self._fresh("int4")
        nibbles = (values.reshape(-1) & 15).astype(np.uint8)
        packed = (nibbles[0::2] | (nibbles[1::2] << 4)).tobytes()
        self.initializers.append(
            helper.make_tensor(name, TensorProto.INT4, values.shape, packed, raw=True)
        )
        factors = self.constant(scales, "float32")
        return self.add("DequantizeLinear", name, factors, axis=0, block_size=block)

    def unit(self, value: str) -> str:
        """Scale the last axis to length one."""
        return self.add("LpNormalization", value, axis=-1, p=2)

    def save(self, path: Path) -> None:
        """Check the graph and write it to `path`."""
        graph = helper.make_graph(
            self.nodes, self.name, self.inputs, self.outputs, self.initializers
        )
        model = helper.make_model(
            graph,
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=IR_VERSION,
            producer_name="sensorium",
        )
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
