"""Fusion models: what a row's pictures, texts, sounds and numbers together say of its targets.

`load_fusion` reads what `sensorium.training.fusion` wrote. A fitted estimator predicts in the same
way: it is a `FusionPredictor`, too.
"""

from __future__ import annotations

import math
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from sensorium.data.columns import KINDS, Column
from sensorium.data.encoded_tables import EncodedTable
from sensorium.data.table_encoder import Table, TableEncoder
from sensorium.errors import SensoriumWarning, UsageError
from sensorium.folders import read_tensors
from sensorium.media.progress import Progress
from sensorium.models.fusion import FusionModel
from sensorium.models.fusion_config import FusionConfig
from sensorium.tasks.formats import FUSION
from sensorium.tasks.rows.batches import Batches
from sensorium.tasks.rows.contributions import Contributions, contributions_of
from sensorium.tasks.rows.features import Features, Target
from sensorium.tasks.zero_shot import softmax

WEIGHTS = "model.safetensors"

MOST_LAYERS = 1000

_LEAST = 1e-6
"""Probabilities nearer to 0 or 1 count as this near, so that log-odds are finite."""


class FusionPredictor:
    """A model over all columns of a table.

    Parameters
    ----------
    tables : TableEncoder
        What reads and encodes its tables.
    targets : mapping of str to Target, optional
        What it predicts; empty before a training.
    batches : Batches, optional
        The torch module, and what makes its batches; None before a training.
    """

    def __init__(
        self,
        tables: TableEncoder,
        targets: dict[str, Target] | None = None,
        batches: Batches | None = None,
    ) -> None:
        self.tables = tables
        self.targets: dict[str, Target] = targets or {}
        self._batches = batches

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of the table's columns."""
        return self.tables.modalities

    @property
    def batches(self) -> Batches:
        """The torch module, and what makes its batches.

        Raises
        ------
        UsageError
            Before `fit`.
        """
        if self._batches is None:
            raise UsageError("this model is not fitted: call fit(table, targets), or load one")
        return self._batches

    @property
    def model(self) -> FusionModel:
        """The torch module."""
        return self.batches.model

    def encode(
        self, table: Table, *, leave_out: Sequence[str] = (), progress: Progress | None = None
    ) -> EncodedTable:
        """Encode a table, so that it can be used several times.

        Parameters
        ----------
        table : path, sequence of dict, EncodedTable
            The last is checked and given back.
        leave_out : sequence of str
            Before `fit`: columns that are not to be read, the targets above all.
        progress : callable, optional
            Takes (done, total).

        Returns
        -------
        EncodedTable
            Its ``skipped`` names cells that could not be read, and columns that the table lacks:
            they count as missing.
        """
        if not self.tables.columns:
            self.tables.learn_columns(table, leave_out)
        return self.tables.encode(table, progress)

    def predict(self, table: Table) -> dict[str, list[str] | npt.NDArray[np.float64]]:
        """Predict every target of every row.

        Returns
        -------
        dict
            By target: labels, or an array of numbers of shape (n,).
        """
        outputs = self._outputs(table)
        return {name: _decided(self.targets[name], found) for name, found in outputs.items()}

    def predict_proba(self, table: Table) -> dict[str, npt.NDArray[np.float64]]:
        """Probabilities of the classes of every target that is a category.

        Returns
        -------
        dict
            By target an array of shape (n, classes), in the order of ``targets[name].labels``.
        """
        outputs = self._outputs(table)
        categories = [name for name, target in self.targets.items() if target.kind == "category"]
        return {name: softmax(outputs[name]) for name in categories}

    def contributions(
        self,
        table: Table,
        target: str | None = None,
        *,
        of: Literal["probability", "log_odds"] = "probability",
        orders: int = 64,
        seed: int = 0,
    ) -> Contributions:
        """Say what each modality contributed to each prediction (Shapley values).

        Parameters
        ----------
        table : path, sequence of dict, EncodedTable
        target : str, optional
            Needed where there are several.
        of : {"probability", "log_odds"}
            What is explained of the predicted class; of a number, the number itself.
        orders, seed : int
            For sampling, which more than five modalities need.

        Returns
        -------
        Contributions
        """
        chosen = self._one_target(target)
        if of not in ("probability", "log_odds"):
            raise UsageError(f"of is 'probability' or 'log_odds', got {of!r}")
        encoded = self._encoded(table)
        whole = self.batches.outputs(encoded)[chosen.name]
        labels, predicted = None, whole.argmax(axis=1)
        if chosen.kind == "category":
            labels = [chosen.labels[i] for i in predicted]

        def worth(kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
            found = self.batches.outputs(encoded.only(kept))[chosen.name]
            if chosen.kind == "number":
                return _numbers(chosen, found)
            probability = softmax(found)[np.arange(len(found)), predicted]
            return probability if of == "probability" else _log_odds(probability)

        return contributions_of(worth, self.modalities, orders=orders, seed=seed, labels=labels)

    def _encoded(self, table: Table, progress: Progress | None = None) -> EncodedTable:
        """Encode, and say aloud what could not be read: only `encode` gives a list of it."""
        encoded = self.tables.encode(table, progress)
        if encoded.skipped and not isinstance(table, EncodedTable):
            first = encoded.skipped[0]
            more = f", and {len(encoded.skipped) - 1} more" if len(encoded.skipped) > 1 else ""
            warnings.warn(
                f"not read: {first.path}: {first.reason}{more}", SensoriumWarning, stacklevel=3
            )
        return encoded

    def _outputs(self, table: Table) -> dict[str, npt.NDArray[np.float64]]:
        batches = self.batches
        return batches.outputs(self._encoded(table))

    def _one_target(self, name: str | None) -> Target:
        if name is None and len(self.targets) == 1:
            (name,) = self.targets
        if name is None or name not in self.targets:
            asked = "say which target" if name is None else f"there is no target {name!r}"
            raise UsageError(f"{asked}; there are {', '.join(self.targets) or 'none: fit first'}")
        return self.targets[name]


def load_fusion(folder: str | os.PathLike[str]) -> FusionPredictor:
    """Read a fusion model to predict with.

    Encoders are loaded when they are needed, and refused when their space is not the one that the
    model was trained in.

    Raises
    ------
    UsageError
        When the folder holds no such model, one of another format, or it is damaged.
    """
    folder = Path(folder)
    return read_fusion(folder, FUSION.read(folder))


def read_fusion(folder: Path, content: dict[str, Any]) -> FusionPredictor:
    """Read what a folder describes that `FUSION` has read; see `load_fusion`."""
    with FUSION.reading(folder):
        tables = TableEncoder(None, content["encoders"], crops=content["crops"])
        tables.columns = tuple(Column(**column) for column in content["columns"])
        tables.spaces = dict(content["spaces"].items())
        tables.recorded_in = folder / FUSION.file
        known = [{**one, "labels": tuple(one["labels"])} for one in content["targets"]]
        targets = {one["name"]: Target(**one) for one in known}
        features = Features.from_json(content["features"])
        config = FusionConfig.from_json(content["model"])
        _require_sound(tables, targets, features, config)
        _require_room(config, folder / WEIGHTS)
        model = FusionModel(config)
    try:
        model.load_state_dict(read_tensors(folder / WEIGHTS))
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"{folder / WEIGHTS}: does not fit {FUSION.file} ({reason})") from error
    return FusionPredictor(tables, targets, Batches(model.eval(), features, targets))


