"""The blocks that are fine-tuned, in torch and as an ONNX graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")

from onnx import TensorProto  # noqa: E402

from recipes.mini.convert_image import Block, Layer, Top, add_top  # noqa: E402
from recipes.mini.graph import Graph  # noqa: E402
from recipes.mini.top import TunedTop  # noqa: E402


def layer(rng: np.random.Generator, out: int, into: int, size: int, stride: int = 1) -> Layer:
    kernel = rng.normal(size=(out, into, size, size), scale=0.3).astype(np.float32)
    return Layer(kernel, rng.normal(size=out).astype(np.float32), stride, activate=True)


def test_torch_and_the_exported_graph_agree_and_weights_come_back(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    widen = Block(
        (layer(rng, 12, 4, 1), layer(rng, 12, 1, 5, stride=2), layer(rng, 6, 12, 1)), False
    )
    same = Block((layer(rng, 12, 6, 1), layer(rng, 12, 1, 3), layer(rng, 6, 12, 1)), True)
    top = Top((widen, same), layer(rng, 8, 6, 1))
    tuned = TunedTop(top)
    trunk = rng.normal(size=(3, 4, 14, 14)).astype(np.float32)

    graph = Graph("top")
    value = graph.input("trunk", TensorProto.FLOAT, ["batch", 4, 14, 14])
    graph.output(add_top(graph, value, tuned.numpy()), "features", ["batch", 8])
    graph.save(tmp_path / "top.onnx")
    session = onnxruntime.InferenceSession(str(tmp_path / "top.onnx"))
    exported = session.run(None, {"trunk": trunk})[0]

    with torch.no_grad():
        features = tuned(torch.from_numpy(trunk)).numpy()
    # The graph stores kernels in half precision.
    np.testing.assert_allclose(exported, features, rtol=0, atol=2e-2)
    for before, after in zip(top.blocks, tuned.numpy().blocks, strict=True):
        for one, other in zip(before.layers, after.layers, strict=True):
            np.testing.assert_array_equal(one.kernel, other.kernel)
            assert (one.stride, one.activate) == (other.stride, other.activate)
