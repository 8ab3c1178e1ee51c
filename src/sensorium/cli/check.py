"""``sensorium check``: whether what is stored is as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text as RichText

from sensorium.cli import EXIT_PARTLY, output
from sensorium.cli.options import CollectionOption, JsonOption
from sensorium.cli.terminal import print_json
from sensorium.collection import Collection
from sensorium.errors import UsageError
from sensorium.home import default_collection_path, short_path
from sensorium.media.skipped import Skipped, group_skipped

if TYPE_CHECKING:
    from sensorium.collection.checking import CheckReport


def check(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Instead: collections, folders of encoders and of trained models, evaluations, "
            "exports.",
            show_default=False,
        ),
    ] = None,
    collection: CollectionOption = None,
    repair: Annotated[
        bool,
        typer.Option(
            "--repair", help="Forget what is damaged, so that the next index reads it again."
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare all that is stored with its checksums, and say what to do."""
    from sensorium.cli.stored import check_stored
    from sensorium.collection.checking import check as check_collection

    if collection is not None and paths:
        raise UsageError("give --collection or paths, not both")
    found = False
    for path in paths or [collection or default_collection_path()]:
        if not paths or _is_collection(path):
            with Collection(path, create=False) as library:
                report = check_collection(library, repair=repair)
            unknown = f" ({report.without_checksum} without a checksum)"
            what = f"{report.items} items, {report.vectors} vectors"
            what += unknown * bool(report.without_checksum)
        elif repair:
            raise UsageError(f"--repair goes with a collection: {path} is none")
        else:
            report, what = check_stored(path), short_path(str(path))
        print_json(report) if as_json else _print(report, what)
        found = found or bool(report.damages and not report.repaired)
    if found:
        raise typer.Exit(EXIT_PARTLY)


def _is_collection(path: Path) -> bool:
    """Whether a path is to be opened as one: a file, and none of the others that there are."""
    return path.is_file() and path.suffix not in (".json", ".npz")


def _print(report: CheckReport, what: str) -> None:
    damages = [
        Skipped(short_path(damage.path), f"{damage.what}; {damage.mend}")
        for damage in report.damages
    ]
    for line in [*group_skipped(damages), *report.notes]:
        output.console.print(RichText(line), soft_wrap=True)
    found = f"{len(damages)} damaged" if damages else "all is as it was written"
    done = ", and forgotten: index the files again" * report.repaired
    told = f"{what}: {found}{done} ({report.seconds:.1f} s)"
    output.console.print(RichText(told), soft_wrap=True)
