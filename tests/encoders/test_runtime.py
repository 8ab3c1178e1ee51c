"""Both runtimes give the same vectors; which one is used can be said."""

from __future__ import annotations

import gc
import json
import locale
import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL.Image
import pytest

from sensorium.encoders import load_encoder, runtime
from sensorium.encoders.runtime import (
    PRECISIONS,
    RUNTIMES,
    _openvino_core,
    load_runtime,
    processors,
    runtime_name,
)
from sensorium.errors import EncoderError, MissingExtraError, UsageError
from tests.media.small_pictures import red_blue
from tests.tiny_encoder import make_tiny_encoder

ITEMS = ["a dog", red_blue(), "the red cat", "a", PIL.Image.new("RGB", (7, 90), "green")]


def test_both_runtimes_agree(tiny: Path) -> None:
    openvino, onnx = (load_encoder(tiny, runtime=name).encode(ITEMS) for name in RUNTIMES)
    assert (openvino * onnx).sum(axis=1).min() >= 0.999
    assert "text: OpenVINO " in load_encoder(tiny, runtime="openvino").runtime
    assert "image: ONNX Runtime on CPU" in load_encoder(tiny, runtime="onnxruntime").runtime


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_model_that_replaces_another_is_not_taken_for_it(tmp_path: Path, name: str) -> None:
    vectors, stamp = [], 1_700_000_000_000_000_000
    for seed in (0, 1):
        make_tiny_encoder(tmp_path, seed=seed)
        for file in tmp_path.iterdir():
            os.utime(file, ns=(stamp, stamp))  # both written in one tick of the clock
        vectors.append(load_encoder(tmp_path, runtime=name).encode(["a dog"])[0])
    assert vectors[0] @ vectors[1] < 0.9


@pytest.mark.usefixtures("unshared")
def test_models_that_are_loaded_at_once_leave_the_locale_as_it_is(tiny: Path) -> None:
    """In "C", which OpenVINO sets for a moment, Python takes all that is read for ASCII."""
    was = locale.setlocale(locale.LC_CTYPE)
    models = [tiny / "image.onnx", tiny / "text.onnx"]
    with ThreadPoolExecutor(4) as threads:
        for _ in range(5):
            list(threads.map(lambda model: load_runtime(model, "openvino"), models * 2))
    left = locale.setlocale(locale.LC_CTYPE)
    locale.setlocale(locale.LC_CTYPE, was)
    assert left == was


def test_the_runtime_is_no_part_of_the_space(tiny: Path) -> None:
    one, other = (load_encoder(tiny, runtime=name) for name in RUNTIMES)
    assert one.space == other.space


