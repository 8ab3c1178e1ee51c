"""Fusion of modalities: one classifier, and one regressor, over all columns of a table.

`FusionClassifier` and `FusionRegressor` take early, late or hybrid fusion
(`sensorium.models.fusion`), are trained with modalities dropped at random, predict with whatever a
row has, and say what each modality contributed.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from sensorium.collection.files import Skipped
from sensorium.encoders import DEFAULT_ENCODER, Encoder, load_encoder
from sensorium.encoders.registry import encoder_name
from sensorium.errors import MissingExtraError, SpaceMismatchError, UsageError

try:
    import torch
    from torch import Tensor
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

from sensorium.models.fusion import (
    TABULAR,
    FusionConfig,
    FusionModel,
    Inputs,
    TabularInput,
    VectorInput,
    VectorTokens,
    drop_modalities,
)
from sensorium.training.contributions import Contributions, contributions_of
from sensorium.training.encoded_tables import EncodedTable, Progress, encode_table, modalities_of
from sensorium.training.fusion_decisions import Batch, fit_gates, fit_temperatures
from sensorium.training.fusion_features import Features, Target, TargetKind, pad_vectors
from sensorium.training.fusion_scores import Scores, scores_of
from sensorium.training.history import History
from sensorium.training.loop import Settings, train
from sensorium.training.tables import (
    Column,
    Row,
    detect_columns,
    is_missing,
    read_table,
    require_columns,
    resolve_paths,
)

Table = str | os.PathLike[str] | Sequence[Row] | EncodedTable
Targets = str | Sequence[str] | Mapping[str, TargetKind]
Encoders = str | Mapping[str, str]

SETTINGS = Settings(epochs=40, batch_size=64, learning_rate=1e-3, weight_decay=0.05, patience=6)

VALIDATION_SHARE = 0.15

FEWEST_ROWS = 8

SOUND_STATISTICS = "mel"
"""Name that takes `SoundStatistics` for the encoder of audio."""

PREDICTED_AT_ONCE = 256  # rows

_LEAST = 1e-6
"""Probabilities nearer to 0 or 1 count as this near, so that log-odds are finite."""


class _Fusion:
    """What `FusionClassifier` and `FusionRegressor` have in common.

    Parameters
    ----------
    method : {"early", "late", "hybrid"}
    columns : mapping of str to kind, optional
        What columns hold (`sensorium.training.tables.KINDS`); none but these are read. Without it
        all columns but the targets are, by what they seem to hold.
    encoder : str or mapping of str to str
        Encoder of media and texts, for all modalities or by modality; "mel" describes sound
        without one (`SoundStatistics`).
    crops : bool
        Take five vectors of a picture: of the whole and of its four corners.
    class_weights : {"balanced"} or mapping of str to mapping, optional
        "balanced" gives all classes the same weight in the loss; or weights of labels by target.
    validation_share : float
        Rows that are set apart when no validation table is given.
    settings : Settings
        Of the training loop.
    **architecture
        Passed to `FusionConfig`: ``width``, ``layers``, ``heads``, ``dropout``,
        ``modality_dropout``, ``decision``, ``bottlenecks``, ``fusion_layer``, ``uncertainty``.

    Attributes
    ----------
    targets : dict of str to Target
    modalities : tuple of str
    scores : dict
        Of the validation rows: by target and score an interval.
    """

    _kind: ClassVar[TargetKind]
    task: ClassVar[str]

    def __init__(
        self,
        method: Literal["early", "late", "hybrid"] = "hybrid",
        *,
        columns: Mapping[str, str] | None = None,
        encoder: Encoders = DEFAULT_ENCODER,
        crops: bool = False,
        class_weights: Literal["balanced"] | Mapping[str, Mapping[str, float]] | None = None,
        validation_share: float = VALIDATION_SHARE,
        settings: Settings = SETTINGS,
        **architecture: Any,
    ) -> None:
        unknown = architecture.keys() - (
            FusionConfig.__dataclass_fields__.keys() - {"method", "modalities", "targets"}
        )
        if unknown:
            raise UsageError(f"fusion has no option {', '.join(sorted(unknown))}")
        if not 0 < validation_share < 1:
            raise UsageError(f"validation_share lies between 0 and 1, got {validation_share}")
        if isinstance(class_weights, str) and class_weights != "balanced":
            raise UsageError(f"class_weights is 'balanced' or a mapping, got {class_weights!r}")
        # What cannot be is said now, not after the encoding.
        FusionConfig(method, {"": VectorInput(1)}, {"": 0}, **architecture)
        self.method = method
        self.encoder = encoder
        self.crops = crops
        self.class_weights = class_weights
        self.validation_share = validation_share
        self.settings = settings
        self.architecture = architecture
        self.columns: tuple[Column, ...] = ()
        self.spaces: dict[str, str] = {}
        self.targets: dict[str, Target] = {}
        self.scores: Scores = {}
        self._wanted_columns = dict(columns) if columns is not None else None
        self._features = Features((), (), ())
        self._model: FusionModel | None = None
        self._loaded: dict[str, Encoder] = {}

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the order of the table's columns."""
        return modalities_of(self.columns)

    @property
    def model(self) -> FusionModel:
        """The torch module.

        Raises
        ------
        UsageError
            Before `fit`.
        """
        if self._model is None:
            raise UsageError("this model is not fitted: call fit(table, targets), or load one")
        return self._model

    def fit(
        self,
        table: Table,
        targets: Targets,
        *,
        validation: Table | None = None,
        folder: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> History:
        """Train on a table.

        Parameters
        ----------
        table : path, sequence of dict, EncodedTable
            `encode` makes the last, so that several models can share it.
        targets : str, sequence of str, mapping of str to {"category", "number"}
            Columns to predict. A row may lack some of them.
        validation : like table, optional
            Rows that decide when to stop and what probabilities are worth; else a share of the
            table is set apart.
        folder : path, optional
            Where the training keeps its checkpoints, history and curves; a killed training goes on
            there. None keeps nothing.
        progress : callable, optional
            Takes (done, total) while media are encoded.

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
        rows = table if isinstance(table, EncodedTable) else self._rows(table)
        if isinstance(rows, EncodedTable):
            self.columns = rows.columns
            if self.columns and (read := [n for n in kinds if n in {c.name for c in rows.columns}]):
                raise UsageError(f"target {read[0]!r} is among the columns that were encoded")
        else:
            require_columns(rows, kinds)
            self.columns = tuple(detect_columns(rows, self._wanted_columns, leave_out=kinds))
        encoded = self._encoded(table, progress)
        held_out = None if validation is None else self._encoded(validation, progress)
        encoded = _labelled(encoded, kinds)
        if held_out is None:
            encoded, held_out = self._split(encoded)
        held_out = _labelled(held_out, kinds)
        if len(encoded) < FEWEST_ROWS or not len(held_out):
            raise UsageError(
                f"{len(encoded)} rows with a target to train on and {len(held_out)} to validate: "
                f"give at least {FEWEST_ROWS} and one"
            )
        self.spaces = dict(encoded.spaces)
        self.targets = {name: Target.fit(name, kind, encoded.rows) for name, kind in kinds.items()}
        self._features = Features.fit(encoded)
        torch.manual_seed(self.settings.seed)
        self._model = FusionModel(self._config(encoded))
        self._fit_buffers(encoded)
        targets_of = {name: target.values(encoded.rows) for name, target in self.targets.items()}
        with tempfile.TemporaryDirectory() as scratch:
            history = train(
                self._model,
                range(len(encoded)),
                _Collate(self, encoded, targets_of),
                Path(folder or scratch),
                self.settings,
                validate=_Validation(self, held_out),
                best=("loss", "min"),
            )
        batches = [*self._batches(held_out)]
        fit_gates(self._model, batches)
        fit_temperatures(self._model, batches)
        self._model.eval()
        self.scores = self.evaluate(held_out)
        return history

    def encode(self, table: Table, *, progress: Progress | None = None) -> EncodedTable:
        """Encode a table, so that it can be used several times.

        Before `fit`, columns are detected (targets must be named in `columns` or dropped from the
        rows then); after it, they are those of the training.

        Parameters
        ----------
        table : path, sequence of dict, EncodedTable
            The last is checked and given back.

        Returns
        -------
        EncodedTable
            Its `skipped` names cells that could not be read, and columns that the table lacks:
            they count as missing.
        """
        if isinstance(table, EncodedTable):
            return self._checked(table)
        skipped: list[Skipped] = []
        rows = self._rows(table, skipped)
        fitted = bool(self.columns)
        columns = self.columns or tuple(detect_columns(rows, self._wanted_columns))
        if fitted:
            there = {name for row in rows for name in row}
            lacking = [column.name for column in columns if column.name not in there]
            if len(lacking) == len(columns):
                require_columns(rows, lacking)
            skipped += [
                Skipped(f"column {name}", "the table lacks it: counts as missing")
                for name in lacking
            ]
            rows = [{**dict.fromkeys(lacking), **row} for row in rows]
        if not isinstance(table, Sequence) or isinstance(table, str):
            rows = resolve_paths(rows, columns, table)
        encoders = {
            c.modality: self._encoder_of(c.modality)
            for c in columns
            if c.kind not in ("number", "category", "vectors")
        }
        encoded = encode_table(rows, columns, encoders, crops=self.crops, progress=progress)
        return replace(encoded, skipped=[*skipped, *encoded.skipped])

    def predict(self, table: Table) -> dict[str, list[str] | npt.NDArray[np.float64]]:
        """Predict every target of every row.

        Returns
        -------
        dict
            By target: labels, or an array of numbers of shape (n,).
        """
        outputs = self._outputs(self._encoded(table))
        return {name: self._decided(self.targets[name], found) for name, found in outputs.items()}

    def predict_proba(self, table: Table) -> dict[str, npt.NDArray[np.float64]]:
        """Probabilities of the classes of every target that is a category.

        Returns
        -------
        dict
            By target an array of shape (n, classes), in the order of ``targets[name].labels``.
        """
        outputs = self._outputs(self._encoded(table))
        return {
            name: _softmax(found)
            for name, found in outputs.items()
            if self.targets[name].kind == "category"
        }

    def evaluate(self, table: Table, *, seed: int = 0) -> Scores:
        """Score predictions on rows that have the targets.

        Returns
        -------
        dict
            By target and name of the score an `Interval` (95%, bootstrap): accuracy, macro_f1,
            log_loss and ece, or mae, rmse and r2. A target of fewer than two rows has no scores.
        """
        encoded = self._encoded(table)
        return scores_of(self.targets, encoded.rows, self._outputs(encoded), seed)

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
        table : Table
        target : str, optional
            Needed where there are several.
        of : {"probability", "log_odds"}
            What is explained of the predicted class. A number is explained itself.
        orders, seed : int
            For sampling, with more than five modalities.

        Returns
        -------
        Contributions
        """
        chosen = self._one_target(target)
        if of not in ("probability", "log_odds"):
            raise UsageError(f"of is 'probability' or 'log_odds', got {of!r}")
        encoded = self._encoded(table)
        whole = self._outputs(encoded)[chosen.name]
        labels = None
        if chosen.kind == "category":
            predicted = whole.argmax(1)
            labels = [chosen.labels[i] for i in predicted]

        def worth(kept: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
            found = self._outputs(replace(encoded, keep=encoded.keep & kept))[chosen.name]
            if chosen.kind == "number":
                return found[:, 0] * chosen.deviation + chosen.mean
            probability = _softmax(found)[np.arange(len(found)), predicted]
            if of == "probability":
                return probability
            return _log_odds(probability)

        return contributions_of(worth, self.modalities, orders=orders, seed=seed, labels=labels)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model into a folder: ``fusion.json`` and ``model.safetensors``."""
        from sensorium.training.fusion_files import save_fusion

        save_fusion(self, Path(folder))

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Any:
        """Read what `save` wrote.

        Raises
        ------
        UsageError
            When the folder holds no such model, or it is damaged.
        """
        from sensorium.training.fusion_files import load_fusion

        model = load_fusion(Path(folder))
        if not isinstance(model, cls):
            raise UsageError(f"{folder} holds a {type(model).__name__}, not a {cls.__name__}")
        return model

    def _target_kinds(self, targets: Targets) -> dict[str, TargetKind]:
        if isinstance(targets, str):
            targets = [targets]
        kinds = (
            dict(targets)
            if isinstance(targets, Mapping)
            else dict.fromkeys(targets, self._kind)
        )
        if not kinds:
            raise UsageError("name at least one target")
        for name, kind in kinds.items():
            if kind not in ("category", "number"):
                raise UsageError(f"target {name!r}: a category or a number, not {kind!r}")
        if self._kind not in kinds.values():
            raise UsageError(f"{type(self).__name__} needs a target that is a {self._kind}")
        return kinds

    def _rows(self, table: Table, skipped: list[Skipped] | None = None) -> list[Row]:
        if isinstance(table, (str, os.PathLike)):
            rows, unread = read_table(table)
            if skipped is not None:
                skipped += unread
            return list(rows)
        rows_given = list(table.rows if isinstance(table, EncodedTable) else table)
        if not rows_given:
            raise UsageError("the table holds no row")
        if wrong := [row for row in rows_given if not isinstance(row, Mapping)]:
            raise UsageError(f"rows are dicts from column to cell, got {type(wrong[0]).__name__}")
        return rows_given

    def _encoded(self, table: Table, progress: Progress | None = None) -> EncodedTable:
        """Encode, and say aloud what could not be read: only `encode` gives a list of it."""
        encoded = self.encode(table, progress=progress)
        if encoded.skipped and not isinstance(table, EncodedTable):
            first = encoded.skipped[0]
            more = f" and {len(encoded.skipped) - 1} more" if len(encoded.skipped) > 1 else ""
            warnings.warn(f"not read: {first.path}: {first.reason}{more}", stacklevel=3)
        return encoded

    def _checked(self, table: EncodedTable) -> EncodedTable:
        if table.columns != self.columns:
            raise UsageError(
                "the table was encoded with other columns: "
                f"{', '.join(c.name for c in table.columns)}; the model reads "
                f"{', '.join(c.name for c in self.columns)}"
            )
        for modality, fingerprint in self.spaces.items():
            self._require_space(modality, table.spaces[modality], "the table's vectors")
            assert fingerprint is not None
        return table

    def _require_space(self, modality: str, fingerprint: str, whose: str) -> None:
        known = self.spaces.get(modality)
        if known is not None and known != fingerprint:
            raise SpaceMismatchError(
                f"the model was trained on {modality} in the space {known}, and {whose} are of "
                f"{fingerprint or 'none'}: load the encoder it was trained with, or train anew"
            )

    def _encoder_name(self, modality: str) -> str:
        if isinstance(self.encoder, Mapping):
            return self.encoder.get(modality, DEFAULT_ENCODER)
        return self.encoder

    def _encoder_of(self, modality: str) -> Encoder:
        name = self._encoder_name(modality)
        if name not in self._loaded:
            if name == SOUND_STATISTICS:
                from sensorium.training.sound_statistics import SoundStatistics

                self._loaded[name] = SoundStatistics()
            else:
                self._loaded[name] = load_encoder(name)
        self._require_space(modality, self._loaded[name].space.fingerprint, f"those of {name}")
        return self._loaded[name]

    def encoder_names(self) -> dict[str, str]:
        """Encoder of each modality that has one, as it can be loaded from any folder."""
        named = {m: self._encoder_name(m) for m, space in self.spaces.items() if space}
        return {m: n if n == SOUND_STATISTICS else encoder_name(n) for m, n in named.items()}

    def _split(self, table: EncodedTable) -> tuple[EncodedTable, EncodedTable]:
        order = np.random.default_rng(self.settings.seed).permutation(len(table))
        held = max(1, round(self.validation_share * len(table)))
        return table.take(np.sort(order[held:])), table.take(np.sort(order[:held]))

    def _config(self, table: EncodedTable) -> FusionConfig:
        modalities: dict[str, VectorInput | TabularInput] = {}
        for name in table.modalities:
            if name == TABULAR:
                sizes = tuple(len(words) for words in self._features.vocabularies)
                modalities[name] = TabularInput(table.numbers.shape[1], sizes)
                continue
            columns = sum(column.modality == name for column in table.columns)
            lengths = [vectors.shape[1] for vectors in table.vectors[name] if len(vectors)]
            if not lengths:
                raise UsageError(f"no row has anything of {name} that could be read")
            modalities[name] = VectorInput(lengths[0], columns)
        classes = {name: len(target.labels) for name, target in self.targets.items()}
        return FusionConfig(self.method, modalities, classes, **self.architecture)

    def _fit_buffers(self, table: EncodedTable) -> None:
        """Give the model what it knows before training: scales, priors and class weights."""
        model = self.model
        for name, module in zip(model.config.modalities, model.inputs, strict=True):
            if isinstance(module, VectorTokens):
                tokens = np.concatenate([v for v in table.vectors[name] if len(v)])
                module.fit(torch.from_numpy(tokens))
        for i, target in enumerate(self.targets.values()):
            if target.kind == "number":
                continue
            numbers = target.values(table.rows)
            counts = np.bincount(numbers[numbers >= 0], minlength=len(target.labels))
            weights = self._class_weights(target, counts)
            shares = counts * weights
            prior = np.log(shares / shares.sum())
            model.get_buffer(f"prior_{i}").copy_(torch.from_numpy(prior))
            model.get_buffer(f"class_weight_{i}").copy_(torch.from_numpy(weights))

    def _class_weights(
        self, target: Target, counts: npt.NDArray[np.int64]
    ) -> npt.NDArray[np.float64]:
        if self.class_weights is None:
            return np.ones(len(counts))
        if self.class_weights == "balanced":
            return np.asarray(counts.sum() / (len(counts) * counts), np.float64)
        assert isinstance(self.class_weights, Mapping)
        given = self.class_weights.get(target.name, {})
        if unknown := given.keys() - {*target.labels}:
            raise UsageError(f"target {target.name!r} has no label {sorted(unknown)[0]!r}")
        weights = np.array([given.get(label, 1.0) for label in target.labels], np.float64)
        if not (np.isfinite(weights) & (weights > 0)).all():
            raise UsageError(f"target {target.name!r}: class weights are more than 0")
        return weights

    def inputs(self, table: EncodedTable, rows: Sequence[int]) -> Inputs:
        """What the torch module takes for some rows of a table (`sensorium.models.fusion`)."""
        inputs: dict[str, dict[str, Tensor]] = {}
        for m, name in enumerate(self.modalities):
            if name == TABULAR:
                some = table.take(rows)
                numbers, categories = self._features.tabular(some)
                numbers[~some.keep[:, m]] = np.nan
                categories[~some.keep[:, m]] = 0
                inputs[name] = {
                    "numbers": torch.from_numpy(numbers),
                    "categories": torch.from_numpy(categories),
                }
                continue
            arrays = pad_vectors(table, name, rows)
            arrays["mask"] &= table.keep[list(rows), m][:, None]
            if not any(len(table.vectors[name][row]) for row in rows):  # of a column of vectors
                given = self.model.config.modalities[name]
                assert isinstance(given, VectorInput)
                arrays["tokens"] = np.zeros((len(rows), 1, given.dimension), np.float32)
            inputs[name] = {key: torch.from_numpy(array) for key, array in arrays.items()}
        return inputs

    def _batches(self, table: EncodedTable) -> Iterator[Batch]:
        """Inputs and targets of all rows, where the model is."""
        device = self.model.temperature.device
        wanted = {name: target.values(table.rows) for name, target in self.targets.items()}
        for start in range(0, len(table), PREDICTED_AT_ONCE):
            rows = range(start, min(start + PREDICTED_AT_ONCE, len(table)))
            inputs = {
                name: {key: tensor.to(device) for key, tensor in one.items()}
                for name, one in self.inputs(table, rows).items()
            }
            targets = {
                name: torch.from_numpy(values[rows.start : rows.stop]).to(device)
                for name, values in wanted.items()
            }
            yield inputs, targets

    def _outputs(self, table: EncodedTable) -> dict[str, npt.NDArray[np.float64]]:
        model = self.model.eval()
        found: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in self.targets}
        with torch.inference_mode():
            for inputs, _ in self._batches(table):
                for name, outputs in model(inputs)["outputs"].items():
                    found[name].append(outputs.double().cpu().numpy())
        return {
            name: np.concatenate([np.empty((0, len(self.targets[name].labels) or 1)), *parts])
            for name, parts in found.items()
        }

    def _decided(
        self, target: Target, outputs: npt.NDArray[np.float64]
    ) -> list[str] | npt.NDArray[np.float64]:
        if target.kind == "category":
            return [target.labels[i] for i in outputs.argmax(1)]
        return np.asarray(outputs[:, 0] * target.deviation + target.mean)

    def _one_target(self, name: str | None) -> Target:
        if name is None and len(self.targets) == 1:
            (name,) = self.targets
        if name is None or name not in self.targets:
            raise UsageError(
                f"say which target, of {', '.join(self.targets) or 'none: fit first'}"
                + (f"; there is no {name!r}" if name is not None else "")
            )
        return self.targets[name]


class FusionClassifier(_Fusion):
    """Predicts categories (and numbers beside them) from all modalities of a row.

    A target is a category unless a mapping says ``"number"``.
    """

    _kind = "category"
    task = "classifier"


class FusionRegressor(_Fusion):
    """Predicts numbers (and categories beside them) from all modalities of a row.

    A target is a number unless a mapping says ``"category"``.
    """

    _kind = "number"
    task = "regressor"


class _Collate:
    """Makes a batch of row numbers."""

    def __init__(
        self, owner: _Fusion, table: EncodedTable, targets: Mapping[str, npt.NDArray[Any]]
    ) -> None:
        self.owner, self.table, self.targets = owner, table, targets

    def __call__(self, rows: list[int]) -> dict[str, Any]:
        targets = {n: torch.from_numpy(values[rows]) for n, values in self.targets.items()}
        return {"inputs": self.owner.inputs(self.table, rows), "targets": targets}


class _Validation:
    """Loss on validation rows: as they are, and with modalities dropped as in training.

    The mean of both decides, so that the weights that are kept are good at either.
    """

    def __init__(self, owner: _Fusion, table: EncodedTable) -> None:
        self.owner = owner
        self.batches = [*owner._batches(table)]
        rate = owner.model.config.modality_dropout
        generator = torch.random.get_rng_state()
        torch.manual_seed(0)
        there = torch.from_numpy(table.present())
        self.kept = drop_modalities(there, rate).split(PREDICTED_AT_ONCE)
        torch.random.set_rng_state(generator)

    def __call__(self, model: Callable[..., Any]) -> dict[str, float]:
        losses, rows = 0.0, 0
        for (inputs, targets), kept in zip(self.batches, self.kept, strict=True):
            device = self.owner.model.temperature.device
            inputs = {n: {k: t.to(device) for k, t in one.items()} for n, one in inputs.items()}
            targets = {name: values.to(device) for name, values in targets.items()}
            whole = model(inputs, targets)["loss"]
            partly = model(inputs, targets, keep=kept.to(device))["loss"]
            losses += len(kept) * (float(whole) + float(partly)) / 2
            rows += len(kept)
        return {"loss": losses / rows}


def _labelled(table: EncodedTable, targets: Mapping[str, TargetKind]) -> EncodedTable:
    """The rows that have at least one of the targets."""
    with_target = [
        row
        for row, cells in enumerate(table.rows)
        if any(not is_missing(cells.get(name)) for name in targets)
    ]
    return table if len(with_target) == len(table) else table.take(with_target)


def _softmax(outputs: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    powers = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _log_odds(probability: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    kept = np.clip(probability, _LEAST, 1 - _LEAST)
    return np.asarray(np.log(kept) - np.log1p(-kept))