def _require_sound(
    tables: TableEncoder, targets: dict[str, Target], features: Features, config: FusionConfig
) -> None:
    """Check that what a folder says of cells, targets and model goes together."""
    kinds = {column.name: column.kind for column in tables.columns}
    if len(kinds) != len(tables.columns) or not {*kinds.values()} <= {*KINDS}:
        raise ValueError(f"the columns are {[*kinds.items()]!r:.200}")
    named = tables.encoder.items() if isinstance(tables.encoder, Mapping) else [(tables.encoder,)]
    if not all(isinstance(word, str) for pair in named for word in pair):
        raise TypeError(f"the encoders are {tables.encoder!r:.200}")
    outputs = {
        name: len(one.labels) if one.kind == "category" else 0 for name, one in targets.items()
    }
    if outputs != config.targets:
        raise ValueError(f"the targets are {outputs!r:.200}, the model's {config.targets!r:.200}")
    for one in targets.values():
        words = all(isinstance(label, str) for label in one.labels)
        if one.kind not in ("category", "number") or not words:
            raise ValueError(f"the target {one.name!r:.60} is of the kind {one.kind!r:.60}")
        if not (math.isfinite(one.mean) and 0 < one.deviation < math.inf):
            raise ValueError(f"the numbers of the target {one.name!r:.60} are none")
    features.require_sound(kinds)


def _require_room(config: FusionConfig, weights: Path) -> None:
    """Refuse a model that is larger than the file of its weights, before memory is taken for it."""
    if not config.layers <= MOST_LAYERS:
        raise ValueError(f"{config.layers!r:.40} layers")
    import torch  # the models before have it already

    with torch.device("meta"):  # shapes without values
        tensors = FusionModel(config).state_dict().values()
    size = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    if size > weights.stat().st_size:
        raise UsageError(
            f"{weights}: does not fit {FUSION.file} (a model of {size:,} bytes, and it has fewer)"
        )


def _decided(
    target: Target, outputs: npt.NDArray[np.float64]
) -> list[str] | npt.NDArray[np.float64]:
    if target.kind == "category":
        return [target.labels[i] for i in outputs.argmax(axis=1)]
    return _numbers(target, outputs)


def _numbers(target: Target, outputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(outputs[:, 0] * target.deviation + target.mean)


def _log_odds(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    kept = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(kept) - np.log1p(-kept))
