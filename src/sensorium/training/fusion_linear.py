"""Solving a linear fusion model: logistic regression for classes, ridge regression for numbers.

The penalty of each is chosen by rows that are left out, so that no row has to be set apart.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from sensorium.errors import MissingExtraError
from sensorium.media.progress import Progress

try:
    import torch
except ImportError as error:
    raise MissingExtraError(error.name or "torch", "train") from error

from sensorium.models.fusion import FusionModel
from sensorium.models.fusion_config import MISSING_CLASS
from sensorium.models.fusion_linear import LinearFusion
from sensorium.tasks.rows.batches import Batch
from sensorium.training.linear import Ridge, minimise_log_loss

PENALTIES = tuple(float(10.0**exponent) for exponent in np.arange(0, -6.1, -0.5))
"""Of the squared weights beside the mean loss, the strongest first; every modality has a variance
of one in all (`sensorium.models.fusion_linear`)."""

DEFAULT_PENALTY = 1e-4
"""Where no row can be left out."""

FOLDS = 5

LARGE = 200_000_000
"""Rows times features times classes above which one fold of the five is tried, for the time."""

MOST_TUNED = 5000
"""Rows that a penalty is chosen with; of more, a sample. It is then weighed against the sum of
the losses, as scikit-learn's C is."""

WORSE = 2
"""Penalties in a row that may be worse than the best before the search ends."""

COMPARED, SOLVED = 1e-5, 1e-8
"""Relative gain of a step below which penalties can be compared, and below which one is solved."""

Values = npt.NDArray[np.float64]
Points = npt.NDArray[np.float32]


