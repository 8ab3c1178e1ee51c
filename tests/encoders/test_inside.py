"""A folder that is loaded leads to nothing outside of it, whatever its files name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from sensorium import load_encoder
from sensorium.encoders.onnx_files import require_whole
from sensorium.errors import EncoderError, SensoriumError

ELSEWHERE = ["../tiny/image.onnx", "/etc/hostname", "..", "a/b.onnx", "//host/share/x.onnx"]


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny, tmp_path / "encoder"))


def change(folder: Path, **changes: object) -> None:
    config = json.loads((folder / "encoder.json").read_text())
    for name, value in changes.items():
        part, _, key = name.partition("_")
        if key:
            config[part][key] = value
        else:
            config[part] = value
    (folder / "encoder.json").write_text(json.dumps(config))


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.parametrize(
    "key", ["image_model", "text_model", "text_tokenizer", "background", "words"]
)
def test_files_of_an_encoder_are_beside_it(folder: Path, key: str, name: str) -> None:
    change(folder, **{key: name})
    with pytest.raises(EncoderError, match="plain file name"):
        load_encoder(folder)


@pytest.mark.parametrize("name", ["image.xml", "image.pdmodel", "image.pb"])
def test_a_tower_is_onnx(folder: Path, name: str) -> None:
    """Runtimes read other formats, too, by the suffix."""
    (folder / "image.onnx").rename(folder / name)
    change(folder, image_model=name)
    with pytest.raises(EncoderError, match=r"ends in \.onnx"):
        load_encoder(folder)


def outside(folder: Path, where: str, place: str) -> None:
    """Let a tensor of the image tower lie in another file."""
    model = onnx.load(folder / "image.onnx")
    tensor = TensorProto(name="far", data_type=TensorProto.FLOAT, dims=[4])
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=place)
    if where == "initializer":
        model.graph.initializer.append(tensor)
    elif where == "constant":
        model.graph.node.insert(0, helper.make_node("Constant", [], ["far"], value=tensor))
    elif where == "branch":
        inner = helper.make_graph([], "inner", [], [], initializer=[tensor])
        model.graph.node.insert(
            0, helper.make_node("If", ["a"], ["b"], then_branch=inner, else_branch=inner)
        )
    else:
        node = helper.make_node("Constant", [], ["far"], value=tensor)
        model.functions.append(
            helper.make_function("own", "f", [], ["far"], [node], model.opset_import)
        )
    (folder / "image.onnx").write_bytes(model.SerializeToString())


@pytest.mark.parametrize("where", ["initializer", "constant", "branch", "function"])
@pytest.mark.parametrize("place", ["weights.bin", "../../weights.bin", "/etc/hostname"])
def test_weights_are_in_the_model(folder: Path, where: str, place: str) -> None:
    (folder / "weights.bin").write_bytes(np.ones(4, np.float32).tobytes())
    require_whole(folder / "image.onnx")
    outside(folder, where, place)
    with pytest.raises(EncoderError, match="keeps weights in other files"):
        load_encoder(folder).encode([np.zeros((8, 8, 3), np.uint8)])


@pytest.mark.parametrize("content", [b"\x0a", b"\xff" * 40, b"\x0b\x00", b"\x3a\xff\xff\x03"])
def test_what_is_no_onnx(folder: Path, content: bytes) -> None:
    (folder / "image.onnx").write_bytes(content)
    with pytest.raises(EncoderError, match="no ONNX model"):
        load_encoder(folder).encode([np.zeros((8, 8, 3), np.uint8)])


def test_what_ships_is_whole() -> None:
    for path in (Path(__file__).parents[2] / "src" / "sensorium" / "encoders").rglob("*.onnx"):
        require_whole(path)


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation"])
def test_configurations_name_no_programs(tmp_path: Path, key: str) -> None:
    pytest.importorskip("torch")
    from sensorium.encoders.pretrained import require_inside

    (tmp_path / "config.json").write_text(json.dumps({"text_config": {key: "sdpa"}}))
    require_inside(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"text_config": {key: "org/kernel"}}))
    with pytest.raises(SensoriumError, match=r"names _?attn_implementation 'org/kernel'"):
        require_inside(tmp_path)


@pytest.mark.parametrize(
    ("file", "key"),
    [("tokenizer_config.json", "vocab_file"), ("tokenizer_config.json", "tokenizer_file"),
     ("0_Transformer/tokenizer_config.json", "merges_file"),
     ("adapter_config.json", "base_model_name_or_path"), ("modules.json", "path")],
)  # fmt: skip
@pytest.mark.parametrize("value", ["/etc/hostname", "../x", r"..\x", r"\\host\share\x", r"C:\x"])
def test_configurations_name_nothing_elsewhere(
    tmp_path: Path, file: str, key: str, value: str
) -> None:
    pytest.importorskip("torch")
    from sensorium.encoders.pretrained import require_inside

    (tmp_path / file).parent.mkdir(exist_ok=True)
    content: object = {"inner": [{key: "vocab.txt"}]}
    (tmp_path / file).write_text(json.dumps(content))
    require_inside(tmp_path)
    (tmp_path / file).write_text(json.dumps([{key: value}]))
    with pytest.raises(SensoriumError, match=f"names {key}"):
        require_inside(tmp_path)
