"""What `sensorium.training.loop.train` makes of Transformers' `Trainer`."""

from __future__ import annotations

import math
import os
import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from sensorium.errors import MissingExtraError, UsageError
from sensorium.media.progress import Progress
from sensorium.training.history import History
from sensorium.training.settings import Settings

try:
    import torch
    import torch.distributed as dist
    from torch import nn
    from transformers import Trainer, TrainerCallback, TrainingArguments
    from transformers.trainer_callback import PrinterCallback, TrainerState
    from transformers.utils import logging

    from sensorium.training.checkpoints import (
        load_optimizer,
        load_random,
        save_optimizer,
        save_random,
    )
    from sensorium.training.order import Batches, Examples, Order
    from sensorium.training.weights import average_gradients, give_all, load_weights, save_weights
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

# There is one line of progress, and it is ours.
logging.disable_progress_bar()

KEPT = 2
"""Checkpoints that are kept: should the machine fail while one is written, the other is whole."""


def arguments_of(checkpoints: Path, settings: Settings) -> TrainingArguments:
    if settings.precision == "float16" and not torch.cuda.is_available():
        raise UsageError("float16 is trained in on a GPU only; take bfloat16 or float32")
    shared = int(os.environ.get("WORLD_SIZE", 1)) > 1  # set by torchrun
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about GPUs that are not there
        arguments = TrainingArguments(
            output_dir=str(checkpoints),
            per_device_train_batch_size=1,  # set when the number of processes is known
            gradient_accumulation_steps=settings.accumulation,
            num_train_epochs=settings.epochs,
            max_steps=settings.max_steps or -1,
            learning_rate=settings.learning_rate,
            weight_decay=settings.weight_decay,
            warmup_steps=settings.warmup if settings.warmup < 1 else 0.999999,
            lr_scheduler_type="cosine",
            max_grad_norm=settings.gradient_clip,
            fp16=settings.precision == "float16",
            bf16=False,  # by _Precision
            seed=settings.seed,
            save_strategy="no",  # by _Pace
            eval_strategy="no",
            logging_strategy="steps",
            logging_nan_inf_filter=False,
            save_total_limit=KEPT,
            restore_callback_states_from_checkpoint=False,
            remove_unused_columns=False,
            use_cpu=not torch.cuda.is_available(),
            ddp_backend="gloo" if shared and not torch.cuda.is_available() else None,
            disable_tqdm=True,
            report_to="none",
            log_level="error",
        )
    arguments._n_gpu = min(1, arguments.n_gpu)  # several GPUs are torchrun's to use
    return arguments


class _Precision(nn.Module):  # type: ignore[misc]
    """A model computing in a lower precision; its loss comes in float32."""

    def __init__(self, model: nn.Module, dtype: torch.dtype, device: torch.device) -> None:
        super().__init__()
        self.model = model
        self.dtype = dtype
        self.device = device

    def forward(self, **batch: Any) -> dict[str, Any]:
        lower = self.dtype != torch.float32
        with torch.autocast(self.device.type, self.dtype if lower else None, enabled=lower):
            outputs = dict(self.model(**batch))
        return {**outputs, "loss": outputs["loss"].float()}


class _Pace(TrainerCallback):  # type: ignore[misc]
    """Says when to validate, to save and to stop; watches the loss; reports progress."""

    def __init__(self, trainer: LoopTrainer, epoch: int, progress: Progress | None) -> None:
        self.trainer = trainer
        self.epoch = epoch
        self.progress = progress

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        # Accelerate's `set_epoch` does not reach the order of a resumed, shared loader.
        self.trainer.batches.epoch = state.global_step // self.epoch

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> Any:
        settings = self.trainer.settings
        step, last = state.global_step, state.global_step >= state.max_steps
        control.should_evaluate = self.trainer.validate is not None and (
            last or step % (settings.validate_every or self.epoch) == 0
        )
        control.should_save = last or step % (settings.save_every or self.epoch) == 0
        control.should_log = control.should_log or last
        if self.progress and state.is_world_process_zero:
            self.progress(step, state.max_steps, self.trainer.figures)
        return control

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if (loss := (logs or {}).get("loss")) is not None:
            self.trainer.figures["loss"] = loss
            if not math.isfinite(loss):
                raise UsageError(
                    f"the loss is {loss} at step {state.global_step}; lower the learning rate "
                    f"({args.learning_rate:g}) or lengthen the warm-up"
                )


