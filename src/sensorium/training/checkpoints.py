"""The state of a training beside its weights: tensors as safetensors, everything else as JSON.

A checkpoint may come from anywhere, so nothing in it is a pickle.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from sensorium.checksums import damaged_files, note_files, require_checksum
from sensorium.errors import MissingExtraError, UsageError
from sensorium.folders import (
    FILES,
    read_bytes,
    read_tensors,
    require_same,
    write_json,
    write_tensors,
)
from sensorium.training.history import History
from sensorium.training.settings import Settings

try:
    import torch
    from torch import nn

    from sensorium.training.order import Examples
except ImportError as error:
    raise MissingExtraError("torch", "train") from error

TENSORS = "optimizer.safetensors"
NUMBERS = "optimizer.json"

STATE = "trainer_state.json"

PICKLED = "optimizer.pt"
"""What checkpoints of other programs hold instead."""


def claim(checkpoints: Path, settings: Settings, examples: Examples, model: nn.Module) -> None:
    """Note what is trained in a folder; refuse one where something else was."""
    mine = {
        **dataclasses.asdict(settings),
        "examples": len(examples),
        "trained parameters": sum(p.numel() for p in model.parameters() if p.requires_grad),
    }
    path = checkpoints / "settings.json"
    if not require_same(path, mine, checkpoints.parent, checkpoints):
        checkpoints.mkdir(parents=True, exist_ok=True)
        write_json(path, mine, shared=True)


def latest(checkpoints: Path) -> Path | None:
    """Find the newest checkpoint that was written to its end; its state is written last."""
    numbered = {int(path.name.split("-")[1]): path for path in checkpoints.glob("checkpoint-*")}
    for _, path in sorted(numbered.items(), reverse=True):
        with contextlib.suppress(OSError, ValueError, RecursionError):
            require_checksum(json.loads(read_bytes(path / STATE)))
            return path
    return None


@dataclasses.dataclass
class TrainingState:
    """How far a training is, and what was noted on the way.

    Attributes
    ----------
    decides : tuple of str
        The metric that decides, and whether "min" or "max" is best.
    step : int
        Optimizer steps done.
    log : list of dict
        In order, with their ``step``: losses (``loss``, ``learning_rate``), validations
        (``eval_`` and a metric's name), checkpoints (``seconds`` until then).
    """

    decides: tuple[str, str]
    step: int = 0
    log: list[dict[str, float]] = dataclasses.field(default_factory=list)

    def note(self, **values: float) -> None:
        """Note values of this step."""
        self.log.append({**values, "step": self.step})

    @property
    def seconds(self) -> float:
        """Time that was spent up to the last checkpoint."""
        return next((entry["seconds"] for entry in reversed(self.log) if "seconds" in entry), 0.0)

    @property
    def _key(self) -> str:
        return f"eval_{self.decides[0]}"

    @property
    def _validations(self) -> list[dict[str, float]]:
        return [entry for entry in self.log if self._key in entry]

    @property
    def _best(self) -> dict[str, float] | None:
        best: dict[str, float] | None = None
        for entry in self._validations:
            if self._beats(entry[self._key], None if best is None else best[self._key]):
                best = entry
        return best

    def _beats(self, value: float, best: float | None) -> bool:
        if best is None or math.isnan(best):
            return True
        return value < best if self.decides[1] == "min" else value > best

    @property
    def best_value(self) -> float | None:
        """The best value of the metric that decides, so far."""
        best = self._best
        return None if best is None else best[self._key]

    def is_better(self, value: float) -> bool:
        """Whether a value of the metric that decides is the best so far."""
        return self._beats(value, self.best_value)

    def has_waited(self, patience: int | None) -> bool:
        """Whether patience is at its end."""
        best = self._best
        if patience is None or best is None:
            return False
        return sum(entry["step"] > best["step"] for entry in self._validations) >= patience

    def is_over(self, total: int, patience: int | None) -> bool:
        """Whether there is nothing left to do."""
        return self.step >= total or self.has_waited(patience)

    def save(self, folder: Path) -> None:
        """Write the state into a checkpoint; last, since it says that the rest is whole."""
        files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
        noted = note_files(folder, (path for path in files if path.name != STATE))
        state = {"global_step": self.step, "log_history": self.log, FILES: noted}
        write_json(folder / STATE, state, checksum=True)

    @classmethod
    def load(cls, folder: Path, decides: tuple[str, str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        UsageError
            When it is damaged.
        """
        try:
            said = json.loads(read_bytes(folder / STATE))
            for path, why in damaged_files(folder, said.get(FILES, {})):
                if path.exists():  # what is missing is named by who needs it
                    raise UsageError(
                        f"{path}: {why}; delete {folder} to go on from the checkpoint before it, "
                        "if there is one"
                    )
            return cls(decides, int(said["global_step"]), [dict(e) for e in said["log_history"]])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UsageError(
                f"{folder / STATE} is damaged ({error!r:.200}); delete {folder}"
            ) from error

    def history(self, total: int, seconds: float, patience: int | None) -> History:
        """What was noted, when it is over."""
        losses = [entry for entry in self.log if "loss" in entry]
        best = self._best
        return History(
            steps=[int(entry["step"]) for entry in losses],
            losses=[entry["loss"] for entry in losses],
            learning_rates=[entry["learning_rate"] for entry in losses],
            metrics=[
                {
                    "step": entry["step"],
                    **{k.removeprefix("eval_"): v for k, v in entry.items() if k[:5] == "eval_"},
                }
                for entry in self.log
                if any(name.startswith("eval_") for name in entry)
            ],
            best_step=None if best is None else int(best["step"]),
            total_steps=total,
            stopped_early=self.has_waited(patience) and self.step < total,
            finished=True,
            seconds=seconds,
        )


def save_optimizer(folder: Path, optimizer: Any, scheduler: Any, scaler: Any | None) -> None:
    """Write the state of an optimizer, of its schedule, and of the scaling of float16's losses.

    Parameters
    ----------
    folder : Path
        A checkpoint.
    optimizer, scheduler
        Of torch.
    scaler : GradScaler or None
    """
    state = optimizer.state_dict()
    tensors = {
        f"{number}.{name}": value
        for number, values in state["state"].items()
        for name, value in values.items()
    }
    schedule = {name: v for name, v in scheduler.state_dict().items() if name != "lr_lambdas"}
    numbers = {
        "groups": state["param_groups"],
        "schedule": schedule,
        "scaler": None if scaler is None else scaler.state_dict(),
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_tensors(folder / TENSORS, tensors)
    write_json(folder / NUMBERS, numbers)


def load_optimizer(folder: Path, optimizer: Any, scheduler: Any, scaler: Any | None) -> None:
    """Read what `save_optimizer` wrote.

    Raises
    ------
    UsageError
        When it is missing, damaged, or of another optimizer.
    """
    if not (folder / TENSORS).exists() and (folder / PICKLED).exists():
        raise UsageError(
            f"{folder} keeps its optimizer in {PICKLED}, a pickle, which may hold any program and "
            f"is not read; delete {folder.parent} to train anew"
        )
    try:
        numbers = json.loads((folder / NUMBERS).read_text(encoding="utf-8"))
        state: dict[int, dict[str, torch.Tensor]] = {}
        for key, value in read_tensors(folder / TENSORS).items():
            number, _, name = key.partition(".")
            state.setdefault(int(number), {})[name] = value.clone()  # the file may go
        groups = [
            # JSON has no tuples, which the optimizer's pairs (of betas) are.
            {k: tuple(v) if isinstance(v, list) and k != "params" else v for k, v in group.items()}
            for group in numbers["groups"]
        ]
        optimizer.load_state_dict({"state": state, "param_groups": groups})
        functions = [None] * len(scheduler.base_lrs)  # they are the settings', not the state's
        scheduler.load_state_dict({**numbers["schedule"], "lr_lambdas": functions})
        if scaler is not None and numbers["scaler"] is not None:
            scaler.load_state_dict(numbers["scaler"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"{folder}: the optimizer's state is damaged ({error!r:.200}); delete {folder} to go "
            "on from the checkpoint before it, if there is one"
        ) from error


def save_random(path: Path) -> None:
    """Write where the random generators of Python, NumPy and torch stand, as JSON."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    state = {
        "python": random.getstate(),
        "numpy": [kind, np.asarray(keys).tolist(), *rest],
        "torch": _hex(torch.random.get_rng_state()),
        "cuda": _hex(torch.cuda.get_rng_state()) if torch.cuda.is_available() else None,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(state), encoding="utf-8")


def load_random(path: Path) -> None:
    """Set the random generators as `save_random` found them.

    Raises
    ------
    UsageError
        When it is damaged.
    """
    try:
        state: Mapping[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, internal, gauss = state["python"]
        random.setstate((version, tuple(internal), gauss))
        kind, keys, *rest = state["numpy"]
        np.random.set_state((kind, np.array(keys, np.uint32), *rest))
        torch.random.set_rng_state(_bytes(state["torch"]))
        if state["cuda"] is not None and torch.cuda.is_available():
            torch.cuda.set_rng_state(_bytes(state["cuda"]))
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        raise UsageError(
            f"{path}: is damaged ({error!r:.200}); delete {path.parent} to go on from the "
            "checkpoint before it, if there is one"
        ) from error


def _hex(state: torch.Tensor) -> str:
    return str(state.cpu().numpy().tobytes().hex())


def _bytes(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)
