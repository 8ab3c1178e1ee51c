"""Fusion of modalities: one classifier, and one regressor, over all columns of a table.

`FusionClassifier` and `FusionRegressor` take early, late, hybrid or linear fusion
(`sensorium.models.fusion`), or choose between them by validation rows; they predict with whatever a
row has, and say what each modality contributed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

import numpy as np

from sensorium.data.columns import is_missing
from sensorium.data.encoded_tables import EncodedTable, concatenated
from sensorium.data.table_encoder import Encoders, Table, TableEncoder
from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import UsageError
from sensorium.media.progress import NO_FIGURES, Progress, Said
from sensorium.models.fusion_config import FusionConfig, Method, VectorInput
from sensorium.tasks.fusion import FusionPredictor
from sensorium.tasks.rows.features import Target, TargetKind
from sensorium.training.fusion_methods import ClassWeights, Recipe, Trained, train_method
from sensorium.training.fusion_report import FusionReport
from sensorium.training.fusion_scores import Scores, scores_of
from sensorium.training.fusion_selection import select
from sensorium.training.history import History
from sensorium.training.loop import Settings

Targets = str | Sequence[str] | Mapping[str, TargetKind]

AUTO = "auto"

METHODS: tuple[Method, ...] = ("linear", "early", "late", "hybrid")
"""What "auto" tries: the linear one, which takes a moment, first."""

SETTINGS = Settings(epochs=40, batch_size=64, learning_rate=1e-3, weight_decay=0.05, patience=6)

VALIDATION_SHARE = 0.15

FEWEST_ROWS = 8
"""Fewer rows than this are no training."""


class Fusion(FusionPredictor):
    """What `FusionClassifier` and `FusionRegressor` have in common; see there.

    Parameters
    ----------
    method : {"auto", "linear", "early", "late", "hybrid"}
        "auto" trains all four and takes the one of least loss on validation rows; a linear model
        (logistic and ridge regression), unless another is clearly better.
    columns : mapping of str to kind, optional
        What columns hold (`tables.KINDS`); none but these are read. Without it all columns but the
        targets are, by what they seem to hold.
    encoder : str or mapping of str to str
        Encoder of media and texts, of all modalities or by modality; "mel" describes sound
        without one (`sensorium.encoders.sound_statistics`).
    crops : bool
        Take five vectors of a picture: of the whole, and of four overlapping corner crops.
    class_weights : {"balanced"} or mapping of str to mapping, optional
        "balanced" gives all classes the same weight in the loss; else weights of labels by target.
    validation_share : float
        Share of the rows that is set apart when no validation table is given.
    test_share : float
        Share of the rows that a report is made of when no test table is given; 0 makes none.
    settings : Settings
        Of the training loop.
    **architecture
        What `FusionConfig` takes: ``width``, ``layers``, ``heads``, ``dropout``,
        ``modality_dropout``, ``decision``, ``bottlenecks``, ``fusion_layer``, ``uncertainty``.

    Attributes
    ----------
    targets : dict of str to Target
        What was trained for, with the labels of its classes in order.
    report : FusionReport or None
        What it is worth beside other methods and baselines, where test rows were given or set
        apart.
    scores : dict
        Of the test rows, else of the validation rows, as `evaluate` gives them. Whatever the
        figures were taken of is learnt from afterwards, too.

    Raises
    ------
    UsageError
        For values that cannot be.
    """

    _kind: ClassVar[TargetKind]

    def __init__(
        self,
        method: Method | Literal["auto"] = "auto",
        *,
        columns: Mapping[str, str] | None = None,
        encoder: Encoders = DEFAULT_ENCODER,
        crops: bool = False,
        class_weights: ClassWeights = None,
        validation_share: float = VALIDATION_SHARE,
        test_share: float = 0.0,
        settings: Settings = SETTINGS,
        **architecture: Any,
    ) -> None:
        known = FusionConfig.__dataclass_fields__.keys() - {"method", "modalities", "targets"}
        if unknown := architecture.keys() - known:
            raise UsageError(f"fusion has no option {', '.join(sorted(unknown))}")
        if not 0 < validation_share < 1:
            raise UsageError(f"validation_share lies between 0 and 1, got {validation_share}")
        if not 0 <= test_share < 1 - validation_share:
            raise UsageError(
                f"test_share is from 0 to below {1 - validation_share:g}, got {test_share}"
            )
        if isinstance(class_weights, str) and class_weights != "balanced":
            raise UsageError(f"class_weights is 'balanced' or a mapping, got {class_weights!r}")
        # What cannot be is said now, not after the encoding.
        if method not in (AUTO, *METHODS):
            raise UsageError(f"method is one of {', '.join((AUTO, *METHODS))}, got {method!r}")
        example: Method = "early" if method == AUTO else method  # type: ignore[assignment]
        FusionConfig(example, {"any": VectorInput(1)}, {"any": 0}, **architecture)
        self.method = method
        self.class_weights = class_weights
        self.validation_share = validation_share
        self.test_share = test_share
        self.settings = settings
        self.architecture = architecture
        super().__init__(TableEncoder(columns, encoder, crops=crops))
        self.scores: Scores = {}
        self.report: FusionReport | None = None

    def fit(
        self,
        table: Table,
        targets: Targets,
        *,
        validation: Table | None = None,
        test: Table | None = None,
        folder: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
        steps: Progress | None = None,
        said: Said | None = None,
    ) -> History:
        """Train on a table.

        Parameters
        ----------
        table : path, sequence of dict, EncodedTable
            `encode` makes the last, which several models can share.
        targets : str, sequence of str, mapping of str to {"category", "number"}
            Columns to predict. A row may lack some of them.
        validation : like table, optional
            Rows that decide when to stop, how sure to be, and which method; else a share of the
            table is set apart.
        test : like table, optional
            Rows that a report is made of; else `test_share` of the table.
        folder : path, optional
            Where the training keeps checkpoints, history and curves; a killed training of the same
            rows goes on there. None keeps nothing.
        progress : callable, optional
            Takes (done, total) while media are encoded.
        steps : callable, optional
            Takes (done, total, figures) after each step of a training.
        said : callable, optional
            Called with what is done; returns what takes steps done and in all.

        Returns
        -------
        History
            Of the model that was kept; a linear one has no losses.

        Raises
        ------
        UsageError
            For too few rows, a target that cannot be learnt, or a table that cannot be read.
        EncoderError
            When no encoder is given for what a column holds.
        """
        kinds = self._target_kinds(targets)
        self.tables.learn_columns(table, [*kinds])
        rows, held_out, tested = self._parts(table, validation, test, kinds, progress)
        if len(rows) < FEWEST_ROWS or not len(held_out):
            raise UsageError(
                f"{len(rows)} rows with a target to train on and {len(held_out)} to validate: "
                f"give at least {FEWEST_ROWS} and 1"
            )
        recipe = Recipe(self.settings, self.architecture, self.class_weights)

        def trained(method: Method, tables: Sequence[EncodedTable], place: Path | None) -> Trained:
            learnt = concatenated(tables)
            known = {name: Target.fit(name, kind, learnt.rows) for name, kind in kinds.items()}
            told = said(f"{method} fusion") if said is not None else None

            def step(done: int, total: int, figures: Mapping[str, float] = NO_FIGURES, /) -> None:
                if told is not None:
                    told(done, total)
                if steps is not None:
                    steps(done, total, figures)

            return train_method(
                method, recipe, known, learnt, held_out, folder=place, steps=step, solving=told
            )

        chosen, self.scores, self.report = select(
            self._methods(), trained, rows, held_out, tested,
            folder=None if folder is None else Path(folder), seed=self.settings.seed,
        )  # fmt: skip
        self.targets = dict(chosen.batches.targets)
        self.tables.spaces = dict(rows.spaces)
        self._batches = chosen.batches
        return chosen.history

    def evaluate(self, table: Table, *, seed: int = 0) -> Scores:
        """Score predictions on rows that have the targets.

        Returns
        -------
        dict
            By target and name of the score an `Interval` (95%, bootstrap), see
            `sensorium.training.fusion_scores.scores_of`.
        """
        encoded = self._encoded(table)
        return scores_of(self.targets, encoded.rows, self.batches.outputs(encoded), seed)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write the model into a folder: ``fusion.json`` and ``model.safetensors``."""
        from sensorium.training.fusion_folder import save_fusion

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
        from sensorium.training.fusion_folder import load_fusion

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

    def _methods(self) -> list[Method]:
        """The methods that are tried; hybrid fusion needs two layers to exchange."""
        if self.method != AUTO:
            return [self.method]  # type: ignore[list-item]
        layers = self.architecture.get("layers", 2) - self.architecture.get("fusion_layer", 0)
        return [method for method in METHODS if method != "hybrid" or layers >= 2]

    def _parts(
        self,
        table: Table,
        validation: Table | None,
        test: Table | None,
        kinds: Mapping[str, TargetKind],
        progress: Progress | None,
    ) -> tuple[EncodedTable, EncodedTable, EncodedTable | None]:
        """Rows to learn from, to choose by, and to measure on."""
        rows = _labelled(self._encoded(table, progress), kinds)
        given = [
            None if one is None else _labelled(self._encoded(one, progress), kinds)
            for one in (validation, test)
        ]
        order = np.random.default_rng(self.settings.seed).permutation(len(rows))
        parts: list[EncodedTable | None] = []
        for one, share in zip(given, (self.validation_share, self.test_share), strict=True):
            taken = max(1, round(share * len(rows))) if one is None and share else 0
            taken = min(taken, len(order))
            parts.append(rows.take(np.sort(order[:taken])) if taken else one)
            order = order[taken:]
        held_out = parts[0] if parts[0] is not None else rows.take([])
        return rows.take(np.sort(order)), held_out, parts[1]


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


def _labelled(table: EncodedTable, targets: Mapping[str, TargetKind]) -> EncodedTable:
    """The rows that have at least one of the targets."""
    rows = [
        number
        for number, cells in enumerate(table.rows)
        if any(not is_missing(cells.get(name)) for name in targets)
    ]
    return table if len(rows) == len(table) else table.take(rows)
