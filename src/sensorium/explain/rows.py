"""Why a fusion model predicts what it does: which modality, and which parts of its cells."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sensorium.errors import UsageError
from sensorium.explain.explaining import explain_value
from sensorium.explain.explanation import Explanation
from sensorium.explain.values import Value, log_odds
from sensorium.explain.worth import Values
from sensorium.media import Media, Text
from sensorium.tasks.fusion import FusionPredictor
from sensorium.tasks.origin import Origin

EXPLAINED = ("image", "text", "audio")
"""Kinds of columns whose cells are explained in parts."""


@dataclass(frozen=True)
class RowExplanation:
    """Where the prediction of one row comes from.

    Attributes
    ----------
    target, label : str
        What is predicted, and the class.
    probability, baseline : float
        Of the class, and when nothing is known of the row.
    contributions : dict of str to float
        What each modality adds to the probability (`sensorium.tasks.rows.contributions`); they sum
        to ``probability - baseline``.
    cells : dict of str to Explanation
        By column, the parts of its picture, text or sound; the value is the log odds of the class.
    origin : Origin
    """

    target: str
    label: str
    probability: float
    baseline: float
    contributions: dict[str, float]
    cells: dict[str, Explanation]
    origin: Origin

    def told(self) -> str:
        """One line: "text +0.31, image +0.12; words: red, round; middle of the picture"."""
        ranked = sorted(self.contributions.items(), key=lambda one: -abs(one[1]))
        brought = ", ".join(f"{name} {value:+.2f}" for name, value in ranked)
        return "; ".join([brought, *filter(None, (cell.told() for cell in self.cells.values()))])


def explain_row(
    predictor: FusionPredictor,
    row: Mapping[str, Any],
    target: str | None = None,
    *,
    name: str = "fusion",
    faithfulness: bool = True,
) -> RowExplanation:
    """Say what each modality brought to a prediction, and which parts of its cells.

    Parameters
    ----------
    predictor : FusionPredictor
    row : mapping
        Column to cell: a path, media, a text, a number.
    target : str, optional
        Needed where there are several; a category.
    name : str
        What the model is called, such as its folder.
    faithfulness : bool
        See `sensorium.explain.explain`.

    Raises
    ------
    UsageError
        For a target that there is not, or that is a number.
    MediaError
        When a cell cannot be read.
    """
    categories = [one for one, of in predictor.targets.items() if of.kind == "category"]
    if target is None and len(categories) == 1:
        target = categories[0]
    if target is None or target not in categories:
        raise UsageError(
            f"say which category is explained: {', '.join(categories) or 'it predicts numbers'}"
        )
    began = time.perf_counter()
    row = {**dict.fromkeys(column.name for column in predictor.tables.columns), **row}
    found = predictor.contributions([row], target)
    labels = predictor.targets[target].labels
    assert found.labels is not None
    number = list(labels).index(found.labels[0])
    origin = Origin(name, "", "folder")
    cells = {}
    for column in predictor.tables.columns:
        cell = row.get(column.name)
        if column.kind not in EXPLAINED or cell in (None, ""):
            continue

        def of_media(media: Sequence[Media], column: str = column.name) -> Values:
            rows = [{**row, column: one.text if isinstance(one, Text) else one} for one in media]
            return log_odds(predictor.predict_proba(rows)[target][:, number])

        value = Value("log odds", of_media, origin)
        media = Text(str(cell)) if column.kind == "text" else cell
        cells[column.name] = explain_value(
            value, media, found.labels[0], began=began, faithfulness=faithfulness
        )
    return RowExplanation(
        target, found.labels[0], float(found.prediction[0]), float(found.baseline[0]),
        dict(zip(found.modalities, map(float, np.asarray(found.values)[0]), strict=True)),
        cells, origin,
    )  # fmt: skip
