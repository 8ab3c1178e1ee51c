"""How search grows with the number of items: a plot, and what ten and a hundred times more cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.rows import Row

PAPER = (10_000_000, 100_000_000)
"""Items that nothing was measured with."""

PANELS = {
    "single query, p50": ("p50", "items, text queries", "ms"),
    "memory of a process that searches": ("memory", "items", "MB"),
    "build": ("build", "items", "s"),
}
"""Title, metric, what the case is besides the number, and unit."""


def by_size(rows: Sequence[Row], metric: str, what: str) -> dict[str, dict[int, float]]:
    """A metric of each system at each number of items.

    Parameters
    ----------
    rows : sequence of Row
        Their cases open with the number.
    metric : str
    what : str
        The rest of the case: "items", "items, text queries".
    """
    found: dict[str, dict[int, float]] = {}
    for row in rows:
        number, _, rest = row.case.partition(" ")
        if row.metric == metric and rest == what and row.system != "budget":
            found.setdefault(row.system, {})[int(number.replace(",", ""))] = row.value
    return found


def exponent(values: Mapping[int, float]) -> float | None:
    """The power of the number of items that a figure grows with; None of fewer than two sizes."""
    if len(values) < 2 or min(values.values()) <= 0:
        return None
    slope = np.polyfit(np.log(list(values)), np.log(list(values.values())), 1)[0]
    return float(slope)


@dataclass(frozen=True)
class OnPaper:
    """What a system would cost at a size that was not measured.

    Attributes
    ----------
    system : str
    items : int
    disk, memory : float or None
        Bytes: those per item of the largest size measured, times the number.
    build, p50 : float or None
        Seconds: of the largest size measured, grown by the fitted power.
    """

    system: str
    items: int
    disk: float | None
    memory: float | None
    build: float | None
    p50: float | None


def on_paper(rows: Sequence[Row]) -> list[OnPaper]:
    """Extrapolate every system to the sizes of `PAPER`; nothing of this is measured."""
    disk, memory = by_size(rows, "disk", "items"), by_size(rows, "memory", "items")
    build, p50 = by_size(rows, "build", "items"), by_size(rows, "p50", "items, text queries")
    return [
        OnPaper(
            system,
            items,
            _in_proportion(disk.get(system, {}), items, 1e6),
            _in_proportion(memory.get(system, {}), items, 1e6),
            _by_power(build.get(system, {}), items, 1.0),
            _by_power(p50.get(system, {}), items, 1e-3),
        )
        for system in build
        for items in PAPER
    ]


def _in_proportion(values: Mapping[int, float], items: int, unit: float) -> float | None:
    return values[max(values)] * unit * items / max(values) if values else None


def _by_power(values: Mapping[int, float], items: int, unit: float) -> float | None:
    power = exponent(values)
    if power is None:
        return None
    largest = max(values)
    return float(values[largest] * unit * (items / largest) ** power)


def draw_growth(rows: Sequence[Row], path: Path) -> None:
    """Draw latency, memory and build time against the number of items, on log axes."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    systems = list(by_size(rows, "build", "items"))
    handles = {}
    for place, (title, (metric, what, unit)) in enumerate(PANELS.items(), 1):
        axes = figure.add_subplot(1, len(PANELS), place)
        for system, values in by_size(rows, metric, what).items():
            number = systems.index(system) if system in systems else len(systems)
            (handles[system],) = axes.loglog(
                sorted(values),
                [values[size] for size in sorted(values)],
                marker="os^Dv"[number % 5],
                color=f"C{number % 10}",
                linewidth=2.5 if system == "Sensorium" else 1.2,
                zorder=3 if system == "Sensorium" else 2,
            )
        axes.set_title(title)
        axes.set_xlabel("items")
        axes.set_ylabel(unit)
        axes.grid(True, which="major", alpha=0.3)
    figure.legend(list(handles.values()), list(handles), loc="outside right center", frameon=False)
    figure.savefig(path, dpi=150)
