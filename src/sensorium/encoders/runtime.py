"""The seam between a model and what executes it: OpenVINO or ONNX Runtime, and LiteRT.

OpenVINO is the faster one on CPUs (docs/design.md has the figures) and installs with the package;
ONNX Runtime, an extra, brings CUDA, CoreML, DirectML and every other CPU. Both run ONNX; a file in
LiteRT's format runs on LiteRT alone (`sensorium.encoders.litert_runtime`).
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import os
import sys
import threading
import warnings
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from weakref import WeakValueDictionary

import numpy as np
import numpy.typing as npt

from sensorium.encoders.compiled import compiled
from sensorium.encoders.litert_runtime import LITERT, SUFFIX, LiteRTRuntime
from sensorium.encoders.space import hash_files
from sensorium.errors import EncoderError, MissingExtraError, SensoriumWarning, UsageError
from sensorium.home import sensorium_home

RUNTIMES = ("openvino", "onnxruntime")
"""What runs ONNX."""

PRECISIONS = ("bf16", "f32")
"""What a tower may be computed in, lowest first."""

ONNX_PROVIDERS = (
    "CUDAExecutionProvider",
    "CoreMLExecutionProvider",
    "DmlExecutionProvider",
    "CPUExecutionProvider",
)
"""ONNX Runtime's devices in the order they are tried."""


SHAPES_KEPT = 64
"""Layers of some shape that OpenVINO keeps ready for each run of a model; by itself it keeps 5,000.

Batches of texts have a shape for each number and length of them, and what was made for each stays.
`mini`'s text tower in two threads grew from 77 MB of its own over 201 after 120 shapes to 265 after
240, and to 299 when all came once more; with 64 it had 180, 204 and 206, in 3% more processor time
where no shape came twice in a row. With none, as much again is taken by what is made each time."""


class Runtime(Protocol):
    """A loaded model.

    Attributes
    ----------
    description : str
        Runtime, precision and device, as shown to people.
    """

    description: str

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """Execute the model; safe to call from several threads.

        Parameters
        ----------
        inputs : mapping
            Input name to array, batch first.

        Returns
        -------
        ndarray of float32
            The model's first output.
        """
        ...


def runtime_name(name: str | None = None) -> str:
    """Choose a runtime.

    Parameters
    ----------
    name : {"openvino", "onnxruntime"}, optional
        None asks ``$SENSORIUM_RUNTIME``; without that, OpenVINO where it is installed and ONNX
        Runtime has no accelerator to offer.

    Raises
    ------
    UsageError
        For an unknown name.
    """
    name = name or os.environ.get("SENSORIUM_RUNTIME") or None
    if name is None:
        return "onnxruntime" if _has_accelerator() or not _has_openvino() else "openvino"
    if name not in RUNTIMES:
        raise UsageError(f"unknown runtime {name!r}; known: {', '.join(RUNTIMES)}")
    return name


def runtime_for(file: str, name: str | None = None) -> str:
    """Choose what runs a model's file.

    Parameters
    ----------
    file : str
        Its name; LiteRT's end in ``.tflite``.
    name : str, optional
        What somebody asked for. None takes LiteRT for its files, and `runtime_name` for ONNX.

    Raises
    ------
    UsageError
        For an unknown runtime, or one that does not run such files.
    """
    if file.lower().endswith(SUFFIX):
        if name not in (None, LITERT):
            raise UsageError(
                f"{file} is in LiteRT's format, which {name!r} does not run: leave the runtime "
                f"out, or name {LITERT!r}"
            )
        return LITERT
    if name == LITERT:
        raise UsageError(
            f"{file} is ONNX, which LiteRT does not run: `sensorium export MODEL FOLDER --format "
            f"litert` writes an encoder for it; for ONNX there are {', '.join(RUNTIMES)}"
        )
    return runtime_name(name)


def lowest_precision() -> str:
    """The lowest precision that any model may be computed in, from ``$SENSORIUM_PRECISION``.

    Returns
    -------
    {"bf16", "f32"}
        Without the variable ``"bf16"``: each model in the lowest precision that it bears.

    Raises
    ------
    UsageError
        For another value.
    """
    precision = os.environ.get("SENSORIUM_PRECISION") or PRECISIONS[0]
    if precision not in PRECISIONS:
        known = ", ".join(PRECISIONS)
        raise UsageError(f"unknown precision {precision!r} in $SENSORIUM_PRECISION; known: {known}")
    return precision


