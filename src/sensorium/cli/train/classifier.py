"""``sensorium train classifier``: from a folder per class to a classifier with its report."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import interruptible, progress_of_steps
from sensorium.cli.train.settings import SettingsOption, read_settings
from sensorium.encoders import DEFAULT_ENCODER
from sensorium.errors import UsageError
from sensorium.folders import make_folder

METHODS_HELP = (
    "auto, zero-shot, nearest-mean, tip-adapter, linear-probe; with torch: lora, full, or text "
    "and image for a model of its own (--model)."
)

TRAINING = "training"
"""Folder of checkpoints beside the classifier; it goes when the training is over."""


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
    with interruptible(), progress_of_steps() as line:
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
    make_folder(folder / TRAINING)  # says of what a kill leaves that it may be written over
    found.save(folder)
    for name in ("history.json", "curves.png"):  # of a training in torch
        if (folder / TRAINING / name).exists():
            (folder / TRAINING / name).replace(folder / name)
    shutil.rmtree(folder / TRAINING, ignore_errors=True)
    output.print_report(report.as_report(folder), as_json)


def _require_free(folder: Path) -> None:
    """Refuse to write into a folder that holds something else; a classifier is replaced."""
    known = {"classifier.json", TRAINING}
    if folder.is_file() or (
        folder.is_dir() and any(folder.iterdir()) and not known & {p.name for p in folder.iterdir()}
    ):
        raise UsageError(f"{folder} holds something else: name another folder with --out")
