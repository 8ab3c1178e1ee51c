"""What a fusion model is worth: its scores on rows it has not seen, beside those of its baselines.

The baselines are what every fusion should beat: the most frequent label (or the mean), each
modality alone, and all modalities joined in a linear model with a tuned penalty.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sensorium.data.encoded_tables import EncodedTable
from sensorium.evaluation.comparison import Comparison, compare, corrected
from sensorium.evaluation.intervals import Interval
from sensorium.evaluation.report import Report, Table, figure, gain, named, spread
from sensorium.home import short_path
from sensorium.media.skipped import Skipped
from sensorium.tasks.rows.features import Target
from sensorium.training.fusion_methods import Trained
from sensorium.training.fusion_scores import FEWEST, hits_or_errors, scores_of

if TYPE_CHECKING:
    from sensorium.training.fusion import Fusion

Predicted = tuple[Target, npt.NDArray[np.float64]]
"""A target as a model knows it, and what the model says of each row."""

LINEAR = {"category": "logistic regression", "number": "ridge regression"}
TRIVIAL = {"category": "majority", "number": "mean"}

COMPARED = {"category": "accuracy", "number": "mae"}
"""The score that tests compare."""


@dataclass(frozen=True)
class System:
    """One way to predict a target.

    Attributes
    ----------
    name : str
        A method of fusion, or what the baseline is.
    scores : dict of str to Interval
        See `sensorium.training.fusion_scores.scores_of`.
    comparison : Comparison or None
        What the chosen method's accuracy is above this one's, or its mean absolute error; the
        p-value is Holm-corrected over the systems. None for the chosen method itself.
    """

    name: str
    scores: dict[str, Interval]
    comparison: Comparison | None = None


@dataclass(frozen=True)
class FusionReport:
    """Scores on rows that neither trained nor chose anything.

    Attributes
    ----------
    chosen : str
        The method.
    counts : dict of str to int
        Rows in "train", "validation" and "test".
    validation : dict of str to float
        Mean loss on validation rows of each method that was tried; the choice rests on it.
    systems : dict of str to list of System
        By target, the chosen method first; none for a target that fewer than two test rows have.
    """

    chosen: str
    counts: dict[str, int]
    validation: dict[str, float]
    systems: dict[str, list[System]]

    def to_json(self) -> dict[str, Any]:
        """Plain values for a JSON file; `from_json` reads them."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> FusionReport:
        """Read what `to_json` gave."""
        systems = {
            target: [
                System(
                    one["name"],
                    {name: Interval(**score) for name, score in one["scores"].items()},
                    None if one["comparison"] is None else Comparison(**one["comparison"]),
                )
                for one in found
            ]
            for target, found in values["systems"].items()
        }
        return cls(values["chosen"], values["counts"], values["validation"], systems)


def measure(
    chosen: Trained,
    others: list[Trained],
    linear: Trained,
    tested: EncodedTable,
    *,
    counts: dict[str, int],
    validation: dict[str, float],
    seed: int = 0,
) -> FusionReport:
    """Score a model, others and the baselines on the same rows, and compare them with the first.

    Parameters
    ----------
    chosen : Trained
    others : list of Trained
        By other methods, from the same rows.
    linear : Trained
        By the method "linear"; with some modalities it is the baselines, too.
    tested : EncodedTable
    counts, validation
        See `FusionReport`.
    seed : int
        Of the resampling.
    """
    systems: dict[str, list[System]] = {}
    whole = [(one, one.batches.outputs(tested)) for one in _distinct([chosen, linear, *others])]
    alone = {
        f"{modality} alone": linear.batches.outputs(tested.of(modality))
        for modality in tested.modalities
        if len(tested.modalities) > 1
    }
    nothing = linear.batches.outputs(tested.of())
    for name, target in chosen.batches.targets.items():
        # Each with its own labels: the linear model has seen validation rows, and theirs.
        outputs = {
            _spelt(one.method, target): (one.batches.targets[name], found[name])
            for one, found in whole
        }
        ours = linear.batches.targets[name]
        outputs |= {known: (ours, found[name]) for known, found in alone.items()}
        outputs[TRIVIAL[target.kind]] = (ours, nothing[name])
        systems[name] = _compared(outputs, tested, seed)
    return FusionReport(chosen.method, counts, validation, systems)


