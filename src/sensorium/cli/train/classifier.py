"""``sensorium train classifier``: from a folder per class to a classifier with its report."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sensorium.cli import EXIT_INTERRUPTED, EXIT_PARTLY, output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_of_steps
from sensorium.cli.train.settings import SettingsOption, read_settings
from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import UsageError

if TYPE_CHECKING:
    from sensorium.training.classifier_report import ClassifierReport, Score

METHODS_HELP = (
    "auto, zero-shot, nearest-mean, tip-adapter, linear-probe; with torch: lora, full, or text "
    "and image for a model of its own (--model)."
)

TRAINING = "training"
"""Folder of checkpoints beside the classifier; it goes when the training is over."""

MOST_CLASSES = 40  # shown in the table on a terminal, the worst first


def classifier(
    data: Annotated[
        Path,
        typer.Argument(
            help="A folder per class, or a table with path,label or text,label.",
            show_default=False,
        ),
    ],
    method: Annotated[str, typer.Option(help=METHODS_HELP)] = "auto",
    encoder: Annotated[str, typer.Option(help="Encoder that it stands on.")] = DEFAULT_ENCODER,
    model: Annotated[
        str | None,
        typer.Option(metavar="ID", help="Hub id or folder that methods text and image tune."),
    ] = None,
    test: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="Test with these; else parts of the examples."),
    ] = None,
    others: Annotated[
        Path | None,
        typer.Option(metavar="DATA", help="Other classes, to measure what is forgotten."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="What class folders are called: folder,label,..."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="DIR", help="Folder to write; else classifier-NAME."),
    ] = None,
    modality: Annotated[
        str | None, typer.Option(help="Take only these of mixed examples: image, text, audio ...")
    ] = None,
    solver: Annotated[
        str, typer.Option(help="Of the linear probe: closed-form, or lbfgs (needs SciPy).")
    ] = "closed-form",
    seed: Annotated[int, typer.Option(help="Of splits, folds and training.")] = 0,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the examples, for training in torch.")
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Likewise.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Likewise.")] = None,
    alpha: Annotated[
        float | None,
        typer.Option(help="Share of tuned weights, 0 to 1 (WiSE-FT); else chosen by validation."),
    ] = None,
    rank: Annotated[int | None, typer.Option(help="Of LoRA.")] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train a classifier on your own examples and measure it beside zero-shot."""
    from sensorium.training.classifier import Classifier
    from sensorium.training.settings import Settings

    data = data.expanduser().absolute()
    folder = folder or Path(f"classifier-{data.stem if data.suffix else data.name}")
    _require_free(folder)
    given = {"epochs": epochs, "batch_size": batch_size, "learning_rate": learning_rate}
    found = Classifier(
        method,
        encoder,
        model=model,
        solver=solver,
        seed=seed,
        holdout=0.0 if test is not None else 0.2,
        settings={
            **read_settings(settings, Settings),
            **{key: value for key, value in given.items() if value is not None},
        },
        alpha=alpha,
        rank=rank,
        folder=folder / TRAINING,
    )
    try:
        with progress_of_steps() as line:
            found.fit(
                data, labels=labels, modality=modality,
                progress=line.said("encoding"), training=line.training,
            )  # fmt: skip
            report = found.evaluate(
                test,
                labels=labels if test is not None else None,
                others=others,
                progress=line.said("testing"),
            )
    except KeyboardInterrupt:
        output.notices.print("interrupted; run it again to go on")
        raise typer.Exit(EXIT_INTERRUPTED) from None
    found.save(folder)
    for name in ("history.json", "curves.png"):  # of a training in torch
        if (folder / TRAINING / name).exists():
            (folder / TRAINING / name).replace(folder / name)
    shutil.rmtree(folder / TRAINING, ignore_errors=True)
    if as_json:
        output.print_json({**report.to_json(), "output": str(folder)})
    else:
        print_report(report, folder)
    if report.skipped:
        raise typer.Exit(EXIT_PARTLY)


def _require_free(folder: Path) -> None:
    """Refuse to write into a folder that holds something else; a classifier is replaced."""
    known = {"classifier.json", TRAINING}
    if folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not known & {p.name for p in folder.iterdir()}
    ):
        raise UsageError(f"{folder} holds something else: name another folder with --out")


def print_report(report: ClassifierReport, folder: Path) -> None:
    """Print a report: tables on a terminal, lines of tabs in a pipe."""
    _line(
        f"{report.trained:,} {report.modality} examples of {len(report.labels)} classes, "
        f"encoder {report.encoder}"
    )
    _line(f"method: {report.method}" + (f", {report.reason}" if report.reason else ""))
    _line(f"tested with {report.tested:,}: {report.how}" if report.tested else report.how)
    if report.accuracy is not None:
        rows = [_score_row(report.method, report.accuracy)]
        if report.zero_shot is not None:
            rows.append(_score_row("zero-shot", report.zero_shot))
        if (gained := report.difference) is not None:
            ends = f"{gained.low:+.3f} to {gained.high:+.3f}"
            rows.append(["difference", f"{gained.estimate:+.3f}", ends, f"p = {gained.p:.4f}"])
        output.print_table(["", "accuracy", "95% interval", ""], rows)
        if report.is_zero_shot:
            _line("what was tested is the zero-shot baseline itself: nothing to compare it with")
        elif report.zero_shot is None:
            _line("no zero-shot baseline: the encoder's space holds no text")
        _line(f"expected calibration error {report.calibration_error:.3f}")
        shown = sorted(report.classes, key=lambda one: one.recall)
        if output.console.is_terminal:
            shown = shown[:MOST_CLASSES]
        rows = [
            [
                one.label, f"{one.trained:,}", f"{one.tested:,}", f"{one.recall:.2f}",
                "" if one.zero_shot_recall is None else f"{one.zero_shot_recall:.2f}",
                f"{one.precision:.2f}", one.confused_with,
            ]
            for one in shown
        ]  # fmt: skip
        header = ["class", "trained", "tested", "recall", "zero-shot", "precision", "taken for"]
        output.print_table(header, rows, left=["taken for"])
    _print_forgetting(report)
    if (found := report.interpolation) is not None:
        points = ", ".join(f"{alpha:.1f} {accuracy:.3f}" for alpha, accuracy in found.curve)
        _line(f"share of tuned weights (WiSE-FT): {found.alpha:.1f}; validation accuracy: {points}")
    for note in report.notes:
        _line(f"note: {note}")
    output.print_skipped(report.skipped)
    _line(f"written to {output.short_path(str(folder))} ({report.seconds:.1f} s of testing)")


def _print_forgetting(report: ClassifierReport) -> None:
    found = report.forgetting
    if found is None:
        _line(f"forgotten: {report.forgetting_note}")
        return
    _line(f"forgotten: {found.how}")
    rows = [
        ["trained classes, all labels offered", found.own_before, found.own_after],
        ["other classes, all labels offered", found.others_before, found.others_after],
        ["other classes among themselves", found.zero_shot_before, found.zero_shot_after],
    ]
    cells = [[str(name), f"{before:.3f}", f"{after:.3f}"] for name, before, after in rows]
    output.print_table(["accuracy on", "zero-shot", "trained"], cells)


def _score_row(name: str, score: Score) -> list[str]:
    ends = "" if score.low is None else f"{score.low:.3f} to {score.high:.3f}"
    return [name, f"{score.estimate:.3f}", ends, ""]


def _line(text: str) -> None:
    output.console.print(text, soft_wrap=True, markup=False)