def processors() -> int:
    """Processors that this process is to take, from ``$SENSORIUM_THREADS``; without it, all.

    Raises
    ------
    UsageError
        For a value that is no number from 1 on.
    """
    said = os.environ.get("SENSORIUM_THREADS")
    if not said:
        return os.cpu_count() or 1
    if not (said.isascii() and said.isdigit() and int(said) > 0):
        raise UsageError(f"$SENSORIUM_THREADS is a number from 1 on, got {said!r:.40}")
    return int(said)


def load_runtime(
    model: Path, name: str | None = None, precision: str = "bf16", runs: int = 1, int8: int = 0
) -> Runtime:
    """Load a model, or share one of the same content that somebody in this process holds.

    Parameters
    ----------
    model : Path
        The ``.onnx`` or ``.tflite`` file.
    name : str, optional
        See `runtime_for`.
    precision : {"bf16", "f32"}
        Lowest precision that the model bears; see also `lowest_precision`.
    runs : int
        How many threads are going to run it at once: each run gets its share of the processors.
    int8 : int
        How many of its layers are to multiply in 8 bits. Where fewer do, the description says so
        and so does a warning: the vectors are the same but for rounding, and no quicker.

    Raises
    ------
    EncoderError
        When the runtime cannot load the file.
    UsageError
        For an unknown runtime or precision.
    """
    precision = max(precision, lowest_precision(), key=PRECISIONS.index)
    kind = runtime_for(model.name, name)
    make = OpenVINORuntime if kind == "openvino" else ONNXRuntime
    loaded: Runtime
    try:
        key = (kind, hash_files([model]), precision, runs, int8, processors())
        held = _HELD.get(key)
        if held is not None:
            loaded = held
        elif kind == LITERT:
            loaded = _HELD[key] = LiteRTRuntime(model, runs, int8)
        else:
            loaded = _HELD[key] = make(model, precision, runs, int8)
    except MissingExtraError:
        raise
    except Exception as error:
        # OpenVINO raises RuntimeError; ONNX Runtime's own exceptions share no base but Exception.
        called = LiteRTRuntime if kind == LITERT else make
        raise EncoderError(f"{model}: {called.__name__} cannot load it ({error})") from error
    if int8 and isinstance(loaded, OpenVINORuntime) and loaded.int8_layers < int8:
        warnings.warn(
            f"{model}: {loaded.int8_layers} of {int8} layers run in 8 bits on this processor, the "
            "others in float: it is right, and no quicker than it was before",
            SensoriumWarning,
            stacklevel=2,
        )
    return loaded


_HELD: WeakValueDictionary[tuple[Any, ...], Runtime] = WeakValueDictionary()
"""Models that are loaded now, by runtime, content and settings: to load `mini`'s towers once more
takes 0.4 s of a processor, and their memory a second time."""


class OpenVINORuntime:
    """OpenVINO on the CPU, in bf16 where model and processor allow it.

    Attributes
    ----------
    int8_layers : int
        Layers that multiply in 8 bits, by what OpenVINO says of the graph that it made.
    """

    def __init__(self, model: Path, precision: str, runs: int = 1, int8: int = 0) -> None:
        core = _openvino_core()
        native = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
        # On a CPU that only emulates bf16 it is slower than fp32.
        precision = precision if native else "f32"
        options = {
            "INFERENCE_PRECISION_HINT": precision,
            "PERFORMANCE_HINT": "LATENCY",
            # Quantising activations on the fly would make a vector depend on its batch.
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
            **_threads(),
            **(_shared(runs) if runs > 1 else {}),
        }
        folder = _folder_of_compiled(model, precision)
        with _COMPILING:
            self._model = compiled(import_openvino(), core, model, options, folder)
        self._requests = threading.local()  # an infer request serves one thread at a time
        self.int8_layers = _layers_in_8_bits(self._model) if int8 else 0
        some = "" if self.int8_layers >= int8 else f" ({self.int8_layers} of {int8} layers)"
        self.description = f"OpenVINO {f'int8{some} and ' if int8 else ''}{precision} on CPU"

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """See `Runtime.run`."""
        if not hasattr(self._requests, "request"):
            self._requests.request = self._model.create_infer_request()
        result = self._requests.request.infer(dict(inputs))
        # A copy: the request's own buffer is overwritten by its next call.
        return np.array(result[0], dtype=np.float32)


def _layers_in_8_bits(model: Any) -> int:
    """Convolutions and matrix products that a compiled model computes in 8 bits."""
    found = 0
    for node in model.get_runtime_model().get_ops():
        said = node.get_rt_info()
        kind, precision = (said[key].astype(str) for key in ("layerType", "runtimePrecision"))
        found += kind in _MULTIPLYING and precision in ("i8", "u8")
    return found


_MULTIPLYING = ("Convolution", "FullyConnected", "MatMul")


