"""The constants of an ONNX graph, those included that follow from others, such as 4-bit weights."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError

try:
    from onnx import helper, numpy_helper
    from onnx.reference import ReferenceEvaluator
except ImportError as error:
    raise MissingExtraError(error.name or "onnx", "export") from error

Array = npt.NDArray[Any]


class Constants:
    """What is known of a graph before it is run.

    Parameters
    ----------
    model : onnx.ModelProto
    folded : collection of str
        Operations whose results count as constants where their inputs are.
    """

    def __init__(self, model: Any, folded: Collection[str] = ()) -> None:
        self.model = model
        self.stored = {one.name: one for one in model.graph.initializer}
        self.makers = {name: node for node in model.graph.node for name in node.output}
        self.folded = folded

    def tensor(self, name: str) -> Any:
        """The constant of a name as ONNX has it, or None."""
        node = self.makers.get(name)
        if name in self.stored or node is None or node.op_type not in self.folded:
            return self.stored.get(name)
        given = [self.tensor(one) for one in node.input if one]
        if not given or None in given:
            return None
        return numpy_helper.from_array(compute(self.model, node, given), name)

    def array(self, name: str) -> Array | None:
        """The constant of a name, or None."""
        found = self.tensor(name)
        return None if found is None else np.asarray(numpy_helper.to_array(found))


def compute(model: Any, node: Any, given: Sequence[Any]) -> Array:
    """The first output of a node of a model, of its inputs as ONNX has them."""
    wanted = helper.make_empty_tensor_value_info(node.output[0])
    made = helper.make_graph([node], "constants", [], [wanted], list(given))
    opsets = list(model.opset_import)
    small = helper.make_model(made, opset_imports=opsets, ir_version=model.ir_version)
    (value,) = ReferenceEvaluator(small).run(None, {})
    return np.asarray(value)
