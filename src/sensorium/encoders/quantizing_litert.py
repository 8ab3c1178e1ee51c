"""A LiteRT tower whose large layers multiply in 8 bits.

Weights are signed and have a scale for each output, as LiteRT's kernels ask for. Activations are
rounded by the runtime, each row (a token, a picture's place) by its own largest value, so that no
vector depends on what else is in its batch, and nothing has to be calibrated.

Source: https://ai.google.dev/edge/litert/models/quantization_spec
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

from sensorium.errors import EncoderError, MissingExtraError

try:
    from ai_edge_litert import schema_py_generated as schema
    from ai_edge_quantizer import quantizer, recipe
except ImportError as error:
    raise MissingExtraError(error.name or "ai-edge-quantizer", "export-litert") from error

MULTIPLYING = ("FULLY_CONNECTED", "CONV_2D", "DEPTHWISE_CONV_2D", "BATCH_MATMUL")


def quantize(source: Path, target: Path, inputs: Iterable[Mapping[str, Any]] = ()) -> int:
    """Write a tower with its large layers in 8 bits.

    Parameters
    ----------
    source, target : Path
        ``.tflite`` files.
    inputs : iterable of mapping
        Not needed; `sensorium.encoders.quantizing.quantize` calibrates on them.

    Returns
    -------
    int
        How many layers multiply in 8 bits; 0, and nothing is written, where none does.

    Raises
    ------
    EncoderError
        When the file cannot be quantised.
    """
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):  # bars and tables
            made = quantizer.Quantizer(str(source))
            made.load_quantization_recipe(recipe.dynamic_wi8_afp32())
            content = bytes(made.quantize().quantized_model)
    except Exception as error:  # the library raises nearly any exception
        raise EncoderError(f"{source}: cannot be had in 8 bits ({error!s:.300})") from error
    layers = layers_in_8_bits(content)
    if layers:
        target.write_bytes(content)
    return layers


def layers_in_8_bits(content: bytes) -> int:
    """Layers of a model's first signature whose weights are signed bytes."""
    model = schema.Model.GetRootAs(content, 0)
    graph = model.Subgraphs(0)
    found = 0
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        code = model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()
        if _NAMES.get(code) in MULTIPLYING and operator.InputsLength() > 1:
            weights = graph.Tensors(operator.Inputs(1))
            found += weights.Type() == schema.TensorType.INT8
    return found


_NAMES = {
    value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)
}
