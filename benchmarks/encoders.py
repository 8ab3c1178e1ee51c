"""Encoders exported by Sensorium beside the libraries that people run them with.

    python -m benchmarks encoders [--quick] [--json FILE] [--models NAME ...] [--folder DIR]
        [--without-torch]

Models of the usual sizes with random weights; photos of the sample and sentences of thirteen words.
Every system encodes the same inputs, the systems in turns; what is reported is the median, by the
wall clock and by processor time of all threads, which other programs disturb less. Pictures are
measured decode included, from JPEG files, and apart, from pixels of the model's size. Systems that
are not installed are named and left out. Beside the libraries as their documentation calls them
stand the exported graphs run by OpenVINO and ONNX Runtime alone, in float32 and in bfloat16 where
the processor has it.

With `--folder` the models and exports stay there, and those that are there are not made again: so
that an environment whose packages cannot make them can run them. Optimum, on which
sentence-transformers' ONNX and OpenVINO backends stand, wants an older Transformers than export
does; the systems were measured side by side like this:

    python -m benchmarks encoders --folder DIR --prepare
    python -m venv rivals && rivals/bin/pip install torch==2.13.0
    rivals/bin/pip install -e '.[bench]' optimum-intel optimum-onnx sentence-transformers
    rivals/bin/pip install --no-deps open_clip_torch torchvision timm ftfy wcwidth
    rivals/bin/python -m benchmarks encoders --folder DIR
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

import numpy as np
import PIL.Image
from rich.console import Console

from benchmarks.indexing import warn_if_busy
from benchmarks.rows import Row, write_json
from sensorium import Image
from sensorium.encoders.background import PASSAGES
from sensorium.encoders.runtime import import_openvino

OURS, IN_8_BITS = "Sensorium (exported)", "Sensorium (8 bits)"
TORCH = "Transformers (torch float32)"
GRAPHS = {
    "OpenVINO, float32": ("openvino", "f32"),
    "OpenVINO, bfloat16": ("openvino", "bf16"),
    "ONNX Runtime, float32": ("onnxruntime", "f32"),
}
BATCHES, QUICK_BATCHES = (1, 32), (1, 8)
ROUNDS = 7
PHOTOS = sorted((Path(__file__).parents[1] / "sample" / "images").glob("*.jpg"))[:32]
TEXTS = [" ".join((text * 3).split()[:13]) for text in PASSAGES[:30] if text.isascii()] * 2

OPEN_CLIP_SIZES = {"CLIP-ViT-B-32": "ViT-B-32", "CLIP-ViT-B-16": "ViT-B-16"}

Task = Callable[[], Any]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--models", nargs="+", metavar="NAME", help="some of the models only")
    parser.add_argument("--folder", type=Path, metavar="DIR", help="keep models and exports there")
    parser.add_argument("--without-torch", action="store_true", help="leave out what runs in torch")
    parser.add_argument("--prepare", action="store_true", help="only make and export the models")


def run(arguments: argparse.Namespace) -> list[Row]:
    """Measure every model with every system."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if arguments.folder is None:
        with tempfile.TemporaryDirectory() as temporary:
            return _run(arguments, Path(temporary), console)
    arguments.folder.mkdir(parents=True, exist_ok=True)
    return _run(arguments, arguments.folder, console)


def _run(arguments: argparse.Namespace, root: Path, console: Console) -> list[Row]:
    # Wheels of torchvision hold operators built for CUDA, which a CPU build of torch does not load.
    # This part only describes them; the preprocessing that the rivals take from it needs none.
    described = "torchvision._meta_registrations"
    sys.modules.setdefault(described, ModuleType(described))
    from benchmarks.random_models import MODELS, make

    warn_if_busy(console)
    rows: list[Row] = []
    words = [word for text in TEXTS for word in text.split()]
    names = arguments.models or (["CLIP ViT-B/32"] if arguments.quick else list(MODELS))
    for name in names:
        folder = root / name.replace("/", "-").replace(" ", "-")
        if not folder.exists():
            console.print(f"{name}: making")
            make(name, folder, words)
        if not _exported(folder).exists():
            console.print(f"{name}: exporting")
            _export(folder, console)
        if not _in_8_bits(folder).exists():
            console.print(f"{name}: 8 bits")
            _quantize(folder, console)
        if arguments.prepare:
            continue
        systems = dict(_systems(folder, console, arguments.without_torch))
        rounds = 3 if arguments.quick else ROUNDS
        for case, tasks in _cases(systems, QUICK_BATCHES if arguments.quick else BATCHES):
            console.print(f"{name}, {case}")
            rows += _measured(f"{name}, {case}", tasks, rounds)
            if arguments.json:  # what follows may not fit into memory
                write_json(rows, arguments.json)
    return rows


def _exported(folder: Path) -> Path:
    return folder.with_name(folder.name + "-onnx")


def _export(folder: Path, console: Console) -> None:
    from sensorium.encoders.export.onnx import export
    from sensorium.encoders.hub import HubEncoder

    for agreement in export(HubEncoder(folder), _exported(folder), images=PHOTOS).agreements:
        console.print(f"  {agreement}")