def solve_linear(
    model: FusionModel,
    batches: Iterable[Batch],
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> None:
    """Fit scales, weights and biases of a linear fusion model to training rows.

    The layer of a set of modalities is fitted to all rows that have one of them, with the mean in
    place of the others and a feature that says so: rows with gaps teach, too. The penalty is chosen
    for the whole set and for each modality alone; other sets take the whole's.

    Parameters
    ----------
    model : FusionModel
        Of method "linear".
    batches : iterable of (inputs, targets)
    seed : int
        Of the folds.
    progress : callable, optional
        Takes layers done, and layers in all.
    """
    fusion = model.fusion
    assert isinstance(fusion, LinearFusion)
    model.eval()  # no modality is to be dropped
    seen = [*batches]
    with torch.no_grad():
        for name, block in zip(model.architecture.modalities, model.inputs, strict=True):
            found = [block.raw(inputs[name]) for inputs, _ in seen]
            block.fit(torch.cat([features[there[:, 0]] for features, there in found]))
        embedded = [model.embed(inputs) for inputs, _ in seen]
        features = torch.cat([fusion.joined(tokens, there) for tokens, _, there in embedded])
    points: Points = features.cpu().numpy()
    present = torch.cat([there for _, _, there in embedded]).cpu().numpy()
    sets = fusion.sets.cpu().numpy()
    count, total = 0, len(sets) * len(model.architecture.targets)
    for i, (name, classes) in enumerate(model.architecture.targets.items()):
        wanted = torch.cat([targets[name] for _, targets in seen]).cpu().numpy()
        known = (wanted != MISSING_CLASS) if classes else ~np.isnan(wanted)
        class_weights = model.get_buffer(f"class_weight_{i}").cpu().numpy()
        penalty: float | None = None
        for number, modalities in enumerate(sets):
            rows = known & present[:, modalities].any(axis=1)
            used = fusion.used(fusion.sets[number]).cpu().numpy()
            used &= points[rows].any(axis=0)  # what is always zero has nothing to say
            alone = None if modalities.sum() == 1 else penalty
            if not rows.any():
                layer, chosen = _constant(model, i, classes, int(used.sum())), DEFAULT_PENALTY
            elif classes:
                layer, chosen = _logistic(
                    points[rows][:, used], wanted[rows], classes, class_weights, alone, seed
                )
            else:
                layer, chosen = _ridge(points[rows][:, used], wanted[rows], alone)
            penalty = chosen if penalty is None else penalty
            weights = np.zeros((classes or 1, points.shape[1]))
            weights[:, used] = layer[:, :-1]
            fusion.get_buffer(f"weights_{i}")[number] = torch.from_numpy(weights)
            fusion.get_buffer(f"bias_{i}")[number] = torch.from_numpy(layer[:, -1])
            count += 1
            if progress is not None:
                progress(count, total)


def _constant(model: FusionModel, target: int, classes: int, features: int) -> Values:
    """A layer that says the prior, for a set of modalities that no row with the target has."""
    prior = model.prior(target).cpu().double().numpy()
    return np.concatenate([np.zeros((classes or 1, features)), prior[:, None]], axis=1)


def _logistic(
    points: Points,
    labels: npt.NDArray[np.int64],
    classes: int,
    class_weights: npt.NDArray[np.float32],
    penalty: float | None,
    seed: int,
) -> tuple[Values, float]:
    """Weights with the bias behind them, (classes, d + 1), and the penalty."""
    right = labels.astype(np.intp)
    centre = points.mean(axis=0)
    turned, directions = points - centre, None
    if len(points) < points.shape[1]:
        # As many dimensions as rows: turned into them, the problem is the same.
        left, singular, directions = np.linalg.svd(turned, full_matrices=False)
        turned = left * singular
    weights = class_weights[right]
    if penalty is None:
        penalty = _penalty(turned, right, classes, weights, seed)
    start = np.zeros((classes, turned.shape[1] + 1))
    layer = minimise_log_loss(
        turned, right, classes, penalty, start, weights=weights, precision=SOLVED
    )
    inner = layer[:, :-1] if directions is None else layer[:, :-1] @ directions
    bias = layer[:, -1] - inner @ centre
    return np.concatenate([inner, bias[:, None]], axis=1), penalty


def _penalty(
    points: Points,
    labels: npt.NDArray[np.intp],
    classes: int,
    weights: npt.NDArray[np.float32],
    seed: int,
) -> float:
    """The penalty of least log loss of rows that are left out, fold by fold."""
    n = len(points)
    if n < FOLDS:
        return DEFAULT_PENALTY
    order = np.random.default_rng(seed).permutation(n)[:MOST_TUNED]
    points, labels, weights = points[order], labels[order], weights[order]
    fold_of = np.arange(len(order)) % FOLDS
    folds = 1 if points.size * classes > LARGE else FOLDS
    starts = [np.zeros((classes, points.shape[1] + 1))] * folds  # each from the stronger one's
    best, chosen, worse = np.inf, DEFAULT_PENALTY, 0
    for penalty in PENALTIES:
        loss = 0.0
        for fold in range(folds):
            out = fold_of == fold
            starts[fold] = layer = minimise_log_loss(
                points[~out], labels[~out], classes, penalty, starts[fold],
                weights=weights[~out], precision=COMPARED,
            )  # fmt: skip
            logits = points[out] @ layer[:, :-1].T + layer[:, -1]
            logits -= logits.max(axis=1, keepdims=True)
            right = logits[np.arange(len(logits)), labels[out]]
            loss += float((np.log(np.exp(logits).sum(axis=1)) - right) @ weights[out])
        if loss < best:
            best, chosen, worse = loss, penalty, 0
        else:
            worse += 1
            if worse == WORSE:
                break
    return chosen * len(points) / n


def _ridge(
    points: Points, wanted: npt.NDArray[np.float32], penalty: float | None
) -> tuple[Values, float]:
    """Weights with the bias behind them, (1, d + 1), and the penalty beside the mean loss."""
    ridge = Ridge.of(points, wanted[:, None])
    n = len(points)
    if penalty is None:
        penalty = DEFAULT_PENALTY
        if n > 2:
            errors = {p: ((ridge.left_out(p * n) - ridge.targets) ** 2).sum() for p in PENALTIES}
            penalty = min(errors, key=lambda p: float(errors[p]))
    weights, bias = ridge.solve(penalty * n)
    return np.concatenate([weights, bias[:, None]], axis=1), penalty
