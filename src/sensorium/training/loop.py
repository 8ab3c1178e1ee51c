"""The training loop of everything here that is trained with torch, to be read from top to bottom.

What it guarantees:

- **Exact resume.** The order of the examples and whatever is random in reading and collating
  them depend on seed, epoch and examples alone, and everything else is in a checkpoint, so that a
  training that was killed sees what an unbroken one would have seen.
- **Two processes give the loss of one.** Gradients are averaged after the backward pass, not by
  DDP's hooks: those allow a parameter one gradient a step, and gradient caching computes several.
- **The best weights are kept apart** and restored at the end, whatever else is validated or saved.
- Only parameters that are trained are written, and nothing is pickled.
"""

from __future__ import annotations

import math
import os
import shutil
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.progress import Progress
from sensorium.training.history import CURVES, History
from sensorium.training.settings import Settings, require_shares

try:
    import torch
    import torch.distributed as dist
    from torch import nn

    from sensorium.training.checkpoints import (
        TrainingState,
        claim,
        latest,
        load_optimizer,
        load_random,
        save_optimizer,
        save_random,
    )
    from sensorium.training.order import Batches, Examples, seed_everything
    from sensorium.training.weights import average_gradients, give_all, load_weights, save_weights
except ImportError as error:
    raise MissingExtraError("torch", "train") from error


__all__ = ["Examples", "History", "Settings", "load_weights", "save_weights", "train"]

NOTED = 1000
"""Losses that a history keeps, about; of longer trainings each is the mean of several steps."""

KEPT = 2
"""Checkpoints that are kept: should the machine fail while one is written, the other is whole."""

Validate = Callable[[nn.Module], Mapping[str, float]]


