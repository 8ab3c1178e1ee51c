"""What runs on a graphics card, run there: encoders, a training, exact search; 8 minutes at most.

    python -m benchmarks gpu [--quick] [--json FILE] [--device cpu]

Models of the usual sizes with random weights (`random_models`), so nothing is fetched. For each
part the card's results stand beside the processor's, and how far both agree; what does not agree
within its bound ends the program with what differed. Without a card that torch can use it says so
and ends; ``--device cpu`` runs the same parts on the processor with tiny models, to check the
program.

- Encoders in torch: a CLIP on the card in the precision that is chosen there, and in float32.
- Encoders in ONNX Runtime: the same one exported, on CUDA where ``onnxruntime-gpu`` is installed.
- A contrastive training of both towers: steps a second, and whether the loss falls.
- Exact search, which Sensorium does on the processor, beside torch on the card: what a card would
  give at most.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
import PIL.Image
from rich.console import Console

from benchmarks.rows import Row
from sensorium import Image, Text
from sensorium.errors import EncoderError, MissingExtraError, UsageError

SECONDS = 8 * 60.0
"""After so many no further part is begun."""

ON_CARD, ON_PROCESSOR = "card", "processor"

LEAST_COSINE = {"float32": 0.9999, "bfloat16": 0.99, "float16": 0.999}
"""Of one thing's vectors from card and processor, by precision."""

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Size:
    """How much is run.

    Attributes
    ----------
    model : str
        "tiny", or a name of `random_models.MODELS`.
    batch, pictures : int
        Of encoders; pictures of the training.
    epochs : int
    vectors, dimension, questions : int
        Of the search.
    """

    model: str
    batch: int
    pictures: int
    epochs: int
    vectors: int
    dimension: int
    questions: int


FULL = Size("CLIP ViT-B/32", 64, 512, 3, 1_000_000, 640, 64)
QUICK = Size("CLIP ViT-B/32", 16, 128, 2, 200_000, 640, 32)
TINY = Size("tiny", 8, 48, 8, 2_000, 64, 8)

WORDS = (  # noqa: SIM905
    "a photo of the red green blue square round large small old new cat dog house tree"
).split()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument(
        "--device", default="cuda", metavar="cuda|cpu", help="cpu: tiny models, to check this"
    )


def run(arguments: argparse.Namespace) -> list[Row]:
    """Run all parts on the card.

    Raises
    ------
    UsageError
        Where torch can use no card.
    EncoderError
        Where card and processor do not agree.
    """
    device = require_device(arguments.device)
    size = TINY if device == "cpu" else QUICK if arguments.quick else FULL
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    console.print(f"on {told(device)}")
    begun = time.monotonic()
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        write_model(folder / "model", size)
        for name, part in PARTS.items():
            left = SECONDS - (time.monotonic() - begun)
            if left <= 0:
                console.print(f"{name}: left out, {SECONDS / 60:.0f} minutes are over")
                continue
            console.print(f"{name}, {left:.0f} s left")
            rows += part(folder, device, size, console)
    return rows


def require_device(device: str) -> str:
    """The device, where torch can use it."""
    import torch

    if device not in ("cuda", "cpu"):
        raise UsageError(f"--device is cuda or cpu, got {device!r}")
    if device == "cuda" and not torch.cuda.is_available():
        built = torch.version.cuda or "no CUDA"
        raise UsageError(
            f"torch {torch.__version__} (built for {built}) finds no graphics card here, so "
            "nothing was measured; where one is, run this again. `--device cpu` checks the program "
            "itself"
        )
    return device


def told(device: str) -> str:
    """What the parts run on, for people."""
    import torch

    if device == "cpu":
        return "the processor, with tiny models: this checks the program and measures nothing"
    gibibytes = torch.cuda.get_device_properties(0).total_memory / 2**30
    return f"{torch.cuda.get_device_name()}, {gibibytes:.0f} GiB, torch {torch.__version__}"


