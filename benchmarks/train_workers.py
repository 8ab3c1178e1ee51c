"""Contrastive training by one process, by two of torchrun, and by two workers of Ray Train.

    python -m benchmarks train --part workers [--quick] [--json FILE]

Two small towers (a vision transformer and BERT, made new) are trained on parts of the sample's
photos, by the command, each way in a process of its own and in turns; every process has one thread.
"speed" is that of the loop; "all else" is what the command takes besides: imports, processes,
cluster, reading, encoding, writing. Without dropout, the losses of all are the same to rounding.
Ray's processes get the priority of the others, which they otherwise have not (15 lower): on a busy
machine that would be what is measured.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image
from rich.console import Console

from benchmarks.indexing import warn_if_busy
from benchmarks.measuring import run_process
from benchmarks.rows import Row
from benchmarks.sample import sample_rows

PICTURES, SIDE = 512, 64
BATCH = 64
STEPS, QUICK_STEPS = 40, 12
ROUNDS, QUICK_ROUNDS = 3, 1

WITHOUT_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
VIT = {
    "model_type": "vit", "hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 3,
    "intermediate_size": 768, "image_size": SIDE, "patch_size": 8, **WITHOUT_DROPOUT,
}  # fmt: skip
BERT = {
    "model_type": "bert", "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 512, "vocab_size": 1000, "max_position_embeddings": 64, **WITHOUT_DROPOUT,
}  # fmt: skip

ONE, TORCHRUN, RAY = "one process", "torchrun, two processes", "Ray Train, two workers"

TRAIN = ["-m", "sensorium", "train", "contrastive"]
SYSTEMS = {
    ONE: (TRAIN, []),
    TORCHRUN: (
        ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--rdzv-backend", "c10d",
         "--rdzv-endpoint", "localhost:0", *TRAIN],
        [],
    ),
    RAY: (TRAIN, ["--ray", "local", "--workers", "2"]),
}  # fmt: skip
"""What comes before the options, and after them."""

ENVIRONMENT = {
    "OMP_NUM_THREADS": "1", "SENSORIUM_THREADS": "1", "RAY_worker_niceness": str(os.nice(0)),
    "HF_HUB_OFFLINE": "1",
}  # fmt: skip


def run(arguments: argparse.Namespace) -> list[Row]:
    """See the module."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    warn_if_busy(console)
    steps = QUICK_STEPS if arguments.quick else STEPS
    rounds = QUICK_ROUNDS if arguments.quick else ROUNDS
    found: dict[str, list[tuple[float, float]]] = {}
    losses: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _write(folder, steps)
        names = list(SYSTEMS)
        for turn in range(rounds):
            for system in names[turn % len(names) :] + names[: turn % len(names)]:
                console.print(f"round {turn + 1} of {rounds}: {system}")
                all_of_it, loop, losses[system] = _trained(folder, system)
                found.setdefault(system, []).append((all_of_it, loop))
    return [*_rows(found, losses, steps)]


def _rows(
    found: dict[str, list[tuple[float, float]]], losses: dict[str, list[float]], steps: int
) -> Iterator[Row]:
    case = f"batches of {BATCH} pictures of {SIDE} pixels, {steps} steps"
    for system, times in found.items():
        loop = median(inner for _, inner in times)
        rest = median(whole - inner for whole, inner in times)
        yield Row("train_workers", case, system, "speed", steps * BATCH / loop, "pairs/s")
        yield Row("train_workers", case, system, "all else", rest, "s")
        apart = np.abs(np.subtract(losses[system], losses[ONE])).max()
        yield Row("train_workers", case, system, "loss, largest difference", float(apart))


def _write(folder: Path, steps: int) -> None:
    """Parts of the sample's photos with captions, a table, the towers' configurations, settings."""
    random = np.random.default_rng(0)
    sample = sample_rows()
    lines = ["path,caption"]
    for number in range(PICTURES):
        row = sample[number % len(sample)]
        with Image.open(row["image"]) as photo:
            photo = photo.convert("RGB")
        left, top = (int(random.integers(0, max(1, side - SIDE))) for side in photo.size)
        photo.crop((left, top, left + SIDE, top + SIDE)).save(folder / f"{number:04}.png")
        lines.append(f'{number:04}.png,"{row["caption_en"]}"')
    (folder / "pairs.csv").write_text("\n".join(lines), "utf-8")
    told = {"max_steps": steps, "save_every": 10**6, "validate_every": 10**6}
    for name, config in (("vit.json", VIT), ("bert.json", BERT), ("settings.json", told)):
        (folder / name).write_text(json.dumps(config))


def _trained(folder: Path, system: str) -> tuple[float, float, list[float]]:
    """Seconds of the command and of its loop, and the losses."""
    before, after = SYSTEMS[system]
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [
            sys.executable, *before, str(folder / "pairs.csv"),
            "--image-tower", str(folder / "vit.json"), "--text-tower", str(folder / "bert.json"),
            "--batch-size", str(BATCH), "--settings", str(folder / "settings.json"),
            "-o", f"{out}/encoder", *after,
        ]  # fmt: skip
        started = time.perf_counter()
        run_process(command, ENVIRONMENT)
        taken = time.perf_counter() - started
        history = json.loads(Path(out, "encoder/training/history.json").read_text("utf-8"))
    return taken, history["seconds"], history["losses"]
