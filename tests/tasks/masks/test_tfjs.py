"""Graphs of TensorFlow.js: what they compute, and what is refused."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium.errors import EncoderError
from sensorium.tasks.masks.tfjs import compiled

torch = pytest.importorskip("torch")


def _node(name: str, op: str, *inputs: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "op": op, "input": [*inputs], "attr": attributes}


def _ints(*values: int) -> dict[str, Any]:
    return {"list": {"i": [str(value) for value in values]}}


SAME = {"s": base64.b64encode(b"SAME").decode()}
PLACE = {"shape": {"dim": [{"size": str(n)} for n in (1, 9, 7, 2)]}}


def _write(folder: Path, nodes: list[dict[str, Any]], weights: dict[str, Any]) -> Path:
    data, entries = b"", []
    for name, values in weights.items():
        data += values.tobytes()
        dtype = {"f": "float32", "i": "int32"}[values.dtype.kind]
        entry = {"name": name, "shape": [*values.shape], "dtype": dtype}
        if values.dtype == np.float16:
            entry["quantization"] = {"dtype": "float16"}
        entries.append(entry)
        nodes = [*nodes, _node(name, "Const")]
    (folder / "w.bin").write_bytes(data)
    content = {
        "modelTopology": {"node": nodes},
        "signature": {"outputs": {"out:0": {}}},
        "weightsManifest": [{"paths": ["w.bin"], "weights": entries}],
    }
    (folder / "model.json").write_text(json.dumps(content))
    return folder / "model.json"


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("depthwise", [False, True])
def test_convolutions_are_those_of_torch(tmp_path: Path, stride: int, depthwise: bool) -> None:
    draw = np.random.default_rng(0)
    kernel = draw.normal(size=(3, 3, 2, 1 if depthwise else 4)).astype(np.float16)
    bias = draw.normal(size=2 if depthwise else 4).astype(np.float32)
    op = "DepthwiseConv2dNative" if depthwise else "Conv2D"
    nodes = [
        _node("in", "Placeholder", shape=PLACE),
        _node("conv", op, "in", "kernel", strides=_ints(1, stride, stride, 1), padding=SAME),
        _node("sum", "Add", "conv", "bias"),
        _node("out", "Relu6", "sum"),
    ]
    model = compiled(_write(tmp_path, nodes, {"kernel": kernel, "bias": bias}))
    picture = draw.normal(size=(1, 9, 7, 2)).astype(np.float32)
    found = np.array(model([picture])[0])
    # TensorFlow's SAME: what is missing on both sides, the odd one at the end.
    pads = []
    for side in (7, 9):
        missing = max((-(-side // stride) - 1) * stride + 3 - side, 0)
        pads += [missing // 2, missing - missing // 2]
    padded = torch.nn.functional.pad(torch.from_numpy(picture).permute(0, 3, 1, 2), pads)
    weight = torch.from_numpy(kernel.astype(np.float32))
    weight = weight.permute(2, 3, 0, 1) if depthwise else weight.permute(3, 2, 0, 1)
    right = torch.nn.functional.conv2d(
        padded, weight, torch.from_numpy(bias), stride, groups=2 if depthwise else 1
    )
    right = right.clamp(0, 6).permute(0, 2, 3, 1).numpy()
    assert found.shape == right.shape
    assert np.abs(found - right).max() < 1e-4


def test_what_is_not_known_is_named(tmp_path: Path) -> None:
    nodes = [_node("in", "Placeholder", shape=PLACE), _node("out", "Fft", "in")]
    with pytest.raises(EncoderError, match="Fft is not known"):
        compiled(_write(tmp_path, nodes, {}))


@pytest.mark.parametrize(
    "nodes",
    [
        [_node("out", "Relu", "out")],
        [_node("out", "Relu", "a"), _node("a", "Relu", "out")],
        [_node("out", "Relu", "nowhere")],
    ],
)
def test_broken_graphs_are_refused(tmp_path: Path, nodes: list[dict[str, Any]]) -> None:
    with pytest.raises(EncoderError, match=r"no graph of TensorFlow\.js"):
        compiled(_write(tmp_path, nodes, {}))


def test_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("[]")
    with pytest.raises(EncoderError, match=r"no graph of TensorFlow\.js"):
        compiled(tmp_path / "model.json")


def test_weights_that_are_cut_off_are_refused(
    tmp_path: Path, weights_of: Callable[[str], Path]
) -> None:
    for name in ("selfie.json", "selfie.bin"):
        (tmp_path / name).write_bytes((weights_of("person-mask") / name).read_bytes())
    whole = compiled(tmp_path / "selfie.json")
    assert whole([np.zeros((1, 256, 256, 3), np.float32)])[0].shape == (1, 256, 256, 1)
    (tmp_path / "selfie.bin").write_bytes((tmp_path / "selfie.bin").read_bytes()[:-8])
    with pytest.raises(EncoderError, match=r"no graph of TensorFlow\.js"):
        compiled(tmp_path / "selfie.json")
