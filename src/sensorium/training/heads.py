"""What a fitted classifier over vectors is before it is saved, and what all fits share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sensorium.training.calibration import fit_temperature

Vectors = npt.NDArray[np.float32]
Labels = npt.NDArray[np.intp]

LEFT_OUT = 1000
"""Items that are left out, one after the other, to choose settings; of more, a sample."""

UNTUNED = (
    "no class has two examples: nothing can be left out, settings are defaults and probabilities "
    "are not calibrated"
)


@dataclass(frozen=True)
class Fitted:
    """A fitted head: what `sensorium.tasks.classification.VectorClassifier` needs to run.

    Attributes
    ----------
    arrays, settings, temperature
        See `VectorClassifier`.
    loss : float
        Log loss of examples that were left out (`calibration.log_loss`); NaN where none could be.
    note : str
        What a report should say of the fit; empty where it is ordinary.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    temperature: float = 1.0
    loss: float = float("nan")
    note: str = ""


def rows_left_out(labels: Labels, seed: int = 0, most: int = LEFT_OUT) -> npt.NDArray[np.intp]:
    """Rows that can be left out: their class has another. Of more than `most`, a sample."""
    counts = np.bincount(labels)
    rows = np.flatnonzero(counts[labels] > 1)
    if len(rows) > most:
        rows = np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))
    return rows


def calibrated(logits: npt.NDArray[Any], labels: Labels, default: float) -> tuple[float, float]:
    """Temperature and log loss of left-out logits; `default` and NaN where there are none."""
    return fit_temperature(logits, labels) if len(labels) else (default, float("nan"))