def _spelt(method: str, target: Target) -> str:
    return f"{method} ({LINEAR[target.kind]})" if method == "linear" else method


def _distinct(trained: Sequence[Trained]) -> list[Trained]:
    return [*{id(one): one for one in trained}.values()]


def _compared(outputs: Mapping[str, Predicted], tested: EncodedTable, seed: int) -> list[System]:
    """Scores of each system, and comparisons of the first with the others."""
    rows = tested.rows
    values = {name: hits_or_errors(*one, rows) for name, one in outputs.items()}
    first, *rest = values
    if len(values[first]) < FEWEST:
        return []
    scores = {
        name: scores_of({target.name: target}, rows, {target.name: found}, seed)[target.name]
        for name, (target, found) in outputs.items()
    }
    compared = corrected([compare(values[first], values[name], seed=seed) for name in rest])
    return [
        System(name, scores[name], found)
        for name, found in zip(values, (None, *compared), strict=True)
    ]


def report_of(
    model: Fusion, rows: int, seconds: float, folder: Path, skipped: Sequence[Skipped]
) -> Report:
    """What is told of a training whose model is written to a folder.

    Parameters
    ----------
    model : Fusion
        A fitted one.
    rows : int
        Of the table.
    seconds : float
        That the training took, encoding included.
    folder : Path
    skipped : sequence of Skipped
        Cells that could not be used.
    """
    method, columns = model.model.architecture.method, model.tables.columns
    kinds = ", ".join(f"{column.name} ({column.kind})" for column in columns)
    files = "fusion.json, model.safetensors" + ", training" * (folder / "training").is_dir()
    facts = {
        "model": str(folder),
        "method": method,
        "rows": rows,
        "columns": {column.name: column.kind for column in columns},
        "modalities": [*model.modalities],
        "targets": {name: target.kind for name, target in model.targets.items()},
        "seconds": round(seconds, 1),
        "scores": model.scores,
        "report": model.report,
    }
    return Report(
        [
            f"{method} fusion of {kinds}; {rows:,} rows, {seconds:.0f} s",
            *([] if model.report is None else _shown(model.report, model.targets)),
            f"written to {short_path(str(folder))}: {files}",
        ],
        [*named(skipped), facts],
        skipped,
    )


def _shown(report: FusionReport, targets: Mapping[str, Target]) -> list[str | Table]:
    counts = report.counts
    shown: list[str | Table] = [
        f"learnt from {counts['train']:,} rows and chosen by {counts['validation']:,}, then "
        f"measured on {counts['test']:,}, which the model that is written has learnt from, too"
    ]
    if len(report.validation) > 1:
        losses = ", ".join(f"{name} {loss:.3f}" for name, loss in report.validation.items())
        shown.append(f"validation loss, half of it with modalities hidden: {losses}")
        if (
            report.chosen == "linear"
            and min(report.validation.values()) < report.validation["linear"]
        ):
            shown.append("linear stays where no other is better by more than two standard errors")
    return shown + [
        _table(name, systems, COMPARED[targets[name].kind])
        if systems
        else f"{name}: too few rows to measure on"
        for name, systems in report.systems.items()
    ]


def _table(target: str, systems: Sequence[System], compared: str) -> Table:
    """A line for each way to predict a target, the chosen one first."""
    others = [name for name in systems[0].scores if name != compared]
    rows = []
    for one in systems:
        scores = [figure(one.scores[name].estimate) for name in others]
        gained = [] if one.comparison is None else gain(one.comparison)
        rows.append([one.name, *spread(one.scores[compared]), *scores, *gained])
    headings = [target, compared, "95% interval", *others, "difference", "p (Holm)"]
    return Table(headings, rows, bold=[0])
