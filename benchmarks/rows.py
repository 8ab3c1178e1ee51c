"""What every benchmark gives: rows of one shape, printed as a table or written as JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

WIDE = 4  # systems that fit side by side on a terminal


@dataclass(frozen=True)
class Row:
    """One measured figure of one system.

    Attributes
    ----------
    benchmark
        The benchmark's name, as on the command line.
    case
        What was measured, on which data.
    system
        Whose figure it is: ours, a rival's, or "budget" for what the design allows.
    metric, value, unit
        The figure. A share has the unit "".
    """

    benchmark: str
    case: str
    system: str
    metric: str
    value: float
    unit: str = ""


def write_json(rows: Iterable[Row], path: Path) -> None:
    """Write rows as a JSON list of objects."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1, ensure_ascii=False) + "\n")


def print_table(rows: list[Row]) -> None:
    """Print a column for each system; with many systems, a line for each and its ratio."""
    groups: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in rows:
        groups.setdefault((row.case, row.metric, row.unit), {})[row.system] = row.value
    systems = list(dict.fromkeys(row.system for row in rows))
    Console().print(_wide(groups, systems) if len(systems) <= WIDE else _long(groups))


Groups = dict[tuple[str, str, str], dict[str, float]]


def _wide(groups: Groups, systems: list[str]) -> Table:
    table = Table("case", "metric")
    for system in systems:
        table.add_column(system, justify="right")
    table.add_column("unit")
    last_case = None
    for (case, metric, unit), values in groups.items():
        if last_case is not None and case != last_case:
            table.add_section()
        cells = [readable(values[system]) if system in values else "" for system in systems]
        table.add_row("" if case == last_case else case, metric, *cells, unit)
        last_case = case
    return table


def _long(groups: Groups) -> Table:
    """One line for each figure; the ratio is to the first system of the same case and metric."""
    table = Table("case", "metric", "system")
    for heading in ("value", "unit", "ratio"):
        table.add_column(heading, justify="left" if heading == "unit" else "right")
    for (case, metric, unit), values in groups.items():
        table.add_section()
        first = next(iter(values.values()))
        for number, (system, value) in enumerate(values.items()):
            names = ("", "") if number else (case, metric)
            ratio = f"{value / first:.2f}" if number and first else ""
            table.add_row(*names, system, readable(value), unit, ratio)
    return table


def readable(value: float) -> str:
    """Three decimals below 10, one below 1,000, none from there on."""
    if abs(value) < 10:
        return f"{value:.3f}"
    return f"{value:.1f}" if abs(value) < 1000 else f"{value:,.0f}"
