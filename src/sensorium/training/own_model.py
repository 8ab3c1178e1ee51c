"""Training a classifier that is one model of Transformers: BERT for texts, ViT for pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sensorium.data.examples import Examples
from sensorium.data.splits import class_numbers
from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.progress import Progress
from sensorium.tasks.single_tower import SingleTower
from sensorium.training.loop import Settings, train

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

DEFAULTS = {
    "text": Settings(epochs=4, batch_size=16, learning_rate=5e-5, warmup=0.1),
    "image": Settings(epochs=8, batch_size=16, learning_rate=5e-5, warmup=0.1),
}
"""The middle of what BERT's authors searched (Devlin et al. 2019, A.3)."""


def train_tower(
    tower: SingleTower,
    data: Examples,
    folder: Path,
    *,
    validation: Examples | None = None,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> None:
    """Train all weights; see `sensorium.training.loop.train` for `folder`.

    The weights of the epoch with the lowest loss on `validation` are kept, if there is any.
    """
    checked = validation or Examples()
    right = class_numbers(checked.labels, tower.labels)

    def collate(batch: list[tuple[Any, int]]) -> dict[str, Any]:
        inputs = tower.inputs([source for source, _ in batch])
        return {**inputs, "labels": torch.tensor([label for _, label in batch])}

    def validate(_: nn.Module) -> dict[str, float]:
        found = torch.from_numpy(tower.logits(checked.sources))
        target = torch.from_numpy(right)
        accuracy = (found.argmax(1) == target).double().mean()
        loss = nn.functional.cross_entropy(found, target)
        return {"loss": float(loss), "accuracy": float(accuracy)}

    train(
        tower.model,
        [*zip(data.sources, class_numbers(data.labels, tower.labels).tolist(), strict=True)],
        collate,
        folder,
        settings or DEFAULTS[tower.method],
        validate=validate if len(checked) else None,
        best=("loss", "min"),
        progress=progress,
    )
    tower.model.eval()


def settings_for(defaults: Settings, overrides: Mapping[str, Any], seed: int) -> Settings:
    """A method's settings with some of them replaced.

    Raises
    ------
    UsageError
        For a setting that there is none of, or that cannot be.
    """
    known = Settings.__dataclass_fields__.keys()
    if unknown := overrides.keys() - known:
        raise UsageError(f"no setting {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return replace(defaults, seed=seed, **overrides)
