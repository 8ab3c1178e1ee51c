"""``sensorium train hash``: binary codes that are learnt from a collection."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import JsonOption
from sensorium.cli.progress import progress_bar
from sensorium.cli.train.settings import SettingsOption, made_of, read_settings
from sensorium.collection import Collection, Skipped
from sensorium.home import default_collection_path

if TYPE_CHECKING:
    from sensorium.training.collection_hash import HashReport
    from sensorium.training.hash_scores import Score

# What trains is imported in the function: it needs an extra, and other commands do not.

UNTRAINED = "; no step gained anything on held-out pairs: they are the codes it began with"

TITLES = {
    "pairs": "captions and what belongs together",
    "labels": "the same label",
    "cosines": "the ten nearest by cosine",
}


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
    if as_json:
        for score in report.scores:
            output.print_json(score)
        output.print_json(_facts(report, skipped))
    else:
        for relevance in dict.fromkeys(score.relevance for score in report.scores):
            _print_table([score for score in report.scores if score.relevance == relevance])
        output.print_skipped(skipped)
        output.console.print(_spelt(report), soft_wrap=True, markup=False)
    if skipped:
        raise typer.Exit(EXIT_PARTLY)


def _facts(report: HashReport, skipped: list[Skipped]) -> dict[str, Any]:
    return {
        "bits": report.bits,
        "vectors": report.vectors,
        "pairs": report.pairs,
        "labels": report.labels,
        "steps": report.trained.history.best_step,
        "before": report.trained.before,
        "after": report.trained.after,
        "seconds": report.trained.history.seconds,
        "skipped": [vars(item) for item in skipped],
    }


def _spelt(report: HashReport) -> str:
    vectors = ", ".join(f"{count:,} {name}" for name, count in report.vectors.items())
    known = [
        f"{count:,} {what}"
        for what, count in (
            ("groups that belong together", report.pairs),
            ("labels", report.labels),
        )
        if count
    ]
    return (
        f"trained on {vectors} vectors" + (f" with {' and '.join(known)}" if known else "")
        + f" in {report.trained.history.seconds:.0f} s; "
        f"{report.bits}-bit codes written, for search --mode hash"
        + ("" if report.trained.after > report.trained.before else UNTRAINED)
    )  # fmt: skip


def _print_table(scores: list[Score]) -> None:
    """One line for each length and method, one column for each direction."""
    directions = list(dict.fromkeys(score.direction for score in scores))
    cells = {(s.bits, s.method, s.direction): f"{s.mean_average_precision:.3f}" for s in scores}
    lines = dict.fromkeys((score.bits, score.method) for score in scores)
    first = scores[0]
    title = (
        f"mean average precision of {TITLES[first.relevance]}, "
        f"{first.queries:,} held-out queries of {first.targets:,}"
    )
    headings = ["bits", "method", *directions]
    rows = [
        [str(bits or "–"), method, *(cells.get((bits, method, d), "") for d in directions)]
        for bits, method in lines
    ]
    output.print_table(
        headings, rows, title=title, left=["method"], bold=lambda row: row[1] == "learned"
    )
