from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import sensorium
from sensorium.encoders.cutting import lower_part
from sensorium.encoders.runtime import RUNTIMES, load_runtime
from sensorium.errors import EncoderError

TEXT = Path(sensorium.__file__).parent / "encoders" / "mini" / "text.onnx"

IDS = np.array([[0, 5, 77, 200, 3000, 2]], np.int64)


def _run(model: Path, runtime: str) -> npt.NDArray[np.float32]:
    inputs = {"input_ids": IDS, "attention_mask": np.ones_like(IDS)}
    return load_runtime(model, runtime, "f32").run(inputs)


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cut") / "lower.onnx"
    path.write_bytes(lower_part(TEXT, "LayerNormalization", 3))
    return path


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_part_computes_what_the_whole_computes_there(part: Path, runtime: str) -> None:
    import onnx
    import onnxruntime

    whole = onnx.load(TEXT)
    norms = [node.output[0] for node in whole.graph.node if node.op_type == "LayerNormalization"]
    whole.graph.output.append(onnx.helper.make_tensor_value_info(norms[2], 1, None))
    session = onnxruntime.InferenceSession(whole.SerializeToString())
    inputs = {"input_ids": IDS, "attention_mask": np.ones_like(IDS)}
    wanted = session.run([norms[2]], inputs)[0]
    np.testing.assert_allclose(_run(part, runtime), wanted, atol=2e-2)
    assert part.stat().st_size < TEXT.stat().st_size * 2 / 3  # without the upper layers' weights


def test_a_part_is_a_valid_model(part: Path) -> None:
    import onnx

    model = onnx.load(part)
    onnx.checker.check_model(model, full_check=True)
    assert [one.name for one in model.graph.input] == ["input_ids", "attention_mask"]


def test_what_cannot_be_cut_is_told(tmp_path: Path) -> None:
    with pytest.raises(EncoderError, match="fewer than 99 nodes LayerNormalization"):
        lower_part(TEXT, "LayerNormalization", 99)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(TEXT.read_bytes()[: 1 << 20])
    with pytest.raises(EncoderError, match="cannot be read"):
        lower_part(broken, "LayerNormalization", 3)
    with pytest.raises(EncoderError, match="cannot be read"):
        lower_part(tmp_path / "none.onnx", "LayerNormalization", 3)
