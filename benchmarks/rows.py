"""What every benchmark gives: rows of one shape, printed as a table or written as JSON."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table


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
    """Print one line per case and metric, one column per system."""
    systems = list(dict.fromkeys(row.system for row in rows))
    table = Table()
    for heading in ("case", "metric"):
        table.add_column(heading)
    for system in systems:
        table.add_column(system, justify="right")
    table.add_column("unit")
    lines: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in rows:
        lines.setdefault((row.case, row.metric, row.unit), {})[row.system] = row.value
    last_case = None
    for (case, metric, unit), values in lines.items():
        if last_case is not None and case != last_case:
            table.add_section()
        cells = [readable(values[system]) if system in values else "" for system in systems]
        table.add_row("" if case == last_case else case, metric, *cells, unit)
        last_case = case
    Console().print(table)


def readable(value: float) -> str:
    """Three decimals below 10, one below 1,000, none from there on."""
    if abs(value) < 10:
        return f"{value:.3f}"
    return f"{value:.1f}" if abs(value) < 1000 else f"{value:,.0f}"
