"""Fusion of modalities: one classifier, and one regressor, over all columns of a table.

`FusionClassifier` and `FusionRegressor` take early, late or hybrid fusion
(`sensorium.models.fusion`), are trained with modalities dropped at random, predict with whatever a
row has, and say what each modality contributed.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np
import numpy.typing as npt

from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import MissingExtraError, SensoriumWarning, UsageError

try:
    import torch
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

from sensorium.models.fusion import FusionModel
from sensorium.models.fusion_config import FusionConfig, Method, VectorInput
from sensorium.training.fusion.batches import Batches, fit_scales, modality_inputs
from sensorium.training.fusion.contributions import Contributions, contributions_of
from sensorium.training.fusion.decisions import fit_gates, fit_temperatures
from sensorium.training.fusion.encoded_tables import EncodedTable, Progress
from sensorium.training.fusion.features import Features, Target, TargetKind
from sensorium.training.fusion.scores import Scores, scores_of, softmax
from sensorium.training.fusion.table_encoder import Encoders, Table, TableEncoder
from sensorium.training.fusion.tables import is_missing
from sensorium.training.history import History
from sensorium.training.loop import Progress as Steps
from sensorium.training.loop import Settings, train

Targets = str | Sequence[str] | Mapping[str, TargetKind]
ClassWeights = Literal["balanced"] | Mapping[str, Mapping[str, float]] | None

SETTINGS = Settings(epochs=40, batch_size=64, learning_rate=1e-3, weight_decay=0.05, patience=6)

VALIDATION_SHARE = 0.15

FEWEST_ROWS = 8
"""Fewer rows than this are no training."""

DATA_FILE = "data.sha256"
"""Digest of the rows that a training folder belongs to."""

_LEAST = 1e-6
"""Probabilities nearer to 0 or 1 count as this near, so that log-odds are finite."""


class Fusion:
    """What `FusionClassifier` and `FusionRegressor` have in common; see there.

    Parameters
    ----------
    method : {"early", "late", "hybrid"}
    columns : mapping of str to kind, optional
        What columns hold (`tables.KINDS`); none but these are read. Without it all columns but the
        targets are, by what they seem to hold.
    encoder : str or mapping of str to str
        Encoder of media and texts, of all modalities or by modality; "mel" describes sound
        without one (`sensorium.training.fusion.sound_statistics`).
    crops : bool
        Take five vectors of a picture: of the whole, and of four overlapping corner crops.
    class_weights : {"balanced"} or mapping of str to mapping, optional
        "balanced" gives all classes the same weight in the loss; else weights of labels by target.
    validation_share : float
        Share of the rows that is set apart when no validation table is given.
    settings : Settings
        Of the training loop.
    **architecture
        What `FusionConfig` takes: ``width``, ``layers``, ``heads``, ``dropout``,
        ``modality_dropout``, ``decision``, ``bottlenecks``, ``fusion_layer``, ``uncertainty``.

    Attributes
    ----------
    targets : dict of str to Target
        What was trained for, with the labels of its classes in order.
    scores : dict
        Of the validation rows, as `evaluate` gives them.

    Raises
    ------
    UsageError
        For values that cannot be.
    """

    _kind: ClassVar[TargetKind]

    def __init__(
        self,
        method: Method = "hybrid",
        *,
        columns: Mapping[str, str] | None = None,
        encoder: Encoders = DEFAULT_ENCODER,
        crops: bool = False,
        class_weights: ClassWeights = None,
        validation_share: float = VALIDATION_SHARE,
        settings: Settings = SETTINGS,
        **architecture: Any,
    ) -> None:
        known = FusionConfig.__dataclass_fields__.keys() - {"method", "modalities", "targets"}
        if unknown := architecture.keys() - known:
            raise UsageError(f"fusion has no option {', '.join(sorted(unknown))}")
        if not 0 < validation_share < 1:
            raise UsageError(f"validation_share lies between 0 and 1, got {validation_share}")
        if isinstance(class_weights, str) and class_weights != "balanced":
            raise UsageError(f"class_weights is 'balanced' or a mapping, got {class_weights!r}")
        # What cannot be is said now, not after the encoding.
        FusionConfig(method, {"any": VectorInput(1)}, {"any": 0}, **architecture)
        self.method = method
        self.class_weights = class_weights
        self.validation_share = validation_share
        self.settings = settings
        self.architecture = architecture
        self.tables = TableEncoder(columns, encoder, crops=crops)
        self.targets: dict[str, Target] = {}
        self.scores: Scores = {}
        self._batches: Batches | None = None

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

    def fit(
        self,
        table: Table,
        targets: Targets,
        *,
        validation: Table | None = None,
        folder: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
        steps: Steps | None = None,
    ) -> History:
        """Train on a table.

        Parameters
        ----------
        table : path, sequence of dict, EncodedTable
            `encode` makes the last, which several models can share.
        targets : str, sequence of str, mapping of str to {"category", "number"}
            Columns to predict. A row may lack some of them.
        validation : like table, optional
            Rows that decide when to stop and how sure to be; else a share of the table is set
            apart.
        folder : path, optional
            Where the training keeps checkpoints, history and curves; a killed training of the same
            rows goes on there. None keeps nothing.
        progress : callable, optional
            Takes (done, total) while media are encoded.
        steps : callable, optional
            Takes (done, total, figures) after each step of the training.

        Returns
        -------
        History

        Raises
        ------
        UsageError
            For too few rows, a target that cannot be learnt, or a table that cannot be read.
        EncoderError
            When no encoder is given for what a column holds.
        """
        kinds = self._target_kinds(targets)
        self.tables.learn_columns(table, [*kinds])
        rows = self._encoded(table, progress)
        if validation is None:
            rows, held_out = self._split(_labelled(rows, kinds))
        else:
            held_out = _labelled(self._encoded(validation, progress), kinds)
            rows = _labelled(rows, kinds)
        if len(rows) < FEWEST_ROWS or not len(held_out):
            raise UsageError(
                f"{len(rows)} rows with a target to train on and {len(held_out)} to validate: "
                f"give at least {FEWEST_ROWS} and 1"
            )
        self.targets = {name: Target.fit(name, kind, rows.rows) for name, kind in kinds.items()}
        features = Features.fit(rows)
        torch.manual_seed(self.settings.seed)
        model = FusionModel(
            FusionConfig(
                self.method,
                modality_inputs(rows, features),
                {name: len(target.labels) for name, target in self.targets.items()},
                **self.architecture,
            )
        )
        fit_scales(model, rows)
        self._fit_priors(model, rows)
        batches = Batches(model, features, self.targets)
        if folder is not None:
            _claim(Path(folder), model, batches, rows)
        with tempfile.TemporaryDirectory() as scratch:
            history = train(
                model, range(len(rows)), batches.collate(rows), Path(folder or scratch),
                self.settings, validate=batches.validation(held_out), best=("loss", "min"),
                progress=steps,
            )  # fmt: skip
        fit_gates(model, [*batches.all(held_out)])
        fit_temperatures(model, [*batches.all(held_out)])
        self.tables.spaces = dict(rows.spaces)
        self._batches = batches
        self.scores = self.evaluate(held_out)
        return history

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

    def evaluate(self, table: Table, *, seed: int = 0) -> Scores:
        """Score predictions on rows that have the targets.

        Returns
        -------
        dict
            By target and name of the score an `Interval` (95%, bootstrap), see
            `sensorium.training.fusion.scores.scores_of`.
        """
        encoded = self._encoded(table)
        return scores_of(self.targets, encoded.rows, self.batches.outputs(encoded), seed)

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
            some = replace(encoded, keep=encoded.keep & kept)
            found = self.batches.outputs(some)[chosen.name]
            if chosen.kind == "number":
                return _numbers(chosen, found)
            probability = softmax(found)[np.arange(len(found)), predicted]
            return probability if of == "probability" else _log_odds(probability)

        return contributions_of(worth, self.modalities, orders=orders, seed=seed, labels=labels)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model into a folder: ``fusion.json`` and ``model.safetensors``."""
        from sensorium.training.fusion.files import save_fusion

        save_fusion(self, Path(folder))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Encoders are loaded when they are needed, and refused when their space is not the one that
        the model was trained in.

        Raises
        ------
        UsageError
            When the folder holds no such model, or it is damaged.
        """
        from sensorium.training.fusion.files import load_fusion

        model = load_fusion(Path(folder))
        if not isinstance(model, cls):
            raise UsageError(f"{folder} holds a {type(model).__name__}, not a {cls.__name__}")
        return model

    def _target_kinds(self, targets: Targets) -> dict[str, TargetKind]:
        if isinstance(targets, str):
            targets = [targets]
        if not isinstance(targets, Mapping):
            targets = dict.fromkeys(targets, self._kind)
        if not targets:
            raise UsageError("name at least one target")
        for name, kind in targets.items():
            if kind not in ("category", "number"):
                raise UsageError(f"target {name!r} is a 'category' or a 'number', not {kind!r}")
        if self._kind not in targets.values():
            raise UsageError(f"{type(self).__name__} needs a target that is a {self._kind}")
        return dict(targets)

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

    def _split(self, table: EncodedTable) -> tuple[EncodedTable, EncodedTable]:
        order = np.random.default_rng(self.settings.seed).permutation(len(table))
        held = max(1, round(self.validation_share * len(table)))
        return table.take(np.sort(order[held:])), table.take(np.sort(order[:held]))

    def _fit_priors(self, model: FusionModel, table: EncodedTable) -> None:
        """Give the model class weights, and the prior of rows of which nothing is known."""
        for i, target in enumerate(self.targets.values()):
            if target.kind == "number":
                continue
            numbers = target.values(table.rows)
            counts = np.bincount(numbers[numbers >= 0], minlength=len(target.labels))
            weights = self._weights(target, counts)
            shares = counts * weights / (counts * weights).sum()
            model.get_buffer(f"prior_{i}").copy_(torch.from_numpy(np.log(shares)))
            model.get_buffer(f"class_weight_{i}").copy_(torch.from_numpy(weights))

    def _weights(self, target: Target, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        if self.class_weights is None:
            return np.ones(len(counts))
        if isinstance(self.class_weights, str):
            return np.asarray(counts.sum() / (len(counts) * counts), np.float64)
        given = self.class_weights.get(target.name, {})
        if unknown := given.keys() - {*target.labels}:
            raise UsageError(f"target {target.name!r} has no label {sorted(unknown)[0]!r}")
        weights = np.array([given.get(label, 1.0) for label in target.labels], np.float64)
        if not (np.isfinite(weights) & (weights > 0)).all():
            raise UsageError(f"target {target.name!r}: class weights are numbers above 0")
        return weights

    def _one_target(self, name: str | None) -> Target:
        if name is None and len(self.targets) == 1:
            (name,) = self.targets
        if name is None or name not in self.targets:
            asked = "say which target" if name is None else f"there is no target {name!r}"
            raise UsageError(f"{asked}; there are {', '.join(self.targets) or 'none: fit first'}")
        return self.targets[name]


class FusionClassifier(Fusion):
    """Predicts categories, and numbers beside them, from all modalities of a row.

    A target is a category unless a mapping says ``"number"``. Parameters are those of `Fusion`.
    """

    _kind = "category"


class FusionRegressor(Fusion):
    """Predicts numbers, and categories beside them, from all modalities of a row.

    A target is a number unless a mapping says ``"category"``. Parameters are those of `Fusion`.
    """

    _kind = "number"


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
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(digest.hexdigest() + "\n", "utf-8")


def _labelled(table: EncodedTable, targets: Mapping[str, TargetKind]) -> EncodedTable:
    """The rows that have at least one of the targets."""
    rows = [
        number
        for number, cells in enumerate(table.rows)
        if any(not is_missing(cells.get(name)) for name in targets)
    ]
    return table if len(rows) == len(table) else table.take(rows)


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
