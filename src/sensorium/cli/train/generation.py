"""What the commands that train text generators share: settings, progress, the report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import EXIT_PARTLY, output

if TYPE_CHECKING:
    from sensorium.training.generation_report import Report

SHOWN = 5
"""Examples that are printed."""

OutputOption = Annotated[
    Path | None,
    typer.Option("--out", "-o", metavar="DIR", help="Folder to write; else named after DATA."),
]
EpochsOption = Annotated[float | None, typer.Option(help="Passes over the examples.")]
BatchOption = Annotated[int | None, typer.Option(help="Examples that make one step.")]
RateOption = Annotated[float | None, typer.Option(help="Learning rate, at its highest.")]
BeamsOption = Annotated[int, typer.Option(help="Hypotheses of beam search; 1 is greedy.")]
LanguageOption = Annotated[
    str, typer.Option(metavar="CODE", help="Language of the texts that are written.")
]
SeedOption = Annotated[int, typer.Option(help="Of what is held out, the weights and the order.")]


def print_report(report: Report, as_json: bool, use: str) -> None:
    """Print scores beside the baseline's, a few texts, and how the folder is used."""
    from sensorium.training.generation_report import BASELINE, REPORT

    if as_json:
        for one in report.skipped:
            output.print_json({"skipped": one.path, "reason": one.reason})
        for name, score in report.scores.items():
            output.print_json(
                {
                    "score": name,
                    **vars(score),
                    "baseline": report.baseline[name].estimate,
                    **{
                        key: getattr(report.comparison.get(name), key, None)
                        for key in ("difference", "p")
                    },
                }
            )
        output.print_json(
            {
                "output": str(report.folder),
                **report.counts,
                "seconds": round(report.seconds, 1),
                "skipped": len(report.skipped),
            }
        )
    else:
        output.print_skipped(report.skipped)
        counts = ", ".join(f"{count:,} {name}" for name, count in report.counts.items())
        _print(f"{counts}; trained in {report.seconds:,.0f} s")
        _print_scores(report, BASELINE)
        for example in report.examples[:: max(1, len(report.examples) // SHOWN)][:SHOWN]:
            _print(f"{output.short_path(example.name)}: {example.text}")
            _print(f"    right: {' / '.join(example.right[:2])}; {BASELINE}: {example.baseline}")
        _print(f"written to {output.short_path(str(report.folder))} ({REPORT} has it all)")
        _print(f"use it: {use}")
    if report.skipped:
        raise typer.Exit(EXIT_PARTLY)


def _print_scores(report: Report, baseline: str) -> None:
    header = ["score", "value", "95% interval", baseline, "difference", "p (Holm)"]
    rows = []
    for name, score in report.scores.items():
        cells = [name, f"{score.estimate:.2f}", f"{score.low:.2f} to {score.high:.2f}"]
        if (found := report.comparison.get(name)) is not None:
            cells += [
                f"{report.baseline[name].estimate:.2f}",
                f"{found.difference:+.2f} ({found.low:+.2f} to {found.high:+.2f})",
                f"{found.p:.4f}",
            ]
        rows.append(cells)
    output.print_table(header if report.comparison else header[:3], rows)
    if not report.comparison:
        _print(f"every text is that of the {baseline}: the model does as it does")


def _print(line: str) -> None:
    shown = "".join(character if character.isprintable() else "?" for character in line)
    output.console.print(shown, soft_wrap=True, markup=False)
