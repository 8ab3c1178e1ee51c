"""``sensorium train hash``: binary codes that are learnt from a collection."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sensorium.cli import output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_bar
from sensorium.cli.train.settings import SettingsOption, made_of, read_settings
from sensorium.collection import Collection
from sensorium.home import default_collection_path

# What trains is imported in the function: it needs an extra, and other commands do not.


def train_hash(
    collection: Annotated[
        Path | None,
        typer.Argument(
            metavar="[COLLECTION]",
            help="Its file; without it $SENSORIUM_COLLECTION or your default library.",
            show_default=False,
        ),
    ] = None,
    bits: Annotated[
        int, typer.Option(help="Length of the codes to write, 16 to 512 in steps of 8.")
    ] = 128,
    captions: Annotated[
        str | None,
        typer.Option(
            metavar="FIELD|TABLE",
            help="Metadata field of captions, or a table of pictures and captions "
            "(.csv, .tsv, .jsonl). Without it, fields that captions usually have.",
        ),
    ] = None,
    labels: Annotated[
        str | None,
        typer.Option(metavar="FIELD", help="Items of the same value are relevant to each other."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the hash function here, too (.npz, 512 bits)."),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Keep checkpoints and curves, to resume the training."),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Steps of the training at most.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is random.")] = 0,
    settings: SettingsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train hash codes on a collection; `search --mode hash` then compares by them."""
    from sensorium.training.collection_hash import hash_collection, read_collection
    from sensorium.training.hash import HashingSettings

    how = made_of(HashingSettings, read_settings(settings, HashingSettings), seed=seed, steps=steps)
    path = collection or default_collection_path()
    with Collection(path, create=False, auto_optimize=False) as library:
        with progress_bar("encoding captions") as bar:
            data, skipped = read_collection(
                library, captions=captions, labels=labels, seed=seed, progress=bar
            )
        with progress_bar("training") as bar:
            report = hash_collection(
                library, data, bits=bits, settings=how, folder=folder,
                progress=bar,
            )  # fmt: skip
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            report.trained.coder.save(out)
    output.print_report(report.as_report(skipped), as_json)