def train(
    model: nn.Module,
    examples: Examples,
    collate: Callable[[list[Any]], Mapping[str, Any]],
    folder: str | Path,
    settings: Settings,
    *,
    validate: Validate | None = None,
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
    progress : Progress, optional
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
    folder = Path(folder)
    _require_possible(model, examples, settings, validate, best)
    processes = join_processes()
    rank = int(os.environ.get("RANK", 0))
    device = _device()
    lower = _lower_precision(settings.precision, device)
    share = _share(settings.batch_size, len(examples), processes, drop_last)
    batches = Batches(
        examples, collate, settings.seed, share,
        rank=rank, processes=processes, drop_last=drop_last,
    )  # fmt: skip
    epoch_steps = math.ceil(len(batches) / settings.accumulation)
    total = settings.max_steps or math.ceil(settings.epochs * epoch_steps)
    log_every = max(1, total // NOTED)
    validate_every = settings.validate_every or epoch_steps
    save_every = settings.save_every or epoch_steps

    checkpoints = folder / "checkpoints"
    claim(checkpoints, settings, examples, model)
    finished = checkpoints / "finished.safetensors"
    if finished.exists() and (history := History.load(folder)).finished:
        load_weights(model, finished)
        if rank == 0:  # it may have been killed on the last steps
            _tidy(folder, history)
        return history

    model.to(device)
    seed_everything(settings.seed)
    give_all(model, processes)
    optimizer = torch.optim.AdamW(
        [dict(group) for group in parameters or _decayed(model, settings.weight_decay)],
        lr=settings.learning_rate,
        weight_decay=settings.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, _warmup_and_cosine(math.ceil(total * min(settings.warmup, 0.999999)), total)
    )
    scaler = torch.amp.GradScaler("cuda") if lower == torch.float16 else None
    state = TrainingState(best)
    checkpoint = latest(checkpoints)
    if checkpoint is not None:
        state = TrainingState.load(checkpoint, best)
        load_weights(model, checkpoint / "model.safetensors")
        if not state.is_over(total, settings.patience):
            load_optimizer(checkpoint, optimizer, schedule, scaler)
    started, before = time.monotonic(), state.seconds
    figures: dict[str, float] = {}
    summed, since = torch.zeros((), device=device), state.step  # losses that are not noted yet

    while not state.is_over(total, settings.patience):
        batches.epoch, done = divmod(state.step, epoch_steps)
        at_the_beginning = checkpoint is not None and done == 0
        if at_the_beginning:
            _restore_random(checkpoint, rank)
        loader = _loader(batches, done * settings.accumulation, device)
        if checkpoint is not None and not at_the_beginning:
            _restore_random(checkpoint, rank)
        checkpoint = None

        for micro_batches in _in_steps(loader, settings.accumulation):
            # One optimizer step.
            model.train()
            for batch in micro_batches:
                with torch.autocast(device.type, lower, enabled=lower is not None):
                    loss = model(**_moved(batch, device))["loss"].float() / len(micro_batches)
                (loss if scaler is None else scaler.scale(loss)).backward()
                summed += loss.detach()
            average_gradients(model, processes)
            if scaler is not None:
                scaler.unscale_(optimizer)
            if settings.gradient_clip > 0:
                nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip)
            learning_rate = schedule.get_last_lr()[0]
            if scaler is None:
                optimizer.step()
                schedule.step()
            else:
                scale = scaler.get_scale()
                scaler.step(optimizer)
                scaler.update()
                if scaler.get_scale() >= scale:  # it was no step where gradients overflowed
                    schedule.step()
            model.zero_grad()
            state.step += 1
            last = state.step >= total

            if progress is not None and rank == 0:
                progress(state.step, total, figures)

            # Note the loss.
            if last or state.step % log_every == 0:
                figures["loss"] = _mean(summed, processes) / (state.step - since)
                summed, since = torch.zeros((), device=device), state.step
                state.note(loss=figures["loss"], learning_rate=learning_rate)
                if not math.isfinite(figures["loss"]):
                    raise UsageError(
                        f"the loss is {figures['loss']} at step {state.step}; lower the learning "
                        f"rate ({settings.learning_rate:g}) or lengthen the warm-up"
                    )

            # Validate, and keep the best weights.
            if validate is not None and (last or state.step % validate_every == 0):
                metrics = _validated(model, validate, best[0], processes)
                if state.is_better(metrics[best[0]]) and rank == 0:
                    save_weights(model, checkpoints / "best.safetensors")
                state.note(**{f"eval_{name}": value for name, value in metrics.items()})
                decides = {best[0]: metrics[best[0]]}  # first: a line has room for few
                figures |= {k: v for k, v in {**decides, **metrics}.items() if k != "loss"}

            # Save.
            is_over = state.is_over(total, settings.patience)
            if is_over or state.step % save_every == 0:
                place = checkpoints / f"checkpoint-{state.step}"
                if rank == 0:
                    save_weights(model, place / "model.safetensors")
                    save_optimizer(place, optimizer, schedule, scaler)
                save_random(place / f"random-{rank}.json")
                if processes > 1:  # a checkpoint is whole when the states of all are there
                    dist.barrier()
                state.note(seconds=before + time.monotonic() - started)
                if rank == 0:
                    state.save(place)
                    _forget_older(checkpoints)
            if is_over:
                break

    if state.best_value is not None:
        if rank == 0:
            load_weights(model, checkpoints / "best.safetensors")
        give_all(model, processes)
    history = state.history(total, before + time.monotonic() - started, settings.patience)
    if rank == 0:
        save_weights(model, finished)
        history.save(folder)
        (folder / CURVES).unlink(missing_ok=True)
        _tidy(folder, history)
    if processes > 1:
        dist.barrier()
    model.eval()
    return history


def _tidy(folder: Path, history: History) -> None:
    """Draw the curves of a finished training, and remove what it could have gone on from."""
    if not (folder / CURVES).exists():
        history.plot(folder / CURVES)
    checkpoints = folder / "checkpoints"
    for path in checkpoints.glob("checkpoint-*"):
        shutil.rmtree(path)
    (checkpoints / "best.safetensors").unlink(missing_ok=True)


# Before the first step


def _require_possible(
    model: nn.Module,
    examples: Examples,
    settings: Settings,
    validate: Validate | None,
    best: tuple[str, str],
) -> None:
    if len(examples) == 0:
        raise UsageError("there is nothing to train on: no examples")
    if settings.patience is not None and validate is None:
        raise UsageError("patience needs a validation: give validate, or leave patience out")
    if best[1] not in ("min", "max"):
        raise UsageError(f"the best of a metric is its min or max, not {best[1]!r}")
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError("there is nothing to train: no parameter of the model needs a gradient")
    require_precision(settings)


def require_precision(settings: Settings) -> None:
    """Refuse a precision that nothing here trains in; before anything is written, or begun."""
    if settings.precision == "float16" and not torch.cuda.is_available():
        raise UsageError("float16 is trained in on a GPU only; take bfloat16 or float32")


def join_processes() -> int:
    """Let all processes hear each other; returns how many they are, as torchrun or Ray says."""
    processes = int(os.environ.get("WORLD_SIZE", 1))
    if processes > 1 and not dist.is_initialized():
        _device()
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return processes


def require_agreed(digest: str, what: str) -> None:
    """Refuse to go on where processes were given different things to train on.

    Parameters
    ----------
    digest : str
        Of what this process was given; see `join_processes`.
    what : str
        What it is of.

    Raises
    ------
    UsageError
        On all of them, naming the machines.
    """
    found: list[tuple[str, str]] = [("", "")] * dist.get_world_size()
    dist.all_gather_object(found, (digest, socket.gethostname()))
    others = sorted({host for other, host in found if other != found[0][0]})
    if others:
        raise UsageError(
            f"{what} differ between processes: on {', '.join(others)} they are not those of "
            f"{found[0][1]}. Files need the same content and time of change on all machines, and "
            "nobody may write to a table while it is read"
        )


def _device() -> torch.device:
    """The GPU of this process; several are torchrun's to use."""
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", 0)))
    torch.cuda.set_device(device)
    return device


def _lower_precision(name: str | None, device: torch.device) -> torch.dtype | None:
    """What is computed in, where that is not float32."""
    if name is None:
        is_native = device.type == "cuda" and torch.cuda.is_bf16_supported(
            including_emulation=False
        )
        name = "bfloat16" if is_native else "float32"
    return None if name == "float32" else getattr(torch, name)


def _share(batch_size: int, examples: int, processes: int, drop_last: bool) -> int:
    """Examples of a batch that one process computes."""
    require_shares(batch_size, processes)
    share = batch_size // processes
    if drop_last:  # otherwise too few examples for one batch would make no batch at all
        share = min(share, examples // processes)
        if not share:
            raise UsageError(f"{examples} examples are too few for {processes} processes")
    return share


def _decayed(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Parameter groups: matrices with weight decay; biases, norms and scales without."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]


def _warmup_and_cosine(warmup: int, total: int) -> Callable[[int], float]:
    """A linear rise, then half a cosine down to zero (Loshchilov and Hutter 2017)."""

    def factor(step: int) -> float:
        if step < warmup:
            return step / max(1, warmup)
        share = (step - warmup) / max(1, total - warmup)
        return max(0.0, 0.5 * (1.0 + math.cos(math.pi * share)))

    return factor


# Around a step


def _restore_random(checkpoint: Path | None, rank: int) -> None:
    # Another number of processes than before: there is none for this one.
    if checkpoint is not None and (path := checkpoint / f"random-{rank}.json").exists():
        load_random(path)


def _loader(batches: Batches, skipped: int, device: torch.device) -> Iterator[Mapping[str, Any]]:
    """What is left of an epoch, batch by batch."""
    return iter(
        torch.utils.data.DataLoader(
            batches,
            batch_sampler=batches.numbers()[skipped:],
            collate_fn=lambda batch: batch,
            pin_memory=device.type == "cuda",
        )
    )


def _in_steps(
    loader: Iterator[Mapping[str, Any]], accumulation: int
) -> Iterator[list[Mapping[str, Any]]]:
    """Batches whose gradients make one optimizer step."""
    waiting: list[Mapping[str, Any]] = []
    for batch in loader:
        waiting.append(batch)
        if len(waiting) == accumulation:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _moved(value: Any, device: torch.device) -> Any:
    """A batch on the device, whatever its tensors lie in."""
    if isinstance(value, torch.Tensor):
        return value.to(device, non_blocking=True)
    if isinstance(value, Mapping):
        moved = {name: _moved(one, device) for name, one in value.items()}
        # An output of Transformers, such as a frozen tower's, is more than a mapping.
        return type(value)(**moved) if is_dataclass(value) else moved
    if isinstance(value, (list, tuple)):
        return type(value)(_moved(one, device) for one in value)
    return value


def _mean(summed: torch.Tensor, processes: int) -> float:
    if processes > 1:
        summed = summed.clone()
        dist.all_reduce(summed)
        summed /= processes
    return float(summed)


def _validated(
    model: nn.Module, validate: Validate, decides: str, processes: int
) -> dict[str, float]:
    model.eval()
    with torch.no_grad():
        shared = [{name: float(value) for name, value in validate(model).items()}]
    if processes > 1:  # all decide by the same figures
        dist.broadcast_object_list(shared, 0)
    metrics = shared[0]
    if decides not in metrics:
        raise UsageError(
            f"the validation gives no {decides!r}, which was to decide; it gives "
            f"{', '.join(metrics)}"
        )
    return metrics


def _forget_older(checkpoints: Path) -> None:
    numbered = {int(path.name.split("-")[1]): path for path in checkpoints.glob("checkpoint-*")}
    for _, path in sorted(numbered.items())[:-KEPT]:
        shutil.rmtree(path)
