"""The tables that `python -m benchmarks search` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.rows import Row, readable
from benchmarks.search_growth import by_size, exponent, on_paper
from benchmarks.search_ours import RECALL

Metrics = dict[str, tuple[float, str]]
Systems = dict[str, Metrics]

DIAL = "set "
"""What the metrics begin with that are settings of a search, and no measurements."""


def show(rows: list[Row]) -> None:
    """Print a table for each case, one for all filters, and what growth says of larger sizes."""
    console = Console()
    cases: dict[str, Systems] = {}
    for row in rows:
        figures = cases.setdefault(row.case, {}).setdefault(row.system, {})
        figures[row.metric] = (row.value, row.unit)
    filtered = {case: systems for case, systems in cases.items() if "%" in case}
    for case, systems in cases.items():
        if case not in filtered:
            console.print(_case(case, systems))
    for name, filters in _by_query(filtered).items():
        console.print(_filtered(name, filters))
    if by_size(rows, "build", "items"):
        console.print(_growth(rows))
    console.print(
        f"A recall under {RECALL} is marked with !. Memory: what became resident in a new process, "
        "mapped files included; private: without them.",
        soft_wrap=True,
    )


def _case(case: str, systems: Systems) -> Table:
    metrics = dict.fromkeys(
        metric for figures in systems.values() for metric in figures if not metric.startswith(DIAL)
    )
    units = {m: u for figures in systems.values() for m, (_, u) in figures.items()}
    table = Table("system", title=case, title_justify="left")
    for metric in metrics:
        table.add_column(f"{metric}\n{units[metric]}".strip(), justify="right")
    dials = any(m.startswith(DIAL) for figures in systems.values() for m in figures)
    if dials:
        table.add_column("setting")
    for system, figures in systems.items():
        cells = [_cell(metric, figures) for metric in metrics]
        setting = ", ".join(
            f"{metric.removeprefix(DIAL)} {value:.0f}"
            for metric, (value, _) in figures.items()
            if metric.startswith(DIAL)
        )
        table.add_row(system, *cells, *([setting] if dials else []))
    return table


def _cell(metric: str, figures: Metrics) -> str:
    if metric not in figures:
        return ""
    value, _ = figures[metric]
    mark = "!" if metric == "recall@10" and value < RECALL else ""
    return readable(value) + mark


def _by_query(cases: Mapping[str, Systems]) -> dict[str, dict[str, Systems]]:
    """Filtered cases by what comes before the last comma: the number and the kind of queries."""
    found: dict[str, dict[str, Systems]] = {}
    for case, systems in cases.items():
        name, _, label = case.rpartition(", ")
        found.setdefault(name, {})[label] = systems
    return found


def _filtered(name: str, filters: Mapping[str, Systems]) -> Table:
    table = Table("system", title=f"{name}, filtered: recall@10, p50 in ms", title_justify="left")
    for label in filters:
        table.add_column(label.replace(" ", "\n", 1), justify="right")
    systems = dict.fromkeys(system for found in filters.values() for system in found)
    for system in systems:
        cells = []
        for found in filters.values():
            figures = found.get(system, {})
            if figures:
                cells.append(f"{_cell('recall@10', figures)}\n{_cell('p50', figures)}")
            else:
                cells.append("failed")
        table.add_row(system, *cells)
    return table


def _growth(rows: Sequence[Row]) -> Table:
    table = Table(
        "system",
        "items",
        title="On paper, not measured: disk and memory in proportion to the largest size, "
        "times by the power fitted to all sizes",
        title_justify="left",
    )
    for heading in ("disk, GB", "memory, GB", "build, h", "p50, ms", "build ~ n^", "p50 ~ n^"):
        table.add_column(heading, justify="right")
    build, p50 = by_size(rows, "build", "items"), by_size(rows, "p50", "items, text queries")
    for one in on_paper(rows):
        cells = [
            _scaled(one.disk, 1e-9), _scaled(one.memory, 1e-9),
            _scaled(one.build, 1 / 3600), _scaled(one.p50, 1e3),
            _scaled(exponent(build.get(one.system, {})), 1.0),
            _scaled(exponent(p50.get(one.system, {})), 1.0),
        ]  # fmt: skip
        table.add_row(one.system, f"{one.items:,}", *cells)
    return table


def _scaled(value: float | None, factor: float) -> str:
    return "" if value is None else readable(value * factor)