def write_model(folder: Path, size: Size) -> None:
    """A CLIP with random weights, as the hub has it."""
    from benchmarks import random_models

    if size.model != "tiny":
        random_models.make(size.model, folder, WORDS)
        return
    import torch
    import transformers

    torch.manual_seed(0)
    small = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 64,
    }  # fmt: skip
    text = {
        **small, "vocab_size": len(WORDS) + 4, "max_position_embeddings": 77, "eos_token_id": 3,
        "bos_token_id": 2, "pad_token_id": 0,
    }  # fmt: skip
    vision = {**small, "image_size": 32, "patch_size": 8}
    config = transformers.CLIPConfig(text_config=text, vision_config=vision, projection_dim=24)
    images = transformers.CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    words = random_models.tokenizer(WORDS, 77)
    random_models._save(
        folder, transformers.CLIPModel(config), transformers.CLIPProcessor(images, words)
    )


def painted(count: int) -> list[PIL.Image.Image]:
    """Pictures of squares in random colours."""
    rng = np.random.default_rng(1)
    levels = rng.integers(256, size=(count, 4, 4, 3), dtype=np.uint8)
    return [PIL.Image.fromarray(one).resize((224, 224)) for one in levels]


def captions(count: int) -> list[str]:
    rng = np.random.default_rng(2)
    return [" ".join(rng.choice(WORDS, 6)) for _ in range(count)]


def torch_encoders(folder: Path, device: str, size: Size, console: Console) -> Iterator[Row]:
    """Speed on the card in each precision, and how far it agrees with the processor."""
    from sensorium.encoders.hub import HubEncoder

    wanted = things(size)
    right = encoded(HubEncoder(folder / "model", device="cpu", dtype="float32"), wanted)
    for dtype in ("float32", None) if device == "cuda" else ("float32",):
        encoder = HubEncoder(folder / "model", device=device, dtype=dtype)
        console.print(f"  {encoder.runtime}")
        case = f"torch, {encoder.dtype}"
        yield from beside(case, encoder, wanted, right, LEAST_COSINE[encoder.dtype])


def onnx_encoders(folder: Path, device: str, size: Size, console: Console) -> Iterator[Row]:
    """The same of the exported model; only where ONNX Runtime has a provider for the card."""
    from sensorium import load_encoder
    from sensorium.encoders.export.onnx import export
    from sensorium.encoders.hub import HubEncoder

    try:
        import onnxruntime
    except ImportError:
        console.print("  left out: onnxruntime-gpu is not installed")
        return
    provider = "CUDAExecutionProvider" if device == "cuda" else "CPUExecutionProvider"
    if provider not in onnxruntime.get_available_providers():
        console.print(f"  left out: this ONNX Runtime has no {provider}: install onnxruntime-gpu")
        return
    pictures = [folder / f"{n}.png" for n in range(4)]
    for path, picture in zip(pictures, painted(4), strict=True):
        picture.save(path)
    hub = HubEncoder(folder / "model", device="cpu", dtype="float32")
    try:
        export(hub, folder / "exported", images=pictures)
    except MissingExtraError as error:
        console.print(f"  left out: {error}")
        return
    encoder = load_encoder(folder / "exported", runtime="onnxruntime")
    console.print(f"  {encoder.runtime}")
    if device == "cuda" and "CUDA" not in encoder.runtime:
        raise EncoderError(f"ONNX Runtime has CUDA and did not take it: {encoder.runtime}")
    wanted = things(size)
    yield from beside("ONNX Runtime, float32", encoder, wanted, encoded(hub, wanted), 0.999)


def things(size: Size) -> dict[str, list[Any]]:
    """Pictures and texts that encoders are given."""
    return {
        "pictures": [Image(picture) for picture in painted(size.batch)],
        "texts": [Text(text) for text in captions(size.batch)],
    }


def encoded(encoder: Any, wanted: dict[str, list[Any]]) -> dict[str, Vectors]:
    return {kind: encoder.encode(some, batch_size=len(some)) for kind, some in wanted.items()}


