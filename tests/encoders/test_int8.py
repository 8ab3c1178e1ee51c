"""Towers in 8 bits: near the float ones, told apart from them, and not written where they lose."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnxscript", reason="needs the extra export: make hub")

import onnx
from onnx import TensorProto, helper, numpy_helper

from sensorium import Collection, Image, load_encoder
from sensorium.encoders import FolderEncoder, int8
from sensorium.encoders.int8 import caption_recall, export_int8, nearest_kept
from sensorium.encoders.quantizing import quantize
from sensorium.encoders.runtime import load_runtime
from sensorium.errors import EncoderError, SensoriumWarning, SpaceMismatchError, UsageError
from tests.tiny_encoder import DIMENSION, SIZE, make_tiny_encoder

RANDOM = np.random.default_rng(0)
TOKENS, WIDTH = 8, 32


def unit(*shape: int) -> np.ndarray:
    vectors = RANDOM.normal(size=shape).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def tower(path: Path, four_bits: bool = False) -> Path:
    """A normalisation whose first channel is a hundred times the others, two layers, the mean."""
    high = np.ones(WIDTH, np.float32)
    high[0] = 100
    first, second = (RANDOM.normal(size=(WIDTH, WIDTH)).astype(np.float32) for _ in range(2))
    constants = {"high": high, "bias": np.ones(WIDTH, np.float32), "second": second}
    nodes = [helper.make_node("LayerNormalization", ["x", "high"], ["normal"])]
    if four_bits:
        rounded = np.clip(np.rint(first * 3), -7, 7).astype(np.int8)
        packed = helper.make_tensor("packed", TensorProto.INT4, rounded.shape, rounded.ravel())
        constants["step"] = np.float32(1 / 3)
        nodes.append(helper.make_node("DequantizeLinear", ["packed", "step"], ["first"]))
        given = [packed]
    else:
        constants["first"] = first
        given = []
    nodes += [
        helper.make_node("MatMul", ["normal", "first"], ["one"]),
        helper.make_node("Add", ["one", "bias"], ["biased"]),
        helper.make_node("Relu", ["biased"], ["held"]),
        helper.make_node("MatMul", ["held", "second"], ["two"]),
        helper.make_node("ReduceMean", ["two"], ["mean"], keepdims=0),
    ]
    nodes[-1].input.append("axes")
    constants["axes"] = np.array([1], np.int64)
    graph = helper.make_graph(
        nodes, "tower",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", TOKENS, WIDTH])],
        [helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["n", WIDTH])],
        [*given, *(numpy_helper.from_array(np.asarray(v), k) for k, v in constants.items())],
    )  # fmt: skip
    return save(graph, path)


def save(graph: onnx.GraphProto, path: Path) -> Path:
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)], ir_version=10)
    onnx.save(model, str(path))
    return path


@pytest.mark.filterwarnings("ignore:.* layers run in 8 bits")
@pytest.mark.parametrize("four_bits", [False, True])
@pytest.mark.parametrize("runtime", ["openvino", "onnxruntime"])
def test_a_tower_in_8_bits(tmp_path: Path, four_bits: bool, runtime: str) -> None:
    whole, small = tower(tmp_path / "whole.onnx", four_bits), tmp_path / "small.onnx"
    inputs = [{"x": RANDOM.normal(size=(1, TOKENS, WIDTH)).astype(np.float32)} for _ in range(24)]
    assert quantize(whole, small, inputs) == 2
    asked = np.concatenate([one["x"] for one in inputs])
    wanted = load_runtime(whole, runtime, "f32").run({"x": asked})
    loaded = load_runtime(small, runtime, "f32", int8=2)
    found = loaded.run({"x": asked})
    cosines = (
        (found * wanted).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(wanted, axis=1)
    )
    # Without taking the large channel out of the activations' scale it is 0.9.
    assert cosines.min() > 0.998
    assert "int8" in loaded.description
    alone = np.concatenate([loaded.run(one) for one in inputs])
    np.testing.assert_allclose(alone, found, rtol=1e-4, atol=1e-4)


def test_weights_have_a_sign(tmp_path: Path) -> None:
    whole, small = tower(tmp_path / "whole.onnx"), tmp_path / "small.onnx"
    quantize(whole, small, [{"x": RANDOM.normal(size=(2, TOKENS, WIDTH)).astype(np.float32)}])
    graph = onnx.load(str(small)).graph
    weights = [one for one in graph.initializer if [*one.dims] == [WIDTH, WIDTH]]
    assert [one.data_type for one in weights] == [TensorProto.INT8] * 2
    assert all(numpy_helper.to_array(one).min() >= -127 for one in weights)


def test_what_runs_in_float_says_so(tmp_path: Path) -> None:
    whole = tower(tmp_path / "whole.onnx")
    with pytest.warns(SensoriumWarning, match="0 of 2 layers run in 8 bits"):
        loaded = load_runtime(whole, "openvino", "f32", int8=2)
    assert "int8 (0 of 2 layers)" in loaded.description


def test_what_is_lost_is_counted() -> None:
    vectors = unit(40, 16)
    assert nearest_kept(vectors, vectors) == 1
    assert nearest_kept(vectors, unit(40, 16)) < 0.7
    assert nearest_kept(vectors[:5], unit(5, 16)) == 1  # ten of five find everything
    assert caption_recall(vectors, vectors) == 1
    assert caption_recall(vectors, np.roll(vectors, 1, axis=0)) < 0.7
    assert caption_recall(np.ones_like(vectors), vectors) == 0  # ties count against it


def pictures(folder: Path) -> list[Path]:
    random = np.random.default_rng(1)
    folder.mkdir()
    for number in range(24):
        pixels = random.integers(0, 256, (12, 12, 3), dtype=np.uint8)
        Image(pixels).load().resize((48, 48)).save(folder / f"{number}.png")
    return sorted(folder.iterdir())


def convolutional(folder: Path) -> FolderEncoder:
    """The tests' encoder with an image tower of a pointwise, a depthwise, a pointwise convolution.

    Some channels are far larger than others, as in real ones.
    """
    random = np.random.default_rng(2)
    make_tiny_encoder(folder)
    wide = 2.0 ** random.integers(-4, 5, 16)
    shapes = {"first": (16, 3, 1, 1), "deep": (16, 1, 3, 3), "last": (DIMENSION, 16, 1, 1)}
    weights = {name: random.normal(size=shape) for name, shape in shapes.items()}
    weights["first"] *= wide.reshape(-1, 1, 1, 1) / 300
    weights["last"] /= wide.reshape(1, -1, 1, 1)
    constants = {name: value.astype(np.float32) for name, value in weights.items()}
    constants["bias"] = random.normal(size=16).astype(np.float32)
    nodes = [
        helper.make_node("Cast", ["pixels"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["channels"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["channels", "first", "bias"], ["one"]),
        helper.make_node("Relu", ["one"], ["held"]),
        helper.make_node("Conv", ["held", "deep"], ["two"], group=16, pads=[1] * 4),
        helper.make_node("Relu", ["two"], ["kept"]),
        helper.make_node("Conv", ["kept", "last"], ["three"]),
        helper.make_node("GlobalAveragePool", ["three"], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["embedding"]),
    ]
    graph = helper.make_graph(
        nodes, "image",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, ["n", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["n", DIMENSION])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )  # fmt: skip
    save(graph, folder / "image.onnx")
    return FolderEncoder(folder)


# Which convolutions of a few weights are worth 8 bits, each processor decides.
@pytest.mark.filterwarnings("ignore:.* layers run in 8 bits")
def test_an_encoder_in_8_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    images = pictures(tmp_path / "pictures")
    captioned = [(path, f"a red {'cat ' * number}") for number, path in enumerate(images[:12])]
    source = convolutional(tmp_path / "float")
    # These towers are of random numbers: a caption finds any picture.
    monkeypatch.setattr(int8, "MOST_LOST", 1)
    report = export_int8(source, tmp_path / "made", images=images, captioned=captioned)
    made = load_encoder(tmp_path / "made")
    assert made.space.fingerprint != source.space.fingerprint
    assert made.space.name == source.space.name + "-int8"
    assert made.space.preprocessing == source.space.preprocessing
    assert made.runtime == report.runtime and "image: OpenVINO int8" in made.runtime
    assert report.captions == 12 and report.int8_recall is not None
    picture, text = report.losses
    assert picture.layers == 3 and not picture.refusal and picture.lowest > 0.99
    assert text.refusal.startswith("it has no layer")  # a table of words alone
    config = json.loads((tmp_path / "made" / "encoder.json").read_text())
    assert config["image"]["int8"] == 3 and "int8" not in config["text"]
    together = made.encode(images)
    alone = np.concatenate([made.encode([path]) for path in images])
    assert (together * alone).sum(axis=1).min() > 0.9995  # no scale depends on the batch
    with Collection(tmp_path / "mine.sensorium", source) as mine:
        mine.add(images[0])
    with pytest.raises(SpaceMismatchError):
        Collection(tmp_path / "mine.sensorium", made)


@pytest.mark.filterwarnings("ignore:.* layers run in 8 bits")
def test_what_loses_too_much_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(int8, "LEAST_MEDIAN", 1.01)
    images = pictures(tmp_path / "pictures")
    with pytest.raises(EncoderError, match=r"nothing was written: image: median cosine (0\.9|1)"):
        export_int8(convolutional(tmp_path / "float"), tmp_path / "made", images=images)
    assert not (tmp_path / "made").exists()


def test_what_is_refused(tmp_path: Path, tiny: Path) -> None:
    images = pictures(tmp_path / "pictures")
    with pytest.raises(EncoderError, match="image: it has no layer that 8 bits would make quicker"):
        export_int8(FolderEncoder(tiny), tmp_path / "made", images=images)
    assert not (tmp_path / "made").exists()
    with pytest.raises(UsageError, match="at least 20 pictures"):
        export_int8(FolderEncoder(tiny), tmp_path / "made", images=images[:3])


def test_a_mark_that_is_no_number_is_refused(tmp_path: Path, tiny: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "encoder.json").read_text())
    config["text"]["int8"] = "all"
    (folder / "encoder.json").write_text(
        json.dumps({k: v for k, v in config.items() if k != "checksum"})
    )
    with pytest.raises(EncoderError, match="int8 is no int"):
        FolderEncoder(folder)
