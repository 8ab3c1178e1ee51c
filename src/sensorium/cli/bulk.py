"""``sensorium import``, ``export`` and ``duplicates``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import CollectionOption, JsonOption
from sensorium.cli.progress import STAYS, interruptible, progress_bar
from sensorium.cli.terminal import print_json, print_line
from sensorium.collection import Collection
from sensorium.encoders import load_encoder
from sensorium.encoders.registry import encoder_name
from sensorium.errors import UsageError
from sensorium.evaluation.report import Report
from sensorium.home import default_collection_path

if TYPE_CHECKING:
    from sensorium.collection.duplicates.finding import Duplicates

# What moves and compares vectors is imported in the functions: other commands do not need it.

EXPORT_FORMATS = ("onnx", "litert")

LayoutOption = Annotated[
    str | None,
    typer.Option(
        metavar="LAYOUT",
        help="numpy, clip-retrieval, parquet or lance; without it the name and content tell. "
        "An export of judgements is qrels.",
    ),
]


def import_(
    source: Annotated[
        Path,
        typer.Argument(
            help="A folder of vectors.npy and items.jsonl (or .csv), of img_emb/ and metadata/, "
            "a .parquet file or a folder of them, or a .lance folder."
        ),
    ],
    collection: CollectionOption = None,
    layout: LayoutOption = None,
    encoder: Annotated[
        str | None,
        typer.Option(help="What made the vectors, where the files do not say it."),
    ] = None,
    path_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the path, URL or key.")
    ] = None,
    vector_column: Annotated[
        str | None, typer.Option(metavar="NAME", help="Column of the vectors.")
    ] = None,
    modality: Annotated[str, typer.Option(help="Of rows that do not say it.")] = "image",
    as_json: JsonOption = False,
) -> None:
    """Add vectors that were made elsewhere, or exported from another collection."""
    from sensorium.collection.exchange import Columns, find_import, import_collection

    made_by = load_encoder(encoder) if encoder is not None else None
    columns = Columns(path_column, vector_column, modality)
    name = encoder_name(encoder) if encoder is not None else ""
    find_import(source, layout, made_by, name, columns)  # before a collection is made for it
    with Collection(collection or default_collection_path()) as library:
        with interruptible(STAYS), progress_bar("importing") as progress:
            report = import_collection(
                library,
                source,
                layout,
                encoder=made_by,
                encoder_name=name,
                columns=columns,
                progress=progress,
            )
        total = len(library)
    scaled = f" ({report.normalized} brought to unit length)" if report.normalized else ""
    told = output.told_added(report, ("added", "updated"), scaled, library.path, total)
    output.print_report(told, as_json)


def export(
    target: Annotated[
        Path,
        typer.Argument(
            help="A new folder, or a name that ends in .parquet or .lance; or an encoder."
        ),
    ],
    folder: Annotated[
        Path | None, typer.Argument(help="Where an encoder is written; new or empty.")
    ] = None,
    collection: CollectionOption = None,
    layout: LayoutOption = None,
    images: Annotated[
        list[str] | None,
        typer.Option(help="Pictures to check an exported encoder with; 20 to 200 do."),
    ] = None,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="An encoder in 8 bits, calibrated on the pictures."),
    ] = False,
    captions: Annotated[
        Path | None,
        typer.Option(
            metavar="TABLE", help="With --int8: captioned pictures, to see what search loses."
        ),
    ] = None,
    encoder_format: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="FORMAT", help="Of an encoder: onnx, or litert, which phones run."
        ),
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(
            metavar="N", min=1, help="With --format litert: a size of batches; 1 and 4 without."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a file or an earlier export.")
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS", help="Let a Ray cluster write a collection in Lance as Parquet."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write a collection's items and vectors for other tools, or an encoder for other runtimes.

    ``export TARGET`` writes the collection; ``export MODEL FOLDER --images PICTURES`` writes a hub
    id, or a model's folder, so that it runs without torch, and checks it against the original. With
    ``--int8`` large layers multiply in 8 bits, also those of ``mini`` and of earlier exports; with
    ``--format litert`` an encoder, ``mini`` included, is written for phones.
    """
    if encoder_format not in (None, *EXPORT_FORMATS):
        known = " and ".join(EXPORT_FORMATS)
        raise UsageError(f"--format {encoder_format}: encoders are written as {known}")
    of_litert = encoder_format == "litert"
    if batch is not None and not of_litert:
        raise UsageError("--batch goes with --format litert")
    if folder is not None:
        from sensorium.cli.models import export_encoder

        if collection is not None or layout is not None or overwrite:
            raise UsageError("--collection, --layout and --overwrite go with a collection's export")
        if captions is not None and not int8:
            raise UsageError("--captions goes with --int8")
        export_encoder(str(target), folder, images or [], int8, captions, as_json, of_litert, batch)
        return
    if encoder_format is not None:
        raise UsageError(
            "--format goes with an encoder: export MODEL FOLDER --format litert --images PICTURES"
        )
    if int8 or captions is not None:
        raise UsageError(
            "--int8 goes with an encoder: export MODEL FOLDER --int8 --images PICTURES"
        )
    if layout == "qrels":
        _export_judgements(target, collection, overwrite, as_json)
        return
    if images:
        raise UsageError("--images goes with an encoder: export MODEL FOLDER --images PICTURES")
    if ray is not None and (overwrite or layout not in (None, "parquet")):
        raise UsageError("--ray writes Parquet parts into a new folder, or goes on with one")
    from sensorium.collection.exchange import export_collection

    with (
        Collection(collection or default_collection_path(), create=False) as library,
        interruptible("nothing is left of it" if ray is None else "whole parts stay"),
        progress_bar("exporting") as progress,
    ):
        if ray is None:
            report = export_collection(
                library, target, layout, overwrite=overwrite, progress=progress
            )
        else:
            from sensorium.scale import export as export_on_cluster

            report = export_on_cluster(library, target, address=ray, progress=progress)
    left_out = f", {report.without_vectors} without vectors left out"
    told = (
        f"{report.rows} vectors of {report.items} items in {report.seconds:.1f} s"
        f"{left_out if report.without_vectors else ''}; {output.short_path(report.path)} "
        f"({report.layout})"
    )
    output.print_report(Report([told], [report]), as_json)


