"""What a fusion model says of the rows of a table; part of ``sensorium classify``."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

from rich.table import Table

from sensorium.cli import output
from sensorium.cli.progress import progress_bar
from sensorium.evaluation.report import Report, named
from sensorium.plain import plain_fields

FUSION_FILE = "fusion.json"
"""In the folder of a fusion model."""


def predict(
    model: Path, table: Path, contributions: bool, as_json: bool, *, explain: bool = False
) -> None:
    """Predict the targets of rows; cells and columns may be missing."""
    from sensorium.tasks.fusion import load_fusion

    loaded = load_fusion(model)
    with progress_bar("encoding") as progress:
        encoded = loaded.encode(table, progress=progress)
    rows: list[dict[str, Any]] = [{"row": n + 1} for n in range(len(encoded))]
    predicted, chances = loaded.predict(encoded), loaded.predict_proba(encoded)
    for name, values in predicted.items():
        for row, value in zip(rows, values, strict=True):
            row[name] = value if isinstance(value, str) else float(f"{value:.6g}")
        if name in chances:
            for row, of_row in zip(rows, chances[name].max(axis=1), strict=True):
                row[f"{name}_probability"] = round(float(of_row), 4)
        if contributions:
            found = loaded.contributions(encoded, name)
            for number, row in enumerate(rows):
                row[f"{name}_baseline"] = round(float(found.baseline[number]), 4)
                for m, modality in enumerate(found.modalities):
                    row[f"{name}_from_{modality}"] = round(float(found.values[number, m]), 4)
        if explain and loaded.targets[name].kind == "category":
            from sensorium.explain.rows import explain_row

            for given, row in zip(encoded.rows, rows, strict=True):
                found_row = explain_row(loaded, given, name, name=str(model), faithfulness=False)
                row[f"{name}_because_of"] = plain_fields(found_row) if as_json else found_row.told()
    if not as_json:
        _print(rows)
    facts = [*rows, *named(encoded.skipped)]
    output.print_report(Report((), facts, encoded.skipped), as_json)


def _print(rows: list[dict[str, Any]]) -> None:
    """A table on a terminal, CSV with a header in a pipe."""
    if not output.console.is_terminal:
        writer = csv.DictWriter(sys.stdout, [*rows[0]], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return
    shown = Table(box=None, pad_edge=False, header_style="dim")
    for heading in rows[0]:
        shown.add_column(heading)
    for row in rows:
        shown.add_row(*(f"{v:.3f}" if isinstance(v, float) else str(v) for v in row.values()))
    output.console.print(shown)
