"""What a training was like: losses and metrics by step, as a file and as a picture."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from sensorium.checksums import KEY, require_checksum
from sensorium.errors import MissingExtraError, UsageError
from sensorium.folders import read_bytes, write_json

FILE = "history.json"

CURVES = "curves.png"

DPI = 150

SMOOTHING = 30
"""Losses that are averaged to one for the curve, at most: single batches jump about."""


@dataclass
class History:
    """Losses, learning rates and metrics of a training.

    Attributes
    ----------
    steps : list of int
        Optimizer steps (from 1) whose loss was noted.
    losses : list of float
        Mean loss since the step noted before, over all processes.
    learning_rates : list of float
        Learning rate of the first parameter group at those steps.
    metrics : list of dict
        One for each validation: ``step`` and what ``validate`` returned.
    best_step : int or None
        The validation whose weights were kept; None without validation.
    total_steps : int
        Optimizer steps that were planned.
    stopped_early : bool
        Whether it ended because validations no longer improved.
    finished : bool
        Whether it ended at all; a killed training goes on when it is called again.
    seconds : float
        Time spent, all runs of a resumed training together, up to the last checkpoint of each.
    """

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    learning_rates: list[float] = field(default_factory=list)
    metrics: list[dict[str, float]] = field(default_factory=list)
    best_step: int | None = None
    total_steps: int = 0
    stopped_early: bool = False
    finished: bool = False
    seconds: float = 0.0

    @property
    def best(self) -> dict[str, float]:
        """The metrics of the validation whose weights were kept; empty without validation."""
        return next((found for found in self.metrics if found["step"] == self.best_step), {})

    def save(self, folder: Path) -> None:
        """Write ``history.json`` into a folder, whole or not at all."""
        write_json(folder / FILE, self, checksum=True)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        UsageError
            If there is none, or it cannot be read.
        """
        try:
            stored: dict[str, Any] = json.loads(read_bytes(folder / FILE))
            require_checksum(stored)
            stored.pop(KEY, None)
            return cls(**stored)
        except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{folder / FILE} is no history of a training: {error!s:.300}"
            ) from error

    def plot(self, path: Path) -> None:
        """Draw losses on the left and, where there are any, other metrics on the right.

        A metric called ``loss`` (that of the validation) is drawn beside the training's.

        Raises
        ------
        MissingExtraError
            If Matplotlib is not installed.
        """
        try:
            from matplotlib.figure import Figure
            from matplotlib.ticker import MaxNLocator
        except ModuleNotFoundError as error:
            raise MissingExtraError("matplotlib", "train") from error
        names = [
            name
            for name in dict.fromkeys(name for found in self.metrics for name in found)
            if name not in ("step", "loss")
        ]
        figure = Figure(figsize=(10 if names else 5.6, 3.8), dpi=DPI, layout="constrained")
        panels = figure.subplots(1, 2 if names else 1, squeeze=False)[0]
        steps, losses = _smoothed(self.steps, self.losses)
        panels[0].plot(steps, losses, linewidth=2, label="training")
        validated = [found for found in self.metrics if "loss" in found]
        if validated:
            panels[0].plot(
                [found["step"] for found in validated],
                [found["loss"] for found in validated],
                marker="o", markersize=3, linewidth=2, label="validation",
            )  # fmt: skip
            panels[0].legend(frameon=False)
        panels[0].set_ylabel("loss")
        for name in names:
            points = [(found["step"], found[name]) for found in self.metrics if name in found]
            x, y = zip(*points, strict=True)
            panels[1].plot(x, y, marker="o", markersize=3, linewidth=2, label=name)
        if names:
            panels[1].legend(frameon=False, fontsize=8)
            panels[1].set_ylabel("validation")
        for axes in panels:
            if self.best_step is not None:
                axes.axvline(self.best_step, color="grey", linestyle=":", linewidth=1)
            axes.set_xlabel("step")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            axes.grid(alpha=0.3)
            axes.spines[["top", "right"]].set_visible(False)
        # Without the version of Matplotlib, equal plots are equal files.
        figure.savefig(path, metadata={"Software": None})


def _smoothed(steps: list[int], losses: list[float]) -> tuple[list[float], list[float]]:
    """Average runs of neighbouring losses, so that about 200 points remain."""
    run = max(1, min(SMOOTHING, math.ceil(len(steps) / 200)))
    groups = range(0, len(steps), run)
    return (
        [sum(steps[at : at + run]) / len(steps[at : at + run]) for at in groups],
        [sum(losses[at : at + run]) / len(losses[at : at + run]) for at in groups],
    )
