"""Training one fusion model by one method."""

from __future__ import annotations

import hashlib
import json
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError, UsageError
from sensorium.folders import make_folder, whole

try:
    import torch
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

from sensorium.data.encoded_tables import EncodedTable
from sensorium.media.progress import Progress
from sensorium.models.fusion import FusionModel
from sensorium.models.fusion_config import FusionConfig, Method
from sensorium.tasks.rows.batches import Batches, fit_scales, modality_inputs
from sensorium.tasks.rows.features import Features, Target
from sensorium.training.fusion_decisions import fit_gates, fit_temperatures
from sensorium.training.fusion_linear import solve_linear
from sensorium.training.history import History
from sensorium.training.loop import Settings, train

ClassWeights = Literal["balanced"] | Mapping[str, Mapping[str, float]] | None

DATA_FILE = "data.sha256"
"""Digest of the rows that a training folder belongs to."""


@dataclass(frozen=True)
class Recipe:
    """How models are trained, whatever their method.

    Attributes
    ----------
    settings : Settings
    architecture : dict
        What `FusionConfig` takes beside method, modalities and targets.
    class_weights : {"balanced"} or mapping, optional
    """

    settings: Settings
    architecture: Mapping[str, Any]
    class_weights: ClassWeights = None


@dataclass(frozen=True)
class Trained:
    """A fusion model, and what its training was like; a linear one has no losses."""

    batches: Batches
    history: History

    @property
    def method(self) -> Method:
        """The model's method."""
        return self.batches.model.architecture.method


def train_method(
    method: Method,
    recipe: Recipe,
    targets: Mapping[str, Target],
    rows: EncodedTable,
    held_out: EncodedTable | None,
    *,
    folder: Path | None = None,
    steps: Progress | None = None,
    solving: Progress | None = None,
) -> Trained:
    """Fit one model.

    Parameters
    ----------
    method : {"early", "late", "hybrid", "linear"}
    recipe : Recipe
    targets : mapping of str to Target
    rows : EncodedTable
        To learn from.
    held_out : EncodedTable, optional
        Rows that decide when to stop and how sure to be; a linear model needs none.
    folder : path, optional
        Keeps checkpoints, history and curves of a training in torch.
    steps, solving : callable, optional
        Told of the steps of a training, and of the layers of a linear model.
    """
    features = Features.fit(rows)
    torch.manual_seed(recipe.settings.seed)
    model = FusionModel(
        FusionConfig(
            method,
            modality_inputs(rows, features),
            {name: len(target.labels) for name, target in targets.items()},
            **recipe.architecture,
        )
    )
    batches = Batches(model, features, targets)
    _fit_priors(model, recipe.class_weights, targets, rows)
    if method == "linear":
        start = time.monotonic()
        solve_linear(model, batches.all(rows), seed=recipe.settings.seed, progress=solving)
        return Trained(batches, History(finished=True, seconds=time.monotonic() - start))
    assert held_out is not None
    fit_scales(model, rows)
    if folder is not None:
        _claim(folder, model, batches, rows)
    with tempfile.TemporaryDirectory() as scratch:
        history = train(
            model, range(len(rows)), batches.collate(rows), folder or Path(scratch),
            recipe.settings, validate=batches.validation(held_out), best=("loss", "min"),
            progress=steps,
        )  # fmt: skip
    fit_gates(model, [*batches.all(held_out)])
    fit_temperatures(model, [*batches.all(held_out)])
    return Trained(batches, history)


def _fit_priors(
    model: FusionModel,
    class_weights: ClassWeights,
    targets: Mapping[str, Target],
    table: EncodedTable,
) -> None:
    """Give the model class weights, and the prior of rows of which nothing is known."""
    for i, target in enumerate(targets.values()):
        if target.kind == "number":
            continue
        numbers = target.values(table.rows)
        counts = np.bincount(numbers[numbers >= 0], minlength=len(target.labels))
        weights = _weights(class_weights, target, counts)
        shares = counts * weights / (counts * weights).sum()
        model.get_buffer(f"prior_{i}").copy_(torch.from_numpy(np.log(shares)))
        model.get_buffer(f"class_weight_{i}").copy_(torch.from_numpy(weights))


def _weights(
    class_weights: ClassWeights, target: Target, counts: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    if class_weights is None:
        return np.ones(len(counts))
    if isinstance(class_weights, str):
        return np.asarray(counts.sum() / (len(counts) * counts), np.float64)
    given = class_weights.get(target.name, {})
    if unknown := given.keys() - {*target.labels}:
        raise UsageError(f"target {target.name!r} has no label {sorted(unknown)[0]!r}")
    weights = np.array([given.get(label, 1.0) for label in target.labels], np.float64)
    if not (np.isfinite(weights) & (weights > 0)).all():
        raise UsageError(f"target {target.name!r}: class weights are numbers above 0")
    return weights


def _claim(folder: Path, model: FusionModel, batches: Batches, rows: EncodedTable) -> None:
    """Note which rows are learned in a folder; refuse one where others were.

    The training loop goes on with what it finds, and compares the number of rows alone.
    """
    digest = hashlib.sha256(json.dumps(model.architecture.to_json()).encode())
    for values in (*batches.features.tabular(rows), rows.keep):
        digest.update(np.ascontiguousarray(values).tobytes())
    for target in batches.targets.values():
        digest.update(target.values(rows.rows).tobytes())
    for name in sorted(rows.vectors):
        for vectors in rows.vectors[name]:
            digest.update(vectors.tobytes())
    path = folder / DATA_FILE
    if path.is_file() and path.read_text("utf-8").strip() != digest.hexdigest():
        raise UsageError(
            f"{folder} holds a training on other rows, or of another model: "
            "give another folder, or delete it"
        )
    make_folder(folder)
    with whole(path) as part:
        part.write_text(digest.hexdigest() + "\n", "utf-8")
