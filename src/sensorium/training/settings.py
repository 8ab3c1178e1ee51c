"""How to train: what every training in torch can be told."""

from __future__ import annotations

from dataclasses import dataclass

from sensorium.errors import UsageError


@dataclass(frozen=True)
class Settings:
    """How to train.

    Parameters
    ----------
    epochs : float
        Passes over the examples.
    batch_size : int
        Examples in a batch, all processes together: with torchrun each takes its share.
    learning_rate : float
        At its highest; it rises linearly during the warm-up and falls as a cosine to zero.
    weight_decay : float
        Of AdamW (Loshchilov and Hutter 2019), on matrices; not on biases, norms and scales.
    warmup : float
        Share of the steps during which the learning rate rises.
    precision : {"float32", "bfloat16", "float16"}, optional
        What is computed in; weights stay float32. By default bfloat16 on a GPU that computes
        in it, else float32.
    patience : int, optional
        Validations without improvement after which it stops.
    seed : int
        Of the order of the examples, dropout and augmentation.
    accumulation : int
        Batches whose gradients make one optimizer step.
    max_steps : int, optional
        Optimizer steps, instead of `epochs`.
    save_every, validate_every : int, optional
        Steps between two; once an epoch by default, and always at the end.
    gradient_clip : float
        Norm that gradients are cut to; 0 leaves them.
    """

    epochs: float = 10
    batch_size: int = 64
    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    warmup: float = 0.05
    precision: str | None = None
    patience: int | None = None
    seed: int = 0
    accumulation: int = 1
    max_steps: int | None = None
    save_every: int | None = None
    validate_every: int | None = None
    gradient_clip: float = 1.0

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "learning_rate", "accumulation"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be above 0")
        for name in ("patience", "max_steps", "save_every", "validate_every"):
            if getattr(self, name) is not None and getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("weight_decay", "gradient_clip", "seed"):
            if getattr(self, name) < 0:
                raise UsageError(f"{name} is {getattr(self, name)}; it must not be negative")
        if not 0 <= self.warmup <= 1:
            raise UsageError(f"warmup is {self.warmup}; it is a share of the steps, from 0 to 1")
        if self.precision not in (None, "float32", "bfloat16", "float16"):
            raise UsageError(
                f"unknown precision {self.precision!r}; there are float32, bfloat16 and float16"
            )


def require_shares(batch_size: int, processes: int) -> None:
    """Refuse batches that processes cannot share equally.

    Raises
    ------
    UsageError
    """
    if batch_size % processes:
        raise UsageError(
            f"batches of {batch_size} cannot be shared equally by {processes} processes"
        )
