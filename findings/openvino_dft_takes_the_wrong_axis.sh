#!/usr/bin/env bash
# OpenVINO transforms the wrong axis for ONNX's operator DFT from opset 20 on.
#
# Until opset 19 the axis was an attribute; since opset 20 it is an input. OpenVINO 2026.4.1 reads the attribute, and
# passes over the input without a word: it takes axis 1, the default of the old operator, where axis 2 is asked for.
# (Of real input, the result has a dimension of 1 too many either way.) ONNX's own reference and ONNX Runtime 1.32.0
# do as the operator says.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install --quiet --disable-pip-version-check 'openvino==2026.4.1' 'onnx==1.23.2' \
    'onnxruntime==1.32.0' 'numpy==2.4.6'
cd "$work"
"$work/env/bin/python" - <<'PYTHON'
import sys

sys.modules["openvino_telemetry"] = None  # which would report this to its makers

import numpy as np
import onnx
import onnxruntime
import openvino
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

# Two signals of three rows of eight samples; each row is to be transformed.
signal = np.random.default_rng(0).normal(size=(2, 3, 8, 1)).astype(np.float32)
right = np.fft.rfft(signal[..., 0], axis=2)
right = np.stack([right.real, right.imag], axis=-1)


def model(opset):
    if opset < 20:
        node, constants = helper.make_node("DFT", ["x"], ["y"], axis=2, onesided=1), []
    else:
        node = helper.make_node("DFT", ["x", "", "axis"], ["y"], onesided=1)
        constants = [numpy_helper.from_array(np.array(2, np.int64), "axis")]
    graph = helper.make_graph(
        [node], "dft",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, signal.shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None] * 4)], constants,
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=10)
    onnx.checker.check_model(made)
    return made.SerializeToString()


def by_openvino(content):
    core = openvino.Core()
    return core.compile_model(core.read_model(content), "CPU")(signal)[0]


def by_onnxruntime(content):
    return onnxruntime.InferenceSession(content).run(None, {"x": signal})[0]


def by_reference(content):
    return ReferenceEvaluator(onnx.load_from_string(content)).run(None, {"x": signal})[0]


equal = {}
for opset in (17, 20):
    for name, run in (("OpenVINO", by_openvino), ("ONNX Runtime", by_onnxruntime), ("ONNX", by_reference)):
        found = run(model(opset))
        values = found.squeeze(axis=3) if found.ndim == 5 else found
        equal[name, opset] = values.shape == right.shape and np.allclose(values, right, atol=1e-4)
        told = "as NumPy's rfft" if equal[name, opset] else "ANOTHER AXIS"
        print(f"opset {opset}: {name:13} {found.shape} {told}")
assert all(equal["ONNX", opset] and equal["ONNX Runtime", opset] for opset in (17, 20))
assert equal["OpenVINO", 17] and not equal["OpenVINO", 20]
PYTHON
