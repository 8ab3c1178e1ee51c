"""Compiled graphs are kept, mapped, and give what the model itself gives, to the bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium.encoders.compiled import compiled, widened
from sensorium.encoders.folder import SHIPPED
from sensorium.encoders.runtime import import_openvino

TEXTS = SHIPPED / "mini" / "text.onnx"  # its weights have four bits
OPTIONS = {"INFERENCE_PRECISION_HINT": "f32", "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0"}

openvino = import_openvino()
core = openvino.Core()


def vectors(model: Any, texts: int, tokens: int) -> np.ndarray:
    ids = np.random.default_rng(tokens).integers(4, 70_000, (texts, tokens))
    given = {"input_ids": ids, "attention_mask": np.ones((texts, tokens), np.int64)}
    return np.array(model.create_infer_request().infer(given)[0])


@pytest.mark.parametrize("kind", ["i4", "u4"])
def test_four_bits_in_eight(kind: str) -> None:
    values = np.arange(15) - (8 if kind == "i4" else 0)
    packed = np.append(values, 0).astype(np.int8).view(np.uint8) & 15
    tensor = openvino.Tensor(
        packed[::2] | (packed[1::2] << 4), [3, 5], getattr(openvino.Type, kind)
    )
    wide = widened(openvino.op.Constant(tensor))
    assert wide.dtype == (np.int8 if kind == "i4" else np.uint8)
    np.testing.assert_array_equal(wide, values.reshape(3, 5))


def test_the_same_vectors_to_the_bit_and_less_to_do(tmp_path: Path) -> None:
    plain = core.compile_model(str(TEXTS), "CPU", OPTIONS)
    made = compiled(openvino, core, TEXTS, OPTIONS, tmp_path)
    (blob,) = tmp_path.iterdir()
    mapped = compiled(openvino, core, TEXTS, OPTIONS, tmp_path)
    assert [*tmp_path.iterdir()] == [blob]
    for texts, tokens in ((1, 7), (1, 40), (5, 12)):
        expected = vectors(plain, texts, tokens)
        np.testing.assert_array_equal(vectors(made, texts, tokens), expected)
        np.testing.assert_array_equal(vectors(mapped, texts, tokens), expected)

    def kinds(model: Any) -> set[str]:
        nodes = model.get_runtime_model().get_ops()
        return {node.get_rt_info()["runtimePrecision"].astype(str) for node in nodes}

    assert "i4" in kinds(plain) and "i4" not in kinds(mapped)


def test_what_is_kept_may_be_damaged_or_of_other_options(tiny: Path, tmp_path: Path) -> None:
    model = tiny / "text.onnx"
    given = {"input_ids": np.arange(4, 9)[None], "attention_mask": np.ones((1, 5), np.int64)}

    def once(**options: str) -> np.ndarray:
        loaded = compiled(openvino, core, model, {**OPTIONS, **options}, tmp_path)
        return np.array(loaded(given)[0])

    first = once()
    for damage in (lambda content: content[:100], lambda content: content + b"more", lambda _: b""):
        (blob,) = tmp_path.iterdir()
        blob.write_bytes(damage(blob.read_bytes()))
        np.testing.assert_array_equal(once(), first)
    once(PERFORMANCE_HINT="LATENCY")
    assert len([*tmp_path.iterdir()]) == 2


def test_where_nothing_can_be_kept(tiny: Path, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert compiled(openvino, core, tiny / "text.onnx", OPTIONS, gone) is not None
    assert not gone.exists()
