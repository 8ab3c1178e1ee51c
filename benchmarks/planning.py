"""Figures that `sensorium plan` extends, out of what `search` and `scale` measured.

    python -m benchmarks.planning [SEARCH.json HELD_OUT.json] [--workers 2=1.96 ...] [--about TEXT]

The first file is of `python -m benchmarks search --rows 10000 100000 1000000 --json FILE`, the
second of the same with a size between them; `--workers` are how many times as fast so many
machines encoded (`python -m benchmarks scale`). What is not given stays as it is. Writes
`src/sensorium/scale/measured.json`.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.rows import Row
from benchmarks.search_growth import by_size
from sensorium.scale.planning import FILE, LINES, POWERS

SYSTEM = "Sensorium"

METRICS = {
    "disk": ("disk", "items", 1e6), "memory": ("memory", "items", 1e6),
    "build": ("build", "items", 1.0), "p50": ("p50 of processors", "items, text queries", 1e-3),
}  # fmt: skip
"""Metric, what the case is besides the number, and the unit."""


def points(path: Path, dimension: int) -> list[dict[str, float]]:
    """What was measured of each size.

    Raises
    ------
    SystemExit
        A figure of a size is missing.
    """
    rows = [Row(**one) for one in json.loads(path.read_text("utf-8"))]
    found: dict[int, dict[str, float]] = {}
    for name, (metric, what, unit) in METRICS.items():
        for size, value in by_size(rows, metric, what).get(SYSTEM, {}).items():
            found.setdefault(size, {"rows": size, "dimension": dimension})[name] = value * unit
    for size, told in found.items():
        if missing := {*LINES, *POWERS} - {*told}:
            raise SystemExit(f"{path} says no {', '.join(sorted(missing))} of {size:,} items")
    return [found[size] for size in sorted(found)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("measured", type=Path, nargs="?")
    parser.add_argument("held_out", type=Path, nargs="?")
    parser.add_argument("--workers", nargs="*", default=[], metavar="N=TIMES")
    parser.add_argument("--about")
    parser.add_argument("--dimension", type=int, default=640)
    asked = parser.parse_args()
    told = json.loads(FILE.read_text("utf-8"))
    if asked.about:
        told["about"] = asked.about
    for name, path in (("points", asked.measured), ("held_out", asked.held_out)):
        if path:
            told[name] = points(path, asked.dimension)
    if asked.workers:
        times = dict(one.split("=") for one in asked.workers)
        told["workers"] = {"1": 1.0} | {count: float(more) for count, more in times.items()}
    FILE.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
