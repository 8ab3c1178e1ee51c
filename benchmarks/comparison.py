"""Is one encoder better than another, case by case? Paired tests over the same queries.

The differences become rows like all figures ("text to image R@1 difference to ConSE", and the same
with ", low", ", high" and ", p (Holm)"), from which `differences` reads them back.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from benchmarks.rows import Row, readable
from sensorium.evaluation.comparison import holm
from sensorium.evaluation.resampling import comparison, group_numbers, mean

#: Significant below this, after Holm's correction.
LEVEL = 0.05

#: Ends of the metrics that are compared. More of them would cost power: Holm pays for each test.
COMPARED = ("R@1", "R@10", "accuracy")
#: The other direction asks the same question again.
NOT_COMPARED = "image to text"

DIFFERENCE_TO = " difference to "
LOW, HIGH, P = ", low", ", high", ", p (Holm)"


@dataclass(frozen=True)
class Outcome:
    """One metric of one system, query by query.

    Attributes
    ----------
    values
        Shape (queries,).
    units
        What each query is about. Those of one unit are no independent evidence: they are drawn,
        and swapped between two systems, together.
    """

    values: npt.NDArray[np.float64]
    units: Sequence[str]

    @property
    def mean(self) -> float:
        """The figure of the table."""
        return float(self.values.mean())


#: Outcome by metric, by case, by system.
Outcomes = dict[str, dict[str, dict[str, Outcome]]]


@dataclass(frozen=True)
class Difference:
    """What one system gains over a rival in one metric of one case.

    Attributes
    ----------
    case, metric, system, rival
        As in the rows.
    value, low, high
        The mean of `system` less that of `rival`, and its 95% interval.
    p
        Of the paired randomisation test; Holm-corrected over all differences to this rival.
    """

    case: str
    metric: str
    system: str
    rival: str
    value: float
    low: float
    high: float
    p: float

    @property
    def verdict(self) -> str:
        """Either "better", "worse", or "" where the systems cannot be told apart."""
        if self.p >= LEVEL:
            return ""
        return "better" if self.value > 0 else "worse"

    def rows(self) -> list[Row]:
        """The difference, the ends of its interval, and its p-value."""
        metric = f"{self.metric}{DIFFERENCE_TO}{self.rival}"
        figures = {"": self.value, LOW: self.low, HIGH: self.high, P: self.p}
        return [
            Row("quality", self.case, self.system, metric + end, value)
            for end, value in figures.items()
        ]


def compare_systems(outcomes: Outcomes, system: str, rivals: Iterable[str]) -> list[Difference]:
    """Compare one system with each rival on every case and metric that is compared."""
    return [
        difference
        for rival in rivals
        for difference in _corrected(
            [
                compare_outcomes(
                    case, metric, (system, own), (rival, outcomes[rival][case][metric])
                )
                for case, metrics in outcomes[system].items()
                for metric, own in metrics.items()
                if metric.endswith(COMPARED) and not metric.startswith(NOT_COMPARED)
            ]
        )
    ]


def compare_outcomes(
    case: str, metric: str, ours: tuple[str, Outcome], theirs: tuple[str, Outcome]
) -> Difference:
    """Compare two systems in one metric of one case; the p-value is not corrected yet.

    Parameters
    ----------
    case, metric
        As in the rows.
    ours, theirs
        The name of each system and what it did.

    Raises
    ------
    ValueError
        The systems were not asked the same queries.
    """
    (system, own), (rival, other) = ours, theirs
    if list(own.units) != list(other.units):
        raise ValueError(f"{case}: {system} and {rival} were not asked the same queries")
    groups = group_numbers([{"group": unit} for unit in own.units])
    found = comparison(mean, (own.values,), (other.values,), seed=0, groups=groups)
    return Difference(case, metric, system, rival, found.difference, found.low, found.high, found.p)


def _corrected(found: list[Difference]) -> list[Difference]:
    adjusted = holm([difference.p for difference in found]).tolist()
    return [replace(difference, p=p) for difference, p in zip(found, adjusted, strict=True)]


def pooled(parts: Sequence[Mapping[str, Outcome]]) -> dict[str, Outcome]:
    """Put the queries of several cases together, metric by metric; units keep their names."""
    return {
        metric: Outcome(
            np.concatenate([part[metric].values for part in parts]),
            [unit for part in parts for unit in part[metric].units],
        )
        for metric in parts[0]
    }


def differences(rows: Iterable[Row]) -> list[Difference]:
    """Read back the differences among rows; the others are passed over."""
    figures = {(row.case, row.system, row.metric): row.value for row in rows}
    found = []
    for (case, system, metric), value in figures.items():
        name, between, rival = metric.partition(DIFFERENCE_TO)
        if between and not metric.endswith((LOW, HIGH, P)):
            low, high, p = (figures[case, system, metric + end] for end in (LOW, HIGH, P))
            found.append(Difference(case, name, system, rival, value, low, high, p))
    return found


def scores(rows: Iterable[Row]) -> list[Row]:
    """The rows that are no part of a difference."""
    return [row for row in rows if DIFFERENCE_TO not in row.metric]


def print_differences(found: Sequence[Difference]) -> None:
    """Print a table for each rival, and how often the system is better and worse."""
    for rival in dict.fromkeys(difference.rival for difference in found):
        own = [difference for difference in found if difference.rival == rival]
        table = Table(
            "case", "metric", title=f"{own[0].system} less {rival}, paired by query",
            title_justify="left",
        )  # fmt: skip
        for heading in ("difference", "95% interval", "p (Holm)"):
            table.add_column(heading, justify="right")
        table.add_column("")
        last_case = None
        for difference in own:
            if last_case not in (None, difference.case):
                table.add_section()
            table.add_row(
                "" if difference.case == last_case else difference.case,
                difference.metric,
                f"{difference.value:+.3f}",
                f"{difference.low:+.3f} to {difference.high:+.3f}",
                readable(difference.p),
                difference.verdict,
            )
            last_case = difference.case
        verdicts = [difference.verdict for difference in own]
        table.caption = (
            f"better in {verdicts.count('better')}, worse in {verdicts.count('worse')}, "
            f"not told apart in {verdicts.count('')} of {len(own)} at p < {LEVEL}"
        )
        Console().print(table)
