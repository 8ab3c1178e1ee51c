"""Graphs that OpenVINO compiled for this processor, kept beside each other and mapped.

Compiling takes seconds, mapping what was compiled a tenth of one. OpenVINO keeps graphs by itself,
too, but as they were read: of weights in four bits it makes what it multiplies with one at a time,
in every process anew, which is most of what a first question waits for. In eight bits, with the
same values, it takes them as they are, and the vectors are the same to the bit.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.errors import WriteError
from sensorium.folders import whole

FORM = 1
"""Of what is kept; another one is a file of another name."""


def compiled(
    openvino: Any, core: Any, model: Path, options: Mapping[str, Any], folder: Path
) -> Any:
    """Compile a model for the CPU, or map what was compiled of it before.

    Parameters
    ----------
    openvino : module
    core : openvino.Core
    model : Path
        The ``.onnx`` file.
    options : mapping
        As ``compile_model`` takes them.
    folder : Path
        Of this model's content alone. Where it cannot be written, nothing is kept.

    Returns
    -------
    openvino.CompiledModel
    """
    name = _name(openvino, core, options)
    for path in sorted(folder.glob(f"{name}-*.blob")):
        with contextlib.suppress(RuntimeError, OSError, ValueError):  # damaged: made anew
            return _mapped(openvino, core, path, options)
        with contextlib.suppress(OSError):
            path.unlink()
    made = core.compile_model(_read(openvino, core, model), "CPU", dict(options))
    with contextlib.suppress(WriteError, OSError):
        content = made.export_model().getbuffer()
        with whole(folder / f"{name}-{len(content)}.blob", shared=True) as part:
            part.write_bytes(content)
    return made


def _name(openvino: Any, core: Any, options: Mapping[str, Any]) -> str:
    """What tells graphs of one model apart: who compiled them, for which processor, and how."""
    told = [
        core.get_property("CPU", key) for key in ("FULL_DEVICE_NAME", "OPTIMIZATION_CAPABILITIES")
    ]
    facts = [FORM, openvino.__version__, told, os.cpu_count(), dict(options)]
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _mapped(openvino: Any, core: Any, path: Path, options: Mapping[str, Any]) -> Any:
    """What `compiled` kept; the size in its name says whether it is whole."""
    if path.stat().st_size != int(path.stem.rpartition("-")[2]):
        raise ValueError(f"{path}: not as written")
    # A page that was written to would be a copy; OpenVINO takes no array that is only read.
    content = np.memmap(path, np.uint8, mode="c")
    tensor = openvino.Tensor(content, shared_memory=True)
    model = core.import_model(tensor, "CPU", dict(options))
    model.content = content  # its weights are there: as long as it lives
    return model


def _read(openvino: Any, core: Any, model: Path) -> Any:
    """The graph of a model, whose weights of four bits have eight."""
    graph = core.read_model(str(model))
    narrow = [node for node in graph.get_ops() if _is_narrow(openvino, node)]
    try:
        for node in narrow:
            wide = openvino.op.Constant(widened(node), shared_memory=False)
            wide.set_friendly_name(node.get_friendly_name())
            for taker in node.output(0).get_target_inputs():
                taker.replace_source_output(wide.output(0))
        graph.validate_nodes_and_infer_types()
    except RuntimeError:  # some operation wants four bits: it gets them
        return core.read_model(str(model))
    return graph


def _is_narrow(openvino: Any, node: Any) -> bool:
    if node.get_type_name() != "Constant":
        return False
    return node.get_output_element_type(0) in (openvino.Type.i4, openvino.Type.u4)


def widened(constant: Any) -> npt.NDArray[Any]:
    """The values of a constant of four bits, in eight; the low half of a byte is first."""
    packed = np.asarray(constant.data).view(np.uint8).ravel()
    values = np.stack([packed & 15, packed >> 4], axis=1).ravel()
    shape = tuple(constant.get_output_shape(0))
    values = values[: int(np.prod(shape))].reshape(shape)
    if constant.get_output_element_type(0).to_string() == "u4":
        return values
    return ((values ^ 8).astype(np.int8) - np.int8(8)).astype(np.int8)
