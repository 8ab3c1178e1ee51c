"""A tower of an encoder's folder with a projection behind it, as a graph again."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from sensorium.encoders.folder import FolderEncoder
from sensorium.encoders.folder_config import QUERY_PREFIX
from sensorium.errors import EncoderError, MissingExtraError
from sensorium.media import Modality

try:
    import onnx
    from onnx import TensorProto, helper, numpy_helper
except ImportError as error:
    raise MissingExtraError("onnx", "export") from error

Array = npt.NDArray[np.float32]


class Layers(Protocol):
    """Matrices of a projection: ``out(gelu(inner(x)) + skip x)``, or ``out(x)`` alone."""

    @property
    def out(self) -> tuple[Array, Array]:
        """Matrix of shape (d, h) and bias of shape (d,)."""

    @property
    def inner(self) -> tuple[Array, Array] | None:
        """Matrix of shape (h, n) and bias of shape (h,)."""

    @property
    def skip(self) -> Array | None:
        """Matrix of shape (h, n)."""


def write_projected(
    encoder: FolderEncoder, modality: Modality, layers: Layers, folder: Path
) -> dict[str, Any]:
    """Write a tower whose vectors are brought to unit length, projected, and to unit length again.

    Parameters
    ----------
    encoder : FolderEncoder
    modality : Modality
    layers : Layers
    folder : Path
        Gets ``image.onnx``, or ``text.onnx`` and ``tokenizer.json``.

    Returns
    -------
    dict
        The tower's part of ``encoder.json``.

    Raises
    ------
    EncoderError
        When the graph is not as docs/encoder-format.md says.
    """
    config = dict(encoder.config[modality.value])
    source = encoder.folder / config["model"]
    model = onnx.load(str(source))
    graph = model.graph
    if not graph.output:
        raise EncoderError(f"{source}: the graph has no output")
    first = graph.output[0]
    graph.ClearField("output")
    value = _add(graph, "LpNormalization", "unit", first.name, axis=-1, p=2)
    if layers.inner is not None and layers.skip is not None:
        inner = _linear(graph, "inner", value, *layers.inner)
        # Gelu by its definition: the operator came with opset 20, and towers may be older.
        scaled = _add(
            graph, "Mul", "scaled", inner, _constant(graph, "root", np.float32(math.sqrt(0.5)))
        )
        bent = _add(graph, "Erf", "bent", scaled)
        bent = _add(graph, "Add", "shifted", bent, _constant(graph, "one", np.float32(1)))
        half = _add(graph, "Mul", "half", inner, _constant(graph, "second", np.float32(0.5)))
        bent = _add(graph, "Mul", "gelu", half, bent)
        past = _add(graph, "MatMul", "past", value, _constant(graph, "skip", layers.skip.T))
        value = _add(graph, "Add", "hidden", bent, past)
    value = _linear(graph, "out", value, *layers.out)
    unit = _add(graph, "LpNormalization", "embedding", value, axis=-1, p=2)
    batch = first.type.tensor_type.shape.dim[0].dim_param or "batch"
    graph.output.append(
        helper.make_tensor_value_info(unit, TensorProto.FLOAT, [batch, len(layers.out[1])])
    )
    config["model"] = f"{modality}.onnx"
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise EncoderError(f"{source}: cannot be projected: {str(error)[:200]}") from error
    (folder / config["model"]).write_bytes(model.SerializeToString(deterministic=True))
    if modality == Modality.TEXT:
        # The projection was trained on captions as what is sought (`models/towers.py`).
        if QUERY_PREFIX in config:
            config["prefix"] = config.pop(QUERY_PREFIX)
        text = (encoder.folder / config["tokenizer"]).read_bytes()
        config["tokenizer"] = "tokenizer.json"
        (folder / config["tokenizer"]).write_bytes(text)
    return config


def _add(graph: Any, operator: str, name: str, *inputs: str, **attributes: Any) -> str:
    output = f"projection/{name}"
    graph.node.append(helper.make_node(operator, list(inputs), [output], **attributes))
    return output


def _constant(graph: Any, name: str, values: npt.ArrayLike) -> str:
    full = f"projection/constant/{name}"
    array = np.ascontiguousarray(np.asarray(values, np.float32))
    if np.ndim(values) == 0:
        array = array.reshape(())
    graph.initializer.append(numpy_helper.from_array(array, full))
    return full


def _linear(graph: Any, name: str, value: str, weight: Array, bias: Array) -> str:
    product = _add(graph, "MatMul", f"{name}/product", value, _constant(graph, name, weight.T))
    return _add(graph, "Add", f"{name}/sum", product, _constant(graph, f"{name}/bias", bias))
