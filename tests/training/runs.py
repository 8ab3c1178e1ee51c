"""A small training as a program: it may kill itself, or be run by torchrun.

    python -m tests.training.runs FOLDER [STEP]

Prints the losses as JSON; with STEP, it is killed after that optimizer step.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from sensorium.media.progress import Progress
from sensorium.models.dual_encoder import DualEncoder, Projection
from sensorium.training.contrastive_losses import ContrastiveLoss
from sensorium.training.gradient_cache import cached_loss
from sensorium.training.history import History
from sensorium.training.loop import Settings, train

EXAMPLES = 40
SETTINGS = Settings(
    epochs=4, batch_size=8, learning_rate=0.01, save_every=3, validate_every=5, seed=3
)


def model(*, dropout: float = 0.0, loss: str = "infonce", piece: int | None = None) -> DualEncoder:
    torch.manual_seed(0)
    return DualEncoder(
        None, None, Projection(12, 6, "mlp", hidden=16, dropout=dropout), Projection(9, 6),
        ContrastiveLoss(loss), cached=cached_loss, piece=piece,
    )  # fmt: skip


def examples(count: int = EXAMPLES) -> list[tuple[int, torch.Tensor, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(count, 12, generator=generator)
    texts = images[:, :9] + 0.1 * torch.randn(count, 9, generator=generator)
    return list(zip(range(count), images, texts, strict=True))


def collate(batch: list[Any], noise: float = 0.0) -> dict[str, Any]:
    numbers, images, texts = zip(*batch, strict=True)
    pixels = torch.stack(images)
    return {
        "images": {"features": pixels + noise * torch.randn_like(pixels)},
        "texts": {"features": torch.stack(texts)},
        # Two captions of each picture, so that some examples of a batch belong together.
        "pictures": torch.tensor(numbers) // 2,
        "captions": torch.tensor(numbers),
    }


def noisy(batch: list[Any]) -> dict[str, Any]:
    return collate(batch, noise=0.3)


def validate(trained: torch.nn.Module) -> dict[str, float]:
    assert isinstance(trained, DualEncoder)
    batch = collate(examples())
    cosines = trained.embed_images(batch["images"]) * trained.embed_texts(batch["texts"])
    return {"loss": -float(cosines.sum(dim=1).mean())}


def run(
    folder: Path,
    *,
    progress: Progress | None = None,
    settings: Settings = SETTINGS,
    random: bool = True,
    **options: Any,
) -> tuple[History, DualEncoder]:
    trained = model(dropout=0.3 if random else 0.0, **options)
    history = train(
        trained, examples(), noisy if random else collate, folder, settings, validate=validate,
        progress=progress,
    )  # fmt: skip
    return history, trained


def main() -> None:
    folder, *step = sys.argv[1:]

    def killed(done: int, total: int, figures: Mapping[str, float]) -> None:
        if step and done == int(step[0]):
            os.kill(os.getpid(), signal.SIGKILL)

    if "RANK" in os.environ:
        # No dropout: it would draw on each process what it draws on the others.
        for kind, piece in (("infonce", None), ("sigmoid", 3)):
            run(Path(folder) / kind, random=False, loss=kind, piece=piece)
    else:
        history, _ = run(Path(folder), progress=killed)
        print(json.dumps(history.losses))


if __name__ == "__main__":
    main()
