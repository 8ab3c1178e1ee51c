"""The training loop of everything here that is trained with torch, on Transformers' `Trainer`.

`Trainer` brings the optimizer step, mixed precision, accumulation and checkpoints. What is added:

- **Exact resume.** The order of the examples and whatever is random in reading and collating
  them depend on seed, epoch and examples alone, so that a resumed training sees what an
  uninterrupted one would have seen (`Trainer`'s loader is a batch ahead of its checkpoints).
- **Gradients are averaged across processes after the backward pass**, not by DDP's hooks: those
  allow each parameter one gradient a step, and gradient caching computes several.
- **The best weights are kept apart** and restored at the end, whatever else is validated or saved.
- Only parameters that are trained are written, and nothing is pickled.
"""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.progress import Progress
from sensorium.training.history import CURVES, History
from sensorium.training.settings import Settings

try:
    import torch.distributed as dist
    from torch import nn

    from sensorium.training.checkpoints import claim, latest
    from sensorium.training.order import Examples
    from sensorium.training.weights import give_all, load_weights, save_weights
except ImportError as error:
    raise MissingExtraError("torch", "train") from error


__all__ = ["Examples", "History", "Settings", "load_weights", "save_weights", "train"]

NOTED = 1000
"""Losses that a history keeps, about; of longer trainings each is the mean of several steps."""


def train(
    model: nn.Module,
    examples: Examples,
    collate: Callable[[list[Any]], Mapping[str, Any]],
    folder: str | Path,
    settings: Settings,
    *,
    validate: Callable[[nn.Module], Mapping[str, float]] | None = None,
    best: tuple[str, str] = ("loss", "min"),
    parameters: Iterable[Mapping[str, Any]] | None = None,
    drop_last: bool = False,
    progress: Progress | None = None,
) -> History:
    """Train a model; go on where a killed training of the same folder stopped.

    Parameters
    ----------
    model : nn.Module
        ``model(**batch)`` returns a mapping with a scalar ``"loss"``. Parameters that need no
        gradient stay as they are and are not written into checkpoints.
    examples : sequence or torch Dataset
        Read by number. What is random in reading (augmentation) may use the global generators of
        Python, NumPy and torch; these are seeded for each batch.
    collate : callable
        Makes a batch of a list of examples: a mapping of the model's arguments.
    folder : path
        Gets ``checkpoints/`` while it trains, ``history.json`` and ``curves.png``.
    settings : Settings
    validate : callable, optional
        Takes the model, in evaluation mode and without gradients, and returns metrics.
    best : tuple of str
        The metric that decides which weights are kept, and whether "min" or "max" is best.
    parameters : iterable of dict, optional
        Parameter groups as torch's optimizers take them, e.g. with an ``lr`` of their own.
    drop_last : bool
        Leave out the batch at the end of an epoch that would be smaller than the others.
    progress : callable, optional
        Takes steps done, steps in all, and a mapping with the latest loss and metrics.

    Returns
    -------
    History
        The model has the best weights, with `validate`; else the last.

    Raises
    ------
    UsageError
        If the folder holds a training with other settings or data, a setting cannot be, or the
        loss is no longer a number.
    """
    # `Trainer` takes seconds to import, which whoever only predicts need not wait for.
    from sensorium.training.trainer import LoopTrainer, arguments_of

    folder = Path(folder)
    if len(examples) == 0:
        raise UsageError("there is nothing to train on: no examples")
    if settings.patience is not None and validate is None:
        raise UsageError("patience needs a validation: give validate, or leave patience out")
    if best[1] not in ("min", "max"):
        raise UsageError(f"the best of a metric is its min or max, not {best[1]!r}")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError("there is nothing to train: no parameter of the model needs a gradient")
    checkpoints = folder / "checkpoints"
    arguments = arguments_of(checkpoints, settings)
    processes = arguments.world_size
    share = settings.batch_size // processes
    if settings.batch_size % processes:
        raise UsageError(
            f"batches of {settings.batch_size} cannot be shared equally by {processes} processes"
        )
    if drop_last:  # otherwise too few examples for one batch would make no batch at all
        share = min(share, len(examples) // processes)
        if not share:
            raise UsageError(f"{len(examples)} examples are too few for {processes} processes")
    arguments.per_device_train_batch_size = share
    whole = math.floor if drop_last else math.ceil
    batches = whole(whole(len(examples) / share) / processes)
    epoch = math.ceil(batches / settings.accumulation)
    total = settings.max_steps or math.ceil(settings.epochs * epoch)
    arguments.logging_steps = max(1, total // NOTED)
    claim(checkpoints, settings, examples, model)
    finished = checkpoints / "finished.safetensors"
    if finished.exists() and (history := History.load(folder)).finished:
        load_weights(model, finished)
        return history
    trainer = LoopTrainer(
        model, arguments, examples, collate, settings=settings, validate=validate, best=best,
        groups=parameters, drop_last=drop_last, epoch=epoch, progress=progress,
    )  # fmt: skip
    checkpoint = latest(checkpoints)
    if checkpoint is not None:
        trainer.restore(checkpoint)
    if checkpoint is None or not trainer.is_over(total):
        trainer.train(resume_from_checkpoint=None if checkpoint is None else str(checkpoint))
    else:  # killed between its last checkpoint and its end
        load_weights(model, checkpoint / "model.safetensors")
    if trainer.best_value() is not None:
        if arguments.process_index == 0:
            load_weights(model, checkpoints / "best.safetensors")
        give_all(model, processes)
    history = trainer.history(total)
    if arguments.process_index == 0:
        save_weights(model, finished)
        history.save(folder)
        history.plot(folder / CURVES)
        for path in checkpoints.glob("checkpoint-*"):
            shutil.rmtree(path)
        (checkpoints / "best.safetensors").unlink(missing_ok=True)
    if processes > 1:
        dist.barrier()
    model.eval()
    return history