def _threads() -> dict[str, Any]:
    """Options where a process is not to take all processors: it is bound to none of them."""
    if not os.environ.get("SENSORIUM_THREADS"):
        return {}
    return {"INFERENCE_NUM_THREADS": processors(), "ENABLE_CPU_PINNING": False}


def _shared(runs: int) -> dict[str, Any]:
    """Options for several runs at once.

    Threads of a run wait for each other at every layer, busily; runs beside each other do not. They
    are bound to no processor: towers would each bind their first run to the same one.
    """
    return {
        "NUM_STREAMS": runs,
        "INFERENCE_NUM_THREADS": max(runs, processors()),
        "ENABLE_CPU_PINNING": False,
    }


class ONNXRuntime:
    """ONNX Runtime on the first of `ONNX_PROVIDERS` that is installed, in full precision."""

    def __init__(self, model: Path, precision: str, runs: int = 1, int8: int = 0) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise MissingExtraError("onnxruntime", "onnxruntime") from error
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # errors only; warnings of graph rewrites help nobody
        # Weights may be stored in 4 bits; without this, activations are rounded to 8 bits too.
        options.add_session_config_entry("session.qdq_matmulnbits_accuracy_level", "1")
        if runs > 1 or os.environ.get("SENSORIUM_THREADS"):
            options.intra_op_num_threads = max(1, processors() // runs)
        available = onnxruntime.get_available_providers()
        providers = [name for name in ONNX_PROVIDERS if name in available]
        self._session = onnxruntime.InferenceSession(str(model), options, providers=providers)
        device = self._session.get_providers()[0].removesuffix("ExecutionProvider")
        self.description = f"ONNX Runtime {'int8 ' if int8 else ''}on {device}"

    def run(self, inputs: Mapping[str, npt.NDArray[Any]]) -> npt.NDArray[np.float32]:
        """See `Runtime.run`."""
        return np.asarray(self._session.run(None, dict(inputs))[0], dtype=np.float32)


def _has_openvino() -> bool:
    return importlib.util.find_spec("openvino") is not None


def _has_accelerator() -> bool:
    # Importing onnxruntime costs 0.1 s, importlib.metadata 0.02; its GPU builds are packages of
    # other names, which are installed beside it.
    found = importlib.util.find_spec("onnxruntime")
    if found is None or found.origin is None:
        return False
    beside = Path(found.origin).parents[1]
    return any(
        True
        for build in ("gpu", "directml")
        for _ in beside.glob(f"onnxruntime_{build}-*.dist-info")
    )


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry: whoever needs it imports it here.

    Merely importing it reports to its makers over the network and writes into ``~/intel``. It
    does neither where the package ``openvino_telemetry`` is missing, so it is made to look so. What
    converts models of other kinds takes half of the time that importing it takes, and is imported
    when ``openvino.convert_model`` is called.
    """
    converts = "openvino.tools.ovc"
    hidden = [name for name in ("openvino_telemetry", converts) if name not in sys.modules]
    if "openvino" in sys.modules:
        hidden = [name for name in hidden if name != converts]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]  # import then raises ImportError
    try:
        openvino: Any = importlib.import_module("openvino")
    finally:
        for name in hidden:
            del sys.modules[name]
    if not hasattr(openvino, "convert_model"):
        openvino.convert_model = _convert_model
    return openvino


def _convert_model(*arguments: Any, **options: Any) -> Any:
    """``openvino.convert_model``, imported when it is called."""
    return importlib.import_module("openvino.tools.ovc").convert_model(*arguments, **options)


def compile_for_cpu(model: Any, options: Mapping[str, Any]) -> Any:
    """``openvino.Core().compile_model`` on the CPU, one call after the other.

    Reading a compiled model from the cache sets the whole process' locale to "C" for a moment, and
    then what it was before: two at once put back what the other had set, and from then on Python
    reads every file and every pipe as ASCII.
    """
    core = _openvino_core()
    with _COMPILING:
        return core.compile_model(model, "CPU", dict(options))


_COMPILING = threading.Lock()


@cache
def _openvino_core() -> Any:
    core = import_openvino().Core()
    # Not among its documented properties: where a version knows it no more, it keeps what it likes.
    with contextlib.suppress(RuntimeError):
        core.set_property("CPU", {"CPU_RUNTIME_CACHE_CAPACITY": SHAPES_KEPT})
    return core


def _folder_of_compiled(model: Path, precision: str) -> Path:
    """Say where the compiled model is kept.

    Each content has a folder: by path and time, a model that replaces another within one tick of
    the clock would get the other's results.
    """
    folder = sensorium_home() / "openvino" / f"{hash_files([model])[:16]}-{precision}"
    # Where nothing can be kept (a read-only home), everything works as well, only later.
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
    return folder