class LoopTrainer(Trainer):  # type: ignore[misc]
    optimizer: Any

    def __init__(
        self,
        model: nn.Module,
        arguments: TrainingArguments,
        examples: Examples,
        collate: Callable[[list[Any]], Mapping[str, Any]],
        *,
        settings: Settings,
        validate: Callable[[nn.Module], Mapping[str, float]] | None,
        best: tuple[str, str],
        groups: Iterable[Mapping[str, Any]] | None,
        drop_last: bool,
        epoch: int,
        progress: Progress | None,
    ) -> None:
        self.settings = settings
        self.validate = validate
        self.best = best
        self.groups = groups
        self.drop_last = drop_last
        self.figures: dict[str, float] = {}
        self.started = time.monotonic()
        self.seconds_before = 0.0
        self.trained = model
        self.batches = Batches(examples, collate, settings.seed)
        super().__init__(model, arguments, train_dataset=self.batches)
        self.model_accepts_loss_kwargs = False  # a loss is the mean of its batch
        self.remove_callback(PrinterCallback)
        self.add_callback(_Pace(self, epoch, progress))
        give_all(model, arguments.world_size)

    # Data

    def get_train_dataloader(self) -> Any:
        loader = torch.utils.data.DataLoader(
            self.batches,
            batch_size=self.args.per_device_train_batch_size,
            sampler=Order(self.batches),
            collate_fn=_unchanged,
            drop_last=self.drop_last,
            pin_memory=self.args.device.type == "cuda",
        )
        return self.accelerator.prepare(loader)

    # Optimizer step

    def create_optimizer(self, model: nn.Module | None = None) -> Any:
        if self.optimizer is None:
            groups = self.groups or _decayed(self.trained, self.settings.weight_decay)
            self.optimizer = torch.optim.AdamW(
                [dict(group) for group in groups],
                lr=self.settings.learning_rate,
                weight_decay=self.settings.weight_decay,
            )
        return self.optimizer

    def _wrap_model(self, model: nn.Module, training: bool = True, dataloader: Any = None) -> Any:
        # What is not the bare model is passed on as it is, without DDP: see the module's docstring.
        name = self.settings.precision
        if name is None:
            cuda = self.args.device.type == "cuda"
            lower = cuda and torch.cuda.is_bf16_supported(including_emulation=False)
            name = "bfloat16" if lower else "float32"
        return _Precision(self.trained, getattr(torch, name), self.args.device)

    def training_step(self, model: nn.Module, inputs: Any, items: Any = None) -> torch.Tensor:
        loss: torch.Tensor = super().training_step(model, inputs, items)
        if self.args.world_size > 1 and self.accelerator.sync_gradients:
            average_gradients(self.trained, self.args.world_size)
        return loss

    # Validation

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        assert self.validate is not None
        self.trained.eval()
        with torch.no_grad():
            found = [{name: float(value) for name, value in self.validate(self.trained).items()}]
        if self.args.world_size > 1:  # all decide by the same figures
            dist.broadcast_object_list(found, 0)
        metrics = found[0]
        if self.best[0] not in metrics:
            raise UsageError(
                f"the validation gives no {self.best[0]!r}, which was to decide; it gives "
                f"{', '.join(metrics)}"
            )
        best = self.best_value()
        if self._better(metrics[self.best[0]], best) and self.args.process_index == 0:
            save_weights(self.trained, Path(str(self.args.output_dir)) / "best.safetensors")
        decides = {self.best[0]: metrics[self.best[0]]}  # first: a line has room for few
        self.figures |= {k: v for k, v in {**decides, **metrics}.items() if k != "loss"}
        self.log({f"eval_{name}": value for name, value in metrics.items()})
        self.control.should_evaluate = False  # or it would again where the epoch ends
        if self._waited():
            self.control.should_training_stop = True
            self.control.should_save = True
        return metrics

    def _better(self, value: float, best: float | None) -> bool:
        if best is None or math.isnan(best):
            return True
        return value < best if self.best[1] == "min" else value > best

    def _validations(self) -> list[dict[str, float]]:
        key = f"eval_{self.best[0]}"
        return [entry for entry in self.state.log_history if key in entry]

    def _best_validation(self) -> dict[str, float] | None:
        best: dict[str, float] | None = None
        for entry in self._validations():
            value = entry[f"eval_{self.best[0]}"]
            if self._better(value, None if best is None else best[f"eval_{self.best[0]}"]):
                best = entry
        return best

    def best_value(self) -> float | None:
        """The best value of the metric that decides, so far."""
        found = self._best_validation()
        return None if found is None else found[f"eval_{self.best[0]}"]

    def _waited(self) -> bool:
        """Whether patience is at its end."""
        found = self._best_validation()
        if self.settings.patience is None or found is None:
            return False
        since = sum(entry["step"] > found["step"] for entry in self._validations())
        return since >= self.settings.patience

    def is_over(self, total: int) -> bool:
        """Whether a training in this state has nothing left to do."""
        return self.state.global_step >= total or self._waited()

    # Checkpoints

    def restore(self, checkpoint: Path) -> None:
        """Take over how far the training of a checkpoint was."""
        self.state = TrainerState.load_from_json(str(checkpoint / "trainer_state.json"))
        self.seconds_before = self.state.log_history[-1]["seconds"]

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        assert output_dir is not None
        if self.args.should_save:
            save_weights(self.trained, Path(output_dir) / "model.safetensors")

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        self.state.log_history.append({"seconds": self._seconds(), "step": self.state.global_step})
        super()._save_checkpoint(model, trial)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        if self.args.should_save:
            scaler = self.accelerator.scaler
            save_optimizer(Path(output_dir), self.optimizer, self.lr_scheduler, scaler)

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            scaler = self.accelerator.scaler
            load_optimizer(Path(checkpoint), self.optimizer, self.lr_scheduler, scaler)

    def _save_scaler(self, output_dir: str) -> None:
        """With the optimizer."""

    def _load_scaler(self, checkpoint: str | None) -> None:
        """With the optimizer."""

    def _save_rng_state(self, output_dir: str) -> None:
        save_random(self._random(output_dir))
        if self.args.world_size > 1:  # a checkpoint is whole when the states of all are there
            dist.barrier()

    def _load_rng_state(self, checkpoint: str | None) -> None:
        # Another number of processes than before: there is none for this one.
        if checkpoint is not None and self._random(checkpoint).exists():
            load_random(self._random(checkpoint))

    def _random(self, checkpoint: str) -> Path:
        return Path(checkpoint) / f"random-{self.args.process_index}.json"

    def _load_from_checkpoint(self, checkpoint: str, model: Any = None) -> None:
        load_weights(self.trained, Path(checkpoint) / "model.safetensors")

    def _seconds(self) -> float:
        return self.seconds_before + time.monotonic() - self.started

    def history(self, total: int) -> History:
        """What was noted, when it is over."""
        log = self.state.log_history
        losses = [entry for entry in log if "loss" in entry]
        best = self._best_validation()
        return History(
            steps=[int(entry["step"]) for entry in losses],
            losses=[entry["loss"] for entry in losses],
            learning_rates=[entry["learning_rate"] for entry in losses],
            metrics=[
                {
                    "step": entry["step"],
                    **{k.removeprefix("eval_"): v for k, v in entry.items() if k[:5] == "eval_"},
                }
                for entry in log
                if any(name.startswith("eval_") for name in entry)
            ],
            best_step=None if best is None else int(best["step"]),
            total_steps=total,
            stopped_early=self._waited() and self.state.global_step < total,
            finished=True,
            seconds=self._seconds(),
        )


def _unchanged(batch: Any) -> Any:
    return batch


def _decayed(model: nn.Module, decay: float) -> list[dict[str, Any]]:
    """Parameter groups: matrices with weight decay; biases, norms and scales without."""
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim >= 2], "weight_decay": decay},
        {"params": [p for p in trained if p.ndim < 2], "weight_decay": 0.0},
    ]
    return [group for group in groups if group["params"]]
