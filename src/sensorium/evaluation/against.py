"""Is this result better than that one? Every score compared on the samples that both have."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sensorium.errors import UsageError
from sensorium.evaluation.comparison import holm
from sensorium.evaluation.measuring import digits_of, shown_scores, statistics
from sensorium.evaluation.report import Report, Table, ends, figure
from sensorium.evaluation.rerun import sample_name
from sensorium.evaluation.resampling import comparison, group_numbers
from sensorium.evaluation.result import TITLES, Measurement, Result

RANKED_AMONG = {
    "pairs": ("pictures", "captions"),
    "folder": ("classes",),
    "retrieval": ("items",),
}
"""Parts of the data that must be equal, by kind: a rank among other documents is another rank."""


@dataclass(frozen=True)
class ScoreComparison:
    """One score of two results, on the samples that both have.

    Attributes
    ----------
    measurement, score : str
    ours, theirs : float
    difference, low, high : float
        `ours` less `theirs`, and its 95% interval.
    p : float
        Of a paired randomisation test.
    p_holm : float
        The same after Holm's correction for all scores that are compared; those that only repeat
        others are left out.
    """

    measurement: str
    score: str
    ours: float
    theirs: float
    difference: float
    low: float
    high: float
    p: float
    p_holm: float


@dataclass(frozen=True)
class ResultComparison:
    """Two results side by side.

    Attributes
    ----------
    scores : list of ScoreComparison
    notes : list of str
        What a reader must know: samples that only one of the results has.
    """

    scores: list[ScoreComparison]
    notes: list[str]

    def as_report(self) -> Report:
        """What is told of the scores, where there are any."""
        rows = [
            [
                row.measurement,
                row.score,
                *(figure(v, digits=digits_of(row.score)) for v in (row.ours, row.theirs)),
                figure(row.difference, "+", 3),
                ends(row.low, row.high, "+", 3),
                f"{row.p:.4f}",
                f"{row.p_holm:.4f}",
            ]
            for row in self.scores
        ]
        headings = ["measurement", "score", "this", "other", "difference", "95% interval", "p"]
        table = Table([*headings, "p (Holm)"], rows, sections=TITLES)
        return Report([table] * bool(rows), [*map(vars, self.scores)])


def compare_results(ours: Result, theirs: Result, *, seed: int = 0) -> ResultComparison:
    """Compare two results of the same data.

    Parameters
    ----------
    ours, theirs : Result
        Both ranked the same documents, or chose among the same classes.
    seed : int
        Of the resampling.

    Returns
    -------
    ResultComparison
        Over the samples that both have: the same question with the same right answers. Of one
        evaluation and itself there are no scores, and a note says so.

    Raises
    ------
    UsageError
        When the results are of different kinds or data, or have no two samples in common.
    """
    require_comparable(ours.kind, theirs.kind)
    if _are_one(ours, theirs):
        return ResultComparison(
            [], ["both are one evaluation (data, encoder, settings and outcomes are the same): "
                 "there is nothing to compare"],
        )  # fmt: skip
    shared = {name: _shared(found, theirs.measurements[name]) for name, found in _both(ours)}
    differing = [
        part
        for part in RANKED_AMONG[ours.kind]
        if ours.data["digests"][part] != theirs.data["digests"][part]
    ]
    counts = "; ".join(
        f"{name}: {len(rows)} of {len(ours.measurements[name].samples)} and "
        f"{len(theirs.measurements[name].samples)} samples are shared"
        for name, rows in shared.items()
    )
    if differing:
        raise UsageError(
            f"the results are of different data: the {' and the '.join(differing)} differ "
            f"({counts}). Evaluate both on the same data: --rerun tells what has changed"
        )
    if any(len(rows) < 2 for rows in shared.values()):
        raise UsageError(f"the results have too few samples in common ({counts})")
    rows_of: list[ScoreComparison] = []
    for name, found in _both(ours):
        rows_of += _compare(name, found, theirs.measurements[name], shared[name], seed)
    corrected = holm([row.p for row in rows_of]).tolist()
    scores = [replace(row, p_holm=p) for row, p in zip(rows_of, corrected, strict=True)]
    notes = []
    if ours.fingerprint != theirs.fingerprint:
        notes.append(f"the data are not quite the same, only what is shared is compared: {counts}")
    elif any(len(rows) < len(ours.measurements[name].samples) for name, rows in shared.items()):
        notes.append(f"only what both could use is compared: {counts}")
    return ResultComparison(scores, notes)


def _are_one(ours: Result, theirs: Result) -> bool:
    """Whether two results are of the same thing, so that no difference could be found."""
    facts = (
        (one.encoder, one.search, one.data["digests"], one.measurements) for one in (ours, theirs)
    )
    first, second = facts
    return first == second


def require_comparable(ours: str, theirs: str) -> None:
    """Refuse results of different kinds."""
    if ours != theirs:
        raise UsageError(f"a result of {ours} cannot be compared with one of {theirs}")


def _both(result: Result) -> list[tuple[str, Measurement]]:
    return list(result.measurements.items())


def _shared(ours: Measurement, theirs: Measurement) -> list[tuple[int, int]]:
    """Rows of the samples that two measurements have in common."""
    rows = {(sample_name(s), s["digest"]): row for row, s in enumerate(theirs.samples)}
    return [
        (row, rows[key])
        for row, s in enumerate(ours.samples)
        if (key := (sample_name(s), s["digest"])) in rows
    ]


def _compare(
    name: str, ours: Measurement, theirs: Measurement, rows: list[tuple[int, int]], seed: int
) -> list[ScoreComparison]:
    own, other = (
        _part(found, [pair[side] for pair in rows]) for side, found in enumerate((ours, theirs))
    )
    classes = ours.confusion["classes"] if ours.confusion else ()
    of_theirs = statistics(other.samples, other.values, classes)
    groups = group_numbers(own.samples)
    shown = shown_scores(ours)
    compared = []
    for score, (statistic, columns) in statistics(own.samples, own.values, classes).items():
        if score not in of_theirs or score not in shown:
            continue
        theirs_columns = of_theirs[score][1]
        even = np.ones(len(rows), np.int64)
        found = comparison(statistic, columns, theirs_columns, seed=seed, groups=groups)
        compared.append(
            ScoreComparison(
                name, score, statistic(columns, even), statistic(theirs_columns, even),
                found.difference, found.low, found.high, found.p, 1.0,
            )
        )  # fmt: skip
    return compared


def _part(found: Measurement, rows: list[int]) -> Measurement:
    samples = [found.samples[row] for row in rows]
    values = {name: [column[row] for row in rows] for name, column in found.values.items()}
    return Measurement({}, samples, values)
