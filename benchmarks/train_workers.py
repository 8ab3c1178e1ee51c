"""Contrastive training by one process, by two of torchrun, and by two workers of Ray Train.

    python -m benchmarks train --part workers [--quick] [--json FILE]

Two small towers (a vision transformer and BERT, made new) are trained on parts of the sample's
photos, by the command, each way in a process of its own and in turns; every process has one thread.
"one step" is everything that one step takes: imports, processes, cluster, reading, validating,
writing. "speed" is that of the steps that a longer training has more. Ray's processes get the
priority of the others, which they otherwise have not (15 lower): on a busy machine that would be
what is measured.
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

VIT = {
    "model_type": "vit", "hidden_size": 192, "num_hidden_layers": 6, "num_attention_heads": 3,
    "intermediate_size": 768, "image_size": SIDE, "patch_size": 8,
}  # fmt: skip
BERT = {
    "model_type": "bert", "hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 2,
    "intermediate_size": 512, "vocab_size": 1000, "max_position_embeddings": 64,
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
    found: dict[tuple[str, int], list[float]] = {}
    losses: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _write(folder)
        names = list(SYSTEMS)
        for turn in range(rounds):
            for system in names[turn % len(names) :] + names[: turn % len(names)]:
                for count in (1, steps):
                    console.print(f"round {turn + 1} of {rounds}: {system}, {count} steps")
                    taken, loss = _trained(folder, system, count)
                    found.setdefault((system, count), []).append(taken)
                    losses[system] = loss
    return [*_rows(found, losses, steps)]


def _rows(
    found: dict[tuple[str, int], list[float]], losses: dict[str, list[float]], steps: int
) -> Iterator[Row]:
    case = f"batches of {BATCH} pictures of {SIDE} pixels, {steps} steps"
    for system in SYSTEMS:
        one, many = median(found[system, 1]), median(found[system, steps])
        yield Row("train_workers", case, system, "one step", one, "s")
        yield Row("train_workers", case, system, f"{steps} steps", many, "s")
        speed = (steps - 1) * BATCH / (many - one)
        yield Row("train_workers", case, system, "speed", speed, "pairs/s")
        apart = np.abs(np.subtract(losses[system], losses[ONE])).max()
        yield Row("train_workers", case, system, "loss, largest difference", float(apart))


def _write(folder: Path) -> None:
    """Parts of the sample's photos with captions, a table, and the towers' configurations."""
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
    for name, config in (("vit.json", VIT), ("bert.json", BERT)):
        (folder / name).write_text(json.dumps(config))


def _trained(folder: Path, system: str, steps: int) -> tuple[float, list[float]]:
    """Seconds of the command, and the losses."""
    settings = folder / f"{steps}.json"
    # The schedule is that of as many steps for all, so that losses can be compared.
    told = {"max_steps": steps, "save_every": 10**6, "validate_every": 10**6}
    settings.write_text(json.dumps(told))
    before, after = SYSTEMS[system]
    with tempfile.TemporaryDirectory(dir=folder) as out:
        command = [
            sys.executable, *before, str(folder / "pairs.csv"),
            "--image-tower", str(folder / "vit.json"), "--text-tower", str(folder / "bert.json"),
            "--batch-size", str(BATCH), "--settings", str(settings), "-o", f"{out}/encoder", *after,
        ]  # fmt: skip
        started = time.perf_counter()
        run_process(command, ENVIRONMENT)
        taken = time.perf_counter() - started
        history = json.loads(Path(out, "encoder/training/history.json").read_text("utf-8"))
    return taken, history["losses"]
