"""``sensorium train contrastive``: a dual encoder from two towers and captioned pictures."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import EXIT_INTERRUPTED, EXIT_PARTLY, output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_of_steps
from sensorium.cli.train.settings import SettingsOption, made_of, read_settings, replaced

if TYPE_CHECKING:
    from sensorium.training.contrastive import Report

# What trains is imported in the function: it needs an extra and takes seconds.


def contrastive(
    data: Annotated[
        str,
        typer.Argument(
            help="Table of pictures and captions (.csv, .tsv, .jsonl), folder with a folder of "
            "pictures per class, Hugging Face dataset (folder or hub id), or WebDataset tars.",
        ),
    ],
    image_tower: Annotated[
        str,
        typer.Option(
            metavar="TOWER",
            help="Encoder (name or folder), model of Transformers (folder or hub id), or a "
            "configuration (.json) of one that is made new.",
        ),
    ],
    text_tower: Annotated[str, typer.Option(metavar="TOWER", help="The same for texts.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Gets the encoder.")],
    validation: Annotated[
        str | None,
        typer.Option(
            metavar="DATA", help="Data that chooses the best weights; else a share is split off."
        ),
    ] = None,
    validation_share: Annotated[
        float | None,
        typer.Option(help="Share of the pictures that is split off.", show_default="0.1"),
    ] = None,
    split: Annotated[str, typer.Option(help="Split of a Hugging Face dataset.")] = "train",
    tune: Annotated[
        list[str] | None,
        typer.Option(
            metavar="image|text", help="Tower that is tuned; it is locked otherwise. Repeatable."
        ),
    ] = None,
    loss: Annotated[
        str | None, typer.Option(metavar="infonce|sigmoid", show_default="infonce")
    ] = None,
    epochs: Annotated[
        float | None, typer.Option(help="Passes over the captions.", show_default="20")
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(help="Examples that are compared at a time.", show_default="256"),
    ] = None,
    piece: Annotated[
        int | None,
        typer.Option(help="Examples in memory at a time: gradient caching for large batches."),
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of the projections.", show_default="0.001")
    ] = None,
    features: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Keeps what locked towers gave, for other trainings.",
            show_default="in --out",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of everything that is random.", show_default="0")
    ] = None,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train an encoder of pictures and texts from any two towers.

    Run it again with the same options to go on after an interruption. With several GPUs or
    machines: torchrun --nproc-per-node 2 -m sensorium train contrastive ...
    """
    from sensorium.training.contrastive import Options, train_contrastive
    from sensorium.training.loop import Settings

    said = read_settings(settings, Options, Settings)
    options = made_of(
        Options, said, image_tower=image_tower, text_tower=text_tower,
        tune=None if tune is None else tuple(tune), loss=loss, piece=piece,
        validation_share=validation_share,
    )  # fmt: skip
    how = replaced(
        Settings(epochs=20, batch_size=256, weight_decay=0.05), said,
        epochs=epochs, batch_size=batch_size, learning_rate=learning_rate, seed=seed,
    )  # fmt: skip
    with progress_of_steps() as line:
        try:
            report = train_contrastive(
                data, out, options, how, validation=validation, split=split,
                features=features, said=line.said, progress=line.training,
            )  # fmt: skip
        except KeyboardInterrupt:
            output.notices.print("interrupted; run it again to go on from the last checkpoint")
            raise typer.Exit(EXIT_INTERRUPTED) from None
    if int(os.environ.get("RANK", 0)):  # the first process speaks for all
        return
    if as_json:
        output.print_json(_facts(report))
    else:
        output.print_skipped(report.skipped)
        _print(report)
    if report.skipped:
        raise typer.Exit(EXIT_PARTLY)


def _facts(report: Report) -> dict[str, Any]:
    return {
        "folder": str(report.folder),
        "before": report.before,
        "before_is": "zero-shot" if report.is_zero_shot else "chance",
        "after": report.after,
        "pictures": report.pictures,
        "captions": report.captions,
        "validation_pictures": report.validation_pictures,
        "best_step": report.history.best_step,
        "steps": report.history.steps[-1] if report.history.steps else 0,
        "stopped_early": report.history.stopped_early,
        "seconds": report.seconds,
        "skipped": [dataclasses.asdict(one) for one in report.skipped],
    }


def _print(report: Report) -> None:
    output.console.print(
        f"{report.pictures:,} pictures with {report.captions:,} captions, "
        f"{report.history.steps[-1] if report.history.steps else 0:,} steps"
        f"{', stopped early' if report.history.stopped_early else ''}, {report.seconds:.0f} s",
        soft_wrap=True,
    )
    before = "zero-shot" if report.is_zero_shot else "chance"
    output.print_table(
        [f"{report.validation_pictures:,} validation pictures", before, "trained"],
        [
            [name, f"{report.before[name]:.3f}", f"{value:.3f}"]
            for name, value in report.after.items()
        ],
    )
    folder = output.short_path(str(report.folder))
    output.console.print(
        f"written to {folder} (losses and curves: {folder}/training)\n"
        f"use it: sensorium index PICTURES --encoder {folder} --collection FILE",
        soft_wrap=True,
        markup=False,
    )
