"""The rivals of `benchmarks.train_fusion`: scikit-learn on vectors side by side."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.fusion_tasks import TARGET, Task
from sensorium.data.encoded_tables import EncodedTable, concatenated
from sensorium.tasks.rows.features import Features

STRENGTHS = (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
"""Of logistic regression's `C`, tried on validation rows."""

DROPPED = 0.3
"""Share of the rows that each modality is taken from in a copy, as in the training of fusion."""

COMPONENTS = 64
"""Of each modality's vectors (PCA) that gradient boosting gets, for the time that it takes."""

Predict = Callable[[EncodedTable], list[str]]


@dataclass(frozen=True)
class Rival:
    """A baseline, fitted twice.

    Attributes
    ----------
    name : str
    validated : callable
        Fitted to the training rows: what it says of the validation rows counts.
    final : callable
        Fitted to the validation rows, too, as linear fusion is.
    setting : str
        What was chosen by them.
    """

    name: str
    validated: Predict
    final: Predict
    setting: str = ""


class Concatenation:
    """Vectors of all modalities side by side; the training mean where one is missing."""

    def __init__(self, train: EncodedTable, components: int | None = None, seed: int = 0) -> None:
        from sklearn.decomposition import PCA

        self.features = Features.fit(train)
        self.pca = {}
        if components is not None:
            for modality in train.vectors:
                there = np.stack([v.mean(axis=0) for v in train.vectors[modality] if len(v)])
                self.pca[modality] = PCA(components, random_state=seed).fit(there)
        self.means = [np.nanmean(block, axis=0) for block in self._blocks(train)]

    def __call__(self, table: EncodedTable) -> npt.NDArray[np.float64]:
        blocks = zip(self._blocks(table), self.means, strict=True)
        return np.concatenate([np.where(np.isnan(b), m, b) for b, m in blocks], axis=1)

    def _blocks(self, table: EncodedTable) -> list[npt.NDArray[np.float64]]:
        """One for each modality, NaN where a row lacks it."""
        there = table.present()
        blocks = []
        for m, modality in enumerate(table.modalities):
            if modality in table.vectors:
                vectors = table.vectors[modality]
                block = np.full((len(table), vectors[0].shape[1]), np.nan)
                rows = np.flatnonzero(there[:, m])
                if len(rows):
                    block[rows] = np.stack([vectors[row].mean(axis=0) for row in rows])
                if modality in self.pca:
                    small = np.full((len(table), self.pca[modality].n_components_), np.nan)
                    if len(rows):
                        small[rows] = self.pca[modality].transform(block[rows])
                    block = small
            else:
                numbers, categories = self.features.tabular(table)
                one_hot = [
                    np.eye(len(words) + 1)[categories[:, c]]
                    for c, words in enumerate(self.features.vocabularies)
                ]
                block = np.concatenate([numbers.astype(np.float64), *one_hot], axis=1)
                block[~there[:, m]] = np.nan
            blocks.append(block)
        return blocks


def rivals(task: Task, quick: bool, seed: int = 0) -> Iterator[Rival]:
    """Fit every baseline; but for the rows that are dropped, nothing in it is random."""
    both = concatenated([task.train, task.val])
    yield _logistic("logistic regression", task, [task.train], [both])
    rng = np.random.default_rng(seed)
    lacking = both
    for modality in both.modalities:
        lacking = lacking.without(modality, rng.random(len(both)) < DROPPED)
    train = lacking.take(range(len(task.train)))
    name = "logistic regression, with gaps"
    yield _logistic(name, task, [task.train, train], [both, lacking])
    if not quick:
        yield Rival("gradient boosting (PCA)", _boosted(task.train, seed), _boosted(both, seed))


def _logistic(
    name: str, task: Task, train: Sequence[EncodedTable], both: Sequence[EncodedTable]
) -> Rival:
    """Choose the penalty by accuracy on validation rows, whole and with modalities missing."""
    from sklearn.linear_model import LogisticRegression

    validation = task.cases(task.val, seed=0).values()
    joined, inputs, labels = _joined(train)
    model = LogisticRegression(max_iter=300, warm_start=True)  # each begins at the last one's
    best: tuple[float, float, Predict] | None = None
    for strength in STRENGTHS:
        model = deepcopy(model).set_params(C=strength)
        predict = _fitted(model, joined, inputs, labels)
        score = float(np.mean([hits(predict(rows), rows).mean() for rows in validation]))
        if best is None or score > best[0]:
            best = (score, strength, predict)
    assert best is not None
    final = _fitted(LogisticRegression(C=best[1], max_iter=300), *_joined(both))
    return Rival(name, best[2], final, f"C={best[1]:g}")


def _joined(
    tables: Sequence[EncodedTable],
) -> tuple[Concatenation, npt.NDArray[np.float64], list[str]]:
    joined = Concatenation(tables[0])
    inputs = np.concatenate([joined(table) for table in tables])
    return joined, inputs, [row[TARGET] for table in tables for row in table.rows]


def _fitted(
    model: Any, joined: Concatenation, inputs: npt.NDArray[np.float64], labels: list[str]
) -> Predict:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a fit that stops at max_iter is tried, too
        model.fit(inputs, labels)
    return lambda rows: [str(label) for label in model.predict(joined(rows))]


def _boosted(table: EncodedTable, seed: int) -> Predict:
    from sklearn.ensemble import HistGradientBoostingClassifier

    joined = Concatenation(table, COMPONENTS, seed)
    model = HistGradientBoostingClassifier(
        max_iter=60, learning_rate=0.1, max_leaf_nodes=15, random_state=seed
    ).fit(joined(table), [row[TARGET] for row in table.rows])
    return lambda rows: [str(label) for label in model.predict(joined(rows))]


def hits(predicted: Sequence[str], rows: EncodedTable) -> npt.NDArray[np.float64]:
    """Whether each row's label is predicted."""
    right = [row[TARGET] for row in rows.rows]
    return np.array([a == b for a, b in zip(predicted, right, strict=True)], np.float64)