def _in_8_bits(folder: Path) -> Path:
    return folder.with_name(folder.name + "-int8")


def _quantize(folder: Path, console: Console) -> None:
    from sensorium.encoders import FolderEncoder
    from sensorium.encoders.int8 import export_int8

    report = export_int8(FolderEncoder(_exported(folder)), _in_8_bits(folder), images=PHOTOS)
    for loss in report.losses:
        console.print(f"  {loss}")


class _Ours:
    """The exported folder, as `load_encoder` runs it."""

    def __init__(self, folder: Path) -> None:
        from sensorium import load_encoder

        self.encoder = load_encoder(folder)
        self.modalities = self.encoder.space.modalities

    def photos(self, paths: list[Path]) -> Any:
        return self.encoder.encode([Image(path) for path in paths], batch_size=len(paths))

    def pixels(self, pixels: np.ndarray[Any, Any]) -> Any:
        from sensorium.media import Modality

        return self.encoder.encode_prepared(Modality.IMAGE, [{"pixels": p} for p in pixels])

    def texts(self, texts: list[str]) -> Any:
        return self.encoder.encode(texts, batch_size=len(texts))


class _Graph(_Ours):
    """The exported graph with nothing of ours but what prepares its inputs."""

    def __init__(self, folder: Path, runtime: str, precision: str) -> None:
        super().__init__(folder)
        self.run = {
            modality: _compiled(self.encoder.graph(modality), runtime, precision)
            for modality in self.modalities
        }
        self.encoder.encode_prepared = self._encode  # type: ignore[method-assign]

    def _encode(self, modality: Any, batch: Any, role: str = "document") -> Any:
        from sensorium.encoders.folder import FolderEncoder, collated

        assert isinstance(self.encoder, FolderEncoder)
        return self.run[modality](collated(modality, batch, self.encoder.config[modality.value]))


def _compiled(path: Path | None, runtime: str, precision: str) -> Callable[[Any], Any]:
    if runtime == "onnxruntime":
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        return lambda inputs: session.run(None, inputs)[0]
    core = import_openvino().Core()
    if precision == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        raise ModuleNotFoundError("this processor does not compute in bfloat16")
    compiled = core.compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": precision})
    return lambda inputs: compiled(inputs)[0]


class _Transformers:
    """The model and its processor, called as the documentation does; float32."""

    def __init__(self, folder: Path) -> None:
        import torch
        import transformers

        self.torch = torch
        self.model = transformers.AutoModel.from_pretrained(folder).eval()
        self.sees = hasattr(self.model, "get_image_features")
        self.reads = hasattr(self.model, "get_text_features")
        load = transformers.AutoProcessor if self.sees else transformers.AutoTokenizer
        self.processor = load.from_pretrained(folder)

    def photos(self, paths: list[Path]) -> Any:
        return self._see([PIL.Image.open(path).convert("RGB") for path in paths])

    def pixels(self, pixels: np.ndarray[Any, Any]) -> Any:
        return self._see([PIL.Image.fromarray(one) for one in pixels])

    def _see(self, pictures: list[PIL.Image.Image]) -> Any:
        inputs = self.processor(images=pictures, return_tensors="pt")
        with self.torch.inference_mode():
            return self.model.get_image_features(pixel_values=inputs["pixel_values"])

    def texts(self, texts: list[str]) -> Any:
        if not self.reads:
            inputs = self.processor(texts, padding=True, return_tensors="pt")
            with self.torch.inference_mode():
                return self.model(**inputs).last_hidden_state.mean(dim=1)
        # SigLIP was trained on texts padded to their full length, and its documentation pads so.
        siglip = self.model.config.model_type.startswith("siglip")
        inputs = self.processor(
            text=texts, padding="max_length" if siglip else True, return_tensors="pt"
        )
        with self.torch.inference_mode():
            return self.model.get_text_features(input_ids=inputs["input_ids"])


class _SentenceTransformers:
    """`SentenceTransformer.encode`, with one of its backends."""

    def __init__(self, folder: Path, backend: str) -> None:
        from sentence_transformers import SentenceTransformer

        if backend == "openvino":
            import_openvino()  # without its telemetry
        self.model = SentenceTransformer(str(folder), device="cpu", backend=backend)  # type: ignore[arg-type]

    def photos(self, paths: list[Path]) -> Any:
        return self._encode([PIL.Image.open(path).convert("RGB") for path in paths])

    def pixels(self, pixels: np.ndarray[Any, Any]) -> Any:
        return self._encode([PIL.Image.fromarray(one) for one in pixels])

    def texts(self, texts: list[str]) -> Any:
        return self._encode(texts)

    def _encode(self, inputs: list[Any]) -> Any:
        return self.model.encode(inputs, batch_size=len(inputs), show_progress_bar=False)