def beside(
    case: str,
    encoder: Any,
    wanted: dict[str, list[Any]],
    right: dict[str, Vectors],
    least: float,
) -> Iterator[Row]:
    """Rows of an encoder's speed and agreement.

    Raises
    ------
    EncoderError
        Where the least cosine to the right vectors is under `least`.
    """
    for kind, some in wanted.items():
        vectors = encoder.encode(some, batch_size=len(some))
        agreement = float(np.einsum("nd,nd->n", vectors, right[kind]).min())
        yield Row("gpu", f"{case}: {kind}", ON_CARD, "least cosine to the processor's", agreement)
        if not agreement >= least:  # NaN, too
            raise EncoderError(
                f"{case}, {kind}: cosine {agreement:.5f} to the processor's, {least}"
            )
        seconds = median(timed(lambda some=some: encoder.encode(some, batch_size=len(some)), 3))  # type: ignore[misc]
        yield Row("gpu", f"{case}: {kind}", ON_CARD, "speed", len(some) / seconds, f"{kind}/s")


def timed(task: Callable[[], object], rounds: int) -> list[float]:
    """Seconds of each call, until the card has ended it."""
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        task()
        wait()
        found.append(time.perf_counter() - started)
    return found


def wait() -> None:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def training(folder: Path, device: str, size: Size, console: Console) -> Iterator[Row]:
    """Both towers trained on painted pictures; the loss has to fall."""
    import csv
    import json

    from sensorium.training.contrastive import Options, train_contrastive
    from sensorium.training.loop import Settings

    pictures, texts = painted(size.pictures), captions(size.pictures)
    with (folder / "pairs.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "caption"])
        for n, (picture, text) in enumerate(zip(pictures, texts, strict=True)):
            picture.save(folder / f"pair {n}.png")
            table.writerow([str(folder / f"pair {n}.png"), text])
    model = str(folder / "model")
    options = Options(image_tower=model, text_tower=model, tune=("image", "text"),
                      tower_learning_rate=1e-4)  # fmt: skip
    settings = Settings(epochs=size.epochs, batch_size=min(64, size.pictures // 3))
    started = time.perf_counter()
    report = train_contrastive(folder / "pairs.csv", folder / "trained", options, settings)
    seconds = time.perf_counter() - started
    facts: dict[str, Any] = report.to_json()
    losses = [float(loss) for loss in report.history.losses]
    console.print(f"  {json.dumps({key: facts[key] for key in ('steps', 'best_step')})}")
    yield Row("gpu", "contrastive training", ON_CARD, "steps a second", facts["steps"] / seconds)
    part = max(1, len(losses) // 4)
    first, last = float(np.mean(losses[:part])), float(np.mean(losses[-part:]))
    yield Row("gpu", "contrastive training", ON_CARD, "loss, first quarter", first)
    yield Row("gpu", "contrastive training", ON_CARD, "loss, last quarter", last)
    if not last < first:  # NaN, too
        raise EncoderError(f"contrastive training: the loss went from {first:.4f} to {last:.4f}")


def search(folder: Path, device: str, size: Size, console: Console) -> Iterator[Row]:
    """The ten nearest of random vectors: ours on the processor, torch on the card."""
    import torch

    from sensorium.index.exact import ExactIndex

    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((size.vectors, size.dimension), np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    questions = vectors[:: size.vectors // size.questions][: size.questions]
    questions = questions + 0.02 * rng.standard_normal(questions.shape, np.float32)
    questions /= np.linalg.norm(questions, axis=1, keepdims=True)
    index = ExactIndex.build(vectors)
    there = torch.from_numpy(vectors).to(device)

    def on_card() -> Any:
        asked = torch.from_numpy(questions).to(device)
        return torch.topk(asked @ there.T, 10, dim=1).indices.cpu().numpy()

    found, right = on_card(), index.search(questions, 10).rows
    agreement = float(np.mean([len({*a} & {*b}) / 10 for a, b in zip(found, right, strict=True)]))
    case = f"exact search of {size.vectors:,}, {len(questions)} questions at once"
    for system, task in ((ON_CARD, on_card), (ON_PROCESSOR, lambda: index.search(questions, 10))):
        yield Row("gpu", case, system, "time", 1000 * median(timed(task, 5)), "ms")
    yield Row("gpu", case, ON_CARD, "share of the processor's ten", agreement)
    if agreement < 0.99:
        raise EncoderError(f"{case}: the card found {agreement:.3f} of what the processor found")


PARTS: dict[str, Callable[[Path, str, Size, Console], Iterator[Row]]] = {
    "encoders in torch": torch_encoders,
    "encoders in ONNX Runtime": onnx_encoders,
    "contrastive training": training,
    "exact search": search,
}
