"""Commands of ``sensorium``. Each is a thin layer over one call of the Python interface."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.classify import label, predict_rows
from sensorium.cli.frame import HOMES, KEEPING, MODELS, add_command, new_app
from sensorium.cli.options import CollectionOption, JsonOption, opened
from sensorium.cli.progress import STAYS, interruptible, progress_bar, progress_of_steps
from sensorium.cli.terminal import print_json, print_line
from sensorium.cli.train import train_app
from sensorium.collection import AddReport, Collection, Skipped
from sensorium.collection.optimizing import RECALL
from sensorium.collection.queries import extraction_of
from sensorium.data.files import Candidate, find_files, told_ignored
from sensorium.encoders import DEFAULT_ENCODER, load_encoder
from sensorium.errors import UsageError
from sensorium.evaluation.report import Report
from sensorium.home import default_collection_path

app = new_app()


@app.command(rich_help_panel=KEEPING)
def index(
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Files, folders, globs, or manifests (.csv, .jsonl with a path column)."
        ),
    ],
    collection: CollectionOption = None,
    encoder: Annotated[
        str | None, typer.Option(help="Encoder of a new collection.", show_default=DEFAULT_ENCODER)
    ] = None,
    speech: Annotated[
        bool, typer.Option("--speech", help="Transcribe what is said in recordings and videos.")
    ] = False,
    speech_model: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE", help="Whisper's size, a hub id or a folder.", show_default="base"
        ),
    ] = None,
    ocr: Annotated[bool, typer.Option("--ocr", help="Read what is written in pictures.")] = False,
    detect: Annotated[
        bool, typer.Option("--detect", help="Find things in pictures, persons among them.")
    ] = False,
    detect_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAMES",
            help="Detectors, with commas between them; see `sensorium detect`.",
            show_default="ssd-coco",
        ),
    ] = None,
    verify: Annotated[
        bool,
        typer.Option(
            "--verify", help="Compare contents, too, of files whose size and time are as before."
        ),
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="Have a Ray cluster do the work: HOST:PORT, auto, or local for this machine.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="With --ray: processes at most; else as many as have room.")
    ] = None,
    gpus: Annotated[float, typer.Option(help="With --ray: GPUs that each process takes.")] = 0,
    as_json: JsonOption = False,
) -> None:
    """Add media to a collection; what has not changed is passed over."""
    path = collection or default_collection_path()
    if ray is None and (workers is not None or gpus):
        raise UsageError("--workers and --gpus go with --ray")
    far = None if ray is None else _on_cluster(ray, workers, gpus)  # says what is not installed
    if not path.exists():
        extraction_of(  # says what is not installed
            speech_model or speech, ocr, detect_model or detect
        )
        encoder = encoder or DEFAULT_ENCODER  # loaded before the collection is made
        if far is None or not _are_tables(sources):
            _require_media(sources, path, encoder, as_json)
    with opened(path, encoder=encoder, create=True) as library:
        add = library.add if far is None else partial(far, library)
        with interruptible(STAYS), progress_bar("indexing") as progress:
            report = add(
                *sources,
                speech=speech_model or speech,
                ocr=ocr,
                detect=detect_model or detect,
                verify=verify,
                progress=progress,
            )
        total = len(library)
    ignored = f" ({told_ignored(report.ignored_kinds)})" if report.ignored else ""
    counted = ("added", "updated", "moved", "unchanged", "compared")
    told = output.told_added(report, counted, ignored, library.path, total)
    output.print_report(told, as_json)


def _are_tables(sources: list[str]) -> bool:
    """Whether rows of tables are named, which a cluster reads."""
    from sensorium.scale.tables import table_kind

    return any(table_kind(source) for source in sources)


def _on_cluster(address: str, workers: int | None, gpus: float) -> Callable[..., AddReport]:
    """`Collection.add` as a cluster does it."""
    from sensorium.scale import index as index_on_cluster

    def add(library: Collection, *sources: str, **options: Any) -> AddReport:
        return index_on_cluster(
            sources, library, address=address, workers=workers, gpus=gpus, **options
        )

    return add


@app.command(rich_help_panel=KEEPING)
def info(collection: CollectionOption = None, as_json: JsonOption = False) -> None:
    """Tell what a collection holds."""
    with opened(collection) as library:
        facts = library.info()
    if as_json:
        print_json(facts)
        return
    items = ", ".join(f"{n:,} {modality}" for modality, n in facts.items.items()) or "nothing yet"
    lines: dict[str, Any] = {
        "collection": facts.path,
        "items": items,
        "space": f"{facts.space}, {facts.space.dimension} dimensions" if facts.space else "not set",
        "encoder": facts.encoder,
        "size": f"{facts.bytes / 1e6:,.1f} MB",
        "version": str(facts.version or ""),
        "index": _spelt(facts.index_asked),
        "hash codes": _spelt(facts.indexes.get("hash")),
        "metadata": ", ".join(facts.fields) or None,
        "unsearchable": f"{facts.without_vectors} without vectors" * bool(facts.without_vectors),
        "re-embedding": f"unfinished, to {facts.reembedding_to}" * bool(facts.reembedding_to),
    }
    for name, value in lines.items():
        if value:
            output.console.print(f"{name:<13}{value}", soft_wrap=True)


def _spelt(index: dict[str, Any] | None) -> str | None:
    if index is None:
        return None
    recall = f", recall {index['recall']:.3f}" if "recall" in index else ""
    bits = f", {index['parameters']['bits']} bits" if "bits" in index["parameters"] else ""
    size = f"{index['bytes'] / 1e6:,.1f} MB"
    return f"{index['kind']}{bits} over {index['vectors']:,} vectors{recall}, {size}"


@app.command(rich_help_panel=KEEPING)
def optimize(
    collection: CollectionOption = None,
    recall: Annotated[
        float, typer.Option(help="Share of the true ten nearest that must be found, 0 to 1.")
    ] = RECALL,
    kind: Annotated[
        str | None,
        typer.Option(metavar="exact|4bit|ivf|hnsw|lance", help="Measure only this kind of index."),
    ] = None,
    questions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Measure with these questions, one a line, 20 or more."),
    ] = None,
    hash_bits: Annotated[
        int | None,
        typer.Option("--hash", metavar="BITS", help="Make hash codes of 16 to 512 bits instead."),
    ] = None,
    method: Annotated[
        str, typer.Option(metavar="itq|lsh|sign|learned", help="How codes are made.")
    ] = "itq",
    as_json: JsonOption = False,
) -> None:
    """Measure kinds of index on a collection and build the cheapest that finds enough."""
    with opened(collection) as library:
        if hash_bits is not None:
            library.hash(hash_bits, method=method)
            output.console.print(f"{hash_bits}-bit {method} codes of {len(library):,} items")
            return
        with progress_of_steps("comparing indexes") as progress:

            def tell(line: str) -> None:
                output.notices.print(line)
                progress.said(line)

            report = library.optimize(
                recall=recall,
                kind=kind,
                questions=_lines(questions) if questions is not None else None,
                tell=tell,
            )
    if as_json:
        print_json(report)
    else:
        output.print_curve(report)


@app.command(rich_help_panel=KEEPING)
def prune(
    collection: CollectionOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only list them.")] = False,
) -> None:
    """Forget items whose files are gone: pictures, sounds, videos, documents, 3-D objects."""
    with opened(collection) as library:
        gone = library.prune(dry_run=dry_run)
    for path in gone:
        print_line(path)
    output.notices.print(f"{len(gone)} {'would be ' if dry_run else ''}forgotten")


@app.command(rich_help_panel=KEEPING)
def reembed(
    encoder: Annotated[str, typer.Option(help="Encoder to change over to.")] = DEFAULT_ENCODER,
    collection: CollectionOption = None,
) -> None:
    """Move a collection into the space of another encoder; run again to resume."""
    with opened(collection) as library, progress_bar("re-embedding") as progress:
        report = library.reembed(encoder, progress=progress)
        space = library.encoder.space
    resumed = f", {report.resumed} done before" if report.resumed else ""
    told = (
        f"{report.embedded} embedded{resumed}, {len(report.skipped)} skipped "
        f"in {report.seconds:.1f} s; the collection is now in {space}"
    )
    output.print_report(Report([told], (), report.skipped), as_json=False)


for name in HOMES:
    add_command(app, name)
app.add_typer(train_app, name="train", rich_help_panel=MODELS)
app.command(hidden=True)(label)
app.command("predict", hidden=True)(predict_rows)


def _require_media(sources: list[str], collection: Path, encoder: str, as_json: bool) -> None:
    """End with what was wrong with the sources if not one file is there: nothing is made then."""
    report = AddReport()
    for found in find_files(sources):
        if isinstance(found, Candidate):
            return
        if isinstance(found, Skipped):
            report.skipped.append(found)
        else:
            report.count_ignored(found)
    load_encoder(encoder)  # what is wrong with it comes first
    others = f" ({told_ignored(report.ignored_kinds)})" if report.ignored else ""
    if as_json:
        output.print_report(output.told_added(report, (), "", collection, 0), as_json)
    else:
        output.print_skipped(report.skipped)
        told = f"no media there{others}: {output.short_path(str(collection))} is not made"
        output.notices.print(told, soft_wrap=True)
    raise typer.Exit(EXIT_PARTLY)


def _lines(file: Path) -> list[str]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: cannot be read as text ({error})") from error
    return [line.strip() for line in lines if line.strip()]
