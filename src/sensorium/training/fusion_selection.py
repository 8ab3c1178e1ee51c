"""Choosing between methods of fusion by validation rows, and learning from all rows in the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError

try:
    import torch
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

from sensorium.data.encoded_tables import EncodedTable
from sensorium.models.fusion import drop_modalities
from sensorium.models.fusion_config import Method
from sensorium.tasks.rows.features import Target
from sensorium.training.fusion_methods import Trained
from sensorium.training.fusion_report import FusionReport, measure
from sensorium.training.fusion_scores import Scores, scores_of

TRIED = "tried"
"""Folder of trainings that were compared, beside that of all rows."""

ERRORS = 2.0
"""Standard errors by which a trained model must be better than the linear one to be chosen: it is
the best of three, and its weights, temperature and gates were fitted to the rows that decide. With
one error (Breiman et al. 1984), 78 validation rows took a method that was 0.08 worse on test rows
(docs/training/fusion.md)."""

PARTS = 2
"""Of the validation rows: a linear model is judged on each after learning from the others."""


Train = Callable[[Method, Sequence[EncodedTable], Path | None], Trained]
"""From a method, tables to learn from and a folder, or None, to a model."""


def select(
    methods: Sequence[Method],
    train: Train,
    rows: EncodedTable,
    held_out: EncodedTable,
    tested: EncodedTable | None,
    *,
    folder: Path | None = None,
    seed: int = 0,
) -> tuple[Trained, Scores, FusionReport | None]:
    """Try methods, choose one, measure it, and train it on all rows.

    Parameters
    ----------
    methods : sequence of Method
    train : callable
    rows, held_out : EncodedTable
        To learn from, and to choose by.
    tested : EncodedTable, optional
        To make a report of.
    folder : path, optional
        For the trainings.
    seed : int
        Of the resampling behind intervals and tests.

    Returns
    -------
    Trained
        A linear model has learnt from all three; of the others, the rows to choose by still say
        when to stop.
    Scores
        Of the test rows, else of those to choose by; before they were learnt from.
    FusionReport or None
    """
    only = len(methods) == 1 and tested is None
    tried = [
        train(method, [rows], folder if only or folder is None else folder / TRIED / method)
        for method in methods
    ]
    hidden = hide(held_out, tried[0])
    found = {one.method: losses(one, held_out, hidden) for one in tried}
    if "linear" in found and len(found) > 1:
        found["linear"] = linear_losses(train, rows, held_out, hidden, tried[0].batches.targets)
    chosen = next(one for one in tried if one.method == choose(found))
    batches = chosen.batches
    scores = scores_of(batches.targets, held_out.rows, batches.outputs(held_out), seed)
    report, more = None, []
    if tested is not None:
        more = [tested]
        # It needs no validation rows: it learns from as many rows as the others have.
        linear = train("linear", [rows, held_out], None)
        report = measure(
            linear if chosen.method == "linear" else chosen,
            [one for one in tried if one.method not in (chosen.method, "linear")],
            linear,
            tested,
            counts={"train": len(rows), "validation": len(held_out), "test": len(tested)},
            validation={method: float(one.mean()) for method, one in found.items()},
            seed=seed,
        )
        scores = {name: dict(one[0].scores) if one else {} for name, one in report.systems.items()}
    if chosen.method == "linear":
        chosen = train("linear", [rows, held_out, *more], None)
    elif more:
        chosen = train(chosen.method, [rows, *more], folder)
    return chosen, scores, report


def hide(table: EncodedTable, trained: Trained) -> EncodedTable:
    """The rows of a table with modalities hidden as in training, always the same."""
    rate = trained.batches.model.architecture.modality_dropout
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        kept = drop_modalities(torch.from_numpy(table.present()), rate).numpy()
    return table.only(kept)


def losses(
    trained: Trained,
    table: EncodedTable,
    hidden: EncodedTable,
    known: Mapping[str, Target] | None = None,
) -> npt.NDArray[np.float64]:
    """What a model's predictions of each row lose, shape (n,).

    The mean of two: of the rows as they are, and of the rows with modalities hidden (`hide`).
    Cross-entropy with the class weights, half the squared error of standardised numbers; the sum
    over targets. Labels that are not among those of `known`, else of the model, count for nothing.
    """
    batches = trained.batches
    found = np.zeros(len(table))
    for one in (table, hidden):
        outputs = batches.outputs(one)
        for i, (name, target) in enumerate(batches.targets.items()):
            wanted = target.values(table.rows)
            if target.kind == "category":
                counted = (known or batches.targets)[name].values(table.rows) >= 0
                rows = np.flatnonzero(counted & (wanted >= 0))
                logs = outputs[name] - np.logaddexp.reduce(outputs[name], axis=1, keepdims=True)
                weights = batches.model.get_buffer(f"class_weight_{i}").cpu().double().numpy()
                right = wanted[rows].astype(np.intp)
                found[rows] -= weights[right] * logs[rows, right] / 2
            else:
                errors = outputs[name][:, 0] - wanted
                found += 0.5 * np.nan_to_num(errors) ** 2 / 2
    return found


def linear_losses(
    train: Train,
    rows: EncodedTable,
    held_out: EncodedTable,
    hidden: EncodedTable,
    known: Mapping[str, Target],
) -> npt.NDArray[np.float64]:
    """What a linear model's predictions of each validation row lose, shape (n,).

    Each part of them is predicted by a model that has learnt from the others, too, as the one that
    is chosen will have: where rows are few, it makes much of it.
    """
    place = np.random.default_rng(0).permutation(len(held_out)) % PARTS
    found = np.zeros(len(held_out))
    for part in range(PARTS):
        out = np.flatnonzero(place == part)
        if len(out):
            trained = train("linear", [rows, held_out.take(np.flatnonzero(place != part))], None)
            found[out] = losses(trained, held_out.take(out), hidden.take(out), known)
    return found


def choose(found: Mapping[Method, npt.NDArray[np.float64]]) -> Method:
    """The method of least loss; the linear one unless another is clearly better.

    Parameters
    ----------
    found : mapping of method to ndarray of float64, shape (n,)
        `losses` and `linear_losses` of the same validation rows.
    """
    best = min(found, key=lambda method: float(found[method].mean()))
    if best == "linear" or "linear" not in found:
        return best
    gains = found["linear"] - found[best]
    error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else np.inf
    return best if gains.mean() > ERRORS * error else "linear"