@pytest.mark.parametrize("name", RUNTIMES)
def test_the_environment_chooses(tiny: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSORIUM_RUNTIME", name)
    assert runtime_name() == name
    assert load_encoder(tiny).runtime == load_encoder(tiny, runtime=name).runtime
    other = next(other for other in RUNTIMES if other != name)
    assert runtime_name(other) == other  # what is said in the call goes first
    monkeypatch.setenv("SENSORIUM_RUNTIME", "")
    assert runtime_name() in RUNTIMES


def test_full_precision_can_be_asked_for(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSORIUM_PRECISION", "f32")
    full = load_encoder(tiny, runtime="openvino")
    assert full.runtime == "image: OpenVINO f32 on CPU, text: OpenVINO f32 on CPU"
    # ONNX Runtime has no other precision; bf16 would be off by 2e-3.
    onnx = load_encoder(tiny, runtime="onnxruntime").encode(ITEMS)
    np.testing.assert_allclose(full.encode(ITEMS), onnx, atol=1e-5)


@pytest.mark.parametrize(
    ("built", "chosen"),
    [
        ("", "openvino"),
        ("onnxruntime-1.20.0", "openvino"),
        ("onnxruntime_gpu-1.20.0", "onnxruntime"),
        ("onnxruntime_directml-1.20.0", "onnxruntime"),
    ],
)
def test_a_build_for_accelerators_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, built: str, chosen: str
) -> None:
    monkeypatch.delenv("SENSORIUM_RUNTIME", raising=False)
    monkeypatch.delitem(sys.modules, "onnxruntime", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "onnxruntime").mkdir()
    (tmp_path / "onnxruntime" / "__init__.py").touch()
    if built:
        (tmp_path / f"{built}.dist-info").mkdir()
    assert runtime_name() == chosen


@pytest.mark.parametrize("value", ["", "bf16"])
def test_low_precision_is_used_where_it_is_borne(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SENSORIUM_PRECISION", value)
    native = "BF16" in _openvino_core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    best = "bf16" if native else "f32"
    config = json.loads((tiny / "encoder.json").read_text())
    config["image"]["precision"] = "f32"  # what a tower does not bear is never asked of it
    folder = shutil.copytree(tiny, tmp_path / "half")
    (folder / "encoder.json").write_text(json.dumps(config))
    half = load_encoder(folder, runtime="openvino")
    assert half.runtime == f"image: OpenVINO f32 on CPU, text: OpenVINO {best} on CPU"
    assert half.space == load_encoder(tiny).space


@pytest.mark.parametrize("name", RUNTIMES)
def test_threads_can_be_told(tiny: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = {"pixels": np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)}
    expected = load_runtime(tiny / "image.onnx", name).run(pixels)
    monkeypatch.setenv("SENSORIUM_THREADS", "1")
    loaded = load_runtime(tiny / "image.onnx", name)
    assert np.allclose(loaded.run(pixels), expected, atol=1e-6) and processors() == 1
    if name == "openvino":
        assert loaded._model.get_property("INFERENCE_NUM_THREADS") == 1  # type: ignore[attr-defined]
    for said in ("0", "-1", "two", "1.5", "²"):
        monkeypatch.setenv("SENSORIUM_THREADS", said)
        with pytest.raises(UsageError, match="a number from 1 on"):
            processors()
    monkeypatch.setenv("SENSORIUM_THREADS", "")
    assert processors() == (os.cpu_count() or 1)


def test_an_unknown_precision_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SENSORIUM_PRECISION", "float32")
    with pytest.raises(UsageError, match=r"unknown precision 'float32' in .*; known: bf16, f32"):
        load_encoder(tiny)
    with pytest.raises(UsageError, match="unknown precision 'float32'"):
        load_runtime(tiny / "image.onnx")


def test_an_unknown_runtime_is_refused(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match="'torch'; known: openvino, onnxruntime"):
        load_encoder(tiny, runtime="torch")
    monkeypatch.setenv("SENSORIUM_RUNTIME", "OpenVINO")
    with pytest.raises(UsageError, match="unknown runtime 'OpenVINO'"):
        load_encoder(tiny)


@pytest.mark.parametrize("name", RUNTIMES)
def test_a_missing_model(tmp_path: Path, name: str) -> None:
    with pytest.raises(EncoderError, match=r"gone.onnx: .*cannot load it"):
        load_runtime(tmp_path / "gone.onnx", name)


@pytest.mark.parametrize("name", RUNTIMES)
def test_results_are_not_overwritten_by_the_next_call(tiny: Path, name: str) -> None:
    tower = load_runtime(tiny / "image.onnx", name)
    black = np.zeros((1, 32, 32, 3), np.uint8)
    first = tower.run({"pixels": black})
    kept = first.copy()
    tower.run({"pixels": black + 255})
    assert np.array_equal(first, kept)
    assert first.dtype == np.float32


ENCODE = (
    "import sys, sensorium\n"
    "encoder = sensorium.load_encoder(sys.argv[1], runtime='openvino')\n"
    "print(encoder.encode(['a dog']).tobytes().hex())"
)


def encode_in_home(tiny: Path, home: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", ENCODE, tiny], capture_output=True, text=True, check=False,
        env={**os.environ, "SENSORIUM_HOME": str(home)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_compiled_models_are_kept_and_may_be_damaged_or_missing(tiny: Path, tmp_path: Path) -> None:
    home = tmp_path / "new" / "home"
    first = encode_in_home(tiny, home)
    (blob,) = (home / "openvino").rglob("*.blob")
    assert blob.stat().st_size > 0
    assert encode_in_home(tiny, home) == first
    assert [*(home / "openvino").rglob("*.blob")] == [blob]
    blob.chmod(0o600)
    blob.write_bytes(blob.read_bytes()[:100])  # the disk was full, say
    assert encode_in_home(tiny, home) == first


@pytest.mark.usefixtures("unshared")
def test_compiled_models_of_two_precisions_are_kept_apart(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def encode(precision: str, home: str) -> np.ndarray:
        monkeypatch.setenv("SENSORIUM_HOME", str(tmp_path / home))
        monkeypatch.setenv("SENSORIUM_PRECISION", precision)
        return load_encoder(tiny, runtime="openvino").encode(ITEMS)

    apart = {precision: encode(precision, precision) for precision in PRECISIONS}
    for precision in (*PRECISIONS, *PRECISIONS):
        np.testing.assert_array_equal(encode(precision, "both"), apart[precision])


def test_a_home_that_cannot_be_written_costs_only_time(tiny: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("no folder can be made here")
    assert encode_in_home(tiny, blocked) == encode_in_home(tiny, tmp_path / "home")


def test_nothing_is_reported_to_anyone(tiny: Path, tmp_path: Path) -> None:
    # OpenVINO's telemetry marks the home folder before it sends.
    home = tmp_path / "home"
    home.mkdir()
    code = (
        "import sys; from sensorium import load_encoder\n"
        f"load_encoder({str(tiny)!r}, runtime='openvino').encode(['a cat'])\n"
        "assert 'openvino' in sys.modules\n"
        "assert not any(name.startswith('openvino_telemetry') for name in sys.modules)"
    )
    environment = {**os.environ, "HOME": str(home), "USERPROFILE": str(home)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True)
    assert [*home.iterdir()] == []


def test_openvino_takes_how_many_shapes_it_is_to_keep() -> None:
    """What it does not know it refuses; memory would grow with every shape of a batch."""
    core = _openvino_core()
    core.set_property("CPU", {"CPU_RUNTIME_CACHE_CAPACITY": runtime.SHAPES_KEPT})
    with pytest.raises(RuntimeError, match="Unsupported property"):
        core.set_property("CPU", {"CPU_RUNTIME_CACHE": runtime.SHAPES_KEPT})


@pytest.mark.parametrize("name", RUNTIMES)
def test_equal_models_are_held_once_while_somebody_holds_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    model = make_tiny_encoder(tmp_path / "one", seed=7) / "text.onnx"
    copy = shutil.copytree(model.parent, tmp_path / "copy") / "text.onnx"
    changed = make_tiny_encoder(tmp_path / "changed", seed=8) / "text.onnx"
    held = load_runtime(model, name)
    assert load_runtime(copy, name) is held
    assert load_runtime(changed, name) is not held
    assert load_runtime(model, name, runs=2) is not held
    assert load_runtime(model, next(one for one in RUNTIMES if one != name)) is not held
    shutil.copy(changed, copy)  # another content is another model, whatever it is called
    assert load_runtime(copy, name) is not held
    monkeypatch.setenv("SENSORIUM_PRECISION", "f32")
    assert load_runtime(model, name) is not held
    del held
    gc.collect()
    before = len(runtime._HELD)
    assert load_runtime(model, name).description
    gc.collect()
    assert len(runtime._HELD) == before


@pytest.mark.usefixtures("unshared")
def test_the_second_runtime_is_an_extra(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert load_encoder(tiny, runtime="openvino").encode(["dog"]).shape == (1, 48)
    with pytest.raises(MissingExtraError, match=r"pip install .*\[onnxruntime\]"):
        load_encoder(tiny, runtime="onnxruntime").encode(["dog"])
