"""``sensorium train contrastive``: a dual encoder from two towers and captioned pictures."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import interruptible, progress_of_steps
from sensorium.cli.train.settings import SettingsOption, made_of, read_settings, replaced
from sensorium.errors import UsageError

# What trains is imported in the function: it needs an extra and takes seconds.


def contrastive(
    data: Annotated[
        str,
        typer.Argument(
            help="Table of pictures and captions (.csv, .tsv, .jsonl), folder with a folder of "
            "pictures per class, Hugging Face dataset (folder or hub id), WebDataset tars, or a "
            "Lance table or collection (lance:///folder, s3://bucket/name).",
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
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Have a Ray cluster do the work: HOST:PORT, auto, or local for this machine.",
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="With --ray: processes; else as many as have room and share a batch."),
    ] = None,
    gpus: Annotated[int, typer.Option(help="With --ray: GPUs of each process, 0 or 1.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Train an encoder of pictures and texts from any two towers.

    Run it again with the same options to go on after an interruption. With several GPUs or
    machines: --ray, or torchrun --nproc-per-node 2 -m sensorium train contrastive ...
    """
    if ray is None and (workers is not None or gpus):
        raise UsageError("--workers and --gpus go with --ray")
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
    train: Callable[..., Any] = train_contrastive
    if ray is not None:
        from sensorium.scale import train_contrastive as train_on_cluster

        train = partial(train_on_cluster, address=ray, workers=workers, gpus=gpus)
    with (
        interruptible("run it again to go on from the last checkpoint"),
        progress_of_steps() as line,
    ):
        report = train(
            data, out, options, how, validation=validation, split=split,
            features=features, said=line.said, progress=line.training,
        )  # fmt: skip
    if int(os.environ.get("RANK", 0)):  # the first process speaks for all
        return
    output.print_report(report.as_report(), as_json)