def _export_judgements(
    target: Path, collection: Path | None, overwrite: bool, as_json: bool
) -> None:
    from sensorium.collection.qrels import export_judgements

    if overwrite:
        raise UsageError("--overwrite goes with vectors: name a new folder for --layout qrels")
    with Collection(collection or default_collection_path(), create=False) as library:
        report = export_judgements(library, target)
    told = (
        f"{report.judgements} judgements of {report.queries} queries; "
        f"{output.short_path(report.path)} (`sensorium evaluate` reads it)"
    )
    output.print_report(Report([told], [report], report.skipped), as_json)


def duplicates(
    collection: CollectionOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(help="Cosine of two pictures that may be one.", show_default="0.85"),
    ] = None,
    no_pixels: Annotated[
        bool,
        typer.Option("--no-pixels", help="Compare bytes alone: quick, but finds fewer copies."),
    ] = False,
    copies: Annotated[
        bool,
        typer.Option(
            "--copies",
            help="Name copies alone: nothing that was cropped, mirrored, compressed again.",
        ),
    ] = False,
    sheet: Annotated[
        Path | None,
        typer.Option(metavar="PNG", help="Draw the groups, to be looked at before a deletion."),
    ] = None,
    paths: Annotated[
        bool,
        typer.Option(
            "--paths", help="Print bare paths: of each group of copies all but the first."
        ),
    ] = False,
    null: Annotated[
        bool, typer.Option("--null", "-0", help="Such paths ended by NUL, for xargs -0 rm.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Find what is there more than once: files of equal bytes, pictures saved again or altered.

    All but the first of a group of copies can be deleted: what is in them can be made from the
    first. What was altered (cropped, mirrored, turned, compressed again) shows or says the same.
    """
    from sensorium.collection.duplicates import find_duplicate_items

    if as_json and (paths or null):
        raise UsageError("--json and --paths exclude each other")
    if sheet is not None:
        from sensorium.cli.sheet import require_png

        require_png(sheet)
    with Collection(collection or default_collection_path(), create=False) as library:
        groups = find_duplicate_items(
            library,
            threshold=threshold,
            pixels=not no_pixels,
            # Paths are for deleting.
            altered=not (copies or paths or null),
        )
        found_nothing = output.found_nothing(library) if not groups else ""
    if sheet is not None and groups:
        from sensorium.cli.group_sheet import write_group_sheets

        drawn, unreadable = write_group_sheets(sheet, groups)
        output.print_skipped(unreadable)
        if len(drawn) > 1:
            output.notices.print(
                f"{len(drawn)} sheets: {drawn[0]} to {drawn[-1].name}", soft_wrap=True
            )
    if as_json:
        for group in groups:
            print_json(group)
    elif paths or null:
        removable = [item for group in groups if group.kind == "copies" for item in group.items[1:]]
        output.print_paths(removable, null=null)
    else:
        _print_groups(groups)
    if not groups:
        output.notices.print(found_nothing, soft_wrap=True)
        raise typer.Exit(EXIT_PARTLY)


def _print_groups(groups: Sequence[Duplicates]) -> None:
    """Print groups: below one another on a terminal; number, score, path, kind in a pipe."""
    if not output.console.is_terminal and groups:
        print_line("group", "score", "path", "kind")
    for number, group in enumerate(groups, 1):
        for item, score in zip(group.items, group.scores, strict=True):
            if not output.console.is_terminal:
                print_line(str(number), f"{score:.4f}", item.path, group.kind)
                continue
            mark = "copy" if group.kind == "copies" else "altered"
            mark = "keep" if item is group.items[0] else mark
            output.console.print(Text(f"{mark}  {output.short_path(item.path)}"), soft_wrap=True)
        if output.console.is_terminal and number < len(groups):
            output.console.print()