class _OpenCLIP:
    """open_clip's own model of the same size; float32."""

    def __init__(self, folder: Path) -> None:
        import open_clip
        import torch

        self.torch = torch
        size = OPEN_CLIP_SIZES[folder.name]
        self.model, _, self.see = open_clip.create_model_and_transforms(size)
        self.model.eval()
        self.read = open_clip.get_tokenizer(size)

    def photos(self, paths: list[Path]) -> Any:
        return self._encoded([PIL.Image.open(path) for path in paths])

    def pixels(self, pixels: np.ndarray[Any, Any]) -> Any:
        return self._encoded([PIL.Image.fromarray(one) for one in pixels])

    def _encoded(self, pictures: list[PIL.Image.Image]) -> Any:
        with self.torch.inference_mode():
            return self.model.encode_image(self.torch.stack([self.see(p) for p in pictures]))

    def texts(self, texts: list[str]) -> Any:
        with self.torch.inference_mode():
            return self.model.encode_text(self.read(texts))


def _systems(
    folder: Path, console: Console, without_torch: bool = False
) -> Iterator[tuple[str, Any]]:
    yield OURS, _Ours(_exported(folder))
    yield IN_8_BITS, _Ours(_in_8_bits(folder))
    makers: dict[str, tuple[str, Callable[[], Any]]] = {
        name: (runtime, lambda of=(runtime, precision): _Graph(_exported(folder), *of))  # type: ignore[misc]
        for name, (runtime, precision) in GRAPHS.items()
    }
    in_torch: dict[str, tuple[str, Callable[[], Any]]] = {
        TORCH: ("transformers", lambda: _Transformers(folder)),
        "sentence-transformers (torch float32)": (
            "sentence_transformers", lambda: _SentenceTransformers(folder, "torch"),
        ),
        "sentence-transformers (ONNX)": (
            "optimum.onnxruntime", lambda: _SentenceTransformers(folder, "onnx"),
        ),
        "sentence-transformers (OpenVINO)": (
            "optimum.intel", lambda: _SentenceTransformers(folder, "openvino"),
        ),
        "open_clip (torch float32)": ("open_clip", lambda: _OpenCLIP(folder)),
    }  # fmt: skip
    if not without_torch:
        makers |= in_torch
    for name, (package, make) in makers.items():
        try:
            if find_spec(package) is None:
                raise ModuleNotFoundError(f"{package} is not installed")
            yield name, make()
        except Exception as error:  # a rival's, of any kind
            lines = str(error).strip().splitlines() or [repr(error)]
            console.print(f"  left out: {name}: {lines[0][:200]}")


def _cases(
    systems: dict[str, Any], batches: tuple[int, ...]
) -> Iterator[tuple[str, dict[str, Task]]]:
    modalities = systems[OURS].modalities
    side = 224
    pixels = np.stack([np.asarray(Image(p).load().resize((side, side))) for p in PHOTOS])
    for batch in batches:
        if "image" in modalities:
            paths, some = PHOTOS[:batch], pixels[:batch]
            yield (
                f"photos, decode included, batch {batch}",
                {
                    name: (lambda one=one, paths=paths: one.photos(paths))
                    for name, one in systems.items()
                },
            )
            yield (
                f"pixels, batch {batch}",
                {
                    name: (lambda one=one, some=some: one.pixels(some))
                    for name, one in systems.items()
                },
            )
        if "text" in modalities:
            texts = TEXTS[:batch]
            yield (
                f"texts, batch {batch}",
                {
                    name: (lambda one=one, texts=texts: one.texts(texts))
                    for name, one in systems.items()
                },
            )


def _measured(case: str, tasks: dict[str, Task], rounds: int) -> Iterator[Row]:
    able: dict[str, Task] = {}
    for name, task in tasks.items():
        try:
            task()  # also warms up
        except Exception as error:  # a backend that takes no pictures, say
            lines = str(error).strip().splitlines() or [repr(error)]
            Console(stderr=True).print(f"  cannot: {name}: {lines[0][:120]}", markup=False)
            continue
        able[name] = task
    count = int(case.rsplit(" ", 1)[1])
    for metric, times in _times(able, rounds).items():
        speeds = {name: count / seconds for name, seconds in times.items()}
        for name, speed in speeds.items():
            yield Row("encoders", case, name, metric, speed, "items/s")
        rivals = [speed for name, speed in speeds.items() if name not in (OURS, IN_8_BITS)]
        for ours in (OURS, IN_8_BITS):
            if rivals:
                best = speeds[ours] / max(rivals)
                yield Row("encoders", case, ours, f"{metric}, times the best rival", best)
            if TORCH in speeds:
                torch = speeds[ours] / speeds[TORCH]
                yield Row("encoders", case, ours, f"{metric}, times torch float32", torch)


def _times(tasks: dict[str, Task], rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of each task by either clock, in turns."""
    names = [*tasks]
    taken: dict[str, dict[str, list[float]]] = {
        metric: {name: [] for name in names} for metric in CLOCKS
    }
    for turn in range(rounds):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            before = {metric: clock() for metric, clock in CLOCKS.items()}
            tasks[name]()
            for metric, clock in CLOCKS.items():
                taken[metric][name].append(clock() - before[metric])
    return {
        metric: {name: median(values) for name, values in of_one.items()}
        for metric, of_one in taken.items()
    }


CLOCKS: dict[str, Callable[[], float]] = {
    "speed": time.perf_counter,
    "speed, per second of processor time": time.process_time,
}
