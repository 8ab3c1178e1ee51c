"""``sensorium classify --calibrate``: sets of labels with a stated coverage."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sensorium.cli import output
from sensorium.cli.progress import progress_bar
from sensorium.data.encoding import encode_examples
from sensorium.data.labelled import read_examples
from sensorium.encoders import Encoder
from sensorium.errors import UsageError
from sensorium.tasks.conformal import ConformalLabels
from sensorium.tasks.yes_no import NONE
from sensorium.tasks.zero_shot import ZeroShotClassifier

COVERAGE = 0.9
"""How often sets hold the true label where nobody says."""

LABELLED = "image"
"""Modality of examples, and so of what gets sets: they are to come from the same place."""


def fit_label_sets(
    classifier: ZeroShotClassifier, encoder: Encoder, examples: Path, coverage: float | None
) -> ConformalLabels:
    """Read labelled examples, or what was saved of some, and say what is skipped.

    Parameters
    ----------
    classifier : ZeroShotClassifier
    encoder : Encoder
        Of the classifier.
    examples : Path
        See `sensorium.data.labelled.read_examples`; or a ``.json`` that `ConformalLabels` wrote.
    coverage : float, optional
        `COVERAGE`, or that of the file, where nobody says.

    Raises
    ------
    UsageError
        When they do not fit the labels, or are too few.
    """
    space = encoder.space.fingerprint
    if examples.suffix.lower() == ".json":
        saved = ConformalLabels.load(examples)
        if list(saved.labels) != classifier.labels or saved.space != space:
            raise UsageError(
                f"{examples} was fitted for other labels or another encoder "
                f"({', '.join(saved.labels)}): fit it again, to labelled examples"
            )
        if coverage not in (None, saved.coverage):
            raise UsageError(f"{examples} has a coverage of {saved.coverage:g}, not {coverage:g}")
        return saved
    found = read_examples(examples, modality=LABELLED)
    with progress_bar("examples") as progress:
        encoded = encode_examples(encoder, found.sources, found.names, progress=progress)
    output.print_skipped([*found.skipped, *encoded.skipped])
    labels = [found.labels[row] for row in encoded.rows]
    known = {*classifier.labels, *([] if classifier.abstains else labels)}
    truths = [label if label in known else NONE for label in labels]
    return ConformalLabels.fit(
        classifier.probabilities(encoded.vectors), truths, classifier.labels,
        COVERAGE if coverage is None else coverage, space=space,
    )  # fmt: skip


def sets_of(
    fitted: ConformalLabels, rows: Sequence[tuple[str, Sequence[tuple[str, float]]]]
) -> list[list[str]]:
    """The labels in the set of each item, most probable first.

    Parameters
    ----------
    fitted : ConformalLabels
    rows : sequence of (path, labels)
        With all labels of each.
    """
    columns = {label: column for column, label in enumerate(fitted.labels)}
    given = np.zeros((len(rows), len(columns)))
    for row, (_, labels) in enumerate(rows):
        for label, probability in labels:
            given[row, columns[label]] = probability
    inside = fitted.sets(given)
    return [
        [label for label, _ in labels if inside[row, columns[label]]]
        for row, (_, labels) in enumerate(rows)
    ]
